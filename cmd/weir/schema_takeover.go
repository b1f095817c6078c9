package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/verify"
)

func printHistory(s *streams, raw []byte) error {
	var answer registry.HistoryAnswer
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("reading the registry's answer: %w", err)
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AT (UTC)\tWHAT\tSUBJECT\tVERSION\tID\tWHO\tFROM\tREASON")
	for _, r := range answer.Rows {
		say(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.At.UTC().Format(time.DateTime), r.What, cmp.Or(r.Subject, "(the registry)"), number(r.Version), number(r.ID), r.Who, r.From, r.Reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if answer.Next > 0 {
		fmt.Fprintf(s.err, "weir: there may be more; --before %d goes on\n", answer.Next)
	}
	return nil
}

// number prints one that is not there as "-".
func number(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

type schemaTakeoverCmd struct {
	changesRegistry   `embed:""`
	Peer              string `placeholder:"URL" help:"The other registry, to compare with. Default: the one that runs, if one does."`
	AcceptDifferences bool   `help:"Do it though the other registry serves something else."`
}

// Help implements kong.HelpProvider.
func (schemaTakeoverCmd) Help() string {
	return `While another registry runs, or was the last to write, weir serves reads and forwards changes to it. To take over:

  1. weir schema takeover        compares both, and lists what will be repaired
  2. stop the other registry, or set its leader.eligibility (Karapace: master_eligibility) to false
  3. weir schema takeover --yes  takes the lease and repairs

Keys that other registries wrote under several spellings are written again under one, so that compaction brings nothing
back. Exit code 1 where something is in the way.

Examples:
  weir schema takeover
  weir schema takeover --yes --peer http://registry:8081 --reason "off the old registry"`
}

// compareTimeout bounds a comparison of two registries, version by version.
const compareTimeout = 15 * time.Minute

// Run runs the command.
func (c *schemaTakeoverCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	client.Timeout = compareTimeout
	body := map[string]any{"apply": c.Yes, "accept_differences": c.AcceptDifferences}
	for name, value := range map[string]string{"peer": c.Peer, "reason": c.Reason} {
		if value != "" {
			body[name] = value
		}
	}
	var t registry.Takeover
	stop := c.follow(ctx, s)
	err = ask(ctx, client, &t, "POST", "/api/v1/registry/takeover", nil, body)
	if stop(); err != nil {
		return c.better(err)
	}
	if c.Output == "json" {
		err = json.NewEncoder(s.out).Encode(t)
	} else {
		printTakeover(s, t)
	}
	switch {
	case err != nil || t.Done:
		return err
	case len(t.Refusals) > 0:
		return errors.New("nothing was changed")
	}
	return errNotYet
}

// follow draws how far the comparison is, until stop.
func (c *schemaTakeoverCmd) follow(ctx context.Context, s *streams) (stop func()) {
	client, err := c.client()
	if err != nil || !s.tty || c.Output == "json" {
		return func() {}
	}
	told, end := s.waiting(c.Output, "comparing")
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			var status registry.StatusAnswer
			if ask(ctx, client, &status, "GET", "/api/v1/registry/status", nil, nil) == nil && status.Comparing != nil {
				told(int64(status.Comparing.Done), int64(status.Comparing.Of))
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() { cancel(); asking.Wait(); end() }
}

func printTakeover(s *streams, t registry.Takeover) {
	say(s.out, "writer: %s\n", map[string]string{"weir": "weir", "other": "another registry", "": "nobody has been told to; weir where no other registry runs"}[t.Writer])
	for _, m := range t.Members {
		say(s.out, "runs: %s, may write: %t\n", cmp.Or(m.URL, m.ID), m.Eligible)
	}
	switch {
	case t.Peer != "" && t.Compared == 0 && len(t.Refusals) > 0: // why not is said below
		say(s.out, "not compared with %s\n", t.Peer)
	case t.Peer == "":
		fmt.Fprintln(s.out, "no other registry runs, so there is nothing to compare with; --peer names one")
	default:
		say(s.out, "compared with %s: %d versions, %d differences\n", t.Peer, t.Compared, t.DifferenceCount)
	}
	for _, d := range t.Differences {
		say(s.out, "  %s\n", d)
	}
	fmt.Fprintf(s.out, "%d keys to repair, %d records to write for who reads uncommitted ones, %d records kept out\n", len(t.Repairs), t.Aborted, t.Dropped)
	for _, r := range t.Repairs {
		say(s.out, "  %s: %s\n", r.Key, r.Reason)
	}
	for _, w := range t.Warnings {
		say(s.out, "  kept out: offset %d: %s\n", w.Offset, w.Reason)
	}
	for _, r := range t.Refusals {
		say(s.out, "in the way: %s\n", r)
	}
	if t.Done {
		say(s.out, "done: weir writes, by %s\n", t.Leader)
	}
}

type schemaHandbackCmd struct {
	changesRegistry `embed:""`
}

// Help implements kong.HelpProvider.
func (schemaHandbackCmd) Help() string {
	return `Ends the writing of all weir processes of this registry, behind what registries that read uncommitted records need to see
the same. Then start the other registry: weir goes on to serve reads, and forwards changes to it.

Examples:
  weir schema handback
  weir schema handback --yes --reason "back to the old registry"`
}

// Run runs the command.
func (c *schemaHandbackCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var h registry.Handback
	if err := ask(ctx, client, &h, "POST", "/api/v1/registry/handback", nil, registry.HandbackRequest{}); err != nil {
		return c.better(err)
	}
	return c.make(ctx, s, func(ctx context.Context) error {
		return ask(ctx, client, &h, "POST", "/api/v1/registry/handback", nil, registry.HandbackRequest{Apply: true, Reason: c.Reason})
	}, "write %d records for who reads uncommitted ones, then end weir's writing", h.Aborted)
}

type schemaVerifyCmd struct {
	target   `embed:""`
	Registry string `placeholder:"URL" env:"WEIR_SERVER" help:"Schema registry to compare with. Default: the one of weir, at its web address; none compares with nothing."`
	Output   string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Help implements kong.HelpProvider.
func (schemaVerifyCmd) Help() string {
	return `Reads the topic _schemas by code of its own, as a registry that reads committed records and as one that reads uncommitted
ones: that no id means two schemas, that no version has changed and none is doubled, that what is deleted stays deleted
after a compaction, and that the registry serves what the topic says. Exit code 3: something of that does not hold.

Examples:
  weir schema verify
  weir schema verify --bootstrap k1:9092 --registry http://registry:8081 -o json | jq '.findings'`
}

// Run runs the command.
func (c *schemaVerifyCmd) Run(ctx context.Context, s *streams) error {
	report, err := c.verify(ctx)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = json.NewEncoder(s.out).Encode(report)
	} else {
		for _, f := range report.Findings {
			at := ""
			if f.Offset >= 0 {
				at = fmt.Sprintf(" (offset %d)", f.Offset)
			}
			say(s.out, "%s: %s%s: %s\n", f.Kind, f.Where, at, f.What)
		}
		fmt.Fprintf(s.out, "%d records, %d of them aborted; %d subjects, %d versions, %d ids; %d findings\n",
			report.Records, report.Aborted, report.Subjects, report.Versions, report.IDs, len(report.Findings))
	}
	if err == nil && len(report.Findings) > 0 {
		return exitCode(exitMismatch)
	}
	return err
}

func (c *schemaVerifyCmd) verify(ctx context.Context) (r verify.Report, err error) {
	file, _, err := c.load()
	if err != nil {
		return r, err
	}
	url, err := c.server(c.Registry, "--registry")
	if err != nil {
		return r, err
	}
	var served remote.Snapshot
	if url != "none" { // before the topic: what is served is in it then
		on := onRegistry{configFile: c.configFile, Registry: url}
		if served, err = (&remote.Client{URL: url}).Snapshot(ctx, nil); err != nil {
			return r, on.better(err)
		}
	}
	if c.Cluster == "" && c.Bootstrap == "" {
		c.Cluster = file.Registry.Cluster
	}
	cl, _, err := c.connect(ctx)
	if err != nil {
		return r, err
	}
	defer cl.Close()
	var log verify.Log
	_, err = cl.ReadToEnd(ctx, "_schemas", nil, func(record *kgo.Record) error {
		log.Take(record)
		return nil
	}, cluster.KeepControl())
	if errors.Is(err, cluster.ErrNoTopic) {
		err = fmt.Errorf("%w; --cluster or --bootstrap names the cluster that has it", err)
	}
	if err != nil {
		return r, err
	}
	r = verify.Check(log.Records())
	if url != "none" {
		r.Served(versionsOf(served))
	}
	return r, nil
}

func versionsOf(s remote.Snapshot) (list []verify.Version) {
	for _, v := range s.Versions {
		list = append(list, verify.Version{Subject: v.Subject, Version: v.Version, ID: v.ID, SchemaType: v.SchemaType, Schema: v.Schema, Deleted: v.Deleted})
	}
	return list
}
