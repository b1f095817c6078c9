package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/registry/avroschema"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// session is the least that brokers allow by default.
const session = 6 * time.Second

// TestShared has one cluster per engine, and each test its registry from nothing.
func TestShared(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{start(t)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		for _, test := range []struct {
			name string
			body func(t *testing.T, c *cluster.Cluster)
		}{
			{"ReadYourWrites", testReadYourWrites},
			{"LeadersCome", testLeadersCome},
			{"AbortedWrite", testAbortedWrite},
			{"HighIDSurvivesCompaction", testHighIDSurvivesCompaction},
			{"RepairsKeys", testRepairsKeys},
			{"Unblock", testUnblock},
			{"ForeignWriter", testForeignWriter},
			{"ForeignWriterMeanwhile", testForeignWriterMeanwhile},
			{"WrongTopic", testWrongTopic},
			{"TwoPartitions", testTwoPartitions},
			{"FencedLeader", testFencedLeader},
			{"CommitFails", testCommitFails},
			{"Group", testGroup},
			{"NoLeader", testNoLeader},
			{"Recorded", testRecorded},
		} {
			t.Run(test.name, func(t *testing.T) {
				for _, topic := range topics() {
					if err := c.DeleteTopics(t.Context(), topic.Name); err != nil {
						t.Fatal(err)
					}
				}
				test.body(t, c)
			})
		}
	})
}

// Two processes: what is written by way of either can be read on both at once.
func testReadYourWrites(t *testing.T, c *cluster.Cluster) {
	leader := run(t, c, "leader", Config{}, nil).leads(t)
	follower := run(t, c, "follower", Config{ReadWait: 100 * time.Millisecond}, nil)
	for i := range 20 {
		at, other := follower, leader
		if i%2 == 1 {
			at, other = leader, follower
		}
		schema := record(fmt.Sprintf(`{"name":"f%d","type":"int"}`, i))
		a := at.post(t, "a%2Fb", schema, "X-Weir-Reason: because "+strconv.Itoa(i), "X-Weir-Source: repo@1")
		if i > 0 {
			if a.status != 409 { // without a default
				t.Fatalf("%d: %+v", i, a)
			}
			a = at.post(t, fmt.Sprint("s", i), schema, "X-Weir-Reason: because "+strconv.Itoa(i))
		}
		if a.status != 200 || a.ID != i+1 {
			t.Fatalf("%d: %+v", i, a)
		}
		for _, p := range []*process{at, other} {
			got := p.ask(t, "GET", "/schemas/ids/"+strconv.Itoa(a.ID), "", headerMinOffset+": "+strconv.FormatInt(a.offset, 10))
			if got.status != 200 || got.offset < a.offset {
				t.Errorf("%d: %s answers %+v for what was written at %d", i, p.on.Holder, got, a.offset)
			}
		}
		if again := at.post(t, fmt.Sprint("s", i), schema); again.ID != a.ID || again.status != 200 {
			t.Errorf("%d: again: %+v", i, again)
		}
	}
	if st := follower.Status(); st.Leader != "leader" || st.Leads || st.HighIDs["."] != 20 {
		t.Errorf("the follower: %+v", st)
	}
	rows := history(t, c)
	// The first schema is in two subjects, and s3 was registered by way of the leader, s4 of the follower.
	if len(rows) != 21 || rows[4].Subject != "s3" || rows[4].Reason != "because 3" || rows[4].ID != 4 || rows[4].Version != 1 ||
		rows[4].What != "register" || rows[0].Source != "repo@1" || time.Since(rows[4].At) > time.Minute || rows[5].From == "" || rows[5].From == rows[4].From {
		t.Errorf("%d rows of history: %+v", len(rows), rows)
	}
	if got := follower.ask(t, "GET", "/subjects", "", headerMinOffset+": 1000000"); got.Code != state.CodeTimeout {
		t.Errorf("what is not written yet: %+v", got)
	}
	if got := follower.ask(t, "GET", "/subjects", "", headerMinOffset+": x"); got.status != 400 {
		t.Errorf("no offset: %+v", got)
	}
	if got := follower.ask(t, "POST", "/subjects/s/versions", body(`"int"`), headerForward+": true"); got.Code != state.CodeNoLeader {
		t.Errorf("forwarded twice: %+v", got)
	}
	leader.stop()
	if got := follower.post(t, "after", `"bytes"`); got.status != 200 || got.ID != 21 {
		t.Errorf("after a clean stop of the leader: %+v", got)
	}
	if got := leader.post(t, "after", `"string"`); got.Code != state.CodeNoLeader {
		t.Errorf("a process that has stopped: %+v", got)
	}
}

// The leader is stopped again and again while four writers register, and every now and
// then dies in the middle of a write, or right after it. No id that was answered is
// lost, doubled, or means anything else, to whoever reads the topic.
func testLeadersCome(t *testing.T, c *cluster.Cluster) {
	const rounds = 5
	makeTopics(t, c, 1, nil)
	var mu sync.Mutex // guards what follows
	dies := func(next commitFunc) commitFunc {
		n := 0
		return func(ctx context.Context, records ...*kgo.Record) error {
			if n++; records[0].Topic == schemasTopic && n == 4 {
				var copies []*kgo.Record
				for _, r := range records {
					copies = append(copies, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value})
				}
				leaveOpen(t, c, copies...)
			}
			err := next(ctx, records...)
			if records[0].Topic == schemasTopic && n == 8 {
				steal(t, c)
				return next(ctx, records...)
			}
			return err
		}
	}
	processes := []*process{run(t, c, "p0", Config{}, dies), run(t, c, "p1", Config{}, dies)}
	means, given := map[int]string{}, map[string]int{} // id -> schema, subject -> id
	ctx, cancel := context.WithCancel(withTimeout(t))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				subject := fmt.Sprintf("s%d-%d", w, n)
				schema := fmt.Sprintf(`{"type":"fixed","name":"F%d","size":%d}`, n, w/2+1) // two writers register each
				for ctx.Err() == nil {
					mu.Lock()
					p := processes[(w+n)%2]
					mu.Unlock()
					a := p.post(t, subject, schema)
					if a.status == 200 {
						mu.Lock()
						if old, ok := means[a.ID]; ok && old != schema {
							t.Errorf("id %d means %s and %s", a.ID, old, schema)
						}
						means[a.ID], given[subject] = schema, a.ID
						mu.Unlock()
						break
					}
					if a.Code < state.CodeStore || a.Code > state.CodeNoLeader {
						t.Errorf("%s: %+v", subject, a)
						return
					}
				}
			}
		})
	}
	written := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(given)
	}
	for round := range rounds {
		before := written()
		waitUntil(t, "writes", func() bool { return written() > before+10 })
		mu.Lock()
		i := 0
		if processes[1].Status().Leads {
			i = 1
		}
		old := processes[i]
		mu.Unlock()
		old.stop()
		fresh := run(t, c, fmt.Sprint("p", round+2), Config{}, dies)
		mu.Lock()
		processes[i] = fresh
		mu.Unlock()
	}
	cancel()
	wg.Wait()
	waitUntil(t, "what the last leader left is repaired", func() bool { // it may have been made to fail just now
		committed, _ := replayTopic(t, c)
		return len(committed.aborted) == 0 && len(committed.queue) == 0
	})
	checkGiven(t, c, means, given)
	t.Logf("%d registrations over %d leaders", len(given), rounds+1)
}

// checkGiven replays the topic for both kinds of readers.
func checkGiven(t *testing.T, c *cluster.Cluster, means map[int]string, given map[string]int) {
	t.Helper()
	texts := map[int]string{} // by id, of every record ever seen
	_, err := c.ReadToEnd(withTimeout(t), schemasTopic, nil, func(r *kgo.Record) error {
		if v, err := wire.ParseSchemaValue(r.Value); err == nil {
			if old, ok := texts[v.ID]; ok && old != v.Schema {
				t.Errorf("offset %d: id %d means %s, and meant %s", r.Offset, v.ID, v.Schema, old)
			}
			texts[v.ID] = v.Schema
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d ids were seen, %d answered", len(texts), len(means))
	committed, uncommitted := replayTopic(t, c)
	if len(committed.aborted) > 0 {
		t.Errorf("not repaired: %v", committed.aborted)
	}
	for name, st := range map[string]*state.State{"committed": committed.state, "uncommitted": uncommitted} {
		if warnings := st.Status().Warnings; len(warnings) > 0 {
			t.Errorf("%s: records that contradict each other: %v", name, warnings)
		}
		for id, schema := range means {
			if v, err := st.Schema(id, ""); err != nil || v.Schema != canonicalText(t, schema) {
				t.Errorf("%s: id %d was answered for %s and means %q", name, id, schema, v.Schema)
			}
		}
		for subject, id := range given {
			if versions := versionsOf(st, subject); len(versions) != 1 || versions[0].ID != id {
				t.Errorf("%s: subject %s was answered with id %d and has %+v", name, subject, id, versions)
			}
		}
	}
	for _, subject := range committed.state.Subjects(":*:", true, false, state.Page{}) {
		if n := len(versionsOf(committed.state, subject)); n != 1 {
			t.Errorf("subject %s was registered once and has %d versions", subject, n)
		}
	}
}

func canonicalText(t *testing.T, schema string) string {
	t.Helper()
	parsed, err := avroschema.Parse(schema, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Canonical()
}

// A leader dies in the middle of a write: its id is burnt, and who has read its
// record reads next what was committed.
func testAbortedWrite(t *testing.T, c *cluster.Cluster) {
	makeTopics(t, c, 1, nil)
	produce(t, client(t, c), schemasRecord(key("s", 1), value("s", 1, 3, `"int"`, "")))
	leaveOpen(t, c,
		schemasRecord(key("s", 1), value("s", 1, 3, `"int"`, `,"x":"other"`)),
		schemasRecord(key("s", 2), value("s", 2, 7, `"long"`, "")))
	p := run(t, c, "p", Config{Compatibility: "NONE"}, nil).leads(t)
	if a := p.post(t, "s", `"double"`); a.ID != 8 || a.status != 200 {
		t.Errorf("registered: %+v", a)
	}
	committed, uncommitted := replayTopic(t, c)
	if len(committed.aborted) > 0 {
		t.Errorf("not repaired: %v", committed.aborted)
	}
	for name, st := range map[string]*state.State{"committed": committed.state, "uncommitted": uncommitted} {
		versions, warnings := versionsOf(st, "s"), st.Status().Warnings
		if len(versions) != 2 || versions[0].ID != 3 || versions[1].ID != 8 || versions[1].Version != 2 || len(warnings) > 0 {
			t.Errorf("%s: %+v, %v", name, versions, warnings)
		}
	}
	if keys := keysOf(t, c, schemasTopic); !bytes.Contains(keys, []byte(key("s", 1)+" deleted\n"+key("s", 1)+"\n"+key("s", 2)+" deleted\n")) {
		t.Errorf("in the topic:\n%s", keys)
	}
	// The id stays burnt when compaction has removed its record: the state topic knows.
	kept := func(want int) {
		t.Helper()
		waitUntil(t, fmt.Sprintf("the highest id that stays is %d", want), func() bool { // its transaction may end in this topic last
			_, kept, err := p.readHigh(withTimeout(t))
			return err == nil && kept["."] == want
		})
	}
	kept(7)
	// And that of a version that is deleted for good.
	for _, how := range []string{"", "?permanent=true"} {
		if a := p.ask(t, "DELETE", "/subjects/s/versions/2"+how, ""); a.status != 200 {
			t.Errorf("deleted: %+v", a)
		}
	}
	kept(8)
	p.stop()
	// What others may delete is kept in time.
	p = run(t, c, "p2", Config{Compatibility: "NONE"}, nil, func(s *Service) { s.keep = time.Millisecond }).leads(t)
	if a := p.post(t, "s", `"string"`); a.ID != 9 {
		t.Errorf("registered: %+v", a)
	}
	kept(9)
}

func keysOf(t *testing.T, c *cluster.Cluster, topic string) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := c.ReadToEnd(withTimeout(t), topic, nil, func(r *kgo.Record) error {
		b.Write(r.Key)
		if r.Value == nil {
			b.WriteString(" deleted")
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A registry whose newest records were deleted and compacted away, or which was
// started anew on an old state: the ids go on.
func testHighIDSurvivesCompaction(t *testing.T, c *cluster.Cluster) {
	makeTopics(t, c, 1, nil)
	k, v := encodeHigh(".", 41)
	inContext, high := encodeHigh(".ctx", 7)
	produce(t, client(t, c), &kgo.Record{Topic: stateTopic, Key: k, Value: v}, &kgo.Record{Topic: stateTopic, Key: inContext, Value: high},
		schemasRecord(key("s", 1), value("s", 1, 3, `"int"`, "")))
	p := run(t, c, "p", Config{Compatibility: "NONE"}, nil, func(s *Service) { s.keep = time.Millisecond })
	for subject, id := range map[string]int{"s": 42, ":.ctx:s": 8, ":.new:s": 1} {
		if a := p.post(t, subject, `"double"`); a.ID != id {
			t.Errorf("%s is registered with %+v, want id %d", subject, a, id)
		}
	}
	waitUntil(t, "the high ids are kept", func() bool {
		_, kept, err := p.readHigh(withTimeout(t))
		return err == nil && kept["."] == 42 && kept[".ctx"] == 8 && kept[".new"] == 1
	})
}

// A version that another registry has under bytes of its own is there once, under the
// canonical ones, before anything else is written.
func testRepairsKeys(t *testing.T, c *cluster.Cluster) {
	makeTopics(t, c, 1, nil)
	const legacy = `{"magic":0,"keytype":"SCHEMA","subject":"s","version":1}`
	produce(t, client(t, c), schemasRecord(legacy, value("s", 1, 3, `"int"`, "")))
	p := run(t, c, "p", Config{Compatibility: "NONE"}, nil)
	if a := p.post(t, "s", `"double"`); a.ID != 4 {
		t.Errorf("registered: %+v", a)
	}
	want := strings.Join([]string{legacy, legacy + " deleted", key("s", 1), key("s", 2), ""}, "\n")
	if got := string(keysOf(t, c, schemasTopic)); got != want {
		t.Errorf("in the topic:\n%s\nwant\n%s", got, want)
	}
}

// Another registry writes while we lead.
func testForeignWriter(t *testing.T, c *cluster.Cluster) {
	p := run(t, c, "p", Config{}, nil).leads(t)
	if a := p.post(t, "s", `"int"`); a.ID != 1 {
		t.Fatalf("registered: %+v", a)
	}
	other := schemasRecord(key("other", 1), value("other", 1, 2, `"long"`, ""))
	produce(t, client(t, c), other)
	waitUntil(t, "noticing", func() bool { return p.Status().Refuses != "" })
	a := p.post(t, "t", `"double"`)
	if a.Code != state.CodeStore || !strings.Contains(a.body, fmt.Sprintf(`offset %d, key {\"keytype\":\"SCHEMA\",\"subject\":\"other\"`, other.Offset)) {
		t.Errorf("written beside a foreign writer: %+v", a)
	}
	if got := metric(t, p.Service, "weir_registry_foreign_writes_total"); got != 1 {
		t.Errorf("%v foreign writes are counted", got)
	}
	if a := p.ask(t, "GET", "/subjects/other/versions/1", ""); a.status != 200 {
		t.Errorf("reads go on: %+v", a)
	}
}

// Another registry writes while a commit of ours is under way and the next change waits
// for it: that one is refused.
func testForeignWriterMeanwhile(t *testing.T, c *cluster.Cluster) {
	blocked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p := run(t, c, "p", Config{}, func(next commitFunc) commitFunc {
		return func(ctx context.Context, records ...*kgo.Record) error {
			once.Do(func() {
				close(blocked)
				<-release
			})
			return next(ctx, records...)
		}
	}).leads(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		if a := p.post(t, "s", `"int"`); a.status != 200 {
			t.Errorf("registered: %+v", a)
		}
	})
	<-blocked
	p.mu.RLock()
	requests := p.term.requests
	p.mu.RUnlock()
	waits := &request{t.Context(), Meta{}, state.Register{Subject: "t", Schema: `"double"`}, make(chan outcome, 1)}
	wg.Go(func() { requests <- waits })
	other := schemasRecord(key("other", 1), value("other", 1, 2, `"long"`, ""))
	produce(t, client(t, c), other)
	close(release)
	wg.Wait()
	if out := <-waits.done; out.err == nil || !strings.Contains(out.err.Error(), fmt.Sprintf("offset %d, ", other.Offset)) {
		t.Errorf("written behind a foreign writer: %+v", out)
	}
}

func testWrongTopic(t *testing.T, c *cluster.Cluster) {
	makeTopics(t, c, 1, map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"})
	produce(t, client(t, c), schemasRecord(key("s", 1), value("s", 1, 3, `"int"`, "")))
	p := run(t, c, "p", Config{}, nil)
	if a := p.post(t, "t", `"double"`); a.Code != state.CodeStore || !strings.Contains(a.body, "cleanup.policy=delete") || !strings.Contains(a.body, "kafka-configs.sh --alter --topic _schemas --add-config cleanup.policy=compact") {
		t.Errorf("written to a topic that forgets: %+v", a)
	}
	if a := p.ask(t, "GET", "/subjects/s/versions/1", ""); a.status != 200 {
		t.Errorf("reads go on: %+v", a)
	}
	alter(t, c, "cleanup.policy", "compact")
	waitUntil(t, "noticing that it is well", func() bool { return p.Status().Refuses == "" })
	if a := p.post(t, "t", `"double"`); a.ID != 4 {
		t.Errorf("once it is compacted: %+v", a)
	}
}

func alter(t *testing.T, c *cluster.Cluster, name, value string) {
	t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource, config := kmsg.NewIncrementalAlterConfigsRequestResource(), kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = name, &value
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, schemasTopic
	resource.Configs = append(resource.Configs, config)
	req.Resources = append(req.Resources, resource)
	if resp, err := req.RequestWith(t.Context(), client(t, c)); err != nil || resp.Resources[0].ErrorCode != 0 {
		t.Fatalf("altering %s: %+v, %v", name, resp, err)
	}
}

func testTwoPartitions(t *testing.T, c *cluster.Cluster) {
	makeTopics(t, c, 2, nil)
	s, err := NewShared(Config{}, Place{Cluster: c, Holder: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(withTimeout(t), func() { t.Error("ready") }); err == nil || !strings.Contains(err.Error(), "_schemas on cluster local has 2 partitions, weir needs 1") {
		t.Errorf("Run: %v", err)
	}
	if status, reply := post(s, "/subjects/s/versions", body(`"int"`)); status != 500 || !strings.Contains(reply, "has 2 partitions") {
		t.Errorf("%d %s", status, reply)
	}
}

// Another process takes the lease in the middle: the request learns that its outcome
// is unknown, and this process follows, and may lead again.
func testFencedLeader(t *testing.T, c *cluster.Cluster) {
	p := run(t, c, "p", Config{}, nil).leads(t)
	steal(t, c)
	if a := p.post(t, "s", `"int"`); a.Code != state.CodeForwarding {
		t.Errorf("fenced: %+v", a)
	}
	if a := p.post(t, "s", `"int"`); a.status != 200 {
		t.Errorf("again: %+v", a)
	}
}

// Commits that fail in each way, against what was answered.
func testCommitFails(t *testing.T, c *cluster.Cluster) {
	var mu sync.Mutex
	var how string // of the next commit that writes to `_schemas`
	p := run(t, c, "p", Config{Compatibility: "NONE"}, func(next commitFunc) commitFunc {
		return func(ctx context.Context, records ...*kgo.Record) error {
			mu.Lock()
			defer mu.Unlock()
			failure := ""
			if records[0].Topic == schemasTopic {
				failure, how = how, ""
			}
			switch failure {
			case "refused":
				return errors.New("refused")
			case "committed, and fenced":
				if err := next(ctx, records...); err != nil {
					t.Error(err)
				}
				steal(t, c)
			case "fenced":
				steal(t, c)
			}
			return next(ctx, records...)
		}
	}).leads(t)
	for i, step := range []struct {
		how  string
		code int // of the answer
		id   int // when it is registered again
	}{
		{"refused", state.CodeStore, 1},
		{"refused", state.CodeStore, 2},
		{"committed, and fenced", state.CodeForwarding, 3},
		{"fenced", state.CodeForwarding, 4},
		{"refused", state.CodeStore, 5},
	} {
		mu.Lock()
		how = step.how
		mu.Unlock()
		schema := fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, i+1)
		if a := p.post(t, "s", schema); a.Code != step.code {
			t.Errorf("step %d: %+v", i, a)
		}
		if a := p.post(t, "s", schema); a.ID != step.id {
			t.Errorf("step %d, again: %+v", i, a)
		}
	}
	if st := p.Status(); st.Refuses != "" || st.Dropped > 0 {
		t.Errorf("%+v", st)
	}
}

// steal takes the lease as another process would, from one that does not notice.
func steal(t *testing.T, c *cluster.Cluster) {
	for range 2 {
		thief, err := c.Client(kgo.TransactionalID("weir-lease-" + leaseName))
		if err == nil {
			_, _, err = thief.ProducerID(withTimeout(t))
			thief.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Many at once are committed together, and one that is too large fails alone.
func testGroup(t *testing.T, c *cluster.Cluster) {
	var mu sync.Mutex
	commits, blocked, release := 0, make(chan struct{}), make(chan struct{})
	p := run(t, c, "p", Config{MaxSchemaBytes: 4 << 20}, func(next commitFunc) commitFunc {
		return func(ctx context.Context, records ...*kgo.Record) error {
			mu.Lock()
			commits++
			first := commits == 1
			mu.Unlock()
			if first {
				close(blocked)
				<-release
			}
			return next(ctx, records...)
		}
	}).leads(t)
	var wg sync.WaitGroup
	post := func(i int) {
		wg.Go(func() {
			if a := p.post(t, fmt.Sprint("s", i), fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, i+1)); a.status != 200 {
				t.Errorf("%d: %+v", i, a)
			}
		})
	}
	post(0)
	<-blocked
	for i := range 20 {
		post(i + 1)
	}
	close(release)
	wg.Wait()
	mu.Lock()
	if commits > 10 {
		t.Errorf("%d commits for 21 registrations, of which 20 came at once", commits)
	}
	mu.Unlock()
	for i := range 5 {
		post(i + 21)
	}
	wg.Go(func() {
		large := `{"type":"int","p":"` + strings.Repeat("x", 3<<20) + `"}`
		if a := p.post(t, "large", large); a.Code != state.CodeTooLarge || a.status != 413 {
			t.Errorf("too large: %d %.300s", a.status, a.body)
		}
	})
	wg.Wait()
	committed, _ := replayTopic(t, c)
	if n := committed.state.Status().Schemas; n != 26 {
		t.Errorf("%d ids", n)
	}
}

// Without a leader a write waits, and then says so; with one that does not answer it
// says that the outcome is unknown.
func testNoLeader(t *testing.T, c *cluster.Cluster) {
	leader := run(t, c, "leader", Config{}, nil).leads(t)
	follower := run(t, c, "follower", Config{WriteTimeout: 500 * time.Millisecond}, nil)
	waitUntil(t, "hearing of the leader", func() bool { return follower.Status().Leader == "leader" })
	leader.mu.Lock() // it stands still
	a := follower.post(t, "s", `"int"`)
	leader.mu.Unlock()
	if a.Code != state.CodeForwarding {
		t.Errorf("of a leader that stands still: %+v", a)
	}
	lone := &Service{cfg: follower.cfg, on: Place{Holder: "lone"}, lease: leader.lease, forward: follower.forward, moved: make(chan struct{}), view: newView("NONE"), running: true}
	lone.metrics = newMetrics(lone)
	lone.on.URL = leader.url // as if that were us
	if status, reply := post(lone, "/subjects/s/versions", body(`"int"`)); status != 500 || !strings.Contains(reply, `"error_code":50004`) || !strings.Contains(reply, "registry.advertised_url") {
		t.Errorf("a leader at our own address: %d %s", status, reply)
	}
}

// Records whose transaction has no end for us count if it has one for the broker, and
// not while it is open there too.
func testUnblock(t *testing.T, c *cluster.Cluster) {
	makeTopics(t, c, 1, nil)
	ends := schemasRecord(key("s", 1), value("s", 1, 1, `"int"`, ""))
	open := schemasRecord(key("s", 2), value("s", 2, 2, `"long"`, ""))
	produce(t, client(t, c), ends)
	holder := client(t, c, kgo.TransactionalID("somebody"))
	if err := holder.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, holder, open)
	s, err := NewShared(Config{}, Place{Cluster: c, Holder: "p"})
	if err != nil {
		t.Fatal(err)
	}
	s.view = newView("NONE")
	f := func(next int64, versions string) {
		t.Helper()
		if err := s.unblock(withTimeout(t), client(t, c)); err != nil {
			t.Fatal(err)
		}
		if got := describe(s.view.state); s.view.next() != next || got != versions {
			t.Errorf("next is %d with %q, want %d with %q", s.view.next(), got, next, versions)
		}
	}
	for _, r := range []*kgo.Record{ends, open} { // as of transactions of which we have not read the end
		r.Attrs, r.ProducerID = attrs(transactionalBit), 100+r.Offset
	}
	s.view.take(ends)
	f(0, "") // its end may be ahead
	s.view.take(open)
	f(1, "s1=1")
	if err := holder.EndTransaction(withTimeout(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}
