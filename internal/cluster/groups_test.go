package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

func TestGroupsAndTimes(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c := connect(t, start(t))
		ensure(t, c, "orders", 4)
		t.Run("groups", func(t *testing.T) { testGroups(t, c) })
		t.Run("gone brokers", func(t *testing.T) { testGoneBrokers(t, c) })
		t.Run("times", func(t *testing.T) { testTimes(t, c) })
		t.Run("configs", func(t *testing.T) { testConfigs(t, c) })
	})
}

func testGroups(t *testing.T, c *Cluster) {
	if _, err := c.Group(t.Context(), "nothing"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("a group that does not exist: %v", err)
	}
	if err := c.DeleteGroup(t.Context(), "nothing"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("deleting it: %v", err)
	}
	commit := func(offsets ...GroupOffset) {
		t.Helper()
		if err := c.CommitOffsets(t.Context(), "billing", offsets); err != nil {
			t.Fatal(err)
		}
		g, err := c.Group(t.Context(), "billing")
		if err != nil {
			t.Fatal(err)
		}
		all, errs := c.Groups(t.Context(), refresh(t, c, nil))
		if len(errs) > 0 || len(all) != 1 || !slices.Equal(all[0].Offsets, g.Offsets) || all[0].Type != "classic" || !all[0].Described || all[0].State != g.State {
			t.Errorf("one by one %+v, all together %+v, %v", g, all, errs)
		}
		var want []GroupOffset
		for _, o := range offsets {
			if o.At >= 0 {
				want = append(want, o)
			}
		}
		if !slices.Equal(g.Offsets, want) || g.State != "Empty" || len(g.Members) != 0 {
			t.Errorf("after %v it is %+v", offsets, g)
		}
	}
	commit(GroupOffset{"orders", 0, 0}, GroupOffset{"orders", 1, 7}, GroupOffset{"orders", 3, 2})
	commit(GroupOffset{"orders", 0, 5}, GroupOffset{"orders", 1, -1}, GroupOffset{"orders", 3, 0})
	if err := c.DeleteGroup(t.Context(), "billing"); err != nil {
		t.Fatal(err)
	}
	if all, errs := c.Groups(t.Context(), refresh(t, c, nil)); len(all) != 0 || len(errs) != 0 {
		t.Errorf("after its end: %+v, %v", all, errs)
	}
}

// testGoneBrokers has brokers that are not registered among some that do not answer:
// each has its error.
func testGoneBrokers(t *testing.T, c *Cluster) {
	s := *refresh(t, c, nil)
	for id := range int32(50) {
		s.Brokers = append(s.Brokers, BrokerState{ID: 1000 + id}, BrokerState{ID: 2000 + id, Err: ErrNotRegistered})
	}
	_, errs := c.Groups(t.Context(), &s)
	said := map[int32]bool{}
	for _, err := range errs {
		said[err.Broker] = errors.Is(err, ErrNotRegistered) == (err.Broker >= 2000)
	}
	if len(errs) != 100 || len(said) != 100 || slices.Contains(slices.Collect(maps.Values(said)), false) {
		t.Errorf("of 50 brokers that do not answer, and 50 that are gone: %v", errs)
	}
}

// Batches that are larger than what is asked for of a partition are told of one by
// one.
func testTimes(t *testing.T, c *Cluster) {
	base := time.UnixMilli(1_795_000_000_000)
	client := newClient(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for p := range int32(3) {
		for i := range 4 {
			r := &kgo.Record{Topic: "orders", Partition: p, Value: bytes.Repeat([]byte("x"), 2*timesMaxBytes), Timestamp: base.Add(time.Duration(int(p)*100+i) * time.Second)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := refresh(t, c, nil)
	at := []GroupOffset{{"orders", 2, 3}, {"orders", 0, 0}, {"orders", 1, 2}, {"orders", 3, 0}, {"orders", 9, 0}, {"nothing", 0, 0}}
	var got []string
	for _, when := range c.TimesAt(t.Context(), s, at) {
		if when.IsZero() {
			got = append(got, "-")
			continue
		}
		got = append(got, fmt.Sprint(when.Sub(base).Seconds()))
	}
	// The last three: an empty partition, none, and no topic.
	if want := []string{"203", "0", "102", "-", "-", "-"}; !slices.Equal(got, want) {
		t.Errorf("times %v, want %v", got, want)
	}
	for _, when := range c.TimesAt(t.Context(), s, []GroupOffset{{"orders", 1, 99}}) {
		if !when.IsZero() {
			t.Errorf("an offset beyond the end has the time %v", when)
		}
	}
}

func testConfigs(t *testing.T, c *Cluster) {
	has := func(name string) ConfigEntry {
		t.Helper()
		entries, err := c.TopicConfigs(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(entries, func(e ConfigEntry) bool { return e.Name == name })
		if i < 0 {
			t.Fatalf("no %s in %+v", name, entries)
		}
		return entries[i]
	}
	was := has("segment.bytes")
	set := map[string]string{"segment.bytes": "2000000"}
	for _, try := range []bool{true, false} {
		if err := c.AlterTopic(t.Context(), "orders", set, nil, try); err != nil {
			t.Fatal(err)
		}
		if now := has("segment.bytes"); try != (now == was) || !try && (now.Value != "2000000" || now.Source != "topic") {
			t.Errorf("try %v: %+v", try, now)
		}
	}
	if err := c.AlterTopic(t.Context(), "orders", nil, []string{"segment.bytes"}, false); err != nil || has("segment.bytes") != was {
		t.Errorf("unset: %v, %+v, want %+v", err, has("segment.bytes"), was)
	}
	if _, err := c.TopicConfigs(t.Context(), "nothing"); !errors.Is(err, ErrNoTopic) {
		t.Errorf("settings of no topic: %v", err)
	}
	for _, try := range []bool{true, false} {
		if err := c.SetPartitions(t.Context(), "orders", 6, try); err != nil {
			t.Fatal(err)
		}
	}
	var refusal *Refusal
	if err := c.SetPartitions(t.Context(), "orders", 2, true); !errors.As(err, &refusal) {
		t.Errorf("fewer partitions: %v", err)
	}
	if err := c.TryTopic(t.Context(), Topic{Name: "orders", Partitions: 1, Replication: 1}); !errors.As(err, &refusal) {
		t.Errorf("a topic that exists: %v", err)
	}
	if err := c.TryTopic(t.Context(), Topic{Name: "users", Partitions: 1, Replication: 1}); err != nil {
		t.Error(err)
	}
	if _, err := c.Topic(t.Context(), "users"); !errors.Is(err, ErrNoTopic) {
		t.Errorf("trying has made it: %v", err)
	}
}
