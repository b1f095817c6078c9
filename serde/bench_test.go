package serde

import (
	"context"
	"testing"
)

func BenchmarkEncode(b *testing.B) {
	s := newSerde[view](b, NewRegistry(newFake(b).url), Config{Schema: viewSchema})
	v := newView()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = s.AppendEncode(context.Background(), dst[:0], "t", v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	s := newSerde[view](b, NewRegistry(newFake(b).url), Config{Schema: viewSchema})
	data, err := s.Encode(context.Background(), "t", newView())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Decode(context.Background(), data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAvro is what twmb/avro alone takes for the same.
func BenchmarkAvro(b *testing.B) {
	s := newSerde[view](b, NewRegistry(newFake(b).url), Config{Schema: viewSchema})
	schema, v := s.own.(*avroCodec).schema, newView()
	data, err := s.own.(*avroCodec).schema.Encode(&v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		var dst []byte
		b.ReportAllocs()
		for b.Loop() {
			if dst, err = schema.AppendEncode(dst[:0], &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v view
			if _, err := schema.Decode(data, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
