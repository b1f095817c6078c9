package avroschema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
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

// readJSON reads a text as Jackson does for Avro Java: strictly, and with comments.
func readJSON(text string, limit int) (value, error) {
	return schema.JSON[value]{Limit: limit, Comments: true, Scalar: scalarOf, List: listOf}.Read(text)
}

func scalarOf(kind byte, text string) (value, error) {
	switch {
	case (kind == 'i' || kind == 'd') && len(text) > 1000: // Jackson's limit
		return value{}, fmt.Errorf("%.20q is not a number", text)
	case kind == 'd':
		f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, as in Java
		text = javaDouble(f)
	case kind == 'i' && text == "-0":
		text = "0"
	}
	return value{kind: kind, text: text}, nil
}

func listOf(opening byte, members []schema.Member[value]) value {
	v := value{kind: opening}
	if len(members) > 0 {
		v.items = make([]member, len(members))
	}
	for i, m := range members {
		v.items[i] = member{m.Name, m.Value}
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
