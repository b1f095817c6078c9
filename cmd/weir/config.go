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
