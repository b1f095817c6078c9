package table

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/invariant"
	"github.com/weirhq/weir/internal/wire"
)

var (
	// ErrConflict is returned by CompareAndSet when the key's version was another.
	ErrConflict = errors.New("somebody else wrote it in between")
	// ErrStopped is returned where Run would be needed and has ended.
	ErrStopped = errors.New("the table is not followed any more")
)

// txnTimeout is how long a compare-and-set may take before the coordinator aborts
// it. Others may have to wait for it.
const txnTimeout = 10 * time.Second

// Table is a topic as a map. It is safe for concurrent use.
type Table[K comparable, V any] struct {
	cfg     Config[K, V]
	cluster *cluster.Cluster

	running chan struct{}   // closed by Run when it has set:
	life    context.Context // ends with Run
	plain   *kgo.Client     // writes outside of transactions

	setting chan struct{} // holds a token while a compare-and-set is under way, and with it:
	txnID   string        // of this table alone
	txn     *kgo.Client   // nil before the first compare-and-set and after one that failed

	mu       sync.RWMutex // guards what follows
	fold     *fold[K, V]
	topicID  wire.TopicID
	loaded   time.Time     // when Load began; zero before
	moved    chan struct{} // closed, and replaced, when fold moves on or err is set
	err      error         // why Run ended
	watchers map[*Watcher[K, V]]struct{}
}

// New returns a table that is empty until Load or Run.
func New[K comparable, V any](cfg Config[K, V], c *cluster.Cluster) (*Table[K, V], error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	t := &Table[K, V]{
		cfg:      cfg,
		cluster:  c,
		running:  make(chan struct{}),
		setting:  make(chan struct{}, 1),
		txnID:    "weir-table-" + cfg.Topic + "-" + rand.Text(),
		moved:    make(chan struct{}),
		watchers: map[*Watcher[K, V]]struct{}{},
	}
	t.fold = newFold(&t.cfg)
	return t, nil
}

// Load creates the topic if it is missing and reads it to its end, for callers that
// need what it holds before they Run it.
func (t *Table[K, V]) Load(ctx context.Context) error {
	_, _, err := t.cluster.EnsureTopic(ctx, cluster.Topic{Name: t.cfg.Topic, Partitions: t.cfg.Partitions, Configs: cluster.Compacted()})
	if err == nil {
		err = t.load(ctx)
	}
	if err != nil {
		return fmt.Errorf("loading table %s: %w", t.cfg.Topic, err)
	}
	return nil
}

// load reads the topic to its end. Nobody follows it meanwhile.
func (t *Table[K, V]) load(ctx context.Context) error {
	loaded := time.Now().Round(0) // the wall clock: the other one stands still while a machine sleeps
	info, err := t.cluster.Topic(ctx, t.cfg.Topic)
	if err == nil {
		err = t.checkID(info.ID)
	}
	if err != nil {
		return err
	}
	f := newFold(&t.cfg)
	next, err := t.cluster.ReadToEnd(ctx, t.cfg.Topic, nil, func(r *kgo.Record) error {
		t.report(f, f.apply(r, func(K) {}))
		return nil
	}, cluster.KeepControl())
	if err != nil {
		return err
	}
	for p, at := range next { // behind the last record there may be offsets without one
		invariant.Check(at >= f.next[p], "partition %d is read to %d and folded to %d", p, at, f.next[p])
		f.next[p] = at
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fold, t.topicID, t.loaded = f, info.ID, loaded
	for w := range t.watchers {
		w.resync()
	}
	t.wake()
	return nil
}

// checkID refuses a topic that was deleted and created again: its offsets mean
// something else.
func (t *Table[K, V]) checkID(id wire.TopicID) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.topicID != (wire.TopicID{}) && t.topicID != id {
		return fmt.Errorf("the topic was deleted and created again: its id was %s and is %s; restart weir to take the new one", t.topicID, id)
	}
	return nil
}

// Run loads the table, unless Load has, and follows its topic until ctx ends. Only
// while it runs can the table be written. Load before, not during; and Run once.
func (t *Table[K, V]) Run(ctx context.Context) error {
	err := t.run(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	t.end(err)
	t.closeTxn()
	if t.plain != nil {
		t.plain.Close()
	}
	return err
}

func (t *Table[K, V]) run(ctx context.Context) (err error) {
	life, cancel := context.WithCancel(ctx)
	defer cancel()
	t.plain, err = t.cluster.Client(kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		return err
	}
	if t.age() < 0 {
		if err := t.Load(ctx); err != nil {
			return err
		}
	}
	t.life = life
	close(t.running)
	t.mu.Lock()
	t.wake()
	t.mu.Unlock()
	for {
		if err := t.follow(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		if err := t.load(ctx); err != nil {
			return fmt.Errorf("loading table %s anew: %w", t.cfg.Topic, err)
		}
	}
}

// end tells all who wait for Run that it has ended.
func (t *Table[K, V]) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = ErrStopped
	if err != nil {
		t.err = fmt.Errorf("%w: %w", ErrStopped, err)
	}
	t.wake()
}

// wake is called with mu held.
func (t *Table[K, V]) wake() {
	close(t.moved)
	t.moved = make(chan struct{})
}

// age returns how long ago the table was loaded, -1 if it was not.
func (t *Table[K, V]) age() time.Duration {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.loaded.IsZero() {
		return -1
	}
	return max(0, time.Now().Round(0).Sub(t.loaded))
}

// follow folds in what comes until ctx ends or the table is due to be loaded anew.
func (t *Table[K, V]) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { t.watchAge(ctx, cancel) })
	t.mu.RLock()
	from := cluster.Offsets{}
	for p, at := range t.fold.next {
		from[int32(p)] = at
	}
	t.mu.RUnlock()
	err := t.cluster.Follow(ctx, t.cfg.Topic, from, t.take, cluster.KeepControl())
	if err != nil {
		return fmt.Errorf("following table %s: %w", t.cfg.Topic, err)
	}
	return nil
}

// watchAge cancels when the table is due to be loaded anew, by the wall clock.
func (t *Table[K, V]) watchAge(ctx context.Context, cancel func()) {
	tick := time.NewTicker(min(time.Minute, t.cfg.Reload))
	defer tick.Stop()
	for t.age() < t.cfg.Reload {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	cancel()
}

func (t *Table[K, V]) take(records []*kgo.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		t.report(t.fold, t.fold.apply(r, t.changed))
	}
	t.wake()
	return nil
}

// changed is called with mu held.
func (t *Table[K, V]) changed(key K) {
	for w := range t.watchers {
		w.add(key)
	}
}

// report logs malformed records: of many, the first ones.
func (t *Table[K, V]) report(f *fold[K, V], err error) {
	if err != nil && f.malformed <= 10 {
		t.cfg.Log.Warn("a record is kept out of the table", "topic", t.cfg.Topic, "err", err)
	}
}

// Sync returns when the table has read what its topic holds now, to the high
// watermark: what others put before, and for the new holder of a lease all that
// earlier holders committed. Run has to run.
func (t *Table[K, V]) Sync(ctx context.Context) error {
	ends, err := t.cluster.EndOffsets(ctx, t.cfg.Topic)
	if err == nil {
		err = t.await(ctx, func() (bool, error) {
			for p, end := range ends {
				if t.fold.next[p] < end {
					return false, nil
				}
			}
			return true, nil
		})
	}
	if err != nil {
		return fmt.Errorf("catching up with table %s: %w", t.cfg.Topic, err)
	}
	return nil
}

// Get returns the value of a key and its version.
func (t *Table[K, V]) Get(key K) (Entry[V], bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	e, ok := t.fold.rows[key]
	return e, ok
}

// Len returns the number of keys that have a value.
func (t *Table[K, V]) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.fold.rows)
}

// All returns a copy of the map.
func (t *Table[K, V]) All() map[K]Entry[V] {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.fold.rows)
}

// Malformed returns how many records were kept out since the table was last
// loaded, and the last of them as an error.
func (t *Table[K, V]) Malformed() (n int64, last error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.fold.malformed, t.fold.lastErr
}
