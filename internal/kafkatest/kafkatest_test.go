package kafkatest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weirhq/weir/internal/kafkatest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
}

func connect(t *testing.T, addr string, opts ...kgo.Opt) (*kgo.Client, *kadm.Client) {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, kadm.NewClient(client)
}

func clusterIDOf(t *testing.T, admin *kadm.Client) string {
	t.Helper()
	meta, err := admin.BrokerMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return meta.Cluster
}

// produce creates the topic if it is not there.
func produce(t *testing.T, addr, topic string, values []string, opts ...kgo.Opt) {
	t.Helper()
	client, admin := connect(t, addr, append(opts, kgo.DefaultProduceTopic(topic))...)
	resp, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic)
	if err = errors.Join(err, resp.Err); err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if err := client.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// read consumes the topic's values from its start until it has n.
func read(t *testing.T, addr, topic string, n int, opts ...kgo.Opt) []string {
	t.Helper()
	client, _ := connect(t, addr, append(opts, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
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

// ./test runs this one by itself, to fetch the jars and make the archives before tests share the machine.
func TestFetch(t *testing.T) {
	skipIfShort(t)
	for _, version := range []string{kafkatest.Version, kafkatest.Version39} {
		if option := kafkatest.WithArchive(t, version); !strings.HasPrefix(option, "-X") {
			t.Errorf("%s: got %q", version, option)
		}
	}
	out, err := kafkatest.Java(t, "kafka.tools.StorageTool", "random-uuid").Output()
	if err != nil || len(out) != len("MkU3OEVBNTcwNTJENDM2Qg\n") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestRecordsSurviveKillAndRestart(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	began := time.Now()
	cluster := kafkatest.Start(t)
	t.Logf("started in %v", time.Since(began))
	want := []string{"one", "two", "three"}
	produce(t, cluster.Bootstrap(), "orders", want)
	_, admin := connect(t, cluster.Bootstrap())
	id := clusterIDOf(t, admin)

	for _, end := range []struct {
		name string
		call func()
	}{{"Kill", cluster.Kill}, {"Stop", cluster.Stop}} {
		began := time.Now()
		end.call()
		ended := time.Now()
		cluster.Restart()
		t.Logf("%s took %v, Restart %v", end.name, ended.Sub(began), time.Since(ended))
		if diff := cmp.Diff(want, read(t, cluster.Bootstrap(), "orders", len(want))); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", end.name, diff)
		}
		_, admin := connect(t, cluster.Bootstrap())
		if got := clusterIDOf(t, admin); got != id {
			t.Errorf("after %s: cluster id %s, first %s", end.name, got, id)
		}
	}
}

func TestConsoleConsumer(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	cluster := kafkatest.Start(t)
	produce(t, cluster.Bootstrap(), "orders", []string{"one", "two"})
	consumer := kafkatest.Java(t, "org.apache.kafka.tools.consumer.ConsoleConsumer",
		"--bootstrap-server", cluster.Bootstrap(), "--topic", "orders", "--from-beginning", "--max-messages", "2", "--timeout-ms", "30000")
	out, err := consumer.Output()
	if err != nil || string(out) != "one\ntwo\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestEachEngine(t *testing.T) {
	t.Parallel()
	ran := map[string]bool{}
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		ran[t.Name()] = true
		one, two := start(t), start(t)
		produce(t, one, "orders", []string{"on one"})
		produce(t, two, "orders", []string{"on two"})
		if diff := cmp.Diff([]string{"on one", "on two"}, append(read(t, one, "orders", 1), read(t, two, "orders", 1)...)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, adminOne := connect(t, one)
		_, adminTwo := connect(t, two)
		if a, b := clusterIDOf(t, adminOne), clusterIDOf(t, adminTwo); a == b || a == "" || b == "" {
			t.Errorf("cluster ids %q and %q", a, b)
		}
		topics, err := adminOne.ListTopics(t.Context(), "never-made")
		if err != nil || topics["never-made"].Err == nil {
			t.Errorf("asking for a topic made it: %v, %v", topics, err)
		}
	}, kafkatest.Version39)
	want := map[string]bool{"TestEachEngine/embedded": true, "TestEachEngine/kafka": true, "TestEachEngine/kafka-3.9.2": true}
	if testing.Short() {
		want = map[string]bool{"TestEachEngine/embedded": true}
	}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Errorf("engines (-want +got):\n%s", diff)
	}
}

// childEnv makes the test below the test binary that gets killed.
const childEnv = "WEIR_TEST_KAFKA_CHILD"

// A test binary that is killed cleans nothing up; its Kafka must end all the same.
func TestKafkaEndsWithAKilledTestBinary(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		fmt.Printf("BOOTSTRAP %s\n", kafkatest.Start(t).Bootstrap())
		io.Copy(io.Discard, os.Stdin) // until killed, or until the parent is
		return
	}
	skipIfShort(t)
	kafkatest.Java(t, "") // skips here where there is no Kafka, rather than in the child
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childEnv+"=1", "TMPDIR="+t.TempDir())
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines, addr, found := bufio.NewScanner(stdout), "", false
	for !found && lines.Scan() {
		addr, found = strings.CutPrefix(lines.Text(), "BOOTSTRAP ")
	}
	if !found {
		t.Fatalf("the child started no Kafka: %v", child.Wait())
	}
	child.Process.Kill()
	child.Wait()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("Kafka at %s still accepts connections", addr)
		}
	}
}
