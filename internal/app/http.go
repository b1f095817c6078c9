package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/web"
)

const (
	reachEvery = time.Second
	// refreshEvery is how often a cluster's snapshot is taken anew.
	refreshEvery = 5 * time.Second
)

// watch keeps the newest snapshot of a cluster.
type watch struct {
	cluster *cluster.Cluster

	mu       sync.Mutex // guards below
	snapshot *cluster.Snapshot
	err      error // why the newest refresh has failed
}

func (w *watch) state() (*cluster.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshot, w.err
}

// run tries until the cluster answers, then refreshes until ctx ends. It says
// when the cluster goes down and when it comes back.
func (h *House) watch(ctx context.Context, w *watch) error {
	log := h.app.cfg.Log.With("cluster", w.cluster.Name)
	for ctx.Err() == nil {
		err := w.cluster.Reach(ctx)
		previous, before := w.state()
		var snapshot *cluster.Snapshot
		if err == nil {
			snapshot, err = w.cluster.Refresh(ctx, previous)
		}
		if ctx.Err() != nil {
			return nil
		}
		wait := refreshEvery
		switch {
		case err != nil && before == nil:
			log.Warn("cluster is down; what needs it waits", "error", err)
		case err == nil && before != nil:
			log.Info("cluster is back")
		}
		w.mu.Lock()
		if w.err = err; err == nil {
			w.snapshot = snapshot
		} else {
			wait = reachEvery
		}
		w.mu.Unlock()
		pause(ctx, wait)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// ClusterSummary is what the list of clusters says of one.
type ClusterSummary struct {
	Name            string   `json:"name"`
	ID              string   `json:"id" doc:"Kafka's own id, empty until the cluster has answered."`
	State           string   `json:"state" enum:"up,down,unknown"`
	Error           string   `json:"error" doc:"Why the cluster is down."`
	Home            bool     `json:"home"`
	Embedded        bool     `json:"embedded"`
	Bootstrap       []string `json:"bootstrap"`
	Datacenter      string   `json:"datacenter"`
	Tier            string   `json:"tier"`
	AgeMillis       int64    `json:"age_ms" doc:"How old these numbers are; -1: there are none yet."`
	Brokers         int      `json:"brokers"`
	BrokersDown     int      `json:"brokers_down"`
	Topics          int      `json:"topics"`
	Partitions      int      `json:"partitions"`
	UnderReplicated int      `json:"under_replicated"`
	Offline         int      `json:"offline" doc:"Partitions without a leader."`
	Problems        []string `json:"problems" doc:"What was not answered at the newest refresh."`
}

// BrokerRow is one broker.
type BrokerRow struct {
	ID         int32  `json:"id"`
	Address    string `json:"address"`
	Rack       string `json:"rack"`
	Controller bool   `json:"controller"`
	State      string `json:"state" enum:"up,down"`
	Error      string `json:"error"`
	Leaders    int    `json:"leaders"`
	Replicas   int    `json:"replicas"`
	Bytes      int64  `json:"bytes" doc:"Of its replicas, as far as told."`
}

// TopicRow is one topic.
type TopicRow struct {
	Name            string `json:"name"`
	ID              string `json:"id"`
	Internal        bool   `json:"internal"`
	Partitions      int    `json:"partitions"`
	Replication     int    `json:"replication"`
	Records         int64  `json:"records" doc:"End less start offsets: no more records than this."`
	Bytes           int64  `json:"bytes" doc:"Of one replica of each partition, the largest."`
	UnderReplicated int    `json:"under_replicated"`
	Offline         int    `json:"offline"`
	Error           string `json:"error"`
}

// PartitionRow is one partition.
type PartitionRow struct {
	ID       int32   `json:"id"`
	Leader   int32   `json:"leader" doc:"-1: none."`
	Replicas []int32 `json:"replicas"`
	ISR      []int32 `json:"isr"`
	Offline  []int32 `json:"offline"`
	Start    int64   `json:"start"`
	End      int64   `json:"end"`
	Bytes    int64   `json:"bytes"`
	Stale    bool    `json:"stale" doc:"Some of it is from an earlier refresh."`
	Error    string  `json:"error"`
}

// TopicDetail is one topic with its partitions and settings.
type TopicDetail struct {
	TopicRow
	Rows     []PartitionRow    `json:"rows"`
	Settings map[string]string `json:"settings" doc:"Those set on the topic itself."`
}

// SummariseTopic returns the row of a topic.
func SummariseTopic(t *cluster.TopicState) TopicRow {
	row := TopicRow{Name: t.Name, ID: t.ID.String(), Internal: t.Internal, Partitions: len(t.Partitions), Error: text(t.Err)}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		row.Replication = max(row.Replication, len(p.Replicas))
		if p.End >= 0 && p.Start >= 0 {
			row.Records += p.End - p.Start
		}
		row.Bytes += largest(p)
		if len(p.ISR) < len(p.Replicas) {
			row.UnderReplicated++
		}
		if p.Leader < 0 {
			row.Offline++
		}
	}
	return row
}

// DescribeTopic returns a topic with its partitions.
func DescribeTopic(t *cluster.TopicState) TopicDetail {
	d := TopicDetail{TopicRow: SummariseTopic(t), Rows: []PartitionRow{}, Settings: map[string]string{}}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		d.Rows = append(d.Rows, PartitionRow{
			ID: p.ID, Leader: p.Leader, Replicas: list(p.Replicas), ISR: list(p.ISR), Offline: list(p.Offline),
			Start: p.Start, End: p.End, Bytes: largest(p), Stale: p.Stale != 0, Error: text(p.Err),
		})
	}
	for _, s := range t.Settings {
		d.Settings[s.Name] = s.Value
	}
	return d
}

func largest(p *cluster.PartitionState) int64 {
	if len(p.Sizes) == 0 {
		return 0
	}
	return max(0, slices.Max(p.Sizes))
}

func list(ids []int32) []int32 { return append([]int32{}, ids...) }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (h *House) summary(name string, now time.Time) ClusterSummary {
	addrs, embedded := h.app.Bootstrap(name)
	cfg := h.app.cfg.Clusters[name]
	s := ClusterSummary{
		Name: name, State: "unknown", Home: name == h.app.cfg.Home, Embedded: embedded, Bootstrap: addrs,
		Datacenter: cfg.Datacenter, Tier: cfg.Tier, AgeMillis: -1, Problems: []string{},
	}
	snapshot, err := h.watches[name].state()
	if err != nil {
		s.State, s.Error = "down", err.Error()
	}
	if snapshot == nil {
		return s
	}
	if err == nil {
		s.State = "up"
	}
	s.ID = h.Clusters[name].ID
	s.AgeMillis = snapshot.Age(now).Milliseconds()
	s.Brokers, s.Topics, s.Partitions = len(snapshot.Brokers), len(snapshot.Topics), len(snapshot.Partitions)
	s.UnderReplicated, s.Offline = len(snapshot.UnderReplicated()), len(snapshot.Offline())
	for _, b := range snapshot.Brokers {
		if b.Err != nil {
			s.BrokersDown++
		}
	}
	for _, e := range snapshot.Errors {
		s.Problems = append(s.Problems, e.Error())
	}
	return s
}

func brokerRows(s *cluster.Snapshot) []BrokerRow {
	rows := []BrokerRow{}
	at := map[int32]int{}
	for _, b := range s.Brokers {
		row := BrokerRow{ID: b.ID, Rack: b.Rack, Controller: b.Controller, State: "up", Error: text(b.Err)}
		if b.Host != "" {
			row.Address = fmt.Sprintf("%s:%d", b.Host, b.Port)
		}
		if b.Err != nil {
			row.State = "down"
		}
		at[b.ID] = len(rows)
		rows = append(rows, row)
	}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		if n, ok := at[p.Leader]; ok {
			rows[n].Leaders++
		}
		for j, id := range p.Replicas {
			if n, ok := at[id]; ok {
				rows[n].Replicas++
				if j < len(p.Sizes) {
					rows[n].Bytes += max(0, p.Sizes[j])
				}
			}
		}
	}
	return rows
}

type clusterInput struct {
	Cluster string `path:"cluster"`
}

type topicsInput struct {
	Cluster  string `path:"cluster"`
	Contains string `query:"contains" doc:"Only topics whose name contains this."`
	After    string `query:"after" doc:"Only topics whose name sorts after this: the next page."`
	Limit    int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

type topicInput struct {
	Cluster string `path:"cluster"`
	Topic   string `path:"topic"`
}

type answer[T any] struct{ Body T }

// register adds the operations about clusters to the API.
func (h *House) register(api huma.API) {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{"clusters"}}
	}
	type clusters struct {
		Clusters []ClusterSummary `json:"clusters"`
	}
	huma.Register(api, op("clusters", "/api/v1/clusters", "Every cluster, home first"), func(context.Context, *struct{}) (*answer[clusters], error) {
		var a answer[clusters]
		now := time.Now()
		for _, name := range h.app.Clusters() {
			a.Body.Clusters = append(a.Body.Clusters, h.summary(name, now))
		}
		return &a, nil
	})
	type brokers struct {
		Brokers []BrokerRow `json:"brokers"`
	}
	huma.Register(api, op("cluster-brokers", "/api/v1/clusters/{cluster}/brokers", "The brokers of a cluster"), func(_ context.Context, in *clusterInput) (*answer[brokers], error) {
		s, err := h.snapshot(in.Cluster)
		if err != nil {
			return nil, err
		}
		return &answer[brokers]{brokers{brokerRows(s)}}, nil
	})
	type topics struct {
		Topics []TopicRow `json:"topics"`
		Next   string     `json:"next" doc:"The after of the next page, empty if this is the last."`
	}
	huma.Register(api, op("cluster-topics", "/api/v1/clusters/{cluster}/topics", "The topics of a cluster, by name"), func(_ context.Context, in *topicsInput) (*answer[topics], error) {
		s, err := h.snapshot(in.Cluster)
		if err != nil {
			return nil, err
		}
		a := answer[topics]{topics{Topics: []TopicRow{}}}
		for i := range s.Topics {
			t := &s.Topics[i]
			if t.Name <= in.After || !strings.Contains(t.Name, in.Contains) {
				continue
			}
			if len(a.Body.Topics) == in.Limit {
				a.Body.Next = a.Body.Topics[in.Limit-1].Name
				break
			}
			a.Body.Topics = append(a.Body.Topics, SummariseTopic(t))
		}
		return &a, nil
	})
	huma.Register(api, op("cluster-topic", "/api/v1/clusters/{cluster}/topics/{topic}", "One topic with its partitions and settings"), func(_ context.Context, in *topicInput) (*answer[TopicDetail], error) {
		s, err := h.snapshot(in.Cluster)
		if err != nil {
			return nil, err
		}
		t := s.Topic(in.Topic)
		if t == nil {
			return nil, web.NotFound(fmt.Sprintf("cluster %s has no topic %q", in.Cluster, in.Topic), fmt.Sprintf("GET /api/v1/clusters/%s/topics lists them", in.Cluster))
		}
		return &answer[TopicDetail]{DescribeTopic(t)}, nil
	})
}

// snapshot returns the newest snapshot of a cluster, or the API's error.
func (h *House) snapshot(name string) (*cluster.Snapshot, error) {
	w, ok := h.watches[name]
	if !ok {
		return nil, web.NotFound(fmt.Sprintf("there is no cluster %q", name), "there are: "+strings.Join(slices.Sorted(maps.Keys(h.watches)), ", "))
	}
	s, err := w.state()
	if s == nil {
		hint := "it has not been asked yet; try again"
		if err != nil {
			hint = err.Error()
		}
		return nil, &web.Error{Status: http.StatusServiceUnavailable, Code: "cluster_down", Message: fmt.Sprintf("nothing is known of cluster %s yet", name), Hint: hint}
	}
	return s, nil
}
