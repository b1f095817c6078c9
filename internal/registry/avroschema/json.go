package avroschema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/weirhq/weir/internal/wire"
)

// value is a JSON value that remembers the order of its members.
type value struct {
	kind  byte     // '{', '[', '"', 'i' (integer), 'd' (other number), 't', 'f', 'n'
	text  string   // of '"' unescaped; of a number as Java spells it
	items []member // of '{' and '['
}

type member struct {
	name string // empty in an array
	value
}

func (v *value) get(name string) *value {
	if v.kind != '{' {
		return nil
	}
	for i := range v.items {
		if v.items[i].name == name {
			return &v.items[i].value
		}
	}
	return nil
}

// string returns the member if it is a string. Java treats others as missing.
func (v *value) string(name string) (string, bool) {
	m := v.get(name)
	if m == nil || m.kind != '"' {
		return "", false
	}
	return m.text, true
}

// scanner reads JSON as Jackson does for Avro Java: strictly, and with comments.
type scanner struct {
	s     string
	at    int
	limit int // of nesting
	stack []member
}

// readJSON reads one value and the end of the text.
func readJSON(text string, limit int) (v value, err error) {
	r := scanner{s: text, limit: limit}
	if v, err = r.value(0); err == nil {
		rest := strings.TrimFunc(r.s[r.at:], func(c rune) bool { return c <= ' ' })
		if rest != "" { // comments too, as in Java
			err = fmt.Errorf("something follows the schema: %.20q", rest)
		}
	}
	if err != nil {
		line := 1 + strings.Count(text[:r.at], "\n")
		err = fmt.Errorf("line %d, column %d: %w", line, r.at-strings.LastIndexByte(text[:r.at], '\n'), err)
	}
	return v, err
}

var errEnd = errors.New("the text ends early")

// space skips white space and comments.
func (r *scanner) space() error {
	for r.at < len(r.s) {
		switch c := r.s[r.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			r.at++
		case c != '/':
			return nil
		case strings.HasPrefix(r.s[r.at:], "//"):
			n := strings.IndexAny(r.s[r.at:], "\r\n")
			if n < 0 {
				r.at = len(r.s)
				return errEnd
			}
			r.at += n
		case strings.HasPrefix(r.s[r.at:], "/*"):
			n := strings.Index(r.s[r.at+2:], "*/")
			if n < 0 {
				return errors.New("the comment does not end")
			}
			r.at += n + 4
		default:
			return nil
		}
	}
	return errEnd
}

func (r *scanner) value(depth int) (v value, err error) {
	if err := r.space(); err != nil {
		return v, err
	}
	switch c := r.s[r.at]; {
	case c == '{' || c == '[':
		if depth >= r.limit {
			return v, fmt.Errorf("nested more than %d deep", r.limit)
		}
		r.at++
		v.kind = c
		v.items, err = r.items(c, depth+1)
		return v, err
	case c == '"':
		v.kind = c
		v.text, err = r.string()
		return v, err
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if rest, ok := strings.CutPrefix(r.s[r.at:], word); ok && (rest == "" || !isWord(rest[0])) {
			r.at += len(word)
			return value{kind: word[0]}, nil
		}
	}
	word := r.s[r.at:]
	if n := strings.IndexFunc(word, func(c rune) bool { return c >= utf8.RuneSelf || !isWord(byte(c)) }); n > 0 {
		word = word[:n]
	}
	return v, fmt.Errorf("%.20q is not JSON (a name needs quotes)", word)
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// items reads what stands between brackets. Members wait on a stack, so that a
// slice of the right size holds them in the end.
func (r *scanner) items(opening byte, depth int) ([]member, error) {
	closing := opening + 2 // ']' and '}' in ASCII
	base := len(r.stack)
	defer func() { r.stack = r.stack[:base] }()
	for {
		if err := r.space(); err != nil {
			return nil, err
		}
		if len(r.stack) == base && r.s[r.at] == closing {
			r.at++
			return nil, nil
		}
		var m member
		var err error
		if opening == '{' {
			if m.name, err = r.name(); err != nil {
				return nil, err
			}
		}
		if m.value, err = r.value(depth); err != nil {
			return nil, err
		}
		r.stack = append(r.stack, m)
		if err := r.space(); err != nil {
			return nil, err
		}
		c := r.s[r.at]
		if c != ',' && c != closing {
			return nil, fmt.Errorf("%q where ',' or %q belongs", c, closing)
		}
		r.at++
		if c == closing {
			items := slices.Clone(r.stack[base:])
			if opening == '{' {
				items = lastWins(items)
			}
			return items, nil
		}
	}
}

func (r *scanner) name() (string, error) {
	if r.s[r.at] != '"' {
		return "", errors.New("the name of a member must be a string")
	}
	name, err := r.string()
	if err != nil {
		return "", err
	}
	if err := r.space(); err != nil {
		return "", err
	}
	if r.s[r.at] != ':' {
		return "", fmt.Errorf("%q where ':' belongs", r.s[r.at])
	}
	r.at++
	return name, nil
}

// lastWins drops all but the last of the values of one name; it stands where the first stood.
func lastWins(items []member) []member {
	seen := func(i int) int {
		for j := range i {
			if items[j].name == items[i].name {
				return j
			}
		}
		return -1
	}
	if len(items) > 16 {
		index := make(map[string]int, len(items))
		seen = func(i int) int {
			j, ok := index[items[i].name]
			if !ok {
				index[items[i].name] = i
				return -1
			}
			return j
		}
	}
	n := 0
	for i := range items {
		items[n] = items[i]
		if j := seen(n); j >= 0 {
			items[j].value = items[n].value
		} else {
			n++
		}
	}
	return items[:n]
}

// string reads a string; without escapes it is a piece of the text.
func (r *scanner) string() (string, error) {
	r.at++
	start := r.at
	var out []byte // up to start
	for r.at < len(r.s) {
		switch c := r.s[r.at]; {
		case c == '"':
			s := r.s[start:r.at]
			if out != nil {
				s = string(append(out, s...))
			}
			r.at++
			if !utf8.ValidString(s) {
				s = string([]rune(s)) // with U+FFFD for what is not UTF-8
			}
			return s, nil
		case c < ' ':
			return "", fmt.Errorf("control character %#02x in a string", c)
		case c == '\\':
			var err error
			if out, err = r.escape(append(out, r.s[start:r.at]...)); err != nil {
				return "", err
			}
			start = r.at
		default:
			r.at++
		}
	}
	return "", errors.New("the string does not end")
}

func (r *scanner) escape(out []byte) ([]byte, error) {
	if r.at+1 >= len(r.s) {
		return nil, errEnd
	}
	c := r.s[r.at+1]
	r.at += 2
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return append(out, "\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return nil, fmt.Errorf(`unknown escape \%c`, c)
	}
	u, err := r.hex()
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(u) && strings.HasPrefix(r.s[r.at:], `\u`) {
		back := r.at
		r.at += 2
		low, err := r.hex()
		if err != nil {
			return nil, err
		}
		if pair := utf16.DecodeRune(u, low); pair != utf8.RuneError {
			return utf8.AppendRune(out, pair), nil
		}
		r.at = back
	}
	return utf8.AppendRune(out, u), nil // half a pair becomes U+FFFD
}

func (r *scanner) hex() (rune, error) {
	if r.at+4 > len(r.s) {
		return 0, errEnd
	}
	n, err := strconv.ParseUint(r.s[r.at:r.at+4], 16, 16)
	if err != nil {
		return 0, fmt.Errorf(`%q is not four hexadecimal digits`, r.s[r.at:r.at+4])
	}
	r.at += 4
	return rune(n), nil
}

// appendTo writes v compactly; with sorted, the members of objects by name.
func (v *value) appendTo(dst []byte, sorted bool) []byte {
	switch v.kind {
	case 'n':
		return append(dst, "null"...)
	case 't':
		return append(dst, "true"...)
	case 'f':
		return append(dst, "false"...)
	case 'i':
		return append(dst, v.text...)
	case 'd':
		if strings.HasSuffix(v.text, "y") || strings.HasSuffix(v.text, "N") { // Infinity, NaN
			return wire.AppendJacksonString(dst, v.text)
		}
		return append(dst, v.text...)
	case '"':
		return wire.AppendJacksonString(dst, v.text)
	}
	dst = append(dst, v.kind)
	for i, m := range inOrder(v.items, sorted && v.kind == '{') {
		if i > 0 {
			dst = append(dst, ',')
		}
		if v.kind == '{' {
			dst = append(wire.AppendJacksonString(dst, m.name), ':')
		}
		dst = m.appendTo(dst, sorted)
	}
	return append(dst, v.kind+2)
}

// inOrder is items, sorted by name if asked to; it leaves items as they are.
func inOrder(items []member, sorted bool) []member {
	if !sorted {
		return items
	}
	return slices.SortedFunc(slices.Values(items), func(a, b member) int { return strings.Compare(a.name, b.name) })
}
