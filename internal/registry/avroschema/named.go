package avroschema

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const maxFixed = math.MaxInt32 - 8 // Java's limit

// named reads what records, enums and fixeds have in common.
func (p *parser) named(v *value, k kind, space string) (*node, error) {
	s, ok := v.string("name")
	if !ok {
		return nil, p.errorf("%s without a name", k)
	}
	if ns, ok := v.string("namespace"); ok {
		space = ns
	}
	n := &node{kind: k, named: &named{name: readName(s, space), doc: optional(v, "doc")}}
	full := n.name.String()
	if err := p.checked(n.name.check()); err != nil {
		return nil, p.errorf("%s %q: %w", k, full, err)
	}
	if primitive(full) != nil || n.name.short == "" {
		return nil, p.errorf("a %s can not have the name %q", k, full)
	}
	aliases, err := p.aliases(v)
	if err != nil {
		return nil, p.errorf("%s %q: %w", k, full, err)
	}
	for _, a := range aliases {
		alias := readName(a, n.name.space)
		if err := p.checked(checkName(alias.short)); err != nil {
			return nil, p.errorf("%s %q, alias %q: %w", k, full, a, err)
		}
		if !slices.Contains(n.aliases, alias) {
			n.aliases = append(n.aliases, alias)
		}
	}
	word := isSchemaWord
	if k == enum {
		word = isEnumWord
	}
	n.props = properties(v, word)
	return n, nil
}

// define makes a type known, and returns what its name means: as in Java an enum
// or fixed may be defined again by the same words.
func (p *parser) define(n *node) (*node, error) {
	full := n.name.String()
	old, ok := p.types[full]
	if !ok {
		p.types[full] = n
		return n, nil
	}
	if same := n.kind == old.kind && n.kind != record && len(old.props) == 0 && n.size == old.size && slices.Equal(n.symbols, old.symbols); !same {
		return nil, p.errorf("type %q is defined twice", full)
	}
	return old, nil
}

func (p *parser) record(dst *(*node), v *value, isError bool, space string, depth int) error {
	n, err := p.named(v, record, space)
	if err != nil {
		return err
	}
	n.isError, n.open = isError, true
	*dst = n
	if _, err := p.define(n); err != nil {
		return err
	}
	fields := v.get("fields")
	if fields == nil || fields.kind != '[' {
		return p.errorf("record %q without fields", n.name)
	}
	within, at, base := p.within, p.at, len(p.path)
	n.fields = make([]field, len(fields.items))
	for i := range fields.items {
		p.within, p.at = n, ""
		p.path = append(p.path[:base], step{word: "fields"}, step{index: i})
		if err := p.field(&n.fields[i], &fields.items[i].value, n.name.space, depth); err != nil {
			return err
		}
	}
	p.within, p.at, p.path = n, "", p.path[:base]
	if err := p.indexed(n); err != nil {
		return err
	}
	p.within, p.at = within, at
	n.open = false
	return nil
}

// indexed refuses equal names of fields, and makes many of them quick to find.
func (p *parser) indexed(n *node) error {
	few := len(n.fields) <= 8
	index := make(map[string]int, len(n.fields))
	for i := range n.fields {
		first, twice := index[n.fields[i].name]
		if twice && p.strict {
			return p.errorf("field %q is there twice", n.fields[i].name)
		}
		if !twice {
			first = i
		}
		index[n.fields[i].name] = first
	}
	if !few {
		n.index = index
	}
	return nil
}

func (p *parser) field(f *field, v *value, space string, depth int) error {
	var ok bool
	if f.name, ok = v.string("name"); !ok {
		return p.errorf("a field without a name")
	}
	p.at = f.name
	if err := p.checked(checkName(f.name)); err != nil {
		return p.errorf("%w", err)
	}
	typ := v.get("type")
	if typ == nil {
		return p.errorf("the field has no type")
	}
	if err := p.schemaAt(step{word: "type"}, &f.typ, typ, space, depth+1); err != nil {
		return err
	}
	p.at = f.name
	f.doc = optional(v, "doc")
	f.props = properties(v, isFieldWord)
	if order := v.get("order"); order != nil {
		f.order = strings.ToLower(order.text)
		known := f.order == "ascending" || f.order == "descending" || f.order == "ignore"
		if order.kind != '"' || p.strict && !known {
			return p.errorf("%.40s is not an order", order.appendTo(nil, false))
		}
		if f.order == "ascending" {
			f.order = ""
		}
	}
	var err error
	if f.aliases, err = p.aliases(v); err != nil {
		return p.errorf("%w", err)
	}
	return p.fallback(f, v.get("default"))
}

// fallback reads the default of a field.
func (p *parser) fallback(f *field, v *value) error {
	if v == nil {
		return nil
	}
	f.fallback = v
	if v.kind == '"' && (f.typ.kind == float || f.typ.kind == double) {
		number, err := parseJavaDouble(v.text)
		if err := p.checked(err); err != nil {
			return p.errorf("default: %w", err)
		}
		if err == nil {
			f.fallback = &value{kind: 'd', text: javaDouble(number)}
		}
	}
	if !p.strict {
		return nil
	}
	if err := p.judge.fits(f.fallback, f.typ); err != nil {
		return p.errorf("default %.40s: %w", f.fallback.appendTo(nil, false), err)
	}
	if len(p.forward) > 0 { // a name in the type, however deep, may not mean anything yet
		p.again = append(p.again, pending{f, p.errorf("default %.40s", f.fallback.appendTo(nil, false))})
	}
	return nil
}

func (p *parser) enum(dst *(*node), v *value, space string) error {
	n, err := p.named(v, enum, space)
	if err != nil {
		return err
	}
	symbols := v.get("symbols")
	if symbols == nil || symbols.kind != '[' {
		return p.errorf("enum %q without symbols", n.name)
	}
	n.symbols = make([]string, len(symbols.items))
	seen := make(map[string]bool, len(symbols.items))
	for i := range symbols.items {
		s := &symbols.items[i]
		if s.kind != '"' {
			return p.errorf("enum %q: symbol %d is not a string", n.name, i)
		}
		if err := p.checked(checkName(s.text)); err != nil {
			return p.errorf("enum %q, symbol %d: %w", n.name, i, err)
		}
		if seen[s.text] && p.strict {
			return p.errorf("enum %q has the symbol %q twice", n.name, s.text)
		}
		seen[s.text] = true
		n.symbols[i] = s.text
	}
	n.enumDefault = optional(v, "default")
	if d := n.enumDefault; d != nil && p.strict && !seen[*d] {
		return p.errorf("enum %q: the default %q is not one of its symbols", n.name, *d)
	}
	*dst, err = p.define(n)
	return err
}

func (p *parser) fixed(dst *(*node), v *value, space string) error {
	n, err := p.named(v, fixed, space)
	if err != nil {
		return err
	}
	size := v.get("size")
	if size == nil || size.kind != 'i' {
		return p.errorf("fixed %q without a size", n.name)
	}
	n.size = size.text
	if bytes, err := strconv.Atoi(n.size); p.strict && (err != nil || bytes < 0 || bytes > maxFixed) {
		return p.errorf("fixed %q can not have the size %.40s", n.name, n.size)
	}
	*dst, err = p.define(n)
	return err
}

// checked is err in strict parsing.
func (p *parser) checked(err error) error {
	if !p.strict {
		return nil
	}
	return err
}

// aliases are the distinct aliases of a type or field, as written.
func (p *parser) aliases(v *value) (aliases []string, err error) {
	list := v.get("aliases")
	if list == nil || list.kind == 'n' && !p.strict {
		return nil, nil
	}
	if list.kind != '[' {
		return nil, errors.New("aliases must be an array")
	}
	for i := range list.items {
		alias := &list.items[i]
		if alias.kind != '"' {
			return nil, fmt.Errorf("alias %d is not a string", i)
		}
		if !slices.Contains(aliases, alias.text) {
			aliases = append(aliases, alias.text)
		}
	}
	return aliases, nil
}

func optional(v *value, name string) *string {
	if m := v.get(name); m != nil && m.kind == '"' {
		return &m.text
	}
	return nil
}

// properties are the members whose names are not words of the language.
func properties(v *value, isWord func(string) bool) (props []member) {
	for i := range v.items {
		if !isWord(v.items[i].name) {
			props = append(props, v.items[i])
		}
	}
	return props
}

func isSchemaWord(s string) bool {
	switch s {
	case "type", "name", "namespace", "doc", "fields", "symbols", "items", "values", "size", "aliases":
		return true
	}
	return false
}

func isEnumWord(s string) bool { return s == "default" || isSchemaWord(s) }

func isFieldWord(s string) bool {
	switch s {
	case "name", "type", "doc", "default", "order", "aliases":
		return true
	}
	return false
}
