package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"unique"

	"github.com/weirhq/weir/internal/wire"
)

// Thaw makes the state again that was frozen and written. What it returns shares the
// memory of data: a text that is forgotten later stays in memory as long as another
// one is used. Nothing is parsed: Index goes over it as after a load.
func Thaw(languages map[string]Language, level, data string) (*State, error) {
	s := New(languages, level)
	r := &source{left: data}
	s.end = int64(r.int())
	s.dropped, s.foreign = r.count(), r.count()
	for range r.length() {
		s.warnings = append(s.warnings, Warning{int64(r.int()), r.text()})
	}
	contents := r.contents()
	r.entries(s, contents, r.subjects(s, contents))
	r.rest(s)
	if r.err == nil && r.left != "" {
		r.fail("%d bytes behind its end", len(r.left))
	}
	if r.err != nil {
		return nil, fmt.Errorf("reading a frozen state: %w", r.err)
	}
	return s, nil
}

// source reads what sink writes. After an error it gives zero values.
type source struct {
	left string
	err  error
}

func (r *source) fail(format string, args ...any) {
	r.err = cmp.Or(r.err, fmt.Errorf(format, args...))
	r.left = ""
}

func (r *source) int() int {
	var u uint64
	for i := 0; i < len(r.left) && i < 10; i++ {
		b := r.left[i]
		u |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.left = r.left[i+1:]
			return int(int64(u>>1) ^ -int64(u&1)) // as binary.Varint
		}
	}
	r.fail("it ends in a number")
	return 0
}

// count reads a number from 0 to 2^31-1.
func (r *source) count() int {
	n := r.int()
	if n < 0 || n > math.MaxInt32 {
		r.fail("%d where a count should be", n)
		return 0
	}
	return n
}

// length reads how many things follow, each of which takes a byte at least.
func (r *source) length() int {
	n := r.int()
	if n < 0 || n > len(r.left) {
		r.fail("%d things in %d bytes", n, len(r.left))
		return 0
	}
	return n
}

// index reads a place in a list of n.
func (r *source) index(n int) int {
	i := r.int()
	if i < 0 || i >= n {
		r.fail("place %d in a list of %d", i, n)
		return -1
	}
	return i
}

func (r *source) text() string {
	n := r.length()
	text := r.left[:n]
	r.left = r.left[n:]
	return text
}

func (r *source) raw() json.RawMessage {
	if text := r.text(); text != "" {
		return json.RawMessage(text)
	}
	return nil
}

func (r *source) key() wire.SchemasKey {
	return wire.SchemasKey{Type: r.text(), Subject: r.text(), Global: r.int() == 1, Version: r.count(), Tenant: r.text(), Context: r.text()}
}

func (r *source) contents() []*content {
	list := make([]*content, r.length())
	all := make([]content, len(list)) // one piece of memory, most of which stays in use
	for i := range list {
		c := &all[i]
		list[i] = c
		c.kind, c.text = unique.Make(r.text()), r.text()
		if len(r.left) < len(c.guid) {
			r.fail("it ends in a GUID")
			return nil
		}
		copy(c.guid[:], r.left)
		r.left = r.left[len(c.guid):]
		var more extra
		for range r.length() {
			more.references = append(more.references, wire.SchemaReference{Name: r.text(), Subject: r.text(), Version: r.int()})
		}
		more.metadata, more.ruleSet = r.raw(), r.raw()
		if len(more.references)+len(more.metadata)+len(more.ruleSet) > 0 {
			c.extra = &more
		}
	}
	return list
}

// subjects reads the versions, and what follows from them, and returns the names.
func (r *source) subjects(s *State, contents []*content) []string {
	names := make([]string, r.length())
	s.subjects.own = make(map[string][]*version, len(names))
	for i := range names {
		names[i] = r.text()
		list := make([]*version, r.length())
		if len(list) == 0 || i > 0 && names[i] <= names[i-1] {
			r.fail("subject %q is out of place", names[i])
			return nil
		}
		for j := range list {
			if list[j] = r.version(contents); list[j] == nil || j > 0 && list[j].number <= list[j-1].number {
				r.fail("a version of subject %q is out of place", names[i])
				return nil
			}
			for _, ref := range list[j].content.references() {
				to := s.target(ref, names[i])
				s.referrers.set(to, append(s.referrers.at(to), use{names[i], list[j].number}))
			}
		}
		s.subjects.set(names[i], list)
		context, _ := split(names[i])
		s.inContext.set(context, s.inContext.at(context)+1)
	}
	return names
}

func (r *source) version(contents []*content) *version {
	v := &version{number: r.count(), id: r.count()}
	flags, at := r.int(), r.index(len(contents))
	if at < 0 {
		return nil
	}
	v.content, v.deleted = contents[at], flags&flagDeleted != 0
	if flags&flagCarried != 0 {
		v.carried = &carried{md5: r.raw()}
		for range r.length() {
			v.carried.unknown = append(v.carried.unknown, wire.SchemaProperty{Name: r.text(), Value: r.raw()})
		}
	}
	return v
}

func (r *source) entries(s *State, contents []*content, names []string) {
	n := r.length()
	s.entries.own, s.guids.own = make(map[key]*entry, n), make(map[[16]byte]keys, n)
	s.pending = make([]key, 0, n)
	all := make([]entry, n)
	for i := range all {
		e, id := &all[i], key{unique.Make(r.text()), r.count()}
		at := r.index(len(contents))
		e.uses = make([]use, 0, 1)
		for range r.length() {
			subject, number := r.index(len(names)), r.count()
			if r.err != nil {
				return
			}
			e.uses = append(e.uses, use{names[subject], number})
			if s.find(e.uses[len(e.uses)-1]) == nil {
				r.fail("id %d is used where no version is", id.id)
			}
		}
		if r.err != nil || len(e.uses) == 0 || i > 0 && compareKeys(s.pending[i-1], id) >= 0 {
			r.fail("id %d is out of place", id.id)
			return
		}
		e.content = contents[at]
		s.entries.set(id, e)
		s.guids.set(e.content.guid, s.guids.at(e.content.guid).with(id))
		s.pending = append(s.pending, id)
	}
}

func (r *source) rest(s *State) {
	readMap(r, s.configs, func() *wire.SchemasSetting {
		c, err := wire.ParseSchemasSetting([]byte(r.text()))
		r.check(err)
		return &c
	})
	readMap(r, s.modes, func() *wire.SchemasModeValue {
		m, err := wire.ParseSchemasModeValue([]byte(r.text()))
		r.check(err)
		return &m
	})
	readMap(r, s.contexts, r.text)
	readMap(r, s.highIDs, r.count)
	readMap(r, s.burnt, r.count)
	for range r.length() {
		k := r.key()
		held := make([]string, r.length())
		for i := range held {
			held[i] = r.text()
		}
		s.holders.set(k, held)
	}
	readMap(r, s.emptied, r.key)
}

func (r *source) check(err error) {
	if err != nil {
		r.fail("%w", err)
	}
}

func readMap[V any](r *source, l *layer[string, V], value func() V) {
	for range r.length() {
		k := r.text()
		l.set(k, value())
	}
}
