package registry

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
)

const wantedBody = `{"compatibility":"FULL","subjects":[
	{"subject":"event","schema":"{\"type\":\"array\",\"items\":\"n.Money\"}","references":[{"name":"n.Money","subject":"money","version":-1}],"mode":"READONLY"},
	{"subject":"money","schema":"{\"type\":\"fixed\",\"name\":\"n.Money\",\"size\":8}","file":"money.avsc","compatibility":"NONE"}]%}`

// planned asks for a plan.
func planned(t *testing.T, ask func(method, path, body string) (int, string), wanted string) (p WantedPlan) {
	t.Helper()
	status, reply := ask("POST", "/api/v1/registry/plan", wanted)
	if err := json.Unmarshal([]byte(reply), &p); status != 200 || err != nil {
		t.Fatalf("%d %s", status, reply)
	}
	return p
}

func applyBody(wanted, hash string) string {
	return `{"desired":` + wanted + `,"plan_hash":"` + hash + `"}`
}

func TestPlanApply(t *testing.T) {
	l := &memLog{}
	ask := asks(t, start(t, l))
	const path = "/api/v1/registry/apply"
	wanted := strings.Replace(wantedBody, "%", "", 1)
	p := planned(t, ask, wanted)
	if len(p.Steps) != 5 || p.Refused != 0 || p.Steps[2].Subject != "money" || p.Steps[2].File != "money.avsc" || p.Steps[2].After != "version 1" || len(l.records) != 0 {
		t.Fatalf("%+v, %d records", p, len(l.records))
	}
	if status, reply := ask("POST", path, applyBody(wanted, "other")); status != 409 || !strings.Contains(reply, `"code":"plan_changed"`) || !strings.Contains(reply, p.Hash) || len(l.records) != 0 {
		t.Errorf("with another hash: %d %s", status, reply)
	}
	if status, reply := ask("POST", path, applyBody(wanted, p.Hash)); status != 200 || !strings.Contains(reply, `"applied":5`) {
		t.Fatalf("%d %s", status, reply)
	}
	if status, reply := ask("GET", "/subjects/event/versions/1", ""); status != 200 || !strings.Contains(reply, `"version":1`) {
		t.Errorf("%d %s", status, reply)
	}
	// What was planned once is not done twice; a plan behind it is empty, and another
	// subject is drift, which is not what was planned either way.
	if status, reply := ask("POST", path, applyBody(wanted, p.Hash)); status != 409 || !strings.Contains(reply, `"steps":[]`) {
		t.Errorf("again: %d %s", status, reply)
	}
	again := planned(t, ask, wanted)
	if status, _ := ask("POST", "/subjects/other/versions", body(`"int"`)); status != 200 {
		t.Fatal(status)
	}
	drifted := planned(t, ask, wanted)
	if len(again.Steps) != 0 || again.Unchanged != 2 || len(drifted.Drift) != 1 || drifted.Hash != again.Hash {
		t.Errorf("%+v, then %+v", again, drifted)
	}
	pruned := planned(t, ask, strings.Replace(wantedBody, "%", `,"prune":true`, 1))
	if len(pruned.Steps) != 1 || pruned.Steps[0].Action != "delete" || pruned.Hash == drifted.Hash {
		t.Errorf("pruned: %+v", pruned)
	}
}

// What can not be done is in the plan with what it would break, and is not begun.
func TestPlanRefused(t *testing.T) {
	l := &memLog{}
	ask := asks(t, start(t, l))
	if status, reply := ask("POST", "/subjects/s/versions", body(record(fieldA))); status != 200 {
		t.Fatal(reply)
	}
	text, _ := json.Marshal(record(fieldA + "," + fieldB))
	wanted := `{"subjects":[{"subject":"s","schema":` + string(text) + `},{"subject":"t","schema":"\"int\""}]}`
	p := planned(t, ask, wanted)
	if p.Refused != 1 || p.Steps[0].Problem == "" || len(p.Steps[0].Differences) != 1 || p.Steps[0].Differences[0].Example != `{"a":0}` {
		t.Fatalf("%+v", p)
	}
	if status, reply := ask("POST", "/api/v1/registry/apply", applyBody(wanted, p.Hash)); status != 422 || !strings.Contains(reply, "plan_refused") || len(l.records) != 1 {
		t.Errorf("%d %s, %d records", status, reply, len(l.records))
	}
	for _, bad := range []string{`{"subjects":[{"subject":"a","schema":"x"},{"subject":"a","schema":"x"}]}`, `{"subjects":null}`, `{"subjects":[{"subject":"","schema":"x"}]}`, `{"unknown":1,"subjects":[]}`} {
		if status, reply := ask("POST", "/api/v1/registry/plan", bad); status != 400 && status != 422 {
			t.Errorf("%s: %d %s", bad, status, reply)
		}
	}
}

// A step that fails leaves those before it, and its answer says so.
func TestApplyFails(t *testing.T) {
	l := &memLog{}
	ask := asks(t, start(t, l))
	wanted := strings.Replace(wantedBody, "%", "", 1)
	p := planned(t, ask, wanted)
	l.fail = errors.New("no disk")
	if status, reply := ask("POST", "/api/v1/registry/apply", applyBody(wanted, p.Hash)); status != 500 || !strings.Contains(reply, `"code":"registry_50001"`) || !strings.Contains(reply, "0 of 5 steps are done") {
		t.Errorf("%d %s", status, reply)
	}
	some := &failingLog{left: 2} // the code must not say that nothing was done
	ask = asks(t, start(t, some))
	if status, reply := ask("POST", "/api/v1/registry/apply", applyBody(wanted, p.Hash)); status != 500 || !strings.Contains(reply, `"code":"registry_50003"`) || !strings.Contains(reply, "2 of 5 steps are done") {
		t.Errorf("%d %s", status, reply)
	}
}

// A change of many parts ends with the time that it has as a whole.
func TestWriteInTime(t *testing.T) {
	s := &Service{cfg: Config{}.withDefaults(), view: newView("NONE"), term: &term{requests: make(chan *request), over: make(chan struct{})}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refusal := (*state.Error)(nil)
	if _, _, err := s.write(ctx, Meta{}, state.DeleteMode{}); !errors.As(err, &refusal) || refusal.Code != state.CodeTimeout {
		t.Errorf("%v", err)
	}
}

// A refusal is not told where its reason, which may have been committed with it, is not
// served.
func TestRefusedAndNotServed(t *testing.T) {
	leads := &term{requests: make(chan *request), over: make(chan struct{})}
	s := &Service{cfg: Config{}.withDefaults(), view: newView("NONE"), term: leads}
	for offset, want := range map[int64]int{-1: state.CodeNoSubject, 7: state.CodeForwarding} {
		go func() {
			(<-leads.requests).done <- outcome{offset: offset, err: state.Refuse(state.CodeNoSubject, "gone")}
		}()
		if _, _, err := s.write(t.Context(), Meta{}, state.DeleteMode{}); code(err) != want {
			t.Errorf("refused as of %d, and nothing is served: %v", offset, err)
		}
	}
}

// By way of a process that does not lead: the leader plans, makes and refuses; an
// import sets modes and sets them back.
func TestByFollower(t *testing.T) {
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{brokertest.New(t).Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	leader, follower := runAPI(t, c, "leader"), runAPI(t, c, "follower")
	leader.leads(t)
	ask := asks(t, follower.Service)
	wanted := strings.Replace(wantedBody, "%", "", 1)
	p := planned(t, ask, wanted)
	if status, reply := ask("POST", "/api/v1/registry/apply", applyBody(wanted, "other")); status != 409 || !strings.Contains(reply, `"plan":{"hash":"`+p.Hash) {
		t.Errorf("%d %s", status, reply)
	}
	if status, reply := ask("POST", "/api/v1/registry/apply", applyBody(wanted, p.Hash)); status != 200 || !strings.Contains(reply, `"applied":5`) {
		t.Fatalf("%d %s", status, reply)
	}
	if status, reply := ask("GET", "/subjects/event/versions/1", ""); status != 200 {
		t.Errorf("it is not served by the process that answered: %d %s", status, reply)
	}
	const lines = `{"subject":"in","version":3,"id":70,"schema":"\"int\""}`
	if status, reply := ask("POST", "/api/v1/registry/import?mode=set", lines); status != 200 || !strings.Contains(reply, `"failed":0`) || !strings.Contains(reply, `"modes":[{"subject":"in","before":""}]`) {
		t.Errorf("%d %s", status, reply)
	}
	if status, reply := ask("GET", "/mode/in", ""); status != 404 {
		t.Errorf("the mode behind an import: %d %s", status, reply)
	}
	leader.told(t, "registry-leader", "leader leads the registry")
	follower.told(t, "registry-leader", "leader leads the registry")
	produce(t, client(t, c), schemasRecord(`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, `nonsense`))
	leader.told(t, "registry-foreign-writer", "offset ")
	follower.told(t, "registry-dropped", "1 more records of _schemas")
}

// runAPI runs a process that serves weir's own API too, by which others send it on.
func runAPI(t *testing.T, c *cluster.Cluster, holder string) *process {
	t.Helper()
	web, err := web.New(web.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{url: "http://" + web.Addr()}
	if p.Service, err = NewShared(Config{}, Place{Cluster: c, Holder: holder, URL: p.url, SessionTimeout: session}); err != nil {
		t.Fatal(err)
	}
	p.Register(web.Mux())
	p.RegisterAPI(web.API())
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error { return p.Run(ctx, func() { close(ready) }) })
	g.Go(func() error { return web.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Errorf("%s: %v", holder, err)
		}
		p.forward.CloseIdleConnections()
	})
	select {
	case <-ready:
	case <-withTimeout(t).Done():
		t.Fatalf("%s is never ready", holder)
	}
	return p
}
