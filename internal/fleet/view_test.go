package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

var t0 = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// snapshot makes one out of topics "NAME END BYTES", of two partitions each.
func snapshot(at time.Duration, topics ...string) *cluster.Snapshot {
	s := &cluster.Snapshot{Cluster: "east", At: t0.Add(at), Brokers: []cluster.BrokerState{{ID: 1}, {ID: 2}}}
	slices.Sort(topics)
	for i, line := range topics {
		var name string
		var end, size int64
		if _, err := fmt.Sscan(line, &name, &end, &size); err != nil {
			panic(err)
		}
		var id wire.TopicID
		copy(id[:], name)
		t := cluster.TopicState{Name: name, ID: id}
		for p := range int32(2) {
			t.Partitions = append(t.Partitions, cluster.PartitionState{
				Topic: int32(i), ID: p, Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Start: 0, End: end, Sizes: []int64{size, size / 2},
			})
		}
		s.Topics, s.Partitions = append(s.Topics, t), append(s.Partitions, t.Partitions...)
	}
	return s
}

func none(string) int { return -1 }

func TestRates(t *testing.T) {
	var v *view
	look := func(s *cluster.Snapshot) (rates string) {
		v = newView(v, s, 1, none)
		for _, r := range v.topics.rows {
			rates += fmt.Sprintf("%s %.2f %.1f; ", r.Name, r.RecordsPerSecond, r.BytesPerSecond)
		}
		return rates + fmt.Sprintf("all %.2f %.1f", v.records, v.grown)
	}
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("at %v: %s, want %s", v.snapshot.At.Sub(t0), got, want)
		}
	}
	want(look(snapshot(0, "a 0 0")), "a -1.00 -1.0; all -1.00 -1.0")
	want(look(snapshot(5*time.Second, "a 10 100", "b 5 0")), "a 4.00 40.0; b -1.00 -1.0; all 4.00 40.0")
	// Retention that takes bytes away is no negative rate.
	want(look(snapshot(10*time.Second, "a 20 0", "b 5 50")), "a 4.00 20.0; b -1.00 -1.0; all 4.00 20.0")
	// A topic that is newer than the oldest sample has a rate since it is there.
	want(look(snapshot(15*time.Second, "a 20 0", "b 10 50")), "a 2.67 13.3; b 2.00 0.0; all 4.67 13.3")
	for at := 20; at <= 75; at += 5 {
		look(snapshot(time.Duration(at)*time.Second, "a 20 0", "b 10 50"))
	}
	// What was more than a minute ago is forgotten.
	want(look(snapshot(80*time.Second, "a 20 0", "b 10 50")), "a 0.00 0.0; b 0.00 0.0; all 0.00 0.0")
	if len(v.samples) > 8 {
		t.Errorf("%d samples are kept", len(v.samples))
	}
	// A topic that was made anew has no past, and an unknown end is none.
	again := snapshot(85*time.Second, "a 1000 1000")
	again.Topics[0].ID = wire.TopicID{9}
	want(look(again), "a -1.00 -1.0; all -1.00 -1.0")
}

func TestUnderMinISR(t *testing.T) {
	s := snapshot(0, "a 0 0", "b 0 0", "c 0 0")
	s.Topics[0].Partitions[0].ISR = []int32{1}
	s.Topics[1].Settings = []cluster.Setting{{Name: "min.insync.replicas", Value: "3"}}
	s.Topics[2].Partitions[1].Leader = -1
	v := newView(nil, s, 2, none)
	got := fmt.Sprint(v.underMin, v.underReplicated, v.offline, v.topics.rows[0].UnderMinISR, v.topics.rows[1].UnderMinISR)
	if got != "3 1 1 1 2" {
		t.Errorf("under min ISR, under-replicated, offline, of a, of b: %s", got)
	}
}

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		s    ClusterSummary
		want string
	}{
		{ClusterSummary{State: "up"}, "ok"},
		{ClusterSummary{State: "unknown"}, "unknown: it has not answered yet"},
		{ClusterSummary{State: "down", Error: "no answer", Offline: 3}, "down: no answer"},
		{ClusterSummary{State: "up", BrokersDown: 1, UnderReplicated: 5, Problems: []string{"broker 2: away"}},
			"degraded: 1 broker is down, 5 partitions are under-replicated"},
		{ClusterSummary{State: "up", Offline: 2, UnderMinISR: 1}, "degraded: 2 partitions have no leader, 1 partition is under its min.insync.replicas"},
		{ClusterSummary{State: "up", Problems: []string{"broker 2: slow"}}, "degraded: broker 2: slow"},
		{ClusterSummary{State: "up", AgeMillis: 15_000}, "ok"},
		{ClusterSummary{State: "up", AgeMillis: 61_000}, "degraded: its numbers are 1m1s old"},
	} {
		health, reasons := judge(&c.s)
		if len(reasons) > 0 {
			health += ": " + strings.Join(reasons, ", ")
		}
		if health != c.want {
			t.Errorf("%+v is %s, want %s", c.s, health, c.want)
		}
	}
}

func TestBrokerRows(t *testing.T) {
	s := snapshot(0, "a 10 100")
	s.Brokers[1].Err = errors.New("away")
	s.Topics[0].Partitions[1].ISR = []int32{1}
	s.Partitions[1].ISR = []int32{1}
	rows := BrokerRows(s)
	if got := fmt.Sprint(rows); got != fmt.Sprint([]BrokerRow{
		{ID: 1, State: "up", Leaders: 2, Replicas: 2, Bytes: 200, LogDirs: []LogDir{}},
		{ID: 2, State: "down", Error: "away", Replicas: 2, UnderReplicated: 1, Bytes: 100, LogDirs: []LogDir{}},
	}) {
		t.Error(got)
	}
	if got := fmt.Sprint(brokerPartitions(s, 2)); got != "[{a 0 false true 50} {a 1 false false 50}]" {
		t.Error(got)
	}
}

func TestGroups(t *testing.T) {
	s := snapshot(0, "a 100 0", "b 10 0")
	s.Topics[0].Partitions[1].Start = 60
	s.Topics[1].Partitions[1].End = -1
	told := []cluster.Group{
		{Name: "behind", State: "Stable", Type: "classic", Described: true, Coordinator: 1, Members: make([]cluster.Member, 2),
			Offsets: []cluster.GroupOffset{{Topic: "a", Partition: 0, At: 90}, {Topic: "a", Partition: 1, At: 50}, {Topic: "b", Partition: 0, At: 12}}},
		{Name: "gone", State: "Empty", Type: "classic", Described: true, Coordinator: 2, Offsets: []cluster.GroupOffset{{Topic: "deleted", Partition: 0, At: 1}}},
		{Name: "new", State: "Stable", Type: "consumer", Described: true, Coordinator: 2, Members: make([]cluster.Member, 1)},
		{Name: "shared", State: "Stable", Type: "share", Coordinator: 2},
	}
	show := func(g *groups) (lines []string) {
		for _, r := range g.list.rows {
			lines = append(lines, fmt.Sprintf("%s %s members=%d topics=%d partitions=%d lag=%d %s", r.Group, r.State, r.Members, r.Topics, r.Partitions, r.Lag, r.Error))
		}
		return lines
	}
	want := func(g *groups, want ...string) {
		t.Helper()
		if got := show(g); !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	g := newGroups(nil, told, nil, s, t0)
	want(g,
		"behind Stable members=2 topics=2 partitions=3 lag=50 ", // 10, 40 that still are, and an end that is older than the offset
		"gone Empty members=0 topics=1 partitions=1 lag=-1 ",
		"new Stable members=1 topics=0 partitions=0 lag=0 ",
		"shared Stable members=-1 topics=0 partitions=0 lag=0 ",
	)
	if g.readers("a") != 1 || g.readers("nothing") != 0 || (*groups)(nil).readers("a") != -1 || fmt.Sprint(g.live("a"), g.live("deleted")) != "[behind] []" {
		t.Errorf("readers %d, live %v %v", g.readers("a"), g.live("a"), g.live("deleted"))
	}
	// The coordinator of three does not answer, and that of one not to everything:
	// what was known of them stays, and says since when.
	away := errors.New("away")
	half := told[0]
	half.Err, half.Described, half.Members, half.Offsets = away, false, nil, nil
	moved := told[2]
	moved.Coordinator = 1
	later := newGroups(g, []cluster.Group{half, moved}, []cluster.BrokerError{{Broker: 2, What: "groups", Err: away}}, s, t0.Add(time.Minute))
	want(later,
		"behind Stable members=2 topics=2 partitions=3 lag=50 as of 12:00:00: away",
		"gone Empty members=0 topics=1 partitions=1 lag=-1 as of 12:00:00: away",
		"new Stable members=1 topics=0 partitions=0 lag=0 ",
		"shared Stable members=-1 topics=0 partitions=0 lag=0 as of 12:00:00: away",
	)
	if fmt.Sprint(later.problems) != "[broker 2: groups: away]" || later.readers("a") != 1 {
		t.Errorf("problems %v, readers %d", later.problems, later.readers("a"))
	}
	// And it still says the same time when that lasts; a group that is gone goes.
	want(newGroups(later, nil, []cluster.BrokerError{{Broker: 2, What: "groups", Err: away}}, s, t0.Add(2*time.Minute)),
		"gone Empty members=0 topics=1 partitions=1 lag=-1 as of 12:00:00: away",
		"shared Stable members=-1 topics=0 partitions=0 lag=0 as of 12:00:00: away",
	)
}

func TestDescribeGroup(t *testing.T) {
	s := snapshot(0, "a 100 0")
	s.Topics[0].Partitions[1].Start = 60
	g := cluster.Group{Name: "g", Offsets: []cluster.GroupOffset{{Topic: "a", Partition: 0, At: 100}, {Topic: "a", Partition: 1, At: 50}, {Topic: "a", Partition: 7, At: 1}},
		Members: []cluster.Member{{ID: "m", Client: "c", Host: "h", Assigned: []cluster.TopicPartitions{{Topic: "a", Partitions: []int32{1}}, {Topic: "gone", Partitions: []int32{0}}}}}}
	_, members, rows := DescribeGroup(&g, s)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%s/%d %d in %d-%d lag=%d time=%d by=%s %s", r.Topic, r.Partition, r.Committed, r.Start, r.End, r.Lag, r.TimeLag, r.Member, r.Error))
	}
	want := []string{
		"a/0 100 in 0-100 lag=0 time=0 by= ",
		"a/1 50 in 60-100 lag=40 time=-1 by=m 10 records were deleted before they were read",
		"a/7 1 in -1--1 lag=-1 time=-1 by= the partition does not exist",
		"gone/0 -1 in -1--1 lag=-1 time=-1 by=m the topic does not exist",
	}
	if !slices.Equal(got, want) || len(members) != 1 || fmt.Sprint(members[0].Partitions) != "[{a [1]} {gone [0]}]" {
		t.Errorf("got\n%s\nwant\n%s\n%+v", strings.Join(got, "\n"), strings.Join(want, "\n"), members)
	}
}

// benchmarkView has 10,000 topics.
func benchmarkView(at time.Duration, prev *view) *view {
	var topics []string
	for i := range 10_000 {
		topics = append(topics, fmt.Sprintf("team-%03d.topic-%05d %d %d", i%100, i, i*int(at/time.Second), i*100))
	}
	return newView(prev, snapshot(at, topics...), 1, none)
}

// Filter, sort and page over 10,000 topics.
func BenchmarkTopics(b *testing.B) {
	v := benchmarkView(5*time.Second, benchmarkView(time.Second, nil))
	for _, q := range []Query{{Limit: 100}, {Contains: "TEAM-042", Sort: "rate", Desc: true, Limit: 100}, {Sort: "bytes", Limit: 1000}} {
		b.Run(fmt.Sprintf("contains=%s,sort=%s", q.Contains, q.Sort), func(b *testing.B) {
			for b.Loop() {
				if _, err := v.topics.page(q, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("first,sort=rate", func(b *testing.B) { // which makes the order
		for b.Loop() {
			l := newList(v.topics.rows, nameOfTopic, topicKeys)
			if _, err := l.page(Query{Sort: "rate", Desc: true, Limit: 100}, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	s := v.snapshot
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newView(v, s, 1, none)
		}
	})
}
