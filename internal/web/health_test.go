package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHealthAndReady(t *testing.T) {
	s, _ := newServer(t)
	ask := func(t *testing.T, transport http.RoundTripper) (int, readiness) {
		resp, body := do(t, s, transport, "GET", "/readyz", "")
		var got readiness
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		return resp.StatusCode, got
	}
	both(t, s, func(t *testing.T, transport http.RoundTripper) {
		if resp, body := do(t, s, transport, "GET", "/healthz", ""); resp.StatusCode != 200 || body != "ok\n" {
			t.Errorf("healthz: %d %q", resp.StatusCode, body)
		}
		s.checks.byName = map[string]*check{}
		if status, got := ask(t, transport); status != 200 || !got.Ready || got.Checks == nil {
			t.Errorf("without checks: %d %+v", status, got)
		}
		s.Ready("registry", func(context.Context) error { return nil })
		s.Ready("cluster home", func(context.Context) error { return errors.New("no broker answers") })
		status, got := ask(t, transport)
		want := readiness{false, []checkResult{{"cluster home", false, "no broker answers"}, {"registry", true, ""}}}
		if status != 503 || !cmp.Equal(got, want) {
			t.Errorf("one of two: %d %s", status, cmp.Diff(want, got))
		}
		s.Ready("cluster home", func(context.Context) error { panic("what?") })
		if status, got := ask(t, transport); status != 503 || got.Checks[0].Error != "the check panicked: what?" {
			t.Errorf("panic: %d %+v", status, got)
		}
		s.Ready("cluster home", func(context.Context) error { return nil })
		if status, got := ask(t, transport); status != 200 || !got.Ready {
			t.Errorf("replaced: %d %+v", status, got)
		}
	})
}

// Slow checks run beside each other, and one that never ends neither holds up the
// answer nor is started again.
func TestReadyIsBounded(t *testing.T) {
	s, _ := newServer(t)
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int32
		end := make(chan struct{})
		s.Ready("deaf", func(context.Context) error {
			started.Add(1)
			<-end
			return nil
		})
		for _, name := range []string{"slow a", "slow b", "slow c"} {
			s.Ready(name, func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(1500 * time.Millisecond):
					return nil
				}
			})
		}
		for range 3 {
			began := time.Now()
			got := s.checks.run(t.Context())
			if took := time.Since(began); took != checkTimeout {
				t.Errorf("took %v", took)
			}
			want := readiness{false, []checkResult{{"deaf", false, "no answer within 2s"}, {"slow a", true, ""}, {"slow b", true, ""}, {"slow c", true, ""}}}
			if !cmp.Equal(got, want) {
				t.Error(cmp.Diff(want, got))
			}
		}
		if n := started.Load(); n != 1 {
			t.Errorf("a check that does not end was started %d times", n)
		}
		close(end)
		synctest.Wait()
		if got := s.checks.run(t.Context()); !got.Ready {
			t.Errorf("it has ended: %+v", got)
		}
	})
}
