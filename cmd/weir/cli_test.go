package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/fleet"
)

func TestParsePoint(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]*point{
		"start":                     {at: atStart},
		"end":                       {at: atEnd},
		"2026-11-24T10:00:00Z":      {at: atTime, time: at},
		"2026-11-24T11:00:00+01:00": {at: atTime, time: at},
		"2:1500":                    {at: atOffset, partition: 2, offset: 1500},
		"0:0":                       {at: atOffset},
		"":                          nil,
		"yesterday":                 nil,
		"-1:5":                      nil,
		"1:-5":                      nil,
		"1:":                        nil,
		"1:2:3":                     nil,
		"99999999999:1":             nil,
	} {
		got, err := parsePoint("--from", text)
		switch {
		case want == nil && (err == nil || !strings.Contains(err.Error(), "--from "+text)):
			t.Errorf("%q is taken as %+v, error %v", text, got, err)
		case want != nil && (err != nil || got.at != want.at || !got.time.Equal(want.time) || got.partition != want.partition || got.offset != want.offset):
			t.Errorf("%q is taken as %+v, error %v, want %+v", text, got, err, *want)
		}
	}
}

func TestLineSource(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":            {"", nil},
		"one":              {"a\n", []string{"a"}},
		"no line end":      {"a\nb", []string{"a", "b"}},
		"empty lines":      {"\n\na\n", []string{"", "", "a"}},
		"carriage returns": {"a\r\n", []string{"a\r"}},
		"long":             {long + "\n", []string{long}},
	} {
		for _, zip := range []bool{false, true} {
			data := []byte(c.text)
			if zip {
				var b bytes.Buffer
				w := gzip.NewWriter(&b)
				w.Write(data)
				w.Close()
				data = b.Bytes()
			}
			path := filepath.Join(t.TempDir(), "lines")
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			src, size, err := openLines(path)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for {
				line, err := src.next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(line))
			}
			src.Close()
			if diff := cmp.Diff(c.want, got); diff != "" || size != int64(len(data)) {
				t.Errorf("%s, gzip %v: size %d of %d, lines (-want +got):\n%s", name, zip, size, len(data), diff)
			}
		}
	}
	if _, _, err := openLines(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
}

func TestRecordPrinter(t *testing.T) {
	records := []*kgo.Record{
		{Topic: "t", Partition: 1, Offset: 2, Timestamp: time.UnixMilli(1).UTC(), Key: []byte("k"), Value: []byte("<v>")},
		{Topic: "t", Offset: 3, Timestamp: time.UnixMilli(2).UTC(), Value: []byte{0xff}, Headers: []kgo.RecordHeader{{Key: "h"}}},
	}
	for format, want := range map[string]string{
		"raw": "<v>\n\xff\n",
		"json": `{"topic":"t","partition":1,"offset":2,"timestamp":"1970-01-01T00:00:00.001Z","key":"k","value":"<v>"}
{"topic":"t","partition":0,"offset":3,"timestamp":"1970-01-01T00:00:00.002Z","key":null,"value":"/w==","headers":[{"key":"h","value":null}],"encoding":{"value":"base64"}}
`,
		"table": `PARTITION  OFFSET  TIME (UTC)               KEY   VALUE
1          2       1970-01-01 00:00:00.001  k     <v>
0          3       1970-01-01 00:00:00.002  null  \xff
`,
	} {
		var b bytes.Buffer
		p := newRecordPrinter(format, &b)
		for _, r := range records {
			if err := p.print(r); err != nil {
				t.Fatal(err)
			}
		}
		p.flush()
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}

// A table of a large topic is printed as it comes, not held.
func TestTableIsNotHeld(t *testing.T) {
	var b bytes.Buffer
	p := newRecordPrinter("table", &b)
	for range 3 * tableRows {
		if err := p.print(&kgo.Record{Value: make([]byte, 100)}); err != nil {
			t.Fatal(err)
		}
	}
	if lines := bytes.Count(b.Bytes(), []byte("\n")); lines < 2*tableRows {
		t.Errorf("%d lines were printed before the end", lines)
	}
}

func TestWords(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(size(0), "0 B")
	f(size(1023), "1023 B")
	f(size(1536), "1.5 KiB")
	f(size(5<<40), "5.0 TiB")
	f(size(5000<<40), "5000.0 TiB")
	f(remaining(10*time.Second, 25, 100), " (25 %), 30s to go")
	f(remaining(10*time.Second, 25, 0), "")
	f(remaining(10*time.Second, 0, 100), "")
	f(cellOf(nil), "null")
	f(cellOf([]byte("a\tb\"")), `a\tb\"`)
	f(cellOf([]byte(strings.Repeat("é", 200))), strings.Repeat("é", widestCell-1)+"…")
}

// What others have named does not reach the terminal as it is.
func TestPlanOfHostileNames(t *testing.T) {
	var out strings.Builder
	err := printPlan(&streams{out: &out}, &fleet.Plan{
		Steps:    []fleet.Step{{On: "a\x1b]0;b\a\nc", What: "offset", Before: "\u202e1", After: "2\t3"}},
		Warnings: []string{"group \x1b[2J has members"},
	})
	want := `ON              WHAT    BEFORE   AFTER  NOTE
a\x1b]0;b\a\nc  offset  \u202e1  2\t3   
take care: group \x1b[2J has members
`
	if diff := cmp.Diff(want, out.String()); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
