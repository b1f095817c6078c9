package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/wire"
	"github.com/weirhq/weir/serde"
)

func TestProduce(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, startCluster func(t testing.TB) string) {
		addr := startCluster(t)
		c := connect(t, addr)
		// First, while there is no topic for reports.
		t.Run("unaudited cluster", func(t *testing.T) { testUnaudited(t, addr, c) })
		ensure(t, c, wire.ReportsTopic, 16)
		for _, test := range []struct {
			name string
			body func(t *testing.T, addr string, c *cluster.Cluster)
		}{
			{"stamps", testStamps},
			{"refused records", testRefused},
			{"registration first", testRegistrationFirst},
			{"totals", testTotals},
			{"replay", testReplay},
			{"answer lost", testAnswerLost},
			{"broker away", testBrokerAway},
			{"context", testContext},
			{"close while producing", testCloseWhileProducing},
			{"only consuming", testOnlyConsuming},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.body(t, addr, c)
			})
		}
	})
}

func wantCounts(t *testing.T, c *Client, topic string, attempt, ok, fail, unknown uint64) {
	t.Helper()
	want := [4]uint64{attempt, ok, fail, unknown}
	var got [4]uint64
	got[0], got[1], got[2], got[3] = c.Counts(topic)
	if got != want {
		t.Errorf("counts of %s: %v, want %v", topic, got, want)
	}
}

// wantValues checks which values a topic of one partition holds.
func wantValues(t *testing.T, c *cluster.Cluster, topic string, want ...string) {
	t.Helper()
	var got []string
	for _, r := range read(t, c, topic) {
		got = append(got, string(r.Value))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", topic, got, want)
	}
}

// lastTotals adds up what a run's reports say of a topic, over all windows, and
// checks that the last report is the only final one.
func lastTotals(t *testing.T, c *cluster.Cluster, client *Client, topic string) (sum totals) {
	t.Helper()
	all := reports(t, c, client.run)
	if len(all) == 0 {
		t.Fatal("no report")
	}
	rows := map[int64]totals{}
	for i, r := range all {
		if r.Final != (i == len(all)-1) {
			t.Errorf("report %d of %d: final %v", i, len(all), r.Final)
		}
		for _, rt := range r.Topics {
			if rt.Topic != topic {
				continue
			}
			for _, row := range rt.Rows {
				w := rows[row.Start]
				w[row.Kind] = row.Totals
				rows[row.Start] = w
			}
		}
	}
	for _, w := range rows {
		for kind := range w {
			sum[kind].Merge(w[kind])
		}
	}
	return sum
}

func testUnaudited(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "unaudited", 1)
	client, closing := start(t, addr, Config{})
	for i := range 3 {
		// Each in a window of its own.
		if err := produce(t, client, &kgo.Record{Topic: "unaudited", Value: fmt.Append(nil, i), Timestamp: time.UnixMilli(int64(i) * window)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := closing(); err != nil {
		t.Errorf("Run: %v", err)
	}
	wantCounts(t, client, "unaudited", 3, 3, 0, 0)
	wantValues(t, c, "unaudited", "0", "1", "2")
}

func testStamps(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "one", 1)
	ensure(t, c, "two", 1)
	client, _ := start(t, addr, Config{})
	past := time.Date(2015, 5, 17, 10, 5, 3, 7e6, time.UTC)
	// Headers with room behind them: whoever appends in place would write the
	// stamp of one record into the other.
	shared := append(make([]kgo.RecordHeader, 0, 4), kgo.RecordHeader{Key: "a", Value: []byte("1")})
	sent := []*kgo.Record{
		{Topic: "one", Key: []byte("k"), Value: []byte("v"), Timestamp: past, Headers: shared},
		{Topic: "one", Timestamp: past.Add(time.Second), Headers: shared},
		{Topic: "two", Key: []byte{}, Value: []byte{}, Timestamp: past.Add(-24 * time.Hour)},
		{Topic: "one", Value: []byte("now")},
	}
	began := time.Now().Truncate(time.Millisecond)
	var outcomes sync.WaitGroup
	for _, r := range sent {
		outcomes.Add(1)
		client.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
			outcomes.Done()
		})
	}
	outcomes.Wait()
	one, two := read(t, c, "one"), read(t, c, "two")
	if len(one) != 3 || len(two) != 1 {
		t.Fatalf("%d and %d records", len(one), len(two))
	}
	for i, r := range one {
		if s, _ := stamp(t, r); s.Run != client.run || s.Seq != uint64(i+1) {
			t.Errorf("offset %d has stamp %v", i, s)
		}
	}
	if s, _ := stamp(t, two[0]); s.Seq != 1 {
		t.Errorf("stamp %v; sequences are per topic", s)
	}
	for i, r := range one[:2] {
		if len(r.Headers) != 2 || r.Headers[0].Key != "a" || !r.Timestamp.Equal(sent[i].Timestamp) {
			t.Errorf("offset %d: %v, %v", i, r.Headers, r.Timestamp)
		}
	}
	if one[1].Key != nil || one[1].Value != nil {
		t.Errorf("null became %q, %q", one[1].Key, one[1].Value)
	}
	if two[0].Key == nil || two[0].Value == nil || len(two[0].Key)+len(two[0].Value) > 0 {
		t.Errorf("empty became %q, %q", two[0].Key, two[0].Value)
	}
	if at := one[2].Timestamp; at.Before(began) || at.After(time.Now()) {
		t.Errorf("a record without a time got %v", at)
	}
}

func testRefused(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "refused", 1)
	client, closing := start(t, addr, Config{}, kgo.ProducerBatchMaxBytes(4<<20))
	for _, key := range []string{wire.StampHeader, "weir-anything", "__key_schema_id", "__value_schema_id"} {
		err := produce(t, client, &kgo.Record{Topic: "refused", Headers: []kgo.RecordHeader{{Key: key}}})
		if !errors.Is(err, ErrReservedHeader) || !strings.Contains(err.Error(), key) {
			t.Errorf("header %s: %v", key, err)
		}
	}
	// The first is refused by the broker, the second by kgo.
	for _, size := range []int{2 << 20, 5 << 20} {
		r := &kgo.Record{Topic: "refused", Value: make([]byte, size)}
		for range 2 { // a record that failed can be sent again
			if err := produce(t, client, r); !errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	}
	if err := produce(t, client, &kgo.Record{Topic: "refused", Value: []byte("good"), Headers: []kgo.RecordHeader{{Key: "Weir-"}}}); err != nil {
		t.Error(err)
	}
	wantCounts(t, client, "refused", 9, 1, 8, 0)
	wantValues(t, c, "refused", "good")
	if err := closing(); err != nil {
		t.Error(err)
	}
	if got := lastTotals(t, c, client, "refused"); got[wire.Fail].Count != 8 || got[wire.OK].Count != 1 {
		t.Errorf("totals %+v", got)
	}
}

// Nothing leaves before the registration, with the record's window open, is in
// the log.
func testRegistrationFirst(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "registration", 1)
	var client *Client
	var checked atomic.Int32
	check := func(marker string, at int64) {
		all := reports(t, c, client.run)
		if len(all) == 0 {
			t.Errorf("%q leaves before any report", marker)
			return
		}
		if g := all[0].Registration; g == nil || g.Application != "test" || g.Version != "v1" || all[0].Number != 0 {
			t.Errorf("the first report is %+v", all[0])
		}
		a := auditor{rows: map[cellKey]totals{}}
		for _, r := range all {
			a.take(r)
		}
		k := client.ledger.key("registration", at)
		if row := a.rows[k]; !row.inFlight() {
			t.Errorf("%q leaves while the reports show %v as %v", marker, k, row)
		}
	}
	l := &link{}
	l.onRequest = func(_ *link, req []byte) {
		for i, marker := range []string{"first-window", "second-window"} {
			if bytes.Contains(req, []byte(marker)) {
				checked.Add(1)
				check(marker, int64(i)*window)
			}
		}
	}
	client, _ = start(t, addr, Config{Version: "v1"}, kgo.Dialer(l.dial))
	for i, marker := range []string{"first-window", "second-window"} {
		if err := produce(t, client, &kgo.Record{Topic: "registration", Value: []byte(marker), Timestamp: time.UnixMilli(int64(i) * window)}); err != nil {
			t.Fatal(err)
		}
	}
	if checked.Load() != 2 {
		t.Errorf("%d requests were checked, want 2", checked.Load())
	}
}

func testTotals(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "totals", 4)
	client, closing := start(t, addr, Config{ReportInterval: 20 * time.Millisecond})
	const n = 2000
	var outcomes sync.WaitGroup
	for i := range n {
		outcomes.Add(1)
		r := &kgo.Record{Topic: "totals", Key: fmt.Append(nil, i%7), Value: fmt.Append(nil, "value ", i), Timestamp: time.UnixMilli(int64(i) * window / 400)}
		client.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
			outcomes.Done()
		})
	}
	outcomes.Wait()
	wantCounts(t, client, "totals", n, n, 0, 0)
	if err := closing(); err != nil {
		t.Fatal(err)
	}
	want := map[int64]wire.Totals{}
	seqs := map[uint64]bool{}
	for _, r := range read(t, c, "totals") {
		s, raw := stamp(t, r)
		seqs[s.Seq] = true
		start := r.Timestamp.UnixMilli() / window * window
		w := want[start]
		w.Add(wire.Fingerprint(r.Key, r.Value, raw), len(r.Key)+len(r.Value))
		want[start] = w
	}
	if len(seqs) != n || len(want) != 5 {
		t.Errorf("the log holds %d stamps in %d windows, want %d in 5", len(seqs), len(want), n)
	}
	var sum wire.Totals
	for _, w := range want {
		sum.Merge(w)
	}
	if got := lastTotals(t, c, client, "totals"); got != (totals{wire.Attempt: sum, wire.OK: sum}) {
		t.Errorf("reported %+v, the log holds %+v", got, sum)
	}
	rows := map[int64]wire.Totals{}
	for _, r := range reports(t, c, client.run) {
		for _, rt := range r.Topics {
			for _, row := range rt.Rows {
				if row.Kind == wire.OK {
					rows[row.Start] = row.Totals
				}
			}
		}
	}
	for start, w := range want {
		if rows[start] != w {
			t.Errorf("window %d: reported %+v, the log holds %+v", start, rows[start], w)
		}
	}
}

// A replaying run's through is what Advance said; a live run's follows the clock.
func testReplay(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "replay", 1)
	past := time.Date(2015, 5, 17, 10, 5, 3, 0, time.UTC)
	for _, replay := range []bool{true, false} {
		began := time.Now()
		client, closing := start(t, addr, Config{Replay: replay})
		client.Advance(past)
		if err := produce(t, client, &kgo.Record{Topic: "replay", Timestamp: past}); err != nil {
			t.Fatal(err)
		}
		if err := closing(); err != nil {
			t.Fatal(err)
		}
		all := reports(t, c, client.run)
		got := all[len(all)-1].Through
		live := began.Add(-liveLag).UnixMilli() <= got && got <= time.Now().Add(-liveLag).UnixMilli()
		if replay && got != past.UnixMilli() || !replay && !live {
			t.Errorf("replay %v: through %v", replay, time.UnixMilli(got))
		}
	}
}

// The broker took the record, but its answer was lost: kgo sends it again, and
// the broker keeps one.
func testAnswerLost(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "lost-answer", 1)
	l := &link{}
	client, _ := start(t, addr, Config{}, kgo.Dialer(l.dial))
	for _, value := range []string{"before", "lost-1", "lost-2", "after"} {
		if strings.HasPrefix(value, "lost") {
			l.lose(value)
		}
		if err := produce(t, client, &kgo.Record{Topic: "lost-answer", Value: []byte(value)}); err != nil {
			t.Errorf("%s: %v", value, err)
		}
		if !strings.HasPrefix(value, "lost") {
			continue
		}
		if !l.lost() {
			t.Errorf("no request with %q was seen", value)
		}
	}
	wantCounts(t, client, "lost-answer", 4, 4, 0, 0)
	wantValues(t, c, "lost-answer", "before", "lost-1", "lost-2", "after")
}

func testBrokerAway(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "away", 1)
	l := &link{}
	client, closing := start(t, addr, Config{DeliveryTimeout: 2 * time.Second}, kgo.Dialer(l.dial))
	if err := produce(t, client, &kgo.Record{Topic: "away", Value: []byte("before")}); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.onRequest = func(l *link, req []byte) {
		if bytes.Contains(req, []byte("in-doubt")) {
			l.setDown(true)
		}
	}
	l.mu.Unlock()
	err := produce(t, client, &kgo.Record{Topic: "away", Value: []byte("in-doubt")})
	if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, errDeliveryTimeout) {
		t.Errorf("with the broker away past the timeout: %v", err)
	}
	wantCounts(t, client, "away", 2, 1, 0, 1)
	l.mu.Lock()
	l.onRequest = nil
	l.mu.Unlock()
	l.setDown(false)
	if err := produce(t, client, &kgo.Record{Topic: "away", Value: []byte("back")}); err != nil {
		t.Error(err)
	}
	if err := closing(); err != nil {
		t.Error(err)
	}
	if got := lastTotals(t, c, client, "away"); got[wire.Attempt].Count != 3 || got[wire.OK].Count != 2 || got[wire.Unknown].Count != 1 || got.inFlight() {
		t.Errorf("totals %+v", got)
	}
	wantValues(t, c, "away", "before", "back")
}

// A context that ends: before the window is announced the record was certainly
// not sent, afterwards nobody can say.
func testContext(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "context", 1)
	l := &link{}
	client, closing := start(t, addr, Config{}, kgo.Dialer(l.dial))
	l.setDown(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := client.ProduceSync(ctx, &kgo.Record{Topic: "context", Value: []byte("not-sent")})
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("while waiting for the report: %v", err)
	}
	wantCounts(t, client, "context", 1, 0, 1, 0)
	l.setDown(false)
	if err := produce(t, client, &kgo.Record{Topic: "context", Value: []byte("sent")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	l.mu.Lock()
	l.onRequest = func(l *link, req []byte) {
		if bytes.Contains(req, []byte("in-doubt")) {
			l.setDown(true)
			cancel()
		}
	}
	l.mu.Unlock()
	err = client.ProduceSync(ctx, &kgo.Record{Topic: "context", Value: []byte("in-doubt")})
	if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("while under way: %v", err)
	}
	wantCounts(t, client, "context", 3, 1, 1, 1)
	l.mu.Lock()
	l.onRequest = nil
	l.mu.Unlock()
	l.setDown(false)
	if err := closing(); err != nil {
		t.Error(err)
	}
	wantValues(t, c, "context", "sent")
}

func testCloseWhileProducing(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "closing", 4)
	client, closing := start(t, addr, Config{})
	var mu sync.Mutex // guards the two below
	calls := map[string]int{}
	ok := map[string]bool{}
	acked := make(chan struct{}, 1)
	var producers sync.WaitGroup
	for p := range 4 {
		producers.Go(func() {
			for i := 0; ; i++ {
				value := fmt.Sprintf("%d-%d", p, i)
				closed := false
				client.Produce(context.Background(), &kgo.Record{Topic: "closing", Value: []byte(value)}, func(_ *kgo.Record, err error) {
					mu.Lock()
					defer mu.Unlock()
					calls[value]++
					switch {
					case err == nil:
						ok[value] = true
						select {
						case acked <- struct{}{}:
						default:
						}
					case errors.Is(err, ErrClosed):
						closed = true // called within Produce
					default:
						t.Error(err)
					}
				})
				mu.Lock()
				stop := closed
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	<-acked
	if err := closing(); err != nil {
		t.Error(err)
	}
	producers.Wait()
	for value, n := range calls {
		if n != 1 {
			t.Errorf("the promise of %s was called %d times", value, n)
		}
	}
	records := read(t, c, "closing")
	for _, r := range records {
		if !ok[string(r.Value)] {
			t.Errorf("%s is in the log twice, or was not acknowledged", r.Value)
		}
		delete(ok, string(r.Value))
	}
	if len(ok) > 0 {
		t.Errorf("%d acknowledged records are not in the log", len(ok))
	}
	got := lastTotals(t, c, client, "closing")
	if n := uint64(len(records)); got[wire.OK].Count != n || got.inFlight() {
		t.Errorf("totals %+v, the log holds %d records", got, n)
	}
}

func testOnlyConsuming(t *testing.T, addr string, c *cluster.Cluster) {
	ensure(t, c, "consumed", 1)
	client, closing := start(t, addr, Config{ReportInterval: time.Millisecond}, kgo.ConsumeTopics("consumed"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	producer, _ := start(t, addr, Config{})
	if err := produce(t, producer, &kgo.Record{Topic: "consumed", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	if b := client.Poll(t.Context()); len(b.Records) != 1 || len(b.Errors) != 0 {
		t.Errorf("polled %v", b)
	}
	if err := closing(); err != nil {
		t.Error(err)
	}
	if got := reports(t, c, client.run); len(got) > 0 {
		t.Errorf("it wrote %d reports", len(got))
	}
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]Config{
		"application":     {},
		"window":          {Application: "a", Window: 7 * time.Minute},
		"report interval": {Application: "a", ReportInterval: 25 * time.Hour},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A header that says which schema a value has is let through as serde writes it.
func TestSchemaHeaders(t *testing.T) {
	guid := serde.AppendGUID(nil, serde.GUID{1})
	for _, key := range []string{serde.KeyHeader, serde.ValueHeader} {
		f := func(value []byte, want error) {
			t.Helper()
			if err := checkHeaders(&kgo.Record{Headers: []kgo.RecordHeader{{Key: key, Value: value}}}); !errors.Is(err, want) {
				t.Errorf("%s %x: %v", key, value, err)
			}
		}
		f(guid, nil)
		f(guid[:16], ErrReservedHeader)
		f([]byte("text"), ErrReservedHeader)
		f(nil, ErrReservedHeader)
	}
}

func TestOutcome(t *testing.T) {
	for err, want := range map[error]wire.Kind{
		nil:                                wire.OK,
		kgo.ErrMaxBuffered:                 wire.Fail,
		kerr.MessageTooLarge:               wire.Fail,
		kerr.RecordListTooLarge:            wire.Fail,
		kerr.InvalidRecord:                 wire.Fail,
		kerr.InvalidTimestamp:              wire.Fail,
		kerr.UnsupportedForMessageFormat:   wire.Fail,
		kerr.UnsupportedCompressionType:    wire.Fail,
		kerr.UnsupportedVersion:            wire.Fail,
		kerr.PolicyViolation:               wire.Fail,
		kgo.ErrRecordTimeout:               wire.Unknown,
		kgo.ErrClientClosed:                wire.Unknown,
		kerr.NotEnoughReplicasAfterAppend:  wire.Unknown,
		kerr.UnknownTopicOrPartition:       wire.Unknown,
		kerr.RequestTimedOut:               wire.Unknown,
		context.Canceled:                   wire.Unknown,
		errors.New("connection torn down"): wire.Unknown,
	} {
		if got := outcome(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
		if err != nil && outcome(fmt.Errorf("wrapped: %w", err)) != want {
			t.Errorf("%v, wrapped, is not %v", err, want)
		}
	}
}
