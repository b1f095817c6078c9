package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Record is a consumed record whose value can be decoded.
type Record struct {
	*kgo.Record
	client *Client
}

// Decode returns the value decoded by the schema that it was written with, named
// by a prefix or by a header, as serde.Registry.Decode does (a record is a
// map[string]any). The schema is fetched once from the registry. A record without
// a value returns nil.
func (r Record) Decode(ctx context.Context) (any, error) {
	switch {
	case r.Value == nil:
		return nil, nil
	case r.client.cfg.Schemas == nil:
		return nil, errors.New("decoding a record: the client has no schema registry: set Config.Schemas")
	}
	v, err := r.client.cfg.Schemas.DecodeRecord(ctx, r.Record, false)
	if err != nil {
		return nil, fmt.Errorf("decoding %s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	return v, nil
}

// PartitionError says what is wrong with a partition, among them that its log no
// longer holds the offset that was to be read next: nothing is skipped in
// silence.
type PartitionError struct {
	Topic     string
	Partition int32
	Err       error
}

// Error implements error.
func (e PartitionError) Error() string {
	return fmt.Sprintf("consuming %s/%d: %v", e.Topic, e.Partition, e.Err)
}

// Unwrap returns the cause.
func (e PartitionError) Unwrap() error { return e.Err }

// Batch is what one Poll returns: good records and errors side by side.
type Batch struct {
	Records []Record
	Errors  []PartitionError
}

// Poll waits for records of the partitions that New's options name
// (kgo.ConsumeTopics, kgo.ConsumePartitions). If ctx ends before there are any it
// returns an empty batch.
func (c *Client) Poll(ctx context.Context) Batch {
	var b Batch
	fetches := c.kafka.PollFetches(ctx)
	fetches.EachError(func(topic string, partition int32, err error) {
		if topic == "" && ctx.Err() != nil {
			return // kgo's way to say so
		}
		b.Errors = append(b.Errors, PartitionError{topic, partition, err})
	})
	fetches.EachRecord(func(r *kgo.Record) { b.Records = append(b.Records, Record{r, c}) })
	return b
}
