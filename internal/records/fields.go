package records

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// fields are the places in a JSON object that an expression speaks of, such as
// json.a.b, found in one pass over its text and without making the object: the pass
// checks all of the syntax, since a value that is no JSON is null to an expression,
// however good its beginning. In Avro they are found by the schema (avro.go).
type fields struct {
	root  *node
	walks walks
}

// node is a field by its path. Those inside of it are numbered after it, up to
// end, so that they can be forgotten at once.
type node struct {
	path      []string
	children  []*node
	slot, end int
}

func newFields() *fields { return &fields{root: &node{}} }

// at returns the place of a field of another one.
func (p *node) at(name string) *node {
	for _, c := range p.children {
		if c.path[len(c.path)-1] == name {
			return c
		}
	}
	c := &node{path: append(slices.Clip(p.path), name)}
	p.children = append(p.children, c)
	return c
}

// number gives out the slots, after the last call of at. It returns how many.
func (p *node) number(next int) int {
	p.slot = next
	next++
	for _, c := range p.children {
		next = c.number(next)
	}
	p.end = next
	return next
}

// slot is where in a text a field's value is. kind is its first byte, which tells
// what it is; of a number it is number, and noField if there is no such field. In
// Avro as reads it.
type slot struct {
	kind     byte
	from, to int
	as       func([]byte) operand
}

const (
	noField = 0
	number  = '0'
	// maxDepth is how deep a text may be nested; encoding/json takes ten times that.
	maxDepth = 1000
)

// find fills the slots with what the text of an object holds. Not ok: it is no
// object, or one whose keys have escapes, and encoding/json has to say what it is.
// Of a key that is there twice the last one counts, as it does there.
func (f *fields) find(text []byte, slots []slot) (ok bool) {
	clear(slots)
	s := scanner{text, slots}
	i := s.space(0)
	if i == len(text) || text[i] != '{' {
		return false
	}
	if i = s.value(i, f.root, 0); i < 0 {
		return false
	}
	return s.space(i) == len(text)
}

// scanner goes through a text. Its methods take where something begins and return
// where it ends, or -1 if it is not as it should be.
type scanner struct {
	text  []byte
	slots []slot
}

func (s *scanner) space(i int) int {
	for i < len(s.text) && (s.text[i] == ' ' || s.text[i] == '\n' || s.text[i] == '\t' || s.text[i] == '\r') {
		i++
	}
	return i
}

// value reads one of any kind at a place, nil if nobody asks for it.
func (s *scanner) value(i int, at *node, depth int) int {
	if i >= len(s.text) || depth > maxDepth {
		return -1
	}
	from, kind := i, s.text[i]
	switch kind {
	case '"':
		i = s.str(i + 1)
	case '{':
		i = s.object(i+1, at, depth)
	case '[':
		i = s.array(i+1, depth)
	case 't':
		i = s.word(i, "true")
	case 'f':
		i = s.word(i, "false")
	case 'n':
		i = s.word(i, "null")
	default:
		i, kind = s.number(i), number
	}
	if at != nil {
		s.slots[at.slot] = slot{kind: kind, from: from, to: i}
	}
	return i
}

func (s *scanner) object(i int, at *node, depth int) int {
	if i = s.space(i); i < len(s.text) && s.text[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(s.text) || s.text[i] != '"' {
			return -1
		}
		from := i + 1
		if i = s.str(from); i < 0 {
			return -1
		}
		inner, ok := at.child(s.text[from : i-1])
		if !ok {
			return -1
		}
		if inner != nil {
			clear(s.slots[inner.slot:inner.end])
		}
		if i = s.space(i); i >= len(s.text) || s.text[i] != ':' {
			return -1
		}
		if i = s.value(s.space(i+1), inner, depth+1); i < 0 {
			return -1
		}
		i = s.space(i)
		switch {
		case i >= len(s.text):
			return -1
		case s.text[i] == '}':
			return i + 1
		case s.text[i] != ',':
			return -1
		}
		i = s.space(i + 1)
	}
}

// child returns the place of a key, nil if nobody asks for it; not ok if the key
// may be another one than its bytes say.
func (p *node) child(key []byte) (_ *node, ok bool) {
	if p == nil || len(p.children) == 0 {
		return nil, true
	}
	for _, c := range p.children {
		if c.path[len(c.path)-1] == string(key) {
			return c, true
		}
	}
	return nil, !slices.Contains(key, '\\')
}

func (s *scanner) array(i, depth int) int {
	if i = s.space(i); i < len(s.text) && s.text[i] == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, nil, depth+1); i < 0 {
			return -1
		}
		i = s.space(i)
		switch {
		case i >= len(s.text):
			return -1
		case s.text[i] == ']':
			return i + 1
		case s.text[i] != ',':
			return -1
		}
		i = s.space(i + 1)
	}
}

func (s *scanner) word(i int, want string) int {
	if end := i + len(want); end <= len(s.text) && string(s.text[i:end]) == want {
		return end
	}
	return -1
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// str reads the rest of a string, eight bytes at a time: in each of the three terms
// the lowest top bit that is set is at the first byte that is a quote, a backslash
// or a control character ("Bit Twiddling Hacks", determine if a word has a byte
// less than n).
func (s *scanner) str(i int) int {
	for {
		for i+8 <= len(s.text) {
			x := binary.LittleEndian.Uint64(s.text[i:])
			q, b := x^ones*'"', x^ones*'\\'
			if found := ((q-ones)&^q | (b-ones)&^b | (x-ones*' ')&^x) & tops; found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
			i += 8
		}
		for i < len(s.text) && s.text[i] >= ' ' && s.text[i] != '"' && s.text[i] != '\\' {
			i++
		}
		switch {
		case i >= len(s.text) || s.text[i] < ' ':
			return -1
		case s.text[i] == '"':
			return i + 1
		}
		if i = s.escape(i + 1); i < 0 {
			return -1
		}
	}
}

func (s *scanner) escape(i int) int {
	if i >= len(s.text) {
		return -1
	}
	switch s.text[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if i+5 > len(s.text) {
			return -1
		}
		for _, c := range s.text[i+1 : i+5] {
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return -1
			}
		}
		return i + 5
	}
	return -1
}

func isDigit(c byte) bool { return c-'0' < 10 }

func (s *scanner) number(i int) int {
	if s.text[i] == '-' {
		i++
	}
	if i < len(s.text) && s.text[i] == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return -1
	}
	if i < len(s.text) && s.text[i] == '.' {
		if i = s.digits(i + 1); i < 0 {
			return -1
		}
	}
	if i < len(s.text) && s.text[i]|0x20 == 'e' {
		if i++; i < len(s.text) && (s.text[i] == '+' || s.text[i] == '-') {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits reads one at least.
func (s *scanner) digits(i int) int {
	from := i
	for i < len(s.text) && isDigit(s.text[i]) {
		i++
	}
	if i == from {
		return -1
	}
	return i
}
