package jsonschema

import (
	"strconv"
	"strings"
)

// Walk calls visit for each property and each other schema of the text that is
// described or tagged, in its order: with a pointer to it (#/properties/a), what it is
// (field or schema), its title and description, and its tags (confluent:tags). What
// the text refers to elsewhere is not walked.
func (s *Schema) Walk(visit func(path, kind, doc string, tags []string)) {
	walk(&s.text, "#", "schema", visit)
}

// Where schemas hold schemas, in all drafts: by name, in a list, or alone.
var (
	byName = map[string]bool{"properties": true, "patternProperties": true, "definitions": true, "$defs": true, "dependentSchemas": true, "dependencies": true}
	within = map[string]bool{
		"allOf": true, "anyOf": true, "oneOf": true, "prefixItems": true, "items": true, "additionalItems": true, "unevaluatedItems": true, "contains": true,
		"additionalProperties": true, "unevaluatedProperties": true, "propertyNames": true, "not": true, "if": true, "then": true, "else": true,
	}
)

// walk goes as deep as a text may nest.
func walk(v *value, at, kind string, visit func(path, kind, doc string, tags []string)) {
	if v.kind != '{' {
		if kind == "field" {
			visit(at, kind, "", nil) // true and false are schemas
		}
		return
	}
	var doc []string
	for _, word := range []string{"title", "description"} {
		if text, ok := v.string(word); ok && text != "" {
			doc = append(doc, text)
		}
	}
	var tags []string
	if list := v.get("confluent:tags"); list != nil && list.kind == '[' {
		for _, t := range list.items {
			if t.kind == '"' {
				tags = append(tags, t.text)
			}
		}
	}
	if kind == "field" || len(doc)+len(tags) > 0 {
		visit(at, kind, strings.Join(doc, "\n"), tags)
	}
	for i := range v.items {
		m := &v.items[i]
		below := at + "/" + escape(m.name)
		switch {
		case byName[m.name] && m.kind == '{':
			of := "schema"
			if m.name == "properties" {
				of = "field"
			}
			for j := range m.items {
				walk(&m.items[j].value, below+"/"+escape(m.items[j].name), of, visit)
			}
		case within[m.name] && m.kind == '[':
			for j := range m.items {
				walk(&m.items[j].value, below+"/"+strconv.Itoa(j), "schema", visit)
			}
		case within[m.name]:
			walk(&m.value, below, "schema", visit)
		}
	}
}
