package lease

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

func TestInfoGolden(t *testing.T) {
	since := time.Date(2026, 11, 22, 11, 0, 0, 123_999_999, time.FixedZone("", 3600))
	for name, info := range map[string]Info{
		"leader.json":        {"host-1", "http://host-1:8080", since},
		"leader-no-url.json": {Holder: "zweiter, \"Stock\"", Since: time.Unix(0, 0)},
	} {
		path := filepath.Join("testdata", name)
		got := append(info.encode(), '\n')
		if *update {
			if err := os.WriteFile(path, got, 0o640); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s holds %s, the record is %s", path, want, got)
		}
		read, err := decodeInfo(want)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		info.Since = info.Since.UTC().Truncate(time.Millisecond)
		if read.Holder != info.Holder || read.URL != info.URL || !read.Since.Equal(info.Since) {
			t.Errorf("%s reads as %+v, written was %+v", path, read, info)
		}
	}
}

func TestDecodeInfoRefuses(t *testing.T) {
	for _, text := range []string{
		``, `null`, `{}`, `[]`, `{"v":1}`, `{"v":2,"holder":"a"}`, `{"holder":"a"}`, `{"v":1,"holder":"a","since":"yesterday"}`, `{"v":1,"holder":"a"`, `{"v":1,"holder":7}`,
		`{"v":1,"holder":"a","since":"9999-12-31T23:59:59-14:00"}`, `{"v":1,"holder":"a","since":"0000-01-01T00:00:00+14:00"}`,
	} {
		if info, err := decodeInfo([]byte(text)); err == nil {
			t.Errorf("%s reads as %+v", text, info)
		}
	}
	if info, err := decodeInfo([]byte(`{"v":1,"holder":"a","since":"2026-11-22T10:00:00Z","new":true}`)); err != nil || info.Holder != "a" {
		t.Errorf("an unknown field: %+v, %v", info, err)
	}
}

func FuzzDecodeInfo(f *testing.F) {
	f.Add(Info{"host-1", "http://host-1:8080", time.Unix(1, 0)}.encode())
	f.Add([]byte(`{"v":1,"holder":"a","since":"2026-11-22T10:00:00.5+14:00"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := decodeInfo(b)
		if err != nil {
			return
		}
		again, err := decodeInfo(info.encode())
		if err != nil || again.Holder != info.Holder || again.URL != info.URL || !again.Since.Equal(info.Since.Truncate(time.Millisecond)) {
			t.Errorf("%q reads as %+v, and written again as %+v, %v", b, info, again, err)
		}
	})
}
