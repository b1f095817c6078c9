package serde

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

var update = flag.Bool("update", false, "write the golden files")

func goldenStored() stored {
	return stored{Question: "id-7", Version: 2, Schema: Schema{
		ID: 7, GUID: GUID{0: 0x8d, 15: 0x5a}, Format: Protobuf, Text: "syntax = \"proto3\";\nmessage A {}",
		References: []Reference{{Name: "b.proto", Subject: "b", Version: 3, Text: "message B {}"}},
	}}
}

func TestDiskGolden(t *testing.T) {
	golden := filepath.Join("testdata", "stored.golden")
	got := appendStored(goldenStored())
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if s, err := parseStored(want); err != nil || !cmp.Equal(s, goldenStored()) {
		t.Errorf("%+v, %v", s, err)
	}
	for i := range want { // cut anywhere, or one bit turned
		if s, err := parseStored(want[:i]); !errors.Is(err, errNotWhole) {
			t.Errorf("cut at %d: %+v, %v", i, s, err)
		}
		turned := bytes.Clone(want)
		turned[i] ^= 1
		if s, err := parseStored(turned); !errors.Is(err, errNotWhole) {
			t.Errorf("turned at %d: %+v, %v", i, s, err)
		}
	}
}

func FuzzParseStored(f *testing.F) {
	f.Add(appendStored(goldenStored()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStored(b); err == nil {
			if again, err := parseStored(appendStored(s)); err != nil || !cmp.Equal(again, s) {
				t.Fatalf("%+v, %v; was %+v", again, err, s)
			}
		}
	})
}

// A program starts while the registry is away: what any process has seen through
// the same directory goes on, the rest is to be asked again.
func TestOutage(t *testing.T) {
	srv := newFake(t)
	dir := t.TempDir()
	open := func() *Registry { return NewRegistry(srv.url, WithCacheDir(dir)) }
	configs := map[string]Config{
		"register": {Schema: `"int"`},
		"lookup":   {Schema: `"int"`, Mode: Lookup},
		"latest":   {Schema: `"int"`, Mode: Latest},
		"header":   {Schema: `"int"`, Framing: Header},
	}
	encode := func(reg *Registry, cfg Config) (*kgo.Record, error) {
		r := &kgo.Record{Topic: "t"}
		return r, newSerde[int32](t, reg, cfg).EncodeRecord(t.Context(), r, 7)
	}
	reader := newSerde[int32](t, open(), Config{Schema: `"int"`})
	var records []*kgo.Record
	for _, name := range []string{"register", "lookup", "latest", "header"} {
		r, err := encode(open(), configs[name])
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := reader.DecodeRecord(t.Context(), r); err != nil {
			t.Fatal(name, err)
		}
		records = append(records, r)
	}
	unseen := srv.put("other", fakeSchema{Text: `"string"`})
	srv.answer(503, "")
	srv.requests.Store(0)
	reg := open()
	for _, r := range records {
		if v, err := reg.DecodeRecord(t.Context(), r, false); err != nil || v != int32(7) {
			t.Errorf("%v, %v", v, err)
		}
	}
	for name, cfg := range configs {
		if _, err := encode(reg, cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The first question finds out that it is away; then the disk is asked first.
	if n := srv.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	retriable := Retriable("")
	if _, err := reg.Decode(t.Context(), append(AppendHeader(nil, unseen), 2)); !errors.As(err, &retriable) {
		t.Errorf("what nobody has seen: %v", err)
	}
	if _, err := encode(reg, Config{Schema: `"long"`}); !errors.As(err, &retriable) {
		t.Errorf("what was never registered: %v", err)
	}
	elsewhere := NewRegistry("http://127.0.0.1:1", WithCacheDir(dir))
	if _, err := elsewhere.DecodeRecord(t.Context(), records[0], false); !errors.As(err, &retriable) {
		t.Errorf("another registry's file: %v", err)
	}
	srv.answer(0, "")
	if v, err := reg.Decode(t.Context(), append(AppendHeader(nil, unseen), 2, 'x')); err != nil || v != "x" {
		t.Errorf("afterwards: %v, %v", v, err)
	}
	if s := reg.Stats(); s.FromDisk == 0 || s.DiskErrors != 0 || s.Schemas == 0 || s.Requests == 0 {
		t.Errorf("%+v", s)
	}
}

// An id means what the registry says that is there now, whatever is on disk.
func TestRegistrySetUpAnew(t *testing.T) {
	srv, dir := newFake(t), t.TempDir()
	srv.put("t-value", fakeSchema{Text: `"int"`})
	b := append(AppendHeader(nil, 1), 14)
	if v, err := NewRegistry(srv.url, WithCacheDir(dir)).Decode(t.Context(), b); err != nil || v != int32(7) {
		t.Fatal(v, err)
	}
	srv.schemas[0].Text = `"long"`
	if v, err := NewRegistry(srv.url, WithCacheDir(dir)).Decode(t.Context(), b); err != nil || v != int64(7) {
		t.Errorf("%v, %v", v, err)
	}
	srv.answer(503, "")
	reg := NewRegistry(srv.url, WithCacheDir(dir))
	if v, err := reg.Decode(t.Context(), b); err != nil || v != int64(7) {
		t.Errorf("on disk is not the newer: %v, %v", v, err)
	}
}

// The registry is asked again soon after it was away, so that the disk does not
// hide what is new.
func TestAwayEnds(t *testing.T) {
	srv, dir := newFake(t), t.TempDir()
	for i, text := range []string{`"int"`, `"long"`, `"string"`} {
		srv.put("t-value", fakeSchema{Text: text})
		if _, err := NewRegistry(srv.url, WithCacheDir(dir)).Schema(t.Context(), SchemaID{Number: i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	reg := NewRegistry(srv.url, WithCacheDir(dir))
	now := time.Unix(0, 0)
	reg.now = func() time.Time { return now }
	srv.answer(503, "")
	ask := func(id int, requests int64) {
		t.Helper()
		before := srv.requests.Load()
		if _, err := reg.Schema(t.Context(), SchemaID{Number: id}); err != nil || srv.requests.Load()-before != requests {
			t.Errorf("id %d: %v, %d requests", id, err, srv.requests.Load()-before)
		}
	}
	ask(1, 1)
	ask(2, 0)
	now = now.Add(awayFor)
	ask(3, 1)
}

// A directory that can not be used costs the guarantee, not the work.
func TestBadDisk(t *testing.T) {
	srv, dir := newFake(t), t.TempDir()
	srv.put("t-value", fakeSchema{Text: `"int"`})
	b := append(AppendHeader(nil, 1), 14)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	reg := NewRegistry(srv.url, WithCacheDir(file))
	if v, err := reg.Decode(t.Context(), b); err != nil || v != int32(7) || reg.Stats().DiskErrors == 0 {
		t.Errorf("no directory: %v, %v, %+v", v, err, reg.Stats())
	}
	reg = NewRegistry(srv.url, WithCacheDir(dir))
	if _, err := reg.Decode(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != 1 || filepath.Base(files[0]) != "id-1" {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.Truncate(files[0], 40); err != nil {
		t.Fatal(err)
	}
	srv.answer(503, "")
	torn := NewRegistry(srv.url, WithCacheDir(dir))
	retriable := Retriable("")
	if _, err := torn.Decode(t.Context(), b); !errors.As(err, &retriable) || torn.Stats().DiskErrors == 0 {
		t.Errorf("a torn file: %v, %+v", err, torn.Stats())
	}
	srv.answer(0, "")
	if v, err := torn.Decode(t.Context(), b); err != nil || v != int32(7) {
		t.Errorf("%v, %v", v, err)
	}
	if whole, err := os.ReadFile(files[0]); err != nil {
		t.Error(err)
	} else if _, err := parseStored(whole); err != nil {
		t.Errorf("it was not written again: %v", err)
	}
}
