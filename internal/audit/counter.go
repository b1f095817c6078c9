package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/wire"
)

// counter counts one topic at one tier.
type counter struct {
	topic    string
	cluster  *cluster.Cluster
	window   time.Duration
	interval time.Duration
	log      *slog.Logger
	// do writes rows: Writer.Do of the lease.
	do func(ctx context.Context, records ...*kgo.Record) error
	// refused says whether a row of this topic at this tier was refused since the
	// counter was made.
	refused func() bool

	// Owned by run.
	id         wire.TopicID
	partitions map[int32]*counting
	cells      int // in all partitions
}

// counting is what one partition has shown since the last row.
type counting struct {
	from, to int64
	gap      string
	cells    map[cellKey]*wire.Cell
}

type cellKey struct {
	start int64
	run   wire.RunID
}

// lead counts all tiers of all routes while the lease is held.
func (s *Service) lead(ctx context.Context, w *lease.Writer) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range s.cfg.Routes {
		for _, t := range r.Tiers {
			group.Go(func() error { return s.count(ctx, w, r.Topic, t.Cluster) })
		}
	}
	return group.Wait()
}

// count counts a topic at a tier from where the ledger has it, and does so again
// when a row was refused: somebody else has written one, and it was accepted first;
// or when the topic has more partitions than before.
func (s *Service) count(ctx context.Context, w *lease.Writer, topic string, c *cluster.Cluster) error {
	for {
		info, err := c.Topic(ctx, topic)
		if err != nil {
			return ignoreEnd(ctx, err)
		}
		at := place{topic, c.Name}
		s.mu.Lock()
		from, before := s.ledger.Counted(topic, c.Name, info.ID), s.refused[at]
		s.mu.Unlock()
		n := &counter{
			topic: topic, cluster: c, window: s.cfg.Window, interval: s.cfg.ReportInterval, log: s.cfg.Log, do: w.Do,
			refused: func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.refused[at] != before
			},
		}
		err = n.run(ctx, info, from)
		if !errors.Is(err, errRefused) && !errors.Is(err, errGrown) {
			return err
		}
		s.cfg.Log.Warn("counting again from where the last good row ends", "tier", c.Name, "topic", topic, "why", err)
		if err := s.catchUp(ctx); err != nil {
			return ignoreEnd(ctx, err)
		}
	}
}

var (
	errRefused = errors.New("a row of counts was out of place")
	errGrown   = errors.New("the topic has more partitions now")
)

// run counts from the given offsets until ctx ends, or with errRefused or errGrown. What is
// counted and not yet written then is counted again at the next start.
func (c *counter) run(ctx context.Context, info cluster.TopicInfo, from cluster.Offsets) error {
	offsets, err := c.start(ctx, info, from)
	if err != nil {
		return err
	}
	source, err := c.cluster.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.topic: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they have offsets too: counting must pass them
	)
	if err != nil {
		return err
	}
	defer source.Close()

	due := time.Now().Add(c.interval)
	for ctx.Err() == nil {
		poll, cancel := context.WithDeadline(ctx, due)
		fetches := source.PollFetches(poll)
		cancel()
		if err := fetchError(fetches); err != nil {
			return fmt.Errorf("counting %s on %s: %w", c.topic, c.cluster.Name, err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			if c.count(records.Next()); c.cells < maxCells {
				continue
			}
			if err := c.write(ctx); err != nil {
				return ignoreEnd(ctx, err)
			}
		}
		if time.Now().Before(due) {
			continue
		}
		if c.refused() {
			return errRefused
		}
		if err := c.write(ctx); err != nil {
			return ignoreEnd(ctx, err)
		}
		if now, err := c.cluster.Topic(ctx, c.topic); err == nil && now.Partitions > info.Partitions {
			return errGrown
		}
		due = time.Now().Add(c.interval)
	}
	return nil
}

// maxCells bounds the cells of one record of counts, so that it stays below every
// broker's limit: at most some 60 bytes each.
const maxCells = 8192

// ignoreEnd returns no error if it came because ctx has ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// fetchError returns the first error that is not about the end of the poll.
func fetchError(fetches kgo.Fetches) (first error) {
	fetches.EachError(func(_ string, _ int32, err error) {
		if first == nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			first = err
		}
	})
	return first
}

// start returns where to read: at the given offsets, or at the log start where
// the log no longer goes back so far, which the next row will say.
func (c *counter) start(ctx context.Context, info cluster.TopicInfo, from cluster.Offsets) (map[int32]kgo.Offset, error) {
	starts, err := c.cluster.StartOffsets(ctx, c.topic)
	if err != nil {
		return nil, err
	}
	c.id = info.ID
	c.partitions = map[int32]*counting{}
	offsets := map[int32]kgo.Offset{}
	at := cluster.Offsets{}
	for p := range info.Partitions {
		next := from[p]
		n := &counting{from: next, cells: map[cellKey]*wire.Cell{}}
		if starts[p] > next {
			n.from, n.gap = starts[p], "deleted by retention before they were counted"
		}
		n.to = n.from
		c.partitions[p] = n
		at[p] = n.from
		offsets[p] = kgo.NoResetOffset().At(n.from)
	}
	c.log.Info("counter starts", "tier", c.cluster.Name, "topic", c.topic, "at", at)
	return offsets, nil
}

func (c *counter) count(r *kgo.Record) {
	n := c.partitions[r.Partition]
	n.to = r.Offset + 1
	if r.Attrs.IsControl() {
		return
	}
	raw := stampOf(r)
	stamp, err := wire.ParseStamp(raw)
	if err != nil {
		stamp = wire.Stamp{} // no stamp, or none of ours
	}
	key := cellKey{wire.WindowStart(r.Timestamp.UnixMilli(), c.window.Milliseconds()), stamp.Run}
	cell := n.cells[key]
	if cell == nil {
		cell = &wire.Cell{Start: key.start, Run: key.run}
		n.cells[key] = cell
		c.cells++
	}
	cell.Totals.Add(wire.Fingerprint(r.Key, r.Value, raw), len(r.Key)+len(r.Value))
	cell.MaxSeq = max(cell.MaxSeq, stamp.Seq)
	cell.Messages++
}

// write puts what was counted on the counts topic. Crash story: before the record is
// committed nothing has happened, since the next start goes on at the last accepted
// row; one that is committed though no answer came is read by whoever holds the
// lease next, before it counts.
func (c *counter) write(ctx context.Context) error {
	counts := wire.Counts{Tier: c.cluster.Name, Topic: c.topic, TopicID: c.id, Window: c.window.Milliseconds()}
	for p, n := range c.partitions {
		if n.to == n.from && n.gap == "" {
			continue
		}
		row := wire.CountsRow{Partition: p, From: n.from, To: n.to, Gap: n.gap}
		for _, cell := range n.cells {
			row.Cells = append(row.Cells, *cell)
		}
		counts.Rows = append(counts.Rows, row)
	}
	if len(counts.Rows) == 0 {
		return nil
	}
	record := &kgo.Record{Topic: wire.CountsTopic, Key: []byte(c.topic), Value: counts.Append(nil)}
	if err := c.do(ctx, record); err != nil {
		return fmt.Errorf("writing counts of %s on %s: %w", c.topic, c.cluster.Name, err)
	}
	for _, row := range counts.Rows {
		c.cells -= len(row.Cells)
		c.partitions[row.Partition] = &counting{from: row.To, to: row.To, cells: map[cellKey]*wire.Cell{}}
	}
	return nil
}

// stampOf returns the value of a record's weir-id header, nil without one.
func stampOf(r *kgo.Record) []byte {
	for _, h := range r.Headers {
		if h.Key == wire.StampHeader {
			return h.Value
		}
	}
	return nil
}
