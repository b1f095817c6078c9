package wire

import (
	"encoding/binary"
	"encoding/hex"
)

// CountsTopic takes what the counters of broker tiers counted, on the home
// cluster. Key: the topic's name.
const CountsTopic = "_weir.audit.counts"

const (
	countsVersion = 1
	countsTier    = 1 // record types; claims and facts come with their issue
)

// TopicID is Kafka's id of a topic: a recreated topic has another one.
type TopicID [16]byte

// String returns 32 hex digits.
func (t TopicID) String() string { return hex.EncodeToString(t[:]) }

// Counts is what one counter counted of one topic at one tier. The identity of
// a row is its range: a reader accepts a row only if From is where the last
// accepted row of (tier, topic id, partition) ended, so a row read twice, or a
// range counted twice after a crash, changes nothing.
//
// Format: 01 | 01 | tier | topic | topic id 16 B | epoch | window | n rows | per
// row: partition, from, to - from, gap, n cells | per cell: window start
// (zig-zag) / window, run 8 B, highest sequence, count, bytes, sum 8 B, xor 8 B,
// messages.
type Counts struct {
	Tier    string // the cluster's name
	Topic   string
	TopicID TopicID
	Epoch   uint64 // of the claim that the counter holds; 0 before claims exist
	Window  int64  // length of a window, ms
	Rows    []CountsRow
}

// CountsRow holds the records at offsets [From, To) of one partition.
type CountsRow struct {
	Partition int32
	From, To  int64
	// Gap says why records between the last row and From were not counted,
	// empty if none are missing.
	Gap   string
	Cells []Cell
}

// Cell holds the records of one run in one window.
type Cell struct {
	Start    int64 // of the window, event time in ms, a multiple of Counts.Window
	Run      RunID // zero: records without a stamp
	MaxSeq   uint64
	Totals   Totals
	Messages uint64 // like Count, but a large message in many segments is one
}

// Append appends the encoded counts to dst.
func (c Counts) Append(dst []byte) []byte {
	dst = append(dst, countsVersion, countsTier)
	dst = appendString(dst, c.Tier)
	dst = appendString(dst, c.Topic)
	dst = append(dst, c.TopicID[:]...)
	dst = binary.AppendUvarint(dst, c.Epoch)
	dst = binary.AppendUvarint(dst, uint64(c.Window))
	dst = binary.AppendUvarint(dst, uint64(len(c.Rows)))
	for _, row := range c.Rows {
		dst = binary.AppendUvarint(dst, uint64(row.Partition))
		dst = binary.AppendUvarint(dst, uint64(row.From))
		dst = binary.AppendUvarint(dst, uint64(row.To-row.From))
		dst = appendString(dst, row.Gap)
		dst = binary.AppendUvarint(dst, uint64(len(row.Cells)))
		for _, cell := range row.Cells {
			dst = binary.AppendVarint(dst, cell.Start/c.Window)
			dst = append(dst, cell.Run[:]...)
			dst = binary.AppendUvarint(dst, cell.MaxSeq)
			dst = cell.Totals.append(dst)
			dst = binary.AppendUvarint(dst, cell.Messages)
		}
	}
	return dst
}

const (
	minCountsRow = 5
	minCell      = 1 + 8 + 1 + minTotals + 1
)

// ParseCounts decodes a value of CountsTopic.
func ParseCounts(b []byte) (Counts, error) {
	r := reader{what: "counts", b: b}
	r.version(countsVersion)
	if kind := r.byte("type"); kind != countsTier && r.err == nil {
		r.fail("record type %d is not known", kind)
	}
	c := Counts{Tier: r.string("tier"), Topic: r.string("topic")}
	copy(c.TopicID[:], r.take("topic id", len(c.TopicID)))
	c.Epoch = r.uvarint("epoch")
	c.Window = r.millis("window")
	if c.Window == 0 {
		r.fail("window is 0")
	}
	for range r.count("rows", minCountsRow) {
		row := CountsRow{Partition: r.partition(), From: r.offset("from")}
		row.To = row.From + r.offset("length")
		if row.To < row.From {
			r.fail("range overflows")
		}
		row.Gap = r.string("gap")
		for range r.count("cells", minCell) {
			cell := Cell{Start: r.windowStart(c.Window)}
			copy(cell.Run[:], r.take("run", len(cell.Run)))
			cell.MaxSeq = r.uvarint("sequence")
			cell.Totals = r.totals()
			cell.Messages = r.uvarint("messages")
			row.Cells = append(row.Cells, cell)
		}
		c.Rows = append(c.Rows, row)
	}
	return c, r.end()
}

func (r *reader) partition() int32 {
	v := r.uvarint("partition")
	if v > 1<<31-1 {
		r.fail("partition %d is over 2^31-1", v)
		return 0
	}
	return int32(v)
}

func (r *reader) offset(field string) int64 {
	v := r.uvarint(field)
	if v > 1<<63-1 {
		r.fail("%s %d is over 2^63-1", field, v)
		return 0
	}
	return int64(v)
}
