package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/wire"
)

// Service runs the auditor: the ledger and what the API shows of it in every
// process, the counters in the one that holds the lease.
type Service struct {
	cfg   Config
	home  *cluster.Cluster
	lease *lease.Lease // nil: there is nothing to count

	mu       sync.Mutex // guards what follows
	ledger   *Ledger
	rejected map[string]int // records that were not taken, by reason
	refused  map[place]int  // rows of counts that were out of place
	counts   *source        // the topic of counts
	moved    chan struct{}  // closed, and replaced, when a source is read further
}

// place is where a topic is counted.
type place struct{ topic, tier string }

// leaseName is the lease's, on the home cluster.
const leaseName = "audit"

// LeaseTopic is how the topic of audit's lease has to be kept on the home cluster.
func LeaseTopic() cluster.Topic { return lease.Topic(leaseName) }

// New returns an auditor that keeps its counts on the home cluster. It starts
// nothing: see Run.
func New(cfg Config, home *cluster.Cluster) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, home: home, rejected: map[string]int{}, refused: map[place]int{}, moved: make(chan struct{})}
	s.ledger = s.newLedger()
	if len(cfg.Routes) == 0 {
		return s, nil
	}
	var err error
	s.lease, err = lease.New(lease.Config{
		Name: leaseName, Cluster: home, Holder: cfg.Holder, URL: cfg.URL, SessionTimeout: cfg.SessionTimeout,
		Prepare: s.catchUp, Log: cfg.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return s, nil
}

func (s *Service) newLedger() *Ledger {
	rules := Rules{Window: s.cfg.Window, Grace: s.cfg.Grace, MaxDelay: s.cfg.MaxDelay}
	var paths []Path
	for _, r := range s.cfg.Routes {
		p := Path{Topic: r.Topic}
		for _, t := range r.Tiers {
			p.Tiers = append(p.Tiers, t.Cluster.Name)
			p.Streams = append(p.Streams, t.Stream)
		}
		paths = append(paths, p)
		if r.Tiers[0].Cluster != s.home {
			rules.ClockSkew = s.cfg.ClockSkew
		}
	}
	return NewLedger(rules, paths...)
}

// source is a topic that facts come from.
type source struct {
	cluster *cluster.Cluster
	topic   string
	apply   func(*kgo.Record) error // under mu

	// Guarded by mu:
	committed lease.Committed
	next      cluster.Offsets // read below
}

// sources returns the topics to fold: the counts at home, the reports of each
// cluster that is produced to, the positions of each that is mirrored to.
func (s *Service) sources() []*source {
	var sources []*source
	add := func(c *cluster.Cluster, topic string, apply func(*kgo.Record) error) {
		if !slices.ContainsFunc(sources, func(have *source) bool { return have.cluster == c && have.topic == topic }) {
			sources = append(sources, &source{cluster: c, topic: topic, apply: apply, next: cluster.Offsets{}})
		}
	}
	add(s.home, wire.CountsTopic, s.applyCounts)
	for _, r := range s.cfg.Routes {
		add(r.Tiers[0].Cluster, wire.ReportsTopic, s.applyReport)
		for _, t := range r.Tiers[1:] {
			add(t.Cluster, wire.PositionsTopic, s.applyPosition)
		}
	}
	return sources
}

// Run rebuilds the ledger from the topics, then judges until ctx ends, and counts
// while it holds the lease. ready is called once the ledger is rebuilt.
func (s *Service) Run(ctx context.Context, ready func()) error {
	sources := s.sources()
	s.mu.Lock()
	s.ledger, s.counts = s.newLedger(), sources[0] // a run that failed has left the last ones half-way
	s.mu.Unlock()
	for _, src := range sources {
		if err := s.read(ctx, src); err != nil {
			return fmt.Errorf("rebuilding the audit ledger: %w", err)
		}
	}
	s.evaluate(ctx) // so that ready means that the verdicts are there
	ready()
	group, ctx := errgroup.WithContext(ctx)
	for _, src := range sources {
		from := maps.Clone(src.next)
		group.Go(func() error {
			return src.cluster.Follow(ctx, src.topic, from, func(records []*kgo.Record) error {
				s.take(src, records...)
				return nil
			}, cluster.KeepControl())
		})
	}
	group.Go(func() error { return s.judge(ctx) })
	if s.lease != nil {
		group.Go(func() error { return s.lease.Run(ctx, s.lead) })
	}
	return group.Wait()
}

// read folds in what a source holds now.
func (s *Service) read(ctx context.Context, src *source) error {
	next, err := src.cluster.ReadToEnd(ctx, src.topic, nil, func(r *kgo.Record) error {
		s.take(src, r)
		return nil
	}, cluster.KeepControl())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	src.next = next // behind the last record there may be offsets without one
	return nil
}

// take folds in the records that count, once they do: see lease.
func (s *Service) take(src *source, records ...*kgo.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		src.next[r.Partition] = r.Offset + 1
		for _, r := range src.committed.Add(r) {
			if err := src.apply(r); err != nil {
				s.rejected[src.topic]++
				s.cfg.Log.Warn("audit record not taken", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
			}
		}
	}
	close(s.moved)
	s.moved = make(chan struct{})
}

// catchUp waits until the ledger holds all rows that the topic of counts holds now,
// to the high watermark.
func (s *Service) catchUp(ctx context.Context) error {
	ends, err := s.home.EndOffsets(ctx, wire.CountsTopic)
	if err != nil {
		return err
	}
	for {
		s.mu.Lock()
		behind := false
		for p, end := range ends {
			behind = behind || s.counts.next[p] < end
		}
		moved := s.moved
		s.mu.Unlock()
		if !behind {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *Service) applyCounts(r *kgo.Record) error {
	counts, err := wire.ParseCounts(r.Value)
	if err != nil {
		return err
	}
	refused, err := s.ledger.ApplyCounts(counts, r.Timestamp)
	if refused > 0 {
		s.rejected["row out of place"] += refused
		s.refused[place{counts.Topic, counts.Tier}] += refused
	}
	return err
}

func (s *Service) applyReport(r *kgo.Record) error {
	report, err := wire.ParseReport(r.Value)
	if err != nil {
		return err
	}
	return s.ledger.ApplyReport(report, r.Timestamp)
}

func (s *Service) applyPosition(r *kgo.Record) error {
	key, err := wire.ParsePositionKey(r.Key)
	if err != nil || r.Value == nil {
		return err
	}
	position, err := wire.ParsePosition(r.Value)
	if err != nil {
		return err
	}
	s.ledger.ApplyPosition(key, position)
	return nil
}

// judgeEvery is how often windows are judged.
const judgeEvery = 200 * time.Millisecond

func (s *Service) judge(ctx context.Context) error {
	ticker := time.NewTicker(judgeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.evaluate(ctx)
		}
	}
}

// evaluate judges once, and fetches what the ledger wants to know for it. What
// fails is asked for again by the next one.
func (s *Service) evaluate(ctx context.Context) {
	s.mu.Lock()
	ends, mismatches := s.ledger.Evaluate(time.Now())
	s.mu.Unlock()
	for _, want := range ends {
		offsets, err := s.tier(want.Topic, want.Tier).EndOffsets(ctx, want.Topic)
		if err != nil {
			s.warn(ctx, "end offsets not known", err)
			continue
		}
		s.mu.Lock()
		s.ledger.NoteEnds(want, offsets)
		s.mu.Unlock()
	}
	for _, m := range mismatches {
		finding, err := s.explain(ctx, m)
		if err != nil {
			s.warn(ctx, "mismatch not explained", err)
			continue
		}
		s.mu.Lock()
		s.ledger.NoteFinding(m, finding)
		s.mu.Unlock()
	}
}

func (s *Service) warn(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		s.cfg.Log.Warn("audit: "+what+"; trying again", "error", err)
	}
}

func (s *Service) tier(topic, name string) *cluster.Cluster {
	for _, r := range s.cfg.Routes {
		for _, t := range r.Tiers {
			if r.Topic == topic && t.Cluster.Name == name {
				return t.Cluster
			}
		}
	}
	panic("audit: the ledger names a tier that no route has: " + name)
}

// explain reads a mismatched window again on both sides and compares record by
// record.
func (s *Service) explain(ctx context.Context, m Mismatch) (Finding, error) {
	if n := m.Records(); n > s.cfg.ExplainMax {
		return m.net(fmt.Sprintf("finding the exact records means to read %d again, the limit is %d", n, s.cfg.ExplainMax)), nil
	}
	var sides [][]copyOf
	for _, span := range m.Spans {
		copies, err := read(ctx, s.tier(m.Topic, span.Tier), m.Topic, span, m.Start, s.cfg.Window.Milliseconds())
		if gap := (*cluster.GapError)(nil); errors.As(err, &gap) {
			return m.net(err.Error()), nil
		}
		if err != nil {
			return Finding{}, err
		}
		sides = append(sides, copies)
	}
	if m.Pair == 0 {
		return compareSent(m.Spans[0].Tier, m.sent, m.runs, sides[0]), nil
	}
	return compare(m.Spans[0].Tier, m.Spans[1].Tier, sides[0], sides[1]), nil
}

// Windows returns the current verdicts of a topic's windows that start in
// [from, to), and its tiers; false if the topic is not audited.
func (s *Service) Windows(topic string, from, to time.Time) (windows []Window, tiers []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.ledger.topics[topic]
	if t == nil {
		return nil, nil, false
	}
	return s.ledger.Windows(topic, from, to), append([]string{Producer}, t.path.Tiers...), true
}

// Final says whether a producing run's final report is in.
func (s *Service) Final(run wire.RunID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.Final(run)
}
