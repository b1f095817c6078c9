package mirror

import (
	"math/rand/v2"
	"testing"
)

// Whatever the order of acknowledgements, the position is always what a plain
// recount of the unfinished records says.
func TestInflight(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		f := inflight{src: 10, dst: 100}
		type waiting struct {
			e   *entry
			dst int64
		}
		var wait []waiting
		done := map[int64]int{} // source offset -> copies left
		next, dst := int64(10), int64(100)
		highest := map[int64]int64{}
		for range 300 {
			if len(wait) == 0 || rng.IntN(2) == 0 {
				next += int64(rng.IntN(2)) // holes
				n := rng.IntN(3)
				e := f.add(next, n)
				done[next] = n
				for range n {
					wait = append(wait, waiting{e, dst})
					dst++
				}
				next++
			} else {
				i := rng.IntN(len(wait))
				w := wait[i]
				wait = append(wait[:i], wait[i+1:]...)
				f.acknowledge(w.e, w.dst)
				done[w.e.src]--
				highest[w.e.src] = max(highest[w.e.src], w.dst+1)
			}
			src, below := int64(10), int64(100)
			for o := int64(10); o < next; o++ {
				left, added := done[o]
				if added && left > 0 {
					break
				}
				if added {
					src, below = o+1, max(below, highest[o])
				}
			}
			if f.src != src || f.dst != below {
				t.Fatalf("seed %d: position %d -> %d, recount says %d -> %d", seed, f.src, f.dst, src, below)
			}
		}
	}
}
