package avroschema

import (
	"testing"

	"github.com/twmb/avro"
)

func TestExample(t *testing.T) {
	f := func(reader, writer, want string) {
		t.Helper()
		r, err := Parse(reader, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		w := mustParse(t, writer)
		got, ok := Example(r, w)
		if got != want || ok != (want != "") {
			t.Errorf("reader %s\n writer %s\n got  %s %v\n want %s", reader, writer, got, ok, want)
		}
	}
	f(`"int"`, `"int"`, "")
	f(`"int"`, `"string"`, `""`)
	f(`"boolean"`, `"double"`, `0.0`)
	f(rec(fld("b", `"int"`)), rec(fld("a", `"string"`), fld("n", `["null","long"]`), fld("e", `{"type":"enum","name":"E","symbols":["X","Y"]}`)), `{"a":"","n":null,"e":"X"}`)
	f(rec(fld("a", `"int"`), fld("b", `"int"`)), rec(fld("b", `"string"`), fld("a", `["long","int"]`)), `{"b":"","a":{"long":0}}`)
	f(`{"type":"array","items":"int"}`, `{"type":"array","items":["int","string"]}`, `[{"string":""}]`)
	f(`{"type":"map","values":"int"}`, `{"type":"map","values":"bytes"}`, `{"key":""}`)
	f(`{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","C","B"]}`, `"C"`)
	f(`{"type":"fixed","name":"F","size":1}`, `{"type":"fixed","name":"F","size":2}`, `"\u0000\u0000"`)
	f(`["null","int"]`, `["null","int",`+rec(fld("a", `"int"`))+`]`, `{"n.R":{"a":0}}`)
	f(`["null",`+rec(fld("a", `["null","int"]`))+`]`, `["null",`+rec(fld("a", `["null","int","string"]`))+`]`, `{"n.R":{"a":{"string":""}}}`)
	// A reader takes the branch of the same name, and looks no further.
	other := `{"type":"record","name":"T","fields":[` + fld("x", `"long"`) + `]}`
	f(`[`+other+`,`+rec(fld("e", `{"type":"enum","name":"E","symbols":["A"]}`))+`]`, `[`+rec(fld("e", `{"type":"enum","name":"E","symbols":["A","B"]}`))+`]`, `{"n.R":{"e":"B"}}`)
	// What breaks the data comes before a record's name, which data does not have.
	f(`{"type":"record","name":"S","fields":[`+fld("a", `{"type":"array","items":"int"}`)+`]}`, rec(fld("a", `{"type":"array","items":"string"}`)), `{"a":[""]}`)
	f(`{"type":"record","name":"S","fields":[]}`, rec(fld("a", `"int"`)), `{"a":0}`)
	// The next record ends the list.
	f(rec(fld("next", `["null","R"]`), fld("a", `"int"`)), rec(fld("a", `"string"`), fld("next", `["R","null"]`)), `{"a":"","next":null}`)
	// The difference lies in a record further down.
	f(`{"type":"record","name":"T","fields":[`+fld("r", `["null",`+rec(fld("t", `["null","T"]`), fld("x", `"int"`))+`]`)+`]}`,
		`{"type":"record","name":"T","fields":[`+fld("r", `["null",`+rec(fld("t", `["null","T"]`), fld("x", `"string"`))+`]`)+`]}`, `{"r":{"n.R":{"t":null,"x":""}}}`)
	// No value.
	f(rec(fld("self", `"R"`), fld("a", `"int"`)), rec(fld("self", `"R"`)), "")
	f(`"int"`, `{"type":"fixed","name":"F","size":1000000}`, "")
	f(`"int"`, `{"type":"enum","name":"E","symbols":[]}`, "")
	f(`["int"]`, `[]`, "")
}

// An example is a value of the writer.
func TestExampleIsWritten(t *testing.T) {
	checked := 0
	for seed := range uint64(2000) {
		g := newGenerator(seed)
		g.plain = true
		v := g.schema("", 4)
		edited := v.clone()
		g.edit(&edited)
		w, err := Parse(v.String(), nil, true)
		if err != nil {
			continue
		}
		r, err := Parse(edited.String(), nil, true)
		if err != nil {
			continue
		}
		example, ok := Example(r, w)
		if ok && len(Check(r, w)) == 0 {
			t.Fatalf("an example for compatible schemas: %s", example)
		}
		codec, err := avro.Parse(w.Canonical())
		if !ok || err != nil {
			continue
		}
		checked++
		var value any
		if err := codec.DecodeJSON([]byte(example), &value); err != nil {
			t.Errorf("%s is not a value of %s: %v", example, w.Canonical(), err)
		}
	}
	if checked < 300 {
		t.Errorf("only %d examples", checked)
	}
}
