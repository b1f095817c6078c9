package registry

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/web"
	"github.com/weirhq/weir/internal/wire"
)

func TestChanged(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	s := &Service{on: Place{Cluster: &cluster.Cluster{Name: "east"}}}
	a := Member{ID: "1", URL: "http://a:8081", Eligible: true}
	none := glance{looked: true}
	f := func(before, after glance, want ...string) {
		t.Helper()
		var got []string
		for _, e := range s.changed(before, after, at) {
			if !e.At.Equal(at) || e.Cluster != "east" || e.Link != "/ui/registry" {
				t.Errorf("%+v", e)
			}
			got = append(got, e.Severity+" "+e.Kind+": "+e.Text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	led := func(by string, since time.Time) glance { return glance{leader: wire.Leader{Holder: by, Since: since}} }
	f(glance{}, glance{})
	f(glance{}, led("one", at), "info registry-leader: one leads the registry")
	f(led("one", at), led("one", at))
	f(led("one", at), led("one", at.Add(time.Second)), "info registry-leader: one leads the registry")
	f(led("one", at), led("two", at), "info registry-leader: two leads the registry")
	f(led("one", at), glance{}, "warning registry-leader: nobody leads the registry; one did")
	f(glance{}, glance{wrong: "two partitions"}, "error registry-topic-wrong: the registry writes nothing: two partitions")
	f(glance{wrong: "two partitions"}, glance{wrong: "retention"}, "error registry-topic-wrong: the registry writes nothing: retention")
	f(glance{wrong: "x"}, glance{wrong: "x"})
	f(glance{wrong: "x"}, glance{}, "info registry-topic-right: the registry's topics are as they must be again")
	f(glance{}, glance{foreign: "offset 7, key k"}, "error registry-foreign-writer: offset 7, key k")
	f(glance{foreign: "x"}, glance{foreign: "x"})
	f(glance{dropped: 1}, glance{dropped: 3, why: "offset 9: no"}, "warning registry-dropped: 2 more records of _schemas are kept out of the registry, 3 in all; the last that is listed: offset 9: no")
	f(glance{dropped: 3}, glance{dropped: 1}) // the topic was read anew
	with := glance{looked: true, members: []Member{a}}
	f(glance{}, with, "warning registry-other-seen: another registry runs at http://a:8081 and may write")
	f(with, none, "info registry-other-gone: the other registry at http://a:8081 is gone, or may do something else now")
	f(with, glance{looked: true, members: []Member{{ID: "2", URL: a.URL, Eligible: true}}}) // it has joined again
	wrote := func(who, why string) glance {
		return glance{looked: true, writer: writer{Writer: who, Why: why, By: "one"}}
	}
	f(glance{}, wrote(writerWeir, "long ago"))
	f(none, wrote(writerWeir, "it was taken over"), "info registry-takeover: weir writes the registry: it was taken over, by one")
	f(wrote(writerWeir, ""), wrote(writerOther, "back again"), "info registry-handback: weir writes the registry no more: back again, by one")
	f(wrote(writerWeir, ""), wrote(writerOther, seenAt+a.URL)) // other-seen tells it
}

func TestEventsAnswer(t *testing.T) {
	s := start(t, &memLog{})
	ask := asks(t, s)
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for i := range web.MaxEvents + 5 {
		s.events.add([]web.Event{{At: at.Add(time.Duration(i) * time.Second), Kind: "registry-leader", Severity: "info", Text: fmt.Sprint("event ", i, ";")}})
	}
	f := func(query string, n int, first string) {
		t.Helper()
		status, reply := ask("GET", "/api/v1/registry/events?"+query, "")
		if status != 200 || strings.Count(reply, `"kind"`) != n || !strings.HasPrefix(reply, `{"events":[`) || n > 0 && strings.Index(reply, `"`+first+`;"`) > 300 || !strings.Contains(reply, first) {
			t.Errorf("%s: %d %.400s", query, status, reply)
		}
	}
	f("", web.MaxEvents, "event 1004")
	f("from="+url.QueryEscape(at.Add(1000*time.Second).Format(time.RFC3339)), 5, "event 1004")
	f("to="+url.QueryEscape(at.Add(7*time.Second).Format(time.RFC3339)), 2, "event 6")
	f("to="+url.QueryEscape(at.Format(time.RFC3339)), 0, `"more":false`)
	if status, reply := ask("GET", "/api/v1/registry/events?from=yesterday", ""); status != 422 {
		t.Errorf("%d %s", status, reply)
	}
}

// told waits until an event of a kind was told.
func (p *process) told(t *testing.T, kind, text string) {
	t.Helper()
	waitUntil(t, kind+" is told", func() bool {
		for _, e := range p.events.between(time.Time{}, time.Time{}).Events {
			if e.Kind == kind && strings.Contains(e.Text, text) {
				return true
			}
		}
		return false
	})
}
