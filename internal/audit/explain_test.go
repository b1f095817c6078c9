package audit

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// copies reads "p0 a b c p1 d": records by partition, at offsets from 0. Those
// named by a small letter are of run 1, by a capital of run 2, by a digit of none.
func copies(text string) (all []copyOf) {
	partition, offset := int32(0), int64(0)
	for name := range strings.FieldsSeq(text) {
		if name[0] == 'p' && len(name) > 1 {
			partition, offset = int32(name[1]-'0'), 0
			continue
		}
		c := copyOf{name: name, partition: partition, offset: offset}
		switch {
		case name[0] >= 'a':
			c.run = wire.RunID{1}
		case name[0] >= 'A':
			c.run = wire.RunID{2}
		}
		all = append(all, c)
		offset++
	}
	return all
}

func findingLine(f Finding) string {
	ranges := rangesLine(f.Ranges)
	if f.Ranges == nil {
		ranges = "not known"
	}
	return fmt.Sprintf("lost %d duplicated %d: %s", f.Lost, f.Duplicated, ranges)
}

func TestCompare(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", "lost 0 duplicated 0: "},
		{"a b c", "c a b", "lost 0 duplicated 0: "},
		{"a b c", "a c", "lost 1 duplicated 0: A/0/1-2"},
		{"a b c", "a b b c", "lost 0 duplicated 1: B/0/2-3"},
		{"a b c", "a c c", "lost 1 duplicated 1: A/0/1-2,B/0/2-3"},
		{"a b c d e", "a", "lost 4 duplicated 0: A/0/1-5"},
		{"a b c d e", "a c e", "lost 2 duplicated 0: A/0/1-2,A/0/3-4"},
		{"p1 a b p0 c d", "p0 c p1 a", "lost 2 duplicated 0: A/0/1-2,A/1/1-2"},
		{"a", "a a a", "lost 0 duplicated 2: B/0/1-3"},
		// Equal records, as plain producers may send them, are as many as they are.
		{"1 1 1", "1 1 1", "lost 0 duplicated 0: "},
		{"1 1 1", "1", "lost 2 duplicated 0: A/0/1-3"},
		{"1 1", "1 1 1", "lost 0 duplicated 1: B/0/2-3"},
		{"a", "b", "lost 1 duplicated 1: A/0/0-1,B/0/0-1"},
		{"a", "p3 a a", "lost 0 duplicated 1: B/3/1-2"},
	} {
		if got := findingLine(compare("A", "B", copies(c.a), copies(c.b))); got != c.want {
			t.Errorf("compare(%q, %q): %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

func TestCompareSent(t *testing.T) {
	for _, c := range []struct {
		sent   uint64
		copies string
		want   string
	}{
		{3, "a b c", "lost 0 duplicated 0: "},
		{3, "a b b c", "lost 0 duplicated 1: L/0/2-3"},
		{3, "a b", "lost 1 duplicated 0: not known"},
		{3, "a b b", "lost 1 duplicated 1: not known"},
		{0, "", "lost 0 duplicated 0: "},
		{2, "", "lost 2 duplicated 0: not known"},
		// Run 2 has not registered and others have no stamp: they are no copies of
		// what run 1 has sent, nor do they stand in for what it lacks.
		{3, "a X b 1 c 1", "lost 0 duplicated 0: "},
		{3, "a X b 1 1", "lost 1 duplicated 0: not known"},
		{3, "a X X b 1 b c", "lost 0 duplicated 1: L/0/5-6"},
	} {
		if got := findingLine(compareSent("L", c.sent, map[wire.RunID]bool{{1}: true, {2}: false}, copies(c.copies))); got != c.want {
			t.Errorf("compareSent(%d, %q): %s, want %s", c.sent, c.copies, got, c.want)
		}
	}
}

func TestJoin(t *testing.T) {
	r := func(tier string, p int32, from, to int64) Range { return Range{tier, p, from, to} }
	for _, c := range []struct{ in, want []Range }{
		{nil, nil},
		{[]Range{r("a", 0, 1, 2)}, []Range{r("a", 0, 1, 2)}},
		{[]Range{r("a", 0, 2, 3), r("a", 0, 1, 2), r("a", 0, 3, 4)}, []Range{r("a", 0, 1, 4)}},
		{[]Range{r("a", 0, 1, 2), r("a", 0, 3, 4)}, []Range{r("a", 0, 1, 2), r("a", 0, 3, 4)}},
		{[]Range{r("b", 0, 2, 3), r("a", 1, 2, 3), r("a", 0, 1, 2)}, []Range{r("a", 0, 1, 2), r("a", 1, 2, 3), r("b", 0, 2, 3)}},
	} {
		if diff := cmp.Diff(c.want, join(slices.Clone(c.in))); diff != "" {
			t.Errorf("join(%v), -want +got:\n%s", c.in, diff)
		}
	}
}

// On any two multisets: the numbers are what a plain count of each name says, and
// the ranges name as many copies, of the right names, and leave the first ones.
func TestCompareCounts(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		random := func() (all []copyOf) {
			next := map[int32]int64{}
			for range rng.IntN(12) {
				p := rng.Int32N(2)
				next[p] += rng.Int64N(2) // records of other windows
				all = append(all, copyOf{name: string(rune('a' + rng.IntN(5))), partition: p, offset: next[p]})
				next[p]++
			}
			slices.SortFunc(all, func(a, b copyOf) int { // by partition, as they are read
				return int(a.partition-b.partition)*1000 + int(a.offset-b.offset)
			})
			return all
		}
		a, b := random(), random()
		f := compare("A", "B", a, b)
		kept := map[string][]copyOf{"A": without(a, "A", f.Ranges), "B": without(b, "B", f.Ranges)}
		var lost, duplicated uint64
		for name := range strings.SplitSeq("a b c d e", " ") {
			inA, inB := named(a, name), named(b, name)
			lost += uint64(max(0, len(inA)-len(inB)))
			duplicated += uint64(max(0, len(inB)-len(inA)))
			both := min(len(inA), len(inB))
			if diff := cmp.Diff(inA[:both], named(kept["A"], name), cmp.AllowUnexported(copyOf{})); diff != "" {
				t.Fatalf("seed %d: what is left of %s in A:\n%s", seed, name, diff)
			}
			if diff := cmp.Diff(inB[:both], named(kept["B"], name), cmp.AllowUnexported(copyOf{})); diff != "" {
				t.Fatalf("seed %d: what is left of %s in B:\n%s", seed, name, diff)
			}
		}
		if f.Lost != lost || f.Duplicated != duplicated {
			t.Fatalf("seed %d: lost %d, duplicated %d; want %d, %d", seed, f.Lost, f.Duplicated, lost, duplicated)
		}
	}
}

func named(all []copyOf, name string) []copyOf {
	out := []copyOf{}
	for _, c := range all {
		if c.name == name {
			out = append(out, c)
		}
	}
	return out
}

func without(all []copyOf, tier string, ranges []Range) []copyOf {
	return slices.DeleteFunc(slices.Clone(all), func(c copyOf) bool {
		return slices.ContainsFunc(ranges, func(r Range) bool {
			return r.Tier == tier && r.Partition == c.partition && r.From <= c.offset && c.offset < r.To
		})
	})
}

// A record is named by its stamp, and by its content where it has none of ours.
func TestCopyName(t *testing.T) {
	record := func(key, value, header string, stamp []byte) *kgo.Record {
		r := &kgo.Record{Key: []byte(key), Value: []byte(value), Partition: 3, Offset: 5}
		if header != "" {
			r.Headers = []kgo.RecordHeader{{Key: "other", Value: []byte("x")}, {Key: header, Value: stamp}}
		}
		return r
	}
	one := wire.Stamp{Run: wire.RunID{1}, Seq: 1}.Append(nil)
	two := wire.Stamp{Run: wire.RunID{1}, Seq: 2}.Append(nil)
	for _, c := range []struct {
		what string
		a, b *kgo.Record
		same bool
	}{
		{"one stamp, whatever the value", record("k", "v", "weir-id", one), record("k", "w", "weir-id", one), true},
		{"two stamps", record("k", "v", "weir-id", one), record("k", "v", "weir-id", two), false},
		{"no stamp", record("k", "v", "", nil), record("k", "v", "", nil), true},
		{"no stamp, other value", record("k", "v", "", nil), record("k", "w", "", nil), false},
		{"no stamp of ours, other value", record("k", "v", "weir-id", []byte("junk")), record("k", "w", "weir-id", []byte("junk")), false},
		{"no stamp of ours, other junk", record("k", "v", "weir-id", []byte("junk")), record("k", "v", "weir-id", []byte("jink")), false},
	} {
		if a, b := newCopy(c.a), newCopy(c.b); (a.name == b.name) != c.same {
			t.Errorf("%s: %q and %q", c.what, a.name, b.name)
		}
	}
	want := copyOf{name: string(one), run: wire.RunID{1}, partition: 3, offset: 5}
	if got := newCopy(record("k", "v", "weir-id", one)); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestWindowStart(t *testing.T) {
	for _, c := range []struct{ at, want int64 }{{0, 0}, {1, 0}, {599_999, 0}, {600_000, 600_000}, {-1, -600_000}, {-600_000, -600_000}, {-600_001, -1_200_000}} {
		if got := wire.WindowStart(c.at, 600_000); got != c.want {
			t.Errorf("WindowStart(%d) = %d, want %d", c.at, got, c.want)
		}
	}
}

// A mismatch keeps its spans though counting goes on, and what is too much to
// read is not read.
func TestMismatch(t *testing.T) {
	span := Span{Tier: "local", From: cluster.Offsets{0: 5, 1: 0}, To: cluster.Offsets{0: 9, 1: 3}}
	m := Mismatch{Spans: []Span{span, span}, lost: 3}
	if got := m.Records(); got != 14 {
		t.Errorf("%d records, want 14", got)
	}
	s := &Service{cfg: Config{ExplainMax: 13}.withDefaults()}
	f, err := s.explain(context.Background(), m)
	if err != nil || f.Lost != 3 || f.Ranges != nil || !strings.Contains(f.Cause, "read 14 again, the limit is 13") {
		t.Errorf("%+v, %v", f, err)
	}

	sim := newSim(t, 1)
	w := sim.ledger.topics["views"].window(0, sim.now)
	w.seen[0].from[0], w.seen[0].to[0] = 1, 2
	kept := sim.ledger.mismatch(sim.ledger.topics["views"], w, 0, 0, Pair{})
	before := maps.Clone(kept.Spans[0].To)
	w.seen[0].to[0] = 99
	if !maps.Equal(before, kept.Spans[0].To) {
		t.Errorf("the span moved from %v to %v", before, kept.Spans[0].To)
	}
}
