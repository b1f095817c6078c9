package main

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"runtime"
	"strings"

	"github.com/weirhq/weir/internal/web"
)

type uiCmd struct {
	Path   string `arg:"" optional:"" help:"Page to show, such as c/local/topics/orders. Default: the overview."`
	Server string `default:"http://127.0.0.1:8080" env:"WEIR_SERVER" help:"Address of a running weir."`
	Open   bool   `help:"Open the page in the browser, rather than print its address."`
}

// Help implements kong.HelpProvider.
func (uiCmd) Help() string {
	return `Prints where a running weir shows its pages, after asking it whether it is there.

Examples:
  weir ui
  weir ui --open
  weir ui --open c/local/topics/orders`
}

// Run runs the command.
func (c *uiCmd) Run(ctx context.Context, s *streams) error {
	if _, err := web.Get(ctx, c.Server+"/api/v1/clusters"); err != nil {
		return fmt.Errorf("asking %s: %w; is weir running there? weir up starts it, --server names another", c.Server, err)
	}
	page, err := url.JoinPath(c.Server, "ui", strings.TrimPrefix(c.Path, "/ui"))
	if err != nil {
		return fmt.Errorf("--server %s: %w", c.Server, err)
	}
	fmt.Fprintln(s.out, page)
	if !c.Open {
		return nil
	}
	opener := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if opener == nil {
		opener = []string{"xdg-open"}
	}
	if err := exec.CommandContext(ctx, opener[0], append(opener[1:], page)...).Run(); err != nil {
		return fmt.Errorf("opening the browser with %s: %w; the address above works in any", opener[0], err)
	}
	return nil
}
