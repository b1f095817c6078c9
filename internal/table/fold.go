package table

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/invariant"
)

// Absent is the version of a key without a value.
const Absent int64 = -1

// Entry is the value of a key and its version: the offset of its record.
type Entry[V any] struct {
	Value  V
	Offset int64
}

// fold is what the records of a topic add up to. It is pure: the same records in
// the same order of each partition give the same fold.
type fold[K comparable, V any] struct {
	cfg       *Config[K, V]
	partition func(key []byte) int32

	rows      map[K]Entry[V]
	next      []int64 // per partition: everything before it is folded in
	open      map[txn][]*write[K, V]
	malformed int64
	lastErr   error // the last malformed record
}

// txn is a transaction in one partition; a producer has one at a time.
type txn struct {
	partition int32
	producer  int64
}

// write is a decoded record.
type write[K comparable, V any] struct {
	key    K
	value  V
	remove bool
	offset int64

	// In an open transaction:
	base    int64 // the version that the key has just before this record, so far
	covered bool  // a later record of the key counts already
}

func newFold[K comparable, V any](cfg *Config[K, V]) *fold[K, V] {
	return &fold[K, V]{
		cfg:       cfg,
		partition: partitioner(cfg.Partitions),
		rows:      map[K]Entry[V]{},
		next:      make([]int64, cfg.Partitions),
		open:      map[txn][]*write[K, V]{},
	}
}

// partitioner places keys as every Kafka client does by default.
func partitioner(partitions int32) func(key []byte) int32 {
	p := kgo.StickyKeyPartitioner(nil).ForTopic("")
	return func(key []byte) int32 { return int32(p.Partition(&kgo.Record{Key: key}, int(partitions))) }
}

// apply folds one record in and calls changed for every key whose value it
// changes. A malformed record is an error of the record, not of the fold.
func (f *fold[K, V]) apply(r *kgo.Record, changed func(K)) error {
	invariant.Check(r.Offset >= f.next[r.Partition], "offset %d of partition %d after %d", r.Offset, r.Partition, f.next[r.Partition])
	f.next[r.Partition] = r.Offset + 1
	t := txn{r.Partition, r.ProducerID}
	if r.Attrs.IsControl() {
		f.end(t, r.Key, changed)
		return nil
	}
	w, err := f.decode(r)
	if err != nil {
		err = fmt.Errorf("reading %s/%d: malformed record at offset %d: %w", f.cfg.Topic, r.Partition, r.Offset, err)
		f.malformed++
		f.lastErr = err
	}
	switch {
	case w == nil:
	case r.Attrs.IsTransactional():
		w.base = f.version(w.key)
		f.open[t] = append(f.open[t], w)
	default:
		f.show(r.Partition, w, changed)
	}
	return err
}

// end makes the writes of a transaction count if its marker says so.
func (f *fold[K, V]) end(t txn, marker []byte, changed func(K)) {
	var key kmsg.ControlRecordKey
	if key.ReadFrom(marker) != nil || key.Type != kmsg.ControlRecordKeyTypeCommit && key.Type != kmsg.ControlRecordKeyTypeAbort {
		return // of the brokers among themselves
	}
	writes := f.open[t]
	delete(f.open, t)
	if key.Type == kmsg.ControlRecordKeyTypeCommit {
		for _, w := range writes {
			f.show(t.partition, w, changed)
		}
	}
}

// show makes a write count.
func (f *fold[K, V]) show(partition int32, w *write[K, V], changed func(K)) {
	if w.covered {
		return
	}
	invariant.Check(f.version(w.key) < w.offset, "%v: offset %d would replace %d", w.key, w.offset, f.version(w.key))
	if w.remove {
		delete(f.rows, w.key)
	} else {
		f.rows[w.key] = Entry[V]{w.value, w.offset}
	}
	changed(w.key)
	f.eachOpen(partition, w.key, func(o *write[K, V]) {
		if o.offset < w.offset {
			o.covered = true
		} else {
			o.base = f.version(w.key)
		}
	})
}

// eachOpen calls fn for the writes to a key in open transactions.
func (f *fold[K, V]) eachOpen(partition int32, key K, fn func(*write[K, V])) {
	for t, writes := range f.open {
		for _, o := range writes {
			if t.partition == partition && o.key == key {
				fn(o)
			}
		}
	}
}

// version returns the version of a key.
func (f *fold[K, V]) version(key K) int64 {
	if e, ok := f.rows[key]; ok {
		return e.Offset
	}
	return Absent
}

// before returns the version that a key had just before a write of an open
// transaction. It is decided once no earlier write to that key is open.
// open is false if the write is not, or no more, part of an open transaction.
func (f *fold[K, V]) before(t txn, offset int64) (version int64, decided, open bool) {
	for _, w := range f.open[t] {
		if w.offset != offset {
			continue
		}
		decided = true
		f.eachOpen(t.partition, w.key, func(o *write[K, V]) {
			if o.offset < offset && !o.covered {
				decided = false
			}
		})
		return w.base, decided, true
	}
	return Absent, false, false
}

// decode returns a write and an error if only the value is malformed: the key has
// none then.
func (f *fold[K, V]) decode(r *kgo.Record) (*write[K, V], error) {
	if r.Key == nil {
		return nil, errors.New("it has no key")
	}
	key, err := f.cfg.Key.Decode(r.Key)
	if err != nil {
		return nil, fmt.Errorf("decoding its key: %w", err)
	}
	// Compaction knows bytes: two keys for it must be two keys for us.
	if again, err := f.cfg.Key.Encode(key); err != nil || !bytes.Equal(again, r.Key) {
		return nil, fmt.Errorf("its key is not as we write it: %q, not %q", r.Key, again)
	}
	if p := f.partition(r.Key); p != r.Partition {
		return nil, fmt.Errorf("its key belongs to partition %d", p)
	}
	w := &write[K, V]{key: key, offset: r.Offset, remove: r.Value == nil}
	if w.remove {
		return w, nil
	}
	if w.value, err = f.cfg.Value.Decode(r.Value); err != nil {
		w.remove = true
		return w, fmt.Errorf("decoding its value: %w", err)
	}
	return w, nil
}
