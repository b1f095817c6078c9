package audit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/web"
)

func TestEvent(t *testing.T) {
	start := time.Date(2015, 5, 17, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		pair Pair
		want web.Event
	}{
		{Pair{Verdict: Lost, Lost: 7}, web.Event{Severity: "error", Kind: "audit-lost", Text: "orders/x, window from 17 May 2015 10:00: 7 lost between east and all"}},
		{Pair{Verdict: Duplicated, Duplicated: 5}, web.Event{Severity: "error", Kind: "audit-duplicated", Text: "orders/x, window from 17 May 2015 10:00: 5 duplicated between east and all"}},
		{Pair{Verdict: Unknown, Cause: "run 1 died"}, web.Event{Severity: "warning", Kind: "audit-unknown", Text: "orders/x, window from 17 May 2015 10:00: unknown between east and all: run 1 died"}},
		{Pair{Verdict: Late, Cause: "the mirror is behind"}, web.Event{Severity: "warning", Kind: "audit-late", Text: "orders/x, window from 17 May 2015 10:00: late between east and all: the mirror is behind"}},
	} {
		p := tt.pair
		p.From, p.To = "east", "all"
		w := Window{Start: start, Topic: "orders/x", Verdict: p.Verdict, Lost: p.Lost, Duplicated: p.Duplicated, Pairs: []Pair{{From: Producer, To: "east", Verdict: Complete}, p}}
		tt.want.At, tt.want.Cluster, tt.want.Link = start.Add(10*time.Minute), "all", "/ui/audit/orders%2Fx/2015-05-17T10:00:00Z"
		if d := cmp.Diff(tt.want, event(w, 10*time.Minute)); d != "" {
			t.Errorf("%s (-want +got):\n%s", p.Verdict, d)
		}
	}
}

// Windows are found by their end, only those that are not as they should be, and not
// more than fit.
func TestEvents(t *testing.T) {
	start := time.Date(2015, 5, 17, 10, 0, 0, 0, time.UTC)
	windows := map[int64]*window{}
	for i := range int64(3 * web.MaxEvents) {
		v := []Verdict{Lost, Complete, Open}[i%3]
		if i%6 == 0 {
			v = Late
		}
		at := start.Add(time.Duration(i) * time.Minute)
		windows[at.UnixMilli()] = &window{start: at.UnixMilli(), verdict: Window{Start: at, Topic: "orders", Verdict: v}}
	}
	windows[0] = &window{start: 0, verdict: Window{Start: time.UnixMilli(0), Topic: "orders", Verdict: Unknown}}
	s := &Service{cfg: Config{Window: time.Minute, Routes: []Route{{Topic: "orders"}}}, ledger: &Ledger{topics: map[string]*topic{"orders": {windows: windows}}}}
	all := s.Events(time.Time{}, time.Time{})
	if len(all.Events) != web.MaxEvents || !all.More || all.Events[0].At != start.Add((3*web.MaxEvents-2)*time.Minute) {
		t.Errorf("%d events, more %v, the first of %v", len(all.Events), all.More, all.Events[0].At)
	}
	var got []string
	for _, e := range s.Events(start.Add(time.Minute), start.Add(7*time.Minute)).Events {
		got = append(got, e.At.Format("15:04 ")+e.Kind)
	}
	if d := cmp.Diff([]string{"10:04 audit-lost", "10:01 audit-late"}, got); d != "" {
		t.Errorf("between two times (-want +got):\n%s", d)
	}
	in := eventsInput{To: "yesterday"}
	if _, err := s.listEvents(t.Context(), &in); err == nil {
		t.Error("yesterday is taken for a time")
	}
}
