package serde

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
)

type order struct {
	Item string `json:"item"`
	N    int64  `json:"n"`
}

const orderSchema = `{"title":"Order","type":"object","required":["item"],
	"properties":{"item":{"type":"string","pattern":"^(?=a)"},"n":{"type":"integer","minimum":0}}}`

func TestJSON(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url)
	s := newSerde[order](t, reg, Config{Format: JSON, Schema: orderSchema})
	want := order{"<an apple>", 1<<53 + 1}
	b, err := s.Encode(t.Context(), "orders", want)
	if err != nil || string(b) != "\x00\x00\x00\x00\x01"+`{"item":"<an apple>","n":9007199254740993}` {
		t.Errorf("%q, %v", b, err)
	}
	if got, err := s.Decode(t.Context(), b); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	untyped := map[string]any{"item": want.Item, "n": json.Number("9007199254740993")}
	if got, err := reg.Decode(t.Context(), b); err != nil || !cmp.Equal(got, any(untyped)) {
		t.Errorf("%v, %v", got, err)
	}
	m := newSerde[map[string]any](t, reg, Config{Format: JSON, Schema: orderSchema})
	if got, err := m.Decode(t.Context(), b); err != nil || !cmp.Equal(got, untyped) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := m.Encode(t.Context(), "orders", untyped); err != nil || !bytes.Equal(got, b) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{``, `{`, `{"item":1}`, `{"n":1}`, `{"item":"a"} x`, `[]`} {
		if got, err := s.Decode(t.Context(), append(AppendHeader(nil, 1), bad...)); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %+v, %v", bad, got, err)
		}
	}
	dst := []byte("kept")
	if out, err := s.AppendEncode(t.Context(), dst, "orders", order{"a", -1}); !errors.Is(err, ErrSchema) || string(out) != "kept" || !strings.Contains(err.Error(), "minimum") {
		t.Errorf("not valid: %q, %v", out, err)
	}
	// A reader's own schema decides: here it wants more than the writer's.
	strict := newSerde[order](t, reg, Config{Format: JSON, Schema: `{"required":["colour"]}`})
	if got, err := strict.Decode(t.Context(), b); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "colour") {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := New[order](reg, Config{Format: JSON}); !errors.Is(err, ErrSchema) {
		t.Errorf("no schema: %v", err)
	}
}

func TestPlain(t *testing.T) {
	text := newSerde[string](t, nil, Config{Format: String})
	raw := newSerde[[]byte](t, nil, Config{Format: Bytes})
	for _, v := range []string{"", "täxt", "\x00"} {
		b, err := text.Encode(t.Context(), "t", v)
		if got, err2 := text.Decode(t.Context(), b); err != nil || err2 != nil || b == nil || string(b) != v || got != v {
			t.Errorf("%q: %q, %q, %v, %v", v, b, got, err, err2)
		}
		b, err = raw.Encode(t.Context(), "t", []byte(v))
		if got, err2 := raw.Decode(t.Context(), b); err != nil || err2 != nil || b == nil || string(b) != v || string(got) != v {
			t.Errorf("%q: %q, %q, %v, %v", v, b, got, err, err2)
		}
	}
	if _, err := text.Encode(t.Context(), "t", "\xff"); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
	if v, err := text.Decode(t.Context(), []byte("\xff")); !errors.Is(err, ErrSchema) || v != "" {
		t.Error(v, err)
	}
	if _, err := raw.Encode(t.Context(), "t", nil); !errors.Is(err, ErrTombstone) {
		t.Error(err)
	}
	if _, err := raw.Decode(t.Context(), nil); !errors.Is(err, ErrTombstone) {
		t.Error(err)
	}
	if _, err := New[int](nil, Config{Format: String}); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
	if _, err := New[string](nil, Config{Format: Bytes}); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
	if _, err := New[string](nil, Config{Format: String, Schema: `"string"`}); !errors.Is(err, ErrSchema) {
		t.Error(err)
	}
	r := &kgo.Record{Topic: "t", Headers: []kgo.RecordHeader{{Key: ValueHeader}}}
	if err := text.EncodeRecord(t.Context(), r, "v"); err != nil || string(r.Value) != "v" || len(r.Headers) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if got, err := text.DecodeRecord(t.Context(), r); err != nil || got != "v" {
		t.Errorf("%q, %v", got, err)
	}
}

const petsProto = `syntax = "proto3"; package pets;
import "google/protobuf/timestamp.proto";
message Owner { string name = 1; }
message Pet {
	message Tag { int64 id = 1; }
	string name = 1; Tag tag = 2; Owner owner = 3; google.protobuf.Timestamp born = 4; map<string, bytes> notes = 5;
}`

func TestProtobufByText(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url)
	s := newSerde[map[string]any](t, reg, Config{Format: Protobuf, Schema: petsProto, Message: "pets.Pet"})
	in := map[string]any{"name": "Rex", "tag": map[string]any{"id": 1<<53 + 1}, "born": "2015-05-17T10:05:03Z", "notes": map[string]any{"b": []byte("2"), "a": []byte("1")}}
	b, err := s.Encode(t.Context(), "pets", in)
	// Index 1; name, tag{id}, born{seconds}, notes in order: by Protobuf's encoding.
	const want = "0000000001" + "0202" + "0a03526578" + "12090881808080808080" + "10" + "220608cfcfe1aa05" + "2a060a0161120131" + "2a060a0162120132"
	if got := hex.EncodeToString(b); err != nil || got != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	decoded := map[string]any{"name": "Rex", "tag": map[string]any{"id": "9007199254740993"}, "born": "2015-05-17T10:05:03Z", "notes": map[string]any{"a": "MQ==", "b": "Mg=="}}
	if got, err := s.Decode(t.Context(), b); err != nil || !cmp.Equal(got, decoded) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := NewRegistry(srv.url).Decode(t.Context(), b); err != nil || !cmp.Equal(got, any(decoded)) {
		t.Errorf("%v, %v", got, err)
	}
	if again, err := s.Encode(t.Context(), "pets", decoded); err != nil || !bytes.Equal(again, b) {
		t.Errorf("what was decoded encodes to %x, %v", again, err)
	}

	message := newSerde[*dynamicpb.Message](t, reg, Config{Format: Protobuf, Schema: petsProto, Message: "pets.Pet"})
	m, err := message.Decode(t.Context(), b)
	if err != nil || m.Get(m.Descriptor().Fields().ByName("name")).String() != "Rex" {
		t.Fatalf("%v, %v", m, err)
	}
	if again, err := message.Encode(t.Context(), "pets", m); err != nil || !bytes.Equal(again, b) {
		t.Errorf("%x, %v", again, err)
	}
	if _, err := message.Encode(t.Context(), "pets", nil); !errors.Is(err, ErrSchema) {
		t.Errorf("a nil message: %v", err)
	}
	owner := newSerde[*dynamicpb.Message](t, reg, Config{Format: Protobuf, Schema: petsProto})
	if got, err := owner.Decode(t.Context(), b); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "a pets.Pet is no pets.Owner") {
		t.Errorf("another message: %v, %v", got, err)
	}
	if _, err := owner.Encode(t.Context(), "pets", m); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "a pets.Pet is no pets.Owner") {
		t.Errorf("another message: %v", err)
	}
	for _, bad := range []string{"", "02", "0206", "040200" + "08", "0202" + "0aff"} {
		payload, _ := hex.DecodeString(bad)
		if got, err := s.Decode(t.Context(), append(AppendHeader(nil, 1), payload...)); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v, %v", bad, got, err)
		}
	}
	for what, cfg := range map[string]Config{
		"no such message": {Format: Protobuf, Schema: petsProto, Message: "pets.Cat"},
		"no message":      {Format: Protobuf, Schema: `syntax = "proto3";`},
		"no proto":        {Format: Protobuf, Schema: `messsage A {}`},
		"no schema":       {Format: Protobuf},
		"not imported":    {Format: Protobuf, Schema: `syntax = "proto3"; import "other.proto"; message A { Other o = 1; }`},
	} {
		if _, err := New[map[string]any](reg, cfg); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := New[string](reg, Config{Format: Protobuf, Schema: petsProto}); !errors.Is(err, ErrSchema) {
		t.Errorf("a type that is none: %v", err)
	}
}

func TestProtobufGenerated(t *testing.T) {
	srv := newFake(t)
	reg := NewRegistry(srv.url)
	s := newSerde[*descriptorpb.DescriptorProto_ExtensionRange](t, reg, Config{Format: Protobuf, Subject: RecordName})
	want := &descriptorpb.DescriptorProto_ExtensionRange{Start: proto.Int32(7), End: proto.Int32(9)}
	b, err := s.Encode(t.Context(), "ranges", want)
	if got := hex.EncodeToString(b); err != nil || got != "0000000001"+"040400"+"08071009" { // the third message's first
		t.Errorf("%s, %v", got, err)
	}
	if !cmp.Equal(srv.order, []string{"google.protobuf.DescriptorProto.ExtensionRange"}) {
		t.Error(srv.order)
	}
	// What was registered is the file in base64, as other clients do it.
	file, err := base64.StdEncoding.DecodeString(srv.schemas[0].Text)
	var desc descriptorpb.FileDescriptorProto
	if err != nil || proto.Unmarshal(file, &desc) != nil || desc.GetName() != "google/protobuf/descriptor.proto" || srv.schemas[0].Format != "PROTOBUF" {
		t.Errorf("%v, %v", desc.GetName(), err)
	}
	if got, err := s.Decode(t.Context(), b); err != nil || !proto.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := reg.Decode(t.Context(), b); err != nil || !cmp.Equal(got, any(map[string]any{"start": json.Number("7"), "end": json.Number("9")})) {
		t.Errorf("%v, %v", got, err)
	}
	other := newSerde[*structpb.Struct](t, reg, Config{Format: Protobuf})
	if got, err := other.Decode(t.Context(), b); !errors.Is(err, ErrSchema) || got != nil {
		t.Errorf("another type: %v, %v", got, err)
	}
	if _, err := s.Encode(t.Context(), "ranges", nil); !errors.Is(err, ErrSchema) {
		t.Errorf("a nil message: %v", err)
	}
}

// The imports of a generated type come from it.
func TestImports(t *testing.T) {
	c, err := parseProtobuf(Schema{
		Text: `syntax = "proto3"; import "b/mid.proto"; import "google/protobuf/any.proto"; message Top { Mid m = 1; google.protobuf.Any a = 2; }`,
		References: []Reference{{Name: "b/mid.proto", Text: `syntax = "proto3"; import "c/low.proto"; message Mid { Low l = 1; }`,
			References: []Reference{{Name: "c/low.proto", Text: `syntax = "proto3"; message Low { int32 n = 1; }`}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, schema := generated(c.message)
	refs := schema.References
	if len(refs) != 1 || refs[0].Name != "b/mid.proto" || refs[0].Subject != "b/mid.proto" || len(refs[0].References) != 1 || refs[0].References[0].Name != "c/low.proto" {
		t.Fatalf("%+v", refs)
	}
	again, err := parse(schema)
	if err != nil || again.name() != "Top" || again.(*protoCodec).message.Fields().ByName("m").Message().FullName() != protoreflect.FullName("Mid") {
		t.Errorf("what is registered: %v, %v", again, err)
	}
}

// What a schema refers to is registered before it, and found again by a reader
// who has nothing but the record; so for each format and each age of registry.
func TestReferences(t *testing.T) {
	name := `{"type":"record","name":"Name","namespace":"a","fields":[{"name":"s","type":"string"}]}`
	user := `{"type":"record","name":"User","namespace":"a","fields":[{"name":"n","type":"a.Name"}]}`
	for _, old := range []bool{false, true} {
		f := func(cfg Config, v map[string]any, order ...string) {
			t.Helper()
			srv := newFake(t)
			srv.old = old
			b, err := newSerde[map[string]any](t, NewRegistry(srv.url), cfg).Encode(t.Context(), "t", v)
			if err != nil || !cmp.Equal(srv.order, order) {
				t.Fatalf("%v: %v, %v", cfg.Format, srv.order, err)
			}
			top := srv.schemas[len(srv.schemas)-1]
			if len(top.References) != 1 || top.References[0].Version != 1 || top.References[0].Subject != order[len(order)-2] {
				t.Errorf("%v: %+v", cfg.Format, top.References)
			}
			reader := NewRegistry(srv.url)
			got, err := reader.Decode(t.Context(), b)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(v) {
				t.Errorf("%v: %v, %v", cfg.Format, got, err)
			}
			s, err := reader.Schema(t.Context(), SchemaID{Number: len(srv.schemas)})
			if err != nil || len(s.References) != 1 || s.References[0].Text != cfg.References[0].Text {
				t.Errorf("%v: %+v, %v", cfg.Format, s, err)
			}
			cfg.Mode = Lookup
			if again, err := newSerde[map[string]any](t, reader, cfg).Encode(t.Context(), "t", v); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%v looked up: %x, %v", cfg.Format, again, err)
			}
		}
		f(Config{Schema: `{"type":"record","name":"Post","fields":[{"name":"by","type":"a.User"}]}`, References: []Reference{{
			Name: "a.User", Subject: "user", Text: user, References: []Reference{{Name: "a.Name", Subject: "name", Text: name}},
		}}}, map[string]any{"by": map[string]any{"n": map[string]any{"s": "x"}}}, "name", "user", "t-value")
		f(Config{Format: JSON, Schema: `{"$id":"http://example.com/post.json","properties":{"by":{"$ref":"user.json"}}}`, References: []Reference{{
			Name: "user.json", Subject: "user", Text: `{"properties":{"n":{"type":"string"}}}`,
		}}}, map[string]any{"by": map[string]any{"n": "x"}}, "user", "t-value")
		f(Config{Format: Protobuf, Schema: `syntax = "proto3"; import "a/user.proto"; message Post { a.User by = 1; }`, References: []Reference{{
			Name: "a/user.proto", Subject: "user", Text: `syntax = "proto3"; package a; message User { string n = 1; }`,
		}}}, map[string]any{"by": map[string]any{"n": "x"}}, "user", "t-value")
	}
	_, err := New[map[string]any](nil, Config{Format: JSON, Schema: `{"$ref":"http://example.com/elsewhere.json"}`})
	if !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "not among the schema's references") {
		t.Errorf("a $ref to elsewhere: %v", err)
	}
	if _, err := New[map[string]any](nil, Config{Schema: user}); !errors.Is(err, ErrSchema) {
		t.Errorf("a reference that is not given: %v", err)
	}
}

// A registry that says nonsense about references costs one request a second, not
// a stack or a storm.
func TestBadReferences(t *testing.T) {
	srv := newFake(t)
	circle := srv.put("circle", fakeSchema{Text: `"int"`, References: []wireReference{{"a", "circle", 1}}})
	missing := srv.put("missing", fakeSchema{Text: `"string"`, References: []wireReference{{"a", "nobody", 1}}})
	reg := NewRegistry(srv.url)
	for _, id := range []int{circle, missing} {
		_, err := reg.Decode(t.Context(), append(AppendHeader(nil, id), 2))
		if !errors.Is(err, ErrSchema) {
			t.Errorf("id %d: %v", id, err)
		}
		before := srv.requests.Load()
		if _, again := reg.Decode(t.Context(), append(AppendHeader(nil, id), 2)); !errors.Is(again, ErrSchema) || srv.requests.Load() != before {
			t.Errorf("id %d: %v, %d requests more", id, again, srv.requests.Load()-before)
		}
	}
}

// Whatever the bytes are, and whatever the registry says a schema is, the answer
// is a value or poison.
func FuzzFormats(f *testing.F) {
	for _, seed := range []struct {
		format       int
		text, record string
	}{
		{0, viewSchema, "\x02x"}, {0, `["null",{"type":"array","items":"bytes"}]`, "\x02\x02\x02a\x00"},
		{1, orderSchema, `{"item":"a"}`}, {1, `{"$ref":"#/definitions/a","definitions":{"a":{"items":{"$ref":"#"}}}}`, `[[]]`},
		{2, petsProto, "\x02\x02\x0a\x01x"}, {2, `syntax = "proto3"; import "google/protobuf/any.proto"; message A { A a = 1; google.protobuf.Any b = 2; }`, "\x00\x0a\x00"},
	} {
		f.Add(seed.format, seed.text, []byte(seed.record))
	}
	f.Fuzz(func(t *testing.T, format int, text string, record []byte) {
		c, err := parse(Schema{Format: Format(format), Text: text})
		if poison := Poison(""); err != nil && !errors.As(err, &poison) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		var v any
		if err := c.decode(Frame{Payload: record}, &v); err == nil {
			_, _ = c.append(nil, &v) // what can be decoded need not be encodable
		}
	})
}
