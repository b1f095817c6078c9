package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/weirhq/weir/internal/app"
	"github.com/weirhq/weir/internal/audit"
)

type demoCmd struct {
	Input     string   `placeholder:"FILE" help:"Access log in Apache's combined format, plain or gzip. Default: a built-in log of 10,000 lines."`
	Exit      bool     `help:"Run at full speed and end when every window is closed. Exit code 0: all complete, 3: lost or duplicated, 4: unknown or late."`
	Output    string   `short:"o" enum:"text,json" default:"text" help:"text, or json: with --exit the last line of stdout is the result, all else goes to stderr."`
	Rate      *float64 `placeholder:"N" help:"Page views per second; 0: as fast as possible. Default: spread over a minute."`
	Drop      int      `placeholder:"N" help:"Lose the first N records of the fullest window on the way to aggregate."`
	Duplicate int      `placeholder:"N" help:"Write the first N records of the second fullest window twice."`
	Topic     string   `default:"page-views" help:"The topic to send to."`
	Bootstrap []string `sep:"none" placeholder:"NAME=HOST:PORT,..." help:"Use an existing Kafka cluster as local or aggregate instead of an embedded one. Repeat for the other."`
	Data      string   `placeholder:"DIR" help:"Keep the embedded clusters' data here, and go on from it. Default: a temporary directory."`
	Listen    string   `placeholder:"ADDR" help:"Address of the pages and the API. Default: 127.0.0.1:8080, or a free port."`
	Clean     bool     `help:"Delete the topics that the demo has created (with --bootstrap or --data), after showing which."`
}

// Help implements kong.HelpProvider.
func (demoCmd) Help() string {
	return `Starts two Kafka clusters, local and aggregate, in this process, sends each line of an access log to local
at its event time, mirrors it to aggregate, counts both, and says of each ten minutes whether all arrived.

Examples:
  weir demo                                    watch it on the page, Ctrl-C ends
  weir demo --exit --input access.log.gz       a real log, at full speed, and a table
  weir demo --exit --drop 7 --duplicate 5      lose and double some, and see them found
  weir demo --bootstrap local=k1:9092 --bootstrap aggregate=k2:9092
                                               the same on existing clusters; --clean removes what it made`
}

// Run runs the command.
func (c *demoCmd) Run(ctx context.Context, s *streams) error {
	cfg, err := c.config(s)
	if err != nil {
		return err
	}
	demo, err := app.NewDemo(cfg)
	if err != nil {
		return err
	}
	if c.Clean {
		return demo.Clean(ctx, actor())
	}
	result, err := demo.Run(ctx)
	if err != nil {
		return err
	}
	if c.Exit {
		return exitFor(result.Worst())
	}
	return nil
}

func (c *demoCmd) config(s *streams) (app.DemoConfig, error) {
	cfg := app.DemoConfig{
		Input: c.Input, Exit: c.Exit, JSON: c.Output == "json", Rate: c.Rate, Drop: c.Drop, Duplicate: c.Duplicate, Topic: c.Topic,
		Data: c.Data, Listen: c.Listen, Bootstrap: map[string][]string{},
		Out: s.out, Err: s.err, Terminal: terminal(s.err), Log: s.log,
	}
	if c.Drop < 0 || c.Duplicate < 0 || c.Rate != nil && *c.Rate < 0 {
		return cfg, fmt.Errorf("--drop, --duplicate and --rate can not be negative")
	}
	for _, b := range c.Bootstrap {
		name, addrs, ok := strings.Cut(b, "=")
		if !ok || name == "" || addrs == "" {
			return cfg, fmt.Errorf("--bootstrap %s: write it as local=HOST:PORT or aggregate=HOST:PORT", b)
		}
		if cfg.Bootstrap[name] != nil {
			return cfg, fmt.Errorf("--bootstrap %s is given twice", name)
		}
		cfg.Bootstrap[name] = strings.Split(addrs, ",")
	}
	return cfg, nil
}

// exitFor returns the exit code of the worst verdict.
func exitFor(worst audit.Verdict) error {
	switch worst {
	case audit.Lost, audit.Duplicated:
		return exitCode(exitMismatch)
	case audit.Complete, "": // an empty input has no windows
		return nil
	}
	return exitCode(exitUnknown)
}
