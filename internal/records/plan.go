package records

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// OffsetRange is the offsets [From, To) of one partition.
type OffsetRange struct {
	Partition int32 `json:"partition"`
	From      int64 `json:"from"`
	To        int64 `json:"to" doc:"The first offset after it."`
}

// bounds is what the log of a partition holds: offsets [start, end), end being
// the high watermark.
type bounds struct{ start, end int64 }

// clamp returns the part of [from, to) that the logs hold, by partition and
// without what is empty.
func clamp(log map[int32]bounds, from, to map[int32]int64) []OffsetRange {
	var ranges []OffsetRange
	for _, p := range slices.Sorted(maps.Keys(log)) {
		b := log[p]
		r := OffsetRange{p, max(b.start, from[p]), min(b.end, to[p])}
		if r.From < r.To {
			ranges = append(ranges, r)
		}
	}
	return ranges
}

// place is where reading begins.
type place struct {
	end    bool
	at     time.Time // zero: none
	offset int64     // else; 0 is before any start
}

// parsePlace reads start, end, a time (RFC 3339) or an offset.
func parsePlace(text string) (place, error) {
	switch text {
	case "start":
		return place{}, nil
	case "end":
		return place{end: true}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil && !t.IsZero() {
		return place{at: t}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return place{}, fmt.Errorf("%q is no place: write start, end, a time like 2026-11-24T10:00:00Z, or an offset", text)
	}
	return place{offset: n}, nil
}

func total(ranges []OffsetRange) (offsets int64) {
	for _, r := range ranges {
		offsets += r.To - r.From
	}
	return offsets
}

// Estimate says what reading some ranges may cost.
type Estimate struct {
	Partitions int     `json:"partitions"`
	Records    int64   `json:"records" doc:"Offsets: no more records than this."`
	Bytes      int64   `json:"bytes" doc:"As stored, by the share of each partition's size; -1: not known."`
	Seconds    float64 `json:"seconds" doc:"At the pace of the searches before; -1: not known."`
}

// estimate tells from the size and the bounds of each partition how much the
// ranges hold, and how long that takes at a pace in bytes per second.
func estimate(ranges []OffsetRange, log map[int32]bounds, sizes map[int32]int64, pace float64) Estimate {
	e := Estimate{Partitions: len(ranges), Records: total(ranges), Seconds: -1}
	for _, r := range ranges {
		size, known := sizes[r.Partition]
		held := log[r.Partition].end - log[r.Partition].start
		if !known || size < 0 || held <= 0 {
			e.Bytes = -1
			return e
		}
		e.Bytes += int64(float64(size) * float64(r.To-r.From) / float64(held))
	}
	if pace > 0 {
		e.Seconds = float64(e.Bytes) / pace
	}
	return e
}

// fingerprint names what a token or cursor belongs to.
type fingerprint [8]byte

func fingerprintOf(parts ...string) (f fingerprint) {
	h := sha256.New()
	for _, s := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	copy(f[:], h.Sum(nil))
	return f
}

// token says where a search goes on: the ranges that are left of it.
//
// Format, in base64url without padding: 01 | fingerprint 8 B | n ranges | per
// range, by partition: partition - the one before - 1, from, to - from - 1.
type token struct {
	of   fingerprint
	left []OffsetRange
}

const tokenVersion = 1

var errToken = errors.New("this is no resume token")

// String returns the token as text, "" if nothing is left.
func (t token) String() string {
	if len(t.left) == 0 {
		return ""
	}
	b := append([]byte{tokenVersion}, t.of[:]...)
	b = binary.AppendUvarint(b, uint64(len(t.left)))
	before := int32(-1)
	for _, r := range t.left {
		b = binary.AppendUvarint(b, uint64(r.Partition-before-1))
		b = binary.AppendUvarint(b, uint64(r.From))
		b = binary.AppendUvarint(b, uint64(r.To-r.From-1))
		before = r.Partition
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseToken reads what String has printed, and nothing else.
func parseToken(s string) (t token, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	d := digits{b: raw}
	if err != nil || d.byte() != tokenVersion {
		return token{}, errToken
	}
	copy(t.of[:], d.take(len(t.of)))
	before := int64(-1)
	for range d.count(3) {
		p := before + 1 + d.number()
		from := d.number()
		to := from + d.number() + 1
		if p > 1<<31-1 || p < 0 || to <= from {
			d.bad = true
		}
		before = p
		t.left = append(t.left, OffsetRange{int32(p), from, to})
	}
	if d.bad || len(d.b) > 0 || t.String() != s {
		return token{}, errToken
	}
	return t, nil
}

// digits reads varints out of untrusted bytes. The first error sticks.
type digits struct {
	b   []byte
	bad bool
}

func (d *digits) take(n int) []byte {
	if d.bad || n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *digits) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads a uvarint of 0 to 2^63-1.
func (d *digits) number() int64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<63-1 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return int64(v)
}

// count reads how many elements follow, each of at least size bytes.
func (d *digits) count(size int) int {
	n := d.number()
	if n > int64(len(d.b)/size) {
		d.bad, d.b = true, nil
		return 0
	}
	return int(n)
}
