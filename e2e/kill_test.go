package e2e

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/demo"
	"github.com/weirhq/weir/internal/wire"
)

// sendFor is how long a demo sends before it is killed.
const sendFor = 4 * time.Second

// The demo is killed three times while it sends, and brought to its end by a
// fourth start. Nothing is lost, nothing is sent twice, what the mirror had to
// copy again is named to the offset, and only windows that a dead run has left
// open are in doubt.
func TestDemoKilled(t *testing.T) {
	engines(t, func(t *testing.T, args []string) {
		for range 3 {
			p := start(t, append([]string{"demo", "--rate", "200"}, args...)...)
			p.wait(t, `(?m)^[1-9]\d* of \d+ page views sent`)
			p.wait(t, `msg="mirror starts"`) // on existing clusters, once the session of the one before is over
			select {
			case <-time.After(sendFor):
			case <-p.ended:
				t.Fatal("the demo ended before it was killed")
			}
			p.signal(syscall.SIGKILL)
		}
		stdout, stderr, code := run(t, append([]string{"demo", "--exit"}, args...)...)
		if code != 3 && code != 4 {
			t.Fatalf("exit code %d, want 3 (duplicated) or 4 (unknown)\n%s%s", code, stdout, stderr)
		}
		wantStored(t, stderr)
		// The verdicts survive one more start, which reads them for us.
		p := start(t, append([]string{"demo"}, args...)...)
		p.wait(t, "Still serving")
		localAddr, aggregateAddr := p.kafkas(t)
		status, _, _ := run(t, "audit", "status", "page-views", "-o", "json", "--server", p.url(t))
		r := parseWindows(t, status)
		if len(r.Windows) != builtinWindows {
			t.Errorf("%d windows, want %d", len(r.Windows), builtinWindows)
		}
		local, aggregate := readAll(t, localAddr, "page-views"), readAll(t, aggregateAddr, "page-views")
		wantEachLineOnce(t, local)
		wantCopies(t, r, local, aggregate)
		wantDoubt(t, r, readAll(t, localAddr, wire.ReportsTopic))
	})
}

func wantEachLineOnce(t *testing.T, records []*kgo.Record) {
	t.Helper()
	seen := map[int64]bool{}
	for _, r := range records {
		v, err := demo.Decode(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if seen[v.Line] {
			t.Errorf("line %d is in local twice", v.Line)
		}
		seen[v.Line] = true
	}
	if len(seen) != builtinRecords {
		t.Errorf("local holds %d lines, want %d", len(seen), builtinRecords)
	}
}

// wantCopies checks that aggregate holds what local holds, and that the verdicts
// name every further copy, and no other.
func wantCopies(t *testing.T, r result, local, aggregate []*kgo.Record) {
	t.Helper()
	ids := map[string]bool{}
	for _, rec := range local {
		ids[stamp(rec)] = true
	}
	seen := map[string]bool{}
	var extra, named []audit.Range
	for _, rec := range aggregate {
		id := stamp(rec)
		if !ids[id] {
			t.Errorf("aggregate %d/%d is not in local", rec.Partition, rec.Offset)
		}
		if seen[id] {
			extra = append(extra, audit.Range{Tier: "aggregate", Partition: rec.Partition, From: rec.Offset, To: rec.Offset + 1})
		}
		seen[id] = true
	}
	if len(seen) != len(ids) {
		t.Errorf("aggregate holds %d records of local, local %d", len(seen), len(ids))
	}
	for _, w := range r.Windows {
		if w.Verdict == audit.Lost || w.Lost > 0 {
			t.Errorf("window %v says lost: %+v", w.Start, w)
		}
		named = append(named, w.Ranges...)
	}
	if diff := cmp.Diff(offsets(extra), offsets(named)); diff != "" {
		t.Errorf("further copies (-in the topic +named by verdicts):\n%s", diff)
	}
	t.Logf("%d records were copied again", len(extra))
}

// wantDoubt checks that the windows in doubt are those that a run without a final
// report has left open, and that the run is named.
func wantDoubt(t *testing.T, r result, reports []*kgo.Record) {
	t.Helper()
	open := openWindows(t, reports)
	n := 0
	for _, w := range r.Windows {
		run, inDoubt := "", false
		for _, p := range w.Pairs {
			if p.Verdict == audit.Unknown {
				inDoubt = true
				if m := regexp.MustCompile(`run ([0-9a-f]{16})`).FindStringSubmatch(p.Cause); m != nil {
					run = m[1]
				}
			}
		}
		if runs := open[w.Start.UnixMilli()]; inDoubt != (len(runs) > 0) || inDoubt && !slices.Contains(runs, run) {
			t.Errorf("window %v: unknown %v, names run %q; left open by %v", w.Start, inDoubt, run, runs)
		}
		if inDoubt {
			n++
		} else if w.Verdict != audit.Complete && w.Verdict != audit.Duplicated {
			t.Errorf("window %v is %s: %+v", w.Start, w.Verdict, w.Pairs)
		}
	}
	if n == 0 {
		t.Error("no window is in doubt, though runs were killed while they sent")
	}
	t.Logf("%d windows are in doubt", n)
}

// openWindows returns by window the runs that have left it open: whose last
// report is not final and either does not reach past it or shows attempts in it
// without an outcome.
func openWindows(t *testing.T, reports []*kgo.Record) map[int64][]string {
	t.Helper()
	last := map[wire.RunID]wire.Report{}
	totals := map[wire.RunID]map[int64]*[wire.Kinds]uint64{}
	for _, rec := range reports {
		p, err := wire.ParseReport(rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		last[p.Run] = p
		for _, topic := range p.Topics {
			for _, row := range topic.Rows {
				if totals[p.Run] == nil {
					totals[p.Run] = map[int64]*[wire.Kinds]uint64{}
				}
				if totals[p.Run][row.Start] == nil {
					totals[p.Run][row.Start] = &[wire.Kinds]uint64{}
				}
				totals[p.Run][row.Start][row.Kind] = row.Totals.Count
			}
		}
	}
	open := map[int64][]string{}
	for run, p := range last {
		for start, n := range totals[run] {
			if !p.Final && (p.Through < start+p.Window || n[wire.Attempt] != n[wire.OK]+n[wire.Fail]+n[wire.Unknown]) {
				open[start] = append(open[start], run.String())
			}
		}
	}
	return open
}

func stamp(r *kgo.Record) string {
	for _, h := range r.Headers {
		if h.Key == wire.StampHeader {
			return strings.Clone(string(h.Value))
		}
	}
	return ""
}
