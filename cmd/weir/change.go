package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/fleet"
)

// changing is what commands take that change something after showing a plan.
type changing struct {
	target `embed:""`
	Yes    bool   `help:"Do it. Without it, only the plan is shown."`
	Reason string `placeholder:"TEXT" help:"Why, for the actions log."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// change plans a change, shows the plan, and makes the change if that is wanted.
func (c *changing) change(ctx context.Context, s *streams, change fleet.Change) error {
	change.Reason = c.Reason
	op, done, err := c.operator(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, stop := s.waiting(c.Output, "planning")
	defer stop()
	plan, err := op.Plan(ctx, change)
	stop()
	if err != nil {
		return err
	}
	if c.Output == "table" {
		if err := printPlan(s, &plan); err != nil {
			return err
		}
	}
	if !c.Yes {
		if c.Output == "json" {
			if err := json.NewEncoder(s.out).Encode(plan); err != nil {
				return err
			}
		}
		return errors.New("nothing was changed; --yes does it")
	}
	_, stop = s.waiting(c.Output, "changing")
	defer stop()
	result, err := apply(ctx, op, plan)
	stop()
	var partly *fleet.PartlyDone
	if errors.As(err, &partly) {
		result = partly.Result
	} else if err != nil {
		return err
	}
	if c.Output == "json" {
		return errors.Join(json.NewEncoder(s.out).Encode(result), err)
	}
	if err == nil {
		fmt.Fprintln(s.out, "done")
	}
	tell(s, &result)
	return err
}

func apply(ctx context.Context, op *fleet.Operator, plan fleet.Plan) (fleet.Result, error) {
	return op.Apply(ctx, plan.Change, plan.Hash, fleet.By{Actor: actor(), Via: "command"})
}

// maxNotDone is how many steps that were not made are printed.
const maxNotDone = 20

// tell says what there is to say of a change that was made, or a part of it.
func tell(s *streams, r *fleet.Result) {
	if r.Left != nil && r.Left.Kind == fleet.TopicDelete {
		gone := slices.DeleteFunc(slices.Clone(r.Plan.Change.Topics), func(t string) bool { return slices.Contains(r.Left.Topics, t) })
		say(s.out, "deleted: %s\n", strings.Join(gone, ", "))
	}
	for i, n := range r.NotDone {
		if i == maxNotDone {
			fmt.Fprintf(s.out, "not done: %d more; -o json names them all\n", len(r.NotDone)-i)
			break
		}
		what := "not done"
		if n.Maybe {
			what = "perhaps not done"
		}
		fmt.Fprintf(s.out, "%s: %s: %s\n", what, printable(n.On), printable(n.Error))
	}
	what := "it"
	if len(r.NotDone) > 0 {
		what = "what was done"
	}
	if r.UndoCommand != "" {
		fmt.Fprintf(s.out, "to undo %s: %s\n", what, r.UndoCommand)
	} else if r.Undo != nil { // a name that no command line can hold
		b, _ := json.Marshal(r.Undo) // of texts and numbers
		fmt.Fprintf(s.out, "to undo %s, plan this by the API: %s\n", what, printable(string(b)))
	}
	if r.Warning != "" {
		say(s.err, "weir: %s\n", r.Warning)
	}
}

func printPlan(s *streams, p *fleet.Plan) error {
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ON\tWHAT\tBEFORE\tAFTER\tNOTE")
	for _, step := range p.Steps {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", printable(step.On), printable(step.What), printable(step.Before), printable(step.After), printable(step.Note))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if p.Skipped+p.Replayed > 0 {
		fmt.Fprintf(s.out, "%d records are skipped, %d are read again\n", p.Skipped, p.Replayed)
	}
	warn(s.out, p)
	return nil
}

func warn(out io.Writer, p *fleet.Plan) {
	for _, w := range p.Warnings {
		fmt.Fprintf(out, "take care: %s\n", printable(w))
	}
}

// operator connects to the cluster and to the log of changes: the home cluster's,
// or that of the cluster that --bootstrap names. The caller calls done after use.
func (t *target) operator(ctx context.Context) (op *fleet.Operator, done func(), err error) {
	var closing []func()
	closeAll := func() {
		for _, c := range closing {
			c()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	cl, _, err := t.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	closing = append(closing, cl.Close)
	home := cl
	if t.Cluster != "" {
		if home, err = t.connectHome(ctx); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", actions.ErrUnavailable, err)
		}
		closing = append(closing, home.Close)
	}
	log, err := actions.New(actions.Config{}, home)
	if err != nil {
		return nil, nil, err
	}
	closing = append(closing, log.Close)
	return fleet.NewOperator(cl, log, t.words()...), closeAll, nil
}

// connectHome connects to the cluster that has the log of changes.
func (t *target) connectHome(ctx context.Context) (*cluster.Cluster, error) {
	home := target{configFile: t.configFile, Bootstrap: t.Bootstrap}
	c, _, err := home.connect(ctx)
	return c, err
}

// words are the options that name the cluster again.
func (t *target) words() (words []string) {
	if t.Config != "" {
		words = append(words, "-c", t.Config)
	}
	switch {
	case t.Bootstrap != "":
		words = append(words, "--bootstrap", t.Bootstrap)
	case t.Cluster != "":
		words = append(words, "--cluster", t.Cluster)
	}
	return words
}

// actor names who runs the command.
func actor() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
