package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Put sets the value of a key, whatever it is, and returns its version. On an
// error it may have been written: read the table to know.
func (t *Table[K, V]) Put(ctx context.Context, key K, value V) (int64, error) {
	r, err := t.record(key, &value)
	if err == nil {
		err = t.write(ctx, r)
	}
	if err != nil {
		return 0, fmt.Errorf("putting %v into table %s: %w", key, t.cfg.Topic, err)
	}
	return r.Offset, nil
}

// Delete removes the value of a key, if it has one. On an error it may have been
// removed.
func (t *Table[K, V]) Delete(ctx context.Context, key K) error {
	r, err := t.record(key, nil)
	if err == nil {
		err = t.write(ctx, r)
	}
	if err != nil {
		return fmt.Errorf("deleting %v from table %s: %w", key, t.cfg.Topic, err)
	}
	return nil
}

// CompareAndSet sets the value of a key whose version is still the one seen last:
// that of its Entry, or Absent. It returns the new version, or ErrConflict when the
// version is another and nothing was written. On any other error it may have been
// written.
func (t *Table[K, V]) CompareAndSet(ctx context.Context, key K, value V, version int64) (int64, error) {
	r, err := t.record(key, &value)
	if err == nil {
		err = t.compareAndSet(ctx, r, key, version)
	}
	if err != nil {
		return 0, fmt.Errorf("setting %v in table %s: %w", key, t.cfg.Topic, err)
	}
	return r.Offset, nil
}

// record returns a record for a key; without a value it deletes.
func (t *Table[K, V]) record(key K, value *V) (r *kgo.Record, err error) {
	r = &kgo.Record{Topic: t.cfg.Topic}
	if r.Key, err = t.cfg.Key.Encode(key); err != nil {
		return nil, fmt.Errorf("encoding its key: %w", err)
	}
	if r.Key == nil {
		r.Key = []byte{}
	}
	if value == nil {
		return r, nil
	}
	if r.Value, err = t.cfg.Value.Encode(*value); err != nil {
		return nil, fmt.Errorf("encoding its value: %w", err)
	}
	if r.Value == nil {
		r.Value = []byte{} // null deletes
	}
	return r, nil
}

func (t *Table[K, V]) write(ctx context.Context, r *kgo.Record) error {
	if err := t.started(ctx); err != nil {
		return err
	}
	if err := produce(ctx, t.plain, r); err != nil {
		return err
	}
	return t.await(ctx, func() (bool, error) { return t.fold.next[r.Partition] > r.Offset, nil })
}

// started waits until Run has opened the table for writing.
func (t *Table[K, V]) started(ctx context.Context) error {
	return t.await(ctx, func() (bool, error) {
		select {
		case <-t.running:
			return t.err == nil, nil
		default:
			return false, nil
		}
	})
}

// produce returns when ctx ends, too: kgo ends no record that may be on its way,
// and then the record may be written all the same.
func produce(ctx context.Context, client *kgo.Client, r *kgo.Record) error {
	done := make(chan error, 1)
	client.Produce(ctx, r, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// await waits until done, which is called with mu held for reading whenever the
// table has moved on, says that it is or fails; or until Run ends.
func (t *Table[K, V]) await(ctx context.Context, done func() (bool, error)) error {
	for {
		t.mu.RLock()
		ok, err := done()
		if !ok && err == nil {
			err = t.err
		}
		moved := t.moved
		t.mu.RUnlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (t *Table[K, V]) compareAndSet(ctx context.Context, r *kgo.Record, key K, version int64) error {
	select {
	case t.setting <- struct{}{}:
		defer func() { <-t.setting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := t.started(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(t.life, func() { cancel(ErrStopped) })()
	if t.superseded(key, version) {
		return ErrConflict
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	committed, err := t.decide(ctx, r, version)
	if err != nil {
		t.closeTxnLocked() // the next one begins by aborting what is left of this one
		return err
	}
	if !committed {
		return ErrConflict
	}
	// Read your writes: its marker has to come by.
	return t.await(ctx, func() (bool, error) {
		_, _, open := t.fold.before(txn{r.Partition, r.ProducerID}, r.Offset)
		return !open, nil
	})
}

// superseded says whether the table knows, without asking the log, that the key has
// left a version behind. Absent can come back.
func (t *Table[K, V]) superseded(key K, version int64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return version != Absent && t.fold.version(key) > version
}

// begin begins a transaction, on a client that has fenced what this table began
// before.
func (t *Table[K, V]) begin(ctx context.Context) error {
	if t.txn == nil {
		client, err := t.cluster.Client(
			kgo.TransactionalID(t.txnID),
			kgo.TransactionTimeout(txnTimeout),
			kgo.ProducerLinger(0),
			kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		)
		if err != nil {
			return err
		}
		t.txn = client
		if _, _, err := client.ProducerID(ctx); err != nil {
			t.closeTxnLocked()
			return err
		}
	}
	if err := t.txn.BeginTransaction(); err != nil {
		t.closeTxnLocked()
		return err
	}
	return nil
}

// decide appends the record within the transaction and ends the transaction as the
// log says.
func (t *Table[K, V]) decide(ctx context.Context, r *kgo.Record, version int64) (commit bool, err error) {
	if err := produce(ctx, t.txn, r); err != nil {
		return false, err
	}
	err = t.await(ctx, func() (bool, error) {
		before, decided, open := t.fold.before(txn{r.Partition, r.ProducerID}, r.Offset)
		if !open && t.fold.next[r.Partition] > r.Offset {
			return false, errors.New("the cluster aborted the transaction, which took too long")
		}
		commit = before == version
		return decided, nil
	})
	if err != nil {
		return false, err
	}
	return commit, t.txn.EndTransaction(ctx, kgo.TransactionEndTry(commit))
}

// closeTxn waits for a compare-and-set that is under way.
func (t *Table[K, V]) closeTxn() {
	t.setting <- struct{}{}
	t.closeTxnLocked()
	<-t.setting
}

// closeTxnLocked is called with the token of setting.
func (t *Table[K, V]) closeTxnLocked() {
	if t.txn != nil {
		t.txn.Close()
		t.txn = nil
	}
}
