package serde

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

type protoCodec struct {
	// file holds the messages that indexes point into: the schema's own, and
	// after reading the writer's.
	file protoreflect.FileDescriptor
	// message is what is written, and what values other than any are read as.
	message protoreflect.MessageDescriptor
	first   bool   // nobody has chosen the message: any in file can be read
	path    []byte // the message's indexes in file, nil if it is not in it
	resolve resolver
}

// resolver finds the types inside of google.protobuf.Any.
type resolver interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// protoName is the schema's own name while it is compiled. No import can have it.
const protoName = "weir\x00.proto"

func parseProtobuf(s Schema) (*protoCodec, error) {
	texts := map[string]string{protoName: s.Text}
	err := each(s.References, map[string]bool{protoName: true}, func(ref Reference) error {
		texts[ref.Name] = ref.Text
		return nil
	})
	if err != nil {
		return nil, err
	}
	compiler := protocompile.Compiler{
		MaxParallelism: 1,
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			if text, ok := texts[path]; ok {
				return protoSource(path, text), nil
			}
			// Confluent's clients do not register what every client has, as google/type.
			desc, err := protoregistry.GlobalFiles.FindFileByPath(path)
			return protocompile.SearchResult{Desc: desc}, err
		})),
	}
	files, err := compiler.Compile(context.Background(), protoName)
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), protoName, "the schema"))
	}
	file := files[0]
	if file.Messages().Len() == 0 {
		return nil, errors.New("there is no message in it")
	}
	c := newProtoCodec(file.Messages().Get(0), linker.ResolverFromFile(file))
	c.first = true
	return c, nil
}

// protoSource reads a .proto file, or a FileDescriptorProto in base64, which some
// clients register.
func protoSource(path, text string) protocompile.SearchResult {
	var file descriptorpb.FileDescriptorProto
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || proto.Unmarshal(b, &file) != nil {
		return protocompile.SearchResult{Source: strings.NewReader(text)}
	}
	file.Name = &path
	return protocompile.SearchResult{Proto: &file}
}

func newProtoCodec(m protoreflect.MessageDescriptor, r resolver) *protoCodec {
	return &protoCodec{file: m.ParentFile(), message: m, path: AppendIndexes(nil, indexesOf(m)), resolve: r}
}

// indexesOf returns where a message is in its file.
func indexesOf(m protoreflect.MessageDescriptor) []int {
	if outer, ok := m.Parent().(protoreflect.MessageDescriptor); ok {
		return append(indexesOf(outer), m.Index())
	}
	return []int{m.Index()}
}

// generated returns the codec and the schema of a message type: the type carries
// its file and those that it imports. The text is the file's descriptor in
// base64, and an import's subject is its path, as Confluent's clients have it.
func generated(m protoreflect.MessageDescriptor) (codec, Schema) {
	file := m.ParentFile()
	return newProtoCodec(m, protoregistry.GlobalTypes), Schema{Format: Protobuf, Text: protoText(file), References: imports(file)}
}

func imports(file protoreflect.FileDescriptor) (refs []Reference) {
	for i := range file.Imports().Len() {
		f := file.Imports().Get(i).FileDescriptor
		if path := f.Path(); !strings.HasPrefix(path, "google/protobuf/") { // every compiler has those
			refs = append(refs, Reference{Name: path, Subject: path, Text: protoText(f), References: imports(f)})
		}
	}
	return refs
}

func protoText(file protoreflect.FileDescriptor) string {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(protodesc.ToFileDescriptorProto(file))
	if err != nil {
		panic(err) // a file that was compiled into this program
	}
	return base64.StdEncoding.EncodeToString(b)
}

// of returns the codec of another message of the same schema.
func (c *protoCodec) of(name protoreflect.FullName) (*protoCodec, error) {
	for m := range messages(c.file.Messages()) {
		if m.FullName() == name {
			return newProtoCodec(m, c.resolve), nil
		}
	}
	return nil, fmt.Errorf("%w: it has no message %s", ErrSchema, name)
}

// messages yields the messages and those inside of them.
func messages(ms protoreflect.MessageDescriptors) func(func(protoreflect.MessageDescriptor) bool) {
	return func(yield func(protoreflect.MessageDescriptor) bool) {
		var walk func(protoreflect.MessageDescriptors) bool
		walk = func(ms protoreflect.MessageDescriptors) bool {
			for i := range ms.Len() {
				if !yield(ms.Get(i)) || !walk(ms.Get(i).Messages()) {
					return false
				}
			}
			return true
		}
		walk(ms)
	}
}

func (c *protoCodec) format() Format  { return Protobuf }
func (c *protoCodec) name() string    { return string(c.message.FullName()) }
func (c *protoCodec) indexes() []byte { return c.path }

// append takes a message, or what ProtoJSON makes a message of. Maps are written
// in the order of their keys: equal record keys must have equal bytes.
func (c *protoCodec) append(dst []byte, v any) ([]byte, error) {
	m, ok := reflect.ValueOf(v).Elem().Interface().(proto.Message)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		m = dynamicpb.NewMessage(c.message)
		if err := (protojson.UnmarshalOptions{Resolver: c.resolve}).Unmarshal(b, m); err != nil {
			return nil, err
		}
	} else if reflect.ValueOf(m).IsNil() {
		return nil, errors.New("the message is nil")
	}
	if got := m.ProtoReflect().Descriptor(); !same(got, c.message) {
		return nil, fmt.Errorf("a %s is no %s", got.FullName(), c.message.FullName())
	}
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(dst, m)
}

// decode fills a message, or what ProtoJSON makes of it, with the proto's names.
func (c *protoCodec) decode(f Frame, v any) error {
	indexes, payload := f.Indexes, f.Payload
	if f.Framing == Prefix {
		indexes = payload
	}
	written, rest, err := c.at(indexes)
	switch {
	case err != nil:
		return err
	case f.Framing == Prefix:
		payload = rest
	case len(rest) > 0:
		return fmt.Errorf("%d bytes follow the message's indexes in the header", len(rest))
	}
	as := c.message
	if _, untyped := v.(*any); untyped || c.first {
		as = written
	}
	if !same(written, as) {
		return fmt.Errorf("a %s is no %s", written.FullName(), as.FullName())
	}
	switch v.(type) {
	case *any, *map[string]any:
		return c.decodeJSON(as, payload, v)
	}
	return decodeMessage(as, payload, v)
}

func same(a, b protoreflect.MessageDescriptor) bool { return a == b || a.FullName() == b.FullName() }

func decodeMessage(as protoreflect.MessageDescriptor, payload []byte, v any) error {
	out := reflect.ValueOf(v).Elem()
	var m proto.Message
	switch zero := out.Interface().(type) {
	case *dynamicpb.Message:
		m = dynamicpb.NewMessage(as)
	case proto.Message:
		m = zero.ProtoReflect().New().Interface()
	default:
		return fmt.Errorf("%s is no message", out.Type())
	}
	if err := proto.Unmarshal(payload, m); err != nil {
		return err
	}
	out.Set(reflect.ValueOf(m))
	return nil
}

// at returns the message that the indexes at the beginning of b point to.
func (c *protoCodec) at(b []byte) (m protoreflect.MessageDescriptor, rest []byte, err error) {
	if c.path != nil && bytes.HasPrefix(b, c.path) { // most often, and without allocating; no path begins another
		return c.message, b[len(c.path):], nil
	}
	path, rest, err := ParseIndexes(b)
	if err != nil {
		return nil, nil, err
	}
	ms := c.file.Messages()
	for _, i := range path {
		if i >= ms.Len() {
			return nil, nil, fmt.Errorf("the schema has no message at %v", path)
		}
		m = ms.Get(i)
		ms = m.Messages()
	}
	return m, rest, nil
}

func (c *protoCodec) decodeJSON(message protoreflect.MessageDescriptor, payload []byte, v any) error {
	m := dynamicpb.NewMessage(message)
	if err := (proto.UnmarshalOptions{Resolver: c.resolve}).Unmarshal(payload, m); err != nil {
		return err
	}
	b, err := protojson.MarshalOptions{UseProtoNames: true, Resolver: c.resolve}.Marshal(m)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return dec.Decode(v)
}

// reading reads by field numbers, as Protobuf does; the writer's schema says
// which message it is.
func (c *protoCodec) reading(writer codec) (codec, error) {
	w, ok := writer.(*protoCodec)
	if !ok {
		return nil, mismatch(c, writer)
	}
	reader := *c
	reader.file, reader.first, reader.path = w.file, false, nil
	if m, err := w.of(c.message.FullName()); err == nil {
		reader.path = m.path
	}
	return &reader, nil
}

// writing checks that the latest schema has each field of ours, as we write it.
func (c *protoCodec) writing(latest codec) (codec, error) {
	l, ok := latest.(*protoCodec)
	if !ok {
		return nil, mismatch(c, latest)
	}
	l, err := l.of(c.message.FullName())
	if err != nil {
		return nil, err
	}
	if err := fits(c.message, l.message, map[protoreflect.FullName]bool{}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	writer := *c
	writer.path = l.path
	return &writer, nil
}

func fits(own, latest protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) error {
	if seen[own.FullName()] {
		return nil
	}
	seen[own.FullName()] = true
	for i := range own.Fields().Len() {
		o := own.Fields().Get(i)
		l := latest.Fields().ByNumber(o.Number())
		if l == nil || l.Kind() != o.Kind() || l.IsList() != o.IsList() || l.IsMap() != o.IsMap() {
			return fmt.Errorf("field %s = %d is not in it", o.FullName(), o.Number())
		}
		if o.Message() != nil {
			if err := fits(o.Message(), l.Message(), seen); err != nil {
				return err
			}
		}
	}
	return nil
}
