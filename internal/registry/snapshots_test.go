package registry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// engine is a cluster that comes and goes.
type engine struct {
	addr        string
	stop, start func()
}

func TestSnapshots(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		dir := t.TempDir()
		b, stop := brokertest.Start(t, broker.Config{Dir: dir})
		e := &engine{addr: b.Addr(), stop: stop}
		e.start = func() { _, e.stop = brokertest.Start(t, broker.Config{Dir: dir, Listen: e.addr}) }
		testSnapshots(t, e)
	})
	t.Run("kafka", func(t *testing.T) {
		if testing.Short() {
			t.Skip("NO REAL KAFKA: -short is set")
		}
		k := kafkatest.Start(t)
		testSnapshots(t, &engine{addr: k.Bootstrap(), stop: k.Stop, start: k.Restart})
	})
}

func testSnapshots(t *testing.T, e *engine) {
	for _, test := range []struct {
		name string
		body func(t *testing.T, e *engine, c *cluster.Cluster, dir string)
	}{
		{"Away", testAway},
		{"Continued", testContinued},
		{"TooOld", testTooOld},
		{"CreatedAgain", testCreatedAgain},
		{"Damaged", testDamaged},
		{"WhileItRuns", testWhileItRuns},
		{"AtOnce", testAtOnce},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := unasked(t, e)
			if err := c.Reach(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, topic := range topics() {
				if err := c.DeleteTopics(t.Context(), topic.Name); err != nil {
					t.Fatal(err)
				}
			}
			test.body(t, e, c, t.TempDir())
		})
	}
}

// unasked is a handle on a cluster that has not answered yet.
func unasked(t *testing.T, e *engine) *cluster.Cluster {
	t.Helper()
	c, err := cluster.New(cluster.Config{Name: "local", Bootstrap: []string{e.addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// launched is a process whose cluster may be away.
type launched struct {
	*process
	ready chan struct{}
	done  chan error // of Run
}

// launch starts a process that has snapshots, and does not wait for it.
func launch(t *testing.T, c *cluster.Cluster, dir string, stale time.Duration, tune ...func(*Service)) *launched {
	t.Helper()
	l := &launched{&process{}, make(chan struct{}), make(chan error, 1)}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	l.url = server.URL
	var err error
	if l.Service, err = NewShared(Config{SnapshotDir: dir, Compatibility: "NONE"}, Place{Cluster: c, Holder: t.Name(), URL: l.url, SessionTimeout: session}); err != nil {
		t.Fatal(err)
	}
	l.snapshots.staleAfter = stale
	for _, f := range tune {
		f(l.Service)
	}
	l.Register(mux)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.done <- l.Run(ctx, func() { close(l.ready) })
	}()
	l.stop = func() {
		cancel()
		<-ended
		l.forward.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
	}
	t.Cleanup(l.stop)
	return l
}

func (l *launched) isReady(t *testing.T) *launched {
	t.Helper()
	select {
	case <-l.ready:
	case err := <-l.done:
		t.Fatalf("Run has returned: %v", err)
	case <-withTimeout(t).Done():
		t.Fatal("it is never ready")
	}
	return l
}

// continued says whether the snapshot was read on from.
func (l *launched) continued() bool { return l.snapshots.saved != saved{} }

// written runs a process that registers, and returns when it has left a snapshot.
func written(t *testing.T, c *cluster.Cluster, dir string, more func(p *launched)) (offset int64) {
	t.Helper()
	p := launch(t, c, dir, time.Hour).isReady(t)
	p.leads(t)
	if a := p.post(t, "s", `"int"`); a.ID != 1 {
		t.Fatalf("registered: %+v", a)
	}
	a := p.post(t, "s", `"long"`)
	if a.ID != 2 {
		t.Fatalf("registered: %+v", a)
	}
	if a = p.ask(t, "PUT", "/config/s", `{"compatibility":"FULL_TRANSITIVE"}`); a.status != 200 {
		t.Fatalf("set: %+v", a)
	}
	if more != nil {
		more(p)
	}
	p.stop()
	if got := metric(t, p.Service, "weir_registry_snapshots_total"); got < 1 {
		t.Errorf("%v snapshots are counted", got)
	}
	return p.offset()
}

// served says what a process must serve of what was written.
func served(t *testing.T, p *process, offset int64) {
	t.Helper()
	for path, want := range map[string]string{
		"/schemas/ids/2": `"schema":"\"long\""`, "/subjects/s/versions/1": `"id":1`, "/subjects": `["s"]`, "/config/s": "FULL_TRANSITIVE", "/subjects/s/versions": "[1,2]",
	} {
		if a := p.ask(t, "GET", path, ""); a.status != 200 || !strings.Contains(a.body, want) || a.offset != offset {
			t.Errorf("%s: %+v, want %s as of %d", path, a, want, offset)
		}
	}
}

func isStale(t *testing.T, p *process) {
	t.Helper()
	waitUntil(t, "serving the snapshot", func() bool { return p.Status().Stale != "" })
	for _, write := range [][3]string{
		{"POST", "/subjects/s/versions", body(`"bytes"`)}, {"PUT", "/config", `{"compatibility":"FULL"}`}, {"DELETE", "/subjects/s", ""},
		{"DELETE", "/subjects/s/versions/1", ""}, {"PUT", "/mode", `{"mode":"READONLY"}`},
	} {
		if a := p.ask(t, write[0], write[1], write[2]); a.Code != state.CodeStore || !strings.Contains(a.body, "stale: served is a snapshot of ") {
			t.Errorf("%v: %+v", write, a)
		}
	}
	if st := p.Status(); !strings.HasPrefix(st.Refuses, "stale: ") || !st.Loaded {
		t.Errorf("%+v", st)
	}
	if err := p.Ready(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "stale: served is a snapshot of ") {
		t.Errorf("ready: %v", err)
	}
	if got := metric(t, p.Service, "weir_registry_stale"); got != 1 {
		t.Errorf("stale is %v", got)
	}
}

func isWell(t *testing.T, p *process) {
	t.Helper()
	if st, err := p.Status(), p.Ready(t.Context()); st.Stale != "" || err != nil || metric(t, p.Service, "weir_registry_stale") != 0 {
		t.Errorf("%+v, ready: %v", st, err)
	}
}

// The cluster is away at the start: what was read is served. It comes: we read on, and
// write.
func testAway(t *testing.T, e *engine, c *cluster.Cluster, dir string) {
	offset := written(t, c, dir, nil)
	e.stop()
	c = unasked(t, e)
	p := launch(t, c, dir, time.Millisecond)
	isStale(t, p.process)
	served(t, p.process, offset)
	if a := p.post(t, "s", `"int"`); a.ID != 1 || a.status != 200 {
		t.Errorf("registered again: %+v", a)
	}
	if a := p.ask(t, "GET", "/subjects", "", headerMinOffset+": 1000000"); a.Code != state.CodeTimeout {
		t.Errorf("what is not read yet: %+v", a)
	}
	e.start()
	waitUntil(t, "reaching the cluster", func() bool { return c.Reach(t.Context()) == nil })
	p.isReady(t)
	isWell(t, p.process)
	if !p.continued() {
		t.Error("all of the topic was read again")
	}
	p.leads(t)
	if a := p.post(t, "s", `"bytes"`); a.status != 409 { // as its config says
		t.Errorf("registered: %+v", a)
	}
	if a := p.post(t, "u", `"bytes"`); a.ID != 3 {
		t.Errorf("registered: %+v", a)
	}
}

// Another process has written, and deleted, since the snapshot.
func testContinued(t *testing.T, _ *engine, c *cluster.Cluster, dir string) {
	written(t, c, dir, nil)
	other := run(t, c, "other", Config{Compatibility: "NONE"}, nil).leads(t)
	for _, path := range []string{"/subjects/s/versions/1", "/subjects/s/versions/1?permanent=true"} {
		if a := other.ask(t, "DELETE", path, ""); a.status != 200 {
			t.Fatalf("%s: %+v", path, a)
		}
	}
	if a := other.post(t, "t", `"double"`); a.ID != 3 {
		t.Fatalf("registered: %+v", a)
	}
	p := launch(t, c, dir, time.Hour).isReady(t)
	isWell(t, p.process)
	if got := settings(p.view.state); !p.continued() || got != settings(other.view.state) || got == "" {
		t.Errorf("continued: %t, and has\n%s\nwant\n%s", p.continued(), got, settings(other.view.state))
	}
	if a, b := p.offset(), other.offset(); a != b {
		t.Errorf("it is at offset %d, the other one at %d", a, b)
	}
	other.stop()
	if a := p.leads(t).post(t, "u", `"float"`); a.ID != 4 {
		t.Errorf("registered: %+v", a)
	}
}

// A version of the snapshot was deleted, and compaction has removed all that told of it.
// A snapshot that is too old for that to be seen is served until all is read again.
func testTooOld(t *testing.T, _ *engine, c *cluster.Cluster, dir string) {
	written(t, c, dir, nil)
	file, err := os.Open(snapshotPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, _ := file.Stat()
	snap, err := readSnapshot(file, info.Size(), "NONE", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := snap.view.state.Apply([]byte(key("gone", 1)), []byte(value("gone", 1, 7, `"float"`, "")), 0); err != nil {
		t.Fatal(err)
	}
	save := func(at time.Time) {
		t.Helper()
		f := snap.view.freeze()
		f.head.Topic, f.head.At = snap.topicID.String(), at.UnixMilli()
		if err := saveSnapshot(dir, f); err != nil {
			t.Fatal(err)
		}
	}
	save(snap.at) // that is how it would be if nobody looked at its age
	p := launch(t, c, dir, time.Hour).isReady(t)
	if !p.continued() || len(versionsOf(p.view.state, "gone")) != 1 {
		t.Error("the topic tells of what is gone: this test shows nothing")
	}
	p.stop()
	save(time.Now().Add(-13 * time.Hour))
	unreached := unasked(t, &engine{addr: c.Bootstrap()[0]})
	p = launch(t, unreached, dir, time.Millisecond)
	isStale(t, p.process)
	if a := p.ask(t, "GET", "/subjects/gone/versions/1", ""); a.status != 200 {
		t.Errorf("of the snapshot: %+v", a)
	}
	if err := unreached.Reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.isReady(t)
	isWell(t, p.process)
	if p.continued() {
		t.Error("it was continued")
	}
	if a := p.ask(t, "GET", "/subjects", ""); a.body != `["s"]` {
		t.Errorf("after all was read: %+v", a)
	}
	if a := p.leads(t).post(t, "u", `"float"`); a.ID != 8 { // 7 was seen
		t.Errorf("registered: %+v", a)
	}
	p.stop()
	alter(t, c, "delete.retention.ms", "0") // which is as the topic says
	p = launch(t, c, dir, time.Hour).isReady(t)
	if p.continued() {
		t.Error("it was continued although a deletion need not stay at all")
	}
}

// A topic of the same name is another one: where the snapshot is served already, it is
// refused; a process that has served nothing takes it.
func testCreatedAgain(t *testing.T, e *engine, c *cluster.Cluster, dir string) {
	offset := written(t, c, dir, nil)
	unreached := unasked(t, e)
	p := launch(t, unreached, dir, time.Millisecond)
	isStale(t, p.process)
	if err := c.DeleteTopics(t.Context(), schemasTopic); err != nil {
		t.Fatal(err)
	}
	makeTopics(t, c, 1, nil)
	produce(t, client(t, c), schemasRecord(key("new", 1), value("new", 1, 2, `"double"`, "")))
	if err := unreached.Reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.done:
		if err == nil || !strings.Contains(err.Error(), "topic _schemas was deleted and created again") {
			t.Errorf("Run: %v", err)
		}
	case <-withTimeout(t).Done():
		t.Fatal("the other topic was taken")
	}
	isStale(t, p.process)
	if st := p.Status().Stale; !strings.Contains(st, "restart weir to take the new one") {
		t.Errorf("stale: %s", st)
	}
	served(t, p.process, offset)
	p = launch(t, c, dir, time.Hour).isReady(t)
	isWell(t, p.process)
	if a := p.ask(t, "GET", "/subjects", ""); a.body != `["new"]` || p.continued() {
		t.Errorf("of the new topic: %+v", a)
	}
}

// A file that is no good is none.
func testDamaged(t *testing.T, _ *engine, c *cluster.Cluster, dir string) {
	offset := written(t, c, dir, nil)
	data, err := os.ReadFile(snapshotPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(snapshotPath(dir), data, 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, c, dir, time.Millisecond).isReady(t)
	isWell(t, p.process)
	served(t, p.process, offset)
	if got := metric(t, p.Service, "weir_registry_snapshots_total"); got != 1 || p.continued() {
		t.Errorf("%v are counted", got)
	}
	p.stop()
	if p = launch(t, c, dir, time.Millisecond).isReady(t); !p.continued() {
		t.Error("it was not written anew")
	}
	p.stop()
	blocked := filepath.Join(snapshotPath(dir), "no", "directory")
	p = launch(t, c, blocked, time.Millisecond).isReady(t)
	p.leads(t).post(t, "s", `"bytes"`)
	p.stop()
	if got := metric(t, p.Service, "weir_registry_snapshots_total"); got < 1 {
		t.Errorf("%v failures are counted", got)
	}
}

// A process writes snapshots while it runs, if something has changed: one that is killed
// leaves one.
func testWhileItRuns(t *testing.T, _ *engine, c *cluster.Cluster, dir string) {
	p := launch(t, c, dir, time.Hour, func(s *Service) { s.snapshots.every = 10 * time.Millisecond }).isReady(t)
	p.leads(t)
	count := func() float64 { return metric(t, p.Service, "weir_registry_snapshots_total") }
	waitUntil(t, "a first snapshot", func() bool { return count() == 1 })
	a := p.post(t, "s", `"int"`)
	has := func() bool {
		file, err := os.Open(snapshotPath(dir))
		if errors.Is(err, os.ErrNotExist) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		snap, err := readSnapshot(file, info.Size(), "NONE", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return snap.view.seen > a.offset && snap.topicID != wire.TopicID{}
	}
	waitUntil(t, "a snapshot of what was written", has)
	if n := count(); n > 4 {
		t.Errorf("%v snapshots of two changes", n)
	}
}

// Who is stopped as soon as it has started leaves a snapshot too.
func testAtOnce(t *testing.T, _ *engine, c *cluster.Cluster, dir string) {
	s, err := NewShared(Config{SnapshotDir: dir}, Place{Cluster: c, Holder: t.Name(), SessionTimeout: session})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if err := s.Run(ctx, stop); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(snapshotPath(dir)); err != nil {
		t.Error(err)
	}
}
