package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
)

const mediaType = "application/vnd.schemaregistry.v1+json"

// headerUnknown of a request: the client bears properties that it does not know.
const headerUnknown = "Confluent-Accept-Unknown-Properties"

// envelope is what a request may hold besides the text of its schema.
const envelope = 64 << 10

// route is one of Confluent's. It has a read or a change.
type route struct {
	method, path string // a route without a method answers all
	// read answers from the state, which it must not keep.
	read func(*state.State, *call) (any, error)
	// change makes a command of a request, and what is answered of its reply.
	change func(*call) (state.Command, func(state.Reply) any, error)
}

func (s *Service) routes() []route {
	return append(append(append(s.subjectRoutes(), s.schemaRoutes()...), s.settingRoutes()...), s.otherRoutes()...)
}

// Register mounts Confluent's routes on mux. What nobody serves is answered here
// too, as a JSON object: there are clients that fail on any other body.
func (s *Service) Register(mux *http.ServeMux) {
	seen := map[string]bool{}
	for _, r := range s.routes() {
		pattern := strings.TrimSpace(r.method + " " + r.path)
		if r.change != nil {
			mux.Handle(pattern, s.change(pattern, r.change))
		} else {
			mux.Handle(pattern, s.answer(pattern, r.read))
		}
		if !seen[r.path] && r.method != "" {
			seen[r.path] = true
			mux.Handle(r.path, s.handle("other", func(_ http.ResponseWriter, r *http.Request) (int, error) {
				return 0, refused(http.StatusMethodNotAllowed, r.Method+" is not supported here.")
			}))
		}
	}
	mux.Handle("/", s.handle("other", func(_ http.ResponseWriter, r *http.Request) (int, error) {
		return 0, refused(http.StatusNotFound, "There is no "+r.Method+" "+r.URL.Path+".")
	}))
}

// refused is a refusal that has no code of its own.
func refused(status int, message string) *state.Error {
	return &state.Error{Status: status, Code: status, Message: message}
}

// call is a request and what is read of it.
type call struct {
	*http.Request
	service *Service
	query   url.Values
	body    []byte // of a POST, PUT or DELETE
}

func (s *Service) newCall(r *http.Request) (c *call, err error) {
	c = &call{Request: r, service: s}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		c.body, err = s.body(r)
	}
	return c, err
}

// param is a parameter of the query, "" where it is missing.
func (c *call) param(name string) string {
	if c.query == nil {
		c.query = c.URL.Query()
	}
	return c.query.Get(name)
}

// flag reads a boolean in any case: Python's clients write True.
func (c *call) flag(name string) bool { return isTrue(c.param(name)) }

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

// page is what offset and limit say; no limit, or one below 1, is none.
func (c *call) page() state.Page {
	offset, _ := strconv.Atoi(c.param("offset"))
	limit, _ := strconv.Atoi(c.param("limit"))
	return state.Page{Offset: offset, Limit: limit}
}

// subject is the one that the path names, or whose alias that is.
func (c *call) subject(st *state.State) string { return st.Alias(c.PathValue("subject")) }

// aliased is subject for those who have no state at hand.
func (c *call) aliased() (subject string, err error) {
	err = c.service.read(func(st *state.State) error {
		subject = c.subject(st)
		return nil
	})
	return subject, err
}

// version reads a version number.
func (c *call) version() (int, error) {
	wanted := c.PathValue("version")
	if wanted == "latest" || wanted == "-1" {
		return state.Latest, nil
	}
	n, err := strconv.ParseInt(wanted, 10, 32)
	if err != nil || n < 1 {
		return 0, state.BadVersion(wanted)
	}
	return int(n), nil
}

// rawText is a reply that goes out as it is.
type rawText string

// reply writes itself.
type reply interface{ appendJSON(dst []byte) []byte }

// momentary is a reply that is true now, and may not be when nothing has changed here.
type momentary struct{ any }

func encode(v any) []byte {
	switch v := v.(type) {
	case momentary:
		return encode(v.any)
	case rawText:
		return []byte(v)
	case reply:
		return v.appendJSON(nil)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // only strings, numbers and JSON that we have parsed
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// answer serves what reads only.
func (s *Service) answer(route string, read func(*state.State, *call) (any, error)) http.Handler {
	return s.handle(route, func(w http.ResponseWriter, r *http.Request) (int, error) {
		c, err := s.newCall(r)
		if err != nil {
			return 0, err
		}
		key, changes := askOf(r, c.body, web.AcceptsGzip(r)), s.changes.Load()
		if a := s.answers.get(key, changes); a != nil {
			a.send(w)
			return http.StatusOK, nil
		}
		var reply any
		var offset int64
		err = s.read(func(st *state.State) error {
			offset = s.view.next() - 1
			if reply, err = read(st, c); err != nil {
				err = asOf{err, offset}
			}
			return err
		})
		if err != nil {
			return 0, err
		}
		a := newAnswer(encode(reply), offset, key.zip)
		if _, passing := reply.(momentary); !passing {
			s.answers.put(key, changes, a)
		}
		a.send(w)
		return http.StatusOK, nil
	})
}

// asOf is an error of who has read the state at an offset.
type asOf struct {
	error
	offset int64
}

// Unwrap returns the error.
func (e asOf) Unwrap() error { return e.error }

// handle serves a route: serve writes a reply and returns its status, or returns an
// error. What is no refusal is not told to the client, but to the log.
func (s *Service) handle(route string, serve func(http.ResponseWriter, *http.Request) (int, error)) http.Handler {
	m := s.metrics.meter(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		var code int
		err := s.awaitMin(r)
		if err == nil {
			code, err = serve(w, r)
		}
		if err != nil {
			code = s.refuseCall(w, r, err)
		}
		m.answered(code, began)
	})
}

func (s *Service) refuseCall(w http.ResponseWriter, r *http.Request, err error) (code int) {
	e, offset := s.told(r.Context(), err), s.offset()
	if read := (asOf{}); errors.As(err, &read) {
		offset = read.offset // not what has come since
	}
	own := ""
	if errors.Is(err, actions.ErrUnavailable) && viaOf(r) != "api" {
		own = codeUnrecorded // not for Confluent's clients, some of which take no more than two members
	}
	s.reply(w, e.Status, struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
		Own     string `json:"code,omitempty"`
	}{e.Code, e.Message, own}, offset)
	return e.Code
}

// told is what a client is told about an error.
func (s *Service) told(ctx context.Context, err error) *state.Error {
	var e *state.Error
	if errors.As(err, &e) {
		return e
	}
	id := web.RequestID(ctx)
	s.cfg.Log.Error("a request to the registry failed", "id", id, "error", err)
	return refused(http.StatusInternalServerError, "Internal error. The log of weir says why, at the request id "+id+".")
}

// reply writes a reply that is true as of an offset, and returns its status.
func (s *Service) reply(w http.ResponseWriter, status int, v any, offset int64) int {
	h := w.Header()
	h[headerOffset] = []string{strconv.FormatInt(offset, 10)}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return status
	}
	body := encode(v)
	h["Content-Type"], h["Content-Length"] = mediaTypes, []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
	return status
}
