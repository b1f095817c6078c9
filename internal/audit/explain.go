package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// Mismatch is an edge of a window whose sides differ, to be read again.
type Mismatch struct {
	Topic string
	Start int64 // of the window, ms
	Pair  int   // index of the edge in the path
	// Spans are the offsets to read: of the edge's broker tiers, one or two.
	Spans []Span
	asked asked

	sent            uint64              // for the producers' edge: what they sent, and
	runs            map[wire.RunID]bool // who they are
	lost, duplicate uint64              // net
}

// Span is where the records of a window lie at one tier, among others.
type Span struct {
	Tier     string
	From, To cluster.Offsets
}

// Records returns how many records would be read.
func (m Mismatch) Records() (n int64) {
	for _, s := range m.Spans {
		for p, from := range s.From {
			n += s.To[p] - from
		}
	}
	return n
}

func (l *Ledger) mismatch(t *topic, w *window, pair int, sent uint64, net Pair) Mismatch {
	m := Mismatch{
		Topic: t.path.Topic, Start: w.start, Pair: pair, asked: w.ask(),
		sent: sent, runs: map[wire.RunID]bool{}, lost: net.Lost, duplicate: net.Duplicated,
	}
	for i := max(pair-1, 0); i <= pair; i++ {
		m.Spans = append(m.Spans, Span{Tier: t.path.Tiers[i], From: maps.Clone(w.seen[i].from), To: maps.Clone(w.seen[i].to)})
	}
	for id := range w.seen[0].cells {
		m.runs[id] = l.registered(t, id)
	}
	return m
}

// net is the finding where the records can not be read again.
func (m Mismatch) net(why string) Finding {
	return Finding{Lost: m.lost, Duplicated: m.duplicate, Cause: "net numbers: " + why}
}

// NoteFinding takes what explaining a mismatch has shown. It is dropped if the
// window has changed meanwhile: the window is then judged, and explained, anew.
func (l *Ledger) NoteFinding(m Mismatch, f Finding) {
	if m.asked.current() {
		m.asked.findings[m.Pair] = &f
	}
}

// copyOf is one record of the window, named by its stamp (or its fingerprint
// where it has none) and its place.
type copyOf struct {
	name      string
	run       wire.RunID
	partition int32
	offset    int64
}

// read collects the records of a window in a span of a tier.
func read(ctx context.Context, c *cluster.Cluster, topic string, s Span, start, window int64) ([]copyOf, error) {
	var copies []copyOf
	err := c.ReadRange(ctx, topic, s.From, s.To, func(r *kgo.Record) error {
		if wire.WindowStart(r.Timestamp.UnixMilli(), window) == start {
			copies = append(copies, newCopy(r))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading a window of %s on %s again: %w", topic, c.Name, err)
	}
	return copies, nil
}

func newCopy(r *kgo.Record) copyOf {
	c := copyOf{partition: r.Partition, offset: r.Offset}
	raw := stampOf(r)
	if stamp, err := wire.ParseStamp(raw); err == nil {
		c.name, c.run = string(raw), stamp.Run
	} else {
		c.name = fmt.Sprintf("%016x", wire.Fingerprint(r.Key, r.Value, raw))
	}
	return c
}

// compare finds the records of tier a that b lacks, and those that b has more
// often than a: its later copies, in the order of the log.
func compare(tierA, tierB string, a, b []copyOf) Finding {
	has := map[string]int{}
	for _, c := range b {
		has[c.name]++
	}
	f := Finding{Ranges: []Range{}}
	wanted := map[string]int{}
	for _, c := range a {
		wanted[c.name]++
		if wanted[c.name] > has[c.name] {
			f.Lost++
			f.Ranges = append(f.Ranges, Range{tierA, c.partition, c.offset, c.offset + 1})
		}
	}
	f.duplicates(tierB, wanted, b)
	f.Ranges = join(f.Ranges)
	return f
}

// duplicates adds the copies that exceed the wanted number of each record.
func (f *Finding) duplicates(tier string, wanted map[string]int, copies []copyOf) {
	for _, c := range copies {
		if wanted[c.name]--; wanted[c.name] < 0 {
			f.Duplicated++
			f.Ranges = append(f.Ranges, Range{tier, c.partition, c.offset, c.offset + 1})
		}
	}
}

// compareSent does what can be done for the producers' edge, whose records
// nobody kept: duplicates show by their stamps, the rest is missing. Records of
// others than the producers are left out.
func compareSent(tier string, sent uint64, runs map[wire.RunID]bool, copies []copyOf) Finding {
	copies = slices.DeleteFunc(slices.Clone(copies), func(c copyOf) bool { return !runs[c.run] })
	once := map[string]int{}
	for _, c := range copies {
		once[c.name] = 1
	}
	f := Finding{Lost: below(uint64(len(once)), sent), Ranges: []Range{}}
	f.duplicates(tier, once, copies)
	f.Ranges = join(f.Ranges)
	if f.Lost > 0 {
		f.Ranges = nil
		f.Cause = "records that were acknowledged to the producer are not there; their offsets are known to nobody"
	}
	return f
}

// join sorts ranges of single records and merges neighbours.
func join(ranges []Range) []Range {
	slices.SortFunc(ranges, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.From, b.From))
	})
	joined := ranges[:0]
	for _, r := range ranges {
		if n := len(joined); n > 0 && joined[n-1].Tier == r.Tier && joined[n-1].Partition == r.Partition && joined[n-1].To == r.From {
			joined[n-1].To = r.To
			continue
		}
		joined = append(joined, r)
	}
	return joined
}
