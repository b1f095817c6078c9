package registry

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weirhq/weir/internal/actions"
)

const (
	takeoverPath = "/api/v1/registry/takeover"
	handbackPath = "/api/v1/registry/handback"
)

// HandbackRequest is what POST handback takes.
type HandbackRequest struct {
	Apply     bool   `json:"apply,omitempty" doc:"Do it. Without it, what would be done is shown."`
	Reason    string `json:"reason,omitempty" doc:"Why, for who asks later."`
	Forwarded bool   `json:"forwarded,omitempty" doc:"Another process has sent it on: it goes no further."`
}

func (s *Service) registerTakeover(api huma.API) {
	register(s, api, http.MethodPost, "registry-takeover", takeoverPath, "What there is to know before weir writes what another registry has written; and, with apply, do it", s.postTakeover)
	register(s, api, http.MethodPost, "registry-handback", handbackPath, "End weir's writing, so that another registry can begin; without apply, say what would be done", s.postHandback)
}

// asking keeps the request: it says who asks.
type asking struct{ request *http.Request }

// Resolve implements huma.Resolver.
func (in *asking) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

type takeoverInput struct {
	asking
	Body struct {
		Apply             bool   `json:"apply,omitempty" doc:"Do it, unless there are refusals. Without it, nothing is changed."`
		Peer              string `json:"peer,omitempty" doc:"URL of the registry to compare with. Default: the one that runs."`
		AcceptDifferences bool   `json:"accept_differences,omitempty" doc:"Take what differs from it for settled."`
		Reason            string `json:"reason,omitempty" doc:"Why, for who asks later."`
	}
}

func (s *Service) postTakeover(ctx context.Context, in *takeoverInput) (Takeover, error) {
	if !in.Body.Apply {
		return s.PlanTakeover(ctx, in.Body.Peer)
	}
	var t Takeover
	change, _ := json.Marshal(in.Body) // texts only
	err := s.record(ctx, in.request, actions.Action{Kind: "schema-takeover", Target: schemasTopic, Reason: in.Body.Reason, Change: change}, func(ctx context.Context) (err error) {
		if t, err = s.TakeOver(ctx, in.Body.Peer, in.Body.Reason, in.Body.AcceptDifferences); err == nil && !t.Done {
			err = errRefused
		}
		return err
	})
	if errors.Is(err, errRefused) {
		err = nil // t says why
	}
	return t, err
}

var errRefused = errors.New("it is refused for now")

type handbackInput struct {
	asking
	Body HandbackRequest
}

// Handback is the answer of POST handback.
type Handback struct {
	Writer  string `json:"writer" doc:"Who writes: weir, other, or empty: weir, where nobody else does."`
	Aborted int    `json:"aborted" doc:"Records that are written first, for registries that read uncommitted ones."`
	Done    bool   `json:"done" doc:"No process of weir writes any more."`
}

func (s *Service) postHandback(ctx context.Context, in *handbackInput) (h Handback, err error) {
	var t Takeover
	if _, err := s.describe(&t); err != nil {
		return h, err
	}
	h.Writer, h.Aborted = t.Writer, t.Aborted
	if !in.Body.Apply {
		return h, nil
	}
	handBack := func(ctx context.Context) error { return s.HandBack(ctx, in.Body.Reason, in.Body.Forwarded) }
	if in.Body.Forwarded {
		err = handBack(ctx)
	} else {
		err = s.record(ctx, in.request, actions.Action{Kind: "schema-handback", Target: schemasTopic, Reason: in.Body.Reason}, handBack)
	}
	if err != nil {
		return h, err
	}
	h.Writer, h.Done = writerOther, true
	return h, nil
}
