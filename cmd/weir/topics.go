package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

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
	Contains string        `placeholder:"TEXT" help:"Only topics whose name contains this."`
	Internal bool          `help:"Also weir's and Kafka's own topics (_weir..., __...)."`
	Sort     string        `enum:"name,records,bytes,rate,bytes_rate,partitions,problems" default:"name" help:"By name, or the largest first: records, bytes, rate (records per second), bytes_rate (bytes per second), partitions, problems."`
	Over     time.Duration `placeholder:"DURATION" help:"Look twice, so far apart, and show rates. Default: not at all; 5s where rates sort."`
	Output   string        `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// rateOver is over which time rates are taken where nothing else is said.
const rateOver = 5 * time.Second

// Help implements kong.HelpProvider.
func (topicsListCmd) Help() string {
	return `Examples:
  weir topics list
  weir topics list --contains access --cluster east -c weir.yaml
  weir topics list --sort bytes_rate                       which topic grows fastest
  weir topics list -o json | jq -r '.topics[] | select(.under_replicated > 0) | .name'`
}

// Run runs the command.
func (c *topicsListCmd) Run(ctx context.Context, s *streams) error {
	if c.Over < 0 {
		return fmt.Errorf("--over %v: write a duration above 0, like 10s", c.Over)
	}
	if strings.HasSuffix(c.Sort, "rate") {
		c.Over = cmp.Or(c.Over, rateOver)
	}
	told, stop := s.waiting(c.Output, "seconds of looking at the topics")
	defer stop()
	cl, snapshot, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	var before *cluster.Snapshot
	for n := time.Second; c.Over > 0; n += time.Second {
		told(int64(n/time.Second), int64((c.Over+time.Second-1)/time.Second))
		if left := c.Over - snapshot.Age(time.Now()); left <= 0 {
			break
		} else if err := sleep(ctx, min(left, time.Second)); err != nil {
			return err
		}
	}
	if c.Over > 0 {
		before = snapshot
		if snapshot, err = cl.Refresh(ctx, before); err != nil {
			return err
		}
	}
	stop()
	for _, e := range snapshot.Errors {
		fmt.Fprintf(s.err, "weir: incomplete: %v\n", e)
	}
	rows, err := fleet.TopicRows(before, snapshot, fleet.Query{Sort: c.Sort, Desc: c.Sort != "name"}, func(r *fleet.TopicRow) bool {
		own := r.Internal || strings.HasPrefix(r.Name, "_")
		return strings.Contains(r.Name, c.Contains) && (c.Internal || !own)
	})
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(map[string]any{"topics": rows})
	}
	return c.print(s, rows)
}

func (c *topicsListCmd) print(s *streams, rows []fleet.TopicRow) error {
	if len(rows) == 0 {
		fmt.Fprintln(s.err, "weir: there is no such topic; weir topics create makes one, --internal shows weir's own too")
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	rates := func(cells string) string {
		if c.Over == 0 {
			return ""
		}
		return cells
	}
	fmt.Fprintf(t, "TOPIC\tPARTITIONS\tREPLICATION\tRECORDS\tSIZE\t%sPROBLEMS\n", rates("RECORDS/S\tBYTES/S\t"))
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s%s\n", printable(r.Name), r.Partitions, r.Replication, r.Records, size(r.Bytes),
			rates(perSecond(r.RecordsPerSecond, "%.1f")+"\t"+perSecond(r.BytesPerSecond, "%.0f")+"\t"), printable(problems(r)))
	}
	return t.Flush()
}

// perSecond prints a rate, - for one that is not known.
func perSecond(rate float64, format string) string {
	if rate < 0 {
		return "-"
	}
	return fmt.Sprintf(format, rate)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
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
	Replication int16             `placeholder:"N" help:"How many replicas. Default: 3, or as many as there are brokers."`
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
	return c.change(ctx, s, fleet.Change{Kind: fleet.TopicDelete, Topics: c.Topics, Force: c.Force})
}
