package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/weirhq/weir/internal/actions"
)

type actionsCmd struct {
	target `embed:""`
	Actor  string `placeholder:"NAME" help:"Only of this actor."`
	Via    string `enum:"page,api,command," default:"" placeholder:"page|api|command" help:"Only what came by this."`
	System string `placeholder:"NAME" help:"Only what this part of weir made, such as fleet."`
	Kind   string `placeholder:"KIND" help:"Only of this kind, such as group-reset."`
	On     string `placeholder:"TEXT" help:"Only if the target contains this."`
	State  string `enum:"asked,done,failed,unknown," default:"" placeholder:"STATE" help:"Only in this state: asked, done, failed or unknown."`
	Limit  int    `default:"50" help:"How many at most."`
	Before string `placeholder:"NEXT" help:"Only those older than this: the next of the JSON before, or the number that a table ended with."`
	Verify bool   `help:"Check that no record of the log is missing or was changed, instead of listing."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Help implements kong.HelpProvider.
func (actionsCmd) Help() string {
	return `Lists the changes that were made through weir, by its pages, API and commands, the newest first. The log is on the
home cluster, or on that of --bootstrap; --cluster lists only the changes of that cluster. With --verify, exit code 3
where the log is broken. In JSON, next is empty where there are no older ones; else --before NEXT lists them.

Examples:
  weir actions
  weir actions --kind topic-delete --cluster east -c weir.yaml
  weir actions --via page --limit 1000 -o json | jq -r '.actions[].actor'
  weir actions --verify`
}

// Run runs the command.
func (c *actionsCmd) Run(ctx context.Context, s *streams) error {
	if _, _, err := c.find(); err != nil { // is there such a cluster?
		return err
	}
	if c.Limit < 1 {
		return fmt.Errorf("--limit %d: write a number from 1 on", c.Limit)
	}
	var before int64
	if c.Before != "" {
		var err error
		if before, err = strconv.ParseInt(c.Before, 10, 64); err != nil || before < 1 {
			return fmt.Errorf("--before %s: write what next said, a number from 1 on", c.Before)
		}
	}
	home, err := c.connectHome(ctx)
	if err != nil {
		return err
	}
	defer home.Close()
	if c.Verify {
		told, stop := s.waiting(c.Output, "records checked")
		defer stop()
		v, err := actions.Verify(ctx, home, told)
		stop()
		if err != nil {
			return err
		}
		return c.verified(s, v)
	}
	log, err := actions.New(actions.Config{}, home)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := log.Read(ctx); err != nil {
		return err
	}
	entries, more := log.List(actions.Filter{
		Actor: c.Actor, Via: c.Via, System: c.System, Kind: c.Kind, Cluster: c.Cluster, Target: c.On, State: c.State, Limit: c.Limit, Before: before,
	})
	list := actions.List{Actions: append([]actions.Entry{}, entries...), Problems: log.Problems()}
	if more {
		list.Next = strconv.FormatInt(entries[len(entries)-1].Offset, 10)
	}
	return c.print(s, &list)
}

func (c *actionsCmd) print(s *streams, list *actions.List) error {
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(list)
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ASKED (UTC)\tACTOR\tVIA\tKIND\tCLUSTER\tON\tSTATE\tNOTE")
	for _, e := range list.Actions {
		note := e.Error
		if note == "" {
			note = e.Reason
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.At.Format(time.DateTime), printable(e.Actor), printable(e.Via), printable(e.Kind), printable(e.Action.Cluster), printable(e.Target), e.State, printable(note))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range list.Problems {
		fmt.Fprintf(s.err, "weir: incomplete: %s\n", p)
	}
	if list.Next != "" {
		fmt.Fprintf(s.err, "weir: there are more; --before %s goes on, --limit shows more at once\n", list.Next)
	}
	return nil
}

func (c *actionsCmd) verified(s *streams, v actions.Verification) error {
	if c.Output == "json" {
		if err := json.NewEncoder(s.out).Encode(v); err != nil {
			return err
		}
	} else {
		for _, f := range v.Findings {
			fmt.Fprintf(s.out, "record %d: %s\n", f.Offset, f.What)
		}
		fmt.Fprintf(s.out, "%d records of %d writers, %d findings\n", v.Records, v.Writers, len(v.Findings))
	}
	if len(v.Findings) > 0 {
		return exitCode(exitMismatch)
	}
	return nil
}
