package serde

import (
	"fmt"
	"slices"
)

// Format is how values become bytes.
type Format int

const (
	// Avro is the default.
	Avro Format = iota
	// JSON is JSON that a JSON Schema describes.
	JSON
	// Protobuf is Protobuf's binary format.
	Protobuf
	// String is UTF-8 text, without a schema.
	String
	// Bytes is what it is, without a schema.
	Bytes
)

var formatNames = []string{"AVRO", "JSON", "PROTOBUF", "STRING", "BYTES"}

// String returns the name as the registry says it.
func (f Format) String() string {
	if f < 0 || int(f) >= len(formatNames) {
		return fmt.Sprintf("format %d", int(f))
	}
	return formatNames[f]
}

// MarshalText implements encoding.TextMarshaler.
func (f Format) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a schemaType; none is AVRO.
func (f *Format) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*f = Avro
		return nil
	}
	i := slices.Index(formatNames, string(b))
	if i < 0 || i > int(Protobuf) {
		return fmt.Errorf("%w: unknown schema type %q", ErrSchema, b)
	}
	*f = Format(i)
	return nil
}

// Schema is a schema as the registry has it.
type Schema struct {
	ID         int         `json:"id"`                   // 0 if it is not known
	GUID       GUID        `json:"guid"`                 // zero if the registry gives none
	Format     Format      `json:"schemaType"`           // Avro, JSON or Protobuf
	Text       string      `json:"schema"`               // Protobuf: a .proto file, or a FileDescriptorProto in base64
	References []Reference `json:"references,omitempty"` // what the text names and does not contain
}

// Reference is a schema that another one names.
type Reference struct {
	// Name is what the other says: Avro's full name of the type, JSON Schema's
	// $ref, or the path that Protobuf imports.
	Name string `json:"name"`
	// Subject and Version say where the registry has it. In Config the version
	// is not asked for: the text is registered, or looked up, and gets it.
	Subject string `json:"subject"`
	Version int    `json:"version"`
	// Text is the schema itself.
	Text       string      `json:"schema"`
	References []Reference `json:"references,omitempty"`
}

// codec writes and reads the values of one schema. It is immutable.
type codec interface {
	format() Format
	// name is the full name of what the schema describes, "" if it has none.
	name() string
	// indexes is what a frame needs beside the id: nothing, except in Protobuf.
	indexes() []byte
	// append appends the value that v points to.
	append(dst []byte, v any) ([]byte, error)
	// decode fills what v points to, and takes nothing less than the whole payload.
	decode(f Frame, v any) error
	// reading returns what reads the values that the other codec's schema
	// describes as values of this one.
	reading(writer codec) (codec, error)
	// writing returns what writes the values of this codec so that the other's
	// schema describes them.
	writing(latest codec) (codec, error)
}

// maxReferences bounds the references of one schema, those of references
// included.
const maxReferences = 1000

// each calls fn for the references that refs hold, each after those that it
// needs, and each name once.
func each(refs []Reference, seen map[string]bool, fn func(Reference) error) error {
	for _, ref := range refs {
		if seen[ref.Name] {
			continue
		}
		seen[ref.Name] = true
		if err := each(ref.References, seen, fn); err != nil {
			return err
		}
		if err := fn(ref); err != nil {
			return fmt.Errorf("reference %q: %w", ref.Name, err)
		}
	}
	return nil
}

// parse returns the codec of a schema.
func parse(s Schema) (codec, error) {
	var c codec
	var err error
	switch s.Format {
	case Avro:
		c, err = parseAvro(s)
	case JSON:
		c, err = parseJSON(s)
	case Protobuf:
		c, err = parseProtobuf(s)
	default:
		err = fmt.Errorf("%v has no schemas", s.Format)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return c, nil
}

// mismatch is why a schema of one format can not read or write another's.
func mismatch(own, other codec) error {
	return fmt.Errorf("%w: it is %v, not %v", ErrSchema, other.format(), own.format())
}
