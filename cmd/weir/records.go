package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/records"
)

type recordsCmd struct {
	Get    recordsGetCmd    `cmd:"" help:"Show records of a topic, decoded: its newest, or from a place on."`
	Search recordsSearchCmd `cmd:"" help:"Find records of a topic by text or by an expression."`
	Tail   recordsTailCmd   `cmd:"" help:"Show a topic's last records, decoded, and those that come, until Ctrl-C."`
}

// recordsOn is what the commands about records share.
type recordsOn struct {
	target    `embed:""`
	Topic     string `arg:"" help:"Topic to read."`
	Partition *int32 `short:"p" placeholder:"N" help:"Only this partition."`
	Decoder   string `enum:"auto,text,hex,json,avro" default:"auto" help:"How keys and values are shown: auto, text, hex, json or avro."`
	Registry  string `placeholder:"URL" env:"WEIR_SERVER" help:"Schema registry for Avro. Default: the one of weir, at its web address."`
	Output    string `short:"o" enum:"table,json,raw" default:"table" help:"table; json: one object per line; raw: the decoded values, one per line."`
}

// reader connects. The caller calls done after use.
func (c *recordsOn) reader(ctx context.Context) (r *records.Reader, cl *cluster.Cluster, done func(), err error) {
	url, err := c.server(c.Registry, "--registry")
	if err != nil {
		return nil, nil, nil, err
	}
	cl, _, err = c.connect(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if r, err = records.NewReader(cl, records.RegistryAt(url)); err != nil {
		cl.Close()
		return nil, nil, nil, err
	}
	return r, cl, func() { r.Close(); cl.Close() }, nil
}

func (c *recordsOn) query(from string, limit int) records.Query {
	q := records.Query{Topic: c.Topic, Partition: -1, From: from, Limit: limit, Decoder: c.Decoder}
	if c.Partition != nil {
		q.Partition = *c.Partition
	}
	return q
}

// better adds to an error what there is to do about it.
func (c *recordsOn) better(err error) error {
	if errors.Is(err, cluster.ErrNoTopic) {
		return fmt.Errorf("%w; weir topics list shows what there is", err)
	}
	return err
}

type recordsGetCmd struct {
	recordsOn `embed:""`
	From      string `default:"end" placeholder:"start|end|TIME|OFFSET" help:"Where to begin: the start of the log; its end, which shows the newest first; a time (RFC 3339); or an offset."`
	Limit     int    `short:"n" default:"10" help:"How many records."`
}

// Help implements kong.HelpProvider.
func (recordsGetCmd) Help() string {
	return `Shows keys and values as the schema registry, or what they look like, says. weir consume prints bytes as they are.

Examples:
  weir records get access                              the ten newest
  weir records get access --from start -n 100
  weir records get access --from 2026-11-24T10:00:00Z -o json | jq .value.text
  weir records get access -p 2 --from 1500 -n 1        one record`
}

const largestPage = 500

// Run runs the command.
func (c *recordsGetCmd) Run(ctx context.Context, s *streams) error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit %d: write a number from 1 on", c.Limit)
	}
	r, _, done, err := c.reader(ctx)
	if err != nil {
		return err
	}
	defer done()
	out := newShownPrinter(c.Output, s)
	defer out.end()
	bar := &progress{s: s, what: "records", total: int64(c.Limit), began: time.Now()}
	q := c.query(c.From, 0)
	for n := 0; n < c.Limit; {
		q.Limit = min(c.Limit-n, largestPage)
		page, err := r.Page(ctx, q)
		if err != nil {
			return c.better(err)
		}
		bar.end()
		if err := out.page(page.Records, page.Problems); err != nil {
			return err
		}
		n += len(page.Records)
		if bar.show(int64(n), int64(n)); page.AtEnd {
			break
		}
		q.Cursor = page.Next
	}
	bar.end()
	return nil
}

type recordsTailCmd struct {
	recordsOn `embed:""`
	Last      int `default:"10" help:"How many of the records that are there to show first, up to 500."`
}

// Help implements kong.HelpProvider.
func (recordsTailCmd) Help() string {
	return `Ends with an error when more come than people can read: 1,000 per second.

Examples:
  weir records tail access
  weir records tail access -p 0 --last 0 -o json`
}

// tailWait is how long one request waits for records.
const tailWait = 5 * time.Second

// Run runs the command.
func (c *recordsTailCmd) Run(ctx context.Context, s *streams) error {
	if c.Last < 0 || c.Last > largestPage {
		return fmt.Errorf("--last %d: write a number from 0 to %d", c.Last, largestPage)
	}
	r, _, done, err := c.reader(ctx)
	if err != nil {
		return err
	}
	defer done()
	out := newShownPrinter(c.Output, s)
	defer out.end()
	q := c.query("end", max(1, c.Last))
	page, err := r.Page(ctx, q)
	if err != nil {
		return c.better(err)
	}
	slices.Reverse(page.Records)
	if err := out.page(page.Records[len(page.Records)-min(c.Last, len(page.Records)):], page.Problems); err != nil {
		return err
	}
	q.Cursor, q.Limit, q.Wait = page.Tail, largestPage, tailWait
	for {
		page, err := r.Page(ctx, q)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := out.page(page.Records, page.Problems); err != nil {
			return err
		}
		q.Cursor = page.Next
	}
}

type recordsSearchCmd struct {
	recordsOn   `embed:""`
	Text        string        `arg:"" optional:"" help:"Text that the key or the value contains."`
	CEL         string        `name:"cel" placeholder:"EXPR" help:"An expression of CEL over key, value, headers, partition, offset, time and json, the decoded value."`
	From        string        `default:"start" placeholder:"start|TIME|OFFSET" help:"Where to begin."`
	To          string        `default:"end" placeholder:"end|TIME|OFFSET" help:"Where to stop; end is as it is now."`
	Limit       int           `short:"n" default:"100" help:"How many matches end the search, up to 1000."`
	Budget      time.Duration `default:"30s" help:"After which time the search ends, up to 10m."`
	BudgetBytes int64         `default:"268435456" help:"After how many bytes, as stored, the search ends."`
	Resume      string        `placeholder:"TOKEN" help:"Go on where a search for the same has ended; its token was printed."`
	DryRun      bool          `help:"Only say how much there is to read."`
}

// Help implements kong.HelpProvider.
func (recordsSearchCmd) Help() string {
	return `Matches are printed as they are found, partitions side by side. What ends a search before it has read everything
is said on stderr, with the command that goes on.

Examples:
  weir records search access user-17
  weir records search access --cel 'json.status == 500 && json.path.startsWith("/api")'
  weir records search access error --from 2026-11-24T10:00:00Z --to 2026-11-24T11:00:00Z -o json
  weir records search access error --resume AVn3...`
}

// Run runs the command.
func (c *recordsSearchCmd) Run(ctx context.Context, s *streams) error {
	r, cl, done, err := c.reader(ctx)
	if err != nil {
		return err
	}
	defer done()
	q := records.SearchQuery{
		Cluster: cl.Name, Topic: c.Topic, From: c.From, To: c.To, Filter: c.Text, CEL: c.CEL, Decoder: c.Decoder, Limit: c.Limit,
		BudgetBytes: c.BudgetBytes, BudgetMS: c.Budget.Milliseconds(), Token: c.Resume,
	}
	if c.Partition != nil {
		q.Partitions = []int32{*c.Partition}
	}
	snapshot, _ := cl.Refresh(ctx, nil) // only for the estimate
	search, err := r.NewSearch(ctx, q, records.Sizes(snapshot, c.Topic), 0)
	if err != nil {
		return c.better(err)
	}
	if e := search.Estimate; c.DryRun {
		fmt.Fprintf(s.out, "%d partitions, %d records at most, %s\n", e.Partitions, e.Records, cmp.Or(known(e.Bytes), "size not known"))
		return nil
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		search.Run(ctx)
	}()
	st, err := c.follow(s, search)
	search.Cancel()
	<-finished
	if err != nil {
		return err
	}
	return c.verdict(ctx, s, st)
}

func known(bytes int64) string {
	if bytes < 0 {
		return ""
	}
	return size(bytes)
}

// follow prints matches while the search runs.
func (c *recordsSearchCmd) follow(s *streams, search *records.Search) (st records.Status, err error) {
	out := newShownPrinter(c.Output, s)
	defer out.end()
	bar := &progress{s: s, what: "records searched", began: time.Now()}
	for seen := 0; ; {
		// Not until ctx ends: the search notices, and says how far it came.
		search.Wait(context.Background(), progressEvery/4, seen)
		st = search.Status()
		if len(st.Matches) > seen {
			bar.end()
			if err := out.page(st.Matches[seen:], nil); err != nil {
				return st, err
			}
			seen = len(st.Matches)
		}
		bar.total = st.Progress.RecordsTotal
		bar.show(st.Progress.Records, st.Progress.Records)
		if st.State != records.Running {
			bar.end()
			return st, out.page(nil, st.Problems)
		}
	}
}

// verdict says how the search has ended.
func (c *recordsSearchCmd) verdict(ctx context.Context, s *streams, st records.Status) error {
	fmt.Fprintf(s.err, "%d matches in %d of %d records, %s: %s\n", len(st.Matches), st.Progress.Records, st.Progress.RecordsTotal, size(st.Progress.Bytes), st.Why)
	if st.Token != "" {
		fmt.Fprintf(s.err, "the same command with --resume %s goes on\n", st.Token)
	}
	if st.State == records.Failed {
		return errors.New(st.Error)
	}
	return ctx.Err()
}

// shownPrinter prints decoded records in one of the formats.
type shownPrinter struct {
	format string
	out    *bufio.Writer
	err    io.Writer
	head   bool
	cut    int
}

func newShownPrinter(format string, s *streams) *shownPrinter {
	return &shownPrinter{format: format, out: bufio.NewWriterSize(s.out, 1<<16), err: s.err}
}

// page prints some records, and what is missing.
func (p *shownPrinter) page(list []records.Record, problems []string) error {
	t := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if p.format == "table" && !p.head {
		fmt.Fprintln(t, "PARTITION\tOFFSET\tTIME (UTC)\tKEY\tVALUE")
		p.head = true
	}
	j := json.NewEncoder(p.out)
	j.SetEscapeHTML(false)
	for _, r := range list {
		if r.Value.Truncated {
			p.cut++
		}
		switch p.format {
		case "table":
			fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\n", r.Partition, r.Offset, r.Time.UTC().Format("2006-01-02 15:04:05.000"), shownCell(r.Key), shownCell(r.Value))
		case "json":
			if err := j.Encode(r); err != nil {
				return err
			}
		default:
			p.out.WriteString(r.Value.Text)
			p.out.WriteByte('\n')
		}
	}
	t.Flush()
	if err := p.out.Flush(); err != nil {
		return err
	}
	for _, problem := range problems {
		fmt.Fprintf(p.err, "weir: incomplete: %s\n", problem)
	}
	return nil
}

func (p *shownPrinter) end() {
	if p.cut > 0 && p.format != "table" {
		fmt.Fprintf(p.err, "weir: %d values are longer than what is shown; weir consume prints them whole\n", p.cut)
	}
}

// shownCell shows a field in one cell of a table, in printable characters.
func shownCell(f records.Field) string {
	if f.Null {
		return "null"
	}
	var b strings.Builder
	if f.Format == records.Hex {
		b.WriteString("0x")
	}
	n := 0
	for i := range f.Text {
		if n++; n >= widestCell {
			return b.String() + printable(f.Text[:i]) + "…"
		}
	}
	return b.String() + printable(f.Text)
}

// say prints what a format makes of numbers and texts, the texts as printable shows
// them.
func say(out io.Writer, format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = printable(text)
		}
	}
	fmt.Fprintf(out, format, args...)
}

// printable shows a text that others have chosen on one line, in one cell, without
// what a terminal would obey.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
