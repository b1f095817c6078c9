package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/kafkatest"
)

func TestRefresh(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c := connect(t, start(t))
		s := refresh(t, c, nil)
		if len(s.Brokers) != 1 || !s.Brokers[0].Controller || s.Brokers[0].Port == 0 || s.Cluster != "local" || len(s.Errors) != 0 {
			t.Fatalf("%+v", s)
		}
		if s.Age(time.Now()) < 0 || s.Age(time.Now()) > time.Minute || !s.Brokers[0].Answered.Equal(s.At) {
			t.Errorf("at %v, answered %v", s.At, s.Brokers[0].Answered)
		}

		info := ensure(t, c, "orders", 3)
		produce(t, newClient(t, c), "orders", 1, 0, 10)
		deleteRecords(t, c, "orders", 1, 4)
		s = refreshUntil(t, c, s, func(s *Snapshot) bool { return s.Topic("orders") != nil })
		topic := s.Topic("orders")
		if topic.ID != info.ID || topic.Err != nil || topic.SettingsErr != nil || len(topic.Partitions) != 3 {
			t.Errorf("%+v", topic)
		}
		if got := fmt.Sprint(topic.Settings); got != "[{cleanup.policy delete} {retention.ms -1}]" {
			t.Errorf("settings %s", got)
		}
		broker := s.Brokers[0].ID
		for id, want := range [][2]int64{{0, 0}, {4, 10}, {0, 0}} {
			p := topic.Partition(int32(id))
			if p.Start != want[0] || p.End != want[1] || p.Stale != 0 || p.Err != nil || p.Leader != broker ||
				!slices.Equal(p.Replicas, []int32{broker}) || !slices.Equal(p.ISR, p.Replicas) || (p.Size() > 0) != (id == 1) {
				t.Errorf("partition %d: %+v", id, p)
			}
		}

		// Connections are open and settings are read: what remains is the price of a refresh.
		again := refresh(t, c, s)
		if got := again.Cost; got.Requests < 5 || got.Requests > 6 || got.Written == 0 || got.Read == 0 || got.Duration <= 0 {
			t.Errorf("it cost %+v", got)
		}
		if topic := again.Topic("orders"); len(topic.Settings) != 2 || !topic.SettingsAt.Equal(s.Topic("orders").SettingsAt) {
			t.Errorf("settings became %v of %v", topic.Settings, topic.SettingsAt)
		}

		if err := c.DeleteTopics(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		second := ensure(t, c, "orders", 2)
		anew := refreshUntil(t, c, again, func(s *Snapshot) bool { return s.Topic("orders") != nil && s.Topic("orders").ID == second.ID }).Topic("orders")
		if len(anew.Partitions) != 2 || anew.Partition(1).End != 0 || anew.SettingsAt.Equal(topic.SettingsAt) {
			t.Errorf("made anew: %+v", anew)
		}
	}, kafkatest.Version39)
}

func refresh(t *testing.T, c *Cluster, prev *Snapshot) *Snapshot {
	t.Helper()
	s, err := c.Refresh(t.Context(), prev)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// refreshUntil is for what a cluster takes its time to show.
func refreshUntil(t *testing.T, c *Cluster, s *Snapshot, done func(*Snapshot) bool) *Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	for {
		next, err := c.Refresh(ctx, s)
		if err == nil && done(next) {
			return next
		}
		if err == nil {
			s = next
		}
		if pause(ctx, retryEvery) != nil {
			t.Fatalf("%v; the last snapshot is\n%s", err, text(s))
		}
	}
}

func TestRefreshWhileBrokersFail(t *testing.T) { eachKafka(t, testRefreshWhileBrokersFail) }

func testRefreshWhileBrokersFail(t *testing.T, version kafkatest.Option) {
	kafka := kafkatest.Start(t, version, kafkatest.Brokers(3), kafkatest.Racks("a", "b", "c"), kafkatest.LogDirs(2))
	const timeout = 4 * time.Second
	c, err := Connect(t.Context(), Config{Name: "east", Bootstrap: strings.Split(kafka.Bootstrap(), ","), BrokerTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Run("new topics", func(t *testing.T) { testKnownToAll(t, c) })
	ensure(t, c, "three", 6)                // three replicas each
	createOn(t, c, "one", 1, 2, 3, 1, 2, 3) // one replica each
	producer := newClient(t, c)
	for p := range int32(6) {
		produce(t, producer, "three", p, 0, 10)
		produce(t, producer, "one", p, 0, 10)
	}
	healthy := func(s *Snapshot) bool {
		fresh := !slices.ContainsFunc(s.Partitions, func(p PartitionState) bool { return p.Stale != 0 || p.Err != nil })
		return fresh && len(s.Brokers) == 3 && len(s.Errors) == 0 && len(s.UnderReplicated()) == 0 && len(s.Offline()) == 0 && s.Topic("three") != nil && s.Topic("one") != nil
	}
	s := refreshUntil(t, c, nil, healthy)
	checkThree(t, s)

	t.Run("killed", func(t *testing.T) {
		kafka.KillBroker(2)
		s = refresh(t, c, s) // at once
		if b := s.Broker(2); b == nil || b.Err == nil || !strings.Contains(b.Err.Error(), "broker 2") || !slices.ContainsFunc(s.Errors, func(e BrokerError) bool { return e.Broker == 2 }) {
			t.Fatalf("it does not show:\n%s", text(s))
		}
		checkOne(t, s)
		// Then the others notice.
		s = refreshUntil(t, c, s, func(s *Snapshot) bool {
			settled := !slices.ContainsFunc(s.Topic("three").Partitions, func(p PartitionState) bool { return p.Err != nil }) // new leaders know no offsets yet
			return settled && len(s.Offline()) == 2 && len(s.UnderReplicated()) >= 6
		})
		if b := s.Broker(2); !errors.Is(b.Err, ErrNotRegistered) || b.Host == "" || b.Answered.IsZero() {
			t.Errorf("%+v", b)
		}
		for _, p := range s.Offline() {
			if p.Replicas[0] != 2 || p.End != 10 || p.Err == nil || p.Size() <= 0 {
				t.Errorf("offline: %+v", p)
			}
		}
		for _, p := range s.Topic("three").Partitions {
			if p.Leader == 2 || slices.Contains(p.ISR, 2) || !slices.Equal(p.Offline, []int32{2}) || p.Stale != StaleSizes || p.End != 10 {
				t.Errorf("under-replicated: %+v", p)
			}
		}
		kafka.RestartBroker(2)
		s = refreshUntil(t, c, s, healthy)
		checkThree(t, s)
	})

	t.Run("paused", func(t *testing.T) {
		kafka.PauseBroker(3)
		defer kafka.ResumeBroker(3)
		for range 2 {
			began := time.Now()
			s = refresh(t, c, s)
			if took := time.Since(began); took > 3*timeout {
				t.Errorf("a refresh took %v", took)
			}
			if b := s.Broker(3); b == nil || b.Err == nil {
				t.Fatalf("it does not show:\n%s", text(s))
			}
			checkOne(t, s)
		}
		kafka.ResumeBroker(3)
		s = refreshUntil(t, c, s, healthy)
		checkThree(t, s)
	})

	t.Run("all", func(t *testing.T) {
		kafka.Kill()
		began := time.Now()
		_, err := c.Refresh(t.Context(), s)
		wantError(t, err, "refreshing the snapshot of cluster east")
		if took := time.Since(began); took > 3*timeout {
			t.Errorf("it took %v", took)
		}
	})
}

// createOn makes a topic of one partition per broker named, and puts it there.
func createOn(t *testing.T, c *Cluster, name string, brokers ...int32) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for i, id := range brokers {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(i), []int32{id}
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, a)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(t.Context(), c.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkOne wants the rows of brokers that failed to be what they were, and those
// of the others to be fresh.
func checkOne(t *testing.T, s *Snapshot) {
	t.Helper()
	for _, p := range s.Topic("one").Partitions {
		failed := s.Broker(p.Replicas[0]).Err != nil
		if p.End != 10 || p.Size() <= 0 || (p.Stale != 0) != failed || (p.Err != nil) != failed {
			t.Errorf("%+v", p)
		}
	}
	if slices.IndexFunc(s.Brokers, func(b BrokerState) bool { return b.Err == nil }) < 0 {
		t.Errorf("no broker answered:\n%s", text(s))
	}
}

func checkThree(t *testing.T, s *Snapshot) {
	t.Helper()
	controllers := 0
	for i, b := range s.Brokers {
		if b.Controller {
			controllers++
		}
		if b.ID != int32(i+1) || b.Rack != string(rune('a'+i)) || len(b.Dirs) != 2 || b.Dirs[0].Total <= 0 || b.Dirs[0].Usable <= 0 || b.Err != nil || !b.Answered.Equal(s.At) {
			t.Errorf("%+v", b)
		}
	}
	if controllers != 1 {
		t.Errorf("%d controllers", controllers)
	}
	for name, replicas := range map[string]int{"one": 1, "three": 3} {
		for _, p := range s.Topic(name).Partitions {
			if p.Start != 0 || p.End != 10 || len(p.Replicas) != replicas || len(p.Sizes) != replicas || slices.Min(p.Sizes) <= 0 {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}

func TestRefreshEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c, err := New(Config{Name: "east", Bootstrap: []string{silent.Addr().String()}, BrokerTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Refresh(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	began := time.Now()
	_, err = c.Refresh(t.Context(), nil)
	wantError(t, err, "refreshing the snapshot of cluster east", "no broker answers within 1s")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}
