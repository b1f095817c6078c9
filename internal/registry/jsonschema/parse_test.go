package jsonschema

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/weirhq/weir/internal/registry/schema"
)

func TestCanonical(t *testing.T) {
	f := func(text, canonical, normalized string) {
		t.Helper()
		s, err := Parse(text, nil, false)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := s.Canonical(); got != canonical {
			t.Errorf("%s: canonical %s, want %s", text, got, canonical)
		}
		if got := s.Normalized(); got != normalized {
			t.Errorf("%s: normalized %s, want %s", text, got, normalized)
		}
	}
	f("true", "true", "true")
	f(` { "type" : "object",`+"\n"+`"properties":{"b":{},"a":false}} `, `{"type":"object","properties":{"b":{},"a":false}}`, `{"properties":{"a":false,"b":{}},"type":"object"}`)
	f(`{"x":[2,1,null,1.50,1e3]}`, `{"x":[2,1,null,1.50,1e3]}`, `{"x":[2,1,null,1.50,1e3]}`)
	f(`{"title":"a\u0062\/\n é 😀"}`, `{"title":"ab/\n é 😀"}`, `{"title":"ab/\n é 😀"}`)
	f(`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`, `{"a":3,"b":2}`)
}

// Errors say where.
func TestParseErrors(t *testing.T) {
	lenient := func(text, want string) {
		t.Helper()
		for _, strict := range []bool{false, true} {
			if _, err := Parse(text, nil, strict); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%.100s: error %v, want %q", text, err, want)
			}
		}
	}
	strict := func(text, want string) {
		t.Helper()
		if _, err := Parse(text, nil, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: error %v, want %q", text, err, want)
		}
		if _, err := Parse(text, nil, false); err != nil {
			t.Errorf("%.100s: %v, but it may be stored", text, err)
		}
	}
	lenient("", "line 1, column 1: the text ends early")
	lenient("{\n\"a\":", "the text ends early")
	lenient("{\n  \"a\" 1}", "line 2")
	lenient("[1,]", "line 1")
	lenient(`{} {}`, "something follows")
	lenient(`"string"`, `"string" is not a schema`)
	lenient(`{"$ref":"http://example.com/a.json"}`, `#/$ref: "http://example.com/a.json" is no registered reference; nothing is fetched`)
	lenient(`{"properties":{"a":{"$ref":"file:///etc/passwd"}}}`, `#/properties/a/$ref: "file:///etc/passwd" is no registered reference`)
	lenient(`{"$ref":"#/definitions/a"}`, `"#/definitions/a" means nothing: there is no "definitions"`)
	lenient(`{"$ref":"#a"}`, `there is no such anchor`)
	lenient(`{"$ref":"#/title","title":"a"}`, `#/title: "a" is not a schema`)
	lenient(strings.Repeat(`{"not":`, 600)+"{}"+strings.Repeat("}", 600), "nested more than 512 deep")

	strict(`{"type":"strin"}`, "#/type: ")
	strict(`{"properties":{"a":{"type":"object","required":"b"}}}`, "#/properties/a/required: ")
	strict(`{"properties":{"a":{"maxLength":-1}}}`, "meta-schema of draft 7")
	strict(`{`+draft2020+`"$defs":{"a":{"minItems":"1"}}}`, "#/$defs/a/minItems: ")
	strict(`{`+draft2019+`"maxItems":"1"}`, "meta-schema of draft 2019-09")
	strict(`{`+draft4+`"properties":{"a":true}}`, "meta-schema of draft 4")
	strict(`{"$schema":"http://json-schema.org/draft-06/schema#","exclusiveMaximum":true}`, "meta-schema of draft 6")
	strict(`{"$schema":"http://example.com/my-own"}`, "is not one of drafts")
	strict(`{"maximum":1e100000000}`, "#/maximum: the number 1e100000000... is too long")
}

func reference(name, text string, refs ...schema.Reference) schema.Reference {
	return schema.Reference{Name: name, Subject: name + "-subject", Version: 1, Text: text, References: refs}
}

// A $ref means a reference by its name or its URL, or a place in the text. Each of
// these takes integers alone.
func TestReferences(t *testing.T) {
	ints := `{"definitions":{"i":{"type":"integer"}},"type":"integer"}`
	f := func(text string, refs ...schema.Reference) {
		t.Helper()
		s := mustParse(t, text, refs...)
		if s.root.can != integer {
			t.Errorf("%s: takes %s", text, s.root.can)
		}
		if again := mustParse(t, s.Canonical(), refs...); again.Canonical() != s.Canonical() {
			t.Errorf("%s is not its own canonical text", s.Canonical())
		}
		if !accepts(t, s, "1") || accepts(t, s, `"a"`) {
			t.Errorf("%s: the validator finds another schema", text)
		}
	}
	f(`{"$ref":"ints.json"}`, reference("ints.json", ints))
	f(`{"$ref":"ints.json#/definitions/i"}`, reference("ints.json", ints))
	f(`{"$ref":"http://a/ints.json"}`, reference("http://a/ints.json", ints))
	f(`{"$id":"http://a/b/c.json","$ref":"ints.json","allOf":[{"$ref":"ints.json"}]}`, reference("ints.json", ints))
	f(`{"$id":"http://a/b/c.json","allOf":[{"$ref":"ints.json"}]}`, reference("http://a/b/ints.json", ints))
	f(`{"$ref":"http://a/ints.json"}`, reference("http://a/ints.json", `{"$id":"http://a/ints.json","type":"integer"}`))
	f(`{"$ref":"outer.json"}`, reference("outer.json", `{"$ref":"inner.json"}`, reference("inner.json", ints)))
	f(`{"$ref":"outer.json","definitions":{"x":{"$ref":"inner.json"}}}`, reference("outer.json", `{"$ref":"inner.json"}`, reference("inner.json", ints)))
	f(`{"$ref":"#/definitions/a~1b%25","definitions":{"a/b%":{"type":"integer"}}}`)
	f(`{"$ref":"#i","definitions":{"a":{"$id":"#i","type":"integer"}}}`)
	f(`{"$ref":"a.json","definitions":{"a":{"$id":"a.json","type":"integer"}}}`)
	f(`{` + draft2020 + `"$ref":"#i","$defs":{"a":{"$anchor":"i","type":"integer"}}}`)
	f(`{` + draft2020 + `"$ref":"a.json#i","$defs":{"b":{"$id":"a.json","$defs":{"a":{"$anchor":"i","type":"integer"}}}}}`)
	f(`{` + draft2020 + `"$ref":"a.json","$defs":{"b":{"$id":"a.json","$ref":"#/$defs/a","$defs":{"a":{"type":"integer"}}},"a":{"type":"string"}}}`)
	f(`{` + draft4 + `"$ref":"#i","definitions":{"a":{"id":"#i","type":"integer"}}}`)
	f(`{"anyOf":[{"$ref":"#/anyOf/1"},{"type":"integer"}]}`)
}

func TestReferenceErrors(t *testing.T) {
	f := func(want string, refs ...schema.Reference) {
		t.Helper()
		if _, err := Parse(`{"$ref":"a"}`, refs, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	f(`"a" is no registered reference`, reference("b", "{}"))
	f(`reference "a" (a-subject version 1): line 1`, reference("a", "{"))
	f(`a#/properties/x/$ref: "b" is no registered reference`, reference("a", `{"properties":{"x":{"$ref":"b"}}}`))
	loop := reference("a", "{}")
	loop.References = []schema.Reference{loop}
	f("it refers to itself", loop)
	var many []schema.Reference
	for i := range 1001 {
		many = append(many, reference(fmt.Sprint(i), "{}"))
	}
	f("more than 1000 references", many...)
}

// Two versions of one name, each for who refers to it.
func TestReferencesOfOneName(t *testing.T) {
	s := mustParse(t, `{"properties":{"a":{"$ref":"a"},"b":{"$ref":"b"}}}`,
		reference("a", `{"$ref":"x"}`, reference("x", `{"type":"integer"}`)),
		reference("b", `{"$ref":"x"}`, reference("x", `{"type":"string"}`)))
	if a, b := s.root.prop("a").node.can, s.root.prop("b").node.can; a != integer || b != str {
		t.Errorf("a takes %s, b takes %s", a, b)
	}
}

func TestWarnings(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		s := mustParse(t, text)
		got := s.Warnings()
		if len(got) != len(want) {
			t.Fatalf("%s: warnings %q", text, got)
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: warning %q, want %q", text, got[i], want[i])
			}
		}
		if found := check(s, mustParse(t, text), Strict); len(found) > 0 {
			t.Errorf("%s is not compatible with itself: %v", text, found)
		}
	}
	f(`{"pattern":"^(?!a)"}`, `#/pattern: the regular expression "^(?!a)" is compared as text`)
	f(`{"properties":{"p":{"pattern":"(a)\\1"}},"patternProperties":{"(?=b)":{"type":"null"}}}`, `#/patternProperties/(?=b)`, `#/properties/p/pattern`)
	f(`{"$ref":"#"}`, "asserts nothing")
	f(`{"allOf":[{"$ref":"#/definitions/a"}],"definitions":{"a":{"oneOf":[{"$ref":"#/definitions/b"}]},"b":{"allOf":[{"$ref":"#/definitions/a"}]}}}`, "contains itself without going into the data")
	f(`{"properties":{"a":{"$ref":"#"}}}`)
}

// What Go can not match may match each name, or none.
func TestPatternsAsText(t *testing.T) {
	f := func(old, new string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, differences(mustParse(t, new), mustParse(t, old), Strict)); diff != "" {
			t.Errorf("%s to %s:\n%s", old, new, diff)
		}
	}
	with := func(pattern, typ, properties string) string {
		return `{"type":"object","properties":{` + properties + `},"patternProperties":{"` + pattern + `":{"type":"` + typ + `"}},"additionalProperties":false}`
	}
	f(with("(?!a)", "integer", ""), with("(?!a)", "number", ""))
	f(with("(?!a)", "number", ""), with("(?!a)", "integer", ""), "TYPE_NARROWED #/patternProperties/(?!a)/type")
	f(with("(?!a)", "integer", ""), with("(?!a)", "integer", `"p":{"type":"string"}`), "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/p")
	f(with("(?!a)", "integer", ""), with("(?!a)", "integer", `"p":{"type":"number"}`))
	f(closed(`"p":{"type":"string"}`), with("(?!a)", "integer", `"p":{"type":"string"}`), "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/patternProperties/(?!a)")
}

// hostile are texts of a megabyte at most that are made to cost much.
func hostile() map[string]string {
	repeat := func(n int, item func(i int) string) string {
		var parts []string
		for i := range n {
			parts = append(parts, item(i))
		}
		return strings.Join(parts, ",")
	}
	return map[string]string{
		"a long chain of references": `{"$ref":"#/definitions/0","definitions":{` + repeat(20_000, func(i int) string {
			return fmt.Sprintf(`"%d":{"$ref":"#/definitions/%d"}`, i, (i+1)%20_000)
		}) + `}}`,
		"a long chain of data": `{"$ref":"#/definitions/0","definitions":{` + repeat(15_000, func(i int) string {
			return fmt.Sprintf(`"%d":{"properties":{"a":{"$ref":"#/definitions/%d"}}}`, i, (i+1)%15_000)
		}) + `}}`,
		"all with all": `{"anyOf":[` + repeat(3000, func(i int) string {
			return fmt.Sprintf(`{"type":"object","minProperties":%d,"properties":{"a":{"$ref":"#"}}}`, i)
		}) + `]}`,
		"doubling": `{"$ref":"#/definitions/0","definitions":{` + repeat(300, func(i int) string {
			return fmt.Sprintf(`"%d":{"properties":{"a":{"anyOf":[{"$ref":"#/definitions/%d"},{"$ref":"#/definitions/%d"}]},"b":{"$ref":"#/definitions/%d"}},"minProperties":%d}`, i, (i+1)%300, (i+2)%300, (i+3)%300, i)
		}) + `}}`,
		"patterns and names": `{"properties":{` + repeat(8000, func(i int) string { return fmt.Sprintf(`"aaaaaa%d":{"type":"null"}`, i) }) + `},"patternProperties":{` +
			repeat(8000, func(i int) string { return fmt.Sprintf(`"(a|a)*b%d":{"minimum":%d}`, i, i) }) + `}}`,
		"a large enum":          `{"enum":[` + repeat(100_000, func(i int) string { return fmt.Sprint(i) }) + `]}`,
		"a large number":        `{"minimum":` + strings.Repeat("9", 900_000) + `,"enum":[1e99999999]}`,
		"repeats of repeats":    `{"pattern":"((((a{1,100}){1,100}){1,100}){1,100}){1,100}"}`,
		"nested":                strings.Repeat(`{"not":`, 510) + "{}" + strings.Repeat("}", 510),
		"unique alternatives":   `{"oneOf":[` + repeat(1500, func(i int) string { return fmt.Sprintf(`{"minimum":%d,"properties":{"a":{"maximum":%d}}}`, i, i) }) + `]}`,
		"identifiers of a kind": `{"definitions":{` + repeat(15_000, func(i int) string { return fmt.Sprintf(`"%d":{"$id":"a","$ref2":"a"}`, i) }) + `}}`,
	}
}

func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds of CPU")
	}
	for name, text := range hostile() {
		if len(text) > 1<<20 {
			t.Errorf("%s: %d bytes", name, len(text))
		}
		start := time.Now()
		for _, strict := range []bool{false, true} {
			s, err := Parse(text, nil, strict)
			if err != nil {
				t.Logf("%s: %.200v", name, err)
				continue
			}
			other, err := Parse(text, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			if found := check(s, other, Strict); len(found) > 0 && found[0].Kind != tooComplex {
				t.Errorf("%s is not compatible with itself: %v", name, found[0])
			}
			if found := Check(s, other, Strict); len(found) > 0 {
				t.Errorf("%s is not compatible with itself: %v", name, found[0])
			}
			Example(mustLenient(t, "false"), s)
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
}

func mustLenient(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := Parse(text, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
