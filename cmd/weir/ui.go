package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"runtime"
	"strings"

	"github.com/weirhq/weir/internal/web"
)

type uiCmd struct {
	configFile `embed:""`
	Path       string `arg:"" optional:"" help:"Page to show, such as c/local/topics/orders. Default: the overview."`
	Server     string `placeholder:"URL" env:"WEIR_SERVER" help:"Address of a running weir. Default: what the configuration says of its web, else http://127.0.0.1:8080."`
	Open       bool   `help:"Open the page in the browser, rather than print its address."`
}

// Help implements kong.HelpProvider.
func (uiCmd) Help() string {
	return `Prints where a running weir shows its pages, after asking it whether it is there.

Examples:
  weir ui
  weir ui --open
  weir ui -c weir.yaml
  weir ui --open c/local/topics/orders`
}

// Run runs the command.
func (c *uiCmd) Run(ctx context.Context, s *streams) error {
	var err error
	if c.Server, err = c.server(c.Server, "--server"); err != nil {
		return err
	}
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

// server returns the address that a flag names, or else the one of the weir that the
// configuration is of.
func (c *configFile) server(named, flag string) (string, error) {
	if named != "" {
		return named, nil
	}
	file, _, err := c.load()
	if err != nil {
		return "", err
	}
	return serverAt(file.Web.Listen, flag)
}

// serverAt returns the address under which a weir that listens there is reached from
// this machine; flag is what names another.
func serverAt(listen, flag string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("web.listen %s: %w; %s names the address", listen, err, flag)
	}
	if port == "0" {
		return "", fmt.Errorf("web.listen %s is any free port; %s names the one that weir up has printed", listen, flag)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() { // it listens on all
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
