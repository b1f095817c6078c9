package avroschema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirhq/weir/internal/registry/schema"
)

func fix(name string, more ...string) string {
	return `{"type":"fixed","name":"` + name + `","size":4` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// goodTexts parse strictly. The oracle is asked about them too.
var goodTexts = []string{
	` "string" `, `{"type":"int","doc":1,"size":"x","name":null}`, `[]`, `["null"]`, `{"type":"record","name":"R","fields":[]}`, "\"int\"\x01",
	"// comment\n\"int\"", `/* a */ {"type" /* b */ : "int"}`, `{"type":"fixed","name":"F","size":1,"size":2}`,
	rec(fld("a", `"int"`, `"doc":5`, `"order":"IGNORE"`)), rec(fld("a", `"int"`, `"doc":null`)),
	fix("a.b.F", `"namespace":"c"`), fix("F", `"namespace":""`), fix("F", `"namespace":null`), fix("F", `"namespace":7`), fix(".F"), fix("_1é"), fix("n.string"), fix("record"),
	fix("n.F", `"aliases":["G","m.H",".I","n.G","a-b.c"]`), fix("F", `"aliases":[".G"]`),
	fix("F", `"logicalType":"decimal","precision":40`), `{"type":"bytes","logicalType":"decimal"}`, `{"type":"string","logicalType":"date"}`, `{"type":"int","logicalType":7}`,
	`{"type":"fixed","name":"F","size":2147483639}`, `{"type":"fixed","name":"F","size":0}`, `{"type":"fixed","name":"F","size":-0}`,
	`{"type":"enum","name":"E","symbols":[]}`, `{"type":"enum","name":"E","symbols":["A"],"default":null}`, `{"type":"enum","name":"E","symbols":["A"],"default":1}`, `{"type":"enum","name":"E","symbols":["é"],"default":"é"}`,
	// Names before their types, and names in two namespaces.
	rec(fld("a", `"F"`), fld("b", fix("F"))), rec(fld("a", `"m.F"`), fld("b", fix("m.F"))), `["n.R",{"type":"record","name":"S","fields":[` + fld("r", rec()) + `]}]`,
	rec(fld("a", fix("F", `"namespace":""`)), fld("b", `"F"`)), rec(fld("a", `{"type":"array","items":"R"}`), fld("b", `{"type":"n.R"}`)),
	`[` + fix("F") + `,{"type":"record","name":"n.R","fields":[` + fld("a", `"F"`) + `,` + fld("b", fix("n.F")) + `,` + fld("c", `"F"`) + `]}]`,
	`{"type":"record","name":"n.record","fields":[` + fld("a", `["null","record"]`) + `,` + fld("b", `"n.record"`) + `]}`,
	// The same words again.
	rec(fld("a", fix("F")), fld("b", fix("F"))), rec(fld("a", fix("F")), fld("b", fix("F", `"doc":"d"`, `"p":1`))),
	rec(fld("a", `{"type":"enum","name":"E","symbols":["A","B"]}`), fld("b", `{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}`)),
	// Defaults.
	rec(fld("a", `"int"`, `"default":2147483647`)), rec(fld("a", `"long"`, `"default":-9223372036854775808`)), rec(fld("a", `"double"`, `"default":1`)), rec(fld("a", `"float"`, `"default":1e999`)),
	rec(fld("a", `"double"`, `"default":"1.5"`)), rec(fld("a", `"double"`, `"default":" -0x1.8p1d "`)), rec(fld("a", `"float"`, `"default":"NaN"`)), rec(fld("a", `"float"`, `"default":"-Infinity"`)), rec(fld("a", `"float"`, `"default":"1f"`)),
	rec(fld("a", `"bytes"`, `"default":"Ā"`)), rec(fld("a", fix("F"), `"default":""`)), rec(fld("a", `{"type":"enum","name":"E","symbols":["A"]}`, `"default":"B"`)),
	rec(fld("a", `["null","int"]`, `"default":1`)), rec(fld("a", `["int","null"]`, `"default":null`)), rec(fld("a", `{"type":"map","values":["null","int"]}`, `"default":{"a":1,"b":null}`)),
	rec(fld("a", `{"type":"record","name":"S","fields":[`+fld("x", `"int"`)+`,`+fld("y", `"int"`, `"default":1`)+`]}`, `"default":{"x":1,"z":[]}`)),
	rec(fld("a", `["null","R"]`, `"default":null`)), rec(fld("a", `{"type":"array","items":"R"}`, `"default":[]`)), rec(fld("a", `{"type":"map","values":"R"}`, `"default":{}`)),
	`[{"type":"record","name":"A","fields":[` + fld("b", `"B"`, `"default":{}`) + `]},{"type":"record","name":"B","fields":[` + fld("x", `"int"`, `"default":1`) + `]}]`,
	// Numbers and properties.
	`{"type":"int","a":1.50,"b":1E2,"c":-0,"d":-0.0,"e":1e-7,"f":123456789.125,"g":12345678901234567890,"h":1e400,"i":0.001,"j":10000000.0,"k":9999999.0}`,
	`{"type":"array","items":"int","default":1,"order":"x","z":{"b":null,"a":[true,false,{}]}}`, `{"type":"int","y":"\ud83d\ude00\u2028\/\u007f"}`,
}

// refusals do not parse strictly; the error says so.
var refusals = []struct{ text, want string }{
	{``, "line 1, column 1: the text ends early"},
	{`{`, "the text ends early"},
	{`string`, `line 1, column 1: "string" is not JSON (a name needs quotes)`},
	{"{\"type\":\n 'int'}", `line 2, column 2`},
	{`"int" "int"`, "something follows the schema"},
	{`"int" // c`, "something follows the schema"},
	{`{"type":"int",}`, "must be a string"},
	{`["int",]`, "not JSON"},
	{`{"type":"int","a":01}`, "not a number"},
	{`{"type":"int","a":1.}`, "not a number"},
	{`{"type":"int","a":.5}`, "not JSON"},
	{`{"type":"int","a":+5}`, "not JSON"},
	{`{"type":"int","a":NaN}`, "not JSON"},
	{`{"type":"int","a":"\x"}`, "unknown escape"},
	{"{\"type\":\"int\",\"a\":\"\n\"}", "control character"},
	{`{"type":"int" /* `, "does not end"},
	{`1`, "/: 1 is not a schema"},
	{`null`, "null is not a schema"},
	{`{}`, `without "type"`},
	{`{"type":["null"]}`, `without "type"`},
	{`{"type":{"type":"int"}}`, `without "type"`},
	{`"nothing"`, `/: type "nothing" is not defined`},
	{rec(fld("a", `{"type":"array","items":"m.X"}`)), `/fields/0/type/items: n.R field "a": type "m.X" is not defined`},
	{rec(fld("a", `"X"`)), `/fields/0/type: n.R field "a": type "n.X" is not defined`},
	{`{"type":"record","name":"R"}`, `record "R" without fields`},
	{`{"type":"record","name":"R","fields":{}}`, `record "R" without fields`},
	{`{"type":"record","fields":[]}`, "record without a name"},
	{`{"type":"record","name":"R","fields":[1]}`, "/fields/0: R: a field without a name"},
	{rec(`{"name":"f"}`), `/fields/0: n.R field "f": the field has no type`},
	{rec(`{"type":"int"}`), "a field without a name"},
	{rec(fld("a-b", `"int"`)), `/fields/0: n.R field "a-b": the name "a-b" has the character '-'`},
	{rec(fld("a", `"int"`), fld("a", `"int"`)), `field "a" is there twice`},
	{rec(fld("a", `"int"`, `"order":"up"`)), `"up" is not an order`},
	{rec(fld("a", `"int"`, `"order":null`)), `null is not an order`},
	{rec(fld("a", `"int"`, `"aliases":"b"`)), "aliases must be an array"},
	{rec(fld("a", `"int"`, `"aliases":null`)), "aliases must be an array"},
	{rec(fld("e", `"enum"`, `"symbols":["A"]`)), `type "n.enum" is not defined`},
	{fix("1F"), `fixed "1F": the name "1F" has the character '1'`},
	{fix(""), "a name is empty"},
	{fix("n."), "a name is empty"},
	{fix("a..F"), `namespace "a.": a name is empty`},
	{fix("F", `"namespace":"a-b"`), `namespace "a-b"`},
	{fix("F\U0001F600"), "has the character"},
	{fix("string"), `can not have the name "string"`},
	{fix("F", `"aliases":["a-b"]`), `alias "a-b"`},
	{fix("F", `"aliases":[1]`), "alias 0 is not a string"},
	{fix("F", `"aliases":[""]`), "a name is empty"},
	{`{"type":"fixed","name":"F"}`, "without a size"},
	{`{"type":"fixed","name":"F","size":"1"}`, "without a size"},
	{`{"type":"fixed","name":"F","size":1.0}`, "without a size"},
	{`{"type":"fixed","name":"F","size":-1}`, "can not have the size -1"},
	{`{"type":"fixed","name":"F","size":2147483640}`, "can not have the size"},
	{`{"type":"enum","name":"E"}`, "without symbols"},
	{`{"type":"enum","name":"E","symbols":["A","A"]}`, `the symbol "A" twice`},
	{`{"type":"enum","name":"E","symbols":["a b"]}`, "symbol 0"},
	{`{"type":"enum","name":"E","symbols":[1]}`, "symbol 0 is not a string"},
	{`{"type":"enum","name":"E","symbols":["A"],"default":"B"}`, `default "B"`},
	{`{"type":"array"}`, `array without "items"`},
	{`{"type":"map","items":"int"}`, `map without "values"`},
	{`["int","int"]`, "the union has int twice"},
	{`["int",{"type":"int","logicalType":"date"}]`, "the union has int twice"},
	{`[{"type":"array","items":"int"},{"type":"array","items":"long"}]`, "the union has array twice"},
	{`["int",["string"]]`, "branch 1 of the union is a union"},
	{`[` + fix("F") + `,` + fix("F") + `]`, "the union has F twice"},
	{rec(fld("a", fix("F")), fld("b", `{"type":"fixed","name":"F","size":5}`)), `type "n.F" is defined twice`},
	{rec(fld("a", fix("F", `"p":1`)), fld("b", fix("F", `"p":1`))), `type "n.F" is defined twice`},
	{rec(fld("a", fix("R"))), `type "n.R" is defined twice`},
	{rec(fld("a", `{"type":"record","name":"S","fields":[]}`), fld("b", `{"type":"record","name":"S","fields":[]}`)), `type "n.S" is defined twice`},
	{rec(fld("a", `"int"`, `"default":"1"`)), `/fields/0: n.R field "a": default "1": it is not of the field's type`},
	{rec(fld("a", `"int"`, `"default":2147483648`)), "default"},
	{rec(fld("a", `"int"`, `"default":1.0`)), "default"},
	{rec(fld("a", `"int"`, `"default":null`)), "default"},
	{rec(fld("a", `"long"`, `"default":9223372036854775808`)), "default"},
	{rec(fld("a", `"double"`, `"default":"x"`)), `"x" is not a number`},
	{rec(fld("a", `"double"`, `"default":"1_0"`)), "not a number"},
	{rec(fld("a", `"double"`, `"default":"0x1"`)), "not a number"},
	{rec(fld("a", `"double"`, `"default":"inf"`)), "not a number"},
	{rec(fld("a", `["double"]`, `"default":"1.5"`)), "default"},
	{rec(fld("a", `["null","int"]`, `"default":"x"`)), "default"},
	{rec(fld("a", `{"type":"array","items":"int"}`, `"default":[1,"x"]`)), "default"},
	{rec(fld("a", `{"type":"record","name":"S","fields":[`+fld("x", `"int"`)+`]}`, `"default":{}`)), "default"},
	{rec(fld("a", `["null","R"]`, `"default":{"a":null}`)), "still being defined"},
	{rec(fld("a", `"F"`, `"default":""`), fld("b", fix("F"))), "default"},
	{`[{"type":"record","name":"A","fields":[` + fld("b", `"B"`, `"default":{}`) + `]},{"type":"record","name":"B","fields":[` + fld("x", `"int"`) + `]}]`, `/0/fields/0: A field "b": default {}: it is not of the field's type`},
}

var badTexts = func() (texts []string) {
	for _, r := range refusals {
		texts = append(texts, r.text)
	}
	return texts
}()

func TestStrict(t *testing.T) {
	for _, text := range goodTexts {
		if _, err := Parse(text, nil, true); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, r := range refusals {
		if _, err := Parse(r.text, nil, true); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s:\n got  %v\n want %s", r.text, err, r.want)
		}
	}
}

// What is only wrong in its words was stored by somebody, and is taken.
func TestLenient(t *testing.T) {
	for _, text := range []string{
		rec(fld("a-b", `"int"`)), rec(fld("a", `"int"`), fld("a", `"int"`)), rec(fld("a", `"int"`, `"order":"up"`)), fix("1F"), fix("a..F"), fix("F", `"aliases":["a-b",""]`),
		`{"type":"fixed","name":"F","size":-1}`, `{"type":"enum","name":"E","symbols":["A","A","a b"],"default":"B"}`, `["int","int",["string"]]`,
		rec(fld("a", `"int"`, `"default":"1"`)), rec(fld("a", `"double"`, `"default":"x"`)), rec(fld("a", `["null","R"]`, `"default":{"a":null}`)),
	} {
		s, err := Parse(text, nil, false)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if again, err := Parse(s.Canonical(), nil, false); err != nil || again.Canonical() != s.Canonical() {
			t.Errorf("%s: %v", s.Canonical(), err)
		}
		if _, err := Parse(text, nil, true); err == nil {
			t.Errorf("%s is strict", text)
		}
	}
	for _, text := range []string{``, `{}`, `1`, `"X"`, rec(`{"name":"f"}`), `{"type":"array"}`, fix("string"), fix("n."), `{"type":"enum","name":"E","symbols":[1]}`} {
		if _, err := Parse(text, nil, false); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestReferences(t *testing.T) {
	money := schema.Reference{Name: "money", Subject: "money-value", Version: 3, Text: `{"type":"record","name":"m.Money","fields":[{"name":"amount","type":"Amount"},{"name":"unit","type":{"type":"enum","name":"Unit","symbols":["EUR"]}}]}`,
		References: []schema.Reference{{Name: "amount", Subject: "amount", Version: 1, Text: `{"type":"fixed","name":"m.Amount","size":8}`}}}
	s, err := Parse(`{"type":"record","name":"m.Order","fields":[{"name":"price","type":"Money"},{"name":"unit","type":"m.Unit"}]}`, []schema.Reference{money, money.References[0]}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"record","name":"Order","namespace":"m","fields":[{"name":"price","type":"Money"},{"name":"unit","type":"Unit"}]}`
	if got := s.Canonical(); got != want {
		t.Errorf("got %s", got)
	}
	inline := mustParse(t, `{"type":"record","name":"m.Order","fields":[{"name":"price","type":{"type":"record","name":"Money","fields":[{"name":"amount","type":{"type":"fixed","name":"Amount","size":8}},
		{"name":"unit","type":{"type":"enum","name":"Unit","symbols":["EUR"]}}]}},{"name":"unit","type":"Unit"}]}`)
	if d := Check(s, inline); d != nil || s.Fingerprint() != inline.Fingerprint() {
		t.Errorf("it differs from the same without references: %v", d)
	}
	if s, err := Parse(`"m.Money"`, []schema.Reference{money}, true); err != nil || s.Canonical() != `"m.Money"` {
		t.Errorf("a mention alone: %v", err)
	}

	refused := func(refs []schema.Reference, want string) {
		t.Helper()
		if _, err := Parse(`"int"`, refs, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	refused([]schema.Reference{{Name: "a", Subject: "s", Version: 2, Text: `{"type":"array"}`}}, `reference "a" (s version 2): /: array without "items"`)
	refused([]schema.Reference{{Name: "a", Text: rec()}, {Name: "b", Text: rec()}}, `reference "b" ( version 0): /: type "n.R" is defined twice`)
	refused([]schema.Reference{{Name: "a", Text: rec(fld("x", `"m.Later"`))}, {Name: "b", Text: fix("m.Later")}}, `type "m.Later" is not defined`)
	cycle := []schema.Reference{{Name: "a", Subject: "s", Version: 1, Text: `"int"`}}
	cycle[0].References = cycle
	refused(cycle, `reference "a" (s version 1): it refers to itself`)
	var many []schema.Reference
	for i := range maxReferences + 1 {
		many = append(many, schema.Reference{Name: fmt.Sprint(i), Text: `"int"`})
	}
	refused(many, "more than 1000 references")
	if _, err := Parse(`"int"`, many[1:], true); err != nil {
		t.Error(err)
	}
	diamond := schema.Reference{Name: "0", Text: `"int"`} // 2^60 paths
	for i := range 60 {
		diamond = schema.Reference{Name: fmt.Sprint(i + 1), Text: `"int"`, References: []schema.Reference{diamond, diamond}}
	}
	if _, err := Parse(`"int"`, []schema.Reference{diamond}, true); err != nil {
		t.Error(err)
	}
}

// No text exhausts the stack or the time.
func TestLimits(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat(`{"type":"array","items":`, n) + `"int"` + strings.Repeat(`}`, n)
	}
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse(text, nil, false); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %.200v, want %s", err, want)
		}
	}
	f(nested(512), "")
	f(nested(513), "types nested more than 512 deep")
	f(strings.Repeat(`[`, 5_000_000), "nested more than 2048 deep")
	f(`{"type":"int","p":`+strings.Repeat(`{"a":`, 5_000_000), "nested more than 2048 deep")

	var chain []string // each record mentions the next: the canonical text would nest them all
	for i := range 600 {
		chain = append(chain, fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"f","type":"R%d"}]}`, i, (i+1)%600))
	}
	f(`[`+strings.Join(chain, ",")+`]`, "types nested more than 512 deep")

	// A value that unions of records can read in 2^500 ways, and in none.
	both := `["A","B"]`
	text := `[{"type":"record","name":"A","fields":[` + fld("x", both) + `]},{"type":"record","name":"B","fields":[` + fld("x", both) + `]},` +
		`{"type":"record","name":"C","fields":[` + fld("c", both, `"default":`+strings.Repeat(`{"x":`, 400)+`1`+strings.Repeat(`}`, 400)) + `]}]`
	if _, err := Parse(text, nil, true); err == nil || !strings.Contains(err.Error(), "too many ways") {
		t.Errorf("got %v", err)
	}
}
