package demo

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Faults is a hook for a mirror that loses and doubles records on purpose, so
// that the audit has something to find.
type Faults struct {
	window        time.Duration
	dropIn, twice int64 // windows

	mu         sync.Mutex // guards below
	drop, dupl int        // how many are left to do
	dropped    []Place
	duplicated []Place
}

// Place is where one record lies.
type Place struct {
	Partition int32
	Offset    int64
}

// NewFaults returns a hook that drops the first records copied of window dropIn
// and doubles the first ones of window twice.
func NewFaults(window time.Duration, dropIn int64, drop int, twice int64, duplicate int) *Faults {
	return &Faults{window: window, dropIn: dropIn, twice: twice, drop: drop, dupl: duplicate}
}

// Copies returns how often a record is to be written.
func (f *Faults) Copies(r *kgo.Record) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch start := Window(r.Timestamp, f.window); {
	case start == f.dropIn && f.drop > 0:
		f.drop--
		f.dropped = append(f.dropped, Place{r.Partition, r.Offset})
		return 0
	case start == f.twice && f.dupl > 0:
		f.dupl--
		return 2
	}
	return 1
}

// Copied notes where the second copy of a record went.
func (f *Faults) Copied(_ *kgo.Record, n int, partition int32, offset int64) {
	if n == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.duplicated = append(f.duplicated, Place{partition, offset})
}

// Done returns the source's offsets of the records that were dropped, and the
// target's of the copies that are one too many.
func (f *Faults) Done() (dropped, duplicated []Place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Place(nil), f.dropped...), append([]Place(nil), f.duplicated...)
}
