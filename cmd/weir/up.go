package main

import (
	"context"
	"fmt"
	"os"

	"github.com/weirhq/weir/internal/app"
	"github.com/weirhq/weir/internal/conf"
)

// configFile is the flag of commands that read a configuration.
type configFile struct {
	Config string `short:"c" placeholder:"FILE" env:"WEIR_CONFIG" help:"Configuration file, YAML. Default: none, which is one embedded cluster."`
}

// otherVariables are WEIR_ variables that are no settings of the file.
var otherVariables = []string{"WEIR_CONFIG", "WEIR_SERVER", "WEIR_BOOTSTRAP", "WEIR_LOG_LEVEL", "WEIR_DATA", "WEIR_SHOTS"}

// load returns the defaults, overridden by the file, overridden by the
// environment.
func (c *configFile) load() (app.File, *conf.Effective, error) {
	file := app.DefaultFile()
	sources := conf.Sources{Name: c.Config, Env: os.Environ(), Allow: otherVariables}
	if c.Config != "" {
		var err error
		if sources.File, err = os.ReadFile(c.Config); err != nil {
			return file, nil, fmt.Errorf("reading the configuration: %w; weir config reference -o yaml prints one to begin with", err)
		}
	}
	effective, err := conf.Load(&file, sources)
	if err == nil {
		err = file.Validate()
	}
	return file, effective, err
}

type upCmd struct {
	configFile `embed:""`
	Data       string `placeholder:"DIR" env:"WEIR_DATA_DIR" help:"Data directory of embedded clusters. Default: ./weir-data, or what the configuration says."`
}

// Help implements kong.HelpProvider.
func (upCmd) Help() string {
	return `Runs weir until Ctrl-C. Without a file it has one embedded Kafka cluster, local, on 127.0.0.1:9092, and the web on
127.0.0.1:8080. A cluster that is down does not stop the others: it joins when it comes.

Examples:
  weir up
  weir up -c weir.yaml
  WEIR_CLUSTERS_EAST_BOOTSTRAP=k1:9092,k2:9092 weir up     an existing cluster, east
  weir config reference                                    what a file can say`
}

// Run runs the command.
func (c *upCmd) Run(ctx context.Context, s *streams) error {
	file, _, err := c.load()
	if err != nil {
		return err
	}
	if c.Data != "" {
		file.DataDir = c.Data
	}
	weir, err := app.New(app.Config{File: file, Log: s.log})
	if err != nil {
		return err
	}
	weir.Greet(s.out)
	return weir.Serve(ctx)
}
