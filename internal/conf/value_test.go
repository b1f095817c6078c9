package conf

import (
	"math"
	"testing"
	"testing/quick"
	"time"
)

func TestNearest(t *testing.T) {
	known := []string{"bootstrap", "tls", "sasl", "tier", "topics"}
	f := func(word, want string) {
		t.Helper()
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	f("bootstap", "bootstrap")
	f("boostrapp", "bootstrap")
	f("tsl", "")
	f("tl", "tls")
	f("tpoics", "topics")
	f("", "")
	f("listen", "")
	f("bootstrap.servers", "")
	f("tire", "")
	f("tie", "tier")
}

func TestEdits(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := edits(a, b); got != want {
			t.Errorf("edits(%q, %q) = %d, want %d", a, b, got, want)
		}
		if got := edits(b, a); got != want {
			t.Errorf("edits(%q, %q) = %d, want %d", b, a, got, want)
		}
	}
	f("", "", 0)
	f("", "abc", 3)
	f("kitten", "sitting", 3)
	f("same", "same", 0)
	f("ab", "ba", 2)
}

func TestBytes(t *testing.T) {
	f := func(text string, want int64, canonical string) {
		t.Helper()
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || int64(b) != want || b.String() != canonical {
			t.Errorf("%q: %d = %s, %v; want %d = %s", text, int64(b), b, err, want, canonical)
		}
	}
	f("0", 0, "0")
	f("512", 512, "512")
	f("512B", 512, "512")
	f("64MiB", 64<<20, "64MiB")
	f("64 mib", 64<<20, "64MiB")
	f("1GB", 1e9, "1GB")
	f("1500kB", 1500000, "1500kB")
	f("1024", 1024, "1KiB")
	f("3TiB", 3<<40, "3TiB")
	f("2TB", 2e12, "2TB")
	f("-1KB", -1000, "-1kB")
	for _, bad := range []string{"", "MiB", "1.5GiB", "1 000", "1PB", "0x10", "9223372036854775808", "8388608TiB", "1GiBB"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is %d", bad, b)
		}
	}
	same := func(n int64) bool {
		var b Bytes
		return b.UnmarshalText([]byte(Bytes(n).String())) == nil && int64(b) == n
	}
	if err := quick.Check(same, nil); err != nil || !same(math.MaxInt64) || !same(math.MinInt64) {
		t.Error(err)
	}
}

func TestDurations(t *testing.T) {
	f := func(text string, want time.Duration, canonical string) {
		t.Helper()
		if got, err := parseDuration(text); err != nil || got != want || formatDuration(got) != canonical {
			t.Errorf("%q: %v = %s, %v; want %v = %s", text, got, formatDuration(got), err, want, canonical)
		}
	}
	f("10m", 10*time.Minute, "10m")
	f("0", 0, "0s")
	f("90s", 90*time.Second, "1m30s")
	f("1h0m5s", time.Hour+5*time.Second, "1h0m5s")
	f("120m", 2*time.Hour, "2h")
	f("7d", 168*time.Hour, "7d")
	f("1d12h", 36*time.Hour, "1d12h")
	f("24h", day, "1d")
	f("-36h", -36*time.Hour, "-36h")
	f("1.5ms", 1500*time.Microsecond, "1.5ms")
	for _, bad := range []string{"", "10", "d", "-1d", "1d-2h", "1d+2h", "1.5d", "2h1d", "1d1d", "106752d", "106751d23h48m", "1 d", "ten"} {
		if d, err := parseDuration(bad); err == nil {
			t.Errorf("%q is %v", bad, d)
		}
	}
	same := func(n int64) bool {
		d, err := parseDuration(formatDuration(time.Duration(n)))
		return err == nil && int64(d) == n
	}
	if err := quick.Check(same, nil); err != nil || !same(math.MaxInt64) || !same(math.MinInt64) {
		t.Error(err)
	}
}
