package records

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchOf writes records as a broker sends them.
func batchOf(attributes int16, records ...kmsg.Record) []byte {
	b := kmsg.RecordBatch{FirstOffset: 100, Magic: 2, Attributes: attributes, FirstTimestamp: epoch.UnixMilli(), MaxTimestamp: epoch.UnixMilli() + 500,
		LastOffsetDelta: int32(len(records)) - 1, NumRecords: int32(len(records)), ProducerID: -1}
	for _, r := range records {
		r.Length = 0
		r.Length = int32(len(r.AppendTo(nil))) - 1 // less itself, one byte as long as it is 0
		b.Records = r.AppendTo(b.Records)
	}
	raw := b.AppendTo(nil)
	b.Length = int32(len(raw)) - 12
	b.CRC = int32(crc32.Checksum(raw[batchAttributes:], castagnoli))
	return b.AppendTo(nil)
}

func parsed(t testing.TB, batch []byte) []*kgo.Record {
	t.Helper()
	fp, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: "orders", Partition: 3, KeepControlRecords: true},
		&kmsg.FetchResponseTopicPartition{Partition: 3, HighWatermark: 1000, LastStableOffset: 1000, RecordBatches: batch}, kgo.DefaultDecompressor(), nil)
	return fp.Records
}

// What is judged are the records that kgo makes of the same batch, although they are
// read into one.
func TestNextRecord(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	some := func() []byte { return [][]byte{nil, {}, []byte("a"), []byte("some text")}[rng.IntN(4)] }
	for range 500 {
		var records []kmsg.Record
		for i := range 1 + rng.IntN(5) {
			r := kmsg.Record{TimestampDelta64: int64(rng.IntN(2000) - 1000), OffsetDelta: int32(i), Key: some(), Value: some()}
			for range rng.IntN(4) {
				r.Headers = append(r.Headers, kmsg.Header{Key: string(some()), Value: some()})
			}
			records = append(records, r)
		}
		raw := batchOf(int16(rng.IntN(2)*attributeLogAppendTime), records...)
		want := parsed(t, raw)
		if len(want) != len(records) {
			t.Fatalf("kgo reads %d records of %d", len(want), len(records))
		}
		var b kmsg.RecordBatch
		if err := b.ReadFrom(raw); err != nil {
			t.Fatal(err)
		}
		r, rest, ok := kgo.Record{}, b.Records, true
		for i := range want {
			if rest, ok = nextRecord(&r, &b, rest); !ok {
				t.Fatalf("record %d of %d can not be read", i, len(want))
			}
			same := cmp.Diff(want[i].Headers, r.Headers, cmpopts.EquateEmpty()) == "" && cmp.Equal(want[i].Key, r.Key) && cmp.Equal(want[i].Value, r.Value)
			if !same || want[i].Offset != r.Offset || !want[i].Timestamp.Equal(r.Timestamp) {
				t.Fatalf("record %d: %+v, want %+v", i, r, want[i])
			}
		}
		if len(rest) > 0 {
			t.Errorf("%d bytes are left", len(rest))
		}
	}
}

func FuzzNextRecord(f *testing.F) {
	var b kmsg.RecordBatch
	if err := b.ReadFrom(batchOf(0, kmsg.Record{Key: []byte("k"), Headers: []kmsg.Header{{Key: "h"}}})); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Records)
	f.Fuzz(func(t *testing.T, records []byte) {
		for r, ok := (kgo.Record{}), true; ok && len(records) > 0; {
			if records, ok = nextRecord(&r, &b, records); ok && len(r.Key)+len(r.Value) > 1<<20 {
				t.Errorf("%d bytes of key, %d of value", len(r.Key), len(r.Value))
			}
		}
	})
}

func TestSieve(t *testing.T) {
	one := func(value string) []byte { return batchOf(0, kmsg.Record{Value: []byte(value)}) }
	wanted, other, odd, control := one(`{"a":1,"t":"xyz"}`), one(`{"a":2,"t":"xyz"}`), one(`{"b":1}`), batchOf(attributeControl, kmsg.Record{Value: []byte(`{"a":1}`)})
	damaged := one(`{"a":2}`)
	damaged[len(damaged)-3]++
	join := func(batches ...[]byte) (all []byte) {
		for _, b := range batches {
			all = append(all, b...)
		}
		return all
	}
	reader := &Reader{decompressor: kgo.DefaultDecompressor()}
	f := func(text, cel string, in, want []byte) {
		t.Helper()
		filter, err := newFilter(text, cel)
		if err != nil {
			t.Fatal(err)
		}
		if got := reader.sieve(in, filter.sift(t.Context(), &decoder{}, 3)); string(got) != string(want) {
			t.Errorf("%q, %q: %q\nwant %q", text, cel, got, want)
		}
	}
	f("xyz", "", join(wanted, odd, other), join(wanted, other))
	f("nobody", "", join(wanted, damaged, other), damaged)
	f("", "json.a == 1", join(other, control, wanted, other), wanted)
	f("", "json.a == 1", join(other, damaged, other), damaged)
	f("", "json.a == 1", join(other, odd, other, other), join(odd, other, other)) // each one that fails is to be told
	f("", "offset % 2 == 3 && json.a == 1", join(other, wanted, other), join(wanted, other))
	f("xyz", "json.a == 1 && partition == 3", join(odd, other, wanted), wanted)
	f("", "json.a == 1", join(other, wanted)[:len(other)+20], nil)
	if filter, _ := newFilter("", ""); filter.sift(t.Context(), &decoder{}, 3) != nil {
		t.Error("a filter that lets everything pass sifts")
	}
}
