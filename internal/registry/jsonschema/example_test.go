package jsonschema

import (
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// accepts asks the validator, made anew.
func accepts(t testing.TB, s *Schema, document string) bool {
	t.Helper()
	c, ok := newCompiler(s)
	if !ok {
		t.Fatalf("no validator for %s", s.Canonical())
	}
	compiled, err := c.Compile(home)
	if err != nil {
		t.Fatalf("%s: %v", s.Canonical(), err)
	}
	return valid(t, compiled, document)
}

func valid(t testing.TB, compiled *validator.Schema, document string) bool {
	t.Helper()
	v, err := readJSON(document)
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return compiled.Validate(v.decoded()) == nil
}

func confirm(t testing.TB, new, old *Schema, example string) {
	t.Helper()
	if !accepts(t, old, example) || accepts(t, new, example) {
		t.Errorf("example %s:\n old %s\n new %s", example, old.Canonical(), new.Canonical())
	}
}

// Where there is no difference, or the validator can not be asked, there is no example.
func TestNoExample(t *testing.T) {
	f := func(name, old, new string) {
		t.Helper()
		if got, ok := Example(mustLenient(t, new), mustLenient(t, old)); ok {
			t.Errorf("%s: %s", name, got)
		}
	}
	f("the same", `{"type":"string"}`, `{"type":"string"}`)
	f("compatible", `{"type":"string"}`, `{}`)
	f("nothing is valid", `{"type":"string","enum":[1]}`, `false`)
	f("an expression that Go does not know", `{"pattern":"(?!a)"}`, `{"type":"null"}`)
	f("a long number", `{"minimum":1e99999}`, `{"type":"null"}`)
	f("only with values that always contain themselves", `{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}`, `{"type":"null"}`)
}

// An example is what has to be there, and small.
func TestSmallExample(t *testing.T) {
	f := func(old, new, want string) {
		t.Helper()
		got, ok := Example(mustParse(t, new), mustParse(t, old))
		if !ok || got != want {
			t.Errorf("%s to %s: example %s, %v, want %s", old, new, got, ok, want)
		}
		confirm(t, mustParse(t, new), mustParse(t, old), want)
	}
	order := func(amount string) string {
		return `{"type":"object","required":["id","lines"],"properties":{"id":{"type":"string","format":"uuid"},"note":{"type":"string"},` +
			`"lines":{"type":"array","minItems":1,"items":{"type":"object","required":["sku"],"properties":{"sku":{"enum":["A","B"]},"amount":` + amount + `}}}}}`
	}
	f(order(`{"type":"number","minimum":1}`), order(`{"type":"integer","minimum":1}`), `{"id":"00000000-0000-0000-0000-000000000000","lines":[{"sku":"A","amount":1.5}]}`)
	f(opened(``), opened(`"email":{"type":"string"}`), `{"email":0}`)
	f(`{"type":"string","pattern":"^[A-Z]{3}-[0-9]+$"}`, `{"type":"string","maxLength":4}`, `"XXX-0"`)
	f(`{"anyOf":[{"type":"null"},{"type":"array","items":{"enum":["x","y"]}}]}`, `{"anyOf":[{"type":"null"},{"type":"array","items":{"enum":["x"]}}]}`, `["y"]`)
}
