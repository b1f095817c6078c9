package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// InProcess returns a transport that answers requests as the listener does, but
// without a connection: how pages read the API. Bodies are held in memory, so it
// is not for streams; a stream's flush fails.
func (s *Server) InProcess() http.RoundTripper { return inProcess{s} }

type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	r = r.Clone(ctx) // a handler may change its request, a RoundTripper must not
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	w := &response{header: http.Header{}, status: http.StatusOK}
	if err := w.serve(p.handler, r); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.Method == http.MethodHead {
		w.body.Reset()
	}
	return &http.Response{
		StatusCode: w.status, Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), Header: w.sent, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}, nil
}

// response collects what a handler writes.
type response struct {
	header http.Header
	sent   http.Header // header when it was sent
	status int
	body   bytes.Buffer
}

func (w *response) serve(handler http.Handler, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = errors.New("the answer broke off")
		default:
			panic(p)
		}
	}()
	handler.ServeHTTP(w, r)
	return nil
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.sent == nil && status >= http.StatusOK {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
