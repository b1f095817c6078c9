package registry

import (
	"context"
	"testing"
	"time"
)

// A group waits for as many as the one before it had waiting, and no longer than its
// patience.
func TestCompany(t *testing.T) {
	asks := func(n int) *term {
		requests := make(chan *request, n)
		for range n {
			requests <- &request{}
		}
		return &term{requests: requests}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name          string
		ctx           context.Context
		asks, has     int
		begun         time.Duration
		company       int
		patience      time.Duration
		another, late bool
	}{
		{"alone", t.Context(), 0, 1, 0, 1, time.Hour, false, false},
		{"what is there is taken", t.Context(), 1, 1, 0, 0, 0, true, false},
		{"it has been planned for long", t.Context(), 1, 1, groupTime, 0, 0, false, false},
		{"more than were expected", t.Context(), 1, 3, 0, 2, time.Hour, true, false},
		{"expected", t.Context(), 0, 1, 0, 2, time.Hour, true, true},
		{"expected in vain", t.Context(), 0, 1, 0, 2, time.Millisecond, false, false},
		{"the patience is at its end", t.Context(), 0, 1, time.Second, 2, time.Second, false, false},
		{"full", t.Context(), 1, groupRequests, 0, groupRequests + 1, time.Hour, false, false},
		{"the term is over", over, 0, 1, 0, 2, time.Hour, false, false},
	} {
		term := asks(c.asks)
		term.company, term.patience = c.company, c.patience
		if c.late {
			term.requests = make(chan *request)
			go func() { term.requests <- &request{} }()
		}
		if got := term.next(c.ctx, c.has, c.begun); (got != nil) != c.another {
			t.Errorf("%s: another request: %t", c.name, got != nil)
		}
	}
}
