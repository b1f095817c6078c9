package demo

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const tenMinutes = 10 * time.Minute

func written(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t *testing.T, path string) Input {
	t.Helper()
	in, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

func surveyed(t *testing.T, in Input) Survey {
	t.Helper()
	s, err := in.Survey(tenMinutes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func gzipped(t *testing.T, members ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, m := range members {
		z := gzip.NewWriter(&b)
		if _, err := z.Write(m); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// builtin returns the built-in log's bytes and truth.
func builtin(t *testing.T) ([]byte, Truth) {
	t.Helper()
	var b bytes.Buffer
	truth, err := Generate(&b, BuiltinSeed, BuiltinLines)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), truth
}

func TestSurveyEqualsTruth(t *testing.T) {
	data, truth := builtin(t)
	in := Builtin()
	defer in.Close()
	s := surveyed(t, in)
	want := Truth{Lines: s.Lines, Records: s.Records, Windows: s.Windows}
	if err := in.Lines(func(n int64, line []byte) error {
		v, err := Parse(line)
		if err != nil {
			want.Unparsed = append(want.Unparsed, n)
		} else if last := s.Last[Window(v.At, tenMinutes)]; n > last {
			t.Errorf("line %d is in a window whose last line is %d", n, last)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(truth, want); d != "" {
		t.Errorf("-truth +survey\n%s", d)
	}
	if d := cmp.Diff(truth.Unparsed[:5], s.Unparsed); d != "" || s.UnparsedCount != 17 || len(s.Last) != len(s.Windows) {
		t.Errorf("%d unparsed, %d last lines, first unparsed -truth +survey\n%s", s.UnparsedCount, len(s.Last), d)
	}

	half := len(data) / 2
	for name, file := range map[string][]byte{
		"plain": data, "gzip": gzipped(t, data), "gzip of three members": gzipped(t, data[:half], nil, data[half:]),
	} {
		in := opened(t, written(t, file))
		for reading := range 2 {
			if d := cmp.Diff(s, surveyed(t, in)); d != "" {
				t.Errorf("%s, reading %d: -built-in +file\n%s", name, reading+1, d)
			}
		}
	}
}

func TestSurvey(t *testing.T) {
	line := func(at string) string { return strings.Replace(plain, "10/Mar/2026:13:55:36", at, 1) }
	data := strings.Join([]string{
		line("10/Mar/2026:13:59:59"), "?", line("10/Mar/2026:14:00:00"), line("10/Mar/2026:13:50:00"), line("10/Mar/2026:14:09:59"),
		line("31/Dec/1969:23:59:59"), "?", "", "?", "?", "?",
	}, "\n")
	in := opened(t, written(t, []byte(data)))
	at := func(s string) int64 {
		w, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return w.UnixMilli()
	}
	one, two, three := at("1969-12-31T23:50:00Z"), at("2026-03-10T13:50:00Z"), at("2026-03-10T14:00:00Z")
	got := surveyed(t, in)
	want := Survey{
		Source: got.Source, Lines: 11, Records: 5, UnparsedCount: 6, Unparsed: []int64{2, 7, 8, 9, 10},
		Windows: map[int64]int64{one: 1, two: 2, three: 2}, Last: map[int64]int64{one: 6, two: 4, three: 5},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if s := surveyed(t, opened(t, written(t, []byte("abc")))); s.Source != "ba7816bf" { // FIPS 180-2, example B.1
		t.Errorf("SHA-256 of abc begins with %s", s.Source)
	}
}

func TestLines(t *testing.T) {
	type ends []string // "length:last byte" of each line
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		data string
		want ends
	}{
		{"", nil},
		{"\n", ends{"0:"}},
		{"a", ends{"1:a"}},
		{"a\nb\n", ends{"1:a", "1:b"}},
		{"a\n\nb", ends{"1:a", "0:", "1:b"}},
		{"a\r\nb\r", ends{"2:\r", "2:\r"}},
		{long(MaxLine) + "\nb", ends{"1048576:x", "1:b"}},
		{long(MaxLine) + "\r\nb", ends{"1048577:\r", "1:b"}},
		{long(MaxLine) + "\r", ends{"1048577:\r"}},
		{long(MaxLine+1) + "\nb", ends{"1048577:x", "1:b"}},
		{long(MaxLine+2) + "\nb", ends{"1048578:x", "1:b"}},
		{long(5*MaxLine) + "\nb", ends{"1048578:x", "1:b"}},
		{long(5 * MaxLine), ends{"1048578:x"}},
		{long(MaxLine+1) + "\r" + long(9) + "\n", ends{"1048578:\r"}},
	} {
		for kind, file := range map[string][]byte{"plain": []byte(c.data), "gzip": gzipped(t, []byte(c.data))} {
			var got ends
			err := opened(t, written(t, file)).Lines(func(n int64, line []byte) error {
				if n != int64(len(got)+1) {
					t.Errorf("line %d has the number %d", len(got)+1, n)
				}
				if _, err := Parse(line); len(bytes.TrimSuffix(line, []byte("\r"))) > MaxLine != (fmt.Sprint(err) == "line: longer than 1048576 bytes") {
					t.Errorf("a line of %d bytes: %v", len(line), err)
				}
				got = append(got, fmt.Sprintf("%d:%s", len(line), line[max(0, len(line)-1):]))
				return nil
			})
			if d := cmp.Diff(c.want, got); d != "" || err != nil {
				t.Errorf("%s, %d bytes, %.9q: %v, -want +got\n%s", kind, len(c.data), c.data, err, d)
			}
		}
	}
}

func TestLinesStopsAtError(t *testing.T) {
	stop, calls := errors.New("stop"), 0
	err := opened(t, written(t, []byte("a\nb\nc\n"))).Lines(func(n int64, _ []byte) error {
		if calls++; n == 2 {
			return stop
		}
		return nil
	})
	if err != stop || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestGrowingFile: what is appended or renamed after Open changes nothing.
func TestGrowingFile(t *testing.T) {
	path := written(t, []byte(plain+"\n"))
	in := opened(t, path)
	before := surveyed(t, in)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(plain + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, surveyed(t, in)); d != "" || before.Lines != 1 {
		t.Errorf("-before +after\n%s", d)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.log")
	for path, want := range map[string]string{
		missing: "opening access log " + missing + ": no such file or directory; try its full path, or leave --input out to use the built-in log",
		dir:     "opening access log " + dir + ": it is a directory; name one log file in it",
		pipe:    "opening access log " + pipe + ": not a regular file, and it is read twice; save it to a file first",
	} {
		if _, err := Open(path); fmt.Sprint(err) != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := Open(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
}

func TestDamagedGzip(t *testing.T) {
	data, _ := builtin(t)
	whole := gzipped(t, data)
	checksum := bytes.Clone(whole)
	checksum[len(checksum)-8]++
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"cut in the header":       {whole[:5], "line 1: unexpected EOF"},
		"cut in the data":         {whole[:len(whole)/2], "unexpected EOF"},
		"cut before its checksum": {whole[:len(whole)-8], "unexpected EOF"},
		"wrong checksum":          {checksum, "gzip: invalid checksum"},
		"other data after it":     {append(bytes.Clone(whole), plain...), "gzip: invalid header"},
	} {
		path := written(t, c.data)
		in := opened(t, path)
		_, err := in.Survey(tenMinutes)
		got := fmt.Sprint(err)
		if !strings.HasPrefix(got, "reading access log "+path+": line ") ||
			!strings.HasSuffix(got, c.want+"; the gzip file is cut off or damaged (gzip -t tells)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWindow(t *testing.T) {
	f := func(at string, size time.Duration, want string) {
		t.Helper()
		a, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.UnixMilli(Window(a, size)).UTC().Format(time.RFC3339Nano); got != want {
			t.Errorf("window of %v at %s: got %s, want %s", size, at, got, want)
		}
	}
	f("2026-03-10T13:55:36Z", tenMinutes, "2026-03-10T13:50:00Z")
	f("2026-03-10T13:50:00Z", tenMinutes, "2026-03-10T13:50:00Z")
	f("2026-03-10T13:59:59.999Z", tenMinutes, "2026-03-10T13:50:00Z")
	f("2026-03-10T13:55:36+05:45", tenMinutes, "2026-03-10T08:10:00Z")
	f("2026-03-10T13:55:36.5Z", time.Second, "2026-03-10T13:55:36Z")
	f("1970-01-01T00:00:00Z", tenMinutes, "1970-01-01T00:00:00Z")
	f("1969-12-31T23:59:59.9999999Z", tenMinutes, "1969-12-31T23:50:00Z")
	f("1969-12-31T23:50:00Z", tenMinutes, "1969-12-31T23:50:00Z")
	f("1969-12-31T23:49:59.999Z", tenMinutes, "1969-12-31T23:40:00Z")
	f("0001-01-01T00:00:00Z", 24*time.Hour, "0001-01-01T00:00:00Z")
}

func TestFullest(t *testing.T) {
	f := func(first, second int64, windows map[int64]int64) {
		t.Helper()
		if a, b := Fullest(windows); a != first || b != second {
			t.Errorf("%v: got %d and %d, want %d and %d", windows, a, b, first, second)
		}
	}
	f(NoWindow, NoWindow, nil)
	f(0, NoWindow, map[int64]int64{0: 9})
	f(30, 10, map[int64]int64{10: 5, 20: 4, 30: 7})
	f(10, 20, map[int64]int64{10: 5, 20: 5, 30: 5})
	f(30, 10, map[int64]int64{10: 5, 20: 5, 30: 6})
	f(-20, -10, map[int64]int64{-10: 5, -20: 5, 0: 4})
}

// TestSample holds the parser against the known truths of a real log.
func TestSample(t *testing.T) {
	dir := os.Getenv("WEIR_DATA")
	if dir == "" {
		t.Skip("WEIR_DATA is not set: the real access log is not read")
	}
	in := opened(t, filepath.Join(dir, "access.log.gz"))
	s := surveyed(t, in)
	if s.Lines != 10_000 || s.Records != 10_000 || s.UnparsedCount != 0 || len(s.Windows) != 84 {
		t.Errorf("%d lines, %d records, %d unparsed, %d windows", s.Lines, s.Records, s.UnparsedCount, len(s.Windows))
	}
	for start, n := range s.Windows {
		if n < 74 || n > 136 {
			t.Errorf("window %v has %d records", time.UnixMilli(start).UTC(), n)
		}
	}
	statuses, clients, busiest := map[int]int{}, map[string]int{}, 0
	err := in.Lines(func(n int64, line []byte) error {
		v, err := Parse(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		statuses[v.Status]++
		clients[v.Client]++
		busiest = max(busiest, clients[v.Client])
		if want := "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html"; n == 8899 && v.Agent != want {
			t.Errorf("line 8899 has the agent %q", v.Agent)
		}
		return nil
	})
	if err != nil || busiest != 482 {
		t.Errorf("the busiest client has %d lines; %v", busiest, err)
	}
	want := map[int]int{200: 9126, 304: 445, 404: 213, 301: 164, 206: 45, 500: 3, 416: 2, 403: 2}
	if d := cmp.Diff(want, statuses); d != "" {
		t.Errorf("statuses: -want +got\n%s", d)
	}
}
