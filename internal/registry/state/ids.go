package state

import (
	"maps"
	"math"
	"slices"
	"unique"

	"github.com/weirhq/weir/internal/wire"
)

// key is an id in its context.
type key struct {
	context unique.Handle[string]
	id      int
}

func keyOf(context string, id int) key { return key{unique.Make(context), id} }

// keys is a set of keys: one of them, mostly.
type keys struct {
	first key
	rest  []key
}

func (k keys) all() []key {
	if k.first == (key{}) {
		return nil
	}
	return append([]key{k.first}, k.rest...)
}

func (k keys) with(id key) keys {
	switch {
	case k.first == (key{}):
		k.first = id
	case k.first != id && !slices.Contains(k.rest, id):
		k.rest = append(slices.Clone(k.rest), id)
	}
	return k
}

// drop takes id out of the set that l has for h.
func drop[K comparable](l *layer[K, keys], h K, id key) {
	var left keys
	for _, other := range l.at(h).all() {
		if other != id {
			left = left.with(other)
		}
	}
	if left.first == (key{}) {
		l.remove(h)
	} else {
		l.set(h, left)
	}
}

// Burn takes note of a record whose fate is unknown: it may come yet. Neither its
// id nor its version is given to anything else.
func (s *State) Burn(key, value []byte) {
	if subject, number := s.BurnID(key, value); number > s.burnt.at(subject) {
		s.burnt.set(subject, number)
	}
}

// BurnID takes note of a record that was aborted: it will not come, but others may
// have seen it. Its id is not given to anything else. It returns what the record
// was of, if it was of a version.
func (s *State) BurnID(key, value []byte) (subject string, number int) {
	k, err := wire.ParseSchemasKey(key)
	if err != nil || k.Type != wire.SchemasSchema || len(value) == 0 {
		return "", 0
	}
	subject = normalize(k.Subject)
	if v, _ := wire.ParseSchemaValue(value); v.ID <= math.MaxInt32 {
		context, _ := split(subject)
		s.burnID(context, v.ID)
	}
	return subject, k.Version
}

// Hides says whether compaction of a log that has r may take away an id that the log
// says now: r is a deletion, or is written over a version.
func (s *State) Hides(r Record) bool {
	switch k, err := wire.ParseSchemasKey(r.Key); {
	case err != nil:
		return true
	case k.Type == wire.SchemasSchema:
		return len(r.Value) == 0 || s.find(use{normalize(k.Subject), k.Version}) != nil
	default:
		return k.Type == wire.SchemasDeleteSubject || k.Type == wire.SchemasClearSubject
	}
}

// Inherit takes over what no replay can tell from a state that s is to replace.
func (s *State) Inherit(old *State) {
	for context, id := range old.highIDs.each {
		s.burnID(context, id)
	}
	for subject, number := range old.burnt.each {
		s.burnt.set(subject, max(s.burnt.at(subject), number))
	}
}

// SetHighID says that ids up to id are taken in a context, which no record may
// tell any more.
func (s *State) SetHighID(context string, id int) { s.burnID(context, id) }

func (s *State) burnID(context string, id int) {
	if id > s.highIDs.at(context) {
		s.highIDs.set(context, id)
	}
}

// HighIDs returns the highest id ever seen, by context.
func (s *State) HighIDs() map[string]int { return maps.Collect(s.highIDs.each) }
