package protoschema

import (
	"encoding/base64"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/weirhq/weir/internal/registry/schema"
)

// rootName is the file name of a schema. A text has none, and Confluent's clients
// say this one.
const rootName = "default"

// Schema is a compiled file. It is immutable.
type Schema struct {
	file      protoreflect.FileDescriptor
	proto     *descriptorpb.FileDescriptorProto // without source info; extensions are known
	canonical string
	text      string // as it was given
}

var _ schema.Schema = (*Schema)(nil)

// Parse compiles a schema: .proto source, or base64 of a FileDescriptorProto. Its
// imports are references by name, or standard. Strictly, what protoc refuses is an
// error. Otherwise, for schemas that somebody stored, options that nothing defines
// are kept as they are, and missing imports are empty. References are read so.
func Parse(text string, refs []schema.Reference, strict bool) (s *Schema, err error) {
	// The topic brings texts that nobody can correct: a fault of the parser that
	// we use must not end the process.
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("compiling failed: %v", r)
		}
	}()
	c := newCompiler()
	if err := c.collect(refs); err != nil {
		return nil, err
	}
	name := rootName
	for _, taken := c.texts[name]; taken; _, taken = c.texts[name] {
		name += "_" // an import may be called so
	}
	u, err := c.compile(name, text, strict)
	if err != nil {
		return nil, err
	}
	s = &Schema{file: u.file, text: text}
	if s.proto, err = withExtensions(u.proto, u.file); err != nil {
		return nil, err
	}
	s.proto.Name = proto.String(rootName)
	if s.canonical, err = source(s.proto); err != nil {
		return nil, err
	}
	if err := bounded(s.canonical); err != nil {
		return nil, fmt.Errorf("the canonical text: %w", err)
	}
	return s, nil
}

// Canonical is the source without comments. See the package's documentation.
func (s *Schema) Canonical() string { return s.canonical }

// Normalized is the canonical text with the imports sorted.
func (s *Schema) Normalized() string {
	if slices.IsSorted(s.proto.Dependency) {
		return s.canonical
	}
	text, err := source(sortImports(s.proto))
	if err != nil {
		return s.canonical // can not be: it was written once already
	}
	return text
}

// sortImports copies f, with its imports in the order of their names.
func sortImports(f *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	sorted := proto.CloneOf(f)
	slices.Sort(sorted.Dependency)
	moved := func(indexes []int32) []int32 {
		for i, at := range indexes {
			indexes[i] = int32(slices.Index(sorted.Dependency, f.Dependency[at]))
		}
		slices.Sort(indexes)
		return indexes
	}
	sorted.PublicDependency = moved(sorted.PublicDependency)
	sorted.WeakDependency = moved(sorted.WeakDependency)
	return sorted
}

// Serialized is the base64 of the FileDescriptorProto (Confluent's
// format=serialized). It says the file's name is "default".
func (s *Schema) Serialized() string {
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(s.proto)
	if err != nil {
		return "" // can not be: it was marshalled when it was parsed
	}
	return base64.StdEncoding.EncodeToString(b)
}

// Descriptor is the compiled file, with its imports.
func (s *Schema) Descriptor() protoreflect.FileDescriptor { return s.file }

// Message is a message type of a schema, and the way to it that stands before
// its data: positions among the file's messages, then among those in the message.
type Message struct {
	Name  string // in full
	Index []int
}

// Messages are the message types of the file, each before those in it. Entries of
// maps are not among them, but they count as positions.
func (s *Schema) Messages() []Message { return messages(nil, nil, s.file.Messages()) }

func messages(list []Message, outer []int, in protoreflect.MessageDescriptors) []Message {
	for i := range in.Len() {
		m := in.Get(i)
		if m.IsMapEntry() {
			continue
		}
		index := append(slices.Clip(outer), i)
		list = append(list, Message{string(m.FullName()), index})
		list = messages(list, index, m.Messages())
	}
	return list
}
