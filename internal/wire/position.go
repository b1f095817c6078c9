package wire

import "encoding/binary"

// PositionsTopic takes the positions of mirror streams, on the target cluster:
// compacted, one key per (stream, source topic id, partition).
const PositionsTopic = "_weir.mirror.positions"

const positionVersion = 1

// PositionKey names a partition of a stream.
//
// Format: 01 | stream | topic id 16 B | partition.
type PositionKey struct {
	Stream    string
	TopicID   TopicID // of the source topic
	Partition int32
}

// Position says that every record of the source partition below Src is
// acknowledged by the target, or was left out on purpose, and that what was
// written for them lies below Dst.
//
// Format: 01 | src | dst | source leader epoch (zig-zag) | n producers | per
// producer: id (zig-zag), epoch (zig-zag).
type Position struct {
	Src, Dst    int64
	LeaderEpoch int32 // of the source partition at Src, -1 if not known
	// Producers are those whose records lie at the target from Dst on: a
	// restart finds by them what landed after this position was stored.
	Producers []Producer
}

// Producer is Kafka's identity of an idempotent producer.
type Producer struct {
	ID    int64
	Epoch int16
}

// Append appends the encoded key to dst.
func (k PositionKey) Append(dst []byte) []byte {
	dst = append(dst, positionVersion)
	dst = appendString(dst, k.Stream)
	dst = append(dst, k.TopicID[:]...)
	return binary.AppendUvarint(dst, uint64(k.Partition))
}

// ParsePositionKey decodes a key of PositionsTopic.
func ParsePositionKey(b []byte) (PositionKey, error) {
	r := reader{what: "position key", b: b}
	r.version(positionVersion)
	k := PositionKey{Stream: r.string("stream")}
	copy(k.TopicID[:], r.take("topic id", len(k.TopicID)))
	k.Partition = r.partition()
	return k, r.end()
}

// Append appends the encoded position to dst.
func (p Position) Append(dst []byte) []byte {
	dst = append(dst, positionVersion)
	dst = binary.AppendUvarint(dst, uint64(p.Src))
	dst = binary.AppendUvarint(dst, uint64(p.Dst))
	dst = binary.AppendVarint(dst, int64(p.LeaderEpoch))
	dst = binary.AppendUvarint(dst, uint64(len(p.Producers)))
	for _, q := range p.Producers {
		dst = binary.AppendVarint(dst, q.ID)
		dst = binary.AppendVarint(dst, int64(q.Epoch))
	}
	return dst
}

// ParsePosition decodes a value of PositionsTopic.
func ParsePosition(b []byte) (Position, error) {
	r := reader{what: "position", b: b}
	r.version(positionVersion)
	p := Position{Src: r.offset("src"), Dst: r.offset("dst")}
	epoch := r.varint("leader epoch")
	if epoch < -1 || epoch > 1<<31-1 {
		r.fail("leader epoch %d is out of range", epoch)
	}
	p.LeaderEpoch = int32(epoch)
	for range r.count("producers", 2) {
		q := Producer{ID: r.varint("producer id")}
		epoch := r.varint("producer epoch")
		if epoch < -1 || epoch > 1<<15-1 {
			r.fail("producer epoch %d is out of range", epoch)
		}
		q.Epoch = int16(epoch)
		p.Producers = append(p.Producers, q)
	}
	return p, r.end()
}
