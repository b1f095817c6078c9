package state

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"unique"

	"github.com/weirhq/weir/internal/registry/schema"
	"github.com/weirhq/weir/internal/wire"
)

// Language is a schema language, such as Avro.
type Language interface {
	// Parse is strict for new schemas and lenient for those that are in the topic.
	Parse(text string, refs []schema.Reference, strict bool) (schema.Schema, error)
	// Check lists why data written with one can not be read with the other.
	Check(reader, writer schema.Schema) []schema.Difference
}

// PolicyLanguage is a Language whose check has policies, as that of JSON Schema
// (STRICT, LENIENT). policy is "" where the config has none.
type PolicyLanguage interface {
	Language
	CheckPolicy(reader, writer schema.Schema, policy string) []schema.Difference
}

// maxReferences bounds what one schema refers to, directly or not.
const maxReferences = 1000

// parsed is a schema and its canonical text.
type parsed struct {
	schema.Schema
	canonical string
}

// cache keeps parsed schemas: those are many times larger than their text, so it
// keeps few. Queries share it.
type cache struct {
	mu      sync.Mutex // guards schemas
	schemas map[parsedKey]*parsed
}

// parsedKey is what a parse depends on.
type parsedKey struct {
	kind   unique.Handle[string]
	text   string
	strict bool
	// Set if it has references.
	content *content
	context string
}

const maxCached = 256

func newCache() *cache { return &cache{schemas: map[parsedKey]*parsed{}} }

// get takes what passed a strict parse for one that need not.
func (c *cache) get(k parsedKey) *parsed {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.schemas[k]
	if p == nil && !k.strict {
		k.strict = true
		p = c.schemas[k]
	}
	return p
}

func (c *cache) put(k parsedKey, p *parsed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.schemas) >= maxCached {
		clear(c.schemas)
	}
	c.schemas[k] = p
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.schemas)
}

// parse parses a content: strictly if it is new, leniently if it is in the topic.
func (s *State) parse(c *content, context string, strict bool) (*parsed, error) {
	k := parsedKey{kind: c.kind, text: c.text, strict: strict}
	cacheable := true
	if len(c.references()) > 0 {
		k.content, k.context = c, context
		cacheable = s.base == nil // what an overlay says of references may not come true
	}
	if cacheable {
		if p := s.parsed.get(k); p != nil {
			return p, nil
		}
	}
	inner, err := s.parseText(c, context, strict)
	if err != nil {
		return nil, err
	}
	p := &parsed{inner, inner.Canonical()}
	if cacheable {
		s.parsed.put(k, p)
	}
	return p, nil
}

func (s *State) parseText(c *content, context string, strict bool) (schema.Schema, error) {
	language := s.languages[c.kind.Value()]
	if language == nil {
		return nil, fmt.Errorf("schemas of type %s are not known here", c.kind.Value())
	}
	refs, err := s.resolve(c.references(), context)
	if err != nil {
		return nil, err
	}
	return language.Parse(c.text, refs, strict)
}

// target is the version that a reference of a subject's schema means.
func (s *State) target(r wire.SchemaReference, referrer string) use {
	context, _ := split(referrer)
	return use{inContext(r.Subject, context), r.Version}
}

// inContext is subject as it is meant in a context.
func inContext(subject, context string) string {
	if c, name := split(subject); c == DefaultContext && subject == name {
		return qualify(context, name)
	}
	return normalize(subject)
}

// resolve follows references to their texts, and those of these, each once.
func (s *State) resolve(refs []wire.SchemaReference, context string) ([]schema.Reference, error) {
	r := resolver{s: s, open: map[use]bool{}, done: map[use][]schema.Reference{}}
	return r.list(refs, context)
}

type resolver struct {
	s    *State
	open map[use]bool // those on the way from the schema to here
	seen int
	done map[use][]schema.Reference
}

func (r *resolver) list(refs []wire.SchemaReference, context string) ([]schema.Reference, error) {
	var list []schema.Reference
	for _, ref := range refs {
		u := use{inContext(ref.Subject, context), ref.Version}
		v := r.s.find(u)
		if v == nil {
			return nil, fmt.Errorf("no schema reference found for subject \"%s\" and version %d", ref.Subject, ref.Version)
		}
		inner, known := r.done[u]
		switch {
		case r.open[u]:
			return nil, fmt.Errorf("the references form a cycle through subject %q version %d", u.subject, u.number)
		case !known && r.seen == maxReferences:
			return nil, errors.New("more than 1000 references")
		case !known:
			r.seen++
			r.open[u] = true
			c, _ := split(u.subject)
			var err error
			if inner, err = r.list(v.content.references(), c); err != nil {
				return nil, err
			}
			delete(r.open, u)
			r.done[u] = inner
		}
		list = append(list, schema.Reference{Name: ref.Name, Subject: u.subject, Version: u.number, Text: v.content.text, References: inner})
	}
	return list, nil
}

// Index computes the identities of up to n schemas that were loaded and not
// looked at yet, and returns how many are left. It takes a parse for each. The
// first Overlay or registration does all that are left; a shell that calls Index
// in its idle time spares the first writer that. Queries may run beside it.
func (s *State) Index(n int) (left int) {
	n = min(n, len(s.pending))
	var unresolved []key
	for _, id := range s.pending[:n] {
		e := s.entries.at(id)
		if e == nil {
			continue
		}
		ident := s.identify(e.content, id.context.Value()).full
		if e.content.identities.Load() == nil {
			unresolved = append(unresolved, id) // what it refers to may come yet
			continue
		}
		s.identities.set(ident, s.identities.at(ident).with(id))
	}
	left = len(s.pending) - n
	s.pending = append(slices.Clone(s.pending[n:]), unresolved...)
	return left
}

// known returns the lowest id that means a schema in a context.
func (s *State) known(ident identity, context string) (id int, ok bool) {
	s.Index(len(s.pending))
	for _, k := range s.identities.at(ident).all() {
		if s.entries.at(k) != nil && k.context == unique.Make(context) && (!ok || k.id < id) {
			id, ok = k.id, true
		}
	}
	return id, ok
}

// Adapt makes a Language of a package's two functions.
func Adapt[S schema.Schema](parse func(string, []schema.Reference, bool) (S, error), check func(reader, writer S) []schema.Difference) Language {
	return adapted[S]{parse, check}
}

// AdaptPolicy is Adapt for a check that has policies.
func AdaptPolicy[S schema.Schema](parse func(string, []schema.Reference, bool) (S, error), check func(reader, writer S, policy string) []schema.Difference) PolicyLanguage {
	plain := func(reader, writer S) []schema.Difference { return check(reader, writer, "") }
	return adaptedPolicy[S]{adapted[S]{parse, plain}, check}
}

type adapted[S schema.Schema] struct {
	parse func(string, []schema.Reference, bool) (S, error)
	check func(reader, writer S) []schema.Difference
}

type adaptedPolicy[S schema.Schema] struct {
	adapted[S]
	policy func(reader, writer S, policy string) []schema.Difference
}

func (a adapted[S]) Parse(text string, refs []schema.Reference, strict bool) (schema.Schema, error) {
	s, err := a.parse(text, refs, strict)
	if err != nil {
		return nil, err // not a nil S in an interface
	}
	return s, nil
}

func (a adapted[S]) Check(reader, writer schema.Schema) []schema.Difference {
	return a.check(reader.(S), writer.(S))
}

func (a adaptedPolicy[S]) CheckPolicy(reader, writer schema.Schema, policy string) []schema.Difference {
	return a.policy(reader.(S), writer.(S), policy)
}
