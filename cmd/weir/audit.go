package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/weirhq/weir/internal/app"
	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/web"
)

type auditCmd struct {
	Status auditStatusCmd `cmd:"" help:"The verdicts, of all topics or of the windows of one."`
}

type auditStatusCmd struct {
	Topic  string `arg:"" optional:"" help:"Show this topic's windows."`
	Server string `default:"http://127.0.0.1:8080" env:"WEIR_SERVER" help:"Address of a running weir."`
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Help implements kong.HelpProvider.
func (auditStatusCmd) Help() string {
	return `Exit code 0: all complete or open, 3: lost or duplicated, 4: unknown or late.

Examples:
  weir audit status
  weir audit status page-views -o json | jq '.windows[] | select(.verdict != "complete")'`
}

// Run runs the command.
func (c *auditStatusCmd) Run(ctx context.Context, s *streams) error {
	path := "/api/v1/audit/topics"
	if c.Topic != "" {
		path += "/" + url.PathEscape(c.Topic) + "/windows"
	}
	raw, err := web.Get(ctx, c.Server+path)
	var answer *web.Error
	switch {
	case errors.As(err, &answer):
		return answer
	case err != nil:
		return fmt.Errorf("asking %s: %w; is weir running there? name another with --server, like http://127.0.0.1:8080", c.Server, err)
	}
	var all audit.TopicList
	var one audit.WindowList
	if err := errors.Join(json.Unmarshal(raw, &all), json.Unmarshal(raw, &one)); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.Server, err)
	}
	var worst audit.Verdict
	for _, t := range all.Topics {
		worst = audit.Worst(worst, t.Verdict)
	}
	for _, w := range one.Windows {
		worst = audit.Worst(worst, w.Verdict)
	}
	switch {
	case c.Output == "json":
		s.out.Write(raw)
	case c.Topic != "":
		app.WindowTable(s.out, one.Windows, one.Tiers)
	default:
		topicTable(s.out, all.Topics)
	}
	if worst == audit.Open {
		return nil
	}
	return exitFor(worst)
}

func topicTable(out io.Writer, topics []audit.TopicSummary) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TOPIC\tVERDICT\tWINDOWS\tRECORDS BY TIER\tWINDOWS BY VERDICT")
	for _, s := range topics {
		var counts, verdicts []string
		for _, tier := range s.Tiers {
			counts = append(counts, fmt.Sprintf("%s %d", tier, s.Counts[tier]))
		}
		for v, n := range s.Verdicts {
			verdicts = append(verdicts, fmt.Sprintf("%d %s", n, v))
		}
		slices.Sort(verdicts)
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", s.Topic, s.Verdict, s.Windows, strings.Join(counts, ", "), strings.Join(verdicts, ", "))
	}
	t.Flush()
}
