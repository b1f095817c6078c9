package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// Service runs the auditor: counters, the ledger, and what the API shows.
type Service struct {
	cfg  Config
	home *cluster.Cluster

	mu       sync.Mutex // guards ledger and rejected
	ledger   *Ledger
	rejected map[string]int // records that were not taken, by reason
}

// New returns an auditor that keeps its counts on the home cluster. It starts
// nothing: see Run.
func New(cfg Config, home *cluster.Cluster) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, home: home, rejected: map[string]int{}}
	s.ledger = s.newLedger()
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
}

// sources returns the topics to fold: the counts at home, the reports of each
// cluster that is produced to, the positions of each that is mirrored to.
func (s *Service) sources() []source {
	sources := []source{{s.home, wire.CountsTopic, s.applyCounts}}
	add := func(c *cluster.Cluster, topic string, apply func(*kgo.Record) error) {
		if !slices.ContainsFunc(sources, func(have source) bool { return have.cluster == c && have.topic == topic }) {
			sources = append(sources, source{c, topic, apply})
		}
	}
	for _, r := range s.cfg.Routes {
		add(r.Tiers[0].Cluster, wire.ReportsTopic, s.applyReport)
		for _, t := range r.Tiers[1:] {
			add(t.Cluster, wire.PositionsTopic, s.applyPosition)
		}
	}
	return sources
}

// Run rebuilds the ledger from the topics, then counts and judges until ctx
// ends. ready is called once the ledger is rebuilt.
func (s *Service) Run(ctx context.Context, ready func()) error {
	s.mu.Lock()
	s.ledger = s.newLedger() // a run that failed has left the last one half-way
	s.mu.Unlock()
	sources := s.sources()
	next := make([]cluster.Offsets, len(sources))
	for i, src := range sources {
		var err error
		if next[i], err = src.cluster.ReadToEnd(ctx, src.topic, nil, func(r *kgo.Record) error { return s.apply(src, r) }); err != nil {
			return fmt.Errorf("rebuilding the audit ledger: %w", err)
		}
	}
	s.evaluate(ctx) // so that ready means that the verdicts are there
	ready()
	group, ctx := errgroup.WithContext(ctx)
	for i, src := range sources {
		group.Go(func() error {
			return src.cluster.Follow(ctx, src.topic, next[i], func(records []*kgo.Record) error {
				for _, r := range records {
					if err := s.apply(src, r); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	for _, r := range s.cfg.Routes {
		for _, t := range r.Tiers {
			group.Go(func() error { return s.count(ctx, r.Topic, t.Cluster) })
		}
	}
	group.Go(func() error { return s.judge(ctx) })
	return group.Wait()
}

func (s *Service) apply(src source, r *kgo.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := src.apply(r); err != nil {
		s.rejected[src.topic]++
		s.cfg.Log.Warn("audit record not taken", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
	}
	return nil
}

func (s *Service) applyCounts(r *kgo.Record) error {
	counts, err := wire.ParseCounts(r.Value)
	if err != nil {
		return err
	}
	refused, err := s.ledger.ApplyCounts(counts, r.Timestamp)
	if refused > 0 {
		s.rejected["row out of place"] += refused
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

// count runs one counter from where the ledger has the tier.
func (s *Service) count(ctx context.Context, topic string, c *cluster.Cluster) error {
	info, err := c.Topic(ctx, topic)
	if err != nil {
		return err
	}
	s.mu.Lock()
	from := s.ledger.Counted(topic, c.Name, info.ID)
	s.mu.Unlock()
	n := &counter{topic: topic, cluster: c, home: s.home, window: s.cfg.Window, interval: s.cfg.ReportInterval, log: s.cfg.Log}
	return n.run(ctx, info, from)
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
