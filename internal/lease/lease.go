package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// Config says which lease, and for whom.
type Config struct {
	Name    string           // by custom the system's, such as "registry"
	Cluster *cluster.Cluster // where the lease is, and everything that its holder writes

	Holder string // who we are, for people; unique among the contenders
	URL    string // where our web pages are; may be empty

	// SessionTimeout is how long an owner may be silent before another takes over.
	// Default 10 s; brokers by default refuse less than 6 s.
	SessionTimeout time.Duration

	// Prepare reads what the holder has to know, to the high watermark. It is called
	// when earlier holders can write no more. Default: nothing.
	Prepare func(ctx context.Context) error

	Log *slog.Logger // default: discard
}

// Lease is one contender.
type Lease struct {
	cfg   Config
	topic string // of the leader records, and the name of the group

	mu     sync.Mutex // guards leader
	leader *wire.Leader
}

// New returns a contender that does nothing until Run.
func New(cfg Config) (*Lease, error) {
	switch {
	case cfg.Name == "":
		return nil, errors.New("lease: it has no name")
	case cfg.Cluster == nil:
		return nil, fmt.Errorf("lease %s: no cluster", cfg.Name)
	case cfg.Holder == "":
		return nil, fmt.Errorf("lease %s: no holder is named", cfg.Name)
	case cfg.SessionTimeout < 0:
		return nil, fmt.Errorf("lease %s: a session timeout of %v", cfg.Name, cfg.SessionTimeout)
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 10 * time.Second
	}
	if cfg.Prepare == nil {
		cfg.Prepare = func(context.Context) error { return nil }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("lease", cfg.Name)
	return &Lease{cfg: cfg, topic: wire.LeaseTopic(cfg.Name)}, nil
}

// Topic is how the topic of a lease has to be kept, which Run creates if it is
// missing.
func Topic(name string) cluster.Topic {
	return cluster.Topic{Name: wire.LeaseTopic(name), Partitions: 1, Configs: cluster.Compacted()}
}

// Leader returns who leads, as far as is known here: a leader that crashed is named
// until the next one leads.
func (l *Lease) Leader() (wire.Leader, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leader == nil {
		return wire.Leader{}, false
	}
	return *l.leader, true
}

// Run contends for the lease until ctx ends, and calls lead whenever it has taken
// it. The ctx of lead ends when Run's does, or when the lease is gone: with the cause
// ErrFenced or ErrLost, and then Run contends again. lead returns soon after. If lead
// returns before, or Prepare fails, Run gives the lease up and returns that error.
func (l *Lease) Run(ctx context.Context, lead func(ctx context.Context, w *Writer) error) error {
	_, _, err := l.cfg.Cluster.EnsureTopic(ctx, Topic(l.cfg.Name))
	if err == nil {
		g, gctx := errgroup.WithContext(ctx)
		gctx, cancel := context.WithCancel(gctx)
		g.Go(func() error { return l.follow(gctx) })
		g.Go(func() error {
			defer cancel()
			return l.contend(gctx, lead)
		})
		err = g.Wait()
	}
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("lease %s on cluster %s: %w", l.cfg.Name, l.cfg.Cluster.Name, err)
}

// follow keeps up with who leads.
func (l *Lease) follow(ctx context.Context) error {
	next, err := l.cfg.Cluster.ReadToEnd(ctx, l.topic, nil, func(r *kgo.Record) error {
		l.hear(r)
		return nil
	})
	if err != nil {
		return err
	}
	return l.cfg.Cluster.Follow(ctx, l.topic, next, func(records []*kgo.Record) error {
		for _, r := range records {
			l.hear(r)
		}
		return nil
	})
}

// hear takes a leader record, of a transaction that may come to nothing: then the
// next record names the real leader.
func (l *Lease) hear(r *kgo.Record) {
	if string(r.Key) != wire.LeaderKey {
		return
	}
	var leader *wire.Leader
	if r.Value != nil {
		heard, err := wire.ParseLeader(r.Value)
		if err != nil {
			l.cfg.Log.Warn("who leads is not known", "offset", r.Offset, "err", err)
		} else {
			leader = &heard
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leader = leader
}

// again is how soon a contender joins again after a term that failed.
const again = 500 * time.Millisecond

// contend joins the group for one term after another.
func (l *Lease) contend(ctx context.Context, lead func(context.Context, *Writer) error) error {
	for {
		err := l.term(ctx, lead)
		var over *termOver
		if ctx.Err() != nil || !errors.As(err, &over) {
			return err
		}
		l.cfg.Log.Warn("joining again as a follower", "why", over.why)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

// termOver is the error of a term after which another is tried.
type termOver struct{ why error }

func (e *termOver) Error() string { return e.why.Error() }

// term joins the group, waits for the partition, and leads until the lease is gone.
func (l *Lease) term(parent context.Context, lead func(context.Context, *Writer) error) error {
	ctx, end := context.WithCancelCause(parent)
	defer end(nil)
	owned := make(chan struct{}, 1)
	lost := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		if len(partitions) > 0 {
			end(ErrLost) // before the client joins anew
		}
	}
	member, err := l.cfg.Cluster.Client(
		kgo.ConsumerGroup(l.topic),
		kgo.ConsumeTopics(l.topic),
		// The owner keeps its partition when others come and go.
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(l.cfg.SessionTimeout),
		kgo.RebalanceTimeout(l.cfg.SessionTimeout),
		kgo.HeartbeatInterval(l.cfg.SessionTimeout/10),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			if len(partitions) > 0 {
				select {
				case owned <- struct{}{}:
				default: // assigned, lost and assigned again: the term is over
				}
			}
		}),
		kgo.OnPartitionsRevoked(lost),
		kgo.OnPartitionsLost(lost),
	)
	if err != nil {
		return err
	}
	defer member.Close()             // leaves the group
	member.PauseFetchTopics(l.topic) // it is not for reading

	var polling sync.WaitGroup
	defer polling.Wait()
	defer end(nil)
	polling.Go(func() { l.poll(ctx, member, end) })

	select {
	case <-owned:
	case <-ctx.Done():
		return because(ctx, nil)
	}
	return l.own(ctx, member, end, lead)
}

// poll waits for errors of the group, which kgo tells to those who poll. After those
// that it gets over by itself the term goes on, or lost was called.
func (l *Lease) poll(ctx context.Context, member *kgo.Client, end context.CancelCauseFunc) {
	for ctx.Err() == nil {
		for _, e := range member.PollFetches(ctx).Errors() {
			var refused *kerr.Error
			if errors.As(e.Err, &refused) && !refused.Retriable && !errors.Is(e.Err, kerr.UnknownMemberID) && !errors.Is(e.Err, kerr.IllegalGeneration) {
				end(fmt.Errorf("joining group %s: %w", l.topic, e.Err))
			}
		}
	}
}

// own is a term of an owner.
func (l *Lease) own(ctx context.Context, member *kgo.Client, end context.CancelCauseFunc, lead func(context.Context, *Writer) error) error {
	w, err := l.fence(ctx, end)
	if err != nil {
		return &termOver{fmt.Errorf("fencing earlier holders: %w", err)}
	}
	defer w.close()
	if err := l.cfg.Prepare(ctx); err != nil {
		return because(ctx, fmt.Errorf("preparing to lead: %w", err))
	}
	if err := l.confirm(ctx, member); err != nil {
		return &termOver{fmt.Errorf("confirming that the group still has us: %w", err)}
	}
	us := wire.Leader{Holder: l.cfg.Holder, URL: l.cfg.URL, Since: time.Now()}
	if err := w.Do(ctx, &kgo.Record{Topic: l.topic, Key: []byte(wire.LeaderKey), Value: us.Append(nil)}); err != nil {
		return &termOver{err}
	}
	l.cfg.Log.Info("leading", "holder", l.cfg.Holder)
	err = because(ctx, lead(ctx, w))
	if over := new(termOver); !errors.As(err, &over) {
		// A farewell, not needed: the next leader's record would replace ours.
		w.Do(context.WithoutCancel(ctx), &kgo.Record{Topic: l.topic, Key: []byte(wire.LeaderKey)})
	}
	return err
}

// because returns why a term is over: what ended its ctx, else err.
func because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrLost) || errors.Is(cause, ErrFenced) {
		return &termOver{cause}
	}
	if cause != nil {
		return cause
	}
	return err
}

// fence returns a writer, after which no earlier one of this lease can write.
func (l *Lease) fence(ctx context.Context, end context.CancelCauseFunc) (*Writer, error) {
	var client *kgo.Client
	for range 2 {
		if client != nil {
			client.Close()
		}
		var err error
		client, err = l.cfg.Cluster.Client(
			kgo.TransactionalID("weir-lease-"+l.cfg.Name),
			kgo.TransactionTimeout(txnTimeout),
			kgo.ProducerLinger(0),
			kgo.RetryTimeout(time.Hour), // Do limits it, by another clock
		)
		if err != nil {
			return nil, err
		}
		if _, _, err := client.ProducerID(ctx); err != nil {
			client.Close()
			return nil, err
		}
	}
	return &Writer{client: client, lost: end}, nil
}

// confirm asks the group's coordinator whether we are its member. It would say so
// too if we had joined anew meanwhile without owning the partition; then lost was
// called before, and ctx has ended.
func (l *Lease) confirm(ctx context.Context, member *kgo.Client) error {
	for {
		var answer error
		member.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{l.topic: {0: {Epoch: -1}}},
			func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
				switch {
				case err != nil:
					answer = err
				case len(resp.Topics) == 1 && len(resp.Topics[0].Partitions) == 1:
					answer = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
				default:
					answer = errors.New("it answers for another partition")
				}
			})
		if context.Cause(ctx) != nil {
			return context.Cause(ctx)
		}
		// While others join, which leaves us the owner, the group takes no commits.
		if !errors.Is(answer, kerr.RebalanceInProgress) {
			return answer
		}
		select {
		case <-ctx.Done():
		case <-time.After(again / 10):
		}
	}
}
