package broker_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/broker/brokertest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(runChild(dir))
	}
	goleak.VerifyTestMain(m)
}

// connect gives a client that produces with acks=all, and an admin on it.
func connect(t *testing.T, addr string, opts ...kgo.Opt) (*kgo.Client, *kadm.Client) {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, kadm.NewClient(client)
}

func createTopic(t *testing.T, admin *kadm.Client, topic string, configs map[string]*string) {
	t.Helper()
	resp, err := admin.CreateTopic(t.Context(), 1, 1, configs, topic)
	if err = errors.Join(err, resp.Err); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// read consumes the topic's values from its start until it has n.
func read(t *testing.T, addr, topic string, n int) []string {
	t.Helper()
	client, _ := connect(t, addr, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var values []string
	for len(values) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(values), n, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func TestRestartKeepsTopicsRecordsAndClusterID(t *testing.T) {
	cfg := broker.Config{Dir: t.TempDir()}
	first, stop := brokertest.Start(t, cfg)
	client, admin := connect(t, first.Addr(), kgo.DefaultProduceTopic("orders"))
	createTopic(t, admin, "orders", map[string]*string{"retention.ms": kadm.StringPtr("-1")})
	want := []string{"one", "two", "three"}
	for _, value := range want {
		produce(t, client, kgo.StringRecord(value))
	}
	if diff := cmp.Diff(want, read(t, first.Addr(), "orders", len(want))); diff != "" {
		t.Errorf("before the restart (-want +got):\n%s", diff)
	}
	stop()

	cfg.Listen = first.Addr()
	second, _ := brokertest.Start(t, cfg)
	if second.Addr() != first.Addr() {
		t.Errorf("address %s after %s", second.Addr(), first.Addr())
	}
	if diff := cmp.Diff(want, read(t, second.Addr(), "orders", len(want))); diff != "" {
		t.Errorf("after the restart (-want +got):\n%s", diff)
	}
	configs, err := admin.DescribeTopicConfigs(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if got := configOf(configs, "retention.ms"); got != "-1" {
		t.Errorf("retention.ms is %q after the restart", got)
	}
	if id := clusterIDOf(t, admin); id != first.ClusterID() || id != second.ClusterID() {
		t.Errorf("clients see cluster id %s, before the restart it was %s, now %s", id, first.ClusterID(), second.ClusterID())
	}
}

func configOf(configs kadm.ResourceConfigs, key string) string {
	for _, c := range configs[0].Configs {
		if c.Key == key {
			return c.MaybeValue()
		}
	}
	return ""
}

func clusterIDOf(t *testing.T, admin *kadm.Client) string {
	t.Helper()
	meta, err := admin.BrokerMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return meta.Cluster
}

func TestEachDirectoryHasItsOwnClusterID(t *testing.T) {
	one, two := brokertest.New(t), brokertest.New(t)
	_, adminOne := connect(t, one.Addr())
	_, adminTwo := connect(t, two.Addr())
	if a, b := clusterIDOf(t, adminOne), clusterIDOf(t, adminTwo); a == b || len(a) != 22 || len(b) != 22 {
		t.Errorf("cluster ids %q and %q", a, b)
	}
}

func TestTopicsAreOnlyCreatedExplicitly(t *testing.T) {
	client, admin := connect(t, brokertest.New(t).Addr(), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(1))
	err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "guessed", Value: []byte("v")}).FirstErr()
	topics, listErr := admin.ListTopics(t.Context())
	if err == nil || listErr != nil || topics.Has("guessed") {
		t.Errorf("produced with error %v; topics %v, %v", err, topics.Names(), listErr)
	}
}

func TestNewRefuses(t *testing.T) {
	running := brokertest.New(t)
	used := t.TempDir()
	holder, err := broker.New(broker.Config{Dir: used})
	if err != nil {
		t.Fatal(err)
	}
	noID, badID := t.TempDir(), t.TempDir()
	os.Mkdir(filepath.Join(noID, "engine"), 0o750)
	os.WriteFile(filepath.Join(badID, "cluster-id"), []byte("short\n"), 0o640)
	fresh := filepath.Join(t.TempDir(), "fresh")

	for name, tc := range map[string]struct {
		cfg  broker.Config
		want string
		is   error
	}{
		"no directory":       {broker.Config{}, "needs a data directory", nil},
		"directory in use":   {broker.Config{Dir: used}, "data directory " + used + " is in use by another process: stop that process or choose another directory", nil},
		"directory is file":  {broker.Config{Dir: filepath.Join(badID, "cluster-id")}, "making data directory", nil},
		"address taken":      {broker.Config{Dir: fresh, Listen: running.Addr()}, "address " + running.Addr() + " is taken", syscall.EADDRINUSE},
		"address not ours":   {broker.Config{Dir: fresh, Listen: "192.0.2.1:0"}, "listening on 192.0.2.1:0", syscall.EADDRNOTAVAIL},
		"address without :":  {broker.Config{Dir: fresh, Listen: "localhost"}, "not host:port", nil},
		"address of no host": {broker.Config{Dir: fresh, Listen: "0.0.0.0:0"}, "names no host", nil},
		"address any host":   {broker.Config{Dir: fresh, Listen: ":0"}, "names no host", nil},
		"tiny frame limit":   {broker.Config{Dir: fresh, MaxFrame: 7}, "frame limit 7", nil},
		"cluster id missing": {broker.Config{Dir: noID}, "is missing beside engine files", nil},
		"cluster id damaged": {broker.Config{Dir: badID}, `holds "short"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := broker.New(tc.cfg)
			if err == nil {
				b.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q does not say %q in one line", err, tc.want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("error %q is not %v", err, tc.is)
			}
		})
	}
	if _, err := os.Stat(fresh); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused New left its directory behind: %v", err)
	}

	if err := holder.Close(); err != nil {
		t.Error(err)
	}
	if err := holder.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	again, _ := brokertest.Start(t, broker.Config{Dir: used, Listen: holder.Addr()})
	if again.ClusterID() != holder.ClusterID() {
		t.Errorf("cluster id %s after %s", again.ClusterID(), holder.ClusterID())
	}
}

// Replayed logs and compacted topics hold records that are years old. Without retention.ms=-1 they are gone at the next retention pass,
// on compact-only topics too: there this engine differs from Apache Kafka.
func TestRetentionSparesOldRecordsOnlyWhereToldTo(t *testing.T) {
	b := brokertest.New(t)
	client, admin := connect(t, b.Addr())
	forever, compact := kadm.StringPtr("-1"), kadm.StringPtr("compact")
	configs := map[string]map[string]*string{
		"replayed":          {"retention.ms": forever},
		"replayed-default":  nil,
		"compacted":         {"retention.ms": forever, "cleanup.policy": compact},
		"compacted-default": {"cleanup.policy": compact},
	}
	at := time.Date(2015, 5, 17, 10, 5, 0, 0, time.UTC)
	for topic, cfg := range configs {
		createTopic(t, admin, topic, cfg)
		produce(t, client, &kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte("v"), Timestamp: at})
	}
	b.ApplyRetention()
	starts, err := admin.ListStartOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	starts.Each(func(o kadm.ListedOffset) { got[o.Topic] = o.Offset })
	want := map[string]int64{"replayed": 0, "compacted": 0, "replayed-default": 1, "compacted-default": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log start offsets after retention (-want +got):\n%s", diff)
	}
	for _, topic := range []string{"replayed", "compacted"} {
		if diff := cmp.Diff([]string{"v"}, read(t, b.Addr(), topic, 1)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", topic, diff)
		}
	}
}

// doc.go promises nobody LogAppendTime; when kfake learns it, doc.go must be told.
func TestLogAppendTimeIsNotApplied(t *testing.T) {
	b := brokertest.New(t)
	client, admin := connect(t, b.Addr(), kgo.ConsumeTopics("stamped"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	createTopic(t, admin, "stamped", map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")})
	at := time.UnixMilli(1_431_857_100_000)
	produce(t, client, &kgo.Record{Topic: "stamped", Value: []byte("v"), Timestamp: at})
	fetches := client.PollFetches(t.Context())
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	if got := fetches.Records()[0].Timestamp; !got.Equal(at) {
		t.Errorf("timestamp %v, the producer gave %v", got, at)
	}
}

func TestHostileFramesCloseOnlyTheirConnection(t *testing.T) {
	b, _ := brokertest.Start(t, broker.Config{Dir: t.TempDir(), MaxFrame: 1 << 20})
	for _, tc := range []struct {
		name    string
		bytes   string
		refused int64
	}{
		{"oversized", "\x00\x10\x00\x01", 1},
		{"2 GiB", "\x7f\xff\xff\xff", 1},
		{"negative", "\xff\xff\xff\xff", 1},
		{"empty", "\x00\x00\x00\x00", 1},
		{"shorter than a header", "\x00\x00\x00\x07", 1},
		{"HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 1},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 1},
		{"unknown API key", "\x00\x00\x00\x0c\x7f\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", 1},
		{"negative API key", "\x00\x00\x00\x0c\xff\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", 1},
		{"unknown API key after a good request", "\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff" + "\x00\x00\x00\x0c\x7f\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", 1},
		{"API that only real brokers use", "\x00\x00\x00\x0c\x00\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", 0},
		{"version of the far future", "\x00\x00\x00\x0c\x00\x03\x7f\xff\x00\x00\x00\x01\xff\xff\x00\x00", 0},
		{"garbage in a produce request", "\x00\x00\x00\x10\x00\x00\x00\x09\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := b.RefusedFrames()
			conn, err := net.Dial("tcp", b.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(conn, tc.bytes); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
			if got := b.RefusedFrames() - before; got != tc.refused {
				t.Errorf("%d frames refused, want %d", got, tc.refused)
			}
		})
	}
	client, admin := connect(t, b.Addr(), kgo.DefaultProduceTopic("calm"))
	createTopic(t, admin, "calm", nil)
	produce(t, client, kgo.StringRecord("after the storm"))
	if diff := cmp.Diff([]string{"after the storm"}, read(t, b.Addr(), "calm", 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
