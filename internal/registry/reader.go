package registry

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/wire"
)

const (
	// reloadAfter is how often the topic is read anew, in which time a deletion must
	// not be compacted away unseen: half of Kafka's default delete.retention.ms.
	reloadAfter = 12 * time.Hour
	// lookEvery is how often the reader looks whether it still keeps up.
	lookEvery = 2 * time.Second
	// ensureEvery is how often the topics' settings are looked at.
	ensureEvery = time.Minute
)

// Run reads the topic, calls ready, and then follows the topic and contends for the
// lease until ctx ends. It may be called again when it has failed.
func (s *Service) Run(ctx context.Context, ready func()) error {
	defer s.forward.CloseIdleConnections()
	client, err := s.on.Cluster.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	defer s.offer(ctx)()
	if s.on.Cluster.Await(ctx) != nil {
		return nil
	}
	usual := thrifty()
	next, err := s.begin(ctx, client)
	if err != nil {
		usual()
		s.serveStale(err)
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.setRunning(true)
	defer s.setRunning(false)
	ready()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.keepUp(ctx, client, next) })
	g.Go(func() error { return s.guard(ctx) })
	g.Go(func() error { return s.keepSnapshot(ctx) })
	g.Go(func() error {
		defer usual()
		_ = s.index(ctx) // which ends with ctx
		return nil
	})
	g.Go(func() error {
		return s.contend(ctx, client, func(ctx context.Context, w *lease.Writer) error {
			if s.tamper != nil {
				return s.lead(ctx, s.tamper(w.Do))
			}
			return s.lead(ctx, w.Do)
		})
	})
	return g.Wait()
}

func (s *Service) setRunning(running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = running
	s.wake()
}

// thrifty makes the garbage collector work more while a topic is read: what it leaves
// is much, and what it makes on the way is more, which need not double the memory of
// this process. What it returns ends that.
func thrifty() (usual func()) {
	const percent = 40
	before := debug.SetGCPercent(percent)
	if before >= 0 && before < percent {
		debug.SetGCPercent(before)
	}
	return func() { debug.SetGCPercent(before) }
}

// load reads the topic to its end beside the state that serves, and puts what it has
// read in its place. Nobody follows the topic meanwhile.
func (s *Service) load(ctx context.Context) (cluster.Offsets, error) {
	began := time.Now().Round(0)
	info, err := s.on.Cluster.Topic(ctx, schemasTopic)
	if err == nil {
		err = s.checkID(info.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("loading the schemas topic: %w", err)
	}
	fresh := newView(s.cfg.Compatibility)
	s.mu.RLock()
	again, stale := s.view != nil, s.snapshots.stale != nil
	if again {
		fresh.watch = min(s.view.watch, s.view.next()) // somebody may begin to watch meanwhile
	}
	s.mu.RUnlock()
	next, err := s.on.Cluster.ReadToEnd(ctx, schemasTopic, nil, func(r *kgo.Record) error {
		fresh.take(r)
		return nil
	}, cluster.KeepControl())
	if err != nil {
		return nil, fmt.Errorf("loading the schemas topic: %w", err)
	}
	fresh.seen = max(fresh.seen, next[0])                   // behind the last record there may be offsets without one
	for again && !stale && fresh.state.Index(indexed) > 0 { // nobody waits for it, and the leader goes on at once
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh.watch, fresh.noted = never, slices.DeleteFunc(fresh.noted, func(n note) bool { return s.view == nil || n.offset < s.view.watch })
	if s.view != nil {
		fresh.watch = s.view.watch
		fresh.state.Inherit(s.view.state)
	}
	s.view, s.topicID, s.end = fresh, info.ID, max(s.end, next[0])
	s.caughtUp(began)
	s.wake()
	return next, nil
}

// checkID refuses a topic that was deleted and created again: the ids that it will
// give have been given.
func (s *Service) checkID(id wire.TopicID) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view != nil && s.topicID != id {
		return fmt.Errorf("topic %s was deleted and created again: its id was %s and is %s; restart weir to take the new one", schemasTopic, s.topicID, id)
	}
	return nil
}

// keepUp follows the topic, and reads it anew when it is time.
func (s *Service) keepUp(ctx context.Context, client *kgo.Client, next cluster.Offsets) error {
	loaded := time.Now().Round(0) // the wall clock: the other one stands still while a machine sleeps
	for ctx.Err() == nil {
		g, following := errgroup.WithContext(ctx)
		following, stop := context.WithCancel(following)
		g.Go(func() error {
			defer stop()
			return s.on.Cluster.Follow(following, schemasTopic, next, s.take, cluster.KeepControl())
		})
		g.Go(func() error {
			defer stop()
			s.look(following, client, loaded)
			return nil
		})
		if err := g.Wait(); err != nil || ctx.Err() != nil {
			return err
		}
		loaded = time.Now().Round(0)
		usual := thrifty()
		var err error
		next, err = s.load(ctx)
		usual()
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (s *Service) take(records []*kgo.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.view.take(r)
	}
	s.end = max(s.end, s.view.seen)
	s.wake()
	return nil
}

// look sees to it that the reader does not stand still, and returns when the topic
// has to be read anew.
func (s *Service) look(ctx context.Context, client *kgo.Client, loaded time.Time) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	stuck := never
	for time.Now().Round(0).Sub(loaded) < reloadAfter {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now().Round(0)
		if ends, err := s.on.Cluster.EndOffsets(ctx, schemasTopic); err == nil {
			s.mu.Lock()
			if s.end = max(s.end, ends[0]); s.view.next() >= ends[0] {
				s.snapshots.fresh = asked
			}
			s.mu.Unlock()
		}
		s.mu.RLock()
		waits, next := len(s.view.queue) > 0, s.view.next()
		s.mu.RUnlock()
		if waits && next == stuck {
			if err := s.unblock(ctx, client); err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn("records of an open transaction hold the registry up", "offset", next, "error", err)
			}
		}
		stuck = next
	}
}

// unblock decides about records whose transaction is open here and not for the
// broker: the embedded engine forgets open transactions when it is killed, and then
// hands their records to those who read committed. The broker is asked first what is
// stable, and then for the end: what ends a transaction that was stable lies before
// it, so if that has been read and the transaction is open all the same, nothing
// will end it.
func (s *Service) unblock(ctx context.Context, client *kgo.Client) error {
	stable, err := stableOffset(ctx, client)
	if err != nil {
		return err
	}
	ends, err := s.on.Cluster.EndOffsets(ctx, schemasTopic)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view.seen < ends[0] {
		return nil // next time
	}
	if n := s.view.settleBefore(stable); n > 0 {
		s.cfg.Log.Warn("the log has no end of a transaction; its records count, as the broker has it", "records", n, "before", stable)
		s.wake()
	}
	return nil
}

// guard looks at the topics' settings again and again: often while they are wrong.
func (s *Service) guard(ctx context.Context) error {
	for {
		s.mu.RLock()
		wait := ensureEvery
		if s.wrong != nil {
			wait = lookEvery
		}
		s.mu.RUnlock()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		_ = s.ensure(ctx) // which refuses writes if it fails
	}
}
