package records

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sift says of a batch, whose records are decompressed, whether it has any that is
// looked for: no, then it is passed over; yes; or unsure, then neither it nor those after
// it are worth being gone through twice.
type sift func(batch *kmsg.RecordBatch, records []byte) verdict

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sieve returns the batches, each of version 2, that may have something that is
// looked for. Only those are made into records, which costs more than to go through
// them. What is damaged is kept for the parser to complain about.
func (r *Reader) sieve(batches []byte, sift sift) (kept []byte) {
	for len(batches) >= batchHeader {
		batch, _ := firstBatch(batches)
		if batch == nil {
			break
		}
		switch r.siftOne(batch, sift) {
		case unsure:
			return append(kept, batches...)
		case yes:
			kept = append(kept, batch...)
		}
		batches = batches[len(batch):]
	}
	return kept
}

func (r *Reader) siftOne(batch []byte, sift sift) verdict {
	var b kmsg.RecordBatch
	if b.ReadFrom(batch) != nil || crc32.Checksum(batch[batchAttributes:], castagnoli) != binary.BigEndian.Uint32(batch[batchCRC:]) {
		return yes
	}
	records, err := r.decompressor.Decompress(b.Records, kgo.CompressionCodecType(b.Attributes&7))
	if err != nil {
		return yes
	}
	return sift(&b, records)
}

// sift returns the sift of one partition's batches, nil if it would let everything
// pass. One goroutine at a time may use it. Keys and values lie as they are in the
// decompressed batch, so one without the text has no record with it; those that are left are
// judged record by record, in a record that is used again for the next.
func (f *filter) sift(ctx context.Context, d *decoder, partition int32) sift {
	if len(f.text) == 0 && f.program == nil {
		return nil
	}
	r := kgo.Record{Topic: d.topic, Partition: partition}
	return func(batch *kmsg.RecordBatch, records []byte) verdict {
		if len(f.text) > 0 && !bytes.Contains(records, f.text) || batch.Attributes&attributeControl != 0 {
			return no
		}
		found := no
		for range batch.NumRecords {
			var ok bool
			if records, ok = nextRecord(&r, batch, records); !ok {
				return yes
			}
			switch f.glance(ctx, &r, d) {
			case yes:
				found = yes
			case unsure, fails:
				return unsure
			}
		}
		return found
	}
}

const (
	attributeLogAppendTime = 1 << 3
	attributeControl       = 1 << 5
)

// nextRecord reads a record as kgo does, into r: key, value and headers alias b, and
// r.Headers is used again. It returns what follows, not ok if that is no record.
func nextRecord(r *kgo.Record, batch *kmsg.RecordBatch, b []byte) (rest []byte, ok bool) {
	length, used := kbin.Varint(b)
	end := used + int(length)
	if used <= 0 || length < 0 || end > len(b) {
		return nil, false
	}
	in := kbin.Reader{Src: b[used:end]}
	in.Int8() // attributes, of which there are none
	at := batch.FirstTimestamp + in.Varlong()
	r.Offset = batch.FirstOffset + int64(in.Varint())
	r.Key, r.Value = in.VarintBytes(), in.VarintBytes()
	n := max(0, int(in.VarintArrayLen()))
	r.Headers = r.Headers[:min(n, len(r.Headers))]
	for i := range n {
		if !in.Ok() {
			return nil, false
		}
		if i == len(r.Headers) {
			r.Headers = append(r.Headers, kgo.RecordHeader{})
		}
		h := &r.Headers[i]
		if key := in.Span(int(in.Varint())); h.Key != string(key) { // mostly that of the record before
			h.Key = string(key)
		}
		h.Value = in.VarintBytes()
	}
	if batch.Attributes&attributeLogAppendTime != 0 {
		at = batch.MaxTimestamp
	}
	r.Timestamp = time.Unix(0, at*int64(time.Millisecond))
	return b[end:], in.Ok()
}
