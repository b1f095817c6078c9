package serde

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Framing is where a record says which schema its value or key was written with.
type Framing int

const (
	// Prefix puts the schema's id before the value (V0): every reader of
	// Confluent's format understands it.
	Prefix Framing = iota
	// Header puts the schema's GUID into a header of the record (V1) and leaves
	// the value bare. A GUID is a hash of the schema, so it means the same in
	// every registry.
	Header
)

// The record headers of V1.
const (
	KeyHeader   = "__key_schema_id"
	ValueHeader = "__value_schema_id"
)

const (
	headerSize = 5  // of the V0 prefix: 00, id
	guidSize   = 17 // of the V1 header: 01, GUID
	// maxDepth bounds how deep a message may be nested in others: protoc's own
	// bound on nesting is lower.
	maxDepth = 64
)

// GUID names a schema in every registry: the MD5 over its text, its references,
// its metadata and rules, as Confluent's registry computes it.
type GUID [16]byte

// String returns the usual form, 8-4-4-4-12 hex digits.
func (g GUID) String() string {
	h := hex.EncodeToString(g[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// ParseGUID reads what String returns.
func ParseGUID(s string) (g GUID, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(g) {
		return g, fmt.Errorf("%w: %q is no GUID", ErrNoSchema, s)
	}
	return GUID(b), nil
}

// MarshalText implements encoding.TextMarshaler.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (g *GUID) UnmarshalText(b []byte) (err error) {
	*g, err = ParseGUID(string(b))
	return err
}

// SchemaID names a schema: by its GUID if that is not zero, else by its number,
// 0 to 2^31-1, which means something in one registry (and context) only.
type SchemaID struct {
	Number int
	GUID   GUID
}

// String returns the number or the GUID.
func (id SchemaID) String() string {
	if id.GUID != (GUID{}) {
		return id.GUID.String()
	}
	return fmt.Sprint(id.Number)
}

// AppendHeader appends Confluent's V0 prefix: 00, then id as 4 bytes, big-endian.
// id is 0 to 2^31-1.
func AppendHeader(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
}

// ParseHeader splits a value into its schema's id and what that schema
// describes, which aliases b. In Protobuf the message's indexes come first: see
// ParseIndexes.
func ParseHeader(b []byte) (id int, payload []byte, err error) {
	switch {
	case b == nil:
		return 0, nil, ErrTombstone
	case len(b) < headerSize:
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrNoSchema, len(b))
	case b[0] != 0:
		return 0, nil, fmt.Errorf("%w: first byte %#02x", ErrNoSchema, b[0])
	}
	n := binary.BigEndian.Uint32(b[1:])
	if n > math.MaxInt32 {
		return 0, nil, fmt.Errorf("%w: id %d is out of range", ErrNoSchema, n)
	}
	return int(n), b[headerSize:], nil
}

// AppendGUID appends the content of a V1 header: 01, then the GUID's 16 bytes. In
// Protobuf the message's indexes follow.
func AppendGUID(dst []byte, g GUID) []byte { return append(append(dst, 1), g[:]...) }

// AppendIndexes appends which message of a Protobuf file was written: its index
// among the file's messages, then its index in that message, and so on, each a
// zig-zag varint, after their number. [0], the first message, is the one byte 00.
func AppendIndexes(dst []byte, path []int) []byte {
	if len(path) == 1 && path[0] == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(len(path)))
	for _, i := range path {
		dst = binary.AppendVarint(dst, int64(i))
	}
	return dst
}

var errIndexes = errors.New("malformed message indexes")

// ParseIndexes reads what AppendIndexes writes and returns what follows.
func ParseIndexes(b []byte) (path []int, rest []byte, err error) {
	count, n := binary.Varint(b)
	switch {
	case n <= 0 || count < 0 || count > maxDepth:
		return nil, nil, fmt.Errorf("%w: %w", ErrNoSchema, errIndexes)
	case count == 0:
		return []int{0}, b[n:], nil
	}
	for range count {
		b = b[n:]
		var i int64
		if i, n = binary.Varint(b); n <= 0 || i < 0 || i > math.MaxInt32 {
			return nil, nil, fmt.Errorf("%w: %w", ErrNoSchema, errIndexes)
		}
		path = append(path, int(i))
	}
	return path, b[n:], nil
}

// Frame is the key or the value of a record, taken apart. It aliases the record.
type Frame struct {
	ID      SchemaID
	Framing Framing
	// Payload is what the schema describes; with the framing Prefix, a Protobuf
	// message's indexes come before it.
	Payload []byte
	// Indexes are those of a Protobuf message with the framing Header.
	Indexes []byte
}

func parsePrefix(b []byte) (Frame, error) {
	id, payload, err := ParseHeader(b)
	return Frame{ID: SchemaID{Number: id}, Payload: payload}, err
}

// ParseSchemaHeader reads the content of a V1 header: what AppendGUID writes, and
// the indexes of a Protobuf message. Confluent's clients take a V0 prefix there
// too.
func ParseSchemaHeader(h []byte) (id SchemaID, indexes []byte, err error) {
	switch {
	case len(h) >= guidSize && h[0] == 1:
		id.GUID, indexes = GUID(h[1:guidSize]), h[guidSize:]
		if id.GUID == (GUID{}) {
			err = fmt.Errorf("%w: the GUID is zero", ErrNoSchema)
		}
	case len(h) >= headerSize && h[0] == 0:
		id.Number, indexes, err = ParseHeader(h)
	default:
		err = fmt.Errorf("%w: malformed header of %d bytes", ErrNoSchema, len(h))
	}
	return id, indexes, err
}
