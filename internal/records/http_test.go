package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/web"
)

// api is a service behind weir's HTTP kit.
type api struct {
	*kafka
	server *web.Server
}

func newAPI(t *testing.T) *api {
	t.Helper()
	k := embedded(t)
	s := serve(t, k, nil)
	server, err := web.New(web.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	s.Register(server.API())
	s.Measure(server.Metrics())
	return &api{k, server}
}

func (a *api) call(t *testing.T, method, path string, body any) (int, http.Header, []byte) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://weir"+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.server.InProcess().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, b
}

func get[T any](t *testing.T, a *api, method, path string, body any) (out T) {
	t.Helper()
	status, _, b := a.call(t, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, b)
	}
	return out
}

func TestAPI(t *testing.T) {
	a := newAPI(t)
	a.topic(t, "orders", 2)
	a.produce(t, numbered("orders", 20, 2)...)
	hostile := "<script>alert(1)</script>\u202e"
	a.produce(t, &kgo.Record{Topic: "orders", Partition: 1, Key: []byte(hostile), Value: []byte{0, 1, 2}, Headers: []kgo.RecordHeader{{Key: hostile}}})
	const topic = "/api/v1/clusters/east/topics/orders"

	first := get[Page](t, a, "GET", topic+"/records?limit=5&partition=0", nil)
	second := get[Page](t, a, "GET", topic+"/records?limit=500&partition=0&cursor="+url.QueryEscape(first.Next), nil)
	if got := values(first.Records) + " " + values(second.Records); got != "18 16 14 12 10 8 6 4 2 0" || first.Order != "newest" {
		t.Errorf("two pages: %s", got)
	}
	if p := get[Page](t, a, "GET", topic+"/records?from=end&wait=1ms&cursor="+url.QueryEscape(first.Tail)+"&partition=0", nil); len(p.Records) != 0 {
		t.Errorf("followed: %+v", p)
	}
	r := get[Record](t, a, "GET", topic+"/records/1/10", nil)
	if r.Key.Text != hostile || r.Headers[0].Key != hostile || r.Value.Text != "000102" || r.Value.Format != Hex {
		t.Errorf("%+v", r)
	}
	status, header, b := a.call(t, "GET", topic+"/records/1/10/value", nil)
	if status != 200 || string(b) != "\x00\x01\x02" || header.Get("Content-Type") != "application/octet-stream" ||
		header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Content-Disposition") != `attachment; filename="orders-1-10.value"` {
		t.Errorf("download: %d, %q, %v", status, b, header)
	}
	if h := get[Histogram](t, a, "GET", topic+"/histogram?buckets=4", nil); !h.Exact || len(h.Buckets) != 4 {
		t.Errorf("%+v", h)
	}

	q := SearchQuery{Cluster: "east", Topic: "orders", Filter: "value 1", Limit: 5}
	started := get[Started](t, a, "POST", "/api/v1/searches", q)
	if started.ID == "" || started.Estimate.Partitions != 2 || started.Estimate.Records != 21 {
		t.Errorf("%+v", started)
	}
	st := get[SearchStatus](t, a, "GET", "/api/v1/searches/"+started.ID+"?wait=10s", nil)
	if st.State != Done || len(st.Matches) != 5 || st.Token == "" || st.ID != started.ID {
		t.Errorf("%+v", st)
	}
	q.Token, q.Limit = st.Token, 100
	resumed := get[Started](t, a, "POST", "/api/v1/searches", q)
	st = get[SearchStatus](t, a, "GET", "/api/v1/searches/"+resumed.ID+"?wait=10s", nil)
	if st.State != Done || len(st.Matches) != 6 || st.Token != "" { // 1, 10 to 19
		t.Errorf("resumed: %d matches, %s, token %q", len(st.Matches), st.State, st.Token)
	}
	if cancelled := get[SearchStatus](t, a, "DELETE", "/api/v1/searches/"+resumed.ID, nil); cancelled.State != Done {
		t.Errorf("cancelled after its end: %s", cancelled.State)
	}
	q.DryRun, q.Token = true, ""
	if dry := get[Started](t, a, "POST", "/api/v1/searches", q); dry.ID != "" || dry.Estimate.Records != 21 {
		t.Errorf("%+v", dry)
	}
}

func TestAPIErrors(t *testing.T) {
	a := newAPI(t)
	a.topic(t, "orders", 2)
	a.produce(t, numbered("orders", 20, 2)...)
	const topic = "/api/v1/clusters/east/topics/orders"
	search := SearchQuery{Cluster: "east", Topic: "orders"}
	odd := func(change func(*SearchQuery)) SearchQuery {
		q := search
		change(&q)
		return q
	}
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"GET", "/api/v1/clusters/west/topics/orders/records", nil, 404, "not_found"},
		{"GET", "/api/v1/clusters/east/topics/missing/records", nil, 404, "not_found"},
		{"GET", topic + "/records?from=yesterday", nil, 400, "bad_request"},
		{"GET", topic + "/records?cursor=hello", nil, 400, "bad_cursor"},
		{"GET", topic + "/records?wait=1h", nil, 400, "bad_request"},
		{"GET", topic + "/records?limit=1000", nil, 422, "unprocessable_entity"},
		{"GET", topic + "/records?partition=7", nil, 404, "not_found"},
		{"GET", topic + "/records/0/10", nil, 404, "not_found"},
		{"GET", topic + "/records/7/0", nil, 404, "not_found"},
		{"GET", topic + "/records/0/0/headers", nil, 422, "unprocessable_entity"},
		{"GET", topic + "/histogram?from=2026-11-24T10:00:00Z&to=2026-11-24T09:00:00Z", nil, 400, "bad_request"},
		{"POST", "/api/v1/searches", odd(func(q *SearchQuery) { q.CEL = "json.status =" }), 422, "filter_invalid"},
		{"POST", "/api/v1/searches", odd(func(q *SearchQuery) { q.BudgetMS = 1 << 40 }), 422, "budget_too_large"},
		{"POST", "/api/v1/searches", odd(func(q *SearchQuery) { q.Token = "hello" }), 400, "bad_token"},
		{"POST", "/api/v1/searches", odd(func(q *SearchQuery) { q.Topic = "missing" }), 404, "not_found"},
		{"POST", "/api/v1/searches", odd(func(q *SearchQuery) { q.Cluster = "west" }), 404, "not_found"},
		{"GET", "/api/v1/searches/gone", nil, 404, "search_gone"},
		{"DELETE", "/api/v1/searches/gone", nil, 404, "search_gone"},
	} {
		status, _, b := a.call(t, c.method, c.path, c.body)
		var e web.Error
		if err := json.Unmarshal(b, &e); err != nil || status != c.status || e.Code != c.code || e.Message == "" {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, b, c.status, c.code)
		}
	}
	_, _, b := a.call(t, "POST", "/api/v1/searches", odd(func(q *SearchQuery) { q.CEL = "json.status = 500" }))
	if !strings.Contains(string(b), "line 1, column 13") {
		t.Errorf("where the expression is wrong: %s", b)
	}
	a.produce(t, &kgo.Record{Topic: "orders"})
	if status, _, b := a.call(t, "GET", topic+"/records/0/10/value", nil); status != 404 || !strings.Contains(string(b), "is null") {
		t.Errorf("the bytes of a null: %d %s", status, b)
	}
}

// A broker that is away is a 503 that says so.
func TestAPIClusterDown(t *testing.T) {
	err := told(context.Background(), "east", fmt.Errorf("asking cluster east for topic orders: no answer"))
	if e, ok := err.(*web.Error); !ok || e.Status != 503 || e.Code != "cluster_down" || !strings.Contains(e.Message, "no answer") {
		t.Errorf("%#v", err)
	}
}
