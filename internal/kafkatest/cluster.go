package kafkatest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"golang.org/x/sync/errgroup"
)

// Cluster is one to three real brokers, each its own controller. Its methods are for the goroutine of its test. Those that take an id
// do to one broker what their namesakes do to all; ids are Kafka's node ids, from 1.
type Cluster struct {
	t          testing.TB
	opts       settings
	javaOption string
	tls        certificates // zero without TLS
	brokers    []*broker    // by id-1
}

type broker struct {
	id                         int32
	dir                        string   // server.properties, log4j2.properties, log4j.properties, kafka.log, data1/, data2/...
	addr, internal, controller string   // of its listeners
	process                    *process // nil while stopped
}

// log4j2 is for Kafka 4, log4j for 3.9. Every broker has both, and reads the one that it knows. Without the last lines
// Kafka prints all its settings at every turn.
const (
	log4j2 = `status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=warn
`
	log4j = `log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c{1} %m%n
log4j.logger.kafka.server.KafkaConfig=WARN
`
)

// startTimeout is far above the usual 3 s: the machine may be busy with other tests.
const startTimeout = 90 * time.Second

// stopTimeout: the usual 1 s, or 6 s where a controller waits for others that have gone too. Without a quorum Kafka would wait for 5 minutes.
const stopTimeout = 60 * time.Second

// leaveTimeout is when who is left of a cluster that stops is killed: the others may have gone before they gave it leave.
const leaveTimeout = 20 * time.Second

// Start runs a fresh cluster until the test ends, and returns when every broker answers. Without options it is one broker that lets
// everybody in. Topics must be created explicitly.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	s := settings{version: Version, brokers: 1, logDirs: 1}
	for _, opt := range opts {
		opt(&s)
	}
	if err := s.validate(); err != nil {
		t.Fatalf("starting Kafka: %v", err)
	}
	return start(t, s, withArchive(t, s.version))
}

func start(t testing.TB, s settings, javaOption string) *Cluster {
	t.Helper()
	c := &Cluster{t: t, opts: s, javaOption: javaOption}
	for i := range c.opts.brokers {
		c.brokers = append(c.brokers, &broker{id: int32(i + 1), dir: t.TempDir(), addr: freeAddr(t), internal: freeAddr(t), controller: freeAddr(t)})
	}
	c.format()
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			for _, b := range c.brokers {
				t.Logf("the end of the log of Kafka at %s:\n%s", b.addr, b.logTail(100))
			}
		}
	})
	c.start(c.brokers)
	return c
}

// format writes every broker's files and runs their formatters side by side.
func (c *Cluster) format() {
	c.t.Helper()
	stores := c.t.TempDir()
	keystore, truststore := filepath.Join(stores, "keystore.pem"), filepath.Join(stores, "truststore.pem")
	if c.opts.tls {
		var err error
		if c.tls, err = newCertificates(); err != nil {
			c.t.Fatalf("making certificates: %v", err)
		}
		c.write(keystore, string(c.tls.broker.key)+string(c.tls.broker.cert))
		c.write(truststore, string(c.tls.ca))
	}
	var formats errgroup.Group
	id := randomID()
	for _, b := range c.brokers {
		c.write(b.path("server.properties"), c.opts.properties(b, c.brokers, keystore, truststore))
		c.write(b.path("log4j2.properties"), log4j2)
		c.write(b.path("log4j.properties"), log4j)
		args := []string{"format", "-t", id, "-c", b.path("server.properties")}
		if c.opts.user != "" {
			args = append(args, "--add-scram", fmt.Sprintf("SCRAM-SHA-256=[name=%s,password=%s]", c.opts.user, c.opts.password))
		}
		cmd := java(c.t, c.opts.version, []string{"-Xmx256m"}, "kafka.tools.StorageTool", args...)
		formats.Go(func() error {
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("formatting %s: %w\n%s", b.dir, err, out)
			}
			return nil
		})
	}
	if err := formats.Wait(); err != nil {
		c.t.Fatal(err)
	}
}

// Bootstrap is the host:port of each broker, separated by commas.
func (c *Cluster) Bootstrap() string {
	addrs := make([]string, len(c.brokers))
	for i, b := range c.brokers {
		addrs[i] = b.addr
	}
	return strings.Join(addrs, ",")
}

// Addr is the host:port of one broker.
func (c *Cluster) Addr(id int32) string { return c.one(id)[0].addr }

// CA is the certificate, in PEM, that clients must trust: nil without TLS.
func (c *Cluster) CA() []byte { return c.tls.ca }

// ClientCertificate is a certificate, in PEM, that clients may show, and its private key: nil without TLS.
func (c *Cluster) ClientCertificate() (cert, key []byte) { return c.tls.client.cert, c.tls.client.key }

// Stop shuts the brokers down cleanly; of several, one that the others have left without a controller is killed.
func (c *Cluster) Stop() {
	c.t.Helper()
	c.end(c.brokers, syscall.SIGTERM)
}

// StopBroker shuts one broker down cleanly: it hands its leaderships over first. That takes a controller, so a majority of the brokers.
func (c *Cluster) StopBroker(id int32) {
	c.t.Helper()
	c.end(c.one(id), syscall.SIGTERM)
}

// Kill ends the brokers by SIGKILL, as a crash would.
func (c *Cluster) Kill() { c.end(c.brokers, syscall.SIGKILL) }

// KillBroker ends one broker by SIGKILL.
func (c *Cluster) KillBroker(id int32) { c.end(c.one(id), syscall.SIGKILL) }

// Restart starts the brokers again on the same data and ports, after Stop or Kill or, if they run, a Stop. It returns when they answer.
func (c *Cluster) Restart() {
	c.t.Helper()
	c.Stop()
	c.start(c.brokers)
}

// RestartBroker does it to one broker. It returns when the broker is back in the cluster, not yet in its ISRs.
func (c *Cluster) RestartBroker(id int32) {
	c.t.Helper()
	c.StopBroker(id)
	c.start(c.one(id))
}

// PauseBroker stops a running broker in its tracks by SIGSTOP: it keeps its connections and answers nothing.
func (c *Cluster) PauseBroker(id int32) { c.signal(id, syscall.SIGSTOP) }

// ResumeBroker lets a paused broker go on. It does not know yet what happened meanwhile.
func (c *Cluster) ResumeBroker(id int32) { c.signal(id, syscall.SIGCONT) }

func (c *Cluster) signal(id int32, sig os.Signal) {
	c.t.Helper()
	p := c.one(id)[0].process
	if p == nil {
		c.t.Fatalf("%v to broker %d, which does not run", sig, id)
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		c.t.Fatalf("%v to broker %d: %v", sig, id, err)
	}
}

func (c *Cluster) one(id int32) []*broker { return c.brokers[id-1 : id] }

// start returns when each of the brokers, none of which runs, has registered with the controller.
func (c *Cluster) start(brokers []*broker) {
	c.t.Helper()
	for _, b := range brokers {
		log, err := os.OpenFile(b.path("kafka.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			c.t.Fatal(err)
		}
		defer log.Close()
		options := []string{c.javaOption, "-Xmx384m", "-Xms128m", "-Dlog4j2.configurationFile=" + b.path("log4j2.properties"), "-Dlog4j.configuration=file:" + b.path("log4j.properties")}
		cmd := java(c.t, c.opts.version, options, "kafka.Kafka", b.path("server.properties"))
		cmd.Stdout, cmd.Stderr = log, log
		if b.process, err = startProcess(cmd); err != nil {
			b.process = nil
			c.t.Fatalf("starting Kafka: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), startTimeout)
	defer cancel()
	for _, b := range brokers {
		for err := c.answers(ctx, b); err != nil; err = c.answers(ctx, b) {
			select {
			case <-b.process.done:
				c.t.Fatalf("Kafka ended while starting: %v", b.process.cmd.ProcessState)
			case <-ctx.Done():
				c.t.Fatalf("Kafka at %s does not answer after %v: %v", b.addr, startTimeout, err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// end ends those of the brokers that run, all at once: one by one, the last would find no controller to give it leave.
func (c *Cluster) end(brokers []*broker, sig os.Signal) {
	c.t.Helper()
	running := slices.DeleteFunc(slices.Clone(brokers), func(b *broker) bool { return b.process == nil })
	for _, b := range running {
		b.process.cmd.Process.Signal(sig)
		b.process.cmd.Process.Signal(syscall.SIGCONT) // a paused one would not hear sig
	}
	timeout := time.After(stopTimeout)
	var leave <-chan time.Time
	if len(running) == len(c.brokers) && len(running) > 1 {
		leave = time.After(leaveTimeout)
	}
	for _, b := range running {
		select {
		case <-b.process.done:
			b.process = nil
		case <-leave:
			c.t.Logf("after %v the brokers that still run are killed", leaveTimeout)
			c.end(c.brokers, syscall.SIGKILL)
			return
		case <-timeout:
			c.t.Fatalf("broker %d does not stop within %v: has it lost its controllers?", b.id, stopTimeout)
		}
	}
}

// answers is nil when the broker, asked as clients ask, knows that it has registered with a controller: topics can be created.
func (c *Cluster) answers(ctx context.Context, b *broker) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	opts := []kgo.Opt{kgo.SeedBrokers(b.addr), kgo.RequestRetries(0)}
	if c.opts.user != "" {
		opts = append(opts, kgo.SASL(plain.Auth{User: c.opts.user, Pass: c.opts.password}.AsMechanism()))
	}
	if c.opts.tls {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(c.tls.ca)
		pair, err := tls.X509KeyPair(c.ClientCertificate())
		if err != nil {
			return err
		}
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none; nil asks for all
	resp, err := client.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return err
	}
	meta := resp.(*kmsg.MetadataResponse)
	if meta.ControllerID < 0 || !slices.ContainsFunc(meta.Brokers, func(m kmsg.MetadataResponseBroker) bool { return m.NodeID == b.id }) {
		return fmt.Errorf("broker %d has not registered", b.id)
	}
	return nil
}

func (c *Cluster) write(path, text string) {
	c.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		c.t.Fatal(err)
	}
}

func (b *broker) path(name string) string { return filepath.Join(b.dir, name) }

func (b *broker) logTail(n int) string {
	text, err := os.ReadFile(b.path("kafka.log"))
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
// could be taken by a client while the broker is down for a restart. Until the test ends, the UDP port of the same number is held: so
// no other call is given it, in this process or another, before the broker listens or while it is down.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 16384+mathrand.IntN(16384))
		held, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			held.Close()
			continue
		}
		ln.Close()
		t.Cleanup(func() { held.Close() })
		return addr
	}
	t.Fatal("no free port found")
	return ""
}
