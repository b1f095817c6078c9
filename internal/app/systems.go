package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/console"
	"github.com/weirhq/weir/internal/fleet"
	"github.com/weirhq/weir/internal/mirror"
	"github.com/weirhq/weir/internal/records"
	"github.com/weirhq/weir/internal/registry"
)

// systems are built by build, in the order in which they start.
type systems struct {
	registry *registry.Service
	Audit    *audit.Service
	actions  *actions.Log
	fleet    *fleet.Fleet
	console  *console.Console
	running  []*system
}

// system is one that runs on clusters.
type system struct {
	name  string
	needs []*cluster.Cluster
	// run makes the topics that the system needs and runs it. It calls ready once,
	// when others may use it.
	run func(ctx context.Context, ready func()) error

	ready chan struct{} // closed by the first call of ready
	once  sync.Once
}

func (h *House) add(name string, needs []*cluster.Cluster, run func(ctx context.Context, ready func()) error) {
	h.running = append(h.running, &system{name: name, needs: needs, run: run, ready: make(chan struct{})})
}

// build makes the systems and mounts their routes. It asks no cluster anything.
func (h *House) build() (err error) {
	cfg := &h.app.cfg
	if err := h.buildActions(); err != nil {
		return err
	}
	if err := h.buildRegistry(); err != nil {
		return err
	}
	if err := h.buildAudit(); err != nil {
		return err
	}
	for name, s := range sorted(cfg.Mirror.Streams) {
		h.buildStream(name, s)
	}
	if err := h.buildFleet(); err != nil {
		return err
	}
	h.buildRecords()
	if h.console, err = console.New(console.Config{API: h.Web.InProcess(), Log: cfg.Log}); err != nil {
		return err
	}
	for _, s := range h.running {
		h.Web.Ready(s.name, s.check)
	}
	if h.registry != nil {
		h.Web.Ready("registry", h.registry.Ready)
		h.registry.Register(h.Web.Mux())
		h.registry.RegisterAPI(h.Web.API())
	} else {
		h.Web.Mux().HandleFunc("/", noRegistry)
	}
	h.Audit.Register(h.Web.API())
	h.actions.Register(h.Web.API())
	h.fleet.Register(h.Web.API())
	h.console.Register(h.Web.Mux())
	h.Web.Mux().HandleFunc("GET /{$}", front)
	return nil
}

func (h *House) buildRegistry() (err error) {
	file := h.app.cfg.Registry
	if !file.Enabled {
		return nil
	}
	home := h.Clusters[cmp.Or(file.Cluster, h.app.cfg.Home)]
	url := cmp.Or(file.AdvertisedURL, h.app.advertised())
	cfg := registry.Config{
		Compatibility: file.Compatibility, MaxSchemaBytes: file.MaxSchemaBytes, ReadWait: file.ReadWait, WriteTimeout: file.WriteTimeout,
		Takeover: file.Takeover, Group: file.Group, Replication: file.Replication, Topics: topicUses{h.Web.InProcess()}.of, Actions: h.actions, Version: Version, Log: h.app.cfg.Log,
	}
	cache, _ := os.UserCacheDir() // a user without a home has no snapshots by default
	cfg.SnapshotDir = h.app.cfg.snapshotDir(cache)
	h.registry, err = registry.NewShared(cfg, registry.Place{
		Cluster: home, Holder: h.app.holder(), URL: url,
		Ensure: func(ctx context.Context, t cluster.Topic) error { return h.Ensure(ctx, home, t) },
	})
	if err != nil {
		return err
	}
	h.Web.Metrics().MustRegister(h.registry.Metrics()...)
	h.add("registry", nil, h.registry.Run) // it waits for its cluster by itself: it may have a snapshot to serve
	return nil
}

// holder names this process among those that contend for a lease.
func (a *App) holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + " " + a.web.Addr()
}

// advertised returns where other processes reach our pages: under the host's name if
// we listen on all its addresses.
func (a *App) advertised() string {
	host, port, err := net.SplitHostPort(a.web.Addr())
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			return "http://" + net.JoinHostPort(name, port)
		}
	}
	return a.URL()
}

func (h *House) buildAudit() error {
	file := h.app.cfg.Audit
	cfg := audit.Config{
		Window: file.Window, Grace: file.Grace, MaxDelay: file.MaxDelay, ReportInterval: file.ReportInterval, ExplainMax: file.ExplainMax,
		Holder: h.app.holder(), URL: h.app.advertised(), Log: h.app.cfg.Log,
	}
	needs := map[*cluster.Cluster]bool{h.Home: true}
	reporting := map[*cluster.Cluster]bool{h.Home: true} // clusters that are produced to
	for _, r := range sorted(file.Routes) {
		for _, topic := range r.Topics {
			route := audit.Route{Topic: topic}
			for i, name := range r.Tiers {
				tier := audit.Tier{Cluster: h.Clusters[name]}
				if i > 0 {
					tier.Stream = h.app.cfg.stream(r.Tiers[i-1], name, topic)
				}
				route.Tiers = append(route.Tiers, tier)
				needs[tier.Cluster] = true
			}
			reporting[route.Tiers[0].Cluster] = true
			cfg.Routes = append(cfg.Routes, route)
		}
	}
	var err error
	if h.Audit, err = audit.New(cfg, h.Home); err != nil {
		return err
	}
	h.add("audit", slices.Collect(maps.Keys(needs)), func(ctx context.Context, ready func()) error {
		topics := []cluster.Topic{audit.CountsTopic()}
		if len(cfg.Routes) > 0 {
			topics = append(topics, audit.LeaseTopic())
		}
		if err := h.Ensure(ctx, h.Home, topics...); err != nil {
			return err
		}
		for c := range reporting {
			if err := h.Ensure(ctx, c, audit.ReportsTopic()); err != nil {
				return err
			}
		}
		for _, r := range cfg.Routes { // audit reads the positions of the streams
			for _, t := range r.Tiers[1:] {
				if err := h.Ensure(ctx, t.Cluster, mirror.PositionsTopic()); err != nil {
					return err
				}
			}
		}
		return h.Audit.Run(ctx, ready)
	})
	return nil
}

// buildActions makes the log of what is changed.
func (h *House) buildActions() (err error) {
	if h.actions, err = actions.New(actions.Config{Instance: h.app.holder()}, h.Home); err != nil {
		return err
	}
	h.add("actions", []*cluster.Cluster{h.Home}, func(ctx context.Context, ready func()) error {
		if err := h.Ensure(ctx, h.Home, actions.Topic()); err != nil {
			return err
		}
		return h.actions.Run(ctx, ready)
	})
	return nil
}

// buildFleet makes what is known of the clusters.
func (h *House) buildFleet() (err error) {
	cfg := fleet.Config{Actions: h.actions, Log: h.app.cfg.Log}
	for _, name := range h.app.Clusters() {
		_, embedded := h.app.Bootstrap(name)
		file := h.app.cfg.Clusters[name]
		cfg.Clusters = append(cfg.Clusters, fleet.Cluster{
			Cluster: h.Clusters[name], Home: name == h.app.cfg.Home, Embedded: embedded, Datacenter: file.Datacenter, Tier: file.Tier,
		})
	}
	h.fleet, err = fleet.New(cfg)
	return err
}

// buildRecords makes the message browser. It asks our own registry, wherever that
// leads.
func (h *House) buildRecords() {
	browser := records.New(records.Config{Clusters: h.Clusters, Registry: records.RegistryAt(h.app.URL()), Snapshot: h.fleet.Snapshot})
	browser.Register(h.Web.API())
	browser.Measure(h.Web.Metrics())
	h.add("records", nil, func(ctx context.Context, ready func()) error {
		ready()
		return browser.Run(ctx)
	})
}

func (h *House) buildStream(name string, s StreamFile) {
	from, to := h.Clusters[s.From], h.Clusters[s.To]
	cfg := mirror.Config{
		Stream: name, Topics: s.Topics, Hook: h.app.cfg.Hook, Holder: h.app.holder(), URL: h.app.advertised(), Log: h.app.cfg.Log,
	}
	h.add("mirror "+name, []*cluster.Cluster{from, to}, func(ctx context.Context, ready func()) error {
		if err := h.Ensure(ctx, to, mirror.PositionsTopic(), mirror.LeaseTopic(name)); err != nil {
			return err
		}
		m, err := mirror.New(cfg, from, to) // one per run
		if err != nil {
			return err
		}
		ready()
		return m.Run(ctx)
	})
}

// start starts the systems under h.group. A strict app first waits for all
// clusters, and in the end for all systems.
func (h *House) start(ctx context.Context) error {
	if !h.app.cfg.Strict {
		h.Go(h.fleet.Run)
		for _, s := range h.running {
			h.Go(func(ctx context.Context) error { return h.keep(ctx, s) })
		}
		return nil
	}
	for _, name := range h.app.Clusters() {
		if err := h.Clusters[name].Reach(ctx); err != nil {
			return err
		}
	}
	if err := h.distinct(); err != nil {
		return err
	}
	if h.app.cfg.Prepare != nil {
		if err := h.app.cfg.Prepare(ctx, h); err != nil {
			return err
		}
	}
	h.Go(h.fleet.Run)
	for _, s := range h.running {
		h.Go(func(ctx context.Context) error { return s.run(ctx, s.isReady) })
		select {
		case <-s.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// check says whether others may use the system.
func (s *system) check(context.Context) error {
	select {
	case <-s.ready:
		return nil
	default:
		return errors.New("it waits for its clusters, or is starting")
	}
}

func (s *system) isReady() { s.once.Do(func() { close(s.ready) }) }

// distinct refuses one cluster under two names.
func (h *House) distinct() error {
	names := map[string]string{}
	for name, c := range sorted(h.Clusters) {
		if other, ok := names[c.ID]; ok {
			return fmt.Errorf("clusters %s and %s are the same cluster (id %s); give two different ones", other, name, c.ID)
		}
		names[c.ID] = name
	}
	return nil
}

// restartAfter is how long a system that has failed stands still.
const restartAfter = 5 * time.Second

// keep runs a system once its clusters answer, and again when it fails.
func (h *House) keep(ctx context.Context, s *system) error {
	for _, c := range s.needs {
		if c.Await(ctx) != nil {
			return nil
		}
	}
	for ctx.Err() == nil {
		if err := s.run(ctx, s.isReady); err != nil && ctx.Err() == nil {
			h.app.cfg.Log.Error("a system has failed; starting it again", "system", s.name, "after", restartAfter, "error", err)
			pause(ctx, restartAfter)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
