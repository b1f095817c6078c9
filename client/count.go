package client

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/internal/wire"
)

// totals holds a cell's totals by kind.
type totals [wire.Kinds]wire.Totals

// inFlight says whether an attempt has no outcome yet.
func (t *totals) inFlight() bool {
	return t[wire.Attempt].Count != t[wire.OK].Count+t[wire.Fail].Count+t[wire.Unknown].Count
}

// cellKey names a cell: a topic and the start of a window in ms.
type cellKey struct {
	topic string
	start int64
}

// cell counts one topic in one window.
type cell struct {
	totals totals
	dirty  bool // changed since it was last put into a report
	// reportedOpen: the newest acknowledged report shows the window as open, and no
	// later one on its way shows it as closed.
	reportedOpen bool
}

// ledger is what the run has counted and what of it has been reported. It is
// pure but for its mutex and the channel by which records wait for a report.
type ledger struct {
	window int64 // ms

	mu           sync.Mutex // guards all below
	cells        map[cellKey]*cell
	sequences    map[string]uint64  // by topic
	sums         map[string]*totals // by topic
	registration *wire.Registration
	registered   bool   // a report with the registration is acknowledged
	unaudited    bool   // the cluster has no reports topic
	number       uint64 // of the next report
	through      int64  // of the newest acknowledged report
	advanced     int64  // event time set by advance
	closed       bool
	reported     chan struct{} // closed and replaced when a report has ended, either way
	lastError    error         // of the newest report, nil if it was acknowledged

	producing sync.WaitGroup // Produce calls under way; none is added once closed
}

func newLedger(window int64) *ledger {
	return &ledger{
		window: window, cells: map[cellKey]*cell{}, sequences: map[string]uint64{}, sums: map[string]*totals{},
		through: math.MinInt64, advanced: math.MinInt64, reported: make(chan struct{}),
	}
}

func (l *ledger) register(r wire.Registration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.registration = &r
}

// advance never goes back.
func (l *ledger) advance(to int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advanced = max(l.advanced, to)
}

func (l *ledger) advancedTo() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.advanced
}

// used says whether anything was produced.
func (l *ledger) used() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sequences) > 0
}

// isUnaudited says whether the cluster has no reports topic, as far as is known.
func (l *ledger) isUnaudited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unaudited
}

// close lets no further Produce in and waits for those that are: they end,
// since a wait for a report does.
func (l *ledger) close() {
	l.mu.Lock()
	l.closed = true
	l.wake(ErrClosed)
	l.mu.Unlock()
	l.producing.Wait()
}

// enter lets a Produce in, which calls l.producing.Done at its end, and returns
// the next sequence of its topic.
func (l *ledger) enter(topic string) (sequence uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, ErrClosed
	}
	l.producing.Add(1)
	l.sequences[topic]++
	return l.sequences[topic], nil
}

func (l *ledger) key(topic string, at int64) cellKey {
	return cellKey{topic, wire.WindowStart(at, l.window)}
}

// count adds one record to a cell.
func (l *ledger) count(k cellKey, kind wire.Kind, fingerprint uint64, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.cells[k]
	if c == nil {
		c = &cell{}
		l.cells[k] = c
	}
	c.totals[kind].Add(fingerprint, bytes)
	c.dirty = true
	sum := l.sums[k.topic]
	if sum == nil {
		sum = &totals{}
		l.sums[k.topic] = sum
	}
	sum[kind].Add(fingerprint, bytes)
}

func (l *ledger) sum(topic string) totals {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.sums[topic]; t != nil {
		return *t
	}
	return totals{}
}

// waitOpen returns once the newest acknowledged report shows the cell's window as
// open: the write-ahead of doc.go. wake asks for a report. On a cluster without a
// reports topic nobody audits, and nothing waits.
func (l *ledger) waitOpen(ctx context.Context, k cellKey, wake func()) error {
	for {
		l.mu.Lock()
		open, closed, reported := l.unaudited || l.registered && l.cells[k].reportedOpen, l.closed, l.reported
		l.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case open:
			return nil
		}
		wake()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-reported:
		}
		l.mu.Lock()
		err, unaudited := l.lastError, l.unaudited
		l.mu.Unlock()
		if err != nil && !unaudited {
			return err
		}
	}
}

// maxRows bounds the rows of one report, so that its record stays below every
// broker's limit.
const maxRows = 4096

// part says what a report that is under way covers.
type part struct {
	through int64
	open    []cellKey // cells in it that it shows as open
	last    bool      // it holds all that had changed
}

// next returns the next report: the cells that changed since they were last
// reported, at most maxRows rows. Only the last of several parts says how far
// the run has come (through), since only then all before it has been told.
func (l *ledger) next(at, through int64, final bool) (wire.Report, part) {
	l.mu.Lock()
	defer l.mu.Unlock()
	report := wire.Report{Number: l.number, At: at, Window: l.window, Through: l.through}
	l.number++
	if !l.registered {
		report.Registration = l.registration
	}
	changed := l.takeChanged(&report)
	p := part{last: len(changed) < maxRows/int(wire.Kinds)}
	if p.last {
		report.Through = max(through, l.through)
		report.Final = final
	}
	p.through = report.Through
	shown := maps.Keys(l.cells) // as the last part is, all that was ever reported
	if !p.last {
		shown = slices.Values(changed)
	}
	for k := range shown {
		if c := l.cells[k]; c.totals.inFlight() || p.through < k.start+l.window {
			p.open = append(p.open, k)
		} else {
			// From here on a record must wait for a later report, even before this
			// one is acknowledged: it may be in the log all the same.
			c.reportedOpen = false
		}
	}
	return report, p
}

// takeChanged moves changed cells into the report.
func (l *ledger) takeChanged(report *wire.Report) (changed []cellKey) {
	topics := map[string]int{}
	for k, c := range l.cells {
		if !c.dirty {
			continue
		}
		if len(changed) == maxRows/int(wire.Kinds) {
			break
		}
		c.dirty = false
		changed = append(changed, k)
		i, ok := topics[k.topic]
		if !ok {
			i = len(report.Topics)
			topics[k.topic] = i
			report.Topics = append(report.Topics, wire.ReportTopic{Topic: k.topic})
		}
		for kind, t := range c.totals {
			if t.Count > 0 {
				report.Topics[i].Rows = append(report.Topics[i].Rows, wire.ReportRow{Start: k.start, Kind: wire.Kind(kind), Totals: t})
			}
		}
	}
	return changed
}

// acknowledged takes note that a report is in the log.
func (l *ledger) acknowledged(p part) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.registered, l.unaudited = true, false
	l.through = p.through
	for _, k := range p.open {
		l.cells[k].reportedOpen = true
	}
	l.wake(nil)
}

// failed lets the records that wait for the report fail, and has all cells
// reported again: nobody knows whether the report is in the log.
func (l *ledger) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.cells {
		c.dirty = true
	}
	l.unaudited = errors.Is(err, kerr.UnknownTopicOrPartition)
	l.wake(err)
}

// wake runs under mu.
func (l *ledger) wake(err error) {
	l.lastError = err
	close(l.reported)
	l.reported = make(chan struct{})
}
