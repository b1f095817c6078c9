package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/cluster"
)

const actionsTopic = actions.TopicName

const (
	// planTimeout bounds reading what a plan needs.
	planTimeout = 15 * time.Second
	// applyTimeout and applyStepTimeout, for each step, bound a change that has begun:
	// its caller's end does not end it.
	applyTimeout, applyStepTimeout = time.Minute, 5 * time.Millisecond
)

// By says who makes a change.
type By struct{ Actor, Via string }

// Result is what Apply did.
type Result struct {
	Plan Plan    `json:"plan"`
	Done bool    `json:"done"`
	Undo *Change `json:"undo" doc:"The change that takes this one back, if there is one."`
	// UndoCommand is empty without Undo.
	UndoCommand string `json:"undo_command" doc:"The same by weir's command line."`
	Warning     string `json:"warning" doc:"What went wrong beside the change."`
	// NotDone is empty, and Left nil, where Done is true.
	NotDone []NotDone `json:"not_done,omitempty" doc:"The steps that were not made, where only a part of them was."`
	Left    *Change   `json:"left,omitempty" doc:"The change that makes them."`
}

// NotDone is a step that failed.
type NotDone struct {
	On    string `json:"on" doc:"As in the plan's step."`
	Error string `json:"error"`
	Maybe bool   `json:"maybe" doc:"It may have been made all the same: there was no answer."`
}

// PartlyDone is the error of a change that was made in part. Its result tells what
// was not made, and has the undo of what was, or may have been.
type PartlyDone struct {
	Result Result
	Err    error
}

// Error implements error.
func (e *PartlyDone) Error() string { return "the change was made in part: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *PartlyDone) Unwrap() error { return e.Err }

// PlanChanged is the error of a change that would do something else than the plan
// that was shown.
type PlanChanged struct{ Plan Plan }

// Error implements error.
func (e *PlanChanged) Error() string { return "the plan has changed since it was shown" }

// Operator plans and makes the changes of one cluster.
type Operator struct {
	cluster *cluster.Cluster
	log     *actions.Log
	at      []string // how commands name the cluster
	// previous returns the newest snapshot, or nil.
	previous func() *cluster.Snapshot
	// live returns the groups with members on a topic; nil asks the cluster.
	live func(topic string) []string
	// commit and remove are the cluster's CommitOffsets and DeleteTopics.
	commit func(ctx context.Context, group string, offsets []cluster.GroupOffset) error
	remove func(ctx context.Context, topics ...string) error

	applying sync.Mutex // held from the last plan to the change's end
}

// NewOperator returns the operator of a cluster, whose changes are recorded in a
// log. at is how commands name the cluster; nil: by its name.
func NewOperator(c *cluster.Cluster, log *actions.Log, at ...string) *Operator {
	return &Operator{cluster: c, log: log, at: at, previous: func() *cluster.Snapshot { return nil }, commit: c.CommitOffsets, remove: c.DeleteTopics}
}

// Plan says what a change would do. Its errors may be a Refusal.
func (o *Operator) Plan(ctx context.Context, c Change) (Plan, error) {
	f, err := o.facts(ctx, &c)
	if err != nil {
		return Plan{}, err
	}
	return MakePlan(c, &f)
}

// Apply makes a change whose plan has the hash. Its errors may be a Refusal, a
// PlanChanged, or wrap actions.ErrUnavailable: then nothing was changed. They may be
// a PartlyDone.
func (o *Operator) Apply(ctx context.Context, c Change, hash string, by By) (Result, error) {
	o.applying.Lock()
	defer o.applying.Unlock()
	f, err := o.facts(ctx, &c)
	if err != nil {
		return Result{}, err
	}
	plan, err := MakePlan(c, &f)
	if err != nil {
		return Result{}, err
	}
	if plan.Hash != hash {
		return Result{}, &PlanChanged{plan}
	}
	asked, err := json.Marshal(plan.Change)
	if err != nil {
		return Result{}, fmt.Errorf("writing down the change: %w", err)
	}
	action := actions.Action{Actor: by.Actor, Via: by.Via, System: "fleet", Kind: c.Kind, Cluster: plan.Cluster, Target: plan.Target, Change: asked, Reason: c.Reason}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout+time.Duration(len(plan.Steps))*applyStepTimeout)
	defer cancel()
	made := false
	err = o.log.Do(bounded, action, func(ctx context.Context) error {
		err := o.run(ctx, &plan.Change)
		made = err == nil
		return err
	})
	if made || err == nil {
		result := Result{Plan: plan, Done: true}
		result.undoneBy(undoOf(&plan.Change, &f), &f)
		if err != nil {
			result.Warning = err.Error()
		}
		return result, nil
	}
	return Result{}, partlyDone(plan, &f, err)
}

// partlyDone returns err, as a PartlyDone if it says that a part was made.
func partlyDone(plan Plan, f *Facts, err error) error {
	result := Result{Plan: plan}
	left := plan.Change
	var reset *cluster.CommitError
	var deletion *cluster.DeleteError
	switch {
	case errors.As(err, &reset):
		for _, n := range reset.NotSet {
			result.NotDone = append(result.NotDone, NotDone{On: stepOn(n.Topic, n.Partition), Error: n.Err.Error(), Maybe: n.Maybe})
		}
		undo := undoReset(&plan.Change, f, notSet(reset))
		if len(undo.Reset.Offsets) == 0 {
			return err
		}
		result.undoneBy(undo, f)
	case errors.As(err, &deletion) && len(deletion.Left) < deletion.Asked:
		left.Topics = nil
		for _, n := range deletion.Left {
			result.NotDone = append(result.NotDone, NotDone{On: n.Topic, Error: n.Err.Error(), Maybe: n.Maybe})
			left.Topics = append(left.Topics, n.Topic)
		}
	default:
		return err
	}
	result.Left = &left
	return &PartlyDone{result, err}
}

// notSet are the partitions whose offset certainly was not set.
func notSet(e *cluster.CommitError) map[TopicPartition]bool {
	certain := map[TopicPartition]bool{}
	for _, n := range e.NotSet {
		if !n.Maybe {
			certain[TopicPartition{n.Topic, n.Partition}] = true
		}
	}
	return certain
}

func (r *Result) undoneBy(undo *Change, f *Facts) {
	if r.Undo = undo; undo != nil {
		r.UndoCommand = commandOf(undo, f)
	}
}

func undoOf(c *Change, f *Facts) *Change {
	switch c.Kind {
	case TopicConfig:
		return undoConfig(c, f)
	case GroupReset:
		return undoReset(c, f, nil)
	}
	return nil
}

// run makes a change of which everything is resolved. If we die in it, a part may
// have been made: what MakePlan says after that is what is left.
func (o *Operator) run(ctx context.Context, c *Change) error {
	switch c.Kind {
	case TopicCreate:
		_, created, err := o.cluster.EnsureTopic(ctx, cluster.Topic{Name: c.Topic, Partitions: c.Partitions, Replication: c.Replication, Configs: c.Set})
		if err == nil && !created {
			err = fmt.Errorf("topic %s was there when it was to be created", c.Topic)
		}
		return err
	case TopicAlter:
		return o.cluster.SetPartitions(ctx, c.Topic, int(c.Partitions), false)
	case TopicConfig:
		return o.cluster.AlterTopic(ctx, c.Topic, c.Set, c.Unset, false)
	case TopicDelete:
		return o.remove(ctx, c.Topics...)
	case GroupReset:
		offsets := make([]cluster.GroupOffset, len(c.Reset.Offsets))
		for i, at := range c.Reset.Offsets {
			offsets[i] = cluster.GroupOffset{Topic: at.Topic, Partition: at.Partition, At: at.Offset}
		}
		return o.commit(ctx, c.Group, offsets)
	case GroupDelete:
		return o.cluster.DeleteGroup(ctx, c.Group)
	}
	return errors.New("there is no such change") // MakePlan has refused it
}
