package avroschema

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/avro"
)

// write appends random data of a type in Avro's binary encoding.
func (g *generator) write(dst []byte, n *node, depth int) []byte {
	length := func(n int) []byte { return binary.AppendVarint(dst, int64(n)) }
	switch n.kind {
	case boolean:
		return append(dst, byte(g.IntN(2)))
	case integer:
		return length(g.IntN(2000) - 1000)
	case long:
		return length(g.IntN(1<<40) - 1<<39)
	case float:
		return append(dst, 0, 0, 0x80, 0x3f)
	case double:
		return append(dst, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f)
	case octets, str:
		s := strings.Repeat("x", g.IntN(5))
		return append(length(len(s)), s...)
	case fixed:
		size, _ := strconv.Atoi(n.size)
		return append(dst, make([]byte, size)...)
	case enum:
		return length(g.IntN(len(n.symbols)))
	case union:
		i := g.IntN(len(n.branches))
		return g.write(length(i), n.branches[i], depth-1)
	case array, mapping:
		if items := g.IntN(3); depth > 0 && items > 0 {
			dst = length(items)
			for i := range items {
				if n.kind == mapping {
					dst = append(length(1), 'a'+byte(i))
				}
				dst = g.write(dst, n.element, depth-1)
			}
		}
		return length(0)
	case record:
		for i := range n.fields {
			dst = g.write(dst, n.fields[i].typ, depth-1)
		}
	}
	return dst
}

// If Check says that a reader reads a writer's data, it does, with another
// implementation. The two agree but for the two known differences:
//
//   - another scale or precision of a decimal is refused by twmb/avro; Avro Java,
//     and so we, ignore logical types
//   - a new field of type ["null", T] without a default is taken by twmb/avro;
//     the specification, and we, want a default
func TestData(t *testing.T) {
	var read, decimals, nullable int
	for seed := range uint64(4000) {
		g := newGenerator(seed)
		g.plain = true
		v := g.schema("", 3)
		edited := v.clone()
		g.edit(&edited)
		w, writer := both(v.String())
		r, reader := both(edited.String())
		if w == nil || r == nil {
			continue
		}
		resolved, err := avro.Resolve(writer, reader)
		differences := Check(r, w)
		switch {
		case len(differences) > 0 && err == nil:
			if !newNullable(r, w) {
				t.Errorf("we refuse, it takes:\n reader %s\n writer %s\n %v", edited, v, differences)
			}
			nullable++
		case len(differences) == 0 && err != nil:
			if !strings.Contains(err.Error(), "decimal") {
				t.Errorf("we take, it refuses:\n reader %s\n writer %s\n %v", edited, v, err)
			}
			decimals++
		case err == nil:
			for range 3 {
				data := g.write(nil, w.root, 6)
				var value any
				if rest, err := resolved.Decode(data, &value); err != nil || len(rest) > 0 {
					t.Errorf("%x is not read:\n reader %s\n writer %s\n %v", data, edited, v, err)
				}
				read++
			}
		}
	}
	t.Logf("%d values were read; %d pairs with decimals and %d with nullable fields are judged differently", read, decimals, nullable)
	if read < 1000 || decimals == 0 || nullable == 0 {
		t.Error("something was not tried")
	}
}

// both is a schema as we and as twmb/avro parse it, or nil if one does not, or if
// one of its records always contains itself and so has no value.
func both(text string) (*Schema, *avro.Schema) {
	s, err := Parse(text, nil, true)
	if err != nil {
		return nil, nil
	}
	other, err := avro.Parse(s.Canonical())
	if err != nil || !finite(s.root, map[*node]bool{}) {
		return nil, nil
	}
	return s, other
}

// finite says whether all types in n have values.
func finite(n *node, seen map[*node]bool) bool {
	if n == nil || seen[n] {
		return true
	}
	seen[n] = true
	e := example{checker: newChecker(), smallest: map[*node]string{}, open: map[*node]bool{}}
	_, ok := e.small(n)
	ok = ok && finite(n.element, seen)
	for _, b := range n.branches {
		ok = ok && finite(b, seen)
	}
	if n.named != nil {
		for i := range n.fields {
			ok = ok && finite(n.fields[i].typ, seen)
		}
	}
	return ok
}

// newNullable says whether the pair only lacks the default of a new field of type ["null", T].
func newNullable(r, w *Schema) bool {
	without := `{"name":"new","type":["null","int"]}`
	with, _ := both(strings.Replace(r.Canonical(), without, `{"name":"new","type":["null","int"],"default":null}`, 1))
	return with != nil && strings.Contains(r.Canonical(), without) && len(Check(with, w)) == 0
}
