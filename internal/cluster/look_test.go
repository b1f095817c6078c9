package cluster

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirhq/weir/internal/kafkatest"
)

// Of the topics that it is asked for, Look tells what Refresh does, and of no other.
func TestLook(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c := connect(t, start(t))
		for _, name := range []string{"orders", "users", "views"} {
			ensure(t, c, name, 3)
		}
		produce(t, newClient(t, c), "orders", 1, 0, 5)
		all := refresh(t, c, nil)
		s, err := c.Look(t.Context(), []string{"users", "orders", "nothing", "no name", "orders"})
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Topics) != 2 || s.Topic("views") != nil || s.Cluster != all.Cluster || len(s.Brokers) != len(all.Brokers) || len(s.Errors) > 0 {
			t.Fatalf("%+v", s)
		}
		for _, name := range []string{"orders", "users"} {
			a, b := all.Topic(name), s.Topic(name)
			if diff := cmp.Diff(a.Partitions, b.Partitions, cmpopts.IgnoreFields(PartitionState{}, "Topic")); diff != "" || a.ID != b.ID {
				t.Errorf("%s (-refresh +look):\n%s", name, diff)
			}
		}
		if p := s.Topic("orders").Partition(1); p.End != 5 || p.Size() <= 0 || p.Stale != 0 {
			t.Errorf("%+v", p)
		}
		if s, err = c.Look(t.Context(), nil); err != nil || len(s.Topics) > 0 || !slices.EqualFunc(s.Brokers, all.Brokers, func(x, y BrokerState) bool { return x.ID == y.ID }) {
			t.Errorf("without topics: %v, %+v", err, s)
		}
	})
}
