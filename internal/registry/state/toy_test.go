package state

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
)

// toySchema is of a language whose schemas are one line: fields, each "name type" or, with a
// default, "name type=", with ; between them. A field "use n" is the fields of
// the schema that reference n brings in.
type toySchema struct{ fields []toyField }

type toyField struct {
	name, kind string
	optional   bool
}

func parseToy(text string, refs []schema.Reference, strict bool) (*toySchema, error) {
	s := &toySchema{}
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) != 2 {
			return nil, fmt.Errorf("field %q is not a name and a type", part)
		}
		f := toyField{words[0], strings.TrimSuffix(words[1], "="), strings.HasSuffix(words[1], "=")}
		if f.name == "use" && !slices.ContainsFunc(refs, func(r schema.Reference) bool { return r.Name == f.kind }) {
			return nil, fmt.Errorf("%q is not referred to", f.kind)
		}
		if strict && strings.ToLower(f.name) != f.name {
			return nil, fmt.Errorf("field %q is not in small letters", f.name)
		}
		s.fields = append(s.fields, f)
	}
	return s, nil
}

func checkToy(reader, writer *toySchema) (found []schema.Difference) {
	for _, f := range reader.fields {
		i := slices.IndexFunc(writer.fields, func(w toyField) bool { return w.name == f.name })
		switch {
		case i < 0 && !f.optional:
			found = append(found, schema.Difference{Kind: "MISSING", Path: "/" + f.name, Message: "field " + f.name + " has no default and is not written"})
		case i >= 0 && writer.fields[i].kind != f.kind:
			found = append(found, schema.Difference{Kind: "KIND", Path: "/" + f.name, Message: "field " + f.name + " is of another type"})
		}
	}
	return found
}

func (s *toySchema) Canonical() string {
	var parts []string
	for _, f := range s.fields {
		part := f.name + " " + f.kind
		if f.optional {
			part += "="
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ";")
}

func (s *toySchema) Normalized() string {
	sorted := slices.Clone(s.fields)
	slices.SortFunc(sorted, func(a, b toyField) int { return strings.Compare(a.name, b.name) })
	return (&toySchema{sorted}).Canonical()
}

// checkToyPolicy takes any change under policy LENIENT.
func checkToyPolicy(reader, writer *toySchema, policy string) []schema.Difference {
	if policy == "LENIENT" {
		return nil
	}
	return checkToy(reader, writer)
}

var toys = map[string]Language{"AVRO": Adapt(parseToy, checkToy), "JSON": AdaptPolicy(parseToy, checkToyPolicy)}
