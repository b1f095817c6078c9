package serde

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFraming(t *testing.T) {
	for id, want := range map[int]string{0: "0000000000", 1: "0000000001", 1403: "000000057b", math.MaxInt32: "007fffffff"} {
		b := append(AppendHeader(nil, id), 7, 8)
		if got := hex.EncodeToString(b); got != want+"0708" {
			t.Errorf("id %d: %s", id, got)
		}
		gotID, payload, err := ParseHeader(b)
		if gotID != id || !bytes.Equal(payload, []byte{7, 8}) || err != nil {
			t.Errorf("id %d: %d, %x, %v", id, gotID, payload, err)
		}
	}
	for in, want := range map[string]error{"": ErrNoSchema, "00000001": ErrNoSchema, "0100000001": ErrNoSchema, "0080000000": ErrNoSchema} {
		b, _ := hex.DecodeString(in)
		if _, _, err := ParseHeader(b); !errors.Is(err, want) {
			t.Errorf("%q: %v", in, err)
		}
	}
	if _, _, err := ParseHeader(nil); !errors.Is(err, ErrTombstone) {
		t.Errorf("null: %v", err)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 2})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		id, payload, err := ParseHeader(b)
		if err == nil && !bytes.Equal(append(AppendHeader(nil, id), payload...), b) {
			t.Fatalf("%x: id %d, payload %x", b, id, payload)
		}
	})
}

// The bytes of both framings, by the format's description and as Confluent's
// Python client 2.16.0 writes them.
func TestGolden(t *testing.T) {
	const guid = "8d7cf4a4-9f1c-4a42-8d2f-0f2b1c6d7e5a"
	g, err := ParseGUID(guid)
	if err != nil || g.String() != guid {
		t.Fatalf("%v, %v", g, err)
	}
	f := func(got []byte, want string) {
		t.Helper()
		if hex.EncodeToString(got) != want {
			t.Errorf("%x, want %s", got, want)
		}
	}
	f(AppendGUID(nil, g), "018d7cf4a49f1c4a428d2f0f2b1c6d7e5a")
	f(AppendIndexes(nil, []int{0}), "00")
	f(AppendIndexes(nil, []int{1}), "0202")
	f(AppendIndexes(nil, []int{0, 0}), "040000")
	f(AppendIndexes(nil, []int{2, 0, 64}), "0604008001")
	for _, bad := range []string{"", "8d7cf4a4", guid + "00", "zd7cf4a4-9f1c-4a42-8d2f-0f2b1c6d7e5a"} {
		if _, err := ParseGUID(bad); !errors.Is(err, ErrNoSchema) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestParseIndexes(t *testing.T) {
	for _, path := range [][]int{{0}, {1}, {0, 0}, {3, 1, 4, 1, 5}, {math.MaxInt32}} {
		got, rest, err := ParseIndexes(append(AppendIndexes(nil, path), 7))
		if err != nil || !cmp.Equal(got, path) || !bytes.Equal(rest, []byte{7}) {
			t.Errorf("%v: %v, %x, %v", path, got, rest, err)
		}
	}
	// No bytes, fewer than counted, a negative count or index, too many, an endless varint.
	for _, in := range []string{"", "02", "0402", "01", "0201", "8a0100", "0280808080808080808080", "02ffffffffffffffffff01"} {
		b, _ := hex.DecodeString(in)
		if got, _, err := ParseIndexes(b); !errors.Is(err, ErrNoSchema) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

func FuzzParseIndexes(f *testing.F) {
	f.Add([]byte{4, 2, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		path, rest, err := ParseIndexes(b)
		if err != nil {
			return
		}
		again, _, err := ParseIndexes(AppendIndexes(nil, path))
		if err != nil || !cmp.Equal(again, path) || !bytes.HasSuffix(b, rest) {
			t.Fatalf("%x: %v, then %v, %v", b, path, again, err)
		}
	})
}

func TestParseRecord(t *testing.T) {
	guid := GUID{15: 7}
	header := AppendGUID(nil, guid)
	f := func(what string, value []byte, want Frame, wantErr error, headers ...[]byte) {
		t.Helper()
		r := &kgo.Record{Key: []byte("k"), Value: value, Headers: []kgo.RecordHeader{{Key: KeyHeader, Value: []byte{9}}}}
		for _, h := range headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: ValueHeader, Value: h})
		}
		got, err := ParseRecord(r, false)
		if !errors.Is(err, wantErr) || err == nil && !cmp.Equal(got, want) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
		if poison := Poison(""); err != nil && !errors.As(err, &poison) {
			t.Errorf("%s: %v is not poison", what, err)
		}
	}
	framed := append(AppendHeader(nil, 5), 1, 2)
	f("prefix", framed, Frame{ID: SchemaID{Number: 5}, Payload: []byte{1, 2}}, nil)
	f("header", []byte{1, 2}, Frame{ID: SchemaID{GUID: guid}, Framing: Header, Payload: []byte{1, 2}, Indexes: []byte{}}, nil, header)
	f("both: the header", framed, Frame{ID: SchemaID{GUID: guid}, Framing: Header, Payload: framed, Indexes: []byte{}}, nil, header)
	f("indexes", []byte{1}, Frame{ID: SchemaID{GUID: guid}, Framing: Header, Payload: []byte{1}, Indexes: []byte{2, 2}}, nil, append(header, 2, 2))
	f("the last of several", []byte{1}, Frame{ID: SchemaID{GUID: guid}, Framing: Header, Payload: []byte{1}, Indexes: []byte{}}, nil, []byte{1}, header)
	f("an id in the header", []byte{1}, Frame{ID: SchemaID{Number: 6}, Framing: Header, Payload: []byte{1}, Indexes: []byte{0}}, nil, append(AppendHeader(nil, 6), 0))
	f("an empty value", []byte{}, Frame{ID: SchemaID{GUID: guid}, Framing: Header, Payload: []byte{}, Indexes: []byte{}}, nil, header)
	f("neither", []byte("text"), Frame{}, ErrNoSchema)
	f("a tombstone", nil, Frame{}, ErrTombstone, header)
	for _, h := range [][]byte{nil, {}, {1}, header[:16], {2, 0, 0, 0, 0}, AppendGUID(nil, GUID{}), {0, 255, 0, 0, 0}} {
		f("malformed header", framed, Frame{}, ErrNoSchema, h)
	}
}

// Setting a header leaves those of a record that shares the slice alone.
func TestSetHeader(t *testing.T) {
	shared := make([]kgo.RecordHeader, 2, 8)
	shared[0], shared[1] = kgo.RecordHeader{Key: ValueHeader, Value: []byte("old")}, kgo.RecordHeader{Key: "x"}
	a, b := &kgo.Record{Headers: shared}, &kgo.Record{Headers: shared[1:]}
	setHeader(a, false, []byte("a"))
	setHeader(b, true, []byte("b"))
	if want := []kgo.RecordHeader{{Key: "x"}, {Key: ValueHeader, Value: []byte("a")}}; !cmp.Equal(a.Headers, want) {
		t.Errorf("%+v", a.Headers)
	}
	if want := []kgo.RecordHeader{{Key: "x"}, {Key: KeyHeader, Value: []byte("b")}}; !cmp.Equal(b.Headers, want) {
		t.Errorf("%+v", b.Headers)
	}
	if shared[0].Key != ValueHeader || string(shared[0].Value) != "old" {
		t.Errorf("%+v", shared)
	}
	setHeader(a, false, nil)
	if want := []kgo.RecordHeader{{Key: "x"}}; !cmp.Equal(a.Headers, want) {
		t.Errorf("%+v", a.Headers)
	}
}
