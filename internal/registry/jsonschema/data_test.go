package jsonschema

import (
	"flag"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled is a validator of s, or nil.
func compiled(s *Schema) *validator.Schema {
	c, ok := newCompiler(s)
	if !ok {
		return nil
	}
	return c.compile(s.root)
}

var pairs = flag.Uint64("pairs", 1000, "random pairs of schemas to try")

// If Check says compatible, what the validator takes under the old schema it takes
// under the new one. The generator makes no defaults, which are an exception. The
// other one, two branches of oneOf that take the same, is counted.
func TestData(t *testing.T) {
	var compatible, documents, overlaps, refused, shown int
	for seed := range *pairs {
		g := newGenerator(seed)
		before := g.whole()
		after := before
		for range 1 + g.IntN(2) {
			g.edit(&after, 2)
		}
		old, err := Parse(before.String(), nil, true)
		if err != nil {
			continue // an edit took what a $ref means, or made a loop
		}
		new, err := Parse(after.String(), nil, true)
		if err != nil || len(old.warnings)+len(new.warnings) > 0 {
			continue
		}
		was, is := compiled(old), compiled(new)
		if was == nil || is == nil {
			t.Errorf("the validator refuses %s or %s", before, after)
			continue
		}
		if found := check(new, old, Strict); len(found) > 0 {
			if refused++; refused%4 > 0 {
				continue
			}
			if example, ok := Example(new, old); ok {
				shown++
				if !valid(t, was, example) || valid(t, is, example) {
					t.Errorf("seed %d: example %s\n old %s\n new %s", seed, example, before, after)
				}
			}
			continue
		}
		compatible++
		for _, v := range tryOut(g, old, new) {
			if was.Validate(v.decoded()) != nil {
				continue
			}
			documents++
			if is.Validate(v.decoded()) == nil {
				continue
			}
			if overlap(after, v) {
				overlaps++
				continue
			}
			t.Errorf("seed %d: %s is not valid any more\n old %s\n new %s", seed, v.String(), before, after)
			break
		}
	}
	t.Logf("%d compatible pairs, %d documents, %d overlaps of oneOf; %d refused, %d with an example", compatible, documents, overlaps, refused, shown)
	if compatible < int(*pairs)/8 || documents < 10*compatible || refused < int(*pairs)/8 || shown < refused/8 {
		t.Error("too little was tried")
	}
}

// tryOut are documents at the edges of both schemas, and random ones.
func tryOut(g *generator, old, new *Schema) (documents []value) {
	e, ok := newExample(new, old)
	if ok {
		documents = e.candidates(old.root, new.root)
	}
	for range 60 {
		documents = append(documents, g.document(3))
	}
	return documents
}

// overlap says whether a document is refused only because two branches of a oneOf take it.
func overlap(after value, document value) bool {
	if !strings.Contains(after.String(), `"oneOf"`) {
		return false
	}
	s, err := Parse(strings.ReplaceAll(after.String(), `"oneOf"`, `"anyOf"`), nil, true)
	return err == nil && compiled(s).Validate(document.decoded()) == nil
}
