package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

const (
	modelClients   = 4
	modelProcesses = 3
	// modelRequests is how many requests are made between two faults.
	modelRequests = 80
)

// modelFaults befall the leader, in an order that the seed decides, and then again.
var modelFaults = []string{"killed", "cut off", "stopped", "disconnected", "deposed", "left open", "stolen before", "stolen after", "refused"}

// model is three processes of one registry, clients, and who disturbs them.
type model struct {
	t      *testing.T
	direct *cluster.Cluster
	slots  [modelProcesses]atomic.Pointer[modelProcess]
	clock  atomic.Int64
	made   atomic.Int64 // requests
	known  atomic.Int64 // the highest offset that anybody was answered as of, -1: nobody yet
	// floor is the offset that a leader must have come to in what it decides. It
	// stands still while there may be one who does not know that others lead.
	mu     sync.Mutex // guards what follows
	stands bool
	floor  int64
	ops    [][]*modelOp // by client
}

// TestModel sends random requests from some clients to three processes while their
// leaders fail in each way, and judges all that was answered: see modelJudge. What is
// asked depends on the seed alone, what happens meanwhile does not.
//
//	WEIR_ROUNDS=200 go test -run TestModel -timeout 0 ./internal/registry
//
// is the long run, of so many faults; WEIR_SEED=n is one of its seeds again.
func TestModel(t *testing.T) {
	rounds, seed := fromEnv(t, "WEIR_ROUNDS", len(modelFaults)), fromEnv(t, "WEIR_SEED", rand.IntN(1e6))
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		t.Logf("WEIR_SEED=%d WEIR_ROUNDS=%d", seed, rounds)
		c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{start(t)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		m := &model{t: t, direct: c, ops: make([][]*modelOp, modelClients+1)}
		m.known.Store(-1)
		m.run(uint64(seed), rounds)
	})
}

func fromEnv(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func (m *model) run(seed uint64, rounds int) {
	for i := range m.slots {
		m.slots[i].Store(startModelProcess(m.t, m.direct, fmt.Sprintf("p%d.0", i)))
	}
	ctx, stop := context.WithCancel(m.t.Context())
	var clients sync.WaitGroup
	for c := range modelClients {
		clients.Go(func() { m.client(ctx, c, modelRand{rand.New(rand.NewPCG(seed, uint64(c)))}) })
	}
	m.t.Cleanup(func() { stop(); clients.Wait() })
	r := modelRand{rand.New(rand.NewPCG(seed, modelClients))}
	order := r.Perm(len(modelFaults))
	for round := range rounds {
		m.requests(modelRequests)
		m.disturb(modelFaults[order[round%len(order)]], round)
	}
	m.requests(modelRequests)
	stop()
	clients.Wait()
	m.readEverything()
	for i := range m.slots {
		m.slots[i].Load().cancel() // all at once
	}
	for i := range m.slots {
		<-m.slots[i].Load().done
	}
	var all []*modelOp
	for _, ops := range m.ops {
		all = append(all, ops...)
	}
	judgeModel(m.t, m.direct, all)
}

// requests waits until so many more requests have been made.
func (m *model) requests(n int64) {
	m.t.Helper()
	want := m.made.Load() + n
	waitUntil(m.t, "requests", func() bool { return m.made.Load() >= want })
}

func (m *model) client(ctx context.Context, c int, r modelRand) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	last := int64(-1)
	for n := 0; ctx.Err() == nil; n++ {
		o := r.next()
		o.name, o.slot, o.min = fmt.Sprint(c, "-", n), r.IntN(modelProcesses), -2
		if r.one(2) {
			o.min = last
		}
		m.send(client, o)
		last = max(last, o.got.offset)
		m.mu.Lock()
		m.ops[c] = append(m.ops[c], o)
		m.mu.Unlock()
		m.made.Add(1)
	}
}

// send makes a request, and takes note of what came of it.
func (m *model) send(client *http.Client, o *modelOp) {
	p := m.slots[o.slot].Load()
	o.process, o.floor = p.holder, m.leastKnown()
	req, err := http.NewRequest(o.method, p.server.URL+o.path, strings.NewReader(o.body))
	if err != nil {
		m.t.Error(err)
		return
	}
	req.Header.Set("X-Weir-Reason", o.name)
	if o.full {
		req.Header.Set(headerUnknown, "true")
	}
	if o.min > -2 {
		req.Header.Set(headerMinOffset, strconv.FormatInt(o.min, 10))
	}
	o.began = m.clock.Add(1)
	resp, err := client.Do(req)
	if err == nil {
		defer resp.Body.Close()
		err = o.answered(resp)
	}
	o.ended = m.clock.Add(1)
	if err != nil {
		o.got, o.lost = answered{}, err
		return
	}
	for known := m.known.Load(); o.got.offset > known && !m.known.CompareAndSwap(known, o.got.offset); known = m.known.Load() {
	}
}

func (o *modelOp) answered(resp *http.Response) error {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	_ = json.Unmarshal(text, &o.got) // lists have no code
	o.got.status, o.got.body = resp.StatusCode, string(text)
	o.got.offset, err = strconv.ParseInt(resp.Header.Get(headerOffset), 10, 64)
	return err
}

func (m *model) leastKnown() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stands {
		m.floor = m.known.Load()
	}
	return m.floor
}

func (m *model) stand(still bool) {
	m.leastKnown()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stands = still
}

// leader waits for a process that leads, other than one.
func (m *model) leader(but *modelProcess) (slot int) {
	m.t.Helper()
	waitUntil(m.t, "a leader", func() bool {
		for slot = range m.slots {
			if p := m.slots[slot].Load(); p != but && p.Status().Leads {
				return true
			}
		}
		return false
	})
	return slot
}

// disturb has the leader fail, and returns when one leads.
func (m *model) disturb(fault string, round int) {
	m.t.Helper()
	slot := m.leader(nil)
	p := m.slots[slot].Load()
	began, made := time.Now(), m.made.Load()
	m.stand(true)
	defer m.stand(false)
	switch fault {
	case "killed", "stopped":
		if fault == "stopped" {
			p.cancel()
			<-p.done
			m.requests(modelClients)
			p.kill()
		} else {
			p.kill()
			depose(m.t, m.direct)
		}
		m.leader(p)
		m.slots[slot].Store(startModelProcess(m.t, m.direct, fmt.Sprintf("p%d.%d", slot, round+1)))
	case "cut off":
		p.proxy.gate.Lock()
		depose(m.t, m.direct)
		m.leader(p)
		m.requests(modelClients)
		p.proxy.gate.Unlock()
		waitUntil(m.t, "an old leader that knows it", func() bool { return !p.Status().Leads })
	case "disconnected":
		p.proxy.cut()
	case "deposed":
		depose(m.t, m.direct)
		// In the middle of a rebalance it may join anew before it knows, and leads on.
		waitUntil(m.t, "an old leader that knows it", func() bool { return !p.Status().Leads || m.made.Load() > made+modelRequests })
	default:
		p.fault.Store(&fault)
		waitUntil(m.t, fault, func() bool { return p.fault.Load() == nil || !p.Status().Leads })
	}
	m.leader(nil)
	m.t.Logf("round %d, %s was %s: %d requests, %v", round, p.holder, fault, m.made.Load()-made, time.Since(began).Round(time.Millisecond))
}

// readEverything asks each process the same, which none may know otherwise.
func (m *model) readEverything() {
	var asking sync.WaitGroup
	known := m.known.Load()
	for slot := range m.slots {
		asking.Go(func() {
			transport := http.DefaultTransport.(*http.Transport).Clone()
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for n, o := range everything() {
				o.name, o.slot, o.min = fmt.Sprintf("end%d-%d", slot, n), slot, known
				m.send(client, o)
				if o.got.status == 0 || o.got.status >= 500 {
					m.t.Errorf("at the end: %v", o)
				}
				m.mu.Lock()
				m.ops[modelClients] = append(m.ops[modelClients], o)
				m.mu.Unlock()
			}
		})
	}
	asking.Wait()
}
