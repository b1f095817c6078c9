package web

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMetrics(t *testing.T) {
	s, _ := newServer(t)
	during := ""
	metrics := func() string {
		_, body := do(t, s, s.InProcess(), "GET", "/metrics", "")
		return body
	}
	s.Mux().HandleFunc("GET /things/{name}/", func(w http.ResponseWriter, r *http.Request) { during = metrics() })
	s.Mux().HandleFunc("GET /events", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		io.WriteString(w, ": \n\n")
	})
	s.Mux().HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("x") })
	s.Metrics().MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_test_answer", Help: "Of a system."}, func() float64 { return 42 }))
	for _, path := range []string{"/things/secret-1/", "/things/secret-2/", "/things/secret-3", "/secret-4", "/api/v1/double?n=1", "/api/v1/double?n=13", "/events", "/panic"} {
		do(t, s, s.InProcess(), "GET", path, "")
	}
	s.InProcess().RoundTrip(&http.Request{Method: "CONNECT", URL: &url.URL{Path: "/things/secret-5"}})
	got := metrics()
	for _, line := range []string{
		`weir_http_requests_total{code="200",route="GET /things/{name}/"} 2`,
		`weir_http_requests_total{code="307",route="GET /things/{name}/"} 1`,
		`weir_http_requests_total{code="404",route="other"} 1`,
		`weir_http_requests_total{code="405",route="other"} 1`,
		`weir_http_requests_total{code="200",route="GET /api/v1/double"} 1`,
		`weir_http_requests_total{code="404",route="GET /api/v1/double"} 1`,
		`weir_http_requests_total{code="200",route="GET /events"} 1`,
		`weir_http_requests_total{code="500",route="GET /panic"} 1`,
		`weir_http_request_seconds_count{route="GET /api/v1/double"} 2`,
		`weir_http_requests_in_flight 1`, // this one
		`weir_http_panics_total 1`,
		`weir_test_answer 42`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("not in /metrics: %s", line)
		}
	}
	for _, name := range []string{"go_goroutines ", "process_cpu_seconds_total "} {
		if !strings.Contains(got, "\n"+name) {
			t.Errorf("not in /metrics: %s", name)
		}
	}
	if strings.Contains(got, "secret") {
		t.Error("a path became a label")
	}
	if strings.Contains(got, `weir_http_request_seconds_count{route="GET /events"}`) {
		t.Error("the length of an event stream was taken for a time to answer")
	}
	if !strings.Contains(during, "weir_http_requests_in_flight 2\n") {
		t.Error("a request within a request are not two in flight")
	}
	if t.Failed() {
		t.Log(got)
	}
}
