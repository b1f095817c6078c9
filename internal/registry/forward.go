package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/registry/state"
)

// Headers between processes, and between them and clients that want to read what
// they know to be written.
const (
	headerForward   = "X-Forward"         // of a request from a process that does not lead: it goes no further
	headerFrom      = "X-Weir-From"       // whose request that is
	headerReason    = "X-Weir-Reason"     // of a change, for who asks later
	headerSource    = "X-Weir-Source"     // where it came from, such as a commit
	headerOffset    = "X-Weir-Offset"     // of a reply: all that was committed up to it is served here
	headerMinOffset = "X-Weir-Min-Offset" // of a request: answer when you serve up to it
)

// leaderPoll is how soon a change that no leader could make is tried again.
const leaderPoll = 20 * time.Millisecond

// change serves a change, here or by the leader, and waits until it is served here too.
func (s *Service) change(route string, of func(*call) (state.Command, func(state.Reply) any, error)) http.Handler {
	return s.handle(route, func(w http.ResponseWriter, r *http.Request) (int, error) {
		c, err := s.newCall(r)
		if err != nil {
			return 0, err
		}
		key, changes := askOf(r, c.body, false), s.changes.Load()
		if a := s.answers.get(key, changes); a != nil {
			a.send(w)
			return http.StatusOK, nil
		}
		cmd, reply, err := of(c)
		if err != nil {
			return 0, err
		}
		if register, ok := cmd.(state.Register); ok {
			if v, offset, ok := s.registered(register); ok {
				a := newAnswer(encode(reply(state.Reply{Version: v})), offset, false)
				s.answers.put(key, changes, a)
				a.send(w)
				return http.StatusOK, nil
			}
		}
		return s.make(w, r, c.body, cmd, reply)
	})
}

// make has a change made, by whoever leads, and recorded where that is due.
func (s *Service) make(w http.ResponseWriter, r *http.Request, body []byte, cmd state.Command, reply func(state.Reply) any) (int, error) {
	// A caller who hangs up must not leave a write in doubt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.cfg.WriteTimeout)
	defer cancel()
	var a *leaderReply
	run := func(ctx context.Context) (err error) {
		if a, err = s.ask(r.WithContext(ctx), body, cmd, reply); err == nil {
			err = a.failure()
		}
		return err
	}
	err := error(nil)
	if action, due := s.actionOf(r, cmd, body); due {
		err = s.record(ctx, r, action, run)
	} else {
		err = run(ctx)
	}
	if refused := (*refusedThere)(nil); err != nil && !errors.As(err, &refused) {
		return 0, err
	}
	if a.offset < 0 || a.failure() != nil { // of another registry, or in doubt
		a.offset = s.offset()
	}
	return a.send(w), nil
}

// ask asks whoever leads, until somebody does, and returns what is answered.
func (s *Service) ask(r *http.Request, body []byte, cmd state.Command, reply func(state.Reply) any) (*leaderReply, error) {
	why := error(errors.New("none is known"))
	for {
		made, offset, err := s.write(r.Context(), metaOf(r), cmd)
		switch {
		case err == nil && reply == nil:
			return &leaderReply{status: http.StatusNoContent, offset: offset}, nil
		case err == nil:
			return &leaderReply{http.StatusOK, mediaType, encode(reply(made)), offset}, nil
		case !errors.Is(err, errNotLeading):
			return nil, err
		case r.Header.Get(headerForward) != "":
			return nil, state.Refuse(state.CodeNoLeader, "This process does not lead the registry, and the request has been forwarded once already.")
		}
		a, err := s.askLeader(r, body)
		if a != nil {
			return a, s.readThere(r.Context(), a)
		}
		if refusal := (*state.Error)(nil); errors.As(err, &refusal) {
			return nil, err
		}
		why = cmp.Or(err, why)
		if err := s.pause(r.Context(), why); err != nil {
			return nil, err
		}
	}
}

// pause waits before a leader is looked for again.
func (s *Service) pause(ctx context.Context, why error) error {
	select {
	case <-time.After(leaderPoll):
	case <-ctx.Done():
		return state.Refuse(state.CodeNoLeader, "No process leads the registry: %v. Nothing was written.", why)
	}
	if !s.alive() {
		return state.Refuse(state.CodeNoLeader, "This process has stopped. Nothing was written.")
	}
	return nil
}

func (s *Service) alive() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.running
}

// body reads a request's body whole: it may have to be sent on, more than once.
func (s *Service) body(r *http.Request) ([]byte, error) {
	limit := s.cfg.MaxSchemaBytes + envelope
	buf := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), int64(limit))+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return nil, refused(http.StatusBadRequest, "reading the request: "+err.Error())
	}
	if buf.Len() > limit {
		return nil, state.Refuse(state.CodeTooLarge, "The request is longer than %d bytes.", limit)
	}
	return buf.Bytes(), nil
}

// leaderReply is what the leader has said.
type leaderReply struct {
	status int
	media  string
	body   []byte
	offset int64 // -1 if it names none
}

// forwarded are the headers that the leader has to know.
var forwarded = []string{"Accept", "Authorization", "Content-Type", headerUnknown, headerActor, headerReason, headerSource, "X-Request-Id"}

// askLeader forwards a request. With neither an answer nor a refusal nothing was
// done, for the reason in err, if one is known.
func (s *Service) askLeader(r *http.Request, body []byte) (*leaderReply, error) {
	if url, err := s.other(); err != nil {
		return nil, err
	} else if url != "" {
		return s.askOther(r, body, url)
	}
	leader, ok := s.lease.Leader()
	switch {
	case !ok:
		return nil, nil
	case leader.Holder == s.on.Holder:
		return nil, errors.New("this process is about to lead")
	case leader.URL == "" || leader.URL == s.on.URL:
		return nil, fmt.Errorf("the leader, %s, does not say where it is reached: its URL is %q; set registry.advertised_url there", leader.Holder, leader.URL)
	}
	return s.send(r, body, leader.URL, "the leader, "+leader.Holder)
}

// send sends a request on to a registry that writes.
func (s *Service) send(r *http.Request, body []byte, to, who string) (*leaderReply, error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, strings.TrimSuffix(to, "/")+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", who, err)
	}
	for _, name := range forwarded {
		if values := r.Header.Values(name); len(values) > 0 {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	req.Header.Set(headerForward, "true")
	req.Header.Set(headerFrom, r.RemoteAddr)
	resp, err := s.forward.Do(req)
	if op := new(net.OpError); errors.As(err, &op) && op.Op == "dial" {
		return nil, err // it was not sent; the leader is gone, and another will come
	}
	unknown := func(err error) error {
		return state.Refuse(state.CodeForwarding, "Forwarding to %s: %v. It may or may not have been done; the same request again is safe.", who, err)
	}
	if err != nil {
		return nil, unknown(err)
	}
	defer resp.Body.Close()
	a := &leaderReply{status: resp.StatusCode, media: resp.Header.Get("Content-Type")}
	if a.offset, err = strconv.ParseInt(resp.Header.Get(headerOffset), 10, 64); err != nil {
		a.offset = -1
	}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, unknown(err)
	}
	return a.leads()
}

// leads is the answer, unless it is that of a process that does not lead any more and
// has done nothing: by Confluent's API or by weir's own.
func (a *leaderReply) leads() (*leaderReply, error) {
	var refused struct {
		Code    int    `json:"error_code"`
		Own     string `json:"code"`
		Message string `json:"message"`
	}
	if a.status == http.StatusInternalServerError && json.Unmarshal(a.body, &refused) == nil &&
		(refused.Code == state.CodeNoLeader || refused.Own == ownCode(state.CodeNoLeader)) {
		return nil, errors.New(refused.Message)
	}
	return a, nil
}

// readThere waits until this process serves what the leader has written, or why it has
// refused.
func (s *Service) readThere(ctx context.Context, a *leaderReply) error {
	if a.offset < 0 || a.status >= http.StatusInternalServerError { // it is in doubt as it is
		return nil
	}
	return s.readBack(ctx, a.offset, a.failure() != nil)
}

// refusedThere is a refusal of another process, which goes to the client as it is.
type refusedThere struct{ reply *leaderReply }

// Error implements error.
func (e *refusedThere) Error() string { return fmt.Sprintf("%d: %.500s", e.reply.status, e.reply.body) }

func (a *leaderReply) failure() error {
	if a.status < http.StatusMultipleChoices {
		return nil
	}
	return &refusedThere{a}
}

// send answers with it, as it is.
func (a *leaderReply) send(w http.ResponseWriter) (status int) {
	h := w.Header()
	if a.media != "" {
		h.Set("Content-Type", a.media)
	}
	h.Set(headerOffset, strconv.FormatInt(a.offset, 10))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
	return a.status
}

// awaitMin waits until this process serves what the client knows to be written.
func (s *Service) awaitMin(r *http.Request) error {
	wanted := r.Header.Get(headerMinOffset)
	if wanted == "" {
		return nil
	}
	offset, err := strconv.ParseInt(wanted, 10, 64)
	if err != nil || offset < -1 {
		return refused(http.StatusBadRequest, headerMinOffset+": "+wanted+" is not an offset.")
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.ReadWait)
	defer cancel()
	if s.await(ctx, offset) != nil {
		return state.Refuse(state.CodeTimeout, "This process serves the schemas topic up to offset %d, not yet to %d.", s.offset(), offset)
	}
	return nil
}
