package avroschema

import (
	"maps"

	"github.com/weirhq/weir/internal/wire"
)

// Canonical is the text that decides identity: what Avro Java writes.
func (s *Schema) Canonical() string { return s.write(false) }

// Normalized is the canonical text with properties and the members of objects
// ordered by name.
func (s *Schema) Normalized() string { return s.write(true) }

// Resolved is the canonical text with the types that references bring written out.
func (s *Schema) Resolved() string { return (&Schema{root: s.root}).Canonical() }

func (s *Schema) write(sorted bool) string {
	w := writer{known: maps.Clone(s.known), sorted: sorted}
	if w.known == nil {
		w.known = map[string]bool{}
	}
	w.schema(s.root, "")
	return string(w.dst)
}

type writer struct {
	dst    []byte
	known  map[string]bool // full names of the types written so far
	sorted bool
}

func (w *writer) raw(s string)    { w.dst = append(w.dst, s...) }
func (w *writer) string(s string) { w.dst = wire.AppendJacksonString(w.dst, s) }

// member writes ,"name":"text"
func (w *writer) member(name, text string) {
	w.raw(`,"` + name + `":`)
	w.string(text)
}

func (w *writer) optional(name string, text *string) {
	if text != nil {
		w.member(name, *text)
	}
}

// schema writes n inside a namespace.
func (w *writer) schema(n *node, space string) {
	switch {
	case n.kind.isNamed():
		w.named(n, space)
	case n.kind == union:
		w.raw("[")
		for i, b := range n.branches {
			if i > 0 {
				w.raw(",")
			}
			w.schema(b, space)
		}
		w.raw("]")
	case n.element == nil && len(n.props) == 0:
		w.string(n.kind.String())
	default:
		w.raw(`{"type":"` + n.kind.String() + `"`)
		if n.kind == array {
			w.raw(`,"items":`)
		} else if n.kind == mapping {
			w.raw(`,"values":`)
		}
		if n.element != nil {
			w.schema(n.element, space)
		}
		w.properties(n.props)
		w.raw("}")
	}
}

func (w *writer) named(n *node, space string) {
	full := n.name.String()
	if w.known[full] {
		spelled := n.name.in(space)
		if n.name.space == "" && space != "" && w.known[space+"."+spelled] {
			spelled = "." + spelled // without the dot it would mean the other type
		}
		w.string(spelled)
		return
	}
	w.known[full] = true
	typ := n.kind.String()
	if n.isError {
		typ = "error"
	}
	w.raw(`{"type":"` + typ + `"`)
	w.member("name", n.name.short)
	if n.name.space != space {
		w.member("namespace", n.name.space)
	}
	w.optional("doc", n.doc)
	switch n.kind {
	case enum:
		w.raw(`,"symbols":`)
		w.strings(n.symbols)
		w.optional("default", n.enumDefault)
	case fixed:
		w.raw(`,"size":` + n.size)
	default:
		w.raw(`,"fields":[`)
		for i := range n.fields {
			if i > 0 {
				w.raw(",")
			}
			w.field(&n.fields[i], n.name.space)
		}
		w.raw("]")
	}
	w.properties(n.props)
	if len(n.aliases) > 0 {
		spelled := make([]string, len(n.aliases))
		for i, a := range n.aliases {
			spelled[i] = a.in(n.name.space)
			if a.space == "" && n.name.space != "" {
				spelled[i] = "." + a.short // without the dot it would be in the namespace
			}
		}
		w.raw(`,"aliases":`)
		w.strings(spelled)
	}
	w.raw("}")
}

func (w *writer) field(f *field, space string) {
	w.raw(`{"name":`)
	w.string(f.name)
	w.raw(`,"type":`)
	w.schema(f.typ, space)
	w.optional("doc", f.doc)
	if f.fallback != nil {
		w.raw(`,"default":`)
		w.dst = f.fallback.appendTo(w.dst, w.sorted)
	}
	if f.order != "" {
		w.member("order", f.order)
	}
	if len(f.aliases) > 0 {
		w.raw(`,"aliases":`)
		w.strings(f.aliases)
	}
	w.properties(f.props)
	w.raw("}")
}

func (w *writer) strings(list []string) {
	w.raw("[")
	for i, s := range list {
		if i > 0 {
			w.raw(",")
		}
		w.string(s)
	}
	w.raw("]")
}

func (w *writer) properties(props []member) {
	for _, m := range inOrder(props, w.sorted) {
		w.raw(",")
		w.string(m.name)
		w.raw(":")
		w.dst = m.appendTo(w.dst, w.sorted)
	}
}

// Fingerprint is the CRC-64-AVRO of the parsing canonical form: equal for schemas
// that read and write the same bytes under the same names.
func (s *Schema) Fingerprint() uint64 {
	const empty = 0xc15d213aa4d7a795
	crc := uint64(empty)
	for _, b := range appendParsingForm(nil, s.root, map[*node]bool{}) {
		crc ^= uint64(b)
		for range 8 {
			crc = crc>>1 ^ empty&-(crc&1)
		}
	}
	return crc
}

// appendParsingForm appends the specification's Parsing Canonical Form: full
// names, and nothing that does not change the bytes of data.
func appendParsingForm(dst []byte, n *node, written map[*node]bool) []byte {
	switch {
	case n.kind == union:
		dst = append(dst, '[')
		for i, b := range n.branches {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendParsingForm(dst, b, written)
		}
		return append(dst, ']')
	case n.kind == array:
		dst = append(dst, `{"type":"array","items":`...)
		return append(appendParsingForm(dst, n.element, written), '}')
	case n.kind == mapping:
		dst = append(dst, `{"type":"map","values":`...)
		return append(appendParsingForm(dst, n.element, written), '}')
	case n.kind.isPrimitive():
		return append(append(append(dst, '"'), n.kind.String()...), '"')
	case written[n]:
		return wire.AppendJacksonString(dst, n.name.String())
	}
	written[n] = true
	dst = wire.AppendJacksonString(append(dst, `{"name":`...), n.name.String())
	dst = append(append(append(dst, `,"type":"`...), n.kind.String()...), '"')
	switch n.kind {
	case enum:
		w := writer{dst: append(dst, `,"symbols":`...)}
		w.strings(n.symbols)
		dst = w.dst
	case fixed:
		dst = append(append(dst, `,"size":`...), n.size...)
	default:
		dst = append(dst, `,"fields":[`...)
		for i := range n.fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = wire.AppendJacksonString(append(dst, `{"name":`...), n.fields[i].name)
			dst = append(appendParsingForm(append(dst, `,"type":`...), n.fields[i].typ, written), '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}
