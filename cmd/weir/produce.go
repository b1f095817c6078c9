package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/client"
	"github.com/weirhq/weir/internal/app"
)

type produceCmd struct {
	target       `embed:""`
	Topic        string        `arg:"" help:"Topic to send to."`
	File         string        `arg:"" optional:"" help:"File to send, plain or gzip; - or none is standard input."`
	KeySeparator string        `placeholder:"TEXT" help:"What parts a line's key from its value, such as a tab. Default: lines have no key."`
	Timeout      time.Duration `default:"2m" placeholder:"DURATION" help:"How long a record may wait for its acknowledgement, over failures of brokers. Default: 2m."`
	Create       bool          `help:"Create the topic if it is missing, also on a cluster that is not embedded."`
}

// Help implements kong.HelpProvider.
func (produceCmd) Help() string {
	return `Sends each line as one record, without its line end, with acks from all in-sync replicas. Exit code 1 if any
record was not acknowledged.

Examples:
  weir produce access access.log.gz
  seq 10 | weir produce numbers
  weir produce users users.tsv --key-separator=$'\t'`
}

// Run runs the command.
func (c *produceCmd) Run(ctx context.Context, s *streams) error {
	if c.Timeout <= 0 {
		return fmt.Errorf("--timeout %v: write a duration above 0, like 30s", c.Timeout)
	}
	in, size, err := openLines(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	cl, embedded, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	lines := &recordSource{in: in, topic: c.Topic, separator: []byte(c.KeySeparator)}
	if err := lines.look(); err != nil { // before a topic is made for it
		return err
	}
	if err := c.ensure(ctx, s, cl, c.Topic, embedded || c.Create); err != nil {
		return err
	}
	// It logs only that reports to audit fail, as all do where no weir runs; of the last one it returns the error.
	producer, err := client.New(client.Config{Application: "weir-produce", Version: app.Version, DeliveryTimeout: c.Timeout}, cl.Opts()...)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- producer.Run(context.WithoutCancel(ctx)) }()
	p := &producing{progress: progress{s: s, what: "records sent", total: size, began: time.Now()}}
	err = p.send(ctx, lines, producer)
	err = errors.Join(err, producer.Close(context.WithoutCancel(ctx)), <-ended)
	p.progress.end()
	if err == nil && p.failed > 0 {
		err = fmt.Errorf("%d of %d records were not acknowledged, the first: %w", p.failed, p.failed+p.sent, p.first)
	}
	if err == nil {
		fmt.Fprintf(s.err, "%d records sent to %s\n", p.sent, c.Topic)
	}
	return err
}

// producing counts outcomes.
type producing struct {
	mu           sync.Mutex // guards below
	sent, failed int64
	first        error
	progress     progress
}

func (p *producing) send(ctx context.Context, lines *recordSource, producer *client.Client) error {
	var outcomes sync.WaitGroup
	defer outcomes.Wait()
	for ctx.Err() == nil {
		r, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		outcomes.Add(1)
		producer.Produce(ctx, r, func(_ *kgo.Record, err error) {
			defer outcomes.Done()
			p.note(err, lines.in.read())
		})
	}
	return ctx.Err()
}

func (p *producing) note(err error, read int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.sent++
	} else if p.failed++; p.first == nil {
		p.first = err
	}
	p.progress.show(p.sent, read)
}

// recordSource makes lines into records.
type recordSource struct {
	in        *lineSource
	topic     string
	separator []byte // between key and value; empty: no keys
	line      int    // how many were read
	ahead     *kgo.Record
}

// look reads the first record ahead, if there is one.
func (l *recordSource) look() (err error) {
	if l.ahead, err = l.next(); err == io.EOF {
		return nil
	}
	return err
}

// next returns the next record, or io.EOF.
func (l *recordSource) next() (*kgo.Record, error) {
	if r := l.ahead; r != nil {
		l.ahead = nil
		return r, nil
	}
	line, err := l.in.next()
	if err == io.EOF {
		return nil, err
	}
	l.line++
	if err != nil {
		return nil, fmt.Errorf("reading line %d: %w; %s", l.line, err, l.before())
	}
	r := &kgo.Record{Topic: l.topic, Value: line}
	if len(l.separator) > 0 {
		key, value, ok := bytes.Cut(line, l.separator)
		if !ok {
			return nil, fmt.Errorf("line %d has no %q between key and value; %s", l.line, l.separator, l.before())
		}
		r.Key, r.Value = key, value
	}
	return r, nil
}

// before says what became of the lines before one that is bad.
func (l *recordSource) before() string {
	if l.line == 1 {
		return "nothing was sent"
	}
	return "the lines before it are sent"
}

// lineSource reads lines of any length from a file, plain or gzip.
type lineSource struct {
	file *os.File
	raw  *countingReader
	r    *bufio.Reader
}

// openLines opens a file, or standard input. size is the file's, 0 if not known.
func openLines(path string) (_ *lineSource, size int64, err error) {
	file := os.Stdin
	if path != "" && path != "-" {
		if file, err = os.Open(path); err != nil {
			return nil, 0, fmt.Errorf("opening the file: %w", err)
		}
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	} else if err == nil && info.IsDir() {
		file.Close()
		return nil, 0, fmt.Errorf("%s is a directory; name a file", path)
	}
	src := &lineSource{file: file, raw: &countingReader{r: file}}
	src.r = bufio.NewReaderSize(src.raw, 1<<16)
	if magic, _ := src.r.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(src.r)
		if err != nil {
			file.Close()
			return nil, 0, fmt.Errorf("opening %s as gzip: %w", path, err)
		}
		src.r = bufio.NewReaderSize(unzipped, 1<<16)
	}
	return src, size, nil
}

// next returns the next line without its line end, or io.EOF.
func (l *lineSource) next() ([]byte, error) {
	line, err := l.r.ReadBytes('\n')
	if err == io.EOF && len(line) > 0 {
		return line, nil
	}
	if err != nil {
		return nil, err
	}
	return line[:len(line)-1], nil
}

// read returns how many bytes of the file have been read.
func (l *lineSource) read() int64 { return l.raw.n.Load() }

// Close closes the file.
func (l *lineSource) Close() error { return l.file.Close() }
