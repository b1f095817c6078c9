package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRequestID(t *testing.T) {
	s, _ := newServer(t)
	s.Mux().HandleFunc("GET /id", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, RequestID(r.Context())) })
	s.Mux().Handle("GET /outer", Handler(func(w http.ResponseWriter, r *http.Request) error {
		req, err := http.NewRequestWithContext(r.Context(), "GET", "http://weir/id", nil)
		if err != nil {
			return err
		}
		resp, err := s.InProcess().RoundTrip(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, resp.Body)
		return err
	}))
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for given, kept := range map[string]bool{
			"a": true, "0123-abc_DEF.7:8": true, strings.Repeat("x", 64): true,
			"": false, strings.Repeat("x", 65): false, "a b": false, `a"b`: false, "ü": false, "a/../b": false, "{{.}}": false,
		} {
			for _, path := range []string{"/id", "/outer"} {
				resp, body := do(t, s, transport, "GET", path, "", "X-Request-Id", given)
				id := resp.Header.Get("X-Request-Id")
				if id == "" || id != body || (id == given) != kept {
					t.Errorf("%s with %q: answered as %q, handled as %q", path, given, id, body)
				}
			}
		}
	})
	if id := RequestID(t.Context()); id != "" {
		t.Errorf("outside of requests: %q", id)
	}
}

func TestAccessLog(t *testing.T) {
	s, log := newServer(t)
	s.Mux().HandleFunc("GET /wait/{long}", func(w http.ResponseWriter, r *http.Request) {
		d, _ := time.ParseDuration(r.PathValue("long"))
		time.Sleep(d)
		io.WriteString(w, "waited")
	})
	s.Mux().HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", eventStream)
		time.Sleep(time.Hour)
	})
	s.Mux().HandleFunc("POST /status/{code}", func(w http.ResponseWriter, r *http.Request) {
		var status int
		fmt.Sscan(r.PathValue("code"), &status)
		w.WriteHeader(status)
	})
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			method, path, level, route string
			status, bytes              int
			took                       time.Duration
		}{
			{"GET", "/wait/1s", "DEBUG", "GET /wait/{long}", 200, 6, time.Second},
			{"GET", "/wait/1001ms", "INFO", "GET /wait/{long}", 200, 6, 1001 * time.Millisecond},
			{"POST", "/status/201", "DEBUG", "POST /status/{code}", 201, 0, 0},
			{"POST", "/status/499", "DEBUG", "POST /status/{code}", 499, 0, 0},
			{"POST", "/status/500", "INFO", "POST /status/{code}", 500, 0, 0},
			{"POST", "/status/503", "INFO", "POST /status/{code}", 503, 0, 0},
			{"GET", "/events", "DEBUG", "GET /events", 200, 0, time.Hour},
			{"GET", "/nowhere", "DEBUG", "other", 404, 19, 0},
		} {
			before := len(log.with(t, "request"))
			do(t, s, s.InProcess(), c.method, c.path, "", "X-Request-Id", "my-id")
			lines := log.with(t, "request")[before:]
			if len(lines) != 1 {
				t.Fatalf("%s: %d lines", c.path, len(lines))
			}
			delete(lines[0], "time")
			want := map[string]any{"msg": "request", "level": c.level, "method": c.method, "route": c.route, "status": float64(c.status),
				"bytes": float64(c.bytes), "took": float64(c.took), "id": "my-id"}
			if diff := cmp.Diff(want, lines[0]); diff != "" {
				t.Errorf("%s: %s", c.path, diff)
			}
		}
	})
}

func TestPanics(t *testing.T) {
	s, log := newServer(t)
	long := strings.Repeat("row\n", gzipMin)
	for path, f := range map[string]http.HandlerFunc{
		"/before": func(http.ResponseWriter, *http.Request) { panic("the secret") },
		"/nil":    func(http.ResponseWriter, *http.Request) { panic(error(nil)) },
		"/during": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, long); panic("the secret") },
		"/abort":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		s.Mux().HandleFunc("GET "+path, f)
	}
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for _, path := range []string{"/before", "/nil"} {
			before := len(log.with(t, "handler panicked"))
			resp, body := do(t, s, transport, "GET", path, "", "X-Request-Id", "my-id")
			if e := errorOf(t, body); resp.StatusCode != 500 || !strings.Contains(e.Hint, "my-id") || strings.Contains(body, "secret") {
				t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			}
			lines := log.with(t, "handler panicked")[before:]
			if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["id"] != "my-id" || !strings.Contains(lines[0]["stack"].(string), "TestPanics") {
				t.Errorf("%s: logged %v", path, lines)
			}
		}
		for path, logged := range map[string]int{"/during": 1, "/abort": 0} {
			before := len(log.with(t, "handler panicked"))
			for _, accept := range []string{"identity", "gzip"} {
				req, _ := http.NewRequest("GET", "http://"+s.Addr()+path, nil)
				req.Header.Set("Accept-Encoding", accept)
				resp, err := transport.RoundTrip(req)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				if err == nil {
					t.Errorf("%s, %s: the answer looks whole", path, accept)
				}
			}
			if n := len(log.with(t, "handler panicked")) - before; n != 2*logged {
				t.Errorf("%s: %d lines", path, n)
			}
		}
		if resp, _ := do(t, s, transport, "GET", "/healthz", ""); resp.StatusCode != 200 {
			t.Error("does not serve any more")
		}
	})
}

func TestCrossOrigin(t *testing.T) {
	s, _ := newServer(t)
	for _, path := range []string{"/ui/plan/topics", "/subjects/{subject}/versions", "/api/v1/texts"} {
		s.Mux().HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	}
	own := "http://" + s.Addr()
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for _, path := range []string{"/ui/plan/topics", "/subjects/orders/versions", "/api/v1/texts", "/%75i/plan/topics"} {
			for _, c := range []struct {
				who, method string
				header      []string
				status      int
			}{
				{"a schema registry client, curl", "POST", nil, 202},
				{"our page", "POST", []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, 202},
				{"our page in an old browser", "POST", []string{"Origin", own}, 202},
				{"the address bar", "POST", []string{"Sec-Fetch-Site", "none"}, 202},
				{"a form elsewhere", "POST", []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
				{"another port of this host", "POST", []string{"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"}, 403},
				{"an old browser elsewhere", "POST", []string{"Origin", "http://evil.example"}, 403},
				{"a sandboxed frame", "POST", []string{"Origin", "null"}, 403},
				{"a script elsewhere", "DELETE", []string{"Sec-Fetch-Site", "cross-site"}, 403},
				{"a script elsewhere", "PUT", []string{"Sec-Fetch-Site", "cross-site"}, 403},
				{"a link elsewhere", "GET", []string{"Sec-Fetch-Site", "cross-site"}, 202},
			} {
				resp, body := do(t, s, transport, c.method, path, "", c.header...)
				if resp.StatusCode != c.status {
					t.Errorf("%s %s by %s: %d, not %d", c.method, path, c.who, resp.StatusCode, c.status)
				} else if c.status == 403 && errorOf(t, body).Code != "cross_origin" {
					t.Errorf("%s %s by %s: %s", c.method, path, c.who, body)
				}
			}
		}
	})
}

func TestMaxBody(t *testing.T) {
	s, err := New(Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.maxBody != 8<<20 {
		t.Errorf("default %d", s.maxBody)
	}
	s, _ = newServer(t)
	s.maxBody = 1000
	count := Handler(func(w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return fmt.Errorf("reading the body: %w", err)
		}
		return WriteJSON(w, 200, n)
	})
	for _, path := range []string{"POST /ui/count", "POST /api/v1/count", "POST /subjects/count"} {
		s.Mux().Handle(path, count)
	}
	text := func(n int) string { return `{"text":"` + strings.Repeat("x", n-len(`{"text":""}`)) + `"}` }
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for _, c := range []struct {
			method, path string
			length       int
			status       int
		}{
			{"POST", "/ui/count", 1000, 200}, {"POST", "/ui/count", 1001, 413},
			{"POST", "/api/v1/count", 1000, 200}, {"POST", "/api/v1/count", 100_000, 413},
			{"PUT", "/api/v1/texts/a", 1000, 200}, {"PUT", "/api/v1/texts/a", 1001, 413},
			{"POST", "/subjects/count", 100_000, 200},
		} {
			resp, body := do(t, s, transport, c.method, c.path, text(c.length))
			if resp.StatusCode != c.status {
				t.Errorf("%d bytes to %s: %d %s", c.length, c.path, resp.StatusCode, body)
			} else if c.status == 413 && errorOf(t, body).Code != "request_entity_too_large" {
				t.Errorf("%d bytes to %s: %s", c.length, c.path, body)
			}
		}
	})
}

func TestSecurityHeaders(t *testing.T) {
	s, _ := newServer(t)
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for _, path := range []string{"/healthz", "/metrics", "/nowhere", "/api/v1/double?n=0", "/api/v1/openapi.json"} {
			if resp, _ := do(t, s, transport, "GET", path, ""); resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", path, resp.Header)
			}
		}
	})
}

// What an event stream needs passes through the chain: each event as it comes,
// deadlines, no compression, and an end when the server stops.
func TestEventStream(t *testing.T) {
	s, _ := newServer(t)
	next := make(chan string)
	ended := make(chan error, 1)
	s.Mux().HandleFunc("GET /ui/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", eventStream)
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.SetWriteDeadline(time.Now().Add(time.Minute)), rc.SetReadDeadline(time.Time{})); err != nil {
			t.Errorf("deadlines: %v", err)
		}
		for {
			select {
			case <-r.Context().Done():
				ended <- context.Cause(r.Context())
				return
			case event := <-next:
				io.WriteString(w, event)
				if err := rc.Flush(); err != nil {
					t.Errorf("flush: %v", err)
				}
			}
		}
	})
	stop := start(t, s)
	go func() { next <- "data: 0\n\n" }() // the header goes out with the first event
	req, _ := http.NewRequest("GET", "http://"+s.Addr()+"/ui/stream", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := wire(t).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("header %v", resp.Header)
	}
	buf := make([]byte, len("data: 0\n\n"))
	for i := range 3 {
		if i > 0 {
			next <- fmt.Sprintf("data: %d\n\n", i)
		}
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != fmt.Sprintf("data: %d\n\n", i) {
			t.Fatalf("event %d: %q, %v", i, buf, err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	<-ended
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("after the stop: %q, %v", rest, err)
	}
}

// In process there is nobody to stream to: the handler hears so at its first flush.
func TestNoStreamInProcess(t *testing.T) {
	s, _ := newServer(t)
	s.Mux().HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("flush: %v", err)
		}
	})
	do(t, s, s.InProcess(), "GET", "/stream", "")
}
