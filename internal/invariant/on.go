//go:build race || invariants

package invariant

import "fmt"

// Enabled says whether Check does anything, for conditions that are dear.
const Enabled = true

// Check panics with the message if cond is false.
func Check(cond bool, format string, args ...any) {
	if !cond {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}
