package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/registry/remote"
)

type schemaRegisterCmd struct {
	changesRegistry `embed:""`
	schemaFile      `embed:""`
	Subject         string `arg:"" help:"Subject to register it under."`
	File            string `arg:"" help:"File with the schema; - is stdin."`
	Force           bool   `help:"Even if it is not compatible."`
}

// Help implements kong.HelpProvider.
func (schemaRegisterCmd) Help() string {
	return `Checks the file first, as weir schema check does. Exit code 5: it is not compatible. A schema that the subject has
already is not registered again.

Examples:
  weir schema register orders-value orders.avsc
  weir schema register orders-value orders.avsc --yes --reason "currency, for JIRA-17"
  weir schema register order order.proto --reference money.proto=money --yes`
}

// Run runs the command.
func (c *schemaRegisterCmd) Run(ctx context.Context, s *streams) error {
	v, err := c.read(c.File)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := latestReferences(ctx, client, &v); err != nil {
		return c.better(err)
	}
	found, there, err := client.Lookup(ctx, c.Subject, v, c.Normalize)
	if err != nil {
		return c.better(err)
	}
	if there {
		return c.registered(s, "it is there", found)
	}
	st, err := gather(ctx, client, c.Subject, v.References)
	if err != nil {
		return c.better(err)
	}
	verdict, err := judge(st, c.Subject, v, 0, c.Normalize)
	if err != nil {
		return err
	}
	if !verdict.Compatible && !c.Force {
		return verdict.print(s, c.Output)
	}
	words := fmt.Sprintf("register %s as a new version of %s (%s)", c.File, c.Subject, verdict.Level)
	if !verdict.Compatible {
		words += ", which is not compatible"
	}
	if !c.Yes {
		return c.make(ctx, s, nil, "%s", words)
	}
	if _, err = client.Register(ctx, c.Subject, v, c.Normalize, c.Force); err != nil {
		return c.better(err)
	}
	if found, _, err = client.Lookup(ctx, c.Subject, v, c.Normalize); err != nil {
		return c.better(err)
	}
	return c.registered(s, "registered", found)
}

func (c *schemaRegisterCmd) registered(s *streams, what string, v remote.Schema) error {
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(v)
	}
	say(s.out, "%s: %s version %d, id %d\n", what, c.Subject, v.Version, v.ID)
	return nil
}

// latestReferences gives numbers to the references that mean the latest version: not
// every registry knows that word.
func latestReferences(ctx context.Context, client *remote.Client, v *remote.Schema) error {
	for i, r := range v.References {
		if r.Version > 0 {
			continue
		}
		latest, err := client.Version(ctx, r.Subject, 0, false)
		if err != nil {
			return fmt.Errorf("--reference %s=%s: %w", r.Name, r.Subject, err)
		}
		v.References[i].Version = latest.Version
	}
	return nil
}

type schemaDeleteCmd struct {
	changesRegistry `embed:""`
	Subject         string `arg:"" help:"Subject to delete, or to delete a version of."`
	Version         string `arg:"" optional:"" help:"Version, from 1, or latest. Default: all of them."`
	Permanent       bool   `help:"For good what is softly deleted already: then the id means nothing any more."`
}

// Help implements kong.HelpProvider.
func (schemaDeleteCmd) Help() string {
	return `Deletes softly: the schema is not shown, and still found by its id, so that records can be read. Take care with
--permanent: records that carry the id can not be read any more.

Examples:
  weir schema delete orders-value 3
  weir schema delete orders-value --yes
  weir schema delete orders-value --permanent --yes`
}

// Run runs the command.
func (c *schemaDeleteCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	how := map[bool]string{false: "softly", true: "for good"}[c.Permanent]
	if c.Version != "" {
		n, err := versionNumber(c.Version)
		if err != nil {
			return err
		}
		v, err := client.Version(ctx, c.Subject, n, c.Permanent)
		if err != nil {
			return c.better(err)
		}
		return c.make(ctx, s, func(ctx context.Context) error {
			return client.DeleteVersion(ctx, c.Subject, v.Version, c.Permanent)
		}, "delete version %d (id %d) of %s %s", v.Version, v.ID, c.Subject, how)
	}
	versions, err := client.Versions(ctx, c.Subject, c.Permanent)
	if err != nil {
		return c.better(err)
	}
	return c.make(ctx, s, func(ctx context.Context) error {
		_, err := client.DeleteSubject(ctx, c.Subject, c.Permanent)
		return err
	}, "delete versions %s of %s %s", joinInts(versions), c.Subject, how)
}

func joinInts(list []int) string {
	var words []string
	for _, n := range list {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ", ")
}

type schemaConfigCmd struct {
	changesRegistry `embed:""`
	Subject         string            `arg:"" optional:"" help:"Subject, or a context as :.name:. Default: the registry as a whole."`
	Compatibility   string            `placeholder:"LEVEL" help:"NONE, BACKWARD, FORWARD, FULL, or one of the latter three with _TRANSITIVE."`
	Set             map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"Another setting, such as normalize=true or alias=orders. Repeat for more."`
	Unset           bool              `help:"Set nothing any more here: what holds above holds."`
}

// Help implements kong.HelpProvider.
func (schemaConfigCmd) Help() string {
	return `Without --compatibility, --set and --unset it shows what is set. A subject that sets nothing has what its context, or
the registry, sets.

Examples:
  weir schema config
  weir schema config orders-value --compatibility FULL_TRANSITIVE --yes
  weir schema config orders-value --set normalize=true
  weir schema config orders-value --unset --yes`
}

// Run runs the command.
func (c *schemaConfigCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	change := map[string]any{}
	if c.Compatibility != "" {
		change["compatibility"] = strings.ToUpper(c.Compatibility)
	}
	for name, value := range c.Set {
		change[name] = value
		if json.Valid([]byte(value)) {
			change[name] = json.RawMessage(value)
		}
	}
	where := cmp.Or(c.Subject, "the registry")
	switch {
	case c.Unset && len(change) > 0:
		return errors.New("--unset and what is to be set exclude each other")
	case c.Unset:
		return c.make(ctx, s, func(ctx context.Context) error { return client.DeleteConfig(ctx, c.Subject) }, "unset the config of %s", where)
	case len(change) > 0:
		var words []string
		for _, name := range slices.Sorted(maps.Keys(change)) {
			words = append(words, fmt.Sprintf("%s=%s", name, change[name]))
		}
		return c.make(ctx, s, func(ctx context.Context) error { return client.SetConfig(ctx, c.Subject, change) }, "set %s for %s", strings.Join(words, " "), where)
	}
	config, set, err := client.Config(ctx, c.Subject)
	if err != nil {
		return c.better(err)
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(config)
	}
	if !set {
		say(s.out, "nothing is set for %s; what holds above holds\n", where)
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		say(s.out, "%s=%s\n", name, strings.Trim(string(config[name]), `"`))
	}
	return nil
}

type schemaModeCmd struct {
	changesRegistry `embed:""`
	Subject         string `arg:"" optional:"" help:"Subject, or a context as :.name:. Default: the registry as a whole."`
	Set             string `placeholder:"MODE" help:"READWRITE, READONLY, READONLY_OVERRIDE, IMPORT or FORWARD."`
	Unset           bool   `help:"Set nothing any more here: what holds above holds."`
	Force           bool   `help:"IMPORT even where there are schemas."`
}

// Help implements kong.HelpProvider.
func (schemaModeCmd) Help() string {
	return `Without --set and --unset it shows what is set.

Examples:
  weir schema mode
  weir schema mode orders-value --set READONLY --yes
  weir schema mode orders-value --unset --yes`
}

// Run runs the command.
func (c *schemaModeCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	where := cmp.Or(c.Subject, "the registry")
	switch {
	case c.Unset && c.Set != "":
		return errors.New("--unset and --set exclude each other")
	case c.Unset:
		return c.make(ctx, s, func(ctx context.Context) error { return client.DeleteMode(ctx, c.Subject) }, "unset the mode of %s", where)
	case c.Set != "":
		return c.make(ctx, s, func(ctx context.Context) error {
			return client.SetMode(ctx, c.Subject, strings.ToUpper(c.Set), c.Force)
		}, "set mode %s for %s", strings.ToUpper(c.Set), where)
	}
	mode, err := client.Mode(ctx, c.Subject)
	if err != nil {
		return c.better(err)
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(map[string]string{"mode": mode})
	}
	say(s.out, "%s\n", cmp.Or(mode, "nothing is set for "+where+"; what holds above holds"))
	return nil
}
