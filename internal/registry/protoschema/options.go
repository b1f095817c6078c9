package protoschema

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

type option struct{ name, value string }

// optionLines writes options as statements.
func (p *printer) optionLines(m proto.Message) {
	for _, o := range p.options(m) {
		p.line("option %s = %s;", o.name, o.value)
	}
}

// inline writes options in brackets, after a space.
func inline(list []option) string {
	if len(list) == 0 {
		return ""
	}
	texts := make([]string, len(list))
	for i, o := range list {
		texts[i] = o.name + " = " + o.value
	}
	return " [" + strings.Join(texts, ", ") + "]"
}

// fieldOptions are a field's options, and what is written like one.
func (p *printer) fieldOptions(f *fieldProto) (list []option) {
	if f.DefaultValue != nil {
		v := f.GetDefaultValue()
		switch f.GetType() {
		case descriptorpb.FieldDescriptorProto_TYPE_STRING:
			v = quote(v)
		case descriptorpb.FieldDescriptorProto_TYPE_BYTES:
			v = `"` + v + `"` // it is escaped already
		}
		list = append(list, option{"default", v})
	}
	if f.Extendee == nil && f.JsonName != nil && f.GetJsonName() != jsonName(f.GetName()) {
		list = append(list, option{"json_name", quote(f.GetJsonName())})
	}
	return append(list, p.options(f.GetOptions())...)
}

// options are those that a message of options has, in the order of their numbers;
// then the extensions, by their names; then those that nothing defines.
func (p *printer) options(of proto.Message) (list []option) {
	m := of.ProtoReflect()
	if !m.IsValid() {
		return nil
	}
	for _, v := range p.set(m) {
		switch name := v.field.Name(); {
		case name == "uninterpreted_option" && !v.field.IsExtension():
			continue
		case name == "features" && !v.field.IsExtension():
			for _, f := range p.set(v.value.Message()) {
				list = append(list, p.each("features."+optionName(f.field), f)...)
			}
		default:
			list = append(list, p.each(optionName(v.field), v)...)
		}
	}
	if raw, ok := of.(interface {
		GetUninterpretedOption() []*descriptorpb.UninterpretedOption
	}); ok {
		for _, u := range raw.GetUninterpretedOption() {
			list = append(list, uninterpreted(u))
		}
	}
	return list
}

func optionName(f protoreflect.FieldDescriptor) string {
	if f.IsExtension() {
		return "(." + string(f.FullName()) + ")"
	}
	return string(f.Name())
}

// each is an option as often as it is repeated.
func (p *printer) each(name string, s setting) (list []option) {
	if !s.field.IsList() {
		return []option{{name, p.value(s.field, s.value)}}
	}
	for i := range s.value.List().Len() {
		list = append(list, option{name, p.value(s.field, s.value.List().Get(i))})
	}
	return list
}

// setting is a field of a message and its value.
type setting struct {
	field protoreflect.FieldDescriptor
	value protoreflect.Value
}

// set are the fields that m has.
func (p *printer) set(m protoreflect.Message) (list []setting) {
	if len(m.GetUnknown()) > 0 && p.err == nil {
		p.err = fmt.Errorf("%s has fields that no import defines", m.Descriptor().FullName())
	}
	for f, v := range m.Range {
		list = append(list, setting{f, v})
	}
	slices.SortFunc(list, func(a, b setting) int {
		switch x, y := a.field, b.field; {
		case x.IsExtension() && y.IsExtension():
			return cmp.Compare(x.FullName(), y.FullName())
		case x.IsExtension():
			return 1
		case y.IsExtension():
			return -1
		default:
			return cmp.Compare(x.Number(), y.Number())
		}
	})
	return list
}

// value writes a single value.
func (p *printer) value(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.StringKind:
		return quote(v.String())
	case protoreflect.BytesKind:
		return quoteBytes(v.Bytes())
	case protoreflect.FloatKind:
		return number(v.Float(), 32)
	case protoreflect.DoubleKind:
		return number(v.Float(), 64)
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return string(e.Name())
		}
		return strconv.Itoa(int(v.Enum()))
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return p.literal(v.Message())
	}
	return v.String()
}

// literal writes a message in the text format.
func (p *printer) literal(m protoreflect.Message) string {
	var parts []string
	add := func(name string, f protoreflect.FieldDescriptor, v protoreflect.Value) {
		parts = append(parts, name+": "+p.value(f, v))
	}
	for _, s := range p.set(m) {
		name := string(s.field.Name())
		switch {
		case s.field.IsExtension():
			name = "[" + string(s.field.FullName()) + "]"
		case s.field.Kind() == protoreflect.GroupKind:
			name = string(s.field.Message().Name())
		}
		switch {
		case s.field.IsList():
			for i := range s.value.List().Len() {
				add(name, s.field, s.value.List().Get(i))
			}
		case s.field.IsMap():
			for _, e := range p.entries(s) {
				parts = append(parts, name+": "+e)
			}
		default:
			add(name, s.field, s.value)
		}
	}
	if len(parts) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// entries are those of a map, sorted as texts.
func (p *printer) entries(s setting) (list []string) {
	for k, v := range s.value.Map().Range {
		list = append(list, fmt.Sprintf("{ key: %s, value: %s }",
			p.value(s.field.MapKey(), k.Value()), p.value(s.field.MapValue(), v)))
	}
	slices.Sort(list)
	return list
}

func number(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(v, 'g', -1, bits)), "+")
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// uninterpreted writes an option as it was read.
func uninterpreted(u *descriptorpb.UninterpretedOption) option {
	parts := make([]string, len(u.Name))
	for i, n := range u.Name {
		if parts[i] = n.GetNamePart(); n.GetIsExtension() {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	o := option{name: strings.Join(parts, ".")}
	switch {
	case u.IdentifierValue != nil:
		o.value = u.GetIdentifierValue()
	case u.PositiveIntValue != nil:
		o.value = strconv.FormatUint(u.GetPositiveIntValue(), 10)
	case u.NegativeIntValue != nil:
		o.value = strconv.FormatInt(u.GetNegativeIntValue(), 10)
	case u.DoubleValue != nil:
		o.value = number(u.GetDoubleValue(), 64)
	case u.AggregateValue != nil:
		o.value = "{ " + strings.TrimSpace(u.GetAggregateValue()) + " }"
	default:
		o.value = quoteBytes(u.StringValue)
	}
	return o
}

func quote(s string) string { return quoted([]byte(s), utf8.ValidString(s)) }

func quoteBytes(b []byte) string { return quoted(b, false) }

// quoted writes a string literal; what is not ASCII stands as it is, or is escaped.
func quoted(b []byte, plain bool) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c == '\n':
			out.WriteString(`\n`)
		case c < ' ' || c == 0x7f || c >= 0x80 && !plain:
			fmt.Fprintf(&out, `\%03o`, c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}
