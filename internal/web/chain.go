package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// slow is from when on a request is worth a line at the usual level of the log.
const slow = time.Second

const idHeader = "X-Request-Id"

var nosniff = []string{"nosniff"} // shared by all answers

// request is what a request's context knows of it.
type request struct {
	id  string
	log *slog.Logger
}

type requestKey struct{}

func requestOf(ctx context.Context) request {
	if q, ok := ctx.Value(requestKey{}).(request); ok {
		return q
	}
	return request{log: slog.Default()} // a handler without a Server around it
}

// RequestID returns the id of the request that ctx belongs to, "" if it belongs to
// none.
func RequestID(ctx context.Context) string { return requestOf(ctx).id }

// requestID takes the id that the client or a proxy has given, if it can stand in a
// log; else that of the request that this one is made for, in process; else a new
// one.
func requestID(r *http.Request) string {
	given := r.Header.Get(idHeader)
	strange := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.:", c))
	}
	if given != "" && len(given) <= 64 && !strings.ContainsFunc(given, strange) {
		return given
	}
	if outer := RequestID(r.Context()); outer != "" {
		return outer
	}
	return rand.Text()
}

// ServeHTTP is the way of every request to its handler and back, over a connection
// and in process.
func (s *Server) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	began := time.Now()
	q := request{requestID(r), s.log}
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, q)) // a copy; the mux sets its Pattern
	h := out.Header()
	h[idHeader], h["X-Content-Type-Options"] = []string{q.id}, nosniff // both names are canonical
	w := &writer{ResponseWriter: out, gzip: acceptsGzip(r.Header.Values("Accept-Encoding")), head: r.Method == http.MethodHead}
	s.metrics.inFlight.Inc()
	defer func() {
		w.release()
		s.metrics.inFlight.Dec()
		s.account(w, r, q.id, time.Since(began))
	}()
	s.answer(w, r, q.id)
	if err := w.finish(); err != nil {
		s.log.Debug("answer not sent", "id", q.id, "err", err)
	}
}

// answer has the request answered, by its handler unless there is an objection.
func (s *Server) answer(w *writer, r *http.Request, id string) {
	defer s.recover(w, r, id)
	if r.Method == http.MethodConnect { // its paths are not cleaned by the mux, and we are no proxy
		writeError(w, &Error{Status: http.StatusMethodNotAllowed, Code: code(http.StatusMethodNotAllowed), Message: "weir is no proxy"})
		return
	}
	// All paths, for a schema can be registered by a form of another site as well.
	// Who is no browser sends neither Origin nor Sec-Fetch-Site, and passes.
	if err := s.crossOrigin.Check(r); err != nil {
		writeError(w, &Error{Status: http.StatusForbidden, Code: "cross_origin", Message: err.Error(),
			Hint: "weir takes changes from its own pages and from clients that are no browsers"})
		return
	}
	if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/ui/") {
		r.Body = http.MaxBytesReader(w.ResponseWriter, r.Body, s.maxBody)
	}
	s.mux.ServeHTTP(w, r)
}

// recover answers a panic with a 500. An answer that has begun is broken off, so
// that nobody takes it for a whole one.
func (s *Server) recover(w *writer, r *http.Request, id string) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler { // which says: break off, and nothing more
		s.metrics.panics.Inc()
		s.log.Error("handler panicked", "id", id, "route", route(r), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		if w.discard() {
			writeError(w, internal(id))
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// account writes the access log and counts. An event stream is not slow, it lasts.
func (s *Server) account(w *writer, r *http.Request, id string, took time.Duration) {
	stream := w.streams()
	level := slog.LevelDebug
	if w.status >= http.StatusInternalServerError || took > slow && !stream {
		level = slog.LevelInfo
	}
	if s.log.Enabled(r.Context(), level) {
		s.log.LogAttrs(r.Context(), level, "request", slog.String("method", r.Method), slog.String("route", route(r)),
			slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Duration("took", took), slog.String("id", id))
	}
	s.metrics.answered(route(r), w.status, took, stream)
}

func route(r *http.Request) string { return cmp.Or(r.Pattern, "other") }

// noSuchOperation keeps the form of errors where the mux would answer with text.
func noSuchOperation(_ http.ResponseWriter, r *http.Request) error {
	return NotFound(fmt.Sprintf("there is no %s %s", r.Method, r.URL.Path), "GET /api/v1/openapi.json lists what there is")
}
