package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Producer is one of the idempotent producers that a partition remembers.
type Producer struct {
	Partition    int32
	ID           int64
	Epoch        int16
	LastSequence int32
	LastTime     time.Time
	TxnStart     int64 // first offset of its open transaction; -1: none is open
}

// PartitionError says what is not known of a partition.
type PartitionError struct {
	Partition int32
	Err       error
}

// Error implements error.
func (e PartitionError) Error() string { return fmt.Sprintf("partition %d: %v", e.Partition, e.Err) }

// Unwrap returns the cause.
func (e PartitionError) Unwrap() error { return e.Err }

// Producers returns the producers that the partitions of a topic remember, by
// partition and id. Partitions whose leader does not say are among the errors.
func (c *Cluster) Producers(ctx context.Context, topic string, partitions []int32) ([]Producer, []PartitionError, error) {
	set := kadm.TopicsSet{}
	set.Add(topic, partitions...)
	described, err := c.admin.DescribeProducers(ctx, set)
	if len(described) == 0 && err != nil {
		return nil, nil, fmt.Errorf("asking cluster %s for the producers of %s: %w", c.Name, topic, err)
	}
	var producers []Producer
	var errs []PartitionError
	for _, p := range partitions {
		d, ok := described[topic].Partitions[p]
		if !ok {
			errs = append(errs, PartitionError{p, fmt.Errorf("its leader does not answer: %w", cmp.Or(err, ErrNoTopic))})
			continue
		}
		if d.Err != nil {
			errs = append(errs, PartitionError{p, inWords(d.Err, d.ErrMessage)})
			continue
		}
		for _, a := range d.ActiveProducers {
			producers = append(producers, Producer{p, a.ProducerID, a.ProducerEpoch, a.LastSequence, time.UnixMilli(a.LastTimestamp).UTC(), a.CurrentTxnStartOffset})
		}
	}
	slices.SortFunc(producers, func(x, y Producer) int {
		return cmp.Or(cmp.Compare(x.Partition, y.Partition), cmp.Compare(x.ID, y.ID))
	})
	return producers, errs, nil
}
