package table

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// text keeps strings as they are, but does not decode "bad", and decodes "Alias" as
// the key that is written "alias".
var text = Codec[string]{
	Encode: func(s string) ([]byte, error) {
		if s == "unwritable" {
			return nil, errors.New("unwritable")
		}
		return []byte(s), nil
	},
	Decode: func(b []byte) (string, error) {
		switch s := string(b); s {
		case "bad":
			return "", errors.New("bad text")
		case "Alias":
			return "alias", nil
		default:
			return s, nil
		}
	},
}

func config(topic string) Config[string, string] {
	return Config[string, string]{Topic: topic, Key: text, Value: text}.withDefaults()
}

// record returns the record of a line, at an offset: "put k v", "del k", "nokey v",
// each with "in P" in front when producer P wrote it in a transaction; "commit P",
// "abort P"; "other P" for a control record that is no marker.
func record(line string, offset int64) *kgo.Record {
	words := strings.Fields(line)
	attrs := kgo.RecordAttrsOpts{}
	r := &kgo.Record{Offset: offset, ProducerID: -1}
	if words[0] == "in" {
		attrs.Transactional = true
		r.ProducerID, _ = strconv.ParseInt(words[1], 10, 64)
		words = words[2:]
	}
	marker := kmsg.NewControlRecordKey()
	switch words[0] {
	case "put":
		r.Key, r.Value = []byte(words[1]), []byte(words[2])
	case "del":
		r.Key = []byte(words[1])
	case "nokey":
		r.Value = []byte(words[1])
	case "commit", "abort", "other":
		r.ProducerID, _ = strconv.ParseInt(words[1], 10, 64)
		attrs.Transactional, attrs.Control = true, true
		marker.Type = map[string]kmsg.ControlRecordKeyType{
			"commit": kmsg.ControlRecordKeyTypeCommit, "abort": kmsg.ControlRecordKeyTypeAbort, "other": kmsg.ControlRecordKeyTypeSnapshotHeader,
		}[words[0]]
		r.Key = marker.AppendTo(nil)
	default:
		panic(line)
	}
	r.Attrs = kgo.NewRecordAttrs(attrs)
	return r
}

func show(f *fold[string, string]) string {
	var s []string
	for _, k := range slices.Sorted(maps.Keys(f.rows)) {
		s = append(s, fmt.Sprintf("%s=%s@%d", k, f.rows[k].Value, f.rows[k].Offset))
	}
	return strings.Join(s, " ")
}

func TestFold(t *testing.T) {
	for _, test := range []struct {
		name, log, want string
		malformed       int64
	}{
		{name: "the last record of a key", log: "put a 1; put b 2; put a 3", want: "a=3@2 b=2@1"},
		{name: "a tombstone", log: "put a 1; put b 2; del a", want: "b=2@1"},
		{name: "a tombstone of nothing", log: "del a"},
		{name: "an open transaction", log: "put a 1; in 7 put a 2; in 7 put b 3", want: "a=1@0"},
		{name: "committed", log: "put a 1; in 7 put a 2; in 7 del b; commit 7", want: "a=2@1"},
		{name: "aborted", log: "put a 1; in 7 put a 2; abort 7", want: "a=1@0"},
		{name: "aborted, then committed", log: "in 7 put a 1; abort 7; in 7 put b 2; commit 7", want: "b=2@2"},
		{name: "somebody else's marker", log: "in 7 put a 1; in 8 put b 2; commit 8", want: "b=2@1"},
		{name: "a control record that is no marker", log: "in 7 put a 1; other 7; commit 7", want: "a=1@0"},
		{name: "a late commit does not replace a later put", log: "in 7 put a 1; put a 2; commit 7", want: "a=2@1"},
		{name: "nor a later deletion", log: "in 7 put a 1; del a; commit 7", want: ""},
		{name: "nor a later commit", log: "in 7 put a 1; in 8 put a 2; commit 8; commit 7", want: "a=2@1"},
		{name: "but one that aborts", log: "in 7 put a 1; in 8 put a 2; abort 8; commit 7", want: "a=1@0"},
		{name: "twice in one transaction", log: "in 7 put a 1; in 7 put a 2; in 7 put b 3; in 7 del b; commit 7", want: "a=2@1"},
		{name: "no key", log: "nokey 1; put a 1", want: "a=1@1", malformed: 1},
		{name: "a malformed key", log: "put bad 1; put a 1", want: "a=1@1", malformed: 1},
		{name: "a key written otherwise", log: "put alias 1; put Alias 2", want: "alias=1@0", malformed: 1},
		{name: "a malformed value hides the one before", log: "put a 1; put b 2; put a bad", want: "b=2@1", malformed: 1},
		{name: "a malformed value in an aborted transaction does not", log: "put a 1; in 7 put a bad; abort 7", want: "a=1@0", malformed: 1},
	} {
		cfg := config("t")
		f := newFold(&cfg)
		for i, line := range strings.Split(test.log, ";") {
			f.apply(record(line, int64(i)), func(string) {})
		}
		if got := show(f); got != test.want || f.malformed != test.malformed {
			t.Errorf("%s: %s gives %q and %d malformed, want %q and %d", test.name, test.log, got, f.malformed, test.want, test.malformed)
		}
	}
}

func TestFoldBefore(t *testing.T) {
	for _, test := range []struct {
		log  string // the question is about the record of producer 9
		want string
	}{
		{"put a 1; in 9 put a 2", "0"},
		{"in 9 put a 2", "absent"},
		{"put a 1; del a; in 9 put a 2", "absent"},
		{"put a 1; put b 2; in 9 put a 2; put b 3", "0"},
		{"put a 1; in 9 put a 2; put a 3", "0"}, // what comes after does not matter
		{"put a 1; in 8 put a 2; in 9 put a 3", "undecided"},
		{"put a 1; in 8 put b 2; in 9 put a 3", "0"},
		{"put a 1; in 8 put a 2; in 9 put a 3; commit 8", "1"},
		{"put a 1; in 8 put a 2; in 9 put a 3; abort 8", "0"},
		{"put a 1; in 8 del a; in 9 put a 3; commit 8", "absent"},
		{"put a 1; in 8 put a 2; in 9 put a 3; put a 4; commit 8", "0"}, // 8 lost to the put
		{"in 8 put a 1; put a 2; in 9 put a 3", "1"},                    // what 8 wrote will never count
		{"in 8 put a 1; put a 2; in 9 put a 3; commit 8", "1"},
		{"in 8 put a 1; del a; in 9 put a 3; commit 8", "absent"},
		{"in 7 put a 1; in 8 put a 2; in 9 put a 3; commit 8", "1"},
		{"in 7 put a 1; in 8 put a 2; in 9 put a 3; commit 8; commit 7", "1"},
		{"in 7 put a 1; in 8 put a 2; in 9 put a 3; commit 7; commit 8", "1"},
		{"in 7 put a 1; in 8 put a 2; in 9 put a 3; commit 7", "undecided"},
		{"put a 1; in 9 put a 2; abort 9", "closed"},
		{"put a 1; in 9 put a 2; commit 9", "closed"},
	} {
		cfg := config("t")
		f := newFold(&cfg)
		var at int64
		for i, line := range strings.Split(test.log, ";") {
			if strings.Contains(line, "in 9") {
				at = int64(i)
			}
			f.apply(record(line, int64(i)), func(string) {})
		}
		version, decided, open := f.before(txn{0, 9}, at)
		got := strconv.FormatInt(version, 10)
		switch {
		case !open:
			got = "closed"
		case !decided:
			got = "undecided"
		case version == Absent:
			got = "absent"
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.log, got, test.want)
		}
	}
}

// randomLog returns lines such as people and compare-and-sets write them.
func randomLog(rng *rand.Rand, n int) (lines []string) {
	for i := range n {
		key, producer := string(rune('a'+rng.IntN(3))), 7+rng.IntN(3)
		line := fmt.Sprintf("put %s %d", key, i)
		if rng.IntN(4) == 0 {
			line = "del " + key
		}
		switch rng.IntN(8) {
		case 0:
			line = fmt.Sprint("commit ", producer)
		case 1:
			line = fmt.Sprint("abort ", producer)
		case 2, 3, 4:
			line = fmt.Sprintf("in %d %s", producer, line)
		}
		lines = append(lines, line)
	}
	for p := range 3 {
		lines = append(lines, fmt.Sprint([]string{"commit ", "abort "}[rng.IntN(2)], 7+p))
	}
	return lines
}

// naive says which records of a log count, and when: by looking at all of it.
func naive(lines []string) (counts []bool) {
	counts = make([]bool, len(lines))
	for i, line := range lines {
		words := strings.Fields(line)
		switch words[0] {
		case "put", "del":
			counts[i] = true
		case "in":
			for _, later := range lines[i:] {
				if later == "commit "+words[1] {
					counts[i] = true
				}
				if later == "commit "+words[1] || later == "abort "+words[1] {
					break
				}
			}
		}
	}
	return counts
}

func key(line string) string {
	words := strings.Fields(line)
	if words[0] == "in" {
		words = words[2:]
	}
	return words[1]
}

// A fold of a log is the fold of what compaction may leave of it, and it is what one
// finds by looking at the log as a whole.
func TestFoldOfCompactedLog(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 0))
		lines := randomLog(rng, 30)
		counts := naive(lines)
		last := map[string]int{}
		for i, line := range lines {
			if counts[i] {
				last[key(line)] = i
			}
		}
		var want []string
		for _, k := range slices.Sorted(maps.Keys(last)) {
			if words := strings.Fields(lines[last[k]]); !slices.Contains(words, "del") {
				want = append(want, fmt.Sprintf("%s=%s@%d", k, words[len(words)-1], last[k]))
			}
		}
		cfg := config("t")
		whole, compacted := newFold(&cfg), newFold(&cfg)
		cleaned := rng.IntN(len(lines)) // compaction came this far
		for i, line := range lines {
			whole.apply(record(line, int64(i)), func(string) {})
			isMarker := strings.HasPrefix(line, "commit") || strings.HasPrefix(line, "abort")
			switch {
			case isMarker || i >= cleaned:
			case !counts[i]:
				continue // aborted
			case superseded(lines, counts, i, cleaned) && rng.IntN(3) > 0:
				continue
			}
			compacted.apply(record(line, int64(i)), func(string) {})
		}
		if got, want := show(whole), strings.Join(want, " "); got != want {
			t.Fatalf("seed %d: %s\ngives %s, want %s", seed, strings.Join(lines, "; "), got, want)
		}
		if diff := cmp.Diff(show(whole), show(compacted)); diff != "" {
			t.Fatalf("seed %d: %s, compacted to %d (-whole +compacted):\n%s", seed, strings.Join(lines, "; "), cleaned, diff)
		}
		if len(whole.open) > 0 || len(compacted.open) > 0 {
			t.Fatalf("seed %d: transactions are left open: %v, %v", seed, whole.open, compacted.open)
		}
	}
}

// superseded says whether a later record before end counts and has the same key.
func superseded(lines []string, counts []bool, i, end int) bool {
	for j := i + 1; j < end; j++ {
		if counts[j] && key(lines[j]) == key(lines[i]) {
			return true
		}
	}
	return false
}

// Whatever the bytes of keys, values and markers: no panic, no key that does not
// encode to its bytes, and nothing of an aborted transaction.
func FuzzApply(f *testing.F) {
	f.Add([]byte("a"), []byte("1"), byte(0))
	f.Add([]byte("alias"), []byte("bad"), byte(1))
	f.Add([]byte{0, 0, 0, 1}, []byte(nil), byte(3))
	f.Add([]byte{0, 0}, []byte{}, byte(2))
	f.Fuzz(func(t *testing.T, k, v []byte, attrs byte) {
		cfg := config("t")
		fold := newFold(&cfg)
		fold.apply(record("put before 1", 0), func(string) {})
		r := &kgo.Record{Offset: 1, Key: k, Value: v, ProducerID: 7, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: attrs&1 != 0, Control: attrs&2 != 0})}
		fold.apply(r, func(string) {})
		fold.apply(record("abort 7", 2), func(string) {})
		if e := fold.rows["before"]; string(k) != "before" && e.Value != "1" {
			t.Errorf("another key went to %+v", e)
		}
		for key, e := range fold.rows {
			if e.Offset == 1 && (attrs != 0 && attrs&3 != 0 || key != string(k) || e.Value != string(v)) {
				t.Errorf("attributes %b: %q = %+v out of %q, %q", attrs, key, e, k, v)
			}
		}
	})
}
