package main

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/fleet"
)

// screen is a terminal that is written to by more than one goroutine.
type screen struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

// Write implements io.Writer.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

// lines returns what was drawn, and draws anew.
func (s *screen) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.b.Reset()
	return strings.Split(s.b.String(), "\r\033[K")[1:]
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err screen
		s := &streams{err: &err, tty: true}
		told, stop := s.waiting("table", "groups")
		time.Sleep(1100 * time.Millisecond)
		told(100, 400)
		time.Sleep(800 * time.Millisecond)
		stop()
		stop()
		want := []string{"groups, for 1s", "groups: 100 of 400 (25 %), 4s to go", "groups: 100 of 400 (25 %), 5s to go", "groups: 100 of 400 (25 %), 5s to go", ""}
		if diff := cmp.Diff(want, err.lines()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// Nothing for what is quick, for programs, and where there is no terminal.
		for _, c := range []struct {
			tty    bool
			output string
			takes  time.Duration
		}{{true, "table", 900 * time.Millisecond}, {true, "json", time.Minute}, {false, "table", time.Minute}} {
			s.tty = c.tty
			_, stop := s.waiting(c.output, "groups")
			time.Sleep(c.takes)
			stop()
			if err.b.Len() > 0 {
				t.Errorf("%+v: %q", c, err.lines())
			}
		}
	})
}

func TestConsumeProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err screen
		c := consumeCmd{Output: "raw"}
		bar := c.progress(&streams{out: &strings.Builder{}, err: &err, tty: true}, cluster.Offsets{0: 100, 3: 0}, cluster.Offsets{0: 200, 3: 100})
		bar.note(&kgo.Record{Partition: 0, Offset: 109})
		time.Sleep(2 * time.Second)
		bar.note(&kgo.Record{Partition: 3, Offset: 39}) // before it there was none
		bar.end()
		if diff := cmp.Diff([]string{"2 records read (25 %), 6s to go", ""}, err.lines()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		c.Output = "json"
		bar = c.progress(&streams{out: &strings.Builder{}, err: &err, tty: true}, cluster.Offsets{0: 0}, cluster.Offsets{0: 9})
		time.Sleep(2 * time.Second)
		if bar.note(&kgo.Record{}); err.b.Len() > 0 {
			t.Errorf("for programs: %q", err.lines())
		}
	})
}

// A change that was made in part says what is left, as far as one reads, and how to
// take back the rest.
func TestTellOfPart(t *testing.T) {
	r := fleet.Result{UndoCommand: "weir undo", NotDone: []fleet.NotDone{{On: "orders/1", Error: "denied\x1b[2J"}, {On: "orders/2", Error: "no answer", Maybe: true}}}
	var out, err strings.Builder
	tell(&streams{out: &out, err: &err}, &r)
	want := "not done: orders/1: denied\\x1b[2J\nperhaps not done: orders/2: no answer\nto undo what was done: weir undo\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for range 100 {
		r.NotDone = append(r.NotDone, r.NotDone[0])
	}
	r.UndoCommand, r.Undo = "", &fleet.Change{Kind: fleet.GroupReset, Group: "a\x00"}
	out.Reset()
	tell(&streams{out: &out, err: &err}, &r)
	if got := out.String(); strings.Count(got, "\n") != maxNotDone+2 || !strings.HasSuffix(got, "not done: 82 more; -o json names them all\nto undo what was done, plan this by the API: {\"kind\":\"group-reset\",\"group\":\"a\\u0000\"}\n") {
		t.Errorf("%s", got)
	}
	r = fleet.Result{Plan: fleet.Plan{Change: fleet.Change{Topics: []string{"orders", "users", "visits"}}}, NotDone: []fleet.NotDone{{On: "users", Error: "denied"}},
		Left: &fleet.Change{Kind: fleet.TopicDelete, Topics: []string{"users"}}}
	out.Reset()
	tell(&streams{out: &out, err: &err}, &r)
	if diff := cmp.Diff("deleted: orders, visits\nnot done: users: denied\n", out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestServerAt(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", ":80": "http://127.0.0.1:80", "0.0.0.0:80": "http://127.0.0.1:80", "[::]:80": "http://127.0.0.1:80",
		"[::1]:80": "http://[::1]:80", "weir.example:1": "http://weir.example:1", "127.0.0.1:0": "", "nowhere": "",
	} {
		if got, err := serverAt(listen, "--server"); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", listen, got, err, want)
		}
	}
}
