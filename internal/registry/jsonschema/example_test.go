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
