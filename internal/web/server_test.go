package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
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

func serve(t *testing.T) *Server {
	t.Helper()
	s, err := New(Config{Listen: "127.0.0.1:0", Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	huma.Register(s.API(), huma.Operation{OperationID: "double", Method: http.MethodGet, Path: "/api/v1/double"},
		func(_ context.Context, in *input) (*output, error) {
			if in.N == 13 {
				return nil, NotFound("there is no 13", "take 12")
			}
			out := &output{}
			out.Body.N = 2 * in.N
			return out, nil
		})
	s.Mux().HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("hello\n"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	return s
}

func get(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestAPIErrors(t *testing.T) {
	s := serve(t)
	defer s.Close()
	client := &http.Client{Transport: s.InProcess()}
	for _, c := range []struct {
		query  string
		status int
		code   string
	}{{"n=13", 404, "not_found"}, {"n=0", 422, "unprocessable_entity"}, {"n=x", 422, "unprocessable_entity"}} {
		status, body := get(t, client, "http://weir/api/v1/double?"+c.query)
		var e map[string]string
		if err := json.Unmarshal([]byte(body), &e); err != nil || len(e) != 4 {
			t.Fatalf("%s: %q is not {code, message, field, hint}: %v", c.query, body, err)
		}
		if status != c.status || e["code"] != c.code || e["message"] == "" || e["hint"] == "" {
			t.Errorf("%s: %d %s", c.query, status, body)
		}
	}
	if status, body := get(t, client, "http://weir/api/v1/double?n=2"); status != 200 || body != "{\"n\":4}\n" {
		t.Errorf("good call: %d %q", status, body)
	}
	if status, _ := get(t, client, "http://weir/api/v1/openapi.json"); status != 200 {
		t.Errorf("no OpenAPI document: %d", status)
	}
}

// A stop ends streams and does not hang on them.
func TestStopEndsStreams(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://" + s.Addr() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
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
	s := serve(t)
	defer s.Close()
	if _, err := New(Config{Listen: s.Addr()}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("second listener on one port: %v", err)
	}
}
