package serde

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

type jsonCodec struct {
	schema *jsonschema.Schema // nil: anything is valid
	title  string
}

// jsonBase is where a schema without an $id is, so that relative references in it
// mean something.
const jsonBase = "weir:///"

func parseJSON(s Schema) (codec, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(s.Text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // Confluent's
	c.UseRegexpEngine(lenientRegexp)
	loader := registered{}
	err = each(s.References, map[string]bool{}, func(ref Reference) error {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ref.Text))
		loader[ref.Name] = doc
		return err
	})
	if err != nil {
		return nil, err
	}
	c.UseLoader(loader)
	const at = jsonBase + "schema.json#"
	if err := c.AddResource(at, doc); err != nil {
		return nil, err
	}
	schema, err := c.Compile(at)
	if err != nil {
		return nil, err
	}
	return &jsonCodec{schema, schema.Title}, nil
}

// registered are the documents that a schema may refer to: nothing is fetched.
type registered map[string]any

// Load implements jsonschema.URLLoader. A reference's name is what the schema
// says, and url what became of it at the schema's base.
func (r registered) Load(url string) (any, error) {
	if doc, ok := r[url]; ok {
		return doc, nil
	}
	best := ""
	for name := range r {
		end := "/" + strings.TrimLeft(strings.TrimPrefix(name, "./"), "/")
		if strings.HasSuffix(url, end) && len(name) > len(best) {
			best = name
		}
	}
	if best == "" {
		return nil, fmt.Errorf("%s is not among the schema's references", strings.TrimPrefix(url, jsonBase))
	}
	return r[best], nil
}

// anyString stands for a pattern that Go's engine can not express, as with look
// around: what can not be checked does not make a record unreadable.
type anyString string

func (a anyString) String() string        { return string(a) }
func (anyString) MatchString(string) bool { return true }

func lenientRegexp(pattern string) (jsonschema.Regexp, error) {
	if re, err := regexp.Compile(pattern); err == nil {
		return re, nil
	}
	return anyString(pattern), nil
}

func (c *jsonCodec) format() Format  { return JSON }
func (c *jsonCodec) name() string    { return c.title }
func (c *jsonCodec) indexes() []byte { return nil }

// append validates what it wrote, not the value: tags decide what is written.
func (c *jsonCodec) append(dst []byte, v any) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	out := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	_, err := c.valid(out[len(dst):])
	return out, err
}

// valid returns the value as encoding/json has it, with json.Number for numbers.
func (c *jsonCodec) valid(b []byte) (any, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if c.schema == nil {
		return doc, nil
	}
	return doc, c.schema.Validate(doc)
}

func (c *jsonCodec) decode(f Frame, v any) error {
	if err := noIndexes(f); err != nil {
		return err
	}
	doc, err := c.valid(f.Payload)
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case *any:
		*v = doc
		return nil
	case *map[string]any:
		object, ok := doc.(map[string]any)
		if !ok {
			return fmt.Errorf("a %T is no object", doc)
		}
		*v = object
		return nil
	}
	return json.Unmarshal(f.Payload, v)
}

// reading reads by the reader's own schema, if there is one: that is what its
// type was written for.
func (c *jsonCodec) reading(writer codec) (codec, error) {
	if _, ok := writer.(*jsonCodec); !ok {
		return nil, mismatch(c, writer)
	}
	if c.schema == nil {
		return writer, nil
	}
	return c, nil
}

func (c *jsonCodec) writing(latest codec) (codec, error) {
	if _, ok := latest.(*jsonCodec); !ok {
		return nil, mismatch(c, latest)
	}
	return latest, nil
}
