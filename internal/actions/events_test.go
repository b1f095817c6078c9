package actions

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/web"
)

func TestEvent(t *testing.T) {
	ended := t0.Add(time.Second)
	for _, tt := range []struct {
		state, actor, err string
		severity, text    string
	}{
		{Done, "ann", "", "info", "topic-delete a&b by ann"},
		{Asked, "ann", "", "info", "topic-delete a&b by ann is under way"},
		{Failed, "", "no such topic", "error", "topic-delete a&b by unknown has failed: no such topic"},
		{Unknown, "ann", "", "warning", "topic-delete a&b by ann: nobody knows how it ended"},
	} {
		e := Entry{At: t0, Ended: &ended, State: tt.state, Error: tt.err, Action: Action{Actor: tt.actor, Kind: "topic-delete", Cluster: "east", Target: "a&b"}}
		want := web.Event{At: t0, End: &ended, Cluster: "east", Kind: "change", Severity: tt.severity, Text: tt.text, Link: "/ui/actions?cluster=east&target=a%26b"}
		if d := cmp.Diff(want, event(e)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.state, d)
		}
	}
}

func TestEvents(t *testing.T) {
	l := &Log{history: script(t, 10_000), own: "#a", cfg: Config{Now: func() time.Time { return t0 }}}
	for i := range 2 * web.MaxEvents {
		e := &Entry{At: t0.Add(time.Duration(i) * time.Second), State: Done, Offset: int64(i)}
		l.history.entries = append(l.history.entries, e)
	}
	ask := func(from, to string) (web.Events, error) {
		out, err := l.getEvents(t.Context(), &eventsInput{From: from, To: to})
		if err != nil {
			return web.Events{}, err
		}
		return out.Body, nil
	}
	got, err := ask("", "")
	if err != nil || len(got.Events) != web.MaxEvents || !got.More || got.Events[0].At != t0.Add((2*web.MaxEvents-1)*time.Second) {
		t.Errorf("%d events, more %v, %v", len(got.Events), got.More, err)
	}
	got, err = ask(t0.Add(3*time.Second).Format(time.RFC3339), t0.Add(5*time.Second).Format(time.RFC3339))
	if err != nil || len(got.Events) != 2 || got.More || got.Events[1].At != t0.Add(3*time.Second) {
		t.Errorf("between two times: %+v, %v", got, err)
	}
	if _, err := ask("yesterday", ""); err == nil {
		t.Error("yesterday is taken for a time")
	} else if s, ok := err.(interface{ GetStatus() int }); !ok || s.GetStatus() != http.StatusBadRequest {
		t.Errorf("a bad time: %v", err)
	}
}
