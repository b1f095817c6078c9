//go:build race || invariants

package invariant

import "testing"

func TestCheckPanics(t *testing.T) {
	if !Enabled {
		t.Error("Enabled is false where Check is on")
	}
	Check(true, "never said")
	defer func() {
		if got, want := recover(), "invariant broken: offset 7 after 9"; got != want {
			t.Errorf("panicked with %v, want %q", got, want)
		}
	}()
	Check(false, "offset %d after %d", 7, 9)
	t.Error("a false condition passed")
}
