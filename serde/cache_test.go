package serde

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// Random use against what must hold: never more than max, never a wrong value,
// and what was put last is there.
func TestCache(t *testing.T) {
	for max := 1; max <= 5; max++ {
		c := newCache[int, int](max)
		values := map[int]int{}
		for i := range 5000 {
			k := rand.IntN(9)
			if rand.IntN(2) == 0 {
				values[k] = i
				c.put(k, i)
				if v, ok := c.get(k); !ok || v != i {
					t.Fatalf("max %d: put %d, got %d, %t", max, i, v, ok)
				}
			} else if v, ok := c.get(k); ok && v != values[k] {
				t.Fatalf("max %d: got %d, want %d", max, v, values[k])
			}
			if want := min(max, len(values)); c.len() != want || len(c.ring) != want {
				t.Fatalf("max %d: %d entries, %d in the ring, want %d", max, c.len(), len(c.ring), want)
			}
		}
	}
}

func TestCacheSparesWhatIsUsed(t *testing.T) {
	c := newCache[int, int](4)
	for k := range 4 {
		c.put(k, k)
	}
	for k := 4; k < 100; k++ {
		c.get(1) // by the shortcut
		c.get(k - 1)
		c.get(1) // by the map
		c.put(k, k)
		if _, ok := c.get(1); !ok {
			t.Fatalf("forgotten when %d came", k)
		}
	}
	if c.len() != 4 {
		t.Errorf("%d entries", c.len())
	}
}

func TestCacheConcurrently(t *testing.T) {
	c := newCache[int, int](8)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				k := i % 13
				if v, ok := c.get(k); ok && v != k {
					t.Errorf("%d at %d", v, k)
				}
				c.put(k, k)
			}
		})
	}
	wg.Wait()
}

func BenchmarkCacheHit(b *testing.B) {
	c := newCache[SchemaID, int](10)
	c.put(SchemaID{Number: 1}, 1)
	c.put(SchemaID{Number: 2}, 2)
	for name, mask := range map[string]int{"one": 0, "two in turn": 1} {
		b.Run(name, func(b *testing.B) {
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := c.get(SchemaID{Number: 1 + i&mask}); !ok {
					b.Fatal("miss")
				}
				i++
			}
		})
	}
}
