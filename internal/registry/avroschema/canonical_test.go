package avroschema

import (
	"strings"
	"testing"

	"github.com/twmb/avro"
)

func TestCanonical(t *testing.T) {
	f := func(rule, in, want string) {
		t.Helper()
		s := mustParse(t, in)
		if got := s.Canonical(); got != want {
			t.Errorf("%s:\n in   %s\n got  %s\n want %s", rule, in, got, want)
			return
		}
		if again := mustParse(t, want).Canonical(); again != want {
			t.Errorf("%s: canonical text is not its own canonical text: %s", rule, again)
		}
	}
	f("primitives", ` "string" `, `"string"`)
	f("primitives collapse", `{"type":"long"}`, `"long"`)
	f("comments go", "// a\n\"long\"", `"long"`)
	f("reserved words without meaning are dropped", `{"type":"long","doc":"d","name":"n"}`, `"long"`)
	f("primitives with properties stay", `{ "logicalType":"timestamp-millis" , "type":"long" }`, `{"type":"long","logicalType":"timestamp-millis"}`)
	f("property order and white space", "{\"fields\":[{\"type\":\"int\",\n\"name\":\"f\"}],\"name\":\"R\",\"type\":\"record\"}",
		`{"type":"record","name":"R","fields":[{"name":"f","type":"int"}]}`)
	f("everything of a record",
		`{"aliases":["Old","n.Older","o.Other","n.Old",".None"],"p":{"b":1.50,"a":[true,null,"é"]},"doc":"<d>","namespace":"n","name":"R","type":"record","fields":[]}`,
		`{"type":"record","name":"R","namespace":"n","doc":"<d>","fields":[],"p":{"b":1.5,"a":[true,null,"é"]},"aliases":["Old","Older","o.Other",".None"]}`)
	f("everything of a field",
		`{"type":"record","name":"R","fields":[{"z":1,"aliases":["g","g"],"order":"DESCENDING","default":null,"doc":"d","type":["null","int"],"name":"f","a":{}}]}`,
		`{"type":"record","name":"R","fields":[{"name":"f","type":["null","int"],"doc":"d","default":null,"order":"descending","aliases":["g"],"z":1,"a":{}}]}`)
	f("ascending is the default", rec(fld("f", `"int"`, `"order":"ascending"`, `"aliases":[]`)), `{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"int"}]}`)
	f("a default that is a number in quotes", rec(fld("f", `"double"`, `"default":"1"`), fld("g", `"float"`, `"default":"NaN"`)),
		`{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"double","default":1.0},{"name":"g","type":"float","default":"NaN"}]}`)
	f("enum", `{"symbols":["B","A"],"x":1,"default":"A","aliases":["F"],"name":"n.E","doc":"","type":"enum"}`,
		`{"type":"enum","name":"E","namespace":"n","doc":"","symbols":["B","A"],"default":"A","x":1,"aliases":["F"]}`)
	f("fixed", `{"size":16,"logicalType":"decimal","precision":4,"name":"D","type":"fixed","doc":"d"}`,
		`{"type":"fixed","name":"D","doc":"d","size":16,"logicalType":"decimal","precision":4}`)
	f("array and map", `{"x":1,"items":{"values":{"type":"int"},"y":2,"type":"map"},"type":"array"}`,
		`{"type":"array","items":{"type":"map","values":"int","y":2},"x":1}`)
	f("a full name beats the namespace", `{"type":"fixed","name":"a.b.F","namespace":"c","size":1}`, `{"type":"fixed","name":"F","namespace":"a.b","size":1}`)
	f("an empty namespace is none", `{"type":"fixed","name":"F","namespace":"","size":1}`, `{"type":"fixed","name":"F","size":1}`)
	f("inherited namespaces are left out, others are not", rec(fld("a", fix("A", `"namespace":"n"`)), fld("b", fix("m.B")), fld("c", fix("C", `"namespace":""`))),
		`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"fixed","name":"A","size":4}},{"name":"b","type":{"type":"fixed","name":"B","namespace":"m","size":4}},{"name":"c","type":{"type":"fixed","name":"C","namespace":"","size":4}}]}`)
	f("a second mention is the name, as short as it can be", rec(fld("a", fix("m.A")), fld("b", `"m.A"`), fld("r", `["null","n.R"]`), fld("s", `{"type":"R"}`)),
		`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"fixed","name":"A","namespace":"m","size":4}},{"name":"b","type":"m.A"},{"name":"r","type":["null","R"]},{"name":"s","type":"R"}]}`)
	f("a definition moves to the first mention", rec(fld("a", `"F"`), fld("b", fix("F"))),
		`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":4}},{"name":"b","type":"F"}]}`)
	f("a name that would read as another type", `{"type":"record","name":"n.A","fields":[`+fld("a", `"n.F"`)+`,`+fld("b", fix("F", `"namespace":""`))+`,`+fld("c", `".F"`)+`,`+fld("d", fix("n.F"))+`]}`,
		`{"type":"record","name":"A","namespace":"n","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":4}},{"name":"b","type":{"type":"fixed","name":"F","namespace":"","size":4}},{"name":"c","type":".F"},{"name":"d","type":"F"}]}`)
	f("names that are words of the language", rec(fld("a", fix("string")), fld("b", `"n.string"`), fld("c", fix("enum")), fld("d", `"enum"`), fld("e", fix("error")), fld("f", `"error"`)),
		`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"fixed","name":"string","size":4}},{"name":"b","type":"n.string"},{"name":"c","type":{"type":"fixed","name":"enum","size":4}},{"name":"d","type":"n.enum"},{"name":"e","type":{"type":"fixed","name":"error","size":4}},{"name":"f","type":"error"}]}`)
	f("the last of two equal properties counts", `{"type":"fixed","name":"F","size":1,"x":1,"size":2,"x":3}`, `{"type":"fixed","name":"F","size":2,"x":3}`)
	f("escapes", `{"type":"int","x":"\u003c\/\u0001\u2028\n"}`, "{\"type\":\"int\",\"x\":\"</\\u0001\u2028\\n\"}")
	f("numbers as Java spells them", `{"type":"int","a":1.50,"b":1E2,"c":-0,"d":-0.0,"e":1e-7,"f":10000000.0,"g":12345678901234567890,"h":0.001}`,
		`{"type":"int","a":1.5,"b":100.0,"c":0,"d":-0.0,"e":1.0E-7,"f":1.0E7,"g":12345678901234567890,"h":0.001}`)
}

// What tells two schemas apart, and what does not.
func TestIdentity(t *testing.T) {
	f := func(same bool, a, b string) {
		t.Helper()
		ca, cb := mustParse(t, a).Canonical(), mustParse(t, b).Canonical()
		if (ca == cb) != same {
			t.Errorf("same=%v:\n %s\n %s", !same, ca, cb)
		}
	}
	record := func(extra, field string) string {
		return `{"type":"record","name":"R",` + extra + `"fields":[{"name":"f","type":"int"` + field + `}]}`
	}
	f(true, record("", ""), strings.ReplaceAll(record("", ""), ",", " ,\n\t"))
	f(false, record("", ""), record(`"doc":"d",`, ""))
	f(false, record("", ""), record(`"aliases":["S"],`, ""))
	f(false, record("", ""), record(`"p":1,`, ""))
	f(false, record("", ""), record("", `,"order":"ignore"`))
	f(false, record("", ""), record("", `,"doc":""`))
	f(false, record("", ""), record("", `,"default":1`))
	f(false, record(`"a":1,"b":2,`, ""), record(`"b":2,"a":1,`, ""))
	f(true, record(`"namespace":"",`, ""), record("", ""))
	f(true, record(`"a":1.0,`, ""), record(`"a":1e0,`, ""))
}

func TestNormalized(t *testing.T) {
	s := mustParse(t, `{"type":"record","name":"R","z":1,"b":{"y":[{"d":1,"c":2}],"x":2},"fields":[{"name":"f","type":{"type":"map","values":"int","q":1,"p":2},"default":{"k":1,"j":2},"n":1,"m":2}]}`)
	want := `{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"map","values":"int","p":2,"q":1},"default":{"j":2,"k":1},"m":2,"n":1}],"b":{"x":2,"y":[{"c":2,"d":1}]},"z":1}`
	if got := s.Normalized(); got != want {
		t.Errorf("got %s", got)
	}
	if n := mustParse(t, want); n.Canonical() != want || n.Normalized() != want {
		t.Errorf("normalized text is not its own: %s", n.Normalized())
	}
	if got := s.Canonical(); !strings.Contains(got, `"default":{"k":1,"j":2}`) || !strings.Contains(got, `"z":1,"b"`) {
		t.Errorf("the schema was changed: %s", got)
	}
}

// The values of "null" and "int" stand in the specification's test data.
func TestFingerprint(t *testing.T) {
	for text, want := range map[string]uint64{`"null"`: 0x63dd24e7cc258f8a, `"int"`: 0x7275d51a3f395c8f, `{"type":"int","logicalType":"date"}`: 0x7275d51a3f395c8f} {
		if got := mustParse(t, text).Fingerprint(); got != want {
			t.Errorf("%s: %x", text, got)
		}
	}
}

// Canonical and normalized text are fixed points, and mean the same data: the
// parsing canonical form, which another parser makes of both, is the same.
func FuzzParse(f *testing.F) {
	for _, text := range append(goodTexts, badTexts...) {
		f.Add(text)
	}
	for _, r := range rules() {
		f.Add(r.reader)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Parse(text, nil, true); err == nil {
			if _, err := Parse(text, nil, false); err != nil {
				t.Fatalf("%s parses strictly, but not leniently: %v", text, err)
			}
		}
		s, err := Parse(text, nil, false)
		if err != nil {
			return
		}
		for _, written := range []string{s.Canonical(), s.Normalized()} {
			again, err := Parse(written, nil, false)
			if err != nil {
				t.Fatalf("%s gives %s: %v", text, written, err)
			}
			if again.Normalized() != s.Normalized() || again.Fingerprint() != s.Fingerprint() || written == s.Canonical() && again.Canonical() != written {
				t.Fatalf("%s gives %s gives %s", text, written, again.Canonical())
			}
			if d := Check(s, again); len(d) != len(Check(s, s)) {
				t.Fatalf("%s can not be read with itself: %v", text, d)
			}
		}
		Example(s, s)
		sameForOthers(t, text, s.Canonical())
	})
}

// sameForOthers compares what another parser makes of two texts, if it takes the first.
func sameForOthers(t *testing.T, text, canonical string) {
	if strings.Contains(canonical, `".`) { // names in no namespace, which it does not know
		return
	}
	before, err := avro.Parse(text)
	if err != nil {
		return
	}
	after, err := avro.Parse(canonical)
	if err != nil {
		t.Fatalf("%s parses, its canonical text %s does not: %v", text, canonical, err)
	}
	if a, b := string(before.Canonical()), string(after.Canonical()); a != b {
		t.Fatalf("%s means %s, its canonical text %s means %s", text, a, canonical, b)
	}
}
