package main

import (
	"context"
	"encoding/json"

	"github.com/weirhq/weir/internal/fleet"
)

type topicsAlterCmd struct {
	changing   `embed:""`
	Topic      string `arg:"" help:"Topic to alter."`
	Partitions int32  `required:"" placeholder:"N" help:"How many partitions it is to have. Kafka can not take any away."`
}

// Help implements kong.HelpProvider.
func (topicsAlterCmd) Help() string {
	return `Examples:
  weir topics alter access --partitions 12
  weir topics alter access --partitions 12 --yes`
}

// Run runs the command.
func (c *topicsAlterCmd) Run(ctx context.Context, s *streams) error {
	return c.change(ctx, s, fleet.Change{Kind: fleet.TopicAlter, Topic: c.Topic, Partitions: c.Partitions})
}

type topicsConfigCmd struct {
	changing `embed:""`
	Topic    string            `arg:"" help:"Topic whose settings to show or change."`
	Set      map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"Set this. Repeat for more."`
	Unset    []string          `sep:"none" placeholder:"NAME" help:"Take this back to what the cluster has. Repeat for more."`
}

// Help implements kong.HelpProvider.
func (topicsConfigCmd) Help() string {
	return `Without --set and --unset, shows all settings and where each comes from: topic (set on it), broker, cluster, static (a
broker's file) or default. A change is made only with --yes; it then prints the command that undoes it.

Examples:
  weir topics config access
  weir topics config access --set retention.ms=86400000
  weir topics config access --set cleanup.policy=compact --unset retention.ms --yes`
}

// Run runs the command.
func (c *topicsConfigCmd) Run(ctx context.Context, s *streams) error {
	if len(c.Set)+len(c.Unset) > 0 {
		return c.change(ctx, s, fleet.Change{Kind: fleet.TopicConfig, Topic: c.Topic, Set: c.Set, Unset: c.Unset})
	}
	cl, _, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	entries, err := cl.TopicConfigs(ctx, c.Topic)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(map[string]any{"configs": fleet.Configs(entries)})
	}
	return printConfigs(s, fleet.Configs(entries))
}
