package registry

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUsage(t *testing.T) {
	s := start(t, &memLog{})
	lag := int64(12)
	var mu sync.Mutex // guards asked
	asked := map[string]int{}
	s.cfg.Topics = func(ctx context.Context, topic string) ([]TopicUse, error) {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("no deadline")
		}
		mu.Lock()
		asked[topic]++
		mu.Unlock()
		switch topic {
		case "orders":
			return []TopicUse{
				{Cluster: "west", Sampled: 10, Keys: Seen{Plain: 10}, Values: Seen{IDs: map[int]int{1: 2, 2: 7, 9: 2}}, Err: errors.New("the groups: timed out")},
				{Cluster: "east", Sampled: 3, Keys: Seen{IDs: map[int]int{1: 3}}, Values: Seen{Plain: 3},
					Groups: []GroupUse{{"billing", &lag}, {"new", nil}}, Producers: []ProducerUse{{"shop-1", 4711}}},
			}, nil
		case "late":
			return nil, context.DeadlineExceeded
		}
		return nil, nil
	}
	ask := asks(t, s)
	for _, r := range [][2]string{{"orders-value", `"int"`}, {"orders-value", `"long"`}, {"orders-key", `"int"`}, {"late-value", `"int"`}, {"none-value", `"int"`}, {"shop.Order", `"int"`}} {
		if status, reply := ask("POST", "/subjects/"+r[0]+"/versions", body(r[1])); status != 200 {
			t.Fatal(reply)
		}
	}
	f := func(path string, versions int, want ...TopicUsage) {
		t.Helper()
		var a UsageAnswer
		status, reply := ask("GET", "/api/v1/registry/usage"+path, "")
		if err := json.Unmarshal([]byte(reply), &a); status != 200 || err != nil || a.More || len(a.Versions) != versions {
			t.Fatalf("%s: %d %s", path, status, reply)
		}
		for i := range want {
			want[i].Groups, want[i].Producers, want[i].IDs = append([]GroupUse{}, want[i].Groups...), append([]ProducerUse{}, want[i].Producers...), append([]SeenID{}, want[i].IDs...)
		}
		if diff := cmp.Diff(append([]TopicUsage{}, want...), a.Topics); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	late := TopicUsage{Subject: "late-value", Field: "value", Topic: "late", Error: "context deadline exceeded"}
	groups, producers := []GroupUse{{"billing", &lag}, {"new", nil}}, []ProducerUse{{"shop-1", 4711}}
	values := []TopicUsage{
		{Subject: "orders-value", Field: "value", Cluster: "east", Topic: "orders", Sampled: 3, Plain: 3, Groups: groups, Producers: producers},
		{Subject: "orders-value", Field: "value", Cluster: "west", Topic: "orders", Sampled: 10, IDs: []SeenID{{2, 7, 2}, {1, 2, 1}, {9, 2, 0}}, Error: "the groups: timed out"},
	}
	keys := []TopicUsage{
		{Subject: "orders-key", Field: "key", Cluster: "east", Topic: "orders", Sampled: 3, IDs: []SeenID{{1, 3, 1}}, Groups: groups, Producers: producers},
		{Subject: "orders-key", Field: "key", Cluster: "west", Topic: "orders", Sampled: 10, Plain: 10, Error: "the groups: timed out"},
	}
	f("/1", 5, append(append([]TopicUsage{late}, keys...), values...)...)
	if diff := cmp.Diff(map[string]int{"orders": 1, "late": 1, "none": 1}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	f("?subject=orders-value", 2, values...)
	f("?subject=orders-value&topics=false", 2)
	f("?subject=shop.Order", 1)
	for path, want := range map[string]int{"?subject=x": 404, "": 422, "/99": 404} {
		if status, reply := ask("GET", "/api/v1/registry/usage"+path, ""); status != want {
			t.Errorf("%s: %d %s", path, status, reply)
		}
	}
}

func TestNamedAfter(t *testing.T) {
	f := func(subject, topic, field string) {
		t.Helper()
		if n, ok := namedAfter(subject); n.topic != topic || n.field != field || ok != (topic != "") {
			t.Errorf("%s: %+v, %t", subject, n, ok)
		}
	}
	f("a-value", "a", "value")
	f("a-b-key", "a-b", "key")
	f(":.eu:a-value", "a", "value")
	f("a", "", "")
	f("-value", "", "")
	f("a-values", "", "")
}
