package wire

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/cespare/xxhash/v2"
)

// StampHeader is the record header that makes every audited record unique.
const StampHeader = "weir-id"

const stampVersion = 1

// RunID names one run of a producing client: 8 random bytes. The zero RunID
// stands for records without a stamp.
type RunID [8]byte

// String returns 16 hex digits.
func (r RunID) String() string { return hex.EncodeToString(r[:]) }

// Stamp is the value of the weir-id header: which run sent the record, and its
// sequence among the records that the run sent to that topic (from 1).
//
// Format: 01 | run id 8 bytes | uvarint sequence.
type Stamp struct {
	Run RunID
	Seq uint64
}

// Append appends the encoded stamp to dst.
func (s Stamp) Append(dst []byte) []byte {
	dst = append(dst, stampVersion)
	dst = append(dst, s.Run[:]...)
	return binary.AppendUvarint(dst, s.Seq)
}

// ParseStamp decodes the value of a weir-id header.
func ParseStamp(b []byte) (Stamp, error) {
	r := reader{what: "stamp", b: b}
	r.version(stampVersion)
	var s Stamp
	copy(s.Run[:], r.take("run", len(s.Run)))
	s.Seq = r.uvarint("sequence")
	return s, r.end()
}

// Fingerprint is XXH64 over uvarint n | key | uvarint n | value | stamp, with
// n = 0 for null and length + 1 otherwise, so that null and empty differ. It
// holds nothing that mirroring changes: no offset, partition or time.
//
// stamp is the raw value of the weir-id header, nil without one.
func Fingerprint(key, value, stamp []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	var n [binary.MaxVarintLen64]byte
	for _, field := range [...][]byte{key, value} {
		length := uint64(0)
		if field != nil {
			length = uint64(len(field)) + 1
		}
		d.Write(binary.AppendUvarint(n[:0], length))
		d.Write(field)
	}
	d.Write(stamp)
	return d.Sum64()
}

// Totals adds up a set of records so that two places can compare what they saw
// whatever the order, the batches and the partitions: Sum and Xor run over the
// fingerprints, Sum wrapping at 2^64.
type Totals struct {
	Count uint64
	Bytes uint64 // of keys and values
	Sum   uint64
	Xor   uint64
}

// Add counts one record.
func (t *Totals) Add(fingerprint uint64, bytes int) {
	t.Count++
	t.Bytes += uint64(bytes)
	t.Sum += fingerprint
	t.Xor ^= fingerprint
}

// Merge adds all that o counted.
func (t *Totals) Merge(o Totals) {
	t.Count += o.Count
	t.Bytes += o.Bytes
	t.Sum += o.Sum
	t.Xor ^= o.Xor
}

// Without returns t less all that o counted; o must be a part of t.
func (t Totals) Without(o Totals) Totals {
	return Totals{Count: t.Count - o.Count, Bytes: t.Bytes - o.Bytes, Sum: t.Sum - o.Sum, Xor: t.Xor ^ o.Xor}
}

// Same says whether both counted the same set of records, as far as count and
// fingerprints tell.
func (t Totals) Same(o Totals) bool {
	return t.Count == o.Count && t.Sum == o.Sum && t.Xor == o.Xor
}

func (t Totals) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, t.Count)
	dst = binary.AppendUvarint(dst, t.Bytes)
	dst = binary.BigEndian.AppendUint64(dst, t.Sum)
	return binary.BigEndian.AppendUint64(dst, t.Xor)
}

func (r *reader) totals() Totals {
	return Totals{Count: r.uvarint("count"), Bytes: r.uvarint("bytes"), Sum: r.fixed64("sum"), Xor: r.fixed64("xor")}
}
