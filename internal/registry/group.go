package registry

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/registry/state"
)

// groupRequests and groupTime bound a group of changes that are committed in one
// transaction, and how long it is planned.
const (
	groupRequests = 100
	groupTime     = 2 * time.Millisecond
)

// company bounds how long a group waits for those who have just been answered: they ask
// again at once, and would wait for two commits otherwise, theirs and the one that they
// have just missed. Who is alone does not wait.
const (
	companyShare = 10 // of the time of a commit
	companyTime  = 5 * time.Millisecond
)

// serve makes the change of a request, and of those that have come meanwhile. They
// are planned on what our reader has made of the log, so that there is one state.
func (s *Service) serve(ctx context.Context, t *term, first *request) {
	if err := s.mayWrite(ctx, t); err != nil {
		first.done <- outcome{offset: -1, err: err}
		return
	}
	g := s.newGroup()
	for began, r := time.Now(), first; r != nil; r = t.next(ctx, len(g.requests), time.Since(began)) {
		s.plan(g, r)
	}
	s.commit(ctx, t, g)
}

// next returns the next request of a group that has some and was begun a while ago, or
// nil.
func (t *term) next(ctx context.Context, has int, begun time.Duration) *request {
	waits := t.patience - begun
	switch {
	case has >= groupRequests:
		return nil
	case has < t.company && waits > 0:
		select {
		case r := <-t.requests:
			return r
		case <-time.After(waits):
		case <-ctx.Done():
		}
		return nil
	case begun >= groupTime:
		return nil
	}
	select {
	case r := <-t.requests:
		return r
	default:
		return nil
	}
}

// group is a number of requests whose records are committed together. What is
// answered to each may depend on the records of those before it, so nobody is
// answered before the commit.
type group struct {
	over     *state.State // with the records of the group, which the log has not yet
	requests []*request
	outcomes []outcome
	records  []*kgo.Record
	keep     bool // the high ids, with the records
}

// newGroup begins a group. Nothing of ours is on its way, so the state below it
// stands still, unless somebody else writes, who ends our writes.
func (s *Service) newGroup() *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &group{over: s.view.state.Overlay()}
}

// plan plans a change on what those before it leave.
func (s *Service) plan(g *group, r *request) {
	s.mu.RLock() // the layer below
	defer s.mu.RUnlock()
	var out outcome
	var records []state.Record
	if r.ctx.Err() != nil {
		out.err = state.Refuse(state.CodeTimeout, "Waiting for other writes took too long; nothing was written.")
	} else {
		records, out.reply, out.err = s.decide(r.cmd, g.over)
	}
	for _, record := range records {
		g.keep = g.keep || g.over.Hides(record)
		// A planned record always applies. If not, readers would say so too.
		if err := g.over.Apply(record.Key, record.Value, 0); err != nil {
			out.err = state.Refuse(state.CodeStore, "The change was planned wrongly, which is a defect of weir: %v", err)
		}
	}
	if out.err == nil {
		g.records = append(g.records, kafkaRecords(r.meta, records, time.Now())...)
	}
	g.requests, g.outcomes = append(g.requests, r), append(g.outcomes, out)
}

func (s *Service) decide(cmd state.Command, st *state.State) ([]state.Record, state.Reply, error) {
	if r, ok := cmd.(state.Register); ok {
		defer s.metrics.checked(r.Type, time.Now())
	}
	return state.Plan(cmd, st)
}

func (s *Service) commit(ctx context.Context, t *term, g *group) {
	if len(g.records) > 0 {
		var high highIDs
		if g.keep {
			s.mu.RLock()
			high = g.over.HighIDs()
			s.mu.RUnlock()
		}
		began := time.Now()
		if err := t.write(ctx, append(g.records, high.raised(t.kept)...), high); err != nil {
			s.fail(ctx, t, g, err)
			return
		}
		t.company, t.patience = int(t.open.Load()), min(time.Since(began)/companyShare, companyTime)
	}
	for i, r := range g.requests {
		g.outcomes[i].offset = t.last
		r.done <- g.outcomes[i]
	}
}

// fail answers a group whose commit has failed. If nothing was written, and it may be
// the fault of one of them, each is tried alone.
func (s *Service) fail(ctx context.Context, t *term, g *group, err error) {
	alone := len(g.requests) > 1 && !over(ctx, err)
	for _, r := range g.requests {
		if !alone {
			r.done <- outcome{offset: -1, err: failed(ctx, err)}
			continue
		}
		if err := s.mayWrite(ctx, t); err != nil {
			r.done <- outcome{offset: -1, err: err}
			continue
		}
		one := s.newGroup()
		s.plan(one, r)
		s.commit(ctx, t, one)
	}
}
