package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// State is what a replay of `_schemas` from its first record gives. It is pure:
// Apply alone changes what is served, and Plan decides writes without making
// them. It is not safe for concurrent use; the Service guards it.
type State struct {
	subjects   map[string][]version // by number; a version that was removed for good is not here
	ids        map[int]*schema
	identities map[identity]*schema
	levels     map[string]string // compatibility by subject, "" for the whole registry
	modes      map[string]string // likewise
	defaults   string            // the level where the topic says nothing

	highID int            // the highest id ever seen, in a record or burnt
	burnt  map[string]int // subject -> the highest version that may be on its way

	end      int64 // offset after the last record applied
	warnings []Warning
	dropped  int // records kept out of the state, each for the reason in a warning
	foreign  int // records of key types that we do not know
}

// A Warning says why a record of `_schemas` was kept out of the state.
type Warning struct {
	Offset int64
	Reason string
}

// maxWarnings bounds the list; the count goes on.
const maxWarnings = 100

// identity is what makes two schemas one: type, canonical text, references,
// metadata and rule set.
type identity [sha256.Size]byte

// schema is what one id means.
type schema struct {
	id       int
	identity identity
	text     string
	uses     []use
}

type use struct {
	subject string
	number  int
}

// version is one version of a subject. Its value is kept as it was read, so
// that it can be written again (to mark it deleted) with nothing lost.
type version struct {
	value  wire.SchemaValue
	schema *schema
}

// NewState returns an empty state. level is the compatibility of subjects for
// which the topic sets none.
func NewState(level string) *State {
	return &State{
		subjects:   map[string][]version{},
		ids:        map[int]*schema{},
		identities: map[identity]*schema{},
		levels:     map[string]string{},
		modes:      map[string]string{},
		burnt:      map[string]int{},
		defaults:   level,
	}
}

// Apply takes the next record of the topic. An error is a warning: the record
// is malformed or contradicts an earlier one and is kept out of the state, and
// the replay goes on. Nothing is ever deleted because of one.
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
	// An empty value deletes as a null does: Karapace writes the former.
	deleted := len(value) == 0
	switch k.Type {
	case wire.SchemasSchema:
		if deleted {
			s.remove(k.Subject, k.Version)
			return nil
		}
		return s.put(k, value)
	case wire.SchemasConfig:
		return setting(s.levels, k.Subject, deleted, func() (string, error) {
			level, err := wire.ParseSchemasConfig(value)
			if _, known := levels[level]; err == nil && !known && level != "" {
				err = fmt.Errorf("compatibility level %q is not known", level)
			}
			return level, err
		})
	case wire.SchemasMode:
		return setting(s.modes, k.Subject, deleted, func() (string, error) { return wire.ParseSchemasMode(value) })
	case wire.SchemasDeleteSubject:
		if deleted {
			return nil
		}
		last, err := wire.ParseSchemasDelete(value)
		if err != nil {
			return err
		}
		for i := range s.subjects[k.Subject] {
			if v := &s.subjects[k.Subject][i]; v.value.Version <= last {
				v.value.Deleted = true
			}
		}
	case wire.SchemasClearSubject:
		if deleted {
			return nil
		}
		for subject := range s.subjects {
			if k.Global || subject == k.Subject {
				for _, v := range slices.Clone(s.subjects[subject]) {
					if v.value.Deleted {
						s.remove(subject, v.value.Version)
					}
				}
			}
		}
	case wire.SchemasNoop:
	default:
		s.foreign++
	}
	return nil
}

func setting(m map[string]string, subject string, deleted bool, parse func() (string, error)) error {
	if deleted {
		delete(m, subject)
		return nil
	}
	v, err := parse()
	if err != nil {
		return err
	}
	m[subject] = v
	if v == "" { // the record sets other things only
		delete(m, subject)
	}
	return nil
}

func (s *State) put(k wire.SchemasKey, value []byte) error {
	v, err := wire.ParseSchemaValue(value)
	if v.ID <= math.MaxInt32 {
		s.highID = max(s.highID, v.ID) // burnt, even if the rest is no good
	}
	if err != nil {
		return err
	}
	if v.Subject != k.Subject || v.Version != k.Version {
		return fmt.Errorf("key of %s version %d with the value of %s version %d", k.Subject, k.Version, v.Subject, v.Version)
	}
	ident, _, _ := identify(v)
	entry := s.ids[v.ID]
	switch {
	case entry == nil:
		entry = &schema{id: v.ID, identity: ident, text: v.Schema}
	case entry.identity == ident:
	case len(entry.uses) == 1 && entry.uses[0] == use{v.Subject, v.Version}:
		// The only record of this id is the one that is being replaced.
		entry = &schema{id: v.ID, identity: ident, text: v.Schema}
	default:
		return fmt.Errorf("id %d of %s version %d already means another schema", v.ID, v.Subject, v.Version)
	}
	if entry.text == v.Schema {
		v.Schema = entry.text // one copy in memory for all its versions
	}
	s.remove(k.Subject, k.Version)
	s.ids[v.ID] = entry
	if s.identities[ident] == nil {
		s.identities[ident] = entry
	}
	entry.uses = append(entry.uses, use{v.Subject, v.Version})
	i, _ := s.find(v.Subject, v.Version)
	s.subjects[v.Subject] = slices.Insert(s.subjects[v.Subject], i, version{v, entry})
	return nil
}

// remove forgets a version for good. Its id stays burnt.
func (s *State) remove(subject string, number int) {
	i, found := s.find(subject, number)
	if !found {
		return
	}
	entry := s.subjects[subject][i].schema
	s.subjects[subject] = slices.Delete(s.subjects[subject], i, i+1)
	if len(s.subjects[subject]) == 0 {
		delete(s.subjects, subject)
	}
	entry.uses = slices.DeleteFunc(entry.uses, func(u use) bool { return u == use{subject, number} })
	if len(entry.uses) == 0 {
		delete(s.ids, entry.id)
		if s.identities[entry.identity] == entry {
			delete(s.identities, entry.identity)
		}
	}
}

func (s *State) find(subject string, number int) (int, bool) {
	return slices.BinarySearchFunc(s.subjects[subject], number, func(v version, n int) int { return cmp.Compare(v.value.Version, n) })
}

// identify returns the identity of a schema and its canonical text. An Avro
// schema that does not parse is opaque, as schemas of other types are: its text
// as it stands is its identity, and err tells why.
func identify(v wire.SchemaValue) (id identity, canonical string, err error) {
	canonical = v.Schema
	if avroType(v.SchemaType) {
		text, avroErr := canonicalAvro(v.Schema)
		if err = avroErr; err == nil {
			canonical = text
		}
	}
	h := sha256.New()
	part := func(b string) {
		h.Write(binary.AppendUvarint(nil, uint64(len(b)))) // so that no two lists of parts run together
		h.Write([]byte(b))
	}
	if !avroType(v.SchemaType) {
		part(v.SchemaType)
	}
	part(canonical)
	part(string(v.Metadata))
	part(string(v.RuleSet))
	for _, r := range v.References {
		part(r.Name)
		part(r.Subject)
		part(fmt.Sprint(r.Version))
	}
	return identity(h.Sum(nil)), canonical, err
}

func avroType(t string) bool { return t == "" || t == "AVRO" }

// Burn takes note of a SCHEMA record whose fate is unknown: it may be in the
// topic, or still on its way there. Neither its id nor its version is given to
// anything else, so whenever it comes it can do no harm.
func (s *State) Burn(r Record) {
	s.highID = max(s.highID, r.value.ID)
	s.burnt[r.value.Subject] = max(s.burnt[r.value.Subject], r.value.Version)
}

// inherit takes over from a state that is being replaced what no replay can tell.
func (s *State) inherit(old *State) {
	s.highID = max(s.highID, old.highID)
	for subject, number := range old.burnt {
		s.burnt[subject] = max(s.burnt[subject], number)
	}
}

// Subjects returns the names with at least one version, sorted; those with
// soft-deleted versions only if deleted is set.
func (s *State) Subjects(prefix string, deleted bool) []string {
	names := []string{}
	for subject := range s.subjects {
		if strings.HasPrefix(subject, prefix) && len(s.Versions(subject, deleted)) > 0 {
			names = append(names, subject)
		}
	}
	slices.Sort(names)
	return names
}

// Versions returns the versions of a subject in order.
func (s *State) Versions(subject string, deleted bool) []wire.SchemaValue {
	var list []wire.SchemaValue
	for _, v := range s.subjects[subject] {
		if deleted || !v.value.Deleted {
			list = append(list, v.value)
		}
	}
	return list
}

// Schema returns what an id means, soft-deleted or not: there may be data.
func (s *State) Schema(id int) (wire.SchemaValue, bool) {
	entry := s.ids[id]
	if entry == nil {
		return wire.SchemaValue{}, false
	}
	i, _ := s.find(entry.uses[0].subject, entry.uses[0].number)
	return s.subjects[entry.uses[0].subject][i].value, true
}

// Uses returns the versions that have an id, by subject and number.
func (s *State) Uses(id int, deleted bool) []wire.SchemaValue {
	list := []wire.SchemaValue{}
	if entry := s.ids[id]; entry != nil {
		for _, u := range entry.uses {
			i, _ := s.find(u.subject, u.number)
			if v := s.subjects[u.subject][i].value; deleted || !v.Deleted {
				list = append(list, v)
			}
		}
	}
	slices.SortFunc(list, func(a, b wire.SchemaValue) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return list
}

// level returns the compatibility that holds for a subject.
func (s *State) level(subject string) string {
	return cmp.Or(s.levels[subject], s.levels[""], s.defaults)
}

func (s *State) mode(subject string) string {
	return cmp.Or(s.modes[subject], s.modes[""], "READWRITE")
}
