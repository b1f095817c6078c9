package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/registry/desired"
	"github.com/weirhq/weir/internal/registry/remote"
)

// directory is what plan and apply share.
type directory struct {
	Dir   string `arg:"" help:"Directory with schemas, and perhaps weir-schemas.yaml."`
	Prune bool   `help:"Delete softly the subjects that the directory does not have, and unset what it does not set."`

	wanted desired.Directory // what it says
}

const directoryHelp = `Each *.avsc, *.json and *.proto below the directory is the latest version of a subject, whose name is the file's path
without its ending. weir-schemas.yaml says what the names do not:

  compatibility: FULL            of the registry as a whole
  subjects:
    orders-value:
      file: shop/order.avsc      default: orders-value.avsc, .json or .proto
      compatibility: BACKWARD_TRANSITIVE
      mode: READONLY
      references: [shop.Money=money-value, shop.Address=address-value:3]

What the directory does not say is reported, and changed only with --prune. Every step is tried out before anything is
changed. Exit code 5: a schema is not compatible, 1: another step can not be done.
`

type schemaPlanCmd struct {
	onRegistry `embed:""`
	directory  `embed:""`
}

// Help implements kong.HelpProvider.
func (schemaPlanCmd) Help() string {
	return directoryHelp + `
Examples:
  weir schema plan schemas/
  weir schema plan schemas/ --prune -o json --registry http://registry:8081`
}

// Run runs the command.
func (c *schemaPlanCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	plan, err := c.plan(ctx, client)
	if err != nil {
		return c.better(err)
	}
	return errors.Join(c.print(s, plan, c.Output, false), refused(plan))
}

type schemaApplyCmd struct {
	changesRegistry `embed:""`
	directory       `embed:""`
}

// Help implements kong.HelpProvider.
func (schemaApplyCmd) Help() string {
	return directoryHelp + `
Examples:
  weir schema apply schemas/ --yes --reason "release 1.4"
  weir schema apply schemas/ --prune`
}

// Run runs the command.
func (c *schemaApplyCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	plan, err := c.plan(ctx, client)
	if err != nil {
		return c.better(err)
	}
	done := plan.Refused == 0 && c.Yes
	if c.Output == "table" || !done {
		err = c.print(s, plan, c.Output, false)
	}
	switch {
	case err != nil:
		return err
	case plan.Refused > 0:
		return refused(plan)
	case len(plan.Steps) == 0:
		return nil
	case !c.Yes:
		return errNotYet
	}
	if _, err := desired.Apply(ctx, plan, desired.Over(client)); err != nil {
		return c.better(err)
	}
	if c.Output == "json" {
		return c.print(s, plan, c.Output, true)
	}
	fmt.Fprintln(s.out, "done")
	return nil
}

func (d *directory) plan(ctx context.Context, client *remote.Client) (p desired.Plan, err error) {
	info, err := os.Stat(d.Dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", d.Dir)
	}
	if err != nil {
		return p, err
	}
	if d.wanted, err = desired.Load(os.DirFS(d.Dir)); err != nil {
		return p, err
	}
	snapshot, err := client.Snapshot(ctx, nil)
	if err != nil {
		return p, err
	}
	st, err := snapshot.State(registry.Languages(), "BACKWARD")
	if err != nil {
		return p, err
	}
	return desired.Make(d.wanted, st, d.Prune), nil
}

// refused is the exit code of a plan that can not be done.
func refused(p desired.Plan) error {
	if p.Refused == 0 {
		return nil
	}
	for _, s := range p.Steps {
		if len(s.Conflicts) > 0 {
			return exitCode(exitIncompatible)
		}
	}
	return errors.New("the plan can not be done; nothing was changed")
}

// print shows a plan as weir's API does.
func (d *directory) print(s *streams, p desired.Plan, output string, done bool) error {
	shown := registry.PlanOf(registry.Wanted{Directory: d.wanted, Prune: d.Prune}, p)
	steps := shown.Steps
	if output == "json" {
		return json.NewEncoder(s.out).Encode(struct {
			registry.WantedPlan
			Done bool `json:"done"`
		}{shown, done})
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	if len(steps) > 0 {
		fmt.Fprintln(t, "WHAT\tSUBJECT\tFILE\tBEFORE\tAFTER")
	}
	for _, step := range steps {
		subject := step.Subject
		if subject == "" {
			subject = "(the registry)"
		}
		after := step.After
		if step.Problem != "" {
			after = "refused: " + step.Problem
		}
		say(t, "%s\t%s\t%s\t%s\t%s\n", step.Action, subject, step.File, step.Before, after)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, step := range steps {
		if len(step.Differences) > 0 {
			say(s.out, "\n%s, %s:", step.Subject, step.File)
			printDifferences(s.out, step.Differences)
		}
	}
	for _, d := range p.Drift {
		say(s.out, "drift: %s: %s\n", d.Subject, d.What)
	}
	fmt.Fprintf(s.out, "%d changes, %d subjects are as they should be, %d things that the directory does not say\n", len(steps), p.Unchanged, len(p.Drift))
	return nil
}
