package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// progress draws a line about long work on a terminal, from its second second on.
type progress struct {
	s     *streams
	what  string
	total int64 // 0: not known, so neither share nor time to go
	began time.Time
	quiet bool // draw nothing: what is printed is for programs, or would run into it
	shown time.Time
	drawn bool
}

const progressEvery = time.Second

// show says that n things are done and that done of total is used up.
func (p *progress) show(n, done int64) {
	now := time.Now()
	if p.draws(now) {
		p.draw(fmt.Sprintf("%d %s%s", n, p.what, remaining(now.Sub(p.began), done, p.total)))
	}
}

func (p *progress) draws(now time.Time) bool {
	if p.quiet || !p.s.tty || now.Sub(p.began) < progressEvery || now.Sub(p.shown) < progressEvery/4 {
		return false
	}
	p.shown, p.drawn = now, true
	return true
}

func (p *progress) draw(line string) { fmt.Fprint(p.s.err, "\r\033[K"+line) }

func (p *progress) end() {
	if p.drawn {
		p.draw("")
	}
}

// remaining says how much is done and how long the rest takes at the same pace.
func remaining(elapsed time.Duration, done, total int64) string {
	if total <= 0 || done <= 0 {
		return ""
	}
	left := time.Duration(float64(elapsed) * float64(max(0, total-done)) / float64(done))
	return fmt.Sprintf(" (%d %%), %v to go", min(100, 100*done/total), left.Round(time.Second))
}

// waiting draws how long something takes, and how far it has come as far as told
// says, until stop is called. It draws nothing where the output is JSON.
func (s *streams) waiting(output, what string) (told func(done, total int64), stop func()) {
	if output == "json" || !s.tty {
		return func(int64, int64) {}, func() {}
	}
	p := &progress{s: s, began: time.Now()}
	var done, total atomic.Int64
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(progressEvery / 4)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				p.end()
				return
			case now := <-tick.C:
				if !p.draws(now) {
					continue
				}
				elapsed := now.Sub(p.began)
				if n, of := done.Load(), total.Load(); of > 0 {
					p.draw(fmt.Sprintf("%s: %d of %d%s", what, n, of, remaining(elapsed, n, of)))
				} else {
					p.draw(fmt.Sprintf("%s, for %v", what, elapsed.Round(time.Second)))
				}
			}
		}
	}()
	return func(d, t int64) { done.Store(d); total.Store(t) }, sync.OnceFunc(func() { close(ended); <-gone })
}

// countingReader counts what is read through it.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

// Read implements io.Reader.
func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}
