package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/broker"
	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/web"
)

// house is a fleet of one cluster, east, behind its API.
type house struct {
	t       testing.TB
	api     http.RoundTripper
	cluster *cluster.Cluster
	fleet   *Fleet
}

func start(t testing.TB, bootstrap string) *house {
	t.Helper()
	c, err := cluster.New(cluster.Config{Name: "east", Bootstrap: strings.Split(bootstrap, ","), BrokerTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	log, err := actions.New(actions.Config{}, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	f, err := New(Config{Clusters: []Cluster{{Cluster: c, Home: true, Datacenter: "d1", Tier: "local"}}, Actions: log, RefreshEvery: 200 * time.Millisecond, GroupsEvery: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server, err := web.New(web.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	f.Register(server.API())
	log.Register(server.API())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &house{t, server.InProcess(), c, f}
}

// ask sends a request and returns the status and the body.
func (h *house) ask(method, path string, body any) (int, []byte) {
	h.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, "http://weir"+path, bytes.NewReader(text))
	if err != nil {
		h.t.Fatal(err)
	}
	if body == nil {
		req.Body = http.NoBody
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Weir-Actor", "ann")
	resp, err := h.api.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func (h *house) get(path string, into any) {
	h.t.Helper()
	h.want(http.StatusOK, http.MethodGet, path, nil, into)
}

func (h *house) want(status int, method, path string, body, into any) {
	h.t.Helper()
	got, answer := h.ask(method, path, body)
	if got != status {
		h.t.Fatalf("%s %s: %d, want %d: %s", method, path, got, status, answer)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		h.t.Fatalf("%s %s: %v: %s", method, path, err, answer)
	}
}

func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("it does not come true that %s", what)
		}
	}
}

func (h *house) ready() {
	h.t.Helper()
	h.eventually("the cluster is known", func() bool { return h.fleet.byName["east"].state().groups != nil })
}

// change plans a change and makes it.
func (h *house) change(c Change) Result {
	h.t.Helper()
	var p Plan
	h.want(http.StatusOK, http.MethodPost, "/api/v1/clusters/east/plan", c, &p)
	var r Result
	h.want(http.StatusOK, http.MethodPost, "/api/v1/clusters/east/apply", map[string]any{"change": p.Change, "plan_hash": p.Hash}, &r)
	if !r.Done || r.Warning != "" || r.Plan.Hash != p.Hash {
		h.t.Errorf("apply answers %+v", r)
	}
	return r
}

func (h *house) produce(topic string, partition int32, n int) {
	h.t.Helper()
	client, err := h.cluster.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		h.t.Fatal(err)
	}
	defer client.Close()
	for range n {
		client.Produce(h.t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte("v")}, func(_ *kgo.Record, err error) {
			if err != nil {
				h.t.Error(err)
			}
		})
	}
	if err := client.Flush(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// consume reads n records of a topic as a member of a group, commits, and leaves
// when stop is called.
func (h *house) consume(topic, group string, n int, opts ...kgo.Opt) (stop func()) {
	h.t.Helper()
	client, err := h.cluster.Client(append(opts, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		h.t.Fatal(err)
	}
	for n > 0 {
		records := client.PollRecords(h.t.Context(), n).Records()
		n -= len(records)
		if err := client.CommitRecords(h.t.Context(), records...); err != nil {
			h.t.Fatal(err)
		}
	}
	return client.Close
}

func (h *house) group(name string) (g struct {
	Members []GroupMember
	Rows    []GroupPartition
	Lag     int64
	State   string
}) {
	h.t.Helper()
	h.get("/api/v1/clusters/east/groups/"+url.PathEscape(name), &g)
	return g
}

func TestAPI(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, newCluster func(t testing.TB) string) {
		h := start(t, newCluster(t))
		h.ready()
		created := h.change(Change{Kind: TopicCreate, Topic: "orders", Partitions: 2, Set: map[string]string{"retention.ms": "-1"}})
		if created.Undo != nil || !strings.HasPrefix(created.Plan.Command, "weir topics create orders --partitions=2") {
			t.Errorf("%+v", created)
		}
		h.produce("orders", 0, 30)
		h.produce("orders", 1, 10)
		stop := h.consume("orders", "bill ing", 40)
		if err := h.cluster.CommitOffsets(t.Context(), "other", []cluster.GroupOffset{{Topic: "orders", Partition: 0, At: 5}}); err != nil {
			t.Fatal(err)
		}
		h.produce("orders", 1, 7)

		var topics struct {
			Topics []TopicRow
			Total  int
		}
		h.eventually("the records and both groups show", func() bool {
			h.get("/api/v1/clusters/east/topics?contains=ORDERS", &topics)
			return topics.Total == 1 && topics.Topics[0].Records == 47 && topics.Topics[0].Groups == 2
		})
		var list struct {
			Groups []GroupRow
			Total  int
			Next   string
		}
		h.eventually("the lags show", func() bool {
			h.get("/api/v1/clusters/east/groups?contains=bill", &list)
			return list.Total == 1 && list.Groups[0].Lag == 7
		})
		h.get("/api/v1/clusters/east/groups?sort=lag&order=desc&limit=1", &list)
		if list.Total != 2 || len(list.Groups) != 1 || list.Groups[0].Group != "other" || list.Groups[0].Lag != 25 {
			t.Errorf("%+v", list)
		}
		h.get("/api/v1/clusters/east/groups?sort=lag&order=desc&limit=1&cursor="+list.Next, &list)
		if len(list.Groups) != 1 || list.Next != "" || list.Groups[0].Group != "bill ing" || list.Groups[0].Members != 1 || list.Groups[0].Lag != 7 {
			t.Errorf("%+v", list)
		}
		var topic struct {
			Rows    []PartitionRow
			Configs []ConfigRow
			Groups  []GroupLag
			Next    string
		}
		h.get("/api/v1/clusters/east/topics/orders?limit=1", &topic)
		if len(topic.Rows) != 1 || topic.Next == "" || configOf("retention.ms", topic.Configs) != (ConfigRow{Name: "retention.ms", Value: "-1", Source: "topic", Documentation: configOf("retention.ms", topic.Configs).Documentation}) ||
			!slices.Equal(topic.Groups, []GroupLag{{"bill ing", 7}, {"other", 25}}) {
			t.Errorf("%+v", topic)
		}
		g := h.group("bill ing")
		if len(g.Members) != 1 || len(g.Rows) != 2 || g.Rows[1].Lag != 7 || g.Rows[1].Member != g.Members[0].Member || g.Rows[1].TimeLag < 0 || g.Rows[1].TimeLag > 600_000 || g.Rows[0].TimeLag != 0 {
			t.Errorf("%+v", g)
		}
		var refused struct{ Code, Hint string }
		reset := Change{Kind: GroupReset, Group: "bill ing", Reset: &Reset{To: "start"}}
		h.want(http.StatusConflict, http.MethodPost, "/api/v1/clusters/east/plan", reset, &refused)
		if refused.Code != "group_active" {
			t.Errorf("%+v", refused)
		}
		var plan Plan
		h.want(http.StatusOK, http.MethodPost, "/api/v1/clusters/east/plan", Change{Kind: TopicDelete, Topic: "orders"}, &plan)
		if !slices.Equal(plan.Warnings, []string{"group bill ing has members that read orders"}) {
			t.Errorf("warnings: %q", plan.Warnings)
		}
		stop()
		h.resets(reset)
		h.configs()
		h.change(Change{Kind: TopicAlter, Topic: "orders", Partitions: 5})
		h.change(Change{Kind: GroupDelete, Group: "bill ing"})
		h.change(Change{Kind: TopicDelete, Topic: "orders"})
		h.want(http.StatusNotFound, http.MethodGet, "/api/v1/clusters/east/groups/bill%20ing", nil, &refused)
		h.recorded([]string{
			"topic-delete orders done", "group-delete bill ing done", "topic-alter orders done", "topic-config orders done", "topic-config orders done",
			"group-reset bill ing done", "group-reset bill ing done", "topic-create orders done",
		})
	})
}

// resets resets the group by a plan, and undoes it.
func (h *house) resets(reset Change) {
	h.t.Helper()
	offsets := func() (at []int64) {
		for _, r := range h.group("bill ing").Rows {
			at = append(at, r.Committed)
		}
		return at
	}
	h.eventually("the member has left", func() bool { return h.group("bill ing").State == "Empty" })
	before := offsets()
	r := h.change(reset)
	if got := offsets(); !slices.Equal(got, []int64{0, 0}) || r.Plan.Replayed != 40 || r.Undo == nil {
		h.t.Fatalf("after the reset: %v, %+v", got, r)
	}
	h.change(*r.Undo)
	if got := offsets(); !slices.Equal(got, before) {
		h.t.Errorf("after its undo: %v, want %v", got, before)
	}
	// A plan that no longer holds is shown again.
	var plan Plan
	h.want(http.StatusOK, http.MethodPost, "/api/v1/clusters/east/plan", reset, &plan)
	if err := h.cluster.CommitOffsets(h.t.Context(), "bill ing", []cluster.GroupOffset{{Topic: "orders", Partition: 0, At: 3}}); err != nil {
		h.t.Fatal(err)
	}
	var changed struct {
		Code string
		Plan Plan
	}
	h.want(http.StatusConflict, http.MethodPost, "/api/v1/clusters/east/apply", map[string]any{"change": plan.Change, "plan_hash": plan.Hash}, &changed)
	if changed.Code != "plan_changed" || changed.Plan.Steps[0].Before != "3" || changed.Plan.Hash == plan.Hash {
		h.t.Errorf("%+v", changed)
	}
}

// configs changes settings, and undoes it.
func (h *house) configs() {
	h.t.Helper()
	has := func(name string) ConfigRow {
		h.t.Helper()
		entries, err := h.cluster.TopicConfigs(h.t.Context(), "orders")
		if err != nil {
			h.t.Fatal(err)
		}
		c := configOf(name, Configs(entries))
		c.Documentation = ""
		return c
	}
	wasMS, wasBytes := has("retention.ms"), has("segment.bytes")
	r := h.change(Change{Kind: TopicConfig, Topic: "orders", Set: map[string]string{"retention.ms": "86400000", "segment.bytes": "2000000"}})
	if has("retention.ms").Value != "86400000" || has("segment.bytes").Value != "2000000" || r.Undo == nil {
		h.t.Fatalf("%+v, %+v", has("retention.ms"), r)
	}
	h.change(*r.Undo)
	if has("retention.ms") != wasMS || has("segment.bytes") != wasBytes {
		h.t.Errorf("after the undo %+v, %+v; want %+v, %+v", has("retention.ms"), has("segment.bytes"), wasMS, wasBytes)
	}
	var refused struct{ Code, Hint, Message string }
	h.want(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/clusters/east/plan", Change{Kind: TopicConfig, Topic: "orders", Set: map[string]string{"retentoin.ms": "1"}}, &refused)
	if refused.Code != "config_unknown" || refused.Hint != "did you mean retention.ms?" {
		h.t.Errorf("%+v", refused)
	}
}

// recorded compares the actions log, the newest first.
func (h *house) recorded(want []string) {
	h.t.Helper()
	var log actions.List
	h.get("/api/v1/actions", &log)
	var got []string
	for _, e := range log.Actions {
		got = append(got, e.Kind+" "+e.Target+" "+e.State)
		if e.Actor != "ann" || e.Via != "api" || e.Cluster != "east" || e.System != "fleet" {
			h.t.Errorf("%+v", e)
		}
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("recorded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	v, err := actions.Verify(h.t.Context(), h.cluster)
	if err != nil || len(v.Findings) > 0 || v.Records != int64(2*len(want)) {
		h.t.Errorf("verifying: %v, %+v", err, v)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	b, stop := brokertest.Start(t, broker.Config{Dir: dir})
	h := start(t, b.Addr())
	h.ready()
	h.change(Change{Kind: TopicCreate, Topic: "orders", Partitions: 1})
	h.eventually("the topic shows", func() bool { return h.fleet.Snapshot("east").Topic("orders") != nil })
	h.produce("orders", 0, 1)
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		code, says   string
	}{
		{"GET", "/api/v1/clusters/west/topics", nil, 404, "not_found", "there are: east"},
		{"GET", "/api/v1/clusters/east/topics/order", nil, 404, "not_found", "did you mean orders?"},
		{"GET", "/api/v1/clusters/east/brokers/77", nil, 404, "not_found", ""},
		{"GET", "/api/v1/clusters/east/topics?cursor=x", nil, 400, "bad_cursor", ""},
		{"GET", "/api/v1/clusters/east/topics/orders?cursor=.", nil, 400, "bad_cursor", ""},
		{"GET", "/api/v1/clusters/east/groups?cursor=x", nil, 400, "bad_cursor", ""},
		{"GET", "/api/v1/actions?cursor=x", nil, 400, "bad_cursor", ""},
		{"GET", "/api/v1/actions?from=yesterday", nil, 400, "bad_request", ""},
		{"GET", "/api/v1/clusters/east/topics?sort=colour", nil, 422, "unprocessable_entity", ""},
		{"GET", "/api/v1/clusters/east/topics?unknown=1", nil, 200, "", ""},
		{"POST", "/api/v1/clusters/east/plan", map[string]any{"kind": "topic-delete", "topic": "orders", "foo": 1}, 422, "unprocessable_entity", ""},
		{"POST", "/api/v1/clusters/east/plan", Change{Kind: TopicDelete, Topic: "__x"}, 404, "not_found", ""},
		{"POST", "/api/v1/clusters/east/plan", Change{Kind: TopicDelete, Topic: actions.TopicName, Force: true}, 422, "protected", ""},
		{"POST", "/api/v1/clusters/east/plan", Change{Kind: TopicAlter, Topic: "orders", Partitions: 1}, 422, "nothing_to_do", ""},
		{"POST", "/api/v1/clusters/east/plan", Change{Kind: TopicCreate, Topic: "orders", Partitions: 1}, 409, "exists", ""},
		{"POST", "/api/v1/clusters/east/apply", map[string]any{"change": Change{Kind: TopicDelete, Topic: "orders"}, "plan_hash": "other"}, 409, "plan_changed", ""},
		{"POST", "/api/v1/clusters/east/apply", map[string]any{"change": Change{Kind: TopicDelete, Topic: "orders"}}, 422, "unprocessable_entity", ""},
	} {
		status, body := h.ask(c.method, c.path, c.body)
		var e struct{ Code, Hint string }
		if err := json.Unmarshal(body, &e); err != nil || status != c.status || e.Code != c.code || !strings.Contains(string(body), c.says) {
			t.Errorf("%s %s %v: %d %s, want %d %s %q", c.method, c.path, c.body, status, body, c.status, c.code, c.says)
		}
	}
	if h.fleet.Snapshot("east").Topic("orders") == nil {
		t.Error("orders is gone")
	}
	// The cluster goes away: what was known stays, with its age and the reason.
	stop()
	h.eventually("the cluster is down", func() bool {
		var list ClusterList
		h.get("/api/v1/clusters", &list)
		c := list.Clusters[0]
		return c.State == "down" && c.Health == "down" && len(c.Reasons) == 1 && c.Topics > 0 && c.AgeMillis > 0
	})
	var topics struct {
		Topics   []TopicRow
		Problems []string
	}
	h.get("/api/v1/clusters/east/topics", &topics)
	if len(topics.Topics) == 0 || len(topics.Problems) == 0 {
		t.Errorf("%+v", topics)
	}
	var topic struct {
		Rows     []PartitionRow
		Configs  []ConfigRow
		Problems []string
	}
	h.get("/api/v1/clusters/east/topics/orders", &topic)
	if len(topic.Rows) != 1 || topic.Configs == nil || !strings.Contains(fmt.Sprint(topic.Problems), "settings: ") {
		t.Errorf("%+v", topic)
	}
	status, body := h.ask("POST", "/api/v1/clusters/east/plan", Change{Kind: TopicDelete, Topic: "orders"})
	if status != http.StatusBadGateway || !strings.Contains(string(body), "cluster_error") {
		t.Errorf("a plan without a cluster: %d %s", status, body)
	}
}

// A change that can not be recorded is not made.
func TestNotRecorded(t *testing.T) {
	home, stopHome := brokertest.Start(t, broker.Config{Dir: t.TempDir()})
	hc, err := cluster.Connect(t.Context(), cluster.Config{Name: "home", Bootstrap: []string{home.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer hc.Close()
	log, err := actions.New(actions.Config{WriteTimeout: time.Second}, hc)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "east", Bootstrap: []string{brokertest.New(t).Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := NewOperator(c, log)
	plan, err := o.Plan(t.Context(), Change{Kind: TopicCreate, Topic: "orders", Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	stopHome()
	if _, err := o.Apply(t.Context(), plan.Change, plan.Hash, By{"ann", "api"}); err == nil || apiError(err).(*web.Error).Code != "actions_log_unavailable" {
		t.Errorf("applied without a log: %v", err)
	}
	if _, err := c.Topic(t.Context(), "orders"); err == nil {
		t.Error("the topic was made")
	}
}

// Many groups are read in requests of bounded size, and listed page by page.
func TestManyGroups(t *testing.T) {
	const many = 1000
	h := start(t, brokertest.New(t).Addr())
	h.ready()
	h.change(Change{Kind: TopicCreate, Topic: "orders", Partitions: 1})
	h.produce("orders", 0, 3)
	var committing errgroup.Group
	committing.SetLimit(8)
	for i := range many {
		committing.Go(func() error {
			return h.cluster.CommitOffsets(t.Context(), fmt.Sprintf("group-%05d", i), []cluster.GroupOffset{{Topic: "orders", Partition: 0, At: int64(i % 3)}})
		})
	}
	if err := committing.Wait(); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Groups   []GroupRow
		Total    int
		Next     string
		Problems []string
	}
	h.eventually("all show", func() bool {
		h.get("/api/v1/clusters/east/groups?sort=lag&order=desc&limit=1", &list)
		return list.Total == many && list.Groups[0].Lag == 3
	})
	seen := map[string]bool{}
	for cursor := ""; ; cursor = list.Next {
		h.get("/api/v1/clusters/east/groups?limit=333&cursor="+cursor, &list)
		for _, g := range list.Groups {
			seen[g.Group] = true
			if g.Partitions != 1 || g.Lag < 1 || g.Error != "" {
				t.Fatalf("%+v", g)
			}
		}
		if list.Next == "" {
			break
		}
	}
	if len(seen) != many || len(list.Problems) != 0 {
		t.Errorf("%d groups, problems %q", len(seen), list.Problems)
	}
}
