package protoschema

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// field is a field of a random message.
type field struct {
	name, label, typ, oneof string
}

// random is a random file: messages M0 to Mn with fields by number.
type random struct {
	*rand.Rand
	messages []map[int]field
}

var types = slices.Concat(scalars...)

func newRandom(r *rand.Rand) *random {
	s := &random{Rand: r}
	for range 1 + r.IntN(4) {
		s.messages = append(s.messages, map[int]field{})
	}
	for i := range s.messages {
		for n := range r.IntN(8) {
			s.messages[i][1+n*(1+r.IntN(3))] = s.field()
		}
	}
	return s
}

// field makes a field that no message has yet.
func (s *random) field() field {
	f := field{name: fmt.Sprintf("f%d", s.Int32()), typ: types[s.IntN(len(types))]}
	switch s.IntN(6) {
	case 0:
		f.label = "repeated "
	case 1:
		f.typ = fmt.Sprintf("M%d", s.IntN(len(s.messages)))
	case 2:
		f.typ = "map<string, " + f.typ + ">"
	case 3:
		f.oneof = fmt.Sprintf("o%d", s.IntN(2))
	}
	return f
}

func (s *random) text() string {
	var b strings.Builder
	b.WriteString("syntax = \"proto3\"; package r; enum E { A = 0; B = 1; } enum F { FA = 0; }\n")
	for i, fields := range s.messages {
		fmt.Fprintf(&b, "message M%d {\n", i)
		oneofs := map[string]string{}
		for _, n := range slices.Sorted(maps.Keys(fields)) {
			f := fields[n]
			line := fmt.Sprintf("  %s%s %s = %d;\n", f.label, f.typ, f.name, n)
			if f.oneof != "" {
				oneofs[f.oneof] += line
				continue
			}
			b.WriteString(line)
		}
		for _, name := range slices.Sorted(maps.Keys(oneofs)) {
			fmt.Fprintf(&b, "  oneof %s {\n%s  }\n", name, oneofs[name])
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func (s *random) clone() *random {
	c := &random{Rand: s.Rand}
	for _, m := range s.messages {
		c.messages = append(c.messages, maps.Clone(m))
	}
	return c
}

// pick chooses a message and the number of a field of it that fits, if there is one.
func (s *random) pick(fits func(field) bool) (fields map[int]field, number int) {
	for _, i := range s.Perm(len(s.messages)) {
		numbers := slices.Sorted(maps.Keys(s.messages[i]))
		s.Shuffle(len(numbers), func(a, b int) { numbers[a], numbers[b] = numbers[b], numbers[a] })
		for _, n := range numbers {
			if fits(s.messages[i][n]) {
				return s.messages[i], n
			}
		}
	}
	return nil, 0
}

func groupIndex(typ string) int {
	return slices.IndexFunc(scalars, func(g []string) bool { return slices.Contains(g, typ) })
}

// edits are changes, by the kind of difference that they make in the new schema;
// those of "" are safe. They say false if there is nothing to change.
var edits = []struct {
	name, kind string
	edit       func(s *random) bool
}{
	{"add field", "", func(s *random) bool {
		f := s.field()
		f.oneof = ""
		s.messages[s.IntN(len(s.messages))][100+s.IntN(1000)] = f
		return true
	}},
	{"add message", "", func(s *random) bool {
		s.messages = append(s.messages, map[int]field{1: {name: "a", typ: "int32"}})
		return true
	}},
	{"rename field", "", func(s *random) bool {
		m, n := s.pick(func(field) bool { return true })
		return change(m, n, func(f *field) { f.name += "x" })
	}},
	{"remove field", "", func(s *random) bool {
		m, n := s.pick(func(f field) bool { return f.oneof == "" })
		delete(m, n)
		return m != nil
	}},
	{"type in its group", "", func(s *random) bool {
		m, n := s.pick(func(f field) bool { return groupIndex(f.typ) >= 0 })
		return change(m, n, func(f *field) { g := scalars[groupIndex(f.typ)]; f.typ = g[s.IntN(len(g))] })
	}},
	{"out of a oneof", "", func(s *random) bool {
		m, n := s.pick(func(f field) bool { return f.oneof != "" })
		return change(m, n, func(f *field) { f.oneof = "" })
	}},
	{"alone into a oneof", "", func(s *random) bool {
		m, n := s.pick(func(f field) bool { return f.oneof == "" && f.label == "" && !strings.HasPrefix(f.typ, "map") })
		return change(m, n, func(f *field) { f.oneof = "fresh" })
	}},
	{"label of string", "", func(s *random) bool {
		m, n := s.pick(func(f field) bool { return f.oneof == "" && f.label == "" && f.typ == "string" })
		return change(m, n, func(f *field) { f.label = "repeated " })
	}},
	{"type of another group", FieldScalarKindChanged, func(s *random) bool {
		m, n := s.pick(func(f field) bool { return groupIndex(f.typ) >= 0 })
		return change(m, n, func(f *field) {
			g := scalars[(groupIndex(f.typ)+1+s.IntN(len(scalars)-1))%len(scalars)]
			f.typ = g[s.IntN(len(g))]
		})
	}},
	{"to a message", FieldKindChanged, func(s *random) bool {
		m, n := s.pick(func(f field) bool { return groupIndex(f.typ) >= 0 })
		return change(m, n, func(f *field) { f.typ = "M0" })
	}},
	{"another message", FieldNamedTypeChanged, func(s *random) bool {
		m, n := s.pick(func(f field) bool { return f.typ == "M0" && len(s.messages) > 1 })
		return change(m, n, func(f *field) { f.typ = "M1" })
	}},
	{"another enum", FieldNamedTypeChanged, func(s *random) bool {
		m, n := s.pick(func(f field) bool { return f.typ == "E" })
		return change(m, n, func(f *field) { f.typ = "F" })
	}},
	{"label of a number", FieldNumericLabelChanged, func(s *random) bool {
		m, n := s.pick(func(f field) bool {
			return f.oneof == "" && groupIndex(f.typ) >= 0 && f.typ != "string" && f.typ != "bytes"
		})
		return change(m, n, func(f *field) { f.label = map[string]string{"": "repeated "}[f.label] })
	}},
	{"remove of a oneof", OneofFieldRemoved, func(s *random) bool {
		for _, m := range s.messages {
			for _, n := range slices.Sorted(maps.Keys(m)) {
				for _, other := range slices.Sorted(maps.Keys(m)) {
					if n != other && m[n].oneof != "" && m[n].oneof == m[other].oneof {
						delete(m, n)
						return true
					}
				}
			}
		}
		return false
	}},
}

func change(m map[int]field, n int, edit func(*field)) bool {
	if m == nil {
		return false
	}
	f := m[n]
	edit(&f)
	m[n] = f
	return true
}

func TestRandomEdits(t *testing.T) {
	done := map[string]int{}
	for seed := range uint64(200) {
		r := newRandom(rand.New(rand.NewPCG(seed, 1)))
		old := parse(t, r.text())
		checkTexts(t, old, true)
		for _, e := range edits {
			changed := r.clone()
			if !e.edit(changed) {
				continue
			}
			done[e.name]++
			new := parse(t, changed.text())
			got := Check(new, old)
			if e.kind == "" {
				checkData(t, new, old, r.Rand)
			}
			if e.kind == "" && got != nil || e.kind != "" && (len(got) != 1 || got[0].Kind != e.kind) {
				t.Fatalf("%s: %v\n%s\n%s", e.name, got, r.text(), changed.text())
			}
			if _, ok := Example(new, old); ok != (e.kind != "") {
				t.Fatalf("%s: example is %v", e.name, ok)
			}
		}
	}
	for _, e := range edits {
		if done[e.name] < 20 {
			t.Errorf("%q was done %d times only", e.name, done[e.name])
		}
	}
}

// Several edits at once: if Check finds nothing, data can be read.
func TestRandomPairs(t *testing.T) {
	compatible := 0
	for seed := range uint64(400) {
		r := newRandom(rand.New(rand.NewPCG(seed, 2)))
		changed := r.clone()
		unsafe := false
		for range 1 + r.IntN(4) {
			e := edits[r.IntN(len(edits))]
			unsafe = e.edit(changed) && e.kind != "" || unsafe
		}
		new, old := parse(t, changed.text()), parse(t, r.text())
		if Check(new, old) == nil {
			compatible++
			checkData(t, new, old, r.Rand)
		} else if !unsafe && !strings.Contains(changed.text(), "fresh") { // two alone are not alone
			t.Errorf("safe edits: %v\n%s\n%s", Check(new, old), r.text(), changed.text())
		}
	}
	if compatible < 100 {
		t.Errorf("%d pairs are compatible", compatible)
	}
}

// checkData writes random messages of old and reads them with new: nothing may be
// taken for another wire type, which Go's runtime shows as an unknown field of a
// known number.
func checkData(t *testing.T, new, old *Schema, r *rand.Rand) {
	t.Helper()
	for i := range old.file.Messages().Len() {
		d := old.file.Messages().Get(i)
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(fillRandomly(dynamicpb.NewMessage(d), r, 0))
		if err != nil {
			t.Fatal(err)
		}
		got := dynamicpb.NewMessage(new.file.Messages().ByName(d.Name()))
		if err := proto.Unmarshal(b, got); err != nil {
			t.Fatalf("%s: %v\n%s\n%s", d.Name(), err, old.Canonical(), new.Canonical())
		}
		for u := got.GetUnknown(); len(u) > 0; {
			number, _, n := protowire.ConsumeField(u)
			if got.Descriptor().Fields().ByNumber(number) != nil {
				t.Fatalf("%s: field %d is misread\n%s\n%s", d.Name(), number, old.Canonical(), new.Canonical())
			}
			u = u[n:]
		}
	}
}

func fillRandomly(m *dynamicpb.Message, r *rand.Rand, depth int) *dynamicpb.Message {
	var e example
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch {
		case r.IntN(4) == 0:
		case f.Kind() == protoreflect.MessageKind && !f.IsMap():
			if depth < 3 {
				put(m, f, protoreflect.ValueOfMessage(fillRandomly(dynamicpb.NewMessage(f.Message()), r, depth+1)), 1)
			}
		default:
			e.fill(m, f)
		}
	}
	return m
}
