package protoschema

import (
	"fmt"
	"strings"

	"github.com/bufbuild/protocompile/reporter"
	"github.com/bufbuild/protocompile/sourceinfo"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Walk calls visit for each message, enum and field of the file, in its order: with
// its full name, what it is (message, enum, field), its comment and the doc of its
// confluent.Meta, and that one's tags.
func (s *Schema) Walk(visit func(path, kind, doc string, tags []string)) {
	w := walker{s.comments(), visit}
	at := ""
	if p := s.proto.GetPackage(); p != "" {
		at = p + "."
	}
	w.messages(at, path{fileMessages}, s.proto.MessageType)
	w.enums(at, path{fileEnums}, s.proto.EnumType)
}

// Numbers of fields in descriptor.proto, which make the paths of comments.
const (
	fileMessages, fileEnums                      = 4, 5
	messageFields, messageMessages, messageEnums = 2, 3, 4
)

// path is the way to a declaration, as SourceCodeInfo has it.
type path []int32

func (p path) to(more ...int32) path { return append(append(path{}, p...), more...) }

type walker struct {
	comments map[string]string // by path
	visit    func(path, kind, doc string, tags []string)
}

func (w walker) one(name, kind string, p path, options protoreflect.Message) {
	doc, tags := meta(options)
	if c := w.comments[fmt.Sprint(p)]; c != "" {
		doc = strings.TrimPrefix(c+"\n"+doc, "\n")
	}
	w.visit(name, kind, strings.TrimSpace(doc), tags)
}

func (w walker) messages(in string, p path, list []*descriptorpb.DescriptorProto) {
	for i, m := range list {
		if m.GetOptions().GetMapEntry() {
			continue
		}
		here, name := p.to(int32(i)), in+m.GetName()
		w.one(name, "message", here, m.GetOptions().ProtoReflect())
		for j, f := range m.Field {
			w.one(name+"."+f.GetName(), "field", here.to(messageFields, int32(j)), f.GetOptions().ProtoReflect())
		}
		w.messages(name+".", here.to(messageMessages), m.NestedType)
		w.enums(name+".", here.to(messageEnums), m.EnumType)
	}
}

func (w walker) enums(in string, p path, list []*descriptorpb.EnumDescriptorProto) {
	for i, e := range list {
		w.one(in+e.GetName(), "enum", p.to(int32(i)), e.GetOptions().ProtoReflect())
	}
}

// meta reads the doc and the tags of a confluent.Meta.
func meta(options protoreflect.Message) (doc string, tags []string) {
	options.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() == nil || f.Message().FullName() != "confluent.Meta" || f.IsList() {
			return true
		}
		fields := f.Message().Fields()
		if d := fields.ByName("doc"); d != nil && d.Kind() == protoreflect.StringKind {
			doc = v.Message().Get(d).String()
		}
		if d := fields.ByName("tags"); d != nil && d.IsList() && d.Kind() == protoreflect.StringKind {
			list := v.Message().Get(d).List()
			for i := range list.Len() {
				tags = append(tags, list.Get(i).String())
			}
		}
		return true
	})
	return doc, tags
}

// comments are those of the text, which is parsed again for them: few have any.
func (s *Schema) comments() (found map[string]string) {
	defer func() { _ = recover() }() // as in Parse: without comments then
	if isBase64(s.text) || !strings.Contains(s.text, "//") && !strings.Contains(s.text, "/*") {
		return nil
	}
	tree, err := read(rootName, s.text, reporter.NewHandler(firstError(false)))
	if err != nil || tree == nil {
		return nil // can not be: it was parsed
	}
	found = map[string]string{}
	for _, l := range sourceinfo.GenerateSourceInfo(tree, nil).GetLocation() {
		if c := strings.TrimSpace(l.GetLeadingComments() + "\n" + l.GetTrailingComments()); c != "" {
			found[fmt.Sprint(path(l.Path))] = c
		}
	}
	return found
}
