package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type input struct {
	N int `query:"n" minimum:"1"`
}

type output struct {
	Body struct {
		N int `json:"n"`
	}
}

type bodyInput struct {
	Body struct {
		Text string `json:"text"`
	}
}

// newServer returns a server with two operations. Its log goes to the book.
func newServer(t *testing.T) (*Server, *logbook) {
	t.Helper()
	log := &logbook{}
	s, err := New(Config{Listen: "127.0.0.1:0", Version: "test", Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	huma.Register(s.API(), huma.Operation{
		OperationID: "double", Method: http.MethodGet, Path: "/api/v1/double", Summary: "Twice a number", Tags: []string{"test"},
	}, func(_ context.Context, in *input) (*output, error) {
		switch in.N {
		case 13:
			return nil, NotFound("there is no 13", "take 12")
		case 14:
			return nil, errors.New("the secret of 14")
		}
		out := &output{}
		out.Body.N = 2 * in.N
		return out, nil
	})
	huma.Register(s.API(), huma.Operation{
		OperationID: "put", Method: http.MethodPut, Path: "/api/v1/texts/{name}", Summary: "Keep a text", Tags: []string{"test"},
		MaxBodyBytes: -1,
	}, func(_ context.Context, in *struct {
		Name string `path:"name"`
		bodyInput
	}) (*output, error) {
		out := &output{}
		out.Body.N = len(in.Body.Text)
		return out, nil
	})
	return s, log
}

// start runs s until the end of the test, or until stop.
func start(t *testing.T, s *Server) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

// wire returns a transport for a running s that hides nothing of its answers.
func wire(t *testing.T) *http.Transport {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// both runs f in process and over a connection.
func both(t *testing.T, s *Server, f func(t *testing.T, transport http.RoundTripper)) {
	t.Run("in process", func(t *testing.T) { f(t, s.InProcess()) })
	start(t, s)
	t.Run("wire", func(t *testing.T) { f(t, wire(t)) })
}

// do sends a request to s and reads the answer. header is key, value, ...
func do(t *testing.T, s *Server, transport http.RoundTripper, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+s.Addr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// errorOf checks that body is an error of the API, and returns it.
func errorOf(t *testing.T, body string) *Error {
	t.Helper()
	var members map[string]string
	if err := json.Unmarshal([]byte(body), &members); err != nil || len(members) != 4 {
		t.Fatalf("%q is not {code, message, field, hint}: %v", body, err)
	}
	return &Error{Code: members["code"], Message: members["message"], Field: members["field"], Hint: members["hint"]}
}

// logbook keeps what is logged as JSON.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// with returns the lines whose message is msg.
func (l *logbook) with(t *testing.T, msg string) (lines []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m["msg"] == msg {
			lines = append(lines, m)
		}
	}
	return lines
}

func TestAPI(t *testing.T) {
	s, _ := newServer(t)
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for _, c := range []struct {
			method, path string
			status       int
			code         string
		}{
			{"GET", "/api/v1/double?n=13", 404, "not_found"},
			{"GET", "/api/v1/double?n=0", 422, "unprocessable_entity"},
			{"GET", "/api/v1/double?n=x", 422, "unprocessable_entity"},
			{"GET", "/api/v1/double?n=14", 500, "internal_server_error"},
			{"DELETE", "/api/v1/double", 404, "not_found"},
			{"GET", "/api/v1/nothing", 404, "not_found"},
			{"GET", "/api/", 404, "not_found"},
		} {
			resp, body := do(t, s, transport, c.method, c.path, "")
			e := errorOf(t, body)
			if resp.StatusCode != c.status || e.Code != c.code || e.Message == "" || e.Hint == "" {
				t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, body)
			}
			if strings.Contains(body, "secret") {
				t.Errorf("%s %s tells internals: %s", c.method, c.path, body)
			}
		}
		if resp, body := do(t, s, transport, "GET", "/api/v1/double?n=2", ""); resp.StatusCode != 200 || body != "{\"n\":4}\n" {
			t.Errorf("good call: %d %q", resp.StatusCode, body)
		}
	})
}

// A stop ends streams and does not hang on them.
func TestStopEndsStreams(t *testing.T) {
	s, _ := newServer(t)
	s.Mux().HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("hello\n"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	stop := start(t, s)
	resp, err := (&http.Client{Transport: wire(t)}).Get("http://" + s.Addr() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(stopTimeout):
		t.Fatal("still running with an open stream")
	}
}

func TestPortTaken(t *testing.T) {
	s, _ := newServer(t)
	if _, err := New(Config{Listen: s.Addr()}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("second listener on one port: %v", err)
	}
}

// In process, the caller's request is left as it was.
func TestInProcessLeavesRequest(t *testing.T) {
	s, _ := newServer(t)
	s.Mux().HandleFunc("GET /things/{name}", func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Changed", "yes")
		w.Write([]byte(r.PathValue("name")))
		w.Header().Set("X-Late", "after the body")
	})
	req, err := http.NewRequest("GET", "http://weir/things/one", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.InProcess().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != "one" || resp.Status != "200 OK" {
		t.Errorf("%s %q", resp.Status, body)
	}
	if req.Pattern != "" || len(req.Header) != 0 || resp.Header.Get("X-Late") != "" {
		t.Errorf("pattern %q, request header %v, answer header %v", req.Pattern, req.Header, resp.Header)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.InProcess().RoundTrip(req.WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that is given up: %v", err)
	}
	if resp, body := do(t, s, s.InProcess(), "HEAD", "/things/one", ""); resp.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %d %q", resp.StatusCode, body)
	}
}
