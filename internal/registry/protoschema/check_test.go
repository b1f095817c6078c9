package protoschema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/registry/schema"
)

// rule is a change and what Check says of it and of its reverse: "KIND path" each;
// and what Example shows of the first of each.
type rule struct {
	name, old, new    string
	forth, back       []string // new reads old; old reads new
	example, backward string
}

const two = `syntax = "proto2"; package n; `

// m makes a file of package n with a message M.
func m(fields string, more ...string) string {
	return `syntax = "proto3"; package n; message M { ` + fields + ` } ` + strings.Join(more, " ")
}

func m2(fields string) string { return two + "message M { " + fields + " }" }

var rules = []rule{
	{"field", m(""), m("int32 a = 1;"), nil, nil, "", ""},
	{"field renamed", m("int32 a = 1;"), m("int32 b = 1;"), nil, nil, "", ""},
	{"field renumbered", m("int32 a = 1;"), m("int32 a = 2;"), nil, nil, "", ""},
	{"number used again", m("int32 a = 1;"), m("string b = 1;"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.b"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, `{"a":1}`, `{"b":"a"}`},
	{"message", m(""), m("", "message N {}"), nil, []string{"MESSAGE_REMOVED n.N"}, "", "{}"},
	{"nested message", m(""), m("message N {}"), nil, []string{"MESSAGE_REMOVED n.M.N"}, "", "{}"},
	{"message renamed", m(""), `syntax = "proto3"; package n; message N {}`, []string{"MESSAGE_REMOVED n.M"}, []string{"MESSAGE_REMOVED n.N"}, "{}", "{}"},
	{"enum", m(""), m("", "enum E { A = 0; }"), nil, nil, "", ""},
	{"enum value", m("E e = 1;", "enum E { A = 0; }"), m("E e = 1;", "enum E { A = 0; B = 1; }"), nil, nil, "", ""},
	{"enum value renamed", m("", "enum E { A = 0; }"), m("", "enum E { B = 0; }"), nil, nil, "", ""},
	{"package", m(""), `syntax = "proto3"; package o; message M {}`, []string{"PACKAGE_CHANGED o"}, []string{"PACKAGE_CHANGED n"}, "{}", "{}"},
	{"package left out", m("M m = 1;"), `syntax = "proto3"; message M { M m = 1; }`, []string{"PACKAGE_CHANGED n"}, []string{"PACKAGE_CHANGED n"}, "{}", "{}"},
	{"syntax", m("int32 a = 1;"), m2("optional int32 a = 1;"), nil, nil, "", ""},
	{"proto3 optional", m("int32 a = 1;"), m("optional int32 a = 1;"), nil, nil, "", ""},
	{"reserved", m("int32 a = 1;"), m("reserved 1;"), nil, nil, "", ""},
	{"service", m(""), m("", "service S { rpc R (M) returns (M); }"), nil, nil, "", ""},

	{"required field", m2(""), m2("required int32 a = 1;"), []string{"REQUIRED_FIELD_ADDED n.M.a"}, []string{"REQUIRED_FIELD_REMOVED n.M.a"}, "{}", `{"a":1}`},
	{"made required", m2("optional int32 a = 1;"), m2("required int32 a = 1;"), []string{"REQUIRED_FIELD_ADDED n.M.a"}, nil, `{"a":1}`, ""},

	{"int32 and sint32", m("int32 a = 1;"), m("sint32 a = 1;"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, `{"a":1}`, `{"a":1}`},
	{"scalar and message", m("int32 a = 1;", "message N {}"), m("N a = 1;", "message N {}"), []string{"FIELD_KIND_CHANGED n.M.a"}, []string{"FIELD_KIND_CHANGED n.M.a"}, `{"a":1}`, `{"a":{}}`},
	{"bytes and message", m("bytes a = 1;", "message N {}"), m("N a = 1;", "message N {}"), []string{"FIELD_KIND_CHANGED n.M.a"}, []string{"FIELD_KIND_CHANGED n.M.a"}, `{"a":"YQ=="}`, `{"a":{}}`},
	{"map and message", m("map<string, int32> a = 1;", "message N {}"), m("repeated N a = 1;", "message N {}"), []string{"FIELD_KIND_CHANGED n.M.a"}, []string{"FIELD_KIND_CHANGED n.M.a"}, `{"a":{"a":1}}`, `{"a":[{},{}]}`},
	{"map and scalar", m("map<string, int32> a = 1;"), m("string a = 1;"), []string{"FIELD_KIND_CHANGED n.M.a"}, []string{"FIELD_KIND_CHANGED n.M.a"}, `{"a":{"a":1}}`, `{"a":"a"}`},
	{"group and message", m2("optional group A = 1 {}"), m2("optional A a = 1; message A {}"), []string{"FIELD_KIND_CHANGED n.M.a"}, []string{"FIELD_KIND_CHANGED n.M.a"}, `{"A":{}}`, `{"a":{}}`},
	{"map key", m("map<string, int32> a = 1;"), m("map<int32, int32> a = 1;"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, `{"a":{"a":1}}`, `{"a":{"1":1}}`},
	{"map value", m("map<string, int32> a = 1;"), m("map<string, float> a = 1;"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, `{"a":{"a":1}}`, `{"a":{"a":1}}`},
	{"map value in its group", m("map<string, int32> a = 1;"), m("map<string, int64> a = 1;"), nil, nil, "", ""},
	{"map value's type", m("map<string, X> a = 1; message X {} message Y {}"), m("map<string, Y> a = 1; message X {} message Y {}"), []string{"FIELD_NAMED_TYPE_CHANGED n.M.a"}, []string{"FIELD_NAMED_TYPE_CHANGED n.M.a"}, `{"a":{"a":{}}}`, `{"a":{"a":{}}}`},
	{"another message", m("X a = 1; message X {} message Y {}"), m("Y a = 1; message X {} message Y {}"), []string{"FIELD_NAMED_TYPE_CHANGED n.M.a"}, []string{"FIELD_NAMED_TYPE_CHANGED n.M.a"}, `{"a":{}}`, `{"a":{}}`},
	{"another enum", m("X a = 1; enum X { A = 0; C = 3; } enum Y { B = 0; }"), m("Y a = 1; enum X { A = 0; } enum Y { B = 0; }"), []string{"FIELD_NAMED_TYPE_CHANGED n.M.a"}, []string{"FIELD_NAMED_TYPE_CHANGED n.M.a"}, `{"a":"C"}`, `{}`},
	{"enum and int32", m("X a = 1; enum X { A = 0; }"), m("int32 a = 1; enum X { A = 0; }"), nil, nil, "", ""},

	{"label of string", m("string a = 1;"), m("repeated string a = 1;"), nil, nil, "", ""},
	{"label of bytes and type", m("string a = 1;"), m("repeated bytes a = 1;"), nil, nil, "", ""},
	{"label of message", m("M a = 1;"), m("repeated M a = 1;"), nil, nil, "", ""},
	{"label of int32", m("int32 a = 1;"), m("repeated int32 a = 1;"), []string{"FIELD_NUMERIC_LABEL_CHANGED n.M.a"}, []string{"FIELD_NUMERIC_LABEL_CHANGED n.M.a"}, `{"a":1}`, `{"a":[1,1]}`},
	{"label of enum", m("E a = 1;", "enum E { A = 0; }"), m("repeated E a = 1;", "enum E { A = 0; }"), []string{"FIELD_NUMERIC_LABEL_CHANGED n.M.a"}, []string{"FIELD_NUMERIC_LABEL_CHANGED n.M.a"}, `{}`, `{"a":["A","A"]}`},
	{"label and type", m("int32 a = 1;"), m("repeated string a = 1;"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, `{"a":1}`, `{"a":["a","a"]}`},

	{"oneof of new fields", m(""), m("oneof o { int32 a = 1; int32 b = 2; }"), nil, nil, "", ""},
	{"oneof renamed", m("oneof o { int32 a = 1; int32 b = 2; }"), m("oneof p { int32 a = 1; int32 b = 2; }"), nil, nil, "", ""},
	{"one field into a oneof", m("int32 a = 1;"), m("oneof o { int32 a = 1; int32 b = 2; }"), nil, nil, "", ""},
	{"fields into a oneof", m("int32 a = 1; int32 b = 2;"), m("oneof o { int32 a = 1; int32 b = 2; }"), []string{"MULTIPLE_FIELDS_MOVED_TO_ONEOF n.M.o"}, nil, `{"a":1,"b":1}`, ""},
	{"field into an existing oneof", m("int32 a = 1; oneof o { int32 b = 2; }"), m("oneof o { int32 a = 1; int32 b = 2; }"), []string{"FIELD_MOVED_TO_EXISTING_ONEOF n.M.o"}, nil, `{"a":1,"b":1}`, ""},
	{"field into a renamed oneof", m("int32 a = 1; oneof o { int32 b = 2; }"), m("oneof p { int32 a = 1; int32 b = 2; }"), []string{"FIELD_MOVED_TO_EXISTING_ONEOF n.M.p"}, nil, `{"a":1,"b":1}`, ""},
	{"oneofs joined", m("oneof o { int32 a = 1; } oneof p { int32 b = 2; }"), m("oneof q { int32 a = 1; int32 b = 2; }"), []string{"FIELD_MOVED_TO_EXISTING_ONEOF n.M.q"}, []string{}, `{"a":1,"b":1}`, ""},
	{"field of a oneof", m("oneof o { int32 a = 1; }"), m("oneof o { int32 a = 1; int32 b = 2; }"), nil, []string{"ONEOF_FIELD_REMOVED n.M.b"}, "", `{"b":1}`},
	{"field of a renamed oneof", m("oneof o { int32 a = 1; }"), m("oneof p { int32 a = 1; int32 b = 2; }"), nil, []string{"ONEOF_FIELD_REMOVED n.M.b"}, "", `{"b":1}`},
	{"proto3 optional is no oneof", m("optional int32 a = 1;"), m(""), nil, nil, "", ""},
	{"optional fields into a oneof", m("optional int32 a = 1; optional int32 b = 2;"), m("oneof o { int32 a = 1; int32 b = 2; }"), []string{"MULTIPLE_FIELDS_MOVED_TO_ONEOF n.M.o"}, nil, `{"a":1,"b":1}`, ""},

	{"in a nested message", m("message N { int32 a = 1; }"), m("message N { float a = 1; }"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.N.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.N.a"}, `{"a":1}`, `{"a":1}`},
	{"in a group", m2("optional group A = 1 { optional int32 a = 1; }"), m2("optional group B = 1 { optional float a = 1; }"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.B.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.A.a"}, `{"A":{"a":1}}`, `{"B":{"a":1}}`},
	{"group removed", m2("optional group A = 1 {}"), m2(""), nil, nil, "", ""},
	{"recursive", m("M m = 1; int32 a = 2;"), m("M m = 1; float a = 2;"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, `{"a":1}`, `{"a":1}`},
	{"with what is required", m2("required M2 r = 1; optional int32 a = 2; message M2 { required string s = 1; }"), m2("required M2 r = 1; optional float a = 2; message M2 { required string s = 1; }"),
		[]string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, `{"r":{"s":"a"},"a":1}`, `{"r":{"s":"a"},"a":1}`},
	{"no finite message", m2("required M m = 1; optional int32 a = 2;"), m2("required M m = 1; optional float a = 2;"), []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a"}, "", ""},
	{"extension", m2("extensions 1 to max;") + "extend M { optional int32 x = 5; }", m2("extensions 1 to max;") + "extend M { optional string x = 5; }",
		[]string{"FIELD_SCALAR_KIND_CHANGED n.x"}, []string{"FIELD_SCALAR_KIND_CHANGED n.x"}, `{"[n.x]":1}`, `{"[n.x]":"a"}`},
	{"extension added", m2("extensions 1 to max;"), m2("extensions 1 to max;") + "extend M { optional string x = 5; }", nil, nil, "", ""},
	{"option", m(""), `syntax = "proto3"; package n; import "google/protobuf/descriptor.proto"; extend google.protobuf.FileOptions { string o = 50000; } option (o) = "x"; message M {}`, nil, nil, "", ""},
	{"all differences", m("int32 a = 1; int32 b = 2; int32 c = 3;"), m("float a = 1; int32 b = 2; string c = 3;"),
		[]string{"FIELD_SCALAR_KIND_CHANGED n.M.a", "FIELD_SCALAR_KIND_CHANGED n.M.c"}, []string{"FIELD_SCALAR_KIND_CHANGED n.M.a", "FIELD_SCALAR_KIND_CHANGED n.M.c"}, `{"a":1}`, `{"a":1}`},
}

func TestRules(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			old, new := parse(t, r.old), parse(t, r.new)
			checkRule(t, "forth", new, old, r.forth, r.example)
			checkRule(t, "back", old, new, r.back, r.backward)
			checkTexts(t, old, true)
			checkTexts(t, new, true)
		})
	}
}

func checkRule(t *testing.T, direction string, new, old *Schema, want []string, example string) {
	t.Helper()
	var got []string
	for _, d := range Check(new, old) {
		got = append(got, d.Kind+" "+d.Path)
		if d.Message == "" || strings.Contains(d.Message, "%!") {
			t.Errorf("%s: message %q", direction, d.Message)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %s", direction, cmp.Diff(want, got))
	}
	if text, ok := Example(new, old); text != example || ok != (example != "") {
		t.Errorf("%s: example %s, want %s", direction, text, example)
	}
}

// scalars are all groups of types that are written alike.
var scalars = [][]string{
	{"int32", "int64", "uint32", "uint64", "bool", "E"}, {"sint32", "sint64"}, {"string", "bytes"},
	{"fixed32", "sfixed32"}, {"fixed64", "sfixed64"}, {"float"}, {"double"},
}

func TestScalarPairs(t *testing.T) {
	schemas := map[string]*Schema{}
	groupOf := map[string]int{}
	for i, g := range scalars {
		for _, typ := range g {
			schemas[typ] = parse(t, m(typ+" a = 1;", "enum E { A = 0; B = 1; }"))
			groupOf[typ] = i
		}
	}
	for ot, old := range schemas {
		for nt, new := range schemas {
			got := Check(new, old)
			if (len(got) == 0) != (groupOf[ot] == groupOf[nt]) {
				t.Errorf("%s to %s: %v", ot, nt, got)
			}
			for _, d := range got {
				if d.Kind != FieldScalarKindChanged {
					t.Errorf("%s to %s: %v", ot, nt, d)
				}
			}
		}
	}
}

func TestCheckImports(t *testing.T) {
	money := func(fields string) schema.Reference {
		return ref("money.proto", `syntax = "proto3"; package money; message Money { message Unit { `+fields+` } repeated Unit units = 1; } message Unused { `+fields+` }`)
	}
	text := `syntax = "proto3"; import "money.proto"; message M { map<string, money.Money> prices = 1; }`
	old := parse(t, text, money("int64 cents = 1;"))
	checkRule(t, "field added", parse(t, text, money("int64 cents = 1; string currency = 2;")), old, nil, "")
	checkRule(t, "type changed", parse(t, text, money("string cents = 1;")), old,
		[]string{"FIELD_SCALAR_KIND_CHANGED money.Money.Unit.cents"}, `{"prices":{"a":{"units":[{"cents":"1"}]}}}`)
	checkRule(t, "import unused", parse(t, `syntax = "proto3"; message M {}`), old, nil, "")

	inner := parse(t, `syntax = "proto3"; package money; message Money { int64 cents = 1; } message M { Money a = 1; }`)
	outer := parse(t, `syntax = "proto3"; package money; import "m.proto"; message M { Money a = 1; }`,
		ref("m.proto", `syntax = "proto3"; package money; message Money { int64 cents = 1; }`))
	checkRule(t, "moved to an import", outer, inner, []string{"MESSAGE_REMOVED money.Money"}, "{}")
	checkRule(t, "moved from an import", inner, outer, nil, "")
}

// A pair of schemas can have more differences than anybody reads.
func TestManyDifferences(t *testing.T) {
	var a, b strings.Builder
	for i := 1; i <= 3000; i++ {
		fmt.Fprintf(&a, "int32 f%d = %d;\n", i, i)
		fmt.Fprintf(&b, "string f%d = %d;\n", i, i)
	}
	if got := Check(parse(t, m(b.String())), parse(t, m(a.String()))); len(got) != maxFound {
		t.Errorf("%d differences", len(got))
	}
}

func wide(typ string) string {
	var b strings.Builder
	for i := 1; i <= 200; i++ {
		fmt.Fprintf(&b, "%s field_%d = %d;\n", typ, i, i)
	}
	return m(b.String())
}

func BenchmarkCheck200(b *testing.B) {
	old, new := parse(b, wide("int32")), parse(b, wide("int64"))
	for b.Loop() {
		if Check(new, old) != nil {
			b.Fatal("not compatible")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := wide("int32")
	for name, text := range map[string]string{"source": text, "descriptor": parse(b, text).Serialized()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				parse(b, text)
			}
		})
	}
}
