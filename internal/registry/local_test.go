package registry

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/registry/state"
)

// Log is a `_schemas` topic that only this process writes: one partition, in order.
type Log interface {
	// ReadToEnd calls fn for every record from the first to the last as it was when
	// the call began. A null value is nil.
	ReadToEnd(ctx context.Context, fn func(key, value []byte, offset int64) error) error
	// Append writes one record. nil means that it is in the log; an error means
	// nothing: it may be, or may come to be later.
	Append(ctx context.Context, key, value []byte) (offset int64, err error)
}

// local is a registry on a log of its own, which nobody else writes: fast enough for
// a fuzz target, and the rival of a shared one, since it knows no transactions. It
// answers 50001 until Load.
type local struct {
	*Service
	log Log
}

func newLocal(cfg Config, log Log) (local, error) {
	s, err := newService(cfg)
	if err != nil {
		return local{}, err
	}
	l := local{s, log}
	s.local = l.write
	return l, nil
}

// Load reads the log to its end. Until it has returned nil once, every request is
// refused; after an append that failed writes are, until it is called again.
func (s local) Load(ctx context.Context) error {
	fresh := newView(s.cfg.Compatibility)
	err := s.log.ReadToEnd(ctx, func(key, value []byte, offset int64) error {
		fresh.take(&kgo.Record{Key: key, Value: value, Offset: offset})
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading the schemas topic: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view, s.wrong, s.running = fresh, nil, true
	s.wake()
	return nil
}

// write plans and writes under the lock: the log is near.
func (s local) write(ctx context.Context, cmd state.Command) (reply state.Reply, offset int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.view == nil:
		return reply, 0, s.notLoaded()
	case s.wrong != nil:
		return reply, 0, state.Refuse(state.CodeStore, "%v", s.wrong)
	}
	records, reply, err := s.decide(cmd, s.view.state.Overlay())
	if err != nil {
		return reply, 0, err
	}
	for _, r := range records {
		offset, err := s.log.Append(context.WithoutCancel(ctx), r.Key, r.Value)
		if err != nil {
			s.wrong = fmt.Errorf("a write of unknown outcome: %w; the log has to be loaded again", err)
			return reply, 0, state.Refuse(state.CodeStore, "Writing to the schemas topic: %v. It may or may not have been written; registering again is safe.", err)
		}
		s.view.take(&kgo.Record{Key: r.Key, Value: r.Value, Offset: offset})
	}
	s.wake()
	return reply, s.view.next() - 1, nil
}
