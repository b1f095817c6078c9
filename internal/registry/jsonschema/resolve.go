package jsonschema

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
)

const (
	maxReferences = 1000 // counting each once

	// home is the URL of a schema without $id. Nothing is fetched from it.
	home = "weir:///schema"
)

// document is a text: the schema, or a reference.
type document struct {
	name  string // of the reference; empty for the schema
	root  *value
	base  string // its URL before its $id
	draft int
	refs  map[string]*document // by name
}

// place is a schema in a document, or what should be one.
type place struct {
	*value
	doc  *document
	base string // the URL that a $ref here is relative to
	at   string
}

func (d *document) place(base string) place { return place{d.root, d, base, d.name + "#"} }

// resolver knows where what a $ref can mean is.
type resolver struct {
	names     map[string]*document // of all references; the first of a name
	resources map[string]place     // by URL: documents, and schemas with an $id
	anchors   map[string]place     // by URL and fragment
	bases     map[*value]string    // of the schemas with an $id
	documents map[string]*document // that $refs were found to mean, by URL
	state     map[referenceKey]*document
	index     map[*value]map[string]int // of the members of large objects
	taken     int                       // URLs that were claimed again
	strict    bool
	ambiguous bool // one URL means several documents
}

// claim is a URL for p that no other place has.
func (r *resolver) claim(p place) string {
	if other, taken := r.resources[p.base]; taken && other.value != p.value {
		r.taken++
		p.base += "#" + strconv.Itoa(r.taken)
	}
	r.resources[p.base] = p
	return p.base
}

type referenceKey struct {
	name, subject string
	version       int
	text          string
}

// document reads a text and the references that it has.
func (r *resolver) document(name, text, base string, refs []schema.Reference) (*document, error) {
	root, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	if root.kind != '{' && root.kind != 't' && root.kind != 'f' {
		return nil, fmt.Errorf("%.40s is not a schema", root.String())
	}
	d := &document{name: name, root: &root, draft: 7, refs: map[string]*document{}}
	if word, ok := root.string("$schema"); ok {
		if d.draft = draftOf(word); d.draft == 0 {
			if r.strict {
				return nil, fmt.Errorf("the $schema %q is not one of drafts 4, 6, 7, 2019-09 and 2020-12", word)
			}
			d.draft = 7
		}
	}
	d.base = r.claim(place{d.root, d, base, name + "#"})
	if err := r.scan(d.place(d.base)); err != nil {
		return nil, err
	}
	if own, ok := r.bases[d.root]; ok {
		base = own
	}
	for _, ref := range refs {
		inner, err := r.reference(ref, base)
		if err != nil {
			return nil, fmt.Errorf("reference %q (%s version %d): %w", ref.Name, ref.Subject, ref.Version, err)
		}
		d.refs[ref.Name] = inner
	}
	return d, nil
}

func (r *resolver) reference(ref schema.Reference, base string) (*document, error) {
	key := referenceKey{ref.Name, ref.Subject, ref.Version, ref.Text}
	d, seen := r.state[key]
	switch {
	case d != nil:
		return d, nil
	case seen:
		return nil, errors.New("it refers to itself")
	case len(r.state) == maxReferences:
		return nil, fmt.Errorf("there are more than %d references", maxReferences)
	}
	r.state[key] = nil // while it is open
	d, err := r.document(ref.Name, ref.Text, join(base, ref.Name), ref.References)
	if err != nil {
		return nil, err
	}
	r.state[key] = d
	if r.names[ref.Name] == nil {
		r.names[ref.Name] = d
	}
	return d, nil
}

func draftOf(word string) int {
	word, fragment, _ := strings.Cut(word, "#")
	if word = strings.TrimPrefix(strings.TrimPrefix(word, "http://"), "https://"); fragment != "" {
		return 0
	}
	switch word {
	case "json-schema.org/draft-04/schema":
		return 4
	case "json-schema.org/draft-06/schema":
		return 6
	case "json-schema.org/draft-07/schema":
		return 7
	case "json-schema.org/draft/2019-09/schema":
		return 2019
	case "json-schema.org/draft/2020-12/schema", "json-schema.org/schema":
		return 2020
	}
	return 0
}

// join is a URL relative to a base; what is none stands for itself.
func join(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil {
		return ref
	}
	resolved := b.ResolveReference(u)
	if !u.IsAbs() && b.Opaque != "" {
		resolved.Opaque = b.Opaque // golang.org/issue/66084
	}
	return resolved.String()
}

// The keywords that hold schemas, whatever the draft.
var (
	oneSchema = words("not additionalProperties additionalItems items propertyNames contains if then else unevaluatedProperties unevaluatedItems")
	listed    = words("allOf anyOf oneOf prefixItems items")
	mapped    = words("properties patternProperties definitions $defs dependentSchemas dependencies")
)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(s) {
		set[word] = true
	}
	return set
}

// scan finds the identifiers and anchors in a schema.
func (r *resolver) scan(p place) error {
	if p.kind != '{' {
		return nil
	}
	if err := r.identify(&p); err != nil {
		return err
	}
	for i := range p.items {
		word, v := p.items[i].name, &p.items[i].value
		inside := place{v, p.doc, p.base, p.at + "/" + escape(word)}
		if oneSchema[word] && v.kind == '{' {
			if err := r.scan(inside); err != nil {
				return err
			}
		}
		if mapped[word] && v.kind == '{' || listed[word] && v.kind == '[' {
			for j := range v.items {
				if err := r.scan(inside.child(j)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p place) child(i int) place {
	m := &p.items[i]
	token := escape(m.name)
	if p.kind == '[' {
		token = strconv.Itoa(i)
	}
	return place{&m.value, p.doc, p.base, p.at + "/" + token}
}

// identify notes the identifier and the anchors of a schema.
func (r *resolver) identify(p *place) error {
	word := "$id"
	if p.doc.draft == 4 {
		word = "id"
	}
	old := p.doc.draft < 2019
	id, ok := p.string(word)
	if old && p.get("$ref") != nil {
		ok = false // what stands beside a $ref is ignored
	}
	if ok {
		id, fragment, _ := strings.Cut(id, "#")
		if id != "" {
			if _, err := url.Parse(id); err != nil && r.strict {
				return fmt.Errorf("%s/%s: %q is not a URL", p.at, word, id)
			}
			p.base = join(p.base, id)
			p.base = r.claim(*p)
			r.bases[p.value] = p.base
		}
		if old && fragment != "" {
			r.anchors[p.base+"#"+fragment] = *p
		}
	}
	if !old {
		for _, word := range []string{"$anchor", "$dynamicAnchor"} {
			if anchor, ok := p.string(word); ok {
				r.anchors[p.base+"#"+anchor] = *p
			}
		}
	}
	return nil
}

// find is what a $ref at p means.
func (r *resolver) find(p place, ref string) (place, error) {
	uri, fragment, _ := strings.Cut(ref, "#")
	target, ok := r.resource(p, uri)
	if !ok {
		return place{}, fmt.Errorf("%q is no registered reference; nothing is fetched", ref)
	}
	if unescaped, err := url.PathUnescape(fragment); err == nil {
		fragment = unescaped
	}
	if fragment != "" && fragment[0] != '/' {
		if target, ok = r.anchors[target.base+"#"+fragment]; !ok {
			return place{}, fmt.Errorf("%q means nothing: there is no such anchor", ref)
		}
		return target, nil
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		if fragment == "" {
			break
		}
		if target, ok = r.step(target, unescape(token)); !ok {
			return place{}, fmt.Errorf("%q means nothing: there is no %q", ref, token)
		}
	}
	return target, nil
}

// resource is the document, or the schema with an $id, that a URL at p means.
func (r *resolver) resource(p place, uri string) (place, bool) {
	if uri == "" {
		target, ok := r.resources[p.base]
		return target, ok
	}
	absolute := join(p.base, uri)
	d := p.doc.refs[uri]
	if d == nil {
		target, ok := r.resources[absolute]
		if ok && target.doc == p.doc {
			return target, true
		}
		if ok {
			d = target.doc
		} else if d = r.names[uri]; d == nil {
			return place{}, false
		}
		if ok && target.value != d.root {
			return target, true // in another document: the validator will not find it
		}
	}
	if other := r.documents[absolute]; other != nil && other != d {
		r.ambiguous = true
	}
	r.documents[absolute] = d
	if own, ok := r.bases[d.root]; ok {
		return d.place(own), true
	}
	return d.place(d.base), true
}

// step goes one token of a JSON pointer further.
func (r *resolver) step(p place, token string) (place, bool) {
	i := -1
	switch p.kind {
	case '[':
		n, err := strconv.Atoi(token)
		if err == nil && n < len(p.items) && strconv.Itoa(n) == token {
			i = n
		}
	case '{':
		i = r.member(p.value, token)
	}
	if i < 0 {
		return place{}, false
	}
	p = p.child(i)
	if own, ok := r.bases[p.value]; ok {
		p.base = own
	}
	return p, true
}

// member is the index of a member, or -1.
func (r *resolver) member(v *value, name string) int {
	index := r.index[v]
	if index == nil {
		index = make(map[string]int, len(v.items))
		for i := range v.items {
			index[v.items[i].name] = i
		}
		r.index[v] = index
	}
	if i, ok := index[name]; ok {
		return i
	}
	return -1
}

func escape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}

func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}
