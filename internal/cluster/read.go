package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/invariant"
)

// GapError says that a log does not hold the offset at which reading was to
// begin or to go on.
type GapError struct {
	Topic      string
	Partition  int32
	Offset     int64 // wanted
	Start, End int64 // what the log holds
}

// Error implements error.
func (e *GapError) Error() string {
	what := "its records were deleted"
	if e.Offset > e.End {
		what = "it never was, or the log was truncated"
	}
	return fmt.Sprintf("%s/%d: offset %d is not in the log [%d, %d): %s", e.Topic, e.Partition, e.Offset, e.Start, e.End, what)
}

// fetchMaxBytes bounds a fetch as it comes; unpacked it may be ten times as much.
const fetchMaxBytes = 2 << 20

// ReadOption changes what ReadToEnd and Follow hand over.
type ReadOption func(*readOptions)

type readOptions struct{ control bool }

// KeepControl hands over control records too. Among them are the markers that
// commit or abort a producer's transaction: who reads them can tell which of the
// records before them count.
func KeepControl() ReadOption { return func(o *readOptions) { o.control = true } }

func optionsOf(opts []ReadOption) (o readOptions) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// ReadToEnd calls fn for every record from the given offsets (a partition that
// is not named: its log start) to the high watermark noted at the call, and
// returns where each partition's reading ended. Records of open or aborted
// transactions are among them; control records are not, without KeepControl.
func (c *Cluster) ReadToEnd(ctx context.Context, topic string, from Offsets, fn func(*kgo.Record) error, opts ...ReadOption) (Offsets, error) {
	next, ends, err := c.readRange(ctx, topic, from, nil)
	if err != nil {
		return nil, err
	}
	return next, c.readUntil(ctx, topic, next, ends, fn, opts...)
}

// ReadRange calls fn for every record at offsets [from, to) of each partition
// that both name. Offsets that the log does not hold are a GapError.
func (c *Cluster) ReadRange(ctx context.Context, topic string, from, to Offsets, fn func(*kgo.Record) error) error {
	to = maps.Clone(to)
	maps.DeleteFunc(to, func(p int32, _ int64) bool { _, named := from[p]; return !named })
	next, _, err := c.readRange(ctx, topic, from, to)
	if err != nil {
		return err
	}
	return c.readUntil(ctx, topic, next, to, func(r *kgo.Record) error {
		if r.Offset >= to[r.Partition] {
			return nil // the rest of a batch
		}
		return fn(r)
	})
}

// readRange returns where reading begins and where the log ends, after checking
// that the log holds what is asked for: reading up to an offset that it does not
// hold would wait for it.
func (c *Cluster) readRange(ctx context.Context, topic string, from, to Offsets) (next, ends Offsets, err error) {
	starts, err := c.StartOffsets(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	if ends, err = c.EndOffsets(ctx, topic); err != nil {
		return nil, nil, err
	}
	for _, offsets := range []Offsets{from, to} {
		for p, at := range offsets {
			if at < starts[p] || at > ends[p] {
				return nil, nil, &GapError{Topic: topic, Partition: p, Offset: at, Start: starts[p], End: ends[p]}
			}
		}
	}
	next = maps.Clone(starts)
	maps.Copy(next, from)
	return next, ends, nil
}

// readUntil advances next to ends. It fetches by itself and not through a kgo
// consumer, because only so it learns where a batch without records ends:
// compaction leaves such batches, also as the last of a log.
func (c *Cluster) readUntil(ctx context.Context, topic string, next, ends Offsets, fn func(*kgo.Record) error, opts ...ReadOption) error {
	for {
		var left []int32
		for p, end := range ends {
			if next[p] < end {
				left = append(left, p)
			}
		}
		if len(left) == 0 {
			return nil
		}
		err := retry(ctx, func() error { // a leader moves
			info, err := c.Topic(ctx, topic)
			if err == nil {
				err = c.fetchOnce(ctx, info, left, next, fn, opts...)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("reading %s on cluster %s: %w", topic, c.Name, err)
		}
	}
}

// fetchOnce sends one fetch request to each broker that leads one of the
// partitions and advances next past what came.
func (c *Cluster) fetchOnce(ctx context.Context, info TopicInfo, partitions []int32, next Offsets, fn func(*kgo.Record) error, opts ...ReadOption) error {
	byLeader := map[int32][]int32{}
	for _, p := range partitions {
		byLeader[info.leaders[p]] = append(byLeader[info.leaders[p]], p)
	}
	for leader, partitions := range byLeader {
		// Retriable: a connection may have broken since it was used last.
		kresp, err := c.client.Broker(int(leader)).RetriableRequest(ctx, fetchRequest(info, partitions, next))
		if err != nil {
			return err
		}
		resp := kresp.(*kmsg.FetchResponse)
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for i := range t.Partitions {
				if err := consume(info.Name, &t.Partitions[i], next, fn, opts...); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func fetchRequest(info TopicInfo, partitions []int32, next Offsets) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID = -1
	req.MinBytes = 1
	req.MaxWaitMillis = 500
	req.MaxBytes = fetchMaxBytes
	req.SessionEpoch = -1 // no fetch session
	t := kmsg.NewFetchRequestTopic()
	t.Topic = info.Name
	t.TopicID = info.ID
	for _, p := range partitions {
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition = p
		rp.FetchOffset = next[p]
		rp.PartitionMaxBytes = fetchMaxBytes
		t.Partitions = append(t.Partitions, rp)
	}
	req.Topics = append(req.Topics, t)
	return req
}

func consume(topic string, rp *kmsg.FetchResponseTopicPartition, next Offsets, fn func(*kgo.Record) error, opts ...ReadOption) error {
	if errors.Is(kerr.ErrorForCode(rp.ErrorCode), kerr.OffsetOutOfRange) {
		return &GapError{Topic: topic, Partition: rp.Partition, Offset: next[rp.Partition], Start: rp.LogStartOffset, End: rp.HighWatermark}
	}
	fp, after := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Topic: topic, Partition: rp.Partition, Offset: next[rp.Partition], KeepControlRecords: optionsOf(opts).control,
	}, rp, kgo.DefaultDecompressor(), nil)
	at := next[rp.Partition]
	for _, r := range fp.Records {
		invariant.Check(r.Offset >= at, "%s/%d: offset %d where %d is the next", topic, r.Partition, r.Offset, at)
		if err := fn(r); err != nil {
			return err
		}
		at = r.Offset + 1
	}
	invariant.Check(after >= at || fp.Err != nil, "%s/%d: going on at %d would give %d again", topic, rp.Partition, after, at-1)
	next[rp.Partition] = max(next[rp.Partition], after)
	return fp.Err
}

// Follow calls fn with every batch of records after the given offsets until ctx
// ends, which is no error. It reads like ReadToEnd: uncommitted, and a gap is an
// error.
func (c *Cluster) Follow(ctx context.Context, topic string, from Offsets, fn func([]*kgo.Record) error, opts ...ReadOption) error {
	offsets := map[int32]kgo.Offset{}
	for p, at := range from {
		offsets[p] = kgo.NoResetOffset().At(at)
	}
	settings := []kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(2 * time.Second), // a broker answers at once when there is something
	}
	if optionsOf(opts).control {
		settings = append(settings, kgo.KeepControlRecords())
	}
	client, err := c.Client(settings...)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("following %s on cluster %s: %w", topic, c.Name, err)
		}
		if err := fn(fetches.Records()); err != nil {
			return err
		}
	}
}
