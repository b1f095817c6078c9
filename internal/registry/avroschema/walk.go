package avroschema

import "strings"

// Walk calls visit for each record, enum, fixed and field that the text defines, in
// its order: with its full name, what it is (record, enum, fixed, field), its doc, and
// the tags that it has inline (confluent:tags). Types of references are not walked.
func (s *Schema) Walk(visit func(path, kind, doc string, tags []string)) {
	w := walker{s.known, map[*node]bool{}, visit}
	w.node(s.root)
}

type walker struct {
	known map[string]bool
	seen  map[*node]bool // a type is walked where it is first met: records may hold themselves
	visit func(path, kind, doc string, tags []string)
}

func (w walker) node(n *node) {
	if n == nil || w.seen[n] || n.named != nil && w.known[n.name.String()] {
		return
	}
	w.seen[n] = true
	if n.named != nil && n.kind.isNamed() {
		w.visit(n.name.String(), n.kind.String(), text(n.doc), tagsOf(n.props))
		for i := range n.fields {
			f := &n.fields[i]
			w.visit(n.name.String()+"."+f.name, "field", text(f.doc), tagsOf(f.props))
			w.node(f.typ)
		}
	}
	w.node(n.element)
	for _, b := range n.branches {
		w.node(b)
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func tagsOf(props []member) (tags []string) {
	for _, p := range props {
		if p.name != "confluent:tags" || p.kind != '[' {
			continue
		}
		for _, t := range p.items {
			if t.kind == '"' {
				tags = append(tags, strings.Clone(t.text)) // it shares the schema's memory
			}
		}
	}
	return tags
}
