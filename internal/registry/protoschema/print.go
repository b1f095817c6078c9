package protoschema

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"
)

type (
	fileProto    = descriptorpb.FileDescriptorProto
	messageProto = descriptorpb.DescriptorProto
	fieldProto   = descriptorpb.FieldDescriptorProto
	enumProto    = descriptorpb.EnumDescriptorProto
)

// printer writes a descriptor as source.
type printer struct {
	out    []byte
	indent int
	syntax string // proto2, proto3 or editions
	err    error  // the first thing that can not be written
}

// source writes a file. Extensions in its options must be known ones.
func source(f *fileProto) (string, error) {
	p := printer{syntax: f.GetSyntax()}
	switch {
	case p.syntax == "":
		p.syntax = "proto2"
		fallthrough
	case f.Edition == nil:
		p.line("syntax = %s;", quote(p.syntax))
	default:
		p.line("edition = %s;", quote(strings.TrimPrefix(f.GetEdition().String(), "EDITION_")))
	}
	if f.Package != nil {
		p.line("package %s;", f.GetPackage())
	}
	p.importLines(f)
	p.optionLines(f.GetOptions())
	scope := ""
	if f.GetPackage() != "" {
		scope = "." + f.GetPackage()
	}
	b := body{printer: &p, scope: scope, extensions: f.Extension, messages: f.MessageType, apart: true}
	b.print()
	for _, e := range f.EnumType {
		p.blank()
		p.enum(e)
	}
	for _, s := range f.Service {
		p.blank()
		p.service(s)
	}
	return string(p.out), p.err
}

func (p *printer) blank() { p.out = append(p.out, '\n') }

func (p *printer) line(format string, args ...any) {
	for range p.indent {
		p.out = append(p.out, "  "...)
	}
	p.out = append(fmt.Appendf(p.out, format, args...), '\n')
}

func (p *printer) importLines(f *fileProto) {
	how := make([]string, len(f.Dependency))
	mark := func(indexes []int32, word string) {
		for _, i := range indexes {
			if int(i) < len(how) && i >= 0 {
				how[i] = word
			}
		}
	}
	mark(f.WeakDependency, "weak ")
	mark(f.PublicDependency, "public ")
	for i, name := range f.Dependency {
		if i == 0 {
			p.blank()
		}
		p.line("import %s%s;", how[i], quote(name))
	}
	if f.Options != nil {
		p.blank()
	}
}

// body writes the fields, extensions and messages of a message or file. The order
// within each is kept. Entries of maps and groups are messages, too, that their
// fields bring: where one comes after a message, its field must.
type body struct {
	*printer
	scope      string // full name of the message, or package, with dots before each part
	fields     []*fieldProto
	oneofs     []*descriptorpb.OneofDescriptorProto
	extensions []*fieldProto
	messages   []*messageProto
	apart      bool // with blank lines

	index               map[string]int // of messages by full name
	field, ext, message int            // the next ones to write
}

func (b *body) print() {
	b.index = make(map[string]int, len(b.messages))
	for i, m := range b.messages {
		b.index[b.scope+"."+m.GetName()] = i
	}
	owner := map[int]func(){}
	for i, f := range b.fields {
		if m, at := b.owned(f); m != nil {
			owner[at] = func() { b.fieldsTo(i + 1) }
		}
	}
	for i, f := range b.extensions {
		if m, at := b.owned(f); m != nil {
			owner[at] = func() { b.extensionsTo(i + 1) }
		}
	}
	for i := range b.messages {
		if write := owner[i]; write != nil {
			b.messagesTo(i)
			b.message = i + 1
			write()
		}
	}
	b.fieldsTo(len(b.fields))
	b.extensionsTo(len(b.extensions))
	b.messagesTo(len(b.messages))
}

// owned is the message that a field brings, or nil.
func (b *body) owned(f *fieldProto) (*messageProto, int) {
	i, ok := b.index[f.GetTypeName()]
	if !ok || !b.messages[i].GetOptions().GetMapEntry() && f.GetType() != descriptorpb.FieldDescriptorProto_TYPE_GROUP {
		return nil, 0
	}
	return b.messages[i], i
}

func (b *body) messagesTo(end int) {
	for ; b.message < end; b.message++ {
		if b.apart {
			b.blank()
		}
		m := b.messages[b.message]
		b.line("message %s {", m.GetName())
		b.content(m)
		b.line("}")
	}
}

// fieldsTo writes fields; those of a oneof together.
func (b *body) fieldsTo(end int) {
	for b.field < end {
		f := b.fields[b.field]
		if !inOneof(f) || int(f.GetOneofIndex()) >= len(b.oneofs) {
			b.declare(f, b.label(f))
			b.field++
			continue
		}
		o := b.oneofs[f.GetOneofIndex()]
		b.line("oneof %s {", o.GetName())
		b.indent++
		b.optionLines(o.GetOptions())
		for ; b.field < len(b.fields) && inOneof(b.fields[b.field]) && b.fields[b.field].GetOneofIndex() == f.GetOneofIndex(); b.field++ {
			b.declare(b.fields[b.field], "")
		}
		b.indent--
		b.line("}")
	}
}

// inOneof leaves out the oneof that stands for proto3's word optional.
func inOneof(f *fieldProto) bool { return f.OneofIndex != nil && !f.GetProto3Optional() }

func (b *body) extensionsTo(end int) {
	for b.ext < end {
		of := b.extensions[b.ext].GetExtendee()
		if b.apart {
			b.blank()
		}
		b.line("extend %s {", of)
		b.indent++
		for ; b.ext < end && b.extensions[b.ext].GetExtendee() == of; b.ext++ {
			b.declare(b.extensions[b.ext], b.label(b.extensions[b.ext]))
		}
		b.indent--
		b.line("}")
	}
}

func (b *body) label(f *fieldProto) string {
	switch f.GetLabel() {
	case descriptorpb.FieldDescriptorProto_LABEL_REQUIRED:
		return "required "
	case descriptorpb.FieldDescriptorProto_LABEL_REPEATED:
		if m, _ := b.owned(f); m.GetOptions().GetMapEntry() {
			return ""
		}
		return "repeated "
	}
	if b.syntax == "proto2" || f.GetProto3Optional() {
		return "optional "
	}
	return ""
}

func (b *body) declare(f *fieldProto, label string) {
	options := inline(b.fieldOptions(f))
	m, _ := b.owned(f)
	switch {
	case m.GetOptions().GetMapEntry() && len(m.GetField()) == 2:
		b.line("%smap<%s, %s> %s = %d%s;", label, typeName(m.Field[0]), typeName(m.Field[1]), f.GetName(), f.GetNumber(), options)
	case m != nil:
		b.line("%sgroup %s = %d%s {", label, m.GetName(), f.GetNumber(), options)
		b.content(m)
		b.line("}")
	default:
		b.line("%s%s %s = %d%s;", label, typeName(f), f.GetName(), f.GetNumber(), options)
	}
}

func typeName(f *fieldProto) string {
	if f.TypeName != nil {
		return f.GetTypeName()
	}
	return strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
}

// content writes what is between the braces of a message.
func (b *body) content(m *messageProto) {
	b.indent++
	b.optionLines(m.GetOptions())
	var ranges []string
	for _, r := range m.ReservedRange {
		ranges = append(ranges, span(int64(r.GetStart()), int64(r.GetEnd())-1, maxNumber))
	}
	b.reserved(ranges, m.ReservedName)
	for _, r := range m.ExtensionRange {
		b.line("extensions %s%s;", span(int64(r.GetStart()), int64(r.GetEnd())-1, maxNumber), inline(b.options(r.GetOptions())))
	}
	inner := body{
		printer: b.printer, scope: b.scope + "." + m.GetName(),
		fields: m.Field, oneofs: m.OneofDecl, extensions: m.Extension, messages: m.NestedType,
	}
	inner.print()
	for _, e := range m.EnumType {
		b.enum(e)
	}
	b.indent--
}

// maxNumber is the highest number of a field; a message set has higher ones, and
// can say them as max only.
const maxNumber = 1<<29 - 1

func span(first, last, most int64) string {
	switch {
	case first == last:
		return strconv.FormatInt(first, 10)
	case last >= most:
		return fmt.Sprintf("%d to max", first)
	}
	return fmt.Sprintf("%d to %d", first, last)
}

const perLine = 100 // of what is reserved

func (p *printer) reserved(ranges, names []string) {
	for some := range slices.Chunk(ranges, perLine) {
		p.line("reserved %s;", strings.Join(some, ", "))
	}
	if p.syntax != "editions" {
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = quote(n)
		}
		names = quoted
	}
	for some := range slices.Chunk(names, perLine) {
		p.line("reserved %s;", strings.Join(some, ", "))
	}
}

func (p *printer) enum(e *enumProto) {
	p.line("enum %s {", e.GetName())
	p.indent++
	p.optionLines(e.GetOptions())
	var ranges []string
	for _, r := range e.ReservedRange {
		ranges = append(ranges, span(int64(r.GetStart()), int64(r.GetEnd()), math.MaxInt32))
	}
	p.reserved(ranges, e.ReservedName)
	for _, v := range e.Value {
		p.line("%s = %d%s;", v.GetName(), v.GetNumber(), inline(p.options(v.GetOptions())))
	}
	p.indent--
	p.line("}")
}

func (p *printer) service(s *descriptorpb.ServiceDescriptorProto) {
	p.line("service %s {", s.GetName())
	p.indent++
	p.optionLines(s.GetOptions())
	stream := map[bool]string{true: "stream "}
	for _, m := range s.Method {
		head := fmt.Sprintf("rpc %s (%s%s) returns (%s%s)", m.GetName(),
			stream[m.GetClientStreaming()], m.GetInputType(), stream[m.GetServerStreaming()], m.GetOutputType())
		if m.Options == nil {
			p.line("%s;", head)
			continue
		}
		p.line("%s {", head) // compilers tell braces from none
		p.indent++
		p.optionLines(m.Options)
		p.indent--
		p.line("}")
	}
	p.indent--
	p.line("}")
}
