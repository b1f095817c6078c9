package avroschema

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rule is a reader and a writer, and what Check says: "KIND path" each.
type rule struct {
	name, reader, writer string
	want                 []string
}

func rec(fields ...string) string {
	return `{"type":"record","name":"n.R","fields":[` + strings.Join(fields, ",") + `]}`
}

func fld(name, typ string, more ...string) string {
	return `{"name":"` + name + `","type":` + typ + strings.Join(append([]string{""}, more...), ",") + `}`
}

// rules has every rule in both directions.
func rules() []rule {
	const (
		mismatch = "TYPE_MISMATCH "
		branch   = "MISSING_UNION_BRANCH "
	)
	rules := []rule{
		{"new field with a default", rec(fld("a", `"int"`), fld("b", `"int"`, `"default":1`)), rec(fld("a", `"int"`)), nil},
		{"removed field", rec(fld("a", `"int"`)), rec(fld("a", `"int"`), fld("b", `"int"`)), nil},
		{"new field without a default", rec(fld("a", `"int"`), fld("b", `"int"`)), rec(fld("a", `"int"`)), []string{MissingDefault + " /fields/1"}},
		{"nullable is not a default", rec(fld("b", `["null","int"]`)), rec(), []string{MissingDefault + " /fields/0"}},
		{"null as a default", rec(fld("b", `["null","int"]`, `"default":null`)), rec(), nil},
		{"an enum's default is not a field's", rec(fld("b", `{"type":"enum","name":"E","symbols":["A"],"default":"A"}`)), rec(), []string{mismatch + "/fields/0/type"}},
		{"renamed field with an alias", rec(fld("b", `"int"`, `"aliases":["a"]`)), rec(fld("a", `"int"`)), nil},
		{"an alias of the writer's does not count", rec(fld("a", `"int"`)), rec(fld("b", `"int"`, `"aliases":["a"]`)), []string{MissingDefault + " /fields/0"}},
		{"two fields by an alias", rec(fld("a", `"int"`, `"aliases":["b"]`)), rec(fld("a", `"int"`), fld("b", `"int"`)), []string{AmbiguousField + " /fields/0"}},
		{"fields in another order", rec(fld("b", `"int"`), fld("a", `"string"`)), rec(fld("a", `"string"`), fld("b", `"int"`)), nil},
		{"all differences", rec(fld("a", `"int"`), fld("b", `"int"`), fld("c", `{"type":"array","items":"int"}`)), rec(fld("a", `"string"`), fld("c", `{"type":"array","items":"long"}`)),
			[]string{mismatch + "/fields/0/type", MissingDefault + " /fields/1", mismatch + "/fields/2/type/items"}},

		{"another namespace", `{"type":"record","name":"m.R","fields":[]}`, rec(), nil},
		{"another name", `{"type":"record","name":"n.S","fields":[]}`, rec(), []string{NameMismatch + " /name"}},
		{"another name with an alias", `{"type":"record","name":"n.S","aliases":["R"],"fields":[]}`, rec(), nil},
		{"an alias in another namespace", `{"type":"record","name":"n.S","aliases":["m.R"],"fields":[]}`, rec(), []string{NameMismatch + " /name"}},
		{"an alias of the writer's type does not count", rec(), `{"type":"record","name":"n.S","aliases":["R"],"fields":[]}`, []string{NameMismatch + " /name"}},
		{"another name of an enum", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"F","symbols":["A"]}`, []string{NameMismatch + " /name"}},
		{"error and record", `{"type":"error","name":"R","fields":[]}`, rec(), nil},

		{"symbol added", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["A"]}`, nil},
		{"symbol removed", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, []string{MissingEnumSymbols + " /symbols"}},
		{"symbol removed, with a default", `{"type":"enum","name":"E","symbols":["A"],"default":"A"}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, nil},
		{"a default of the writer's does not help", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}`, []string{MissingEnumSymbols + " /symbols"}},

		{"fixed of the same size", `{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"F","size":4}`, nil},
		{"fixed of another size", `{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"F","size":8}`, []string{FixedSizeMismatch + " /size"}},
		{"fixed of another name and size", `{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"G","size":8}`, []string{NameMismatch + " /name", FixedSizeMismatch + " /size"}},
		{"fixed and bytes", `"bytes"`, `{"type":"fixed","name":"F","size":4}`, []string{mismatch + "/"}},

		{"array by element", `{"type":"array","items":"long"}`, `{"type":"array","items":"int"}`, nil},
		{"array by element, back", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, []string{mismatch + "/items"}},
		{"map by value", `{"type":"map","values":"double"}`, `{"type":"map","values":"float"}`, nil},
		{"map by value, back", `{"type":"map","values":"float"}`, `{"type":"map","values":"double"}`, []string{mismatch + "/values"}},
		{"array and map", `{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`, []string{mismatch + "/"}},

		{"branch added", `["int","string"]`, `["int"]`, nil},
		{"branch removed", `["int"]`, `["int","boolean"]`, []string{branch + "/1"}},
		{"union of one to its type", `"int"`, `["int"]`, nil},
		{"union to a type", `"int"`, `["null","int"]`, []string{mismatch + "/0"}},
		{"type to a union", `["null","int"]`, `"int"`, nil},
		{"type to a union without it", `["null","int"]`, `"string"`, []string{branch + "/"}},
		{"type to a union by promotion", `["null","double"]`, `"int"`, nil},
		{"in a field", rec(fld("u", `["null","int"]`)), rec(fld("u", `["null","int","string"]`)), []string{branch + "/fields/0/type/2"}},
		{"branches in another order", `["string","null"]`, `["null","string"]`, nil},

		{"logical types are ignored", `{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-micros"}`, nil},
		{"decimal scales are ignored", `{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}`, `{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, nil},
		{"doc, order and properties are ignored", rec(fld("a", `"int"`, `"doc":"d"`, `"order":"ignore"`, `"p":1`)), rec(fld("a", `"int"`)), nil},

		{"recursive", rec(fld("next", `["null","R"]`)), rec(fld("next", `["null","R"]`)), nil},
		{"recursive with a difference", rec(fld("next", `["null","R"]`), fld("a", `"int"`)), rec(fld("next", `["null","R"]`), fld("a", `"string"`)), []string{mismatch + "/fields/1/type"}},
		{"a pair is reported once", `{"type":"record","name":"T","fields":[` + fld("a", rec(fld("x", `"int"`))) + `,` + fld("b", `"n.R"`) + `]}`,
			`{"type":"record","name":"T","fields":[` + fld("a", rec(fld("x", `"long"`))) + `,` + fld("b", `"n.R"`) + `]}`, []string{mismatch + "/fields/0/type/fields/0/type"}},
		{"a pair in a union, then outside", `{"type":"record","name":"T","fields":[` + fld("a", `["null",`+rec(fld("x", `"int"`))+`]`) + `,` + fld("b", `"n.R"`) + `]}`,
			`{"type":"record","name":"T","fields":[` + fld("a", `["null",`+rec(fld("x", `"long"`))+`]`) + `,` + fld("b", `"n.R"`) + `]}`,
			[]string{branch + "/fields/0/type/1", mismatch + "/fields/1/type/fields/0/type"}},
	}
	promoted := []string{"int long", "int float", "int double", "long float", "long double", "float double", "string bytes", "bytes string"}
	for _, w := range kindNames[:array] {
		for _, r := range kindNames[:array] {
			one := rule{"primitives", `"` + r + `"`, `"` + w + `"`, []string{mismatch + "/"}}
			if r == w || slices.Contains(promoted, w+" "+r) {
				one.want = nil
			}
			rules = append(rules, one)
		}
	}
	return rules
}

func mustParse(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := Parse(text, nil, true)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func differences(r, w *Schema) (found []string) {
	for _, d := range Check(r, w) {
		found = append(found, d.Kind+" "+d.Path)
	}
	return found
}

func TestRules(t *testing.T) {
	for _, rule := range rules() {
		got := differences(mustParse(t, rule.reader), mustParse(t, rule.writer))
		if diff := cmp.Diff(rule.want, got); diff != "" {
			t.Errorf("%s:\n reader %s\n writer %s\n%s", rule.name, rule.reader, rule.writer, diff)
		}
	}
}

// Messages name what differs.
func TestMessages(t *testing.T) {
	f := func(reader, writer, want string) {
		t.Helper()
		if got := Check(mustParse(t, reader), mustParse(t, writer)); len(got) != 1 || got[0].Message != want {
			t.Errorf("got  %+v\nwant %s", got, want)
		}
	}
	f(rec(fld("b", `"int"`)), rec(), `the reader's field "b" of n.R is not in what was written, and has no default`)
	f(rec(fld("a", `{"type":"array","items":"R"}`)), rec(fld("a", `"int"`)), "the reader's type array of n.R can not read the writer's int")
	f(`{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["C","A","B"]}`, "the reader's enum E lacks the writer's B, C, and has no default")
	f(`["null"]`, `["null","string"]`, "no branch of the reader's union can read the writer's string")
	f(`{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"F","size":8}`, "the reader's fixed F has 4 bytes, the writer's has 8")
	f(`{"type":"fixed","name":"n.F","size":4}`, `{"type":"fixed","name":"n.G","size":4}`, "the reader's fixed n.F has another name than the writer's n.G, and no such alias")
	f(rec(fld("a", `"int"`, `"aliases":["b"]`)), rec(fld("a", `"int"`), fld("b", `"int"`)), `the reader's field "a" of n.R, by its name and aliases, is 2 fields of the writer's`)
}

// around puts a pair of types into the same random surroundings.
func (g *generator) around(reader, writer string) (string, string) {
	for depth := range g.IntN(4) {
		switch g.IntN(4) {
		case 0:
			reader, writer = `{"type":"array","items":`+reader+`}`, `{"type":"array","items":`+writer+`}`
		case 1:
			reader, writer = `{"type":"map","values":`+reader+`}`, `{"type":"map","values":`+writer+`}`
		default:
			var before []string
			for i := range g.IntN(3) {
				before = append(before, fld(fmt.Sprintf("f%d", i), g.pick(`"int"`, `["null","string"]`, `{"type":"array","items":"bytes"}`)))
			}
			around := func(inner string) string {
				return fmt.Sprintf(`{"type":"record","name":"around.A%d","fields":[%s]}`, depth, strings.Join(append(slices.Clone(before), fld("x", inner)), ","))
			}
			reader, writer = around(reader), around(writer)
		}
	}
	return reader, writer
}

// The rules hold wherever the types are: each is an edit that is safe or unsafe by construction.
func TestLabelledEdits(t *testing.T) {
	g := newGenerator(1)
	for _, rule := range rules() {
		for range 5 {
			reader, writer := g.around(rule.reader, rule.writer)
			got := Check(mustParse(t, reader), mustParse(t, writer))
			if (len(got) == 0) != (rule.want == nil) {
				t.Errorf("%s:\n reader %s\n writer %s\n %v", rule.name, reader, writer, got)
			}
		}
	}
}

// A schema reads what it wrote, unless an alias makes two fields one.
func TestSelfCompatible(t *testing.T) {
	checked := 0
	for seed := range uint64(2000) {
		text := newGenerator(seed).schema("", 4).String()
		s, err := Parse(text, nil, false)
		if err != nil {
			continue
		}
		checked++
		for _, d := range Check(s, s) {
			if d.Kind != AmbiguousField && !strings.Contains(text, `"aliases":["b","x"]`) {
				t.Errorf("%s\n %v", text, d)
			}
		}
	}
	if checked < 1500 {
		t.Errorf("only %d schemas parse", checked)
	}
}

// Schemas that nest or cross without end are answered.
func TestComplexity(t *testing.T) {
	ring := func(n int) *Schema { // n records of one name in n namespaces, each in the one before
		var types []string
		for i := range n {
			types = append(types, fmt.Sprintf(`{"type":"record","name":"n%d.R","fields":[{"name":"f","type":"n%d.R"}]}`, i, (i+1)%n))
		}
		s, err := Parse("["+strings.Join(types, ",")+"]", nil, false)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if got := Check(ring(500), ring(499)); len(got) != 1 || got[0].Kind != TooComplex {
		t.Errorf("%d differences", len(got))
	}
	if _, ok := Example(ring(500), ring(499)); ok {
		t.Error("an example")
	}
	fields := func(typ string) *Schema {
		var list []string
		for i := range 5000 {
			list = append(list, fld(fmt.Sprint("f", i), typ))
		}
		return mustParse(t, rec(list...))
	}
	if got := Check(fields(`"int"`), fields(`"string"`)); len(got) != maxFound {
		t.Errorf("%d differences", len(got))
	}
}

func wide(n int, typ string) string {
	var fields []string
	for i := range n {
		fields = append(fields, fld(fmt.Sprintf("field_number_%d", i), typ, `"doc":"what it means"`))
	}
	return rec(fields...)
}

func BenchmarkCheck200(b *testing.B) {
	for _, typ := range []string{`"long"`, `["null","string"]`} {
		b.Run(typ, func(b *testing.B) {
			r, w := mustParse(b, wide(200, typ)), mustParse(b, wide(200, typ))
			b.ReportAllocs()
			for b.Loop() {
				if Check(r, w) != nil {
					b.Fatal("they differ")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := wide(40, `["null","string"]`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, nil, true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	s := mustParse(b, wide(40, `["null","string"]`))
	b.ReportAllocs()
	for b.Loop() {
		s.Canonical()
	}
}
