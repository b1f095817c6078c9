package actions

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
)

// TopicName is the log.
const TopicName = "_weir.console.actions"

// Topic is how the log has to be kept.
func Topic() cluster.Topic {
	return cluster.Topic{Name: TopicName, Partitions: 1, Configs: cluster.Kept()}
}

var (
	// ErrUnavailable is wrapped by errors about a change that was refused because it
	// could not be recorded.
	ErrUnavailable = errors.New("the actions log can not be written, so nothing is changed")
	// ErrEndNotRecorded is wrapped by errors about a change that has run, but how it
	// ended is not in the log.
	ErrEndNotRecorded = errors.New("its end could not be recorded")
)

// Config configures a Log.
type Config struct {
	// Instance names this process among all that ever write to the log, if no two of
	// one name can run at once: then what an earlier one of the name has left without
	// an end is known to be unknown at once. Default: none.
	Instance string
	// Keep is how many actions are held in memory. Default 10,000.
	Keep int
	// WriteTimeout is how long one write may take; at least 1s. Default 10s.
	WriteTimeout time.Duration
	Now          func() time.Time // default: time.Now
}

// Log is the actions log of one cluster. It is safe for concurrent use. Close it
// after use.
type Log struct {
	cfg     Config
	cluster *cluster.Cluster
	client  *kgo.Client

	writing sync.Mutex // held while a record is written; guards writer, n and prev
	writer  string     // "" until the first write and after one that failed
	n       int64
	prev    string

	mu      sync.Mutex // guards below
	loaded  bool
	own     string // the newest writer of this process
	history *history
}

// New returns the log of a cluster. It asks the cluster nothing yet.
func New(cfg Config, c *cluster.Cluster) (*Log, error) {
	cfg.Keep = cmp.Or(cfg.Keep, 10_000)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 10*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	client, err := c.Client(
		kgo.DefaultProduceTopic(TopicName),
		// Also where somebody has made the topic with more partitions.
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		// A write whose time is over is unknown, and ends the chain.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.RecordDeliveryTimeout(cfg.WriteTimeout),
	)
	if err != nil {
		return nil, err
	}
	return &Log{cfg: cfg, cluster: c, client: client, own: newWriter(cfg.Instance), history: newHistory(cfg.Keep)}, nil
}

func newWriter(instance string) string { return instance + "#" + rand.Text() }

// Close ends the connections.
func (l *Log) Close() { l.client.Close() }

// Load makes the topic if it is missing and reads what it holds. The first Do does
// it too.
func (l *Log) Load(ctx context.Context) error {
	if _, _, err := l.cluster.EnsureTopic(ctx, Topic()); err != nil {
		return err
	}
	return l.read(ctx)
}

// Read reads what the log holds. A cluster without a log has an empty one.
func (l *Log) Read(ctx context.Context) error { return missingIsEmpty(l.read(ctx)) }

func missingIsEmpty(err error) error {
	if errors.Is(err, cluster.ErrNoTopic) {
		return nil
	}
	return err
}

// read reads from where the reading before has ended. A log whose beginning has
// been deleted is read from what is left of it.
func (l *Log) read(ctx context.Context) error {
	starts, err := l.cluster.StartOffsets(ctx, TopicName)
	if err != nil {
		return fmt.Errorf("reading the actions log: %w", err)
	}
	from := cluster.Offsets{0: max(starts[0], l.next())}
	if _, err = l.cluster.ReadToEnd(ctx, TopicName, from, func(r *kgo.Record) error { l.add(r); return nil }); err != nil {
		return fmt.Errorf("reading the actions log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded = true
	return nil
}

func (l *Log) next() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.history.next
}

func (l *Log) add(r *kgo.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history.add(r.Offset, r.Value)
}

// Run loads the log, calls ready, and follows what others write until ctx ends.
func (l *Log) Run(ctx context.Context, ready func()) error {
	if err := l.Load(ctx); err != nil {
		return err
	}
	ready()
	return l.cluster.Follow(ctx, TopicName, cluster.Offsets{0: l.next()}, func(records []*kgo.Record) error {
		for _, r := range records {
			l.add(r)
		}
		return nil
	})
}

// Do records that a is asked for, runs it, and records how it ended. If the first
// can not be recorded, it runs nothing and its error wraps ErrUnavailable; if the
// last can not, the error wraps ErrEndNotRecorded, and run's error if any.
// Otherwise it returns run's error.
func (l *Log) Do(ctx context.Context, a Action, run func(context.Context) error) error {
	r := record{ID: rand.Text(), Action: a, State: Asked}
	if err := l.write(ctx, r); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// If we die here, or anywhere before the write below, readers see an action
	// without an end, and call it unknown.
	failed := run(ctx)
	r.Change, r.Reason, r.State = nil, "", Done
	if failed != nil {
		r.State, r.Error = Failed, failed.Error()
	}
	err := l.write(context.WithoutCancel(ctx), r)
	switch {
	case err != nil && failed != nil:
		return fmt.Errorf("the change failed: %w; and %w: %w", failed, ErrEndNotRecorded, err)
	case err != nil:
		return fmt.Errorf("the change was made, but %w: %w", ErrEndNotRecorded, err)
	}
	return failed
}

// write appends a record to this process's chain.
func (l *Log) write(ctx context.Context, r record) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.WriteTimeout)
	defer cancel()
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.begin(ctx); err != nil {
		return err
	}
	r.At, r.Writer, r.N, r.Prev = l.cfg.Now(), l.writer, l.n+1, l.prev
	value, err := r.bounded().encode()
	if err != nil {
		return err
	}
	produced, err := l.client.ProduceSync(ctx, &kgo.Record{Partition: 0, Value: value}).First()
	if err != nil {
		l.writer = "" // the record may be in the log or not: this chain ends here
		return fmt.Errorf("writing to %s on cluster %s: %w", TopicName, l.cluster.Name, err)
	}
	l.n, l.prev = r.N, hash(value)
	l.addOwn(produced.Offset, value)
	return nil
}

// addOwn takes a record that we have written, unless others' records before it
// have not been read yet: then Run reads it.
func (l *Log) addOwn(offset int64, value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset == l.history.next {
		l.history.add(offset, value)
	}
}

// begin starts a chain if none is going on. The caller holds writing.
func (l *Log) begin(ctx context.Context) error {
	if l.writer != "" {
		return nil
	}
	if err := l.Load(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.own = newWriter(l.cfg.Instance)
	l.writer, l.n, l.prev = l.own, 0, l.history.last
	return nil
}

// List returns the actions that f asks for, the newest first, and whether there
// are more. Of a log longer than Config.Keep it knows the newest.
func (l *Log) List(f Filter) (entries []Entry, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.history.list(f, l.own, l.cfg.Now())
}

// Forgotten returns how many actions are in the log, but not in memory, and how
// many of its records are none that this weir can read.
func (l *Log) Forgotten() (older, foreign int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.history.dropped, l.history.foreign
}
