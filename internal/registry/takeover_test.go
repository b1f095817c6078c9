package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/registry/verify"
)

type jsonText = json.RawMessage

// plainLog is `_schemas` as another registry writes it: outside of transactions.
type plainLog struct {
	c  *cluster.Cluster
	cl *kgo.Client
}

func (l plainLog) ReadToEnd(ctx context.Context, fn func(key, value []byte, offset int64) error) error {
	_, err := l.c.ReadToEnd(ctx, schemasTopic, nil, func(r *kgo.Record) error { return fn(r.Key, r.Value, r.Offset) })
	return err
}

func (l plainLog) Append(ctx context.Context, key, value []byte) (int64, error) {
	r := &kgo.Record{Topic: schemasTopic, Key: key, Value: value}
	err := l.cl.ProduceSync(ctx, r).FirstErr()
	return r.Offset, err
}

// rival is another registry: it serves and writes, and, between join and leave, is
// in the group of such.
type rival struct {
	local
	t   *testing.T
	cl  *kgo.Client
	url string

	leave func()
}

func newRival(t *testing.T, c *cluster.Cluster) *rival {
	t.Helper()
	r := &rival{t: t, cl: client(t, c)}
	var err error
	if r.local, err = newLocal(Config{}, plainLog{c, r.cl}); err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	r.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *rival) metadata(eligible bool) []byte {
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(r.url, "http://"))
	n, _ := strconv.Atoi(port)
	return fmt.Appendf(nil, `{"version":1,"host":%q,"port":%d,"master_eligibility":%t,"scheme":"http"}`, host, n, eligible)
}

// join makes it a member, alone, until leave.
func (r *rival) join(ctx context.Context) {
	r.t.Helper()
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.ProtocolType, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = "schema-registry", "sr", 6000, 6000
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "v0", r.metadata(true)
	req.Protocols = append(req.Protocols, p)
	resp, err := req.RequestWith(ctx, r.cl)
	for err == nil && resp.ErrorCode == kerr.MemberIDRequired.Code {
		req.MemberID = resp.MemberID
		resp, err = req.RequestWith(ctx, r.cl)
	}
	if err != nil || resp.ErrorCode != 0 {
		r.t.Fatalf("joining: %v, %v", err, kerr.ErrorForCode(resp.ErrorCode))
	}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.MemberID, sync.Generation = req.Group, resp.MemberID, resp.Generation
	sync.ProtocolType, sync.Protocol = kmsg.StringPtr("sr"), kmsg.StringPtr("v0")
	a := kmsg.NewSyncGroupRequestGroupAssignment()
	a.MemberID = resp.MemberID
	a.MemberAssignment = fmt.Appendf(nil, `{"version":1,"error":0,"master":%q,"master_identity":%s}`, resp.MemberID, r.metadata(true))
	sync.GroupAssignment = append(sync.GroupAssignment, a)
	if synced, err := sync.RequestWith(ctx, r.cl); err != nil || synced.ErrorCode != 0 {
		r.t.Fatalf("syncing: %v, %+v", err, synced)
	}
	r.beat(ctx, resp.MemberID, resp.Generation)
}

func (r *rival) beat(ctx context.Context, member string, generation int32) {
	beating, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for beating.Err() == nil {
			beat := kmsg.NewPtrHeartbeatRequest()
			beat.Group, beat.MemberID, beat.Generation = "schema-registry", member, generation
			_, _ = beat.RequestWith(beating, r.cl)
			select {
			case <-beating.Done():
			case <-time.After(time.Second):
			}
		}
	})
	r.leave = sync.OnceFunc(func() {
		stop()
		running.Wait()
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Group, leave.MemberID = "schema-registry", member
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = member
		leave.Members = append(leave.Members, m)
		if _, err := leave.RequestWith(context.Background(), r.cl); err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(r.leave)
}

func (r *rival) post(subject, schema string) {
	r.t.Helper()
	if a := (&process{Service: r.Service, url: r.url}).post(r.t, subject, schema); a.status != 200 {
		r.t.Fatalf("the other registry: %+v", a)
	}
}

// judge replays the topic by the short reader.
func judge(t *testing.T, c *cluster.Cluster) verify.Report {
	t.Helper()
	var fates []*fate
	u := undecided{open: map[int64][]*fate{}}
	_, err := c.ReadToEnd(withTimeout(t), schemasTopic, nil, func(r *kgo.Record) error {
		u.add(r)
		fates = append(fates, u.pop()...)
		return nil
	}, cluster.KeepControl())
	if err != nil {
		t.Fatal(err)
	}
	var records []verify.Record
	for _, f := range fates {
		records = append(records, verify.Record{Offset: f.record.Offset, Key: f.record.Key, Value: f.record.Value, Committed: f.committed})
	}
	report := verify.Check(records)
	for _, f := range report.Findings {
		t.Errorf("%+v", f)
	}
	return report
}

// Another registry runs: weir serves what it writes, and forwards changes to it.
// It stops: nothing is written. It is taken over from, and handed back to.
func TestTakeover(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{start(t)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		makeTopics(t, c, 1, nil)
		other := newRival(t, c)
		other.join(withTimeout(t))
		other.post("a", `"int"`)
		other.post("b", `"int"`)
		produce(t, other.cl, // in the style of older registries
			schemasRecord(`{"magic":0,"keytype":"SCHEMA","subject":"old","version":1}`, `{"subject":"old","version":1,"id":2,"schema":"\"long\"","deleted":false}`))
		if err := other.Load(t.Context()); err != nil {
			t.Fatal(err)
		}

		p := run(t, c, "first", Config{}, nil)
		if got := p.post(t, "c", `"bytes"`); got.status != 200 || got.ID != 3 {
			t.Fatalf("forwarded: %+v", got)
		}
		if got := p.ask(t, "GET", "/subjects/c/versions/1", ""); got.status != 200 || got.ID != 3 {
			t.Errorf("what was forwarded is not served: %+v", got)
		}
		plan, err := p.PlanTakeover(t.Context(), "")
		if err != nil || plan.Writer != writerOther || plan.Peer != other.url || plan.Compared != 4 || plan.DifferenceCount != 0 || len(plan.Repairs) != 1 ||
			len(plan.Refusals) != 1 || !strings.Contains(plan.Refusals[0], "runs and may write") {
			t.Errorf("while it runs: %+v, %v", plan, err)
		}
		if plan, err := p.TakeOver(t.Context(), "", "", true); err != nil || plan.Done {
			t.Errorf("taken over while it runs: %+v, %v", plan, err)
		}
		other.leave()
		waitUntil(t, "the other one is gone", func() bool { return len(p.members()) == 0 })
		if got := p.post(t, "d", `"float"`); got.Code != state.CodeNoLeader || !strings.Contains(got.body, "weir schema takeover") {
			t.Errorf("when it has stopped: %+v", got)
		}
		if p.Status().Leads {
			t.Error("it leads without having been told to")
		}
		takeOver(t, p, other)
		second := run(t, c, "second", Config{}, nil)
		if got := second.post(t, "d", `"float"`); got.status != 200 || got.ID != 4 {
			t.Errorf("by way of the second: %+v", got)
		}
		comesBack(t, other, p)
		waitUntil(t, "one leads", func() bool { return p.Status().Leads || second.Status().Leads })
		if second.Status().Leads {
			p, second = second, p
		}
		handBack(t, c, p, second)
		back(t, c, other, p, second)
	})
}

func (p *process) members() []Member {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.stance.rivals.members
}

func takeOver(t *testing.T, p *process, other *rival) {
	t.Helper()
	produce(t, other.cl, schemasRecord(`{"keytype":"SCHEMA","subject":"late","version":1,"magic":1}`, `{"subject":"late","version":1,"id":1,"schema":"\"int\"","deleted":false}`))
	waitUntil(t, "what was written late is read", func() bool { return p.ask(t, "GET", "/subjects/late/versions", "").status == 200 })
	plan, err := p.TakeOver(t.Context(), other.url, "", false)
	if err != nil || plan.Done || plan.DifferenceCount != 1 || !strings.Contains(plan.Differences[0], "late version 1: weir has it") {
		t.Errorf("taken over though it differs: %+v, %v", plan, err)
	}
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	plan, err = p.TakeOver(withTimeout(t), other.url, "a test", false)
	if err != nil || !plan.Done || plan.Leader != p.on.Holder || plan.Compared != 5 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if plan, err := p.PlanTakeover(t.Context(), other.url); err != nil || len(plan.Repairs) != 0 || len(plan.Refusals) != 0 || plan.Writer != writerWeir {
		t.Errorf("behind the takeover: %+v, %v", plan, err)
	}
}

// comesBack has the other registry run again while weir leads: weir makes way, and
// has to be told again.
func comesBack(t *testing.T, other *rival, p *process) {
	t.Helper()
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.join(withTimeout(t))
	waitUntil(t, "weir makes way", func() bool { return len(p.members()) == 1 && !p.Status().Leads })
	if got := p.post(t, "e", `{"type":"array","items":"int"}`); got.status != 200 || got.ID != 5 {
		t.Errorf("forwarded: %+v", got)
	}
	if why := p.Status().Refuses; !strings.Contains(why, other.url) {
		t.Errorf("the status says: %q", why)
	}
	other.leave()
	waitUntil(t, "it is gone again", func() bool { return len(p.members()) == 0 })
	if plan, err := p.TakeOver(withTimeout(t), other.url, "", false); err != nil || !plan.Done {
		t.Fatalf("taken over again: %+v, %v", plan, err)
	}
}

// handBack hands back behind a write that was aborted.
func handBack(t *testing.T, c *cluster.Cluster, p, second *process) {
	t.Helper()
	cl := client(t, c, kgo.TransactionalID("somebody"))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, cl, schemasRecord(`{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}`, `{"subject":"a","version":1,"id":1,"schema":"\"int\"","deleted":true}`))
	if err := cl.EndTransaction(withTimeout(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the aborted write is read", func() bool { plan, _ := p.PlanTakeover(t.Context(), ""); return plan.Aborted > 0 })
	if h, err := p.postHandback(t.Context(), &handbackInput{}); err != nil || h.Done || h.Aborted != 2 || !p.Status().Leads {
		t.Errorf("without apply: %+v, %v", h, err)
	}
	if h, err := p.postHandback(withTimeout(t), &handbackInput{Body: HandbackRequest{Apply: true, Reason: "a test"}}); err != nil || !h.Done || h.Writer != writerOther {
		t.Fatalf("%+v, %v", h, err)
	}
	judge(t, c)
	for _, p := range []*process{p, second} {
		waitUntil(t, p.on.Holder+" writes no more", func() bool {
			got := p.post(t, "late2", `"double"`)
			return got.Code == state.CodeNoLeader && strings.Contains(got.body, "a test")
		})
	}
	if err := p.HandBack(t.Context(), "again", false); err != nil {
		t.Errorf("again: %v", err)
	}
}

// back has the other registry go on where weir has ended.
func back(t *testing.T, c *cluster.Cluster, other *rival, processes ...*process) {
	t.Helper()
	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.join(withTimeout(t))
	other.post("f", `"boolean"`)
	for i, p := range processes {
		waitUntil(t, "the other one is seen", func() bool { return len(p.members()) == 1 })
		if got := p.post(t, fmt.Sprint("g", i), `"double"`); got.status != 200 || got.ID != 7 {
			t.Errorf("forwarded: %+v", got)
		}
	}
	if r := judge(t, c); r.Subjects != 10 {
		t.Errorf("%+v", r)
	}
}
