package client

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits for what comes soon.
const patience = 30 * time.Second

func connect(t *testing.T, addr string) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func ensure(t *testing.T, c *cluster.Cluster, topic string, partitions int32) {
	t.Helper()
	if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: topic, Partitions: partitions, Configs: cluster.Kept()}); err != nil {
		t.Fatal(err)
	}
}

// start returns a running client. Its closing returns Run's error; the test's
// end calls it too.
func start(t *testing.T, addr string, cfg Config, opts ...kgo.Opt) (c *Client, closing func() error) {
	t.Helper()
	cfg.Application = "test"
	c, err := New(cfg, append([]kgo.Opt{
		kgo.SeedBrokers(addr),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // so that a link sees what is in a request
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- c.Run(context.Background()) }()
	closing = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error("closing:", err)
		}
		return <-ran
	})
	t.Cleanup(func() { closing() })
	return c, closing
}

func produce(t *testing.T, c *Client, r *kgo.Record) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return c.ProduceSync(ctx, r)
}

// read returns all records of a topic.
func read(t *testing.T, c *cluster.Cluster, topic string) (records []*kgo.Record) {
	t.Helper()
	_, err := c.ReadToEnd(t.Context(), topic, nil, func(r *kgo.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// reports returns a run's reports in the order of the log, which is that of
// their numbers.
func reports(t *testing.T, c *cluster.Cluster, run wire.RunID) (reports []wire.Report) {
	t.Helper()
	for _, r := range read(t, c, wire.ReportsTopic) {
		if !bytes.Equal(r.Key, run[:]) {
			continue
		}
		report, err := wire.ParseReport(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(reports); n > 0 && reports[n-1].Number >= report.Number {
			t.Errorf("report %d of run %s lies behind report %d", report.Number, run, reports[n-1].Number)
		}
		reports = append(reports, report)
	}
	return reports
}

// stamp returns the record's weir-id, of which there must be one.
func stamp(t *testing.T, r *kgo.Record) (s wire.Stamp, raw []byte) {
	t.Helper()
	for _, h := range r.Headers {
		if h.Key != wire.StampHeader {
			continue
		}
		if raw != nil {
			t.Errorf("%s/%d offset %d has two stamps", r.Topic, r.Partition, r.Offset)
		}
		raw = h.Value
	}
	s, err := wire.ParseStamp(raw)
	if err != nil {
		t.Errorf("%s/%d offset %d: %v", r.Topic, r.Partition, r.Offset, err)
	}
	return s, raw
}

// link is the network between a client and its broker. It can go down, and it
// can lose the answer to a request.
type link struct {
	mu        sync.Mutex // guards all below
	down      bool
	conns     map[*linkConn]bool
	loses     []byte                    // the next request that holds these bytes
	onRequest func(l *link, req []byte) // called before a request is sent, without mu
}

var errLink = errors.New("the link is down")

func (l *link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &linkConn{Conn: conn, link: l}
	if l.conns == nil {
		l.conns = map[*linkConn]bool{}
	}
	l.conns[c] = true
	return c, nil
}

// setDown cuts all connections and refuses new ones, or ends that.
func (l *link) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	if down {
		for c := range l.conns {
			c.Conn.Close()
		}
		clear(l.conns)
	}
}

// lose has the answer to the next request that holds marker lost.
func (l *link) lose(marker string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loses = []byte(marker)
}

// lost says whether the answer that lose asked for was lost.
func (l *link) lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loses == nil
}

type linkConn struct {
	net.Conn
	link *link
	lost bool // guarded by link.mu: the next answer is lost
}

// Write gets one whole request: kgo writes them so.
func (c *linkConn) Write(b []byte) (int, error) {
	c.link.mu.Lock()
	if marker := c.link.loses; marker != nil && bytes.Contains(b, marker) {
		c.link.loses, c.lost = nil, true
	}
	onRequest := c.link.onRequest
	c.link.mu.Unlock()
	if onRequest != nil {
		onRequest(c.link, b)
	}
	return c.Conn.Write(b)
}

// Read waits for the answer even if it is lost: so the broker has done what the
// request asked for.
func (c *linkConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.lost {
		c.Conn.Close()
		return 0, errLink
	}
	return n, err
}
