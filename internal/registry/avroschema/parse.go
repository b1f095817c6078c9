package avroschema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
)

const (
	maxDepth    = 512  // of types in types
	javaNesting = 1000 // Jackson's limit
)

// Parse reads a schema. Strictly, what Avro Java 1.12.0 refuses is an error;
// otherwise only what has no structure is: for schemas that somebody stored. The
// named types of the references are known, and theirs; those are read leniently.
func Parse(text string, refs []schema.Reference, strict bool) (*Schema, error) {
	p := &parser{types: map[string]*node{}}
	if len(refs) > 0 {
		r := referrer{parser: p, state: map[referenceKey]bool{}}
		if err := r.read(refs); err != nil {
			return nil, err
		}
	}
	s := &Schema{}
	if len(p.types) > 0 {
		s.known = make(map[string]bool, len(p.types))
		for name := range p.types {
			s.known[name] = true
		}
	}
	p.strict = strict
	var err error
	if s.root, err = p.parse(text); err != nil {
		return nil, err
	}
	return s, nil
}

// parser makes nodes of JSON values.
type parser struct {
	strict bool
	types  map[string]*node // by full name
	given  map[*node]bool   // those that earlier texts brought

	path    []step    // where we are
	within  *node     // the record, and
	at      string    // the field, whose type we are in
	forward []mention // of names that were not known yet
	judge   judge     // of defaults
	again   []pending // defaults to judge when all names are known
}

// step is a step of a path: a word, or an index if it is empty.
type step struct {
	word  string
	index int
}

// mention is a place that wants a type of that name.
type mention struct {
	slot *(*node)
	name string
	err  error // if there is none
}

type pending struct {
	field *field
	err   error // where it is
}

func (p *parser) parse(text string) (root *node, err error) {
	limit := 4 * maxDepth // a field costs an array and two objects
	if p.strict {
		limit = javaNesting
	}
	v, err := readJSON(text, limit)
	if err != nil {
		return nil, err
	}
	p.forward, p.again, p.judge = nil, nil, judge{}
	p.given = make(map[*node]bool, len(p.types))
	for _, n := range p.types {
		p.given[n] = true
	}
	if err := p.schema(&root, &v, "", 0); err != nil {
		return nil, err
	}
	return root, p.resolve(&root)
}

// resolve gives the names that came before their types what they mean.
func (p *parser) resolve(root *(*node)) error {
	if len(p.forward) == 0 {
		return nil
	}
	for _, m := range p.forward {
		n, ok := p.types[m.name]
		if !ok {
			return m.err
		}
		*m.slot = n
	}
	// Definitions move to their first mentions, which may be in one another.
	if depth(*root, p.given, 0) > maxDepth {
		return p.errorf("types nested more than %d deep", maxDepth)
	}
	for _, d := range p.again {
		if err := p.judge.fits(d.field.fallback, d.field.typ); err != nil {
			return fmt.Errorf("%w: %w", d.err, err)
		}
	}
	return nil
}

// depth is how deep the canonical text of n nests.
func depth(n *node, written map[*node]bool, at int) int {
	if at > maxDepth || written[n] {
		return at
	}
	deepest := at
	down := func(n *node) { deepest = max(deepest, depth(n, written, at+1)) }
	if n.named != nil {
		written[n] = true
		for i := range n.fields {
			down(n.fields[i].typ)
		}
	}
	if n.element != nil {
		down(n.element)
	}
	for _, b := range n.branches {
		down(b)
	}
	return deepest
}

// errorf says where.
func (p *parser) errorf(format string, args ...any) error {
	where := ""
	if p.within != nil {
		where = p.within.name.String() + ": "
		if p.at != "" {
			where = fmt.Sprintf("%s field %q: ", p.within.name, p.at)
		}
	}
	return fmt.Errorf("%s: %s%w", pointer(p.path), where, fmt.Errorf(format, args...))
}

// pointer is a path as Avro Java writes it: the root is a slash.
func pointer(path []step) string {
	if len(path) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, s := range path {
		b.WriteByte('/')
		if s.word != "" {
			b.WriteString(s.word)
		} else {
			b.WriteString(strconv.Itoa(s.index))
		}
	}
	return b.String()
}

// schemaAt reads a schema that is a member of the present one.
func (p *parser) schemaAt(s step, dst *(*node), v *value, space string, depth int) error {
	p.path = append(p.path, s)
	err := p.schema(dst, v, space, depth)
	p.path = p.path[:len(p.path)-1]
	return err
}

// schema reads v, whose names are relative to space, into dst.
func (p *parser) schema(dst *(*node), v *value, space string, depth int) error {
	if depth > maxDepth {
		return p.errorf("types nested more than %d deep", maxDepth)
	}
	switch v.kind {
	case '"':
		return p.mention(dst, v.text, space)
	case '[':
		return p.union(dst, v, space, depth)
	case '{':
	default:
		return p.errorf("%.40s is not a schema", v.appendTo(nil, false))
	}
	typ, ok := v.string("type")
	switch typ {
	case "record", "error":
		return p.record(dst, v, typ == "error", space, depth)
	case "enum":
		return p.enum(dst, v, space)
	case "fixed":
		return p.fixed(dst, v, space)
	case "array":
		return p.container(dst, v, array, "items", space, depth)
	case "map":
		return p.container(dst, v, mapping, "values", space, depth)
	}
	if !ok {
		return p.errorf(`a schema without "type", which must be a string here`)
	}
	if n := primitive(typ); n != nil {
		if props := properties(v, isSchemaWord); props != nil {
			n = &node{kind: n.kind, props: props}
		}
		*dst = n
		return nil
	}
	return p.mention(dst, typ, space)
}

// mention finds what a name means: in the namespace, then in none, then later.
func (p *parser) mention(dst *(*node), s, space string) error {
	if n := primitive(s); n != nil {
		*dst = n
		return nil
	}
	full := readName(s, space).String()
	for _, name := range []string{full, s} {
		if n, ok := p.types[name]; ok {
			*dst = n
			return nil
		}
	}
	*dst = &node{kind: unresolved, named: &named{name: readName(s, space)}}
	p.forward = append(p.forward, mention{dst, full, p.errorf("type %q is not defined", full)})
	return nil
}

func (p *parser) union(dst *(*node), v *value, space string, depth int) error {
	n := &node{kind: union, branches: make([]*node, len(v.items))}
	*dst = n
	seen := make(map[string]bool, len(v.items))
	for i := range v.items {
		if err := p.schemaAt(step{index: i}, &n.branches[i], &v.items[i].value, space, depth+1); err != nil {
			return err
		}
		if !p.strict {
			continue
		}
		b := n.branches[i]
		name := b.shortly()
		if b.kind == union {
			return p.errorf("branch %d of the union is a union", i)
		}
		if seen[name] {
			return p.errorf("the union has %s twice", name)
		}
		seen[name] = true
	}
	return nil
}

func (p *parser) container(dst *(*node), v *value, k kind, word, space string, depth int) error {
	element := v.get(word)
	if element == nil {
		return p.errorf("%s without %q", k, word)
	}
	n := &node{kind: k, props: properties(v, isSchemaWord)}
	*dst = n
	return p.schemaAt(step{word: word}, &n.element, element, space, depth+1)
}
