package state

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/wire"
)

// model is a registry as one would write it down: a list of versions.
type model struct {
	versions []modelVersion
	config   map[string]string
	mode     map[string]string
	high     map[string]int
}

type modelVersion struct {
	subject    string
	number, id int
	text       string
	ref        string // "subject number", or none
	deleted    bool
}

func (m *model) of(subject string, deleted bool) (list []*modelVersion) {
	for i := range m.versions {
		if v := &m.versions[i]; v.subject == subject && (deleted || !v.deleted) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b *modelVersion) int { return a.number - b.number })
	return list
}

func (m *model) drop(which func(modelVersion) bool) {
	m.versions = slices.DeleteFunc(m.versions, which)
}

// referenced: by a live version, or with deleted by any, that is not of except.
func (m *model) referenced(v *modelVersion, deleted bool, except string) bool {
	return slices.ContainsFunc(m.versions, func(o modelVersion) bool {
		return o.ref == fmt.Sprint(v.subject, " ", v.number) && (deleted || !o.deleted) && o.subject != except
	})
}

func (m *model) readOnly(subject string) bool { return m.mode[subject] == "READONLY" }

// register returns the error code, or the id and version.
func (m *model) register(subject, text, ref string, given int) (code, id, number int) {
	context, _ := split(subject)
	var target *modelVersion
	if ref != "" {
		live := m.of(ref, false)
		if len(live) == 0 {
			return CodeSchema, 0, 0
		}
		target = live[len(live)-1]
		ref = fmt.Sprint(target.subject, " ", target.number)
	}
	next := 1
	for _, v := range m.of(subject, true) {
		next = v.number + 1
	}
	for _, v := range slices.Backward(m.of(subject, false)) {
		if v.text == text && v.ref == ref && (given == 0 || given == v.id) {
			return 0, v.id, v.number
		}
	}
	importing := m.mode[subject] == "IMPORT"
	switch {
	case m.readOnly(subject), given > 0 != importing:
		return CodeNotPermitted, 0, 0
	}
	id = given
	for _, v := range m.versions {
		c, _ := split(v.subject)
		switch {
		case c != context:
		case given > 0 && v.id == given && (v.text != text || v.ref != ref):
			return CodeNotPermitted, 0, 0
		case given == 0 && v.text == text && v.ref == ref && (id == 0 || v.id < id):
			id = v.id
		}
	}
	if id == 0 {
		id = m.high[context] + 1
	}
	m.high[context] = max(m.high[context], id)
	m.versions = append(m.versions, modelVersion{subject, next, id, text, ref, false})
	m.drop(func(v modelVersion) bool {
		return v.subject == subject && v.deleted && v.text == text && v.ref == ref && v.number != next && !m.referenced(&v, true, "")
	})
	return 0, id, next
}

func (m *model) deleteSubject(subject string, permanent bool) int {
	all, live := m.of(subject, true), m.of(subject, false)
	switch {
	case m.readOnly(subject):
		return CodeNotPermitted
	case len(all) == 0:
		return CodeNoSubject
	}
	// In the order of the versions, as the first one decides.
	for _, v := range all {
		switch {
		case permanent && !v.deleted:
			return CodeSubjectNotSoftDeleted
		case (permanent || !v.deleted) && m.referenced(v, permanent, subject):
			return CodeReferenced
		}
	}
	if permanent {
		m.drop(func(v modelVersion) bool { return v.subject == subject })
		return 0
	}
	if len(live) == 0 {
		return CodeSubjectSoftDeleted
	}
	for _, v := range live {
		v.deleted = true
	}
	delete(m.config, subject)
	delete(m.mode, subject)
	return 0
}

func (m *model) deleteVersion(subject string, number int, permanent bool) int {
	all := m.of(subject, true)
	i := slices.IndexFunc(all, func(v *modelVersion) bool { return v.number == number })
	switch {
	case m.readOnly(subject):
		return CodeNotPermitted
	case len(all) == 0:
		return CodeNoSubject
	case i < 0:
		return CodeNoVersion
	case permanent && !all[i].deleted:
		return CodeVersionNotSoftDeleted
	case !permanent && all[i].deleted:
		return CodeVersionSoftDeleted
	case m.referenced(all[i], permanent, ""):
		return CodeReferenced
	case permanent:
		m.drop(func(v modelVersion) bool { return v.subject == subject && v.number == number })
		return 0
	}
	all[i].deleted = true
	if len(m.of(subject, false)) == 0 {
		delete(m.config, subject)
		delete(m.mode, subject)
	}
	return 0
}

func (m *model) setMode(subject, mode string) int {
	if mode == "IMPORT" && m.mode[subject] != "IMPORT" {
		if len(m.of(subject, false)) > 0 {
			return CodeNotPermitted
		}
		for _, v := range m.of(subject, true) {
			if m.referenced(v, true, subject) {
				return CodeReferenced
			}
		}
		m.drop(func(v modelVersion) bool { return v.subject == subject })
	}
	m.mode[subject] = mode
	return 0
}

func (m *model) dump() (lines []string) {
	for _, v := range m.versions {
		lines = append(lines, fmt.Sprintf("SCHEMA %s %d id %d deleted %t %s", v.subject, v.number, v.id, v.deleted, v.text))
	}
	for of, c := range m.config {
		lines = append(lines, fmt.Sprintf("CONFIG %s 0 %s", of, c))
	}
	for of, mode := range m.mode {
		lines = append(lines, fmt.Sprintf("MODE %s 0 %s", of, mode))
	}
	slices.Sort(lines)
	return lines
}

// step makes a random command, and what the model says of it.
func (m *model) step(r *rand.Rand) (cmd Command, code, id, number int) {
	subjects := []string{"s", "t", "u", ":.c:s", ":.c:t"}
	subject := subjects[r.IntN(len(subjects))]
	n := 1 + r.IntN(5)
	switch k := r.IntN(20); {
	case k < 9:
		text := fmt.Sprintf("f%d int=", r.IntN(4))
		c := Register{Subject: subject, Schema: strings.Repeat(" ", r.IntN(2)) + text}
		ref := ""
		if r.IntN(4) == 0 {
			_, name := split(subjects[r.IntN(len(subjects))])
			context, _ := split(subject)
			ref = qualify(context, name)
			c.References = []wire.SchemaReference{{Name: "r", Subject: name, Version: Latest}}
		}
		if r.IntN(3) == 0 {
			c.ID = 1 + r.IntN(30)
		}
		code, id, number = m.register(subject, text, ref, c.ID)
		return c, code, id, number
	case k < 11:
		permanent := r.IntN(2) == 0
		return DeleteSubject{subject, permanent}, m.deleteSubject(subject, permanent), 0, 0
	case k < 15:
		permanent := r.IntN(2) == 0
		return DeleteVersion{subject, n, permanent}, m.deleteVersion(subject, n, permanent), 0, 0
	case k < 16:
		level := []string{"NONE", "FULL"}[n%2]
		if m.readOnly(subject) {
			code = CodeNotPermitted
		} else {
			m.config[subject] = level
		}
		return SetConfig{Subject: subject, Change: wire.SchemasSetting{CompatibilityLevel: level}}, code, 0, 0
	case k < 18:
		mode := []string{"READWRITE", "READONLY", "IMPORT"}[r.IntN(3)]
		return SetMode{Subject: subject, Mode: mode}, m.setMode(subject, mode), 0, 0
	default:
		if _, ok := m.mode[subject]; !ok {
			code = CodeNoSubject
		}
		delete(m.mode, subject)
		return DeleteMode{Subject: subject}, code, 0, 0
	}
}

// TestModel runs random commands in batches, each planned on an overlay and then
// applied, against the model. Some records are written in an old spelling of their
// keys, as by an older registry; at the end they are repaired. After every compaction the
// high ids are known from what is left, and from those that were kept with a batch that
// hides something.
func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 6))
		m := &model{config: map[string]string{}, mode: map[string]string{}, high: map[string]int{}}
		s := New(toys, "NONE")
		var records []Record
		kept := map[string]int{}
		for range 40 {
			hides := false
			over := s.Overlay()
			var batch []Record
			for range 1 + r.IntN(4) {
				batch = append(batch, runStep(t, r, m, over)...)
			}
			if diff := cmp.Diff(m.dump(), dump(over)); diff != "" {
				t.Fatalf("seed %d, the overlay (-model +overlay):\n%s", seed, diff)
			}
			check(t, over)
			for _, record := range batch {
				if seed%2 == 1 && r.IntN(5) == 0 {
					record.Key = old(record.Key)
				}
				hides = hides || s.Hides(record)
				if err := s.Apply(record.Key, record.Value, s.end); err != nil {
					t.Fatalf("seed %d: %s: %v", seed, record.Key, err)
				}
				records = append(records, record)
			}
			if hides {
				kept = s.HighIDs()
			}
			left := load(t, compacted(records, logical, false))
			for context, id := range kept {
				left.SetHighID(context, id)
			}
			if diff := cmp.Diff(m.high, left.HighIDs()); diff != "" {
				t.Fatalf("seed %d, high ids after compaction (-model +state):\n%s", seed, diff)
			}
			check(t, s)
			if diff := cmp.Diff(m.dump(), dump(s)); diff != "" {
				t.Fatalf("seed %d (-model +state):\n%s", seed, diff)
			}
		}
		if seed%2 == 1 {
			records = repaired(t, s, records)
		} else if left := s.Repairs(); len(left) > 0 {
			t.Errorf("seed %d: our own writes need a repair: %v", seed, left)
		}
		judge(t, records, m.dump())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// old is a key as an older registry spelled it.
func old(key []byte) []byte {
	if strings.HasPrefix(string(key), `{"magic"`) {
		return key
	}
	body := strings.TrimSuffix(strings.TrimSuffix(string(key), `,"magic":1}`), `,"magic":0}`)
	return []byte(`{"magic":0,` + strings.TrimPrefix(body, "{") + "}")
}

func runStep(t *testing.T, r *rand.Rand, m *model, over *State) []Record {
	cmd, code, id, number := m.step(r)
	records, reply, err := Plan(cmd, over)
	var e *Error
	got := 0
	if errors.As(err, &e) {
		got = e.Code
	}
	if got != code || id > 0 && (reply.Version.ID != id || reply.Version.Version != number) {
		t.Fatalf("%+v: code %d id %d version %d (%v); the model says %d, %d, %d\n%s", cmd, got, reply.Version.ID, reply.Version.Version, err, code, id, number,
			strings.Join(m.dump(), "\n"))
	}
	for _, record := range records {
		if err := over.Apply(record.Key, record.Value, over.end); err != nil {
			t.Fatalf("%+v: %v", cmd, err)
		}
	}
	return records
}

// TestHides: a record hides an id where it is written over one, and if that is by an
// import.
func TestHides(t *testing.T) {
	s := New(toys, "NONE")
	for _, step := range []struct {
		cmd   Command
		hides bool
	}{
		{SetMode{Subject: "s", Mode: "IMPORT"}, true}, // it clears the subject
		{Register{Subject: "s", Schema: "a int", ID: 7, Version: 1}, false},
		{Register{Subject: "s", Schema: "b int", ID: 3, Version: 1}, true},
		{Register{Subject: ":.c:s", Schema: "b int"}, false},
		{SetConfig{Subject: "s", Change: wire.SchemasSetting{CompatibilityLevel: "FULL"}}, false},
		{DeleteVersion{"s", 1, false}, true},
		{DeleteVersion{"s", 1, true}, true},
		{DeleteSubject{":.c:s", false}, true},
	} {
		records, _, err := Plan(step.cmd, s)
		if err != nil {
			t.Fatalf("%+v: %v", step.cmd, err)
		}
		hides := false
		for _, r := range records {
			hides = hides || s.Hides(r)
			if err := s.Apply(r.Key, r.Value, s.end); err != nil {
				t.Fatal(err)
			}
		}
		if hides != step.hides {
			t.Errorf("%+v hides an id: %t", step.cmd, hides)
		}
	}
	if !s.Hides(Record{Key: []byte("unknown")}) {
		t.Error("what can not be read may hide an id")
	}
}

// TestIDsAreBurnt: no id that was ever in a record is given to another schema,
// whatever was deleted since, and none of a record that may be on its way.
func TestIDsAreBurnt(t *testing.T) {
	s := New(toys, "NONE")
	meaning := map[int]string{}
	for i := range 50 {
		records, reply, err := Plan(Register{Subject: "s", Schema: fmt.Sprintf("f%d int", i)}, s)
		if err != nil {
			t.Fatal(err)
		}
		if before, taken := meaning[reply.Version.ID]; taken {
			t.Fatalf("id %d is given to %s, and was %s", reply.Version.ID, reply.Version.Schema, before)
		}
		meaning[reply.Version.ID] = reply.Version.Schema
		if i%3 == 0 {
			before := s.burnt.at("s")
			for _, r := range records {
				if i%2 == 0 {
					s.Burn(r.Key, r.Value)
				} else {
					s.BurnID(r.Key, r.Value)
				}
			}
			if burnt := s.burnt.at("s") > before; burnt != (i%2 == 0) && reply.Version.Version > before {
				t.Errorf("version %d burnt: %t", reply.Version.Version, burnt)
			}
			fresh := New(toys, "NONE")
			fresh.Inherit(s)
			if s = fresh; s.burnt.at("s") < before {
				t.Error("a burnt version is forgotten with the state")
			}
			continue
		}
		for _, cmd := range []Command{Register{Subject: "s", Schema: fmt.Sprintf("f%d int", i)}, DeleteSubject{"s", false}, DeleteSubject{"s", true}} {
			records, _, err := Plan(cmd, s)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				if err := s.Apply(r.Key, r.Value, s.end); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if got := s.HighIDs(); !maps.Equal(got, map[string]int{".": len(meaning)}) {
		t.Errorf("highest ids %v", got)
	}
}
