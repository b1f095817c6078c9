package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by every decoding error of this package.
var ErrMalformed = errors.New("malformed")

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// reader decodes one format. The first error sticks; later reads return zero
// values, so a decoder checks once, at its end.
type reader struct {
	what string // the format, for errors
	b    []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w %s: %s", ErrMalformed, r.what, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

func (r *reader) uvarint(field string) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("%s: no varint", field)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint(field string) int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("%s: no varint", field)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) fixed64(field string) uint64 {
	b := r.take(field, 8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (r *reader) byte(field string) byte {
	b := r.take(field, 1)
	if b == nil {
		return 0
	}
	return b[0]
}

// take returns the next n bytes, aliasing the input, or nil.
func (r *reader) take(field string, n int) []byte {
	if n > len(r.b) {
		r.fail("%s: wants %d bytes, %d remain", field, n, len(r.b))
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) string(field string) string {
	n := r.uvarint(field)
	if n > uint64(len(r.b)) {
		r.fail("%s: wants %d bytes, %d remain", field, n, len(r.b))
		return ""
	}
	return string(r.take(field, int(n)))
}

// count reads the number of elements that follow, each of at least size bytes.
func (r *reader) count(field string, size int) int {
	n := r.uvarint(field)
	if n > uint64(len(r.b)/size) {
		r.fail("%s: %d elements do not fit in %d bytes", field, n, len(r.b))
		return 0
	}
	return int(n)
}

func (r *reader) version(want byte) {
	if got := r.byte("version"); r.err == nil && got != want {
		r.fail("version %d is not known, only %d", got, want)
	}
}

// end returns the first error, or one if bytes remain.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d trailing bytes", len(r.b))
	}
	return r.err
}
