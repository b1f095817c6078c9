package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Broker is one embedded engine on one data directory.
type Broker struct {
	cfg       Config
	clusterID string
	lock      *os.File
	listener  *guardedListener
	release   func() error // closes listener and lock, once

	ready   chan struct{}  // closed by Run when cluster is set
	cluster *kfake.Cluster // written by Run before it closes ready, constant afterwards
}

// New takes the address and the data directory; it starts nothing. Clients may connect from here on: the kernel keeps them waiting until
// Run serves. A taken address is an error that wraps syscall.EADDRINUSE. Whoever does not call Run calls Close.
func New(cfg Config) (_ *Broker, err error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	// The address comes first, so that a taken one leaves no directory behind.
	ln, err := net.Listen("tcp", cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("address %s is taken (%w): stop the process that listens there or choose another port", cfg.Listen, syscall.EADDRINUSE)
	} else if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", cfg.Listen, err)
	}
	defer func() {
		if err != nil {
			ln.Close()
		}
	}()
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	id, err := loadClusterID(cfg.Dir)
	if err != nil {
		lock.Close()
		return nil, err
	}
	b := &Broker{
		cfg:       cfg,
		clusterID: id,
		lock:      lock,
		listener:  &guardedListener{Listener: ln, maxFrame: cfg.MaxFrame},
		ready:     make(chan struct{}),
	}
	b.release = sync.OnceValue(func() error {
		err := b.listener.Close()
		if errors.Is(err, net.ErrClosed) { // the engine closes it at its own end
			err = nil
		}
		return errors.Join(err, b.lock.Close())
	})
	return b, nil
}

// Run loads the data directory, serves until ctx ends, saves what is kept in memory and gives address and directory back. It returns nil
// when ctx ended it. A Broker runs once.
func (b *Broker) Run(ctx context.Context) error {
	defer b.release()
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return b.listener, nil }),
		kfake.ClusterID(b.clusterID),
		kfake.DataDir(filepath.Join(b.cfg.Dir, engineDir)),
		kfake.SyncWrites(),
		kfake.WithLogger(logger{b.cfg.Log}),
	)
	if err != nil {
		return fmt.Errorf("starting the embedded engine on %s: %w", b.cfg.Dir, err)
	}
	b.cluster = cluster
	close(b.ready)
	<-ctx.Done()
	cluster.Close()
	return nil
}

// Close gives address and directory back, for a Broker whose Run is never called. After Run it does nothing.
func (b *Broker) Close() error { return b.release() }

// Ready is closed when Run serves.
func (b *Broker) Ready() <-chan struct{} { return b.ready }

// Addr is the host:port that clients connect to.
func (b *Broker) Addr() string { return b.listener.Addr().String() }

// ClusterID is the random id that this data directory got when it was made, in Kafka's form: 22 characters of URL-safe base64.
func (b *Broker) ClusterID() string { return b.clusterID }

// RefusedFrames is the number of requests for which a connection was closed, since New.
func (b *Broker) RefusedFrames() int64 { return b.listener.refused.Load() }

// ApplyRetention deletes now what the engine would delete at its next hourly pass. It is for tests, and waits until Run serves.
func (b *Broker) ApplyRetention() {
	<-b.ready
	b.cluster.ApplyRetention()
}

// logger hands kfake's messages to slog. Below warnings they are one line per request: never wanted.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded engine: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		level := slog.LevelWarn
		if strings.HasPrefix(format, "txn: EndTxn slow") { // slow is more than 5 ms, which a sync to disk often takes
			level = slog.LevelDebug
		}
		l.log.Log(context.Background(), level, "embedded engine: "+fmt.Sprintf(format, args...))
	}
}
