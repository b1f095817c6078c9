package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"

	"github.com/weirhq/weir/internal/web"
)

// told writes events one a line.
func told(events []web.Event) (lines []string) {
	for _, e := range events {
		lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", e.Severity, e.Kind, e.Text, e.Link))
	}
	return lines
}

func TestChanges(t *testing.T) {
	change := func(s *cluster.Snapshot, f func(*cluster.Snapshot)) *cluster.Snapshot { f(s); return s }
	orders := func() *cluster.Snapshot { return snapshot(0, "orders 10 100", "paid/x 10 100") }
	refused := errors.New("connection refused")
	down := change(orders(), func(s *cluster.Snapshot) { s.Brokers[1].Err = refused })
	bad := change(orders(), func(s *cluster.Snapshot) {
		s.Partitions[1].Leader = -1
		for i := range s.Partitions {
			s.Partitions[i].ISR = []int32{1}
		}
	})
	less := change(orders(), func(s *cluster.Snapshot) { s.Partitions[3].ISR = []int32{1} })
	anew := change(orders(), func(s *cluster.Snapshot) { s.Topics[0].ID[0]++ })
	grown := change(orders(), func(s *cluster.Snapshot) { s.Brokers = append(s.Brokers, cluster.BrokerState{ID: 3}) })
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("t%02d 0 0", i))
	}
	for _, tt := range []struct {
		name          string
		before, after seen
		want          []string
	}{
		{"a first snapshot", seen{}, seen{snapshot: bad}, nil},
		{"the same", seen{snapshot: orders()}, seen{snapshot: orders()}, nil},
		{"never up", seen{}, seen{err: refused}, []string{"error cluster-down: cluster is down: connection refused -> /ui/c/east"}},
		{"still down", seen{orders(), refused}, seen{orders(), errors.New("another")}, nil},
		{"up again, less a topic", seen{orders(), refused}, seen{snapshot: snapshot(0, "paid/x 10 100")}, []string{"info cluster-up: cluster is up -> /ui/c/east",
			"info topic-deleted: topic orders was deleted -> /ui/c/east/topics?contains=orders"}},
		{"broker down", seen{snapshot: orders()}, seen{snapshot: down}, []string{"error broker-down: broker 2 is down: connection refused -> /ui/c/east/brokers/2"}},
		{"broker up", seen{snapshot: down}, seen{snapshot: orders()}, []string{"info broker-up: broker 2 is up -> /ui/c/east/brokers/2"}},
		{"new broker", seen{snapshot: orders()}, seen{snapshot: grown}, []string{"info broker-up: broker 3 is new -> /ui/c/east/brokers/3"}},
		{"partitions", seen{snapshot: orders()}, seen{snapshot: bad}, []string{
			"error partitions-offline: 1 more partition without a leader: orders/1; 1 in all -> /ui/c/east",
			"warning partitions-under-replicated: 4 more partitions under-replicated: orders/0, orders/1, paid/x/0, ...; 4 in all -> /ui/c/east"}},
		{"partitions again", seen{snapshot: bad}, seen{snapshot: less}, []string{
			"info partitions-not-offline: 1 partition no longer without a leader: orders/1; 0 left -> /ui/c/east",
			"info partitions-not-under-replicated: 3 partitions no longer under-replicated: orders/0, orders/1, paid/x/0; 1 left -> /ui/c/east"}},
		{"topic made", seen{snapshot: snapshot(0)}, seen{snapshot: snapshot(0, "paid/x 0 0")}, []string{"info topic-created: topic paid/x was created -> /ui/c/east/topics/paid%2Fx"}},
		{"topic made anew", seen{snapshot: orders()}, seen{snapshot: anew}, []string{"info topic-deleted: topic orders was deleted -> /ui/c/east/topics?contains=orders",
			"info topic-created: topic orders was created -> /ui/c/east/topics/orders"}},
		{"many", seen{snapshot: snapshot(0)}, seen{snapshot: snapshot(0, many...)}, []string{"info topic-created: 40 topics created: t00, t01, t02, ... -> /ui/c/east/topics"}},
	} {
		if d := cmp.Diff(tt.want, told(changes("east", tt.before, tt.after, t0))); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// Of two clusters, one of which is noisy, the newest are told and none of the quiet
// one's is forgotten.
func TestEventsAreBounded(t *testing.T) {
	noisy, quiet := &member{}, &member{}
	quiet.remember([]web.Event{{Cluster: "quiet", At: t0}})
	for i := range 3 * web.MaxEvents {
		noisy.remember([]web.Event{{Cluster: "noisy", At: t0.Add(time.Duration(i) * time.Second)}})
	}
	f := &Fleet{members: []*member{noisy, quiet}}
	got := f.Events(time.Time{}, time.Time{})
	if len(got.Events) != web.MaxEvents || !got.More || got.Events[0].At != t0.Add((3*web.MaxEvents-1)*time.Second) || !slices.IsSortedFunc(got.Events, func(x, y web.Event) int { return y.At.Compare(x.At) }) {
		t.Errorf("%d events, more %v, the first %v", len(got.Events), got.More, got.Events[0])
	}
	if got := f.Events(t0, t0.Add(time.Second)); len(got.Events) != 1 || got.More || got.Events[0].Cluster != "quiet" {
		t.Errorf("of the first second: %+v", got)
	}
	if len(noisy.events) != web.MaxEvents {
		t.Errorf("%d are remembered", len(noisy.events))
	}
}

// What happens to a cluster is told by the API.
func TestEventsOfACluster(t *testing.T) {
	h := start(t, brokertest.New(t).Addr())
	h.ready()
	began := time.Now()
	h.change(Change{Kind: TopicCreate, Topic: "made", Partitions: 1})
	var got web.Events
	h.eventually("the topic's event is told", func() bool {
		h.get("/api/v1/fleet/events?from="+began.UTC().Format(time.RFC3339), &got)
		return strings.Contains(strings.Join(told(got.Events), "\n"), "info topic-created: topic made was created -> /ui/c/east/topics/made")
	})
	h.get("/api/v1/fleet/events?to=2020-01-01T00:00:00Z", &got)
	if len(got.Events) != 0 {
		t.Errorf("before it began: %v", told(got.Events))
	}
	var e struct{ Code, Field string }
	if h.want(400, "GET", "/api/v1/fleet/events?to=now", nil, &e); e.Field != "to" {
		t.Errorf("a bad time: %+v", e)
	}
}
