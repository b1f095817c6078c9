package protoschema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/weirhq/weir/internal/registry/schema"
)

// The kinds of differences, as Confluent's Difference.Type calls them.
const (
	PackageChanged             = "PACKAGE_CHANGED"
	MessageRemoved             = "MESSAGE_REMOVED"
	FieldKindChanged           = "FIELD_KIND_CHANGED"
	FieldScalarKindChanged     = "FIELD_SCALAR_KIND_CHANGED"
	FieldNamedTypeChanged      = "FIELD_NAMED_TYPE_CHANGED"
	FieldNumericLabelChanged   = "FIELD_NUMERIC_LABEL_CHANGED"
	RequiredFieldAdded         = "REQUIRED_FIELD_ADDED" // or a field made required
	RequiredFieldRemoved       = "REQUIRED_FIELD_REMOVED"
	OneofFieldRemoved          = "ONEOF_FIELD_REMOVED"
	MultipleFieldsMovedToOneof = "MULTIPLE_FIELDS_MOVED_TO_ONEOF"
	FieldMovedToExistingOneof  = "FIELD_MOVED_TO_EXISTING_ONEOF"
)

const maxFound = 1000 // differences that are reported

// Check returns every reason why data written with old can not be read with new:
// none if it can. Paths are full names: of new's element, or of old's if new has none.
func Check(new, old *Schema) []schema.Difference {
	c := newChecker(new, old)
	c.run()
	var list []schema.Difference
	for _, f := range c.found {
		list = append(list, f.Difference)
	}
	return list
}

// found is a difference, and a message of the old schema that shows it.
type found struct {
	schema.Difference
	message protoreflect.MessageDescriptor // nil: any
	fields  []protoreflect.FieldDescriptor // that it has
	way     []protoreflect.FieldDescriptor // that lead to it from a message of the file
}

type checker struct {
	new, old *Schema
	seen     map[pair]bool
	way      []protoreflect.FieldDescriptor // old's, through imports and groups, to where we are
	found    []found
}

type pair struct{ new, old protoreflect.FullName }

func newChecker(new, old *Schema) *checker {
	return &checker{new: new, old: old, seen: map[pair]bool{}}
}

func (c *checker) run() {
	n, o := c.new.file, c.old.file
	if n.Package() != o.Package() {
		var first protoreflect.MessageDescriptor
		if o.Messages().Len() > 0 {
			first = o.Messages().Get(0)
		}
		c.differ(PackageChanged, cmp.Or(n.Package(), o.Package()), first, nil, "the package is %q now, and was %q", n.Package(), o.Package())
	}
	c.messages(n, o)
	c.extensions()
}

func (c *checker) differ(kind string, path protoreflect.FullName, message protoreflect.MessageDescriptor, fields []protoreflect.FieldDescriptor, format string, args ...any) {
	if len(c.found) < maxFound {
		d := schema.Difference{Kind: kind, Path: string(path), Message: fmt.Sprintf(format, args...)}
		c.found = append(c.found, found{d, message, fields, slices.Clone(c.way)})
	}
}

// at reports a field that differs.
func (c *checker) at(kind string, n, o protoreflect.FieldDescriptor, format string, args ...any) {
	c.differ(kind, n.FullName(), o.ContainingMessage(), []protoreflect.FieldDescriptor{o}, "field %q (number %d) of %s "+format,
		append([]any{n.Name(), n.Number(), n.ContainingMessage().FullName()}, args...)...)
}

// messages compares the messages of two files or messages, by name. Fields bring
// entries of maps, and the bodies of groups.
func (c *checker) messages(n, o container) {
	bodies := groups(o)
	for i := range o.Messages().Len() {
		om := o.Messages().Get(i)
		if om.IsMapEntry() || bodies[om.FullName()] {
			continue
		}
		nm := n.Messages().ByName(om.Name())
		if nm == nil {
			c.differ(MessageRemoved, om.FullName(), om, nil, "message %s is not there any more", om.FullName())
			continue
		}
		c.message(nm, om)
	}
}

// groups are the messages that are the bodies of c's groups.
func groups(c container) map[protoreflect.FullName]bool {
	bodies := map[protoreflect.FullName]bool{}
	add := func(f protoreflect.FieldDescriptor) {
		if f.Kind() == protoreflect.GroupKind && string(f.Name()) == strings.ToLower(string(f.Message().Name())) {
			bodies[f.Message().FullName()] = true
		}
	}
	if m, ok := c.(protoreflect.MessageDescriptor); ok {
		for i := range m.Fields().Len() {
			add(m.Fields().Get(i))
		}
	}
	for i := range c.Extensions().Len() {
		add(c.Extensions().Get(i))
	}
	return bodies
}

func (c *checker) message(n, o protoreflect.MessageDescriptor) {
	p := pair{n.FullName(), o.FullName()}
	if c.seen[p] {
		return
	}
	c.seen[p] = true
	for i := range o.Fields().Len() {
		of := o.Fields().Get(i)
		if nf := n.Fields().ByNumber(of.Number()); nf != nil {
			c.field(nf, of)
		} else {
			c.removed(n, of)
		}
	}
	for i := range n.Fields().Len() {
		nf := n.Fields().Get(i)
		if nf.Cardinality() == protoreflect.Required && o.Fields().ByNumber(nf.Number()) == nil {
			c.differ(RequiredFieldAdded, nf.FullName(), o, nil, "required field %q (number %d) of %s is new", nf.Name(), nf.Number(), n.FullName())
		}
	}
	for i := range n.Oneofs().Len() {
		c.oneof(n.Oneofs().Get(i), o)
	}
	c.messages(n, o)
}

// removed is for a field that n, the new message, does not have.
func (c *checker) removed(n protoreflect.MessageDescriptor, of protoreflect.FieldDescriptor) {
	fields := []protoreflect.FieldDescriptor{of}
	if of.Cardinality() == protoreflect.Required {
		c.differ(RequiredFieldRemoved, of.FullName(), of.ContainingMessage(), fields, "required field %q (number %d) of %s is not there any more", of.Name(), of.Number(), n.FullName())
	}
	oneof := oneofOf(of)
	if oneof == nil {
		return
	}
	for i := range n.Oneofs().Len() {
		no := n.Oneofs().Get(i)
		if !no.IsSynthetic() && (no.Name() == oneof.Name() || shared(no, oneof)) {
			c.differ(OneofFieldRemoved, of.FullName(), of.ContainingMessage(), fields, "field %q (number %d) of oneof %s is not there any more", of.Name(), of.Number(), no.FullName())
			return
		}
	}
}

// oneofOf is the oneof that a field is in, or nil.
func oneofOf(f protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return o
	}
	return nil
}

func shared(a, b protoreflect.OneofDescriptor) bool {
	for i := range a.Fields().Len() {
		if b.Fields().ByNumber(a.Fields().Get(i).Number()) != nil {
			return true
		}
	}
	return false
}

// oneof compares a new oneof with where its fields were in the old message.
func (c *checker) oneof(n protoreflect.OneofDescriptor, o protoreflect.MessageDescriptor) {
	if n.IsSynthetic() {
		return
	}
	before := formerly(n, o)
	var here, moved []protoreflect.FieldDescriptor // old's
	for i := range n.Fields().Len() {
		of := o.Fields().ByNumber(n.Fields().Get(i).Number())
		switch {
		case of == nil:
		case before != nil && oneofOf(of) == before:
			here = append(here, of)
		default:
			moved = append(moved, of)
		}
	}
	switch {
	case before != nil:
		for _, of := range moved {
			c.differ(FieldMovedToExistingOneof, n.FullName(), o, append([]protoreflect.FieldDescriptor{of}, here[:min(1, len(here))]...),
				"field %q (number %d) was not in oneof %s: old data can have it beside another of the oneof", of.Name(), of.Number(), n.FullName())
		}
	case len(moved) > 1:
		c.differ(MultipleFieldsMovedToOneof, n.FullName(), o, moved[:2],
			"fields %q and %q are in one oneof %s now: old data can have both", moved[0].Name(), moved[1].Name(), n.FullName())
	}
}

// formerly is the old oneof that n is: of the same name, or renamed, with a field of n's.
func formerly(n protoreflect.OneofDescriptor, o protoreflect.MessageDescriptor) protoreflect.OneofDescriptor {
	if before := o.Oneofs().ByName(n.Name()); before != nil && !before.IsSynthetic() {
		return before
	}
	for i := range o.Oneofs().Len() {
		if before := o.Oneofs().Get(i); !before.IsSynthetic() && shared(n, before) {
			return before
		}
	}
	return nil
}

// field compares two fields of one number.
func (c *checker) field(n, o protoreflect.FieldDescriptor) {
	if n.Cardinality() == protoreflect.Required && o.Cardinality() != protoreflect.Required {
		c.at(RequiredFieldAdded, n, o, "is required now: old data can lack it")
	}
	if n.IsMap() && o.IsMap() {
		c.types(n, o, n.MapKey(), o.MapKey())
		c.types(n, o, n.MapValue(), o.MapValue())
		return
	}
	if !c.types(n, o, n, o) || n.IsList() == o.IsList() || n.Message() != nil || group(o) == text {
		return
	}
	c.at(FieldNumericLabelChanged, n, o, "is %s now, and was %s", label(n), label(o))
}

func label(f protoreflect.FieldDescriptor) string {
	if f.IsList() {
		return "repeated"
	}
	return "singular"
}

// types compares two types, which are those of the fields n and o, or of their
// keys or values.
func (c *checker) types(n, o, nt, ot protoreflect.FieldDescriptor) bool {
	ng, og := group(nt), group(ot)
	switch {
	case kind(nt) != kind(ot):
		c.at(FieldKindChanged, n, o, "is a %s (%s) now, and was a %s (%s)", kind(nt), describe(nt), kind(ot), describe(ot))
	case nt.Message() != nil:
		return c.named(n, o, nt, ot)
	case nt.Enum() != nil && ot.Enum() != nil:
		if c.sameName(nt.Enum(), ot.Enum()) {
			return true
		}
		c.at(FieldNamedTypeChanged, n, o, "is of type %s now, and was of %s", describe(nt), describe(ot))
	case ng != og:
		c.at(FieldScalarKindChanged, n, o, "is %s now, and was %s, which is written in another way", describe(nt), describe(ot))
	default:
		return true
	}
	return false
}

// named compares fields of message types. Messages of the files themselves are
// compared by messages.
func (c *checker) named(n, o, nt, ot protoreflect.FieldDescriptor) bool {
	nm, om := nt.Message(), ot.Message()
	if nt.Kind() != protoreflect.GroupKind && !c.sameName(nm, om) {
		c.at(FieldNamedTypeChanged, n, o, "is of type %s now, and was of %s", describe(nt), describe(ot))
		return false
	}
	if nt.Kind() == protoreflect.GroupKind || !c.own(nm, om) {
		c.way = append(c.way, o)
		c.message(nm, om)
		c.way = c.way[:len(c.way)-1]
	}
	return true
}

// own says whether two types are of the files themselves.
func (c *checker) own(n, o protoreflect.Descriptor) bool {
	return n.ParentFile() == c.new.file && o.ParentFile() == c.old.file
}

// sameName compares names; in the files themselves, without the packages.
func (c *checker) sameName(n, o protoreflect.Descriptor) bool {
	if n.FullName() == o.FullName() {
		return true
	}
	return c.own(n, o) && relative(n) == relative(o)
}

func relative(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())), ".")
}

// kind is scalar, message, group or map.
func kind(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "map"
	case f.Kind() == protoreflect.GroupKind:
		return "group"
	case f.Message() != nil:
		return "message"
	}
	return "scalar"
}

// describe names a field's type in messages.
func describe(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "map<" + describe(f.MapKey()) + ", " + describe(f.MapValue()) + ">"
	case f.Message() != nil:
		return string(f.Message().FullName())
	case f.Enum() != nil:
		return string(f.Enum().FullName())
	}
	return f.Kind().String()
}

// The groups of scalar types that are written alike.
const (
	varint = "varint"
	zigzag = "zigzag"
	text   = "text"
	bits32 = "bits32"
	bits64 = "bits64"
)

func group(f protoreflect.FieldDescriptor) string {
	switch k := f.Kind(); k {
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.BoolKind, protoreflect.EnumKind:
		return varint
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return zigzag
	case protoreflect.StringKind, protoreflect.BytesKind:
		return text
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return bits32
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return bits64
	default: // float and double are alone
		return k.String()
	}
}

// extensions compares what the files add to messages of others.
func (c *checker) extensions() {
	type place struct {
		of     protoreflect.FullName
		number protoreflect.FieldNumber
	}
	news := map[place]protoreflect.FieldDescriptor{}
	for x := range extensions(c.new.file) {
		news[place{x.ContainingMessage().FullName(), x.Number()}] = x
	}
	for o := range extensions(c.old.file) {
		of := o.ContainingMessage()
		if of.ParentFile().Path() == "google/protobuf/descriptor.proto" {
			continue // options are no data
		}
		if n := news[place{of.FullName(), o.Number()}]; n != nil {
			c.field(n, o)
		}
	}
}
