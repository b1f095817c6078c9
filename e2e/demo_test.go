package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/kafkatest"
)

// The truth about the built-in log, which its generator knows and its own tests
// check.
const (
	builtinRecords  = 9983
	builtinUnparsed = 17
	builtinWindows  = 252
)

func TestDemoComplete(t *testing.T) {
	engines(t, func(t *testing.T, args []string) {
		r, stderr := runDemo(t, 0, args...)
		wantComplete(t, r, builtinRecords, builtinWindows)
		if r.Unparsed != builtinUnparsed || !strings.Contains(stderr, "17 unparsed (lines 208, 1015, 1432, 2133, 2448, ...)") {
			t.Errorf("%d unparsed\n%s", r.Unparsed, stderr)
		}
		// A finished input sends nothing and shows the same.
		again, stderr := runDemo(t, 0, args...)
		if diff := cmp.Diff(r.Windows, again.Windows, ignoreRevision, cmp.AllowUnexported(audit.Pair{})); diff != "" {
			t.Errorf("second run (-first +second):\n%s", diff)
		}
		wantStored(t, stderr)
		wantRefusals(t, args)
		wantCleaned(t, args)
	})
}

var ignoreRevision = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Revision" }, cmp.Ignore())

// wantStored checks that mirror and counters have started at stored positions.
func wantStored(t *testing.T, stderr string) {
	t.Helper()
	starts := regexp.MustCompile(`msg="(mirror|counter) starts".* at="0:(\d+) 1:(\d+) 2:(\d+) 3:(\d+)"`).FindAllStringSubmatch(stderr, -1)
	if len(starts) != 3 {
		t.Fatalf("%d starts logged, want 3:\n%s", len(starts), stderr)
	}
	for _, s := range starts {
		if slices.Contains(s[2:], "0") {
			t.Errorf("%s", s[0])
		}
	}
}

// wantRefusals checks what is refused on topics that a finished demo has left.
func wantRefusals(t *testing.T, args []string) {
	t.Helper()
	other := filepath.Join(t.TempDir(), "other.log")
	line := `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`
	if err := os.WriteFile(other, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, `another source than this input.*--topic NAME`, append([]string{"demo", "--exit", "--input", other}, args...)...)
	wantError(t, `already been mirrored.*--topic NAME`, append([]string{"demo", "--exit", "--drop", "1"}, args...)...)
}

// wantCleaned checks that --clean shows and deletes what the demo has made, and
// that the demo then begins anew.
func wantCleaned(t *testing.T, args []string) {
	t.Helper()
	stdout, stderr, code := run(t, append([]string{"demo", "--clean"}, args...)...)
	for _, topic := range []string{"page-views", "_schemas", "_weir.audit.reports", "_weir.audit.counts", "_weir.mirror.positions", "_weir.demo.created"} {
		if code != 0 || !strings.Contains(stdout, topic) {
			t.Errorf("--clean: exit code %d, %s is not shown:\n%s%s", code, topic, stdout, stderr)
		}
	}
	if stdout, _, code := run(t, append([]string{"demo", "--clean"}, args...)...); code != 0 || !strings.Contains(stdout, "nothing to clean") {
		t.Errorf("second --clean: exit code %d\n%s", code, stdout)
	}
	r, _ := runDemo(t, 0, args...)
	wantComplete(t, r, builtinRecords, builtinWindows)
}

// wantError runs weir and expects one line on stderr (log lines aside) that
// matches.
func wantError(t *testing.T, pattern string, args ...string) {
	t.Helper()
	_, stderr, code := run(t, args...)
	var lines []string
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "time=") {
			lines = append(lines, line)
		}
	}
	if code != 1 || len(lines) != 1 || !regexp.MustCompile(pattern).MatchString(lines[0]) {
		t.Errorf("weir %s: exit code %d, want 1 and one line like %q:\n%s", strings.Join(args, " "), code, pattern, stderr)
	}
}

func TestDemoRealLog(t *testing.T) {
	log := accessLog(t)
	engines(t, func(t *testing.T, args []string) {
		r, _ := runDemo(t, 0, append(args, "--input", log)...)
		wantComplete(t, r, 10_000, 84)
	})
}

func TestDemoFaults(t *testing.T) {
	engines(t, func(t *testing.T, args []string) {
		r, stderr := runDemo(t, 3, append(args, "--drop", "7", "--duplicate", "5")...)
		var ranges []audit.Range
		verdicts := map[audit.Verdict]int{}
		for _, w := range r.Windows {
			verdicts[w.Verdict]++
			ranges = append(ranges, w.Ranges...)
			want := map[audit.Verdict][2]uint64{audit.Complete: {0, 0}, audit.Lost: {7, 0}, audit.Duplicated: {0, 5}}
			if got := [2]uint64{w.Lost, w.Duplicated}; got != want[w.Verdict] {
				t.Errorf("window %v is %s with %d lost, %d duplicated", w.Start, w.Verdict, w.Lost, w.Duplicated)
			}
		}
		if diff := cmp.Diff(map[audit.Verdict]int{audit.Complete: builtinWindows - 2, audit.Lost: 1, audit.Duplicated: 1}, verdicts); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
		want := append(printed(t, stderr, "dropped", "local"), printed(t, stderr, "duplicated", "aggregate")...)
		if diff := cmp.Diff(offsets(want), offsets(ranges)); diff != "" {
			t.Errorf("ranges (-printed by the filter +found by audit):\n%s", diff)
		}
	})
}

// printed returns the coordinates that the demo's filter has printed.
func printed(t *testing.T, stderr, what, tier string) (ranges []audit.Range) {
	t.Helper()
	line := regexp.MustCompile(what + ` on purpose, \(partition, offset\) at ` + tier + `: (.*)`).FindStringSubmatch(stderr)
	if line == nil {
		t.Fatalf("no line says what was %s:\n%s", what, stderr)
	}
	for _, m := range regexp.MustCompile(`\((\d+), (\d+)\)`).FindAllStringSubmatch(line[1], -1) {
		p, _ := strconv.Atoi(m[1])
		o, _ := strconv.ParseInt(m[2], 10, 64)
		ranges = append(ranges, audit.Range{Tier: tier, Partition: int32(p), From: o, To: o + 1})
	}
	return ranges
}

// offsets spells ranges out, sorted.
func offsets(ranges []audit.Range) (all []string) {
	for _, r := range ranges {
		for o := r.From; o < r.To; o++ {
			all = append(all, fmt.Sprintf("%s %d/%d", r.Tier, r.Partition, o))
		}
	}
	slices.Sort(all)
	return all
}

// The longest lines that parse make records of several MiB; all tiers take them.
func TestDemoLongLines(t *testing.T) {
	log := filepath.Join(t.TempDir(), "long.log")
	var b strings.Builder
	for _, c := range []byte{'a', 0xff} { // the second becomes \xff, four times as long
		head := `1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "`
		b.WriteString(head + strings.Repeat(string([]byte{c}), 1<<20-len(head)-1) + "\"\n")
	}
	if err := os.WriteFile(log, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	engines(t, func(t *testing.T, args []string) {
		r, _ := runDemo(t, 0, append(args, "--input", log)...)
		wantComplete(t, r, 2, 1)
	})
}

// An input without records is a good one: nothing to say of it.
func TestDemoEmptyInput(t *testing.T) {
	log := filepath.Join(t.TempDir(), "empty.log")
	if err := os.WriteFile(log, []byte("no log line\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, _ := runDemo(t, 0, "--input", log, "--listen", "127.0.0.1:0")
	if r.Records != 0 || r.Unparsed != 1 || len(r.Windows) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestDemoRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	wantError(t, `no such file.*--input`, "demo", "--exit", "--input", "/no/such.log")
	wantError(t, `address already in use.*--listen`, "demo", "--exit", "--listen", taken.Addr().String())
	wantError(t, `fullest window .* has \d+ records`, "demo", "--exit", "--drop", "100000")
	wantError(t, `no broker answers at 127.0.0.1:1\b`, "demo", "--exit", "--bootstrap", "local=127.0.0.1:1", "--listen", "127.0.0.1:0")
	wantError(t, `begin with _`, "demo", "--exit", "--topic", "_schemas")
	wantError(t, `a topic's name has`, "demo", "--exit", "--topic", "a/b")
	wantError(t, `HOST:PORT`, "demo", "--exit", "--listen", "nonsense")
	wantError(t, `nothing to clean.*--data or --bootstrap`, "demo", "--clean")
	wantError(t, `clusters are local and aggregate`, "demo", "--bootstrap", "east=127.0.0.1:1")
	wantError(t, `is weir running`, "audit", "status", "--server", "http://127.0.0.1:1")
	dir := t.TempDir()
	holder := start(t, "demo", "--data", dir, "--listen", "127.0.0.1:0")
	holder.kafkas(t)
	wantError(t, `data directory .* in use by another process`, "demo", "--exit", "--data", dir, "--listen", "127.0.0.1:0")
}

func TestDemoRefusesOneClusterTwice(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, newCluster func(t testing.TB) string) {
		addr := newCluster(t)
		wantError(t, `same cluster`, "demo", "--exit", "--bootstrap", "local="+addr, "--bootstrap", "aggregate="+addr, "--listen", "127.0.0.1:0")
		// Nothing was created.
		if _, _, code := run(t, "demo", "--clean", "--bootstrap", "local="+addr, "--data", t.TempDir()); code != 0 {
			t.Errorf("--clean afterwards: exit code %d", code)
		}
	})
}

// What --clean deletes is recorded where there is a log of changes that the demo has
// not made itself.
func TestDemoCleanIsRecorded(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, newCluster func(t testing.TB) string) {
		addr := newCluster(t)
		on := []string{"--bootstrap", "local=" + addr, "--data", t.TempDir(), "--listen", "127.0.0.1:0"}
		for _, args := range [][]string{
			{"topics", "create", "mine", "--bootstrap", addr},
			append([]string{"demo", "--exit"}, on...),
			append([]string{"demo", "--clean"}, on...),
		} {
			if _, stderr, code := run(t, args...); code != 0 {
				t.Fatalf("weir %s: exit code %d\n%s", args, code, stderr)
			}
		}
		stdout, stderr, code := run(t, "actions", "--bootstrap", addr)
		if code != 0 || !regexp.MustCompile(`command +topic-delete +local +page-views +done`).MatchString(stdout) {
			t.Errorf("weir actions: exit code %d\n%s%s", code, stdout, stderr)
		}
	})
}
