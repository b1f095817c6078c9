package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func frozen(t testing.TB, s *State) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Freeze().Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func thawed(t testing.TB, s *State) *State {
	t.Helper()
	again, err := Thaw(toys, s.level, frozen(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// derived describes what is not written, but follows from what is.
func derived(s *State) (lines []string) {
	for u, by := range s.referrers.each {
		by = slices.SortedFunc(slices.Values(by), func(a, b use) int {
			return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.number, b.number))
		})
		lines = append(lines, fmt.Sprint(u, " is referred to by ", by))
	}
	for g, ids := range s.guids.each {
		lines = append(lines, fmt.Sprint(g, slices.SortedFunc(slices.Values(ids.all()), compareKeys)))
	}
	for context, n := range s.inContext.each {
		lines = append(lines, fmt.Sprint(context, " has ", n))
	}
	slices.Sort(lines)
	return lines
}

func sameStates(t *testing.T, what string, want, got *State) {
	t.Helper()
	if a, b := frozen(t, want), frozen(t, got); a != b {
		t.Errorf("%s: frozen again it is\n%q\nwant\n%q", what, b, a)
	}
	if diff := gocmp.Diff(derived(want), derived(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if diff := gocmp.Diff(want.Repairs(), got.Repairs()); diff != "" {
		t.Errorf("%s, repairs (-want +got):\n%s", what, diff)
	}
	wanted, has := want.Status(), got.Status()
	if wanted.Pending, has.Pending = 0, 0; gocmp.Diff(wanted, has) != "" {
		t.Errorf("%s: status %+v, want %+v", what, has, wanted)
	}
}

// planned are the records of random commands.
func planned(t *testing.T, r *rand.Rand) (records []Record) {
	m := &model{config: map[string]string{}, mode: map[string]string{}, high: map[string]int{}}
	s := New(toys, "NONE")
	for range 120 {
		for _, record := range runStep(t, r, m, s.Overlay()) {
			if err := s.Apply(record.Key, record.Value, 0); err != nil {
				t.Fatal(err)
			}
			records = append(records, record)
		}
	}
	return records
}

// A state that was frozen at any time of its life is the same when it is thawed, and
// goes on as the one that was not. Some of the records are in old spellings, are empty
// and not null, or contradict what is there.
func TestFreeze(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 9))
		s := New(toys, "NONE")
		other, dropped := s, 0
		for i, record := range planned(t, r) {
			switch r.IntN(15) {
			case 0, 1, 2:
				record.Key = old(record.Key)
			case 3:
				record.Value = []byte{}
			case 4:
				record.Value = bytes.ReplaceAll(record.Value, []byte(`"schema":"`), []byte(`"schema":"z`))
			case 5:
				for _, st := range []*State{s, other} {
					st.Burn(record.Key, record.Value)
					st.SetHighID(".x", i)
				}
			}
			a := s.Apply(record.Key, record.Value, int64(i))
			if other != s {
				if b := other.Apply(record.Key, record.Value, int64(i)); (a == nil) != (b == nil) {
					t.Fatalf("seed %d: %s: %v after a thaw, and %v", seed, record.Key, b, a)
				}
			}
			what := fmt.Sprintf("seed %d, record %d", seed, i)
			sameStates(t, what, s, other)
			if r.IntN(3) == 0 {
				other = thawed(t, other)
				sameStates(t, what+", thawed", s, other)
			}
			if t.Failed() {
				t.FailNow()
			}
			dropped = s.dropped
		}
		if seed == 0 && dropped == 0 {
			t.Error("nothing was dropped: this shows too little")
		}
	}
}

// What the model never writes.
func TestFreezeKeepsAll(t *testing.T) {
	s := load(t, []Record{
		{[]byte(spell(schemaKey(use{"s", 1}))), []byte(`{"subject":"s","version":1,"id":1,"md5":"eA==","schemaType":"JSON","schema":"a int","metadata":{"tags":{"a":["b"]},"properties":{"p":"q"}},"ruleSet":{"domainRules":[{"name":"r"}]},"deleted":true,"ts":17,"guid":"x"}`)},
		{[]byte(spell(schemaKey(use{":.c:s", 1}))), []byte(`{"subject":":.c:s","version":1,"id":1,"schema":"use r","references":[{"name":"r","subject":"s","version":1}]}`)},
		{[]byte(spell(schemaKey(use{"t", 1}))), []byte(`{"subject":"t","version":1,"id":1,"schemaType":"JSON","schema":"a  int","metadata":{"tags":{"a":["b"]},"properties":{"p":"q"}},"ruleSet":{"domainRules":[{"name":"r"}]}}`)},
		{[]byte(`{"keytype":"CONFIG","subject":"s","magic":0}`), []byte(`{"alias":"t","compatibilityLevel":"FULL","unknown":{"a":[1]}}`)},
		{[]byte(`{"keytype":"CONFIG","magic":0}`), []byte(`{"compatibilityLevel":"NONE","normalize":true}`)},
		{[]byte(`{"keytype":"MODE","subject":":.c:","magic":0}`), []byte(`{"mode":"IMPORT","more":1}`)},
		{[]byte(`{"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}`), []byte(`{"tenant":"default","context":".c"}`)},
		{[]byte(`{"keytype":"ASSOC","x":1}`), []byte(`{}`)},
	})
	if err := s.Apply([]byte("x"), []byte("y"), 8); err == nil {
		t.Error("a key that is none is applied")
	}
	again := thawed(t, s)
	sameStates(t, "thawed", s, again)
	if diff := gocmp.Diff(slices.Collect(s.Export(":*:", true)), slices.Collect(again.Export(":*:", true))); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(s.Settings(), again.Settings()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if st := again.Status(); st.Dropped != 1 || st.Foreign != 1 || len(st.Warnings) != 1 || !maps.Equal(again.HighIDs(), map[string]int{".": 1, ".c": 1}) {
		t.Errorf("%+v, ids %v", st, again.HighIDs())
	}
}

// A frozen state does not see what comes later, and may be written meanwhile.
func TestFrozenStandsStill(t *testing.T) {
	records, _ := topic(20, 3, 50)
	s := load(t, records[:30])
	want, f := frozen(t, s), s.Freeze()
	for i, r := range records[15:] {
		if err := s.Apply(r.Key, r.Value, int64(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range records[:10] {
		if err := s.Apply(r.Key, nil, 200); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil || b.String() != want {
		t.Errorf("what was frozen has changed: %v", err)
	}
}

type full struct{ io.Writer }

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestFreezeTellsErrors(t *testing.T) {
	if err := New(toys, "").Freeze().Write(full{}); err == nil {
		t.Error("a write that failed is none")
	}
}

func FuzzThaw(f *testing.F) {
	records, _ := topic(2, 2, 20)
	f.Add(frozen(f, load(f, records)))
	s := load(f, []Record{
		{[]byte(`{"magic":0,"keytype":"SCHEMA","subject":"s","version":1}`), []byte(`{"subject":"s","version":1,"id":1,"schema":"a int","x":1}`)},
		{[]byte(`{"keytype":"CONFIG","magic":0}`), []byte(`{"compatibilityLevel":"NONE"}`)},
		{[]byte(`{"keytype":"MODE","magic":0}`), []byte{}},
	})
	f.Add(frozen(f, s))
	f.Fuzz(func(t *testing.T, data string) {
		s, err := Thaw(toys, "", data)
		if err != nil {
			return
		}
		// It is a state that can be asked, and frozen again.
		for v := range s.Export(":*:", true) {
			_, _ = s.Schema(v.ID, v.Subject)
			_, _ = s.ReferencedBy(v.Subject, v.Version)
		}
		_, _ = s.Repairs(), s.Settings()
		s.Index(len(s.pending))
		if len(frozen(t, s)) > 2*len(data)+1000 {
			t.Errorf("%d bytes make %d", len(data), len(frozen(t, s)))
		}
	})
}

// BenchmarkFreeze is a snapshot of 50,000 and 100,000 versions: what is done under the
// lock, what is done without it, and what is read at a start.
func BenchmarkFreeze(b *testing.B) {
	for _, n := range []int{50_000, 100_000} {
		records, _ := topic(n/5, 5, 2000)
		s := load(b, records)
		var file strings.Builder
		if err := s.Freeze().Write(&file); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n, "/freeze"), func(b *testing.B) {
			for b.Loop() {
				s.Freeze()
			}
		})
		b.Run(fmt.Sprint(n, "/write"), func(b *testing.B) {
			for b.Loop() {
				if err := s.Freeze().Write(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint(n, "/thaw"), func(b *testing.B) {
			for b.Loop() {
				if _, err := Thaw(toys, "", file.String()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(file.Len())/1e6, "MB")
		})
		b.Run(fmt.Sprint(n, "/replay"), func(b *testing.B) {
			for b.Loop() {
				load(b, records)
			}
		})
	}
}
