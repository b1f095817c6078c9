package serde

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type view struct {
	Client string    `avro:"client"`
	User   *string   `avro:"user"`
	At     time.Time `avro:"at"`
	Bytes  *int64    `avro:"bytes"`
	Line   int64     `avro:"line"`
}

const viewSchema = `{"type":"record","name":"PageView","namespace":"weir.demo","fields":[
	{"name":"client","type":"string"},
	{"name":"user","type":["null","string"]},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"bytes","type":["null","long"]},
	{"name":"line","type":"long"}]}`

func newView() view {
	n := int64(203023)
	return view{Client: "83.149.9.216", At: time.UnixMilli(1431857103000).UTC(), Bytes: &n, Line: 1}
}

func newSerde[T any](t testing.TB, r *Registry, cfg Config) *Serde[T] {
	t.Helper()
	s, err := New[T](r, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEncodeDecode(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url)
	s := newSerde[view](t, reg, Config{Schema: viewSchema})
	want := newView()
	b, err := s.Encode(t.Context(), "page-views", want)
	if err != nil {
		t.Fatal(err)
	}
	// 12 characters, null, time, not null, bytes, line: by Avro's specification.
	const bytesWant = "0000000001" + "18" + "38332e3134392e392e323136" + "00" + "b082ac95ac53" + "02" + "9ee418" + "02"
	if got := hex.EncodeToString(b); got != bytesWant {
		t.Errorf("encoded %s, want %s", got, bytesWant)
	}
	got, err := s.Decode(t.Context(), b)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// By another implementation.
	codec, err := goavro.NewCodec(viewSchema)
	if err != nil {
		t.Fatal(err)
	}
	other, rest, err := codec.NativeFromBinary(b[headerSize:])
	native := map[string]any{"client": want.Client, "user": nil, "at": want.At, "bytes": map[string]any{"long": *want.Bytes}, "line": want.Line}
	if err != nil || len(rest) > 0 || !cmp.Equal(other, any(native)) {
		t.Errorf("goavro: %v, %d bytes left, %v", other, len(rest), err)
	}
	back, err := codec.BinaryFromNative(AppendHeader(nil, 1), native)
	if err != nil || !bytes.Equal(back, b) {
		t.Errorf("goavro writes %x, %v", back, err)
	}
	untyped, err := NewRegistry(srv.url).Decode(t.Context(), b)
	if diff := cmp.Diff(map[string]any{"client": want.Client, "user": nil, "at": want.At, "bytes": *want.Bytes, "line": want.Line}, untyped); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	m := newSerde[map[string]any](t, reg, Config{Schema: viewSchema})
	again, err := m.Encode(t.Context(), "page-views", untyped.(map[string]any))
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("a map encodes to %x, %v", again, err)
	}
	if v, err := m.Decode(t.Context(), b); err != nil || !cmp.Equal(any(v), untyped) {
		t.Errorf("a map decodes to %v, %v", v, err)
	}
	// Once to register, once to fetch, once for the second Registry.
	if n := srv.requests.Load(); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// A failed or shorter value leaves nothing in the next one.
func TestNothingLeaks(t *testing.T) {
	srv := newFake(t)
	s := newSerde[view](t, NewRegistry(srv.url), Config{Schema: viewSchema})
	full, err := s.Encode(t.Context(), "t", newView())
	if err != nil {
		t.Fatal(err)
	}
	empty, err := s.Encode(t.Context(), "t", view{At: time.UnixMilli(0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := s.Decode(t.Context(), full); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Decode(t.Context(), full[:len(full)-1]); !errors.Is(err, ErrSchema) || got.Client != "" {
			t.Fatalf("cut: %+v, %v", got, err)
		}
		if got, err := s.Decode(t.Context(), empty); err != nil || got.Bytes != nil || got.Client != "" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

func TestSubjects(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url)
	for _, cfg := range []Config{{Schema: `"string"`, Key: true}, {Schema: `"string"`}} {
		if _, err := newSerde[string](t, reg, cfg).Encode(t.Context(), "orders", "v"); err != nil {
			t.Error(err)
		}
	}
	if !cmp.Equal(srv.order, []string{"orders-key", "orders-value"}) {
		t.Error(srv.order)
	}
}

func TestInferredSchema(t *testing.T) {
	srv := newFake(t)
	s := newSerde[view](t, NewRegistry(srv.url), Config{})
	b, err := s.Encode(t.Context(), "t", newView())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Decode(t.Context(), b); err != nil || !cmp.Equal(got, newView()) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := New[map[string]any](nil, Config{}); !errors.Is(err, ErrSchema) {
		t.Errorf("a map without a schema: %v", err)
	}
	if _, err := New[view](nil, Config{Schema: `{"type":"recrod"}`}); !errors.Is(err, ErrSchema) {
		t.Errorf("no schema: %v", err)
	}
}

// Old data is read with the new schema, and new data with the old one.
func TestEvolution(t *testing.T) {
	srv := newFake(t)
	const head = `{"type":"record","name":"E","fields":[{"name":"a","type":"int"}`
	type one struct {
		A int32 `avro:"a"`
	}
	type two struct {
		A int64  `avro:"a"`
		B string `avro:"b"`
	}
	older := newSerde[one](t, NewRegistry(srv.url), Config{Schema: head + `]}`})
	newer := newSerde[two](t, NewRegistry(srv.url), Config{
		Schema: `{"type":"record","name":"E","fields":[{"name":"a","type":"long"},{"name":"b","type":"string","default":"none"}]}`,
	})
	old, err := older.Encode(t.Context(), "t", one{7})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from the cache
		if got, err := newer.Decode(t.Context(), old); err != nil || got != (two{7, "none"}) {
			t.Errorf("new reads old: %+v, %v", got, err)
		}
	}
	fresh, err := newer.Encode(t.Context(), "t", two{8, "b"})
	if err != nil {
		t.Fatal(err)
	}
	// A long is no int: the old schema can not read it, and that does not change.
	before := srv.requests.Load()
	for range 2 {
		if _, err := older.Decode(t.Context(), fresh); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "reading schema 2") {
			t.Errorf("old reads new: %v", err)
		}
	}
	if n := srv.requests.Load() - before; n != 1 {
		t.Errorf("%d requests for one id", n)
	}
	// What the registry judges incompatible stays so.
	srv.answer(409, `{"error_code":40901,"message":"Schema being registered is incompatible with an earlier schema"}`)
	third := newSerde[map[string]any](t, NewRegistry(srv.url), Config{Schema: head + `,{"name":"c","type":"int"}]}`})
	if _, err := third.Encode(t.Context(), "t", map[string]any{"a": 1, "c": 2}); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "incompatible") {
		t.Errorf("incompatible: %v", err)
	}
}

func TestLookup(t *testing.T) {
	srv := newFake(t)
	lookup := func() *Serde[view] {
		return newSerde[view](t, NewRegistry(srv.url), Config{Schema: viewSchema, Mode: Lookup})
	}
	if _, err := lookup().Encode(t.Context(), "t", newView()); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "looking up") {
		t.Errorf("not registered: %v", err)
	}
	want, err := newSerde[view](t, NewRegistry(srv.url), Config{Schema: viewSchema}).Encode(t.Context(), "t", newView())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := lookup().Encode(t.Context(), "t", newView()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
	if _, err := lookup().Encode(t.Context(), "another", newView()); !errors.Is(err, ErrSchema) {
		t.Errorf("another subject: %v", err)
	}
}

func TestBadValues(t *testing.T) {
	srv := newFake(t)
	proto := srv.put("p", fakeSchema{Format: "PROTOBUF", Text: "message A {}"})
	nonsense := srv.put("q", fakeSchema{Text: "nonsense"})
	xml := srv.put("r", fakeSchema{Format: "XML", Text: "<a/>"})
	reg := NewRegistry(srv.url)
	s := newSerde[view](t, reg, Config{Schema: viewSchema})
	good, err := s.Encode(t.Context(), "t", newView())
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, b []byte, want error) {
		t.Helper()
		v, err := s.Decode(t.Context(), b)
		if !errors.Is(err, want) || v != (view{}) {
			t.Errorf("%s: %+v, %v", what, v, err)
		}
		if poison := Poison(""); !errors.As(err, &poison) {
			t.Errorf("%s: %v is not poison", what, err)
		}
		if v, err := reg.Decode(t.Context(), b); !errors.Is(err, want) || v != nil {
			t.Errorf("%s, untyped: %+v, %v", what, v, err)
		}
	}
	f("null", nil, ErrTombstone)
	f("empty", []byte{}, ErrNoSchema)
	f("text", []byte("hello world"), ErrNoSchema)
	f("cut", good[:len(good)-1], ErrSchema)
	f("longer", append(bytes.Clone(good), 0), ErrSchema)
	f("a schema that is none", AppendHeader(nil, nonsense), ErrSchema)
	f("a type that is none", AppendHeader(nil, xml), ErrSchema)
	if _, err := s.Decode(t.Context(), append(AppendHeader(nil, proto), 0)); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "it is PROTOBUF, not AVRO") {
		t.Errorf("another type: %v", err)
	}
	f("unknown id", AppendHeader(nil, 99), ErrUnknownSchema)

	m := newSerde[map[string]any](t, reg, Config{Schema: viewSchema})
	dst := []byte("kept")
	out, err := m.AppendEncode(t.Context(), dst, "t", map[string]any{"client": 7})
	if !errors.Is(err, ErrSchema) || string(out) != "kept" {
		t.Errorf("a value that does not fit: %q, %v", out, err)
	}
	if _, err := newSerde[string](t, reg, Config{Schema: viewSchema}).Encode(t.Context(), "t", "x"); !errors.Is(err, ErrSchema) {
		t.Errorf("a type that does not fit: %v", err)
	}
	if _, err := newSerde[string](t, reg, Config{Schema: viewSchema}).Decode(t.Context(), good); !errors.Is(err, ErrSchema) {
		t.Errorf("a type that does not fit: %v", err)
	}
}

func TestUnknownIDIsNotAskedForAlways(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url)
	now := time.Unix(0, 0)
	reg.now = func() time.Time { return now }
	reg.progress.patience = 0 // see behind_test.go
	ask := func(want error, requests int64) {
		t.Helper()
		before := srv.requests.Load()
		_, err := reg.Decode(t.Context(), append(AppendHeader(nil, 1), 2))
		if !errors.Is(err, want) || srv.requests.Load()-before != requests {
			t.Errorf("at %v: %v, %d requests; want %v, %d", now.Sub(time.Unix(0, 0)), err, srv.requests.Load()-before, want, requests)
		}
	}
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		ask(ErrUnknownSchema, 1)
		now = now.Add(wait*time.Second - 1)
		ask(ErrUnknownSchema, 0)
		now = now.Add(1)
	}
	if _, err := newSerde[int32](t, NewRegistry(srv.url), Config{Schema: `"int"`}).Encode(t.Context(), "t", 1); err != nil {
		t.Fatal(err)
	}
	ask(nil, 1)
	ask(nil, 0)
	for id := range maxUnknown + 5 {
		reg.unknown[SchemaID{Number: 1000 + id}] = unknown{}
	}
	if _, err := reg.Schema(t.Context(), SchemaID{Number: 5}); !errors.Is(err, ErrUnknownSchema) || len(reg.unknown) > 1 {
		t.Errorf("%d unknown ids, %v", len(reg.unknown), err)
	}
}

// What is not the registry's judgement may pass, and is asked for again.
func TestRegistryInTrouble(t *testing.T) {
	srv := newFake(t)
	writer := newSerde[int32](t, NewRegistry(srv.url), Config{Schema: `"int"`})
	b, err := writer.Encode(t.Context(), "t", 7)
	if err != nil {
		t.Fatal(err)
	}
	reg := NewRegistry(srv.url)
	s := newSerde[int32](t, reg, Config{Schema: `"int"`})
	for _, garbage := range []struct {
		status int
		body   string
	}{
		{200, ``}, {200, `<html>`}, {200, `[]`}, {200, `{}`}, {200, `{"schema":7}`}, {200, `{"id":-4}`}, {200, `{"id":4294967296}`}, {200, `{"id":"1"}`},
		{404, `404 page not found`}, {404, `{"error_code":404,"message":"no such route"}`},
		{401, ``}, {500, `{"error_code":50001,"message":"reading"}`}, {503, ``},
	} {
		srv.answer(garbage.status, garbage.body)
		v, err := s.Decode(t.Context(), b)
		if retriable := Retriable(""); !errors.Is(err, ErrRegistry) || !errors.As(err, &retriable) {
			t.Errorf("%+v: decoded %v, %v", garbage, v, err)
		}
		if v, err := s.Encode(t.Context(), "t", 7); !errors.Is(err, ErrRegistry) {
			t.Errorf("%+v: encoded %x, %v", garbage, v, err)
		}
	}
	srv.answer(0, "")
	if v, err := s.Decode(t.Context(), b); err != nil || v != 7 {
		t.Errorf("afterwards: %v, %v", v, err)
	}
	if got, err := s.Encode(t.Context(), "t", 7); err != nil || !bytes.Equal(got, b) {
		t.Errorf("afterwards: %x, %v", got, err)
	}
	srv.answer(503, "") // what was seen once is served
	if v, err := s.Decode(t.Context(), b); err != nil || v != 7 {
		t.Errorf("while it is down: %v, %v", v, err)
	}
	for _, url := range []string{"http://127.0.0.1:1", "http://[::1", ""} {
		if _, err := NewRegistry(url).Decode(t.Context(), b); !errors.Is(err, ErrRegistry) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// However many wait, the registry is asked once; who gives up does not spoil it.
func TestOneFlight(t *testing.T) {
	srv := newFake(t)
	b, err := newSerde[int32](t, NewRegistry(srv.url), Config{Schema: `"int"`}).Encode(t.Context(), "t", 7)
	if err != nil {
		t.Fatal(err)
	}
	reg := NewRegistry(srv.url)
	entered, release := make(chan struct{}), make(chan struct{})
	var first sync.Once
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() { close(entered) })
		<-release
		_, _ = w.Write([]byte(`{"schema":"\"int\""}`))
	})
	srv.instead.Store(&h)
	srv.requests.Store(0)

	impatient, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := reg.Decode(impatient, b)
		gaveUp <- err
	}()
	<-entered
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if v, err := reg.Decode(t.Context(), b); err != nil || v != int32(7) {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrRegistry) {
		t.Errorf("who gave up got %v", err)
	}
	close(release)
	wg.Wait()
	if n := srv.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// A cold consumer asks once for each id, however many partitions it reads.
func TestManyIDs(t *testing.T) {
	const ids = 300
	srv := newFake(t)
	for i := range ids {
		srv.put("t-value", fakeSchema{Text: fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, i+1)})
	}
	reg := NewRegistry(srv.url)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range ids {
				if _, err := reg.Decode(t.Context(), append(AppendHeader(nil, i+1), make([]byte, i+1)...)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := srv.requests.Load(); n != ids || reg.Stats().Schemas != ids {
		t.Errorf("%d requests, %+v", n, reg.Stats())
	}
	small := NewRegistry(srv.url, WithMaxSchemas(2))
	for range 2 {
		for i := range 3 {
			if _, err := small.Decode(t.Context(), append(AppendHeader(nil, i+1), make([]byte, i+1)...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := small.Stats(); s.Schemas != 2 || s.Requests <= 3 || s.Requests > 6 {
		t.Errorf("bounded to 2: %+v", s)
	}
}

func TestConcurrentUse(t *testing.T) {
	srv := newFake(t)
	s := newSerde[view](t, NewRegistry(srv.url), Config{Schema: viewSchema})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				want := newView()
				want.Line = int64(g*1000 + i)
				b, err := s.Encode(t.Context(), fmt.Sprint("t", i%3), want)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := s.Decode(t.Context(), b); err != nil || !cmp.Equal(got, want) {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzDecode(f *testing.F) {
	srv := newFake(f)
	reg := NewRegistry(srv.url)
	s := newSerde[view](f, reg, Config{Schema: viewSchema})
	b, err := s.Encode(context.Background(), "t", newView())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[headerSize:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		b := append(AppendHeader(nil, 1), payload...)
		v, err := s.Decode(t.Context(), b)
		_, err2 := reg.Decode(t.Context(), b)
		if (err != nil && !errors.Is(err, ErrSchema)) || (err2 != nil && !errors.Is(err2, ErrSchema)) {
			t.Fatal(err, err2)
		}
		if err != nil {
			return
		}
		again, err := s.Encode(t.Context(), "t", v)
		if err != nil {
			t.Skip(err) // what can be decoded need not be encodable
		}
		if got, err := s.Decode(t.Context(), again); err != nil || !cmp.Equal(got, v) {
			t.Fatalf("%+v, %v; was %+v", got, err, v)
		}
	})
}
