package state

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/weirhq/weir/internal/wire"
)

// State is what a replay of `_schemas` from its first record gives. Apply is the
// only thing that changes what is served. Queries may run beside each other and
// beside one Plan; Apply, Index and the Set methods need the state to themselves.
type State struct {
	languages map[string]Language
	parsed    *cache
	level     string // compatibility where the topic says nothing

	subjects   *layer[string, []*version] // by number; never empty
	entries    *layer[key, *entry]
	guids      *layer[[16]byte, keys]
	identities *layer[identity, keys] // of the entries that are not pending
	referrers  *layer[use, []use]     // of a version: those that refer to it
	configs    *layer[string, *wire.SchemasSetting]
	modes      *layer[string, *wire.SchemasModeValue] // both by subject, "" for the registry as a whole
	contexts   *layer[string, string]                 // of CONTEXT records: name -> tenant
	inContext  *layer[string, int]                    // context -> number of subjects
	highIDs    *layer[string, int]                    // by context: the highest id ever seen or burnt
	burnt      *layer[string, int]                    // by subject: the highest version that may be on its way
	holders    *layer[wire.SchemasKey, []string]      // see repair.go
	emptied    *layer[string, wire.SchemasKey]        // by key bytes

	pending  []key // entries whose identity is not computed yet
	base     *State
	end      int64
	warnings []Warning
	dropped  int
	foreign  int
}

// A Warning says why a record of `_schemas` was kept out of the state.
type Warning struct {
	Offset int64
	Reason string
}

// maxWarnings bounds the list; the count goes on.
const maxWarnings = 100

// entry is what one id means.
type entry struct {
	content *content
	uses    []use
}

// use is one version of a subject.
type use struct {
	subject string
	number  int
}

// version is one version of a subject. It is never changed, only replaced.
type version struct {
	content *content // its own text; that of its id may be spelled otherwise
	id      int
	number  int
	deleted bool
	carried *carried
}

// carried are the properties of a value that we keep and do not understand.
type carried struct {
	md5     []byte
	unknown []wire.SchemaProperty
}

// New returns an empty state. Schemas of a type that languages lacks are opaque.
// level is the compatibility where the topic sets none; "" is BACKWARD.
func New(languages map[string]Language, level string) *State {
	return layered(&State{languages: languages, parsed: newCache(), level: cmp.Or(level, "BACKWARD")}, nil)
}

// Overlay returns a state that shows what s shows and takes records of its own,
// which s does not see. So a batch is planned one command after the other before
// any of it is in the topic; then the overlay is dropped. s must not change while
// the overlay is in use, or what is planned on it may not apply. The cost is that of
// what is written to it.
func (s *State) Overlay() *State {
	s.Index(len(s.pending)) // so that an upper layer never hides what a lower one does not know yet
	return layered(&State{languages: s.languages, parsed: s.parsed, level: s.level, end: s.end}, s)
}

func layered(s, base *State) *State {
	s.base = base
	if base == nil {
		base = &State{}
	}
	s.subjects = newLayer(base.subjects)
	s.entries = newLayer(base.entries)
	s.guids = newLayer(base.guids)
	s.identities = newLayer(base.identities)
	s.referrers = newLayer(base.referrers)
	s.configs = newLayer(base.configs)
	s.modes = newLayer(base.modes)
	s.contexts = newLayer(base.contexts)
	s.inContext = newLayer(base.inContext)
	s.highIDs = newLayer(base.highIDs)
	s.burnt = newLayer(base.burnt)
	s.holders = newLayer(base.holders)
	s.emptied = newLayer(base.emptied)
	return s
}

// Apply takes the next record of the topic; value is nil for a null. An error is
// a warning: the record is malformed or contradicts an earlier one and is kept
// out of the state, and the replay goes on. Nothing is deleted because of one.
func (s *State) Apply(key, value []byte, offset int64) error {
	s.end = offset + 1
	err := s.apply(key, value)
	if err != nil {
		s.dropped++
		if len(s.warnings) < maxWarnings {
			s.warnings = append(s.warnings, Warning{offset, err.Error()})
		}
	}
	return err
}

func (s *State) apply(key, value []byte) error {
	k, err := wire.ParseSchemasKey(key)
	if err != nil {
		return err
	}
	k.Magic, k.Subject = 0, normalize(k.Subject)
	k.Global = k.Global || k.Subject == "" && k.Type != wire.SchemasSchema
	if k.Type != wire.SchemasSchema {
		k.Version = 0
	}
	before := s.note(k, key)
	if len(value) == 0 {
		err = s.delete(k) // an empty value deletes as a null does: Karapace writes the former
	} else {
		err = s.put(k, value)
	}
	if err == nil {
		s.track(k, key, value, before)
	}
	return err
}

func (s *State) delete(k wire.SchemasKey) error {
	switch k.Type {
	case wire.SchemasSchema:
		s.remove(use{k.Subject, k.Version})
	case wire.SchemasConfig:
		s.configs.remove(k.Subject)
	case wire.SchemasMode:
		s.modes.remove(k.Subject)
	case wire.SchemasContext:
		s.contexts.remove(k.Context)
	case wire.SchemasDeleteSubject, wire.SchemasClearSubject, wire.SchemasNoop:
	default:
		s.foreign++
	}
	return nil
}

func (s *State) put(k wire.SchemasKey, value []byte) error {
	switch k.Type {
	case wire.SchemasSchema:
		return s.putSchema(k, value)
	case wire.SchemasConfig:
		c, err := wire.ParseSchemasSetting(value)
		if _, known := levels[c.CompatibilityLevel]; err == nil && !known && c.CompatibilityLevel != "" {
			err = fmt.Errorf("compatibility level %q of subject %q is not known", c.CompatibilityLevel, k.Subject)
		}
		if err == nil {
			s.configs.set(k.Subject, &c)
		}
		return err
	case wire.SchemasMode:
		m, err := wire.ParseSchemasModeValue(value)
		if err == nil && !slices.Contains(modes, m.Mode) {
			err = fmt.Errorf("mode %q of subject %q is not known", m.Mode, k.Subject)
		}
		if err == nil {
			s.modes.set(k.Subject, &m)
		}
		return err
	case wire.SchemasDeleteSubject:
		last, err := wire.ParseSchemasDelete(value)
		if err != nil {
			return err
		}
		for i, v := range s.subjects.at(k.Subject) {
			if v.number <= last && !v.deleted {
				s.replace(k.Subject, i, v, true)
			}
		}
	case wire.SchemasClearSubject:
		s.clear(k)
	case wire.SchemasContext:
		s.contexts.set(k.Context, k.Tenant)
	case wire.SchemasNoop:
	default:
		s.foreign++
	}
	return nil
}

// clear forgets the softly deleted versions of a subject, a context or all.
func (s *State) clear(k wire.SchemasKey) {
	for _, u := range s.softlyDeleted(k.Subject) {
		s.remove(u)
		s.leftover(u)
	}
}

// softlyDeleted lists the softly deleted versions of a subject, of a context
// (":.ctx:"), or of the default context ("").
func (s *State) softlyDeleted(subject string) (uses []use) {
	for _, name := range s.scope(subject) {
		for _, v := range s.subjects.at(name) {
			if v.deleted {
				uses = append(uses, use{name, v.number})
			}
		}
	}
	return uses
}

// scope lists the subjects that a setting for subject reaches.
func (s *State) scope(subject string) []string {
	context, name := split(subject)
	if name != "" {
		return []string{subject}
	}
	var names []string
	for n := range s.subjects.each {
		if c, _ := split(n); c == context || subject == global {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

func (s *State) putSchema(k wire.SchemasKey, value []byte) error {
	v, err := wire.ParseSchemaValue(value)
	context, _ := split(k.Subject)
	if v.ID <= math.MaxInt32 {
		s.burnID(context, v.ID) // even if the rest is no good
	}
	if err != nil {
		return err
	}
	u := use{k.Subject, k.Version}
	if normalize(v.Subject) != k.Subject || v.Version != k.Version {
		return fmt.Errorf("key of %s version %d with the value of %s version %d", k.Subject, k.Version, v.Subject, v.Version)
	}
	c := s.intern(v)
	id := keyOf(context, v.ID)
	if e := s.entries.at(id); e != nil && !s.same(e.content, c, context) && !(len(e.uses) == 1 && e.uses[0] == u) {
		return fmt.Errorf("id %d of %s version %d already means another schema", v.ID, v.Subject, v.Version)
	}
	s.remove(u)
	s.add(u, id, c, v)
	return nil
}

func (s *State) add(u use, id key, c *content, v wire.SchemaValue) {
	e := s.entries.at(id)
	if e == nil {
		e = &entry{content: c}
		s.guids.set(c.guid, s.guids.at(c.guid).with(id))
		s.pending = append(s.pending, id)
	} else if s.base != nil {
		e = &entry{e.content, slices.Clone(e.uses)}
	}
	e.uses = append(e.uses, u)
	s.entries.set(id, e)
	added := &version{content: c, id: v.ID, number: v.Version, deleted: v.Deleted}
	if len(v.MD5) > 0 || len(v.Unknown) > 0 {
		added.carried = &carried{v.MD5, v.Unknown}
	}
	list := s.list(u.subject)
	if context := id.context.Value(); len(list) == 0 {
		s.inContext.set(context, s.inContext.at(context)+1)
	}
	i, _ := find(list, u.number)
	s.subjects.set(u.subject, slices.Insert(list, i, added))
	for _, r := range c.references() {
		to := s.target(r, u.subject)
		s.referrers.set(to, append(slices.Clone(s.referrers.at(to)), u))
	}
}

// remove forgets a version for good. Its id stays burnt.
func (s *State) remove(u use) {
	list := s.list(u.subject)
	i, found := find(list, u.number)
	if !found {
		return
	}
	v := list[i]
	context, _ := split(u.subject)
	if list = slices.Delete(list, i, i+1); len(list) > 0 {
		s.subjects.set(u.subject, list)
	} else {
		s.subjects.remove(u.subject)
		if left := s.inContext.at(context) - 1; left > 0 {
			s.inContext.set(context, left)
		} else {
			s.inContext.remove(context)
		}
	}
	for _, r := range v.content.references() {
		to := s.target(r, u.subject)
		if rest := without(s.referrers.at(to), u); len(rest) > 0 {
			s.referrers.set(to, rest)
		} else {
			s.referrers.remove(to)
		}
	}
	if len(s.referrers.at(u)) > 0 {
		s.parsed.clear()
	}
	id := keyOf(context, v.id)
	e := s.entries.at(id)
	if e == nil {
		return // gone below, where somebody has written all the same
	}
	if rest := without(e.uses, u); len(rest) > 0 {
		s.entries.set(id, &entry{e.content, rest})
		return
	}
	s.entries.remove(id)
	drop(s.guids, e.content.guid, id)
	if known := e.content.identities.Load(); known != nil {
		drop(s.identities, known.full, id)
	}
}

// replace marks the i-th version of a subject as deleted or not.
func (s *State) replace(subject string, i int, v *version, deleted bool) {
	list := s.list(subject)
	changed := *v
	changed.deleted = deleted
	list[i] = &changed
	s.subjects.set(subject, list)
}

// list returns the versions of a subject to be changed.
func (s *State) list(subject string) []*version {
	list := s.subjects.at(subject)
	if s.base != nil {
		list = slices.Clone(list)
	}
	return list
}

func (s *State) find(u use) *version {
	list := s.subjects.at(u.subject)
	if i, ok := find(list, u.number); ok {
		return list[i]
	}
	return nil
}

func find(list []*version, number int) (int, bool) {
	return slices.BinarySearchFunc(list, number, func(v *version, n int) int { return cmp.Compare(v.number, n) })
}

func without(uses []use, u use) []use {
	i := slices.Index(uses, u)
	if i < 0 {
		return uses
	}
	return append(slices.Clone(uses[:i]), uses[i+1:]...)
}
