package registry

import (
	"github.com/weirhq/weir/internal/registry/avroschema"
	"github.com/weirhq/weir/internal/registry/jsonschema"
	"github.com/weirhq/weir/internal/registry/protoschema"
	"github.com/weirhq/weir/internal/registry/schema"
	"github.com/weirhq/weir/internal/registry/state"
)

// languages are the schema types that can be registered. Schemas of others that are
// in the topic are served as they are.
func languages() map[string]state.Language {
	return map[string]state.Language{
		"AVRO":     state.Adapt(avroschema.Parse, avroschema.Check),
		"JSON":     state.AdaptPolicy(jsonschema.Parse, checkJSON),
		"PROTOBUF": state.Adapt(protoschema.Parse, protoschema.Check),
	}
}

func checkJSON(reader, writer *jsonschema.Schema, policy string) []schema.Difference {
	return jsonschema.Check(reader, writer, jsonschema.Policy(policy))
}

// languageNames are their names in the order of Confluent's registry.
func languageNames() (names []string) {
	known := languages()
	for _, name := range []string{"JSON", "PROTOBUF", "AVRO"} {
		if known[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// example returns a document of the writer's schema that the reader's can not read,
// or misreads, if one can be made.
func example(reader, writer schema.Schema) (text string, ok bool) {
	switch r := reader.(type) {
	case *avroschema.Schema:
		if w, same := writer.(*avroschema.Schema); same {
			return avroschema.Example(r, w)
		}
	case *jsonschema.Schema:
		if w, same := writer.(*jsonschema.Schema); same {
			return jsonschema.Example(r, w)
		}
	case *protoschema.Schema:
		if w, same := writer.(*protoschema.Schema); same {
			return protoschema.Example(r, w)
		}
	}
	return "", false
}

// formatted returns a schema's text in a format that a client asks for, if its
// language has it; others are answered with the text as it is.
func formatted(s schema.Schema, format string) (text string, ok bool) {
	switch s := s.(type) {
	case *avroschema.Schema:
		if format == "resolved" {
			return s.Resolved(), true
		}
	case *protoschema.Schema:
		if format == "serialized" {
			return s.Serialized(), true
		}
	}
	return "", false
}
