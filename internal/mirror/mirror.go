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
	"github.com/weirhq/weir/internal/wire"
)

// PositionsTopic is how the positions have to be kept on a target cluster.
func PositionsTopic() cluster.Topic {
	return cluster.Topic{Name: wire.PositionsTopic, Partitions: 16, Configs: cluster.Compacted()}
}

// Config describes one stream.
type Config struct {
	Stream string   // name, unique on the target cluster
	Topics []string // they must exist on both clusters, with equal partition counts
	// PositionEvery is how often positions are stored. Default 1s.
	PositionEvery time.Duration
	// Hook, if any, decides about each record.
	Hook Hook
	Log  *slog.Logger // default: discard
}

// Hook decides how often a record is written to the target, and learns where
// the copies went. Its methods are called from several goroutines.
type Hook interface {
	// Copies returns how many copies of a source record are written; 0 drops it.
	Copies(src *kgo.Record) int
	// Copied is called when a copy (0 is the first) is acknowledged.
	Copied(src *kgo.Record, n int, partition int32, offset int64)
}

// Mirror runs one stream.
type Mirror struct {
	cfg      Config
	from, to *cluster.Cluster

	producer   wire.Producer                   // set by resume
	partitions map[wire.PositionKey]*partition // filled by resume

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
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Mirror{cfg: cfg, from: from, to: to, partitions: map[wire.PositionKey]*partition{}}, nil
}

// Run copies until ctx ends, then waits for what is under way and stores the
// positions.
func (m *Mirror) Run(ctx context.Context) error {
	if m.from.ID == m.to.ID {
		return fmt.Errorf("mirror: stream %s: clusters %s and %s are the same cluster (id %s)", m.cfg.Stream, m.from.Name, m.to.Name, m.from.ID)
	}
	largest, err := m.largestBatch(ctx)
	if err != nil {
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
	// Position records choose their partition by key, so they have a client of
	// their own. Without cancellation a stop would wait for a target that is away.
	positions, err := m.to.Client(kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0), kgo.AllowIdempotentProduceCancellation())
	if err != nil {
		return err
	}
	defer positions.Close()
	offsets, err := m.resume(ctx, target, positions)
	if err != nil {
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
	group.Go(func() error { return m.storeEvery(running, positions) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("mirroring %s from %s to %s: %w", m.cfg.Stream, m.from.Name, m.to.Name, err)
	}
	return m.finish(writing, target, positions)
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

// resume reads the stored positions, stores them again under the new producer's
// name, and returns where to read. Only then may the producer write: whoever
// looks for its records at the target knows its name.
func (m *Mirror) resume(ctx context.Context, target, positions *kgo.Client) (map[string]map[int32]kgo.Offset, error) {
	id, epoch, err := target.ProducerID(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting a producer id from cluster %s: %w", m.to.Name, err)
	}
	m.producer = wire.Producer{ID: id, Epoch: epoch}
	stored, err := m.readPositions(ctx)
	if err != nil {
		return nil, err
	}
	offsets := map[string]map[int32]kgo.Offset{}
	var records []*kgo.Record
	for _, topic := range m.cfg.Topics {
		offsets[topic] = map[int32]kgo.Offset{}
		starts, err := m.startTopic(ctx, topic, stored)
		if err != nil {
			return nil, err
		}
		from := cluster.Offsets{}
		for _, p := range starts {
			from[p.key.Partition] = p.src
			offsets[topic][p.key.Partition] = kgo.NoResetOffset().At(p.src)
			m.partitions[p.key] = p
			p.stored.Producers = append(p.stored.Producers, m.producer)
			records = append(records, positionRecord(p.key, p.stored))
		}
		m.cfg.Log.Info("mirror starts", "stream", m.cfg.Stream, "topic", topic, "at", from)
	}
	if err := positions.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, fmt.Errorf("storing positions of %s: %w", m.cfg.Stream, err)
	}
	return offsets, nil
}

func (m *Mirror) readPositions(ctx context.Context) (map[wire.PositionKey]wire.Position, error) {
	stored := map[wire.PositionKey]wire.Position{}
	_, err := m.to.ReadToEnd(ctx, wire.PositionsTopic, nil, func(r *kgo.Record) error {
		key, err := wire.ParsePositionKey(r.Key)
		if err != nil || key.Stream != m.cfg.Stream {
			return nil // another stream's; a malformed one is none of ours
		}
		if r.Value == nil {
			delete(stored, key)
			return nil
		}
		stored[key], err = wire.ParsePosition(r.Value)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading positions of %s: %w", m.cfg.Stream, err)
	}
	return stored, nil
}

// startTopic returns the topic's partitions at their stored positions, or at the
// start of the log where none is stored.
func (m *Mirror) startTopic(ctx context.Context, topic string, stored map[wire.PositionKey]wire.Position) ([]*partition, error) {
	source, err := m.from.Topic(ctx, topic)
	if err != nil {
		return nil, err
	}
	target, err := m.to.Topic(ctx, topic)
	if err != nil {
		return nil, err
	}
	if source.Partitions != target.Partitions {
		return nil, fmt.Errorf("topic %s has %d partitions on %s and %d on %s; records keep their partition, so the counts must be equal",
			topic, source.Partitions, m.from.Name, target.Partitions, m.to.Name)
	}
	starts, err := m.from.StartOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	sourceEnds, err := m.from.EndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	ends, err := m.to.EndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	var partitions []*partition
	for n := range source.Partitions {
		key := wire.PositionKey{Stream: m.cfg.Stream, TopicID: source.ID, Partition: n}
		at, ok := stored[key]
		if !ok {
			at = wire.Position{Src: starts[n], Dst: ends[n], LeaderEpoch: -1}
		}
		if at.Src < starts[n] || at.Src > sourceEnds[n] {
			return nil, fmt.Errorf("mirroring %s from %s: %w", m.cfg.Stream, m.from.Name,
				&cluster.GapError{Topic: topic, Partition: n, Offset: at.Src, Start: starts[n], End: sourceEnds[n]})
		}
		partitions = append(partitions, &partition{inflight: inflight{src: at.Src, dst: at.Dst}, key: key, stored: at, epoch: at.LeaderEpoch})
	}
	return partitions, nil
}

// copy reads until ctx ends; what it writes may take as long as writing lasts.
func (m *Mirror) copy(ctx, writing context.Context, source, target *kgo.Client) error {
	ids := map[string]wire.TopicID{}
	for _, topic := range m.cfg.Topics {
		info, err := m.from.Topic(ctx, topic)
		if err != nil {
			return err
		}
		ids[topic] = info.ID
	}
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
			return m.fetchError(ctx, m.partitions[wire.PositionKey{Stream: m.cfg.Stream, TopicID: ids[f.Topic], Partition: f.Partition}], f)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			key := wire.PositionKey{Stream: m.cfg.Stream, TopicID: ids[r.Topic], Partition: r.Partition}
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

func (m *Mirror) storeEvery(ctx context.Context, positions *kgo.Client) error {
	ticker := time.NewTicker(m.cfg.PositionEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := m.store(ctx, positions); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// store writes the positions that have moved.
func (m *Mirror) store(ctx context.Context, positions *kgo.Client) error {
	moved := map[*partition]wire.Position{}
	var records []*kgo.Record
	m.mu.Lock()
	for _, p := range m.partitions {
		if p.src != p.stored.Src {
			at := wire.Position{Src: p.src, Dst: p.dst, LeaderEpoch: p.epoch, Producers: []wire.Producer{m.producer}}
			if p.dst == p.stored.Dst {
				at.Producers = p.stored.Producers // what a dead one wrote may lie there still
			}
			moved[p] = at
			records = append(records, positionRecord(p.key, at))
		}
	}
	m.mu.Unlock()
	if err := positions.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("storing positions: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, at := range moved {
		p.stored = at
	}
	return nil
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

func (m *Mirror) finish(ctx context.Context, target, positions *kgo.Client) error {
	if err := target.Flush(ctx); err != nil {
		return fmt.Errorf("stopping %s: waiting for the target: %w", m.cfg.Stream, err)
	}
	if err := m.store(ctx, positions); err != nil {
		return fmt.Errorf("stopping %s: %w", m.cfg.Stream, err)
	}
	return nil
}

func positionRecord(key wire.PositionKey, at wire.Position) *kgo.Record {
	return &kgo.Record{Topic: wire.PositionsTopic, Key: key.Append(nil), Value: at.Append(nil)}
}
