package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/wire"
)

// Config describes one stream.
type Config struct {
	Stream string   // name, unique on the target cluster
	Topics []string // they must exist on both clusters, with equal partition counts
	// PositionEvery is how often positions are stored. Default 1s.
	PositionEvery time.Duration
	// LookEvery is how often the topics are looked at for new partitions. Default 10s.
	LookEvery time.Duration
	// Hook, if any, decides about each record.
	Hook Hook

	Holder         string        // who we are among those who could run the stream; see lease.Config
	URL            string        // where our web pages are; may be empty
	SessionTimeout time.Duration // how long the owner may be silent; default: lease's

	Log *slog.Logger // default: discard
}

// Hook decides how often a record is written to the target, and learns where
// the copies went. Its methods are called from several goroutines.
type Hook interface {
	// Copies returns how many copies of a source record are written; 0 drops it.
	Copies(src *kgo.Record) int
	// Copied is called when a copy (0 is the first) is acknowledged.
	Copied(src *kgo.Record, n int, partition int32, offset int64)
}

// Mirror runs one stream, whenever it holds the stream's lease.
type Mirror struct {
	cfg      Config
	from, to *cluster.Cluster
	lease    *lease.Lease

	// Of one term. Set before anything is copied, then only read.
	stored     map[wire.PositionKey]wire.Position
	producer   wire.Producer
	ids        map[string]wire.TopicID // of the topics, at the source
	partitions map[wire.PositionKey]*partition

	mu sync.Mutex // guards what is in the partitions
}

// partition is one source partition of the stream.
type partition struct {
	inflight
	key    wire.PositionKey
	stored wire.Position // as last acknowledged
	epoch  int32         // leader epoch of the newest record read
}

// New returns a mirror of one stream. It starts nothing: see Run.
func New(cfg Config, from, to *cluster.Cluster) (*Mirror, error) {
	if cfg.Stream == "" || len(cfg.Topics) == 0 {
		return nil, errors.New("mirror: a stream needs a name and topics")
	}
	if cfg.PositionEvery == 0 {
		cfg.PositionEvery = time.Second
	}
	if cfg.LookEvery == 0 {
		cfg.LookEvery = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Mirror{cfg: cfg, from: from, to: to}
	var err error
	m.lease, err = lease.New(lease.Config{
		Name: leaseName(cfg.Stream), Cluster: to, Holder: cfg.Holder, URL: cfg.URL, SessionTimeout: cfg.SessionTimeout,
		Prepare: m.readPositions, Log: cfg.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("mirror: stream %s: %w", cfg.Stream, err)
	}
	return m, nil
}

func leaseName(stream string) string { return "mirror-" + stream }

// LeaseTopic is how the topic of a stream's lease has to be kept on the target
// cluster.
func LeaseTopic(stream string) cluster.Topic { return lease.Topic(leaseName(stream)) }

// Run copies while it holds the stream's lease, until ctx ends; then it waits for
// what is under way and stores the positions.
func (m *Mirror) Run(ctx context.Context) error {
	if m.from.ID == m.to.ID {
		return fmt.Errorf("mirror: stream %s: clusters %s and %s are the same cluster (id %s)", m.cfg.Stream, m.from.Name, m.to.Name, m.from.ID)
	}
	var stopping error
	err := m.lease.Run(ctx, func(leading context.Context, w *lease.Writer) error {
		err := m.lead(leading, w)
		if ctx.Err() != nil { // which the lease takes for a good end
			stopping = err
		}
		return err
	})
	return errors.Join(err, stopping)
}

// lead copies until ctx ends: with Run, or with the lease.
func (m *Mirror) lead(ctx context.Context, w *lease.Writer) error {
	largest, err := m.largestBatch(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	target, err := m.to.Client(
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(largest),
	)
	if err != nil {
		return err
	}
	defer target.Close()
	offsets, err := m.resume(ctx, w, target)
	switch {
	case ctx.Err() != nil: // nothing is under way yet
		return nil
	case err != nil:
		return err
	}
	source, err := m.from.Client(
		kgo.ConsumePartitions(offsets),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they have offsets too: the position must pass them
	)
	if err != nil {
		return err
	}
	defer source.Close()

	writing, cancel := outlive(ctx, finishTimeout)
	defer cancel()
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return m.copy(running, writing, source, target) })
	group.Go(func() error { return m.storeEvery(running, w) })
	group.Go(func() error { return m.look(running) })
	err = group.Wait()
	if grown := new(grownError); errors.As(err, &grown) {
		ending, cancel := context.WithTimeout(writing, finishTimeout)
		defer cancel()
		return errors.Join(err, m.finish(ending, w, target))
	}
	if err != nil {
		return fmt.Errorf("mirroring %s from %s to %s: %w", m.cfg.Stream, m.from.Name, m.to.Name, err)
	}
	return m.finish(writing, w, target)
}

// grownError says that a source topic has more partitions than the stream began
// with. The stream ends, without duplicates: whoever runs it begins it again with all.
type grownError struct {
	topic, cluster string
	from, to       int
}

// Error implements error.
func (e *grownError) Error() string {
	return fmt.Sprintf("topic %s on %s had %d partitions when the stream began and has %d now; it has to begin again", e.topic, e.cluster, e.from, e.to)
}

// look looks for partitions that are new, which nothing would read.
func (m *Mirror) look(ctx context.Context) error {
	began := map[wire.TopicID]int{}
	for key := range m.partitions {
		began[key.TopicID]++
	}
	ticker := time.NewTicker(m.cfg.LookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for topic, id := range m.ids {
			now, err := m.from.Topic(ctx, topic) // without an answer there is nothing to say
			if err == nil && int(now.Partitions) > began[id] {
				return &grownError{topic, m.from.Name, began[id], int(now.Partitions)}
			}
		}
	}
}

// finish stores how far the copies have come. That is done once before those under
// way are waited for: whose lease has gone to another learns it, and leaves them.
func (m *Mirror) finish(ctx context.Context, w *lease.Writer, target *kgo.Client) error {
	err := m.store(ctx, w)
	if err == nil {
		if err = target.Flush(ctx); err != nil {
			err = fmt.Errorf("waiting for the target: %w", err)
		} else {
			err = m.store(ctx, w)
		}
	}
	if err != nil {
		return fmt.Errorf("stopping %s: %w", m.cfg.Stream, err)
	}
	return nil
}

// largestBatch returns the size of the largest batch that all target topics take.
func (m *Mirror) largestBatch(ctx context.Context) (int32, error) {
	least := int32(math.MaxInt32)
	for _, topic := range m.cfg.Topics {
		n, err := m.to.MaxMessageBytes(ctx, topic)
		if err != nil {
			return 0, err
		}
		least = min(least, n)
	}
	return least, nil
}

// copy reads until ctx ends; what it writes may take as long as writing lasts.
func (m *Mirror) copy(ctx, writing context.Context, source, target *kgo.Client) error {
	// A copy that fails ends the reading, also while there is nothing to read.
	reading, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	for {
		fetches := source.PollFetches(reading)
		switch {
		case ctx.Err() != nil:
			return nil
		case reading.Err() != nil:
			return context.Cause(reading)
		}
		for _, f := range fetches.Errors() {
			return m.fetchError(ctx, m.partitions[wire.PositionKey{Stream: m.cfg.Stream, TopicID: m.ids[f.Topic], Partition: f.Partition}], f)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			key := wire.PositionKey{Stream: m.cfg.Stream, TopicID: m.ids[r.Topic], Partition: r.Partition}
			m.write(writing, target, m.partitions[key], r, fail)
		})
	}
}

// fetchError says what is wrong with a source partition: if its log does not hold
// what was to be read next, at which offsets.
func (m *Mirror) fetchError(ctx context.Context, p *partition, f kgo.FetchError) error {
	err := fmt.Errorf("reading %s/%d: %w", f.Topic, f.Partition, f.Err)
	if p == nil || !errors.Is(f.Err, kerr.OffsetOutOfRange) {
		return err
	}
	starts, startErr := m.from.StartOffsets(ctx, f.Topic)
	ends, endErr := m.from.EndOffsets(ctx, f.Topic)
	if startErr != nil || endErr != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return &cluster.GapError{Topic: f.Topic, Partition: f.Partition, Offset: p.next(), Start: starts[f.Partition], End: ends[f.Partition]}
}

// write sends the copies of one record; fail is called if one can't be written.
func (m *Mirror) write(ctx context.Context, target *kgo.Client, p *partition, r *kgo.Record, fail func(error)) {
	copies := 1
	switch {
	case r.Attrs.IsControl():
		copies = 0
	case m.cfg.Hook != nil:
		copies = m.cfg.Hook.Copies(r)
	}
	m.mu.Lock()
	p.epoch = r.LeaderEpoch
	e := p.add(r.Offset, copies)
	m.mu.Unlock()
	for n := range copies {
		out := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
		target.Produce(ctx, out, func(out *kgo.Record, err error) {
			if err != nil {
				fail(fmt.Errorf("writing %s/%d, source offset %d: %w", r.Topic, r.Partition, r.Offset, err))
				return
			}
			if m.cfg.Hook != nil {
				m.cfg.Hook.Copied(r, n, out.Partition, out.Offset)
			}
			m.mu.Lock()
			p.acknowledge(e, out.Offset)
			m.mu.Unlock()
		})
	}
}

// finishTimeout bounds how long a stopping mirror waits for the target.
const finishTimeout = 10 * time.Second

// outlive returns a context that ends d after ctx has ended.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, cancel
}
