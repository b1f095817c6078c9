package jsonschema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/weirhq/weir/internal/registry/schema"
)

// rule is an old and a new schema, and what Check says: "KIND path" each. Names
// that begin with ">" are not tried for an example, with the reason behind.
type rule struct {
	name, old, new string
	want           []string
}

const (
	draft2019 = `"$schema":"https://json-schema.org/draft/2019-09/schema",`
	draft2020 = `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	draft4    = `"$schema":"http://json-schema.org/draft-04/schema#",`
)

// both has a rule in its two directions.
func both(name, a, b, forward, back string) []rule {
	list := func(want string) []string {
		if want == "" {
			return nil
		}
		return strings.Split(want, ", ")
	}
	return []rule{{name, a, b, list(forward)}, {name + ", back", b, a, list(back)}}
}

func rules() (all []rule) {
	add := func(name, a, b, forward, back string) { all = append(all, both(name, a, b, forward, back)...) }

	add("description", `{"type":"string"}`, `{"type":"string","description":"d","title":"t","$id":"http://a/b","default":"x","examples":[1],"$comment":"c"}`, "", "")
	add("type extended", `{"type":"string"}`, `{"type":["string","null"]}`, "", "TYPE_NARROWED #/type")
	add("integer to number", `{"type":"integer"}`, `{"type":"number"}`, "", "TYPE_NARROWED #/type")
	add("type removed", `{"type":"object"}`, `{}`, "", "TYPE_NARROWED #/type")
	add("type changed", `{"type":"object"}`, `{"type":["array","string"]}`, "TYPE_CHANGED #/type", "TYPE_CHANGED #/type")
	add("true and false", `true`, `false`, "TYPE_NARROWED #", "")
	add("true and {}", `true`, `{}`, "", "")

	add("enum extended", `{"enum":["a","b"]}`, `{"enum":["a","c","b"]}`, "", "ENUM_ARRAY_NARROWED #/enum")
	add("enum changed", `{"enum":["a","b"]}`, `{"enum":["a","c"]}`, "ENUM_ARRAY_CHANGED #/enum", "ENUM_ARRAY_CHANGED #/enum")
	add("enum removed", `{"type":"string","enum":["a"]}`, `{"type":"string"}`, "", "ENUM_ARRAY_ADDED #/enum")
	add("enum to a type", `{"enum":["a","b"]}`, `{"type":"string"}`, "", "ENUM_ARRAY_ADDED #/enum")
	add("const to enum", `{"const":1}`, `{"enum":[1.0,2]}`, "", "ENUM_ARRAY_NARROWED #/enum")
	add("enum of all booleans", `{"type":"boolean"}`, `{"enum":[true,false]}`, "", "")
	add("enum of objects", `{"enum":[{"a":1,"b":[2]}]}`, `{"enum":[{"b":[2.0],"a":1e0}]}`, "", "")

	for _, l := range []struct{ word, kind, typ string }{{"maximum", "MAXIMUM", "number"}, {"exclusiveMaximum", "EXCLUSIVE_MAXIMUM", "integer"},
		{"maxLength", "MAX_LENGTH", "string"}, {"maxItems", "MAX_ITEMS", "array"}, {"maxProperties", "MAX_PROPERTIES", "object"}} {
		with := func(n string) string { return `{"type":"` + l.typ + `","` + l.word + `":` + n + `}` }
		add(l.word, with("2"), with("3"), "", l.kind+"_DECREASED #/"+l.word)
		add(l.word+" removed", with("2"), `{"type":"`+l.typ+`"}`, "", l.kind+"_ADDED #/"+l.word)
	}
	for _, l := range []struct{ word, kind, typ string }{{"minimum", "MINIMUM", "number"}, {"exclusiveMinimum", "EXCLUSIVE_MINIMUM", "integer"},
		{"minLength", "MIN_LENGTH", "string"}, {"minItems", "MIN_ITEMS", "array"}, {"minProperties", "MIN_PROPERTIES", "object"}} {
		with := func(n string) string { return `{"type":"` + l.typ + `","` + l.word + `":` + n + `}` }
		add(l.word, with("3"), with("2"), "", l.kind+"_INCREASED #/"+l.word)
		add(l.word+" removed", with("2"), `{"type":"`+l.typ+`"}`, "", l.kind+"_ADDED #/"+l.word)
	}
	add("minimum of nothing", `{"type":"string"}`, `{"type":"string","minLength":0,"maximum":3}`, "", "")
	add("exclusive in draft 4", `{`+draft4+`"maximum":5,"exclusiveMaximum":true}`, `{"exclusiveMaximum":5}`, "", "")
	add("maximum to exclusive", `{"type":"number","maximum":5}`, `{"type":"number","exclusiveMaximum":5}`, "EXCLUSIVE_MAXIMUM_ADDED #/exclusiveMaximum", "")
	add("minimum to a lower exclusive", `{"type":"number","minimum":5}`, `{"type":"number","exclusiveMinimum":4}`, "", "MINIMUM_ADDED #/minimum")
	add("multipleOf reduced", `{"type":"number","multipleOf":6}`, `{"type":"number","multipleOf":1.5}`, "", "MULTIPLE_OF_EXPANDED #/multipleOf")
	add("multipleOf changed", `{"type":"number","multipleOf":6}`, `{"type":"number","multipleOf":4}`, "MULTIPLE_OF_CHANGED #/multipleOf", "MULTIPLE_OF_CHANGED #/multipleOf")
	add("multipleOf removed", `{"type":"number","multipleOf":6}`, `{"type":"number"}`, "", "MULTIPLE_OF_ADDED #/multipleOf")
	add("multiple of one", `{"type":"integer"}`, `{"type":"number","multipleOf":1}`, "", "")
	add("pattern removed", `{"type":"string","pattern":"^a+$"}`, `{"type":"string"}`, "", "PATTERN_ADDED #/pattern")
	add("pattern changed", `{"type":"string","pattern":"^a+$"}`, `{"type":"string","pattern":"^ab*$"}`, "PATTERN_CHANGED #/pattern", "PATTERN_CHANGED #/pattern")
	add("format removed", `{"type":"string","format":"date"}`, `{"type":"string"}`, "", "FORMAT_ADDED #/format")
	add("format changed", `{"type":"string","format":"date"}`, `{"type":"string","format":"ipv4"}`, "FORMAT_CHANGED #/format", "FORMAT_CHANGED #/format")
	add("a format that says nothing", `{"type":"string","format":"password"}`, `{"type":"string"}`, "", "")
	add("a format is a remark since 2019-09", `{`+draft2019+`"type":"string"}`, `{`+draft2019+`"type":"string","format":"date"}`, "", "")

	// Objects.
	add("required removed", `{"type":"object","properties":{"a":{}},"required":["a"]}`, `{"type":"object","properties":{"a":{}}}`, "", "REQUIRED_ATTRIBUTE_ADDED #/required/0")
	add("required with a default", `{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string","default":""}},"required":["a"]}`, "", "")
	add("optional property, closed", closed(`"a":{"type":"string"}`), closed(`"a":{"type":"string"},"b":{"type":"integer"}`), "", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b")
	add("optional property, open", opened(`"a":{"type":"string"}`), opened(`"a":{"type":"string"},"b":{"type":"integer"}`), "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b", "")
	add("empty property, open", opened(`"a":{"type":"string"}`), opened(`"a":{"type":"string"},"b":{}`), "", "")
	add("false property, closed", closed(`"a":{}`), closed(`"a":{},"b":false`), "", "")
	add("required property, closed", closed(`"a":{}`), `{"type":"object","properties":{"a":{},"b":{"type":"null"}},"additionalProperties":false,"required":["b"]}`,
		"REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/required/0", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b")
	add("required property with a default, closed", closed(`"a":{}`), `{"type":"object","properties":{"a":{},"b":{"default":1}},"additionalProperties":false,"required":["b"]}`,
		"", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b")
	add("property within", opened(`"a":{"type":"integer"}`), opened(`"a":{"type":"number"}`), "", "TYPE_NARROWED #/properties/a/type")
	add("additional allowed", closed(``), opened(``), "", "ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties")
	add("additional extended", partly(``, `{"type":"string"}`), opened(``), "", "ADDITIONAL_PROPERTIES_NARROWED #/additionalProperties")
	add("additional added", closed(``), partly(``, `{"type":"string"}`), "", "ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties")
	add("additional within", partly(``, `{"type":"integer"}`), partly(``, `{"type":"number"}`), "", "TYPE_NARROWED #/additionalProperties/type")
	add("covered by additional", partly(``, `{"type":"integer"}`), partly(`"a":{"type":"number"}`, `{"type":"integer"}`), "", "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a")
	add("not covered by additional", partly(``, `{"type":"number"}`), partly(`"a":{"type":"integer"}`, `{"type":"number"}`), "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a", "")
	add("covered by a pattern", `{"type":"object","patternProperties":{"^a":{"type":"integer"}},"additionalProperties":false}`,
		`{"type":"object","properties":{"ab":{"type":"integer"}},"patternProperties":{"^a":{"type":"integer"}},"additionalProperties":false}`, "", "")
	add("pattern to a closed model", closed(`"a":{}`), `{"type":"object","properties":{"a":{}},"patternProperties":{"^b":{"type":"string"}},"additionalProperties":false}`,
		"", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/patternProperties/^b")
	add("pattern to an open model", opened(`"a":{}`), `{"type":"object","properties":{"a":{}},"patternProperties":{"^b":{"type":"string"}}}`, "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/patternProperties/^b", "")
	add("pattern beside another", `{"type":"object","patternProperties":{"^S_":{"type":"string"}},"additionalProperties":false}`,
		`{"type":"object","patternProperties":{"^S_":{"type":"string"},"^I_":{"type":"integer"}},"additionalProperties":false}`, "", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/patternProperties/^I_")
	add("pattern within another", `{"type":"object","patternProperties":{"^S":{"type":"string"}},"additionalProperties":false}`,
		`{"type":"object","patternProperties":{"^S":{"type":"string"},"^S_":{"type":"string","maxLength":1}},"additionalProperties":false}`,
		"PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/patternProperties/^S_", "")
	add("pattern over a property", closed(`"ab":{"type":"string"}`), `{"type":"object","properties":{"ab":{"type":"string"}},"patternProperties":{"^a":{"maxLength":1}},"additionalProperties":false}`,
		"PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/patternProperties/^a", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/patternProperties/^a")
	add("names", `{"type":"object","propertyNames":{"maxLength":3}}`, `{"type":"object"}`, "", "PROPERTY_NAMES_ADDED #/propertyNames")
	add("names within", `{"type":"object","propertyNames":{"maxLength":3}}`, `{"type":"object","propertyNames":{"maxLength":4}}`, "", "MAX_LENGTH_DECREASED #/propertyNames/maxLength")
	add("dependency narrowed", `{"type":"object","dependencies":{"a":["b","c"]}}`, `{"type":"object","dependencies":{"a":["b"]}}`, "", "DEPENDENCY_ARRAY_EXTENDED #/dependencies/a")
	add("dependency changed", `{"type":"object","dependencies":{"a":["b"]}}`, `{"type":"object","dependencies":{"a":["c"]}}`, "DEPENDENCY_ARRAY_CHANGED #/dependencies/a", "DEPENDENCY_ARRAY_CHANGED #/dependencies/a")
	add("dependency removed", `{`+draft2019+`"type":"object","dependentRequired":{"a":["b"]}}`, `{"type":"object"}`, "", "DEPENDENCY_ARRAY_ADDED #/dependentRequired/a")
	add("dependency on a schema", `{"type":"object","dependencies":{"a":{"required":["b"]}}}`, `{"type":"object"}`, "", "DEPENDENCY_SCHEMA_ADDED #/dependencies/a")
	add("dependency on a schema, within", `{"type":"object","dependencies":{"a":{"maxProperties":3}}}`, `{"type":"object","dependencies":{"a":{"maxProperties":4}}}`, "", "MAX_PROPERTIES_DECREASED #/dependencies/a/maxProperties")
	add("unevaluated properties", `{`+draft2019+`"type":"object","properties":{"a":{}},"unevaluatedProperties":false}`, `{`+draft2019+`"type":"object","properties":{"a":{}}}`, "", "UNEVALUATED_PROPERTIES_REMOVED #/unevaluatedProperties")
	add("unevaluated properties extended", `{`+draft2019+`"type":"object","unevaluatedProperties":{"type":"null"}}`, `{`+draft2019+`"type":"object"}`, "", "UNEVALUATED_PROPERTIES_NARROWED #/unevaluatedProperties")
	add("unevaluated behind allOf", `{`+draft2019+`"allOf":[{"properties":{"a":{},"b":{}}}],"unevaluatedProperties":false}`, `{`+draft2019+`"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`,
		"UNEVALUATED_PROPERTIES_NARROWED #", "")

	add("a pattern behind allOf", `{`+draft2019+`"allOf":[{"patternProperties":{"^a":{}}}],"unevaluatedProperties":false}`, `{`+draft2019+`"allOf":[{}],"unevaluatedProperties":false}`,
		"UNEVALUATED_PROPERTIES_NARROWED #", "")
	add("a schema of allOf that described", `{`+draft2019+`"allOf":[{"properties":{"a":{}}},{}],"unevaluatedProperties":false}`, `{`+draft2019+`"allOf":[{}],"unevaluatedProperties":false}`, "UNEVALUATED_PROPERTIES_NARROWED #", "")
	add("a condition that described", `{`+draft2019+`"if":{"required":["a"]},"then":{"properties":{"a":{}}},"unevaluatedProperties":false}`, `{`+draft2019+`"unevaluatedProperties":false}`, "UNEVALUATED_PROPERTIES_NARROWED #", "")
	add("closed by unevaluated", `{`+draft2019+`"type":"object","unevaluatedProperties":false}`, `{`+draft2019+`"type":"object","properties":{"a":{"type":"null"}},"unevaluatedProperties":false}`, "", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a")
	add("described in allOf already", `{`+draft2019+`"allOf":[{"properties":{"a":{"type":"number"}}}],"unevaluatedProperties":false}`, `{`+draft2019+`"properties":{"a":{"type":"null"}},"allOf":[{"properties":{"a":{"type":["null","number"]}}}],"unevaluatedProperties":false}`,
		"PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a", "TYPE_NARROWED #/allOf/0/properties/a/type")

	// Arrays.
	add("unique", `{"type":"array","uniqueItems":true}`, `{"type":"array"}`, "", "UNIQUE_ITEMS_ADDED #/uniqueItems")
	add("items", `{"type":"array"}`, `{"type":"array","items":{"type":"string"}}`, "SCHEMA_ADDED #/items", "")
	add("items within", `{"type":"array","items":{"type":"integer"}}`, `{"type":"array","items":{"type":"number"}}`, "", "TYPE_NARROWED #/items/type")
	add("item, open", `{"type":"array","items":[{"type":"string"}]}`, `{"type":"array","items":[{"type":"string"},{"type":"string"}]}`, "ITEM_ADDED_TO_OPEN_CONTENT_MODEL #/items/1", "")
	add("empty item, open", `{"type":"array","items":[{"type":"string"}]}`, `{"type":"array","items":[{"type":"string"},{}]}`, "", "")
	add("item, closed", `{"type":"array","items":[{}],"additionalItems":false}`, `{"type":"array","items":[{},{"type":"string"}],"additionalItems":false}`, "", "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1")
	add("item, covered", `{"type":"array","items":[{}],"additionalItems":{"type":"integer"}}`, `{"type":"array","items":[{},{"type":"number"}],"additionalItems":{"type":"integer"}}`, "", "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/items/1")
	add("item, not covered", `{"type":"array","items":[{}],"additionalItems":{"type":"number"}}`, `{"type":"array","items":[{},{"type":"integer"}],"additionalItems":{"type":"number"}}`, "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/items/1", "")
	add("additional items", `{"type":"array","items":[{}],"additionalItems":false}`, `{"type":"array","items":[{}]}`, "", "ADDITIONAL_ITEMS_REMOVED #/additionalItems")
	add("additional items extended", `{`+draft2020+`"type":"array","prefixItems":[{}],"items":{"type":"null"}}`, `{`+draft2020+`"type":"array","prefixItems":[{}]}`, "", "ADDITIONAL_ITEMS_NARROWED #/items")
	add("the drafts say the same in other words", `{"type":"array","items":[{"type":"null"}],"additionalItems":{"type":"string"}}`, `{`+draft2020+`"type":"array","prefixItems":[{"type":"null"}],"items":{"type":"string"}}`, "", "")
	add("contains", `{"type":"array","contains":{"type":"integer"}}`, `{"type":"array"}`, "", "CONTAINS_ADDED #/contains")
	add("contains within", `{"type":"array","contains":{"type":"integer"}}`, `{"type":"array","contains":{"type":"number"}}`, "", "TYPE_NARROWED #/contains/type")
	add("minContains", `{`+draft2019+`"type":"array","contains":{"type":"null"},"minContains":2}`, `{`+draft2019+`"type":"array","contains":{"type":"null"}}`, "", "MIN_CONTAINS_INCREASED #/minContains")
	add("maxContains", `{`+draft2019+`"type":"array","contains":{"type":"null"},"maxContains":2}`, `{`+draft2019+`"type":"array","contains":{"type":"null"},"maxContains":3}`, "", "MAX_CONTAINS_DECREASED #/maxContains")
	add("maxContains removed", `{`+draft2019+`"type":"array","contains":{"type":"null"},"maxContains":2}`, `{`+draft2019+`"type":"array","contains":{"type":"null"}}`, "", "MAX_CONTAINS_ADDED #/maxContains")
	add("maxContains of more", `{`+draft2019+`"type":"array","contains":{"type":"integer"},"minContains":0,"maxContains":2}`, `{`+draft2019+`"type":"array","contains":{"type":"number"},"minContains":0,"maxContains":2}`, "CONTAINS_CHANGED #/contains", "")
	add("unevaluated items", `{`+draft2020+`"type":"array","prefixItems":[{}],"unevaluatedItems":false}`, `{`+draft2020+`"type":"array","prefixItems":[{}]}`, "", "UNEVALUATED_ITEMS_REMOVED #/unevaluatedItems")

	add("items that contains described", `{`+draft2020+`"type":"array","contains":{"type":"null"},"unevaluatedItems":false}`, `{`+draft2020+`"type":"array","unevaluatedItems":false}`, "UNEVALUATED_ITEMS_NARROWED #", "CONTAINS_ADDED #/contains")
	add("an item that contains described", `{`+draft2020+`"type":"array","contains":{"type":"null"},"unevaluatedItems":false}`, `{`+draft2020+`"type":"array","contains":{"type":"null"},"prefixItems":[{"type":"string"}],"unevaluatedItems":false}`,
		"ITEM_ADDED_TO_OPEN_CONTENT_MODEL #/prefixItems/0", "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/0")

	// Combined schemas.
	add("anyOf extended", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"anyOf":[{"type":"string"},{"type":"array"},{"type":"null"}]}`, "", "SUM_TYPE_NARROWED #/anyOf")
	add("oneOf extended", `{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"oneOf":[{"type":"string"},{"type":"array"},{"type":"null"}]}`, "", "SUM_TYPE_NARROWED #/oneOf")
	add("oneOf in another order", `{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"oneOf":[{"type":"null"},{"type":"string"}]}`, "", "")
	add("a branch extended", `{"anyOf":[{"type":"integer"},{"type":"null"}]}`, `{"anyOf":[{"type":"number"},{"type":"null"}]}`, "", "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/anyOf, TYPE_NARROWED #/anyOf/0/type")
	add("a type to oneOf", `{"type":"string"}`, `{"oneOf":[{"type":"null"},{"type":"string"}]}`, "", "SUM_TYPE_NARROWED #, TYPE_CHANGED #/type")
	add("types to oneOf", `{"type":["string","null"],"maxLength":3}`, `{"oneOf":[{"type":"null"},{"type":"string","maxLength":3}]}`, "", "")
	add("two branches take the same", `{"type":"string"}`, `{"oneOf":[{"type":"string"},{"minLength":0}]}`, "COMBINED_TYPE_CHANGED #/oneOf", "SUM_TYPE_NARROWED #, TYPE_NARROWED #/type")
	add("oneOf to anyOf", `{"oneOf":[{"minimum":1},{"maxLength":3}]}`, `{"anyOf":[{"minimum":1},{"maxLength":3}]}`, "", "COMBINED_TYPE_CHANGED #/oneOf")
	add("a type to oneOf of objects", `{"type":"object","properties":{"k":{"const":1}},"required":["k"]}`, `{"oneOf":[{"type":"object","properties":{"k":{"const":1}},"required":["k"]},{"type":"object","properties":{"k":{"const":2}},"required":["k"]}]}`, "", "SUM_TYPE_NARROWED #, ENUM_ARRAY_CHANGED #/properties/k/enum")
	add("anyOf of different types to oneOf", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"oneOf":[{"type":"string"},{"type":"null"}]}`, "", "")
	add("anyOf added", `{"type":"object"}`, `{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}]}`, "COMBINED_TYPE_CHANGED #/anyOf", "")
	add("allOf narrowed", `{"allOf":[{"minimum":1},{"maximum":5}]}`, `{"allOf":[{"maximum":6}]}`, "", "PRODUCT_TYPE_EXTENDED #/allOf/0, PRODUCT_TYPE_EXTENDED #/allOf/1")
	add("allOf within", `{"allOf":[{"type":"integer"},{"maximum":5}]}`, `{"allOf":[{"type":"number"},{"maximum":5}]}`, "", "TYPE_NARROWED #/allOf/0/type")
	add("allOf of the same", `{"type":"string","maxLength":3}`, `{"allOf":[{"type":"string"},{"maxLength":3}]}`, "", "")
	add("allOf of one", `{"allOf":[{"type":"string","maxLength":3}]}`, `{"type":"string","maxLength":4}`, "", "MAX_LENGTH_DECREASED #/allOf/0/maxLength")
	add("not narrowed", `{"not":{"type":["string","null"]}}`, `{"not":{"type":"string"}}`, "", "NOT_TYPE_EXTENDED #/not")
	add("not removed", `{"type":"string","not":{"maxLength":3}}`, `{"type":"string"}`, "", "NOT_TYPE_ADDED #/not")
	add("not of another type", `{"type":"string"}`, `{"type":"string","not":{"type":"null"}}`, "", "")
	add("condition removed", `{"if":{"type":"string"},"then":{"maxLength":3}}`, `{}`, "", "CONDITION_ADDED #/if")
	add("condition within", `{"if":{"type":"string"},"then":{"maxLength":3}}`, `{"if":{"type":"string"},"then":{"maxLength":4}}`, "", "MAX_LENGTH_DECREASED #/then/maxLength")
	add("condition changed", `{"if":{"multipleOf":2},"then":{"minimum":4}}`, `{"if":{"multipleOf":3},"then":{"minimum":4}}`, "CONDITION_CHANGED #/if", "CONDITION_CHANGED #/if")

	// References.
	add("a definition within", `{"$ref":"#/definitions/a","definitions":{"a":{"type":"integer"}}}`, `{"$ref":"#/definitions/b","definitions":{"b":{"type":"number"}}}`, "", "TYPE_NARROWED #/definitions/a/type")
	add("recursive", `{"type":"object","properties":{"n":{"$ref":"#"},"v":{"type":"integer"}}}`, `{"type":"object","properties":{"n":{"$ref":"#"},"v":{"type":"number"}}}`, "", "TYPE_NARROWED #/properties/v/type")
	add("beside a reference", `{`+draft2019+`"$ref":"#/$defs/a","maximum":5,"$defs":{"a":{"type":"integer"}}}`, `{`+draft2019+`"$ref":"#/$defs/a","maximum":6,"$defs":{"a":{"type":"integer"}}}`, "", "MAXIMUM_DECREASED #/maximum")
	add("beside a reference, before 2019-09", `{"$ref":"#/definitions/a","maximum":5,"definitions":{"a":{"type":"integer"}}}`, `{"$ref":"#/definitions/a","maximum":6,"definitions":{"a":{"type":"integer"}}}`, "", "")
	return all
}

func closed(properties string) string { return partly(properties, "false") }
func opened(properties string) string { return `{"type":"object","properties":{` + properties + `}}` }
func partly(properties, additional string) string {
	return `{"type":"object","properties":{` + properties + `},"additionalProperties":` + additional + `}`
}

func mustParse(t testing.TB, text string, refs ...schema.Reference) *Schema {
	t.Helper()
	s, err := Parse(text, refs, true)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func differences(new, old *Schema, policy Policy) (found []string) {
	for _, d := range Check(new, old, policy) {
		found = append(found, d.Kind+" "+d.Path)
	}
	return found
}

// Each rule, and for each difference a document that it breaks.
func TestRules(t *testing.T) {
	for _, r := range rules() {
		old, new := mustParse(t, r.old), mustParse(t, r.new)
		if diff := cmp.Diff(r.want, differences(new, old, Strict)); diff != "" {
			t.Errorf("%s:\n old %s\n new %s\n%s", r.name, r.old, r.new, diff)
		}
		example, ok := Example(new, old)
		if ok != (r.want != nil) {
			t.Errorf("%s: example %q, %v\n old %s\n new %s", r.name, example, ok, r.old, r.new)
		}
		if ok {
			confirm(t, new, old, example)
		}
	}
}

// What only Lenient accepts, and what it does not.
func TestLenient(t *testing.T) {
	f := func(name, old, new string, strict, lenient []string) {
		t.Helper()
		o, n := mustParse(t, old), mustParse(t, new)
		for policy, want := range map[Policy][]string{Strict: strict, Lenient: lenient, "": strict, "OTHER": strict} {
			if diff := cmp.Diff(want, differences(n, o, policy)); diff != "" {
				t.Errorf("%s by policy %q:\n%s", name, policy, diff)
			}
		}
	}
	f("optional property added to an open object", opened(``), opened(`"a":{"type":"null"}`), []string{"PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a"}, nil)
	f("required property added to an open object", opened(``), `{"type":"object","properties":{"a":{"type":"null"}},"required":["a"]}`,
		[]string{"REQUIRED_ATTRIBUTE_ADDED #/required/0", "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a"}, []string{"REQUIRED_ATTRIBUTE_ADDED #/required/0"})
	f("property removed from a closed object", closed(`"a":{}`), closed(``), []string{"PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a"}, nil)
	f("additional properties forbidden", opened(``), closed(``), []string{"ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties"}, nil)
	f("additional properties narrowed", opened(``), partly(``, `{"type":"null"}`), []string{"ADDITIONAL_PROPERTIES_NARROWED #/additionalProperties"}, nil)
	f("in a branch", `{"oneOf":[`+opened(``)+`,{"type":"null"}]}`, `{"oneOf":[{"type":"null"},`+opened(`"a":{"type":"null"}`)+`]}`,
		[]string{"COMBINED_TYPE_SUBSCHEMAS_CHANGED #/oneOf", "TYPE_CHANGED #/oneOf/0/type"}, nil)
	f("not under not", `{"not":`+closed(``)+`}`, `{"not":`+opened(``)+`}`, []string{"NOT_TYPE_EXTENDED #/not"}, []string{"NOT_TYPE_EXTENDED #/not"})
	f("a type", opened(`"a":{"type":"null"}`), opened(`"a":{"type":"string"}`), []string{"TYPE_CHANGED #/properties/a/type"}, []string{"TYPE_CHANGED #/properties/a/type"})
}

// What is accepted although a validator refuses data: these two, and no more (TestData).
func TestExceptions(t *testing.T) {
	f := func(name, old, new, document string) {
		t.Helper()
		o, n := mustParse(t, old), mustParse(t, new)
		if found := Check(n, o, Strict); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
		if !accepts(t, o, document) || accepts(t, n, document) {
			t.Errorf("%s: %s does not show it", name, document)
		}
	}
	f("required, with a default", opened(`"a":{"default":1}`), `{"type":"object","properties":{"a":{"default":1}},"required":["a"]}`, `{}`)
	f("a new branch of oneOf takes the same", `{"oneOf":[{"type":"integer","minimum":3},{"type":"null"}]}`, `{"oneOf":[{"type":"integer","minimum":3},{"type":"null"},{"type":"number","multipleOf":2}]}`, `4`)
}

// A default counts wherever it stands: beside a $ref, or behind it.
func TestDefaults(t *testing.T) {
	definitions := `,"definitions":{"d":{"type":"string","default":"x"},"n":{"type":"string"}}}`
	for text, want := range map[string][]string{
		`{"type":"object","properties":{"a":{"$ref":"#/definitions/d"}}`:             nil,
		`{"type":"object","properties":{"a":{"$ref":"#/definitions/n","default":1}}`: nil,
		`{"type":"object","properties":{"a":{"$ref":"#/definitions/n"}}`:             {"REQUIRED_ATTRIBUTE_ADDED #/required/0"},
	} {
		old, new := mustParse(t, text+definitions), mustParse(t, text+`,"required":["a"]`+definitions)
		if diff := cmp.Diff(want, differences(new, old, Strict)); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
}

// Messages name what differs.
func TestMessages(t *testing.T) {
	f := func(old, new, want string) {
		t.Helper()
		found := Check(mustParse(t, new), mustParse(t, old), Strict)
		if len(found) == 0 || found[0].Message != want {
			t.Errorf("%s to %s: %+v, want %q", old, new, found, want)
		}
	}
	f(`{"type":["string","null"]}`, `{"type":"string"}`, "the type was null or string and is only string now")
	f(`{"type":"number"}`, `{"type":"integer"}`, "the type was number and is only integer now")
	f(`{"enum":["a","b",3]}`, `{"enum":["a"]}`, `"b", 3 not allowed any more`)
	f(`{"type":"string","maxLength":5}`, `{"type":"string","maxLength":3}`, "maxLength was 5 and is 3 now")
	f(opened(`"a":{}`), `{"type":"object","required":["a"],"properties":{"a":{}}}`, `property "a" is required now, and has no default`)
}

// Each difference is said once, however often its schema is used, and with the
// place where the reader finds it.
func TestPlaces(t *testing.T) {
	definition := func(typ string) string {
		return `{"properties":{"a":{"$ref":"#/definitions/d"},"b":{"$ref":"#/definitions/d"},"c~/":{"$ref":"x"}},"definitions":{"d":{"type":"` + typ + `"}}}`
	}
	new := mustParse(t, definition("integer"), reference("x", `{"items":{"type":"integer"}}`))
	old := mustParse(t, definition("number"), reference("x", `{"items":{"type":"number"}}`))
	want := []string{"TYPE_NARROWED #/definitions/d/type", "TYPE_NARROWED x#/items/type"}
	if diff := cmp.Diff(want, differences(new, old, Strict)); diff != "" {
		t.Error(diff)
	}
	// The texts are the same, and yet a reference is not.
	old = mustParse(t, definition("integer"), reference("x", `{"items":{"type":"number"}}`))
	if diff := cmp.Diff(want[1:], differences(new, old, Strict)); diff != "" {
		t.Error(diff)
	}
}

func TestManyDifferences(t *testing.T) {
	object := func(typ string) string {
		var properties []string
		for i := range 1500 {
			properties = append(properties, `"p`+strings.Repeat("x", i%7)+string(rune('a'+i%26))+strings.Repeat("y", i/26)+`":{"type":"`+typ+`"}`)
		}
		return opened(strings.Join(properties, ","))
	}
	if found := Check(mustParse(t, object("string")), mustParse(t, object("null")), Strict); len(found) != maxFound {
		t.Errorf("%d differences", len(found))
	}
}

// Two recursive schemas, each of a ring: the pairs are as many as the product.
func TestTooComplex(t *testing.T) {
	ring := func(n int, last string) string {
		var definitions []string
		for i := range n {
			definitions = append(definitions, `"`+strconv.Itoa(i)+`":{"properties":{"next":{"$ref":"#/definitions/`+strconv.Itoa((i+1)%n)+`"}`+last+`}}`)
		}
		return `{"$ref":"#/definitions/0","definitions":{` + strings.Join(definitions, ",") + `}}`
	}
	if found := differences(mustParse(t, ring(31, "")), mustParse(t, ring(37, "")), Strict); found != nil {
		t.Errorf("rings of 31 and 37: %v", found)
	}
	if found := differences(mustParse(t, ring(997, "")), mustParse(t, ring(991, "")), Strict); !slices.Equal(found, []string{"TOO_COMPLEX #"}) {
		t.Errorf("rings of 997 and 991: %v", found)
	}
}

// Random schemas are compatible with themselves, and canonical text is its own.
func TestSelf(t *testing.T) {
	for seed := range uint64(1000) {
		g := newGenerator(seed)
		text := g.whole().String()
		s, err := Parse(text, nil, true)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		again := mustParse(t, s.Canonical())
		if again.Canonical() != s.Canonical() || s.Canonical() != text {
			t.Errorf("seed %d: %s is not its own canonical text: %s", seed, s.Canonical(), again.Canonical())
		}
		if n := mustParse(t, s.Normalized()); n.Normalized() != s.Normalized() || len(check(n, s, Strict)) > 0 {
			t.Errorf("seed %d: normalized text %s of %s", seed, s.Normalized(), text)
		}
		for _, policy := range []Policy{Strict, Lenient} {
			if found := check(again, s, policy); len(found) > 0 {
				t.Errorf("seed %d: %s is not compatible with itself: %v", seed, text, found)
			}
		}
	}
}

// Edits that are labelled by the rules as safe or unsafe stay so in any place of a schema.
func TestLabelledEdits(t *testing.T) {
	draft := regexp.MustCompile(`"\$schema":"[^"]*",`)
	contexts := []string{`{"type":"object","properties":{"p":%s,"q":{"type":"null"}},"required":["p"]}`, `{"type":"array","items":%s}`, `{"type":"object","additionalProperties":%s}`,
		`{"allOf":[{"minimum":1},%s]}`, `{"type":"object","patternProperties":{"^p":%s}}`, `{"anyOf":[{"type":"array","maxItems":0},{"type":"object","properties":{"p":%s},"additionalProperties":false}]}`,
		`{"type":"array","contains":%s}`, `{"if":{"type":"object"},"then":{"required":["p"],"properties":{"p":%s}}}`}
	var safe, unsafe int
	for seed := range uint64(2000) {
		g := newGenerator(seed)
		r := rules()[g.IntN(len(rules()))]
		if strings.Contains(r.old+r.new, "$ref") || draft.FindString(r.old) != draft.FindString(r.new) || strings.HasPrefix(r.name, "true and false") {
			continue
		}
		old, new := draft.ReplaceAllString(r.old, ""), draft.ReplaceAllString(r.new, "")
		for range 1 + g.IntN(3) {
			context := g.one(contexts...)
			old, new = fmt.Sprintf(context, old), fmt.Sprintf(context, new)
		}
		old, new = "{"+draft.FindString(r.old)+old[1:], "{"+draft.FindString(r.old)+new[1:]
		found := Check(mustParse(t, new), mustParse(t, old), Strict)
		if (len(found) == 0) != (r.want == nil) {
			t.Errorf("%s: %v\n old %s\n new %s", r.name, found, old, new)
		}
		if r.want == nil {
			safe++
		} else {
			unsafe++
		}
	}
	if safe < 500 || unsafe < 500 {
		t.Errorf("%d safe and %d unsafe edits", safe, unsafe)
	}
}
