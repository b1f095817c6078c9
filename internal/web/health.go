package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// checkTimeout bounds each check of /readyz.
const checkTimeout = 2 * time.Second

// checks are what /readyz asks.
type checks struct {
	mu     sync.Mutex
	byName map[string]*check // guarded by mu
}

// check is one question. running holds one while it is being answered: a check
// that never returns costs one goroutine, not one per request.
type check struct {
	ask     func(context.Context) error
	running chan struct{}
}

// Ready registers a check of /readyz, at any time; a second one of the same name
// takes the place of the first. It should end when its context does, after 2
// seconds; then it counts as failed in any case.
func (s *Server) Ready(name string, ask func(ctx context.Context) error) {
	s.checks.mu.Lock()
	defer s.checks.mu.Unlock()
	s.checks.byName[name] = &check{ask, make(chan struct{}, 1)}
}

type checkResult struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

type readiness struct {
	Ready  bool          `json:"ready"`
	Checks []checkResult `json:"checks"`
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	result := s.checks.run(r.Context())
	status := http.StatusOK
	if !result.Ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	return WriteJSON(w, status, result)
}

// run asks all checks at once. The results are in the order of the names.
func (c *checks) run(ctx context.Context) readiness {
	c.mu.Lock()
	byName := maps.Clone(c.byName)
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	names := slices.Sorted(maps.Keys(byName))
	result := readiness{Ready: true, Checks: make([]checkResult, len(names))}
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			err := byName[name].run(ctx)
			result.Checks[i] = checkResult{Name: name, OK: err == nil}
			if err != nil {
				result.Checks[i].Error = err.Error()
			}
		})
	}
	wg.Wait()
	for _, one := range result.Checks {
		result.Ready = result.Ready && one.OK
	}
	return result
}

func (c *check) run(ctx context.Context) error {
	late := fmt.Errorf("no answer within %v", checkTimeout)
	select {
	case c.running <- struct{}{}:
	case <-ctx.Done():
		return late // an earlier request still waits for one
	}
	answer := make(chan error, 1)
	go func() {
		defer func() { <-c.running }()
		defer func() {
			if p := recover(); p != nil {
				answer <- fmt.Errorf("the check panicked: %v", p)
			}
		}()
		answer <- c.ask(ctx)
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return late
	}
}
