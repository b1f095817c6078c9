package e2e

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/verify"
)

const schemasTopic = "_schemas"

// recorded is a schemas topic that another registry has written, and what it means.
type recorded struct {
	records  []*kgo.Record
	versions []expectedVersion
	config   map[string]string // "null" is the registry
	highest  int
	legacy   string // bytes that are in the key of every record that has to go
}

type expectedVersion struct {
	Subject string
	Version int
	ID      int
	Type    string
	Deleted bool
	Refs    int
}

// realTopic is what a registry wrote for eight clients.
func realTopic(t *testing.T) (r recorded) {
	t.Helper()
	dir := os.Getenv("WEIR_DATA")
	if dir == "" {
		t.Skip("WEIR_DATA is not set: it names the folder that holds schemas-topic.jsonl")
	}
	file, err := os.Open(filepath.Join(dir, "schemas-topic.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct{ Key, Value *string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		r.records = append(r.records, &kgo.Record{Topic: schemasTopic, Key: unbase64(t, line.Key), Value: unbase64(t, line.Value)})
	}
	text, err := os.ReadFile(filepath.Join(dir, "schemas-topic.expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Versions  []expectedVersion
		Config    map[string]string
		MaxIDSeen int `json:"max_id_seen"`
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	r.versions, r.config, r.highest = want.Versions, want.Config, want.MaxIDSeen
	return r
}

func unbase64(t *testing.T, text *string) []byte {
	t.Helper()
	if text == nil {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(*text)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{}, b...) // an empty value is no null
}

// oldTopic is in the style of older registries: magic 0, other orders of keys, nulls.
// Deletions under today's bytes leave what lies under the old ones.
func oldTopic(*testing.T) recorded {
	old := func(rest string) string { return `{"magic":0,` + rest + `}` }
	schema := func(subject string, version int) string {
		return old(fmt.Sprintf(`"keytype":"SCHEMA","subject":%q,"version":%d`, subject, version))
	}
	value := func(subject string, version, id int, text string) string {
		return fmt.Sprintf(`{"subject":%q,"version":%d,"id":%d,"schema":%q,"deleted":false}`, subject, version, id, text)
	}
	var r recorded
	for _, kv := range [][2]string{
		{old(`"keytype":"CONFIG","subject":null`), `{"compatibilityLevel":"FULL"}`},
		{`{"keytype":"NOOP","magic":0}`, ""},
		{schema("a", 1), value("a", 1, 1, `"int"`)},
		{schema("a", 2), value("a", 2, 2, `"long"`)},
		{schema("b", 1), value("b", 1, 1, `"int"`)},
		{schema("c", 1), value("c", 1, 3, `"string"`)},
		{schema("gone", 1), value("gone", 1, 4, `"bytes"`)},
		{old(`"keytype":"MODE","subject":"a"`), `{"mode":"READONLY"}`},
		{old(`"keytype":"DELETE_SUBJECT","subject":"c"`), `{"subject":"c","version":1}`},
		{`{"keytype":"CONFIG","magic":0}`, `{"compatibilityLevel":"NONE"}`},
		{`{"keytype":"MODE","subject":"a","magic":0}`, ""},
		{`{"keytype":"DELETE_SUBJECT","subject":"gone","magic":0}`, `{"subject":"gone","version":1}`},
		{`{"keytype":"SCHEMA","subject":"gone","version":1,"magic":1}`, ""},
	} {
		record := &kgo.Record{Topic: schemasTopic, Key: []byte(kv[0])}
		if kv[1] != "" {
			record.Value = []byte(kv[1])
		}
		r.records = append(r.records, record)
	}
	r.versions = []expectedVersion{{"a", 1, 1, "AVRO", false, 0}, {"a", 2, 2, "AVRO", false, 0}, {"b", 1, 1, "AVRO", false, 0}, {"c", 1, 3, "AVRO", true, 0}}
	r.config, r.highest, r.legacy = map[string]string{"null": "NONE"}, 4, `"magic":0,"keytype"`
	return r
}

// A topic that another registry has written is served as it is, taken over, repaired,
// compacted, handed back and taken over again; what is deleted stays deleted.
func TestRegistryTakesOver(t *testing.T) {
	for name, topic := range map[string]func(*testing.T) recorded{"real": realTopic, "old": oldTopic} {
		t.Run(name, func(t *testing.T) {
			kafkatest.EachEngine(t, func(t *testing.T, start func(testing.TB) string) {
				takesOver(t, topic(t), start(t))
			})
		})
	}
}

func takesOver(t *testing.T, topic recorded, addr string) {
	c := connect(t, addr)
	client := loadTopic(t, c, topic.records)
	config := configure(t, fmt.Sprintf("web: {listen: '127.0.0.1:0'}\nclusters: {main: {bootstrap: ['%s']}}\n", addr))
	p, url := upRegistry(t, config)
	wantServed(t, url, topic, nil)
	must(t, "schema", "takeover", "--registry", url, "--yes", "--reason", "a test")
	verified := func() { t.Helper(); must(t, "schema", "verify", "--bootstrap", addr, "--registry", url) }
	verified()

	registerText(t, url, "new", `"double"`, topic.highest+1)
	registerText(t, url, "deleted", `"float"`, topic.highest+2)
	must(t, "schema", "delete", "deleted", "--registry", url, "--yes")
	must(t, "schema", "delete", "deleted", "--registry", url, "--yes", "--permanent")
	more := expectedVersion{"new", 1, topic.highest + 1, "AVRO", false, 0}
	wantServed(t, url, topic, &more)
	if strings.Contains(t.Name(), "/kafka") {
		compact(t, c, client, url, topic)
	} else {
		t.Log("by design: the embedded engine does not compact by itself; Kafka's compaction is shown on Kafka")
	}
	verified()
	wantServed(t, url, topic, &more)

	must(t, "schema", "handback", "--registry", url, "--yes", "--reason", "a test")
	if _, err := (&remote.Client{URL: url}).Register(t.Context(), "late", remote.Schema{Schema: `"boolean"`}, false, false); err == nil || !strings.Contains(err.Error(), "schema takeover") {
		t.Errorf("behind the handback: %v", err)
	}
	verified()
	wantReplay(t, addr, topic, more)

	p.signal(syscall.SIGTERM)
	_, url = upRegistry(t, config)
	wantServed(t, url, topic, &more)
	verified()
	must(t, "schema", "takeover", "--registry", url, "--yes")
	registerText(t, url, "late", `"boolean"`, topic.highest+3)
	verified()
}

// upRegistry starts weir up and waits until its registry serves.
func upRegistry(t *testing.T, config string) (p *process, url string) {
	t.Helper()
	p, url = up(t, config)
	eventually(t, "the registry serves", func() bool {
		_, err := (&remote.Client{URL: url}).Subjects(t.Context(), false)
		return err == nil
	})
	return p, url
}

func connect(t *testing.T, addr string) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "main", Bootstrap: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// loadTopic makes a schemas topic of records.
func loadTopic(t *testing.T, c *cluster.Cluster, records []*kgo.Record) *kgo.Client {
	t.Helper()
	if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: schemasTopic, Partitions: 1, Configs: cluster.Compacted()}); err != nil {
		t.Fatal(err)
	}
	client, err := c.Client(kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return client
}

// must runs weir, which has to succeed.
func must(t *testing.T, system, verb string, args ...string) string {
	t.Helper()
	stdout, stderr, code := run(t, append([]string{system, verb}, args...)...)
	if code != 0 {
		t.Fatalf("weir %s %s %s: exit code %d\n%s%s", system, verb, strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

func registerText(t *testing.T, url, subject, text string, want int) {
	t.Helper()
	id, err := (&remote.Client{URL: url}).Register(t.Context(), subject, remote.Schema{Schema: text}, false, false)
	if err != nil || id != want {
		t.Errorf("%s as %s: id %d, %v; want %d", text, subject, id, err, want)
	}
}

// wantServed checks that the registry serves what is expected, and one version more.
func wantServed(t *testing.T, url string, topic recorded, more *expectedVersion) {
	t.Helper()
	snapshot, err := (&remote.Client{URL: url}).Snapshot(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []expectedVersion
	for _, v := range snapshot.Versions {
		got = append(got, expectedVersion{v.Subject, v.Version, v.ID, v.Type(), v.Deleted, len(v.References)})
	}
	if diff := gocmp.Diff(expected(topic, more), got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	for subject, want := range topic.config { // also of subjects that have no version
		if subject == "null" {
			subject = ""
		}
		config, _, err := (&remote.Client{URL: url}).Config(t.Context(), subject)
		if got := strings.Trim(string(config["compatibilityLevel"]), `"`); err != nil || got != want {
			t.Errorf("config of %q: %s, %v, want %s", subject, got, err, want)
		}
	}
}

func expected(topic recorded, more *expectedVersion) []expectedVersion {
	want := slices.Clone(topic.versions)
	if more != nil {
		want = append(want, *more)
	}
	slices.SortFunc(want, func(a, b expectedVersion) int {
		return strings.Compare(fmt.Sprintf("%s %9d", a.Subject, a.Version), fmt.Sprintf("%s %9d", b.Subject, b.Version))
	})
	return want
}

// compact has Kafka compact the topic until the old keys, and the deletions, are gone.
func compact(t *testing.T, c *cluster.Cluster, client *kgo.Client, url string, topic recorded) {
	t.Helper()
	admin := kadm.NewClient(client)
	backoff := "100"
	if _, err := admin.AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "log.cleaner.backoff.ms", Value: &backoff}}); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{"segment.ms": "200", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "100", "max.compaction.lag.ms": "200"}
	if err := c.AlterTopic(t.Context(), schemasTopic, settings, nil, false); err != nil {
		t.Fatal(err)
	}
	before := len(readAll(t, c.Bootstrap()[0], schemasTopic))
	serves := &remote.Client{URL: url}
	level := cmp.Or(topic.config["null"], "BACKWARD")
	n := 0
	eventually(t, "compacted", func() bool {
		// A write rolls the segment; the last one is never compacted.
		if err := serves.SetConfig(t.Context(), "", map[string]any{"compatibility": level}); err != nil {
			t.Fatal(err)
		}
		n++
		records := readAll(t, c.Bootstrap()[0], schemasTopic)
		left := slices.ContainsFunc(records[:max(0, len(records)-n-2)], func(r *kgo.Record) bool {
			return r.Value == nil || topic.legacy != "" && strings.Contains(string(r.Key), topic.legacy)
		})
		return !left && len(records) < before+n
	})
	if err := c.AlterTopic(t.Context(), schemasTopic, nil, slices.Collect(maps.Keys(settings)), false); err != nil {
		t.Fatal(err)
	}
}

// wantReplay replays the topic by the short reader, by the bytes of keys and by their
// meaning, and checks what that gives.
func wantReplay(t *testing.T, addr string, topic recorded, more expectedVersion) {
	t.Helper()
	c := connect(t, addr)
	var log verify.Log
	_, err := c.ReadToEnd(t.Context(), schemasTopic, nil, func(r *kgo.Record) error {
		log.Take(r)
		return nil
	}, cluster.KeepControl())
	if err != nil {
		t.Fatal(err)
	}
	report := verify.Check(log.Records())
	if len(report.Findings) > 0 {
		t.Errorf("%+v", report.Findings)
	}
	var got []string
	for _, v := range report.Live {
		got = append(got, fmt.Sprint(v.Subject, " ", v.Version, " ", v.ID, " ", v.Deleted))
	}
	var want []string
	for _, v := range expected(topic, &more) {
		want = append(want, fmt.Sprint(v.Subject, " ", v.Version, " ", v.ID, " ", v.Deleted))
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the short reader (-want +got):\n%s", diff)
	}
}

// weir schema check on a breaking change says what breaks, where, and shows a record
// that would fail. That record is written, and does fail.
func TestRegistryCheck(t *testing.T) {
	_, url := upRegistry(t, configure(t, fmt.Sprintf("data_dir: %s\nweb: {listen: '127.0.0.1:0'}\nclusters: {main: {embedded: {listen: '127.0.0.1:0'}}}\n", t.TempDir())))
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := write("first.avsc", `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}`)
	second := write("second.avsc", `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"currency","type":"string"}]}`)
	must(t, "schema", "register", "orders-value", first, "--yes", "--registry", url, "--reason", "the first one")
	stdout, stderr, code := run(t, "schema", "check", "orders-value", second, "--registry", url)
	want := `orders-value: not compatible (BACKWARD)

the new schema can not read what version 1 has written:
  the reader's field "currency" of Order is not in what was written, and has no default
    at /fields/1 (READER_FIELD_MISSING_DEFAULT_VALUE)
    a record that fails: {"id":0}
`
	if diff := gocmp.Diff(want, stdout); diff != "" || code != 5 {
		t.Errorf("exit code %d, %s (-want +got):\n%s", code, stderr, diff)
	}
	if history := must(t, "schema", "history", "orders-value", "--registry", url); !strings.Contains(history, "the first one") {
		t.Errorf("history:\n%s", history)
	}
}

// registrar registers schemas of its own with those processes that run, each until it
// is answered, and remembers the answers.
type registrar struct {
	urls atomic.Pointer[[]string]
	next atomic.Int64

	mu  sync.Mutex // guards ids
	ids map[string]int
}

func (r *registrar) text(n int64) string {
	return fmt.Sprintf(`{"type":"enum","name":"E%d","symbols":["A"]}`, n)
}

// run registers until ctx ends. What was begun is seen through: the other process is
// asked again, as clients do.
func (r *registrar) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		n := r.next.Add(1)
		subject, text := fmt.Sprintf("s%d", n%20), r.text(n)
		for deadline, at := time.Now().Add(2*time.Minute), n; ; at++ { // the other process next time
			urls := *r.urls.Load()
			client := &remote.Client{URL: urls[at%int64(len(urls))]}
			id, err := client.Register(context.WithoutCancel(ctx), subject, remote.Schema{Schema: text}, false, true)
			if err == nil {
				r.mu.Lock()
				r.ids[text] = id
				r.mu.Unlock()
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s is never registered: %v", text, err)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// The leader of two processes is killed again and again while schemas are registered:
// no id that was answered is lost or changed, and none has two texts.
func TestRegistryKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("NO REAL KAFKA: -short is set")
	}
	rounds := 5
	if text := os.Getenv("WEIR_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("WEIR_ROUNDS: %v", err)
		}
		os.Unsetenv("WEIR_ROUNDS") // weir itself refuses variables that it does not know
	}
	defer http.DefaultClient.CloseIdleConnections()
	kafka := kafkatest.Start(t, kafkatest.Brokers(3))
	config := configure(t, fmt.Sprintf("web: {listen: '127.0.0.1:0'}\nclusters: {main: {bootstrap: [%q, %q, %q]}}\n", kafka.Addr(1), kafka.Addr(2), kafka.Addr(3)))
	processes := map[string]*process{}
	r := &registrar{ids: map[string]int{}}
	begin := func() {
		p, url := upRegistry(t, config)
		processes[url] = p
		urls := slices.Sorted(maps.Keys(processes))
		r.urls.Store(&urls)
	}
	begin()
	begin()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() { r.run(ctx, t) })
	}
	t.Cleanup(func() { stop(); running.Wait() })
	for round := range rounds {
		url := ""
		eventually(t, "one leads", func() bool {
			for candidate := range processes {
				if leadsRegistry(t, candidate) {
					url = candidate
				}
			}
			return url != ""
		})
		before := r.answered()
		eventually(t, "some are registered", func() bool { return r.answered() >= before+20 })
		processes[url].signal(syscall.SIGKILL)
		delete(processes, url)
		begin()
		t.Logf("round %d: %d are registered", round, r.answered())
	}
	after := r.answered()
	eventually(t, "it goes on", func() bool { return r.answered() >= after+20 })
	stop()
	running.Wait()
	urls := slices.Collect(maps.Keys(processes))
	r.judge(t, kafka.Bootstrap(), urls)
	// Who does not lead hands back all the same, for both.
	slices.SortFunc(urls, func(a, b string) int {
		return cmp.Compare(fmt.Sprint(leadsRegistry(t, a)), fmt.Sprint(leadsRegistry(t, b)))
	})
	must(t, "schema", "handback", "--registry", urls[0], "--yes")
	for _, url := range urls {
		eventually(t, url+" writes no more", func() bool {
			_, err := (&remote.Client{URL: url}).Register(t.Context(), "late", remote.Schema{Schema: `"int"`}, false, false)
			return err != nil && strings.Contains(err.Error(), "weir schema takeover")
		})
	}
	r.judge(t, kafka.Bootstrap(), urls)
}

func (r *registrar) answered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids)
}

// judge checks every answer with every process, and the topic.
func (r *registrar) judge(t *testing.T, bootstrap string, urls []string) {
	t.Helper()
	texts := map[int]string{}
	for text, id := range r.ids {
		if other, ok := texts[id]; ok {
			t.Errorf("id %d was answered for %s and for %s", id, text, other)
		}
		texts[id] = text
		for _, url := range urls {
			if v, err := (&remote.Client{URL: url}).ByID(t.Context(), id); err != nil || v.Schema != text {
				t.Errorf("%s: id %d is %s, was answered for %s; %v", url, id, v.Schema, text, err)
			}
		}
	}
	for _, url := range urls {
		out := must(t, "schema", "verify", "--bootstrap", bootstrap, "--registry", url)
		t.Logf("%d answers; %s", len(r.ids), strings.TrimSpace(out))
	}
}

func leadsRegistry(t *testing.T, url string) bool {
	var status registry.StatusAnswer
	err := (&remote.Client{URL: url}).Do(t.Context(), "GET", "/api/v1/registry/status", nil, nil, &status)
	return err == nil && status.Leads
}
