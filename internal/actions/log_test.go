package actions

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

func connect(t testing.TB, addr string) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "home", Bootstrap: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t testing.TB, c *cluster.Cluster, cfg Config) *Log {
	t.Helper()
	l, err := New(cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func verify(t testing.TB, c *cluster.Cluster, records int64, writers int) {
	t.Helper()
	v, err := Verify(t.Context(), c)
	if err != nil || len(v.Findings) > 0 || v.Records != records || v.Writers != writers {
		t.Errorf("verifying: %v, %+v; want %d records of %d writers", err, v, records, writers)
	}
}

func TestDo(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c := connect(t, start(t))
		verify(t, c, 0, 0)
		one, two := open(t, c, Config{}), open(t, c, Config{})
		if err := one.Read(t.Context()); err != nil {
			t.Errorf("reading a log that is not there: %v", err)
		}
		a := Action{Actor: "ann", Via: "api", System: "fleet", Kind: "topic-delete", Cluster: "east", Target: "orders", Change: json.RawMessage(`{"a": 1}`)}
		ran := 0
		if err := one.Do(t.Context(), a, func(context.Context) error { ran++; return nil }); err != nil {
			t.Fatal(err)
		}
		broken := errors.New("no leader")
		if err := two.Do(t.Context(), a, func(context.Context) error { ran++; return broken }); err != broken {
			t.Errorf("the error of the change came back as %v", err)
		}
		var all sync.WaitGroup
		for range 20 { // interleaved
			all.Go(func() {
				if err := one.Do(t.Context(), a, func(ctx context.Context) error {
					return two.Do(ctx, a, func(context.Context) error { return nil })
				}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		verify(t, c, 84, 2)
		if ran != 2 {
			t.Errorf("ran %d times", ran)
		}
		if err := one.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		entries, more := one.List(Filter{})
		if len(entries) != 42 || more {
			t.Fatalf("%d entries, more %v", len(entries), more)
		}
		for i, e := range entries {
			want := Done
			if i == 40 {
				want = Failed
			}
			if e.State != want || e.Ended == nil || string(e.Change) != `{"a":1}` {
				t.Errorf("entry %d: %+v", i, e)
			}
		}
	})
}

// Somebody gives the topic more partitions: the log stays in its first one.
func TestMorePartitions(t *testing.T) {
	c := connect(t, brokertest.New(t).Addr())
	nothing := func(context.Context) error { return nil }
	before := open(t, c, Config{})
	if err := before.Do(t.Context(), Action{Kind: "k"}, nothing); err != nil {
		t.Fatal(err)
	}
	if err := c.SetPartitions(t.Context(), TopicName, 5, false); err != nil {
		t.Fatal(err)
	}
	after := open(t, c, Config{}) // the same writer, but its client knows of the new ones
	after.writer, after.n, after.prev = before.writer, before.n, before.prev
	for range 5 {
		if err := after.Do(t.Context(), Action{Kind: "k"}, nothing); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, c, 12, 1)
}

// What others write shows without being asked for.
func TestRunFollows(t *testing.T) {
	c := connect(t, brokertest.New(t).Addr())
	reader, writer := open(t, c, Config{}), open(t, c, Config{})
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- reader.Run(ctx, func() { close(ready) }) }()
	<-ready
	if err := writer.Do(t.Context(), Action{Kind: "k"}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { e, _ := reader.List(Filter{State: Done}); return len(e) == 1 })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come true")
		}
	}
}

// Without the log nothing runs; when it comes back, a new chain begins, and what
// the old one may have left is no break.
func TestUnavailable(t *testing.T) {
	dir := t.TempDir()
	b, stop := brokertest.Start(t, broker.Config{Dir: dir})
	c := connect(t, b.Addr())
	l := open(t, c, Config{WriteTimeout: time.Second})
	do := func(run func(context.Context) error) error { return l.Do(t.Context(), Action{Kind: "k"}, run) }
	nothing := func(context.Context) error { return nil }
	if err := do(nothing); err != nil {
		t.Fatal(err)
	}
	err := do(func(context.Context) error { stop(); return nil })
	if !errors.Is(err, ErrEndNotRecorded) || errors.Is(err, ErrUnavailable) {
		t.Errorf("the log went away during a change: %v", err)
	}
	err = do(func(context.Context) error { t.Error("it runs without a record"); return nil })
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("without the log: %v", err)
	}
	brokertest.Start(t, broker.Config{Dir: dir, Listen: b.Addr()})
	eventually(t, func() bool { return do(nothing) == nil })
	v, err := Verify(t.Context(), c)
	if err != nil || len(v.Findings) > 0 || v.Writers < 2 {
		t.Errorf("verifying: %v, %+v", err, v)
	}
}

// The process is killed between asked and done. Its next instance knows at once
// that it will have no end, others after ten minutes.
func TestKilledBetween(t *testing.T) {
	if addr := os.Getenv("ACTIONS_TEST_KILLED_AT"); addr != "" {
		l := open(t, connect(t, addr), Config{Instance: "host:8080"})
		l.Do(t.Context(), Action{Kind: "k"}, func(context.Context) error {
			p, _ := os.FindProcess(os.Getpid())
			p.Kill()
			select {}
		})
		t.Fatal("it lives")
	}
	addr := brokertest.New(t).Addr()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledBetween$")
	cmd.Env = append(os.Environ(), "ACTIONS_TEST_KILLED_AT="+addr)
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the process was not killed: %v\n%s", err, out)
	}
	c := connect(t, addr)
	verify(t, c, 1, 1)
	now := time.Now()
	for _, reader := range []struct {
		instance string
		later    time.Duration
		want     string
	}{{"host:8080", 0, Unknown}, {"other:8080", 0, Asked}, {"", 0, Asked}, {"", 11 * time.Minute, Unknown}} {
		l := open(t, c, Config{Instance: reader.instance, Now: func() time.Time { return now.Add(reader.later) }})
		if err := l.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		entries, _ := l.List(Filter{})
		if len(entries) != 1 || entries[0].State != reader.want {
			t.Errorf("%s after %v reads %+v, want %s", reader.instance, reader.later, entries, reader.want)
		}
	}
	l := open(t, c, Config{Instance: "host:8080"})
	if err := l.Do(t.Context(), Action{Kind: "k"}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	verify(t, c, 3, 2)
}
