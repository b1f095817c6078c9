package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/console"
	"github.com/weirhq/weir/internal/mirror"
	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/web"
)

// Version of weir.
const Version = "0.1.0-dev"

// Config says what to run.
type Config struct {
	// Clusters in the order of the route; the first is home, where weir keeps its
	// state, and takes the producers.
	Clusters []ClusterConfig
	// Listen is the HTTP address.
	Listen Address
	// Topics are mirrored from each cluster to the next, and audited. They are
	// created where they are missing.
	Topics []cluster.Topic
	// Hook, if any, is given to the mirror streams.
	Hook mirror.Hook
	// CountEvery is how often counters report. Default 60s.
	CountEvery time.Duration
	// Check, if any, is called when all clusters answer, before anything is
	// created; its error ends the start.
	Check func(ctx context.Context, h *House) error
	// Created, if any, is called for each topic that the app has created.
	Created func(ctx context.Context, h *House, c *cluster.Cluster, t cluster.TopicInfo) error
	Log     *slog.Logger
}

// ClusterConfig is one cluster: an existing one by its bootstrap addresses, or an
// embedded engine.
type ClusterConfig struct {
	Name      string
	Bootstrap []string // host:port; empty: embedded
	Dir       string   // data directory of the embedded engine
	Listen    Address  // of the embedded engine
}

// Address is a host:port to listen on. A default one that is taken is replaced by
// a free port, one that was asked for is not.
type Address struct {
	Value   string
	Default bool
}

// App is a configured weir.
type App struct {
	cfg     Config
	engines map[string]*broker.Broker
	web     *web.Server
	Moved   []string // says of each default address that was taken what replaced it
}

// House is a running weir: what a load needs of it.
type House struct {
	Clusters []*cluster.Cluster
	Audit    *audit.Service
	Web      *web.Server
	Registry string // URL
	group    *errgroup.Group
	ctx      context.Context
}

// Go runs f beside the systems; its error ends the app, its end does not. It
// must end when its context does.
func (h *House) Go(f func(context.Context) error) {
	h.group.Go(func() error { return f(h.ctx) })
}

// New binds every address and locks every data directory. It starts nothing: see
// Run. Close an App that does not run.
func New(cfg Config) (_ *App, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{cfg: cfg, engines: map[string]*broker.Broker{}}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	for _, c := range cfg.Clusters {
		if len(c.Bootstrap) > 0 {
			continue
		}
		err := a.bind(c.Listen, "Kafka of cluster "+c.Name, func(addr string) (bound string, err error) {
			engine, err := broker.New(broker.Config{Dir: filepath.Clean(c.Dir), Listen: addr, Log: cfg.Log})
			if err != nil {
				return "", err
			}
			a.engines[c.Name] = engine
			return engine.Addr(), nil
		})
		if err != nil {
			return nil, fmt.Errorf("starting embedded cluster %s: %w", c.Name, err)
		}
	}
	err = a.bind(cfg.Listen, "web", func(addr string) (bound string, err error) {
		if a.web, err = web.New(web.Config{Listen: addr, Version: Version, Log: cfg.Log}); err != nil {
			return "", err
		}
		return a.web.Addr(), nil
	})
	return a, err
}

func (a *App) bind(addr Address, what string, listen func(string) (string, error)) error {
	_, err := listen(addr.Value)
	if err == nil || !addr.Default || !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	host, _, err := net.SplitHostPort(addr.Value)
	if err != nil {
		return err
	}
	bound, err := listen(net.JoinHostPort(host, "0"))
	if err == nil {
		a.Moved = append(a.Moved, fmt.Sprintf("%s is taken, %s uses %s", addr.Value, what, bound))
	}
	return err
}

// Close releases what New took.
func (a *App) Close() {
	for _, engine := range a.engines {
		engine.Close()
	}
	if a.web != nil {
		a.web.Close()
	}
}

// URL returns the address of the pages and of the API.
func (a *App) URL() string { return "http://" + a.web.Addr() }

// Bootstrap returns the Kafka addresses of a cluster.
func (a *App) Bootstrap(name string) []string {
	if engine := a.engines[name]; engine != nil {
		return []string{engine.Addr()}
	}
	for _, c := range a.cfg.Clusters {
		if c.Name == name {
			return c.Bootstrap
		}
	}
	return nil
}

// Run runs everything and, once it runs, load. It returns when load has returned
// and everything has stopped, or with the first error. When ctx ends, load is
// told first, and everything stops after it.
func (a *App) Run(ctx context.Context, load func(context.Context, *House) error) error {
	return a.withEngines(ctx, func(servers context.Context) error { return a.runSystems(ctx, servers, load) })
}

// withEngines runs the embedded engines while f runs. f's context outlives ctx,
// and ends when an engine fails.
func (a *App) withEngines(ctx context.Context, f func(context.Context) error) error {
	servers, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	engines, running := errgroup.WithContext(servers)
	for _, engine := range a.engines {
		engines.Go(func() error { return engine.Run(running) })
	}
	err := f(running)
	stop()
	return errors.Join(err, engines.Wait())
}

func (a *App) runSystems(ctx, servers context.Context, load func(context.Context, *House) error) error {
	clusters, err := a.connect(ctx)
	defer func() {
		for _, c := range clusters {
			c.Close()
		}
	}()
	if err != nil {
		a.web.Close()
		return err
	}
	h := &House{Clusters: clusters, Web: a.web, Registry: a.URL()}
	systems, err := a.build(ctx, h)
	if err != nil {
		a.web.Close()
		return err
	}
	defer systems.schemas.Close()

	serving, stopServing := context.WithCancel(servers)
	defer stopServing()
	front, serving := errgroup.WithContext(serving)
	front.Go(func() error { return a.web.Run(serving) })
	front.Go(func() error { return systems.console.Run(serving) })

	err = a.runWorkers(ctx, serving, systems, h, load)
	stopServing()
	return errors.Join(err, front.Wait())
}

// systems are built and not yet running.
type systems struct {
	schemas  *registry.Topic
	registry *registry.Service
	mirrors  []*mirror.Mirror
	console  *console.Console
}

func (a *App) runWorkers(ctx, serving context.Context, s *systems, h *House, load func(context.Context, *House) error) error {
	working, stop := context.WithCancel(serving)
	defer stop()
	workers, working := errgroup.WithContext(working)
	h.group, h.ctx = workers, working
	if err := s.registry.Load(working); err != nil {
		return err
	}
	var once sync.Once
	ready := make(chan struct{})
	workers.Go(func() error { return h.Audit.Run(working, func() { once.Do(func() { close(ready) }) }) })
	for _, m := range s.mirrors {
		workers.Go(func() error { return m.Run(working) })
	}
	loading, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	context.AfterFunc(working, stopLoad) // a worker failed
	var err error
	select {
	case <-ready:
		err = load(loading, h)
	case <-loading.Done():
	}
	stop()
	if failed := workers.Wait(); failed != nil {
		return failed // the cause, where load only saw its context end
	}
	return err
}

func (a *App) connect(ctx context.Context) ([]*cluster.Cluster, error) {
	var clusters []*cluster.Cluster
	ids := map[string]string{}
	for _, c := range a.cfg.Clusters {
		connected, err := cluster.Connect(ctx, cluster.Config{Name: c.Name, Bootstrap: a.Bootstrap(c.Name), Log: a.cfg.Log})
		if err != nil {
			return clusters, err
		}
		clusters = append(clusters, connected)
		if other, ok := ids[connected.ID]; ok {
			return clusters, fmt.Errorf("clusters %s and %s are the same cluster (id %s, at %s); give two different ones",
				other, c.Name, connected.ID, strings.Join(c.Bootstrap, ","))
		}
		ids[connected.ID] = c.Name
	}
	return clusters, nil
}

// build makes the topics and the systems, and mounts their routes.
func (a *App) build(ctx context.Context, h *House) (*systems, error) {
	if a.cfg.Check != nil {
		if err := a.cfg.Check(ctx, h); err != nil {
			return nil, err
		}
	}
	if err := a.ensureTopics(ctx, h); err != nil {
		return nil, err
	}
	home := h.Clusters[0]
	s := &systems{}
	var err error
	if s.schemas, err = registry.OpenTopic(home); err != nil {
		return nil, err
	}
	if s.registry, err = registry.New(registry.Config{}, s.schemas); err != nil {
		return nil, err
	}
	var names []string
	for _, t := range a.cfg.Topics {
		names = append(names, t.Name)
	}
	for i, c := range h.Clusters[1:] {
		from := h.Clusters[i]
		m, err := mirror.New(mirror.Config{Stream: streamName(from, c), Topics: names, Hook: a.cfg.Hook, Log: a.cfg.Log}, from, c)
		if err != nil {
			return nil, err
		}
		s.mirrors = append(s.mirrors, m)
	}
	if h.Audit, err = audit.New(a.auditConfig(h), home); err != nil {
		return nil, err
	}
	if s.console, err = console.New(console.Config{API: a.web.InProcess(), Log: a.cfg.Log}); err != nil {
		return nil, err
	}
	s.registry.Register(a.web.Mux())
	h.Audit.Register(a.web.API())
	s.console.Register(a.web.Mux())
	return s, nil
}

func streamName(from, to *cluster.Cluster) string { return from.Name + "-" + to.Name }

func (a *App) auditConfig(h *House) audit.Config {
	cfg := audit.Config{ReportInterval: a.cfg.CountEvery, Log: a.cfg.Log}
	for _, t := range a.cfg.Topics {
		route := audit.Route{Topic: t.Name}
		for i, c := range h.Clusters {
			tier := audit.Tier{Cluster: c}
			if i > 0 {
				tier.Stream = streamName(h.Clusters[i-1], c)
			}
			route.Tiers = append(route.Tiers, tier)
		}
		cfg.Routes = append(cfg.Routes, route)
	}
	return cfg
}

func (a *App) ensureTopics(ctx context.Context, h *House) error {
	for i, c := range h.Clusters {
		topics := slices.Clone(a.cfg.Topics)
		if i == 0 {
			topics = append(topics, audit.ReportsTopic(), audit.CountsTopic(), registry.SchemasTopic())
		} else {
			topics = append(topics, mirror.PositionsTopic())
		}
		for _, t := range topics {
			info, created, err := c.EnsureTopic(ctx, t)
			if err != nil {
				return err
			}
			if created && a.cfg.Created != nil {
				if err := a.cfg.Created(ctx, h, c, info); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
