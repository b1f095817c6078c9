package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes of weir.
const (
	exitOK       = 0
	exitError    = 1
	exitMismatch = 3 // a window is lost or duplicated
	exitUnknown  = 4 // a window is unknown or late
)

// cli is the command line.
type cli struct {
	LogLevel slog.Level `default:"info" help:"What to log on stderr: debug, info, warn or error." env:"WEIR_LOG_LEVEL"`

	Up      upCmd      `cmd:"" help:"Run weir: with an embedded cluster, or on those that a file names."`
	Demo    demoCmd    `cmd:"" help:"Send an access log through two tiers and prove that nothing was lost."`
	Topics  topicsCmd  `cmd:"" help:"List, show, create, change and delete topics."`
	Groups  groupsCmd  `cmd:"" help:"List, show, reset and delete consumer groups."`
	Brokers brokersCmd `cmd:"" help:"List brokers, or show one."`
	Produce produceCmd `cmd:"" help:"Send lines to a topic, one record per line."`
	Consume consumeCmd `cmd:"" help:"Print the records of a topic."`
	Records recordsCmd `cmd:"" help:"Show, find and follow the records of a topic."`
	Audit   auditCmd   `cmd:"" help:"What audit says of the topics."`
	Schema  schemaCmd  `cmd:"" help:"Schemas: list, register, check, plan and apply; take a registry over."`
	UI      uiCmd      `cmd:"" name:"ui" help:"Print the address of the pages, or open them in the browser."`
	Actions actionsCmd `cmd:"" help:"List the changes that were made through weir, or check their log."`
	Config  configCmd  `cmd:"" help:"Check, print and explain configurations."`
	Version versionCmd `cmd:"" help:"Print weir's version."`

	Completion completionCmd `cmd:"" help:"Print a script that makes a shell complete weir's commands."`
	Complete   completeCmd   `cmd:"" hidden:""`
}

// Help implements kong.HelpProvider.
func (cli) Help() string {
	return `Exit codes: 0 done, 1 an error, which stderr says in a line, 3 audit found records lost or duplicated, 4 audit is
not sure yet, 5 a schema is not compatible.

Examples:
  weir demo
  weir up
  weir topics list --help`
}

// streams is where a command writes.
type streams struct {
	out, err io.Writer
	log      *slog.Logger
	tty      bool // err is a terminal
}

// exitCode is an error that only says how to exit: all else has been printed.
type exitCode int

// Error implements error.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run runs one command and returns its exit code.
func run(args []string, out, stderr io.Writer) (code int) {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("weir"),
		kong.Description("The platform around Apache Kafka: moves event data, proves that nothing was lost, keeps clusters healthy."),
		kong.Writers(out, stderr),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Exit(func(status int) { panic(exitCode(status)) }), // --help
	)
	if err != nil {
		panic(err) // the cli struct is wrong
	}
	defer func() {
		switch panicked := recover().(type) {
		case nil:
		case exitCode:
			code = int(panicked)
		default:
			panic(panicked)
		}
	}()
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "weir: %v; %s --help tells what there is\n", err, commandOf(err))
		return exitError
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(&streams{out, stderr, log, terminal(stderr)})
	var status exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	}
	for line := range strings.Lines(err.Error() + "\n") { // it may quote what others have named
		fmt.Fprintf(stderr, "weir: %s\n", printable(strings.TrimSuffix(line, "\n")))
	}
	return exitError
}

// commandOf returns the command that a wrong command line meant, as far as it is
// known.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil {
		for _, p := range slices.Backward(wrong.Context.Path) {
			if node := p.Node(); node != nil {
				return node.FullPath()
			}
		}
	}
	return "weir"
}

// terminal says whether w is a terminal.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
