package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fakeFleet answers as the API of clusters does, from values that a test sets.
type fakeFleet struct {
	clusters  []clusterRow
	brokers   []brokerRow
	topics    []topicRow
	groups    []groupRow
	configs   []configRow
	problems  []string
	age       int64 // ms
	producers int
	members   int
	events    map[string]eventList // by system; one that is not in it answers 404
}

// fleetOf is a cluster of three brokers with n topics and n groups; one broker is
// down, and each tenth topic misses its replicas.
func fleetOf(n int) fakeFleet {
	f := fakeFleet{age: 1200, producers: min(n, 12), members: min(n, 6)}
	for id := range int32(3) {
		f.brokers = append(f.brokers, brokerRow{ID: id + 1, Address: fmt.Sprintf("kafka-%d.example.net:9092", id+1), Rack: fmt.Sprintf("rack-%c", 'a'+id),
			Controller: id == 0, State: "up", Leaders: int64(n * 2), Replicas: int64(n * 6), Bytes: int64(n) * 1_234_567_890,
			LogDirs: []logDir{{Path: "/var/lib/kafka/data", Total: 2e12, Usable: 9e11}}})
	}
	c := clusterRow{Name: "local", State: "up", Health: "ok", Home: true, Brokers: 3, Topics: int64(n), Partitions: int64(n * 6), AgeMillis: 1200,
		Bytes: int64(n) * 1e9, RecordsPerSecond: float64(n) * 12.5, BytesPerSecond: float64(n) * 9_800}
	for i := range n {
		t := topicRow{Name: fmt.Sprintf("orders.%s.%04d", []string{"created", "paid", "shipped"}[i%3], i), Partitions: 6, Replication: 3,
			Records: int64(i+1) * 1_234_567, Bytes: int64(i+1) * 98_765_432, RecordsPerSecond: float64(i%50) * 3.7, BytesPerSecond: float64(i%50) * 3700, Groups: int64(i % 4)}
		if i%10 == 3 {
			t.UnderReplicated = 2
		}
		f.topics = append(f.topics, t)
		g := groupRow{Group: fmt.Sprintf("billing-%04d", i), State: []string{"Stable", "Empty", "PreparingRebalance", "Stable"}[i%4], Type: "consumer", Protocol: "range",
			Members: int64(i % 7), Topics: 1, Partitions: 6, Lag: int64(i%5) * 45_678}
		f.groups = append(f.groups, g)
	}
	if n > 3 {
		f.brokers[2].State, f.brokers[2].Error, f.brokers[2].UnderReplicated = "down", "dial tcp 10.0.0.3:9092: connect: connection refused", 12
		f.topics[2].Offline, f.topics[1].UnderMinISR, f.topics[0].Internal = 1, 3, true
		c.Health, c.BrokersDown, c.UnderReplicated, c.UnderMinISR, c.Offline = "degraded", 1, int64(n/10*2), 3, 1
		c.Reasons = []string{"broker 3 is down", "1 partition has no leader"}
	}
	f.clusters = []clusterRow{c}
	f.events = eventsOf(n, time.Now())
	f.configs = []configRow{
		{Name: "min.insync.replicas", Value: "2", Source: "topic", Documentation: "How many replicas must acknowledge a write with acks=all."},
		{Name: "retention.ms", Value: "604800000", Source: "default", IsDefault: true, Documentation: "How long a log segment is kept before it is deleted, where cleanup.policy has delete in it."},
		{Name: "ssl.keystore.password", Source: "broker", Sensitive: true, ReadOnly: true},
	}
	return f
}

// eventsOf is n minutes of events until now, of each severity and system.
func eventsOf(n int, now time.Time) map[string]eventList {
	lists := map[string]eventList{}
	for i := range min(n, 1000) {
		at := now.Add(-time.Duration(i)*time.Minute - 10*time.Second).Truncate(time.Second).UTC()
		e, system := eventInfo{At: at, Cluster: "local", Kind: "topic-created", Severity: "info", Text: "topic orders.created.0000 was created", Link: "/ui/c/local/topics/orders.created.0000"}, "fleet"
		switch i % 5 {
		case 1:
			e.Kind, e.Severity, e.Text, e.Link = "broker-down", "error", "broker 3 is down: dial tcp 10.0.0.3:9092: connect: connection refused", "/ui/c/local/brokers/3"
		case 2:
			ended := at.Add(7 * time.Second)
			e.Kind, e.Text, e.Link, e.End, system = "change", "group-reset billing-0000 by ann", "/ui/actions?cluster=local&target=billing-0000", &ended, "actions"
		case 3:
			e.Kind, e.Severity, e.Text, e.Link, system = "audit-late", "warning", "page-views, window from 17 May 2015 10:00: late between east and local", windowPath("page-views", time.Date(2015, 5, 17, 10, 0, 0, 0, time.UTC)), "audit"
			e.Cluster = ""
		}
		lists[system] = eventList{Events: append(lists[system].Events, e)}
	}
	return lists
}

// keyset pages rows that are sorted by key, as the API does.
func keyset[T any](q map[string][]string, rows []T, key func(T) string) (page []T, l listed, ok bool) {
	get := func(name string) string { return strings.Join(q[name], "") }
	limit, _ := strconv.Atoi(get("limit"))
	l.Total = int64(len(rows))
	from := 0
	if c := get("cursor"); c != "" {
		from = slices.IndexFunc(rows, func(r T) bool { return "after-"+key(r) == c }) + 1
		if from == 0 {
			return nil, l, false
		}
	}
	rows = rows[from:]
	if n := cmp.Or(limit, 100); len(rows) > n {
		rows = rows[:n]
		l.Next = "after-" + key(rows[n-1])
	}
	return rows, l, true
}

func (f *fakeFleet) register(mux *http.ServeMux) {
	meta := func(l listed) listed { l.AgeMillis, l.Problems = f.age, f.problems; return l }
	known := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if !slices.ContainsFunc(f.clusters, func(c clusterRow) bool { return c.Name == r.PathValue("c") }) {
				fail(w, 404, "not_found", "there is no cluster "+strconv.Quote(r.PathValue("c")), "there are others")
				return
			}
			h(w, r)
		}
	}
	for system, l := range f.events {
		mux.HandleFunc("GET /api/v1/"+system+"/events", func(w http.ResponseWriter, r *http.Request) {
			from, _ := time.Parse(time.RFC3339, r.URL.Query().Get("from"))
			to, err := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
			answer(w, eventList{Events: slices.DeleteFunc(slices.Clone(l.Events), func(e eventInfo) bool { return e.At.Before(from) || err == nil && !e.At.Before(to) }), More: l.More})
		})
	}
	mux.HandleFunc("GET /api/v1/clusters", func(w http.ResponseWriter, r *http.Request) {
		answer(w, clusterList{Clusters: f.clusters})
	})
	mux.HandleFunc("GET /api/v1/clusters/{c}/brokers", known(func(w http.ResponseWriter, r *http.Request) {
		answer(w, brokerList{meta(listed{Total: int64(len(f.brokers))}), f.brokers})
	}))
	mux.HandleFunc("GET /api/v1/clusters/{c}/brokers/{id}", known(f.broker))
	mux.HandleFunc("GET /api/v1/clusters/{c}/topics", known(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		rows := slices.DeleteFunc(slices.Clone(f.topics), func(t topicRow) bool {
			return !strings.Contains(t.Name, q.Get("contains")) || q.Get("internal") == "false" && t.Internal
		})
		by := map[string]func(x, y topicRow) int{"records": on(func(t topicRow) int64 { return t.Records }), "bytes": on(func(t topicRow) int64 { return t.Bytes }),
			"rate":     on(func(t topicRow) float64 { return t.RecordsPerSecond }),
			"problems": on(func(t topicRow) int64 { return t.Offline*1e6 + t.UnderMinISR*1e3 + t.UnderReplicated })}[q.Get("sort")]
		sorted(rows, by, q.Get("order"))
		rows, l, ok := keyset(q, rows, func(t topicRow) string { return t.Name })
		if !ok {
			fail(w, 400, "bad_cursor", "this is no cursor", "leave it out to begin")
			return
		}
		answer(w, topicList{meta(l), rows})
	}))
	mux.HandleFunc("GET /api/v1/clusters/{c}/topics/{t}", known(f.topic))
	mux.HandleFunc("GET /api/v1/clusters/{c}/topics/{t}/producers", known(func(w http.ResponseWriter, r *http.Request) {
		l := []map[string]any{}
		for i := range f.producers {
			l = append(l, map[string]any{"partition": i % 6, "producer_id": 4000 + i, "epoch": i % 3, "last_sequence": 1000 * i, "last_time": "2026-11-24T18:49:00Z",
				"transaction_start": int64(i%4*1000) - 1})
		}
		answer(w, map[string]any{"producers": l, "age_ms": f.age})
	}))
	mux.HandleFunc("GET /api/v1/clusters/{c}/groups", known(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		rows := slices.DeleteFunc(slices.Clone(f.groups), func(g groupRow) bool { return !strings.Contains(g.Group, q.Get("contains")) })
		sorted(rows, map[string]func(x, y groupRow) int{"lag": on(func(g groupRow) int64 { return g.Lag }), "members": on(func(g groupRow) int64 { return g.Members })}[q.Get("sort")], q.Get("order"))
		rows, l, _ := keyset(q, rows, func(g groupRow) string { return g.Group })
		answer(w, groupList{meta(l), rows})
	}))
	mux.HandleFunc("GET /api/v1/clusters/{c}/groups/{g}", known(f.group))
}

func sorted[T any](rows []T, by func(x, y T) int, order string) {
	if by != nil {
		slices.SortStableFunc(rows, by)
	}
	if order == "desc" {
		slices.Reverse(rows)
	}
}

func (f *fakeFleet) broker(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(f.brokers, func(b brokerRow) bool { return fmt.Sprint(b.ID) == r.PathValue("id") })
	if i < 0 {
		fail(w, 404, "not_found", "there is no broker "+r.PathValue("id"), "")
		return
	}
	d := brokerDetail{brokerRow: f.brokers[i], Configs: f.configs}
	type row = struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Leader    bool   `json:"leader"`
		InSync    bool   `json:"in_sync"`
		Bytes     int64  `json:"bytes"`
	}
	for i, t := range f.topics {
		d.Partitions = append(d.Partitions, row{t.Name, int32(i % 6), i%3 == 0, i%10 != 3, t.Bytes / 6})
	}
	d.Partitions, d.listed, _ = keyset(r.URL.Query(), d.Partitions, func(x row) string { return x.Topic })
	d.AgeMillis = f.age
	answer(w, d)
}

func (f *fakeFleet) topic(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(f.topics, func(t topicRow) bool { return t.Name == r.PathValue("t") })
	if i < 0 {
		fail(w, 404, "not_found", "cluster local has no topic "+strconv.Quote(r.PathValue("t")), "GET the list")
		return
	}
	t := f.topics[i]
	d := topicDetail{topicRow: t, Configs: f.configs, Readers: []reader{}}
	for p := range int32(t.Partitions) {
		row := partitionRow{ID: p, Leader: p%3 + 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}, End: t.Records / t.Partitions, Bytes: t.Bytes / t.Partitions}
		if int64(p) < t.UnderReplicated {
			row.ISR = row.ISR[:2]
		}
		if int64(p) < t.UnderMinISR {
			row.ISR = row.ISR[:1]
		}
		if int64(p) < t.Offline {
			row.Leader, row.ISR, row.Error = -1, nil, "LEADER_NOT_AVAILABLE"
		}
		d.Rows = append(d.Rows, row)
	}
	for i := range t.Groups {
		d.Readers = append(d.Readers, reader{f.groups[i].Group, i * 4321})
	}
	d.Rows, d.listed, _ = keyset(r.URL.Query(), d.Rows, func(p partitionRow) string { return fmt.Sprint(p.ID) })
	d.AgeMillis = f.age
	answer(w, d)
}

func (f *fakeFleet) group(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(f.groups, func(g groupRow) bool { return g.Group == r.PathValue("g") })
	if i < 0 {
		fail(w, 404, "not_found", "there is no group "+strconv.Quote(r.PathValue("g")), "")
		return
	}
	g := f.groups[i]
	people, rows := []map[string]any{}, []map[string]any{}
	topic := "orders.created.0000"
	if len(f.topics) > 0 {
		topic = f.topics[0].Name
	}
	for m := range f.members {
		people = append(people, map[string]any{"member": fmt.Sprintf("billing-%d-3f0c7c1e-77aa-4a36-8b1b-6ad1e0a9a6b%d", m, m), "instance": "", "client": fmt.Sprintf("billing-%d", m), "host": fmt.Sprintf("/10.0.3.%d", m+4),
			"partitions": []map[string]any{{"topic": topic, "partitions": []int{m}}}})
		rows = append(rows, map[string]any{"topic": topic, "partition": m, "committed": 1_000_000 - m*4321, "start": 0, "end": 1_000_000, "lag": m * 4321, "member": people[m]["member"],
			"client": people[m]["client"], "host": people[m]["host"], "time_lag_ms": int64(m)*65_000 - 1, "error": ""})
	}
	answer(w, map[string]any{"group": g.Group, "state": g.State, "type": g.Type, "protocol": g.Protocol, "topics": g.Topics, "partitions": g.Partitions, "lag": g.Lag,
		"error": g.Error, "members": people, "rows": rows, "total": len(rows), "age_ms": f.age})
}
