package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCluster(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c := connect(t, start(t))
		for _, test := range []struct {
			name string
			body func(t *testing.T, c *Cluster)
		}{
			{"handle", testHandle},
			{"ensure topic", testEnsureTopic},
			{"missing topic", testMissingTopic},
			{"recreated topic", testRecreatedTopic},
			{"delete topics", testDeleteTopics},
			{"read to end", testReadToEnd},
			{"read many partitions", testReadManyPartitions},
			{"read compressed batches", testReadCompressed},
			{"read transactions", testReadTransactions},
			{"read errors", testReadErrors},
			{"read range", testReadRange},
			{"gaps", testGaps},
			{"follow", testFollow},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.body(t, c)
			})
		}
	}, kafkatest.Version39)
}

func connect(t *testing.T, addr string) *Cluster {
	t.Helper()
	c, err := Connect(t.Context(), Config{Name: "local", Bootstrap: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// ensure makes a topic whose name is unique among the tests of a cluster.
func ensure(t *testing.T, c *Cluster, topic string, partitions int32) TopicInfo {
	t.Helper()
	info, created, err := c.EnsureTopic(t.Context(), Topic{Name: topic, Partitions: partitions, Configs: Kept()})
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	return info
}

func newClient(t *testing.T, c *Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := c.Client(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// produce writes n records to a partition in as many batches as calls.
func produce(t *testing.T, client *kgo.Client, topic string, partition int32, from, n int) {
	t.Helper()
	var records []*kgo.Record
	for i := from; i < from+n; i++ {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: value(partition, i)})
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func value(partition int32, i int) []byte { return fmt.Appendf(nil, "%d/%d", partition, i) }

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q is more than one line", err)
	}
}

func testHandle(t *testing.T, c *Cluster) {
	if c.Name != "local" || c.ID == "" || c.Brokers != 1 || len(c.Bootstrap()) != 1 {
		t.Errorf("name %q, id %q, %d brokers at %v", c.Name, c.ID, c.Brokers, c.Bootstrap())
	}
}

func testEnsureTopic(t *testing.T, c *Cluster) {
	ctx := t.Context()
	for i, configs := range []map[string]string{nil, Compacted(), Kept(), Deleted(time.Hour)} {
		want := Topic{Name: fmt.Sprint("ensured-", i), Partitions: 3, Configs: configs}
		first, created, err := c.EnsureTopic(ctx, want)
		if err != nil || !created || first.Partitions != 3 || first.Name != want.Name || first.ID == [16]byte{} {
			t.Errorf("%s: %+v, created %v, %v", want.Name, first, created, err)
		}
		second, created, err := c.EnsureTopic(ctx, want)
		if err != nil || created || second.ID != first.ID {
			t.Errorf("%s again: %+v, created %v, %v; first id %v", want.Name, second, created, err, first.ID)
		}
	}
	// Without settings of its own the topic has the broker's.
	for _, test := range []struct {
		want Topic
		says []string
	}{
		{Topic{Name: "ensured-0", Partitions: 4}, []string{"ensured-0", "local", "3 partitions", "needs 4", "delete it"}},
		{Topic{Name: "ensured-0", Partitions: 3, Configs: Kept()}, []string{"ensured-0", "retention.ms=604800000", "needs -1", "kafka-configs.sh --alter --topic ensured-0 --add-config retention.ms=-1"}},
		{Topic{Name: "ensured-2", Partitions: 3, Configs: Compacted()}, []string{"ensured-2", "cleanup.policy=delete", "needs compact"}},
		{Topic{Name: "ensured-3", Partitions: 3, Configs: Deleted(2 * time.Hour)}, []string{"ensured-3", "retention.ms=3600000", "needs 7200000"}},
		{Topic{Name: "ensured-2", Partitions: 3, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"}}, []string{"message.timestamp.type=CreateTime", "needs LogAppendTime"}},
	} {
		_, created, err := c.EnsureTopic(ctx, test.want)
		wantError(t, err, test.says...)
		if created {
			t.Errorf("%s was created", test.want.Name)
		}
	}
	_, _, err := c.EnsureTopic(ctx, Topic{Name: "none", Partitions: 0})
	wantError(t, err, "creating topic none on cluster local")
	for _, name := range []string{"", ".", "..", "a b", "naïve", "a/b", "a\nb", strings.Repeat("x", 250)} {
		_, created, err := c.EnsureTopic(ctx, Topic{Name: name, Partitions: 1})
		wantError(t, err, "creating topic "+strconv.Quote(name), "letters, digits")
		if created {
			t.Errorf("%q was created", name)
		}
	}
	for _, name := range []string{"...", "_A-z.09", strings.Repeat("x", 249)} {
		if _, _, err := c.EnsureTopic(ctx, Topic{Name: name, Partitions: 1}); err != nil {
			t.Error(err)
		}
	}
}

// On three brokers, each is asked for a topic as soon as it is made.
func testKnownToAll(t *testing.T, c *Cluster) {
	var names []string
	for i := range 20 {
		name := fmt.Sprint("made-", i)
		names = append(names, name)
		want := ensure(t, c, name, 6)
		for id := range 3 {
			if info, _, err := c.topicAt(t.Context(), c.client.Broker(id+1), name); err != nil || info.ID != want.ID {
				t.Errorf("broker %d: %+v, %v", id+1, info, err)
			}
		}
	}
	if err := c.DeleteTopics(t.Context(), names...); err != nil {
		t.Error(err)
	}
}

func testMissingTopic(t *testing.T, c *Cluster) {
	ctx := t.Context()
	_, topicErr := c.Topic(ctx, "missing")
	_, startErr := c.StartOffsets(ctx, "missing")
	_, endErr := c.EndOffsets(ctx, "missing")
	_, readErr := c.ReadToEnd(ctx, "missing", nil, func(*kgo.Record) error { return nil })
	for name, err := range map[string]error{"Topic": topicErr, "StartOffsets": startErr, "EndOffsets": endErr, "ReadToEnd": readErr} {
		if !errors.Is(err, ErrNoTopic) {
			t.Errorf("%s: %v is not ErrNoTopic", name, err)
		}
		wantError(t, err, "missing", "local")
	}
}

func testRecreatedTopic(t *testing.T, c *Cluster) {
	first := ensure(t, c, "recreated", 1)
	if err := c.DeleteTopics(t.Context(), "recreated"); err != nil {
		t.Fatal(err)
	}
	if second := ensure(t, c, "recreated", 2); second.ID == first.ID || second.Partitions != 2 {
		t.Errorf("first %+v, then %+v", first, second)
	}
}

func testDeleteTopics(t *testing.T, c *Cluster) {
	ensure(t, c, "deleted", 1)
	for range 2 { // the second time there is nothing to delete
		if err := c.DeleteTopics(t.Context(), "deleted", "never-made"); err != nil {
			t.Error(err)
		}
		if _, err := c.Topic(t.Context(), "deleted"); !errors.Is(err, ErrNoTopic) {
			t.Errorf("asking for it: %v", err)
		}
	}
}

func TestConnectToNobody(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	began := time.Now()
	_, err = Connect(t.Context(), Config{Name: "east", Bootstrap: []string{addr}})
	wantError(t, err, "connecting to cluster east", "no broker answers at "+addr, "is it running")
	if took := time.Since(began); took > connectTimeout+5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Somebody takes the connection and never answers.
func TestConnectToSilence(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	began := time.Now()
	_, err = Connect(t.Context(), Config{Name: "east", Bootstrap: []string{ln.Addr().String()}})
	wantError(t, err, "connecting to cluster east", "no broker answers at "+ln.Addr().String(), "no answer within 10s")
	if took := time.Since(began); took > connectTimeout+5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Connect(ctx, Config{Name: "east", Bootstrap: []string{"127.0.0.1:1"}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Connect(t.Context(), Config{Name: "east"}); err == nil {
		t.Error("connected without an address")
	}
}

func TestOffsetsString(t *testing.T) {
	if got := (Offsets{10: 3, 0: 17, 2: 1}).String(); got != "0:17 2:1 10:3" {
		t.Error(got)
	}
	if got := (Offsets{}).String(); got != "" {
		t.Error(got)
	}
}

func deleteRecords(t *testing.T, c *Cluster, topic string, partition int32, before int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, partition, before, -1)
	resp, err := c.admin.DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}
