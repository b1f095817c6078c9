package linediff

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	f := func(a, b string, want ...string) {
		t.Helper()
		var got []string
		for _, l := range Lines(a, b) {
			got = append(got, fmt.Sprintf("%s %d%s %d%s", l.Op, l.OldNum, l.Old, l.NewNum, l.New))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q and %q:\n%s", a, b, d)
		}
	}
	f("a", "a", "same 1a 1a")
	f("a\nb\nc", "a\nc", "same 1a 1a", "removed 2b 0", "same 3c 2c")
	f("a\nc", "a\nb\nc", "same 1a 1a", "added 0 2b", "same 2c 3c")
	f("a\nx\nc", "a\ny\nz\nc", "same 1a 1a", "changed 2x 2y", "added 0 3z", "same 3c 4c")
	f("", "a", "changed 1 1a")
	f("a\nb\na", "b\na\nb", "removed 1a 0", "same 2b 1b", "same 3a 2a", "added 0 3b")
}

// Either side of a difference is found in it again, whole and in order.
func FuzzLines(f *testing.F) {
	f.Add("a\nb\nc", "a\nc\nd")
	f.Add("", "\n\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		var old, now []string
		for _, l := range Lines(a, b) {
			if l.OldNum > 0 {
				old = append(old, l.Old)
			}
			if l.NewNum > 0 {
				now = append(now, l.New)
			}
			if l.Op == "same" && l.Old != l.New {
				t.Errorf("%q and %q are not the same", l.Old, l.New)
			}
		}
		if strings.Join(old, "\n") != a || strings.Join(now, "\n") != b {
			t.Errorf("%q and %q became %q and %q", a, b, old, now)
		}
	})
}

// Two long texts that share nothing are compared in bounded time and memory.
func TestLongTexts(t *testing.T) {
	a, b := strings.Repeat("a\n", 30_000), strings.Repeat("b\n", 30_000)
	if got := Lines(a, b); len(got) != 30_001 || got[0].Op != "changed" || got[30_000].Op != "same" {
		t.Errorf("%d lines", len(got))
	}
}
