// Package demo is the load behind `weir demo`: a web server's access log that
// becomes page views on a topic.
//
// [Parse] makes a [View] of one line in Apache's combined format, by rules that
// are written at it, and refuses everything else with the field at fault.
// [Generate] writes a log of two days together with its [Truth], which it knows
// from making the lines and not from parsing them. An [Input] is either that log
// or a file, plain or gzip; it is read once for a [Survey] (what to expect in
// each window) and again to send.
//
// Guarantee: every line of an input is either one View, whose strings are all
// valid UTF-8, or one unparsed line, counted. Both readings of an Input see the
// same bytes, also when the log is still being written to or is rotated away,
// unless the file is overwritten in place. A seed gives the same log on every
// machine and with every Go version.
//
// Cost: one line of at most 1 MiB in memory, whatever the input's size, and a
// survey keeps three numbers per window; the generated log (3 MB) is held whole.
//
// It is no general log parser: other formats are unparsed lines.
package demo
