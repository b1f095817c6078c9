package records

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/weirhq/weir/internal/web"
)

const (
	defaultBuckets = 60
	maxBuckets     = 500
	// countMax is how many offsets a topic may hold to be counted by reading it.
	countMax = 5000
)

// Bucket is how many records are of [From, To).
type Bucket struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Records int64     `json:"records"`
}

// Histogram says how many records a topic holds of which time.
type Histogram struct {
	Buckets  []Bucket `json:"buckets"`
	Exact    bool     `json:"exact"`
	Why      string   `json:"why" doc:"How it was counted."`
	Problems []string `json:"problems"`
}

// Histogram counts a topic's records over time, from its first to its last record
// unless told otherwise. A small topic is read; of others only offsets by time are
// asked for.
func (r *Reader) Histogram(ctx context.Context, topic string, from, to time.Time, buckets int) (*Histogram, error) {
	if buckets == 0 {
		buckets = defaultBuckets
	}
	if buckets < 1 || buckets > maxBuckets {
		return nil, web.BadRequest("buckets", fmt.Sprintf("%d is no number of buckets", buckets), fmt.Sprintf("give a number from 1 to %d", maxBuckets))
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return nil, web.BadRequest("to", "it is not after from", "")
	}
	t, err := r.topic(ctx, topic)
	if err != nil {
		return nil, err
	}
	v := &view{r: r, topic: t, q: Query{Topic: topic, Limit: countMax + 1}}
	v.log, v.problems = r.log(ctx, t)
	h := &Histogram{Buckets: []Bucket{}}
	ranges := v.ranges()
	if total(ranges) <= countMax && r.count(ctx, v, h, ranges, from, to, buckets) {
		h.Exact, h.Why = true, "every record was read"
	} else {
		h.Why = "offsets are counted, not records: compacted records and transactions' markers count too, and a record whose time is out of order may count in another bucket"
		err = r.countOffsets(ctx, v, h, ranges, from, to, buckets)
	}
	h.Problems = append([]string{}, v.problems...)
	return h, err
}

// count reads everything. It returns false if that is too much, or not all there.
func (r *Reader) count(ctx context.Context, v *view, h *Histogram, ranges []OffsetRange, from, to time.Time, buckets int) bool {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	before := len(v.problems)
	v.budget.Store(pageBytes)
	all := make([]found, len(ranges))
	eachRange(ranges, func(i int, rg OffsetRange) { all[i] = v.find(ctx, rg) })
	if len(v.problems) > before {
		v.problems = v.problems[:before]
		return false
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, f := range all {
		for _, m := range f.metas {
			first, last = min(first, m.time), max(last, m.time)
		}
	}
	edges := edgesOf(from, to, first, last, buckets)
	h.Buckets = bucketsOf(edges)
	for _, f := range all {
		for _, m := range f.metas {
			// The edges are as good as evenly spaced.
			for i := range h.Buckets {
				if m.time >= edges[i] && m.time < edges[i+1] {
					h.Buckets[i].Records++
					break
				}
			}
		}
	}
	return true
}

// countOffsets asks for the offsets at the edges of the buckets.
func (r *Reader) countOffsets(ctx context.Context, v *view, h *Histogram, ranges []OffsetRange, from, to time.Time, buckets int) error {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	if from.IsZero() || to.IsZero() {
		v.q.Limit = 1
		for _, v.newest = range []bool{false, true} {
			v.budget.Store(pageBytes)
			all := make([]found, len(ranges))
			eachRange(ranges, func(i int, rg OffsetRange) { all[i] = v.find(ctx, rg) })
			for _, f := range all {
				for _, m := range f.metas {
					first, last = min(first, m.time), max(last, m.time)
				}
			}
		}
	}
	edges := edgesOf(from, to, first, last, buckets)
	at := make([]map[int32]int64, len(edges))
	eachRange(make([]OffsetRange, len(edges)), func(i int, _ OffsetRange) {
		at[i] = r.since(ctx, v.topic, time.UnixMilli(edges[i]), v.log, func(format string, args ...any) {
			if i == 0 { // once is enough
				v.problem(format, args...)
			}
		})
	})
	h.Buckets = bucketsOf(edges)
	for i := range h.Buckets {
		for p := range v.log {
			h.Buckets[i].Records += max(0, at[i+1][p]-at[i][p])
		}
	}
	return ctx.Err()
}

// edgesOf returns the times in ms at which buckets begin, and at last the end. first
// and last are the times of records, for the edges that are not given.
func edgesOf(from, to time.Time, first, last int64, buckets int) []int64 {
	if first > last { // no records
		if first = from.UnixMilli(); from.IsZero() {
			return nil
		}
		last = first
	}
	begin, end := first, last+1
	if !from.IsZero() {
		begin = from.UnixMilli()
	}
	if !to.IsZero() {
		end = to.UnixMilli()
	}
	end = max(end, begin+1)
	buckets = int(min(int64(buckets), end-begin))
	edges := make([]int64, buckets+1)
	for i := range edges {
		edges[i] = begin + int64(float64(end-begin)*float64(i)/float64(buckets))
	}
	edges[buckets] = end
	return edges
}

func bucketsOf(edges []int64) []Bucket {
	out := []Bucket{}
	for i := range max(0, len(edges)-1) {
		out = append(out, Bucket{From: time.UnixMilli(edges[i]).UTC(), To: time.UnixMilli(edges[i+1]).UTC()})
	}
	return out
}
