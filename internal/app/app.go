package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/mirror"
	"github.com/weirhq/weir/internal/web"
)

// Version of weir.
const Version = "0.1.0-dev"

// Config says what to run.
type Config struct {
	File
	// Movable are addresses that are replaced by a free port if they are taken.
	Movable []string
	// Strict ends the app when a cluster does not answer at the start or a system
	// fails; otherwise that system waits or is started again, and the others go on.
	Strict bool
	// Prepare, if any, is called when all clusters of a strict app answer, before
	// anything is created; its error ends the start.
	Prepare func(ctx context.Context, h *House) error
	// Created, if any, is called for each topic that the app has created.
	Created func(ctx context.Context, h *House, c *cluster.Cluster, t cluster.TopicInfo) error
	// Hook, if any, is given to the mirror streams.
	Hook mirror.Hook
	Log  *slog.Logger
}

// App is a configured weir.
type App struct {
	cfg     Config
	engines map[string]*broker.Broker
	web     *web.Server
	Moved   []string // says of each address that was taken what replaced it
}

// New validates the configuration, binds every address and locks every data
// directory. It starts nothing: see Run. Close an App that does not run.
func New(cfg Config) (_ *App, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{cfg: cfg, engines: map[string]*broker.Broker{}}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	// First what leaves nothing behind if an address is taken.
	err = a.bind(cfg.Web.Listen, "web", func(addr string) (bound string, err error) {
		if a.web, err = web.New(web.Config{Listen: addr, Version: Version, Log: cfg.Log}); err != nil {
			return "", err
		}
		return a.web.Addr(), nil
	})
	if err != nil {
		return nil, err
	}
	for name, c := range sorted(cfg.Clusters) {
		if c.Embedded == nil {
			continue
		}
		err := a.bind(c.Embedded.Listen, "Kafka of cluster "+name, func(addr string) (bound string, err error) {
			engine, err := broker.New(broker.Config{Dir: cfg.dir(name), Listen: addr, Log: cfg.Log})
			if err != nil {
				return "", err
			}
			a.engines[name] = engine
			return engine.Addr(), nil
		})
		if err != nil {
			return nil, fmt.Errorf("starting embedded cluster %s: %w", name, err)
		}
	}
	return a, nil
}

// dir returns the data directory of an embedded cluster.
func (f *File) dir(name string) string {
	if dir := f.Clusters[name].Embedded.Dir; dir != "" {
		return filepath.Clean(dir)
	}
	return filepath.Join(f.DataDir, name)
}

func (a *App) bind(addr, what string, listen func(string) (string, error)) error {
	_, err := listen(addr)
	if err == nil || !slices.Contains(a.cfg.Movable, addr) || !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	bound, err := listen(net.JoinHostPort(host, "0"))
	if err == nil {
		a.Moved = append(a.Moved, fmt.Sprintf("%s is taken, %s uses %s", addr, what, bound))
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

// Clusters returns the names of the clusters, home first.
func (a *App) Clusters() []string {
	names := slices.Sorted(maps.Keys(a.cfg.Clusters))
	slices.SortStableFunc(names, func(x, y string) int {
		switch a.cfg.Home {
		case x:
			return -1
		case y:
			return 1
		}
		return 0
	})
	return names
}

// Bootstrap returns the Kafka addresses of a cluster, and whether it is embedded.
func (a *App) Bootstrap(name string) (addrs []string, embedded bool) {
	if engine := a.engines[name]; engine != nil {
		return []string{engine.Addr()}, true
	}
	return a.cfg.Clusters[name].Bootstrap, false
}

// House is a running weir.
type House struct {
	Clusters map[string]*cluster.Cluster
	Home     *cluster.Cluster
	Web      *web.Server
	systems
	app *App

	group *errgroup.Group
	ctx   context.Context
}

// Go runs f beside the systems; its error ends the app, its end does not. It
// must end when its context does.
func (h *House) Go(f func(context.Context) error) {
	h.group.Go(func() error { return f(h.ctx) })
}

// Ensure makes the topics that are missing on a cluster, and tells
// Config.Created.
func (h *House) Ensure(ctx context.Context, c *cluster.Cluster, topics ...cluster.Topic) error {
	for _, t := range topics {
		info, created, err := c.EnsureTopic(ctx, t)
		if err != nil {
			return err
		}
		if created && h.app.cfg.Created != nil {
			if err := h.app.cfg.Created(ctx, h, c, info); err != nil {
				return err
			}
		}
	}
	return nil
}

// Run runs everything and, once it runs, load. It returns when load has returned
// and everything has stopped, or with the first error. When ctx ends, load is
// told first, and everything stops after it.
func (a *App) Run(ctx context.Context, load func(context.Context, *House) error) error {
	return a.withEngines(ctx, func(servers context.Context) error {
		h := &House{Web: a.web, app: a}
		defer h.close()
		if err := h.open(); err != nil {
			a.web.Close()
			return err
		}
		front, stopFront := context.WithCancel(servers)
		defer stopFront()
		serving, front := errgroup.WithContext(front)
		serving.Go(func() error { return a.web.Run(front) })
		serving.Go(func() error { return h.console.Run(front) })
		err := h.work(ctx, front, load)
		stopFront()
		return errors.Join(err, serving.Wait())
	})
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

// open makes the clusters' handles and the systems, and mounts their routes.
func (h *House) open() error {
	h.Clusters = map[string]*cluster.Cluster{}
	for name, cfg := range sorted(h.app.cfg.Clusters) {
		addrs, _ := h.app.Bootstrap(name)
		c, err := cluster.New(cluster.Config{Name: name, Bootstrap: addrs, Security: cfg.Security, Log: h.app.cfg.Log})
		if err != nil {
			return err
		}
		h.Clusters[name] = c
	}
	h.Home = h.Clusters[h.app.cfg.Home]
	return h.build()
}

func (h *House) close() {
	if h.actions != nil {
		h.actions.Close()
	}
	for _, c := range h.Clusters {
		c.Close()
	}
}

// work runs the systems, and load beside them, until load returns.
func (h *House) work(ctx, servers context.Context, load func(context.Context, *House) error) error {
	working, stop := context.WithCancel(servers)
	defer stop()
	h.group, h.ctx = errgroup.WithContext(working)
	loading, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	context.AfterFunc(h.ctx, stopLoad) // a system has failed
	err := h.start(loading)
	if err == nil {
		err = load(loading, h)
	}
	stop()
	// A system's error is the cause, where load saw only its context end; unless it
	// is about the end that we have just brought about.
	if failed := h.group.Wait(); failed != nil && !errors.Is(failed, context.Canceled) {
		return failed
	}
	return err
}
