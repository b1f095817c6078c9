package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weirhq/weir/internal/broker/brokertest"
)

func TestCutText(t *testing.T) {
	f := func(text string, n int, want string) {
		t.Helper()
		if got := cutText(text, n); got != want || !utf8.ValidString(got) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("abc", 3, "abc")
	f("abcd", 3, "abc… (cut, of 4 bytes)")
	f("aéé", 4, "aé… (cut, of 5 bytes)")
	f("\x80\x80\x80", 1, "… (cut, of 3 bytes)")
}

func TestCutChange(t *testing.T) {
	var offsets []string
	for i := range 100_000 {
		offsets = append(offsets, fmt.Sprintf(`{"topic":"orders","partition":%d,"offset":%d}`, i, int64(1)<<53+1))
	}
	long := `{"kind":"group-reset","group":"billing","reset":{"to":"offsets","offsets":[` + strings.Join(offsets, ",") + `]}}`
	got := string(cutChange(json.RawMessage(long)))
	want := fmt.Sprintf(`{"cut":{"bytes":%d,"sha256":"%s","items":{"reset.offsets":100000}},"group":"billing","kind":"group-reset","reset":{"offsets":[`, len(long), hash([]byte(long)))
	if !strings.HasPrefix(got, want) || strings.Count(got, `"partition"`) != keptItems || !strings.Contains(got, `"offset":9007199254740993,"partition":19`) || !strings.HasSuffix(got, `],"to":"offsets"}}`) {
		t.Errorf("%s, want %s...", got, want)
	}
	// What stays too long, or is no object, is only counted.
	var wide []string
	for i := range 10_000 {
		wide = append(wide, fmt.Sprintf(`"name-%d":"value"`, i))
	}
	for _, change := range []string{"{" + strings.Join(wide, ",") + "}", "[" + strings.Repeat("1,", maxChange) + "1]", `"` + strings.Repeat("x", maxChange) + `"`, "null" + strings.Repeat(" ", maxChange)} {
		want := fmt.Sprintf(`{"cut":{"bytes":%d,"sha256":"%s"}}`, len(change), hash([]byte(change)))
		if got := string(cutChange(json.RawMessage(change))); got != want {
			t.Errorf("%.40s...: %s, want %s", change, got, want)
		}
	}
}

// Whatever is asked for and however it fails, it can be recorded, and the chain goes
// on.
func TestLongActions(t *testing.T) {
	c := connect(t, brokertest.New(t).Addr())
	l := open(t, c, Config{})
	evil := strings.Repeat("\x01", 1<<20)
	change, err := json.Marshal(map[string]string{"topic": evil, "other": evil})
	if err != nil {
		t.Fatal(err)
	}
	a := Action{Actor: evil, Via: "api", System: "fleet", Kind: "topic-delete", Cluster: evil, Target: evil, Reason: evil, Change: change}
	writer := ""
	for _, failed := range []error{errors.New(evil), nil} {
		if err := l.Do(t.Context(), a, func(context.Context) error { return failed }); !errors.Is(err, failed) {
			t.Fatal(err)
		}
		if writer != "" && l.writer != writer {
			t.Error("a new chain was begun")
		}
		writer = l.writer
	}
	verify(t, c, 4, 1)
	entries, _ := l.List(Filter{})
	if e := entries[1]; len(entries) != 2 || e.State != Failed || !strings.HasSuffix(e.Error, "… (cut, of 1048576 bytes)") || !strings.Contains(string(e.Change), `"cut":{"bytes":12582`) {
		t.Errorf("%.500s %s", entries[1].Error, entries[1].Change)
	}
	r := record{ID: "x", Action: a, State: Asked, Writer: "w", N: 1}
	if b, err := r.bounded().encode(); err != nil || len(b) > 128<<10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
