package app

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// kafka describes a cluster: its addresses and what it is.
func (a *App) kafka(name string) string {
	addrs, embedded := a.Bootstrap(name)
	kind := "existing cluster"
	if embedded {
		kind = "embedded"
	}
	return fmt.Sprintf("%s (Kafka, %s)", strings.Join(addrs, ","), kind)
}

// Greet prints where everything is and what to try next.
func (a *App) Greet(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range a.Clusters() {
		fmt.Fprintf(t, "%s\t%s\n", name, a.kafka(name))
	}
	fmt.Fprintf(t, "web\t%s\n", a.URL())
	for name := range sorted(a.engines) {
		fmt.Fprintf(t, "data\t%s\n", a.cfg.dir(name))
	}
	t.Flush()
	if len(a.engines) > 0 {
		fmt.Fprint(out, "The embedded engine is made for trying out: a crash while it compacts, or a loss of power, may lose data.\n")
	}
	addrs, _ := a.Bootstrap(a.cfg.Home)
	fmt.Fprintf(out, `Ctrl-C stops. Try next:
  seq 10 | weir produce numbers --create --bootstrap %[1]s
  weir consume numbers --bootstrap %[1]s
  curl %[2]s/api/v1/clusters
`, strings.Join(addrs, ","), a.URL())
}

// Serve runs everything until ctx ends.
func (a *App) Serve(ctx context.Context) error {
	return a.Run(ctx, func(ctx context.Context, _ *House) error {
		<-ctx.Done()
		return nil
	})
}
