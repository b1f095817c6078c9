package app

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/demo"
	"github.com/weirhq/weir/internal/wire"
)

// watcher shows how a demo goes and notices when it is done.
type watcher struct {
	demo  *Demo
	house *House
	load  *demo.Load
	run   string // of the producer
}

const (
	showEvery   = time.Second
	settleEvery = 100 * time.Millisecond
	// stalled is how long nothing may move before the demo gives up on a window.
	stalled = time.Minute
)

// start shows progress until ctx ends; the channel is closed when it has stopped.
func (w *watcher) start(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(showEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				if w.demo.cfg.Terminal {
					fmt.Fprint(w.demo.cfg.Err, "\r\033[K")
				}
				return
			case <-ticker.C:
				w.show()
			}
		}
	}()
	return done
}

func (w *watcher) show() {
	line := progressLine(w.load.Progress(), w.windows(), len(w.demo.survey.Windows), time.Now())
	if w.demo.cfg.Terminal {
		fmt.Fprintf(w.demo.cfg.Err, "\r\033[K%s", line)
		return
	}
	fmt.Fprintln(w.demo.cfg.Err, line)
}

// progressLine says how far the load has come, when it will be done, and how far
// the windows are.
func progressLine(p demo.Progress, windows []audit.Window, all int, now time.Time) string {
	var b strings.Builder
	share := 100.0
	if p.Records > 0 {
		share = 100 * float64(p.Acknowledged) / float64(p.Records)
	}
	fmt.Fprintf(&b, "%d of %d page views sent (%.0f %%)", p.Acknowledged, p.Records, share)
	if p.Unknown > 0 {
		fmt.Fprintf(&b, ", %d of unknown outcome", p.Unknown)
	}
	if sent, left := p.Acknowledged-p.Skipped, p.Records-p.Acknowledged; sent > 0 && left > 0 {
		eta := time.Duration(float64(now.Sub(p.Began)) * float64(left) / float64(sent))
		fmt.Fprintf(&b, ", %v to go", eta.Round(time.Second))
	}
	closed := 0
	for _, w := range windows {
		if w.Settled() {
			closed++
		}
	}
	fmt.Fprintf(&b, "; %d of %d windows closed", closed, all)
	if counts := tally(windows); counts != "" {
		fmt.Fprintf(&b, " (%s)", counts)
	}
	return b.String()
}

func (w *watcher) windows() []audit.Window {
	windows, _, _ := w.house.Audit.Windows(w.demo.cfg.Topic, time.Time{}, time.Time{})
	return windows
}

// settle waits until every window of the input has its verdict and nothing about
// it is under way. It gives up when nothing has moved for a minute.
func (w *watcher) settle(ctx context.Context) error {
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	last, moved := "", time.Now()
	for {
		windows := w.windows()
		if w.settled(windows) {
			return nil
		}
		if now := fmt.Sprint(windows); now != last {
			last, moved = now, time.Now()
		}
		if time.Since(moved) > stalled {
			fmt.Fprintf(w.demo.notes, "nothing has moved for %v; these windows are open:\n", stalled)
			for _, win := range windows {
				if !win.Settled() {
					fmt.Fprintf(w.demo.notes, "  %s %s: %s\n", win.Start.Format(time.RFC3339), win.Verdict, causes(win))
				}
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (w *watcher) settled(windows []audit.Window) bool {
	var id wire.RunID
	hex.Decode(id[:], []byte(w.run))
	if p := w.load.Progress(); p.Acknowledged > p.Skipped && !w.house.Audit.Final(id) {
		return false
	}
	seen := map[int64]bool{}
	for _, win := range windows {
		if !win.Settled() {
			return false
		}
		seen[win.Start.UnixMilli()] = true
	}
	for start := range w.demo.survey.Windows {
		if !seen[start] {
			return false
		}
	}
	return true
}

// WindowTable prints windows as a table: their counts at each tier, verdict and
// what is behind it.
func WindowTable(out io.Writer, windows []audit.Window, tiers []string) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "WINDOW (UTC)\t%s\tVERDICT\tLOST\tDUPLICATED\tNOTE\n", strings.ToUpper(strings.Join(tiers, "\t")))
	for _, w := range windows {
		fmt.Fprintf(t, "%s\t", w.Start.Format("2006-01-02 15:04"))
		for _, tier := range tiers {
			fmt.Fprintf(t, "%d\t", w.Counts[tier])
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", w.Verdict, w.Lost, w.Duplicated, note(w))
	}
	t.Flush()
}

func note(w audit.Window) string {
	var parts []string
	for _, r := range w.Ranges {
		parts = append(parts, fmt.Sprintf("%s %d/[%d, %d)", r.Tier, r.Partition, r.From, r.To))
	}
	if c := causes(w); c != "" {
		parts = append(parts, c)
	}
	return strings.Join(parts, " ")
}

func causes(w audit.Window) string {
	var parts []string
	for _, p := range w.Pairs {
		if p.Cause != "" && p.Verdict != audit.Complete {
			parts = append(parts, p.Cause)
		}
	}
	return strings.Join(parts, "; ")
}

// tally counts windows by verdict, worst first.
func tally(windows []audit.Window) string {
	n := map[audit.Verdict]int{}
	for _, w := range windows {
		n[w.Verdict]++
	}
	var parts []string
	for _, v := range []audit.Verdict{audit.Lost, audit.Duplicated, audit.Unknown, audit.Late, audit.Open, audit.Complete} {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], v))
		}
	}
	return strings.Join(parts, ", ")
}
