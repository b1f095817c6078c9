package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// maxDepth bounds the nesting of types; the JSON around them may nest four
// times as deep (a field costs an array and two objects).
const maxDepth = 512

// canonicalAvro returns the canonical text of an Avro schema: what Avro Java's
// Schema.toString gives, which is what Confluent's registry stores and compares.
// White space, the order of properties and the many ways to say one thing go;
// everything that somebody may have meant stays: doc, aliases, defaults, order
// and custom properties. So two texts are one schema exactly if their canonical
// texts are equal.
//
// The rules:
//   - record: type, name, namespace, doc, fields, properties, aliases;
//     field: name, type, doc, default, order unless ascending, aliases, properties;
//     enum: type, name, namespace, doc, symbols, default, properties, aliases;
//     fixed: type, name, namespace, doc, size, properties, aliases;
//     array and map: type, items or values, properties
//   - custom properties keep their order; reserved words where they mean
//     nothing ("doc" of an array) are dropped
//   - a namespace is written where it differs from the enclosing one
//   - a named type is written in full once and by name after that
//   - a primitive is its bare name unless it has properties
//
// Only the structure is checked here. Names, defaults and symbols are judged
// when a schema is registered; a stored one has passed that long ago.
func canonicalAvro(text string) (string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	root, err := readNode(d, 0)
	if err != nil {
		return "", err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("something follows the schema")
	}
	c := canon{known: map[string]bool{}}
	if err := c.schema(root, "", 0); err != nil {
		return "", err
	}
	return string(c.dst), nil
}

// node is a JSON value that remembers the order of its members.
type node struct {
	token   json.Token // string, json.Number, bool, nil, or a json.Delim
	items   []node     // of '['
	members []member   // of '{'
}

type member struct {
	name string
	node node
}

func (n node) get(name string) (node, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m.node, true
		}
	}
	return node{}, false
}

func (n node) text(name string) (string, bool) {
	v, _ := n.get(name)
	s, ok := v.token.(string)
	return s, ok
}

func readNode(d *json.Decoder, depth int) (node, error) {
	if depth > 4*maxDepth {
		return node{}, fmt.Errorf("nested more than %d deep", 4*maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	n := node{token: t}
	delim, _ := t.(json.Delim)
	if delim == 0 {
		return n, nil
	}
	index := map[string]int{} // of a name that comes twice, the last value counts
	for d.More() {
		name := ""
		if delim == '{' {
			t, err := d.Token()
			if err != nil {
				return node{}, err
			}
			name = t.(string) // the decoder takes nothing else here
		}
		child, err := readNode(d, depth+1)
		if err != nil {
			return node{}, err
		}
		if delim == '[' {
			n.items = append(n.items, child)
		} else if i, twice := index[name]; twice {
			n.members[i].node = child
		} else {
			index[name] = len(n.members)
			n.members = append(n.members, member{name, child})
		}
	}
	_, err = d.Token() // the closing delimiter
	return n, err
}

var (
	primitives    = []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
	complexes     = []string{"record", "error", "enum", "fixed", "array", "map", "union"}
	schemaWords   = []string{"type", "name", "namespace", "doc", "fields", "symbols", "items", "values", "size", "aliases"}
	enumWords     = append(slices.Clone(schemaWords), "default")
	fieldWords    = []string{"name", "type", "doc", "default", "order", "aliases"}
	errNoTypeText = errors.New(`"type" must be a string`)
)

// canon writes canonical text.
type canon struct {
	dst   []byte
	known map[string]bool // full names of the types written so far
}

func (c *canon) raw(s string)  { c.dst = append(c.dst, s...) }
func (c *canon) text(s string) { c.dst = wire.AppendJacksonString(c.dst, s) }

// key writes ,"name": (the first key of an object is written by hand).
func (c *canon) key(name string) { c.raw(","); c.text(name); c.raw(":") }

// schema writes n, whose names are relative to the namespace space.
func (c *canon) schema(n node, space string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("types nested more than %d deep", maxDepth)
	}
	switch t := n.token.(type) {
	case string:
		return c.reference(t, space)
	case json.Delim:
		if t == '{' {
			return c.object(n, space, depth)
		}
		c.raw("[")
		for i, branch := range n.items {
			if i > 0 {
				c.raw(",")
			}
			if err := c.schema(branch, space, depth+1); err != nil {
				return fmt.Errorf("branch %d: %w", i, err)
			}
		}
		c.raw("]")
		return nil
	}
	return fmt.Errorf("%v is not a schema", n.token)
}

// reference writes a primitive, or the name of a type that came before.
func (c *canon) reference(name, space string) error {
	if slices.Contains(primitives, name) {
		c.text(name)
		return nil
	}
	full := qualify(name, space)
	if !c.known[full] {
		full = name // Java's second try: the null namespace
	}
	if !c.known[full] {
		return fmt.Errorf("type %q is not defined", name)
	}
	c.text(relative(full, space))
	return nil
}

func (c *canon) object(n node, space string, depth int) error {
	typ, ok := n.text("type")
	if !ok {
		return errNoTypeText
	}
	switch typ {
	case "record", "error", "enum", "fixed":
		return c.named(n, typ, space, depth)
	case "array", "map":
		word := map[string]string{"array": "items", "map": "values"}[typ]
		element, ok := n.get(word)
		if !ok {
			return fmt.Errorf("%s without %q", typ, word)
		}
		c.raw(`{"type":"` + typ + `"`)
		c.key(word)
		if err := c.schema(element, space, depth+1); err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
		c.properties(n, schemaWords)
		c.raw("}")
		return nil
	}
	if !slices.Contains(primitives, typ) || !hasProperties(n, schemaWords) {
		return c.reference(typ, space)
	}
	c.raw(`{"type":`)
	c.text(typ)
	c.properties(n, schemaWords)
	c.raw("}")
	return nil
}

// named writes a record, enum or fixed.
func (c *canon) named(n node, typ, outer string, depth int) error {
	name, _ := n.text("name")
	space := outer
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		space, name = name[:i], name[i+1:]
	} else if ns, ok := n.text("namespace"); ok {
		space = ns
	}
	if name == "" {
		return fmt.Errorf("%s without a name", typ)
	}
	full := qualify(name, space)
	if c.known[full] {
		return fmt.Errorf("type %q is defined twice", full)
	}
	c.known[full] = true

	c.raw(`{"type":"` + typ + `","name":`)
	c.text(name)
	if space != outer {
		c.key("namespace")
		c.text(space)
	}
	if err := c.optional(n, "doc"); err != nil {
		return err
	}
	words := schemaWords
	switch typ {
	case "enum":
		words = enumWords
		symbols, _ := n.get("symbols")
		if symbols.token != json.Delim('[') {
			return fmt.Errorf("enum %q without symbols", full)
		}
		c.key("symbols")
		c.json(symbols)
		if err := c.optional(n, "default"); err != nil {
			return err
		}
	case "fixed":
		size, _ := n.get("size")
		if _, ok := size.token.(json.Number); !ok {
			return fmt.Errorf("fixed %q without a size", full)
		}
		c.key("size")
		c.json(size)
	default:
		fields, _ := n.get("fields")
		if fields.token != json.Delim('[') {
			return fmt.Errorf("%s %q without fields", typ, full)
		}
		c.key("fields")
		c.raw("[")
		for i, f := range fields.items {
			if i > 0 {
				c.raw(",")
			}
			if err := c.field(f, space, depth); err != nil {
				return fmt.Errorf("%s: %w", full, err)
			}
		}
		c.raw("]")
	}
	c.properties(n, words)
	err := c.aliases(n, func(alias string) string { return relative(qualify(alias, space), space) })
	c.raw("}")
	return err
}

func (c *canon) field(n node, space string, depth int) error {
	name, ok := n.text("name")
	if !ok {
		return errors.New("field without a name")
	}
	typ, ok := n.get("type")
	if !ok {
		return fmt.Errorf("field %q without a type", name)
	}
	c.raw(`{"name":`)
	c.text(name)
	c.key("type")
	if err := c.schema(typ, space, depth+1); err != nil {
		return fmt.Errorf("field %q: %w", name, err)
	}
	if err := c.optional(n, "doc"); err != nil {
		return fmt.Errorf("field %q: %w", name, err)
	}
	if value, ok := n.get("default"); ok { // null is a default too
		c.key("default")
		c.json(value)
	}
	if order, ok := n.get("order"); ok {
		word, isText := order.token.(string)
		if !isText {
			return fmt.Errorf("field %q: order must be a string", name)
		}
		if !strings.EqualFold(word, "ascending") {
			c.key("order")
			c.text(strings.ToLower(word))
		}
	}
	if err := c.aliases(n, func(alias string) string { return alias }); err != nil {
		return fmt.Errorf("field %q: %w", name, err)
	}
	c.properties(n, fieldWords)
	c.raw("}")
	return nil
}

// optional writes a property that is a string, if it is there; null is not.
func (c *canon) optional(n node, name string) error {
	v, _ := n.get(name)
	if v.token == nil {
		return nil
	}
	s, ok := v.token.(string)
	if !ok {
		return fmt.Errorf("%s must be a string", name)
	}
	c.key(name)
	c.text(s)
	return nil
}

// aliases writes the distinct aliases, if there are any.
func (c *canon) aliases(n node, spell func(string) string) error {
	list, ok := n.get("aliases")
	if ok && list.token != json.Delim('[') {
		return errors.New("aliases must be an array")
	}
	written := map[string]bool{}
	for _, item := range list.items {
		alias, ok := item.token.(string)
		if !ok {
			return errors.New("an alias must be a string")
		}
		if alias = spell(alias); written[alias] {
			continue
		}
		if len(written) == 0 {
			c.key("aliases")
			c.raw("[")
		} else {
			c.raw(",")
		}
		written[alias] = true
		c.text(alias)
	}
	if len(written) > 0 {
		c.raw("]")
	}
	return nil
}

// properties writes the members whose names are not words of the language.
func (c *canon) properties(n node, words []string) {
	for _, m := range n.members {
		if !slices.Contains(words, m.name) {
			c.key(m.name)
			c.json(m.node)
		}
	}
}

func hasProperties(n node, words []string) bool {
	return slices.ContainsFunc(n.members, func(m member) bool { return !slices.Contains(words, m.name) })
}

// json writes any value: compact, members in their order, numbers as written.
func (c *canon) json(n node) {
	switch t := n.token.(type) {
	case nil:
		c.raw("null")
	case bool:
		c.raw(fmt.Sprint(t))
	case json.Number:
		c.raw(t.String())
	case string:
		c.text(t)
	case json.Delim:
		if t == '[' {
			c.raw("[")
			for i, item := range n.items {
				if i > 0 {
					c.raw(",")
				}
				c.json(item)
			}
			c.raw("]")
			return
		}
		c.raw("{")
		for i, m := range n.members {
			if i > 0 {
				c.raw(",")
			}
			c.text(m.name)
			c.raw(":")
			c.json(m.node)
		}
		c.raw("}")
	}
}

// qualify returns the full name of a name that is written in a namespace.
func qualify(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}

// relative spells a full name as it is written in a namespace: short, unless
// the short name would read as one of the language's own types.
func relative(full, space string) string {
	i := strings.LastIndexByte(full, '.')
	if i < 0 || full[:i] != space || slices.Contains(primitives, full[i+1:]) || slices.Contains(complexes, full[i+1:]) {
		return full
	}
	return full[i+1:]
}
