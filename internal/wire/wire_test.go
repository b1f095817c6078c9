package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	run     = RunID{0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18}
	topicID = TopicID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	stamp   = Stamp{Run: run, Seq: 300}
	report  = Report{
		Run: run, Number: 7, At: 1431857103000, Interval: 60_000, Window: 600_000, Through: 1431857000000, Final: true,
		Registration: &Registration{Application: "weir-demo", Host: "h1", Version: "0.1"},
		Topics: []ReportTopic{{Topic: "page-views", Rows: []ReportRow{
			{Start: 1431856800000, Kind: Attempt, Totals: Totals{Count: 3, Bytes: 900, Sum: 1 << 63, Xor: 5}},
			{Start: -600_000, Kind: Unknown, Totals: Totals{Count: 1, Bytes: 1, Sum: 2, Xor: 3}, Uncertain: 1},
		}}},
	}
	counts = Counts{
		Tier: "local", Topic: "page-views", TopicID: topicID, Epoch: 2, Window: 600_000,
		Rows: []CountsRow{
			{Partition: 3, From: 10, To: 12, Cells: []Cell{{Start: 1431856800000, Run: run, MaxSeq: 12, Totals: Totals{Count: 2, Bytes: 7, Sum: 8, Xor: 9}, Messages: 1}}},
			{Partition: 4, From: 50, To: 50, Gap: "retention"},
		},
	}
	positionKey = PositionKey{Stream: "local-aggregate", TopicID: topicID, Partition: 3}
	created     = Created{Version: 1, ClusterID: "c1", Topic: "page-views", TopicID: topicID.String()}
	position    = Position{Src: 1 << 40, Dst: 5, LeaderEpoch: -1, Producers: []Producer{{ID: 1001, Epoch: 2}}}
)

// formats lists every binary format with a value and its encoding; decode
// returns the value and its encoding again.
var formats = []struct {
	name   string
	value  any
	bytes  []byte
	decode func([]byte) (any, []byte, error)
}{
	{"stamp", stamp, stamp.Append(nil), func(b []byte) (any, []byte, error) { v, err := ParseStamp(b); return v, v.Append(nil), err }},
	{"report", report, report.Append(nil), func(b []byte) (any, []byte, error) {
		v, err := ParseReport(b)
		if err != nil {
			return v, nil, err
		}
		return v, v.Append(nil), err
	}},
	{"counts", counts, counts.Append(nil), func(b []byte) (any, []byte, error) {
		v, err := ParseCounts(b)
		if err != nil {
			return v, nil, err
		}
		return v, v.Append(nil), err
	}},
	{"position-key", positionKey, positionKey.Append(nil), func(b []byte) (any, []byte, error) {
		v, err := ParsePositionKey(b)
		return v, v.Append(nil), err
	}},
	{"created", created, created.Append(nil), func(b []byte) (any, []byte, error) {
		v, err := ParseCreated(b)
		if err != nil {
			return v, nil, err
		}
		return v, v.Append(nil), err
	}},
	{"leader", leader, leader.Append(nil), func(b []byte) (any, []byte, error) {
		v, err := ParseLeader(b)
		if err != nil {
			return v, nil, err
		}
		return v, v.Append(nil), err
	}},
	{"position", position, position.Append(nil), func(b []byte) (any, []byte, error) { v, err := ParsePosition(b); return v, v.Append(nil), err }},
}

func TestGolden(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			path := filepath.Join("testdata", f.name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(hex.Dump(f.bytes)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(golden), hex.Dump(f.bytes)); diff != "" {
				t.Errorf("bytes changed (-golden +now):\n%s", diff)
			}
			got, again, err := f.decode(f.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(f.value, got); diff != "" {
				t.Errorf("decoding is not the inverse of encoding (-want +got):\n%s", diff)
			}
			if !bytes.Equal(again, f.bytes) {
				t.Errorf("encoded again: %x, was %x", again, f.bytes)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, f := range formats {
		for n := range f.bytes {
			if _, _, err := f.decode(f.bytes[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s cut to %d bytes: error %v", f.name, n, err)
			}
		}
		if _, _, err := f.decode(append(bytes.Clone(f.bytes), 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with a trailing byte: error %v", f.name, err)
		}
		other := bytes.Clone(f.bytes)
		other[0] = 99
		if _, _, err := f.decode(other); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s of version 99: error %v", f.name, err)
		}
	}
}

// A decoder takes any bytes without panic, and what it accepts it encodes to
// something that decodes to the same value.
func fuzzFormat(f *testing.F, name string) {
	for _, format := range formats {
		if format.name != name {
			continue
		}
		f.Add(format.bytes)
		f.Fuzz(func(t *testing.T, b []byte) {
			v, again, err := format.decode(b)
			if err != nil {
				return
			}
			w, _, err := format.decode(again)
			if err != nil {
				t.Fatalf("decoding our own encoding %x: %v", again, err)
			}
			if diff := cmp.Diff(v, w); diff != "" {
				t.Fatalf("round trip changed the value:\n%s", diff)
			}
		})
		return
	}
	f.Fatalf("no format %q", name)
}

func FuzzStamp(f *testing.F)       { fuzzFormat(f, "stamp") }
func FuzzReport(f *testing.F)      { fuzzFormat(f, "report") }
func FuzzCounts(f *testing.F)      { fuzzFormat(f, "counts") }
func FuzzPositionKey(f *testing.F) { fuzzFormat(f, "position-key") }
func FuzzCreated(f *testing.F)     { fuzzFormat(f, "created") }
func FuzzPosition(f *testing.F)    { fuzzFormat(f, "position") }

func TestFingerprint(t *testing.T) {
	seen := map[uint64]string{}
	for _, c := range []struct {
		name              string
		key, value, stamp []byte
	}{
		{"null null", nil, nil, nil},
		{"empty null", []byte{}, nil, nil},
		{"null empty", nil, []byte{}, nil},
		{"a|b", []byte("a"), []byte("b"), nil},
		{"ab|", []byte("ab"), []byte{}, nil},
		{"|ab", []byte{}, []byte("ab"), nil},
		{"a|b stamped", []byte("a"), []byte("b"), stamp.Append(nil)},
	} {
		fp := Fingerprint(c.key, c.value, c.stamp)
		if other, dup := seen[fp]; dup {
			t.Errorf("%s and %s have one fingerprint", c.name, other)
		}
		seen[fp] = c.name
	}
	// Pinned: counts on topics outlive the process that wrote them.
	if got, want := Fingerprint([]byte("a"), []byte("b"), []byte("s")), xxhash.Sum64([]byte("\x02a\x02bs")); got != want || got != 0xb2e9d3bc074ad77e {
		t.Errorf("fingerprint of a|b|s is %#x, XXH64 of its bytes %#x", got, want)
	}
}

func TestTotals(t *testing.T) {
	var all, odd, even Totals
	for i := range 100 {
		fp := Fingerprint(nil, []byte{byte(i)}, nil)
		all.Add(fp, 1)
		if i%2 == 0 {
			even.Add(fp, 1)
		} else {
			odd.Add(fp, 1)
		}
	}
	merged := odd
	merged.Merge(even)
	if !merged.Same(all) || merged != all {
		t.Errorf("odd + even = %+v, all = %+v", merged, all)
	}
	if got := all.Without(odd); got != even {
		t.Errorf("all - odd = %+v, even = %+v", got, even)
	}
	swapped := all.Without(odd)
	swapped.Merge(odd)
	swapped.Sum++
	if swapped.Same(all) {
		t.Error("another set with an equal count passes as the same")
	}
}
