package serde

import (
	"context"
	"slices"
	"strings"

	"github.com/twmb/avro"
)

// Layout is how values of a schema in Avro are written, for who reads a part of
// them without decoding the whole. References to named types are resolved, so a
// layout may contain itself.
type Layout struct {
	// Kind is Avro's name of the type, from null to union. "": how its values are
	// written is not certain.
	Kind string
	// Logical is the logical type if Decode knows it and it may be of this kind,
	// even if its parameters are such that Decode ignores it.
	Logical string
	Size    int      // of a fixed, in bytes
	Symbols []string // of an enum
	Fields  []LayoutField
	Of      []*Layout // what an array or a map is of, or the branches of a union
}

// LayoutField is a field of a record.
type LayoutField struct {
	Name string
	Type *Layout
}

// Layout returns the format of what an id means, and how its values are written if
// they are Avro. It asks the registry if it has to, and is slow: keep the result.
func (r *Registry) Layout(ctx context.Context, id SchemaID) (*Layout, Format, error) {
	c, err := r.codec(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	if c, ok := c.(*avroCodec); ok {
		return layoutOf(c.schema.Root()), Avro, nil
	}
	return nil, c.format(), nil
}

// layouts makes layouts of the nodes of one schema.
type layouts struct {
	named map[string]*avro.SchemaNode
	done  map[*avro.SchemaNode]*Layout
}

func layoutOf(root *avro.SchemaNode) *Layout {
	l := layouts{map[string]*avro.SchemaNode{}, map[*avro.SchemaNode]*Layout{}}
	l.collect(root)
	return l.of(root, "")
}

// collect finds the definitions of named types, by their full names, and lifts the
// logical types, before anything is laid out.
func (l *layouts) collect(n *avro.SchemaNode) {
	switch {
	case n.Name == "":
	case strings.Contains(n.Name, ".") || n.Namespace == "":
		l.named[n.Name] = n
	default:
		l.named[n.Namespace+"."+n.Name] = n
	}
	for i := range n.Fields {
		lift(&n.Fields[i])
	}
	for _, inner := range children(n) {
		l.collect(inner)
	}
}

// children are the nodes that are inside of one as it is written.
func children(n *avro.SchemaNode) (inside []*avro.SchemaNode) {
	switch n.Type {
	case "record", "error":
		for i := range n.Fields {
			inside = append(inside, &n.Fields[i].Type)
		}
	case "array":
		return []*avro.SchemaNode{n.Items}
	case "map":
		return []*avro.SchemaNode{n.Values}
	case "union":
		for i := range n.Branches {
			inside = append(inside, &n.Branches[i])
		}
	}
	return inside
}

// of returns the layout of a node in a namespace.
func (l *layouts) of(n *avro.SchemaNode, namespace string) *Layout {
	if out := l.done[n]; out != nil {
		return out
	}
	out := &Layout{Kind: n.Type, Size: n.Size, Symbols: n.Symbols}
	switch n.Type {
	case "error":
		out.Kind = "record"
	case "null", "boolean", "int", "long", "float", "double", "string", "bytes", "fixed", "enum", "record", "array", "map", "union":
	default:
		if n = l.definition(n.Type, namespace); n != nil {
			return l.of(n, "")
		}
		return &Layout{}
	}
	l.done[n] = out // before what is inside of it, which may lead back
	if n.Name != "" {
		namespace = n.Namespace
		if i := strings.LastIndexByte(n.Name, '.'); i >= 0 {
			namespace = n.Name[:i]
		}
	}
	for _, inner := range children(n) {
		out.Of = append(out.Of, l.of(inner, namespace))
	}
	if out.Kind == "record" {
		for i, f := range n.Fields {
			out.Fields = append(out.Fields, LayoutField{f.Name, out.Of[i]})
		}
		out.Of = nil
	}
	if slices.Contains(logicals[n.LogicalType], n.Type) {
		out.Logical = n.LogicalType
	}
	return out
}

// definition returns what a name means in a namespace; nil if that is not known, or
// not certain, since it may depend on which of two definitions comes first.
func (l *layouts) definition(name, namespace string) *avro.SchemaNode {
	bare := l.named[name]
	if strings.Contains(name, ".") || namespace == "" {
		return bare
	}
	inner := l.named[namespace+"."+name]
	switch {
	case inner == nil:
		return bare
	case bare == nil || bare == inner:
		return inner
	}
	return nil
}

// lift moves a logical type that stands beside the type, where it means nothing by
// the specification, into the type, as the decoder does.
func lift(f *avro.SchemaField) {
	logical, ok := f.Props["logicalType"].(string)
	at := &f.Type
	if at.Type == "union" {
		i := slices.IndexFunc(at.Branches, func(b avro.SchemaNode) bool { return b.Type != "null" })
		if i < 0 {
			return
		}
		at = &at.Branches[i]
	}
	if ok && at.LogicalType == "" {
		at.LogicalType = logical
	}
}

// logicals are the logical types that the decoder knows, and what they may be of.
var logicals = map[string][]string{
	"date": {"int"}, "time-millis": {"int"}, "time-micros": {"long"},
	"timestamp-millis": {"long"}, "timestamp-micros": {"long"}, "timestamp-nanos": {"long"},
	"local-timestamp-millis": {"long"}, "local-timestamp-micros": {"long"}, "local-timestamp-nanos": {"long"},
	"uuid": {"string", "fixed"}, "decimal": {"bytes", "fixed"}, "big-decimal": {"bytes"}, "duration": {"fixed"},
}
