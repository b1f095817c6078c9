// Package wire holds every record, header and key format that weir puts on
// topics: how to encode it and how to decode it, and nothing else. It does no
// I/O and knows no system.
//
// Binary formats open with a version byte and go on in varints (unsigned LEB128
// as in encoding/binary; signed values zig-zag). A string or byte field is its
// length as a uvarint, then its bytes. Times are milliseconds since the epoch,
// as in Kafka's own record batches. Decoders bound every length and count by
// the bytes that remain before they allocate, refuse trailing bytes, and return
// an error for everything that they do not know: a format is changed by a new
// version, never by meaning something else.
//
// Each format has a golden file under testdata and a fuzz target.
package wire
