package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/console"
	"github.com/weirhq/weir/internal/mirror"
	"github.com/weirhq/weir/internal/registry"
)

// systems are built by build, in the order in which they start.
type systems struct {
	schemas  *registry.Topic
	registry *registry.Service
	Audit    *audit.Service
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
	if h.schemas, err = registry.OpenTopic(h.Home); err != nil {
		return err
	}
	if h.registry, err = registry.New(registry.Config{Compatibility: cfg.Registry.Compatibility}, h.schemas); err != nil {
		return err
	}
	h.add("registry", []*cluster.Cluster{h.Home}, func(ctx context.Context, ready func()) error {
		if err := h.Ensure(ctx, h.Home, registry.SchemasTopic()); err != nil {
			return err
		}
		if err := h.registry.Load(ctx); err != nil {
			return err
		}
		ready()
		<-ctx.Done()
		return nil
	})
	if err := h.buildAudit(); err != nil {
		return err
	}
	for name, s := range sorted(cfg.Mirror.Streams) {
		h.buildStream(name, s)
	}
	if h.console, err = console.New(console.Config{API: h.Web.InProcess(), Log: cfg.Log}); err != nil {
		return err
	}
	for _, s := range h.running {
		h.Web.Ready(s.name, s.check)
	}
	h.registry.Register(h.Web.Mux())
	h.Audit.Register(h.Web.API())
	h.register(h.Web.API())
	h.console.Register(h.Web.Mux())
	return nil
}

func (h *House) buildAudit() error {
	file := h.app.cfg.Audit
	cfg := audit.Config{
		Window: file.Window, Grace: file.Grace, MaxDelay: file.MaxDelay, ReportInterval: file.ReportInterval, ExplainMax: file.ExplainMax,
		Log: h.app.cfg.Log,
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
		if err := h.Ensure(ctx, h.Home, audit.CountsTopic()); err != nil {
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

func (h *House) buildStream(name string, s StreamFile) {
	from, to := h.Clusters[s.From], h.Clusters[s.To]
	cfg := mirror.Config{Stream: name, Topics: s.Topics, Hook: h.app.cfg.Hook, Log: h.app.cfg.Log}
	h.add("mirror "+name, []*cluster.Cluster{from, to}, func(ctx context.Context, ready func()) error {
		if err := h.Ensure(ctx, to, mirror.PositionsTopic()); err != nil {
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
	watchAll := func() {
		for _, w := range h.watches {
			h.Go(func(ctx context.Context) error { return h.watch(ctx, w) })
		}
	}
	if !h.app.cfg.Strict {
		watchAll()
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
	watchAll()
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
