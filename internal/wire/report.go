package wire

import (
	"encoding/binary"
)

// ReportsTopic takes the reports of producing clients, on the cluster that they
// produce to. Key: the run id, 8 bytes, so that the reports of a run stay in
// order.
const ReportsTopic = "_weir.audit.reports"

const reportVersion = 1

// Kind says which outcome of Produce a report row counts.
type Kind uint8

// The kinds of a report row. Attempt counts every record that Produce took;
// each of them ends as one of the other three.
const (
	Attempt Kind = iota
	OK           // acknowledged by all in-sync replicas
	Fail         // certainly not in the log
	Unknown      // nobody can say
	Kinds        // how many kinds there are
)

var kindNames = [Kinds]string{"attempt", "ok", "fail", "unknown"}

// String returns the kind's name.
func (k Kind) String() string {
	if k < Kinds {
		return kindNames[k]
	}
	return "invalid"
}

// Report is what a producing client says of itself. Report 0 registers the run;
// it is acknowledged before the run's first record is sent. Totals are absolute
// per (topic, window, kind), so a report read twice does no harm and the newest
// number wins.
//
// Format: 01 | run 8 B | number | at | interval | window | through (zig-zag) |
// flags (1 final, 2 registration) | if registration: application, host, version |
// n topics | per topic: name, n rows | per row: window start (zig-zag) / window,
// kind, count, bytes, sum 8 B, xor 8 B, uncertain.
type Report struct {
	Run      RunID
	Number   uint64
	At       int64 // when the totals were taken, by the clock of the client
	Interval int64 // how often the run reports, ms
	Window   int64 // length of a window, ms
	// Through is an event time: the run holds nothing older to send. See
	// client.Client.Advance.
	Through int64
	Final   bool // the last report of this run, for ever

	Registration *Registration // report 0 only
	Topics       []ReportTopic
}

// Registration says who a run is.
type Registration struct {
	Application, Host, Version string
}

// ReportTopic holds the rows of one topic.
type ReportTopic struct {
	Topic string
	Rows  []ReportRow
}

// ReportRow holds the totals of one kind in one window, since the run began.
type ReportRow struct {
	Start     int64 // of the window, event time in ms, a multiple of Report.Window
	Kind      Kind
	Totals    Totals
	Uncertain uint64 // how many records the totals may be off by, after a crash
}

const (
	reportFinal = 1 << iota
	reportRegistration
)

// Append appends the encoded report to dst.
func (p Report) Append(dst []byte) []byte {
	dst = append(dst, reportVersion)
	dst = append(dst, p.Run[:]...)
	dst = binary.AppendUvarint(dst, p.Number)
	dst = binary.AppendVarint(dst, p.At)
	dst = binary.AppendUvarint(dst, uint64(p.Interval))
	dst = binary.AppendUvarint(dst, uint64(p.Window))
	dst = binary.AppendVarint(dst, p.Through)
	var flags byte
	if p.Final {
		flags |= reportFinal
	}
	if p.Registration != nil {
		flags |= reportRegistration
	}
	dst = append(dst, flags)
	if g := p.Registration; g != nil {
		dst = appendString(dst, g.Application)
		dst = appendString(dst, g.Host)
		dst = appendString(dst, g.Version)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Topics)))
	for _, t := range p.Topics {
		dst = appendString(dst, t.Topic)
		dst = binary.AppendUvarint(dst, uint64(len(t.Rows)))
		for _, row := range t.Rows {
			dst = binary.AppendVarint(dst, row.Start/p.Window)
			dst = append(dst, byte(row.Kind))
			dst = row.Totals.append(dst)
			dst = binary.AppendUvarint(dst, row.Uncertain)
		}
	}
	return dst
}

// Least sizes of encoded elements, against which counts are bounded.
const (
	minReportTopic = 2
	minTotals      = 2 + 16
	minReportRow   = 2 + minTotals + 1
)

// ParseReport decodes a value of ReportsTopic.
func ParseReport(b []byte) (Report, error) {
	r := reader{what: "report", b: b}
	r.version(reportVersion)
	var p Report
	copy(p.Run[:], r.take("run", len(p.Run)))
	p.Number = r.uvarint("number")
	p.At = r.varint("at")
	p.Interval = r.millis("interval")
	p.Window = r.millis("window")
	p.Through = r.varint("through")
	flags := r.byte("flags")
	if flags&^(reportFinal|reportRegistration) != 0 {
		r.fail("flags %#x are not known", flags)
	}
	p.Final = flags&reportFinal != 0
	if flags&reportRegistration != 0 {
		p.Registration = &Registration{Application: r.string("application"), Host: r.string("host"), Version: r.string("version")}
	}
	if p.Window == 0 {
		r.fail("window is 0")
	}
	for range r.count("topics", minReportTopic) {
		t := ReportTopic{Topic: r.string("topic")}
		for range r.count("rows", minReportRow) {
			row := ReportRow{Start: r.windowStart(p.Window), Kind: Kind(r.byte("kind")), Totals: r.totals(), Uncertain: r.uvarint("uncertain")}
			if row.Kind >= Kinds {
				r.fail("kind %d is not known", row.Kind)
			}
			t.Rows = append(t.Rows, row)
		}
		p.Topics = append(p.Topics, t)
	}
	return p, r.end()
}

// day bounds durations: windows must divide a day, and no interval is longer.
const day = 24 * 60 * 60 * 1000

func (r *reader) millis(field string) int64 {
	v := r.uvarint(field)
	if v > day {
		r.fail("%s of %d ms is over a day", field, v)
		return 0
	}
	return int64(v)
}

// windowStart reads a window's number and returns its start in ms.
func (r *reader) windowStart(window int64) int64 {
	n := r.varint("window")
	start := n * window
	if window != 0 && start/window != n {
		r.fail("window %d overflows", n)
		return 0
	}
	return start
}
