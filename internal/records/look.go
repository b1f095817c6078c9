package records

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
)

// found is what was found of one partition: the records nearest to where the page
// begins, and how far they go.
type found struct {
	metas []meta
	edge  int64 // everything up to here (newest first: down to here) is among metas
}

// eachRange calls fn for some ranges at a time.
func eachRange(ranges []OffsetRange, fn func(i int, rg OffsetRange)) {
	var g errgroup.Group
	g.SetLimit(lanes)
	for i, rg := range ranges {
		g.Go(func() error {
			fn(i, rg)
			return nil
		})
	}
	_ = g.Wait()
}

// find looks at a range from where the page begins until there are enough.
func (v *view) find(ctx context.Context, rg OffsetRange) (f found) {
	why := ""
	if v.newest {
		f, why = v.findLast(ctx, rg)
	} else {
		f.edge = rg.From
		f.edge, why = v.look(ctx, rg, pageBytes/4, func(m meta) bool {
			f.metas = append(f.metas, m)
			return len(f.metas) < v.q.Limit
		})
		if len(f.metas) == v.q.Limit {
			f.edge = f.metas[v.q.Limit-1].offset + 1
		}
	}
	if why != "" {
		v.problem("partition %d: looked only %s offset %d: %s", rg.Partition, map[bool]string{true: "down to", false: "up to"}[v.newest], f.edge, why)
	}
	return f
}

// findLast reads the last offsets of a range, then those before. Where compaction
// has left holes it looks at more of them at once; where records are so large that
// not all can be looked at, at fewer.
func (v *view) findLast(ctx context.Context, rg OffsetRange) (f found, why string) {
	f.edge = rg.To
	limit, grow := v.q.Limit, int64(4)
	for width := int64(limit); f.edge > rg.From && len(f.metas) < limit; {
		part := OffsetRange{rg.Partition, max(rg.From, f.edge-width), f.edge}
		allowance := int64(pageBytes / 4)
		if width == 1 {
			allowance = maxAnswer
		}
		var metas []meta
		next, failed := v.look(ctx, part, allowance, func(m meta) bool {
			if metas = append(metas, m); len(metas) > 2*limit {
				metas = append(metas[:0], metas[len(metas)-limit:]...)
			}
			return true
		})
		if next < part.To { // what lies above must not be passed over
			if failed != tooMuch || width == 1 {
				return f, failed
			}
			width, grow = max(1, width/16), 1
			continue
		}
		f.metas, f.edge = append(metas, f.metas...), part.From
		width *= grow
		if v.budget.Load() < 0 && f.edge > rg.From && len(f.metas) < limit {
			why = tooMuch
			break
		}
	}
	if over := len(f.metas) - limit; over > 0 {
		f.metas = f.metas[over:]
		f.edge = f.metas[0].offset
	}
	return f, why
}

const tooMuch = "it is much to read; the next page goes on there"

// look calls fn for the records of a range until it returns false. It returns how
// far it got, and why not to the end if that was not fn.
func (v *view) look(ctx context.Context, rg OffsetRange, allowance int64, fn func(meta) bool) (next int64, why string) {
	next = rg.From
	err := v.r.stream(ctx, v.topic, rg, how{fetch: pageFetch}, func(c chunk) (bool, error) {
		if c.skipped != "" {
			v.problem("%s", c.skipped)
		}
		v.budget.Add(-int64(c.bytes))
		allowance -= int64(c.bytes)
		for _, rec := range c.records {
			next = rec.Offset + 1
			if !fn(meta{rec.Partition, rec.Offset, rec.Timestamp.UnixMilli()}) {
				return false, nil
			}
		}
		if next = c.next; allowance < 0 && next < rg.To {
			why = tooMuch
			return false, nil
		}
		return true, nil
	})
	switch {
	case ctx.Err() != nil:
		why = fmt.Sprintf("it takes longer than %v; the next page goes on there", pageTime)
	case err != nil:
		why = err.Error()
	}
	return next, why
}

// fetch reads the chosen records, in their order.
func (v *view) fetch(ctx context.Context, chosen []meta) []Record {
	d := &decoder{topic: v.topic.name, want: v.q.Decoder, max: textMax(v.q.Limit), registry: v.r.registry}
	place := map[meta]int{}
	spans := map[int32]OffsetRange{}
	for i, m := range chosen {
		place[m] = i
		s, ok := spans[m.partition]
		if !ok {
			s = OffsetRange{m.partition, m.offset, m.offset + 1}
		}
		spans[m.partition] = OffsetRange{m.partition, min(s.From, m.offset), max(s.To, m.offset+1)}
	}
	shown := make([]*Record, len(chosen))
	ranges := slices.Collect(maps.Values(spans))
	eachRange(ranges, func(_ int, rg OffsetRange) {
		err := v.r.stream(ctx, v.topic, rg, how{fetch: pageFetch}, func(c chunk) (bool, error) {
			for _, rec := range c.records {
				if i, ok := place[meta{rec.Partition, rec.Offset, rec.Timestamp.UnixMilli()}]; ok {
					s := d.record(ctx, rec)
					shown[i] = &s
				}
			}
			return true, nil
		})
		if err != nil {
			v.problem("%v", err)
		}
	})
	out := []Record{}
	for _, s := range shown {
		if s != nil {
			out = append(out, *s)
		}
	}
	return out
}
