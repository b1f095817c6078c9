package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
)

// A topic has one writer: us, or another registry. While that one runs, or has
// been named as the writer, no process of weir contends for the lease: all of them
// serve reads, and forward changes to it. Every process looks every other second.
//
// Who was the writer last is kept in `_weir.registry.state`. It becomes "other" when
// such a registry is seen, and by a handback, whose record is committed under the
// lease and behind the repairs; "weir" by a takeover. Crash story: we die behind the
// record of a takeover: another process, or this one later, takes the lease and makes
// the repairs, as at the begin of each term. We die before the record of a handback:
// nothing has changed; behind it: nobody of us takes the lease, because that is looked
// at after the fence.

// lookForRivals is how often it is looked who writes: a group notices a member that
// died after 10 s.
const lookForRivals = 2 * time.Second

// lookAgain is how soon, when a broker says that it can not say yet.
const lookAgain = 100 * time.Millisecond

// stance is what this process knows of who writes. Service.mu guards it, but for
// what belongs to the goroutine that looks.
type stance struct {
	looked bool
	writer writer
	rivals rivals
	ours   error // nil: weir may write

	next cluster.Offsets // of the looking goroutine: what it has read of the state topic
	undecided
}

// contend contends for the lease while weir may write.
func (s *Service) contend(ctx context.Context, client *kgo.Client, lead func(context.Context, *lease.Writer) error) error {
	s.stance.next, s.stance.undecided = nil, undecided{open: map[int64][]*fate{}}
	for {
		if !s.awaitOurs(ctx, client, true) {
			return nil
		}
		turn, stop := context.WithCancel(ctx)
		g, turn := errgroup.WithContext(turn)
		g.Go(func() error {
			defer stop()
			return s.lease.Run(turn, lead)
		})
		g.Go(func() error {
			defer stop()
			s.awaitOurs(turn, client, false)
			return nil
		})
		err := g.Wait()
		stop()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, errNotOurs):
			return err
		}
	}
}

// awaitOurs looks until weir may write, or may not.
func (s *Service) awaitOurs(ctx context.Context, client *kgo.Client, wanted bool) bool {
	for {
		err := s.findWriter(ctx, client)
		s.mu.RLock()
		looked, ours := s.stance.looked, s.stance.looked && s.stance.ours == nil
		s.mu.RUnlock()
		wait := lookForRivals
		if err != nil && !looked && kerr.IsRetriable(err) { // a cluster without groups makes their topic now
			wait = lookAgain
		} else if err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("who writes the schemas topic is not known", "error", err)
		}
		if ctx.Err() != nil {
			return false
		}
		if ours == wanted {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// findWriter finds out who writes. After an error all is as it was before.
func (s *Service) findWriter(ctx context.Context, client *kgo.Client) error {
	w, err := s.readWriter(ctx)
	if err != nil {
		return err
	}
	r, err := s.findRivals(ctx, client)
	if err != nil {
		return err
	}
	s.mu.RLock()
	first := !s.stance.looked
	s.mu.RUnlock()
	if !r.settled && !first {
		return nil // it was known before
	}
	seen, ours := stand(s.cfg.Takeover, w, r)
	if seen {
		w = writer{V: formatVersion, Writer: writerOther, Since: time.Now().UTC().Truncate(time.Millisecond), By: s.on.Holder, Why: "it was seen at " + r.leader}
		if err := s.writeWriter(ctx, client, w); err != nil {
			return err
		}
	}
	s.setStance(w, r, ours)
	return nil
}

func (s *Service) setStance(w writer, r rivals, ours error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := &s.stance
	if old.looked && old.writer == w && old.rivals.equal(r) && (old.ours == nil) == (ours == nil) {
		return
	}
	if ours != nil {
		s.cfg.Log.Warn("the registry writes nothing by itself", "why", ours)
	}
	old.looked, old.writer, old.rivals, old.ours = true, w, r, ours
	s.wake()
}

// readWriter reads on in the state topic. It belongs to the looking goroutine.
func (s *Service) readWriter(ctx context.Context) (writer, error) {
	s.mu.RLock()
	w := s.stance.writer
	s.mu.RUnlock()
	next, err := s.on.Cluster.ReadToEnd(ctx, stateTopic, s.stance.next, func(r *kgo.Record) error {
		s.stance.add(r)
		return nil
	}, cluster.KeepControl())
	if gap := (*cluster.GapError)(nil); errors.As(err, &gap) {
		s.stance.next = nil // it was compacted meanwhile: from its start, next time
	}
	if err != nil {
		return w, err
	}
	s.stance.next = next
	return lastWriter(w, s.stance.pop())
}

// lastWriter is the writer after some records.
func lastWriter(w writer, decided []*fate) (writer, error) {
	for _, f := range decided {
		if !f.committed || string(f.record.Key) != writerKey {
			continue
		}
		var err error
		if w, err = decodeWriter(f.record.Value); err != nil {
			return w, fmt.Errorf("%s/0 offset %d: %w", stateTopic, f.record.Offset, err)
		}
	}
	return w, nil
}

func writerRecord(w writer) *kgo.Record {
	value, _ := json.Marshal(w) // its time is of this century
	return &kgo.Record{Topic: stateTopic, Key: []byte(writerKey), Value: value}
}

func (s *Service) writeWriter(ctx context.Context, client *kgo.Client, w writer) error {
	if err := client.ProduceSync(ctx, writerRecord(w)).FirstErr(); err != nil {
		return fmt.Errorf("writing who writes the schemas topic: %w", err)
	}
	return nil
}

// findRivals asks for the group of the other registries.
func (s *Service) findRivals(ctx context.Context, client *kgo.Client) (r rivals, err error) {
	if s.cfg.Takeover == TakeoverIgnore {
		return rivals{settled: true}, nil
	}
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{s.cfg.Group}
	resp, err := req.RequestWith(ctx, client)
	if err == nil && len(resp.Groups) != 1 {
		err = errors.New("it answers for another group")
	}
	if err == nil {
		r, err = rivalsOf(resp.Groups[0])
	}
	if err != nil {
		return r, fmt.Errorf("asking for the group %s of other registries: %w", s.cfg.Group, err)
	}
	return r, nil
}

// mayLead looks once more, after the fence: nobody of us writes any more.
func (s *Service) mayLead(ctx context.Context) error {
	w := writer{}
	u := undecided{open: map[int64][]*fate{}}
	_, err := s.on.Cluster.ReadToEnd(ctx, stateTopic, nil, func(r *kgo.Record) (err error) {
		u.add(r)
		w, err = lastWriter(w, u.pop())
		return err
	}, cluster.KeepControl())
	if err != nil {
		return err
	}
	s.mu.RLock()
	r := s.stance.rivals
	s.mu.RUnlock()
	_, err = stand(s.cfg.Takeover, w, r)
	return err
}

// other says where changes go while another registry writes: to its URL, or nowhere
// and why.
func (s *Service) other() (url string, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case !s.stance.looked, s.stance.ours == nil:
		return "", nil
	case s.stance.rivals.leader != "":
		return s.stance.rivals.leader, nil
	}
	return "", state.Refuse(state.CodeNoLeader, "Nothing was written: %v.", s.stance.ours)
}

// askOther forwards a request to the registry that writes, and waits until what it
// has written is read here too.
func (s *Service) askOther(r *http.Request, body []byte, url string) (*leaderReply, error) {
	a, err := s.send(r, body, url, "another registry")
	if a == nil || err != nil || a.status >= http.StatusMultipleChoices {
		return a, err
	}
	ends, err := s.on.Cluster.EndOffsets(r.Context(), schemasTopic)
	if err != nil {
		return a, nil // it is written; this process may be behind
	}
	a.offset = ends[0] - 1
	return a, nil
}

// handBack makes a leader the last one: who reads uncommitted sees what was
// committed, then it is written down that weir writes no more. It is called by lead.
func (s *Service) handBack(ctx context.Context, t *term, why string) error {
	t.stale = true // what was aborted in this term is looked for
	if err := s.ready(ctx, t); err != nil {
		return err
	}
	return t.commit(ctx, writerRecord(writer{
		V: formatVersion, Writer: writerOther, Since: time.Now().UTC().Truncate(time.Millisecond), By: s.on.Holder, Why: cmp.Or(why, "it was handed back"),
	}))
}

// ending asks a term to hand back.
type ending struct {
	why  string
	done chan error // of capacity 1
}

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
	theirs, err := (&remote.Client{URL: t.Peer}).Snapshot(ctx, nil)
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

func snapshotOf(st *state.State) (ours remote.Snapshot) {
	for v := range st.Export(":*:", true) {
		ours.Versions = append(ours.Versions, remote.Schema{Subject: v.Subject, Version: v.Version, ID: v.ID, SchemaType: v.SchemaType,
			References: v.References, Metadata: v.Metadata, RuleSet: v.RuleSet, Schema: v.Schema, Deleted: v.Deleted})
	}
	for _, set := range st.Settings() {
		one := remote.Setting{Subject: set.Subject, Mode: set.Mode}
		if set.Config != nil {
			level, _ := json.Marshal(set.Config.CompatibilityLevel)
			one.Config = map[string]json.RawMessage{"compatibilityLevel": level}
		}
		ours.Settings = append(ours.Settings, one)
	}
	return ours
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
	w := writer{V: formatVersion, Writer: writerWeir, Since: time.Now().UTC().Truncate(time.Millisecond), By: s.on.Holder, Why: cmp.Or(why, "it was taken over")}
	if err := s.writeWriter(ctx, client, w); err != nil {
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

// HandBack ends weir's writing, here or by the leader. It returns when that is so.
func (s *Service) HandBack(ctx context.Context, why string, forwarded bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WriteTimeout)
	defer cancel()
	for {
		s.mu.RLock()
		t, gone, moved := s.term, s.stance.writer.Writer == writerOther, s.moved
		s.mu.RUnlock()
		if gone {
			return nil
		}
		if t != nil {
			return s.endTerm(ctx, t, why)
		}
		if leader, ok := s.lease.Leader(); ok && leader.URL != "" && leader.URL != s.on.URL && !forwarded {
			return (&remote.Client{URL: leader.URL, Reason: why}).Do(ctx, http.MethodPost, handbackPath, nil, HandbackRequest{Apply: true, Reason: why, Forwarded: true}, nil)
		}
		select {
		case <-moved:
		case <-time.After(leaderPoll):
		case <-ctx.Done():
			return state.Refuse(state.CodeNoLeader, "No process of weir leads the registry, so nothing can be written before it is handed back.")
		}
	}
}

func (s *Service) endTerm(ctx context.Context, t *term, why string) error {
	e := ending{why, make(chan error, 1)}
	select {
	case t.handback <- e:
	case <-t.over:
		return errNotLeading
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

const (
	takeoverPath = "/api/v1/registry/takeover"
	handbackPath = "/api/v1/registry/handback"
)

// HandbackRequest is what POST handback takes.
type HandbackRequest struct {
	Apply     bool   `json:"apply,omitempty" doc:"Do it. Without it, what would be done is shown."`
	Reason    string `json:"reason,omitempty" doc:"Why, for who asks later."`
	Forwarded bool   `json:"forwarded,omitempty" doc:"Another process has sent it on: it goes no further."`
}
