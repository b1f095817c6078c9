package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/registry/desired"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
)

// Wanted is what a registry ought to have, and what becomes of what it has besides.
type Wanted struct {
	desired.Directory
	Prune bool `json:"prune,omitempty" doc:"Delete softly the subjects that are not named, and unset what is not set here. Default: these are drift."`
}

// WantedPlan is what has to be done so that a registry has what is wanted.
type WantedPlan struct {
	Hash      string          `json:"hash" doc:"Of what was asked and of the steps: apply wants it."`
	Steps     []WantedStep    `json:"steps" doc:"In this order."`
	Drift     []desired.Drift `json:"drift" doc:"What the registry has besides, and keeps."`
	Unchanged int             `json:"unchanged" doc:"Subjects that are as they should be."`
	Refused   int             `json:"refused" doc:"Steps that can not be done: then none is."`
}

// WantedStep is a step with what it would break.
type WantedStep struct {
	desired.Step
	Differences []Difference `json:"differences,omitempty"`
}

// PlanOf is a plan as it is shown.
func PlanOf(w Wanted, p desired.Plan) WantedPlan {
	shown := WantedPlan{Steps: []WantedStep{}, Drift: p.Drift, Unchanged: p.Unchanged, Refused: p.Refused}
	for _, step := range p.Steps {
		one := WantedStep{Step: step}
		if len(step.Conflicts) > 0 {
			one.Differences = Differences(step.Conflicts)
		}
		shown.Steps = append(shown.Steps, one)
	}
	text, _ := json.Marshal(struct { // texts, numbers and what JSON gave
		Wanted Wanted
		Steps  []desired.Step
	}{w, p.Steps})
	sum := sha256.Sum256(text)
	shown.Hash = hex.EncodeToString(sum[:16])
	return shown
}

// ApplyAnswer is the answer of POST /api/v1/registry/apply.
type ApplyAnswer struct {
	Plan    WantedPlan `json:"plan"`
	Applied int        `json:"applied" doc:"Steps that were done: all."`
}

// planChangedError is an error of the API that carries the new plan.
type planChangedError struct {
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Field   string     `json:"field"`
	Hint    string     `json:"hint"`
	Plan    WantedPlan `json:"plan" doc:"What would be done now."`
}

// Error implements error.
func (e *planChangedError) Error() string { return e.Message }

// GetStatus implements huma.StatusError.
func (e *planChangedError) GetStatus() int { return http.StatusConflict }

// planWanted plans on what is served here. Those who write wait no longer than for the
// plan of one subject.
func (s *Service) planWanted(ctx context.Context, w Wanted) (p desired.Plan, shown WantedPlan, err error) {
	seen := map[string]bool{}
	for _, subject := range w.Subjects {
		if seen[subject.Name] {
			return p, shown, web.BadRequest("subjects", fmt.Sprintf("subject %q is named twice", subject.Name), "name each once, with its latest schema")
		}
		seen[subject.Name] = true
	}
	over, err := s.overlay(ctx)
	if err != nil {
		return p, shown, err
	}
	s.mu.RLock()
	p = desired.On(over, w.Directory, w.Prune, func() { s.mu.RUnlock(); s.mu.RLock() })
	s.mu.RUnlock()
	return p, PlanOf(w, p), nil
}

// overlay is a state to try changes on, over the one that is served: who reads it holds
// mu for that. Behind a start it indexes that one first, bit by bit: Overlay would do it
// all at once, and nobody could read meanwhile.
func (s *Service) overlay(ctx context.Context) (over *state.State, err error) {
	if err = s.read(func(*state.State) error { return nil }); err == nil { // it is loaded, and stays so
		err = s.index(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.state.Overlay(), nil
}

// applyWanted does what a plan says, if it still does, while this process leads.
func (s *Service) applyWanted(ctx context.Context, m Meta, w Wanted, hash string) (a ApplyAnswer, offset int64, err error) {
	p, shown, err := s.planWanted(ctx, w)
	switch {
	case err != nil:
		return a, 0, err
	case shown.Hash != hash:
		return a, 0, &planChangedError{Code: "plan_changed", Message: "the plan has changed: the registry is not what it was", Hint: "look at the new plan, and apply that one", Plan: shown}
	case p.Refused > 0:
		return a, 0, &web.Error{Status: http.StatusUnprocessableEntity, Code: "plan_refused", Message: fmt.Sprintf("%d steps of the plan can not be done; nothing was changed", p.Refused), Hint: "the steps of the plan say why"}
	}
	a.Plan, offset = shown, -1
	a.Applied, err = desired.Apply(ctx, p, func(ctx context.Context, cmd state.Command) error {
		_, at, err := s.write(ctx, m, cmd)
		offset = max(offset, at)
		return err
	})
	refusal := (*state.Error)(nil)
	switch {
	case errors.As(err, &refusal) && (a.Applied == 0 || refusal.Status < http.StatusInternalServerError):
		err = &web.Error{Status: refusal.Status, Code: ownCode(refusal.Code), Message: err.Error()}
	case err != nil && a.Applied > 0: // the code does not say that nothing was done
		err = &web.Error{Status: http.StatusInternalServerError, Code: ownCode(state.CodeForwarding), Message: err.Error()}
	}
	return a, offset, err
}

// leaderTime bounds a change of many parts as a whole.
const leaderTime = 5 * time.Minute

// leaderOutput is what the leader has made.
type leaderOutput[T any] struct {
	Offset int64 `header:"X-Weir-Offset"`
	Body   T
}

// relayed is what the leader refuses with, as it is.
type relayed struct {
	status int
	body   json.RawMessage
}

// Error implements error.
func (e *relayed) Error() string { return fmt.Sprintf("%d: %.500s", e.status, e.body) }

// GetStatus implements huma.StatusError.
func (e *relayed) GetStatus() int { return e.status }

// MarshalJSON implements json.Marshaler.
func (e *relayed) MarshalJSON() ([]byte, error) { return e.body, nil }

// changeAtLeader makes a change of weir's own API where the registry is led: here, or
// there by the same request; and records that. make returns errNotLeading only if
// nothing was done. The answer is given when this process serves what was made.
func changeAtLeader[T any](ctx context.Context, s *Service, r *http.Request, body []byte, a actions.Action, make func(context.Context) (T, int64, error)) (*leaderOutput[T], error) {
	// A caller who hangs up must not leave a change in doubt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaderTime)
	defer cancel()
	out := &leaderOutput[T]{}
	run := func(ctx context.Context) (err error) {
		var reply *leaderReply
		if out.Body, out.Offset, reply, err = makeAtLeader(ctx, s, r.WithContext(ctx), body, make); reply == nil || err != nil {
			return err
		}
		if reply.status != http.StatusOK {
			if !json.Valid(reply.body) {
				return fmt.Errorf("the leader answers %d: %.200s", reply.status, reply.body)
			}
			return &relayed{reply.status, reply.body}
		}
		if err := json.Unmarshal(reply.body, &out.Body); err != nil {
			return fmt.Errorf("reading the leader's answer: %w", err)
		}
		out.Offset = reply.offset
		return s.readBack(ctx, reply.offset, false)
	}
	var err error
	if a.Change = asked(r, body); r.Header.Get(headerForward) == "" {
		err = s.record(ctx, r, a, run)
	} else {
		err = run(ctx)
	}
	if err != nil {
		return nil, apiError(err)
	}
	return out, nil
}

// makeAtLeader tries until somebody leads. It returns what was made here, or what the
// leader has replied.
func makeAtLeader[T any](ctx context.Context, s *Service, r *http.Request, body []byte, make func(context.Context) (T, int64, error)) (made T, offset int64, reply *leaderReply, err error) {
	for {
		if s.local == nil {
			_, err = s.leading()
		}
		if err == nil {
			made, offset, err = make(ctx)
		}
		if !errors.Is(err, errNotLeading) {
			return made, offset, nil, err
		}
		if r.Header.Get(headerForward) != "" {
			return made, 0, nil, state.Refuse(state.CodeNoLeader, "This process does not lead the registry, and the request has been forwarded once already.")
		}
		if url, _ := s.other(); url != "" { // which has no such route
			return made, 0, nil, state.Refuse(state.CodeNoLeader, "Nothing was written: another registry, %s, writes; weir schema import and apply take it by --registry.", url)
		}
		reply, err = s.askLeader(r, body)
		if refusal := (*state.Error)(nil); reply != nil || errors.As(err, &refusal) {
			return made, 0, reply, err
		}
		if err = s.pause(ctx, cmp.Or(err, errors.New("none is known"))); err != nil {
			return made, 0, nil, err
		}
	}
}
