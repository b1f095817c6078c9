package fleet

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/web"
)

const (
	// reachEvery is how soon a cluster that is down is asked again.
	reachEvery = time.Second
	// groupsTimeout bounds one look at a cluster's groups.
	groupsTimeout = 30 * time.Second
	// defaultsEvery is how often a broker is asked for its defaults.
	defaultsEvery = 5 * time.Minute
	// panelTimeout bounds what a request asks of a cluster; without an answer by then
	// it is told what is missing.
	panelTimeout = 2 * time.Second
)

// Cluster is a cluster with what the configuration says of it.
type Cluster struct {
	*cluster.Cluster
	Home, Embedded   bool
	Datacenter, Tier string
}

// Config configures a Fleet.
type Config struct {
	Clusters []Cluster    // home first
	Actions  *actions.Log // where changes are recorded
	Log      *slog.Logger // default: discard
	// RefreshEvery is how often a cluster's snapshot is taken anew. Default 5s.
	RefreshEvery time.Duration
	// GroupsEvery is how long after one look at the groups the next one is.
	// Default 10s.
	GroupsEvery time.Duration
}

func (c *Config) withDefaults() {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.RefreshEvery = cmp.Or(c.RefreshEvery, 5*time.Second)
	c.GroupsEvery = cmp.Or(c.GroupsEvery, 10*time.Second)
}

// Fleet is every cluster.
type Fleet struct {
	cfg     Config
	members []*member // as in Config
	byName  map[string]*member
}

// member is what is known of one cluster.
type member struct {
	Cluster
	operator *Operator
	// look and lookGroups ask the loops not to wait.
	look, lookGroups chan struct{}

	building sync.Mutex // held while a view is made from the one before, and stored

	mu     sync.Mutex // guards below
	view   *view
	err    error // why the newest refresh has failed
	groups *groups
	minISR int         // of topics that do not say; 1 until a broker has
	events []web.Event // the newest last, at most web.MaxEvents
}

// New returns a fleet that has not asked anything yet.
func New(cfg Config) (*Fleet, error) {
	cfg.withDefaults()
	f := &Fleet{cfg: cfg, byName: map[string]*member{}}
	for _, c := range cfg.Clusters {
		if f.byName[c.Name] != nil {
			return nil, fmt.Errorf("two clusters are named %s", c.Name)
		}
		m := &member{Cluster: c, look: make(chan struct{}, 1), lookGroups: make(chan struct{}, 1), minISR: 1}
		m.operator = NewOperator(c.Cluster, cfg.Actions)
		m.operator.previous = m.snapshot
		m.operator.live = func(topic string) []string { return m.state().groups.live(topic) }
		f.members, f.byName[c.Name] = append(f.members, m), m
	}
	return f, nil
}

// Run refreshes what is known of every cluster until ctx ends.
func (f *Fleet) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range f.members {
		log := f.cfg.Log.With("cluster", m.Name)
		g.Go(func() error { m.watch(ctx, log, f.cfg.RefreshEvery); return nil })
		g.Go(func() error { m.watchGroups(ctx, f.cfg.GroupsEvery); return nil })
	}
	return g.Wait()
}

// Snapshot returns the newest snapshot of a cluster, nil if there is none yet or no
// such cluster.
func (f *Fleet) Snapshot(name string) *cluster.Snapshot {
	if m := f.byName[name]; m != nil {
		return m.snapshot()
	}
	return nil
}

type state struct {
	view   *view
	err    error
	groups *groups
	minISR int
}

func (m *member) state() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return state{m.view, m.err, m.groups, m.minISR}
}

func (m *member) snapshot() *cluster.Snapshot {
	if v := m.state().view; v != nil {
		return v.snapshot
	}
	return nil
}

// watch tries until the cluster answers, then refreshes until ctx ends. It says
// when the cluster goes down and when it comes back.
func (m *member) watch(ctx context.Context, log *slog.Logger, every time.Duration) {
	for ctx.Err() == nil {
		before := seen{m.snapshot(), m.state().err}
		err := m.Reach(ctx)
		if err == nil {
			err = m.refresh(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil && before.err == nil:
			log.Warn("cluster is down; what needs it waits", "error", err)
		case err == nil && before.err != nil:
			log.Info("cluster is back")
		}
		changed := changes(m.Name, before, seen{m.snapshot(), err}, time.Now())
		m.mu.Lock()
		m.err = err
		m.remember(changed)
		m.mu.Unlock()
		if err == nil {
			wait(ctx, every, m.look)
		} else {
			wait(ctx, reachEvery, m.look)
		}
	}
}

func (m *member) refresh(ctx context.Context) error {
	s, err := m.Refresh(ctx, m.snapshot())
	if err != nil {
		return err
	}
	m.store(func(st state) *view { return newView(st.view, s, st.minISR, st.groups.readers) })
	return nil
}

// store makes a view from what is known and puts it in its place.
func (m *member) store(build func(state) *view) {
	m.building.Lock()
	defer m.building.Unlock()
	v := build(m.state())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view = v
}

// watchGroups looks at the groups, again and again until ctx ends. It is a loop of
// its own: many groups take long, and must not make the rest old.
func (m *member) watchGroups(ctx context.Context, every time.Duration) {
	var asked time.Time
	for ctx.Err() == nil {
		s := m.snapshot()
		if s == nil {
			wait(ctx, reachEvery, m.lookGroups)
			continue
		}
		if time.Since(asked) >= defaultsEvery && m.askDefaults(ctx, s) {
			asked = time.Now()
		}
		m.refreshGroups(ctx, s)
		wait(ctx, every, m.lookGroups)
	}
}

func (m *member) refreshGroups(ctx context.Context, s *cluster.Snapshot) {
	bounded, cancel := context.WithTimeoutCause(ctx, groupsTimeout, fmt.Errorf("no answer within %v", groupsTimeout))
	defer cancel()
	at := time.Now()
	told, errs := m.Groups(bounded, s)
	if ctx.Err() != nil {
		return // silence may be ours
	}
	if newer := m.snapshot(); newer != nil {
		s = newer // its ends are nearer to the offsets
	}
	next := newGroups(m.state().groups, told, errs, s, at)
	m.mu.Lock()
	m.groups = next
	m.mu.Unlock()
	m.store(func(st state) *view { return st.view.withGroups(next.readers) })
}

// askDefaults asks a broker what holds for topics that do not say.
func (m *member) askDefaults(ctx context.Context, s *cluster.Snapshot) bool {
	bounded, cancel := context.WithTimeout(ctx, panelTimeout)
	defer cancel()
	for i := range s.Brokers {
		if s.Brokers[i].Err != nil {
			continue
		}
		entries, err := m.BrokerConfigs(bounded, s.Brokers[i].ID)
		if err != nil {
			return false
		}
		for _, e := range entries {
			if n, err := strconv.Atoi(e.Value); e.Name == "min.insync.replicas" && err == nil {
				m.mu.Lock()
				m.minISR = n
				m.mu.Unlock()
			}
		}
		return true
	}
	return false
}

// changed makes what a change has changed show soon.
func (m *member) changed(kind string) {
	for _, c := range []chan struct{}{m.look, m.lookGroups} {
		select {
		case c <- struct{}{}:
		default:
		}
		if !strings.HasPrefix(kind, "group-") {
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration, now <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-now:
	case <-timer.C:
	}
}

// summary returns what the list of clusters says of this one.
func (m *member) summary(now time.Time) ClusterSummary {
	s := ClusterSummary{
		Name: m.Name, State: "unknown", Home: m.Home, Embedded: m.Embedded, Bootstrap: m.Bootstrap(),
		Datacenter: m.Datacenter, Tier: m.Tier, AgeMillis: -1, RecordsPerSecond: -1, BytesPerSecond: -1, Problems: []string{},
	}
	st := m.state()
	if st.err != nil {
		s.State, s.Error = "down", st.err.Error()
	}
	if v := st.view; v != nil {
		if st.err == nil {
			s.State = "up"
		}
		s.ID = m.ID
		v.summarise(&s, now)
	}
	s.Health, s.Reasons = judge(&s)
	return s
}

func (v *view) summarise(s *ClusterSummary, now time.Time) {
	snapshot := v.snapshot
	s.AgeMillis = snapshot.Age(now).Milliseconds()
	s.Brokers, s.Topics, s.Partitions = len(snapshot.Brokers), len(snapshot.Topics), len(snapshot.Partitions)
	s.UnderReplicated, s.UnderMinISR, s.Offline = v.underReplicated, v.underMin, v.offline
	s.Bytes, s.RecordsPerSecond, s.BytesPerSecond = v.bytes, v.records, v.grown
	for i := range snapshot.Brokers {
		if snapshot.Brokers[i].Err != nil {
			s.BrokersDown++
		}
	}
	s.Problems = v.problems()
}

func (v *view) problems() []string {
	problems := []string{}
	for _, e := range v.snapshot.Errors {
		problems = append(problems, e.Error())
	}
	return problems
}
