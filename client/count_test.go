package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/internal/wire"
)

const window = int64(600_000)

// waiting is a record on its way through the ledger.
type waiting struct {
	key  cellKey
	done bool // waitOpen has returned
	err  error
}

// sends takes a record as Produce does, and waits for its window in a goroutine.
func sends(t *testing.T, l *ledger, topic string, at int64) *waiting {
	t.Helper()
	if _, err := l.enter(topic); err != nil {
		t.Fatal(err)
	}
	w := &waiting{key: l.key(topic, at)}
	l.count(w.key, wire.Attempt, 1, 1)
	go func() {
		defer l.producing.Done()
		w.err = l.waitOpen(context.Background(), w.key, func() {})
		w.done = true
	}()
	synctest.Wait()
	return w
}

// ends gives a record that went out its outcome.
func (w *waiting) ends(l *ledger, kind wire.Kind) { l.count(w.key, kind, 1, 1) }

func (w *waiting) want(t *testing.T, what string, done bool, err error) {
	t.Helper()
	synctest.Wait()
	if w.done != done || !errors.Is(w.err, err) {
		t.Fatalf("%s: done %v, error %v; want %v, %v", what, w.done, w.err, done, err)
	}
}

// ledgerTest runs body on a registered ledger; records that still wait at its
// end are let go.
func ledgerTest(t *testing.T, body func(t *testing.T, l *ledger)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(window)
		l.register(wire.Registration{Application: "test"})
		defer l.close()
		body(t, l)
	})
}

func TestRecordWaitsUntilItsWindowIsReportedOpen(t *testing.T) {
	ledgerTest(t, func(t *testing.T, l *ledger) {
		first := sends(t, l, "t", window/2)
		first.want(t, "before any report", false, nil)
		_, p := l.next(0, 0, false)
		first.want(t, "while the report is under way", false, nil)
		l.acknowledged(p)
		first.want(t, "after it", true, nil)
		first.ends(l, wire.OK)

		sends(t, l, "t", 0).want(t, "the window is open still", true, nil)
		sends(t, l, "t", window).want(t, "the next window", false, nil)
		sends(t, l, "other", 0).want(t, "another topic", false, nil)
	})
}

func TestWindowShownClosedMakesTheNextRecordWait(t *testing.T) {
	for name, end := range map[string]func(l *ledger, p part){
		"report under way":    func(*ledger, part) {},
		"report acknowledged": func(l *ledger, p part) { l.acknowledged(p) },
		"report failed":       func(l *ledger, _ part) { l.failed(errors.New("broken")) },
	} {
		t.Run(name, func(t *testing.T) {
			ledgerTest(t, func(t *testing.T, l *ledger) {
				w := sends(t, l, "t", 0)
				_, p := l.next(0, 0, false)
				l.acknowledged(p)
				w.want(t, "opened", true, nil)
				w.ends(l, wire.OK)

				_, p = l.next(0, window-1, false) // through is not past the end
				sends(t, l, "t", 0).want(t, "shown open", true, nil)
				l.acknowledged(p)
				_, p = l.next(0, window, false) // the record before has no outcome
				l.acknowledged(p)
				late := sends(t, l, "t", 0)
				late.want(t, "shown open by a record in flight", true, nil)
				w.ends(l, wire.OK)
				late.ends(l, wire.Unknown)

				_, closing := l.next(0, window, false)
				end(l, closing)
				again := sends(t, l, "t", 0)
				again.want(t, "shown closed", false, nil)
				_, p = l.next(0, window, false)
				again.want(t, "a later report is under way", false, nil)
				l.acknowledged(p)
				again.want(t, "shown open again", true, nil)
			})
		})
	}
}

func TestFailedReport(t *testing.T) {
	ledgerTest(t, func(t *testing.T, l *ledger) {
		broken := errors.New("broken")
		w := sends(t, l, "t", 0)
		first, _ := l.next(0, 0, false)
		l.failed(broken)
		w.want(t, "its report failed", true, broken)
		w.ends(l, wire.Fail)

		w = sends(t, l, "t", 0)
		second, p := l.next(0, 0, false)
		if first.Registration == nil || second.Registration == nil || first.Number != 0 || second.Number != 1 {
			t.Errorf("reports %+v and %+v; the registration is repeated until it is acknowledged", first, second)
		}
		l.acknowledged(p)
		w.want(t, "the next report is acknowledged", true, nil)

		l.count(l.key("other", 0), wire.Attempt, 1, 1)
		l.next(0, 0, false)
		l.failed(broken)
		third, _ := l.next(0, 0, false)
		if third.Registration != nil {
			t.Error("an acknowledged registration is repeated")
		}
		if got := len(third.Topics); got != 2 {
			t.Errorf("after a failure %d topics are reported, want both", got)
		}
	})
}

func TestOnlyTheLastPartRaisesThrough(t *testing.T) {
	ledgerTest(t, func(t *testing.T, l *ledger) {
		const perPart = maxRows / int(wire.Kinds)
		_, p := l.next(0, 7, false)
		l.acknowledged(p)
		var all []*waiting
		for i := range int64(2*perPart + 1) {
			all = append(all, sends(t, l, "t", i*window))
		}
		cells := 0
		for n, want := range []struct {
			through int64
			final   bool
			went    int
		}{{7, false, perPart}, {7, false, 2 * perPart}, {9, true, 2*perPart + 1}} {
			report, p := l.next(0, 9, true)
			if report.Through != want.through || report.Final != want.final || p.last != want.final {
				t.Errorf("part %d: through %d, final %v, last %v; want %+v", n, report.Through, report.Final, p.last, want)
			}
			if size := len(report.Append(nil)); size > 1<<19 {
				t.Errorf("part %d has %d bytes", n, size)
			}
			cells += len(report.Topics[0].Rows)
			l.acknowledged(p)
			synctest.Wait()
			went := 0
			for _, w := range all {
				if w.done && w.err == nil {
					went++
				}
			}
			if went != want.went {
				t.Errorf("after part %d %d records went out, want %d", n, went, want.went)
			}
		}
		if cells != len(all) {
			t.Errorf("the parts hold %d cells, want %d", cells, len(all))
		}
		// A full part is never the last: it does not know that nothing is left.
		for i := range int64(perPart) {
			l.count(l.key("t", i*window), wire.OK, 1, 1)
		}
		if _, p := l.next(0, 9, false); p.last {
			t.Error("a full part says that it is the last")
		}
	})
}

func TestUnauditedClusterLetsRecordsThrough(t *testing.T) {
	ledgerTest(t, func(t *testing.T, l *ledger) {
		w := sends(t, l, "t", 0)
		w.want(t, "nobody knows yet", false, nil)
		l.next(0, 0, false)
		l.failed(fmt.Errorf("writing: %w", kerr.UnknownTopicOrPartition))
		w.want(t, "no reports topic", true, nil)
		sends(t, l, "t", 9*window).want(t, "a new window", true, nil)
		report, p := l.next(0, 0, false)
		l.acknowledged(p)
		if report.Registration == nil || len(report.Topics) != 1 || len(report.Topics[0].Rows) != 2 {
			t.Errorf("the first report after the topic was made: %+v", report)
		}
		sends(t, l, "t", 5*window).want(t, "audited from here on", false, nil)
	})
}

func TestCloseLetsWaitersFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(window)
		w := sends(t, l, "t", 0)
		l.close()
		w.want(t, "closed", true, ErrClosed)
		if _, err := l.enter("t"); !errors.Is(err, ErrClosed) {
			t.Errorf("entering after close: %v", err)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(window)
		k := l.key("t", 0)
		l.count(k, wire.Attempt, 1, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.waitOpen(ctx, k, func() {}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestKeyOfAnEventTime(t *testing.T) {
	l := newLedger(window)
	for at, want := range map[int64]int64{0: 0, 1: 0, window - 1: 0, window: window, -1: -window, -window: -window, -window - 1: -2 * window} {
		if got := l.key("t", at).start; got != want {
			t.Errorf("%d lies in the window of %d, want %d", at, got, want)
		}
	}
}

func TestAdvanceNeverGoesBack(t *testing.T) {
	l := newLedger(window)
	l.advance(5)
	l.advance(3)
	if got := l.advancedTo(); got != 5 {
		t.Error(got)
	}
	_, p := l.next(0, 5, false)
	l.acknowledged(p)
	if report, _ := l.next(0, 3, false); report.Through != 5 {
		t.Errorf("through went back to %d", report.Through)
	}
}

// auditor is what can be known of a run from the reports in the log.
type auditor struct {
	rows    map[cellKey]totals
	through int64
}

func (a *auditor) take(r wire.Report) {
	a.through = r.Through
	for _, topic := range r.Topics {
		for _, row := range topic.Rows {
			k := cellKey{topic.Topic, row.Start}
			t := a.rows[k]
			t[row.Kind] = row.Totals
			a.rows[k] = t
		}
	}
}

func (a *auditor) open(k cellKey) bool {
	t := a.rows[k]
	return t.inFlight() || a.through < k.start+window
}

// In any order of records, outcomes, reports and failures, and whether a failed
// report is in the log or not: a record goes out only into a window that the log
// shows as open, and a window that it shows as closed counts every record that
// went out.
func TestLedgerModel(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) { ledgerModel(t, seed) })
	}
}

func ledgerModel(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	l := newLedger(window)
	l.register(wire.Registration{Application: "test"})
	// What the log may show: with every report that was sent, or with those only
	// that were acknowledged.
	all := &auditor{rows: map[cellKey]totals{}, through: math.MinInt64}
	acked := &auditor{rows: map[cellKey]totals{}, through: math.MinInt64}
	recount := map[cellKey]totals{}
	sent := map[cellKey]uint64{} // records that went out
	var waits, flying []*waiting
	var underWay *wire.Report
	var way part
	through, number := int64(0), uint64(0)

	count := func(k cellKey, kind wire.Kind) {
		c := recount[k]
		c[kind].Add(1, 1)
		recount[k] = c
	}
	check := func(step int) {
		synctest.Wait()
		var left []*waiting
		for _, w := range waits {
			switch {
			case !w.done:
				left = append(left, w)
			case w.err != nil:
				w.ends(l, wire.Fail)
				count(w.key, wire.Fail)
			default:
				if !all.open(w.key) || !acked.open(w.key) {
					t.Fatalf("seed %d, step %d: a record went into %v; the newest report shows it open: %v, the newest acknowledged one: %v",
						seed, step, w.key, all.open(w.key), acked.open(w.key))
				}
				sent[w.key]++
				flying = append(flying, w)
			}
		}
		waits = left
		for name, a := range map[string]*auditor{"sent": all, "acknowledged": acked} {
			for k, n := range sent {
				row := a.rows[k]
				if got := row[wire.OK].Count + row[wire.Unknown].Count; !a.open(k) && got != n {
					t.Fatalf("seed %d, step %d: the %s reports show %v closed with %d records, %d went out", seed, step, name, k, got, n)
				}
			}
		}
	}
	send := func() {
		w := sends(t, l, fmt.Sprint("t", rng.IntN(3)), rng.Int64N(4*window)+through-3*window)
		count(w.key, wire.Attempt)
		waits = append(waits, w)
	}
	report := func(final bool) {
		r, p := l.next(0, through, final)
		if r.Number != number {
			t.Fatalf("seed %d: report %d, want %d", seed, r.Number, number)
		}
		number++
		underWay, way = &r, p
		all.take(r)
	}
	acknowledge := func() {
		acked.take(*underWay)
		underWay = nil
		l.acknowledged(way)
	}
	for step := range 300 {
		switch n := rng.IntN(10); {
		case n < 3:
			send()
		case n < 5 && len(flying) > 0:
			i := rng.IntN(len(flying))
			kind := []wire.Kind{wire.OK, wire.Unknown}[rng.IntN(2)]
			flying[i].ends(l, kind)
			count(flying[i].key, kind)
			flying = append(flying[:i], flying[i+1:]...)
		case n < 8 && underWay == nil:
			if rng.IntN(50) == 0 { // so many windows that the report has parts
				for i := range int64(2 * maxRows / int(wire.Kinds)) {
					k := l.key("many", through-i*window)
					l.count(k, wire.Attempt, 1, 1)
					l.count(k, wire.Fail, 1, 1)
					count(k, wire.Attempt)
					count(k, wire.Fail)
				}
			}
			through += rng.Int64N(window)
			report(false)
		case underWay != nil && rng.IntN(4) == 0:
			underWay = nil
			l.failed(errors.New("broken"))
		case underWay != nil:
			acknowledge()
		}
		check(step)
	}
	if underWay != nil {
		acknowledge()
	}
	l.close()
	check(-1)
	for _, w := range flying {
		w.ends(l, wire.OK)
		count(w.key, wire.OK)
	}
	for last := false; !last; last = way.last {
		report(true)
		if underWay.Final != way.last {
			t.Fatalf("seed %d: final %v, last part %v", seed, underWay.Final, way.last)
		}
		acknowledge()
	}
	if len(recount) != len(acked.rows) {
		t.Fatalf("seed %d: final totals of %d cells, want %d", seed, len(acked.rows), len(recount))
	}
	var sum totals
	for k, c := range recount {
		if acked.rows[k] != c {
			t.Fatalf("seed %d: final totals of %v: %v, want %v", seed, k, acked.rows[k], c)
		}
		if k.topic == "t0" {
			for kind := range c {
				sum[kind].Merge(c[kind])
			}
		}
	}
	if got := l.sum("t0"); got != sum {
		t.Fatalf("seed %d: sums %v, want %v", seed, got, sum)
	}
}
