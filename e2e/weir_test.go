package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// weir is the binary under test, built once: without the race detector, since
// what it does is timed by its users.
var weir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "weir-e2e-")
	if err != nil {
		panic(err)
	}
	weir = filepath.Join(dir, "weir")
	if out, err := exec.Command("go", "build", "-o", weir, "../cmd/weir").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building weir: %v\n%s", err, out)
		os.Exit(1)
	}
	os.Setenv("WEIR_REGISTRY_SNAPSHOT_DIR", "off") // in the user's cache otherwise
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// result is the last line of stdout of weir demo --exit -o json.
type result struct {
	Records, Unparsed int64
	Windows           []audit.Window
}

// run runs weir to its end and returns what it printed, and its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, weir, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("weir %s: %v, %v\n%s%s", strings.Join(args, " "), err, ctx.Err(), &out, &errs)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// runDemo runs weir demo --exit -o json with more arguments.
func runDemo(t *testing.T, wantCode int, args ...string) (result, string) {
	t.Helper()
	stdout, stderr, code := run(t, append([]string{"demo", "--exit", "-o", "json"}, args...)...)
	if code != wantCode {
		t.Fatalf("exit code %d, want %d\n%s", code, wantCode, stderr)
	}
	if strings.Count(stdout, "\n") != 1 {
		t.Fatalf("stdout is not one line:\n%s", stdout)
	}
	var r result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	return r, stderr
}

// process is a weir that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu    sync.Mutex
	lines []string // of stdout and stderr
	more  chan struct{}
}

// start starts weir. It is killed when the test ends.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(weir, args...), ended: make(chan struct{}), more: make(chan struct{})}
	// What a killed one leaves behind goes with the test.
	p.cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		scanner := bufio.NewScanner(r)
		for scanner.Scan() {
			p.mu.Lock()
			p.lines = append(p.lines, scanner.Text())
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
		close(p.ended)
	}()
	go func() { p.cmd.Wait(); w.Close() }()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("weir %s printed:\n%s", strings.Join(args, " "), p.text())
		}
	})
	return p
}

// signal sends a signal and waits for the end.
func (p *process) signal(s syscall.Signal) {
	p.cmd.Process.Signal(s)
	<-p.ended
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// wait waits until what was printed matches and returns the submatches.
func (p *process) wait(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	timeout := time.After(time.Minute)
	for {
		p.mu.Lock()
		more := p.more
		p.mu.Unlock()
		if m := re.FindStringSubmatch(p.text()); m != nil {
			return m
		}
		select {
		case <-more:
		case <-p.ended:
			t.Fatalf("weir ended before it printed %q", pattern)
		case <-timeout:
			t.Fatalf("weir has not printed %q", pattern)
		}
	}
}

// kafkas returns the Kafka addresses that weir printed.
func (p *process) kafkas(t *testing.T) (local, aggregate string) {
	m := p.wait(t, `(?m)^local +(\S+) \(Kafka`)
	return m[1], p.wait(t, `(?m)^aggregate +(\S+) \(Kafka`)[1]
}

func (p *process) url(t *testing.T) string { return p.wait(t, `(?m)^page +(\S+)/ui/audit$`)[1] }

// engines runs body once with arguments that make weir keep its data in
// embedded clusters, and once with two real ones.
func engines(t *testing.T, body func(t *testing.T, args []string)) {
	t.Run("embedded", func(t *testing.T) {
		body(t, []string{"--data", t.TempDir(), "--listen", "127.0.0.1:0"})
	})
	t.Run("kafka", func(t *testing.T) {
		if testing.Short() {
			t.Skip("NO REAL KAFKA: -short is set")
		}
		local, aggregate := kafkatest.Start(t), kafkatest.Start(t)
		body(t, []string{"--bootstrap", "local=" + local.Bootstrap(), "--bootstrap", "aggregate=" + aggregate.Bootstrap(), "--listen", "127.0.0.1:0"})
	})
}

// accessLog returns the real access log, or skips.
func accessLog(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("WEIR_DATA")
	if dir == "" {
		t.Skip("WEIR_DATA is not set: it names the folder that holds access.log.gz")
	}
	return filepath.Join(dir, "access.log.gz")
}

// readAll returns every record of a topic.
func readAll(t *testing.T, bootstrap, topic string) (records []*kgo.Record) {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "test", Bootstrap: []string{bootstrap}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.ReadToEnd(t.Context(), topic, nil, func(r *kgo.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// wantComplete checks that every window is complete, to the record.
func wantComplete(t *testing.T, r result, records int64, windows int) {
	t.Helper()
	if r.Records != records || len(r.Windows) != windows {
		t.Errorf("%d records in %d windows, want %d in %d", r.Records, len(r.Windows), records, windows)
	}
	sums := map[string]uint64{}
	for _, w := range r.Windows {
		if w.Verdict != audit.Complete {
			t.Errorf("window %v is %s: %+v", w.Start, w.Verdict, w.Pairs)
		}
		for tier, n := range w.Counts {
			sums[tier] += n
		}
	}
	for _, tier := range []string{"producer", "local", "aggregate"} {
		if sums[tier] != uint64(records) {
			t.Errorf("tier %s counts %d records, want %d", tier, sums[tier], records)
		}
	}
}

// freeAddr returns an address of this machine that nobody listens on just now.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
