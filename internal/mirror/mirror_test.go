package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits for what comes soon.
const patience = 30 * time.Second

// tiers are the two clusters of a mirror.
type tiers struct{ from, to *cluster.Cluster }

func TestMirror(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c := tiers{connect(t, "local", start(t)), connect(t, "aggregate", start(t))}
		ensurePositions(t, c.to)
		for _, test := range []struct {
			name string
			body func(t *testing.T, c tiers)
		}{
			{"fidelity", testFidelity},
			{"before 1970", testBefore1970},
			{"compressed", testCompressed},
			{"transactions", testTransactions},
			{"restart", testRestart},
			{"streams", testStreams},
			{"position before the first copy", testPositionFirst},
			{"hook", testHook},
			{"producers of a tail", testProducersOfTail},
			{"refusals", testRefusals},
			{"new partitions", testNewPartitions},
			{"gap at start", testGapAtStart},
			{"gap while running", testGapWhileRunning},
			{"too large for the target", testTooLarge},
			{"killed", testKilled},
			{"handed over", testHandover},
			{"stopped for twice its session", testStopped},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.body(t, c)
			})
		}
	})
}

func connect(t *testing.T, name, addr string) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: name, Bootstrap: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func ensurePositions(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	if _, _, err := c.EnsureTopic(t.Context(), PositionsTopic()); err != nil {
		t.Fatal(err)
	}
}

func (c tiers) ensure(t *testing.T, topic string, partitions int32) {
	t.Helper()
	for _, tier := range []*cluster.Cluster{c.from, c.to} {
		ensure(t, tier, topic, partitions)
	}
}

func ensure(t *testing.T, c *cluster.Cluster, topic string, partitions int32) {
	t.Helper()
	if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: topic, Partitions: partitions, Configs: cluster.Kept()}); err != nil {
		t.Fatal(err)
	}
}

func newClient(t *testing.T, c *cluster.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := c.Client(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func produce(t *testing.T, client *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// numbered returns records of partition 0 whose values are the numbers [from, to).
func numbered(topic string, from, to int) (records []*kgo.Record) {
	for i := from; i < to; i++ {
		records = append(records, &kgo.Record{Topic: topic, Value: fmt.Append(nil, i)})
	}
	return records
}

func read(t *testing.T, c *cluster.Cluster, topic string) map[int32][]*kgo.Record {
	t.Helper()
	records := map[int32][]*kgo.Record{}
	_, err := c.ReadToEnd(t.Context(), topic, nil, func(r *kgo.Record) error {
		records[r.Partition] = append(records[r.Partition], r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// wantNumbers checks which values partition 0 of a topic holds.
func wantNumbers(t *testing.T, c *cluster.Cluster, topic string, want ...int) {
	t.Helper()
	var got, wanted []string
	for _, r := range read(t, c, topic)[0] {
		got = append(got, string(r.Value))
	}
	for _, n := range want {
		wanted = append(wanted, fmt.Sprint(n))
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s on %s (-want +got):\n%s", topic, c.Name, diff)
	}
}

func upTo(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

// eventually waits until holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for !holds() {
		select {
		case <-timeout:
			t.Fatalf("after %v: not yet %s", patience, what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// arrived waits until the target's partitions of a topic hold n records together.
func arrived(t *testing.T, c *cluster.Cluster, topic string, n int64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d records of %s", n, topic), func() bool {
		ends, err := c.EndOffsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, end := range ends {
			sum += end
		}
		return sum >= n
	})
}

// session is the least that brokers allow by default.
const session = 6 * time.Second

func (c tiers) new(t *testing.T, cfg Config) *Mirror {
	t.Helper()
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = session
	}
	if cfg.Holder == "" {
		cfg.Holder = "test"
	}
	m, err := New(cfg, c.from, c.to)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// start runs a mirror. Its stop returns Run's error; the test's end calls it too.
func (c tiers) start(t *testing.T, cfg Config) (stop func() error) {
	t.Helper()
	return running(t, c.new(t, cfg))
}

func running(t *testing.T, m *Mirror) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- m.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ran
	})
	t.Cleanup(func() { stop() })
	return stop
}

// run runs a mirror until the target holds n records of the topic, and stops it.
func (c tiers) run(t *testing.T, cfg Config, n int64) {
	t.Helper()
	stop := c.start(t, cfg)
	arrived(t, c.to, cfg.Topics[0], n)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// positions returns all position records of a stream's topic that count, by
// partition, in the order of the log.
func (c tiers) positions(t *testing.T, stream, topic string) map[int32][]wire.Position {
	t.Helper()
	info, err := c.from.Topic(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int32][]wire.Position{}
	var committed lease.Committed
	_, err = c.to.ReadToEnd(t.Context(), wire.PositionsTopic, nil, func(r *kgo.Record) error {
		for _, r := range committed.Add(r) {
			key, err := wire.ParsePositionKey(r.Key)
			if err != nil {
				return err
			}
			if key.Stream != stream || key.TopicID != info.ID {
				continue
			}
			at, err := wire.ParsePosition(r.Value)
			if err != nil {
				return err
			}
			found[key.Partition] = append(found[key.Partition], at)
		}
		return nil
	}, cluster.KeepControl())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func last(positions []wire.Position) wire.Position {
	if len(positions) == 0 {
		return wire.Position{Src: -1}
	}
	return positions[len(positions)-1]
}

func wantPosition(t *testing.T, at wire.Position, src, dst int64) {
	t.Helper()
	if at.Src != src || at.Dst != dst {
		t.Errorf("position %d -> %d, want %d -> %d", at.Src, at.Dst, src, dst)
	}
}

// wantSame checks that the target holds what the source holds, to the byte.
func (c tiers) wantSame(t *testing.T, topic string) {
	t.Helper()
	type content struct {
		Key, Value string
		Null       [2]bool
		Headers    []kgo.RecordHeader
		Timestamp  int64
	}
	contents := func(tier *cluster.Cluster) map[int32][]content {
		all := map[int32][]content{}
		for p, records := range read(t, tier, topic) {
			for _, r := range records {
				all[p] = append(all[p], content{string(r.Key), string(r.Value), [2]bool{r.Key == nil, r.Value == nil}, r.Headers, r.Timestamp.UnixMilli()})
			}
		}
		return all
	}
	if diff := cmp.Diff(contents(c.from), contents(c.to)); diff != "" {
		t.Errorf("%s (-source +target):\n%.4000s", topic, diff)
	}
}

func testFidelity(t *testing.T, c tiers) {
	c.ensure(t, "fidelity", 3)
	large := make([]byte, 900_000)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(large)
	past := time.Date(2015, 5, 17, 10, 5, 3, 7e6, time.UTC)
	sent := []*kgo.Record{
		{},
		{Key: []byte{}, Value: []byte{}},
		{Key: []byte("key"), Value: nil, Partition: 2},
		{Key: nil, Value: []byte("value"), Partition: 2},
		{Value: []byte("2015"), Timestamp: past, Partition: 2},
		{Value: []byte("older, behind it"), Timestamp: past.Add(-time.Hour), Partition: 2},
		{Value: []byte("epoch"), Timestamp: time.UnixMilli(0)},
		{Value: []byte("future"), Timestamp: time.Now().Add(30 * time.Minute)},
		{Value: []byte("headers"), Headers: []kgo.RecordHeader{
			{Key: "b", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "b", Value: []byte{}}, {Key: "b", Value: []byte("1")}, {Key: "", Value: []byte{0, 255}},
		}},
		{Value: large, Partition: 2},
		{Value: []byte{0xff, 0xfe, 0}, Key: []byte{0}},
	}
	client := newClient(t, c.from)
	want := map[int32]int{}
	for _, r := range sent {
		r.Topic = "fidelity"
		produce(t, client, r)
		want[r.Partition]++
	}
	c.run(t, Config{Stream: "fidelity", Topics: []string{"fidelity"}}, int64(len(sent)))
	c.wantSame(t, "fidelity")
	// And the target holds what was sent, not only what our reader makes of both.
	got := read(t, c.to, "fidelity")
	for p, n := range want {
		if len(got[p]) != n {
			t.Errorf("partition %d holds %d records, want %d", p, len(got[p]), n)
		}
	}
	if r := got[0][0]; r.Key != nil || r.Value != nil {
		t.Errorf("null became %q, %q", r.Key, r.Value)
	}
	if r := got[0][1]; r.Key == nil || r.Value == nil {
		t.Error("empty became null")
	}
	if h := got[0][4].Headers; len(h) != 5 || h[1].Value != nil || h[2].Value == nil || h[0].Key != "b" {
		t.Errorf("headers %v", h)
	}
	if r := got[2][2]; !r.Timestamp.Equal(past) {
		t.Errorf("time %v, want %v", r.Timestamp, past)
	}
	if r := got[2][4]; !bytes.Equal(r.Value, large) {
		t.Errorf("the large value has %d bytes, or others", len(r.Value))
	}
}

func testBefore1970(t *testing.T, c tiers) {
	c.ensure(t, "sixties", 1)
	moon := time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC)
	err := newClient(t, c.from).ProduceSync(t.Context(), &kgo.Record{Topic: "sixties", Timestamp: moon}).FirstErr()
	if err != nil {
		t.Skipf("by design: this engine takes no time before 1970: %v", err)
	}
	c.run(t, Config{Stream: "sixties", Topics: []string{"sixties"}}, 1)
	c.wantSame(t, "sixties")
	if at := read(t, c.to, "sixties")[0][0].Timestamp; !at.Equal(moon) {
		t.Errorf("time %v, want %v", at, moon)
	}
}

func testCompressed(t *testing.T, c tiers) {
	c.ensure(t, "compressed", 1)
	n := 0
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		produce(t, newClient(t, c.from, kgo.ProducerBatchCompression(codec)), numbered("compressed", n, n+100)...)
		n += 100
	}
	c.run(t, Config{Stream: "compressed", Topics: []string{"compressed"}}, int64(n))
	c.wantSame(t, "compressed")
	wantNumbers(t, c.to, "compressed", upTo(n)...)
}

// Aborted records are not copied; control records are, so to say, and the
// position lies behind them.
func testTransactions(t *testing.T, c tiers) {
	c.ensure(t, "transactions", 1)
	client := newClient(t, c.from, kgo.TransactionalID("mirror-test"))
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, client, numbered("transactions", 2*i, 2*i+2)...)
		if err := client.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	const end = 4*2 + 4
	cfg := Config{Stream: "transactions", Topics: []string{"transactions"}, PositionEvery: 10 * time.Millisecond}
	stop := c.start(t, cfg)
	eventually(t, "at the end of the source", func() bool { return last(c.positions(t, "transactions", "transactions")[0]).Src == end })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, c.to, "transactions", 0, 1, 4, 5)
	wantPosition(t, last(c.positions(t, "transactions", "transactions")[0]), end, 4)
}

func testRestart(t *testing.T, c tiers) {
	c.ensure(t, "restart", 2)
	client := newClient(t, c.from)
	// Only a stop stores positions here.
	cfg := Config{Stream: "restart", Topics: []string{"restart"}, PositionEvery: time.Hour}
	for round := 1; round <= 3; round++ {
		produce(t, client, numbered("restart", 10*(round-1), 10*round)...)
		c.run(t, cfg, int64(10*round))
		wantNumbers(t, c.to, "restart", upTo(10*round)...)
		at := c.positions(t, "restart", "restart")
		wantPosition(t, last(at[0]), int64(10*round), int64(10*round))
		wantPosition(t, last(at[1]), 0, 0)
		if p := last(at[0]).Producers; len(p) != 1 {
			t.Errorf("round %d: producers %v; what earlier ones wrote lies below", round, p)
		}
	}
	if err := c.start(t, cfg)(); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("stopped at once: %v", err)
	}
	wantNumbers(t, c.to, "restart", upTo(30)...)
}

// Streams have positions of their own, and a topic that is made anew begins anew.
func testStreams(t *testing.T, c tiers) {
	c.ensure(t, "streams", 1)
	client := newClient(t, c.from)
	produce(t, client, numbered("streams", 0, 3)...)
	c.run(t, Config{Stream: "one", Topics: []string{"streams"}}, 3)
	c.run(t, Config{Stream: "two", Topics: []string{"streams"}}, 6)
	wantNumbers(t, c.to, "streams", 0, 1, 2, 0, 1, 2)
	if err := c.from.DeleteTopics(t.Context(), "streams"); err != nil {
		t.Fatal(err)
	}
	ensure(t, c.from, "streams", 1)
	produce(t, newClient(t, c.from), numbered("streams", 7, 8)...)
	c.run(t, Config{Stream: "one", Topics: []string{"streams"}}, 7)
	wantNumbers(t, c.to, "streams", 0, 1, 2, 0, 1, 2, 7)
	wantPosition(t, last(c.positions(t, "one", "streams")[0]), 1, 7)
}

// hook is a Hook made of functions.
type hook struct {
	copies func(src *kgo.Record) int
	copied func(src *kgo.Record, n int, partition int32, offset int64)
}

func (h hook) Copies(src *kgo.Record) int { return h.copies(src) }

func (h hook) Copied(src *kgo.Record, n int, partition int32, offset int64) {
	if h.copied != nil {
		h.copied(src, n, partition, offset)
	}
}

// Who finds a record at the target can look up who wrote it: the producer's name
// is in the log before its first record.
func testPositionFirst(t *testing.T, c tiers) {
	c.ensure(t, "first", 1)
	produce(t, newClient(t, c.from), numbered("first", 0, 5)...)
	var mu sync.Mutex // guards named
	var named []wire.Producer
	h := hook{copies: func(*kgo.Record) int {
		mu.Lock()
		defer mu.Unlock()
		if named == nil { // the first record: nothing was written yet
			named = last(c.positions(t, "first", "first")[0]).Producers
		}
		return 1
	}}
	c.run(t, Config{Stream: "first", Topics: []string{"first"}, Hook: h}, 5)
	mu.Lock()
	defer mu.Unlock()
	if len(named) != 1 {
		t.Fatalf("before the first copy the position names producers %v", named)
	}
	for _, r := range read(t, c.to, "first")[0] {
		if got := (wire.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}); got != named[0] {
			t.Errorf("offset %d was written by %v, the position names %v", r.Offset, got, named[0])
		}
	}
}

func testHook(t *testing.T, c tiers) {
	c.ensure(t, "hook", 2)
	var records []*kgo.Record
	for p := range int32(2) {
		for _, r := range numbered("hook", 0, 10) {
			r.Partition = p
			records = append(records, r)
		}
	}
	produce(t, newClient(t, c.from), records...)
	type place struct {
		partition int32
		offset    int64
	}
	var mu sync.Mutex // guards places
	places := map[place]string{}
	h := hook{
		copies: func(src *kgo.Record) int {
			switch string(src.Value) {
			case "0", "3", "9":
				return 0
			case "7":
				return 2
			}
			return 1
		},
		copied: func(src *kgo.Record, n int, partition int32, offset int64) {
			mu.Lock()
			defer mu.Unlock()
			if _, twice := places[place{partition, offset}]; twice {
				t.Errorf("two copies at %d/%d", partition, offset)
			}
			places[place{partition, offset}] = string(src.Value)
			if n > 1 || n == 1 && string(src.Value) != "7" {
				t.Errorf("copy %d of %s", n, src.Value)
			}
		},
	}
	cfg := Config{Stream: "hook", Topics: []string{"hook"}, Hook: h, PositionEvery: 10 * time.Millisecond}
	stop := c.start(t, cfg)
	eventually(t, "at the end of the source", func() bool {
		at := c.positions(t, "hook", "hook")
		return last(at[0]).Src == 10 && last(at[1]).Src == 10
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for p, records := range read(t, c.to, "hook") {
		var values []string
		for _, r := range records {
			n++
			values = append(values, string(r.Value))
			if told := places[place{p, r.Offset}]; told != string(r.Value) {
				t.Errorf("%d/%d holds %s, the hook was told %q", p, r.Offset, r.Value, told)
			}
		}
		if got := strings.Join(values, " "); got != "1 2 4 5 6 7 7 8" {
			t.Errorf("partition %d holds %s", p, got)
		}
		wantPosition(t, last(c.positions(t, "hook", "hook")[p]), 10, 8)
	}
	if n != len(places) {
		t.Errorf("the hook was told of %d copies, the target holds %d", len(places), n)
	}
}

// A producer is named as long as its records may lie behind the position: also
// when the position moves on without a copy.
func testProducersOfTail(t *testing.T, c tiers) {
	c.ensure(t, "tail", 1)
	client := newClient(t, c.from)
	produce(t, client, numbered("tail", 0, 2)...)
	info, err := c.from.Topic(t.Context(), "tail")
	if err != nil {
		t.Fatal(err)
	}
	// A predecessor, dead before it stored a position behind its records.
	dead := wire.Producer{ID: 777, Epoch: 3}
	key := wire.PositionKey{Stream: "tail", TopicID: info.ID}
	positions, err := c.to.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer positions.Close()
	produce(t, positions, positionRecord(key, wire.Position{Src: 0, Dst: 0, Producers: []wire.Producer{dead}}))
	drop := hook{copies: func(*kgo.Record) int { return 0 }}
	stop := c.start(t, Config{Stream: "tail", Topics: []string{"tail"}, Hook: drop, PositionEvery: 10 * time.Millisecond})
	at := func() wire.Position { return last(c.positions(t, "tail", "tail")[0]) }
	eventually(t, "at the end of the source", func() bool { return at().Src == 2 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if p := at().Producers; len(p) != 2 || p[0] != dead {
		t.Errorf("producers %v, want %v and its successor", p, dead)
	}
	produce(t, client, numbered("tail", 2, 3)...)
	c.run(t, Config{Stream: "tail", Topics: []string{"tail"}}, 1)
	if p := at().Producers; len(p) != 1 || p[0] == dead {
		t.Errorf("producers %v behind a copy, want the last one", p)
	}
}

func testRefusals(t *testing.T, c tiers) {
	ensure(t, c.from, "unequal", 3)
	ensure(t, c.to, "unequal", 4)
	ensure(t, c.from, "only-source", 1)
	ensure(t, c.to, "only-target", 1)
	for topic, parts := range map[string][]string{
		"unequal":     {"unequal", "3 partitions on local", "4 on aggregate"},
		"only-source": {"only-source", "aggregate", "no such topic"},
		"only-target": {"only-target", "local", "no such topic"},
	} {
		m := c.new(t, Config{Stream: "refused", Topics: []string{topic}})
		wantError(t, m.Run(t.Context()), parts...)
	}
	again := connect(t, "again", c.from.Bootstrap()[0])
	m := tiers{c.from, again}.new(t, Config{Stream: "refused", Topics: []string{"unequal"}})
	wantError(t, m.Run(t.Context()), "local and again are the same cluster", c.from.ID)
	for _, cfg := range []Config{{Topics: []string{"t"}}, {Stream: "s"}} {
		_, err := New(cfg, c.from, c.to)
		wantError(t, err, "needs a name and topics")
	}
	_, err := New(Config{Stream: "s", Topics: []string{"t"}}, c.from, c.to)
	wantError(t, err, "stream s", "no holder")
}

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
}

// A stream whose topic gets more partitions ends, with its positions stored, and copies
// all when it begins again; not before the target can take them.
func testNewPartitions(t *testing.T, c tiers) {
	c.ensure(t, "grown", 1)
	produce(t, newClient(t, c.from), numbered("grown", 0, 5)...)
	cfg := Config{Stream: "grown", Topics: []string{"grown"}, PositionEvery: time.Hour, LookEvery: 50 * time.Millisecond}
	ended := make(chan error, 1)
	m := c.new(t, cfg)
	go func() { ended <- m.Run(t.Context()) }()
	arrived(t, c.to, "grown", 5)
	if err := c.from.SetPartitions(t.Context(), "grown", 3, false); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		wantError(t, err, "topic grown on local had 1 partitions when the stream began and has 3 now")
	case <-time.After(patience):
		t.Fatal("it goes on without the new partitions")
	}
	wantError(t, c.new(t, cfg).Run(t.Context()), "topic grown has 3 partitions on local and 1 on aggregate")
	if err := c.to.SetPartitions(t.Context(), "grown", 3, false); err != nil {
		t.Fatal(err)
	}
	more := newClient(t, c.from)
	produce(t, more, &kgo.Record{Topic: "grown", Partition: 1, Value: []byte("new")}, &kgo.Record{Topic: "grown", Partition: 2, Value: []byte("new")})
	c.run(t, cfg, 7)
	c.wantSame(t, "grown") // and nothing twice
}

func deleteRecords(t *testing.T, c *cluster.Cluster, topic string, before int64) {
	t.Helper()
	client := newClient(t, c)
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, before, -1)
	resp, err := kadm.NewClient(client).DeleteRecords(t.Context(), offsets)
	if err = errors.Join(err, resp.Error()); err != nil {
		t.Fatal(err)
	}
}

// What the source deleted before it could be copied is an error, never skipped.
func testGapAtStart(t *testing.T, c tiers) {
	c.ensure(t, "gap", 1)
	client := newClient(t, c.from)
	cfg := Config{Stream: "gap", Topics: []string{"gap"}}
	produce(t, client, numbered("gap", 0, 5)...)
	c.run(t, cfg, 5)
	produce(t, client, numbered("gap", 5, 20)...)
	deleteRecords(t, c.from, "gap", 8)
	for range 2 { // a further try does not get past it
		m := c.new(t, cfg)
		err := m.Run(t.Context())
		var gap *cluster.GapError
		if !errors.As(err, &gap) || *gap != (cluster.GapError{Topic: "gap", Offset: 5, Start: 8, End: 20}) {
			t.Errorf("got %v", err)
		}
		wantError(t, err, "gap/0", "offset 5", "[8, 20)")
	}
	wantNumbers(t, c.to, "gap", upTo(5)...)
	wantPosition(t, last(c.positions(t, "gap", "gap")[0]), 5, 5)
}

// The same while the mirror runs: what kgo reports has no offsets.
func testGapWhileRunning(t *testing.T, c tiers) {
	c.ensure(t, "gap-running", 1)
	produce(t, newClient(t, c.from), numbered("gap-running", 0, 20)...)
	deleteRecords(t, c.from, "gap-running", 8)
	m := c.new(t, Config{Stream: "gap-running", Topics: []string{"gap-running"}})
	p := &partition{inflight: inflight{src: 3}}
	p.add(3, 0)
	p.add(4, 1) // on its way
	failed := kgo.FetchError{Topic: "gap-running", Partition: 0, Err: kerr.OffsetOutOfRange}
	var gap *cluster.GapError
	if err := m.fetchError(t.Context(), p, failed); !errors.As(err, &gap) || *gap != (cluster.GapError{Topic: "gap-running", Offset: 5, Start: 8, End: 20}) {
		t.Errorf("got %v", err)
	}
	failed.Err = kerr.CorruptMessage
	err := m.fetchError(t.Context(), p, failed)
	if !errors.Is(err, kerr.CorruptMessage) {
		t.Errorf("got %v", err)
	}
	wantError(t, err, "reading gap-running/0")
}

// What the target does not take ends the mirror, also while the source is idle.
func testTooLarge(t *testing.T, c tiers) {
	ensure(t, c.from, "large", 1)
	_, _, err := c.to.EnsureTopic(t.Context(), cluster.Topic{Name: "large", Partitions: 1, Configs: map[string]string{"max.message.bytes": "100000"}})
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 500_000)
	rand.NewChaCha8([32]byte{1}).Read(large)
	produce(t, newClient(t, c.from), append(numbered("large", 0, 2), &kgo.Record{Topic: "large", Value: large})...)
	m := c.new(t, Config{Stream: "large", Topics: []string{"large"}, PositionEvery: 10 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = m.Run(ctx)
	if ctx.Err() != nil || !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("Run: %v", err)
	}
	wantError(t, err, "writing large/0, source offset 2")
	if at := last(c.positions(t, "large", "large")[0]).Src; at > 2 {
		t.Errorf("position %d lies behind a record that was not copied", at)
	}
}

// A mirror that is killed while records flow loses none; what it copied behind
// the last stored position, and only that, is there twice.
func testKilled(t *testing.T, c tiers) {
	for _, test := range []struct {
		topic string
		every time.Duration
	}{{"killed-unstored", time.Hour}, {"killed-storing", 20 * time.Millisecond}} {
		c.ensure(t, test.topic, 2)
		client := newClient(t, c.from)
		stopProducing := keepProducing(t, client, test.topic)
		child := c.startChild(t, test.topic, test.every)
		arrived(t, c.to, test.topic, 100)
		if test.every < time.Hour {
			eventually(t, "a position stored", func() bool { return last(c.positions(t, test.topic, test.topic)[0]).Src > 0 })
		}
		child.kill()
		stored := c.positions(t, test.topic, test.topic)
		produced, err := c.from.EndOffsets(t.Context(), test.topic)
		if err != nil {
			t.Fatal(err)
		}

		stop := c.start(t, Config{Stream: test.topic, Topics: []string{test.topic}, PositionEvery: 20 * time.Millisecond})
		eventually(t, "past the kill", func() bool { return last(c.positions(t, test.topic, test.topic)[0]).Src > produced[0] })
		stopProducing()
		source := c.atEnd(t, test.topic)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		target, positions := read(t, c.to, test.topic), c.positions(t, test.topic, test.topic)
		for p := range int32(2) {
			checkCopies(t, fmt.Sprint(test.topic, "/", p), source[p], target[p], positions[p], last(stored[p]).Src, test.every == time.Hour)
		}
	}
}

// keepProducing sends to the two partitions of a topic until it is stopped.
func keepProducing(t *testing.T, client *kgo.Client, topic string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var producing sync.WaitGroup
	producing.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			r := &kgo.Record{Topic: topic, Partition: int32(i % 2), Value: fmt.Append(nil, i/2)}
			if err := client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
				t.Error(err)
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		producing.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// atEnd waits until the positions of the stream that is named as its topic have come
// to the end of the source, and returns what the source holds.
func (c tiers) atEnd(t *testing.T, topic string) map[int32][]*kgo.Record {
	t.Helper()
	source := read(t, c.from, topic)
	eventually(t, "at the end of the source", func() bool {
		at := c.positions(t, topic, topic)
		return last(at[0]).Src == int64(len(source[0])) && last(at[1]).Src == int64(len(source[1]))
	})
	return source
}

func checkCopies(t *testing.T, name string, source, target []*kgo.Record, positions []wire.Position, stored int64, unstored bool) {
	t.Helper()
	copies := map[string]int{}
	var first []string // the values in the order of their first copies
	for _, r := range target {
		if copies[string(r.Value)]++; copies[string(r.Value)] == 1 {
			first = append(first, string(r.Value))
		}
		by := wire.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}
		if !slices.ContainsFunc(positions, func(at wire.Position) bool { return at.Dst <= r.Offset && slices.Contains(at.Producers, by) }) {
			t.Errorf("%s: no position at or below offset %d names its producer %v", name, r.Offset, by)
		}
	}
	var want []string
	twice := 0
	for _, r := range source {
		want = append(want, string(r.Value))
		switch n := copies[string(r.Value)]; {
		case n > 2, n == 2 && r.Offset < stored:
			t.Errorf("%s: %d copies of source offset %d; position %d was stored", name, n, r.Offset, stored)
		case n == 2:
			twice++
		}
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("%s: lost or out of order (-source +target):\n%.2000s", name, diff)
	}
	if unstored && (stored != 0 || twice == 0) {
		t.Errorf("%s: position %d was stored, %d records are there twice; want 0 and some", name, stored, twice)
	}
	t.Logf("%s: %d records, %d of them twice, position stored at the kill: %d", name, len(source), twice, stored)
}

// engine is a cluster that can be stopped and started again.
type engine struct {
	addr          string
	stop, restart func()
}

func embedded(t *testing.T) *engine {
	cfg := broker.Config{Dir: t.TempDir()}
	b, stop := brokertest.Start(t, cfg)
	cfg.Listen = b.Addr()
	e := &engine{addr: cfg.Listen, stop: stop}
	e.restart = func() { _, e.stop = brokertest.Start(t, cfg) }
	return e
}

func kafka(t *testing.T) *engine {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
	c := kafkatest.Start(t)
	return &engine{c.Bootstrap(), c.Stop, c.Restart}
}

// While the target is away the position stays where it was acknowledged. When it
// is back the mirror goes on by itself; when it stays away a stop ends all the
// same, and the next run goes on at the position.
func TestTargetAway(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) *engine{"embedded": embedded, "kafka": kafka} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testTargetAway(t, start(t), name == "embedded")
		})
	}
}

// keeps says that the mirror keeps the lease while the target is away: the embedded
// engine is back at once. Otherwise a member of the group that has only one broker
// gives up with the first connection, and what was under way is copied again.
func testTargetAway(t *testing.T, target *engine, keeps bool) {
	c := tiers{connect(t, "local", brokertest.New(t).Addr()), connect(t, "aggregate", target.addr)}
	ensurePositions(t, c.to)
	c.ensure(t, "away", 1)
	client := newClient(t, c.from)
	var read atomic.Int64
	h := hook{copies: func(r *kgo.Record) int {
		read.Store(r.Offset + 1)
		if r.Offset >= 10 && r.Offset < 13 { // the position moves without the target
			return 0
		}
		return 1
	}}
	cfg := Config{Stream: "away", Topics: []string{"away"}, Hook: h, PositionEvery: 10 * time.Millisecond, SessionTimeout: 15 * time.Second}
	stop := c.start(t, cfg)
	position := func() int64 { return last(c.positions(t, "away", "away")[0]).Src }
	send := func(from, to int) {
		produce(t, client, numbered("away", from, to)...)
		if keeps {
			eventually(t, "read", func() bool { return read.Load() == int64(to) })
		}
	}
	send(0, 5)
	eventually(t, "stored", func() bool { return position() == 5 })

	target.stop()
	send(5, 10)
	target.restart()
	eventually(t, "stored after the target came back", func() bool { return position() == 10 })
	c.wantAtLeast(t, "away", 10, keeps)

	target.stop()
	send(10, 15)
	began := time.Now()
	if err := stop(); keeps || err != nil {
		wantError(t, err, "stopping away")
	}
	if took := time.Since(began); took > finishTimeout+5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	target.restart()
	if at := position(); at != 10 {
		t.Errorf("position %d, want 10: nothing was acknowledged since", at)
	}
	cfg.Hook = nil
	stop = c.start(t, cfg)
	eventually(t, "stored by the next run", func() bool { return position() == 15 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	c.wantAtLeast(t, "away", 15, keeps)
}

// wantAtLeast checks that the numbers below n lie at the target in order, those from
// 5 on perhaps once more, unless exactly.
func (c tiers) wantAtLeast(t *testing.T, topic string, n int, exactly bool) {
	t.Helper()
	if exactly {
		wantNumbers(t, c.to, topic, upTo(n)...)
		return
	}
	copies := map[string]int{}
	next := 0
	for _, r := range read(t, c.to, topic)[0] {
		value := string(r.Value)
		if copies[value]++; copies[value] == 1 {
			if value != fmt.Sprint(next) {
				t.Errorf("%s follows %d", value, next-1)
			}
			next++
		} else if n, _ := strconv.Atoi(value); n < 5 {
			t.Errorf("%s is there again, from below the stored position", value)
		}
	}
	if next != n {
		t.Errorf("%d numbers arrived, want %d", next, n)
	}
}

// While the source is away the mirror waits for it.
func TestSourceAway(t *testing.T) {
	source := embedded(t)
	c := tiers{connect(t, "local", source.addr), connect(t, "aggregate", brokertest.New(t).Addr())}
	ensurePositions(t, c.to)
	c.ensure(t, "away", 1)
	produce(t, newClient(t, c.from), numbered("away", 0, 5)...)
	stop := c.start(t, Config{Stream: "away", Topics: []string{"away"}})
	arrived(t, c.to, "away", 5)
	source.stop()
	source.restart()
	produce(t, newClient(t, c.from), numbered("away", 5, 10)...)
	arrived(t, c.to, "away", 10)
	if err := stop(); err != nil {
		t.Error(err)
	}
	wantNumbers(t, c.to, "away", upTo(10)...)
}
