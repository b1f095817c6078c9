// Package registry_test measures weir's schema registry on three brokers of Apache
// Kafka against Apicurio Registry 3.0.9, which keeps its schemas in memory, against
// a plain net/http server that answers the same bytes, and against a bare
// transaction. What is compared is requests per second of CPU of the server's
// process, in turn, in one run: ratios are the median of five rounds, each of which
// has every side once, since a machine is rarely alone. Run it with
//
//	go test -run '^$' -bench . -benchtime 1x -timeout 30m ./bench/registry
//
// It needs Java 17 and fetches Apicurio once (109 MB). For comparison, Karapace
// 6.2.0 on two cores (2026-11-22): 1.3 CPU seconds per 1,000 GET by id, 1.4 by
// subject and version, 1.7 per 1,000 POST of the same schema, 2.5 to 3.9 of a new
// version.
package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/wire"
)

// schemaOf returns a record schema of some 20 fields; every n has its own.
func schemaOf(n int) string {
	var fields strings.Builder
	for i := range 20 {
		fmt.Fprintf(&fields, `{"name":"field%d","type":["null","string"],"default":null,"doc":"what the field means"},`, i)
	}
	return fmt.Sprintf(`{"type":"record","name":"Event","namespace":"bench","fields":[%s{"name":"n%d","type":["null","long"],"default":null}]}`, &fields, n)
}

// TestMain is also the plain server: a process whose CPU can be told apart.
func TestMain(m *testing.M) {
	if addr := os.Getenv("BENCH_PLAIN_SERVER"); addr != "" {
		body := []byte(os.Getenv("BENCH_PLAIN_BODY"))
		panic(http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
			w.Write(body)
		})))
	}
	os.Exit(m.Run())
}

func plain(b *testing.B, body string) *server {
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(b))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BENCH_PLAIN_SERVER="+addr, "BENCH_PLAIN_BODY="+body)
	return launch(b, "net/http", "http://"+addr, "/", cmd)
}

// build builds weir.
func build(b *testing.B) (binary string) {
	binary = filepath.Join(b.TempDir(), "weir")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/weir").CombinedOutput(); err != nil {
		b.Fatalf("building weir: %v\n%s", err, out)
	}
	return binary
}

// registry starts weir on a cluster. It has no snapshots, or those in a directory.
func registry(b *testing.B, binary, kafka string, snapshots ...string) *server {
	dir := b.TempDir()
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(b))
	config := filepath.Join(dir, "weir.yaml")
	text := fmt.Sprintf("web: {listen: '%s'}\nclusters: {main: {bootstrap: ['%s']}}\nregistry: {snapshot_dir: '%s'}\n",
		addr, strings.ReplaceAll(kafka, ",", "','"), append(snapshots, "off")[0])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return launch(b, "weir", "http://"+addr, "/subjects", exec.Command(binary, "--log-level", "error", "up", "-c", config))
}

func kafka(b *testing.B) string {
	b.Setenv("_JAVA_OPTIONS", "-Xms512m -Xmx512m -XX:TieredStopAtLevel=4")
	addrs := kafkatest.Start(b, kafkatest.Brokers(3)).Bootstrap()
	b.Setenv("_JAVA_OPTIONS", "")
	return addrs
}

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// ask sends one request; a body makes it a POST.
func ask(b *testing.B, url, body string) (reply []byte, ok bool) {
	method, reader := http.MethodGet, io.Reader(nil)
	if body != "" {
		method, reader = http.MethodPost, strings.NewReader(body)
	}
	req, err := http.NewRequest(method, url, reader)
	if err != nil {
		b.Error(err)
		return nil, false
	}
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return nil, false
	}
	defer resp.Body.Close()
	reply, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Errorf("%s: %s %v %s", url, resp.Status, err, reply)
		return nil, false
	}
	return reply, true
}

func register(b *testing.B, s *server, subject, schema string) (id int) {
	b.Helper()
	body, _ := json.Marshal(map[string]string{"schema": schema})
	reply, ok := ask(b, s.url+"/subjects/"+subject+"/versions", string(body))
	var got struct{ ID int }
	if !ok || json.Unmarshal(reply, &got) != nil {
		b.Fatalf("registering with %s: %s", s.name, reply)
	}
	return got.ID
}

// load runs n requests over so many connections, and returns how many it answered
// per second of the server's CPU, and the median time of one.
func load(b *testing.B, s *server, connections, n int, request func(n int) (path, body string)) (perCPU float64, p50 time.Duration) {
	b.Helper()
	var next atomic.Int64
	times := make([]time.Duration, n)
	before := s.cpu(b)
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				path, body := request(i)
				began := time.Now()
				if _, ok := ask(b, s.url+path, body); !ok {
					return
				}
				times[i] = time.Since(began)
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	slices.Sort(times)
	return float64(n) / max(s.cpu(b)-before, 10*time.Millisecond).Seconds(), times[n/2]
}

// rounds is how often each side of a comparison runs.
const rounds = 5

// side runs requests, and returns as load does.
type side func() (perCPU float64, p50 time.Duration)

// measured is what a side did in each round.
type measured struct{ perCPU, p50 []float64 } // per second, milliseconds

// inTurn runs each side once to warm it, and then in rounds.
func inTurn(sides ...side) []measured {
	all := make([]measured, len(sides))
	for round := range rounds + 1 {
		for i, run := range sides {
			if perCPU, p50 := run(); round > 0 {
				all[i].perCPU = append(all[i].perCPU, perCPU)
				all[i].p50 = append(all[i].p50, float64(p50.Microseconds())/1e3)
			}
		}
	}
	return all
}

// ratio is the median of the ratios of the same round.
func ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// BenchmarkReads is GET by id and by subject and version, and POST of a schema that is there.
func BenchmarkReads(b *testing.B) {
	weir, peer := registry(b, build(b), kafka(b)), apicurio(b)
	schema := schemaOf(0)
	post, _ := json.Marshal(map[string]string{"schema": schema})
	paths := map[*server]string{}
	for _, s := range []*server{weir, peer} {
		paths[s] = fmt.Sprintf("/schemas/ids/%d", register(b, s, "reads", schema))
	}
	for _, bench := range []struct {
		name     string
		path     func(s *server) string
		body     string
		n, peers int // requests of a round to weir and net/http, and to the peer
	}{
		{"GET-by-id", func(s *server) string { return paths[s] }, "", 20_000, 2_000},
		{"GET-by-version", func(*server) string { return "/subjects/reads/versions/1" }, "", 20_000, 2_000},
		{"POST-same", func(*server) string { return "/subjects/reads/versions" }, string(post), 10_000, 1_000},
	} {
		b.Run(bench.name, func(b *testing.B) {
			reply, ok := ask(b, weir.url+bench.path(weir), bench.body)
			if !ok {
				b.FailNow()
			}
			bare := plain(b, string(reply))
			of := func(s *server, path string, n int) side {
				return func() (float64, time.Duration) {
					return load(b, s, 16, n, func(int) (string, string) { return path, bench.body })
				}
			}
			got := inTurn(of(weir, bench.path(weir), bench.n), of(peer, bench.path(peer), bench.peers), of(bare, bench.path(weir), bench.n))
			b.ReportMetric(median(got[0].perCPU), "weir/cpu-s")
			b.ReportMetric(ratio(got[0].perCPU, got[1].perCPU), "x-apicurio")
			b.ReportMetric(ratio(got[0].perCPU, got[2].perCPU), "x-net/http")
		})
	}
}

// BenchmarkNewVersion is POST of a version that is not there yet: weir's are
// acknowledged by three brokers, Apicurio's stay in its memory.
func BenchmarkNewVersion(b *testing.B) {
	addrs := kafka(b)
	weir, peer := registry(b, build(b), addrs), apicurio(b)
	bare := newTransactions(b, addrs)
	run := 0
	of := func(s *server, connections int) side {
		return func() (float64, time.Duration) {
			run++
			return load(b, s, connections, 300, func(i int) (path, body string) {
				// Ten versions of each subject, each a new schema.
				post, _ := json.Marshal(map[string]string{"schema": schemaOf(run*1_000_000 + i)})
				return fmt.Sprintf("/subjects/new-%d-%d/versions", run, i/10), string(post)
			})
		}
	}
	for _, connections := range []int{8, 1} {
		b.Run(fmt.Sprintf("connections-%d", connections), func(b *testing.B) {
			sides := []side{of(weir, connections), of(peer, connections)}
			if connections == 1 {
				sides = append(sides, func() (float64, time.Duration) { return 0, bare.run(b, 300) })
			}
			got := inTurn(sides...)
			b.ReportMetric(median(got[0].perCPU), "weir/cpu-s")
			b.ReportMetric(ratio(got[0].perCPU, got[1].perCPU), "x-apicurio")
			b.ReportMetric(median(got[0].p50), "weir-p50-ms")
			b.ReportMetric(median(got[1].p50), "apicurio-p50-ms")
			if connections == 1 {
				b.ReportMetric(median(got[2].p50), "bare-txn-p50-ms")
				b.ReportMetric(ratio(got[0].p50, got[2].p50), "x-bare-txn-p50")
			}
		})
	}
}

// transactions are over two partitions, as a registration has them.
type transactions struct {
	topics []string
	writer *kgo.Client
	read   chan struct{} // a record of the first topic has come back
}

func newTransactions(b *testing.B, addrs string) *transactions {
	b.Helper()
	c, err := cluster.Connect(b.Context(), cluster.Config{Name: "bench", Bootstrap: strings.Split(addrs, ",")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	t := &transactions{topics: []string{"bare-schemas", "bare-history"}, read: make(chan struct{}, 1)}
	for _, topic := range t.topics {
		if _, _, err := c.EnsureTopic(b.Context(), cluster.Topic{Name: topic, Partitions: 1}); err != nil {
			b.Fatal(err)
		}
	}
	if t.writer, err = c.Client(kgo.TransactionalID("bare"), kgo.ProducerLinger(0)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(t.writer.Close)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- c.Follow(ctx, t.topics[0], cluster.Offsets{0: 0}, func(records []*kgo.Record) error {
			for range records {
				t.read <- struct{}{}
			}
			return nil
		})
	}()
	b.Cleanup(func() { stop(); <-done })
	return t
}

// run returns the median time of n transactions, each until a reader has its record.
func (t *transactions) run(b *testing.B, n int) time.Duration {
	b.Helper()
	times := make([]time.Duration, n)
	value := []byte(schemaOf(0))
	for i := range times {
		began := time.Now()
		if err := t.writer.BeginTransaction(); err != nil {
			b.Fatal(err)
		}
		var records []*kgo.Record
		for _, topic := range t.topics {
			records = append(records, &kgo.Record{Topic: topic, Key: []byte("key"), Value: value})
		}
		if err := t.writer.ProduceSync(b.Context(), records...).FirstErr(); err != nil {
			b.Fatal(err)
		}
		if err := t.writer.EndTransaction(b.Context(), kgo.TryCommit); err != nil {
			b.Fatal(err)
		}
		<-t.read
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[n/2]
}

// fill writes subjects of 5 versions, and returns the length of their texts.
func fill(b *testing.B, addrs string, versions int) (text int) {
	b.Helper()
	c, err := cluster.Connect(b.Context(), cluster.Config{Name: "bench", Bootstrap: strings.Split(addrs, ",")})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.EnsureTopic(b.Context(), cluster.Topic{Name: "_schemas", Partitions: 1, Configs: cluster.Compacted()}); err != nil {
		b.Fatal(err)
	}
	writer, err := c.Client()
	if err != nil {
		b.Fatal(err)
	}
	defer writer.Close()
	for i := range versions {
		v := wire.SchemaValue{Subject: fmt.Sprintf("subject-%05d-value", i/5), Version: i%5 + 1, ID: i + 1, Schema: schemaOf(i)}
		key := wire.AppendSchemasKey(nil, wire.SchemasKey{Type: wire.SchemasSchema, Subject: v.Subject, Version: v.Version})
		text += len(v.Schema)
		writer.Produce(b.Context(), &kgo.Record{Topic: "_schemas", Key: key, Value: wire.AppendSchemaValue(nil, v)}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := writer.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return text
}

// started starts weir, and says how long it took until it answered.
func started(b *testing.B, binary, addrs, snapshots string) (*server, time.Duration) {
	b.Helper()
	began := time.Now()
	weir := registry(b, binary, addrs, snapshots)
	took := time.Since(began)
	reply, ok := ask(b, weir.url+"/subjects/subject-09999-value/versions", "")
	if !ok || !bytes.Equal(reply, []byte("[1,2,3,4,5]")) {
		b.Fatalf("after the start: %s", reply)
	}
	return weir, took
}

// BenchmarkStart is weir's start on subjects of 5 versions: from the topic, from its
// snapshot, and from its snapshot while all brokers are away, which is served 2 s after
// the begin.
func BenchmarkStart(b *testing.B) {
	binary := build(b)
	for _, versions := range []int{50_000, 100_000} {
		b.Run(fmt.Sprint(versions), func(b *testing.B) {
			b.Setenv("_JAVA_OPTIONS", "-Xms512m -Xmx512m -XX:TieredStopAtLevel=4")
			brokers := kafkatest.Start(b, kafkatest.Brokers(3))
			b.Setenv("_JAVA_OPTIONS", "")
			text := fill(b, brokers.Bootstrap(), versions)
			dir := b.TempDir()
			first, took := started(b, binary, brokers.Bootstrap(), "off") // makes weir's topics
			b.ReportMetric(took.Seconds(), "s-first")
			first.cmd.Process.Kill()
			weir, took := started(b, binary, brokers.Bootstrap(), dir)
			b.ReportMetric(took.Seconds(), "s")
			b.ReportMetric(weir.cpu(b).Seconds(), "cpu-s")
			b.ReportMetric(float64(weir.memory(b))/1e6, "MB")
			b.ReportMetric(float64(text)/1e6, "MB-of-text")
			if err := weir.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				b.Fatal(err)
			}
			if err := weir.cmd.Wait(); err != nil {
				b.Fatal(err)
			}
			weir, took = started(b, binary, brokers.Bootstrap(), dir)
			b.ReportMetric(took.Seconds(), "s-snapshot")
			b.ReportMetric(weir.cpu(b).Seconds(), "cpu-s-snapshot")
			b.ReportMetric(float64(weir.memory(b))/1e6, "MB-snapshot")
			weir.cmd.Process.Kill()
			brokers.Kill()
			_, took = started(b, binary, brokers.Bootstrap(), dir)
			b.ReportMetric(took.Seconds(), "s-away")
		})
	}
}
