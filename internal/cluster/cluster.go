package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
)

// Config names a cluster and says where it is.
type Config struct {
	Name      string       // the cluster's name in weir, and its tier's in audit
	Bootstrap []string     // host:port of one or more brokers
	Security  Security     // default: plain text, no user
	Log       *slog.Logger // default: discard
	// BrokerTimeout is how long Refresh waits for one broker. Default 5s.
	BrokerTimeout time.Duration
}

// Cluster is a handle on a cluster. It is safe for concurrent use. ID and Brokers
// are set once a broker has answered: after Connect, or after Await.
type Cluster struct {
	Name    string
	ID      string // Kafka's own id of the cluster
	Brokers int    // how many answered when it was connected

	cfg    Config
	client *kgo.Client // for requests only: it neither produces nor consumes
	admin  *kadm.Client
	// security is what cfg.Security comes to.
	security  []kgo.Opt
	refresher *refresher
	once      sync.Once     // sets ID and Brokers
	up        chan struct{} // closed when they are set
}

// New returns a handle that has not asked the cluster anything yet. Close it
// after use.
func New(cfg Config) (*Cluster, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.BrokerTimeout == 0 {
		cfg.BrokerTimeout = defaultBrokerTimeout
	}
	c := &Cluster{Name: cfg.Name, cfg: cfg, up: make(chan struct{})}
	var err error
	if c.security, err = cfg.Security.opts(); err != nil {
		return nil, fmt.Errorf("connecting to cluster %s: %w", cfg.Name, err)
	}
	// Its answers must not be older than what was just created or deleted: kadm asks
	// kgo's cache, which by default keeps that a topic is missing for seconds.
	client, err := c.Client(kgo.MetadataMinAge(retryEvery))
	if err != nil {
		return nil, err
	}
	c.client, c.admin = client, kadm.NewClient(client)
	if c.refresher, err = newRefresher(c); err != nil {
		client.Close()
		return nil, err
	}
	return c, nil
}

// connectTimeout bounds how long Connect looks for a broker that answers.
const connectTimeout = 10 * time.Second

// Connect returns a handle on the cluster once a broker has answered. Close it
// after use.
func Connect(ctx context.Context, cfg Config) (*Cluster, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Reach(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Reach asks the cluster who it is. It gives up after some seconds.
func (c *Cluster) Reach(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	meta, err := c.admin.BrokerMetadata(bounded)
	if err != nil {
		if refusal := c.cfg.Security.refusal(ctx, c.cfg.Bootstrap, err); refusal != nil {
			return fmt.Errorf("connecting to cluster %s: %w", c.Name, refusal)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %v", connectTimeout)
		}
		return fmt.Errorf("connecting to cluster %s: no broker answers at %s: %w; is it running, and is the address right?",
			c.Name, strings.Join(c.cfg.Bootstrap, ","), err)
	}
	c.once.Do(func() {
		c.ID, c.Brokers = meta.Cluster, len(meta.Brokers)
		close(c.up)
	})
	return nil
}

// Await waits until Reach has succeeded, whoever called it.
func (c *Cluster) Await(ctx context.Context) error {
	select {
	case <-c.up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// metadataMinAge is how soon a client asks again for metadata. kgo's default of
// 5 s is a pause in every stream whenever a leader moves, a connection breaks or
// a topic is new.
const metadataMinAge = 250 * time.Millisecond

// Close ends the handle's own connections; clients made by Client stay.
func (c *Cluster) Close() {
	c.client.Close()
	c.refresher.close()
}

// Client returns a new client of this cluster for one role. The caller closes it.
func (c *Cluster) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	base := append(c.Opts(),
		kgo.ClientID("weir"),
		kgo.MetadataMinAge(metadataMinAge),
		kgo.WithLogger(kslog.New(slog.New(atLeast{c.cfg.Log.Handler(), slog.LevelError}).With("cluster", c.Name))),
	)
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
