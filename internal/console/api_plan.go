package console

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"
)

// What the API says of changes, as far as the pages use it.

// changeInfo is a change as a form asks for it. What comes back, resolved, is sent
// on as it is.
type changeInfo struct {
	Kind        string            `json:"kind"`
	Topic       string            `json:"topic,omitempty"`
	Group       string            `json:"group,omitempty"`
	Partitions  int64             `json:"partitions,omitempty"`
	Replication int64             `json:"replication,omitempty"`
	Set         map[string]string `json:"set,omitempty"`
	Unset       []string          `json:"unset,omitempty"`
	Reset       *resetInfo        `json:"reset,omitempty"`
	Force       bool              `json:"force,omitempty"`
}

type resetInfo struct {
	To         string        `json:"to"`
	Time       string        `json:"time,omitempty"`
	Offset     *int64        `json:"offset,omitempty"`
	Shift      int64         `json:"shift,omitempty"`
	Partitions []topicOffset `json:"partitions,omitempty"`
	Offsets    []topicOffset `json:"offsets,omitempty"`
}

// topicOffset is a partition, of a reset to offsets with its offset.
type topicOffset struct {
	Topic     string `json:"topic"`
	Partition int64  `json:"partition"`
	Offset    *int64 `json:"offset,omitempty"`
}

type stepInfo struct {
	On     string `json:"on"`
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
	Note   string `json:"note,omitempty"`
}

type planInfo struct {
	Hash     string          `json:"hash"`
	Kind     string          `json:"kind"`
	Cluster  string          `json:"cluster"`
	Target   string          `json:"target"`
	Steps    []stepInfo      `json:"steps"`
	Warnings []string        `json:"warnings"`
	Danger   bool            `json:"danger"`
	Command  string          `json:"command"`
	API      string          `json:"api"`
	Skipped  int64           `json:"skipped"`
	Replayed int64           `json:"replayed"`
	Change   json.RawMessage `json:"change"`
}

type appliedInfo struct {
	Plan        planInfo        `json:"plan"`
	Done        bool            `json:"done"`
	Undo        json.RawMessage `json:"undo"` // null: there is none
	UndoCommand string          `json:"undo_command"`
	Warning     string          `json:"warning"`
	NotDone     []notDoneInfo   `json:"not_done"` // where a part was done
	Left        json.RawMessage `json:"left"`     // the change that does the rest
}

type notDoneInfo struct {
	On    string `json:"on"`
	Error string `json:"error"`
	Maybe bool   `json:"maybe"`
}

func planPath(cluster string) string { return apiPath("clusters", cluster, "plan") }

// planning asks what a change would do. It changes nothing.
func planning(cluster string, change any) question {
	return question{"plan", "", func(ctx context.Context, api api) (any, error) {
		return api.plan(ctx, cluster, change)
	}}
}

// planTimes and applyTimes are in deadlines: the API reads facts for up to 15
// seconds, and a change may take a minute.
const (
	planTimes  = 10
	applyTimes = 40
)

func (a api) plan(ctx context.Context, cluster string, change any) (p planInfo, err error) {
	err = a.patient(planTimes).call(ctx, http.MethodPost, planPath(cluster), nil, change, &p)
	return p, err
}

// apply makes the change of a plan, on behalf of who asked r.
func (a api) apply(r *http.Request, cluster string, p planInfo, reason string) (done appliedInfo, err error) {
	// Its numbers stay as they were written: offsets are longer than a float.
	change := map[string]json.RawMessage{}
	if err := json.Unmarshal(p.Change, &change); err != nil {
		return done, err
	}
	if reason != "" {
		if change["reason"], err = json.Marshal(reason); err != nil {
			return done, err
		}
	}
	actor, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		actor = r.RemoteAddr
	}
	header := http.Header{"X-Weir-Actor": {actor}, "X-Weir-Via": {"page"}}
	// Who leaves the page does not end a change that has begun.
	ctx := context.WithoutCancel(r.Context())
	err = a.patient(applyTimes).call(ctx, http.MethodPost, apiPath("clusters", cluster, "apply"), header,
		map[string]any{"change": change, "plan_hash": p.Hash}, &done)
	return done, err
}

type actionInfo struct {
	ID      string          `json:"id"`
	At      moment          `json:"at"`
	Actor   string          `json:"actor"`
	Via     string          `json:"via"`
	System  string          `json:"system"`
	Kind    string          `json:"kind"`
	Cluster string          `json:"cluster"`
	Target  string          `json:"target"`
	Change  json.RawMessage `json:"change"`
	Reason  string          `json:"reason"`
	State   string          `json:"state"`
	Error   string          `json:"error"`
	Ended   moment          `json:"ended"`
}

type actionList struct {
	Actions  []actionInfo `json:"actions"`
	Next     string       `json:"next"`
	Problems []string     `json:"problems"`
}

func (l actionList) problems() []string { return l.Problems }

// took is how long an action took, -1 if it has no end.
func (a actionInfo) took() time.Duration {
	if a.Ended.IsZero() {
		return -1
	}
	return a.Ended.Sub(a.At.Time)
}
