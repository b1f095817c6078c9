package registry

import (
	"context"
	"errors"
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

// Load reads a log of our own to its end. Until it has returned nil once, every
// request is refused; after an append that failed writes are, until it is called
// again.
func (s *Service) Load(ctx context.Context) error {
	if s.log == nil {
		return errors.New("loading the schemas topic: Run does that")
	}
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

// writeLocal plans and writes under the lock: the log is near.
func (s *Service) writeLocal(ctx context.Context, cmd state.Command) (reply state.Reply, offset int64, err error) {
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
