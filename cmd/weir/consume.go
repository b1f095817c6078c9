package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
)

type consumeCmd struct {
	target    `embed:""`
	Topic     string `arg:"" help:"Topic to read."`
	From      string `default:"start" placeholder:"start|end|TIME|P:O" help:"Where to begin: the start of the log, its end, a time (RFC 3339), or an offset of one partition."`
	To        string `default:"end" placeholder:"end|TIME" help:"Where to stop: the end of the log as it is now, or a time (RFC 3339)."`
	Follow    bool   `short:"f" help:"Go on after the end, until Ctrl-C."`
	Partition *int32 `short:"p" placeholder:"N" help:"Only this partition."`
	Output    string `short:"o" enum:"raw,json,table" default:"raw" help:"raw: values, one per line; json: one object per line; table."`
}

// Help implements kong.HelpProvider.
func (consumeCmd) Help() string {
	return `Prints a topic's records, in the order of each partition.

Examples:
  weir consume access                           all that is there now
  weir consume access --from end --follow       what comes from now on
  weir consume access --from 2026-11-24T10:00:00Z --to 2026-11-24T11:00:00Z -o json
  weir consume access --from 2:1500 -o table    partition 2 from offset 1500`
}

// Run runs the command.
func (c *consumeCmd) Run(ctx context.Context, s *streams) error {
	if c.Follow && c.To != "end" {
		return errors.New("--follow has no end: leave --to out")
	}
	from, err := parsePoint("--from", c.From)
	if err != nil {
		return err
	}
	to, err := parsePoint("--to", c.To)
	if err != nil {
		return err
	}
	if to.at == atStart || to.at == atOffset {
		return fmt.Errorf("--to %s: write end, or a time like 2026-11-24T10:00:00Z", c.To)
	}
	cl, _, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	begin, end, err := c.offsets(ctx, cl, from, to)
	if errors.Is(err, cluster.ErrNoTopic) {
		err = fmt.Errorf("%w; weir topics list shows what there is", err)
	}
	if err != nil {
		return err
	}
	out := newRecordPrinter(c.Output, s.out)
	bar := c.progress(s, begin, end)
	err = cl.ReadRange(ctx, c.Topic, begin, end, func(r *kgo.Record) error { bar.note(r); return out.print(r) })
	bar.end()
	if err == nil && c.Follow {
		out.flush()
		err = cl.Follow(ctx, c.Topic, end, func(records []*kgo.Record) error {
			for _, r := range records {
				if err := out.print(r); err != nil {
					return err
				}
			}
			return out.flush()
		})
	}
	if gap := new(cluster.GapError); errors.As(err, &gap) {
		err = fmt.Errorf("%w; weir topics describe %s shows what there is", err, c.Topic)
	}
	return errors.Join(err, out.flush())
}

// consumed is how far reading a range has come. Offsets that hold no record count
// too: how many there are is not known.
type consumed struct {
	progress
	next          cluster.Offsets
	records, done int64
}

// progress is drawn only where the records go elsewhere than to the terminal.
func (c *consumeCmd) progress(s *streams, begin, end cluster.Offsets) *consumed {
	bar := &consumed{progress: progress{s: s, what: "records read", began: time.Now(), quiet: c.Output == "json" || terminal(s.out)}, next: maps.Clone(begin)}
	for p := range begin {
		bar.total += end[p] - begin[p]
	}
	return bar
}

func (c *consumed) note(r *kgo.Record) {
	c.records++
	c.done += r.Offset + 1 - c.next[r.Partition]
	c.next[r.Partition] = r.Offset + 1
	c.show(c.records, c.done)
}

// offsets returns where to read from and to, for the partitions that are asked
// for.
func (c *consumeCmd) offsets(ctx context.Context, cl *cluster.Cluster, from, to point) (begin, end cluster.Offsets, err error) {
	info, err := cl.Topic(ctx, c.Topic)
	if err != nil {
		return nil, nil, err
	}
	only := c.Partition
	if from.at == atOffset {
		if only != nil && *only != from.partition {
			return nil, nil, fmt.Errorf("--from %s is of partition %d, --partition says %d", c.From, from.partition, *only)
		}
		only = &from.partition
	}
	if only != nil && (*only < 0 || *only >= info.Partitions) {
		return nil, nil, fmt.Errorf("topic %s has no partition %d; its partitions are 0 to %d", c.Topic, *only, info.Partitions-1)
	}
	if begin, err = from.offsets(ctx, cl, c.Topic); err != nil {
		return nil, nil, err
	}
	if end, err = to.offsets(ctx, cl, c.Topic); err != nil {
		return nil, nil, err
	}
	if only != nil {
		begin, end = cluster.Offsets{*only: begin[*only]}, cluster.Offsets{*only: end[*only]}
	}
	for p := range begin {
		end[p] = max(end[p], begin[p]) // a time before the first one
	}
	return begin, end, nil
}

// point is a place in a topic.
type point struct {
	at        pointKind
	time      time.Time
	partition int32
	offset    int64
}

type pointKind int

const (
	atStart pointKind = iota
	atEnd
	atTime
	atOffset
)

// parsePoint reads start, end, a time or P:O.
func parsePoint(flag, text string) (point, error) {
	switch text {
	case "start":
		return point{at: atStart}, nil
	case "end":
		return point{at: atEnd}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return point{at: atTime, time: t}, nil
	}
	if p, o, ok := strings.Cut(text, ":"); ok {
		partition, err := strconv.ParseInt(p, 10, 32)
		offset, err2 := strconv.ParseInt(o, 10, 64)
		if err == nil && err2 == nil && partition >= 0 && offset >= 0 {
			return point{at: atOffset, partition: int32(partition), offset: offset}, nil
		}
	}
	return point{}, fmt.Errorf("%s %s: write start, end, a time like 2026-11-24T10:00:00Z, or PARTITION:OFFSET like 2:1500", flag, text)
}

// offsets returns the place in each partition.
func (p point) offsets(ctx context.Context, c *cluster.Cluster, topic string) (cluster.Offsets, error) {
	switch p.at {
	case atStart:
		return c.StartOffsets(ctx, topic)
	case atEnd:
		return c.EndOffsets(ctx, topic)
	case atTime:
		return c.OffsetsAt(ctx, topic, p.time)
	}
	return cluster.Offsets{p.partition: p.offset}, nil
}

// recordPrinter prints records in one of the formats.
type recordPrinter struct {
	out   *bufio.Writer
	table *tabwriter.Writer
	rows  int // in the table that are not printed yet
	json  *json.Encoder
}

// tableRows is how many rows are held to find the widths of their columns.
const tableRows = 1000

func newRecordPrinter(format string, w io.Writer) *recordPrinter {
	p := &recordPrinter{out: bufio.NewWriterSize(w, 1<<16)}
	switch format {
	case "json":
		p.json = json.NewEncoder(p.out)
		p.json.SetEscapeHTML(false)
	case "table":
		p.table = tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(p.table, "PARTITION\tOFFSET\tTIME (UTC)\tKEY\tVALUE")
	}
	return p
}

func (p *recordPrinter) flush() error {
	if p.table != nil {
		p.table.Flush()
	}
	return p.out.Flush()
}

// jsonRecord is a record as -o json prints it. Bytes that are not UTF-8 are in
// base64, and the encoding says so.
type jsonRecord struct {
	Topic     string            `json:"topic"`
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Timestamp time.Time         `json:"timestamp"`
	Key       *string           `json:"key"`
	Value     *string           `json:"value"`
	Headers   []jsonHeader      `json:"headers,omitempty"`
	Encoding  map[string]string `json:"encoding,omitempty"`
}

type jsonHeader struct {
	Key   string  `json:"key"`
	Value *string `json:"value"`
}

func (p *recordPrinter) print(r *kgo.Record) error {
	switch {
	case p.json != nil:
		return p.json.Encode(asJSON(r))
	case p.table != nil:
		_, err := fmt.Fprintf(p.table, "%d\t%d\t%s\t%s\t%s\n", r.Partition, r.Offset, r.Timestamp.UTC().Format("2006-01-02 15:04:05.000"), cellOf(r.Key), cellOf(r.Value))
		if p.rows++; err == nil && p.rows == tableRows {
			p.rows, err = 0, p.table.Flush()
		}
		return err
	}
	p.out.Write(r.Value)
	return p.out.WriteByte('\n')
}

func asJSON(r *kgo.Record) jsonRecord {
	j := jsonRecord{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UTC(), Encoding: map[string]string{}}
	text := func(name string, b []byte) *string {
		if b == nil {
			return nil
		}
		s := string(b)
		if !utf8.Valid(b) {
			s = base64.StdEncoding.EncodeToString(b)
			j.Encoding[name] = "base64"
		}
		return &s
	}
	j.Key, j.Value = text("key", r.Key), text("value", r.Value)
	for i, h := range r.Headers {
		j.Headers = append(j.Headers, jsonHeader{h.Key, text(fmt.Sprintf("headers[%d]", i), h.Value)})
	}
	return j
}

// widestCell is how much of a key or value a table shows.
const widestCell = 100

// cellOf shows bytes in one cell of a table.
func cellOf(b []byte) string {
	if b == nil {
		return "null"
	}
	s := strconv.Quote(string(b))
	s = s[1 : len(s)-1]
	if utf8.RuneCountInString(s) > widestCell {
		s = string([]rune(s)[:widestCell-1]) + "…"
	}
	return s
}
