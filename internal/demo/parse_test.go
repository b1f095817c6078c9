package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"
	"github.com/twmb/avro"
)

// plain is the line that each case changes in one place.
const plain = `192.0.2.1 - alice [10/Mar/2026:13:55:36 +0000] "GET /index.html HTTP/1.1" 200 2326 "http://example.com/" "curl/8.5"`

func plainView() View {
	return View{
		Client: "192.0.2.1", User: new("alice"), At: time.Date(2026, time.March, 10, 13, 55, 36, 0, time.UTC),
		Method: "GET", Path: "/index.html", Protocol: "HTTP/1.1", Status: 200, Bytes: new(int64(2326)),
		Referrer: new("http://example.com/"), Agent: "curl/8.5",
	}
}

// changed replaces the one occurrence of from in the plain line.
func changed(t testing.TB, from, to string) []byte {
	t.Helper()
	if n := strings.Count(plain, from); n != 1 {
		t.Fatalf("%q is %d times in the plain line", from, n)
	}
	return []byte(strings.Replace(plain, from, to, 1))
}

func TestParse(t *testing.T) {
	at := func(s string) func(*View) {
		return func(v *View) { v.At, _ = time.Parse(time.RFC3339, s) }
	}
	agent := func(s string) func(*View) { return func(v *View) { v.Agent = s } }
	whole := func(s string) func(*View) { return func(v *View) { v.Method, v.Path, v.Protocol = "", s, "" } }
	for _, c := range []struct {
		from, to string
		change   func(*View)
	}{
		{"alice", "alice", func(*View) {}},
		{"192.0.2.1", "2001:db8::1", func(v *View) { v.Client = "2001:db8::1" }},
		{"192.0.2.1", "h\xf6st", func(v *View) { v.Client = `h\xf6st` }},
		{" - alice", " ident alice", func(*View) {}},
		{"alice", "-", func(v *View) { v.User = nil }},
		{"alice", `"`, func(v *View) { v.User = new(`"`) }},
		{"alice", "zo\xeb", func(v *View) { v.User = new(`zo\xeb`) }},

		{"+0000", "-0000", func(*View) {}},
		{"+0000", "+0530", at("2026-03-10T08:25:36Z")},
		{"+0000", "-0730", at("2026-03-10T21:25:36Z")},
		{"+0000", "+1400", at("2026-03-09T23:55:36Z")},
		{"+0000", "-1200", at("2026-03-11T01:55:36Z")},
		{"10/Mar/2026", "29/Feb/2024", at("2024-02-29T13:55:36Z")},
		{"10/Mar/2026", "31/Dec/1969", at("1969-12-31T13:55:36Z")},
		{"10/Mar/2026", "01/Jan/0001", at("0001-01-01T13:55:36Z")},
		{"10/Mar/2026", "31/Dec/9999", at("9999-12-31T13:55:36Z")},
		{"10/Mar/2026:13:55:36", "31/May/2026:00:00:00", at("2026-05-31T00:00:00Z")},
		{"10/Mar/2026:13:55:36", "30/Sep/2026:23:59:59", at("2026-09-30T23:59:59Z")},

		{"GET /index.html HTTP/1.1", "", whole("")},
		{"GET /index.html HTTP/1.1", "-", whole("-")},
		{"GET /index.html HTTP/1.1", "GET /", whole("GET /")},
		{"GET /index.html HTTP/1.1", "GET /a b HTTP/1.1", whole("GET /a b HTTP/1.1")},
		{"GET /index.html HTTP/1.1", "GET  HTTP/1.1", whole("GET  HTTP/1.1")},
		{"GET /index.html HTTP/1.1", "GET  / HTTP/1.1", whole("GET  / HTTP/1.1")},
		{"GET /index.html HTTP/1.1", `\x16\x03\x01`, whole(`\x16\x03\x01`)},
		{"GET /index.html HTTP/1.1", `GET /\"\\\" HTTP/1.0`, func(v *View) { v.Path, v.Protocol = `/"\"`, "HTTP/1.0" }},
		{"/index.html", "/caf\xe9/\xff\uFFFD", func(v *View) { v.Path = `/caf\xe9/\xff` + "\uFFFD" }},
		{"/index.html", "/世界/\uFFFD", func(v *View) { v.Path = "/世界/\uFFFD" }},

		{" 200 ", " 999 ", func(v *View) { v.Status = 999 }},
		{" 200 ", " 000 ", func(v *View) { v.Status = 0 }},
		{"2326", "-", func(v *View) { v.Bytes = nil }},
		{"2326", "0", func(v *View) { v.Bytes = new(int64(0)) }},
		{"2326", "9223372036854775807", func(v *View) { v.Bytes = new(int64(9223372036854775807)) }},

		{"http://example.com/", "-", func(v *View) { v.Referrer = nil }},
		{"http://example.com/", "", func(v *View) { v.Referrer = new("") }},
		{"http://example.com/", `?q=\"a b\"`, func(v *View) { v.Referrer = new(`?q="a b"`) }},
		{"http://example.com/", `\xe4\` + `\`, func(v *View) { v.Referrer = new(`\xe4\`) }},

		{"curl/8.5", "-", agent("-")},
		{"curl/8.5", "", agent("")},
		{"curl/8.5", `a \"b\" \\c\d`, agent(`a "b" \c\d`)},
		{`"curl/8.5"`, `"curl/8.5`, agent("curl/8.5")},
		{`"curl/8.5"`, `"`, agent("")},
		{`"curl/8.5"`, `"curl\"`, agent(`curl"`)},
		{`"curl/8.5"`, `"curl\`, agent(`curl\`)},
		{`"curl/8.5"`, `"curl \\`, agent(`curl \`)},
		{`"curl/8.5"`, `"curl  `, agent("curl  ")},
		{`"curl/8.5"`, `"curl"  `, agent("curl")},
		{`"curl/8.5"`, "\"curl\"\r", agent("curl")},
		{`"curl/8.5"`, "\"curl\r", agent("curl")},
		{`"curl/8.5"`, "\"curl\r\r", agent("curl\r")},
		{"curl/8.5", "\xc3\x28 \xe2\x82 \xf0\x9f\x98\x80", agent(`\xc3( \xe2\x82 😀`)},
	} {
		want := plainView()
		c.change(&want)
		got, err := Parse(changed(t, c.from, c.to))
		if err != nil {
			t.Errorf("%q for %q: %v", c.to, c.from, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q for %q: -want +got\n%s", c.to, c.from, d)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const (
		notADate = "not a date of the form dd/Mon/yyyy:hh:mm:ss +zzzz"
		noZone   = "the zone is not between -1200 and +1400"
		noYear   = "the year is not between 1 and 9999"
	)
	for _, c := range []struct{ from, to, want string }{
		{plain, "", "host: missing"},
		{plain, "\r", "host: missing"},
		{plain, " ", "host: missing"},
		{plain, "192.0.2.1", "host: the line ends after it"},
		{plain, "192.0.2.1 ", "ident: missing"},
		{plain, "192.0.2.1 - ", "user: missing"},
		{plain, "192.0.2.1 - -", "user: the line ends after it"},
		{plain, "192.0.2.1 - - ", "time: not in brackets"},
		{"192.0.2.1", " 192.0.2.1", "host: missing"},
		{" - alice", "  - alice", "ident: missing"},
		{"alice", "alice smith", "time: not in brackets"},
		{"[", "", "time: not in brackets"},
		{"]", "", "time: not in brackets"},
		{"] ", "]", "time: not in brackets"},

		{"10/Mar/2026", "30/Feb/2026", `time: "30/Feb/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "29/Feb/2026", `time: "29/Feb/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "31/Apr/2026", `time: "31/Apr/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "00/Mar/2026", `time: "00/Mar/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "10/mar/2026", `time: "10/mar/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "10/MAR/2026", `time: "10/MAR/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "10/March/2026", `time: "10/March/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "10/Mär/2026", `time: "10/Mär/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "10/03/2026", `time: "10/03/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "1/Mar/2026", `time: "1/Mar/2026:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "10/Mar/26", `time: "10/Mar/26:13:55:36 +0000": ` + notADate},
		{"10/Mar/2026", "2026-03-10", `time: "2026-03-10:13:55:36 +0000": ` + notADate},
		{"13:55:36", "24:00:00", `time: "10/Mar/2026:24:00:00 +0000": ` + notADate},
		{"13:55:36", "13:60:36", `time: "10/Mar/2026:13:60:36 +0000": ` + notADate},
		{"13:55:36", "23:59:60", `time: "10/Mar/2026:23:59:60 +0000": ` + notADate},
		{"13:55:36", "3:55:36", `time: "10/Mar/2026:3:55:36 +0000": ` + notADate},
		{"13:55:36", "13:55:36.5", `time: "10/Mar/2026:13:55:36.5 +0000": ` + notADate},
		{":36 +0000", ":36", `time: "10/Mar/2026:13:55:36": ` + notADate},
		{"+0000", "0000", `time: "10/Mar/2026:13:55:36 0000": ` + notADate},
		{"+0000", "+00:00", `time: "10/Mar/2026:13:55:36 +00:00": ` + notADate},
		{"+0000", "UTC", `time: "10/Mar/2026:13:55:36 UTC": ` + notADate},
		{"+0000", "+9999", `time: "10/Mar/2026:13:55:36 +9999": ` + notADate},
		{"+0000", "+1401", `time: "10/Mar/2026:13:55:36 +1401": ` + noZone},
		{"+0000", "-1201", `time: "10/Mar/2026:13:55:36 -1201": ` + noZone},
		{"+0000", "+0160", `time: "10/Mar/2026:13:55:36 +0160": ` + noZone},
		{"10/Mar/2026", "10/Mar/0000", `time: "10/Mar/0000:13:55:36 +0000": ` + noYear},
		{"10/Mar/2026:13:55:36 +0000", "01/Jan/0001:13:55:36 +1400", `time: "01/Jan/0001:13:55:36 +1400": ` + noYear},
		{"10/Mar/2026:13:55:36 +0000", "31/Dec/9999:13:55:36 -1200", `time: "31/Dec/9999:13:55:36 -1200": ` + noYear},

		{`"GET`, `GET`, "request: no opening quote"},
		{`GET /index.html HTTP/1.1"`, `GET /index.html HTTP/1.1\"`, "request: no space after it"},
		{`HTTP/1.1" 200 2326 "http://example.com/" "curl/8.5"`, `HTTP/1.1`, "request: no closing quote"},
		{`" 200`, `"200`, "request: no space after it"},
		{" 200 ", " 99 ", `status: "99" is not three digits`},
		{" 200 ", " 1000 ", `status: "1000" is not three digits`},
		{" 200 ", " +20 ", `status: "+20" is not three digits`},
		{" 200 ", " - ", `status: "-" is not three digits`},
		{" 200 ", " 2x0 ", `status: "2x0" is not three digits`},
		{" 200 ", "  200 ", "status: missing"},
		{"2326", "9223372036854775808", `size: "9223372036854775808" is neither - nor a number below 2^63`},
		{"2326", "-1", `size: "-1" is neither - nor a number below 2^63`},
		{"2326", "+1", `size: "+1" is neither - nor a number below 2^63`},
		{"2326", "2k", `size: "2k" is neither - nor a number below 2^63`},
		{"2326", strings.Repeat("9", 100), `size: "` + strings.Repeat("9", 40) + `" is neither - nor a number below 2^63`},
		{` 2326 "http://example.com/" "curl/8.5"`, " 2326", "size: the line ends after it"},
		{`"http://example.com/"`, `-`, "referrer: no opening quote"},
		{`"http://example.com/" "curl/8.5"`, `"http://example.com/`, "referrer: no closing quote"},
		{` "curl/8.5"`, ``, "referrer: no space after it"},
		{`"curl/8.5"`, ``, "agent: no opening quote"},
		{`"curl/8.5"`, `-`, "agent: no opening quote"},
		{`"curl/8.5"`, `"curl/8.5" 0.031`, `agent: followed by "0.031"`},
		{`"curl/8.5"`, `"curl/8.5""`, `agent: followed by "\""`},
		{`"curl/8.5"`, "\"curl/8.5\"\t", `agent: followed by "\t"`},
		{`"curl/8.5"`, "\"curl/8.5\"\r\r", `agent: followed by "\r"`},
	} {
		got, err := Parse(changed(t, c.from, c.to))
		if fmt.Sprint(err) != c.want {
			t.Errorf("%q for %q:\ngot  %v\nwant %s", c.to, c.from, err, c.want)
		}
		if got != (View{}) {
			t.Errorf("%q for %q: refused, yet a view: %+v", c.to, c.from, got)
		}
	}
}

func TestParseLongestLine(t *testing.T) {
	line := func(n int, tail string) []byte {
		head := strings.TrimSuffix(plain, `"`)
		return []byte(head + strings.Repeat("x", n-len(head)-1) + `"` + tail)
	}
	for _, ok := range [][]byte{line(MaxLine, ""), line(MaxLine, "\r")} {
		if v, err := Parse(ok); err != nil || !strings.HasSuffix(v.Agent, "xxx") {
			t.Errorf("a line of %d bytes: %v", len(ok), err)
		}
	}
	for _, long := range [][]byte{line(MaxLine+1, ""), line(MaxLine+1, "\r"), line(2*MaxLine, "")} {
		if _, err := Parse(long); fmt.Sprint(err) != "line: longer than 1048576 bytes" {
			t.Errorf("a line of %d bytes: %v", len(long), err)
		}
	}
}

// TestSchema lets two libraries read what the struct tags wrote.
func TestSchema(t *testing.T) {
	schema := avro.MustParse(Schema)
	other, err := goavro.NewCodec(Schema)
	if err != nil {
		t.Fatal(err)
	}
	full := plainView()
	full.Line, full.Source = 1<<40, "0123abcd"
	empty := full
	empty.User, empty.Bytes, empty.Referrer, empty.At = nil, nil, nil, time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)
	for _, want := range []View{full, empty} {
		b, err := schema.Encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		var got View
		if rest, err := schema.Decode(b, &got); err != nil || len(rest) > 0 {
			t.Fatalf("decoding: %d bytes left, %v", len(rest), err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
		native, rest, err := other.NativeFromBinary(b)
		if err != nil || len(rest) > 0 {
			t.Fatalf("decoding with goavro: %d bytes left, %v", len(rest), err)
		}
		if d := cmp.Diff(nativeOf(want), native); d != "" {
			t.Errorf("goavro: -want +got\n%s", d)
		}
	}
}

// nativeOf is what goavro makes of a view.
func nativeOf(v View) any {
	m := map[string]any{
		"client": v.Client, "user": nil, "at": v.At, "method": v.Method, "path": v.Path, "protocol": v.Protocol,
		"status": int32(v.Status), "bytes": nil, "referrer": nil, "agent": v.Agent, "line": v.Line, "source": v.Source,
	}
	if v.User != nil {
		m["user"] = map[string]any{"string": *v.User}
	}
	if v.Bytes != nil {
		m["bytes"] = map[string]any{"long": *v.Bytes}
	}
	if v.Referrer != nil {
		m["referrer"] = map[string]any{"string": *v.Referrer}
	}
	return m
}

func TestViewAsJSON(t *testing.T) {
	v := plainView()
	v.User, v.Bytes = nil, nil
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"client":"192.0.2.1","user":null,"at":"2026-03-10T13:55:36Z","method":"GET","path":"/index.html","protocol":"HTTP/1.1",` +
		`"status":200,"bytes":null,"referrer":"http://example.com/","agent":"curl/8.5","line":0,"source":""}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzParse: Parse never panics, and what it lets through can be encoded, is UTF-8
// and comes back.
func FuzzParse(f *testing.F) {
	f.Add([]byte(plain))
	for _, e := range composed(f, 300) {
		if len(e.line) < 1000 {
			f.Add([]byte(e.line))
		}
	}
	schema := avro.MustParse(Schema)
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		want, err := Parse(line)
		if !bytes.Equal(before, line) {
			t.Fatal("Parse changed its line")
		}
		if err != nil {
			if want != (View{}) || !utf8.ValidString(err.Error()) {
				t.Fatalf("refused, yet %+v, %q", want, err)
			}
			return
		}
		b, err := schema.Encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		var got View
		if _, err := schema.Decode(b, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("-want +got\n%s", d)
		}
		if _, err := json.Marshal(want); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{want.Client, want.Method, want.Path, want.Protocol, want.Agent} {
			if !utf8.ValidString(s) {
				t.Fatalf("%q is not UTF-8", s)
			}
		}
		for _, s := range []*string{want.User, want.Referrer} {
			if s != nil && !utf8.ValidString(*s) {
				t.Fatalf("%q is not UTF-8", *s)
			}
		}
	})
}
