package serde

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// against runs ours and the library's own work in turn, 1,000 times each, so that
// what else the machine does meets both, and reports the ratio of their times.
func against(b *testing.B, ours, bare func() error) {
	b.Helper()
	var spent [2]time.Duration
	b.ReportAllocs()
	for b.Loop() {
		for i, fn := range []func() error{ours, bare} {
			began := time.Now()
			for range 1000 {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += time.Since(began)
		}
	}
	n := float64(b.N) * 1000
	b.ReportMetric(float64(spent[0])/n, "ns/ours")
	b.ReportMetric(float64(spent[1])/n, "ns/bare")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "ours/bare")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkAvro(b *testing.B) {
	s := newSerde[view](b, NewRegistry(newFake(b).url), Config{Schema: viewSchema})
	schema, v := s.own.(*avroCodec).schema, newView()
	framed, err := s.Encode(context.Background(), "t", v)
	if err != nil {
		b.Fatal(err)
	}
	var ours, bare []byte
	b.Run("encode", func(b *testing.B) {
		against(b, func() (err error) {
			ours, err = s.AppendEncode(context.Background(), ours[:0], "t", v)
			return err
		}, func() (err error) {
			bare, err = schema.AppendEncode(bare[:0], &v)
			return err
		})
	})
	b.Run("decode", func(b *testing.B) {
		against(b, func() error {
			_, err := s.Decode(context.Background(), framed)
			return err
		}, func() error {
			var v view
			_, err := schema.Decode(framed[headerSize:], &v)
			return err
		})
	})
}

func BenchmarkProtobuf(b *testing.B) {
	s := newSerde[*descriptorpb.DescriptorProto_ExtensionRange](b, NewRegistry(newFake(b).url), Config{Format: Protobuf})
	m := &descriptorpb.DescriptorProto_ExtensionRange{Start: proto.Int32(7), End: proto.Int32(9)}
	framed, err := s.Encode(context.Background(), "t", m)
	if err != nil {
		b.Fatal(err)
	}
	var ours, bare []byte
	b.Run("encode", func(b *testing.B) {
		against(b, func() (err error) {
			ours, err = s.AppendEncode(context.Background(), ours[:0], "t", m)
			return err
		}, func() (err error) {
			bare, err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(bare[:0], m)
			return err
		})
	})
	b.Run("decode", func(b *testing.B) {
		against(b, func() error {
			_, err := s.Decode(context.Background(), framed)
			return err
		}, func() error {
			return proto.Unmarshal(framed[headerSize+3:], new(descriptorpb.DescriptorProto_ExtensionRange))
		})
	})
}

// The hot path allocates nothing but what it returns.
func TestAllocations(t *testing.T) {
	reg := NewRegistry(newFake(t).url)
	avro := newSerde[view](t, reg, Config{Schema: viewSchema})
	message := newSerde[*descriptorpb.DescriptorProto_ExtensionRange](t, reg, Config{Format: Protobuf})
	v, m := newView(), &descriptorpb.DescriptorProto_ExtensionRange{Start: proto.Int32(7)}
	var dst []byte
	f := func(what string, encode func() error) {
		t.Helper()
		if err := encode(); err != nil {
			t.Fatal(err)
		}
		// The race detector makes pools forget at random.
		if n := testing.AllocsPerRun(1000, func() { _ = encode() }); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	f("Avro", func() (err error) {
		dst, err = avro.AppendEncode(context.Background(), dst[:0], "t", v)
		return err
	})
	f("Protobuf", func() (err error) {
		dst, err = message.AppendEncode(context.Background(), dst[:0], "t", m)
		return err
	})
}
