package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	s, log := newServer(t)
	cases := []struct {
		path    string
		err     error
		written string // before the error
		want    Error
	}{
		{path: "ours", err: BadRequest("topic", "no such topic", "take another"),
			want: Error{400, "bad_request", "no such topic", "topic", "take another"}},
		{path: "wrapped", err: fmt.Errorf("reading a page: %w", NotFound("not here", "look there")),
			want: Error{404, "not_found", "not here", "", "look there"}},
		{path: "without-status", err: &Error{Code: "odd", Message: "odd"}, want: Error{500, "odd", "odd", "", ""}},
		{path: "too-large", err: fmt.Errorf("reading: %w", &http.MaxBytesError{Limit: 7}),
			want: Error{413, "request_entity_too_large", "the body is longer than 7 bytes", "body", "send less at once"}},
		{path: "unknown", err: errors.New("the secret"), want: Error{500, "internal_server_error",
			"weir could not answer because of an internal error", "", "the log of weir says why, at the request id id-of-test"}},
		{path: "held", err: NotFound("not here", "look there"), written: "some text", want: Error{404, "not_found", "not here", "", "look there"}},
		{path: "json", err: nil, want: Error{500, "internal_server_error",
			"weir could not answer because of an internal error", "", "the log of weir says why, at the request id id-of-test"}},
	}
	for _, c := range cases {
		s.Mux().Handle("GET /"+c.path, Handler(func(w http.ResponseWriter, r *http.Request) error {
			if c.path == "json" {
				return WriteJSON(w, 200, math.NaN())
			}
			w.Header().Set("Content-Type", "text/css")
			w.Header().Set("Content-Length", "9999")
			if c.written != "" {
				w.WriteHeader(http.StatusAccepted)
				io.WriteString(w, c.written)
			}
			return c.err
		}))
	}
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for _, c := range cases {
			before := len(log.with(t, "request failed"))
			resp, body := do(t, s, transport, "GET", "/"+c.path, "", "X-Request-Id", "id-of-test", "Accept-Encoding", "gzip")
			got := *errorOf(t, body)
			got.Status = resp.StatusCode
			if got != c.want || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s:\n%+v, not\n%+v (%s)", c.path, got, c.want, resp.Header.Get("Content-Type"))
			}
			lines := log.with(t, "request failed")[before:]
			if logged := c.path == "unknown" || c.path == "json"; logged != (len(lines) == 1) {
				t.Errorf("%s: logged %v", c.path, lines)
			} else if c.path == "unknown" && (lines[0]["id"] != "id-of-test" || lines[0]["err"] != "the secret") {
				t.Errorf("logged %v", lines)
			}
		}
	})
}

// An answer that has begun can not turn into an error; it is seen to be broken.
func TestHandlerBreaksOff(t *testing.T) {
	s, log := newServer(t)
	long := strings.Repeat("row\n", gzipMin)
	s.Mux().Handle("GET /rows", Handler(func(w http.ResponseWriter, _ *http.Request) error {
		io.WriteString(w, long)
		return errors.New("the rest is lost")
	}))
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		for _, accept := range []string{"identity", "gzip"} {
			req, _ := http.NewRequest("GET", "http://"+s.Addr()+"/rows", nil)
			req.Header.Set("Accept-Encoding", accept)
			resp, err := transport.RoundTrip(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if err == nil {
				t.Errorf("%s: the answer looks whole", accept)
			}
		}
	})
	if n := len(log.with(t, "request failed")); n != 4 {
		t.Errorf("%d lines, not 4", n)
	}
}

func TestHandlerGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if e := asError(ctx, ctx.Err()); e.Status != 503 {
		t.Errorf("%+v", e)
	}
}

func TestWriteJSON(t *testing.T) {
	w := &response{header: http.Header{}}
	if err := WriteJSON(w, 201, map[string]string{"a": "<b>"}); err != nil {
		t.Fatal(err)
	}
	if got := w.body.String(); got != "{\"a\":\"<b>\"}\n" || w.status != 201 || w.sent.Get("Content-Length") != "12" {
		t.Errorf("%d %v %q", w.status, w.sent, got)
	}
}
