package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirhq/weir/internal/fleet"
)

type groupsCmd struct {
	List     groupsListCmd     `cmd:"" help:"List groups with their lags."`
	Describe groupsDescribeCmd `cmd:"" help:"Show where a group stands, and its members."`
	Reset    groupsResetCmd    `cmd:"" help:"Set where a group stands, after showing the plan."`
	Delete   groupsDeleteCmd   `cmd:"" help:"Delete a group, after showing the plan."`
}

type groupsListCmd struct {
	target   `embed:""`
	Contains string `placeholder:"TEXT" help:"Only groups whose name contains this."`
	Output   string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Help implements kong.HelpProvider.
func (groupsListCmd) Help() string {
	return `LAG is how many records a group has still to read on the partitions that it has offsets on; -1: not known.

Examples:
  weir groups list
  weir groups list --contains billing --cluster east -c weir.yaml
  weir groups list -o json | jq -r '.groups[] | select(.lag > 1000) | .group'`
}

// groupsTimeout bounds how long brokers may take to tell of their groups.
const groupsTimeout = time.Minute

// Run runs the command.
func (c *groupsListCmd) Run(ctx context.Context, s *streams) error {
	progressed, stop := s.waiting(c.Output, "groups")
	defer stop()
	cl, snapshot, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	bounded, cancel := context.WithTimeout(ctx, groupsTimeout)
	defer cancel()
	told, errs := cl.Groups(bounded, snapshot, func(done, listed int) { progressed(int64(done), int64(listed)) })
	stop()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, e := range errs {
		fmt.Fprintf(s.err, "weir: incomplete: %s\n", printable(e.Error()))
	}
	rows := []fleet.GroupRow{}
	for _, r := range fleet.GroupRows(told, snapshot) {
		if strings.Contains(r.Group, c.Contains) {
			rows = append(rows, r)
		}
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(map[string]any{"groups": rows})
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GROUP\tSTATE\tTYPE\tMEMBERS\tTOPICS\tPARTITIONS\tLAG\tPROBLEM")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", printable(r.Group), r.State, r.Type, r.Members, r.Topics, r.Partitions, r.Lag, printable(r.Error))
	}
	return t.Flush()
}

type groupsDescribeCmd struct {
	target `embed:""`
	Group  string `arg:"" help:"Group to show."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Help implements kong.HelpProvider.
func (groupsDescribeCmd) Help() string {
	return `Shows, of each partition, the next record that the group reads, how many are left, and how old that one is.

Examples:
  weir groups describe billing
  weir groups describe billing -o json | jq '.rows[] | select(.lag > 0)'`
}

// Run runs the command.
func (c *groupsDescribeCmd) Run(ctx context.Context, s *streams) error {
	_, stop := s.waiting(c.Output, "asking for the group and the ages of its records")
	defer stop()
	cl, snapshot, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	g, err := cl.Group(ctx, c.Group)
	if err != nil {
		return fmt.Errorf("%w; weir groups list shows what there is", err)
	}
	row, members, rows := fleet.DescribeGroup(&g, snapshot)
	bounded, cancel := context.WithTimeout(ctx, groupsTimeout)
	defer cancel()
	fleet.TimeLags(bounded, cl, snapshot, rows)
	stop()
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(fleet.GroupAnswer{GroupRow: row, Members: members, Rows: rows, Listed: fleet.Listed{Total: len(rows), Problems: []string{}}})
	}
	fmt.Fprintf(s.out, "%s (%s, %s), %d members, %d records behind\n", printable(row.Group), row.Type, row.State, row.Members, row.Lag)
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PARTITION\tOFFSET\tSTART\tEND\tLAG\tBEHIND\tMEMBER\tHOST\tPROBLEM")
	for _, r := range rows {
		fmt.Fprintf(t, "%s/%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", printable(r.Topic), r.Partition, r.Committed, r.Start, r.End, r.Lag, behind(r.TimeLag), printable(r.Client), printable(r.Host), printable(r.Error))
	}
	return t.Flush()
}

func behind(ms int64) string {
	if ms < 0 {
		return "-"
	}
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}

type groupsResetCmd struct {
	changing  `embed:""`
	Group     string   `arg:"" help:"Group to reset. It must have no members."`
	To        string   `placeholder:"start|end|TIME|OFFSET" help:"Where to: the start or end of each log, a time (RFC 3339), or one offset for all partitions."`
	By        int64    `placeholder:"N" help:"So many records on, or back: --by=-100."`
	Offset    []string `sep:"none" placeholder:"TOPIC/PARTITION=OFFSET" help:"An offset of one partition; -1 takes it away. Repeat for more."`
	Offsets   string   `placeholder:"FILE" help:"Offsets of many partitions: lines of TOPIC/PARTITION=OFFSET; - is standard input."`
	Partition []string `sep:"none" placeholder:"TOPIC[/PARTITION]" help:"With --to and --by: only this topic, or partition. Repeat for more. Default: all of the topics that the group has offsets on."`
}

// Help implements kong.HelpProvider.
func (groupsResetCmd) Help() string {
	return `Shows how many records would be skipped or read again, and does it only with --yes; it then prints the command that
undoes it.

Examples:
  weir groups reset billing --to start
  weir groups reset billing --to 2026-11-24T10:00:00Z --partition orders --yes
  weir groups reset billing --by=-100 --partition orders/3
  weir groups reset billing --offset orders/0=1500 --offset orders/1=1400 --yes
  weir groups reset billing --offsets saved.txt`
}

// Run runs the command.
func (c *groupsResetCmd) Run(ctx context.Context, s *streams) error {
	reset, err := c.reset()
	if err != nil {
		return err
	}
	return c.change(ctx, s, fleet.Change{Kind: fleet.GroupReset, Group: c.Group, Reset: reset})
}

// reset reads the options.
func (c *groupsResetCmd) reset() (*fleet.Reset, error) {
	given := 0
	for _, is := range []bool{c.To != "", c.By != 0, len(c.Offset) > 0, c.Offsets != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, errors.New("give one of --to, --by, --offset and --offsets")
	}
	r := &fleet.Reset{}
	switch {
	case c.By != 0:
		r.To, r.Shift = "shift", c.By
	case len(c.Offset) > 0 || c.Offsets != "":
		r.To = "offsets"
	case c.To == "start" || c.To == "end":
		r.To = c.To
	default:
		if at, err := strconv.ParseInt(c.To, 10, 64); err == nil && at >= 0 {
			r.To, r.Offset = "offset", &at
		} else if at, err := time.Parse(time.RFC3339, c.To); err == nil {
			r.To, r.Time = "time", &at
		} else {
			return nil, fmt.Errorf("--to %s: write start, end, a time like 2026-11-24T10:00:00Z, or an offset", c.To)
		}
	}
	for _, text := range c.Offset {
		o, err := parseOffset("--offset", text)
		if err != nil {
			return nil, err
		}
		r.Offsets = append(r.Offsets, o)
	}
	if err := c.readOffsets(r); err != nil {
		return nil, err
	}
	for _, text := range c.Partition {
		topic, partition, ok := parsePartition(text)
		if !ok {
			return nil, fmt.Errorf("--partition %s: write TOPIC or TOPIC/PARTITION, like orders/3", text)
		}
		r.Partitions = append(r.Partitions, fleet.TopicPartition{Topic: topic, Partition: partition})
	}
	return r, nil
}

// readOffsets adds those of a file.
func (c *groupsResetCmd) readOffsets(r *fleet.Reset) error {
	if c.Offsets == "" {
		return nil
	}
	lines, _, err := openLines(c.Offsets)
	if err != nil {
		return err
	}
	defer lines.Close()
	for n := 1; ; n++ {
		line, err := lines.next()
		if err == io.EOF && len(r.Offsets) == 0 {
			return fmt.Errorf("--offsets %s: there are none in it", c.Offsets)
		} else if err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading --offsets %s: %w", c.Offsets, err)
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue
		}
		o, err := parseOffset(fmt.Sprintf("--offsets %s, line %d:", c.Offsets, n), text)
		if err != nil {
			return err
		}
		r.Offsets = append(r.Offsets, o)
	}
}

// parseOffset reads TOPIC/PARTITION=OFFSET. where says what gave it.
func parseOffset(where, text string) (fleet.TopicOffset, error) {
	place, offset, _ := cutLast(text, "=")
	topic, partition, ok := parsePartition(place)
	at, err := strconv.ParseInt(offset, 10, 64)
	if err != nil || at < -1 || !ok || partition < 0 {
		return fleet.TopicOffset{}, fmt.Errorf("%s %s: write TOPIC/PARTITION=OFFSET, like orders/3=1500", where, text)
	}
	return fleet.TopicOffset{Topic: topic, Partition: partition, Offset: at}, nil
}

// parsePartition reads TOPIC/PARTITION; of TOPIC alone the partition is -1.
func parsePartition(text string) (topic string, partition int32, ok bool) {
	topic, number, found := cutLast(text, "/")
	if !found {
		return text, -1, text != ""
	}
	n, err := strconv.ParseInt(number, 10, 32)
	return topic, int32(n), err == nil && n >= 0 && topic != ""
}

func cutLast(text, sep string) (before, after string, found bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

type groupsDeleteCmd struct {
	changing `embed:""`
	Group    string `arg:"" help:"Group to delete. It must have no members."`
}

// Help implements kong.HelpProvider.
func (groupsDeleteCmd) Help() string {
	return `Examples:
  weir groups delete billing
  weir groups delete billing --yes --reason 'moved to billing-2'`
}

// Run runs the command.
func (c *groupsDeleteCmd) Run(ctx context.Context, s *streams) error {
	return c.change(ctx, s, fleet.Change{Kind: fleet.GroupDelete, Group: c.Group})
}
