package main

import (
	"fmt"
	"runtime"

	"github.com/weirhq/weir/internal/app"
)

type versionCmd struct{}

// Help implements kong.HelpProvider.
func (versionCmd) Help() string {
	return `Example:
  weir version`
}

// Run runs the command.
func (versionCmd) Run(s *streams) error {
	fmt.Fprintf(s.out, "weir %s (%s, %s/%s)\n", app.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
