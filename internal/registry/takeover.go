package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
)

// Takeover is what there is to know before, and after, weir begins to write what
// another registry has written.
type Takeover struct {
	Writer   string          `json:"writer" doc:"Who writes: weir, other, or empty: nobody has yet been told to."`
	Members  []Member        `json:"members" doc:"Other registries that run."`
	Refusals []string        `json:"refusals" doc:"Why it can not be done now."`
	Dropped  int             `json:"dropped" doc:"Records of the topic that are malformed or contradict earlier ones."`
	Warnings []state.Warning `json:"warnings" doc:"Why, for the first hundred of them."`
	Repairs  []KeyRepair     `json:"repairs" doc:"Keys that are written again, so that compaction brings nothing back."`
	Aborted  int             `json:"aborted" doc:"Records to write for registries that read uncommitted ones."`
	Peer     string          `json:"peer" doc:"The registry that was compared with; empty: none."`
	Compared int             `json:"compared" doc:"Versions that it has."`

	DifferenceCount int      `json:"difference_count"`
	Differences     []string `json:"differences" doc:"The first hundred."`

	Done   bool   `json:"done" doc:"Weir writes, and all is repaired."`
	Leader string `json:"leader" doc:"The process that does."`
}

// KeyRepair is a key that has to be written again.
type KeyRepair struct {
	Key     string `json:"key"`
	Reason  string `json:"reason"`
	Records int    `json:"records"`
}

const listed = 100

// PlanTakeover looks at all, and changes nothing. peer is the registry to compare
// with; "" is the one that runs, if one does.
func (s *Service) PlanTakeover(ctx context.Context, peer string) (t Takeover, err error) {
	t = Takeover{Members: []Member{}, Refusals: []string{}, Warnings: []state.Warning{}, Repairs: []KeyRepair{}, Differences: []string{}}
	s.awaitLooked(ctx)
	ours, err := s.describe(&t)
	if err != nil {
		return t, err
	}
	if t.Peer = peer; peer == "" && len(t.Members) > 0 {
		t.Peer = t.Members[0].URL
	}
	if t.Peer == "" {
		return t, nil
	}
	theirs, err := s.snapshotThere(ctx, t.Peer, ours)
	if err != nil {
		t.Refusals = append(t.Refusals, fmt.Sprintf("the registry at %s can not be compared with: %v", t.Peer, err))
		return t, nil
	}
	t.Compared = len(theirs.Versions)
	if t.Differences, t.DifferenceCount = differences(ours, theirs, listed); t.DifferenceCount > 0 {
		t.Refusals = append(t.Refusals, fmt.Sprintf("it differs from the registry at %s in %d things", t.Peer, t.DifferenceCount))
	} else {
		t.Differences = []string{}
	}
	return t, nil
}

// snapshotThere is what the other registry serves. How far it has come can be seen meanwhile.
func (s *Service) snapshotThere(ctx context.Context, peer string, ours remote.Snapshot) (remote.Snapshot, error) {
	s.compare.Store(&Comparing{Peer: peer})
	defer s.compare.Store(nil)
	client := remote.Client{URL: peer, Progress: func(done, of int) { s.compare.Store(&Comparing{peer, done, of}) }}
	return client.Snapshot(ctx, nil, settingsOf(ours)...)
}

// awaitLooked waits, at the begin of this process, until it is known who writes.
func (s *Service) awaitLooked(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadWait)
	defer cancel()
	for ctx.Err() == nil {
		s.mu.RLock()
		looked, moved := s.stance.looked || s.on.Cluster == nil, s.moved
		s.mu.RUnlock()
		if looked {
			return
		}
		select {
		case <-ctx.Done():
		case <-moved:
		}
	}
}

// describe fills in what is known here, and returns what we have.
func (s *Service) describe(t *Takeover) (ours remote.Snapshot, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return ours, s.notLoaded()
	}
	if s.on.Cluster == nil {
		return ours, errors.New("this registry has a log of its own; there is nothing to take over or to hand back")
	}
	st := s.view.state
	t.Writer = s.stance.writer.Writer
	if !s.stance.looked {
		t.Refusals = append(t.Refusals, "it is not known yet who writes")
	}
	if t.Members = append(t.Members, s.stance.rivals.members...); s.stance.rivals.eligible() > 0 {
		t.Refusals = append(t.Refusals, fmt.Sprintf("the registry at %s runs and may write: stop it, or set its leader.eligibility (master_eligibility) to false and restart it", s.stance.rivals.leader))
	}
	if err := s.refusal(); err != nil {
		t.Refusals = append(t.Refusals, err.Error())
	}
	t.Dropped, t.Warnings = st.Status().Dropped, append(t.Warnings, st.Status().Warnings...)
	for _, r := range st.Repairs() {
		t.Repairs = append(t.Repairs, KeyRepair{r.Key, r.Reason, len(r.Records)})
	}
	t.Aborted = len(s.view.repairs())
	return snapshotOf(st), nil
}

// TakeOver makes weir the writer, unless PlanTakeover refuses. accept takes what
// differs from the peer for settled. It returns when a process of weir leads and
// has repaired the topic.
func (s *Service) TakeOver(ctx context.Context, peer, why string, accept bool) (t Takeover, err error) {
	if t, err = s.PlanTakeover(ctx, peer); err != nil {
		return t, err
	}
	if n := len(t.Refusals); n > 1 || n == 1 && !(accept && t.DifferenceCount > 0) {
		return t, nil
	}
	client, err := s.on.Cluster.Client(kgo.ProducerLinger(0))
	if err != nil {
		return t, err
	}
	defer client.Close()
	if err := s.writeWriter(ctx, client, s.writes(writerWeir, cmp.Or(why, "it was taken over")), "takeover"); err != nil {
		return t, err
	}
	t.Writer = writerWeir
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WriteTimeout)
	defer cancel()
	for {
		s.mu.RLock()
		moved := s.moved
		repaired := len(s.view.state.Repairs()) == 0 && len(s.view.repairs()) == 0
		ours := s.stance.writer.Writer == writerWeir && s.stance.ours == nil
		s.mu.RUnlock()
		leader, led := s.lease.Leader()
		if t.Leader = leader.Holder; ours && led && repaired {
			t.Done = true
			return t, nil
		}
		select {
		case <-moved:
		case <-time.After(leaderPoll):
		case <-ctx.Done():
			return t, state.Refuse(state.CodeTimeout, "It is written that weir takes over, and no process has done so within %v; weir schema takeover again tells more.", s.cfg.WriteTimeout)
		}
	}
}
