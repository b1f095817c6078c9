package state

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// Compaction compares the bytes of keys, and readers what the keys mean. So a
// deletion under one spelling of a key leaves what lies under another one in the
// topic: once the tombstone is compacted away, the next replay brings it back.
// State.holders has, for each key that is in danger, every spelling whose last
// record is not a deletion. A key is out of danger, and not there, if its only
// spelling is the canonical one and it is live, or if it has none and is not.

// note returns the spellings of k that hold a value before a record is applied,
// or nil if spelling is the canonical one and there never was another.
func (s *State) note(k wire.SchemasKey, spelling []byte) []string {
	if held, ok := s.holders.get(k); ok {
		return slices.Clone(held)
	}
	canonical := wire.AppendSchemasKey(nil, k)
	if bytes.Equal(spelling, canonical) {
		return nil
	}
	if s.live(k) {
		return []string{string(canonical)}
	}
	return []string{}
}

// track brings holders and emptied up to date after a record was applied.
func (s *State) track(k wire.SchemasKey, spelling, value []byte, held []string) {
	if len(value) == 0 && value != nil {
		s.emptied.set(string(spelling), k)
	} else if _, ok := s.emptied.get(string(spelling)); ok {
		s.emptied.remove(string(spelling))
	}
	if held == nil || !tracked(k) {
		return
	}
	i := slices.Index(held, string(spelling))
	switch {
	case len(value) == 0 && i >= 0:
		held = slices.Delete(held, i, i+1)
	case len(value) > 0 && i < 0:
		held = append(held, string(spelling))
	}
	s.hold(k, held)
}

// hold keeps held, unless it is what an undisturbed key has.
func (s *State) hold(k wire.SchemasKey, held []string) {
	var undisturbed []string
	if s.live(k) || !hasState(k) && slices.Contains(held, spell(k)) {
		undisturbed = []string{spell(k)}
	}
	if slices.Equal(held, undisturbed) {
		s.holders.remove(k)
	} else {
		s.holders.set(k, held)
	}
}

// leftover says that a version went without a deletion of its own.
func (s *State) leftover(u use) {
	k := schemaKey(u)
	held, ok := s.holders.get(k)
	if !ok {
		held = []string{spell(k)}
	}
	s.hold(k, held)
}

func spell(k wire.SchemasKey) string { return string(wire.AppendSchemasKey(nil, k)) }

func schemaKey(u use) wire.SchemasKey {
	return wire.SchemasKey{Type: wire.SchemasSchema, Subject: u.subject, Version: u.number}
}

func settingKey(kind, subject string) wire.SchemasKey {
	return wire.SchemasKey{Type: kind, Subject: subject, Global: subject == ""}
}

// tracked: what we do not understand we do not repair.
func tracked(k wire.SchemasKey) bool {
	return hasState(k) || k.Type == wire.SchemasDeleteSubject || k.Type == wire.SchemasClearSubject
}

// hasState: a key of this type has a value in the state, and is not an event.
func hasState(k wire.SchemasKey) bool {
	return k.Type == wire.SchemasSchema || k.Type == wire.SchemasConfig || k.Type == wire.SchemasMode || k.Type == wire.SchemasContext
}

func (s *State) live(k wire.SchemasKey) bool { return s.value(k) != nil }

// value returns the canonical bytes of what a key has, or nil.
func (s *State) value(k wire.SchemasKey) []byte {
	switch k.Type {
	case wire.SchemasSchema:
		if v := s.find(use{k.Subject, k.Version}); v != nil {
			return wire.AppendSchemaValue(nil, v.value(k.Subject))
		}
	case wire.SchemasConfig:
		if c := s.configs.at(k.Subject); c != nil {
			return wire.AppendSchemasSetting(nil, *c)
		}
	case wire.SchemasMode:
		if m := s.modes.at(k.Subject); m != nil {
			return wire.AppendSchemasModeValue(nil, *m)
		}
	case wire.SchemasContext:
		if tenant, ok := s.contexts.get(k.Context); ok {
			return wire.AppendSchemasContextValue(nil, tenant, k.Context)
		}
	}
	return nil
}

// Record is a record to append to `_schemas`. A nil Value is a tombstone.
type Record struct {
	Key, Value []byte
}

// write returns the record that gives k a value (nil: deletes it), behind a
// tombstone for each other spelling that has one. In this order, because readers
// that go by the meaning of keys would take a later tombstone as a deletion.
func (s *State) write(k wire.SchemasKey, value []byte) []Record {
	var records []Record
	canonical := spell(k)
	for _, spelling := range s.holders.at(k) {
		if spelling != canonical {
			records = append(records, Record{Key: []byte(spelling)})
		}
	}
	return append(records, Record{[]byte(canonical), value})
}

// A Repair is what has to be written, in one transaction, so that a key reads the
// same by its bytes and by its meaning, now and after any compaction.
type Repair struct {
	Key     string // in its canonical form
	Reason  string
	Records []Record
}

// Repairs lists what takeover has to write. Once it is written and applied, the
// list is empty.
func (s *State) Repairs() []Repair {
	found := map[wire.SchemasKey]Repair{}
	for k, held := range s.holders.each {
		r := Repair{Key: spell(k), Reason: "it has a value under other bytes: " + strings.Join(held, " "), Records: s.rewrite(k)}
		if !s.live(k) && hasState(k) {
			r.Reason = "it is deleted and has a value under these bytes: " + strings.Join(held, " ")
		}
		found[k] = r
	}
	for spelling, k := range s.emptied.each {
		r, ok := found[k]
		if !ok {
			r = Repair{Key: spell(k), Reason: "it was deleted by an empty value, which compaction keeps, and which not every registry takes for a deletion"}
			if value := s.value(k); value != nil {
				r.Records = []Record{{[]byte(r.Key), value}}
			}
		}
		if !slices.ContainsFunc(r.Records, func(record Record) bool { return string(record.Key) == spelling }) {
			r.Records = slices.Insert(r.Records, 0, Record{Key: []byte(spelling)})
		}
		found[k] = r
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Repair) int { return strings.Compare(a.Key, b.Key) })
}

// rewrite returns the records that put a key in danger out of it.
func (s *State) rewrite(k wire.SchemasKey) []Record {
	if hasState(k) {
		records := s.write(k, s.value(k))
		if s.live(k) || slices.Contains(s.holders.at(k), spell(k)) {
			return records
		}
		return records[:len(records)-1]
	}
	// The record of DELETE_SUBJECT goes, so the versions have to say it themselves.
	// What CLEAR_SUBJECT removed is in holders by itself.
	var records []Record
	if k.Type == wire.SchemasDeleteSubject {
		for _, u := range s.softlyDeleted(k.Subject) {
			records = append(records, s.write(schemaKey(u), s.value(schemaKey(u)))...)
		}
	}
	for _, spelling := range s.holders.at(k) {
		records = append(records, Record{Key: []byte(spelling)})
	}
	return records
}
