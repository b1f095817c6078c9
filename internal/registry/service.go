package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// Config configures a Service. The zero value is the default.
type Config struct {
	// Compatibility holds for subjects for which the topic sets none: NONE,
	// BACKWARD, FORWARD, FULL or one of the latter with _TRANSITIVE. Default BACKWARD.
	Compatibility string
	// MaxSchemaBytes bounds the text of a schema; a request may be 64 KiB
	// longer. Default 1 MiB.
	MaxSchemaBytes int
	// WriteTimeout bounds a write, from waiting for a leader to reading it back,
	// however patient the caller is. Default 30 s.
	WriteTimeout time.Duration
	// Takeover says what to do where another registry runs in Group: refuse to write,
	// or ignore it. Default refuse.
	Takeover string
	// Group is the Kafka group of other registries. Default schema-registry.
	Group string
	// ReadWait is how long a request waits until this process has read the offset
	// that its X-Weir-Min-Offset names. Default 5 s.
	ReadWait time.Duration
	// SnapshotDir is where snapshots of what was read are kept, so that this process can
	// serve it when it starts without its cluster. Default: none are.
	SnapshotDir string

	// Replication is of topics that are made. Default: 3, or as many as there are brokers.
	Replication int16

	// Topics says how a topic of a name is used on each cluster that has it: see
	// TopicUse. Nil: it is not known.
	Topics func(ctx context.Context, topic string) ([]TopicUse, error)

	// Actions takes what people do to the registry, before and after it is done. Nil:
	// nothing does.
	Actions *actions.Log

	Version string       // of this program, for those who ask a registry for it
	Log     *slog.Logger // default: discard
}

func (c Config) withDefaults() Config {
	c.Compatibility = cmp.Or(c.Compatibility, "BACKWARD")
	c.MaxSchemaBytes = cmp.Or(c.MaxSchemaBytes, 1<<20)
	c.Takeover, c.Group = cmp.Or(c.Takeover, TakeoverRefuse), cmp.Or(c.Group, "schema-registry")
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 30*time.Second)
	c.ReadWait = cmp.Or(c.ReadWait, 5*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// levels are the compatibility levels.
var levels = []string{"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}

func (c Config) validate() error {
	if !slices.Contains(levels, c.Compatibility) {
		return fmt.Errorf("registry compatibility %q is not known", c.Compatibility)
	}
	if c.Takeover != TakeoverRefuse && c.Takeover != TakeoverIgnore {
		return fmt.Errorf("registry takeover %q: it is %s or %s", c.Takeover, TakeoverRefuse, TakeoverIgnore)
	}
	if c.MaxSchemaBytes < 0 || c.Replication < 0 || c.WriteTimeout < 0 || c.ReadWait < 0 {
		return errors.New("registry limits must not be negative")
	}
	return nil
}

// Place says where a registry lives that processes share, and who this one is.
type Place struct {
	Cluster *cluster.Cluster // of `_schemas`, of the registry's own topics and of its lease
	Holder  string           // this process, for people; unique among those that share the registry
	URL     string           // where the other processes reach this one

	// SessionTimeout is how long the leader may be silent before another process
	// leads. Default: the lease's.
	SessionTimeout time.Duration
	// Ensure makes a topic that is missing. Default: the cluster's EnsureTopic.
	Ensure func(ctx context.Context, t cluster.Topic) error
}

type writeFunc func(context.Context, state.Command) (state.Reply, int64, error)

// Service serves a registry. It is safe for concurrent use.
type Service struct {
	cfg     Config
	on      Place
	lease   *lease.Lease
	forward *http.Client
	metrics *metrics
	answers answers
	events  events                      // what has happened: events.go
	found   searchIndex                 // what schemas say of themselves: search.go
	compare atomic.Pointer[Comparing]   // with another registry, while that is under way
	changes atomic.Uint64               // how often something here has changed
	tamper  func(commitFunc) commitFunc // nil but in tests: fails commits
	local   writeFunc                   // nil but in tests: writes where there is no cluster
	keep    time.Duration               // how often a leader keeps the high ids, if they have risen: ids.go

	mu       sync.RWMutex  // guards what follows
	view     *view         // nil until loaded; after Run it stays, and goes on serving
	moved    chan struct{} // closed, and replaced, when something here has changed
	running  bool          // view is being kept up to date
	wrong    error         // what is wrong with the topics: nothing is written
	term     *term         // while this process leads
	prepared basis         // of the term that begins next
	stance   stance        // who writes: see takeover.go
	topicID  wire.TopicID  // of the topic that view is of
	end      int64         // high watermark as last asked for

	snapshots snapshots
}

func newService(cfg Config) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, moved: make(chan struct{}), keep: keepEvery, snapshots: snapshots{every: snapshotEvery, staleAfter: staleAfter}}
	s.metrics = newMetrics(s)
	return s, nil
}

// NewShared returns a registry that lives in the `_schemas` topic of a cluster. It
// answers 50001 until Run has read the topic.
func NewShared(cfg Config, on Place) (*Service, error) {
	s, err := newService(cfg)
	if err != nil {
		return nil, err
	}
	s.on = on
	if s.on.Ensure == nil {
		s.on.Ensure = func(ctx context.Context, t cluster.Topic) error {
			_, _, err := on.Cluster.EnsureTopic(ctx, t)
			return err
		}
	}
	s.lease, err = lease.New(lease.Config{
		Name: leaseName, Cluster: on.Cluster, Holder: on.Holder, URL: on.URL, SessionTimeout: on.SessionTimeout,
		Prepare: s.prepare, Log: s.cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // the leader is one of us
	transport.MaxIdleConnsPerHost = 64
	s.forward = &http.Client{
		Transport:     transport, // each request is bounded by its context
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, nil
}

// Status is what the service knows of its topic.
type Status struct {
	Loaded   bool
	Leads    bool   // this process writes
	Leader   string // who does, as far as is known
	Refuses  string // why nothing is written, if so
	Stale    string // why this is a snapshot of some time ago, if so
	Subjects int
	Schemas  int             // distinct ids
	HighIDs  map[string]int  // the highest id ever seen, by context
	End      int64           // offset before which everything is served
	Dropped  int             // records kept out of the state
	Warnings []state.Warning // why, for the first hundred of them
	Foreign  int             // records of key types that are left alone
	Pending  int             // schemas whose identity is still to be computed
}

// Status returns a copy; it may be asked at any time.
func (s *Service) Status() Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return Status{}
	}
	st := s.view.state.Status()
	status := Status{
		Loaded: true, Leads: s.term != nil, Subjects: st.Subjects, Schemas: st.Schemas, HighIDs: s.view.state.HighIDs(), End: s.view.next(),
		Dropped: st.Dropped, Warnings: st.Warnings, Foreign: st.Foreign, Pending: st.Pending,
	}
	if err := cmp.Or(s.refusal(), s.stance.ours); err != nil {
		status.Refuses = err.Error()
	}
	if s.snapshots.stale != nil {
		status.Stale = s.stale().Error()
	}
	if s.lease != nil {
		info, _ := s.lease.Leader()
		status.Leader = info.Holder
	}
	return status
}

// refusal returns why nothing can be written here, and nothing can be done about it
// here. It is called with mu held.
func (s *Service) refusal() error {
	switch {
	case s.snapshots.stale != nil:
		return s.stale()
	case s.wrong != nil:
		return s.wrong
	case s.term != nil:
		return s.term.foreign
	}
	return nil
}

// stale words that a snapshot is served. It is called with mu held.
func (s *Service) stale() error {
	return fmt.Errorf("stale: served is a snapshot of %s, up to offset %d: %w", s.snapshots.fresh.UTC().Format(time.RFC3339), s.view.next()-1, s.snapshots.stale)
}

// Ready says whether this process serves all that is in the topic. What is stale, and
// what it says is so, can be read all the same.
func (s *Service) Ready(context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.view == nil && s.wrong != nil:
		return s.wrong
	case s.view == nil:
		return errors.New("it waits for its cluster, or is starting")
	case s.snapshots.stale != nil:
		return s.stale()
	case !s.running:
		return errors.New("stale: it has failed, and is about to start again")
	}
	return nil
}

// refuse takes note of what is wrong with the topics, or that nothing is any more.
func (s *Service) refuse(wrong error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wrong != nil && s.wrong == nil {
		s.cfg.Log.Error("the registry writes nothing", "why", wrong)
	}
	s.wrong = wrong
	s.wake()
}

// wake is called with mu held.
func (s *Service) wake() {
	s.changes.Add(1)
	close(s.moved)
	s.moved = make(chan struct{})
}

// notLoaded is called with mu held.
func (s *Service) notLoaded() error {
	if s.wrong != nil {
		return state.Refuse(state.CodeStore, "The schemas topic can not be read: %v", s.wrong)
	}
	return state.Refuse(state.CodeStore, "The schemas topic is still being read.")
}

// read calls fn with the state, which fn must not keep.
func (s *Service) read(fn func(*state.State) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return s.notLoaded()
	}
	return fn(s.view.state)
}

// offset returns the offset of the last record that is in the state, or was
// aborted; -1 if there is none.
func (s *Service) offset() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return -1
	}
	return s.view.next() - 1
}

var errStopped = errors.New("the registry has stopped")

// await waits until the state holds what was committed up to an offset.
func (s *Service) await(ctx context.Context, offset int64) error {
	for {
		s.mu.RLock()
		there, running, moved := s.view != nil && s.view.next() > offset, s.running, s.moved
		s.mu.RUnlock()
		switch {
		case there:
			return nil
		case !running:
			return errStopped
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// registered answers without the leader, as of the offset that it returns, what
// producers ask most: to register what is registered. Where the config adds to what
// is registered, the leader decides.
func (s *Service) registered(cmd state.Register) (v state.Version, offset int64, ok bool) {
	if cmd.Schema == "" || len(cmd.TagsToAdd)+len(cmd.TagsToDrop) > 0 {
		return v, 0, false
	}
	_ = s.read(func(st *state.State) error {
		holds, err := st.Config(cmd.Subject, true)
		if err != nil || holds.DefaultMetadata != nil || holds.OverrideMetadata != nil || holds.DefaultRuleSet != nil || holds.OverrideRuleSet != nil {
			return nil
		}
		v, err = st.Lookup(cmd, false)
		ok = err == nil && sameSubject(v.Subject, cmd.Subject) && (cmd.ID <= 0 || cmd.ID == v.ID)
		offset = s.view.next() - 1
		return nil
	})
	return v, offset, ok
}

// sameSubject knows the one other spelling that a subject has.
func sameSubject(canonical, given string) bool {
	return canonical == given || ":"+state.DefaultContext+":"+canonical == given
}

// kafkaRecords returns what a change writes: its records and their history.
func kafkaRecords(m Meta, records []state.Record, now time.Time) (out []*kgo.Record) {
	for _, r := range records {
		out = append(out, &kgo.Record{Topic: schemasTopic, Key: r.Key, Value: r.Value})
		if h := historyOf(m, r, now); h != nil {
			out = append(out, h)
		}
	}
	return out
}
