package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// got is what a reading handed over: per partition "offset=value".
type got map[int32][]string

func (g got) add(r *kgo.Record) error {
	g[r.Partition] = append(g[r.Partition], fmt.Sprintf("%d=%s", r.Offset, r.Value))
	return nil
}

// span is what produce wrote at offsets [from, to) of a partition without holes.
func span(partition int32, from, to int) (s []string) {
	for i := from; i < to; i++ {
		s = append(s, fmt.Sprintf("%d=%s", i, value(partition, i)))
	}
	return s
}

func readToEnd(t *testing.T, c *Cluster, topic string, from Offsets) (got, Offsets) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	g := got{}
	next, err := c.ReadToEnd(ctx, topic, from, g.add)
	if err != nil {
		t.Fatal(err)
	}
	return g, next
}

func wantRead(t *testing.T, what string, g, want got, next, wantNext Offsets) {
	t.Helper()
	if diff := cmp.Diff(want, g); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if diff := cmp.Diff(wantNext, next); diff != "" {
		t.Errorf("%s ended elsewhere (-want +got):\n%s", what, diff)
	}
}

func testReadToEnd(t *testing.T, c *Cluster) {
	ensure(t, c, "to-end", 4)
	g, next := readToEnd(t, c, "to-end", nil)
	wantRead(t, "an empty topic", g, got{}, next, Offsets{0: 0, 1: 0, 2: 0, 3: 0})

	client := newClient(t, c)
	for i := range 10 {
		for p := range int32(3) { // the last one stays empty
			produce(t, client, "to-end", p, 10*i, 10)
		}
	}
	all := got{0: span(0, 0, 100), 1: span(1, 0, 100), 2: span(2, 0, 100)}
	end := Offsets{0: 100, 1: 100, 2: 100, 3: 0}
	g, next = readToEnd(t, c, "to-end", nil)
	wantRead(t, "all", g, all, next, end)
	// Offsets within a batch, at the end and, where none is named, at the start.
	g, next = readToEnd(t, c, "to-end", Offsets{0: 55, 1: 100, 3: 0})
	wantRead(t, "from offsets", g, got{0: span(0, 55, 100), 2: span(2, 0, 100)}, next, end)
}

func testReadManyPartitions(t *testing.T, c *Cluster) {
	const partitions, n = 64, 20
	ensure(t, c, "many", partitions)
	client := newClient(t, c)
	want, end := got{}, Offsets{}
	var records []*kgo.Record
	for p := range int32(partitions) {
		want[p], end[p] = span(p, 0, n), n
		for i := range n {
			records = append(records, &kgo.Record{Topic: "many", Partition: p, Value: value(p, i)})
		}
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	g, next := readToEnd(t, c, "many", nil)
	wantRead(t, "64 partitions", g, want, next, end)
}

func testReadCompressed(t *testing.T, c *Cluster) {
	ensure(t, c, "compressed", 1)
	n := 0
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		produce(t, newClient(t, c, kgo.ProducerBatchCompression(codec)), "compressed", 0, n, 50)
		n += 50
	}
	g, next := readToEnd(t, c, "compressed", Offsets{0: 25})
	wantRead(t, "all codecs", g, got{0: span(0, 25, n)}, next, Offsets{0: int64(n)})
}

func testReadTransactions(t *testing.T, c *Cluster) {
	ensure(t, c, "transactions", 1)
	client := newClient(t, c, kgo.TransactionalID("cluster-test"))
	write := func(from int, commit kgo.TransactionEndTry) {
		t.Helper()
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, client, "transactions", 0, from, 2)
		end(t, c, client, commit, int64(from+3))
	}
	write(0, kgo.TryCommit) // 0, 1, commit marker 2
	write(3, kgo.TryAbort)  // 3, 4, abort marker 5
	want := slices.Concat(span(0, 0, 2), span(0, 3, 5))
	g, next := readToEnd(t, c, "transactions", nil)
	wantRead(t, "behind an abort marker", g, got{0: want}, next, Offsets{0: 6})
	g, next = readToEnd(t, c, "transactions", Offsets{0: 5})
	wantRead(t, "from the marker", g, got{}, next, Offsets{0: 6})

	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, client, "transactions", 0, 6, 2)
	g, next = readToEnd(t, c, "transactions", nil)
	wantRead(t, "behind an open transaction", g, got{0: append(want, span(0, 6, 8)...)}, next, Offsets{0: 8})
	end(t, c, client, kgo.TryCommit, 9)
	g, next = readToEnd(t, c, "transactions", Offsets{0: 8})
	wantRead(t, "behind a commit marker", g, got{}, next, Offsets{0: 9})
}

// end ends a transaction and waits for its marker, which Kafka writes when it
// has answered.
func end(t *testing.T, c *Cluster, client *kgo.Client, commit kgo.TransactionEndTry, offset int64) {
	t.Helper()
	if err := client.EndTransaction(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		ends, err := c.EndOffsets(ctx, "transactions")
		if err == nil && ends[0] < offset {
			err = pause(ctx, retryEvery)
		}
		if err != nil {
			t.Fatal(err)
		}
		if ends[0] >= offset {
			return
		}
	}
}

func testReadErrors(t *testing.T, c *Cluster) {
	ensure(t, c, "errors", 1)
	produce(t, newClient(t, c), "errors", 0, 0, 3)
	broken := errors.New("broken")
	_, err := c.ReadToEnd(t.Context(), "errors", nil, func(r *kgo.Record) error {
		if r.Offset == 1 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("an error of the caller: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = c.ReadToEnd(ctx, "errors", nil, func(*kgo.Record) error {
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func testReadRange(t *testing.T, c *Cluster) {
	ensure(t, c, "ranges", 3)
	client := newClient(t, c)
	for p := range int32(3) {
		for i := range 4 {
			produce(t, client, "ranges", p, 10*i, 10)
		}
	}
	for _, test := range []struct {
		name     string
		from, to Offsets
		want     got
	}{
		{"inside batches", Offsets{0: 3, 1: 10}, Offsets{0: 27, 1: 11}, got{0: span(0, 3, 27), 1: span(1, 10, 11)}},
		{"whole logs", Offsets{0: 0, 1: 0, 2: 0}, Offsets{0: 40, 1: 40, 2: 40}, got{0: span(0, 0, 40), 1: span(1, 0, 40), 2: span(2, 0, 40)}},
		{"nothing", Offsets{0: 5, 1: 40}, Offsets{0: 5, 1: 40}, got{}},
		{"partitions that both name", Offsets{0: 38, 1: 0}, Offsets{0: 40, 2: 40}, got{0: span(0, 38, 40)}},
	} {
		g := got{}
		if err := c.ReadRange(t.Context(), "ranges", test.from, test.to, g.add); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, g); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := c.ReadRange(ctx, "ranges", Offsets{0: 39}, Offsets{0: 41}, func(*kgo.Record) error { return nil })
	wantGap(t, err, GapError{Topic: "ranges", Offset: 41, Start: 0, End: 40}, "truncated")
}

func wantGap(t *testing.T, err error, want GapError, says string) {
	t.Helper()
	var gap *GapError
	if !errors.As(err, &gap) {
		t.Errorf("got %v, want a gap", err)
		return
	}
	if *gap != want {
		t.Errorf("got %+v, want %+v", *gap, want)
	}
	wantError(t, err, fmt.Sprint(want.Topic, "/", want.Partition), fmt.Sprint("offset ", want.Offset),
		fmt.Sprintf("[%d, %d)", want.Start, want.End), says)
}

func testGaps(t *testing.T, c *Cluster) {
	ensure(t, c, "deleted-records", 2)
	produce(t, newClient(t, c), "deleted-records", 1, 0, 20)
	deleteRecords(t, c, "deleted-records", 1, 7)
	g, next := readToEnd(t, c, "deleted-records", nil)
	wantRead(t, "what is left", g, got{1: span(1, 7, 20)}, next, Offsets{0: 0, 1: 20})
	g, next = readToEnd(t, c, "deleted-records", Offsets{1: 7})
	wantRead(t, "from the log start", g, got{1: span(1, 7, 20)}, next, Offsets{0: 0, 1: 20})
	for _, test := range []struct {
		from int64
		says string
	}{{6, "deleted"}, {21, "truncated"}} {
		from := Offsets{1: test.from}
		gap := GapError{Topic: "deleted-records", Partition: 1, Offset: test.from, Start: 7, End: 20}
		g := got{}
		_, err := c.ReadToEnd(t.Context(), "deleted-records", from, g.add)
		wantGap(t, err, gap, test.says)
		wantGap(t, c.ReadRange(t.Context(), "deleted-records", from, Offsets{1: 20}, g.add), gap, test.says)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		err = c.Follow(ctx, "deleted-records", from, func(records []*kgo.Record) error {
			t.Errorf("following from %d got %d records", test.from, len(records))
			return nil
		})
		if !errors.Is(err, kerr.OffsetOutOfRange) || !strings.Contains(err.Error(), "deleted-records") {
			t.Errorf("following from %d: %v", test.from, err)
		}
		if len(g) > 0 {
			t.Errorf("from %d it read %v", test.from, g)
		}
	}
	// Deleted while it is being read.
	_, err := c.ReadToEnd(t.Context(), "deleted-records", Offsets{1: 7}, func(r *kgo.Record) error {
		if r.Offset == 7 {
			deleteRecords(t, c, "deleted-records", 1, 20)
		}
		return nil
	})
	if err != nil { // the whole batch is in memory, and then the end is reached
		t.Errorf("deleted behind the reader: %v", err)
	}
}

// What ReadToEnd and Follow hand over together is the log: nothing is missing
// between them, nothing comes twice, while a producer is at work.
func testFollow(t *testing.T, c *Cluster) {
	ensure(t, c, "followed", 2)
	client := newClient(t, c)
	const n = 300
	var producing sync.WaitGroup
	halfway := make(chan struct{})
	producing.Go(func() {
		for i := range n / 3 {
			for p := range int32(2) {
				produce(t, client, "followed", p, 3*i, 3)
			}
			if i == n/6 {
				close(halfway)
			}
		}
	})
	defer producing.Wait()
	<-halfway
	g, next := readToEnd(t, c, "followed", nil)
	before := len(g[0]) + len(g[1])
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := c.Follow(ctx, "followed", next, func(records []*kgo.Record) error {
		for _, r := range records {
			g.add(r)
		}
		if len(g[0])+len(g[1]) >= 2*n {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Errorf("the end of its context is no error: %v", err)
	}
	if diff := cmp.Diff(got{0: span(0, 0, n), 1: span(1, 0, n)}, g); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if before == 0 || before == 2*n {
		t.Errorf("ReadToEnd got %d of %d records; both were to read some", before, 2*n)
	}
	broken := errors.New("broken")
	if err := c.Follow(t.Context(), "followed", Offsets{0: 0}, func([]*kgo.Record) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("an error of the caller: %v", err)
	}
}

// batch returns an encoded batch: offsets base to last, of which only those in
// deltas still hold a record.
func batch(base int64, last int32, attributes int16, deltas ...int32) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: base, PartitionLeaderEpoch: 0, Magic: 2, Attributes: attributes, LastOffsetDelta: last,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(deltas)),
	}
	for _, d := range deltas {
		r := kmsg.Record{OffsetDelta: d, Value: []byte("v")}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		b.Records = r.AppendTo(b.Records)
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// What compaction leaves: batches with holes and batches without records, also
// as the last ones of a log.
func TestConsumeBatchesWithHoles(t *testing.T) {
	for _, test := range []struct {
		name    string
		batches []byte
		want    []int64
		next    int64
	}{
		{"holes", batch(3, 6, 0, 1, 4), []int64{4, 7}, 10},
		{"holes before the offset wanted", batch(0, 9, 0, 1, 3, 8), []int64{3, 8}, 10},
		{"no record left", batch(3, 6, 0), nil, 10},
		{"no record left behind others", slices.Concat(batch(3, 1, 0, 0, 1), batch(5, 4, 0), batch(10, 0, 0)), []int64{3, 4}, 11},
		{"nothing", nil, nil, 3},
	} {
		rp := kmsg.NewFetchResponseTopicPartition()
		rp.Partition, rp.RecordBatches = 1, test.batches
		next := Offsets{0: 77, 1: 3}
		var offsets []int64
		err := consume("t", &rp, next, func(r *kgo.Record) error {
			offsets = append(offsets, r.Offset)
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if !slices.Equal(offsets, test.want) || next[1] != test.next || next[0] != 77 {
			t.Errorf("%s: offsets %v, next %v; want %v, %d", test.name, offsets, next, test.want, test.next)
		}
	}
	rp := kmsg.NewFetchResponseTopicPartition()
	rp.RecordBatches = batch(0, 0, 0, 0)
	rp.RecordBatches[len(rp.RecordBatches)-1]++ // the checksum does not hold
	if err := consume("t", &rp, Offsets{}, func(*kgo.Record) error { return nil }); err == nil {
		t.Error("a corrupt batch was taken")
	}
	rp = kmsg.NewFetchResponseTopicPartition()
	rp.ErrorCode, rp.LogStartOffset, rp.HighWatermark = kerr.OffsetOutOfRange.Code, 5, 9
	wantGap(t, consume("t", &rp, Offsets{0: 4}, nil), GapError{Topic: "t", Offset: 4, Start: 5, End: 9}, "deleted")
}
