package fleet

import (
	"context"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/conf"
)

// What a request asks a cluster for itself, because it is of one thing and should
// be new.

func (m *member) producers(ctx context.Context, t *cluster.TopicState) ([]ProducerRow, []error) {
	partitions := make([]int32, len(t.Partitions))
	for i := range t.Partitions {
		partitions[i] = t.Partitions[i].ID
	}
	told, missing, err := m.Producers(ctx, t.Name, partitions)
	if err != nil {
		return nil, []error{err}
	}
	rows, errs := make([]ProducerRow, len(told)), make([]error, len(missing))
	for i, p := range told {
		rows[i] = ProducerRow{p.Partition, p.ID, p.Epoch, p.LastSequence, p.LastTime, p.TxnStart}
	}
	for i, e := range missing {
		errs[i] = e
	}
	return rows, errs
}

func (m *member) group(ctx context.Context, name string, s *cluster.Snapshot) (GroupRow, []GroupMember, []GroupPartition, error) {
	g, err := m.Group(ctx, name)
	if err != nil {
		return GroupRow{}, []GroupMember{}, nil, err
	}
	row, members, rows := DescribeGroup(&g, s)
	return row, members, rows, nil
}

// TimeLags fills in how old the records are that a group reads next, as far as c
// tells before ctx ends.
func TimeLags(ctx context.Context, c *cluster.Cluster, s *cluster.Snapshot, rows []GroupPartition) {
	var at []cluster.GroupOffset
	var of []int
	for i, r := range rows {
		if r.Lag > 0 {
			at, of = append(at, cluster.GroupOffset{Topic: r.Topic, Partition: r.Partition, At: max(r.Committed, r.Start)}), append(of, i)
		}
	}
	now := time.Now()
	for i, t := range c.TimesAt(ctx, s, at) {
		if !t.IsZero() {
			rows[of[i]].TimeLag = max(0, now.Sub(t).Milliseconds())
		}
	}
}

// nearest returns a hint that names the name that was meant, if one is near.
func nearest(name string, names []string, otherwise string) string {
	if near := conf.Nearest(name, names); near != "" {
		return "did you mean " + near + "? " + otherwise
	}
	return otherwise
}
