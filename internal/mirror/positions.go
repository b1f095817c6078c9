package mirror

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/wire"
)

// PositionsTopic is how the positions have to be kept on a target cluster.
func PositionsTopic() cluster.Topic {
	return cluster.Topic{Name: wire.PositionsTopic, Partitions: 16, Configs: cluster.Compacted()}
}

// readPositions reads what earlier owners of the stream have stored. None of them
// can store any more: see lease.
func (m *Mirror) readPositions(ctx context.Context) error {
	m.stored = map[wire.PositionKey]wire.Position{}
	var committed lease.Committed
	_, err := m.to.ReadToEnd(ctx, wire.PositionsTopic, nil, func(r *kgo.Record) error {
		for _, r := range committed.Add(r) {
			if err := m.readPosition(r); err != nil {
				return err
			}
		}
		return nil
	}, cluster.KeepControl())
	if err != nil {
		return fmt.Errorf("reading positions of %s: %w", m.cfg.Stream, err)
	}
	return nil
}

func (m *Mirror) readPosition(r *kgo.Record) (err error) {
	key, err := wire.ParsePositionKey(r.Key)
	if err != nil || key.Stream != m.cfg.Stream {
		return nil // another stream's; a malformed one is none of ours
	}
	if r.Value == nil {
		delete(m.stored, key)
		return nil
	}
	m.stored[key], err = wire.ParsePosition(r.Value)
	return err
}

// resume stores the positions again under the new producer's name, and returns
// where to read. Only then may the producer write: whoever looks for its records at
// the target knows its name.
func (m *Mirror) resume(ctx context.Context, w *lease.Writer, target *kgo.Client) (map[string]map[int32]kgo.Offset, error) {
	id, epoch, err := target.ProducerID(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting a producer id from cluster %s: %w", m.to.Name, err)
	}
	m.producer = wire.Producer{ID: id, Epoch: epoch}
	m.ids, m.partitions = map[string]wire.TopicID{}, map[wire.PositionKey]*partition{}
	offsets := map[string]map[int32]kgo.Offset{}
	var records []*kgo.Record
	for _, topic := range m.cfg.Topics {
		offsets[topic] = map[int32]kgo.Offset{}
		starts, err := m.startTopic(ctx, topic)
		if err != nil {
			return nil, err
		}
		from := cluster.Offsets{}
		for _, p := range starts {
			from[p.key.Partition] = p.src
			offsets[topic][p.key.Partition] = kgo.NoResetOffset().At(p.src)
			m.ids[topic], m.partitions[p.key] = p.key.TopicID, p
			p.stored.Producers = append(p.stored.Producers, m.producer)
			records = append(records, positionRecord(p.key, p.stored))
		}
		m.cfg.Log.Info("mirror starts", "stream", m.cfg.Stream, "topic", topic, "at", from)
	}
	if err := w.Do(ctx, records...); err != nil {
		return nil, fmt.Errorf("storing positions of %s: %w", m.cfg.Stream, err)
	}
	return offsets, nil
}

// startTopic returns the topic's partitions at their stored positions, or at the
// start of the log where none is stored.
func (m *Mirror) startTopic(ctx context.Context, topic string) ([]*partition, error) {
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
		at, ok := m.stored[key]
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

func (m *Mirror) storeEvery(ctx context.Context, w *lease.Writer) error {
	ticker := time.NewTicker(m.cfg.PositionEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := m.store(ctx, w); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// store writes the positions that have moved.
func (m *Mirror) store(ctx context.Context, w *lease.Writer) error {
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
	if len(records) == 0 {
		return nil
	}
	if err := w.Do(ctx, records...); err != nil {
		return fmt.Errorf("storing positions: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, at := range moved {
		p.stored = at
	}
	return nil
}

func positionRecord(key wire.PositionKey, at wire.Position) *kgo.Record {
	return &kgo.Record{Topic: wire.PositionsTopic, Key: key.Append(nil), Value: at.Append(nil)}
}
