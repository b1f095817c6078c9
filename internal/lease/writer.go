package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	// ErrFenced says that somebody else has taken the lease, as the broker tells it;
	// or that the broker has given up a write of ours, which took longer than 10 s.
	ErrFenced = errors.New("fenced: another has taken the lease")
	// ErrLost says that the lease is gone: the group gave it to another, or has
	// forgotten us, or a write ended in a way that leaves its outcome open.
	ErrLost = errors.New("the lease is lost")
)

// txnTimeout is how long a write may take, after which the coordinator aborts it.
const txnTimeout = 10 * time.Second

// Writer writes as the holder of a lease. It is safe for concurrent use; writes are
// one after another.
type Writer struct {
	client *kgo.Client
	lost   func(error) // ends the term

	mu  sync.Mutex // guards err, and is held while a transaction is open
	err error      // why nothing more can be written
}

// Do writes the records in one transaction: all or none. It returns when they are
// committed, or an error. If that wraps ErrFenced or ErrLost the term is over, and it
// is unknown whether the records were written; who leads next reads it in the log.
// After another error nothing was written, and the next Do may succeed.
//
// Its ctx is looked at before it begins. What has begun is finished, within 10 s: a
// caller that goes away in the middle must not cost us the lease.
func (w *Writer) Do(ctx context.Context, records ...*kgo.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("writing as the leader: %w", err)
	}
	ctx, cancel := awake(context.WithoutCancel(ctx), txnTimeout)
	defer cancel()
	if err := w.client.BeginTransaction(); err != nil {
		return w.fail("beginning", err)
	}
	if err := produce(ctx, w.client, records); err != nil {
		// Under an epoch that is known to be old nothing is asked any more.
		if fenced(err) || ctx.Err() != nil {
			return w.fail("producing", err)
		}
		if abortErr := w.client.EndTransaction(ctx, kgo.TryAbort); abortErr != nil {
			return w.fail("aborting", errors.Join(abortErr, err))
		}
		return fmt.Errorf("writing as the leader: %w", err)
	}
	if err := w.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return w.fail("committing", err)
	}
	return nil
}

// awake returns a ctx that ends after so much time in which this process runs. One
// that was stopped in the middle of a write goes on and is told by the broker what
// has happened meanwhile; by the clock it would give up without having asked.
func awake(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	const ticks = 20
	ctx, cancel := context.WithCancelCause(ctx)
	tick := time.NewTicker(d / ticks) // those that a stopped process misses are dropped
	go func() {
		defer tick.Stop()
		for range ticks {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(nil) }
}

// fail is called with mu held. No writer that failed is used again: kgo would
// initialise its producer id anew, and take the lease back from its new owner.
func (w *Writer) fail(doing string, err error) error {
	why := ErrLost
	if fenced(err) {
		why = ErrFenced
	}
	w.err = fmt.Errorf("writing as the leader: %s: %w: %w", doing, why, err)
	w.lost(w.err)
	return w.err
}

// close ends the writer; a Do that is under way ends first.
func (w *Writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = fmt.Errorf("writing as the leader: %w", ErrLost)
	}
	w.client.Close()
}

// fenced says whether a broker refused our epoch. Who has open what another has
// ended in its name, or forgotten, was fenced too.
func fenced(err error) bool {
	for _, code := range []*kerr.Error{kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// produce returns the first error, and does not wait for the others when ctx ends:
// kgo ends no record that may be on its way.
func produce(ctx context.Context, client *kgo.Client, records []*kgo.Record) error {
	done := make(chan error, len(records))
	for _, r := range records {
		client.Produce(ctx, r, func(_ *kgo.Record, err error) { done <- err })
	}
	var first error
	for range records {
		select {
		case err := <-done:
			if first == nil {
				first = err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return first
}
