package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/weirhq/weir/internal/fleet"
)

type brokersCmd struct {
	target `embed:""`
	ID     *int32 `arg:"" optional:"" help:"Show the settings of this broker."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// Help implements kong.HelpProvider.
func (brokersCmd) Help() string {
	return `Lists the brokers with what they hold. With an id, shows that broker's log directories, and its settings and where
each comes from.

Examples:
  weir brokers
  weir brokers 2
  weir brokers -o json | jq '.brokers[] | select(.state == "down") | .id'`
}

// Run runs the command.
func (c *brokersCmd) Run(ctx context.Context, s *streams) error {
	cl, snapshot, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	rows := fleet.BrokerRows(snapshot)
	for _, e := range snapshot.Errors {
		fmt.Fprintf(s.err, "weir: incomplete: %v\n", e)
	}
	if c.ID != nil {
		i := slices.IndexFunc(rows, func(b fleet.BrokerRow) bool { return b.ID == *c.ID })
		if i < 0 {
			return fmt.Errorf("cluster %s has no broker %d; weir brokers lists them", cl.Name, *c.ID)
		}
		entries, err := cl.BrokerConfigs(ctx, *c.ID)
		if err != nil {
			return err
		}
		return c.describe(s, rows[i], fleet.Configs(entries))
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(map[string]any{"brokers": rows})
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BROKER\tADDRESS\tRACK\tSTATE\tLEADERS\tREPLICAS\tNOT IN SYNC\tSIZE\tNOTE")
	for _, b := range rows {
		note := b.Error
		if b.Controller && note == "" {
			note = "controller"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", b.ID, b.Address, b.Rack, b.State, b.Leaders, b.Replicas, b.UnderReplicated, size(b.Bytes), note)
	}
	return t.Flush()
}

func (c *brokersCmd) describe(s *streams, b fleet.BrokerRow, configs []fleet.ConfigRow) error {
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(struct {
			fleet.BrokerRow
			Configs []fleet.ConfigRow `json:"configs"`
		}{b, configs})
	}
	fmt.Fprintf(s.out, "broker %d (%s), %s, %d replicas, %s\n", b.ID, b.Address, b.State, b.Replicas, size(b.Bytes))
	for _, d := range b.LogDirs {
		fmt.Fprintf(s.out, "  %s: %s free of %s %s\n", d.Path, size(d.Usable), size(d.Total), d.Error)
	}
	return printConfigs(s, configs)
}

// printConfigs prints settings, those that somebody has set first.
func printConfigs(s *streams, configs []fleet.ConfigRow) error {
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
	for _, byDefault := range []bool{false, true} {
		for _, c := range configs {
			value := c.Value
			if c.Sensitive {
				value = "(hidden)"
			}
			if c.IsDefault == byDefault {
				fmt.Fprintf(t, "%s\t%s\t%s\n", c.Name, printable(value), c.Source)
			}
		}
	}
	return t.Flush()
}
