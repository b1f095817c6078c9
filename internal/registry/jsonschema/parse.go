package jsonschema

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
)

// Parse reads a schema. Strictly, it has to be valid under the meta-schema of its
// draft, which is 7 if it names none; otherwise keywords of the wrong type are
// ignored, for schemas that somebody stored. What a $ref means must be in the text
// or among the references, by name or by URL. Nothing is fetched.
func Parse(text string, refs []schema.Reference, strict bool) (*Schema, error) {
	r := &resolver{
		names: map[string]*document{}, resources: map[string]place{}, anchors: map[string]place{}, bases: map[*value]string{},
		documents: map[string]*document{}, state: map[referenceKey]*document{}, index: map[*value]map[string]int{}, strict: strict,
	}
	d, err := r.document("", text, home, refs)
	if err != nil {
		return nil, err
	}
	s := &Schema{text: *d.root, first: d, documents: r.documents}
	if strict {
		if err := validate(d); err != nil {
			return nil, err
		}
	}
	p := parser{resolver: r, Schema: s, nodes: map[*value]*node{}, warned: map[string]bool{}}
	if s.root, err = p.parse(d); err != nil {
		return nil, err
	}
	s.unjudged = s.unjudged || r.ambiguous
	return s, nil
}

// parser makes nodes of places. What a $ref means waits in a list, so that a chain
// of them does not nest.
type parser struct {
	*resolver
	*Schema
	nodes   map[*value]*node
	all     []*node
	waiting []waiting
	warned  map[string]bool
}

type waiting struct {
	node *node
	place
}

func (p *parser) warn(format string, args ...any) {
	const maxWarnings = 100
	if w := fmt.Sprintf(format, args...); !p.warned[w] && len(p.warnings) < maxWarnings {
		p.warned[w] = true
		p.warnings = append(p.warnings, w)
	}
}

func (p *parser) parse(d *document) (*node, error) {
	base := d.base
	if own, ok := p.bases[d.root]; ok {
		base = own
	}
	root := p.node(d.place(base))
	for len(p.waiting) > 0 {
		w := p.waiting[len(p.waiting)-1]
		p.waiting = p.waiting[:len(p.waiting)-1]
		if err := p.fill(w.node, w.place); err != nil {
			return nil, err
		}
	}
	p.finish(&root)
	return root, nil
}

// node is the node of a place, which is filled later.
func (p *parser) node(at place) *node {
	n := p.nodes[at.value]
	if n == nil {
		n = &node{at: at.at, doc: at.doc, types: anything}
		p.nodes[at.value] = n
		p.all = append(p.all, n)
		p.waiting = append(p.waiting, waiting{n, at})
	}
	return n
}

// fill reads the keywords of one schema.
func (p *parser) fill(n *node, at place) error {
	switch at.kind {
	case 't':
		return nil
	case 'f':
		n.types = 0
		return nil
	case '{':
	default:
		return fmt.Errorf("%s: %.40s is not a schema", at.at, at.String())
	}
	n.hasDefault = at.get("default") != nil
	k := keywords{parser: p, place: at, node: n}
	if err := k.refs(); err != nil {
		return err
	}
	if len(n.allOf) > 0 && at.doc.draft < 2019 { // everything beside it is ignored
		n.alias, n.allOf = n.allOf[0], nil
		return nil
	}
	k.values()
	k.numbers()
	k.object()
	k.array()
	k.combined()
	if len(n.allOf) == 1 && k.others == 0 {
		n.alias, n.allOf = n.allOf[0], nil
	}
	return nil
}

// keywords reads those of one schema. One of the wrong type is ignored, as is one
// that the draft does not have.
type keywords struct {
	*parser
	place
	node   *node
	others int // keywords that assert something, besides $ref
}

// word is a keyword since a draft.
func (k *keywords) word(word string, draft int) *value {
	if k.doc.draft < draft {
		return nil
	}
	v := k.get(word)
	if v != nil {
		k.others++
	}
	return v
}

func (k *keywords) inside(word string, v *value) place {
	at := place{v, k.doc, k.base, k.place.at + "/" + word}
	return k.based(at)
}

// based is a place under its own $id, if it has one.
func (k *keywords) based(p place) place {
	if own, ok := k.bases[p.value]; ok {
		p.base = own
	}
	return p
}

func (v *value) isSchema() bool { return v.kind == '{' || v.kind == 't' || v.kind == 'f' }

func (k *keywords) schema(word string, draft int) *node {
	if v := k.word(word, draft); v != nil && v.isSchema() {
		return k.parser.node(k.inside(word, v))
	}
	return nil
}

func (k *keywords) list(word string, draft int) (nodes []*node) {
	if v := k.word(word, draft); v != nil && v.kind == '[' {
		at := k.inside(word, v)
		for i := range v.items {
			if v.items[i].isSchema() {
				nodes = append(nodes, k.parser.node(k.based(at.child(i))))
			}
		}
	}
	return nodes
}

func (k *keywords) mapped(word string, draft int) (nodes []named) {
	if v := k.word(word, draft); v != nil && v.kind == '{' {
		at := k.inside(word, v)
		for i := range v.items {
			if m := &v.items[i]; m.isSchema() {
				nodes = append(nodes, named{m.name, k.parser.node(k.based(at.child(i))), m.get("default") != nil})
			}
		}
	}
	return nodes
}

func (v *value) strings() (list []string) {
	for i := range v.items {
		if v.items[i].kind == '"' {
			list = append(list, v.items[i].text)
		}
	}
	return list
}

// refs takes those of the dynamic scope for those of the text.
func (k *keywords) refs() error {
	if err := k.ref("$ref", 0); err != nil {
		return err
	}
	if err := k.ref("$recursiveRef", 2019); err != nil {
		return err
	}
	return k.ref("$dynamicRef", 2020)
}

func (k *keywords) ref(word string, draft int) error {
	ref, ok := k.string(word)
	if !ok || k.doc.draft < draft {
		return nil
	}
	target, err := k.find(k.place, ref)
	if err != nil {
		return fmt.Errorf("%s/%s: %w", k.place.at, word, err)
	}
	k.node.allOf = append(k.node.allOf, k.parser.node(target))
	return nil
}

// values reads what is for values of any type, and strings.
func (k *keywords) values() {
	n := k.node
	if v := k.word("type", 0); v != nil {
		types := typeOf(v.text)
		for _, word := range v.strings() {
			types |= typeOf(word)
		}
		if types != 0 {
			n.types = types
		}
	}
	if v := k.word("enum", 0); v != nil && v.kind == '[' {
		n.hasEnum = true
		for i := range v.items {
			n.enum = append(n.enum, v.items[i].value)
		}
	}
	if v := k.word("const", 6); v != nil {
		listed := n.hasEnum && indexOf(n.enum, v) < 0
		n.enum, n.hasEnum = []value{*v}, true
		if listed {
			n.enum = nil // nothing is both
		}
	}
	if v := k.word("pattern", 0); v != nil && v.kind == '"' {
		n.pattern = &v.text
		k.compile("pattern", v.text)
	}
	if v := k.word("format", 0); v != nil && v.kind == '"' && k.doc.draft < 2019 && formats[v.text] != "" {
		n.format = &v.text
	}
}

// indexOf finds an equal value, or returns -1.
func indexOf(list []value, v *value) int {
	want := v.identity()
	for i := range list {
		if list[i].identity() == want {
			return i
		}
	}
	return -1
}

// compile is a regular expression, or nil if Go can not express it.
func (k *keywords) compile(word, text string) *regexp.Regexp {
	re, err := regexp.Compile(text)
	if err != nil {
		k.unjudged = true
		k.warn("%s/%s: the regular expression %.100q is compared as text: %s", k.place.at, word, text, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re
}

func (k *keywords) number(word string, draft int) *big.Rat {
	v := k.word(word, draft)
	r := v.rat()
	if v != nil && v.kind == '#' && r == nil {
		k.warn("%s/%s: the number %.20s... is too long and is ignored", k.place.at, word, v.text)
	}
	return r
}

func (k *keywords) numbers() {
	n := k.node
	for i := range limits {
		n.limits[i] = k.number(limits[i].word, 0)
	}
	// Draft 4 has a bound and whether it is exclusive.
	for _, bound := range []int{maximum, minimum} {
		exclusive := bound + exclusiveMaximum - maximum
		if v := k.get(limits[exclusive].word); v != nil && v.kind == 't' {
			n.limits[bound], n.limits[exclusive] = nil, n.limits[bound]
		}
	}
	if n.multipleOf = k.number("multipleOf", 0); n.multipleOf != nil && n.multipleOf.Sign() <= 0 {
		n.multipleOf = nil
	}
}

func (k *keywords) object() {
	n := k.node
	n.props = k.mapped("properties", 0)
	n.index = make(map[string]int, len(n.props))
	for i := range n.props {
		n.index[n.props[i].name] = i
	}
	for _, m := range k.mapped("patternProperties", 0) {
		n.patterns = append(n.patterns, patterned{m.name, k.compile("patternProperties/"+escape(m.name), m.name), m.node})
	}
	n.additional = k.schema("additionalProperties", 0)
	n.names = k.schema("propertyNames", 6)
	n.restProps = k.schema("unevaluatedProperties", 2019)
	if v := k.word("required", 0); v != nil {
		n.required = v.strings()
	}
	n.depSchemas = append(k.mapped("dependencies", 0), k.mapped("dependentSchemas", 2019)...)
	k.needs("dependencies", 0)
	k.needs("dependentRequired", 2019)
}

func (k *keywords) needs(word string, draft int) {
	if v := k.word(word, draft); v != nil && v.kind == '{' {
		for i := range v.items {
			if m := &v.items[i]; m.kind == '[' {
				k.node.depRequired = append(k.node.depRequired, needs{m.name, m.strings(), k.place.at + "/" + word + "/" + escape(m.name)})
			}
		}
	}
}

func (k *keywords) array() {
	n := k.node
	v := k.word("uniqueItems", 0)
	n.unique = v != nil && v.kind == 't'
	switch items := k.get("items"); {
	case k.doc.draft >= 2020:
		n.prefix = k.list("prefixItems", 2020)
		n.items = k.schema("items", 0)
	case items != nil && items.kind == '[':
		n.prefix = k.list("items", 0)
		n.items = k.schema("additionalItems", 0)
	default:
		n.items = k.schema("items", 0)
	}
	if n.contains = k.schema("contains", 6); n.contains != nil {
		n.minContains = k.number("minContains", 2019)
		n.maxContains = k.number("maxContains", 2019)
	}
	n.restItems = k.schema("unevaluatedItems", 2019)
}

func (k *keywords) combined() {
	n := k.node
	n.allOf = append(n.allOf, k.list("allOf", 0)...)
	n.anyOf = k.list("anyOf", 0)
	n.oneOf = k.list("oneOf", 0)
	n.not = k.schema("not", 0)
	if n.cond = k.schema("if", 7); n.cond != nil {
		n.then = k.schema("then", 7)
		n.else_ = k.schema("else", 7)
	}
}

// finish replaces aliases, breaks the loops that a validator would run in for ever,
// and sets what follows from the rest.
func (p *parser) finish(root **node) {
	chase := func(child **node, _ bool) {
		for steps := 0; (*child).alias != nil; steps++ {
			if steps > len(p.all) {
				p.warn("%s: the schema is only a reference to itself; it asserts nothing", (*child).at)
				*child = &node{at: (*child).at, types: anything, can: anything, free: true}
				return
			}
			*child = (*child).alias
		}
	}
	chase(root, true)
	for _, n := range p.all {
		n.edges(chase)
	}
	state := map[*node]bool{} // false while open
	for _, n := range p.all {
		p.settle(n, state)
	}
}

// settle sets free and can of a node after those of the schemas of the same value.
func (p *parser) settle(n *node, state map[*node]bool) {
	if _, seen := state[n]; seen {
		return
	}
	state[n] = false
	n.edges(func(child **node, inPlace bool) {
		if !inPlace {
			return
		}
		n.elsewhere = true
		if done, seen := state[*child]; seen && !done {
			p.warn("%s: the schema contains itself without going into the data, at %s; there it asserts nothing", (*child).at, n.at)
			*child = &node{at: (*child).at, types: anything, can: anything, free: true}
			return
		}
		p.settle(*child, state)
	})
	state[n] = true
	n.can = n.types & n.enumTypes() & anyOf(n.anyOf) & anyOf(n.oneOf)
	if n.multipleOf != nil && n.multipleOf.IsInt() {
		n.can &^= fraction
	}
	for _, e := range n.allOf {
		n.can &= e.can
	}
	n.free = !n.asserts()
	for i := range n.props {
		n.props[i].hasDefault = n.props[i].hasDefault || n.props[i].node.hasDefault
	}
}

func anyOf(branches []*node) (can typeSet) {
	if len(branches) == 0 {
		return anything
	}
	for _, b := range branches {
		can |= b.can
	}
	return can
}

func (n *node) enumTypes() (types typeSet) {
	if !n.hasEnum {
		return anything
	}
	for i := range n.enum {
		types |= n.enum[i].typeOf()
	}
	return types
}

// asserts says whether n can refuse a value, as far as its keywords tell.
func (n *node) asserts() bool {
	any := n.can != anything || n.hasEnum || n.multipleOf != nil || n.pattern != nil || n.format != nil || n.unique ||
		len(n.required) > 0 || len(n.depRequired) > 0
	for _, l := range n.limits {
		any = any || l != nil
	}
	n.edges(func(**node, bool) { any = true })
	return any
}
