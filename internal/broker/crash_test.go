package broker_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/broker/brokertest"
)

// childDir, when set, makes the test binary an engine on that directory.
const childDir = "WEIR_TEST_BROKER_DIR"

// runChild says its address on the first line of stdout and serves until stdin ends: it can't outlive its parent.
func runChild(dir string) int {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	b, err := broker.New(broker.Config{Dir: dir})
	if err == nil {
		fmt.Println(b.Addr())
		err = b.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startChild runs an engine in a process of its own. kill sends SIGKILL and waits for the end; the test's end calls it too.
func startChild(t *testing.T, dir string) (addr string, kill func()) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		child.Process.Kill()
		child.Wait()
		stdin.Close()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the engine did not start: %v", err)
	}
	return strings.TrimSpace(line), kill
}

// An engine is killed while it takes records, three times; whatever it acknowledged is there afterwards, in its place.
func TestKillLosesNoAcknowledgedRecord(t *testing.T) {
	dir := t.TempDir()
	acked := map[int64]string{}
	for round := range 3 {
		addr, kill := startChild(t, dir)
		client, admin := connect(t, addr, kgo.DefaultProduceTopic("orders"), kgo.AllowIdempotentProduceCancellation(), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(500))
		if round == 0 {
			createTopic(t, admin, "orders", nil)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		acks := make(chan *kgo.Record)
		go func() {
			defer close(acks)
			for i := 0; ctx.Err() == nil; i++ {
				client.Produce(ctx, kgo.StringRecord(fmt.Sprintf("%d/%d", round, i)), func(r *kgo.Record, err error) {
					if err == nil {
						acks <- r
					}
				})
			}
			client.Flush(context.Background()) // ctx has ended, so all have their outcome soon
		}()
		// The kill falls between a record that was just acknowledged and others in flight. From then on the client gets no answers but
		// those already on the socket, and they count too.
		before := len(acked)
		for r := range acks {
			acked[r.Offset] = string(r.Value)
			if len(acked) == before+300 {
				go func() {
					kill()
					cancel()
				}()
			}
		}
		cancel()
	}

	b, _ := brokertest.Start(t, broker.Config{Dir: dir})
	_, admin := connect(t, b.Addr())
	ends, err := admin.ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup("orders", 0)
	values := read(t, b.Addr(), "orders", int(end.Offset))
	t.Logf("%d records acknowledged, %d found", len(acked), len(values))
	if len(acked) < 900 {
		t.Errorf("only %d records acknowledged in three rounds", len(acked))
	}
	for offset, want := range acked {
		if offset >= int64(len(values)) || values[offset] != want {
			t.Fatalf("record %s, acknowledged at offset %d, is not there", want, offset)
		}
	}
}

// The directory is locked against other processes, and a killed one leaves no lock behind.
func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	addr, kill := startChild(t, dir)
	_, admin := connect(t, addr)
	id := clusterIDOf(t, admin)
	if b, err := broker.New(broker.Config{Dir: dir}); err == nil {
		b.Close()
		t.Error("two processes on one directory")
	}
	kill()
	if b, _ := brokertest.Start(t, broker.Config{Dir: dir}); b.ClusterID() != id {
		t.Errorf("cluster id %s after the kill, %s before", b.ClusterID(), id)
	}
}
