package records

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/web"
)

func TestPages(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 4)
	k.produce(t, numbered("orders", 100, 4)...)
	for name, c := range map[string]struct {
		q    Query
		want string
		end  bool
	}{
		"newest":                  {Query{From: "end", Partition: -1, Limit: 10}, downFrom(99, 10), false},
		"newest by default":       {Query{Partition: -1}, downFrom(99, 50), false},
		"newest, all":             {Query{From: "end", Partition: -1, Limit: 500}, downFrom(99, 100), true},
		"newest of one":           {Query{From: "end", Partition: 1, Limit: 3}, "97 93 89", false},
		"oldest":                  {Query{From: "start", Partition: -1, Limit: 10}, upFrom(0, 10), false},
		"from a time":             {Query{From: "2026-11-24T10:01:00Z", Partition: -1, Limit: 10}, upFrom(60, 10), false},
		"from a time, to the end": {Query{From: "2026-11-24T11:01:35+01:00", Partition: -1}, upFrom(95, 5), true},
		"after all times":         {Query{From: "2027-01-01T00:00:00Z", Partition: -1}, "", true},
		"before all times":        {Query{From: "2000-01-01T00:00:00Z", Partition: -1, Limit: 2}, "0 1", false},
		"before the epoch":        {Query{From: "1900-01-01T00:00:00Z", Partition: -1, Limit: 2}, "0 1", false},
		"from an offset":          {Query{From: "20", Partition: 2, Limit: 3}, "82 86 90", false},
		"from an offset of all":   {Query{From: "24", Partition: -1}, upFrom(96, 4), true},
		"beyond the end":          {Query{From: "1000", Partition: 2}, "", true},
	} {
		c.q.Topic = "orders"
		p := page(t, k, c.q)
		if got := values(p.Records); got != c.want || p.AtEnd != c.end {
			t.Errorf("%s: %s, at end %v, want %s, %v", name, got, p.AtEnd, c.want, c.end)
		}
	}
	p := page(t, k, Query{Topic: "orders", Partition: -1})
	if diff := cmp.Diff([]Bounds{{0, 0, 25}, {1, 0, 25}, {2, 0, 25}, {3, 0, 25}}, p.Ranges); diff != "" {
		t.Errorf("ranges (-want +got):\n%s", diff)
	}
}

// Pages of every size hand over each record once, in both orders.
func TestPagesGoOn(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 3)
	k.produce(t, numbered("orders", 100, 3)...)
	for _, limit := range []int{1, 7, 33, 99, 100, 500} {
		for from, want := range map[string]string{"start": upFrom(0, 100), "end": downFrom(99, 100)} {
			var got []Record
			q := Query{Topic: "orders", Partition: -1, From: from, Limit: limit}
			for {
				p := page(t, k, q)
				if got = append(got, p.Records...); p.AtEnd || len(got) > 100 {
					break
				}
				q.Cursor = p.Next
			}
			if values(got) != want {
				t.Errorf("%d by %d from %s: %s", len(got), limit, from, values(got))
			}
		}
	}
}

// Times out of order neither hide nor repeat a record.
func TestTimesOutOfOrder(t *testing.T) {
	k := embedded(t)
	k.topic(t, "odd", 2)
	var all []*kgo.Record
	for i := range 40 {
		all = append(all, &kgo.Record{Topic: "odd", Partition: int32(i % 2), Timestamp: epoch.Add(time.Duration(i*17%40) * time.Minute), Value: fmt.Append(nil, i)})
	}
	k.produce(t, all...)
	for _, from := range []string{"start", "end"} {
		seen := map[string]int{}
		for q := (Query{Topic: "odd", Partition: -1, From: from, Limit: 7}); ; {
			p := page(t, k, q)
			for _, r := range p.Records {
				seen[r.Value.Text]++
			}
			if p.AtEnd {
				break
			}
			q.Cursor = p.Next
		}
		for i := range 40 {
			if seen[fmt.Sprint(i)] != 1 {
				t.Errorf("from %s: record %d is shown %d times", from, i, seen[fmt.Sprint(i)])
			}
		}
	}
}

func TestFollow(t *testing.T) {
	k := embedded(t)
	k.topic(t, "live", 2)
	k.produce(t, numbered("live", 4, 2)...)
	first := page(t, k, Query{Topic: "live", Partition: -1})
	if values(first.Records) != "3 2 1 0" || first.Next != "" || first.Tail == "" {
		t.Fatalf("the newest: %s, next %q, tail %q", values(first.Records), first.Next, first.Tail)
	}
	empty := page(t, k, Query{Topic: "live", Partition: -1, Cursor: first.Tail, Wait: time.Millisecond})
	if len(empty.Records) > 0 || !empty.AtEnd || empty.Next == "" {
		t.Errorf("nothing has come, and the page is %+v", empty)
	}
	done := make(chan *Page)
	go func() {
		p, err := k.Page(t.Context(), Query{Topic: "live", Partition: -1, Cursor: empty.Next, Wait: maxWait})
		if err != nil {
			t.Error(err)
		}
		done <- p
	}()
	k.produce(t, &kgo.Record{Topic: "live", Partition: 1, Value: []byte("value new")})
	if p := <-done; p == nil || values(p.Records) != "new" {
		t.Errorf("followed: %+v", p)
	}
}

func TestTailRate(t *testing.T) {
	k := embedded(t)
	k.topic(t, "fast", 1)
	p := page(t, k, Query{Topic: "fast", Partition: -1})
	k.produce(t, numbered("fast", 3000, 1)...)
	c, err := parseCursor(p.Tail)
	if err != nil {
		t.Fatal(err)
	}
	follow := func(ago time.Duration) error {
		c.tail.since = time.Now().Add(-ago)
		_, err := k.Page(t.Context(), Query{Topic: "fast", Partition: -1, Cursor: c.String(), Wait: time.Second})
		return err
	}
	var refused *web.Error
	if err := follow(2 * time.Second); !errors.As(err, &refused) || refused.Status != 429 || refused.Code != "tail_rate" {
		t.Errorf("1500 records per second: %v", err)
	}
	if err := follow(5 * time.Second); err != nil {
		t.Errorf("600 records per second: %v", err)
	}
	if err := follow(100 * time.Millisecond); err != nil {
		t.Errorf("too early to tell: %v", err)
	}
}

func TestPageRefuses(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 2)
	k.topic(t, "others", 2)
	k.produce(t, numbered("orders", 10, 2)...)
	cursor := page(t, k, Query{Topic: "orders", Partition: -1, Limit: 2}).Next
	for name, c := range map[string]struct {
		q    Query
		code string
	}{
		"no place":         {Query{Topic: "orders", Partition: -1, From: "yesterday"}, "bad_request"},
		"negative offset":  {Query{Topic: "orders", Partition: -1, From: "-3"}, "bad_request"},
		"no decoder":       {Query{Topic: "orders", Partition: -1, Decoder: "xml"}, "bad_request"},
		"too many":         {Query{Topic: "orders", Partition: -1, Limit: 501}, "bad_request"},
		"too long a wait":  {Query{Topic: "orders", Partition: -1, Wait: time.Hour}, "bad_request"},
		"no partition":     {Query{Topic: "orders", Partition: 2}, "not_found"},
		"no cursor":        {Query{Topic: "orders", Partition: -1, Cursor: "hello"}, "bad_cursor"},
		"another topic's":  {Query{Topic: "others", Partition: -1, Cursor: cursor}, "bad_cursor"},
		"of all, for one":  {Query{Topic: "orders", Partition: 1, Cursor: cursor}, "bad_cursor"},
		"cursor cut short": {Query{Topic: "orders", Partition: -1, Cursor: cursor[:len(cursor)-2]}, "bad_cursor"},
	} {
		_, err := k.Page(t.Context(), c.q)
		var e *web.Error
		if !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	for _, topic := range []string{"missing", "", "no/name", strings.Repeat("x", 250)} {
		if _, err := k.Page(t.Context(), Query{Topic: topic, Partition: -1}); !errors.Is(err, cluster.ErrNoTopic) {
			t.Errorf("topic %q: %v", topic, err)
		}
	}
	// A topic made anew under the same name is another one.
	if err := k.DeleteTopics(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	k.topic(t, "orders", 2)
	if _, err := k.Page(t.Context(), Query{Topic: "orders", Partition: -1, Cursor: cursor}); err == nil {
		t.Error("the cursor of a topic that was deleted goes on in the new one")
	}
}

func TestEmptyTopic(t *testing.T) {
	k := embedded(t)
	k.topic(t, strings.Repeat("x", 249), 3)
	for _, from := range []string{"start", "end", "2026-11-24T10:00:00Z", "5"} {
		p := page(t, k, Query{Topic: strings.Repeat("x", 249), Partition: -1, From: from})
		if len(p.Records) != 0 || p.Records == nil || !p.AtEnd || len(p.Ranges) != 3 {
			t.Errorf("from %s: %+v", from, p)
		}
	}
}

// A record of 20 MB is shown cut, downloaded whole, found, and held once at a time.
func TestLargeRecords(t *testing.T) {
	b, _ := brokertest.Start(t, broker.Config{Dir: t.TempDir()})
	k := connect(t, b.Addr(), nil)
	k.producer = k.client(t, kgo.ProducerBatchCompression(kgo.NoCompression()))
	k.topic(t, "large", 2, "max.message.bytes", "41943040")
	const size, n = 20 << 20, 6
	for i := range n {
		value := bytes.Repeat([]byte("x"), size)
		copy(value[size-20:], fmt.Sprintf("needle %d", i))
		k.produce(t, &kgo.Record{Topic: "large", Partition: int32(i % 2), Timestamp: epoch.Add(time.Duration(i) * time.Second), Value: value})
	}
	runtime.GC()
	peak, stop := watchHeap()
	seen := map[int64]bool{}
	for q := (Query{Topic: "large", Partition: -1}); len(seen) < n; {
		p := page(t, k, q)
		if len(p.Records) == 0 {
			t.Fatal("an empty page, but not the last")
		}
		for _, r := range p.Records {
			seen[int64(r.Partition)<<32|r.Offset] = true
			if r.Value.Bytes != size || !r.Value.Truncated || len(r.Value.Text) != showMax {
				t.Errorf("%d/%d: %d bytes, truncated %v, %d shown", r.Partition, r.Offset, r.Value.Bytes, r.Value.Truncated, len(r.Value.Text))
			}
		}
		if q.Cursor = p.Next; p.AtEnd {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d records are shown", len(seen), n)
	}
	st := search(t, k, SearchQuery{Topic: "large", Filter: "needle 4"})
	if len(st.Matches) != 1 || st.Matches[0].Offset != 2 || st.Token != "" {
		t.Errorf("found %d, token %q, %v", len(st.Matches), st.Token, st.Problems)
	}
	// Two partitions are read at a time, each with one answer under way and one in
	// hand, in this process beside the engine that serves it.
	if most := stop(); most > 400<<20 {
		t.Errorf("%d MiB of heap for records of 20 MB", most>>20)
	} else {
		t.Logf("at most %d MiB of heap", *peak>>20)
	}
	value, err := k.Raw(t.Context(), "large", 1, 2, false)
	if err != nil || len(value) != size || !bytes.Contains(value, []byte("needle 5")) {
		t.Errorf("%d bytes, %v", len(value), err)
	}
}

// watchHeap looks at the heap until it is stopped, and returns the most it saw.
func watchHeap() (peak *uint64, stop func() uint64) {
	var most uint64
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return &most, func() uint64 {
		close(end)
		<-done
		return most
	}
}

func TestOneRecord(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 2)
	k.produce(t, numbered("orders", 10, 2)...)
	k.produce(t, &kgo.Record{Topic: "orders", Partition: 1, Value: []byte(strings.Repeat("é", 100_000))})
	r, err := k.Record(t.Context(), "orders", 1, 2, "")
	if err != nil || r.Value.Text != "value 5" || r.Key.Text != "key 5" || r.Offset != 2 || !r.Time.Equal(epoch.Add(5*time.Second)) {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = k.Record(t.Context(), "orders", 1, 5, ""); err != nil || r.Value.Truncated || len(r.Value.Text) != 200_000 {
		t.Errorf("a long one: %v, truncated %v, %d shown", err, r.Value.Truncated, len(r.Value.Text))
	}
	for name, at := range map[string][2]int64{"no such offset": {1, 6}, "no such partition": {2, 0}, "far away": {0, 1 << 60}} {
		_, err := k.Record(t.Context(), "orders", int32(at[0]), at[1], "")
		var e *web.Error
		if !errors.As(err, &e) || e.Status != 404 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A cluster that is away is told within seconds, and a request that is given up at
// once.
func TestClusterAway(t *testing.T) {
	b, stop := brokertest.Start(t, broker.Config{Dir: t.TempDir()})
	k := connect(t, b.Addr(), nil)
	k.topic(t, "orders", 2)
	stop()
	began := time.Now()
	if _, err := k.Page(t.Context(), Query{Topic: "orders", Partition: -1}); err == nil {
		t.Error("a page of a cluster that is away")
	}
	if took := time.Since(began); took > 4*patience {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Page(ctx, Query{Topic: "orders", Partition: -1}); err == nil {
		t.Error("a page for nobody")
	}
}

func TestHistogram(t *testing.T) {
	k := embedded(t)
	k.topic(t, "times", 2)
	k.produce(t, numbered("times", 100, 2)...)
	sum := func(h *Histogram) (n int64) {
		for _, b := range h.Buckets {
			n += b.Records
		}
		return n
	}
	h, err := k.Histogram(t.Context(), "times", time.Time{}, time.Time{}, 10)
	if err != nil || !h.Exact || len(h.Buckets) != 10 || sum(h) != 100 || h.Buckets[0].From != epoch {
		t.Errorf("read: %+v, %v", h, err)
	}
	from, to := epoch.Add(20*time.Second), epoch.Add(40*time.Second)
	if h, err = k.Histogram(t.Context(), "times", from, to, 4); err != nil || sum(h) != 20 || h.Buckets[1].Records != 5 {
		t.Errorf("a part: %+v, %v", h, err)
	}
	k.produce(t, numbered("times", 6000, 2)...)
	h, err = k.Histogram(t.Context(), "times", epoch, epoch.Add(6000*time.Second), 6)
	if err != nil || h.Exact || h.Why == "" || len(h.Buckets) != 6 || sum(h) < 5900 || sum(h) > 6100 {
		t.Errorf("by offsets: %+v, %v", h, err)
	}
	k.topic(t, "nothing", 2)
	if h, err = k.Histogram(t.Context(), "nothing", time.Time{}, time.Time{}, 10); err != nil || len(h.Buckets) != 0 || !h.Exact {
		t.Errorf("of nothing: %+v, %v", h, err)
	}
}

func TestTextMax(t *testing.T) {
	for limit := range maxMatches + 1 {
		if n := textMax(limit); n < 1<<10 || n > showMax || 3*n*limit > maxTexts {
			t.Errorf("%d records show %d bytes of each of 3 parts, more than %d", limit, n, maxTexts)
		}
	}
}
