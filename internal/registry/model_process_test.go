package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// modelProcess is a process of the model test: what it has of Kafka and of its clients
// can be taken from it at any time.
type modelProcess struct {
	*Service
	holder string
	proxy  *proxy
	server *httptest.Server
	direct *cluster.Cluster // past the proxy, for faults
	fault  atomic.Pointer[string]
	cancel context.CancelFunc
	done   chan struct{}
}

func startModelProcess(t *testing.T, direct *cluster.Cluster, holder string) *modelProcess {
	t.Helper()
	p := &modelProcess{holder: holder, proxy: newProxy(t, direct.Bootstrap()[0]), direct: direct, done: make(chan struct{})}
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{p.proxy.addr()}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.server = httptest.NewServer(mux)
	p.Service, err = NewShared(
		Config{WriteTimeout: 1500 * time.Millisecond, ReadWait: time.Second},
		Place{Cluster: c, Holder: holder, URL: p.server.URL, SessionTimeout: session})
	if err != nil {
		t.Fatal(err)
	}
	p.Register(mux)
	p.tamper = func(next commitFunc) commitFunc { return p.commit(t, next) }
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	ready := make(chan struct{})
	go func() {
		defer close(p.done)
		if err := p.Run(ctx, func() { close(ready) }); err != nil && ctx.Err() == nil {
			t.Errorf("%s: Run: %v", holder, err)
		}
		c.Close()
	}()
	t.Cleanup(p.stop)
	select {
	case <-ready:
	case <-p.done:
		t.Fatalf("%s has ended before it was ready", holder)
	}
	return p
}

// stop ends it as a signal does, and waits.
func (p *modelProcess) stop() {
	p.cancel()
	<-p.done
	p.server.Close()
	p.proxy.close()
	p.forward.CloseIdleConnections()
}

// kill ends it for everybody else, at once: nothing that it does from now on is
// heard. What is left of it is waited for at the end of the test.
func (p *modelProcess) kill() {
	p.proxy.vanish()
	p.server.Listener.Close()
	p.server.CloseClientConnections()
	p.cancel()
}

// commit says on each record whose it is, and fails as the test has asked.
func (p *modelProcess) commit(t *testing.T, next commitFunc) commitFunc {
	return func(ctx context.Context, records ...*kgo.Record) error {
		label(records, fmt.Sprint(p.holder, " ", time.Now().UnixNano()))
		var fault *string
		if len(records) > 0 && records[0].Topic == schemasTopic {
			fault = p.fault.Swap(nil)
		}
		switch {
		case fault == nil:
		case *fault == "refused":
			return errors.New("refused")
		case *fault == "left open":
			leaveOpen(t, p.direct, append(copies(records), p.ghost(records))...)
		case *fault == "stolen before":
			steal(t, p.direct)
		case *fault == "stolen after":
			if err := next(ctx, records...); err != nil {
				return err
			}
			steal(t, p.direct)
			return next(ctx, copies(records)...)
		}
		return next(ctx, records...)
	}
}

// ghost is a version that nobody has asked for, and has the next id: who takes an
// aborted record for true, or its id for free, shows it.
func (p *modelProcess) ghost(records []*kgo.Record) *kgo.Record {
	id := p.Status().HighIDs["."]
	for _, r := range records {
		if v, err := wire.ParseSchemaValue(r.Value); r.Topic == schemasTopic && err == nil {
			id = max(id, v.ID)
		}
	}
	id++
	return schemasRecord(key("s", 1000+id), value("s", 1000+id, id, fmt.Sprintf(`{"type":"fixed","name":"Ghost","size":%d}`, id), ""))
}

// label finds out from the rows of history whose records these are.
func label(records []*kgo.Record, txn string) {
	var whose []*kgo.Record
	for _, r := range records {
		switch r.Topic {
		case schemasTopic:
			r.Headers = []kgo.RecordHeader{{Key: modelTxnHeader, Value: []byte(txn)}}
			whose = append(whose, r)
		case historyTopic:
			var row History
			_ = json.Unmarshal(r.Value, &row)
			for _, r := range whose {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: modelOpHeader, Value: []byte(row.Reason)})
			}
			whose = nil
		}
	}
}

func copies(records []*kgo.Record) (list []*kgo.Record) {
	for _, r := range records {
		list = append(list, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	return list
}

// depose puts who holds the lease out of its group, as the broker does with those it
// does not hear from for long.
func depose(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	cl := client(t, c)
	group := wire.LeaseTopic(leaseName)
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{group}
	resp, err := describe.RequestWith(withTimeout(t), cl)
	if err != nil || len(resp.Groups) != 1 {
		t.Fatalf("describing group %s: %+v, %v", group, resp, err)
	}
	for _, m := range resp.Groups[0].Members {
		var has kmsg.ConsumerMemberAssignment
		if has.ReadFrom(m.MemberAssignment) == nil && len(has.Topics) == 0 {
			continue
		}
		leave := kmsg.NewPtrLeaveGroupRequest()
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = m.MemberID
		leave.Group, leave.MemberID, leave.Members = group, m.MemberID, append(leave.Members, member)
		if _, err := leave.RequestWith(withTimeout(t), cl); err != nil {
			t.Errorf("deposing %s: %v", m.MemberID, err)
		}
	}
}
