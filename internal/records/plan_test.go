package records

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var logs = map[int32]bounds{0: {0, 100}, 1: {50, 100}, 2: {7, 7}}

func TestClamp(t *testing.T) {
	for name, c := range map[string]struct {
		from, to map[int32]int64
		want     []OffsetRange
	}{
		"all":               {map[int32]int64{}, map[int32]int64{0: 100, 1: 100, 2: 7}, []OffsetRange{{0, 0, 100}, {1, 50, 100}}},
		"nothing":           {map[int32]int64{}, map[int32]int64{}, nil},
		"beyond both ends":  {map[int32]int64{0: -5, 1: 3}, map[int32]int64{0: 1000, 1: 60}, []OffsetRange{{0, 0, 100}, {1, 50, 60}}},
		"the wrong way":     {map[int32]int64{0: 60}, map[int32]int64{0: 50}, nil},
		"partitions of old": {map[int32]int64{}, map[int32]int64{5: 10}, nil},
	} {
		if diff := cmp.Diff(c.want, clamp(logs, c.from, c.to)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestEstimate(t *testing.T) {
	all := []OffsetRange{{0, 0, 100}, {1, 50, 75}}
	for name, c := range map[string]struct {
		sizes map[int32]int64
		pace  float64
		want  Estimate
	}{
		"known":        {map[int32]int64{0: 1000, 1: 500}, 125, Estimate{2, 125, 1250, 10}},
		"no pace":      {map[int32]int64{0: 1000, 1: 500}, 0, Estimate{2, 125, 1250, -1}},
		"no sizes":     {nil, 125, Estimate{2, 125, -1, -1}},
		"one not told": {map[int32]int64{0: 1000, 1: -1}, 125, Estimate{2, 125, -1, -1}},
	} {
		if diff := cmp.Diff(c.want, estimate(all, logs, c.sizes, c.pace)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(Estimate{Seconds: -1}, estimate(nil, logs, nil, 0)); diff != "" {
		t.Errorf("of nothing (-want +got):\n%s", diff)
	}
}

func TestParsePlace(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]*place{
		"start": {}, "end": {end: true}, "0": {}, "17": {offset: 17}, "9223372036854775807": {offset: math.MaxInt64},
		"2026-11-24T11:00:00+01:00": {at: at}, "": nil, "-1": nil, "9223372036854775808": nil, "1.5": nil, "now": nil, "2026-11-24": nil,
	} {
		got, err := parsePlace(text)
		if want == nil && err == nil || want != nil && (err != nil || got.end != want.end || got.offset != want.offset || !got.at.Equal(want.at)) {
			t.Errorf("%q is taken as %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestToken(t *testing.T) {
	of := fingerprintOf("a", "b")
	if of == fingerprintOf("ab", "") || of == fingerprintOf("a", "b", "") {
		t.Error("different parts, the same fingerprint")
	}
	for name, left := range map[string][]OffsetRange{
		"one":      {{0, 0, 1}},
		"several":  {{0, 5, 10}, {3, 0, 1 << 40}, {4, 7, 8}},
		"the last": {{math.MaxInt32, math.MaxInt64 - 1, math.MaxInt64}},
	} {
		got, err := parseToken(token{of, left}.String())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(left, got.left); diff != "" || got.of != of {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if s := (token{of: of}).String(); s != "" {
		t.Errorf("the token of nothing left: %q", s)
	}
}

// FuzzToken: what parses is printed as it was.
func FuzzToken(f *testing.F) {
	f.Add(token{fingerprintOf("a"), []OffsetRange{{0, 5, 10}, {3, 0, 1 << 40}}}.String())
	f.Add(token{fingerprintOf("a"), []OffsetRange{{math.MaxInt32, math.MaxInt64 - 1, math.MaxInt64}}}.String())
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseToken(s)
		if err != nil {
			return
		}
		if got.String() != s {
			t.Errorf("%q is read as %+v and printed as %q", s, got, got.String())
		}
		before := int32(-1)
		for _, r := range got.left {
			if r.Partition <= before || r.From < 0 || r.To <= r.From {
				t.Errorf("%q has the range %+v after partition %d", s, r, before)
			}
			before = r.Partition
		}
	})
}

func TestCursor(t *testing.T) {
	of := fingerprintOf("a")
	since := time.Date(2026, 11, 24, 10, 0, 0, 5_000_000, time.UTC)
	for name, c := range map[string]cursor{
		"of nothing": {of: of, at: map[int32]int64{}},
		"newest":     {of: of, newest: true, at: map[int32]int64{0: 5, 7: 1 << 50}},
		"tail":       {of: of, at: map[int32]int64{0: 0, 1: 3, math.MaxInt32: math.MaxInt64}, tail: tail{since, 3}},
	} {
		got, err := parseCursor(c.String())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c, got, cmp.AllowUnexported(cursor{}, tail{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// FuzzCursor: what parses is printed as it was.
func FuzzCursor(f *testing.F) {
	of := fingerprintOf("a")
	f.Add(cursor{of: of, newest: true, at: map[int32]int64{0: 5, 7: 1 << 50}}.String())
	f.Add(cursor{of: of, at: map[int32]int64{1: 3}, tail: tail{epoch, 3}}.String())
	f.Add("")
	f.Add("AQA")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseCursor(s)
		if err == nil && got.String() != s {
			t.Errorf("%q is read as %+v and printed as %q", s, got, got.String())
		}
		for p, at := range got.at {
			if p < 0 || at < 0 {
				t.Errorf("%q has offset %d of partition %d", s, at, p)
			}
		}
	})
}

func TestTailFollow(t *testing.T) {
	old := tail{epoch, 1000}
	for name, c := range map[string]struct {
		t     tail
		after time.Duration
		ends  int64
		next  tail
		rate  float64
	}{
		"new":           {tail{}, 0, 500, tail{epoch, 500}, -1},
		"too young":     {old, 900 * time.Millisecond, 9000, old, -1},
		"measured":      {old, time.Second, 3000, old, 2000},
		"begun anew":    {old, 4 * time.Second, 3000, tail{epoch.Add(4 * time.Second), 3000}, 500},
		"topic is new":  {old, 4 * time.Second, 10, tail{epoch.Add(4 * time.Second), 10}, -1},
		"of the future": {old, -time.Second, 1000, tail{epoch.Add(-time.Second), 1000}, -1},
	} {
		next, rate := c.t.follow(epoch.Add(c.after), c.ends)
		if next != c.next || rate != c.rate {
			t.Errorf("%s: %+v, %v per second, want %+v, %v", name, next, rate, c.next, c.rate)
		}
	}
}

func TestMerge(t *testing.T) {
	lists := map[int32][]meta{
		0: {{0, 10, 100}, {0, 11, 90}, {0, 12, 300}}, // a time out of order
		1: {{1, 5, 100}, {1, 6, 200}},
		2: {},
	}
	f := func(newest bool, limit int, want ...meta) {
		t.Helper()
		if diff := cmp.Diff(want, merge(lists, newest, limit), cmp.AllowUnexported(meta{})); diff != "" {
			t.Errorf("newest %v, limit %d (-want +got):\n%s", newest, limit, diff)
		}
	}
	f(true, 9, meta{0, 12, 300}, meta{1, 6, 200}, meta{1, 5, 100}, meta{0, 11, 90}, meta{0, 10, 100})
	f(true, 2, meta{0, 12, 300}, meta{1, 6, 200})
	f(false, 9, meta{0, 10, 100}, meta{0, 11, 90}, meta{1, 5, 100}, meta{1, 6, 200}, meta{0, 12, 300})
	f(false, 0)
}

func TestEdgesOf(t *testing.T) {
	f := func(from, to time.Time, first, last int64, buckets int, want ...int64) {
		t.Helper()
		if diff := cmp.Diff(want, edgesOf(from, to, first, last, buckets)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	none := time.Time{}
	f(none, none, 100, 199, 4, 100, 125, 150, 175, 200)
	f(none, none, 100, 100, 4, 100, 101)
	f(none, none, 100, 101, 4, 100, 101, 102)
	f(none, none, math.MaxInt64, math.MinInt64, 4)
	f(time.UnixMilli(0), time.UnixMilli(10), math.MaxInt64, math.MinInt64, 2, 0, 5, 10)
	f(time.UnixMilli(500), none, 100, 199, 4, 500, 501)
}
