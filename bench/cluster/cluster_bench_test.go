// Package cluster_test measures what it costs to know a cluster: a refresh of
// cluster.Snapshot for 1,000 topics of 10 partitions on three brokers of Apache
// Kafka with 1 GB of heap, and beside it the same information through plain kadm
// calls. Run it with
//
//	go test -run '^$' -bench . -benchtime 20x ./bench/cluster
//
// It takes a few minutes, nearly all of them to make the topics, 4 GB of memory,
// and 12,000 open files per broker, for which it raises the limit as far as it may.
package cluster_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

const (
	topics     = 1000
	partitions = 10
)

func BenchmarkRefresh(b *testing.B) {
	raiseFiles(b)
	// The tests' small heap and quick compiler would make the brokers the bottleneck.
	b.Setenv("_JAVA_OPTIONS", "-Xms1g -Xmx1g -XX:-UseSerialGC -XX:+UseG1GC -XX:TieredStopAtLevel=4")
	kafka := kafkatest.Start(b, kafkatest.Brokers(3))
	c, err := cluster.Connect(b.Context(), cluster.Config{Name: "bench", Bootstrap: strings.Split(kafka.Bootstrap(), ","), BrokerTimeout: 30 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	sent := &requests{}
	client, err := c.Client(kgo.WithHooks(sent))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	makeTopics(b, admin)

	s := settled(b, c)
	b.Logf("a refresh that reads the settings too: %+v", refresh(b, c, nil).Cost)
	var heldByWeir, heldByKadm int64
	{
		before := heap()
		held := refresh(b, c, nil)
		heldByWeir = heap() - before
		runtime.KeepAlive(held)
	}
	{
		ask(b, admin) // so that the client's own copy is there already
		before := heap()
		held := ask(b, admin)
		heldByKadm = heap() - before
		runtime.KeepAlive(held)
	}

	var weir, plain side
	for b.Loop() {
		weir.measure(func() {
			s = refresh(b, c, s)
			weir.requests += int64(s.Cost.Requests)
		})
		plain.measure(func() {
			before := sent.Load()
			ask(b, admin)
			plain.requests += sent.Load() - before
		})
	}
	n := float64(weir.rounds)
	b.ReportMetric(weir.cpu.Seconds()/n, "cpu-s/refresh")
	b.ReportMetric(float64(weir.requests)/n, "requests/refresh")
	b.ReportMetric(float64(heldByWeir)/(topics*partitions), "B/partition")
	b.ReportMetric(weir.cpu.Seconds()/plain.cpu.Seconds(), "cpu/kadm-cpu")
	b.Logf("\n%-6s %14s %14s %14s %14s\n%v\n%v", "", "cpu s", "wall s", "requests", "B/partition", weir.row("weir", heldByWeir), plain.row("kadm", heldByKadm))
}

// side is what one of the two has cost.
type side struct {
	rounds    int
	cpu, wall time.Duration
	requests  int64
}

func (s *side) measure(f func()) {
	cpu, wall := cpuTime(), time.Now()
	f()
	s.cpu += cpuTime() - cpu
	s.wall += time.Since(wall)
	s.rounds++
}

func (s *side) row(name string, held int64) string {
	n := float64(s.rounds)
	return fmt.Sprintf("%-6s %14.4f %14.4f %14.1f %14d", name, s.cpu.Seconds()/n, s.wall.Seconds()/n, float64(s.requests)/n, held/(topics*partitions))
}

func refresh(b *testing.B, c *cluster.Cluster, prev *cluster.Snapshot) *cluster.Snapshot {
	s, err := c.Refresh(b.Context(), prev)
	if err != nil {
		b.Fatal(err)
	}
	for _, err := range s.Errors {
		b.Fatal(err)
	}
	return s
}

// settled waits until all topics are there and led.
func settled(b *testing.B, c *cluster.Cluster) *cluster.Snapshot {
	for deadline := time.Now().Add(5 * time.Minute); ; {
		s, err := c.Refresh(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		fresh := 0
		for _, p := range s.Partitions {
			if p.Stale == 0 && p.Err == nil {
				fresh++
			}
		}
		if fresh == topics*partitions {
			return s
		}
		if time.Now().After(deadline) {
			b.Fatalf("only %d partitions are up: %v", fresh, s.Errors)
		}
	}
}

// known is what the calls of kadm return.
type known struct {
	meta         kadm.Metadata
	starts, ends kadm.ListedOffsets
	dirs         kadm.DescribedAllLogDirs
}

// ask gets by kadm what a refresh gets, without settings and the controller.
func ask(b *testing.B, admin *kadm.Client) (k known) {
	ctx := b.Context()
	var errs [4]error
	k.meta, errs[0] = admin.Metadata(ctx)
	k.starts, errs[1] = admin.ListStartOffsets(ctx)
	k.ends, errs[2] = admin.ListEndOffsets(ctx)
	k.dirs, errs[3] = admin.DescribeAllLogDirs(ctx, nil)
	if err := errors.Join(errs[:]...); err != nil {
		b.Fatal(err)
	}
	if len(k.meta.Topics) != topics || len(k.starts) != topics || len(k.ends) != topics || len(k.dirs) != 3 {
		b.Fatalf("kadm knows %d topics, offsets of %d and %d, and %d brokers", len(k.meta.Topics), len(k.starts), len(k.ends), len(k.dirs))
	}
	return k
}

func makeTopics(b *testing.B, admin *kadm.Client) {
	const batch = 50
	admin.SetTimeoutMillis(60_000)
	for i := 0; i < topics; i += batch {
		var names []string
		for j := range batch {
			names = append(names, fmt.Sprintf("team-%02d.service.event-%05d", i/batch, i+j))
		}
		made, err := admin.CreateTopics(b.Context(), partitions, 1, nil, names...)
		if err == nil {
			err = made.Error()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// raiseFiles raises the limit of open files for the brokers: what Go does for
// itself, it takes back for its children.
func raiseFiles(b *testing.B) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	if limit.Max < 12_000 {
		b.Fatalf("%d open files are allowed, a broker needs 12000: ulimit -Hn", limit.Max)
	}
}

// cpuTime is what this process has used, without its children.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// requests counts what a client sends.
type requests struct{ atomic.Int64 }

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (r *requests) OnBrokerWrite(kgo.BrokerMetadata, int16, int, time.Duration, time.Duration, error) {
	r.Add(1)
}
