package actions

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/weirhq/weir/internal/web"
)

type eventsInput struct {
	From string `query:"from" doc:"Only asked at or after this time (RFC 3339)."`
	To   string `query:"to" doc:"Only asked before this time (RFC 3339)."`
}

type eventsOutput struct{ Body web.Events }

func (l *Log) getEvents(_ context.Context, in *eventsInput) (*eventsOutput, error) {
	f := Filter{Limit: web.MaxEvents}
	if err := f.between(in.From, in.To); err != nil {
		return nil, err
	}
	entries, more := l.List(f)
	out := &eventsOutput{web.Events{Events: make([]web.Event, len(entries)), More: more}}
	for i, e := range entries {
		out.Body.Events[i] = event(e)
	}
	return out, nil
}

// between sets the times of a filter as a request gives them.
func (f *Filter) between(from, to string) error {
	for field, given := range map[string]struct {
		text string
		into *time.Time
	}{"from": {from, &f.From}, "to": {to, &f.To}} {
		if given.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, given.text)
		if err != nil {
			return web.BadRequest(field, fmt.Sprintf("%q is not a time", given.text), "write it like 2026-11-24T10:00:00Z")
		}
		*given.into = at
	}
	return nil
}

// event says an action as one. It is pure.
func event(e Entry) web.Event {
	text := fmt.Sprintf("%s %s by %s", e.Kind, e.Target, cmp.Or(e.Actor, "unknown"))
	severity := "info"
	switch e.State {
	case Asked:
		text += " is under way"
	case Failed:
		severity, text = "error", text+" has failed: "+e.Error
	case Unknown:
		severity, text = "warning", text+": nobody knows how it ended"
	}
	link := "/ui/actions?" + url.Values{"cluster": {e.Cluster}, "target": {e.Target}}.Encode()
	return web.Event{At: e.At, End: e.Ended, Cluster: e.Cluster, Kind: "change", Severity: severity, Text: text, Link: link}
}
