package actions

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// script adds records to a history: "ID STATE WRITER AGE".
func script(t *testing.T, keep int, lines ...string) *history {
	t.Helper()
	h := newHistory(keep)
	for i, line := range lines {
		var id, state, writer string
		var ago time.Duration
		f := strings.Fields(line)
		id, state, writer = f[0], f[1], f[2]
		ago, _ = time.ParseDuration(f[3])
		r := record{ID: id, At: t0.Add(-ago), State: state, Writer: writer, N: 1, Action: Action{Kind: "k-" + id, Target: "target-" + id, Actor: "actor-" + writer}}
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		h.add(int64(i), b)
	}
	return h
}

func states(h *history, f Filter, own string) string {
	entries, more := h.list(f, own, t0)
	var s []string
	for _, e := range entries {
		s = append(s, e.ID+":"+e.State)
	}
	return fmt.Sprint(strings.Join(s, " "), " ", more)
}

func TestStates(t *testing.T) {
	h := script(t, 100,
		"old asked other#1 10m",
		"done asked other#1 9m", "done done other#1 9m",
		"failed asked other#1 9m", "failed failed other#1 8m",
		"young asked other#1 599s",
		"before asked me#1 1m", // by an earlier process of our instance
		"now asked me#2 1m",
		"done failed other#1 0s",                         // a second end: the first one counts
		"lost done other#1 0s",                           // its beginning is not known
		"done asked other#1 0s", "anonymous asked #1 1m", // no instance: nothing is known of it
	)
	for own, want := range map[string]string{
		"me#2": "anonymous:asked now:asked before:unknown young:asked failed:failed done:done old:unknown false",
		"#2":   "anonymous:asked now:asked before:asked young:asked failed:failed done:done old:unknown false",
	} {
		if got := states(h, Filter{}, own); got != want {
			t.Errorf("read by %s:\n got %s\nwant %s", own, got, want)
		}
	}
}

func TestFilter(t *testing.T) {
	h := script(t, 100, "a asked x#1 30m", "b asked y#1 20m", "c asked x#1 5m", "c done x#1 5m", "d asked y#1 1m")
	for want, f := range map[string]Filter{
		"d:asked c:done b:unknown a:unknown false": {},
		"c:done a:unknown false":                   {Actor: "actor-x#1"},
		"b:unknown false":                          {Kind: "k-b"},
		"d:asked false":                            {Target: "get-d"},
		"b:unknown a:unknown false":                {State: Unknown},
		"c:done b:unknown false":                   {From: t0.Add(-20 * time.Minute), To: t0.Add(-time.Minute)},
		"d:asked c:done true":                      {Limit: 2},
		"b:unknown true":                           {Limit: 1, Before: 2},
		"a:unknown false":                          {Limit: 1, Before: 1},
	} {
		if got := states(h, f, "#"); got != want {
			t.Errorf("%+v: got %s, want %s", f, got, want)
		}
	}
}

func TestKeep(t *testing.T) {
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("%d asked x#1 1m", i))
	}
	h := script(t, 20, append(lines, "5 done x#1 1m", "29 done x#1 1m")...)
	entries, _ := h.list(Filter{}, "#", t0)
	if len(entries) < 20 || len(entries) > 22 || len(entries)+h.dropped != 30 || len(h.byID) != len(entries) {
		t.Errorf("%d entries, %d by id, %d dropped", len(entries), len(h.byID), h.dropped)
	}
	if entries[0].State != Done || entries[0].ID != "29" {
		t.Errorf("the newest is %+v", entries[0])
	}
}

func TestForeign(t *testing.T) {
	h := newHistory(10)
	h.add(0, []byte("no json"))
	h.add(0, []byte("seen already"))
	h.add(7, nil)
	if h.foreign != 2 || h.next != 8 {
		t.Errorf("%d foreign, next %d", h.foreign, h.next)
	}
}

// chain writes records of writers as they would, and returns their bytes.
func chain(t *testing.T, writers string) (values [][]byte) {
	t.Helper()
	type state struct {
		n    int64
		prev string
	}
	chains := map[rune]*state{}
	last := ""
	for i, w := range writers {
		if chains[w] == nil {
			chains[w] = &state{0, last}
		}
		c := chains[w]
		r := record{ID: fmt.Sprint(i), At: t0, State: Asked, Writer: "#" + string(w), N: c.n + 1, Prev: c.prev}
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		c.n, c.prev, last = r.N, hash(b), hash(b)
		values = append(values, b)
	}
	return values
}

func findings(start int64, values [][]byte) (got []string) {
	v := newVerifier()
	v.begin(start)
	for i, b := range values {
		v.add(start+int64(i), b)
	}
	for _, f := range v.result.Findings {
		got = append(got, fmt.Sprintf("%d %s", f.Offset, f.What))
	}
	return got
}

func TestVerifyChains(t *testing.T) {
	change := func(i int) func([][]byte) [][]byte {
		return func(v [][]byte) [][]byte {
			v[i] = []byte(strings.Replace(string(v[i]), `"actor":""`, `"actor":"someone else"`, 1))
			return v
		}
	}
	remove := func(i int) func([][]byte) [][]byte {
		return func(v [][]byte) [][]byte { return slices.Delete(v, i, i+1) }
	}
	for _, c := range []struct {
		name, writers string
		start         int64
		harm          func([][]byte) [][]byte
		want          []string // what each finding begins with
	}{
		{"empty", "", 0, nil, nil},
		{"sound", "aabaccab", 0, nil, nil},
		{"changed, followed by its own writer", "aaab", 0, change(0), []string{"1 record 1 of writer #a was followed by another"}},
		{"changed, the last before a new writer", "aab", 0, change(1), []string{"2 writer #b begins after a record that is not in the log"}},
		{"removed", "aabab", 0, remove(1), []string{"1 writer #b begins after a record", "2 writer #a goes on from record 1 to 3"}},
		{"the first removed", "aab", 0, remove(0), []string{"0 writer #a begins with its record 2"}},
		{"swapped", "aaa", 0, func(v [][]byte) [][]byte { v[1], v[2] = v[2], v[1]; return v },
			[]string{"1 writer #a goes on from record 1 to 3", "2 writer #a goes on from record 3 to 2"}},
		{"foreign", "ab", 0, func(v [][]byte) [][]byte { return append(v, []byte("x")) }, []string{"2 this is no action"}},
		{"the beginning deleted", "aabab", 2, func(v [][]byte) [][]byte { return v[2:] }, []string{"2 the records before this one were deleted"}},
		{"the newest cut off, which can not be seen", "aabab", 0, func(v [][]byte) [][]byte { return v[:3] }, nil},
	} {
		values := chain(t, c.writers)
		if c.harm != nil {
			values = c.harm(values)
		}
		got := findings(c.start, values)
		if len(got) != len(c.want) {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s: found %q, want %q", c.name, got[i], c.want[i])
			}
		}
	}
}
