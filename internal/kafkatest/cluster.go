package kafkatest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Cluster is one real broker, its own controller. Its methods are for the goroutine of its test.
type Cluster struct {
	t         testing.TB
	dir       string // server.properties, log4j2.properties, kafka.log, data/
	bootstrap string
	broker    *process // nil while stopped
}

// server is the broker's configuration: small, and without the delays that only help large clusters.
const server = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[3]s
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# After a kill the controller lets the broker back in only when its old session has ended; the default is 9000.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
# The default of 128 MB does not fit the heap.
log.cleaner.dedupe.buffer.size=8388608
`

const log4j2 = `status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
`

// startTimeout is far above the usual 3 s: the machine may be busy with other tests.
const startTimeout = 90 * time.Second

// Start runs a fresh cluster until the test ends, and returns when it answers. Its topics must be created explicitly.
func Start(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t, dir: t.TempDir(), bootstrap: freeAddr(t)}
	config := c.path("server.properties")
	c.write(config, fmt.Sprintf(server, c.bootstrap, freeAddr(t), c.path("data")))
	c.write(c.path("log4j2.properties"), log4j2)
	if out, err := Java(t, "kafka.tools.StorageTool", "format", "-t", randomID(), "-c", config).CombinedOutput(); err != nil {
		t.Fatalf("formatting %s: %v\n%s", c.path("data"), err, out)
	}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("the end of the log of Kafka at %s:\n%s", c.bootstrap, c.logTail(100))
		}
	})
	c.start()
	return c
}

// Bootstrap is the broker's host:port.
func (c *Cluster) Bootstrap() string { return c.bootstrap }

// Stop shuts the broker down cleanly.
func (c *Cluster) Stop() { c.end(syscall.SIGTERM) }

// Kill ends the broker by SIGKILL, as a crash would.
func (c *Cluster) Kill() { c.end(syscall.SIGKILL) }

// Restart starts the broker again on the same data and ports, after Stop or Kill or, if it runs, a Stop. It returns when the broker answers.
func (c *Cluster) Restart() {
	c.t.Helper()
	c.Stop()
	c.start()
}

func (c *Cluster) start() {
	c.t.Helper()
	log, err := os.OpenFile(c.path("kafka.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	cmd := java(c.t, []string{"-Xmx384m", "-Xms128m", "-Dlog4j2.configurationFile=" + c.path("log4j2.properties")}, "kafka.Kafka", c.path("server.properties"))
	cmd.Stdout, cmd.Stderr = log, log
	if c.broker, err = startProcess(cmd); err != nil {
		c.t.Fatalf("starting Kafka: %v", err)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), startTimeout)
	defer cancel()
	for err := answers(ctx, c.bootstrap); err != nil; err = answers(ctx, c.bootstrap) {
		select {
		case <-c.broker.done:
			c.t.Fatalf("Kafka ended while starting: %v", c.broker.cmd.ProcessState)
		case <-ctx.Done():
			c.t.Fatalf("Kafka at %s does not answer after %v: %v", c.bootstrap, startTimeout, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *Cluster) end(sig os.Signal) {
	if c.broker == nil {
		return
	}
	c.broker.cmd.Process.Signal(sig)
	<-c.broker.done
	c.broker = nil
}

// answers is nil when the broker has registered with its controller: topics can be created.
func answers(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer client.Close()
	meta, err := kadm.NewClient(client).BrokerMetadata(ctx)
	if err == nil && (len(meta.Brokers) == 0 || meta.Controller < 0) {
		err = errors.New("no broker has registered")
	}
	return err
}

func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *Cluster) write(path, text string) {
	c.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) logTail(n int) string {
	text, err := os.ReadFile(c.path("kafka.log"))
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// randomID is a cluster id; it does not begin with a dash, which the command line would take for an option.
func randomID() string {
	var raw [16]byte
	rand.Read(raw[:])
	return strings.Replace(base64.RawURLEncoding.EncodeToString(raw[:]), "-", "_", 1)
}

// freeAddr is an address of 127.0.0.1 that nobody listens on, below the ports that Linux gives to outgoing connections: one of those
// could be taken by a client while the broker is down for a restart.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 16384+mathrand.IntN(16384))
		if ln, err := net.Listen("tcp", addr); err == nil {
			ln.Close()
			return addr
		}
	}
	t.Fatal("no free port found")
	return ""
}
