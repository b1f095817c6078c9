package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/client"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/mirror"
	"github.com/weirhq/weir/internal/web"
	"github.com/weirhq/weir/internal/wire"
)

// house is two clusters and a stream between them. The topic views is copied as
// it is; of orders, one record is dropped and one doubled.
type house struct {
	local, aggregate *cluster.Cluster
	faults           *faults
}

const serviceWindow = 10 * time.Minute

var serviceStart = time.Date(2015, 5, 17, 10, 0, 0, 0, time.UTC)

func newHouse(t *testing.T, start func(testing.TB) string) *house {
	h := &house{faults: &faults{}}
	ctx := t.Context()
	for _, c := range []struct {
		name   string
		to     **cluster.Cluster
		topics []cluster.Topic
	}{
		{"local", &h.local, []cluster.Topic{ReportsTopic(), CountsTopic()}},
		{"aggregate", &h.aggregate, []cluster.Topic{mirror.PositionsTopic()}},
	} {
		var err error
		if *c.to, err = cluster.Connect(ctx, cluster.Config{Name: c.name, Bootstrap: []string{start(t)}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*c.to).Close)
		for _, topic := range append(c.topics,
			cluster.Topic{Name: "views", Partitions: 2, Configs: cluster.Kept()},
			cluster.Topic{Name: "orders", Partitions: 1, Configs: cluster.Kept()}) {
			if _, _, err := (*c.to).EnsureTopic(ctx, topic); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}

// faults drops the record at offset 3 of orders and doubles the one at 7.
type faults struct {
	mu     sync.Mutex
	double int64 // where the second copy went
}

func (f *faults) Copies(src *kgo.Record) int {
	switch {
	case src.Topic == "orders" && src.Offset == 3:
		return 0
	case src.Topic == "orders" && src.Offset == 7:
		return 2
	}
	return 1
}

func (f *faults) Copied(_ *kgo.Record, n int, _ int32, offset int64) {
	if n == 1 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.double = offset
	}
}

// running runs f until stop is called, which waits for its end.
func running(t *testing.T, what string, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group errgroup.Group
	group.Go(func() error { return f(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// session is the least that brokers allow by default.
const session = 6 * time.Second

// audit runs an auditor until it is ready, and returns what it logs.
func (h *house) audit(t *testing.T, holder string) (s *Service, log *safeLog, stop func()) {
	log = &safeLog{}
	tiers := []Tier{{Cluster: h.local}, {Cluster: h.aggregate, Stream: "east"}}
	s, err := New(Config{
		Window: serviceWindow, Grace: 300 * time.Millisecond, ReportInterval: 100 * time.Millisecond,
		Routes: []Route{{Topic: "views", Tiers: tiers}, {Topic: "orders", Tiers: tiers}},
		Holder: holder, URL: "http://" + holder, SessionTimeout: session,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}, h.local)
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	stop = running(t, "audit", func(ctx context.Context) error { return s.Run(ctx, func() { close(ready) }) })
	select {
	case <-ready:
	case <-time.After(30 * time.Second):
		t.Fatal("the auditor is not ready")
	}
	return s, log, stop
}

// safeLog keeps what is logged.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *safeLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// has waits until a text was logged so often.
func (l *safeLog) has(t *testing.T, what string, times int) {
	t.Helper()
	eventually(t, func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		if strings.Count(l.text.String(), what) < times {
			return fmt.Sprintf("not logged %d times: %s\n%s", times, what, &l.text)
		}
		return ""
	})
}

// produce sends records of three windows with stamps, and one without to each.
func (h *house) produce(t *testing.T) {
	producer, err := client.New(client.Config{Application: "shop", Window: serviceWindow, ReportInterval: 100 * time.Millisecond, Replay: true},
		kgo.SeedBrokers(h.local.Bootstrap()...))
	if err != nil {
		t.Fatal(err)
	}
	running(t, "producer", producer.Run)
	plain, err := h.local.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for window := range 3 {
		at := serviceStart.Add(time.Duration(window) * serviceWindow)
		for n := range 50 {
			for _, topic := range []string{"views", "orders"} {
				r := &kgo.Record{Topic: topic, Key: fmt.Append(nil, n), Value: fmt.Append(nil, "value ", n), Timestamp: at.Add(time.Duration(n) * time.Second)}
				producer.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		if err := plain.ProduceSync(t.Context(), &kgo.Record{Topic: "views", Value: []byte("plain"), Timestamp: at}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		producer.Advance(at.Add(serviceWindow))
	}
	if err := producer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// settled waits until every window of a topic has settled.
func settled(t *testing.T, s *Service, topic string) (windows []Window) {
	eventually(t, func() string {
		windows, _, _ = s.Windows(topic, time.Time{}, time.Time{})
		if len(windows) != 3 {
			return fmt.Sprintf("%d windows of %s", len(windows), topic)
		}
		for _, w := range windows {
			if !w.Settled() {
				return fmt.Sprintf("%+v", w)
			}
		}
		return ""
	})
	return windows
}

// eventually waits until wrong finds nothing.
func eventually(t *testing.T, wrong func() string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		what := wrong()
		if what == "" {
			return
		}
		select {
		case <-deadline:
			t.Fatal(what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestService(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(testing.TB) string) {
		h := newHouse(t, start)
		stream, err := mirror.New(mirror.Config{Stream: "east", Topics: []string{"views", "orders"}, PositionEvery: 100 * time.Millisecond, Hook: h.faults, Holder: "mirror"}, h.local, h.aggregate)
		if err != nil {
			t.Fatal(err)
		}
		running(t, "mirror", stream.Run)
		s, _, stop := h.audit(t, "one")
		h.produce(t)
		views, orders := settled(t, s, "views"), settled(t, s, "orders")
		checkViews(t, views)
		h.checkOrders(t, orders)
		h.checkRejected(t, s)
		checkHTTP(t, s)
		stop()

		again, log, stop := h.audit(t, "one")
		for topic, want := range map[string][]Window{"views": views, "orders": orders} {
			got := settled(t, again, topic)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Window{}, "Revision"), cmp.AllowUnexported(Pair{})); diff != "" {
				t.Errorf("%s after a restart, -want +got:\n%s", topic, diff)
			}
		}
		log.has(t, "counter starts", 4) // they do a little later than the ledger is ready
		checkRejections(t, again)       // they are still there, and do no harm
		stop()
		for _, c := range []*cluster.Cluster{h.local, h.aggregate} {
			for _, topic := range []string{"views", "orders"} {
				ends, err := c.EndOffsets(t.Context(), topic)
				if err != nil {
					t.Fatal(err)
				}
				want := fmt.Sprintf("tier=%s topic=%s at=%q", c.Name, topic, ends)
				if topic == "orders" {
					want = fmt.Sprintf("tier=%s topic=%s at=%s", c.Name, topic, ends)
				}
				log.has(t, want, 1)
			}
		}
	})
}

func checkViews(t *testing.T, windows []Window) {
	t.Helper()
	for i, w := range windows {
		want := Window{
			Start: serviceStart.Add(time.Duration(i) * serviceWindow), Topic: "views", Verdict: Complete, Ranges: []Range{},
			Counts: map[string]uint64{Producer: 50, "local": 51, "aggregate": 51},
			Pairs:  []Pair{{From: Producer, To: "local", Verdict: Complete}, {From: "local", To: "aggregate", Verdict: Complete}},
		}
		if diff := cmp.Diff(want, w, cmpopts.IgnoreFields(Window{}, "Revision"), cmp.AllowUnexported(Pair{})); diff != "" {
			t.Errorf("window %d, -want +got:\n%s", i, diff)
		}
	}
}

func (h *house) checkOrders(t *testing.T, windows []Window) {
	t.Helper()
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	w := windows[0]
	ranges := []Range{{"aggregate", 0, h.faults.double, h.faults.double + 1}, {"local", 0, 3, 4}}
	if diff := cmp.Diff(ranges, w.Ranges); diff != "" || w.Verdict != Lost || w.Lost != 1 || w.Duplicated != 1 {
		t.Errorf("%+v; ranges, -want +got:\n%s", w, diff)
	}
	for _, w := range windows[1:] {
		if w.Verdict != Complete {
			t.Errorf("%+v", w)
		}
	}
}

// checkRejected puts what does not belong there on the topics of facts.
func (h *house) checkRejected(t *testing.T, s *Service) {
	t.Helper()
	writer, err := h.local.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	info, err := h.local.Topic(t.Context(), "views")
	if err != nil {
		t.Fatal(err)
	}
	twice := wire.Counts{Tier: "local", Topic: "views", TopicID: info.ID, Window: serviceWindow.Milliseconds(), Rows: []wire.CountsRow{{From: 0, To: 1}}}
	foreign := wire.Counts{Tier: "elsewhere", Topic: "views", Window: 1}
	short := wire.Report{Run: wire.RunID{9}, Window: 1000}
	for _, r := range []*kgo.Record{
		{Topic: wire.CountsTopic, Key: []byte("views"), Value: []byte("junk")},
		{Topic: wire.CountsTopic, Key: []byte("views"), Value: twice.Append(nil)},
		{Topic: wire.CountsTopic, Key: []byte("views"), Value: foreign.Append(nil)}, // not ours, and no error
		{Topic: wire.ReportsTopic},
		{Topic: wire.ReportsTopic, Value: short.Append(nil)},
	} {
		if err := writer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	position, err := h.aggregate.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer position.Close()
	key := wire.PositionKey{Stream: "other"}.Append(nil)
	for _, r := range []*kgo.Record{{Key: []byte("junk"), Value: []byte("x")}, {Key: key, Value: []byte("junk")}, {Key: key}} {
		r.Topic = wire.PositionsTopic
		if err := position.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	checkRejections(t, s)
	for topic, want := range map[string]Verdict{"views": Complete, "orders": Lost} {
		if got := settled(t, s, topic)[0].Verdict; got != want {
			t.Errorf("%s is %s now, want %s", topic, got, want)
		}
	}
}

func checkRejections(t *testing.T, s *Service) {
	t.Helper()
	want := map[string]int{wire.CountsTopic: 1, "row out of place": 1, wire.ReportsTopic: 2, wire.PositionsTopic: 2}
	eventually(t, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return cmp.Diff(want, s.rejected)
	})
}

func checkHTTP(t *testing.T, s *Service) {
	t.Helper()
	server, err := web.New(web.Config{Listen: "127.0.0.1:0", Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s.Register(server.API())
	get := func(status int, path string, into any) {
		t.Helper()
		resp, err := (&http.Client{Transport: server.InProcess()}).Get("http://weir/api/v1/audit/topics" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status {
			t.Fatalf("GET %s: %d, want %d: %s %v", path, resp.StatusCode, status, body, err)
		}
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("GET %s: %v: %s", path, err, body)
		}
	}

	var topics TopicList
	get(200, "", &topics)
	tiers := []string{Producer, "local", "aggregate"}
	want := TopicList{Topics: []TopicSummary{
		{Topic: "views", Tiers: tiers, Counts: map[string]uint64{Producer: 150, "local": 153, "aggregate": 153}, Verdict: Complete, Windows: 3, Verdicts: map[Verdict]int{Complete: 3}},
		{Topic: "orders", Tiers: tiers, Counts: map[string]uint64{Producer: 150, "local": 150, "aggregate": 150}, Verdict: Lost, Windows: 3, Verdicts: map[Verdict]int{Complete: 2, Lost: 1}},
	}}
	if l := topics.Leader; l == nil || l.Holder != "one" || l.URL != "http://one" || time.Since(l.Since) > time.Minute {
		t.Errorf("the leader is %+v", l)
	}
	topics.Leader = nil
	if diff := cmp.Diff(want, topics); diff != "" {
		t.Errorf("topics, -want +got:\n%s", diff)
	}

	at := func(n int) string {
		return url.QueryEscape(serviceStart.Add(time.Duration(n) * serviceWindow).Format(time.RFC3339))
	}
	for _, c := range []struct {
		query string
		want  []int
	}{
		{"", []int{0, 1, 2}},
		{"?from=" + at(1), []int{1, 2}},
		{"?to=" + at(1), []int{0}},
		{"?from=" + at(1) + "&to=" + at(2), []int{1}},
		{"?from=" + at(3), []int{}},
		{"?from=" + url.QueryEscape("2015-05-17T12:10:00+02:00"), []int{1, 2}},
	} {
		var list WindowList
		get(200, "/views/windows"+c.query, &list)
		got := []int{}
		for _, w := range list.Windows {
			got = append(got, int(w.Start.Sub(serviceStart)/serviceWindow))
		}
		if diff := cmp.Diff(c.want, got); diff != "" || !cmp.Equal(tiers, list.Tiers) || list.Topic != "views" {
			t.Errorf("windows%s: %+v\n%s", c.query, list, diff)
		}
	}

	var one Window
	get(200, "/orders/windows/"+at(0), &one)
	all, _, _ := s.Windows("orders", time.Time{}, time.Time{})
	if diff := cmp.Diff(all[0], one, cmp.AllowUnexported(Pair{})); diff != "" {
		t.Errorf("one window, -want +got:\n%s", diff)
	}

	for _, c := range []struct {
		status int
		path   string
		want   web.Error
	}{
		{404, "/nothing/windows", web.Error{Code: "not_found", Message: `topic "nothing" is not audited`, Hint: "audited are: views, orders"}},
		{404, "/nothing/windows/" + at(0), web.Error{Code: "not_found", Message: `topic "nothing" is not audited`, Hint: "audited are: views, orders"}},
		{404, "/views/windows/" + at(7), web.Error{Code: "not_found", Message: "topic views has no window that starts at 2015-05-17T11:10:00Z",
			Hint: "windows are 10m0s long; GET /api/v1/audit/topics/views/windows lists them"}},
		{400, "/views/windows?from=yesterday", web.Error{Code: "bad_request", Message: `"yesterday" is not a time`, Field: "from", Hint: "write it as 2015-05-17T10:00:00Z"}},
		{400, "/views/windows?to=1", web.Error{Code: "bad_request", Message: `"1" is not a time`, Field: "to", Hint: "write it as 2015-05-17T10:00:00Z"}},
		{400, "/views/windows/now", web.Error{Code: "bad_request", Message: `"now" is not a time`, Field: "start", Hint: "write it as 2015-05-17T10:00:00Z"}},
	} {
		var got web.Error
		get(c.status, c.path, &got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("GET %s, -want +got:\n%s", c.path, diff)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	a, b := &cluster.Cluster{Name: "a"}, &cluster.Cluster{Name: "b"}
	route := func(topic string, tiers ...Tier) Route { return Route{Topic: topic, Tiers: tiers} }
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, ""},
		{Config{Routes: []Route{route("t", Tier{Cluster: a}, Tier{Cluster: b, Stream: "s"})}}, ""},
		{Config{Window: 7 * time.Minute}, "does not divide a day"},
		{Config{Window: time.Millisecond}, "does not divide a day"},
		{Config{Routes: []Route{route("t")}}, "at least one tier"},
		{Config{Routes: []Route{route("", Tier{Cluster: a})}}, "needs a topic"},
		{Config{Routes: []Route{route("t", Tier{Cluster: a}), route("t", Tier{Cluster: b})}}, "topic t has two routes"},
		{Config{Routes: []Route{route("t", Tier{Cluster: a, Stream: "s"})}}, "tier a"},
		{Config{Routes: []Route{route("t", Tier{Cluster: a}, Tier{Cluster: b})}}, "tier b"},
	} {
		c.cfg.Holder = "h"
		_, err := New(c.cfg, a)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v): %v, want %q", c.cfg, err, c.want)
		}
	}
}
