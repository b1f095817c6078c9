package jsonschema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// maxDepth bounds how deep a text nests.
const maxDepth = 512

// value is a JSON value that remembers the order of its members.
type value struct {
	kind  byte     // '{', '[', '"', '#' (a number), 't', 'f', 'n'
	text  string   // of '"' unescaped; of a number as it is written
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

// string returns the member if it is a string.
func (v *value) string(name string) (string, bool) {
	m := v.get(name)
	if m == nil || m.kind != '"' {
		return "", false
	}
	return m.text, true
}

// readJSON reads one value and the end of the text.
func readJSON(text string) (v value, err error) {
	r := reader{json.NewDecoder(strings.NewReader(text))}
	r.UseNumber()
	if v, err = r.value(0); err == nil {
		if _, end := r.Token(); end != io.EOF {
			err = errors.New("something follows the schema")
		}
	}
	if err != nil {
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the text ends early")
		}
		at := min(int(r.InputOffset()), len(text))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && syntax.Offset > 0 {
			at = min(int(syntax.Offset)-1, len(text))
		}
		line := 1 + strings.Count(text[:at], "\n")
		err = fmt.Errorf("line %d, column %d: %w", line, at-strings.LastIndexByte(text[:at], '\n'), err)
	}
	return v, err
}

type reader struct{ *json.Decoder }

func (r reader) value(depth int) (v value, err error) {
	token, err := r.Token()
	if err != nil {
		return v, err
	}
	switch t := token.(type) {
	case string:
		return value{kind: '"', text: t}, nil
	case json.Number:
		return value{kind: '#', text: t.String()}, nil
	case bool:
		return value{kind: strconv.FormatBool(t)[0]}, nil
	case json.Delim:
		if depth == maxDepth {
			return v, fmt.Errorf("nested more than %d deep", maxDepth)
		}
		v.kind = byte(t)
		v.items, err = r.items(v.kind, depth+1)
		return v, err
	}
	return value{kind: 'n'}, nil
}

// items reads what stands between brackets. Of the values of one name the last one
// counts, as in Jackson; it stands where the first one stood.
func (r reader) items(opening byte, depth int) (items []member, err error) {
	var index map[string]int
	for r.More() {
		var m member
		if opening == '{' {
			token, err := r.Token()
			if err != nil {
				return nil, err
			}
			m.name = token.(string)
		}
		if m.value, err = r.value(depth); err != nil {
			return nil, err
		}
		if opening == '{' {
			if index == nil {
				index = map[string]int{}
			}
			if i, twice := index[m.name]; twice {
				items[i] = m
				continue
			}
			index[m.name] = len(items)
		}
		items = append(items, m)
	}
	_, err = r.Token()
	return items, err
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
	case '#':
		return append(dst, v.text...)
	case '"':
		return wire.AppendJacksonString(dst, v.text)
	}
	items := v.items
	if sorted && v.kind == '{' {
		items = slices.SortedFunc(slices.Values(items), func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	dst = append(dst, v.kind)
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if v.kind == '{' {
			dst = append(wire.AppendJacksonString(dst, items[i].name), ':')
		}
		dst = items[i].appendTo(dst, sorted)
	}
	return append(dst, v.kind+2) // '}' and ']' in ASCII
}

func (v value) String() string { return string(v.appendTo(nil, false)) }

// decoded is v as package encoding/json decodes it, for the validator.
func (v *value) decoded() any {
	switch v.kind {
	case 'n':
		return nil
	case 't', 'f':
		return v.kind == 't'
	case '#':
		return json.Number(v.text)
	case '"':
		return v.text
	case '[':
		list := make([]any, len(v.items))
		for i := range v.items {
			list[i] = v.items[i].decoded()
		}
		return list
	}
	object := make(map[string]any, len(v.items))
	for i := range v.items {
		object[v.items[i].name] = v.items[i].decoded()
	}
	return object
}

// rat is the number v, or nil if it is none, or one that is too long to compute with.
func (v *value) rat() *big.Rat {
	if v == nil || v.kind != '#' || v.isHuge() {
		return nil
	}
	r, _ := new(big.Rat).SetString(v.text)
	return r
}

// isHuge says whether a number would take long to compute with.
func (v *value) isHuge() bool {
	if len(v.text) > 1000 {
		return true
	}
	i := strings.IndexAny(v.text, "eE")
	if i < 0 {
		return false
	}
	e, err := strconv.Atoi(v.text[i+1:])
	return err != nil || e > 400 || e < -400
}

// identity is equal for equal values, as JSON Schema compares them.
func (v *value) identity() string { return string(v.normal().appendTo(nil, true)) }

// normal has one spelling for each number.
func (v *value) normal() *value {
	if v.kind == '#' && strings.Trim(v.text, "123456789") == "" || v.kind == '"' {
		return v
	}
	if r := v.rat(); r != nil {
		return &value{kind: '#', text: r.RatString()}
	}
	n := &value{kind: v.kind, text: v.text, items: slices.Clone(v.items)}
	for i := range n.items {
		n.items[i].value = *n.items[i].normal()
	}
	return n
}

func quoted(s string) string { return string(wire.AppendJacksonString(nil, s)) }
