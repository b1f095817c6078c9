package e2e

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/client"
	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// Two weir processes run the same stream and the same audit over two clusters. The
// one that works is killed in the middle of a load: the other goes on, nothing is
// lost or in doubt, and what was copied again is named to the offset. That one is
// stopped in its turn: the third goes on at once, and nothing is copied again.
func TestStandby(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		engines, _ := up(t, configure(t, fmt.Sprintf(`
home: local
data_dir: %s
web: {listen: "127.0.0.1:0"}
clusters: {local: {embedded: {listen: "127.0.0.1:0"}}, aggregate: {embedded: {listen: "127.0.0.1:0"}}}
`, t.TempDir())))
		testStandby(t, engines.kafkas)
	})
	t.Run("kafka", func(t *testing.T) {
		if testing.Short() {
			t.Skip("NO REAL KAFKA: -short is set")
		}
		t.Parallel()
		local, aggregate := kafkatest.Start(t), kafkatest.Start(t)
		testStandby(t, func(*testing.T) (string, string) { return local.Bootstrap(), aggregate.Bootstrap() })
	})
}

const standbyTopic = "views"

func testStandby(t *testing.T, clusters func(t *testing.T) (local, aggregate string)) {
	local, aggregate := clusters(t)
	for _, addr := range []string{local, aggregate} {
		makeTopic(t, addr)
	}
	config := configure(t, fmt.Sprintf(`
home: local
web: {listen: "127.0.0.1:0"}
clusters: {local: {bootstrap: [%q]}, aggregate: {bootstrap: [%q]}}
mirror: {streams: {east: {from: local, to: aggregate, topics: [%[3]s]}}}
audit: {report_interval: 1s, routes: {views: {topics: [%[3]s], tiers: [local, aggregate]}}}
`, local, aggregate, standbyTopic))
	first, firstURL := up(t, config)
	works(t, first, firstURL)
	second, secondURL := up(t, config)
	eventually(t, "the second one knows who counts", func() bool { return leader(t, secondURL) == firstURL })

	stop := load(t, local)
	eventually(t, "copied and counted", func() bool { return tally(windows(t, secondURL)).counts["aggregate"] >= 200 })
	first.signal(syscall.SIGKILL)
	began := time.Now()
	works(t, second, secondURL)
	t.Logf("taken over after %v", time.Since(began))
	sent := stop()
	wantAll(t, secondURL, local, aggregate, sent)

	third, thirdURL := up(t, config)
	eventually(t, "the third one knows who counts", func() bool { return leader(t, thirdURL) == secondURL })
	duplicated := tally(windows(t, secondURL)).duplicated
	t.Logf("%d records, %d of them copied again", sent, duplicated)
	stop = load(t, local)
	eventually(t, "copied and counted", func() bool { return tally(windows(t, thirdURL)).counts["aggregate"] >= sent+200 })
	second.signal(syscall.SIGINT)
	if code := second.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("Ctrl-C: exit code %d", code)
	}
	works(t, third, thirdURL)
	sent += stop()
	wantAll(t, thirdURL, local, aggregate, sent)
	if n := tally(windows(t, thirdURL)).duplicated; n != duplicated {
		t.Errorf("%d records were copied again by a clean stop", n-duplicated)
	}
}

func makeTopic(t *testing.T, addr string) {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "test", Bootstrap: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: standbyTopic, Partitions: 2, Configs: cluster.Kept()}); err != nil {
		t.Fatal(err)
	}
}

// works waits until a process copies and counts, and says so.
func works(t *testing.T, p *process, url string) {
	t.Helper()
	for _, lease := range []string{"audit", "mirror-east"} {
		p.wait(t, `msg=leading lease=`+lease)
	}
	eventually(t, "it says that it counts", func() bool { return leader(t, url) == url })
}

// leader returns the URL of the process that counts, as the one at url says.
func leader(t *testing.T, url string) string {
	t.Helper()
	var list audit.TopicList
	if fetch(t, url+"/api/v1/audit/topics", &list); list.Leader == nil {
		return ""
	}
	return list.Leader.URL
}

func windows(t *testing.T, url string) []audit.Window {
	t.Helper()
	var list audit.WindowList
	fetch(t, url+"/api/v1/audit/topics/"+standbyTopic+"/windows", &list)
	return list.Windows
}

// sums is what windows add up to.
type sums struct {
	counts           map[string]uint64
	lost, duplicated uint64
	settled          bool // each is complete, or what is there twice is named
}

func tally(windows []audit.Window) sums {
	s := sums{counts: map[string]uint64{}, settled: true}
	for _, w := range windows {
		for tier, n := range w.Counts {
			s.counts[tier] += n
		}
		s.lost += w.Lost
		s.duplicated += w.Duplicated
		s.settled = s.settled && (w.Verdict == audit.Complete || w.Verdict == audit.Duplicated && w.Ranges != nil)
	}
	return s
}

// load sends some hundred records a second, over one window after another, until it
// is stopped; stop returns how many were acknowledged.
func load(t *testing.T, addr string) (stop func() uint64) {
	t.Helper()
	producer, err := client.New(client.Config{Application: "standby", Window: 10 * time.Minute, ReportInterval: 200 * time.Millisecond, Replay: true}, kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := producer.Run(context.Background()); err != nil {
			t.Errorf("the producer: %v", err)
		}
	})
	at := time.Date(2015, 5, 17, 10, 0, 0, 0, time.UTC)
	var sending sync.WaitGroup
	sent := uint64(0)
	sending.Go(func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for ; ctx.Err() == nil; sent++ {
			at = at.Add(time.Second)
			r := &kgo.Record{Topic: standbyTopic, Key: fmt.Append(nil, sent), Value: fmt.Append(nil, "value ", sent), Timestamp: at}
			producer.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
			producer.Advance(at)
			<-ticker.C
		}
	})
	stop = sync.OnceValue(func() uint64 {
		cancel()
		sending.Wait()
		if err := producer.Close(context.Background()); err != nil {
			t.Error(err)
		}
		running.Wait()
		return sent
	})
	t.Cleanup(func() { stop() })
	return stop
}

// wantAll waits until all that was sent is accounted for, and checks that the verdicts
// agree with the topics.
func wantAll(t *testing.T, url, local, aggregate string, sent uint64) {
	t.Helper()
	var all []audit.Window
	var got sums
	deadline := time.Now().Add(time.Minute)
	for done := false; !done; {
		all = windows(t, url)
		got = tally(all)
		done = got.settled && got.lost == 0 && got.counts["producer"] == sent && got.counts["local"] == sent && got.counts["aggregate"] == sent+got.duplicated
		if !done && time.Now().After(deadline) {
			t.Fatalf("%d were sent, and the windows say %+v: %+v", sent, got, all)
		}
		time.Sleep(50 * time.Millisecond)
	}
	wantCopies(t, result{Windows: all}, readAll(t, local, standbyTopic), readAll(t, aggregate, standbyTopic))
}
