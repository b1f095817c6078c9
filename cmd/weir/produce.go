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
	Topic        string `arg:"" help:"Topic to send to."`
	File         string `arg:"" optional:"" help:"File to send, plain or gzip; - or none is standard input."`
	KeySeparator string `placeholder:"TEXT" help:"What parts a line's key from its value, such as a tab. Default: lines have no key."`
	Create       bool   `help:"Create the topic if it is missing, also on a cluster that is not embedded."`
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
	if err := ensure(ctx, s, cl, c.Topic, embedded || c.Create); err != nil {
		return err
	}
	producer, err := client.New(client.Config{Application: "weir-produce", Version: app.Version, Log: s.log}, cl.Opts()...)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- producer.Run(context.WithoutCancel(ctx)) }()
	p := &producing{progress: progress{s: s, what: "records sent", total: size, began: time.Now()}}
	err = p.send(ctx, in, producer, c.Topic, []byte(c.KeySeparator))
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

func (p *producing) send(ctx context.Context, in *lineSource, producer *client.Client, topic string, separator []byte) error {
	var outcomes sync.WaitGroup
	defer outcomes.Wait()
	for n := 1; ctx.Err() == nil; n++ {
		line, err := in.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading line %d: %w", n, err)
		}
		r := &kgo.Record{Topic: topic, Value: line}
		if len(separator) > 0 {
			key, value, ok := bytes.Cut(line, separator)
			if !ok {
				return fmt.Errorf("line %d has no %q; the lines before it are sent", n, separator)
			}
			r.Key, r.Value = key, value
		}
		outcomes.Add(1)
		producer.Produce(ctx, r, func(_ *kgo.Record, err error) {
			defer outcomes.Done()
			p.note(err, in.read())
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
			return nil, 0, fmt.Errorf("opening the file to send: %w", err)
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
