package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/registry/remote"
)

type schemaListCmd struct {
	onRegistry `embed:""`
	Prefix     string `arg:"" optional:"" help:"Only subjects whose name begins so."`
	Deleted    bool   `help:"With those that are softly deleted."`
}

// Help implements kong.HelpProvider.
func (schemaListCmd) Help() string {
	return `Examples:
  weir schema list
  weir schema list orders- -o json | jq -r '.[].subject'
  weir schema list --registry http://registry:8081`
}

// listedSubject is a row of weir schema list.
type listedSubject struct {
	Subject  string `json:"subject"`
	Versions []int  `json:"versions"`
	Latest   int    `json:"latest"` // 0: it is deleted
	ID       int    `json:"id"`
	Type     string `json:"type"`
}

// Run runs the command.
func (c *schemaListCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	subjects, err := client.Subjects(ctx, c.Deleted)
	if err != nil {
		return c.better(err)
	}
	slices.Sort(subjects)
	subjects = slices.DeleteFunc(slices.Compact(subjects), func(name string) bool { return !strings.HasPrefix(name, c.Prefix) })
	rows := make([]listedSubject, len(subjects))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, subject := range subjects {
		g.Go(func() (err error) {
			rows[i], err = describeSubject(ctx, client, subject, c.Deleted)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return c.better(err)
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(rows)
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SUBJECT\tVERSIONS\tLATEST\tID\tTYPE")
	for _, r := range rows {
		latest := strconv.Itoa(r.Latest)
		if r.Latest == 0 {
			latest = "deleted"
		}
		say(t, "%s\t%d\t%s\t%d\t%s\n", r.Subject, len(r.Versions), latest, r.ID, r.Type)
	}
	return t.Flush()
}

func describeSubject(ctx context.Context, client *remote.Client, subject string, deleted bool) (r listedSubject, err error) {
	r.Subject = subject
	if r.Versions, err = client.Versions(ctx, subject, deleted); err != nil {
		return r, err
	}
	v, err := client.Version(ctx, subject, 0, false)
	r.Latest = v.Version
	if remote.Is(err, 404) && len(r.Versions) > 0 { // of a deleted one, the last
		v, err = client.Version(ctx, subject, r.Versions[len(r.Versions)-1], true)
	}
	r.ID, r.Type = v.ID, v.Type()
	return r, err
}

type schemaGetCmd struct {
	onRegistry `embed:""`
	Subject    string `arg:"" optional:"" help:"Subject of the schema."`
	Version    string `arg:"" default:"latest" help:"Version, from 1, or latest."`
	ID         int    `placeholder:"N" help:"Instead of a subject: the id that records carry."`
}

// Help implements kong.HelpProvider.
func (schemaGetCmd) Help() string {
	return `Prints the schema's text as it was written; with -o json also its id, type and references.

Examples:
  weir schema get orders-value
  weir schema get orders-value 3 -o json
  weir schema get --id 17 > orders.avsc`
}

// Run runs the command.
func (c *schemaGetCmd) Run(ctx context.Context, s *streams) error {
	if (c.Subject == "") == (c.ID == 0) {
		return errors.New("name a subject, or an id with --id N")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var v remote.Schema
	if c.ID != 0 {
		v, err = client.ByID(ctx, c.ID)
	} else if n, bad := versionNumber(c.Version); bad != nil {
		return bad
	} else {
		v, err = client.Version(ctx, c.Subject, n, true)
	}
	if err != nil {
		return c.better(err)
	}
	if c.Output == "json" {
		v.SchemaType = v.Type()
		return json.NewEncoder(s.out).Encode(v)
	}
	fmt.Fprintln(s.out, strings.TrimSuffix(v.Schema, "\n"))
	return nil
}

// versionNumber reads a version; 0 is the latest.
func versionNumber(text string) (int, error) {
	if text == "latest" || text == "-1" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("version %q: write a number from 1 on, or latest", text)
	}
	return n, nil
}

type schemaExportCmd struct {
	onRegistry `embed:""`
	Prefix     string `arg:"" optional:"" help:"Only subjects whose name begins so."`
}

// Help implements kong.HelpProvider.
func (schemaExportCmd) Help() string {
	return `Writes an object per line: each version, softly deleted ones included, behind those that it refers to; then what is set
for the registry and its subjects. weir schema import reads it.

Examples:
  weir schema export > schemas.jsonl
  weir schema export orders- --registry http://registry:8081 | jq -r .subject | sort -u`
}

// Run runs the command.
func (c *schemaExportCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	snapshot, err := client.Snapshot(ctx, func(subject string) bool { return strings.HasPrefix(subject, c.Prefix) })
	if err != nil {
		return c.better(err)
	}
	out := json.NewEncoder(s.out)
	out.SetEscapeHTML(false)
	for _, v := range referencesFirst(snapshot.Versions) {
		if err := out.Encode(v); err != nil {
			return err
		}
	}
	for _, set := range snapshot.Settings {
		if err := out.Encode(set); err != nil {
			return err
		}
	}
	return nil
}

// referencesFirst returns versions in an order in which they can be registered: each
// behind those that it refers to.
func referencesFirst(list []remote.Schema) (order []remote.Schema) {
	at := map[string]int{}
	name := func(subject string, version int) string { return subject + " " + strconv.Itoa(version) }
	for i, v := range list {
		at[name(v.Subject, v.Version)] = i
	}
	placed := make([]bool, len(list))
	var place func(i int)
	place = func(i int) {
		if placed[i] {
			return
		}
		placed[i] = true // before its references: a circle can not be registered anyhow
		for _, r := range list[i].References {
			if to, ok := at[name(r.Subject, r.Version)]; ok {
				place(to)
			}
		}
		order = append(order, list[i])
	}
	for i := range list {
		place(i)
	}
	return order
}

type schemaHistoryCmd struct {
	onRegistry `embed:""`
	Subject    string `arg:"" optional:"" help:"Only its changes."`
	Limit      int    `default:"50" help:"How many at most, up to 1000."`
	Before     int64  `placeholder:"NEXT" help:"Only those older than this: the next of the JSON before, or the number that a table ended with."`
}

// Help implements kong.HelpProvider.
func (schemaHistoryCmd) Help() string {
	return `The newest first. Only weir's registry keeps it, and only of what was changed through it. In JSON, next is 0 where
there are no older ones; else --before NEXT lists them. One look goes back so far only: a page may be short, or empty,
and have a next.

Examples:
  weir schema history
  weir schema history --before 1200
  weir schema history orders-value -o json`
}

// Run runs the command.
func (c *schemaHistoryCmd) Run(ctx context.Context, s *streams) error {
	if c.Limit < 1 || c.Limit > 1000 {
		return fmt.Errorf("--limit %d: write a number from 1 to 1000", c.Limit)
	}
	if c.Before < 0 {
		return fmt.Errorf("--before %d: write what next said, a number from 1 on", c.Before)
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var raw []byte
	query := map[string][]string{"subject": {c.Subject}, "limit": {strconv.Itoa(c.Limit)}, "before": {strconv.FormatInt(c.Before, 10)}}
	if err := ask(ctx, client, &raw, "GET", "/api/v1/registry/history", query, nil); err != nil {
		return c.better(err)
	}
	if c.Output == "json" {
		_, err := s.out.Write(raw)
		return err
	}
	return printHistory(s, raw)
}

// ask asks weir's own API.
func ask(ctx context.Context, client *remote.Client, into any, method, path string, query map[string][]string, body any) error {
	err := client.Do(ctx, method, path, query, body, into)
	if remote.Is(err, 404) {
		return fmt.Errorf("%w; the registry at %s is not weir's", err, client.URL)
	}
	return err
}
