package state

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// Frozen is what a State held when it was frozen. It does not change, and is
// written without the lock that guards the state.
type Frozen struct {
	end            int64
	dropped        int
	foreign        int
	warnings       []Warning
	versions       []frozenVersion
	entries        []frozenEntry
	uses           []use // of the entries, one after the other
	configs        map[string]*wire.SchemasSetting
	modes          map[string]*wire.SchemasModeValue
	contexts       map[string]string
	highIDs, burnt map[string]int
	holders        map[wire.SchemasKey][]string
	emptied        map[string]wire.SchemasKey
}

type frozenVersion struct {
	subject string
	*version
}

type frozenEntry struct {
	key
	content  *content
	from, to int // in uses
}

// Freeze copies what tells s from another state, and neither texts nor what they are
// parsed to. Queries may run beside it. It takes some milliseconds per 100,000 versions.
func (s *State) Freeze() *Frozen {
	f := &Frozen{
		end: s.end, dropped: s.dropped, foreign: s.foreign, warnings: slices.Clone(s.warnings),
		versions: make([]frozenVersion, 0, len(s.entries.own)), entries: make([]frozenEntry, 0, len(s.entries.own)), uses: make([]use, 0, len(s.entries.own)),
		configs: maps.Clone(s.configs.own), modes: maps.Clone(s.modes.own), contexts: maps.Clone(s.contexts.own),
		highIDs: maps.Clone(s.highIDs.own), burnt: maps.Clone(s.burnt.own), holders: maps.Clone(s.holders.own), emptied: maps.Clone(s.emptied.own),
	}
	for subject, list := range s.subjects.own { // lists and entries are changed in place; versions and contents are not
		for _, v := range list {
			f.versions = append(f.versions, frozenVersion{subject, v})
		}
	}
	for id, e := range s.entries.own {
		from := len(f.uses)
		f.uses = append(f.uses, e.uses...)
		f.entries = append(f.entries, frozenEntry{id, e.content, from, len(f.uses)})
	}
	return f
}

// Write writes what Thaw reads. The order is that of names and numbers, so that equal
// states give equal bytes: integers are varints, strings and lists have their length
// in front.
//
//	end, dropped, foreign
//	warnings   offset, reason
//	contents   kind, text, GUID, references (name, subject, version), metadata, rule set
//	subjects   name, versions (number, id, flags, content; if carried: MD5, properties)
//	entries    context, id, content, uses (subject, number)
//	configs, modes   subject, JSON
//	contexts, high ids, burnt versions, holders, emptied
func (f *Frozen) Write(to io.Writer) error {
	slices.SortFunc(f.versions, func(a, b frozenVersion) int {
		return cmp.Or(strings.Compare(a.subject, b.subject), cmp.Compare(a.number, b.number))
	})
	slices.SortFunc(f.entries, func(a, b frozenEntry) int { return compareKeys(a.key, b.key) })
	w := &sink{bufio.NewWriterSize(to, 1<<16)}
	w.int(int(f.end))
	w.int(f.dropped)
	w.int(f.foreign)
	w.int(len(f.warnings))
	for _, one := range f.warnings {
		w.int(int(one.Offset))
		w.text(one.Reason)
	}
	f.writeVersions(w, f.writeContents(w))
	f.writeRest(w)
	return w.Flush()
}

func compareKeys(a, b key) int {
	return cmp.Or(strings.Compare(a.context.Value(), b.context.Value()), cmp.Compare(a.id, b.id))
}

func (f *Frozen) writeContents(w *sink) (number map[*content]int) {
	number = make(map[*content]int, len(f.entries))
	var list []*content
	note := func(c *content) {
		if _, ok := number[c]; !ok {
			number[c] = len(list)
			list = append(list, c)
		}
	}
	for _, v := range f.versions {
		note(v.content)
	}
	for _, e := range f.entries {
		note(e.content)
	}
	w.int(len(list))
	for _, c := range list {
		w.text(c.kind.Value())
		w.text(c.text)
		_, _ = w.Write(c.guid[:]) // the writer keeps its error
		more := c.more()
		w.int(len(more.references))
		for _, r := range more.references {
			w.text(r.Name)
			w.text(r.Subject)
			w.int(r.Version)
		}
		w.text(string(more.metadata))
		w.text(string(more.ruleSet))
	}
	return number
}

// Flags of a version.
const (
	flagDeleted = 1 << iota
	flagCarried
)

func (f *Frozen) writeVersions(w *sink, content map[*content]int) {
	subject := map[string]int{}
	for _, v := range f.versions {
		if _, ok := subject[v.subject]; !ok {
			subject[v.subject] = len(subject)
		}
	}
	w.int(len(subject))
	for at := 0; at < len(f.versions); {
		name := f.versions[at].subject
		end := at
		for end < len(f.versions) && f.versions[end].subject == name {
			end++
		}
		w.text(name)
		w.int(end - at)
		for ; at < end; at++ {
			f.versions[at].write(w, content)
		}
	}
	w.int(len(f.entries))
	for _, e := range f.entries {
		w.text(e.context.Value())
		w.int(e.id)
		w.int(content[e.content])
		w.int(e.to - e.from)
		for _, u := range f.uses[e.from:e.to] {
			w.int(subject[u.subject])
			w.int(u.number)
		}
	}
}

func (v frozenVersion) write(w *sink, content map[*content]int) {
	flags := 0
	if v.deleted {
		flags |= flagDeleted
	}
	if v.carried != nil {
		flags |= flagCarried
	}
	w.int(v.number)
	w.int(v.id)
	w.int(flags)
	w.int(content[v.content])
	if v.carried != nil {
		w.text(string(v.carried.md5))
		w.int(len(v.carried.unknown))
		for _, p := range v.carried.unknown {
			w.text(p.Name)
			w.text(string(p.Value))
		}
	}
}

func (f *Frozen) writeRest(w *sink) {
	writeMap(w, f.configs, func(c *wire.SchemasSetting) { w.text(string(wire.AppendSchemasSetting(nil, *c))) })
	writeMap(w, f.modes, func(m *wire.SchemasModeValue) { w.text(string(wire.AppendSchemasModeValue(nil, *m))) })
	writeMap(w, f.contexts, w.text)
	writeMap(w, f.highIDs, w.int)
	writeMap(w, f.burnt, w.int)
	keys := slices.SortedFunc(maps.Keys(f.holders), func(a, b wire.SchemasKey) int { return strings.Compare(spell(a), spell(b)) })
	w.int(len(keys))
	for _, k := range keys {
		w.key(k)
		w.int(len(f.holders[k]))
		for _, spelling := range f.holders[k] {
			w.text(spelling)
		}
	}
	writeMap(w, f.emptied, w.key)
}

func writeMap[V any](w *sink, m map[string]V, value func(V)) {
	w.int(len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		w.text(k)
		value(m[k])
	}
}

// sink writes varints and strings. Its first error stays.
type sink struct{ *bufio.Writer }

func (w *sink) int(n int) { _, _ = w.Write(binary.AppendVarint(w.AvailableBuffer(), int64(n))) }

func (w *sink) text(s string) {
	w.int(len(s))
	_, _ = w.WriteString(s)
}

func (w *sink) key(k wire.SchemasKey) {
	w.text(k.Type)
	w.text(k.Subject)
	global := 0
	if k.Global {
		global = 1
	}
	w.int(global)
	w.int(k.Version)
	w.text(k.Tenant)
	w.text(k.Context)
}
