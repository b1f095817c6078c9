package serde

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// With the framing Header the value is bare, and read back, in every format.
func TestHeaderFraming(t *testing.T) {
	for _, old := range []bool{false, true} {
		srv := newFake(t)
		srv.old = old
		reg := NewRegistry(srv.url)
		avro := newSerde[int32](t, reg, Config{Schema: `"int"`, Framing: Header})
		r := &kgo.Record{Topic: "t", Headers: []kgo.RecordHeader{{Key: "mine"}}}
		err := avro.EncodeRecord(t.Context(), r, 7)
		if old {
			if !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "no GUIDs") || r.Value != nil {
				t.Errorf("an old registry: %+v, %v", r, err)
			}
			continue
		}
		guid := srv.schemas[0].guid()
		want := []kgo.RecordHeader{{Key: "mine"}, {Key: ValueHeader, Value: append([]byte{1}, guid[:]...)}}
		if err != nil || !bytes.Equal(r.Value, []byte{14}) || !cmp.Equal(r.Headers, want) {
			t.Fatalf("%+v, %v", r, err)
		}
		if got, err := avro.DecodeRecord(t.Context(), r); err != nil || got != 7 {
			t.Errorf("%v, %v", got, err)
		}
		if got, err := reg.DecodeRecord(t.Context(), r, false); err != nil || got != int32(7) {
			t.Errorf("%v, %v", got, err)
		}
		// With a prefix the other framing's header must go, or it would win.
		prefixed := newSerde[int32](t, reg, Config{Schema: `"int"`})
		if err := prefixed.EncodeRecord(t.Context(), r, 8); err != nil || hex.EncodeToString(r.Value) != "000000000110" || len(r.Headers) != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		if got, err := avro.DecodeRecord(t.Context(), r); err != nil || got != 8 {
			t.Errorf("%v, %v", got, err)
		}
		proto := newSerde[*wrapperspb.StringValue](t, reg, Config{Format: Protobuf, Framing: Header, Key: true})
		k := &kgo.Record{Topic: "t", Value: []byte("v")}
		if err := proto.EncodeRecord(t.Context(), k, wrapperspb.String("x")); err != nil || hex.EncodeToString(k.Key) != "0a0178" || k.Headers[0].Key != KeyHeader || len(k.Headers[0].Value) != guidSize+2 {
			t.Errorf("%+v, %v", k, err)
		}
		if got, err := proto.DecodeRecord(t.Context(), k); err != nil || got.GetValue() != "x" {
			t.Errorf("%v, %v", got, err)
		}
		k.Headers[0].Value = append(k.Headers[0].Value, 0)
		if got, err := proto.DecodeRecord(t.Context(), k); !errors.Is(err, ErrSchema) {
			t.Errorf("bytes after the indexes: %v, %v", got, err)
		}
		r.Headers = []kgo.RecordHeader{{Key: ValueHeader, Value: append(AppendGUID(nil, guid), 0)}}
		if got, err := avro.DecodeRecord(t.Context(), r); !errors.Is(err, ErrSchema) {
			t.Errorf("indexes in Avro: %v, %v", got, err)
		}
		r.Headers[0].Value = AppendGUID(nil, GUID{1})
		if got, err := avro.DecodeRecord(t.Context(), r); !errors.Is(err, ErrUnknownSchema) {
			t.Errorf("an unknown GUID: %v, %v", got, err)
		}
		if _, err := avro.Encode(t.Context(), "t", 7); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "EncodeRecord") {
			t.Errorf("a header without a record: %v", err)
		}
	}
}

func TestStrategies(t *testing.T) {
	const rec = `{"type":"record","name":"R","namespace":"a.b","fields":[]}`
	f := func(cfg Config, want string) {
		t.Helper()
		srv := newFake(t)
		_, err := newSerde[map[string]any](t, NewRegistry(srv.url), cfg).Encode(t.Context(), "orders", map[string]any{})
		if want == "" && errors.Is(err, ErrSchema) && len(srv.order) == 0 {
			return
		}
		if err != nil || !cmp.Equal(srv.order, []string{want}) {
			t.Errorf("%v, %v; want %s", srv.order, err, want)
		}
	}
	f(Config{Schema: rec}, "orders-value")
	f(Config{Schema: rec, Key: true}, "orders-key")
	f(Config{Schema: rec, Subject: RecordName}, "a.b.R")
	f(Config{Schema: rec, Subject: TopicRecordName, Key: true}, "orders-a.b.R")
	f(Config{Schema: rec, Subject: func(topic, record string, _ bool) string { return record + "@" + topic }}, "a.b.R@orders")
	f(Config{Schema: `{"title":"Order"}`, Format: JSON, Subject: TopicRecordName}, "orders-Order")
	f(Config{Schema: `{}`, Format: JSON, Subject: TopicRecordName}, "")
	f(Config{Schema: petsProto, Format: Protobuf, Message: "pets.Pet.Tag", Subject: RecordName}, "pets.Pet.Tag")
	f(Config{Schema: `{"type":"map","values":"int"}`, Subject: RecordName}, "")
}

func TestContextAndNormalize(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url, WithContext(":.team:"))
	s := newSerde[int32](t, reg, Config{Schema: `  "int" `, Normalize: true})
	b, err := s.Encode(t.Context(), "t", 7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Decode(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want := []string{"POST /subjects/:.team:t-value/versions?normalize=true", "GET /schemas/ids/1?subject=%3A.team%3A"}
	if !cmp.Equal(srv.asked, want) || srv.schemas[0].Text != `"int"` {
		t.Errorf("%q, %+v", srv.asked, srv.schemas)
	}
}

// What a schema refers to is in its context, whether the reference says so or not, and
// what that refers to in the context of that.
func TestReferencesInContext(t *testing.T) {
	srv := newFake(t)
	reg := func() *Registry { return NewRegistry(srv.url, WithContext(":.team:")) }
	name := Reference{Name: "Name", Subject: "name", Text: `{"type":"fixed","name":"Name","size":1}`}
	base := Reference{Name: "Base", Subject: ":.shared:base", Text: `{"type":"record","name":"Base","fields":[{"name":"n","type":"Name"}]}`, References: []Reference{name}}
	user := Reference{Name: "User", Subject: "user", Text: `{"type":"fixed","name":"User","size":1}`}
	cfg := Config{Schema: `{"type":"record","name":"Post","fields":[{"name":"u","type":"User"},{"name":"b","type":"Base"}]}`, References: []Reference{user, base}}
	want := map[string]any{"u": []byte("u"), "b": map[string]any{"n": []byte("n")}}
	b, err := newSerde[map[string]any](t, reg(), cfg).Encode(t.Context(), "t", want)
	if order := []string{":.team:user", ":.shared:name", ":.shared:base", ":.team:t-value"}; err != nil || !cmp.Equal(srv.order, order) {
		t.Fatalf("%v, %q", err, srv.order)
	}
	decode := func() {
		t.Helper()
		if got, err := reg().Decode(t.Context(), b); err != nil || !cmp.Equal(got, any(want)) {
			t.Errorf("%v, %v", got, err)
		}
	}
	decode()
	for i := range srv.schemas { // as other clients register them
		for j, ref := range srv.schemas[i].References {
			if ref.Subject != ":.shared:base" {
				srv.schemas[i].References[j].Subject = ref.Subject[strings.LastIndex(ref.Subject, ":")+1:]
			}
		}
	}
	srv.put("user", fakeSchema{Text: `{"type":"fixed","name":"User","size":2}`}) // another one, in the default context
	decode()
}

func TestContextNames(t *testing.T) {
	f := func(context, subject, in, named string) {
		t.Helper()
		if got := within(context, subject); got != in {
			t.Errorf("%s in %q: %s, want %s", subject, context, got, in)
		}
		if got := contextOf(subject); got != named {
			t.Errorf("%s names %q, want %q", subject, got, named)
		}
	}
	f("", "s", "s", "")
	f(":.a:", "s", ":.a:s", "")
	f(":.a:", ":.b:s", ":.b:s", ":.b:")
	f(":.a:", ":.:s", ":.:s", ":.:") // the default context
	f(":.a:", ":.b", ":.a::.b", "")
	f(":.a:", ":s:t", ":.a::s:t", "")
	f("", ":.b:s:t", ":.b:s:t", ":.b:")
}

type one struct {
	A int32 `avro:"a" json:"a"`
}

// The latest schema is followed, and kept while the registry is away.
func TestLatest(t *testing.T) {
	const v1 = `{"type":"record","name":"E","fields":[{"name":"a","type":"int"}]}`
	const v2 = `{"type":"record","name":"E","fields":[{"name":"z","type":["null","int"],"default":null},{"name":"a","type":"long"}]}`
	const v3 = `{"type":"record","name":"E","fields":[{"name":"a","type":"string"}]}`
	srv := newFake(t)
	reg := NewRegistry(srv.url)
	reg.progress.patience = 0 // see behind_test.go
	now := time.Unix(0, 0)
	s := newSerde[map[string]any](t, reg, Config{Mode: Latest, Refresh: time.Minute})
	s.now = func() time.Time { return now }
	encode := func(want string, wantErr error, requests int64) {
		t.Helper()
		before := srv.requests.Load()
		b, err := s.Encode(t.Context(), "t", map[string]any{"a": 7})
		if !errors.Is(err, wantErr) || hex.EncodeToString(b) != want || srv.requests.Load()-before != requests {
			t.Errorf("%x, %v, %d requests; want %s, %v, %d", b, err, srv.requests.Load()-before, want, wantErr, requests)
		}
	}
	encode("", ErrSchema, 1) // the subject is not there
	srv.put("t-value", fakeSchema{Text: v1})
	encode("00000000010e", nil, 1)
	srv.put("t-value", fakeSchema{Text: v2})
	encode("00000000010e", nil, 0)
	now = now.Add(time.Minute)
	srv.answer(503, "")
	encode("00000000010e", nil, 1)
	encode("00000000010e", nil, 0)
	srv.answer(0, "")
	now = now.Add(time.Minute)
	encode("0000000002000e", nil, 1)
	if got, err := s.Decode(t.Context(), []byte{0, 0, 0, 0, 1, 14}); err != nil || !cmp.Equal(got, map[string]any{"a": int32(7)}) {
		t.Errorf("%v, %v", got, err)
	}
	srv.put("t-value", fakeSchema{Text: v3})
	now = now.Add(time.Minute)
	encode("", ErrSchema, 1) // a number is no string
	srv.put("t-value", fakeSchema{Format: "JSON", Text: `{}`})
	now = now.Add(time.Minute)
	encode("", ErrSchema, 1)
	encode("", ErrSchema, 0)

	// A struct is read as its own schema, whatever was written.
	typed := newSerde[one](t, reg, Config{Mode: Latest, Schema: v1})
	if got, err := typed.Decode(t.Context(), []byte{0, 0, 0, 0, 1, 14}); err != nil || got.A != 7 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestLatestInOtherFormats(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url)
	srv.put("j-value", fakeSchema{Format: "JSON", Text: `{"properties":{"a":{"maximum":5}}}`})
	j := newSerde[one](t, reg, Config{Format: JSON, Mode: Latest})
	b, err := j.Encode(t.Context(), "j", one{5})
	if got, err2 := j.Decode(t.Context(), b); err != nil || err2 != nil || got.A != 5 {
		t.Errorf("%v, %v, %v", got, err, err2)
	}
	if _, err := j.Encode(t.Context(), "j", one{6}); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}

	const own = `syntax = "proto3"; message A { int32 n = 1; B b = 2; } message B { string s = 1; }`
	f := func(topic, latest, want string) {
		t.Helper()
		srv.put(topic+"-value", fakeSchema{Format: "PROTOBUF", Text: latest})
		s := newSerde[*dynamicpb.Message](t, reg, Config{Format: Protobuf, Mode: Latest, Schema: own})
		b, err := s.Encode(t.Context(), topic, dynamicpb.NewMessage(s.own.(*protoCodec).message))
		if want == "" && !errors.Is(err, ErrSchema) || want != "" && (err != nil || hex.EncodeToString(b[headerSize:]) != want) {
			t.Errorf("%s: %x, %v", latest, b, err)
		}
	}
	f("p1", `syntax = "proto3"; message B { string s = 1; } message A { int32 n = 1; B b = 2; bool more = 3; }`, "0202") // it moved
	f("p2", `syntax = "proto3"; message B { bytes s = 1; } message A { int32 n = 1; B b = 2; }`, "")
	f("p3", `syntax = "proto3"; message A { int32 n = 1; }`, "")
	f("p4", `syntax = "proto3"; message C { int32 n = 1; }`, "")
	m := newSerde[map[string]any](t, reg, Config{Format: Protobuf, Mode: Latest, Message: "A"})
	b, err = m.Encode(t.Context(), "p1", map[string]any{"n": 1})
	if err != nil || hex.EncodeToString(b[headerSize:]) != "0202"+"0801" {
		t.Errorf("%x, %v", b, err)
	}
	if got, err := m.Decode(t.Context(), b); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
