package protoschema

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// isBase64 tells base64 from source: there is no source without other characters
// that says anything.
func isBase64(text string) bool {
	text = strings.TrimSpace(text)
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/' && r != '='
	}) < 0
}

func decode(text string) (*descriptorpb.FileDescriptorProto, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("neither .proto source nor base64: %w", err)
	}
	f := &descriptorpb.FileDescriptorProto{}
	if err := unmarshal(b, f, new(protoregistry.Types)); err != nil {
		return nil, fmt.Errorf("neither .proto source nor a FileDescriptorProto in base64: %w", err)
	}
	f.SourceCodeInfo = nil
	return f, nil
}

func unmarshal(b []byte, f *descriptorpb.FileDescriptorProto, types *protoregistry.Types) error {
	return proto.UnmarshalOptions{Resolver: types, RecursionLimit: maxNesting, AllowPartial: true}.Unmarshal(b, f)
}

// withExtensions copies f, of which file is the descriptor, with the extensions in
// its options as such and not as unknown bytes.
func withExtensions(f *descriptorpb.FileDescriptorProto, file protoreflect.FileDescriptor) (*descriptorpb.FileDescriptorProto, error) {
	types := new(protoregistry.Types)
	register(types, file, map[protoreflect.FileDescriptor]bool{})
	b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(f)
	if err != nil {
		return nil, err
	}
	full := &descriptorpb.FileDescriptorProto{}
	return full, unmarshal(b, full, types)
}

// container is a file or a message.
type container interface {
	Extensions() protoreflect.ExtensionDescriptors
	Messages() protoreflect.MessageDescriptors
}

// register makes the extensions known that file and its imports define.
func register(types *protoregistry.Types, file protoreflect.FileDescriptor, seen map[protoreflect.FileDescriptor]bool) {
	if seen[file] {
		return
	}
	seen[file] = true
	for x := range extensions(file) {
		// One that is there already is defined elsewhere with the same number;
		// linking has refused that.
		_ = types.RegisterExtension(dynamicpb.NewExtensionType(x))
	}
	for i := range file.Imports().Len() {
		register(types, file.Imports().Get(i).FileDescriptor, seen)
	}
}

// extensions are those that c defines, in its messages, too.
func extensions(c container) func(yield func(protoreflect.ExtensionDescriptor) bool) {
	return func(yield func(protoreflect.ExtensionDescriptor) bool) {
		for i := range c.Extensions().Len() {
			if !yield(c.Extensions().Get(i)) {
				return
			}
		}
		for i := range c.Messages().Len() {
			for x := range extensions(c.Messages().Get(i)) {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// same is an error if a descriptor's source did not compile to that descriptor:
// no source means what it says.
func same(given *descriptorpb.FileDescriptorProto, u *unit) error {
	g, err := withExtensions(given, u.file)
	if err != nil {
		return err
	}
	w, err := withExtensions(u.proto, u.file)
	if err != nil {
		return err
	}
	explicit(g)
	explicit(w)
	if proto.Equal(g, w) {
		return nil
	}
	for i, m := range g.MessageType {
		if i < len(w.MessageType) && !proto.Equal(m, w.MessageType[i]) {
			return fmt.Errorf("the descriptor of message %q says what no .proto source can say", m.GetName())
		}
	}
	return errors.New("the descriptor says what no .proto source can say")
}

// explicit writes out what compilers may leave out, or write in several ways.
func explicit(f *descriptorpb.FileDescriptorProto) {
	if f.GetSyntax() == "proto2" {
		f.Syntax = nil
	}
	explicitFields(f.Extension)
	for _, m := range f.MessageType {
		explicitMessage(m)
	}
}

func explicitMessage(m *descriptorpb.DescriptorProto) {
	explicitFields(m.Field)
	explicitFields(m.Extension)
	for _, m := range m.NestedType {
		explicitMessage(m)
	}
}

func explicitFields(fields []*descriptorpb.FieldDescriptorProto) {
	for _, f := range fields {
		if f.JsonName == nil {
			f.JsonName = proto.String(jsonName(f.GetName()))
		}
		if f.DefaultValue == nil {
			continue
		}
		switch f.GetType() {
		case descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, descriptorpb.FieldDescriptorProto_TYPE_FLOAT:
			if v, err := strconv.ParseFloat(f.GetDefaultValue(), 64); err == nil {
				f.DefaultValue = proto.String(strconv.FormatFloat(v, 'g', -1, 64))
			}
		}
	}
}

// jsonName is the JSON name that protoc gives a field.
func jsonName(name string) string {
	var b strings.Builder
	upper := false
	for _, c := range []byte(name) {
		switch {
		case c == '_':
			upper = true
			continue
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		upper = false
		b.WriteByte(c)
	}
	return b.String()
}
