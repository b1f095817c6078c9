package state

// layer is a map that may lie over another one: what is written stays in the
// upper one, and hides what the lower one has. An empty value is an absent one.
type layer[K comparable, V any] struct {
	own  map[K]V
	gone map[K]bool // hidden, in an upper layer
	base *layer[K, V]
}

func newLayer[K comparable, V any](base *layer[K, V]) *layer[K, V] {
	return &layer[K, V]{own: map[K]V{}, gone: map[K]bool{}, base: base}
}

func (l *layer[K, V]) get(k K) (v V, ok bool) {
	for ; l != nil; l = l.base {
		if v, ok = l.own[k]; ok || l.gone[k] {
			return v, ok
		}
	}
	return v, false
}

func (l *layer[K, V]) at(k K) V {
	v, _ := l.get(k)
	return v
}

func (l *layer[K, V]) set(k K, v V) {
	delete(l.gone, k)
	l.own[k] = v
}

func (l *layer[K, V]) remove(k K) {
	delete(l.own, k)
	if l.base != nil {
		l.gone[k] = true
	}
}

// each visits all, in no order.
func (l *layer[K, V]) each(yield func(K, V) bool) {
	for k, v := range l.own {
		if !yield(k, v) {
			return
		}
	}
	if l.base == nil {
		return
	}
	l.base.each(func(k K, v V) bool {
		if _, ours := l.own[k]; ours || l.gone[k] {
			return true
		}
		return yield(k, v)
	})
}
