package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
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

// seenAt begins the reason of a writer that was seen, and not told.
const seenAt = "it was seen at "

// lookAgain is how soon, when a broker says that it can not say yet.
const lookAgain = 100 * time.Millisecond

// stance is what this process knows of who writes. Service.mu guards it, but for
// what belongs to the goroutine that looks.
type stance struct {
	looked bool
	writer writer
	rivals rivals
	ours   error // nil: weir may write

	// Of the looking goroutine: what it has read of the state topic, and made of it.
	next cluster.Offsets
	read writer
	undecided
}

// contend contends for the lease while weir may write, and tells what happens.
func (s *Service) contend(ctx context.Context, client *kgo.Client, lead func(context.Context, *lease.Writer) error) error {
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(watching) })
	defer watch.Wait()
	defer stop()
	s.stance.next, s.stance.read, s.stance.undecided = nil, writer{}, undecided{open: map[int64][]*fate{}}
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
	if !r.settled && s.stance.looked {
		r = s.stance.rivals // those of before the election
	}
	s.mu.RUnlock()
	seen, ours := stand(s.cfg.Takeover, w, r)
	if seen {
		w = s.writes(writerOther, seenAt+r.leader)
		if err := s.writeWriter(ctx, client, w, "other-registry"); err != nil {
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
	next, err := s.on.Cluster.ReadToEnd(ctx, stateTopic, s.stance.next, func(r *kgo.Record) error {
		s.stance.add(r)
		return nil
	}, cluster.KeepControl())
	if gap := (*cluster.GapError)(nil); errors.As(err, &gap) {
		s.stance.next = nil // it was compacted meanwhile: from its start, next time
	}
	s.stance.read = lastWriter(s.stance.read, s.stance.pop())
	if err == nil {
		s.stance.next = next
	}
	return s.stance.read, err
}

// lastWriter is the writer after some records. Where we can not read who it is, it is
// not us.
func lastWriter(w writer, decided []*fate) writer {
	for _, f := range decided {
		if !f.committed || string(f.record.Key) != writerKey {
			continue
		}
		var err error
		if w, err = decodeWriter(f.record.Value); err != nil {
			w = writer{Writer: writerOther, Since: f.record.Timestamp, Why: fmt.Sprintf("%s/0 offset %d: %v", stateTopic, f.record.Offset, err)}
		}
	}
	return w
}

// writes names a writer from now on.
func (s *Service) writes(who, why string) writer {
	return writer{V: formatVersion, Writer: who, Since: time.Now().UTC().Truncate(time.Millisecond), By: s.on.Holder, Why: why}
}

// records are what is written for a writer: it, and a row of history, which says what
// has happened.
func (w writer) records(what string) []*kgo.Record {
	value, _ := json.Marshal(w) // its time is of this century
	row, _ := json.Marshal(History{V: formatVersion, At: w.Since, From: w.By, Reason: w.Why, What: what})
	return []*kgo.Record{{Topic: stateTopic, Key: []byte(writerKey), Value: value}, {Topic: historyTopic, Key: []byte{}, Value: row}}
}

func (s *Service) writeWriter(ctx context.Context, client *kgo.Client, w writer, what string) error {
	if err := client.ProduceSync(ctx, w.records(what)...).FirstErr(); err != nil {
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
	_, err := s.on.Cluster.ReadToEnd(ctx, stateTopic, nil, func(r *kgo.Record) error {
		u.add(r)
		w = lastWriter(w, u.pop())
		return nil
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
