package serde

import (
	"sync"
	"sync/atomic"
)

// cache holds up to max values. It forgets by the clock algorithm, an
// approximation of least recently used (Corbató, 1968): a hand goes round the
// entries, spares each that was used since it last came by, and takes the first
// that was not. So a hit only sets a flag, under a read lock.
type cache[K comparable, V any] struct {
	max int
	// last is the entry that was got last: most callers work through one topic.
	last atomic.Pointer[entry[K, V]]

	mu      sync.RWMutex // guards what follows
	entries map[K]*entry[K, V]
	ring    []*entry[K, V]
	hand    int
}

type entry[K comparable, V any] struct {
	key   K
	value V
	slot  int // in ring, guarded by the cache's mu
	used  atomic.Bool
}

func newCache[K comparable, V any](max int) *cache[K, V] {
	return &cache[K, V]{max: max, entries: map[K]*entry[K, V]{}}
}

func (c *cache[K, V]) get(key K) (v V, ok bool) {
	if e := c.last.Load(); e != nil && e.key == key {
		return e.value, true
	}
	c.mu.RLock()
	e := c.entries[key]
	c.mu.RUnlock()
	if e == nil {
		return v, false
	}
	if !e.used.Load() { // a load is shared by the cores, a store is not
		e.used.Store(true)
	}
	c.last.Store(e)
	return e.value, true
}

// put sets the value of a key, and forgets another if there are too many.
func (c *cache[K, V]) put(key K, v V) {
	e := &entry[K, V]{key: key, value: v}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last.Store(nil) // it may be the one that goes
	old := c.entries[key]
	switch {
	case old != nil:
		e.slot = old.slot
	case len(c.ring) < c.max:
		e.slot = len(c.ring)
		c.ring = append(c.ring, nil)
	default:
		for c.ring[c.hand].used.Swap(false) {
			c.hand = (c.hand + 1) % c.max
		}
		e.slot = c.hand
		delete(c.entries, c.ring[c.hand].key)
		c.hand = (c.hand + 1) % c.max
	}
	c.ring[e.slot], c.entries[key] = e, e
}

func (c *cache[K, V]) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}
