package avroschema

import (
	"github.com/weirhq/weir/internal/registry/schema"
)

// Schema is a parsed Avro schema. It is immutable.
type Schema struct {
	root *node
	// known are the full names of the types that the references bring: the
	// canonical texts mention them by name only.
	known map[string]bool
}

var _ schema.Schema = (*Schema)(nil)

// kind is a kind of type. The primitives come first.
type kind uint8

const (
	null kind = iota
	boolean
	integer
	long
	float
	double
	octets
	str
	array
	mapping
	union
	record
	enum
	fixed
	unresolved // a name before the end of parsing
)

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"array", "map", "union", "record", "enum", "fixed", "unresolved"}

func (k kind) String() string    { return kindNames[k] }
func (k kind) isPrimitive() bool { return k <= str }
func (k kind) isNamed() bool     { return k >= record }

// node is a type. Its graph may have cycles, through records.
type node struct {
	kind  kind
	props []member // in their order; words of the language are not among them

	element  *node   // of an array or map
	branches []*node // of a union
	*named           // of a record, enum or fixed
}

type named struct {
	name    name
	aliases []name
	doc     *string

	isError bool // a record that is an error
	open    bool // a record whose fields are still being parsed
	fields  []field
	index   map[string]int // of fields by name, if they are many

	symbols     []string
	enumDefault *string
	size        string // of a fixed
}

type field struct {
	name     string
	typ      *node
	doc      *string
	fallback *value // the default
	order    string // empty for ascending
	aliases  []string
	props    []member
}

// name is the name of a type; space is empty for the null namespace.
type name struct{ space, short string }

func (n name) String() string {
	if n.space == "" {
		return n.short
	}
	return n.space + "." + n.short
}

// primitives are the nodes of the primitive types without properties.
var primitives = func() (nodes [str + 1]*node) {
	for k := range nodes {
		nodes[k] = &node{kind: kind(k)}
	}
	return nodes
}()

func primitive(name string) *node {
	for k, n := range primitives {
		if kindNames[k] == name {
			return n
		}
	}
	return nil
}

// String names a type in messages: n.R, array of int.
func (n *node) String() string {
	switch {
	case n.named != nil:
		return n.name.String()
	case n.element != nil:
		return n.kind.String() + " of " + n.element.shortly()
	}
	return n.kind.String()
}

func (n *node) shortly() string {
	if n.named != nil {
		return n.name.String()
	}
	return n.kind.String()
}

// field finds a field by name, or returns nil.
func (n *node) field(name string) *field {
	if n.index != nil {
		if i, ok := n.index[name]; ok {
			return &n.fields[i]
		}
		return nil
	}
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i]
		}
	}
	return nil
}
