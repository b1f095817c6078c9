package verify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Finding is a promise that does not hold.
type Finding struct {
	Kind   string `json:"kind"`   // see the package's doc
	Offset int64  `json:"offset"` // of the record that shows it; -1 if none does by itself
	Where  string `json:"where"`
	What   string `json:"what"`
}

// Version is a version that the topic has.
type Version struct {
	Subject    string
	Version    int
	ID         int
	SchemaType string
	Schema     string
	Deleted    bool // softly

	same string // what schemas that are the same have in common; of Live only
}

// Report is what a topic says.
type Report struct {
	Records  int       `json:"records"`
	Aborted  int       `json:"aborted"` // of the records
	Subjects int       `json:"subjects"`
	Versions int       `json:"versions"` // those softly deleted included
	IDs      int       `json:"ids"`      // ever seen
	Findings []Finding `json:"findings"`

	Live []Version `json:"-"` // by subject and number
}

func (r *Report) find(kind string, offset int64, where, what string, args ...any) {
	r.Findings = append(r.Findings, Finding{kind, offset, where, fmt.Sprintf(what, args...)})
}

// Check judges the records of a topic, in their order.
func Check(records []Record) Report {
	r := Report{Records: len(records), Findings: []Finding{}}
	var committed []Record
	for _, record := range records {
		if record.Committed {
			committed = append(committed, record)
		}
	}
	r.Aborted = len(records) - len(committed)
	now := folded(committed)
	r.list(now)
	r.history(records)
	r.doubled()
	r.compare("comes back", "after a compaction", now, folded(compacted(committed, byBytes)))
	r.compare("comes back", "after a compaction by what keys mean", now, folded(compacted(committed, byMeaning)))
	r.compare("uncommitted", "for who reads uncommitted records", now, folded(records))
	return r
}

func (r *Report) list(now fold) {
	subjects := map[string]bool{}
	for k, text := range now {
		var v value
		if k.Keytype != "SCHEMA" || json.Unmarshal([]byte(text), &v) != nil {
			continue
		}
		subjects[k.Subject] = true
		r.Live = append(r.Live, Version{k.Subject, k.Version, v.ID, v.SchemaType, v.Schema, v.Deleted, v.same()})
	}
	slices.SortFunc(r.Live, func(a, b Version) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	r.Subjects, r.Versions = len(subjects), len(r.Live)
}

// contextID is an id where it means something.
type contextID struct {
	context string
	id      int
}

// first is where something was seen first.
type first struct {
	offset int64
	same   string
}

// history judges what all records say of ids and versions, in the order of the log.
func (r *Report) history(records []Record) {
	ids := map[contextID]first{}
	versions := map[key]value{}
	for _, record := range records {
		k, err := readKey(record.Key)
		if err != nil {
			r.find("malformed", record.Offset, string(record.Key), "its key is no JSON: %v", err)
			continue
		}
		if k.Keytype != "SCHEMA" {
			continue
		}
		if len(record.Value) == 0 {
			if record.Committed {
				delete(versions, k)
			}
			continue
		}
		var v value
		if err := json.Unmarshal(record.Value, &v); err != nil {
			r.find("malformed", record.Offset, k.String(), "its value can not be read: %v", err)
			continue
		}
		r.id(ids, record.Offset, k, v)
		if !record.Committed {
			continue
		}
		if old, ok := versions[k]; ok && (old.ID != v.ID || old.same() != v.same()) {
			r.find("changed", record.Offset, k.String(), "it had id %d and has id %d, or another schema, without having been deleted", old.ID, v.ID)
		}
		versions[k] = v
	}
	r.IDs = len(ids)
}

func (r *Report) id(ids map[contextID]first, offset int64, k key, v value) {
	at := contextID{context(k.Subject), v.ID}
	before, ok := ids[at]
	switch same := v.same(); {
	case !ok:
		ids[at] = first{offset, same}
	case before.same != same:
		r.find("two texts", offset, k.String(), "id %d means another schema since offset %d", v.ID, before.offset)
	}
}

// doubled judges what is live.
func (r *Report) doubled() {
	type in struct{ context, same string }
	ids := map[in]Version{}
	live := map[in]Version{}
	for _, v := range r.Live {
		at := in{context(v.Subject), v.same}
		if other, ok := ids[at]; ok && other.ID != v.ID {
			r.find("doubled", -1, fmt.Sprintf("%s version %d", v.Subject, v.Version), "its schema has id %d here and id %d in %s version %d", v.ID, other.ID, other.Subject, other.Version)
		} else if !ok {
			ids[at] = v
		}
		at.context = "subject " + v.Subject
		if other, ok := live[at]; ok && !v.Deleted {
			r.find("doubled", -1, fmt.Sprintf("%s version %d", v.Subject, v.Version), "version %d is the same schema", other.Version)
		}
		if !v.Deleted {
			live[at] = v
		}
	}
}

// compare says in what two folds differ.
func (r *Report) compare(kind, when string, want, got fold) {
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	names := slices.SortedFunc(maps.Keys(keys), func(a, b key) int { return cmp.Compare(asJSON(a), asJSON(b)) })
	for _, k := range names {
		switch w, g := want[k], got[k]; {
		case w == g:
		case g == "":
			r.find(kind, -1, k.String(), "%s it is gone", when)
		case w == "":
			r.find(kind, -1, k.String(), "%s it is there, though it was deleted", when)
		default:
			r.find(kind, -1, k.String(), "%s it is %s, and should be %s", when, g, w)
		}
	}
}

// Served adds what a registry serves that the topic does not say, and the reverse.
// Both lists are by subject and number.
func (r *Report) Served(served []Version) {
	at := func(v Version) string { return fmt.Sprintf("%s version %d", v.Subject, v.Version) }
	have := map[string]Version{}
	for _, v := range served {
		have[at(v)] = v
	}
	for _, want := range r.Live {
		got, ok := have[at(want)]
		delete(have, at(want))
		switch {
		case !ok:
			r.find("served", -1, at(want), "the registry does not serve it")
		case got.ID != want.ID:
			r.find("served", -1, at(want), "the registry serves it with id %d, the topic has id %d", got.ID, want.ID)
		case got.Deleted != want.Deleted:
			r.find("served", -1, at(want), "the registry says deleted=%t, the topic deleted=%t", got.Deleted, want.Deleted)
		case value{SchemaType: got.SchemaType, Schema: got.Schema}.same() != value{SchemaType: want.SchemaType, Schema: want.Schema}.same():
			r.find("served", -1, at(want), "the registry serves another schema")
		}
	}
	for _, where := range slices.Sorted(maps.Keys(have)) {
		r.find("served", -1, where, "the registry serves it, and the topic does not have it")
	}
}
