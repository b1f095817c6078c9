package kafkatest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/weirhq/weir/internal/kafkatest"
)

const topic = "orders"

func TestThreeBrokers(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	began := time.Now()
	cluster := kafkatest.Start(t, kafkatest.Brokers(3), kafkatest.Racks("a", "b", "c"), kafkatest.LogDirs(2))
	t.Logf("started in %v", time.Since(began))
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(cluster.Bootstrap(), ",")...), kgo.DefaultProduceTopic(topic),
		kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	// Two partitions fill two log directories.
	resp, err := admin.CreateTopic(t.Context(), 2, 3, map[string]*string{"min.insync.replicas": kadm.StringPtr("2")}, topic)
	if err = errors.Join(err, resp.Err); err != nil {
		t.Fatal(err)
	}
	awaitISR(t, admin, 1, 2, 3)

	t.Run("racks", func(t *testing.T) {
		meta, err := admin.BrokerMetadata(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[int32]string{}
		for _, b := range meta.Brokers {
			if b.Rack != nil {
				got[b.NodeID] = *b.Rack
			}
		}
		if diff := cmp.Diff(map[int32]string{1: "a", 2: "b", 3: "c"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("log directories", func(t *testing.T) {
		for id := int32(1); id <= 3; id++ {
			await(t, func(ctx context.Context) (string, bool) {
				dirs, err := admin.DescribeBrokerLogDirs(ctx, id, nil)
				used := map[string]bool{}
				dirs.EachPartition(func(p kadm.DescribedLogDirPartition) { used[p.Dir] = used[p.Dir] || p.Topic == topic })
				return fmt.Sprintf("broker %d: the directories, and whether %s is there: %v, %v", id, topic, used, errors.Join(err, dirs.Error())),
					len(dirs) == 2 && len(used) == 2 && !slices.Contains(slices.Collect(maps.Values(used)), false)
			})
		}
	})

	// Whoever leads, acknowledged by all of the ISR. An idempotent producer retries what the lost leader left unanswered.
	produceTo := func(t *testing.T) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := client.ProduceSync(ctx, kgo.StringRecord(t.Name()), kgo.StringRecord(t.Name())).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for _, fault := range []struct {
		name       string
		begin, end func(int32)
		id         int32
		isrWithout []int32
	}{
		{name: "kill", begin: cluster.KillBroker, end: cluster.RestartBroker, id: 1, isrWithout: []int32{2, 3}},
		{name: "pause", begin: cluster.PauseBroker, end: cluster.ResumeBroker, id: 2, isrWithout: []int32{1, 3}},
		{name: "stop", begin: cluster.StopBroker, end: cluster.RestartBroker, id: 3, isrWithout: []int32{1, 2}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			began := time.Now()
			fault.begin(fault.id)
			awaitISR(t, admin, fault.isrWithout...)
			t.Logf("out of the ISR after %v", time.Since(began))
			produceTo(t)
			began = time.Now()
			fault.end(fault.id)
			awaitISR(t, admin, 1, 2, 3)
			t.Logf("back in the ISR after %v", time.Since(began))
			produceTo(t)
		})
	}

	t.Run("restart of all", func(t *testing.T) {
		cluster.PauseBroker(2) // must not keep it from ending
		began := time.Now()
		cluster.Stop()
		t.Logf("stopped in %v", time.Since(began))
		began = time.Now()
		cluster.Restart()
		t.Logf("restarted in %v", time.Since(began))
		awaitISR(t, admin, 1, 2, 3)
		produceTo(t)
	})
	cluster.PauseBroker(3) // must not keep the test from ending
}

// awaitISR waits until each of the two partitions has the ISR want.
func awaitISR(t *testing.T, admin *kadm.Client, want ...int32) {
	t.Helper()
	await(t, func(ctx context.Context) (string, bool) {
		meta, err := admin.Metadata(ctx, topic)
		var got [][]int32
		for _, p := range meta.Topics[topic].Partitions.Sorted() {
			got = append(got, slices.Sorted(slices.Values(p.ISR)))
		}
		return fmt.Sprintf("ISRs %v, want %v, %v", got, want, err), cmp.Equal(got, [][]int32{want, want})
	})
}

// await waits until is says so. Its context is short: the broker that it asks may be a paused one.
func await(t *testing.T, is func(context.Context) (got string, ok bool)) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		got, ok := is(ctx)
		cancel()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(got)
		}
	}
}

func withTLS(t *testing.T, cluster *kafkatest.Cluster) kgo.Opt {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(cluster.CA()) {
		t.Fatalf("no certificate in %q", cluster.CA())
	}
	return kgo.DialTLSConfig(&tls.Config{RootCAs: pool})
}

var (
	withPlain      = kgo.SASL(plain.Auth{User: "weir", Pass: "s3cret"}.AsMechanism())
	withScram      = kgo.SASL(scram.Auth{User: "weir", Pass: "s3cret"}.AsSha256Mechanism())
	withWrongPlain = kgo.SASL(plain.Auth{User: "weir", Pass: "wrong"}.AsMechanism())
	withWrongScram = kgo.SASL(scram.Auth{User: "weir", Pass: "wrong"}.AsSha256Mechanism())
)

// ping is what a broker answers to a client that does not try again.
func ping(t *testing.T, cluster *kafkatest.Cluster, opts ...kgo.Opt) error {
	t.Helper()
	client, _ := connect(t, cluster.Bootstrap(), append(opts, kgo.RequestRetries(0))...)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := client.Ping(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
	return err
}

func TestSASL(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.SASL("weir", "s3cret"))
	wantAccess(t, cluster, "plain", withPlain)
	wantAccess(t, cluster, "scram", withScram)
	wantAuthenticationFailed(t, cluster, "wrong plain", withWrongPlain)
	wantAuthenticationFailed(t, cluster, "wrong scram", withWrongScram)
	if err := ping(t, cluster); err == nil {
		t.Error("a client without SASL got in")
	}
}

func TestTLS(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.TLS())
	wantAccess(t, cluster, "tls", withTLS(t, cluster))
	if err := ping(t, cluster); err == nil {
		t.Error("a plaintext client got in")
	}
	if err, unknown := ping(t, cluster, kgo.DialTLSConfig(&tls.Config{})), (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
		t.Errorf("a client that does not know the authority: %v", err)
	}
}

func TestClientCertificates(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.ClientCertificates())
	pair, err := tls.X509KeyPair(cluster.ClientCertificate())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cluster.CA())
	wantAccess(t, cluster, "certificate", kgo.DialTLSConfig(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}))
	if err := ping(t, cluster, withTLS(t, cluster)); err == nil {
		t.Error("a client without a certificate got in")
	}
}

// The oldest Kafka takes the same settings as the newest.
func TestSASLOverTLSOnVersion39(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.AtVersion(kafkatest.Version39), kafkatest.SASL("weir", "s3cret"), kafkatest.TLS())
	secure := withTLS(t, cluster)
	wantAccess(t, cluster, "plain", secure, withPlain)
	wantAccess(t, cluster, "scram", secure, withScram)
	wantAuthenticationFailed(t, cluster, "wrong scram", secure, withWrongScram)
	if err := ping(t, cluster, secure); err == nil {
		t.Error("a client without SASL got in")
	}
	if err := ping(t, cluster, withScram); err == nil {
		t.Error("a plaintext client got in")
	}
}

// wantAccess makes a topic and puts a record into it.
func wantAccess(t *testing.T, cluster *kafkatest.Cluster, topic string, opts ...kgo.Opt) {
	t.Helper()
	topic = strings.ReplaceAll(topic, " ", "-")
	produce(t, cluster.Bootstrap(), topic, []string{"one"}, opts...)
	if got := read(t, cluster.Bootstrap(), topic, 1, opts...); !slices.Equal(got, []string{"one"}) {
		t.Errorf("%s: read %q", topic, got)
	}
}

func wantAuthenticationFailed(t *testing.T, cluster *kafkatest.Cluster, name string, opts ...kgo.Opt) {
	t.Helper()
	if err := ping(t, cluster, opts...); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("%s: got %v, want %v", name, err, kerr.SaslAuthenticationFailed)
	}
}
