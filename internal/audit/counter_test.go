package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// However many windows an interval touches, each record of counts stays small,
// and the rows follow each other.
func TestCounterSplitsRows(t *testing.T) {
	const records = 3*maxCells + 7
	ctx := t.Context()
	c, err := cluster.Connect(ctx, cluster.Config{Name: "local", Bootstrap: []string{brokertest.New(t).Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	info, _, err := c.EnsureTopic(ctx, cluster.Topic{Name: "wide", Partitions: 2, Configs: cluster.Kept()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.EnsureTopic(ctx, CountsTopic()); err != nil {
		t.Fatal(err)
	}
	producer, err := c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	var batch []*kgo.Record
	for i := range records {
		batch = append(batch, &kgo.Record{Topic: "wide", Partition: int32(i % 2), Value: []byte("v"), Timestamp: time.UnixMilli(int64(i) * 600_000)})
	}
	if err := producer.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	n := &counter{
		topic: "wide", cluster: c, window: 10 * time.Minute, interval: 50 * time.Millisecond, log: slog.New(slog.DiscardHandler),
		do:      func(ctx context.Context, rs ...*kgo.Record) error { return producer.ProduceSync(ctx, rs...).FirstErr() },
		refused: func() bool { return false },
	}
	counting, stop := context.WithTimeout(ctx, time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- n.run(counting, info, nil) }()
	next, seen, parts := cluster.Offsets{}, uint64(0), 0
	done := errors.New("done")
	follow := cluster.Offsets{}
	for p := range CountsTopic().Partitions {
		follow[p] = 0
	}
	err = c.Follow(counting, wire.CountsTopic, follow, func(rs []*kgo.Record) error {
		for _, r := range rs {
			parts++
			counts, err := wire.ParseCounts(r.Value)
			if err != nil {
				return err
			}
			for _, row := range counts.Rows {
				if row.From != next[row.Partition] {
					t.Errorf("row of partition %d begins at %d, the last one ended at %d", row.Partition, row.From, next[row.Partition])
				}
				next[row.Partition] = row.To
				for _, cell := range row.Cells {
					seen += cell.Totals.Count
				}
			}
		}
		if seen >= records {
			return done
		}
		return nil
	})
	stop()
	if runErr := <-ended; !errors.Is(err, done) || runErr != nil {
		t.Fatalf("after %d of %d records: %v; the counter: %v", seen, records, err, runErr)
	}
	if seen != records || parts < 3 {
		t.Errorf("%d records in %d parts, want %d in at least 3", seen, parts, records)
	}
}

// A topic gets more partitions while it is counted: what is in the new ones counts
// too, once.
func TestTopicGrows(t *testing.T) {
	ctx := t.Context()
	c, err := cluster.Connect(ctx, cluster.Config{Name: "local", Bootstrap: []string{brokertest.New(t).Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, topic := range []cluster.Topic{{Name: "grown", Partitions: 1, Configs: cluster.Kept()}, CountsTopic(), ReportsTopic()} {
		if _, _, err := c.EnsureTopic(ctx, topic); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(Config{Window: serviceWindow, ReportInterval: 50 * time.Millisecond, Routes: []Route{{Topic: "grown", Tiers: []Tier{{Cluster: c}}}}, Holder: "one"}, c)
	if err != nil {
		t.Fatal(err)
	}
	running(t, "audit", func(ctx context.Context) error { return s.Run(ctx, func() {}) })
	send := func(partition int32) {
		t.Helper()
		producer, err := c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner())) // each knows of all partitions
		if err != nil {
			t.Fatal(err)
		}
		defer producer.Close()
		if err := producer.ProduceSync(ctx, &kgo.Record{Topic: "grown", Partition: partition, Timestamp: serviceStart}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(want uint64) {
		t.Helper()
		eventually(t, func() string {
			windows, _, _ := s.Windows("grown", time.Time{}, time.Time{})
			if len(windows) == 1 && windows[0].Counts["local"] == want {
				return ""
			}
			return fmt.Sprintf("%+v, want %d records", windows, want)
		})
	}
	send(0)
	counts(1)
	if err := c.SetPartitions(ctx, "grown", 3, false); err != nil {
		t.Fatal(err)
	}
	send(1)
	send(2)
	counts(3)
	send(0)
	counts(4)
	if n := s.outOfPlace(); n != 0 {
		t.Errorf("%d rows out of place", n)
	}
}
