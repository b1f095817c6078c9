package protoschema

import (
	"bytes"
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Example returns a small message of the old schema, as JSON, that the new one
// misreads or refuses: it shows the first difference. The message is of the type
// that the difference is in; if an import or a group has that, of the type in the
// file that leads there. It is false if there is no difference, or no such
// message (one that always contains itself, or an old file without messages).
func Example(new, old *Schema) (text string, ok bool) {
	c := newChecker(new, old)
	c.run()
	if len(c.found) == 0 || c.found[0].message == nil {
		return "", false
	}
	var e example
	m, ok := e.show(c.found[0])
	if !ok {
		return "", false
	}
	b, err := protojson.MarshalOptions{AllowPartial: true, UseProtoNames: true}.Marshal(m)
	if err != nil {
		return "", false // a well-known type whose small value has no JSON
	}
	var compact bytes.Buffer // protojson varies its spaces
	if err := json.Compact(&compact, b); err != nil {
		return "", false
	}
	return compact.String(), true
}

const (
	maxMessages = 1000 // in an example
	maxDeep     = 50   // messages in messages
)

type example struct{ messages, depth int }

func (e *example) show(f found) (*dynamicpb.Message, bool) {
	m, ok := e.small(f.message)
	if !ok {
		return nil, false
	}
	for _, field := range f.fields {
		if !e.fill(m, field) {
			return nil, false
		}
	}
	for _, step := range slices.Backward(f.way) {
		outer, ok := e.small(step.ContainingMessage())
		if !ok {
			return nil, false
		}
		put(outer, step, protoreflect.ValueOfMessage(m), 1)
		m = outer
	}
	return m, true
}

// small is a message with what is required of it.
func (e *example) small(d protoreflect.MessageDescriptor) (*dynamicpb.Message, bool) {
	if e.messages++; e.messages > maxMessages || e.depth > maxDeep {
		return nil, false
	}
	e.depth++
	defer func() { e.depth-- }()
	m := dynamicpb.NewMessage(d)
	for n := range d.RequiredNumbers().Len() {
		if !e.fill(m, d.Fields().ByNumber(d.RequiredNumbers().Get(n))) {
			return nil, false
		}
	}
	return m, true
}

// fill gives a field a value; two if it is repeated.
func (e *example) fill(m *dynamicpb.Message, f protoreflect.FieldDescriptor) bool {
	of := f
	if f.IsMap() {
		of = f.MapValue()
	}
	v, ok := e.value(of)
	if ok {
		put(m, f, v, 2)
	}
	return ok
}

// put sets a field to v, or makes it of n times v, or of an entry with v.
func put(m *dynamicpb.Message, f protoreflect.FieldDescriptor, v protoreflect.Value, n int) {
	key := f
	if f.IsExtension() {
		key = dynamicpb.NewExtensionType(f).TypeDescriptor()
	}
	switch {
	case f.IsMap():
		k, _ := new(example).value(f.MapKey())
		m.Mutable(key).Map().Set(k.MapKey(), v)
	case f.IsList():
		for range n {
			m.Mutable(key).List().Append(v)
		}
	default:
		m.Set(key, v)
	}
}

// value is a value that is not the type's default, if a scalar.
func (e *example) value(f protoreflect.FieldDescriptor) (v protoreflect.Value, ok bool) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		v = protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		v = protoreflect.ValueOfInt32(1)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		v = protoreflect.ValueOfInt64(1)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		v = protoreflect.ValueOfUint32(1)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		v = protoreflect.ValueOfUint64(1)
	case protoreflect.FloatKind:
		v = protoreflect.ValueOfFloat32(1)
	case protoreflect.DoubleKind:
		v = protoreflect.ValueOfFloat64(1)
	case protoreflect.StringKind:
		v = protoreflect.ValueOfString("a")
	case protoreflect.BytesKind:
		v = protoreflect.ValueOfBytes([]byte("a"))
	case protoreflect.EnumKind:
		v = protoreflect.ValueOfEnum(symbol(f.Enum()))
	default:
		m, ok := e.small(f.Message())
		if !ok {
			return v, false
		}
		v = protoreflect.ValueOfMessage(m)
	}
	return v, true
}

// symbol is the first value that is not zero, if there is one.
func symbol(d protoreflect.EnumDescriptor) protoreflect.EnumNumber {
	for i := range d.Values().Len() {
		if n := d.Values().Get(i).Number(); n != 0 {
			return n
		}
	}
	return 0
}
