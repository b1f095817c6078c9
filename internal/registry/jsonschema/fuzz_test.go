package jsonschema

import "testing"

// FuzzParse wants no text to end in a panic; what is parsed is its own canonical
// text, and compatible with itself.
func FuzzParse(f *testing.F) {
	for _, r := range rules() {
		f.Add(r.old, r.new)
	}
	f.Add(`{"$ref":"x#a"}`, `{"$id":"http://a/b","$ref":"c","definitions":{"c":{"$id":"c","anyOf":[{"$ref":"#"},{"$ref":"b"}]}}}`)
	f.Add(`{"minimum":1e400,"enum":[1e-400]}`, `{"pattern":"(?!a)","if":false,"else":{"required":[1]}}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 4096 {
			return
		}
		old := parsed(t, a)
		new := parsed(t, b)
		if old == nil || new == nil {
			return
		}
		for _, policy := range []Policy{Strict, Lenient} {
			if found := check(old, parsed(t, a), policy); len(found) > 0 && found[0].Kind != tooComplex {
				t.Errorf("%q is not compatible with itself: %v", a, found)
			}
		}
		Check(new, old, Lenient)
		if example, ok := Example(new, old); ok {
			confirm(t, new, old, example)
		}
	})
}

func parsed(t *testing.T, text string) *Schema {
	Parse(text, nil, true)
	s, err := Parse(text, nil, false)
	if err != nil {
		return nil
	}
	again, err := Parse(s.Canonical(), nil, false)
	if err != nil || again.Canonical() != s.Canonical() {
		t.Fatalf("%q: canonical text %q: %v", text, s.Canonical(), err)
	}
	return s
}
