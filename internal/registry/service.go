package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/wire"
)

// Log is the `_schemas` topic: one partition, in order.
type Log interface {
	// ReadToEnd calls fn for every record from the first to the high watermark
	// as it was when the call began. A null value is nil.
	ReadToEnd(ctx context.Context, fn func(key, value []byte, offset int64) error) error
	// Append writes one record with acks=all. nil means that it is in the log;
	// an error means nothing: it may be, or may come to be later.
	Append(ctx context.Context, key, value []byte) (offset int64, err error)
}

// Config configures a Service. The zero value is the default.
type Config struct {
	// Compatibility holds for subjects for which the topic sets none: NONE,
	// BACKWARD, FORWARD, FULL or one of the latter with _TRANSITIVE. Default BACKWARD.
	Compatibility string
	// MaxSchemaBytes bounds the text of a schema; a request may be 64 KiB
	// longer. Default 1 MiB.
	MaxSchemaBytes int
	// WriteTimeout bounds one write to the topic, reload included, however
	// patient the caller is. Default 30 s.
	WriteTimeout time.Duration
}

func (c Config) withDefaults() Config {
	c.Compatibility = cmp.Or(c.Compatibility, "BACKWARD")
	c.MaxSchemaBytes = cmp.Or(c.MaxSchemaBytes, 1<<20)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 30*time.Second)
	return c
}

func (c Config) validate() error {
	if _, ok := levels[c.Compatibility]; !ok {
		return fmt.Errorf("registry compatibility %q is not known", c.Compatibility)
	}
	if c.MaxSchemaBytes < 0 || c.WriteTimeout < 0 {
		return errors.New("registry limits must not be negative")
	}
	return nil
}

// Service is the one writer of a `_schemas` topic and answers from its state.
type Service struct {
	cfg Config
	log Log

	// write is held from plan to apply: writes go one by one. It guards stale.
	// It holds a token while free, so that waiting for it can be given up.
	write chan struct{}
	// stale: an append ended with an unknown outcome, so the state may lack a
	// record. It must be read again before anything is planned on it.
	stale bool

	// mu guards state. Only the holder of write changes it, and may read it without mu.
	mu    sync.RWMutex
	state *State // nil until loaded
}

// New returns a service that answers 50001 until Load has read the topic.
func New(cfg Config, log Log) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, log: log, write: make(chan struct{}, 1)}
	s.write <- struct{}{}
	return s, nil
}

// Load reads the topic to its end. Until it has returned nil once, every
// request is refused.
func (s *Service) Load(ctx context.Context) error {
	select {
	case <-s.write:
	case <-ctx.Done():
		return fmt.Errorf("loading the schemas topic: %w", ctx.Err())
	}
	defer func() { s.write <- struct{}{} }()
	return s.load(ctx)
}

// load needs write. It builds a new state beside the old one, which goes on
// serving: whatever it holds is in the topic.
func (s *Service) load(ctx context.Context) error {
	fresh := NewState(s.cfg.Compatibility)
	err := s.log.ReadToEnd(ctx, func(key, value []byte, offset int64) error {
		_ = fresh.Apply(key, value, offset) // counted and listed by the state
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading the schemas topic: %w", err)
	}
	if s.state != nil {
		fresh.inherit(s.state)
	}
	s.mu.Lock()
	s.state = fresh
	s.mu.Unlock()
	s.stale = false
	return nil
}

// Status is what the service knows of its topic.
type Status struct {
	Loaded   bool
	Subjects int
	Schemas  int       // distinct ids
	HighID   int       // the highest id ever seen
	End      int64     // offset after the last record
	Dropped  int       // records kept out of the state
	Warnings []Warning // why, for the first hundred of them
	Foreign  int       // records of key types that are left alone
}

// Status returns a copy; it may be asked at any time.
func (s *Service) Status() Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state == nil {
		return Status{}
	}
	return Status{
		Loaded: true, Subjects: len(s.state.subjects), Schemas: len(s.state.ids), HighID: s.state.highID, End: s.state.end,
		Dropped: s.state.dropped, Warnings: append([]Warning(nil), s.state.warnings...), Foreign: s.state.foreign,
	}
}

// read calls fn with the state, which fn must not keep.
func (s *Service) read(fn func(*State) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state == nil {
		return refuse(codeStore, "The schemas topic is still being read.")
	}
	return fn(s.state)
}

// register puts a schema under a subject, unless it is there. A nil error means
// that the topic holds it.
func (s *Service) register(ctx context.Context, cmd wire.SchemaValue) (wire.SchemaValue, error) {
	select {
	case <-s.write:
	case <-ctx.Done():
		return wire.SchemaValue{}, refuse(codeStore, "Waiting for other writes: %v", ctx.Err())
	}
	defer func() { s.write <- struct{}{} }()
	// A caller who hangs up must not leave a write in doubt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.WriteTimeout)
	defer cancel()

	if s.state == nil {
		return wire.SchemaValue{}, refuse(codeStore, "The schemas topic is still being read.")
	}
	if s.stale {
		if err := s.load(ctx); err != nil {
			return wire.SchemaValue{}, refuse(codeStore, "After a write of unknown outcome: %v", err)
		}
	}
	record, reply, err := s.state.Plan(cmd)
	if err != nil || record == nil {
		return reply, err
	}
	offset, err := s.log.Append(ctx, record.Key, record.Value)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.stale = true
		s.state.Burn(*record)
		return wire.SchemaValue{}, refuse(codeStore, "Writing to the schemas topic: %v. It may or may not have been written; registering again is safe.", err)
	}
	if err := s.state.Apply(record.Key, record.Value, offset); err != nil {
		s.stale = true // a planned record always applies; if not, the topic decides
		return wire.SchemaValue{}, refuse(codeStore, "Applying the record written at offset %d: %v", offset, err)
	}
	return reply, nil
}
