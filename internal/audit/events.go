package audit

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/web"
)

type eventsInput struct {
	From string `query:"from" doc:"Only windows that end at or after this time (RFC 3339)."`
	To   string `query:"to" doc:"Only windows that end before this time (RFC 3339)."`
}

func (s *Service) listEvents(_ context.Context, in *eventsInput) (*body[web.Events], error) {
	from, err := parseTime("from", in.From)
	if err != nil {
		return nil, err
	}
	to, err := parseTime("to", in.To)
	if err != nil {
		return nil, err
	}
	return &body[web.Events]{s.Events(from, to)}, nil
}

// Events returns an event for each window that is lost, duplicated, unknown or late
// and ends from from on and before to; a zero time is no bound.
func (s *Service) Events(from, to time.Time) web.Events {
	back := func(t time.Time) time.Time { // from the end of a window to its start
		if t.IsZero() {
			return t
		}
		return t.Add(-s.cfg.Window)
	}
	a := web.Events{Events: []web.Event{}}
	for _, r := range s.cfg.Routes {
		windows, _, _ := s.Windows(r.Topic, back(from), back(to))
		for _, w := range windows {
			if badness[w.Verdict] >= badness[Late] {
				a.Events = append(a.Events, event(w, s.cfg.Window))
			}
		}
	}
	slices.SortStableFunc(a.Events, func(x, y web.Event) int { return y.At.Compare(x.At) })
	if a.More = len(a.Events) > web.MaxEvents; a.More {
		a.Events = a.Events[:web.MaxEvents]
	}
	return a
}

// event says a window as one. It is pure.
func event(w Window, length time.Duration) web.Event {
	e := web.Event{At: w.Start.Add(length).UTC(), Kind: "audit-" + string(w.Verdict), Severity: "warning",
		Link: "/ui/audit/" + url.PathEscape(w.Topic) + "/" + w.Start.UTC().Format(time.RFC3339)}
	said := string(w.Verdict)
	switch w.Verdict {
	case Lost:
		e.Severity, said = "error", fmt.Sprintf("%d lost", w.Lost)
	case Duplicated:
		e.Severity, said = "error", fmt.Sprintf("%d duplicated", w.Duplicated)
	}
	e.Text = fmt.Sprintf("%s, window from %s: %s", w.Topic, w.Start.UTC().Format("2 Jan 2006 15:04"), said)
	for _, p := range w.Pairs { // the verdict is that of the worst
		if p.Verdict == w.Verdict {
			e.Cluster = p.To
			e.Text += fmt.Sprintf(" between %s and %s", p.From, p.To)
			if p.Cause != "" {
				e.Text += ": " + p.Cause
			}
			break
		}
	}
	return e
}
