package registry

import (
	"strings"
	"testing"

	"github.com/twmb/avro"
)

func TestCanonicalAvro(t *testing.T) {
	f := func(rule, in, want string) {
		t.Helper()
		got, err := canonicalAvro(in)
		if err != nil || got != want {
			t.Errorf("%s:\n in   %s\n got  %s, %v\n want %s", rule, in, got, err, want)
			return
		}
		if again, err := canonicalAvro(got); err != nil || again != got {
			t.Errorf("%s: canonical text is not its own canonical text: %s, %v", rule, again, err)
		}
		if _, err := avro.Parse(got); err != nil {
			t.Errorf("%s: %s does not parse: %v", rule, got, err)
		}
	}
	f("primitives", ` "string" `, `"string"`)
	f("primitives collapse", `{"type":"long"}`, `"long"`)
	f("reserved words without meaning are dropped", `{"type":"long","doc":"d","name":"n"}`, `"long"`)
	f("primitives with properties stay", `{ "logicalType":"timestamp-millis" , "type":"long" }`, `{"type":"long","logicalType":"timestamp-millis"}`)
	f("property order and white space", "{\"fields\":[{\"type\":\"int\",\n\"name\":\"f\"}],\"name\":\"R\",\"type\":\"record\"}",
		`{"type":"record","name":"R","fields":[{"name":"f","type":"int"}]}`)
	f("everything of a record",
		`{"aliases":["Old","n.Older","o.Other","n.Old"],"p":{"b":1.50,"a":[true,null,"é"]},"doc":"<d>","namespace":"n","name":"R","type":"record","fields":[]}`,
		`{"type":"record","name":"R","namespace":"n","doc":"<d>","fields":[],"p":{"b":1.50,"a":[true,null,"é"]},"aliases":["Old","Older","o.Other"]}`)
	f("everything of a field",
		`{"type":"record","name":"R","fields":[{"z":1,"aliases":["g"],"order":"DESCENDING","default":null,"doc":"d","type":["null","int"],"name":"f","a":{}}]}`,
		`{"type":"record","name":"R","fields":[{"name":"f","type":["null","int"],"doc":"d","default":null,"order":"descending","aliases":["g"],"z":1,"a":{}}]}`)
	f("ascending is the default", `{"type":"record","name":"R","fields":[{"name":"f","type":"int","order":"ascending","aliases":[]}]}`,
		`{"type":"record","name":"R","fields":[{"name":"f","type":"int"}]}`)
	f("enum", `{"symbols":["B","A"],"x":1,"default":"A","aliases":["F"],"name":"n.E","doc":"","type":"enum"}`,
		`{"type":"enum","name":"E","namespace":"n","doc":"","symbols":["B","A"],"default":"A","x":1,"aliases":["F"]}`)
	f("fixed", `{"size":16,"logicalType":"decimal","precision":4,"name":"D","type":"fixed","doc":"d"}`,
		`{"type":"fixed","name":"D","doc":"d","size":16,"logicalType":"decimal","precision":4}`)
	f("array and map", `{"x":1,"items":{"values":{"type":"int"},"y":2,"type":"map"},"type":"array"}`,
		`{"type":"array","items":{"type":"map","values":"int","y":2},"x":1}`)
	f("a full name beats the namespace", `{"type":"fixed","name":"a.b.F","namespace":"c","size":1}`, `{"type":"fixed","name":"F","namespace":"a.b","size":1}`)
	f("an empty namespace is none", `{"type":"fixed","name":"F","namespace":"","size":1}`, `{"type":"fixed","name":"F","size":1}`)
	f("inherited namespaces are left out, others are not",
		`{"type":"record","name":"n.R","fields":[
			{"name":"a","type":{"type":"fixed","name":"A","namespace":"n","size":1}},
			{"name":"b","type":{"type":"fixed","name":"m.B","size":1}},
			{"name":"c","type":{"type":"fixed","name":"C","namespace":"","size":1}}]}`,
		`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"fixed","name":"A","size":1}},{"name":"b","type":{"type":"fixed","name":"B","namespace":"m","size":1}},{"name":"c","type":{"type":"fixed","name":"C","namespace":"","size":1}}]}`)
	f("a second mention is the name, as short as it can be",
		`{"type":"record","name":"n.R","fields":[
			{"name":"a","type":{"type":"fixed","name":"m.A","size":1}},
			{"name":"b","type":"m.A"},
			{"name":"r","type":["null","n.R"]},
			{"name":"s","type":{"type":"R"}}]}`,
		`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"fixed","name":"A","namespace":"m","size":1}},{"name":"b","type":"m.A"},{"name":"r","type":["null","R"]},{"name":"s","type":"R"}]}`)
	f("the last of two equal properties counts", `{"type":"fixed","name":"F","size":1,"x":1,"size":2,"x":3}`, `{"type":"fixed","name":"F","size":2,"x":3}`)
	f("escapes", `{"type":"fixed","name":"F","size":1,"x":"\u003c\/\u0001\u2028\n"}`, "{\"type\":\"fixed\",\"name\":\"F\",\"size\":1,\"x\":\"</\\u0001\u2028\\n\"}")
}

// What tells two schemas apart, and what does not.
func TestAvroIdentity(t *testing.T) {
	f := func(same bool, a, b string) {
		t.Helper()
		ca, err := canonicalAvro(a)
		if err != nil {
			t.Fatal(err)
		}
		cb, err := canonicalAvro(b)
		if err != nil {
			t.Fatal(err)
		}
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
}

func TestCanonicalAvroRefuses(t *testing.T) {
	for _, in := range []string{
		``, `{`, `1`, `null`, `true`, `"string" "int"`, `"nothing"`, `{}`, `{"type":["null"]}`, `{"type":{"type":"int"}}`,
		`"record"`, `{"type":"record","name":"R"}`, `{"type":"record","fields":[]}`, `{"type":"record","name":"R","fields":[1]}`,
		`{"type":"record","name":"R","fields":[{"name":"f"}]}`, `{"type":"record","name":"R","fields":[{"type":"int"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"e","type":"enum","symbols":["A"]}]}`, // goavro's flat form, not Avro
		`{"type":"enum","name":"E"}`, `{"type":"fixed","name":"F"}`, `{"type":"fixed","name":"F","size":"1"}`,
		`{"type":"array"}`, `{"type":"map","items":"int"}`, `{"type":"fixed","name":"n.","size":1}`, `{"type":"fixed","name":"F","size":1,"doc":1}`,
		`{"type":"enum","name":"E","symbols":["A"],"default":1}`, `{"type":"record","name":"R","fields":[{"name":"f","type":"int","order":1}]}`,
		`[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]`,
		`{"type":"fixed","name":"F","size":1,"aliases":[1]}`, `{"type":"fixed","name":"F","size":1,"aliases":"G"}`,
		strings.Repeat(`{"type":"array","items":`, 600) + `"int"` + strings.Repeat(`}`, 600),
		strings.Repeat(`[`, 5_000_000),
	} {
		if got, err := canonicalAvro(in); err == nil {
			t.Errorf("%.80s gives %.80s", in, got)
		}
	}
}

// Canonical text is its own canonical text, and describes the same data: the
// parsing canonical form, which another parser makes of both, is the same.
func FuzzCanonicalAvro(f *testing.F) {
	f.Add(`{"type":"record","name":"n.R","fields":[{"name":"a","type":{"type":"fixed","name":"m.A","size":1}},{"name":"b","type":["null","m.A","R"],"default":null}]}`)
	f.Add(`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"enum","name":"E","namespace":"","symbols":["A"],"default":"A"}},{"name":"b","type":"E"}]}`)
	f.Add(`[{"type":"map","values":{"type":"bytes","logicalType":"decimal","precision":4}},{"type":"array","items":"long"}]`)
	f.Add(`{"type":"error","name":"a.string","fields":[{"name":"f","type":["null","a.string"],"aliases":["g"],"order":"ignore"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		canonical, err := canonicalAvro(text)
		if err != nil {
			return
		}
		if again, err := canonicalAvro(canonical); err != nil || again != canonical {
			t.Fatalf("%s gives %s gives %s, %v", text, canonical, again, err)
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
	})
}
