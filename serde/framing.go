package serde

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// headerSize is the length of the V0 prefix.
const headerSize = 5

var (
	// ErrNoSchema: the bytes do not begin with the id of a schema.
	ErrNoSchema = errors.New("no schema id before the value")
	// ErrTombstone: the value is null, which says that the key was deleted.
	ErrTombstone = errors.New("null value: a tombstone has no content")
)

// AppendHeader appends Confluent's V0 prefix: 00, then id as 4 bytes, big-endian.
// id is 0 to 2^31-1.
func AppendHeader(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
}

// ParseHeader splits a value into its schema's id and what that schema
// describes, which aliases b.
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
