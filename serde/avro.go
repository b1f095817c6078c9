package serde

import (
	"fmt"
	"strings"

	"github.com/twmb/avro"
)

type avroCodec struct{ schema *avro.Schema }

func parseAvro(s Schema) (codec, error) {
	if len(s.References) == 0 {
		schema, err := avro.Parse(s.Text)
		if err != nil {
			return nil, err
		}
		return &avroCodec{schema}, nil
	}
	var known avro.SchemaCache
	err := each(s.References, map[string]bool{}, func(ref Reference) error {
		_, err := known.Parse(ref.Text)
		return err
	})
	if err != nil {
		return nil, err
	}
	schema, err := known.Parse(s.Text)
	if err != nil {
		return nil, err
	}
	return &avroCodec{schema}, nil
}

func (c *avroCodec) name() string {
	root := c.schema.Root()
	if root.Name == "" || root.Namespace == "" || strings.Contains(root.Name, ".") {
		return root.Name
	}
	return root.Namespace + "." + root.Name
}

func (c *avroCodec) format() Format  { return Avro }
func (c *avroCodec) indexes() []byte { return nil }

func (c *avroCodec) append(dst []byte, v any) ([]byte, error) { return c.schema.AppendEncode(dst, v) }

func (c *avroCodec) decode(f Frame, v any) error {
	if err := noIndexes(f); err != nil {
		return err
	}
	rest, err := c.schema.Decode(f.Payload, v)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow the value", len(rest))
	}
	return err
}

// noIndexes refuses message indexes where there are no messages.
func noIndexes(f Frame) error {
	if len(f.Indexes) > 0 {
		return fmt.Errorf("%d bytes follow the schema's id in the header", len(f.Indexes))
	}
	return nil
}

// reading resolves by the rules of Avro's specification: fields added with
// defaults, removed, renamed by alias, promoted.
func (c *avroCodec) reading(writer codec) (codec, error) {
	w, ok := writer.(*avroCodec)
	if !ok {
		return nil, mismatch(c, writer)
	}
	schema, err := avro.Resolve(w.schema, c.schema)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return &avroCodec{schema}, nil
}

func (c *avroCodec) writing(latest codec) (codec, error) {
	if _, ok := latest.(*avroCodec); !ok {
		return nil, mismatch(c, latest)
	}
	return latest, nil // whether a value fits, it says by each
}
