package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
)

// Config names a cluster and says where it is.
type Config struct {
	Name      string       // the cluster's name in weir, and its tier's in audit
	Bootstrap []string     // host:port of one or more brokers
	Log       *slog.Logger // default: discard
}

// Cluster is a connected cluster. It is safe for concurrent use.
type Cluster struct {
	Name    string
	ID      string // Kafka's own id of the cluster
	Brokers int    // how many answered when it was connected

	cfg    Config
	client *kgo.Client // for requests only: it neither produces nor consumes
	admin  *kadm.Client
}

// connectTimeout bounds how long Connect looks for a broker that answers.
const connectTimeout = 10 * time.Second

// Connect returns a handle on the cluster once a broker has answered. Close it
// after use.
func Connect(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cluster{Name: cfg.Name, cfg: cfg}
	// Its answers must not be older than what was just created or deleted: kadm asks
	// kgo's cache, which by default keeps that a topic is missing for seconds.
	client, err := c.Client(kgo.MetadataMinAge(retryEvery))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	admin := kadm.NewClient(client)
	meta, err := admin.BrokerMetadata(ctx)
	if err != nil {
		client.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %v", connectTimeout)
		}
		return nil, fmt.Errorf("connecting to cluster %s: no broker answers at %s: %w; is it running, and is the address right?",
			cfg.Name, strings.Join(cfg.Bootstrap, ","), err)
	}
	c.ID, c.Brokers, c.client, c.admin = meta.Cluster, len(meta.Brokers), client, admin
	return c, nil
}

// Close ends the handle's own connections; clients made by Client stay.
func (c *Cluster) Close() { c.client.Close() }

// Client returns a new client of this cluster for one role. The caller closes it.
func (c *Cluster) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	base := []kgo.Opt{
		kgo.SeedBrokers(c.cfg.Bootstrap...),
		kgo.ClientID("weir"),
		kgo.WithLogger(kslog.New(slog.New(atLeast{c.cfg.Log.Handler(), slog.LevelWarn}).With("cluster", c.Name))),
	}
	client, err := kgo.NewClient(append(base, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("making a client of cluster %s: %w", c.Name, err)
	}
	return client, nil
}

// Bootstrap returns the addresses that the cluster was connected by.
func (c *Cluster) Bootstrap() []string { return c.cfg.Bootstrap }

// atLeast drops log records below a level: kgo's info lines are about
// connections, ours about the platform.
type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.level}
}

func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}
