package table

import "context"

// maxDirty is how many changed keys a watcher remembers; more are everything.
const maxDirty = 1024

// Change is the present value of a key that changed, or that it has none.
type Change[K comparable, V any] struct {
	Key     K
	Entry   Entry[V]
	Removed bool
}

// Watcher tells what changed since it was asked last. It keeps keys, not changes: a
// key that changed three times is told once, with its present value, and one that
// changed back is told too.
type Watcher[K comparable, V any] struct {
	t *Table[K, V]

	// Guarded by t.mu:
	dirty map[K]struct{}
	all   bool // dirty would be too large: look at everything
}

// Watch returns a new watcher; its first Next asks to look at everything. Close it
// after use.
func (t *Table[K, V]) Watch() *Watcher[K, V] {
	w := &Watcher[K, V]{t: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	w.resync()
	t.watchers[w] = struct{}{}
	return w
}

// Close ends the watcher.
func (w *Watcher[K, V]) Close() {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	delete(w.t.watchers, w)
}

// Next waits until something has changed since it returned last, and returns it in
// no order. all says instead that it is too much to tell: look at the whole table.
// A watcher is for one goroutine.
func (w *Watcher[K, V]) Next(ctx context.Context) (changes []Change[K, V], all bool, err error) {
	for {
		w.t.mu.Lock()
		changes, all, err = w.take(), w.all, w.t.err
		w.all = false
		moved := w.t.moved
		w.t.mu.Unlock()
		if all || len(changes) > 0 {
			return changes, all, nil
		}
		if err != nil {
			return nil, false, err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
}

func (w *Watcher[K, V]) take() (changes []Change[K, V]) {
	for key := range w.dirty {
		e, ok := w.t.fold.rows[key]
		changes = append(changes, Change[K, V]{Key: key, Entry: e, Removed: !ok})
	}
	clear(w.dirty)
	return changes
}

func (w *Watcher[K, V]) add(key K) {
	if w.all {
		return
	}
	if w.dirty[key] = struct{}{}; len(w.dirty) > maxDirty {
		w.resync()
	}
}

func (w *Watcher[K, V]) resync() { w.dirty, w.all = map[K]struct{}{}, true }
