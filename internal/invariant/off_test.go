//go:build !race && !invariants

package invariant

import "testing"

func TestCheckIsNothing(t *testing.T) {
	if Enabled {
		t.Error("Enabled is true where Check is off")
	}
	n := 7
	if allocs := testing.AllocsPerRun(100, func() { Check(n == 9, "offset %d after %d", n, n+1) }); allocs != 0 {
		t.Errorf("a false condition costs %v allocations", allocs)
	}
}
