package fleet

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/web"
)

const (
	// maxNamed is how many topics that came or went between two looks get an event
	// each; more of them get one together.
	maxNamed = 10
)

// seen is what one look at a cluster has found; err says that it did not answer.
type seen struct {
	snapshot *cluster.Snapshot // the newest, nil if there is none yet
	err      error
}

// changes says what changed between two looks at a cluster, of which the later was
// at the time given. It is pure. What a first snapshot shows is no change.
func changes(name string, before, after seen, at time.Time) []web.Event {
	d := differ{name: name, at: at}
	switch {
	case after.err != nil && before.err == nil:
		d.add("cluster-down", "error", "cluster is down: "+after.err.Error(), "")
	case after.err == nil && before.err != nil:
		d.add("cluster-up", "info", "cluster is up", "")
	}
	if before.snapshot == nil || after.snapshot == nil || before.snapshot == after.snapshot {
		return d.events
	}
	d.brokers(before.snapshot, after.snapshot)
	d.partitions("offline", "error", "without a leader", before.snapshot.Offline(), after.snapshot.Offline(), before.snapshot, after.snapshot)
	d.partitions("under-replicated", "warning", "under-replicated", before.snapshot.UnderReplicated(), after.snapshot.UnderReplicated(), before.snapshot, after.snapshot)
	d.topics("topic-deleted", "deleted", before.snapshot, after.snapshot)
	d.topics("topic-created", "created", after.snapshot, before.snapshot)
	return d.events
}

// differ collects the events of one comparison.
type differ struct {
	name   string
	at     time.Time
	events []web.Event
}

// add adds an event that links to a page of the cluster.
func (d *differ) add(kind, severity, text, page string) {
	d.events = append(d.events, web.Event{At: d.at.UTC(), Cluster: d.name, Kind: kind, Severity: severity, Text: text, Link: "/ui/c/" + url.PathEscape(d.name) + page})
}

func (d *differ) brokers(before, after *cluster.Snapshot) {
	for i := range after.Brokers {
		b := &after.Brokers[i]
		page := fmt.Sprintf("/brokers/%d", b.ID)
		switch was := before.Broker(b.ID); {
		case was == nil && b.Err == nil:
			d.add("broker-up", "info", fmt.Sprintf("broker %d is new", b.ID), page)
		case b.Err != nil && (was == nil || was.Err == nil):
			d.add("broker-down", "error", fmt.Sprintf("broker %d is down: %v", b.ID, b.Err), page)
		case b.Err == nil && was.Err != nil:
			d.add("broker-up", "info", fmt.Sprintf("broker %d is up", b.ID), page)
		}
	}
}

// partitions says, counted, which came into a bad state and which left it.
func (d *differ) partitions(kind, severity, words string, was, is []*cluster.PartitionState, before, after *cluster.Snapshot) {
	had, has := names(before, was), names(after, is)
	came, left := without(has, had), without(had, has)
	if len(came) > 0 {
		d.add("partitions-"+kind, severity, fmt.Sprintf("%s %s: %s; %d in all", counted(len(came), "more partition"), words, few(came), len(has)), "")
	}
	if len(left) > 0 {
		d.add("partitions-not-"+kind, "info", fmt.Sprintf("%s no longer %s: %s; %d left", counted(len(left), "partition"), words, few(left), len(has)), "")
	}
}

// names are those of partitions, in the order of the snapshot: by topic and id.
func names(s *cluster.Snapshot, partitions []*cluster.PartitionState) []string {
	out := make([]string, len(partitions))
	for i, p := range partitions {
		out[i] = fmt.Sprintf("%s/%d", s.Topics[p.Topic].Name, p.ID)
	}
	return out
}

func without(all, those []string) (rest []string) {
	drop := make(map[string]bool, len(those))
	for _, s := range those {
		drop[s] = true
	}
	for _, s := range all {
		if !drop[s] {
			rest = append(rest, s)
		}
	}
	return rest
}

// topics says which topics of one snapshot the other lacks. One that was made anew
// under its name is another one.
func (d *differ) topics(kind, word string, of, other *cluster.Snapshot) {
	var found []string
	for i := range of.Topics {
		if t := other.Topic(of.Topics[i].Name); t == nil || t.ID != of.Topics[i].ID {
			found = append(found, of.Topics[i].Name)
		}
	}
	if len(found) > maxNamed {
		d.add(kind, "info", fmt.Sprintf("%s %s: %s", counted(len(found), "topic"), word, few(found)), "/topics")
		return
	}
	for _, name := range found {
		page := "/topics/" + url.PathEscape(name)
		if kind == "topic-deleted" {
			page = "/topics?contains=" + url.QueryEscape(name) // its own page is gone
		}
		d.add(kind, "info", fmt.Sprintf("topic %s was %s", name, word), page)
	}
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// few names the first of many.
func few(all []string) string {
	if len(all) <= 3 {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:3], ", ") + ", ..."
}

// remember adds what was seen to have changed, and forgets the oldest of too many.
// The caller holds mu.
func (m *member) remember(events []web.Event) {
	m.events = append(m.events, events...)
	if n := len(m.events) - web.MaxEvents; n > 0 {
		m.events = slices.Clone(m.events[n:])
	}
}

// Events returns what was seen to change in any cluster from from on and before to,
// the newest first, and whether there was more; a zero time is no bound.
func (f *Fleet) Events(from, to time.Time) web.Events {
	a := web.Events{Events: []web.Event{}}
	for _, m := range f.members {
		m.mu.Lock()
		for _, e := range slices.Backward(m.events) {
			if !e.At.Before(from) && (to.IsZero() || e.At.Before(to)) {
				a.Events = append(a.Events, e)
			}
		}
		m.mu.Unlock()
	}
	slices.SortStableFunc(a.Events, func(x, y web.Event) int { return y.At.Compare(x.At) })
	if a.More = len(a.Events) > web.MaxEvents; a.More {
		a.Events = a.Events[:web.MaxEvents]
	}
	return a
}

type eventsInput struct {
	From string `query:"from" doc:"Only events at or after this time (RFC 3339)."`
	To   string `query:"to" doc:"Only events before this time (RFC 3339)."`
}

func (in *eventsInput) times() (from, to time.Time, err error) {
	for field, given := range map[string]struct {
		text string
		into *time.Time
	}{"from": {in.From, &from}, "to": {in.To, &to}} {
		if given.text == "" {
			continue
		}
		if *given.into, err = time.Parse(time.RFC3339, given.text); err != nil {
			return from, to, web.BadRequest(field, fmt.Sprintf("%q is not a time", given.text), "write it like 2026-11-24T10:00:00Z")
		}
	}
	return from, to, nil
}

func (f *Fleet) getEvents(_ context.Context, in *eventsInput) (web.Events, error) {
	from, to, err := in.times()
	if err != nil {
		return web.Events{}, err
	}
	return f.Events(from, to), nil
}
