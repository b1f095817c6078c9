package demo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Schema is the Avro schema of a [View].
const Schema = `{
  "type": "record", "name": "PageView", "namespace": "weir.demo",
  "doc": "One request to a web site, from one line of its access log.",
  "fields": [
    {"name": "client", "type": "string", "doc": "The host that asked; also the record's key."},
    {"name": "user", "type": ["null", "string"], "default": null},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "method", "type": "string"},
    {"name": "path", "type": "string", "doc": "The whole request where it is not three words."},
    {"name": "protocol", "type": "string"},
    {"name": "status", "type": "int"},
    {"name": "bytes", "type": ["null", "long"], "default": null},
    {"name": "referrer", "type": ["null", "string"], "default": null},
    {"name": "agent", "type": "string"},
    {"name": "line", "type": "long", "doc": "The line's number in its input, from 1."},
    {"name": "source", "type": "string", "doc": "SHA-256 of the input, the first 8 hex digits."}
  ]
}`

// View is one page view: a line of an access log. Line and Source say which one;
// Parse leaves them to its caller. A nil pointer is the log's `-`.
type View struct {
	Client   string    `avro:"client" json:"client"`
	User     *string   `avro:"user" json:"user"`
	At       time.Time `avro:"at" json:"at"` // UTC
	Method   string    `avro:"method" json:"method"`
	Path     string    `avro:"path" json:"path"`
	Protocol string    `avro:"protocol" json:"protocol"`
	Status   int       `avro:"status" json:"status"`
	Bytes    *int64    `avro:"bytes" json:"bytes"`
	Referrer *string   `avro:"referrer" json:"referrer"`
	Agent    string    `avro:"agent" json:"agent"`
	Line     int64     `avro:"line" json:"line"`
	Source   string    `avro:"source" json:"source"`
}

// MaxLine is the longest line that parses, in bytes without its line end.
const MaxLine = 1 << 20

// timeLayout is Apache's %t without the brackets.
const timeLayout = "02/Jan/2006:15:04:05 -0700"

// Parse reads one line of a log in Apache's combined format, without its "\n"; a
// "\r" at the end is no part of it. Fields are parted by one space:
//
//	host ident user [dd/Mon/yyyy:hh:mm:ss +zzzz] "request" status size "referrer" "agent"
//
// The time must be a real one, the status three digits, the size a number or `-`.
// Inside quotes `\"` and `\\` are escapes, all other backslashes are text. Only
// the agent's closing quote may be missing, and only spaces may follow it. A
// request that is not three words parted by one space is kept whole in Path.
// Bytes that are not UTF-8 become `\xHH`, as Apache itself writes them, so a View
// may be up to four times as long as its line.
func Parse(line []byte) (View, error) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > MaxLine {
		return View{}, fmt.Errorf("line: longer than %d bytes", MaxLine)
	}
	s := scanner{rest: string(line)}
	v := View{Client: s.word("host")}
	s.word("ident")
	v.User = nullable(s.word("user"))
	v.At = s.time()
	v.Method, v.Path, v.Protocol = words(s.quoted("request"))
	v.Status = s.status()
	v.Bytes = s.size()
	v.Referrer = nullable(s.quoted("referrer"))
	v.Agent = s.agent()
	if s.err != nil {
		return View{}, s.err
	}
	return v, nil
}

// scanner takes fields off the front of a line. Its first error stays, and leaves
// nothing to take.
type scanner struct {
	rest string
	err  error
}

func (s *scanner) fail(field, format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("%s: %w", field, fmt.Errorf(format, args...))
	}
	s.rest = ""
}

// word takes the bytes up to the next space, and the space.
func (s *scanner) word(field string) string {
	word, rest, ok := strings.Cut(s.rest, " ")
	s.rest = rest
	if word == "" {
		s.fail(field, "missing")
	} else if !ok {
		s.fail(field, "the line ends after it")
	}
	return text(word)
}

// quoted takes a field in quotes that both must be there, and the space after it.
func (s *scanner) quoted(field string) string {
	value, closed := s.open(field)
	rest, spaced := strings.CutPrefix(s.rest, " ")
	s.rest = rest
	if !closed {
		s.fail(field, "no closing quote")
	} else if !spaced {
		s.fail(field, "no space after it")
	}
	return value
}

// agent takes the last field, which may lack its closing quote: long lines are cut
// off by loggers (line 8899 of the sample in elastic/examples is).
func (s *scanner) agent() string {
	value, _ := s.open("agent")
	if after := strings.Trim(s.rest, " "); after != "" {
		s.fail("agent", "followed by %.40q", after)
	}
	return value
}

var unescape = strings.NewReplacer(`\"`, `"`, `\\`, `\`)

// open takes a field in quotes and says whether it had the closing one.
func (s *scanner) open(field string) (value string, closed bool) {
	body, ok := strings.CutPrefix(s.rest, `"`)
	if !ok {
		s.fail(field, "no opening quote")
		return "", false
	}
	end := 0
	for end < len(body) && body[end] != '"' {
		if body[end] == '\\' {
			end++ // what follows can't close the field, whether it is an escape or not
		}
		end++
	}
	end = min(end, len(body))
	s.rest, closed = strings.CutPrefix(body[end:], `"`)
	return text(unescape.Replace(body[:end])), closed
}

func (s *scanner) time() time.Time {
	body, opened := strings.CutPrefix(s.rest, "[")
	value, rest, closed := strings.Cut(body, "] ")
	if !opened || !closed {
		s.fail("time", "not in brackets")
		return time.Time{}
	}
	at, err := parseTime(value)
	if err != nil {
		s.fail("time", "%.40q: %w", value, err)
		return time.Time{}
	}
	s.rest = rest
	return at
}

// parseTime closes what time.Parse leaves open: fields with other widths, months
// in other cases, and zones that no place on earth has. It keeps the year, in UTC,
// to what RFC 3339 can say.
func parseTime(value string) (time.Time, error) {
	at, err := time.Parse(timeLayout, value)
	if err != nil || len(value) != len(timeLayout) || value[3:6] != at.Month().String()[:3] {
		return time.Time{}, errors.New("not a date of the form dd/Mon/yyyy:hh:mm:ss +zzzz")
	}
	_, offset := at.Zone()
	if offset < -12*3600 || offset > 14*3600 || value[len(value)-2] > '5' {
		return time.Time{}, errors.New("the zone is not between -1200 and +1400")
	}
	at = at.UTC()
	if y := at.Year(); y < 1 || y > 9999 {
		return time.Time{}, errors.New("the year is not between 1 and 9999")
	}
	return at, nil
}

func (s *scanner) status() int {
	value := s.word("status")
	n, err := strconv.ParseUint(value, 10, 16)
	if len(value) != 3 || err != nil {
		s.fail("status", "%.40q is not three digits", value)
	}
	return int(n)
}

func (s *scanner) size() *int64 {
	value := s.word("size")
	if value == "-" {
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		s.fail("size", "%.40q is neither - nor a number below 2^63", value)
	}
	size := int64(n)
	return &size
}

func words(request string) (method, path, protocol string) {
	if w := strings.Split(request, " "); len(w) == 3 && w[0] != "" && w[1] != "" && w[2] != "" {
		return w[0], w[1], w[2]
	}
	return "", request, ""
}

func nullable(s string) *string {
	if s == "-" {
		return nil
	}
	return &s
}

// text makes s valid UTF-8: each byte that isn't becomes `\xHH`.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
