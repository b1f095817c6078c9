package jsonschema

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
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

// readJSON reads a text. The value shares no memory with it.
func readJSON(text string) (value, error) {
	return schema.JSON[value]{Limit: maxDepth, Scalar: scalarOf, List: listOf}.Read(text)
}

func scalarOf(kind byte, text string) (value, error) {
	if kind == 'i' || kind == 'd' {
		kind = '#'
	}
	return value{kind: kind, text: strings.Clone(text)}, nil
}

func listOf(opening byte, members []schema.Member[value]) value {
	v := value{kind: opening}
	if len(members) > 0 {
		v.items = make([]member, len(members))
	}
	for i, m := range members {
		v.items[i] = member{strings.Clone(m.Name), m.Value}
	}
	return v
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
