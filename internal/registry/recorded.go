package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/registry/state"
)

// Headers by which a caller says who asks for a change, and through what.
const (
	headerActor = "X-Weir-Actor"
	headerVia   = "X-Weir-Via" // page, api or command
)

// What people do to the registry is in the actions log, before and after it is done,
// and is not done if it can not be there. What programs do all day is not: a
// registration by a client that says no X-Weir-Via. That one is in the history, by
// its own transaction, and needs no more than that one.
//
// It is recorded by the process that was asked, however many it is sent on to.

// actionOf says what a request asks for, and whether that is to be recorded.
func (s *Service) actionOf(r *http.Request, cmd state.Command, body []byte) (a actions.Action, recorded bool) {
	via := viaOf(r)
	switch c := cmd.(type) {
	case state.Register:
		a.Kind, a.Target, recorded = "schema-register", c.Subject, via != "api"
	case state.Tag:
		a.Kind, a.Target, recorded = "schema-tag", c.Subject, via != "api"
	case state.DeleteSubject:
		a.Kind, a.Target, recorded = "schema-delete", c.Subject, true
	case state.DeleteVersion:
		a.Kind, a.Target, recorded = "schema-delete", c.Subject, true
	case state.DeleteContext:
		a.Kind, a.Target, recorded = "schema-delete", c.Context, true
	case state.SetConfig:
		a.Kind, a.Target, recorded = "schema-config", c.Subject, true
	case state.DeleteConfig:
		a.Kind, a.Target, recorded = "schema-config", c.Subject, true
	case state.SetMode:
		a.Kind, a.Target, recorded = "schema-mode", c.Subject, true
	case state.DeleteMode:
		a.Kind, a.Target, recorded = "schema-mode", c.Subject, true
	}
	if recorded = recorded && r.Header.Get(headerForward) == ""; recorded {
		a.Change = asked(r, body)
	}
	return a, recorded
}

// asked is a request as it can be made again.
func asked(r *http.Request, body []byte) json.RawMessage {
	call := struct {
		Method string          `json:"method"`
		Path   string          `json:"path"`
		Body   json.RawMessage `json:"body,omitempty"`
	}{r.Method, r.URL.RequestURI(), nil}
	if json.Valid(body) {
		call.Body = body
	}
	text, _ := json.Marshal(call) // texts, and JSON
	return text
}

func viaOf(r *http.Request) string {
	switch via := r.Header.Get(headerVia); via {
	case "page", "command":
		return via
	}
	return "api"
}

// actorOf names who asks, as far as the request says so: nothing has checked it.
func actorOf(r *http.Request) string {
	user, _, _ := r.BasicAuth()
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return cmp.Or(r.Header.Get(headerActor), user, host, "unknown")
}

// record makes a change as the actions log asks for it. A nil error says that run
// returned nil.
func (s *Service) record(ctx context.Context, r *http.Request, a actions.Action, run func(context.Context) error) error {
	if s.cfg.Actions == nil {
		return run(ctx)
	}
	a.Actor, a.Via, a.System, a.Cluster = actorOf(r), viaOf(r), "registry", s.on.Cluster.Name
	a.Target, a.Reason = cmp.Or(a.Target, "all subjects"), cmp.Or(a.Reason, r.Header.Get(headerReason))
	err := s.cfg.Actions.Do(ctx, a, run)
	code := state.CodeStore // nothing was done
	switch {
	case errors.Is(err, actions.ErrEndNotRecorded):
		code = state.CodeForwarding // it may have been
	case !errors.Is(err, actions.ErrUnavailable):
		return err
	}
	s.cfg.Log.Error("recording a change of the registry", "kind", a.Kind, "target", a.Target, "error", err)
	refusal := state.Refuse(code, "Recording this: %v", err)
	if code == state.CodeStore {
		return fmt.Errorf("%w (%w)", refusal, actions.ErrUnavailable)
	}
	return refusal
}

// codeUnrecorded is how weir's own API and pages tell that nothing was done, because it
// could not be recorded.
const codeUnrecorded = "actions_log_unavailable"
