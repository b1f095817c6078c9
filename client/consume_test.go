package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/registry/registrytest"
	"github.com/weirhq/weir/internal/wire"
	"github.com/weirhq/weir/serde"
)

func TestConsume(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, startCluster func(t testing.TB) string) {
		addr := startCluster(t)
		c := connect(t, addr)
		ensure(t, c, wire.ReportsTopic, 1)
		for _, test := range []struct {
			name string
			body func(t *testing.T, addr string, c *cluster.Cluster)
		}{
			{"records beside errors", testRecordsBesideErrors},
			{"context", testPollContext},
			{"decode", testDecode},
		} {
			t.Run(test.name, func(t *testing.T) { test.body(t, addr, c) })
		}
	})
}

func partitions(topic string, at ...kgo.Offset) kgo.Opt {
	m := map[int32]kgo.Offset{}
	for p, o := range at {
		m[int32(p)] = o
	}
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: m})
}

// An offset that the log does not hold is an error of its partition: the others
// go on, and nothing is read from elsewhere instead.
func testRecordsBesideErrors(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "gaps", 2)
	producer, _ := start(t, addr, Config{}, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for p := range int32(2) {
		for i := range 3 {
			if err := produce(t, producer, &kgo.Record{Topic: "gaps", Partition: p, Value: fmt.Append(nil, i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, _ := start(t, addr, Config{}, partitions("gaps", kgo.NoResetOffset().At(1_000_000), kgo.NoResetOffset().At(1)))
	var records []Record
	var failed []PartitionError
	for len(failed) == 0 || len(records) < 2 {
		b := client.Poll(ctx)
		if ctx.Err() != nil {
			t.Fatalf("after %v: %d records, errors %v", patience, len(records), failed)
		}
		records, failed = append(records, b.Records...), append(failed, b.Errors...)
	}
	for i, r := range records {
		if r.Partition != 1 || r.Offset != int64(i+1) {
			t.Errorf("got %d/%d", r.Partition, r.Offset)
		}
	}
	for _, e := range failed {
		if e.Topic != "gaps" || e.Partition != 0 || !errors.Is(e, kerr.OffsetOutOfRange) || !strings.Contains(e.Error(), "gaps/0") {
			t.Errorf("error %v", e)
		}
	}
}

// endsLate is a context that has ended when Poll looks at it, but not while kgo
// waits for records.
type endsLate struct{ context.Context }

func (endsLate) Err() error { return context.Canceled }

// A record that was fetched is handed over even if ctx ends meanwhile: the next
// Poll goes on behind it.
func testPollContext(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "polled", 1)
	client, closing := start(t, addr, Config{}, partitions("polled", kgo.NoResetOffset().At(0)))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if b := client.Poll(ctx); len(b.Records)+len(b.Errors) > 0 {
		t.Errorf("without records: %v", b)
	}
	producer, _ := start(t, addr, Config{})
	for i := range 2 {
		if err := produce(t, producer, &kgo.Record{Topic: "polled", Value: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
		if b := client.Poll(endsLate{t.Context()}); len(b.Records) != 1 || b.Records[0].Offset != int64(i) || len(b.Errors) > 0 {
			t.Errorf("polled %v, want the record at %d", b, i)
		}
	}
	if err := closing(); err != nil {
		t.Error(err)
	}
	if b := client.Poll(t.Context()); len(b.Errors) != 1 || !errors.Is(b.Errors[0], kgo.ErrClientClosed) {
		t.Errorf("after close: %v", b)
	}
}

func testDecode(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "decoded", 1)
	schemas := serde.NewRegistry(registrytest.Start(t, c, "test"))
	type view struct {
		Path string `avro:"path"`
	}
	views, err := serde.New[view](schemas, serde.Config{})
	if err != nil {
		t.Fatal(err)
	}
	value, err := views.Encode(t.Context(), "decoded", view{"/index.html"})
	if err != nil {
		t.Fatal(err)
	}
	client, _ := start(t, addr, Config{Schemas: schemas}, partitions("decoded", kgo.NoResetOffset().At(0)))
	for _, v := range [][]byte{value, []byte("garbage"), append(value[:4:4], 99, 0), value[:7], nil} {
		if err := produce(t, client, &kgo.Record{Topic: "decoded", Value: v}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var records []Record
	for len(records) < 5 {
		b := client.Poll(ctx)
		if len(b.Errors) > 0 || ctx.Err() != nil {
			t.Fatalf("errors %v, %v", b.Errors, ctx.Err())
		}
		records = append(records, b.Records...)
	}
	if got, err := records[0].Decode(ctx); err != nil || !reflect.DeepEqual(got, map[string]any{"path": "/index.html"}) {
		t.Errorf("decoded %v, %v", got, err)
	}
	for offset := 1; offset <= 3; offset++ { // no schema id, an unknown one, a value cut short
		got, err := records[offset].Decode(ctx)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("decoded/0 offset %d", offset)) {
			t.Errorf("offset %d: %v, %v", offset, got, err)
		}
	}
	if got, err := records[4].Decode(ctx); got != nil || err != nil {
		t.Errorf("a null value: %v, %v", got, err)
	}
	plain, _ := start(t, addr, Config{}, partitions("decoded", kgo.NoResetOffset().At(0)))
	if b := plain.Poll(ctx); len(b.Records) == 0 {
		t.Errorf("polled %v", b)
	} else if _, err := b.Records[0].Decode(ctx); err == nil || !strings.Contains(err.Error(), "Config.Schemas") {
		t.Errorf("without a registry: %v", err)
	}
}
