package serde

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// against runs ours and the library's own work in turn, 1,000 times each, so that
// what else the machine does meets both, and reports the best rounds and their ratio.
func against(b *testing.B, ours, bare func() error) {
	b.Helper()
	best := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	b.ReportAllocs()
	for b.Loop() {
		for i, fn := range []func() error{ours, bare} {
			began := time.Now()
			for range 1000 {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
			best[i] = min(best[i], time.Since(began))
		}
	}
	b.ReportMetric(float64(best[0])/1000, "ns/ours")
	b.ReportMetric(float64(best[1])/1000, "ns/bare")
	b.ReportMetric(float64(best[0])/float64(best[1]), "ours/bare")
	b.ReportMetric(0, "ns/op")
}

// event has 15 fields and is 389 bytes long.
type event struct {
	ID, Host, Path, Agent, Referrer, User, Country string
	At                                             time.Time
	Status, Size, Line, Session, Duration          int64
	Cached                                         bool
	Score                                          float64
}

func newEvent() event {
	text := strings.Repeat("x", 49)
	return event{text + "12345", text, text, text, text, text, text, time.UnixMilli(1431857103000).UTC(), 200, 1 << 30, 7, 1 << 50, 123456, true, 0.5}
}

func BenchmarkAvro(b *testing.B) {
	s := newSerde[event](b, NewRegistry(newFake(b).url), Config{})
	schema, v := s.own.(*avroCodec).schema, newEvent()
	framed, err := s.Encode(context.Background(), "t", v)
	if err != nil {
		b.Fatal(err)
	}
	if len(framed) != headerSize+389 {
		b.Fatalf("%d bytes", len(framed))
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
			var v event
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
