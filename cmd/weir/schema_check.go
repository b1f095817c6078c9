package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/registry/desired"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// schemaFile is a schema in a file.
type schemaFile struct {
	Type      string   `placeholder:"TYPE" enum:"avro,json,protobuf," default:"" help:"avro, json or protobuf. Default: what the file's ending says: .avsc, .json, .proto."`
	Reference []string `placeholder:"NAME=SUBJECT:VERSION" sep:"none" help:"A schema that the file refers to by a name. Repeat for more. Without a version, the latest."`
	Normalize bool     `help:"Put in order first what has no meaning."`
}

// read reads a file; "-" is stdin.
func (f *schemaFile) read(name string) (v remote.Schema, err error) {
	v.SchemaType = cmp.Or(strings.ToUpper(f.Type), desired.TypeOf(name))
	if v.SchemaType == "" {
		return v, fmt.Errorf("the ending of %s says no type; name it with --type avro, json or protobuf", name)
	}
	for _, text := range f.Reference {
		r, err := desired.ParseReference(text)
		if err != nil {
			return v, fmt.Errorf("--reference: %w", err)
		}
		v.References = append(v.References, r)
	}
	var text []byte
	if name == "-" {
		text, err = io.ReadAll(os.Stdin)
	} else {
		text, err = os.ReadFile(name)
	}
	v.Schema = string(text)
	return v, err
}

type schemaCheckCmd struct {
	onRegistry `embed:""`
	schemaFile `embed:""`
	Subject    string `arg:"" help:"Subject that the file is to become a version of."`
	File       string `arg:"" help:"File with the schema; - is stdin."`
	Against    string `placeholder:"VERSION" help:"Compare with this version, or latest, alone. Default: those that the compatibility level names."`
	Level      string `placeholder:"LEVEL" help:"As if this compatibility were set, such as FULL_TRANSITIVE."`
}

// Help implements kong.HelpProvider.
func (schemaCheckCmd) Help() string {
	return `Says what breaks, where, and with a record that would fail. Nothing is changed. Exit code 0: compatible, 5: not
compatible, 1: an error, such as a schema that can not be parsed.

Examples:
  weir schema check orders-value orders.avsc
  weir schema check orders-value orders.avsc --against 3 --level FULL
  weir schema check orders-value order.proto --reference money.proto=money:1 -o json`
}

// Run runs the command.
func (c *schemaCheckCmd) Run(ctx context.Context, s *streams) error {
	v, err := c.read(c.File)
	if err != nil {
		return err
	}
	number := 0
	if c.Against != "" {
		if number, err = versionNumber(c.Against); err != nil {
			return err
		}
		number = cmp.Or(number, state.Latest)
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	st, err := gather(ctx, client, c.Subject, v.References)
	if err != nil {
		return c.better(err)
	}
	if c.Level != "" {
		if err := try(st, state.SetConfig{Subject: c.Subject, Change: wire.SchemasSetting{CompatibilityLevel: c.Level}}); err != nil {
			return fmt.Errorf("--level %s: %w", c.Level, err)
		}
	}
	verdict, err := judge(st, c.Subject, v, number, c.Normalize)
	if err != nil {
		return err
	}
	return verdict.print(s, c.Output)
}

// try makes a change on a state that is ours alone.
func try(st *state.State, cmd state.Command) error {
	records, _, err := state.Plan(cmd, st)
	for _, r := range records {
		err = cmp.Or(err, st.Apply(r.Key, r.Value, 0))
	}
	return err
}

// gather asks for what is needed to judge a new version of a subject: its versions,
// those that they or it refer to, and the settings that hold for it.
func gather(ctx context.Context, client *remote.Client, subject string, references []wire.SchemaReference) (*state.State, error) {
	var snapshot remote.Snapshot
	of := []string{"", subject}
	if strings.HasPrefix(subject, ":.") {
		if context, _, ok := strings.Cut(subject[1:], ":"); ok {
			of = append(of, ":"+context+":")
		}
	}
	for _, name := range of {
		set, err := client.Setting(ctx, name)
		if err != nil {
			return nil, err
		}
		set.Mode = "" // it does not decide what is compatible
		snapshot.Settings = append(snapshot.Settings, set)
	}
	versions, err := client.All(ctx, subject)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, v := range versions {
		known[fmt.Sprint(v.Subject, v.Version)] = true
	}
	snapshot.Versions = versions
	for _, v := range append(versions, remote.Schema{References: references}) {
		if err := gatherReferences(ctx, client, &snapshot, known, v.References); err != nil {
			return nil, err
		}
	}
	return snapshot.State(registry.Languages(), "BACKWARD")
}

func gatherReferences(ctx context.Context, client *remote.Client, into *remote.Snapshot, known map[string]bool, references []wire.SchemaReference) error {
	for _, r := range references {
		v, err := client.Version(ctx, r.Subject, r.Version, true)
		if err != nil {
			return fmt.Errorf("the reference %s=%s: %w", r.Name, r.Subject, err)
		}
		v.Subject = r.Subject
		if at := fmt.Sprint(v.Subject, v.Version); known[at] {
			continue
		} else {
			known[at] = true
		}
		into.Versions = append(into.Versions, v)
		if err := gatherReferences(ctx, client, into, known, v.References); err != nil {
			return err
		}
	}
	return nil
}

// verdict is what is said of a schema.
type verdict struct {
	Subject     string                `json:"subject"`
	Compatible  bool                  `json:"compatible"`
	Level       string                `json:"level"`
	Differences []registry.Difference `json:"differences"`
}

func judge(st *state.State, subject string, v remote.Schema, number int, normalize bool) (verdict, error) {
	conflicts, level, err := st.Conflicts(state.Register{Subject: subject, Type: v.SchemaType, Schema: v.Schema, References: v.References, Normalize: normalize}, number)
	return verdict{subject, len(conflicts) == 0, level, registry.Differences(conflicts)}, err
}

func (v verdict) print(s *streams, output string) error {
	if output == "json" {
		if err := json.NewEncoder(s.out).Encode(v); err != nil {
			return err
		}
	} else if v.Compatible {
		say(s.out, "%s: compatible (%s)\n", v.Subject, v.Level)
	} else {
		say(s.out, "%s: not compatible (%s)\n", v.Subject, v.Level)
		printDifferences(s.out, v.Differences)
	}
	if !v.Compatible {
		return exitCode(exitIncompatible)
	}
	return nil
}

// printDifferences says what breaks, where, and shows a record that would fail.
func printDifferences(out io.Writer, list []registry.Difference) {
	for i, d := range list {
		if i == 0 || list[i-1].Version != d.Version || list[i-1].Direction != d.Direction {
			reads, wrote := "the new schema", fmt.Sprintf("version %d", d.Version)
			if d.Direction == "forward" {
				reads, wrote = wrote, reads
			}
			say(out, "\n%s can not read what %s has written:\n", reads, wrote)
		}
		say(out, "  %s\n    at %s (%s)\n", d.Message, cmp.Or(d.Path, "/"), d.Kind)
		if d.Example != "" {
			say(out, "    a record that fails: %s\n", d.Example)
		}
	}
}

type schemaDiffCmd struct {
	onRegistry `embed:""`
	schemaFile `embed:""`
	Subject    string `arg:"" help:"Subject."`
	Old        string `arg:"" optional:"" help:"A version, or latest. Default: the one before the latest; with a file as the new one, the latest."`
	New        string `arg:"" optional:"" help:"A version, latest, or a file. Default: the latest."`
}

// Help implements kong.HelpProvider.
func (schemaDiffCmd) Help() string {
	return `Shows the lines that differ, and what breaks either way, whatever the compatibility level. To compare with a file, name
the version too: latest.

Examples:
  weir schema diff orders-value
  weir schema diff orders-value 3 5
  weir schema diff orders-value latest orders.avsc`
}

// diffed is what weir schema diff says.
type diffed struct {
	Old         string                `json:"old"`
	New         string                `json:"new"`
	Lines       []string              `json:"lines"` // begin with "+", "-" or " "
	Differences []registry.Difference `json:"differences"`
}

// Run runs the command.
func (c *schemaDiffCmd) Run(ctx context.Context, s *streams) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	before, after, err := c.pair(ctx, client)
	if err != nil {
		return c.better(err)
	}
	st, err := gather(ctx, client, c.Subject, after.References)
	if err != nil {
		return c.better(err)
	}
	if err := try(st, state.SetConfig{Subject: c.Subject, Change: wire.SchemasSetting{CompatibilityLevel: "FULL"}}); err != nil {
		return err
	}
	v, err := judge(st, c.Subject, after, before.Version, c.Normalize)
	if err != nil {
		return err
	}
	d := diffed{fmt.Sprintf("version %d", before.Version), cmp.Or(after.Subject, fmt.Sprintf("version %d", after.Version)), diffLines(schemaText(before), schemaText(after)), v.Differences}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(d)
	}
	say(s.out, "--- %s %s\n+++ %s %s\n", c.Subject, d.Old, c.Subject, d.New)
	for _, line := range d.Lines {
		say(s.out, "%s\n", strings.ReplaceAll(line, "\t", "    "))
	}
	if len(d.Differences) == 0 {
		fmt.Fprintln(s.out, "\neach can read what the other has written")
		return nil
	}
	printDifferences(s.out, d.Differences)
	return nil
}

// pair returns the two schemas. A file's has its name as Subject.
func (c *schemaDiffCmd) pair(ctx context.Context, client *remote.Client) (before, after remote.Schema, err error) {
	n, err := versionNumber(cmp.Or(c.New, "latest"))
	if err != nil {
		if after, err = c.read(c.New); errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%s is neither a version nor a file", c.New)
		}
		after.Subject = c.New
	} else {
		after, err = client.Version(ctx, c.Subject, n, true)
		after.Subject = ""
	}
	if err != nil {
		return before, after, err
	}
	old := 0
	if c.Old != "" {
		if old, err = versionNumber(c.Old); err != nil {
			return before, after, err
		}
	} else {
		versions, err := client.Versions(ctx, c.Subject, true)
		if err != nil {
			return before, after, err
		}
		for _, v := range versions {
			if v < after.Version {
				old = v
			}
		}
		if old == 0 {
			return before, after, fmt.Errorf("subject %s has one version only", c.Subject)
		}
	}
	before, err = client.Version(ctx, c.Subject, old, true)
	return before, after, err
}
