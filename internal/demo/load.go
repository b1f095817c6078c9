package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"

	"github.com/weirhq/weir/client"
)

// Load sends an input's page views to a topic, at their event times.
type Load struct {
	Input  Input
	Survey Survey
	Window time.Duration
	Topic  string
	Client *client.Client
	// Encode returns a view's bytes on the topic.
	Encode func(context.Context, View) ([]byte, error)
	// Sent holds the lines that the topic has already; they are not sent again.
	Sent map[int64]bool
	// Rate is how many records are sent per second; 0: as fast as possible.
	Rate float64

	mu       sync.Mutex // guards below
	progress Progress
	left     map[int64]int64 // window -> records without an acknowledgement
	starts   []int64         // of the windows that have records left, sorted
	failed   error           // the first record that certainly is not in the log
}

// Progress is how far a load has come.
type Progress struct {
	Records      int64 // to be in the topic at the end
	Acknowledged int64 // of them, in the topic
	Unknown      int64 // of them, with an unknown outcome
	UnknownCause error // of the first of these
	Began        time.Time
	Skipped      int64 // in the topic before this load began
}

// Progress returns how far the load has come. It may be called at any time.
func (l *Load) Progress() Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.progress
}

// Run sends every line that is not in the topic yet and waits for its outcome.
// As soon as every line before a window has been acknowledged it tells the
// client, so that windows close one by one.
func (l *Load) Run(ctx context.Context) error {
	l.begin()
	// What is under way when ctx ends may still land.
	sending, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(landing, abandon) })()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := rate.NewLimiter(rate.Inf, 1)
	if l.Rate > 0 {
		limit = rate.NewLimiter(rate.Limit(l.Rate), 1)
	}
	var outcomes sync.WaitGroup
	err := l.Input.Lines(func(n int64, line []byte) error {
		view, err := Parse(line)
		if err != nil {
			return nil // counted by the survey
		}
		if l.Sent[n] {
			l.skip(view)
			return nil
		}
		if err := limit.Wait(ctx); err != nil {
			return context.Cause(ctx)
		}
		view.Line, view.Source = n, l.Survey.Source
		value, err := l.Encode(ctx, view)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		outcomes.Add(1)
		record := &kgo.Record{Topic: l.Topic, Key: []byte(view.Client), Value: value, Timestamp: view.At}
		l.Client.Produce(sending, record, func(_ *kgo.Record, err error) {
			defer outcomes.Done()
			if err := l.note(view, err); err != nil {
				cancel(err)
			}
		})
		return nil
	})
	outcomes.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.failed, err)
}

// landing is how long records under way have when the load is stopped.
const landing = 5 * time.Second

func (l *Load) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.progress = Progress{Records: l.Survey.Records, Began: time.Now()}
	l.left = maps.Clone(l.Survey.Windows)
	l.starts = slices.Sorted(maps.Keys(l.left))
	if len(l.starts) > 0 {
		l.Client.Advance(time.UnixMilli(l.starts[0]))
	}
}

func (l *Load) skip(v View) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.progress.Skipped++
	l.acknowledged(v)
}

// note takes a record's outcome. An unknown one is no failure: audit shows its
// window as unknown, and the next start of the demo finds out.
func (l *Load) note(v View, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.acknowledged(v)
	case errors.Is(err, client.ErrOutcomeUnknown):
		l.progress.Unknown++
		if l.progress.UnknownCause == nil {
			l.progress.UnknownCause = fmt.Errorf("line %d: %w", v.Line, err)
		}
	case l.failed == nil:
		l.failed = fmt.Errorf("line %d was not sent: %w", v.Line, err)
	}
	return l.failed
}

// acknowledged runs under mu.
func (l *Load) acknowledged(v View) {
	l.progress.Acknowledged++
	l.left[Window(v.At, l.Window)]--
	if l.left[l.starts[0]] > 0 {
		return
	}
	for len(l.starts) > 1 && l.left[l.starts[0]] == 0 {
		l.starts = l.starts[1:]
	}
	l.Client.Advance(time.UnixMilli(l.starts[0]))
}
