package records

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kafka is a cluster with a reader and a producer.
type kafka struct {
	*cluster.Cluster
	*Reader
	producer *kgo.Client
}

func embedded(t testing.TB) *kafka {
	t.Helper()
	return connect(t, brokertest.New(t).Addr(), nil)
}

func connect(t testing.TB, addr string, registry Registry) *kafka {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "east", Bootstrap: strings.Split(addr, ",")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := &kafka{Cluster: c}
	if k.Reader, err = NewReader(c, registry); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Reader.Close)
	k.producer = k.client(t)
	return k
}

func (k *kafka) client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := k.Cluster.Client(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(40 << 20), kgo.BrokerMaxWriteBytes(64 << 20)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (k *kafka) topic(t testing.TB, name string, partitions int32, configs ...string) {
	t.Helper()
	want := cluster.Topic{Name: name, Partitions: partitions, Configs: map[string]string{}}
	for i := 0; i < len(configs); i += 2 {
		want.Configs[configs[i]] = configs[i+1]
	}
	if _, _, err := k.EnsureTopic(t.Context(), want); err != nil {
		t.Fatal(err)
	}
}

func (k *kafka) produce(t testing.TB, records ...*kgo.Record) {
	t.Helper()
	if err := k.producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// epoch is the time of the first record that numbered makes.
var epoch = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// numbered makes n records a second apart, round robin over partitions: record i
// has the value "value i".
func numbered(topic string, n, partitions int) (out []*kgo.Record) {
	for i := range n {
		out = append(out, &kgo.Record{
			Topic: topic, Partition: int32(i % partitions), Timestamp: epoch.Add(time.Duration(i) * time.Second),
			Key: fmt.Appendf(nil, "key %d", i), Value: fmt.Appendf(nil, "value %d", i),
		})
	}
	return out
}

func page(t testing.TB, k *kafka, q Query) *Page {
	t.Helper()
	p, err := k.Page(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	for _, problem := range p.Problems {
		t.Logf("from %q, cursor %q: %s", q.From, q.Cursor, problem)
	}
	return p
}

// values returns the values of records as "0 1 2".
func values(records []Record) string {
	var out []string
	for _, r := range records {
		out = append(out, strings.TrimPrefix(r.Value.Text, "value "))
	}
	return strings.Join(out, " ")
}

// downFrom and upFrom are what values returns of numbered records.
func downFrom(from, n int) string { return count(from, n, -1) }
func upFrom(from, n int) string   { return count(from, n, 1) }

func count(from, n, step int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(from+i*step))
	}
	return strings.Join(out, " ")
}

// search runs a search to its end.
func search(t testing.TB, k *kafka, q SearchQuery) Status {
	t.Helper()
	s, err := k.NewSearch(t.Context(), q, nil, 0)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.Run(ctx)
	return s.Status()
}

func clusters(k *kafka) map[string]*cluster.Cluster {
	return map[string]*cluster.Cluster{k.Cluster.Name: k.Cluster}
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
