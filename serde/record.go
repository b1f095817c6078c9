package serde

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ParseRecord takes a record's key or value apart: by its header if there is one,
// else by its prefix.
func ParseRecord(r *kgo.Record, key bool) (Frame, error) {
	name, b := ValueHeader, r.Value
	if key {
		name, b = KeyHeader, r.Key
	}
	if b == nil {
		return Frame{}, ErrTombstone
	}
	for _, h := range slices.Backward(r.Headers) { // the last one counts, as for Kafka's own clients
		if h.Key == name {
			id, indexes, err := ParseSchemaHeader(h.Value)
			return Frame{ID: id, Framing: Header, Payload: b, Indexes: indexes}, err
		}
	}
	return parsePrefix(b)
}

// setHeader puts the header that frames a key or value into r, in place of
// others; nil removes them, since a header wins over a prefix. The headers of
// other records are not touched: they may share the slice.
func setHeader(r *kgo.Record, key bool, value []byte) {
	name := ValueHeader
	if key {
		name = KeyHeader
	}
	named := func(h kgo.RecordHeader) bool { return h.Key == name }
	if slices.ContainsFunc(r.Headers, named) {
		r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), named)
	}
	if value != nil {
		r.Headers = append(slices.Clip(r.Headers), kgo.RecordHeader{Key: name, Value: value})
	}
}
