package records

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// parse turns a fetch's answer into a chunk of a range, of which everything before
// at has been read.
func (r *Reader) parse(topic string, rg OffsetRange, at int64, a fetched, sift sift) (chunk, error) {
	if a.err != nil {
		return chunk{}, fmt.Errorf("partition %d: %w", rg.Partition, a.err)
	}
	if errors.Is(kerr.ErrorForCode(a.p.ErrorCode), kerr.OffsetOutOfRange) {
		if a.p.LogStartOffset > at { // retention was faster
			next := min(a.p.LogStartOffset, rg.To)
			return chunk{next: next, skipped: fmt.Sprintf("partition %d: offsets %d to %d were deleted meanwhile", rg.Partition, at, next-1)}, nil
		}
		return chunk{next: rg.To, skipped: fmt.Sprintf("partition %d: the log was cut off at offset %d meanwhile", rg.Partition, at)}, nil
	}
	c := chunk{bytes: len(a.p.RecordBatches)}
	after, known := lastOffset(a.p.RecordBatches)
	if known && sift != nil {
		a.p.RecordBatches = r.sieve(a.p.RecordBatches, sift)
	}
	fp, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Topic: topic, Partition: rg.Partition, Offset: at, KeepControlRecords: true,
	}, &a.p, r.decompressor, nil)
	if known && fp.Err == nil {
		next = max(next, after) // those that were passed over
	}
	c.records, c.next = fp.Records, min(max(next, at), rg.To)
	if n := len(c.records); n > 0 && c.records[n-1].Offset >= rg.To { // the rest of a batch
		c.records = c.records[:slices.IndexFunc(c.records, func(r *kgo.Record) bool { return r.Offset >= rg.To })]
	}
	switch {
	case fp.Err != nil && c.next == at:
		return c, fmt.Errorf("partition %d at offset %d: %w", rg.Partition, at, fp.Err)
	case c.next == at:
		return c, fmt.Errorf("partition %d at offset %d: the batch there can not be read; it may be larger than %d bytes", rg.Partition, at, maxAnswer)
	}
	return c, nil
}

// Where the fields of a batch of version 2 are, in bytes.
const (
	batchMagic      = 16
	batchCRC        = 17
	batchAttributes = 21
	batchDelta      = 23
	batchHeader     = 61 // its length
)

// lastOffset returns the offset after the batches of a fetch, by their headers
// alone. It is not known if they are of the formats before Kafka 0.11.
func lastOffset(batches []byte) (after int64, known bool) {
	for len(batches) >= batchHeader {
		batch, ok := firstBatch(batches)
		if !ok {
			return 0, false
		}
		if batch == nil {
			break
		}
		after = int64(binary.BigEndian.Uint64(batch)) + int64(binary.BigEndian.Uint32(batch[batchDelta:])) + 1
		known = true
		batches = batches[len(batch):]
	}
	return after, known && after >= 0
}

// firstBatch returns the first of some batches; nil if the broker has cut it off,
// not ok if it is of another version.
func firstBatch(batches []byte) (batch []byte, ok bool) {
	length := int64(int32(binary.BigEndian.Uint32(batches[8:]))) + 12
	switch {
	case batches[batchMagic] != 2 || length < batchHeader:
		return nil, false
	case length > int64(len(batches)):
		return nil, true
	}
	return batches[:length], true
}
