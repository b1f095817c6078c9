package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// registryClient is a program in e2e/clients: VERB FORMAT KAFKA REGISTRY TOPIC.
type registryClient struct {
	name          string
	command       []string
	writes, reads string // formats
}

// installed puts the registry clients of three languages into a folder that later
// runs find again, unchanged, from where their users get them.
func installed(t *testing.T) []registryClient {
	t.Helper()
	for _, tool := range []string{"python3", "npm", "node"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("registry clients: %v", err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "weir", "registry-clients")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	src, err := filepath.Abs("clients")
	if err != nil {
		t.Fatal(err)
	}
	install := func(in string, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = in
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	venv, python := filepath.Join(dir, "python"), filepath.Join(dir, "python", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		install(dir, "python3", "-m", "venv", venv)
	}
	install(dir, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join(src, "requirements.txt"))
	node := filepath.Join(dir, "node")
	if err := os.MkdirAll(node, 0o755); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join(src, "*.js*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts { // node looks for modules beside the script
		b, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(node, filepath.Base(script)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	install(node, "npm", "install", "--no-audit", "--no-fund", "--silent")
	bin := filepath.Join(dir, "golang") + string(filepath.Separator)
	install(filepath.Join(src, "golang"), "go", "build", "-o", bin, "./...")
	return []registryClient{
		{"confluent-kafka-python", []string{python, filepath.Join(src, "confluent.py")}, "avro json protobuf", "avro json protobuf"},
		{"python-schema-registry-client", []string{python, filepath.Join(src, "registry_client.py")}, "avro json", "avro json"},
		// It writes Protobuf without the message's index, which nobody else can read.
		{"@kafkajs/confluent-schema-registry", []string{"node", filepath.Join(node, "kafkajs_registry.js")}, "avro json", "avro json protobuf"},
		{"@confluentinc/schemaregistry", []string{"node", filepath.Join(node, "confluentinc_registry.js")}, "avro json protobuf", "avro json protobuf"},
		{"confluent-kafka-go", []string{bin + "confluent"}, "avro json protobuf", "avro json protobuf"},
		{"franz-go", []string{bin + "franz"}, "avro", "avro"},
	}
}

func (c registryClient) run(t *testing.T, verb, format, kafka, registry, topic string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], append(c.command[1:], verb, format, kafka, registry, topic)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %s %s: %v\n%s", c.name, verb, format, err, &errs)
	}
	return out.String()
}

// Unchanged registry clients produce to one topic, and each reads what all of them
// wrote, in each format that it has.
func TestRegistryClients(t *testing.T) {
	clients := installed(t)
	kafkatest.EachEngine(t, func(t *testing.T, start func(testing.TB) string) {
		addr := start(t)
		c, err := cluster.Connect(t.Context(), cluster.Config{Name: "main", Bootstrap: []string{addr}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, url := up(t, configure(t, fmt.Sprintf("web: {listen: '127.0.0.1:0'}\nclusters: {main: {bootstrap: ['%s']}}\n", addr)))
		for _, format := range strings.Fields("avro json protobuf") {
			topic := "clients-" + format
			if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: topic, Partitions: 1}); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, client := range clients {
				if strings.Contains(client.writes, format) {
					client.run(t, "produce", format, addr, url, topic)
					for n := range 3 {
						want = append(want, fmt.Sprintf(`{"client":%q,"n":%d,"price":{"currency":"EUR","units":%d}}`, client.name, n, n))
					}
				}
			}
			slices.Sort(want)
			for _, client := range clients {
				if strings.Contains(client.reads, format) {
					// Python puts a space after each comma and colon.
					got := sortedLines(strings.NewReplacer(", ", ",", ": ", ":").Replace(client.run(t, "consume", format, addr, url, topic)))
					if !slices.Equal(got, want) {
						t.Errorf("%s read of %s:\n%s\nwant\n%s", client.name, topic, strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
				}
			}
		}
	})
}
