package actions

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Date(2026, 11, 24, 12, 0, 0, 250e6, time.UTC)

func sample() record {
	return record{
		V: 1, ID: "ID", At: t0, State: Asked, Writer: "host:8080#W", N: 2, Prev: hash([]byte("before")),
		Action: Action{Actor: "ann", Via: "api", System: "fleet", Kind: "topic-delete", Cluster: "east", Target: "<orders>", Change: json.RawMessage(`{"kind":"topic-delete","topic":"<orders>"}`), Reason: "unused"},
	}
}

func TestRecordGolden(t *testing.T) {
	end := sample()
	end.State, end.Error, end.N, end.Change, end.Reason = Failed, "broker 2: away", 3, nil, ""
	var got []byte
	for _, r := range []record{sample(), end} {
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back); diff != "" {
			t.Errorf("decoded otherwise:\n%s", diff)
		}
		got = append(append(got, b...), '\n')
	}
	const golden = "testdata/record.golden"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the format has changed; readers of old logs need the old one:\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, _ := sample().encode()
	for old, replaced := range map[string]string{
		`"v":1`: `"v":2`, `"state":"asked"`: `"state":"unknown"`, `"n":2`: `"n":0`, `"id":"ID"`: `"id":""`,
		`"writer":"host:8080#W"`: `"writer":""`, `{"v"`: `"v"`, "2026-": "2026/",
	} {
		if bad := strings.Replace(string(good), old, replaced, 1); bad == string(good) {
			t.Errorf("%s is not in %s", old, good)
		} else if r, err := decode([]byte(bad)); err == nil {
			t.Errorf("%s: taken as %+v", bad, r)
		}
	}
}

func FuzzDecode(f *testing.F) {
	good, _ := sample().encode()
	f.Add(good)
	f.Add([]byte(`{"v":1,"id":"a","writer":"b","n":1,"state":"done","at":"2026-11-24T12:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			return
		}
		again, err := r.encode()
		if err != nil {
			t.Fatalf("%q can be read, but not written: %v", b, err)
		}
		if _, err := decode(again); err != nil {
			t.Fatalf("%q written anew is %q: %v", b, again, err)
		}
		h := newHistory(1)
		h.add(0, b)
		h.add(1, again)
		h.list(Filter{}, "x#y", t0)
	})
}
