package demo

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFaults(t *testing.T) {
	const size = 10 * time.Minute
	at := func(n int64) time.Time { return time.UnixMilli(n*size.Milliseconds() + 1) }
	f := NewFaults(size, 1*size.Milliseconds(), 2, 2*size.Milliseconds(), 1)
	var copies []int
	for i, window := range []int64{0, 1, 2, 1, 2, 1, 0} {
		r := &kgo.Record{Partition: 3, Offset: int64(i), Timestamp: at(window)}
		n := f.Copies(r)
		copies = append(copies, n)
		for c := range n {
			f.Copied(r, c, 3, int64(100+10*i+c))
		}
	}
	if diff := cmp.Diff([]int{1, 0, 2, 0, 1, 1, 1}, copies); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	dropped, duplicated := f.Done()
	if diff := cmp.Diff([]Place{{3, 1}, {3, 3}}, dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Place{{3, 121}}, duplicated); diff != "" {
		t.Errorf("duplicated (-want +got):\n%s", diff)
	}
}
