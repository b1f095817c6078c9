package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/fleet"
	"github.com/weirhq/weir/internal/kafkatest"
)

// configure writes a configuration file and returns its name.
func configure(t *testing.T, yaml string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// up starts weir up and waits until its web answers.
func up(t *testing.T, config string) (p *process, url string) {
	t.Helper()
	p = start(t, "up", "-c", config)
	url = p.wait(t, `(?m)^web +(\S+)$`)[1]
	return p, url
}

// sortedLines returns a text's lines in an order of their own.
func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(lines)
	return lines
}

// What weir produce sends, weir consume, kcat and the Java console consumer give
// back, also after a restart.
func TestUp(t *testing.T) {
	path := accessLog(t)
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	want := sortedLines(string(text))
	same := func(who, got string) {
		t.Helper()
		if lines := sortedLines(got); !slices.Equal(lines, want) {
			t.Errorf("%s: %d lines, want %d, and they differ", who, len(lines), len(want))
		}
	}
	// The port has to be the same after the restart, so it is chosen first.
	kafka := freeAddr(t)
	config := configure(t, fmt.Sprintf("data_dir: %s\nweb: {listen: '127.0.0.1:0'}\nclusters: {local: {embedded: {listen: '%s'}}}\n", t.TempDir(), kafka))
	p, url := up(t, config)
	if first := strings.SplitN(p.text(), "\n", 2)[0]; !strings.Contains(first, kafka) {
		t.Errorf("the first line is %q, without the Kafka address", first)
	}
	if _, stderr, code := run(t, "produce", "access", path, "-c", config); code != 0 || !strings.Contains(stderr, "created topic access with 4 partitions") {
		t.Fatalf("weir produce: exit code %d\n%s", code, stderr)
	}
	consume := func() string {
		t.Helper()
		out, stderr, code := run(t, "consume", "access", "--from", "start", "--to", "end", "-o", "raw", "-c", config)
		if code != 0 {
			t.Fatalf("weir consume: exit code %d\n%s", code, stderr)
		}
		return out
	}
	same("weir consume", consume())
	if out, err := exec.Command("kcat", "-b", kafka, "-t", "access", "-C", "-e", "-q").Output(); err != nil {
		t.Errorf("kcat: %v", err)
	} else {
		same("kcat", string(out))
	}
	if !testing.Short() {
		java := kafkatest.Java(t, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", kafka, "--topic", "access", "--from-beginning", "--max-messages", "10000", "--timeout-ms", "20000")
		out, err := java.Output()
		if err != nil {
			t.Errorf("Java console consumer: %v", err)
		}
		same("Java console consumer", string(out))
	}
	var ready struct{ Ready bool }
	eventually(t, "readyz", func() bool { fetch(t, url+"/readyz", &ready); return ready.Ready })
	p.signal(syscall.SIGINT)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("Ctrl-C: exit code %d", code)
	}
	up(t, config)
	same("weir consume after a restart", consume())
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// One process serves two clusters, one of them by SCRAM over TLS; a broker that
// dies shows, and so does its return; a cluster that is down at the start does
// not stop the others and joins when it comes.
func TestUpOnClusters(t *testing.T) {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
	plain := kafkatest.Start(t, kafkatest.Brokers(3), kafkatest.Racks("a", "b", "c"))
	secure := kafkatest.Start(t, kafkatest.SASL("weir", "river"), kafkatest.TLS())
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, secure.CA(), 0o644); err != nil {
		t.Fatal(err)
	}
	secure.Stop()
	config := configure(t, fmt.Sprintf(`
home: plain
web: {listen: "127.0.0.1:0"}
clusters:
  plain: {bootstrap: [%s], datacenter: east, tier: local}
  secure:
    bootstrap: [%s]
    security: {tls: {ca: %s}, sasl: {mechanism: SCRAM-SHA-256, user: weir, password: river}}
`, strings.ReplaceAll(plain.Bootstrap(), ",", ", "), secure.Bootstrap(), ca))
	if stdout, stderr, code := run(t, "config", "check", config); code != 0 || !strings.Contains(stdout, "is good") {
		t.Errorf("config check: exit code %d\n%s", code, stderr)
	}
	if stdout, _, _ := run(t, "config", "print", "-c", config); strings.Contains(stdout, "river") || !strings.Contains(stdout, "(set)") {
		t.Errorf("config print shows the password:\n%s", stdout)
	}
	_, url := up(t, config)
	cluster := func(name string) fleet.ClusterSummary {
		t.Helper()
		var reply struct{ Clusters []fleet.ClusterSummary }
		fetch(t, url+"/api/v1/clusters", &reply)
		i := slices.IndexFunc(reply.Clusters, func(c fleet.ClusterSummary) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("no cluster %s in %+v", name, reply.Clusters)
		}
		return reply.Clusters[i]
	}
	eventually(t, "plain is up beside a cluster that is down", func() bool {
		return cluster("plain").State == "up" && cluster("plain").Brokers == 3 && cluster("secure").State == "down"
	})
	secure.Restart()
	eventually(t, "secure has joined", func() bool { return cluster("secure").State == "up" })
	for _, name := range []string{"plain", "secure"} {
		lines := filepath.Join(t.TempDir(), "lines")
		if err := os.WriteFile(lines, []byte("a\nb\nc\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"-c", config, "--cluster", name}
		wantError(t, `--create`, append([]string{"produce", "letters", lines}, args...)...)
		if _, stderr, code := run(t, append([]string{"produce", "letters", lines, "--create"}, args...)...); code != 0 {
			t.Errorf("produce to %s: exit code %d\n%s", name, code, stderr)
		}
		if out, stderr, _ := run(t, append([]string{"consume", "letters"}, args...)...); !slices.Equal(sortedLines(out), []string{"a", "b", "c"}) {
			t.Errorf("consume from %s gives %q\n%s", name, out, stderr)
		}
	}
	for security, says := range map[string]string{
		fmt.Sprintf("{tls: {ca: %s}, sasl: {mechanism: SCRAM-SHA-256, user: weir, password: wrong}}", ca): `refused user weir`,
		`{sasl: {mechanism: SCRAM-SHA-256, user: weir, password: river}}`:                                 `speaks TLS; set tls`,
		fmt.Sprintf("{tls: {ca: %s}}", ca):                                                                `set sasl`,
		"{tls: {ca: /no/such.pem}}":                                                                       `/no/such\.pem`,
	} {
		bad := configure(t, fmt.Sprintf("home: s\nclusters: {s: {bootstrap: [%s], security: %s}}\n", secure.Bootstrap(), security))
		wantError(t, says, "topics", "list", "-c", bad)
	}
	plain.KillBroker(3)
	eventually(t, "a killed broker shows", func() bool {
		c := cluster("plain")
		return c.BrokersDown == 1 && c.UnderReplicated > 0
	})
	plain.RestartBroker(3)
	eventually(t, "its return shows", func() bool {
		c := cluster("plain")
		return c.BrokersDown == 0 && c.UnderReplicated == 0 && c.State == "up"
	})
}

// What is wrong with a configuration or a connection is said in a line, with the
// remedy.
func TestUpRefuses(t *testing.T) {
	wantError(t, `weir\.yaml:1: .*clusers.*clusters`, "up", "-c", configure(t, "clusers: {}\n"))
	wantError(t, `clusters\.a: give either embedded or bootstrap`, "up", "-c", configure(t, "clusters: {a: {tier: local}}\n"))
	wantError(t, `no such file`, "up", "-c", "/no/such.yaml")
	taken := freeAddr(t)
	first := configure(t, fmt.Sprintf("data_dir: %s\nweb: {listen: '127.0.0.1:0'}\nclusters: {local: {embedded: {listen: '%s'}}}\n", t.TempDir(), taken))
	up(t, first)
	second := configure(t, fmt.Sprintf("data_dir: %s\nweb: {listen: '127.0.0.1:0'}\nclusters: {local: {embedded: {listen: '%s'}}}\n", t.TempDir(), taken))
	wantError(t, `address already in use`, "up", "-c", second)
	wantError(t, `no such topic`, "consume", "nothing", "-c", first)
	wantError(t, `write start, end, a time`, "consume", "nothing", "-c", first, "--from", "yesterday")
	wantError(t, `there are: local`, "consume", "nothing", "-c", first, "--cluster", "east")
	wantError(t, `no broker answers`, "consume", "nothing", "--bootstrap", "127.0.0.1:1")
}

func TestTopicsCommands(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, newCluster func(t testing.TB) string) {
		at := []string{"--bootstrap", newCluster(t)}
		topics := func(code int, args ...string) string {
			t.Helper()
			stdout, stderr, got := run(t, append(append([]string{"topics"}, args...), at...)...)
			if got != code {
				t.Errorf("weir topics %v: exit code %d, want %d\n%s", args, got, code, stderr)
			}
			return stdout + stderr
		}
		has := func(text string, parts ...string) {
			t.Helper()
			for _, part := range parts {
				if !strings.Contains(text, part) {
					t.Errorf("no %q in:\n%s", part, text)
				}
			}
		}
		has(topics(0, "create", "one", "--partitions", "2", "--set", "retention.ms=-1"), "created topic one with 2 partitions")
		has(topics(1, "create", "one"), "exists already")
		has(topics(0, "describe", "one"), "retention.ms=-1", "PARTITION")
		var list struct{ Topics []fleet.TopicRow }
		if err := json.Unmarshal([]byte(topics(0, "list", "-o", "json")), &list); err != nil || len(list.Topics) != 1 || list.Topics[0].Partitions != 2 {
			t.Errorf("list: %v, %+v", err, list)
		}
		has(topics(1, "delete", "one"), "delete", "one", "--yes")
		has(topics(0, "list"), "one")
		has(topics(0, "delete", "one", "--yes"), "done")
		has(topics(1, "describe", "one"), "no such topic")
	})
}
