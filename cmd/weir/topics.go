package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/fleet"
)

type topicsCmd struct {
	List     topicsListCmd     `cmd:"" help:"List topics with their sizes."`
	Describe topicsDescribeCmd `cmd:"" help:"Show a topic's partitions and settings."`
	Create   topicsCreateCmd   `cmd:"" help:"Create a topic."`
	Alter    topicsAlterCmd    `cmd:"" help:"Give a topic more partitions, after showing the plan."`
	Config   topicsConfigCmd   `cmd:"" help:"Show a topic's settings, or change them after showing the plan."`
	Delete   topicsDeleteCmd   `cmd:"" help:"Delete topics, after showing what would go."`
}

type topicsListCmd struct {
	target   `embed:""`
	Contains string `placeholder:"TEXT" help:"Only topics whose name contains this."`
	Internal bool   `help:"Also weir's and Kafka's own topics (_weir..., __...)."`
	Output   string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Help implements kong.HelpProvider.
func (topicsListCmd) Help() string {
	return `Examples:
  weir topics list
  weir topics list --contains access --cluster east -c weir.yaml
  weir topics list -o json | jq -r '.topics[] | select(.under_replicated > 0) | .name'`
}

// Run runs the command.
func (c *topicsListCmd) Run(ctx context.Context, s *streams) error {
	cl, snapshot, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	rows := []fleet.TopicRow{}
	for i := range snapshot.Topics {
		t := &snapshot.Topics[i]
		own := t.Internal || strings.HasPrefix(t.Name, "_")
		if strings.Contains(t.Name, c.Contains) && (c.Internal || !own) {
			rows = append(rows, fleet.SummariseTopic(t, 1))
		}
	}
	for _, e := range snapshot.Errors {
		fmt.Fprintf(s.err, "weir: incomplete: %v\n", e)
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(map[string]any{"topics": rows})
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TOPIC\tPARTITIONS\tREPLICATION\tRECORDS\tSIZE\tPROBLEMS")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\n", r.Name, r.Partitions, r.Replication, r.Records, size(r.Bytes), problems(r))
	}
	return t.Flush()
}

func problems(r fleet.TopicRow) string {
	var parts []string
	if r.Offline > 0 {
		parts = append(parts, fmt.Sprintf("%d offline", r.Offline))
	}
	if r.UnderReplicated > 0 {
		parts = append(parts, fmt.Sprintf("%d under-replicated", r.UnderReplicated))
	}
	if r.Error != "" {
		parts = append(parts, r.Error)
	}
	return strings.Join(parts, ", ")
}

// size prints bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, u := float64(n), 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}

type topicsDescribeCmd struct {
	target `embed:""`
	Topic  string `arg:"" help:"Topic to show."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Help implements kong.HelpProvider.
func (topicsDescribeCmd) Help() string {
	return `Shows the settings that differ from the cluster's own and, of each partition, its brokers and the offsets that it
holds, from START to before END.

Examples:
  weir topics describe access
  weir topics describe access -o json | jq '.settings'`
}

// Run runs the command.
func (c *topicsDescribeCmd) Run(ctx context.Context, s *streams) error {
	cl, snapshot, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	topic := snapshot.Topic(c.Topic)
	if topic == nil {
		return fmt.Errorf("topic %s on cluster %s: %w; weir topics list shows what there is", c.Topic, cl.Name, cluster.ErrNoTopic)
	}
	d := fleet.DescribeTopic(topic)
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(d)
	}
	fmt.Fprintf(s.out, "%s (id %s), %d records, %s\n", d.Name, d.ID, d.Records, size(d.Bytes))
	for _, k := range slices.Sorted(maps.Keys(d.Settings)) {
		fmt.Fprintf(s.out, "  %s=%s\n", k, d.Settings[k])
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PARTITION\tLEADER\tREPLICAS\tISR\tSTART\tEND\tSIZE\tPROBLEM")
	for _, p := range d.Rows {
		fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%d\t%d\t%s\t%s\n", p.ID, p.Leader, ids(p.Replicas), ids(p.ISR), p.Start, p.End, size(p.Bytes), p.Error)
	}
	return t.Flush()
}

func ids(list []int32) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", ",")
}

type topicsCreateCmd struct {
	target      `embed:""`
	Topic       string            `arg:"" help:"Name of the topic."`
	Partitions  int32             `default:"4" help:"How many partitions."`
	Replication int16             `help:"How many replicas. Default: 3, or as many as there are brokers."`
	Set         map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"A setting of the topic, such as retention.ms=-1. Repeat for more."`
	Reason      string            `placeholder:"TEXT" help:"Why, for the actions log."`
	Output      string            `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Help implements kong.HelpProvider.
func (topicsCreateCmd) Help() string {
	return `Examples:
  weir topics create access
  weir topics create users --partitions 12 --set cleanup.policy=compact --set retention.ms=-1`
}

// Run runs the command.
func (c *topicsCreateCmd) Run(ctx context.Context, s *streams) error {
	// To a broker, -1 is its own default.
	if c.Partitions < 1 {
		return fmt.Errorf("--partitions %d: a topic has at least 1", c.Partitions)
	}
	if c.Replication < 0 {
		return fmt.Errorf("--replication %d: a partition has at least 1 replica", c.Replication)
	}
	op, done, err := c.operator(ctx)
	if err != nil {
		return err
	}
	defer done()
	plan, err := op.Plan(ctx, fleet.Change{Kind: fleet.TopicCreate, Topic: c.Topic, Partitions: c.Partitions, Replication: c.Replication, Set: c.Set, Reason: c.Reason})
	if err != nil {
		return err
	}
	warn(s.err, &plan)
	result, err := apply(ctx, op, plan)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(result)
	}
	tell(s, &result)
	fmt.Fprintf(s.out, "created topic %s with %d partitions\n", c.Topic, c.Partitions)
	return nil
}

type topicsDeleteCmd struct {
	changing `embed:""`
	Topics   []string `arg:"" help:"Topics to delete."`
	Force    bool     `help:"Also topics that are weir's or Kafka's own."`
}

// Help implements kong.HelpProvider.
func (topicsDeleteCmd) Help() string {
	return `Shows what would go, and deletes it only with --yes; if one of the topics does not exist, none is deleted. Exit code
1 where nothing was deleted.

Examples:
  weir topics delete access
  weir topics delete access users --yes`
}

// Run runs the command.
func (c *topicsDeleteCmd) Run(ctx context.Context, s *streams) error {
	change := fleet.Change{Kind: fleet.TopicDelete, Topics: c.Topics, Force: c.Force, Reason: c.Reason}
	if c.Output == "json" {
		return c.change(ctx, s, change)
	}
	cl, snapshot, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DELETE TOPIC\tPARTITIONS\tRECORDS\tSIZE")
	for _, name := range c.Topics {
		topic := snapshot.Topic(name)
		if topic == nil {
			return fmt.Errorf("topic %s on cluster %s: %w; nothing was deleted, weir topics list shows what there is", name, cl.Name, cluster.ErrNoTopic)
		}
		r := fleet.SummariseTopic(topic, 1)
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", r.Name, r.Partitions, r.Records, size(r.Bytes))
	}
	t.Flush()
	op, done, err := c.operator(ctx)
	if err != nil {
		return err
	}
	defer done()
	plan, err := op.Plan(ctx, change)
	if err != nil {
		return err
	}
	warn(s.out, &plan)
	if !c.Yes {
		return errors.New("nothing was deleted; --yes does it")
	}
	result, err := apply(ctx, op, plan)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "deleted %s\n", strings.Join(c.Topics, ", "))
	tell(s, &result)
	return nil
}
