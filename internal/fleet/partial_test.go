package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
)

// A reset of which a part is refused fails, and tells what was not done and the undo
// of what was, also of what has no answer. The same reset does the rest.
func TestResetInPart(t *testing.T) {
	h := start(t, brokertest.New(t).Addr())
	h.ready()
	h.change(Change{Kind: TopicCreate, Topic: "orders", Partitions: 4})
	for p := range int32(4) {
		h.produce("orders", p, 5)
	}
	stood := []cluster.GroupOffset{{Topic: "orders", Partition: 0, At: 1}, {Topic: "orders", Partition: 1, At: 2}, {Topic: "orders", Partition: 2, At: 3}}
	if err := h.cluster.CommitOffsets(t.Context(), "billing", stood); err != nil {
		t.Fatal(err)
	}
	at := func() (at []cluster.GroupOffset) {
		g, err := h.cluster.Group(t.Context(), "billing")
		if err != nil {
			t.Fatal(err)
		}
		return g.Offsets
	}
	refuse := map[int32]cluster.NotSet{1: {Err: kerr.TopicAuthorizationFailed}, 2: {Err: context.DeadlineExceeded, Maybe: true}}
	op := h.fleet.byName["east"].operator
	op.commit = func(ctx context.Context, group string, offsets []cluster.GroupOffset) error {
		partly := &cluster.CommitError{Group: group, Cluster: "east", Asked: len(offsets)}
		var set []cluster.GroupOffset
		for _, o := range offsets {
			if n, not := refuse[o.Partition]; not {
				partly.NotSet = append(partly.NotSet, cluster.NotSet{GroupOffset: o, Err: n.Err, Maybe: n.Maybe})
			} else {
				set = append(set, o)
			}
		}
		return errors.Join(h.cluster.CommitOffsets(ctx, group, set), partly)
	}
	reset := Change{Kind: GroupReset, Group: "billing", Reset: &Reset{To: "end"}}
	var plan Plan
	h.want(http.StatusOK, http.MethodPost, "/api/v1/clusters/east/plan", reset, &plan)
	var failed struct {
		Code, Message, Hint string
		Result              Result
	}
	apply := map[string]any{"change": plan.Change, "plan_hash": plan.Hash}
	h.want(http.StatusBadGateway, http.MethodPost, "/api/v1/clusters/east/apply", apply, &failed)
	r := failed.Result
	if failed.Code != "partly_done" || r.Done || r.Left == nil || !slices.Equal(r.Left.Reset.Offsets, plan.Change.Reset.Offsets) || r.Plan.Hash != plan.Hash || !strings.Contains(failed.Message, "2 of 4 were not set") ||
		!slices.Equal(r.NotDone, []NotDone{{"orders/1", kerr.TopicAuthorizationFailed.Error(), false}, {"orders/2", "context deadline exceeded", true}}) {
		t.Errorf("%+v", failed)
	}
	// Of 1 it is certain that there is nothing to undo.
	if r.Undo == nil || !slices.Equal(r.Undo.Reset.Offsets, []TopicOffset{{"orders", 0, 1}, {"orders", 2, 3}, {"orders", 3, -1}}) ||
		r.UndoCommand != "weir groups reset billing --offset orders/0=1 --offset orders/2=3 --offset orders/3=-1 --yes --cluster east" {
		t.Errorf("undo %+v: %s", r.Undo, r.UndoCommand)
	}
	op.commit = h.cluster.CommitOffsets
	h.change(*r.Undo)
	if got := at(); !slices.Equal(got, stood) {
		t.Errorf("after the undo: %v", got)
	}
	// Where nothing at all is set, there is nothing to undo.
	op.commit = func(_ context.Context, group string, offsets []cluster.GroupOffset) error {
		partly := &cluster.CommitError{Group: group, Cluster: "east", Asked: len(offsets)}
		for _, o := range offsets {
			partly.NotSet = append(partly.NotSet, cluster.NotSet{GroupOffset: o, Err: kerr.UnknownMemberID})
		}
		return partly
	}
	h.want(http.StatusBadGateway, http.MethodPost, "/api/v1/clusters/east/apply", apply, &failed)
	if failed.Code != "cluster_error" {
		t.Errorf("%+v", failed)
	}
	var log actions.List
	h.get("/api/v1/actions?kind=group-reset&via=api&system=fleet", &log)
	var states []string
	for _, e := range log.Actions {
		states = append(states, e.State)
	}
	if !slices.Equal(states, []string{"failed", "done", "failed"}) {
		t.Errorf("the log has %q", states)
	}
	for _, none := range []string{"via=page", "system=registry"} {
		if h.get("/api/v1/actions?"+none, &log); len(log.Actions) > 0 {
			t.Errorf("%s: %+v", none, log.Actions)
		}
	}
}

// A deletion of which a part is refused tells which topics are left and how the others
// ended; there is no undo.
func TestDeletionInPart(t *testing.T) {
	h := start(t, brokertest.New(t).Addr())
	h.ready()
	for _, topic := range []string{"orders", "users", "visits"} {
		h.change(Change{Kind: TopicCreate, Topic: topic, Partitions: 1})
	}
	op := h.fleet.byName["east"].operator
	op.remove = func(ctx context.Context, topics ...string) error {
		return errors.Join(h.cluster.DeleteTopics(ctx, topics[0]), &cluster.DeleteError{Cluster: "east", Asked: len(topics), Left: []cluster.NotDeleted{
			{Topic: "users", Err: kerr.TopicAuthorizationFailed}, {Topic: "visits", Err: kerr.RequestTimedOut, Maybe: true}}})
	}
	deletion := Change{Kind: TopicDelete, Topics: []string{"visits", "users", "orders"}}
	var plan Plan
	h.want(http.StatusOK, http.MethodPost, "/api/v1/clusters/east/plan", deletion, &plan)
	var failed struct {
		Code, Message, Hint string
		Result              Result
	}
	h.want(http.StatusBadGateway, http.MethodPost, "/api/v1/clusters/east/apply", map[string]any{"change": plan.Change, "plan_hash": plan.Hash}, &failed)
	r := failed.Result
	if failed.Code != "partly_done" || r.Done || r.Undo != nil || !strings.Contains(failed.Message, "2 of 3 are not gone, the first, users: ") ||
		!slices.Equal(r.NotDone, []NotDone{{"users", kerr.TopicAuthorizationFailed.Error(), false}, {"visits", kerr.RequestTimedOut.Error(), true}}) {
		t.Errorf("%+v", failed)
	}
	op.remove = h.cluster.DeleteTopics
	if r.Left == nil || !slices.Equal(r.Left.Topics, []string{"users", "visits"}) {
		t.Fatalf("left %+v", r.Left)
	}
	h.change(*r.Left)
	if s, err := h.cluster.Look(t.Context(), deletion.Topics); err != nil || len(s.Topics) > 0 {
		t.Errorf("after the rest: %+v, %v", s, err)
	}
}

// A reset whose change is more than 1 MB of JSON is planned, made and undone by the
// API, and the log has a bounded record of it.
func TestLargeReset(t *testing.T) {
	const partitions = 5000
	h := start(t, brokertest.New(t).Addr())
	h.ready() // before it, the handle is not to be used
	topic := strings.Repeat("orders.", 30)
	if _, _, err := h.cluster.EnsureTopic(t.Context(), cluster.Topic{Name: topic, Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
	r := h.change(Change{Kind: GroupReset, Group: "billing", Reset: &Reset{To: "start", Partitions: []TopicPartition{{topic, -1}}}})
	if b, err := json.Marshal(r.Undo); err != nil || len(b) < 1<<20 || len(r.Plan.Steps) != partitions {
		t.Fatalf("%d bytes, %d steps, %v", len(b), len(r.Plan.Steps), err)
	}
	g, err := h.cluster.Group(t.Context(), "billing")
	if err != nil || len(g.Offsets) != partitions || g.Offsets[partitions-1] != (cluster.GroupOffset{Topic: topic, Partition: partitions - 1, At: 0}) {
		t.Fatalf("%d offsets, %v", len(g.Offsets), err)
	}
	h.change(*r.Undo)
	if g, err := h.cluster.Group(t.Context(), "billing"); err == nil && len(g.Offsets) > 0 {
		t.Errorf("after the undo: %d offsets", len(g.Offsets))
	}
	var log actions.List
	h.get("/api/v1/actions", &log)
	if len(log.Actions) != 2 || log.Actions[1].State != actions.Done || !strings.Contains(string(log.Actions[1].Change), `"items":{"reset.offsets":5000}`) {
		t.Errorf("%+v", log)
	}
}

// A plan of 100,000 partitions takes no time that grows with their square.
func TestPlanOfManyPartitions(t *testing.T) {
	const n = 100_000
	f := Facts{Cluster: "east", Topics: map[string]TopicFacts{}, Group: &GroupFacts{State: "Empty"}}
	orders := TopicFacts{}
	for i := range int32(n) {
		orders.Partitions = append(orders.Partitions, PartitionFacts{ID: i, End: 9})
		f.Group.Offsets = append(f.Group.Offsets, TopicOffset{"orders", i, 4})
	}
	f.Topics["orders"] = orders
	done := make(chan struct{})
	go func() {
		defer close(done)
		p, err := MakePlan(Change{Kind: GroupReset, Group: "billing", Reset: &Reset{To: "end"}}, &f)
		if err != nil || len(p.Steps) != n || p.Skipped != 5*n || !strings.HasSuffix(p.Command, "\norders/99999=9\nEND") {
			t.Errorf("%d steps, %v", len(p.Steps), err)
		}
		again, err := MakePlan(p.Change, &f)
		if err != nil || again.Hash != p.Hash {
			t.Errorf("planned anew: %v, another hash: %v", err, again.Hash != p.Hash)
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it takes longer than 30 s")
	}
}
