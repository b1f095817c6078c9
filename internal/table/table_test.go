package table

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTable(t *testing.T) {
	t.Parallel()
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		addr := start(t)
		c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{addr}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		for _, test := range []struct {
			name string
			body func(t *testing.T, c *cluster.Cluster)
		}{
			{"put, get, delete", testPutGetDelete},
			{"model", testModel},
			{"model of many partitions", testModelPartitions},
			{"racers", testRacers},
			{"no lost update", testNoLostUpdate},
			{"transactions", testTransactions},
			{"waiting for an open transaction", testWaiting},
			{"malformed", testMalformed},
			{"watch", testWatch},
			{"reload", testReload},
			{"recreated topic", testRecreated},
			{"deleted records", testDeletedRecords},
			{"compacted", testCompacted},
			{"stopped", testStopped},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.body(t, c)
			})
		}
	}, kafkatest.Version39)
}

// running is a table under test.
type running struct {
	*Table[string, string]
	stop func() error // ends Run and returns its error
}

// open runs a table on a topic.
func open(t *testing.T, c *cluster.Cluster, cfg Config[string, string]) running {
	t.Helper()
	table, err := New(cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- table.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { stop() })
	return running{table, stop}
}

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func put(t *testing.T, table running, key, value string) int64 {
	t.Helper()
	version, err := table.Put(withTimeout(t), key, value)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// values returns a table without its versions.
func values(table *Table[string, string]) map[string]string {
	m := map[string]string{}
	for k, e := range table.All() {
		m[k] = e.Value
	}
	return m
}

// waitFor waits until cond holds, looking whenever the table moves on.
func waitFor(t *testing.T, table running, what string, cond func() bool) {
	t.Helper()
	w := table.Watch()
	defer w.Close()
	for {
		if _, _, err := w.Next(withTimeout(t)); err != nil {
			t.Fatalf("waiting for %s: %v", what, err)
		}
		if cond() {
			return
		}
	}
}

// quiesce waits until the tables have read what is in the topic now.
func quiesce(t *testing.T, tables ...running) {
	t.Helper()
	for _, table := range tables {
		if err := table.Sync(withTimeout(t)); err != nil {
			t.Fatal(err)
		}
	}
}

func testPutGetDelete(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	table := open(t, c, config("put-get-delete"))
	if _, ok := table.Get("a"); ok || table.Len() != 0 {
		t.Errorf("an empty table has %v", table.All())
	}
	first := put(t, table, "a", "1")
	if got, ok := table.Get("a"); !ok || got != (Entry[string]{"1", first}) {
		t.Errorf("got %+v, %v", got, ok)
	}
	second := put(t, table, "a", "")
	if got, ok := table.Get("a"); !ok || got != (Entry[string]{"", second}) || second <= first {
		t.Errorf("an empty value: %+v, %v after version %d", got, ok, first)
	}
	for range 2 { // the second time there is nothing to delete
		if err := table.Delete(ctx, "a"); err != nil {
			t.Error(err)
		}
		if got, ok := table.Get("a"); ok {
			t.Errorf("deleted: %+v", got)
		}
	}
	for _, version := range []int64{first, second, 99} {
		if _, err := table.CompareAndSet(ctx, "a", "2", version); !errors.Is(err, ErrConflict) {
			t.Errorf("expecting version %d of a deleted key: %v", version, err)
		}
	}
	third, err := table.CompareAndSet(ctx, "a", "3", Absent)
	if got, _ := table.Get("a"); err != nil || got != (Entry[string]{"3", third}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := table.CompareAndSet(ctx, "a", "4", Absent); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "put-get-delete") {
		t.Errorf("expecting no value: %v", err)
	}
	if _, err := table.Put(ctx, "unwritable", "1"); err == nil {
		t.Error("an unwritable key was put")
	}
	if _, err := table.Put(ctx, "k", "unwritable"); err == nil {
		t.Error("an unwritable value was put")
	}
	if diff := cmp.Diff(map[string]string{"a": "3"}, values(table.Table)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func testModel(t *testing.T, c *cluster.Cluster) { model(t, c, config("model"), 300) }
func testModelPartitions(t *testing.T, c *cluster.Cluster) {
	cfg := config("model-partitions")
	cfg.Partitions = 5
	model(t, c, cfg, 150)
}

// model does random operations on two tables of one topic, one after another, and
// on a map.
func model(t *testing.T, c *cluster.Cluster, cfg Config[string, string], ops int) {
	ctx := withTimeout(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	tables := []running{open(t, c, cfg), open(t, c, cfg)}
	want := map[string]Entry[string]{}
	conflicts := 0
	for i := range ops {
		table, k, v := tables[rng.IntN(2)], fmt.Sprint("k", rng.IntN(8)), fmt.Sprint("v", i)
		cur, present := want[k]
		if !present {
			cur.Offset = Absent
		}
		var version int64
		var err error
		switch op := rng.IntN(10); {
		case op < 4:
			version, err = table.Put(ctx, k, v)
		case op < 6:
			err = table.Delete(ctx, k)
			delete(want, k)
			v = ""
		case op < 9:
			version, err = table.CompareAndSet(ctx, k, v, cur.Offset)
		default: // a version that the key does not have
			stale := cur.Offset - 1
			if present && rng.IntN(2) == 0 {
				stale = Absent
			} else if !present {
				stale = rng.Int64N(int64(i + 1))
			}
			if _, err = table.CompareAndSet(ctx, k, v, stale); !errors.Is(err, ErrConflict) {
				t.Fatalf("seed %d, step %d: expecting version %d of %+v: %v", seed, i, stale, cur, err)
			}
			conflicts++
			continue
		}
		if err != nil {
			t.Fatalf("seed %d, step %d: %v", seed, i, err)
		}
		got, ok := table.Get(k)
		if v != "" {
			want[k] = Entry[string]{v, version}
		}
		if ok != (v != "") || ok && got != want[k] {
			t.Fatalf("seed %d, step %d: wrote %q, read %+v, %v", seed, i, v, got, ok)
		}
		if i%50 == 49 {
			quiesce(t, tables...)
			for n, table := range tables {
				if diff := cmp.Diff(want, table.All()); diff != "" {
					t.Fatalf("seed %d, step %d: table %d (-want +got):\n%s", seed, i, n, diff)
				}
			}
		}
	}
	if conflicts == 0 {
		t.Errorf("seed %d: there was no conflict", seed)
	}
	for _, table := range tables {
		if err := table.stop(); err != nil {
			t.Error(err)
		}
	}
	again := open(t, c, cfg)
	if diff := cmp.Diff(want, again.All()); diff != "" {
		t.Errorf("seed %d: after a restart (-want +got):\n%s", seed, diff)
	}
}

// Two see the same version and set at the same time, time and again: exactly one wins.
func testRacers(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	cfg := config("racers")
	tables := []running{open(t, c, cfg), open(t, c, cfg)}
	version := Absent
	wins := [2]int{}
	for round := range 20 {
		var racing sync.WaitGroup
		var versions [2]int64
		var errs [2]error
		for i, table := range tables {
			racing.Go(func() { versions[i], errs[i] = table.CompareAndSet(ctx, "k", fmt.Sprint(round, " of ", i), version) })
		}
		racing.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil || !errors.Is(errs[1-winner], ErrConflict) {
			t.Fatalf("round %d: %v and %v: want one winner and one conflict", round, errs[0], errs[1])
		}
		wins[winner]++
		version = versions[winner]
		quiesce(t, tables...)
		for i, table := range tables {
			if got, _ := table.Get("k"); got != (Entry[string]{fmt.Sprint(round, " of ", winner), version}) {
				t.Fatalf("round %d: %d won with version %d, table %d has %+v", round, winner, version, i, got)
			}
		}
	}
	t.Logf("wins: %v", wins)
}

// A counter that four callers on two tables increment by compare-and-set ends at the
// number of their successes, while somebody else puts and aborts around them.
func testNoLostUpdate(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	cfg := config("no-lost-update")
	tables := []running{open(t, c, cfg), open(t, c, cfg)}
	var successes, conflicts atomic.Int64
	var working sync.WaitGroup
	for i := range 4 {
		working.Go(func() {
			table := tables[i%2]
			for range 15 {
				e, ok := table.Get("n")
				if !ok {
					e = Entry[string]{"0", Absent}
				}
				n, _ := strconv.Atoi(e.Value)
				switch _, err := table.CompareAndSet(ctx, "n", strconv.Itoa(n+1), e.Offset); {
				case err == nil:
					successes.Add(1)
				case errors.Is(err, ErrConflict):
					conflicts.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	working.Go(func() {
		for i := range 15 {
			if _, err := tables[0].Put(ctx, "other", strconv.Itoa(i)); err != nil {
				t.Error(err)
			}
		}
	})
	working.Wait()
	quiesce(t, tables...)
	for _, table := range tables {
		if got, _ := table.Get("n"); got.Value != fmt.Sprint(successes.Load()) {
			t.Errorf("the counter is at %q after %d successes and %d conflicts", got.Value, successes.Load(), conflicts.Load())
		}
	}
	if successes.Load() == 0 {
		t.Error("nobody succeeded")
	}
}

func producer(t *testing.T, c *cluster.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := c.Client(append([]kgo.Opt{kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func produceAll(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func kv(topic, key, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}
}

// holder writes as the holder of a lease does.
type holder struct {
	t      *testing.T
	client *kgo.Client
}

func newHolder(t *testing.T, c *cluster.Cluster, id string) holder {
	return holder{t, producer(t, c, kgo.TransactionalID(id))}
}

func (h holder) begin(records ...*kgo.Record) {
	h.t.Helper()
	if err := h.client.BeginTransaction(); err != nil {
		h.t.Fatal(err)
	}
	produceAll(h.t, h.client, records...)
}

func (h holder) end(try kgo.TransactionEndTry) {
	h.t.Helper()
	if err := h.client.EndTransaction(h.t.Context(), try); err != nil {
		h.t.Fatal(err)
	}
}

func testTransactions(t *testing.T, c *cluster.Cluster) {
	cfg := config("transactions")
	table := open(t, c, cfg)
	put(t, table, "a", "1")
	put(t, table, "b", "1")
	h := newHolder(t, c, "transactions")

	h.begin(kv(cfg.Topic, "a", "aborted"), &kgo.Record{Topic: cfg.Topic, Key: []byte("b")})
	h.end(kgo.TryAbort)
	h.begin(kv(cfg.Topic, "a", "2"), kv(cfg.Topic, "c", "2"))
	put(t, table, "b", "2") // behind the aborted and the open records
	want := map[string]string{"a": "1", "b": "2"}
	if diff := cmp.Diff(want, values(table.Table)); diff != "" {
		t.Errorf("beside an open transaction (-want +got):\n%s", diff)
	}
	fresh := open(t, c, cfg) // is not kept waiting
	if diff := cmp.Diff(want, values(fresh.Table)); diff != "" {
		t.Errorf("loaded beside an open transaction (-want +got):\n%s", diff)
	}
	h.end(kgo.TryCommit)
	want = map[string]string{"a": "2", "b": "2", "c": "2"}
	for _, table := range []running{table, fresh} {
		waitFor(t, table, "the commit", func() bool { return maps.Equal(values(table.Table), want) })
	}
	h.begin(kv(cfg.Topic, "a", "3"), kv(cfg.Topic, "c", "3"))
	put(t, table, "a", "4") // after it in the log, though it commits later
	h.end(kgo.TryCommit)
	want = map[string]string{"a": "4", "b": "2", "c": "3"}
	waitFor(t, table, "the late commit", func() bool { return maps.Equal(values(table.Table), want) })
	if diff := cmp.Diff(want, values(open(t, c, cfg).Table)); diff != "" {
		t.Errorf("loaded after all (-want +got):\n%s", diff)
	}
}

// A compare-and-set that finds an earlier record of its key in an open transaction
// waits for how that ends, and for nothing else.
func testWaiting(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	cfg := config("waiting")
	table := open(t, c, cfg)
	version := put(t, table, "a", "1")
	h := newHolder(t, c, "waiting")
	for _, test := range []struct {
		try  kgo.TransactionEndTry
		want error
	}{{kgo.TryAbort, nil}, {kgo.TryCommit, ErrConflict}} {
		h.begin(kv(cfg.Topic, "a", "held"))
		if _, err := table.CompareAndSet(ctx, "b", "1", table.version("b")); err != nil {
			t.Errorf("another key: %v", err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := table.CompareAndSet(ctx, "a", "2", version)
			done <- err
		}()
		// Its record is in the log: now it waits.
		if err := table.await(ctx, func() (bool, error) { return len(table.fold.open) == 2, nil }); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			t.Errorf("it did not wait: %v", err)
		default:
		}
		h.end(test.try)
		if err := <-done; !errors.Is(err, test.want) {
			t.Errorf("with commit=%v it ended with %v, want %v", test.try, err, test.want)
		}
		version = table.version("a")
	}
	waitFor(t, table, "the commit", func() bool { e, _ := table.Get("a"); return e.Value == "held" })
}

func (t *Table[K, V]) version(key K) int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.fold.version(key)
}

func testMalformed(t *testing.T, c *cluster.Cluster) {
	cfg := config("malformed")
	cfg.Partitions = 2
	table := open(t, c, cfg)
	version := put(t, table, "a", "1")
	p := partitioner(2)([]byte("a"))
	bad, elsewhere := kv(cfg.Topic, "a", "bad"), kv(cfg.Topic, "a", "2")
	bad.Partition, elsewhere.Partition = p, 1-p
	produceAll(t, producer(t, c), elsewhere)
	quiesce(t, table)
	if got, _ := table.Get("a"); got != (Entry[string]{"1", version}) {
		t.Errorf("a record of the wrong partition changed it to %+v", got)
	}
	n, err := table.Malformed()
	if n != 1 || err == nil || !strings.Contains(err.Error(), fmt.Sprintf("malformed/%d", 1-p)) || !strings.Contains(err.Error(), "offset 0") {
		t.Errorf("%d malformed, the last: %v", n, err)
	}
	produceAll(t, producer(t, c), bad)
	quiesce(t, table)
	if got, ok := table.Get("a"); ok {
		t.Errorf("beside its malformed value: %+v", got)
	}
	fresh := open(t, c, cfg)
	for _, table := range []running{table, fresh} {
		if n, err := table.Malformed(); n != 2 || err == nil {
			t.Errorf("%d malformed, the last: %v", n, err)
		}
	}
	put(t, table, "a", "3") // repairs it
	quiesce(t, fresh)
	if diff := cmp.Diff(map[string]string{"a": "3"}, values(fresh.Table)); diff != "" {
		t.Errorf("repaired (-want +got):\n%s", diff)
	}
}

func testWatch(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	table := open(t, c, config("watch"))
	put(t, table, "a", "1")
	w := table.Watch()
	next := func() (got map[string]string, all bool) {
		t.Helper()
		changes, all, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got = map[string]string{}
		for _, change := range changes {
			got[change.Key] = change.Entry.Value
			if change.Removed {
				got[change.Key] = "removed"
			}
		}
		return got, all
	}
	if got, all := next(); !all {
		t.Errorf("first it tells %v, and not to look at everything", got)
	}
	put(t, table, "a", "2")
	put(t, table, "a", "3")
	put(t, table, "b", "1")
	if err := table.Delete(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	put(t, table, "c", "1")
	got, all := next()
	if diff := cmp.Diff(map[string]string{"a": "3", "b": "removed", "c": "1"}, got); diff != "" || all {
		t.Errorf("all %v (-want +got):\n%s", all, diff)
	}
	// A slow watcher is not told what it missed, and costs no more than that.
	var records []*kgo.Record
	for i := range 3 * maxDirty {
		records = append(records, kv("watch", fmt.Sprint("k", i), "1"))
	}
	produceAll(t, producer(t, c), records...)
	quiesce(t, table)
	if got, all := next(); len(got) != 0 || !all {
		t.Errorf("a slow watcher: all %v, %d changes", all, len(got))
	}
	put(t, table, "a", "4")
	if got, all := next(); all || got["a"] != "4" || len(got) != 1 {
		t.Errorf("afterwards: all %v, %v", all, got)
	}
	// Next waits, and ends with its context and with the table.
	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := w.Next(short); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.Close()
	if w = table.Watch(); len(table.watchers) != 1 {
		t.Errorf("%d watchers", len(table.watchers))
	}
	next()
	ended := make(chan error, 1)
	go func() {
		_, _, err := w.Next(ctx)
		ended <- err
	}()
	table.stop()
	if err := <-ended; !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

// A table that is loaded anew all the time gives the same answers.
func testReload(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	cfg := config("reload")
	cfg.Reload = 20 * time.Millisecond
	table, other := open(t, c, cfg), open(t, c, config("reload"))
	w := table.Watch()
	defer w.Close()
	version, reloads := Absent, 0
	for i := 0; reloads < 3 || i < 20; i++ {
		var err error
		if version, err = table.CompareAndSet(ctx, "a", fmt.Sprint(i), version); err != nil {
			t.Fatal(err)
		}
		put(t, table, "b", fmt.Sprint(i))
		put(t, other, "c", fmt.Sprint(i))
		_, all, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if all {
			reloads++
		}
		if e, _ := table.Get("b"); e.Value != fmt.Sprint(i) {
			t.Fatalf("put %d, read %+v", i, e)
		}
	}
	quiesce(t, table, other)
	if diff := cmp.Diff(other.All(), table.All()); diff != "" {
		t.Errorf("(-followed +reloaded):\n%s", diff)
	}
}

func testRecreated(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	cfg := config("recreated")
	table, err := New(cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Load(ctx); err != nil {
		t.Fatal(err)
	}
	followed := open(t, c, cfg)
	put(t, followed, "a", "1")
	if err := c.DeleteTopics(ctx, cfg.Topic); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.EnsureTopic(ctx, cluster.Topic{Name: cfg.Topic, Partitions: 1, Configs: cluster.Compacted()}); err != nil {
		t.Fatal(err)
	}
	if err := table.Load(ctx); err == nil || !strings.Contains(err.Error(), "deleted and created again") {
		t.Errorf("loading it: %v", err)
	}
	if err := followed.await(ctx, func() (bool, error) { return false, nil }); !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "recreated") {
		t.Errorf("following it: %v", err)
	}
	if err := followed.stop(); err == nil {
		t.Error("Run ended without an error")
	}
}

// A table that did not see all of its log says so.
func testDeletedRecords(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	cfg := config("deleted-records")
	table, err := New(cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Load(ctx); err != nil {
		t.Fatal(err)
	}
	table.fold.next[0] = 5 // as if it had read more than the log holds
	if err := table.Run(ctx); err == nil || !strings.Contains(err.Error(), "following table deleted-records") {
		t.Errorf("Run: %v", err)
	}
	if _, err := table.Put(ctx, "a", "1"); !errors.Is(err, ErrStopped) {
		t.Errorf("putting: %v", err)
	}
}

// Kafka compacts away what lost, and what was overwritten; a table read from what
// is left is the same.
func testCompacted(t *testing.T, c *cluster.Cluster) {
	if strings.Contains(t.Name(), "embedded") {
		t.Skip("by design: the embedded engine compacts once an hour, and can not be told to")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cfg := config("compacted")
	configs := cluster.Compacted()
	for k, v := range map[string]string{"segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0", "max.compaction.lag.ms": "100"} {
		configs[k] = v
	}
	if _, _, err := c.EnsureTopic(ctx, cluster.Topic{Name: cfg.Topic, Partitions: 1, Configs: configs}); err != nil {
		t.Fatal(err)
	}
	tables := []running{open(t, c, cfg), open(t, c, cfg)}
	put(t, tables[0], "a", "0")
	put(t, tables[0], "gone", "0")
	if err := tables[0].Delete(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	// The last record of the key in the log is a loser's.
	version := tables[0].version("a")
	h := newHolder(t, c, "compacted")
	h.begin(kv(cfg.Topic, "a", "winner"))
	lost := make(chan error, 1)
	go func() {
		_, err := tables[1].CompareAndSet(ctx, "a", "loser", version)
		lost <- err
	}()
	if err := tables[1].await(ctx, func() (bool, error) { return len(tables[1].fold.open) == 2, nil }); err != nil {
		t.Fatal(err)
	}
	h.end(kgo.TryCommit)
	if err := <-lost; !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	count := func() (n int) {
		_, err := c.ReadToEnd(ctx, cfg.Topic, nil, func(r *kgo.Record) error {
			if string(r.Key) == "a" || string(r.Key) == "gone" {
				n++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	for n := before; n > 1; n = count() { // each put may begin a segment, which lets the one before be compacted
		put(t, tables[0], "b", fmt.Sprint(n))
		pause := time.NewTimer(200 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			t.Fatalf("%d of %d records are left, and Kafka does not compact", n, before)
		}
	}
	if err := tables[0].Delete(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "winner"}, values(open(t, c, cfg).Table)); diff != "" {
		t.Errorf("read from the compacted log (-want +got):\n%s", diff)
	}
}

func testStopped(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	table, err := New(config("stopped"), c)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	for range 2 { // before Run it waits for Run
		if _, err := table.Put(short, "a", "1"); !errors.Is(err, context.Canceled) {
			t.Errorf("putting: %v", err)
		}
	}
	if err := table.Run(short); err != nil {
		t.Errorf("Run with an ended context: %v", err)
	}
	_, putErr := table.Put(ctx, "a", "1")
	_, setErr := table.CompareAndSet(ctx, "a", "1", Absent)
	for _, err := range []error{putErr, table.Delete(ctx, "a"), setErr} {
		if !errors.Is(err, ErrStopped) {
			t.Errorf("after Run: %v", err)
		}
	}
	running := open(t, c, config("stopped"))
	put(t, running, "a", "1")
	if err := running.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if e, ok := running.Get("a"); !ok || e.Value != "1" {
		t.Errorf("what it held: %+v", e)
	}
	if err := running.Sync(ctx); err != nil {
		t.Errorf("it has read all there is: %v", err)
	}
	produceAll(t, producer(t, c), kv("stopped", "a", "2"))
	if err := running.Sync(ctx); !errors.Is(err, ErrStopped) {
		t.Errorf("catching up after Run: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config[string, string]{
		"no topic":      {Key: text, Value: text},
		"no key codec":  {Topic: "t", Value: text},
		"no codec":      {Topic: "t", Key: text, Value: Codec[string]{Encode: text.Encode}},
		"no partitions": {Topic: "t", Key: text, Value: text, Partitions: -1},
		"reload":        {Topic: "t", Key: text, Value: text, Reload: -1},
	} {
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The broker is killed and comes back: the table goes on.
func TestBrokerRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
	t.Parallel()
	kafka := kafkatest.Start(t)
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{kafka.Bootstrap()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx := withTimeout(t)
	table, other := open(t, c, config("restart")), open(t, c, config("restart"))
	version, err := table.CompareAndSet(ctx, "a", "1", Absent)
	if err != nil {
		t.Fatal(err)
	}
	put(t, table, "b", "1")
	kafka.Kill()
	putting := make(chan error, 1)
	go func() {
		_, err := other.Put(ctx, "b", "2")
		putting <- err
	}()
	kafka.Restart()
	if err := <-putting; err != nil {
		t.Errorf("a put during the restart: %v", err)
	}
	if _, err := table.CompareAndSet(ctx, "a", "2", version); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	quiesce(t, table, other)
	for _, table := range []running{table, other} {
		if diff := cmp.Diff(map[string]string{"a": "2", "b": "2"}, values(table.Table)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
