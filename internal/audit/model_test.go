package audit

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

var (
	modelSeeds = flag.Int("model.seeds", 1500, "how many seeds the model test runs")
	modelSeed  = flag.Uint64("model.seed", 0, "run this one seed of the model test")
)

// The model: producing runs, the logs of the tiers, mirrors and counters, in
// virtual time and with everything that can go wrong on the way to the ledger,
// which reads each topic of facts at a speed of its own. The simulator knows
// what really happened.
//
// What is claimed of a ledger that reads every fact within the deadline of a
// window, at any time:
//
//   - complete: of what was counted by the rows that were read, both sides hold the
//     same records, each once for the producers' edge; no run whose newest report
//     that was read shows the window as open; no stamp of an unknown run. So a
//     record that comes later than the facts, or whose facts are still on the way,
//     opens the window again at the latest when its row is read.
//   - lost n, duplicated n: at least n records are really missing, or there too
//     often. Not "so far": in the logs as they are.
//
// And when all facts are read, and every run is final or dead: the verdict of
// every window, its numbers and its ranges are exactly the truth.
type sim struct {
	t    *testing.T
	seed uint64
	*rand.Rand
	now    time.Time
	rules  Rules
	path   Path
	ledger *Ledger

	logs     []simLog
	starts   []int64 // of the first tier's partitions: below it is deleted
	mirrors  []*simMirror
	counters []*simCounter
	runs     []*simRun
	foreign  int
	feeds    []*feed // the topics of facts: counts, then positions, then reports
	asks     []*ask
	checked  map[string]string // by window and pair: what was checked last

	lossy, doubling, crashing, retention bool // what may go wrong with the data
	lag                                  time.Duration
	answers                              int    // one question in so many moves on at each step
	actions                              [3]int // how much of 100 is done by runs, others who produce, counters, the rest by mirrors
}

type record struct {
	name   string
	run    wire.RunID
	window int64
	fp     uint64
}

type simLog [][]*record // by partition

// feed is a topic of facts, or a partition of it: its order is kept.
type feed struct {
	facts []fact
	read  int
	slow  bool      // it is often stuck
	stuck time.Time // nothing is read until then, but what is older than lag
}

type fact struct {
	at    time.Time // appended
	apply func()
}

// ask is a question of the ledger on its way.
type ask struct {
	answer func()        // reads the truth
	note   func(*Ledger) // nil before answer
}

const (
	modelWindow     = 10 * time.Minute
	modelPartitions = 2
	modelWindows    = 4
	modelLag        = 15 * time.Second // a fact is read at the latest after it
)

func windowAt(n int) int64 { return int64(n) * modelWindow.Milliseconds() }

func newSim(t *testing.T, seed uint64) *sim {
	s := &sim{t: t, seed: seed, Rand: rand.New(rand.NewPCG(seed, 1)), now: time.UnixMilli(1e12), checked: map[string]string{}}
	s.rules = Rules{Window: modelWindow, Grace: 3 * time.Second, MaxDelay: 20 * time.Second, ClockSkew: time.Duration(s.IntN(2000)) * time.Millisecond}
	s.lag, s.answers = time.Millisecond+s.duration(modelLag), 1+s.IntN(4)
	runs := 30 + s.IntN(40)
	s.actions = [3]int{runs, runs + 2, runs + 2 + (98-runs)*(1+s.IntN(9))/10}
	s.path = Path{Topic: "views"}
	s.lossy, s.doubling, s.crashing, s.retention = s.one(3), s.one(3), s.one(2), s.one(4)
	for i := range 1 + s.IntN(3) {
		s.path.Tiers = append(s.path.Tiers, fmt.Sprintf("tier%d", i))
		s.path.Streams = append(s.path.Streams, "")
		s.logs = append(s.logs, make(simLog, modelPartitions))
		s.counters = append(s.counters, newSimCounter())
		s.mirrors = append(s.mirrors, nil)
		if i > 0 {
			s.path.Streams[i] = fmt.Sprintf("stream%d", i)
			s.mirrors[i] = &simMirror{}
		}
	}
	s.starts = make([]int64, modelPartitions)
	s.feeds = []*feed{{}}
	for i, m := range s.mirrors {
		for p := range modelPartitions {
			if i > 0 {
				m.feeds = append(m.feeds, &feed{})
				s.feeds = append(s.feeds, m.feeds[p])
			}
		}
	}
	for n := range 1 + s.IntN(3) {
		r := &simRun{id: wire.RunID{byte(n + 1)}, cells: map[int64]*simCell{}, through: -1 << 62, advanced: -1 << 62, left: 5 + s.IntN(25), feed: &feed{}}
		r.skew = s.rules.ClockSkew - time.Duration(s.Int64N(2*int64(s.rules.ClockSkew)+1))
		if s.one(3) {
			r.diesAt = 1 + s.IntN(r.left)
		}
		s.runs = append(s.runs, r)
		s.feeds = append(s.feeds, r.feed)
	}
	for _, f := range s.feeds {
		f.slow = s.one(2)
	}
	s.ledger = NewLedger(s.rules, s.path)
	return s
}

func (s *sim) one(in int) bool { return s.IntN(in) == 0 }

func (s *sim) failf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("-model.seed=%d, at %v: %s", s.seed, s.now.Sub(time.UnixMilli(1e12)), fmt.Sprintf(format, args...))
}

// tick passes time; no two events have the same one.
func (s *sim) tick(most time.Duration) { s.now = s.now.Add(time.Millisecond + s.duration(most)) }

func (s *sim) duration(most time.Duration) time.Duration {
	return time.Duration(s.Int64N(int64(most))).Truncate(time.Millisecond)
}

func topicID(tier int) wire.TopicID { return wire.TopicID{byte(tier + 1)} }

// simRun obeys the protocol of package client.
type simRun struct {
	id       wire.RunID
	skew     time.Duration // its clock is behind by this
	feed     *feed
	cells    map[int64]*simCell
	event    int // the window that it has come to
	left     int // records to make
	seq      uint64
	number   uint64
	through  int64 // of the newest acknowledged report
	advanced int64

	registered bool
	waiting    []*record // counted, held back until their window is announced
	underWay   []*record
	stray      []*record // nobody waits for them, and they may land
	report     *simReport
	strays     []*simReport
	due        time.Time
	silent     time.Time // it stands still until then
	diesAt     int       // when so many records are left; 0: never
	dead, done bool

	appended *simReport // the newest in the log
	read     *simReport // the newest that the ledger has read
	known    bool       // its registration was read
}

type simCell struct {
	sets  sets
	dirty bool
	open  bool // in the newest acknowledged report
}

// sets are the records by kind.
type sets [wire.Kinds][]*record

func (k sets) inFlight() bool {
	return len(k[wire.Attempt]) != len(k[wire.OK])+len(k[wire.Fail])+len(k[wire.Unknown])
}

// simReport is a report, and what it says of all windows.
type simReport struct {
	wire.Report
	last   bool
	opens  []*simCell
	shown  map[int64]sets
	posted bool
}

func (p *simReport) openFor(w int64) bool {
	k, ok := p.shown[w]
	return ok && !p.Final && (p.Through < w+modelWindow.Milliseconds() || k.inFlight())
}

func (r *simRun) count(kind wire.Kind, rec *record) {
	c := r.cells[rec.window]
	if c == nil {
		c = &simCell{}
		r.cells[rec.window] = c
	}
	c.sets[kind] = append(c.sets[kind], rec)
	c.dirty = true
}

func (s *sim) actRun(r *simRun) {
	s.land(r)
	if r.dead || r.done || s.now.Before(r.silent) {
		return
	}
	if r.diesAt > 0 && r.left < r.diesAt && s.one(4) {
		s.die(r)
		return
	}
	if s.one(80) {
		r.silent = s.now.Add(s.duration(20 * time.Second))
	}
	switch {
	case r.left > 0 && s.one(3):
		s.produce(r)
	case s.one(8):
		r.event = min(r.event+1, modelWindows-1)
		r.advanced = windowAt(r.event)
	case s.one(2):
		s.network(r)
	default:
		s.reporting(r)
	}
}

func (s *sim) die(r *simRun) {
	r.dead = true
	r.stray = append(r.stray, r.underWay...)
	if r.report != nil && !r.report.posted {
		r.strays = append(r.strays, r.report)
	}
	r.waiting, r.underWay, r.report = nil, nil, nil
}

// produce counts a record and holds it back; one in four is late.
func (s *sim) produce(r *simRun) {
	r.left--
	r.seq++
	n := r.event
	if s.one(4) {
		n = s.IntN(modelWindows)
	}
	rec := &record{name: string(wire.Stamp{Run: r.id, Seq: r.seq}.Append(nil)), run: r.id, window: windowAt(n), fp: s.Uint64()}
	r.count(wire.Attempt, rec)
	r.waiting = append(r.waiting, rec)
}

// network sends what may go, and brings one outcome.
func (s *sim) network(r *simRun) {
	r.waiting = slices.DeleteFunc(r.waiting, func(rec *record) bool {
		free := r.registered && r.cells[rec.window].open
		if free {
			r.underWay = append(r.underWay, rec)
		}
		return free
	})
	if len(r.underWay) == 0 {
		return
	}
	i := s.IntN(len(r.underWay))
	rec := r.underWay[i]
	r.underWay = slices.Delete(r.underWay, i, i+1)
	switch {
	case s.one(20):
		r.count(wire.Fail, rec)
	case s.one(20): // times out: was it written, will it be, or never?
		r.count(wire.Unknown, rec)
		if s.one(2) {
			s.write(rec)
		} else {
			r.stray = append(r.stray, rec)
		}
	case s.lossy && s.one(15):
		r.count(wire.OK, rec) // acknowledged and lost
	default:
		s.write(rec)
		if s.doubling && s.one(15) {
			s.write(rec)
		}
		r.count(wire.OK, rec)
	}
}

func (s *sim) write(rec *record) {
	p := s.IntN(modelPartitions)
	s.logs[0][p] = append(s.logs[0][p], rec)
}

// land has what nobody waits for arrive, or get lost.
func (s *sim) land(r *simRun) {
	for len(r.stray) > 0 && s.one(3) {
		if s.one(2) {
			s.write(r.stray[0])
		}
		r.stray = r.stray[1:]
	}
	for len(r.strays) > 0 && s.one(3) {
		if s.one(2) {
			s.post(r, r.strays[0])
		}
		r.strays = r.strays[1:]
	}
}

func (s *sim) reporting(r *simRun) {
	if r.report == nil {
		if len(r.cells) > 0 && (len(r.waiting) > 0 || !s.now.Before(r.due)) {
			r.report = s.nextReport(r)
			r.due = s.now.Add(time.Second)
		}
		return
	}
	switch {
	case s.one(12): // fails; nobody knows whether it is in the log, or will be
		if !r.report.posted && s.one(2) {
			r.strays = append(r.strays, r.report)
		}
		for _, c := range r.cells {
			c.dirty = true
		}
		for _, rec := range r.waiting {
			r.count(wire.Fail, rec)
		}
		r.waiting, r.report = nil, nil
	case !r.report.posted:
		s.post(r, r.report)
	default:
		r.registered, r.through = true, r.report.Through
		for _, c := range r.report.opens {
			c.open = true
		}
		r.done = r.report.Final
		r.report = nil
	}
}

// nextReport takes a report of what has changed, or a part of one.
func (s *sim) nextReport(r *simRun) *simReport {
	p := &simReport{shown: map[int64]sets{}, last: !s.one(8)}
	p.Report = wire.Report{Run: r.id, Number: r.number, At: s.now.Add(-r.skew).UnixMilli(), Interval: 1000, Window: modelWindow.Milliseconds(), Through: r.through}
	r.number++
	if !r.registered {
		p.Registration = &wire.Registration{Application: "app", Host: "host", Version: "1"}
	}
	rows := wire.ReportTopic{Topic: "views"}
	shown := map[int64]*simCell{}
	for _, w := range slices.Sorted(maps.Keys(r.cells)) {
		c := r.cells[w]
		if !c.dirty {
			continue
		}
		if !p.last && len(shown) == 1 {
			break
		}
		c.dirty, shown[w] = false, c
		for kind, set := range c.sets {
			if len(set) > 0 {
				rows.Rows = append(rows.Rows, wire.ReportRow{Start: w, Kind: wire.Kind(kind), Totals: totalsOf(set)})
			}
		}
	}
	if len(rows.Rows) > 0 {
		p.Topics = []wire.ReportTopic{rows}
	}
	if p.last {
		p.Through = max(r.advanced, r.through)
		p.Final = r.left == 0 && len(r.waiting) == 0 && len(r.underWay) == 0
		shown = r.cells
	}
	for w, c := range shown {
		if p.Through < w+modelWindow.Milliseconds() || c.sets.inFlight() {
			p.opens = append(p.opens, c)
		} else {
			c.open = false
		}
	}
	for w, c := range r.cells {
		p.shown[w] = c.sets
	}
	if !p.last { // of the others it says what was said before
		for w := range r.cells {
			if _, now := shown[w]; now {
				continue
			}
			delete(p.shown, w)
		}
	}
	return p
}

func totalsOf(set []*record) (t wire.Totals) {
	for _, rec := range set {
		t.Add(rec.fp, 1)
	}
	return t
}

// post puts a report into the log.
func (s *sim) post(r *simRun, p *simReport) {
	p.posted = true
	r.appended = newest(r.appended, p)
	s.append(r.feed, func() {
		if r.read == nil || p.Number > r.read.Number {
			r.known = r.known || p.Registration != nil
		}
		r.read = newest(r.read, p)
		if err := s.ledger.ApplyReport(p.Report, time.UnixMilli(p.At)); err != nil {
			s.failf("%v", err)
		}
	})
}

// newest is p after old, with what old said of windows that p does not mention.
func newest(old, p *simReport) *simReport {
	if old == nil {
		return p
	}
	if p.Number <= old.Number {
		return old
	}
	merged := *p
	merged.shown = maps.Clone(old.shown)
	maps.Copy(merged.shown, p.shown)
	return &merged
}

func (s *sim) append(f *feed, apply func()) { f.facts = append(f.facts, fact{s.now, apply}) }

// simMirror copies from the tier before, and can start again.
type simMirror struct {
	src, dst [modelPartitions]int64
	stored   [modelPartitions]wire.Position
	copies   [modelPartitions]map[int64][]int64 // source offset -> target offsets
	feeds    []*feed
}

func (s *sim) actMirror(i int) {
	m := s.mirrors[i]
	p := s.IntN(modelPartitions)
	switch {
	case s.crashing && s.one(40):
		for p := range m.stored {
			m.src[p], m.dst[p] = m.stored[p].Src, m.stored[p].Dst
		}
	case s.one(6):
		s.storePosition(i, p)
	default:
		for range 1 + s.IntN(8) {
			s.copyNext(i, p)
		}
	}
}

func (s *sim) copyNext(i, p int) {
	m := s.mirrors[i]
	source := s.logs[i-1][p]
	if m.src[p] == int64(len(source)) {
		return
	}
	copies := 1
	switch {
	case s.lossy && s.one(25):
		copies = 0
	case s.doubling && s.one(25):
		copies = 2
	}
	if m.copies[p] == nil {
		m.copies[p] = map[int64][]int64{}
	}
	for range copies {
		m.copies[p][m.src[p]] = append(m.copies[p][m.src[p]], int64(len(s.logs[i][p])))
		s.logs[i][p] = append(s.logs[i][p], source[m.src[p]])
		m.dst[p] = int64(len(s.logs[i][p]))
	}
	m.src[p]++
}

func (s *sim) storePosition(i, p int) {
	m := s.mirrors[i]
	at := wire.Position{Src: m.src[p], Dst: m.dst[p]}
	m.stored[p] = at
	key := wire.PositionKey{Stream: s.path.Streams[i], TopicID: topicID(i - 1), Partition: int32(p)}
	s.append(m.feeds[p], func() { s.ledger.ApplyPosition(key, at) })
}

// simCounter counts one tier. Only what the counts topic holds survives it.
type simCounter struct {
	next     [modelPartitions]int64 // read below
	from     [modelPartitions]int64 // not yet written from here on
	accepted [modelPartitions]int64 // rows in the topic end here
	gap      [modelPartitions]string
	gaps     [modelPartitions][][2]int64
	read     cluster.Offsets // rows that the ledger has read end here
	last     wire.Counts
}

func newSimCounter() *simCounter { return &simCounter{read: cluster.Offsets{}} }

func (c *simCounter) restart() { c.from, c.next = c.accepted, c.accepted }

func (s *sim) actCounter(i int) {
	c := s.counters[i]
	switch {
	case s.one(20):
		c.restart()
		if i == 0 && s.retention && s.one(2) {
			s.expire()
		}
	case s.one(4):
		s.writeCounts(i)
	case s.one(20) && len(c.last.Rows) > 0: // written twice, since no answer came
		s.postCounts(i, c.last)
	case s.one(20): // somebody counts what is counted already, and more
		p := s.IntN(modelPartitions)
		if from := max(s.start(i, p), c.accepted[p]-2); from < c.accepted[p] {
			s.postCounts(i, s.countsOf(i, s.row(i, p, from, c.next[p], "")))
		}
	default:
		p := s.IntN(modelPartitions)
		c.next[p] = min(int64(len(s.logs[i][p])), c.next[p]+s.Int64N(6))
	}
}

func (s *sim) start(i, p int) int64 {
	if i > 0 {
		return 0
	}
	return s.starts[p]
}

// expire deletes records of the first tier that the mirror has and its counter,
// which starts now, has not.
func (s *sim) expire() {
	c := s.counters[0]
	p := s.IntN(modelPartitions)
	limit := int64(len(s.logs[0][p]))
	if len(s.mirrors) > 1 {
		limit = s.mirrors[1].stored[p].Src
	}
	if c.accepted[p] >= limit {
		return
	}
	at := c.accepted[p] + 1 + s.Int64N(limit-c.accepted[p])
	s.starts[p] = at
	c.from[p], c.next[p], c.gap[p] = at, at, "deleted by retention before they were counted"
	s.postCounts(0, s.countsOf(0, s.row(0, p, at, at, c.gap[p])))
}

func (s *sim) writeCounts(i int) {
	c := s.counters[i]
	var rows []wire.CountsRow
	for _, p := range s.Perm(modelPartitions) {
		if c.next[p] > c.from[p] && !s.one(4) {
			rows = append(rows, s.row(i, p, c.from[p], c.next[p], ""))
			c.from[p] = c.next[p]
		}
	}
	if len(rows) > 0 {
		s.postCounts(i, s.countsOf(i, rows...))
	}
}

// row counts a range of a log.
func (s *sim) row(i, p int, from, to int64, gap string) wire.CountsRow {
	row := wire.CountsRow{Partition: int32(p), From: from, To: to, Gap: gap}
	cells := map[cellKey]*wire.Cell{}
	for _, rec := range s.logs[i][p][from:to] {
		k := cellKey{rec.window, rec.run}
		if cells[k] == nil {
			cells[k] = &wire.Cell{Start: k.start, Run: k.run}
		}
		cells[k].Totals.Add(rec.fp, 1)
	}
	for _, c := range cells {
		row.Cells = append(row.Cells, *c)
	}
	return row
}

func (s *sim) countsOf(i int, rows ...wire.CountsRow) wire.Counts {
	return wire.Counts{Tier: s.path.Tiers[i], Topic: "views", TopicID: topicID(i), Window: modelWindow.Milliseconds(), Rows: rows}
}

func (s *sim) postCounts(i int, counts wire.Counts) {
	c := s.counters[i]
	c.last = counts
	refused := 0
	for _, row := range counts.Rows {
		switch p := row.Partition; {
		case row.From == c.accepted[p]:
			c.accepted[p] = row.To
		case row.From > c.accepted[p] && row.Gap != "":
			c.gaps[p] = append(c.gaps[p], [2]int64{c.accepted[p], row.From})
			c.accepted[p] = row.To
		default:
			refused++
		}
	}
	ends, at := c.accepted, s.now
	s.append(s.feeds[0], func() {
		got, err := s.ledger.ApplyCounts(counts, at)
		if err != nil || got != refused {
			s.failf("%d rows refused, %v; want %d", got, err, refused)
		}
		for p, end := range ends {
			c.read[int32(p)] = end
		}
	})
}

// counted returns the records of a window that the rows which were read count.
func (s *sim) counted(i int, w int64) (records []*record) {
	c := s.counters[i]
	for p, log := range s.logs[i] {
		for offset, rec := range log[:c.read[int32(p)]] {
			gone := slices.ContainsFunc(c.gaps[p], func(g [2]int64) bool { return g[0] <= int64(offset) && int64(offset) < g[1] })
			if rec.window == w && !gone {
				records = append(records, rec)
			}
		}
	}
	return records
}

// step lets a few things happen, then the ledger read and judge.
func (s *sim) step() {
	for range 1 + s.IntN(8) {
		s.tick(200 * time.Millisecond)
		switch n := s.IntN(100); {
		case n < s.actions[0]:
			s.actRun(s.runs[s.IntN(len(s.runs))])
		case n < s.actions[1] && s.foreign < 6:
			s.foreign++
			s.write(&record{name: fmt.Sprintf("foreign %d", s.foreign), window: windowAt(s.IntN(modelWindows)), fp: s.Uint64()})
		case n < s.actions[2]:
			s.actCounter(s.IntN(len(s.counters)))
		case len(s.logs) > 1:
			s.actMirror(1 + s.IntN(len(s.logs)-1))
		}
	}
	if s.one(40) {
		s.restartLedger()
	}
	for _, f := range s.feeds {
		if f.slow && s.one(10) {
			f.stuck = s.now.Add(s.lag)
		}
		for f.read < len(f.facts) && (s.now.After(f.stuck) || s.now.Sub(f.facts[f.read].at) > s.lag) {
			f.next()
		}
	}
	s.evaluate(s.answers)
}

func (f *feed) next() {
	f.read++
	f.facts[f.read-1].apply()
}

// restartLedger is a restart of the auditor: all is read again, counters go on
// where the topic has them.
func (s *sim) restartLedger() {
	s.ledger = NewLedger(s.rules, s.path)
	s.asks, s.checked = nil, map[string]string{}
	for _, c := range s.counters {
		c.read = cluster.Offsets{}
		c.restart()
	}
	for _, r := range s.runs {
		r.read, r.known = nil, false
	}
	for _, f := range s.feeds {
		f.read = 0
	}
	s.readAll()
}

func (s *sim) readAll() {
	for _, f := range s.feeds {
		for f.read < len(f.facts) {
			f.next()
		}
	}
}

// evaluate judges, checks what the ledger says, and moves one in so many of its
// questions on.
func (s *sim) evaluate(in int) {
	ends, mismatches := s.ledger.Evaluate(s.now)
	s.check()
	s.asks = slices.DeleteFunc(s.asks, func(a *ask) bool {
		switch {
		case !s.one(in):
		case a.note == nil:
			a.answer()
		default:
			a.note(s.ledger)
			return true
		}
		return false
	})
	for _, want := range ends {
		if len(s.asks) < 8 {
			s.asks = append(s.asks, s.askEnds(want))
		}
	}
	for _, m := range mismatches {
		if len(s.asks) < 8 {
			s.asks = append(s.asks, s.askFinding(m))
		}
	}
}

func (s *sim) askEnds(want EndsWanted) *ask {
	a := &ask{}
	a.answer = func() {
		ends := cluster.Offsets{}
		for p, log := range s.logs[slices.Index(s.path.Tiers, want.Tier)] {
			ends[int32(p)] = int64(len(log))
		}
		a.note = func(l *Ledger) { l.NoteEnds(want, ends) }
	}
	return a
}

func (s *sim) askFinding(m Mismatch) *ask {
	a := &ask{}
	a.answer = func() {
		f := s.explain(m)
		a.note = func(l *Ledger) { l.NoteFinding(m, f) }
	}
	return a
}

// explain does what Service.explain does, on the simulated logs.
func (s *sim) explain(m Mismatch) Finding {
	var sides [][]copyOf
	for _, span := range m.Spans {
		i := slices.Index(s.path.Tiers, span.Tier)
		var copies []copyOf
		for p, log := range s.logs[i] {
			from, ok := span.From[int32(p)]
			if !ok {
				continue
			}
			if from < s.start(i, p) {
				return m.net("deleted")
			}
			for offset := from; offset < span.To[int32(p)]; offset++ {
				if rec := log[offset]; rec.window == m.Start {
					copies = append(copies, copyOf{rec.name, rec.run, int32(p), offset})
				}
			}
		}
		sides = append(sides, copies)
	}
	if m.Pair == 0 {
		return compareSent(m.Spans[0].Tier, m.sent, m.runs, sides[0])
	}
	return compare(m.Spans[0].Tier, m.Spans[1].Tier, sides[0], sides[1])
}

// truth is what really differs between the two sides of a pair: missing on the
// later one, and there too often.
func truth(a, b []*record) (lost, duplicated uint64) {
	diff := map[string]int{}
	for _, rec := range a {
		diff[rec.name]++
	}
	for _, rec := range b {
		diff[rec.name]--
	}
	for _, n := range diff {
		lost += uint64(max(n, 0))
		duplicated += uint64(max(-n, 0))
	}
	return lost, duplicated
}

func (l simLog) of(w int64) (records []*record) {
	for _, log := range l {
		for _, rec := range log {
			if rec.window == w {
				records = append(records, rec)
			}
		}
	}
	return records
}

func stamped(records []*record) []*record {
	return slices.DeleteFunc(slices.Clone(records), func(rec *record) bool { return rec.run == wire.RunID{} })
}

// check holds every verdict against the claims above.
func (s *sim) check() {
	for _, w := range s.ledger.Windows("views", time.Time{}, time.Time{}) {
		start := w.Start.UnixMilli()
		for i, p := range w.Pairs {
			key := fmt.Sprintf("%d/%d", start, i)
			var what string
			switch p.Verdict {
			case Complete:
				what = s.checkComplete(start, i)
			case Lost, Duplicated:
				what = s.checkMismatch(start, i, p)
			}
			if what != "" {
				s.failf("window %d, %s -> %s is %s, lost %d, duplicated %d, %q, but %s", start/600_000, p.From, p.To, p.Verdict, p.Lost, p.Duplicated, p.Cause, what)
			}
			s.checked[key] = what
		}
	}
}

func (s *sim) checkComplete(w int64, pair int) string {
	if pair > 0 {
		if lost, duplicated := truth(s.counted(pair-1, w), s.counted(pair, w)); lost+duplicated > 0 {
			return fmt.Sprintf("%d of the counted records are missing and %d too many", lost, duplicated)
		}
		return ""
	}
	var ok, maybe []*record
	for _, r := range s.runs {
		if r.read == nil {
			continue
		}
		if r.read.openFor(w) {
			return fmt.Sprintf("report %d of run %s shows it as open", r.read.Number, r.id)
		}
		k := r.read.shown[w]
		ok = append(ok, k[wire.OK]...)
		maybe = append(append(maybe, k[wire.OK]...), k[wire.Unknown]...)
	}
	there := stamped(s.counted(0, w))
	for _, rec := range there {
		if r := s.runs[rec.run[0]-1]; !r.known {
			return fmt.Sprintf("run %s is not known", r.id)
		}
	}
	lost, duplicated := truth(ok, there)
	if alsoLost, alsoDuplicated := truth(maybe, there); lost+duplicated > 0 && alsoLost+alsoDuplicated > 0 {
		return fmt.Sprintf("%d of the acknowledged records are missing and %d too many", lost, duplicated)
	}
	return ""
}

func (s *sim) checkMismatch(w int64, pair int, p Pair) string {
	before := s.acknowledged(w)
	after := s.logs[pair].of(w)
	if pair == 0 {
		after = stamped(after)
	} else {
		before = s.logs[pair-1].of(w)
	}
	if lost, duplicated := truth(before, after); p.Lost > lost || p.Duplicated > duplicated {
		return fmt.Sprintf("really %d are missing and %d too many", lost, duplicated)
	}
	return ""
}

func (s *sim) acknowledged(w int64) (records []*record) {
	for _, r := range s.runs {
		if c := r.cells[w]; c != nil {
			records = append(records, c.sets[wire.OK]...)
		}
	}
	return records
}

// finish lets everything that is under way arrive, and time pass.
func (s *sim) finish() {
	for _, r := range s.runs {
		for !r.dead && !r.done {
			s.tick(100 * time.Millisecond)
			r.silent = time.Time{}
			s.actRun(r)
		}
		for len(r.stray)+len(r.strays) > 0 {
			s.land(r)
		}
	}
	s.crashing = false
	for i, m := range s.mirrors {
		for p := 0; i > 0 && p < modelPartitions; p++ {
			for m.src[p] < int64(len(s.logs[i-1][p])) {
				s.copyNext(i, p)
			}
			s.storePosition(i, p)
		}
	}
	for i, c := range s.counters {
		for p, log := range s.logs[i] {
			c.from[p], c.next[p] = c.accepted[p], int64(len(log))
		}
		for c.from != c.next {
			s.writeCounts(i)
		}
	}
	s.readAll()
	s.settle()
}

// settle judges until nothing changes any more.
func (s *sim) settle() {
	for range 30 {
		s.tick(6 * time.Second)
		s.evaluate(1)
	}
	for _, w := range s.ledger.Windows("views", time.Time{}, time.Time{}) {
		if !w.Settled() {
			s.failf("window %d does not settle: %+v", w.Start.UnixMilli()/600_000, w)
		}
	}
}

// checkEnd compares all verdicts with the truth.
func (s *sim) checkEnd() {
	windows := map[int64]Window{}
	for _, w := range s.ledger.Windows("views", time.Time{}, time.Time{}) {
		windows[w.Start.UnixMilli()] = w
	}
	for n := range modelWindows {
		start := windowAt(n)
		var touched bool
		for _, r := range s.runs {
			touched = touched || r.appended != nil && r.appended.shown[start][wire.Attempt] != nil
		}
		for i := range s.logs {
			touched = touched || len(s.counted(i, start)) > 0
		}
		w, seen := windows[start]
		if touched != seen {
			s.failf("window %d is seen: %v, want %v", n, seen, touched)
		}
		if seen {
			s.checkWindow(n, w)
		}
	}
}

func (s *sim) checkWindow(n int, w Window) {
	start := windowAt(n)
	if s.uncounted(start) && w.Verdict == Unknown && strings.Contains(w.Pairs[0].Cause, "retention") {
		return // whatever else, it can not be known
	}
	ranges := []Range{}
	for i, p := range w.Pairs {
		want := s.wantPair(start, i)
		if strings.Contains(p.Cause, "retention") && s.retention && p.Verdict == Unknown {
			return // a record of the window may be among those that nobody counted
		}
		got := [3]any{p.Verdict, p.Lost, p.Duplicated}
		if diff := cmp.Diff([3]any{want.Verdict, want.Lost, want.Duplicated}, got); diff != "" || !strings.Contains(p.Cause, want.Cause) {
			s.failf("window %d, %s -> %s (%q; want %q), -want +got:\n%s", n, p.From, p.To, p.Cause, want.Cause, diff)
		}
		if want.Verdict == Lost || want.Verdict == Duplicated {
			ranges = append(ranges, s.wantRanges(start, i)...)
		}
	}
	if strings.Contains(fmt.Sprint(w.Pairs), "deleted") || w.Pairs[0].Lost > 0 {
		return // no coordinates
	}
	names := map[string]bool{}
	for _, rec := range s.logs[0].of(start) {
		names[rec.name] = true
	}
	if twice := len(names) < len(s.logs[0].of(start)); len(s.logs) > 2 || len(s.logs) == 2 && twice {
		return // which of equal copies was lost is a matter of taste
	}
	if diff := cmp.Diff(ranges, w.Ranges); diff != "" {
		s.failf("ranges of window %d, -want +got:\n%s", n, diff)
	}
}

// uncounted says whether retention has taken records of the window.
func (s *sim) uncounted(w int64) bool {
	return len(s.counted(0, w)) < len(s.logs[0].of(w))
}

// wantPair is the right verdict when all is known.
func (s *sim) wantPair(w int64, i int) (p Pair) {
	verdict := func(a, b []*record) Pair {
		p.Lost, p.Duplicated = truth(a, b)
		switch {
		case p.Lost > 0:
			p.Verdict = Lost
		case p.Duplicated > 0:
			p.Verdict = Duplicated
		default:
			p.Verdict = Complete
		}
		return p
	}
	if i > 0 {
		return verdict(s.logs[i-1].of(w), s.logs[i].of(w))
	}
	var ok, maybe []*record
	for _, r := range s.runs {
		if r.appended == nil {
			continue
		}
		if r.dead && r.appended.openFor(w) {
			return Pair{Verdict: Unknown, Cause: "died after its report"}
		}
		k := r.appended.shown[w]
		ok = append(ok, k[wire.OK]...)
		maybe = append(append(maybe, k[wire.OK]...), k[wire.Unknown]...)
	}
	there := stamped(s.logs[0].of(w))
	if lost, duplicated := truth(maybe, there); lost+duplicated == 0 {
		return Pair{Verdict: Complete}
	}
	if lost, duplicated := truth(ok, there); lost+duplicated > 0 && len(ok) != len(maybe) {
		return Pair{Verdict: Unknown, Cause: "no known outcome"}
	}
	return verdict(ok, there)
}

// wantRanges names what the mirrors did, from their own books.
func (s *sim) wantRanges(w int64, i int) (ranges []Range) {
	if i == 0 {
		first := map[string]bool{}
		for p, log := range s.logs[0] {
			for offset, rec := range log {
				if rec.window == w && first[rec.name] {
					ranges = append(ranges, Range{s.path.Tiers[0], int32(p), int64(offset), int64(offset) + 1})
				}
				first[rec.name] = true
			}
		}
		return join(ranges)
	}
	for p, log := range s.logs[i-1] {
		for offset, rec := range log {
			copies := s.mirrors[i].copies[p][int64(offset)]
			switch {
			case rec.window != w:
			case len(copies) == 0:
				ranges = append(ranges, Range{s.path.Tiers[i-1], int32(p), int64(offset), int64(offset) + 1})
			default:
				for _, dst := range copies[1:] {
					ranges = append(ranges, Range{s.path.Tiers[i], int32(p), dst, dst + 1})
				}
			}
		}
	}
	return join(ranges)
}

func (s *sim) run() {
	for range 60 + s.IntN(60) {
		s.step()
	}
	s.finish()
	s.checkEnd()
}

func TestModel(t *testing.T) {
	if *modelSeed != 0 {
		newSim(t, *modelSeed).run()
		return
	}
	verdicts := map[Verdict]int{}
	for seed := range uint64(*modelSeeds) {
		s := newSim(t, seed+1)
		s.run()
		for _, w := range s.ledger.Windows("views", time.Time{}, time.Time{}) {
			verdicts[w.Verdict]++
		}
	}
	for _, v := range []Verdict{Complete, Lost, Duplicated, Unknown} {
		if verdicts[v] < *modelSeeds/10 {
			t.Errorf("only %d windows are %s: the model does not try it", verdicts[v], v)
		}
	}
	t.Logf("%d seeds: %v", *modelSeeds, verdicts)
}

// What a ledger says in the end depends neither on how the rows were cut nor on
// the order of the cells in them, nor on how the topics were read.
func TestRowsInAnyShape(t *testing.T) {
	for seed := range uint64(*modelSeeds / 10) {
		s := newSim(t, seed+1)
		s.retention = false
		s.run()
		want := s.ledger.Windows("views", time.Time{}, time.Time{})
		s.recut()
		s.restartLedger()
		s.settle()
		got := s.ledger.Windows("views", time.Time{}, time.Time{})
		for _, windows := range [][]Window{want, got} {
			for i := range windows {
				windows[i].Revision = 0
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Pair{})); diff != "" {
			s.failf("other rows, other verdicts, -want +got:\n%s", diff)
		}
	}
}

// recut replaces the counts topic by one with other rows of the same records.
func (s *sim) recut() {
	s.feeds[0].facts = nil
	for i, c := range s.counters {
		*c = *newSimCounter()
		for p, log := range s.logs[i] {
			for c.from[p] < int64(len(log)) {
				to := min(int64(len(log)), c.from[p]+1+s.Int64N(9))
				row := s.row(i, p, c.from[p], to, "")
				s.Shuffle(len(row.Cells), func(i, j int) { row.Cells[i], row.Cells[j] = row.Cells[j], row.Cells[i] })
				s.postCounts(i, s.countsOf(i, row))
				c.from[p] = to
			}
		}
	}
}
