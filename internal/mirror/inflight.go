package mirror

// inflight follows the records of one partition from the source to the target's
// acknowledgement. Acknowledgements may come in any order; the position is what
// lies below the first record that still waits. Each step is O(1) amortised.
type inflight struct {
	src, dst int64    // the position: all below src is done, its copies lie below dst
	queue    []*entry // in source order, the first one unfinished
}

// entry is one source record on its way.
type entry struct {
	src  int64 // its offset
	left int   // copies not acknowledged yet
	dst  int64 // offset after its last acknowledged copy
}

// add notes a record that is about to be written n times; n = 0: left out.
// Records are added in the order of their offsets.
func (f *inflight) add(src int64, n int) *entry {
	e := &entry{src: src, left: n}
	f.queue = append(f.queue, e)
	f.settle()
	return e
}

// acknowledge notes that one copy lies at the target's offset dst.
func (f *inflight) acknowledge(e *entry, dst int64) {
	e.left--
	e.dst = max(e.dst, dst+1)
	f.settle()
}

// next returns the source offset behind all that was added.
func (f *inflight) next() int64 {
	if n := len(f.queue); n > 0 {
		return f.queue[n-1].src + 1
	}
	return f.src
}

func (f *inflight) settle() {
	for len(f.queue) > 0 && f.queue[0].left == 0 {
		f.src = f.queue[0].src + 1
		f.dst = max(f.dst, f.queue[0].dst)
		f.queue[0] = nil
		f.queue = f.queue[1:]
	}
}
