package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// progress draws a line about long work on a terminal, from its second second on.
type progress struct {
	s     *streams
	what  string
	total int64 // 0: not known, so neither share nor time to go
	began time.Time
	shown time.Time
	drawn bool
}

const progressEvery = time.Second

// show says that n things are done and that done of total is used up.
func (p *progress) show(n, done int64) {
	now := time.Now()
	if !terminal(p.s.err) || now.Sub(p.began) < progressEvery || now.Sub(p.shown) < progressEvery/4 {
		return
	}
	p.shown, p.drawn = now, true
	fmt.Fprintf(p.s.err, "\r\033[K%d %s%s", n, p.what, remaining(now.Sub(p.began), done, p.total))
}

func (p *progress) end() {
	if p.drawn {
		fmt.Fprint(p.s.err, "\r\033[K")
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
