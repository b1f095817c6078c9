package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// command is a weir that runs.
type command struct {
	in       io.WriteCloser
	printing chan struct{} // closed when it prints
	ended    chan error

	mu        sync.Mutex // guards the buffers
	out, errs bytes.Buffer
}

// begin starts weir. It ends with the test.
func begin(t *testing.T, args ...string) *command {
	t.Helper()
	open := make(chan struct{})
	close(open)
	return beginTo(t, open, args...)
}

// beginTo takes nothing of what weir prints before the gate is closed.
func beginTo(t *testing.T, gate <-chan struct{}, args ...string) *command {
	t.Helper()
	c := &command{printing: make(chan struct{}), ended: make(chan error, 1)}
	cmd := exec.CommandContext(t.Context(), "weir", args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.Stdout, cmd.Stderr = gated{gate, sync.OnceFunc(func() { close(c.printing) }), locked{&c.mu, &c.out}}, locked{&c.mu, &c.errs}
	var err error
	if c.in, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() { c.ended <- cmd.Wait() }()
	return c
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// gated takes nothing before the gate is closed, and says when there is something.
type gated struct {
	gate  <-chan struct{}
	first func()
	w     io.Writer
}

func (g gated) Write(b []byte) (int, error) {
	g.first()
	<-g.gate
	return g.w.Write(b)
}

func (c *command) text(of *bytes.Buffer) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return of.String()
}

// end waits for the end, which no fault may put off for ever.
func (c *command) end(t *testing.T) (out, errs string, err error) {
	t.Helper()
	c.in.Close()
	began := time.Now()
	select {
	case err = <-c.ended:
	case <-time.After(90 * time.Second):
		t.Fatalf("it hangs:\n%s", c.text(&c.errs))
	}
	t.Logf("it took %v: %v, %s", time.Since(began), err, c.text(&c.errs))
	return c.text(&c.out), c.text(&c.errs), err
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// numbered returns n lines, each a number.
func numbered(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "%d\n", i)
	}
	return b.String()
}

// noise returns lines of about so many bytes in all, which hardly compress: more than
// a reader fetches at once.
func noise(size int) string {
	raw := make([]byte, size*3/4)
	rand.NewChaCha8([32]byte{}).Read(raw)
	text := []byte(base64.StdEncoding.EncodeToString(raw))
	for i := 100_000; i < len(text); i += 100_000 {
		text[i] = '\n'
	}
	return string(text) + "\n"
}

// A broker that goes half-way: the command goes on when it comes back, and says so
// in a line when it does not.
func TestBrokerGoes(t *testing.T) {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
	kafka := kafkatest.Start(t)
	pause := func() { kafka.PauseBroker(1) }
	resume := func() { kafka.ResumeBroker(1) }
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "east", Bootstrap: []string{kafka.Bootstrap()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	at := []string{"--bootstrap", kafka.Bootstrap()}
	for _, topic := range []string{"paused", "killed", "lost", "large"} {
		if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: topic, Partitions: 1}); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(topic string, n int64) func() bool {
		return func() bool {
			ends, err := c.EndOffsets(t.Context(), topic)
			return err == nil && ends[0] == n
		}
	}
	largeText := noise(40 << 20)
	large := begin(t, append([]string{"produce", "large"}, at...)...)
	io.WriteString(large.in, largeText)
	if _, _, err := large.end(t); err != nil {
		t.Fatal(err)
	}

	for _, fault := range []struct {
		topic      string
		begin, end func()
	}{{"paused", pause, resume}, {"killed", kafka.Kill, kafka.Restart}} {
		t.Run(fault.topic, func(t *testing.T) {
			producer := begin(t, append([]string{"produce", fault.topic}, at...)...)
			io.WriteString(producer.in, numbered(0, 1000))
			eventually(t, "half is there", holds(fault.topic, 1000))
			follower := begin(t, append([]string{"consume", fault.topic, "--follow"}, at...)...)
			eventually(t, "it is read", func() bool { return follower.text(&follower.out) == numbered(0, 1000) })
			reader := beginReading(t, at)
			fault.begin()
			io.WriteString(producer.in, numbered(1000, 1000))
			reader.goOn(t)
			fault.end()
			if _, errs, err := producer.end(t); err != nil || errs != "2000 records sent to "+fault.topic+"\n" {
				t.Errorf("produce: %v\n%s", err, errs)
			}
			eventually(t, "all is read, once", func() bool { return follower.text(&follower.out) == numbered(0, 2000) })
			if out, errs, err := reader.end(t); err != nil || errs != "" || out != largeText {
				t.Errorf("consume: %v, %d bytes of %d\n%s", err, len(out), len(largeText), errs)
			}
		})
	}
	t.Run("for good", func(t *testing.T) {
		producer := begin(t, append([]string{"produce", "lost", "--timeout", "3s"}, at...)...)
		io.WriteString(producer.in, numbered(0, 1000))
		eventually(t, "half is there", holds("lost", 1000))
		reader := beginReading(t, at)
		kafka.Kill()
		io.WriteString(producer.in, numbered(1000, 1000))
		reader.goOn(t)
		_, errs, err := producer.end(t)
		wantRefusal(t, errs, err, `\d+ of 2000 records were not acknowledged, the first: outcome unknown: `)
		out, errs, err := reader.end(t)
		wantRefusal(t, errs, err, "reading large on cluster "+kafka.Bootstrap()+": .*connection refused")
		if out == "" || !strings.HasPrefix(largeText, out) {
			t.Errorf("what was read before is not printed: %d bytes", len(out))
		}
	})
}

// wantRefusal wants exit code 1 and one line like a pattern.
func wantRefusal(t *testing.T, errs string, err error, says string) {
	t.Helper()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitError || strings.Count(errs, "\n") != 1 || !regexp.MustCompile("^weir: "+says).MatchString(errs) {
		t.Errorf("%v, want exit code 1 and one line like %q:\n%s", err, says, errs)
	}
}

// reading is a weir that prints the large topic, and stands still because nobody
// takes what it prints.
type reading struct {
	*command
	gate chan struct{}
}

func beginReading(t *testing.T, at []string) *reading {
	t.Helper()
	gate := make(chan struct{})
	r := &reading{beginTo(t, gate, append([]string{"consume", "large"}, at...)...), gate}
	select {
	case <-r.printing:
	case err := <-r.ended:
		t.Fatalf("it prints nothing: %v\n%s", err, r.text(&r.errs))
	}
	return r
}

// goOn takes what it prints, until nothing more comes: it has read ahead.
func (r *reading) goOn(t *testing.T) {
	t.Helper()
	close(r.gate)
	for n := -1; ; {
		now := len(r.text(&r.out))
		if now == n {
			return
		}
		n = now
		time.Sleep(500 * time.Millisecond)
	}
}
