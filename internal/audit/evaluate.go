package audit

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// Evaluate judges every window at the given time. It returns the topics whose
// end offsets are wanted, and the mismatches that want to be explained.
func (l *Ledger) Evaluate(now time.Time) (ends []EndsWanted, explain []Mismatch) {
	for _, name := range slices.Sorted(maps.Keys(l.topics)) {
		t := l.topics[name]
		want := make([]EndsWanted, len(t.tiers))
		for _, w := range t.sorted() {
			explain = append(explain, l.judge(t, w, now)...)
			for i := range want {
				if to := l.wants(t, w, i); to != nil {
					want[i].windows = append(want[i].windows, wanted{w.ask(), i, to})
				}
			}
		}
		for i, e := range want {
			if len(e.windows) > 0 {
				e.Topic, e.Tier = name, t.path.Tiers[i]
				ends = append(ends, e)
			}
		}
	}
	return ends, explain
}

// overdue says whether the window's deadline has passed. It counts from the
// window's end, or from when it was opened if that is later; of a window that
// lies in the future by event time, from when it could have ended.
func (l *Ledger) overdue(w *window, now time.Time) bool {
	end := time.UnixMilli(w.start).Add(l.rules.Window)
	if live := w.opened.Add(l.rules.Window); end.After(live) {
		end = live
	}
	return now.After(latest(w.opened, end).Add(l.rules.Grace + l.rules.MaxDelay))
}

// judge brings the window's current verdict up to date.
func (l *Ledger) judge(t *topic, w *window, now time.Time) []Mismatch {
	overdue := l.overdue(w, now)
	producers, stamped := l.producers(t, w, now)
	w.wantEnds = producers.Closed && l.unstampedSettled(w, now) || overdue
	sides := []Side{producers}
	for i := range t.tiers {
		sides = append(sides, l.brokers(t, w, i))
	}
	next := Window{Start: time.UnixMilli(w.start).UTC(), Topic: t.path.Topic, Counts: map[string]uint64{}, Ranges: []Range{}}
	var mismatches []Mismatch
	for i := range t.tiers {
		a, b := sides[i], sides[i+1]
		next.Counts[b.Tier] = b.Low.Count
		if i == 0 {
			next.Counts[a.Tier] = a.Low.Count
			b.Low, b.High = stamped, stamped
		}
		finding := w.findings[i]
		p := Judge(a, b, overdue, finding)
		if p.pending {
			mismatches = append(mismatches, l.mismatch(t, w, i, a.Low.Count, p))
		}
		next.add(p, finding)
	}
	next.Revision = w.verdict.Revision
	if changed(w.verdict, next) {
		next.Revision++
	}
	w.verdict, w.judged = next, w.generation
	return mismatches
}

func (w *Window) add(p Pair, finding *Finding) {
	w.Pairs = append(w.Pairs, p)
	w.Verdict = Worst(w.Verdict, p.Verdict)
	w.Lost += p.Lost
	w.Duplicated += p.Duplicated
	mismatch := p.pending || finding != nil && (p.Verdict == Lost || p.Verdict == Duplicated)
	switch {
	case !mismatch || w.Ranges == nil:
	case p.pending || finding.Ranges == nil:
		w.Ranges = nil
	default:
		w.Ranges = append(w.Ranges, finding.Ranges...)
	}
}

// changed says whether a new revision is due: a window that is seen for the first
// time and open has revision 0.
func changed(old, new Window) bool {
	if old.Verdict == "" {
		return new.Verdict != Open
	}
	return old.Verdict != new.Verdict || old.Lost != new.Lost || old.Duplicated != new.Duplicated ||
		(old.Ranges == nil) != (new.Ranges == nil) || !slices.Equal(old.Ranges, new.Ranges)
}

// producers returns what the producing clients say of a window, and what of it
// the first broker tier holds: of records whose stamp names a registered run.
func (l *Ledger) producers(t *topic, w *window, now time.Time) (s Side, stamped wire.Totals) {
	s = Side{Tier: Producer, Closed: true}
	wait := func(format string, args ...any) {
		s.Closed = false
		if s.Waits == "" {
			s.Waits = fmt.Sprintf(format, args...)
		}
	}
	end := w.start + l.rules.Window.Milliseconds()
	known := now.After(w.changed.Add(l.rules.Grace + l.rules.MaxDelay)) // reports of what is there have been read
	for _, r := range slices.SortedFunc(maps.Keys(t.runs), func(a, b *run) int { return slices.Compare(a.id[:], b.id[:]) }) {
		low, high := r.sent(t.path.Topic, w.start)
		s.Low.Merge(low)
		s.High.Merge(high)
		there := w.seen[0].cells[r.id]
		open := r.openFor(t.path.Topic, w.start, l.rules.Window)
		switch dead := r.dead(now); {
		case r.final:
		case dead && open:
			s.Uncovered = fmt.Sprintf("%s died after its report %d at %s and may have sent more",
				r, r.number, r.at.UTC().Format(time.RFC3339))
		case dead && (there.Same(low) || there.Same(high) || known):
		case dead: // perhaps it lives, and its newest report has not been read
			wait("%s is silent, and its last report does not agree with what is there", r)
		case r.through < end:
			wait("%s may still send records of the window", r)
		case open:
			wait("%s has records under way", r)
		case r.at.Before(w.changed.Add(l.rules.ClockSkew)):
			wait("%s has not reported since the window changed", r)
		}
	}
	for id, totals := range w.seen[0].cells {
		switch {
		case id == wire.RunID{}:
		case l.registered(t, id):
			stamped.Merge(totals)
		case !l.overdue(w, now):
			wait("run %s has not registered", id)
		default:
			s.Uncovered = fmt.Sprintf("records carry the stamp of run %s, which never registered", id)
		}
	}
	if w.gap != "" {
		s.Uncovered = w.gap
	}
	return s, stamped
}

// registered says whether the run has registered and sends to the topic: its
// records are judged on the producers' edge.
func (l *Ledger) registered(t *topic, id wire.RunID) bool {
	r := l.runs[id]
	return r != nil && r.registration != nil && t.runs[r]
}

// unstampedSettled says whether records without a stamp, whose producers nobody
// knows, have been waited for long enough.
func (l *Ledger) unstampedSettled(w *window, now time.Time) bool {
	if w.seen[0].cells[wire.RunID{}].Count == 0 {
		return true
	}
	end := time.UnixMilli(w.start).Add(l.rules.Window)
	return now.After(latest(end, w.changed).Add(l.rules.Grace))
}

// brokers returns what broker tier i shows of a window.
func (l *Ledger) brokers(t *topic, w *window, i int) Side {
	s := Side{Tier: t.path.Tiers[i], Uncovered: w.gap}
	for _, totals := range w.seen[i].cells {
		s.Low.Merge(totals)
	}
	s.High = s.Low
	switch {
	case w.ends[i] != nil:
		s.Waits = t.uncounted(i, w.ends[i])
	case i == 0 && w.wantEnds, i > 0 && w.ends[i-1] != nil && l.behind(t, w, i) == "":
		s.Waits = fmt.Sprintf("the end of tier %s is being read", s.Tier)
	case i > 0 && w.ends[i-1] != nil:
		s.Waits = l.behind(t, w, i)
	default:
		s.Waits = fmt.Sprintf("tier %s waits for the tier before it", s.Tier)
	}
	if i > 0 && s.Waits == "" {
		if s.Waits = t.uncounted(i-1, w.origins[i-1]); w.origins[i-1] == nil {
			s.Waits = fmt.Sprintf("the end of tier %s is being read", t.path.Tiers[i-1])
		}
	}
	s.Closed = s.Waits == ""
	return s
}

// uncounted says how far the tier is counted if that is not to the ends.
func (t *topic) uncounted(i int, ends cluster.Offsets) string {
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		if next := t.tiers[i].next[p]; next < ends[p] {
			return fmt.Sprintf("tier %s is counted to %d of %d in partition %d", t.path.Tiers[i], next, ends[p], p)
		}
	}
	return ""
}

// behind says how far the stream to tier i has come if it has not carried all
// that lies below the window's end at the tier before.
func (l *Ledger) behind(t *topic, w *window, i int) string {
	ends := w.ends[i-1]
	for _, p := range slices.Sorted(maps.Keys(ends)) {
		pos := l.positions[wire.PositionKey{Stream: t.path.Streams[i], TopicID: t.tiers[i-1].id, Partition: p}]
		if pos.Src < ends[p] {
			return fmt.Sprintf("stream %s has carried %d of %d in partition %d", t.path.Streams[i], pos.Src, ends[p], p)
		}
	}
	return ""
}

// Windows returns the current verdicts of a topic's windows that start in
// [from, to), by start; nil for a topic that is not audited. A zero time is no
// bound.
func (l *Ledger) Windows(topic string, from, to time.Time) []Window {
	t := l.topics[topic]
	if t == nil {
		return nil
	}
	windows := []Window{}
	for _, w := range t.sorted() {
		if w.verdict.Verdict == "" || w.verdict.Start.Before(from) || !to.IsZero() && !w.verdict.Start.Before(to) {
			continue
		}
		windows = append(windows, w.verdict)
	}
	return windows
}
