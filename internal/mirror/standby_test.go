package mirror

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// childEnv holds, for TestChild, the two addresses and what to mirror.
const childEnv = "WEIR_TEST_MIRROR_CHILD"

// TestChild is the mirror in a process of its own.
func TestChild(t *testing.T) {
	args := strings.Split(os.Getenv(childEnv), " ")
	if len(args) != 4 {
		return // startChild runs it
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // until the parent ends
		os.Exit(1)
	}()
	every, err := time.ParseDuration(args[3])
	if err != nil {
		t.Fatal(err)
	}
	c := tiers{connect(t, "local", args[0]), connect(t, "aggregate", args[1])}
	m := c.new(t, Config{
		Stream: args[2], Topics: []string{args[2]}, PositionEvery: every, Holder: "child",
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	t.Fatal(m.Run(context.Background()))
}

// child is a mirror in a process that ends with the test.
type child struct {
	*exec.Cmd
	log  string // a file
	kill func()
}

func (c tiers) startChild(t *testing.T, topic string, every time.Duration) *child {
	t.Helper()
	p := &child{Cmd: exec.Command(os.Args[0], "-test.run=^TestChild$"), log: filepath.Join(t.TempDir(), "log")}
	p.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %v", childEnv, c.from.Bootstrap()[0], c.to.Bootstrap()[0], topic, every))
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.Stderr = log
	stdin, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.kill = sync.OnceFunc(func() {
		p.Process.Kill()
		p.Wait()
		stdin.Close()
	})
	t.Cleanup(p.kill)
	return p
}

// says waits until the child has logged a text so often.
func (p *child) says(t *testing.T, text string, times int) {
	t.Helper()
	eventually(t, fmt.Sprintf("logged %d times: %s", times, text), func() bool {
		log, err := os.ReadFile(p.log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(log), text) >= times
	})
}

// Two mirrors of one stream: one copies, the other stands by. After a clean stop it
// goes on at once, where the first has stopped: no record is copied twice.
func testHandover(t *testing.T, c tiers) {
	const topic = "handover"
	c.ensure(t, topic, 2)
	stopProducing := keepProducing(t, newClient(t, c.from), topic)
	copied := func() (n int64) {
		ends, err := c.to.EndOffsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		return ends[0] + ends[1]
	}
	holder := func(n int) *Mirror {
		return c.new(t, Config{Stream: topic, Topics: []string{topic}, Holder: fmt.Sprint(n)})
	}
	stop := running(t, holder(0))
	for round := range 3 {
		arrived(t, c.to, topic, copied()+50)
		next := holder(round + 1)
		stopNext := running(t, next)
		eventually(t, "standing by", func() bool {
			info, ok := next.lease.Leader()
			return ok && info.Holder == fmt.Sprint(round)
		})
		began := time.Now()
		if err := stop(); err != nil {
			t.Error(err)
		}
		arrived(t, c.to, topic, copied()+50)
		if took := time.Since(began); took > session-time.Second {
			t.Errorf("handing over took %v: that is how long a crash takes", took)
		}
		stop = stopNext
	}
	stopProducing()
	c.atEnd(t, topic)
	if err := stop(); err != nil {
		t.Error(err)
	}
	c.wantSame(t, topic)
}

// The owner is stopped for twice its session, a second one goes on, the first one
// wakes: it moves no position back, stands by, and leads again when the second one
// has stopped. What is there twice was copied behind the position at the stop.
func testStopped(t *testing.T, c tiers) {
	const topic, every = "stopped", 20 * time.Millisecond
	c.ensure(t, topic, 2)
	stopProducing := keepProducing(t, newClient(t, c.from), topic)
	first := c.startChild(t, topic, every)
	arrived(t, c.to, topic, 100)
	src := func() int64 { return last(c.positions(t, topic, topic)[0]).Src }
	eventually(t, "a position stored", func() bool { return src() > 0 })

	first.Process.Signal(syscall.SIGSTOP)
	asleep := time.NewTimer(2 * session)
	stored := c.positions(t, topic, topic)
	stop := c.start(t, Config{Stream: topic, Topics: []string{topic}, PositionEvery: every, Holder: "second"})
	eventually(t, "taken over", func() bool { return src() > last(stored[0]).Src })
	<-asleep.C
	first.Process.Signal(syscall.SIGCONT)
	first.says(t, "joining again as a follower", 1)
	woken := src()
	eventually(t, "the second one goes on", func() bool { return src() > woken+10 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	first.says(t, "mirror starts", 2)
	stopProducing()
	source := c.atEnd(t, topic)
	first.kill()

	target, positions := read(t, c.to, topic), c.positions(t, topic, topic)
	for p := range int32(2) {
		checkCopies(t, fmt.Sprint(topic, "/", p), source[p], target[p], positions[p], last(stored[p]).Src, false)
		for i := 1; i < len(positions[p]); i++ {
			if before, at := positions[p][i-1].Src, positions[p][i].Src; at < before {
				t.Errorf("partition %d: position %d follows %d", p, at, before)
			}
		}
	}
}
