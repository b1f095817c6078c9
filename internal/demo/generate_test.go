package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func composed(t testing.TB, lines int) []entry {
	t.Helper()
	entries, err := compose(BuiltinSeed, lines)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// TestGenerateParses compares each line's view with the one it was made from: the
// generator writes escapes and offsets, the parser must undo them.
func TestGenerateParses(t *testing.T) {
	for _, seed := range []uint64{BuiltinSeed, 2, 3} {
		entries, err := compose(seed, BuiltinLines)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range entries {
			got, err := Parse([]byte(e.line))
			switch {
			case e.view == nil && err == nil:
				t.Errorf("seed %d, line %d parses: %.200q", seed, i+1, e.line)
			case e.view != nil && err != nil:
				t.Errorf("seed %d, line %d: %v: %.200q", seed, i+1, err, e.line)
			case e.view != nil:
				if d := cmp.Diff(*e.view, got); d != "" {
					t.Fatalf("seed %d, line %d: %.200q: -want +got\n%s", seed, i+1, e.line, d)
				}
			}
		}
	}
}

func TestGenerateGolden(t *testing.T) {
	var b bytes.Buffer
	truth, err := Generate(&b, BuiltinSeed, BuiltinLines)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	first, second := Fullest(truth.Windows)
	got := fmt.Sprintf("sha256 %s\nbytes %d\nlines %d\nrecords %d\nunparsed %v\nwindows %d\nfullest %s %d\nsecond %s %d\n",
		hex.EncodeToString(sum[:]), b.Len(), truth.Lines, truth.Records, truth.Unparsed, len(truth.Windows),
		time.UnixMilli(first).UTC().Format(time.RFC3339), truth.Windows[first],
		time.UnixMilli(second).UTC().Format(time.RFC3339), truth.Windows[second])
	golden := filepath.Join("testdata", "builtin.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("the built-in log changed: -want +got\n%s", d)
	}
	var other bytes.Buffer
	if _, err := Generate(&other, BuiltinSeed+1, BuiltinLines); err != nil || bytes.Equal(b.Bytes(), other.Bytes()) {
		t.Errorf("another seed gives the same log (%v)", err)
	}
}

func TestDice(t *testing.T) {
	// From the reference values in Go's own test of PCG-DXSM, seeds 1 and 2.
	d := dice{rand.NewPCG(1, 2)}
	if got, want := d.Uint64(), uint64(0xc4f5a58656eef510); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
	o := oddsOf(4, func(i int) int { return []int{0, 3, 0, 1}[i] })
	var picked [4]int
	for range 4000 {
		picked[d.pick(o)]++
	}
	if picked[0] != 0 || picked[2] != 0 || picked[1] < 2800 || picked[1] > 3200 {
		t.Errorf("weights 0, 3, 0, 1 were picked %v times", picked)
	}
}

// TestGenerateShape looks for what the log is there to show.
func TestGenerateShape(t *testing.T) {
	entries := composed(t, BuiltinLines)
	var (
		hour            [24]int
		clients, pages  = map[string]int{}, map[string]int{}
		zones, statuses = map[string]int{}, map[int]int{}
		nulls           = map[string]int{}
		lines           = map[string]int{}
		windows         = map[int64]int{}
		newest          time.Time
		back            time.Duration
		raw             strings.Builder
	)
	for _, e := range entries {
		lines[e.line]++
		raw.WriteString(e.line + "\n")
		v := e.view
		if v == nil {
			continue
		}
		hour[v.At.Hour()]++
		clients[v.Client]++
		pages[v.Path]++
		statuses[v.Status]++
		windows[Window(v.At, 10*time.Minute)]++
		_, after, _ := strings.Cut(e.line, "] ")
		zones[e.line[len(e.line)-len(after)-7:len(e.line)-len(after)-2]]++
		for field, null := range map[string]bool{"user": v.User == nil, "bytes": v.Bytes == nil, "referrer": v.Referrer == nil,
			"agent": v.Agent == "-", "whole": v.Method == "" && v.Path != "", "long": len(v.Agent) > 5000} {
			if null {
				nulls[field]++
			}
		}
		if v.At.After(newest) {
			newest = v.At
		}
		back = max(back, newest.Sub(v.At))
	}
	check := func(ok bool, format string, args ...any) {
		t.Helper()
		if !ok {
			t.Errorf(format, args...)
		}
	}
	check(hour[14] > 10*hour[5] && hour[5] > 0, "by hour: %v", hour)
	top := func(m map[string]int) int { return slices.Max(mapValues(m)) }
	check(top(clients) > 1000 && len(clients) > 400, "%d clients, the busiest %d", len(clients), top(clients))
	check(top(pages) > 1000 && len(pages) > 150, "%d pages, the busiest %d", len(pages), top(pages))
	for _, z := range []string{"+0000", "+0200", "-0730", "+0530", "+1400", "-1200"} {
		check(zones[z] > 0, "no line with zone %s: %v", z, zones)
	}
	for _, s := range []int{200, 206, 301, 304, 403, 404, 408, 416, 500} {
		check(statuses[s] > 0, "no status %d: %v", s, statuses)
	}
	for _, f := range []string{"user", "bytes", "referrer", "agent", "whole", "long"} {
		check(nulls[f] > 0 && nulls[f] < len(entries), "%s: %d lines", f, nulls[f])
	}
	check(back > 5*time.Second && back < time.Minute, "lines go back by up to %v", back)
	check(slices.Max(mapValues(lines)) > 1, "no line is repeated")
	counts := slices.SortedFunc(slices.Values(mapValues(windows)), func(a, b int) int { return b - a })
	check(counts[0] > counts[1]+20 && counts[1] > counts[2]+20, "the fullest windows: %v", counts[:3])
	for _, piece := range []string{`\"`, `\\`, "\xe9", "\r\n"} {
		check(strings.Contains(raw.String(), piece), "no %q anywhere", piece)
	}
}

func mapValues[K comparable](m map[K]int) []int {
	var out []int
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func TestGenerateSizes(t *testing.T) {
	if n := len(unparsable()); n != 17 {
		t.Fatalf("%d unparsable lines, not 17", n)
	}
	for _, n := range []int{17, 18, 33, 34, 100, 1000} {
		truth, err := Generate(new(bytes.Buffer), 7, n)
		if err != nil || truth.Lines != int64(n) || len(truth.Unparsed) != 17 || truth.Records != int64(n-17) {
			t.Errorf("%d lines: %+v, %v", n, truth, err)
		}
	}
	if _, err := Generate(new(bytes.Buffer), 7, 16); err == nil {
		t.Error("16 lines can't hold 17 unparsable ones, yet no error")
	}
	if _, err := Generate(full{}, 7, 100); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }
