// Package schema holds what the registry's schema languages (Avro, JSON Schema,
// Protobuf) have in common: the words, and the reader of JSON texts (json.go), which
// keeps the order of members since a schema's identity depends on it. Reading costs
// one pass, and no memory but for the caller's tree, unescaped strings and the members
// of what is open.
package schema

// Schema is a parsed schema of any type. It is immutable.
type Schema interface {
	// Canonical is the text that decides identity: two texts of one schema, however
	// they are spaced, have one canonical text. It parses to the same schema.
	Canonical() string
	// Normalized is the canonical text after what has no meaning was put in order
	// (Confluent's normalize=true).
	Normalized() string
}

// Reference is a schema that another one refers to by name, resolved.
type Reference struct {
	Name       string // as the referring schema says it
	Subject    string
	Version    int
	Text       string      // of the schema that is referred to
	References []Reference // of that schema in turn
}

// Difference is one reason why data written with one schema can not be read with another.
type Difference struct {
	Kind    string // in capitals, such as READER_FIELD_MISSING_DEFAULT_VALUE
	Path    string // where, as a JSON pointer into the reader's schema, or a Protobuf name
	Message string // in words, with the names of what differs
}
