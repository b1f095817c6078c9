package actions

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirhq/weir/internal/web"
)

type listInput struct {
	web.Paging
	Actor   string `query:"actor" doc:"Only of this actor."`
	Via     string `query:"via" enum:"page,api,command," doc:"Only what came by this: page, api or command."`
	System  string `query:"system" doc:"Only what this part of weir made, such as fleet."`
	Kind    string `query:"kind" doc:"Only of this kind, such as group-reset."`
	Cluster string `query:"cluster" doc:"Only on this cluster."`
	Target  string `query:"target" doc:"Only if the target contains this."`
	State   string `query:"state" enum:"asked,done,failed,unknown," doc:"Only in this state."`
	From    string `query:"from" doc:"Only asked at or after this time (RFC 3339)."`
	To      string `query:"to" doc:"Only asked before this time (RFC 3339)."`
}

// List is the answer of GET /api/v1/actions.
type List struct {
	Actions  []Entry  `json:"actions" doc:"The newest first."`
	Next     string   `json:"next" doc:"The cursor of the next page, empty if this is the last."`
	Problems []string `json:"problems"`
}

type listOutput struct{ Body List }

// Register adds the log's operations to the API.
func (l *Log) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "actions", Method: http.MethodGet, Path: "/api/v1/actions",
		Summary: "Every change that was asked for through weir", Tags: []string{"actions"},
	}, l.get)
	huma.Register(api, huma.Operation{
		OperationID: "actions-events", Method: http.MethodGet, Path: "/api/v1/actions/events",
		Summary: "Every change as an event, the newest first", Tags: []string{"actions"},
	}, l.getEvents)
}

func (l *Log) get(_ context.Context, in *listInput) (*listOutput, error) {
	f := Filter{Actor: in.Actor, Via: in.Via, System: in.System, Kind: in.Kind, Cluster: in.Cluster, Target: in.Target, State: in.State, Limit: in.Limit}
	if err := f.between(in.From, in.To); err != nil {
		return nil, err
	}
	if key, err := web.DecodeCursor(in.Cursor); err != nil {
		return nil, badCursor()
	} else if key != "" {
		if f.Before, err = strconv.ParseInt(key, 10, 64); err != nil || f.Before < 1 {
			return nil, badCursor()
		}
	}
	out := &listOutput{List{Actions: []Entry{}, Problems: l.Problems()}}
	entries, more := l.List(f)
	out.Body.Actions = append(out.Body.Actions, entries...)
	if more {
		out.Body.Next = web.EncodeCursor(strconv.FormatInt(entries[len(entries)-1].Offset, 10))
	}
	return out, nil
}

func badCursor() error {
	return &web.Error{Status: http.StatusBadRequest, Code: "bad_cursor", Field: "cursor", Message: "this is no cursor of this list", Hint: "leave it out to begin with the newest"}
}

// Problems are what a list does not show.
func (l *Log) Problems() []string {
	problems := []string{}
	l.mu.Lock()
	loaded := l.loaded
	l.mu.Unlock()
	if !loaded {
		problems = append(problems, fmt.Sprintf("the actions log on cluster %s has not been read yet", l.cluster.Name))
	}
	older, foreign := l.Forgotten()
	if older > 0 {
		problems = append(problems, fmt.Sprintf("%d older actions are in the log only", older))
	}
	if foreign > 0 {
		problems = append(problems, fmt.Sprintf("%d records of the log are none that this weir can read", foreign))
	}
	return problems
}
