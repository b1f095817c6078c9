package main

import (
	"encoding/json"
	"fmt"

	"github.com/weirhq/weir/internal/app"
)

type configCmd struct {
	Check     configCheckCmd     `cmd:"" help:"Check a configuration file; says all that is wrong, a line each."`
	Print     configPrintCmd     `cmd:"" help:"Print the effective settings and where each comes from."`
	Reference configReferenceCmd `cmd:"" help:"Print what a configuration can say, as Markdown or as an example file."`
}

type configCheckCmd struct {
	File string `arg:"" help:"Configuration file, YAML."`
}

// Help implements kong.HelpProvider.
func (configCheckCmd) Help() string {
	return `Settings of the environment, WEIR_..., are checked with it. No cluster is asked. Exit code 1 if something is wrong.

Examples:
  weir config check weir.yaml
  weir config check weir.yaml && weir up -c weir.yaml`
}

// Run runs the command.
func (c *configCheckCmd) Run(s *streams) error {
	if _, _, err := (&configFile{Config: c.File}).load(); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is good\n", c.File)
	return nil
}

type configPrintCmd struct {
	configFile `embed:""`
	Output     string `short:"o" enum:"yaml,json" default:"yaml" help:"yaml, with origins as comments, or json."`
}

// Help implements kong.HelpProvider.
func (configPrintCmd) Help() string {
	return `Defaults, overridden by the file, overridden by the environment. Secrets are not printed.

Examples:
  weir config print
  WEIR_WEB_LISTEN=127.0.0.1:9000 weir config print -c weir.yaml
  weir config print -o json | jq '.'`
}

// Run runs the command.
func (c *configPrintCmd) Run(s *streams) error {
	_, effective, err := c.load()
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(s.out).Encode(effective)
	}
	_, err = fmt.Fprint(s.out, effective.YAML())
	return err
}

type configReferenceCmd struct {
	Output string `short:"o" enum:"markdown,yaml" default:"markdown" help:"markdown, or yaml: a file with all settings at their defaults."`
}

// Help implements kong.HelpProvider.
func (configReferenceCmd) Help() string {
	return `Each setting with its meaning, its default, and the variable that sets it.

Examples:
  weir config reference
  weir config reference -o yaml > weir.yaml`
}

// Run runs the command.
func (c *configReferenceCmd) Run(s *streams) error {
	manual, err := app.Reference()
	if err != nil {
		return err
	}
	text := manual.Markdown()
	if c.Output == "yaml" {
		text = manual.YAML()
	}
	_, err = fmt.Fprint(s.out, text)
	return err
}
