package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// Producer is the name of the tier before the first cluster.
const Producer = "producer"

// Ledger is all that audit knows, and decides from it. It does no I/O and reads
// no clock: facts come in by Apply and Note, with the time of their append;
// Evaluate says what follows at a given time. Facts may come in any order that
// keeps each log's own.
//
// It is not safe for concurrent use.
type Ledger struct {
	rules     Rules
	runs      map[wire.RunID]*run
	topics    map[string]*topic
	positions map[wire.PositionKey]wire.Position // how far streams have come
}

// Rules are the times that Ledger decides by; see Config.
type Rules struct {
	Window, Grace, MaxDelay time.Duration
	ClockSkew               time.Duration // between reports and counts; 0 on one cluster
}

// Path is a route by names.
type Path struct {
	Topic   string
	Tiers   []string // broker tiers
	Streams []string // Streams[i] feeds Tiers[i]; Streams[0] is empty
}

// run is one run of a producing client.
type run struct {
	id           wire.RunID
	registration *wire.Registration // nil: only reports after the first were seen
	number       uint64             // of the newest report
	at           time.Time          // when it was appended
	interval     time.Duration
	through      int64 // event time: nothing older comes
	final        bool
	topics       map[string]map[int64]*kinds // topic -> window -> totals
}

type kinds [wire.Kinds]wire.Totals

func (k *kinds) inFlight() bool {
	return k[wire.Attempt].Count != k[wire.OK].Count+k[wire.Fail].Count+k[wire.Unknown].Count
}

// topic is one audited topic.
type topic struct {
	path    Path
	tiers   []*tier
	runs    map[*run]bool // that named the topic in a report
	windows map[int64]*window
	gap     gap // the newest
}

// gap says that records were not counted.
type gap struct {
	why string
	at  time.Time // when it was said
}

// tier is what was counted of a topic on one cluster.
type tier struct {
	id   wire.TopicID
	next cluster.Offsets // counted below
}

// window is one window of a topic.
type window struct {
	start  int64
	opened time.Time // first seen, or opened again
	seen   []sight   // by tier
	// changed is the append time of the newest row by which the first tier's cells
	// changed.
	changed time.Time

	// generation counts resets: facts that were asked for in an earlier one are
	// dropped.
	generation int
	judged     int // the generation that the verdict is of

	// ends says, by tier, where the window ends there, nil while not noted: a row of
	// the window beyond it opens the window again.
	ends []cluster.Offsets
	// origins are, by tier, the end offsets noted after the next tier's ends were:
	// whatever lies below those came from below these. So the two tiers are
	// compared as they were at one time.
	origins  []cluster.Offsets
	wantEnds bool       // the first tier's ends can be noted: the producers are closed, or their time is over
	gap      string     // records may be missing from the counts
	findings []*Finding // by pair
	verdict  Window
}

// sight is what one tier showed of a window.
type sight struct {
	cells map[wire.RunID]wire.Totals
	// from and to bound the offsets of the counted rows that hold the window.
	from, to cluster.Offsets
}

// NewLedger returns an empty ledger.
func NewLedger(rules Rules, paths ...Path) *Ledger {
	l := &Ledger{rules: rules, runs: map[wire.RunID]*run{}, topics: map[string]*topic{}, positions: map[wire.PositionKey]wire.Position{}}
	for _, p := range paths {
		t := &topic{path: p, runs: map[*run]bool{}, windows: map[int64]*window{}}
		for range p.Tiers {
			t.tiers = append(t.tiers, &tier{next: cluster.Offsets{}})
		}
		l.topics[p.Topic] = t
	}
	return l
}

// ApplyReport folds a client's report that was appended at the given time. A
// report that is not newer than the last one of its run changes nothing.
func (l *Ledger) ApplyReport(p wire.Report, at time.Time) error {
	if p.Window != l.rules.Window.Milliseconds() {
		return fmt.Errorf("run %s counts in windows of %d ms, audit in %v", p.Run, p.Window, l.rules.Window)
	}
	r := l.runs[p.Run]
	if r == nil {
		r = &run{id: p.Run, topics: map[string]map[int64]*kinds{}}
		l.runs[p.Run] = r
	} else if p.Number <= r.number {
		return nil
	}
	if p.Registration != nil {
		r.registration = p.Registration
	}
	r.number, r.at, r.through, r.final = p.Number, at, p.Through, p.Final
	r.interval = time.Duration(p.Interval) * time.Millisecond
	for _, rows := range p.Topics {
		if r.topics[rows.Topic] == nil {
			r.topics[rows.Topic] = map[int64]*kinds{}
		}
		t := l.topics[rows.Topic]
		if t != nil {
			t.runs[r] = true
		}
		for _, row := range rows.Rows {
			k := r.topics[rows.Topic][row.Start]
			if k == nil {
				k = &kinds{}
				r.topics[rows.Topic][row.Start] = k
			}
			if t != nil && k[row.Kind] != row.Totals {
				t.window(row.Start, at).reopen(at)
			}
			k[row.Kind] = row.Totals
		}
	}
	return nil
}

// ApplyCounts folds what a counter counted. It returns how many rows were
// refused, because they do not begin where the last accepted one ended.
func (l *Ledger) ApplyCounts(c wire.Counts, at time.Time) (refused int, err error) {
	t := l.topics[c.Topic]
	if t == nil {
		return 0, nil
	}
	i := slices.Index(t.path.Tiers, c.Tier)
	if i < 0 {
		return 0, nil
	}
	if c.Window != l.rules.Window.Milliseconds() {
		return 0, fmt.Errorf("tier %s is counted in windows of %d ms, audit works in %v", c.Tier, c.Window, l.rules.Window)
	}
	if id := t.tiers[i].id; id != c.TopicID && id != (wire.TopicID{}) {
		t.recreated(i)
	}
	ti := t.tiers[i]
	ti.id = c.TopicID
	for _, row := range c.Rows {
		next, known := ti.next[row.Partition]
		switch {
		case row.From == next || !known && row.Gap == "":
		case row.From > next && row.Gap != "":
			t.missing(gap{fmt.Sprintf("tier %s: records %d/[%d, %d) were not counted: %s", c.Tier, row.Partition, next, row.From, row.Gap), at})
		default:
			refused++
			continue
		}
		ti.next[row.Partition] = row.To
		for _, cell := range row.Cells {
			t.window(cell.Start, at).count(i, row, cell, at)
		}
	}
	return refused, nil
}

// recreated forgets what was counted of a topic that no longer exists.
func (t *topic) recreated(i int) {
	t.tiers[i] = &tier{next: cluster.Offsets{}}
	for _, w := range t.windows {
		w.reset(len(t.tiers)) // what was noted are offsets of the other topic
		if len(w.seen[i].cells) > 0 {
			w.gap = fmt.Sprintf("topic deleted and made anew on %s", t.path.Tiers[i])
			w.seen[i] = newSight()
		}
	}
}

// missing marks the windows that records missing from the counts may belong to:
// all those that are not settled, and by [topic.window] those that began before
// the gap was said and change after it.
func (t *topic) missing(g gap) {
	t.gap = g
	for _, w := range t.windows {
		if w.judged != w.generation || !w.verdict.Settled() {
			w.gap = g.why
		}
	}
}

func newSight() sight {
	return sight{cells: map[wire.RunID]wire.Totals{}, from: cluster.Offsets{}, to: cluster.Offsets{}}
}

// window returns a window of which something new is known.
func (t *topic) window(start int64, at time.Time) *window {
	w := t.windows[start]
	if w == nil {
		w = &window{start: start, opened: at}
		for range t.tiers {
			w.seen = append(w.seen, newSight())
		}
		w.reset(len(t.tiers))
		t.windows[start] = w
	}
	if start < t.gap.at.UnixMilli() {
		w.gap = t.gap.why
	}
	return w
}

func (w *window) reset(tiers int) {
	w.ends = make([]cluster.Offsets, tiers)
	w.origins = make([]cluster.Offsets, tiers)
	w.findings = make([]*Finding, tiers)
	w.generation++
}

// reopen takes back what was decided, since a cell has changed.
func (w *window) reopen(at time.Time) {
	if w.verdict.Verdict != "" && w.verdict.Verdict.Final() {
		w.opened = at
	}
	w.reset(len(w.seen))
}

// count adds one cell of a row. Records beyond a noted end open the window again;
// those below it are what the end waits for.
func (w *window) count(i int, row wire.CountsRow, cell wire.Cell, at time.Time) {
	s := &w.seen[i]
	totals := s.cells[cell.Run]
	totals.Merge(cell.Totals)
	s.cells[cell.Run] = totals
	if from, ok := s.from[row.Partition]; !ok || row.From < from {
		s.from[row.Partition] = row.From
	}
	s.to[row.Partition] = max(s.to[row.Partition], row.To)
	if i == 0 {
		w.changed = latest(w.changed, at)
	}
	if w.ends[i] != nil && s.beyond(w.ends[i]) {
		w.reopen(at)
	}
}

// beyond says whether rows of the window have been counted beyond these ends.
func (s *sight) beyond(ends cluster.Offsets) bool {
	for p, to := range s.to {
		if end, noted := ends[p]; !noted || to > end {
			return true
		}
	}
	return false
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ApplyPosition folds how far a stream has come on one partition.
func (l *Ledger) ApplyPosition(k wire.PositionKey, p wire.Position) { l.positions[k] = p }

// EndsWanted is a topic whose windows wait for a tier's end offsets.
type EndsWanted struct {
	Topic, Tier string
	windows     []wanted
}

// wanted is where the end offsets of one tier go.
type wanted struct {
	asked
	tier int
	to   *cluster.Offsets // of the window
}

// asked is a window in the generation in which something was asked of it.
type asked struct {
	*window
	at int
}

func (w *window) ask() asked { return asked{w, w.generation} }

func (a asked) current() bool { return a.at == a.generation }

// wants returns where the end offsets of a tier are to be noted, nil if they are
// not wanted now. l.brokers says when those of a later tier are.
func (l *Ledger) wants(t *topic, w *window, i int) *cluster.Offsets {
	switch {
	case w.ends[i] == nil && (i == 0 && w.wantEnds || i > 0 && w.ends[i-1] != nil && l.behind(t, w, i) == ""):
		return &w.ends[i]
	case i+1 < len(w.ends) && w.ends[i+1] != nil && w.origins[i] == nil:
		return &w.origins[i]
	}
	return nil
}

// NoteEnds takes the end offsets that were read after Evaluate had asked for
// them. Those that are older than what was counted meanwhile are asked for again.
func (l *Ledger) NoteEnds(want EndsWanted, ends cluster.Offsets) {
	for _, w := range want.windows {
		if w.current() && *w.to == nil && !w.seen[w.tier].beyond(ends) {
			*w.to = ends
		}
	}
}

// Counted returns below which offsets a tier is counted, for the topic of that
// id.
func (l *Ledger) Counted(topic, tierName string, id wire.TopicID) cluster.Offsets {
	t := l.topics[topic]
	if ti := t.tiers[slices.Index(t.path.Tiers, tierName)]; ti.id == id {
		return maps.Clone(ti.next)
	}
	return cluster.Offsets{}
}

// Final says whether the run's final report is in, which nothing takes back.
func (l *Ledger) Final(id wire.RunID) bool {
	r := l.runs[id]
	return r != nil && r.final
}

// minDead is the least silence after which a run counts as dead: a process may
// stand still for some seconds and live.
const minDead = 10 * time.Second

// deadAfter is how long a run may be silent: three reports.
func (r *run) deadAfter() time.Duration { return max(3*r.interval, minDead) }

func (r *run) dead(now time.Time) bool {
	return !r.final && now.Sub(r.at) > r.deadAfter()
}

func (r *run) String() string {
	if r.registration == nil {
		return "run " + r.id.String()
	}
	return fmt.Sprintf("run %s (%s on %s)", r.id, r.registration.Application, r.registration.Host)
}

// sent returns the exact ends of what the run's reports say that it has sent to a
// window: what was acknowledged, and all that may be there.
func (r *run) sent(topic string, start int64) (low, high wire.Totals) {
	k := r.topics[topic][start]
	if k == nil {
		return low, high
	}
	return k[wire.OK], k[wire.Attempt].Without(k[wire.Fail])
}

// openFor says whether the run's newest report shows the window as open: the run
// may have sent there after it.
func (r *run) openFor(topic string, start int64, window time.Duration) bool {
	k := r.topics[topic][start]
	return k != nil && (r.through < start+window.Milliseconds() || k.inFlight())
}

func byStart(a, b *window) int { return cmp.Compare(a.start, b.start) }

func (t *topic) sorted() []*window { return slices.SortedFunc(maps.Values(t.windows), byStart) }
