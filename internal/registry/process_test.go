package registry

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry/state"
)

// process is a registry that runs and answers HTTP, as one process of several.
type process struct {
	*Service
	url  string
	stop func() // and waits
}

// run starts a process, whose Run must not fail. tamper, if any, may do otherwise
// than commit what the leader writes.
func run(t *testing.T, c *cluster.Cluster, holder string, cfg Config, tamper func(commitFunc) commitFunc, with ...func(*Service)) *process {
	t.Helper()
	p := &process{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux := http.NewServeMux()
		p.Register(mux)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	var err error
	if p.Service, err = NewShared(cfg, Place{Cluster: c, Holder: holder, URL: server.URL, SessionTimeout: session}); err != nil {
		t.Fatal(err)
	}
	p.tamper = tamper
	for _, set := range with {
		set(p.Service)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- p.Run(ctx, func() { close(ready) }) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: Run: %v", holder, err)
		}
		p.forward.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
	})
	t.Cleanup(p.stop)
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("%s: %v", holder, err)
	case <-withTimeout(t).Done():
		t.Fatalf("%s is never ready", holder)
	}
	return p
}

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func waitUntil(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx := withTimeout(t)
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: never", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p *process) leads(t *testing.T) *process {
	t.Helper()
	waitUntil(t, p.on.Holder+" leads", func() bool { return p.Status().Leads })
	return p
}

// answered is a reply as a client sees it.
type answered struct {
	status int
	body   string
	offset int64
	Code   int `json:"error_code"`
	ID     int `json:"id"`
}

func (p *process) ask(t testing.TB, method, path, body string, headers ...string) (a answered) {
	t.Helper()
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
		return a
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s %s: %v", method, path, err)
	}
	_ = json.Unmarshal(text, &a)
	a.status, a.body = resp.StatusCode, string(text)
	if a.offset, err = strconv.ParseInt(resp.Header.Get(headerOffset), 10, 64); err != nil {
		t.Errorf("%s %s: %s: %v", method, path, headerOffset, err)
	}
	return a
}

func (p *process) post(t testing.TB, subject, schema string, headers ...string) answered {
	t.Helper()
	return p.ask(t, "POST", "/subjects/"+subject+"/versions", body(schema), headers...)
}

// client returns a client of the cluster that ends with the test.
func client(t *testing.T, c *cluster.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := c.Client(append(opts, kgo.ProducerLinger(0))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// makeTopics makes the registry's topics as it would, with settings of our own for
// `_schemas`.
func makeTopics(t *testing.T, c *cluster.Cluster, partitions int32, configs map[string]string) {
	t.Helper()
	for i, topic := range topics() {
		if i == 0 {
			topic.Partitions = partitions
			if configs != nil {
				topic.Configs = configs
			}
		}
		if _, _, err := c.EnsureTopic(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
}

func produce(t *testing.T, cl *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := cl.ProduceSync(withTimeout(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// leaveOpen leaves a transaction of a leader that died in the middle of a write.
func leaveOpen(t *testing.T, c *cluster.Cluster, records ...*kgo.Record) {
	cl, err := c.Client(kgo.TransactionalID("weir-lease-"+leaseName), kgo.ProducerLinger(0))
	if err != nil {
		t.Error(err)
		return
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Error(err)
	} else if err := cl.ProduceSync(withTimeout(t), records...).FirstErr(); err != nil {
		t.Error(err)
	}
}

func schemasRecord(k, v string) *kgo.Record {
	r := &kgo.Record{Topic: schemasTopic, Key: []byte(k)}
	if v != "" {
		r.Value = []byte(v)
	}
	return r
}

// replayTopic returns a view of all of `_schemas`, and the state of somebody who reads
// what is not committed too.
func replayTopic(t *testing.T, c *cluster.Cluster) (committed *view, uncommitted *state.State) {
	t.Helper()
	committed, uncommitted = newView("NONE"), state.New(languages(), "NONE")
	_, err := c.ReadToEnd(withTimeout(t), schemasTopic, nil, func(r *kgo.Record) error {
		committed.take(r)
		if !r.Attrs.IsControl() {
			_ = uncommitted.Apply(r.Key, r.Value, r.Offset)
		}
		return nil
	}, cluster.KeepControl())
	if err != nil {
		t.Fatal(err)
	}
	return committed, uncommitted
}

// history returns the rows that count.
func history(t *testing.T, c *cluster.Cluster) (rows []History) {
	t.Helper()
	u := undecided{open: map[int64][]*fate{}}
	_, err := c.ReadToEnd(withTimeout(t), historyTopic, nil, func(r *kgo.Record) error {
		u.add(r)
		for _, f := range u.pop() {
			var h History
			if err := json.Unmarshal(f.record.Value, &h); err != nil {
				return err
			}
			if f.committed {
				rows = append(rows, h)
			}
		}
		return nil
	}, cluster.KeepControl())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
