package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/web"
	"github.com/weirhq/weir/internal/wire"
)

// What happens to a registry is seen by looking again and again at what this process
// knows, and comparing: what is told can not differ from what is served. A state that
// comes and goes between two looks is not told; those that matter stay: a foreign
// writer for the rest of a term, the writer in its record.

// lookEvents is how often it is looked.
const lookEvents = time.Second

// events are the newest, the oldest first.
type events struct {
	mu   sync.Mutex // guards list
	list []web.Event
}

func (e *events) add(more []web.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, more...)
	if n := len(e.list) - web.MaxEvents; n > 0 {
		e.list = slices.Clone(e.list[n:])
	}
}

// between returns those from from on and before to, the newest first; a zero time is
// no bound.
func (e *events) between(from, to time.Time) web.Events {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := web.Events{Events: []web.Event{}}
	for _, one := range slices.Backward(e.list) {
		if !one.At.Before(from) && (to.IsZero() || one.At.Before(to)) {
			a.Events = append(a.Events, one)
		}
	}
	return a
}

type eventsInput struct {
	From time.Time `query:"from" doc:"Only events at or after this time (RFC 3339)."`
	To   time.Time `query:"to" doc:"Only events before this time (RFC 3339)."`
}

func (s *Service) getEvents(_ context.Context, in *eventsInput) (web.Events, error) {
	return s.events.between(in.From, in.To), nil
}

// glance is what one look finds.
type glance struct {
	leader  wire.Leader // none: the zero one
	wrong   string      // with the topics
	foreign string      // who writes beside us, if we lead
	looked  bool        // writer and members are known
	writer  writer
	members []Member
	dropped int
	why     string // the last one was
}

// watch tells what changes until ctx ends.
func (s *Service) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvents)
	defer tick.Stop()
	var before glance
	for {
		after := s.glance()
		s.events.add(s.changed(before, after, time.Now()))
		before = after
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Service) glance() (g glance) {
	g.leader, _ = s.lease.Leader()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.wrong != nil {
		g.wrong = s.wrong.Error()
	}
	if s.term != nil && s.term.foreign != nil {
		g.foreign = s.term.foreign.Error()
	}
	g.looked, g.writer, g.members = s.stance.looked, s.stance.writer, s.stance.rivals.members
	if s.view == nil {
		return g
	}
	st := s.view.state.Status()
	if g.dropped = st.Dropped; len(st.Warnings) > 0 {
		last := st.Warnings[len(st.Warnings)-1]
		g.why = fmt.Sprintf("offset %d: %s", last.Offset, last.Reason)
	}
	return g
}

// changed is what changed between two looks, of which the later was at the time given.
func (s *Service) changed(before, after glance, at time.Time) []web.Event {
	d := differ{at: at.UTC(), cluster: s.on.Cluster.Name}
	d.leads(before, after)
	d.writes(before, after)
	switch {
	case after.wrong != "" && after.wrong != before.wrong:
		d.add("topic-wrong", "error", "the registry writes nothing: "+after.wrong)
	case after.wrong == "" && before.wrong != "":
		d.add("topic-right", "info", "the registry's topics are as they must be again")
	}
	if after.foreign != "" && before.foreign == "" {
		d.add("foreign-writer", "error", after.foreign)
	}
	if n := after.dropped - before.dropped; n > 0 {
		d.add("dropped", "warning", fmt.Sprintf("%d more records of %s are kept out of the registry, %d in all; the last that is listed: %s", n, schemasTopic, after.dropped, after.why))
	}
	return d.events
}

// differ collects the events of one comparison. It is pure.
type differ struct {
	at      time.Time
	cluster string
	events  []web.Event
}

func (d *differ) add(kind, severity, text string) {
	d.events = append(d.events, web.Event{At: d.at, Cluster: d.cluster, Kind: "registry-" + kind, Severity: severity, Text: text, Link: "/ui/registry"})
}

func (d *differ) leads(before, after glance) {
	switch was, is := before.leader, after.leader; {
	case is.Holder == "" && was.Holder != "":
		d.add("leader", "warning", "nobody leads the registry; "+was.Holder+" did")
	case is.Holder != "" && (is.Holder != was.Holder || !is.Since.Equal(was.Since)):
		d.add("leader", "info", is.Holder+" leads the registry")
	}
}

// writes tells which other registries came and went, and who writes by now.
func (d *differ) writes(before, after glance) {
	if !after.looked {
		return
	}
	had := func(list []Member, m Member) bool {
		return slices.ContainsFunc(list, func(o Member) bool { return o.URL == m.URL && o.Eligible == m.Eligible })
	}
	for _, m := range after.members {
		if !had(before.members, m) {
			d.add("other-seen", "warning", fmt.Sprintf("another registry runs at %s%s", where(m), map[bool]string{true: " and may write", false: ", and may not write"}[m.Eligible]))
		}
	}
	for _, m := range before.members {
		if !had(after.members, m) {
			d.add("other-gone", "info", fmt.Sprintf("the other registry at %s is gone, or may do something else now", where(m)))
		}
	}
	w := after.writer
	if !before.looked || before.writer == w {
		return
	}
	by := ""
	if w.By != "" {
		by = ", by " + w.By
	}
	switch {
	case w.Writer == writerWeir:
		d.add("takeover", "info", "weir writes the registry: "+w.Why+by)
	case w.Writer == writerOther && !strings.HasPrefix(w.Why, seenAt):
		d.add("handback", "info", "weir writes the registry no more: "+w.Why+by)
	}
}

func where(m Member) string {
	if m.URL == "" {
		return m.ID + " (which does not say where it is)"
	}
	return m.URL
}
