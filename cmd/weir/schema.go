package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/weirhq/weir/internal/registry/remote"
)

// exitIncompatible is the exit code where a schema is not compatible.
const exitIncompatible = 5

type schemaCmd struct {
	List     schemaListCmd     `cmd:"" help:"List subjects."`
	Get      schemaGetCmd      `cmd:"" help:"Print a schema, by subject and version or by id."`
	Register schemaRegisterCmd `cmd:"" help:"Make a file a version of a subject."`
	Check    schemaCheckCmd    `cmd:"" help:"Say what would break if a file became a version of a subject."`
	Diff     schemaDiffCmd     `cmd:"" help:"Show in what two versions, or a version and a file, differ, and what that breaks."`
	Delete   schemaDeleteCmd   `cmd:"" help:"Delete a subject or a version."`
	Config   schemaConfigCmd   `cmd:"" help:"Show or set the compatibility of a subject or of the registry."`
	Mode     schemaModeCmd     `cmd:"" help:"Show or set the mode of a subject or of the registry."`
	Export   schemaExportCmd   `cmd:"" help:"Write all schemas with their ids, and all settings, as JSON lines."`
	Import   schemaImportCmd   `cmd:"" help:"Register what an export has, under the same ids."`
	Plan     schemaPlanCmd     `cmd:"" help:"Say what has to be done so that a registry has what a directory says."`
	Apply    schemaApplyCmd    `cmd:"" help:"Do what plan says."`
	History  schemaHistoryCmd  `cmd:"" help:"List who changed what, when and why."`
	Takeover schemaTakeoverCmd `cmd:"" help:"Have weir write a schemas topic that another registry has written."`
	Handback schemaHandbackCmd `cmd:"" help:"Have weir write it no more, so that another registry can."`
	Verify   schemaVerifyCmd   `cmd:"" help:"Replay the schemas topic and check the registry's promises."`
}

// Help implements kong.HelpProvider.
func (schemaCmd) Help() string {
	return `All but history, takeover, handback and verify work with any registry that speaks Confluent's HTTP API; --registry
names it. What changes something shows first what it would do, and does it with --yes. Exit code 5: a schema is not
compatible.`
}

// onRegistry is what the commands share.
type onRegistry struct {
	configFile `embed:""`
	Registry   string `placeholder:"URL" env:"WEIR_SERVER" help:"Schema registry, with user:password@ if it wants them. Default: the one of weir, at its web address."`
	Output     string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// client returns a client of the registry.
func (c *onRegistry) client() (*remote.Client, error) {
	url, err := c.server(c.Registry, "--registry")
	return &remote.Client{URL: url}, err
}

// better adds to an error what there is to do about it.
func (c *onRegistry) better(err error) error {
	var refused *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return fmt.Errorf("%w; weir up starts weir's registry, --registry names another, like http://127.0.0.1:8081", err)
	case remote.Is(err, remote.NoSubject):
		return hinted{err, "weir schema list shows what there is"}
	case remote.Is(err, remote.NoVersion):
		return hinted{err, "weir schema list shows the latest version of each subject"}
	}
	return err
}

// hinted is a registry's error, which ends with a full stop, and what to do about it.
type hinted struct {
	error
	hint string
}

// Error implements error.
func (h hinted) Error() string { return strings.TrimSuffix(h.error.Error(), ".") + "; " + h.hint }

// Unwrap returns the registry's error.
func (h hinted) Unwrap() error { return h.error }

// changesRegistry is what the commands share that change something.
type changesRegistry struct {
	onRegistry `embed:""`
	Yes        bool   `help:"Do it. Without it, only what would be done is shown."`
	Reason     string `placeholder:"TEXT" help:"Why; weir's registry keeps it: weir schema history."`
}

func (c *changesRegistry) client() (*remote.Client, error) {
	client, err := c.onRegistry.client()
	if err == nil {
		client.Reason, client.Actor = c.Reason, actor()
	}
	return client, err
}

// errNotYet ends a command that has shown a plan.
var errNotYet = errors.New("nothing was changed; --yes does it")

// planned is a change that a command shows before it makes it.
type planned struct {
	Change string `json:"change"`
	Done   bool   `json:"done"`
}

// make shows a change, in words, and makes it if that is wanted.
func (c *changesRegistry) make(ctx context.Context, s *streams, do func(context.Context) error, words string, args ...any) error {
	p := planned{Change: fmt.Sprintf(words, args...)}
	if c.Output == "table" {
		say(s.out, "%s\n", p.Change)
	}
	err := errNotYet
	if c.Yes {
		err = c.better(do(ctx))
		p.Done = err == nil
	}
	if c.Output == "json" {
		return errors.Join(json.NewEncoder(s.out).Encode(p), err)
	}
	if p.Done {
		fmt.Fprintln(s.out, "done")
	}
	return err
}
