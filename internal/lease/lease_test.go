package lease

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/wire"
)

// session is the least that brokers allow by default.
const session = 6 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child(os.Args[len(os.Args)-3:])
		return
	}
	goleak.VerifyTestMain(m)
}

func TestLease(t *testing.T) {
	t.Parallel()
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		addr := start(t)
		c, err := connect(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		for _, test := range []struct {
			name string
			body func(t *testing.T, c *cluster.Cluster)
		}{
			{"takeover", testTakeover},
			{"fence", testFence},
			{"fence in a transaction", testFenceInTransaction},
			{"writer", testWriter},
			{"prepare and confirm", testPrepareAndConfirm},
			{"ends", testEnds},
			{"killed", testKilled},
			{"stopped for twice its session", testStopped},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.body(t, c)
			})
		}
	}, kafkatest.Version39)
}

func connect(ctx context.Context, addr string) (*cluster.Cluster, error) {
	return cluster.Connect(ctx, cluster.Config{Name: "local", Bootstrap: []string{addr}})
}

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// newLog makes the topic that leaders of a test write to.
func newLog(t *testing.T, c *cluster.Cluster, name string) string {
	t.Helper()
	topic := "log-of-" + name
	if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: topic, Partitions: 1, Configs: cluster.Kept()}); err != nil {
		t.Fatal(err)
	}
	return topic
}

func newLease(t testing.TB, c *cluster.Cluster, name, holder string) *Lease {
	l, err := New(Config{Name: name, Cluster: c, Holder: holder, URL: "http://" + holder, SessionTimeout: session})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func line(topic, holder string, n int) *kgo.Record {
	return &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "%s %d", holder, n)}
}

// entry is a record of a leader in a log.
type entry struct {
	holder    string
	offset    int64
	committed bool
}

// readLog returns what is in a log, whether it counts or not.
func readLog(t *testing.T, c *cluster.Cluster, topic string) (entries []entry) {
	t.Helper()
	open := map[int64][]int{} // by producer
	_, err := c.ReadToEnd(t.Context(), topic, nil, func(r *kgo.Record) error {
		if !r.Attrs.IsControl() {
			holder, _, _ := strings.Cut(string(r.Value), " ")
			open[r.ProducerID] = append(open[r.ProducerID], len(entries))
			entries = append(entries, entry{holder: holder, offset: r.Offset})
			return nil
		}
		var key kmsg.ControlRecordKey
		if err := key.ReadFrom(r.Key); err != nil {
			return err
		}
		for _, i := range open[r.ProducerID] {
			entries[i].committed = key.Type == kmsg.ControlRecordKeyTypeCommit
		}
		delete(open, r.ProducerID)
		return nil
	}, cluster.KeepControl())
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// terms returns the holders in the order of their records, each once if no two
// interleave.
func terms(entries []entry) (holders []string) {
	for _, e := range entries {
		if e.committed {
			holders = append(holders, e.holder)
		}
	}
	return slices.Compact(holders)
}

// contender is a lease that runs.
type contender struct {
	*Lease
	terms *atomic.Int64
	stop  func() // and waits
}

// contend runs a contender that writes as long as it leads, and says so when it has
// written a few records.
func contend(t *testing.T, c *cluster.Cluster, name, holder, topic string, led chan string) *contender {
	l := newLease(t, c, name, holder)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var terms atomic.Int64
	go func() {
		defer close(done)
		err := l.Run(ctx, func(ctx context.Context, w *Writer) error {
			terms.Add(1)
			for n := 0; ctx.Err() == nil; n++ {
				if err := w.Do(ctx, line(topic, holder, n), line(topic, holder, n)); err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", holder, err)
				}
				if n == 5 {
					led <- holder
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", holder, err)
		}
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return &contender{l, &terms, stop}
}

// Whoever leads is stopped, and another one comes. No two ever write by turns, a
// clean stop hands over at once, and a newcomer costs nobody the lease.
func testTakeover(t *testing.T, c *cluster.Cluster) {
	topic := newLog(t, c, "takeover")
	led := make(chan string, 100)
	contenders := map[string]*contender{}
	start := func(holder string) { contenders[holder] = contend(t, c, "takeover", holder, topic, led) }
	for i := range 3 {
		start(fmt.Sprint("holder-", i))
	}
	var leaders []string
	for round := range 4 {
		var leader string
		began := time.Now()
		select {
		case leader = <-led:
		case <-withTimeout(t).Done():
			t.Fatalf("nobody leads after %v", leaders)
		}
		t.Logf("%s leads after %v", leader, time.Since(began))
		if round > 0 && time.Since(began) > session-time.Second {
			t.Errorf("a clean stop handed over after %v: that is how long a crash takes", time.Since(began))
		}
		leaders = append(leaders, leader)
		start(fmt.Sprint("newcomer-", round))
		wantMembers := len(contenders)
		waitUntil(t, "the newcomer's joining", func() bool {
			ids, state := members(t, c, "_weir.lease.takeover")
			return len(ids) == wantMembers && state == "Stable"
		})
		if info := waitForLeader(t, contenders, leader); info.URL != "http://"+leader || time.Since(info.Since) > time.Minute {
			t.Errorf("the leader is said to be %+v", info)
		}
		contenders[leader].stop()
		if n := contenders[leader].terms.Load(); n != 1 {
			t.Errorf("%s led %d times: it lost the lease to no one", leader, n)
		}
		delete(contenders, leader)
	}
	for _, c := range contenders {
		c.stop()
	}
	got := terms(readLog(t, c, topic))
	if seen := slices.Sorted(slices.Values(got)); len(slices.Compact(seen)) != len(got) || len(got) < len(leaders) {
		t.Errorf("leaders wrote by turns: %v; led in full: %v", got, leaders)
	}
}

// waitForLeader waits until everybody has heard of a leader.
func waitForLeader(t *testing.T, contenders map[string]*contender, leader string) (info wire.Leader) {
	t.Helper()
	for _, l := range contenders {
		waitUntil(t, "hearing of "+leader, func() bool {
			heard, ok := l.Leader()
			info = heard
			return ok && heard.Holder == leader
		})
	}
	return info
}

func waitUntil(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx := withTimeout(t)
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: never", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// writer takes a lease's producer without its group.
func writer(t *testing.T, c *cluster.Cluster, name string) (w *Writer, lost context.Context) {
	t.Helper()
	lost, end := context.WithCancelCause(context.Background())
	w, err := newLease(t, c, name, "h").fence(withTimeout(t), end)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w, lost
}

func testFence(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	topic := newLog(t, c, "fence")
	writer(t, c, "fence")            // an owner that wrote nothing
	idle, _ := writer(t, c, "other") // of another lease
	if err := idle.Do(ctx, line(topic, "idle", 0)); err != nil {
		t.Fatal(err)
	}
	old, oldLost := writer(t, c, "fence")
	if err := old.Do(ctx, line(topic, "old", 0)); err != nil {
		t.Fatal(err)
	}
	current, lost := writer(t, c, "fence")
	for range 2 { // the second time it does not ask any more
		if err := old.Do(ctx, line(topic, "old", 1)); !errors.Is(err, ErrFenced) {
			t.Errorf("an old writer: %v", err)
		}
		if err := current.Do(ctx, line(topic, "current", 0), line(topic, "current", 1)); err != nil {
			t.Errorf("the current writer: %v", err)
		}
	}
	if err := idle.Do(ctx, line(topic, "idle", 1)); err != nil {
		t.Errorf("a writer of another lease: %v", err)
	}
	if !errors.Is(context.Cause(oldLost), ErrFenced) || lost.Err() != nil {
		t.Errorf("the old term ends with %v, the current one with %v", context.Cause(oldLost), context.Cause(lost))
	}
	want := []string{"idle", "old", "current", "idle"}
	if got := terms(readLog(t, c, topic)); !slices.Equal(got, want) {
		t.Errorf("in the log: %v, want %v", got, want)
	}
}

// The old owner sleeps between producing and committing, and wakes before its
// successor has written, or after.
func testFenceInTransaction(t *testing.T, c *cluster.Cluster) {
	topic := newLog(t, c, "in-transaction")
	var want []string
	for _, what := range []string{"commit", "produce", "abort"} {
		for _, when := range []string{"first", "last"} {
			name := what + "-" + when
			want = append(want, "before-"+name, "after-"+name)
			t.Run(name, func(t *testing.T) { fenceInTransaction(t, c, topic, what, when == "first", name) })
		}
	}
	entries := readLog(t, c, topic)
	if got := terms(entries); !slices.Equal(got, want) {
		t.Errorf("in the log: %v, want %v", got, want)
	}
	for i, e := range entries {
		if e.holder == "old" && !strings.HasPrefix(entries[i-1].holder, "before") {
			t.Errorf("offset %d is an old owner's, after %+v", e.offset, entries[i-1])
		}
	}
}

func fenceInTransaction(t *testing.T, c *cluster.Cluster, topic, what string, first bool, name string) {
	ctx := withTimeout(t)
	old, _ := writer(t, c, "in-transaction")
	if err := old.Do(ctx, line(topic, "before-"+name, 0)); err != nil {
		t.Fatal(err)
	}
	if err := old.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := produce(ctx, old.client, []*kgo.Record{line(topic, "old", 1)}); err != nil {
		t.Fatal(err)
	}
	current, _ := writer(t, c, "in-transaction")
	write := func(n int) {
		t.Helper()
		if err := current.Do(ctx, line(topic, "after-"+name, n)); err != nil {
			t.Errorf("the current writer: %v", err)
		}
	}
	if !first {
		write(0)
	}
	var err error
	switch what {
	case "commit":
		err = old.client.EndTransaction(ctx, kgo.TryCommit)
	case "produce":
		err = produce(ctx, old.client, []*kgo.Record{line(topic, "old", 2)})
	case "abort":
		err = old.client.EndTransaction(ctx, kgo.TryAbort)
	}
	if !fenced(err) {
		t.Errorf("the old owner: %v", err)
	}
	write(1)
	write(2)
}

func testWriter(t *testing.T, c *cluster.Cluster) {
	ctx := withTimeout(t)
	topic := newLog(t, c, "writer")
	w, lost := writer(t, c, "writer")
	if err := w.Do(ctx); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
	// Half of it is refused, so nothing is written, and the lease is kept.
	tooLarge := &kgo.Record{Topic: topic, Value: make([]byte, 2<<20)}
	for i := range 2 {
		if err := w.Do(ctx, line(topic, "half", 0), tooLarge); !errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, ErrLost) || errors.Is(err, ErrFenced) {
			t.Errorf("a record that is too large: %v", err)
		}
		if err := w.Do(ctx, line(topic, "whole", i)); err != nil {
			t.Errorf("after a record that was too large: %v", err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := w.Do(ended, line(topic, "ended", 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a ctx that has ended: %v", err)
	}
	if lost.Err() != nil {
		t.Errorf("the term ended: %v", context.Cause(lost))
	}
	if got := terms(readLog(t, c, topic)); !slices.Equal(got, []string{"whole"}) {
		t.Errorf("in the log: %v", got)
	}
	w.close()
	if err := w.Do(ctx, line(topic, "closed", 0)); !errors.Is(err, ErrLost) {
		t.Errorf("a closed writer: %v", err)
	}
}

// Prepare sees all that was written before, and who is not the group's member any
// more when it is done does not lead.
func testPrepareAndConfirm(t *testing.T, c *cluster.Cluster) {
	ctx, cancel := context.WithCancel(withTimeout(t))
	defer cancel()
	topic := newLog(t, c, "prepare")
	before, _ := writer(t, c, "prepare")
	if err := before.Do(ctx, line(topic, "before", 0)); err != nil {
		t.Fatal(err)
	}
	prepared := 0
	l := newLease(t, c, "prepare", "h")
	l.cfg.Prepare = func(ctx context.Context) error {
		prepared++
		if err := before.Do(ctx, line(topic, "before", 1)); !errors.Is(err, ErrFenced) {
			t.Errorf("while the next one prepares: %v", err)
		}
		if got := terms(readLog(t, c, topic)); !slices.Equal(got, []string{"before"}) {
			t.Errorf("in the log: %v", got)
		}
		if prepared == 1 {
			evict(t, c, l.topic)
		}
		return nil
	}
	ledAfter := 0
	err := l.Run(ctx, func(ctx context.Context, w *Writer) error {
		ledAfter = prepared
		return w.Do(ctx, line(topic, "h", 0))
	})
	if err != nil {
		t.Error(err)
	}
	if ledAfter != 2 {
		t.Errorf("it led after preparing %d times, want 2: the first time it was no member", ledAfter)
	}
	broken := errors.New("broken")
	l.cfg.Prepare = func(context.Context) error { return broken }
	err = l.Run(ctx, func(context.Context, *Writer) error {
		t.Error("it leads though it could not prepare")
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
}

// members returns the ids of the members of a group, and its state.
func members(t *testing.T, c *cluster.Cluster, group string) (ids []string, state string) {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{group}
	resp, err := req.RequestWith(t.Context(), client)
	if err != nil || len(resp.Groups) != 1 {
		t.Fatalf("describing group %s: %+v, %v", group, resp, err)
	}
	for _, m := range resp.Groups[0].Members {
		ids = append(ids, m.MemberID)
	}
	return ids, resp.Groups[0].State
}

// evict puts the members of a group out of it, as the broker does with those it does
// not hear from.
func evict(t *testing.T, c *cluster.Cluster, group string) {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ids, _ := members(t, c, group)
	for _, id := range ids {
		req := kmsg.NewPtrLeaveGroupRequest()
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = id
		req.Group, req.MemberID, req.Members = group, id, append(req.Members, member)
		if resp, err := req.RequestWith(t.Context(), client); err != nil || resp.ErrorCode != 0 {
			t.Errorf("evicting %s: %+v, %v", id, resp, err)
		}
	}
}

// How a term ends, and Run.
func testEnds(t *testing.T, c *cluster.Cluster) {
	ctx, cancel := context.WithCancel(withTimeout(t))
	defer cancel()
	topic := newLog(t, c, "ends")
	l := newLease(t, c, "ends", "h")
	if info, ok := l.Leader(); ok {
		t.Errorf("before it runs: %+v", info)
	}
	broken := errors.New("broken")
	if err := l.Run(ctx, func(context.Context, *Writer) error { return broken }); !errors.Is(err, broken) || !strings.Contains(err.Error(), "lease ends on cluster local") {
		t.Errorf("lead failed: %v", err)
	}
	if err := l.Run(ctx, func(context.Context, *Writer) error { return nil }); err != nil {
		t.Errorf("lead is done: %v", err)
	}
	// The group forgets the owner; another fences it; and then the caller has enough.
	var causes []error
	err := l.Run(ctx, func(leading context.Context, w *Writer) error {
		switch len(causes) {
		case 0:
			evict(t, c, l.topic)
		case 1:
			writer(t, c, "ends")
			if err := w.Do(leading, line(l.topic, "zombie", 0)); !errors.Is(err, ErrFenced) {
				t.Errorf("fenced: %v", err)
			}
		case 2:
			waitUntil(t, "hearing of itself", func() bool { info, ok := l.Leader(); return ok && info.Holder == "h" })
			cancel()
		}
		<-leading.Done()
		// Last words are written, unless another has taken the lease.
		last := w.Do(context.WithoutCancel(leading), line(topic, fmt.Sprint("term-", len(causes)), 0))
		if fenced := len(causes) == 1; fenced != errors.Is(last, ErrFenced) || !fenced && last != nil {
			t.Errorf("last words of term %d: %v", len(causes), last)
		}
		causes = append(causes, context.Cause(leading))
		return leading.Err()
	})
	if err != nil {
		t.Errorf("Run: %v", err)
	}
	if len(causes) != 3 || !errors.Is(causes[0], ErrLost) || !errors.Is(causes[1], ErrFenced) || !errors.Is(causes[2], context.Canceled) {
		t.Errorf("the terms ended with %v", causes)
	}
	if got := terms(readLog(t, c, topic)); !slices.Equal(got, []string{"term-0", "term-2"}) {
		t.Errorf("last words: %v", got)
	}
	// It said farewell.
	follower := newLease(t, c, "ends", "follower")
	follower.leader = &wire.Leader{Holder: "stale"}
	following, stop := context.WithCancel(withTimeout(t))
	done := make(chan error, 1)
	go func() { done <- follower.follow(following) }()
	waitUntil(t, "hearing that nobody leads", func() bool { _, ok := follower.Leader(); return !ok })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// process is a contender in another process.
type process struct {
	*exec.Cmd
	lines chan string
}

const childEnv = "WEIR_TEST_LEASE_CHILD"

// startProcess runs child in a process that ends with the test.
func startProcess(t *testing.T, c *cluster.Cluster, name, topic string) *process {
	t.Helper()
	p := &process{exec.Command(os.Args[0], c.Bootstrap()[0], name, topic), make(chan string, 1000)}
	p.Env = append(os.Environ(), childEnv+"=1")
	p.Stderr = os.Stderr
	stdin, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
		close(p.lines)
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		stdin.Close()
		<-read
		p.Wait()
	})
	return p
}

// expect waits for a line that begins so.
func (p *process) expect(t *testing.T, prefix string) string {
	t.Helper()
	ctx := withTimeout(t)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the process ended before it said %s", prefix)
			}
			if strings.HasPrefix(line, prefix) {
				return line
			}
		case <-ctx.Done():
			t.Fatalf("the process never said %s", prefix)
		}
	}
}

// child leads as a process that does not notice that it is no leader any more: it
// writes until that fails.
func child(args []string) {
	go func() {
		io.Copy(io.Discard, os.Stdin) // until the parent is gone
		os.Exit(1)
	}()
	c, err := connect(context.Background(), args[0])
	if err == nil {
		var l *Lease
		l, err = New(Config{Name: args[1], Cluster: c, Holder: "child", SessionTimeout: session})
		if err == nil {
			err = l.Run(context.Background(), func(ctx context.Context, w *Writer) error {
				for n := 0; ; n++ {
					if err := w.Do(context.WithoutCancel(ctx), line(args[2], "child", n)); err != nil {
						fmt.Printf("FAILED fenced=%v %v\n", errors.Is(err, ErrFenced), err)
						return err
					}
					if n == 10 {
						fmt.Println("LEADS")
					}
				}
			})
		}
	}
	fmt.Println("ENDED", err)
	os.Exit(1)
}

func testKilled(t *testing.T, c *cluster.Cluster) {
	topic := newLog(t, c, "killed")
	owner := startProcess(t, c, "killed", topic)
	owner.expect(t, "LEADS")
	led := make(chan string, 1)
	follower := contend(t, c, "killed", "follower", topic, led)
	waitUntil(t, "hearing of the owner", func() bool { info, _ := follower.Leader(); return info.Holder == "child" })
	owner.Process.Kill()
	began := time.Now()
	select {
	case <-led:
	case <-withTimeout(t).Done():
		t.Fatal("nobody leads")
	}
	t.Logf("after %v", time.Since(began))
	follower.stop()
	if got := terms(readLog(t, c, topic)); !slices.Equal(got, []string{"child", "follower"}) {
		t.Errorf("in the log: %v", got)
	}
}

// The owner is stopped for twice its session, a second one takes over and writes,
// the first one wakes: its next write is fenced, and there is none of its records
// after the takeover.
func testStopped(t *testing.T, c *cluster.Cluster) {
	topic := newLog(t, c, "stopped")
	owner := startProcess(t, c, "stopped", topic)
	owner.expect(t, "LEADS")
	led := make(chan string, 1)
	second := contend(t, c, "stopped", "second", topic, led)
	waitUntil(t, "hearing of the owner", func() bool { info, _ := second.Leader(); return info.Holder == "child" })
	owner.Process.Signal(syscall.SIGSTOP)
	asleep := time.NewTimer(2 * session)
	began := time.Now()
	select {
	case <-led:
	case <-withTimeout(t).Done():
		t.Fatal("nobody leads")
	}
	t.Logf("taken over after %v", time.Since(began))
	<-asleep.C
	woken := int64(len(readLog(t, c, topic)))
	owner.Process.Signal(syscall.SIGCONT)
	if line := owner.expect(t, "FAILED"); !strings.Contains(line, "fenced=true") {
		t.Errorf("the woken owner's write: %s", line)
	} else {
		t.Log(line)
	}
	// The second one goes on.
	waitUntil(t, "more of the second", func() bool { return int64(len(readLog(t, c, topic))) > woken+20 })
	second.stop()
	entries := readLog(t, c, topic)
	if got := terms(entries); !slices.Equal(got, []string{"child", "second"}) {
		t.Errorf("committed in the log: %v", got)
	}
	taken := slices.IndexFunc(entries, func(e entry) bool { return e.holder == "second" })
	for _, e := range entries[taken:] {
		if e.holder != "second" {
			t.Errorf("offset %d, after the takeover at %d, is the first owner's", e.offset, entries[taken].offset)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	c := &cluster.Cluster{}
	for name, cfg := range map[string]Config{
		"no name":    {Cluster: c, Holder: "h"},
		"no cluster": {Name: "n", Holder: "h"},
		"no holder":  {Name: "n", Cluster: c},
		"session":    {Name: "n", Cluster: c, Holder: "h", SessionTimeout: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The broker is killed and comes back: somebody leads, and nobody's Run ends.
func TestBrokerRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
	t.Parallel()
	kafka := kafkatest.Start(t)
	c, err := connect(t.Context(), kafka.Bootstrap())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	topic := newLog(t, c, "restart")
	led := make(chan string, 100)
	contenders := []*contender{contend(t, c, "restart", "one", topic, led), contend(t, c, "restart", "two", topic, led)}
	<-led
	kafka.Kill()
	kafka.Restart()
	before := len(readLog(t, c, topic))
	waitUntil(t, "more records", func() bool { return len(readLog(t, c, topic)) > before+20 })
	for _, c := range contenders {
		c.stop()
	}
	if got := terms(readLog(t, c, topic)); len(got) > 3 { // the owner may have lost it, and got it back
		t.Errorf("leaders wrote by turns: %v", got)
	}
}
