package schema

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON reads texts into trees of V, the caller's own. It is strict, and keeps what
// encoding/json forgets and a schema's identity depends on: the order of members and
// the spelling of numbers. What is no UTF-8, and half a pair of surrogates, becomes
// U+FFFD; of the values of one name the last counts, as in Jackson, and stands where
// the first stood.
//
// It calls its functions from the leaves up. Texts may share memory with the text that
// is read.
type JSON[V any] struct {
	// Limit is how deep objects and lists may be nested.
	Limit int
	// Comments says that Java's comments are white space before the end of the value,
	// and that control characters may follow it, as where Avro Java reads a schema.
	Comments bool
	// Scalar makes what is no object or list. Its kind is '"' with the unescaped text,
	// 'i' (an integer) or 'd' (another number) with the text as it is written, or 't',
	// 'f' or 'n'.
	Scalar func(kind byte, text string) (V, error)
	// List makes an object ('{') or a list ('[', whose members have no names). The
	// members are its own only until it returns.
	List func(opening byte, members []Member[V]) V
}

// Member is a member of an object or of a list.
type Member[V any] struct {
	Name  string
	Value V
}

// Read reads one value and the end of the text. Its errors begin with line and column.
func (j JSON[V]) Read(text string) (v V, err error) {
	r := scanner[V]{JSON: j, s: text}
	if v, err = r.value(0); err == nil {
		err = r.end()
	}
	if err != nil {
		line := 1 + strings.Count(text[:r.at], "\n")
		err = fmt.Errorf("line %d, column %d: %w", line, r.at-strings.LastIndexByte(text[:r.at], '\n'), err)
	}
	return v, err
}

// scanner is where Read is.
type scanner[V any] struct {
	JSON[V]
	s     string
	at    int
	stack []Member[V] // members of what is open
}

func (r *scanner[V]) end() error {
	rest := strings.TrimFunc(r.s[r.at:], func(c rune) bool { return isSpace(c) || r.Comments && c <= ' ' })
	if rest != "" { // comments too, as in Java
		return fmt.Errorf("something follows the schema: %.20q", rest)
	}
	return nil
}

func isSpace[C byte | rune](c C) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

var errEnd = errors.New("the text ends early")

// space skips white space and comments, to where something must be.
func (r *scanner[V]) space() error {
	for r.at < len(r.s) {
		switch c := r.s[r.at]; {
		case isSpace(c):
			r.at++
		case c != '/' || !r.Comments:
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

func (r *scanner[V]) value(depth int) (v V, err error) {
	if err := r.space(); err != nil {
		return v, err
	}
	switch c := r.s[r.at]; {
	case c == '{' || c == '[':
		if depth >= r.Limit {
			return v, fmt.Errorf("nested more than %d deep", r.Limit)
		}
		r.at++
		return r.members(c, depth+1)
	case c == '"':
		text, err := r.string()
		if err != nil {
			return v, err
		}
		return r.Scalar(c, text)
	case c == '-' || c >= '0' && c <= '9':
		kind, text, err := r.number()
		if err != nil {
			return v, err
		}
		return r.Scalar(kind, text)
	}
	return r.word()
}

func (r *scanner[V]) word() (v V, err error) {
	for _, word := range []string{"true", "false", "null"} {
		if rest, ok := strings.CutPrefix(r.s[r.at:], word); ok && (rest == "" || !isWord(rest[0])) {
			r.at += len(word)
			return r.Scalar(word[0], "")
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

// members reads what stands between brackets. Members wait on one stack, so that the
// caller's copy is of the right size.
func (r *scanner[V]) members(opening byte, depth int) (v V, err error) {
	closing := opening + 2 // ']' and '}' in ASCII
	base := len(r.stack)
	defer func() { r.stack = r.stack[:base] }()
	for {
		if err := r.space(); err != nil {
			return v, err
		}
		if len(r.stack) == base && r.s[r.at] == closing {
			r.at++
			return r.List(opening, nil), nil
		}
		var m Member[V]
		if opening == '{' {
			if m.Name, err = r.name(); err != nil {
				return v, err
			}
		}
		if m.Value, err = r.value(depth); err != nil {
			return v, err
		}
		r.stack = append(r.stack, m)
		if err := r.space(); err != nil {
			return v, err
		}
		c := r.s[r.at]
		if c != ',' && c != closing {
			return v, fmt.Errorf("%q where ',' or %q belongs", c, closing)
		}
		r.at++
		if c == closing {
			members := r.stack[base:]
			if opening == '{' {
				members = lastWins(members)
			}
			return r.List(opening, members), nil
		}
	}
}

func (r *scanner[V]) name() (string, error) {
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
func lastWins[V any](items []Member[V]) []Member[V] {
	seen := func(i int) int {
		for j := range i {
			if items[j].Name == items[i].Name {
				return j
			}
		}
		return -1
	}
	if len(items) > 16 {
		index := make(map[string]int, len(items))
		seen = func(i int) int {
			j, ok := index[items[i].Name]
			if !ok {
				index[items[i].Name] = i
				return -1
			}
			return j
		}
	}
	n := 0
	for i := range items {
		items[n] = items[i]
		if j := seen(n); j >= 0 {
			items[j].Value = items[n].Value
		} else {
			n++
		}
	}
	return items[:n]
}

// string reads a string; without escapes it is a piece of the text.
func (r *scanner[V]) string() (string, error) {
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

func (r *scanner[V]) escape(out []byte) ([]byte, error) {
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

func (r *scanner[V]) hex() (rune, error) {
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

func (r *scanner[V]) digits() int {
	start := r.at
	for r.at < len(r.s) && r.s[r.at] >= '0' && r.s[r.at] <= '9' {
		r.at++
	}
	return r.at - start
}

func (r *scanner[V]) number() (kind byte, text string, err error) {
	start := r.at
	if r.s[r.at] == '-' {
		r.at++
	}
	first := r.at
	n := r.digits()
	bad := n == 0 || n > 1 && r.s[first] == '0'
	kind = 'i'
	if r.at < len(r.s) && r.s[r.at] == '.' {
		kind = 'd'
		r.at++
		bad = bad || r.digits() == 0
	}
	if r.at < len(r.s) && r.s[r.at]|0x20 == 'e' {
		kind = 'd'
		r.at++
		if r.at < len(r.s) && (r.s[r.at] == '-' || r.s[r.at] == '+') {
			r.at++
		}
		bad = bad || r.digits() == 0
	}
	text = r.s[start:r.at]
	if bad || r.at < len(r.s) && isWord(r.s[r.at]) {
		return 0, "", fmt.Errorf("%.20q is not a number", text)
	}
	return kind, text, nil
}
