package app

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func windows(verdicts ...audit.Verdict) (ws []audit.Window) {
	for i, v := range verdicts {
		ws = append(ws, audit.Window{
			Start: now.Add(time.Duration(i) * window), Verdict: v, Pairs: []audit.Pair{{Verdict: v}}, Counts: map[string]uint64{"producer": 12, "local": 12, "aggregate": 7},
		})
	}
	return ws
}

func TestProgressLine(t *testing.T) {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		want string
		p    demo.Progress
		ws   []audit.Window
	}{
		{"0 of 0 page views sent (100 %); 0 of 84 windows closed", demo.Progress{Began: now}, nil},
		{"0 of 100 page views sent (0 %); 0 of 84 windows closed", demo.Progress{Records: 100, Began: now}, nil},
		{"25 of 100 page views sent (25 %), 30s to go; 1 of 84 windows closed (1 open, 1 complete)",
			demo.Progress{Records: 100, Acknowledged: 25, Began: ago(10 * time.Second)}, windows(audit.Complete, audit.Open)},
		// What was there before says nothing about the pace.
		{"75 of 100 page views sent (75 %), 10s to go; 0 of 84 windows closed",
			demo.Progress{Records: 100, Acknowledged: 75, Skipped: 50, Began: ago(10 * time.Second)}, nil},
		{"98 of 100 page views sent (98 %), 2 of unknown outcome, 0s to go; 2 of 84 windows closed (1 lost, 1 unknown)",
			demo.Progress{Records: 100, Acknowledged: 98, Unknown: 2, UnknownCause: errors.New("x"), Began: ago(10 * time.Second)},
			windows(audit.Unknown, audit.Lost)},
	} {
		if got := progressLine(c.p, c.ws, 84, now); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestWindowTable(t *testing.T) {
	ws := windows(audit.Complete, audit.Lost)
	ws[1].Lost = 5
	ws[1].Ranges = []audit.Range{{Tier: "local", Partition: 2, From: 10, To: 15}}
	ws[1].Pairs = []audit.Pair{{Verdict: audit.Complete, Cause: "not shown"}, {Verdict: audit.Lost, Cause: "why"}}
	var b bytes.Buffer
	WindowTable(&b, ws, []string{"producer", "local", "aggregate"})
	want := []string{
		"WINDOW (UTC)      PRODUCER  LOCAL  AGGREGATE  VERDICT   LOST  DUPLICATED  NOTE",
		"2026-11-24 12:00  12        12     7          complete  0     0",
		"2026-11-24 12:10  12        12     7          lost      5     0           local 2/[10, 15) why",
	}
	for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		if strings.TrimRight(line, " ") != want[i] {
			t.Errorf("got  %q\nwant %q", line, want[i])
		}
	}
}

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		verdicts []audit.Verdict
		want     audit.Verdict
	}{
		{nil, ""},
		{[]audit.Verdict{audit.Complete, audit.Complete}, audit.Complete},
		{[]audit.Verdict{audit.Complete, audit.Open, audit.Late}, audit.Late},
		{[]audit.Verdict{audit.Unknown, audit.Late}, audit.Unknown},
		{[]audit.Verdict{audit.Unknown, audit.Duplicated, audit.Complete}, audit.Duplicated},
		{[]audit.Verdict{audit.Duplicated, audit.Lost}, audit.Lost},
	} {
		if got := (Result{Windows: windows(c.verdicts...)}).Worst(); got != c.want {
			t.Errorf("worst of %v is %q, want %q", c.verdicts, got, c.want)
		}
	}
}
