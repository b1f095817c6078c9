package demo

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The built-in log is Generate(w, BuiltinSeed, BuiltinLines).
const (
	BuiltinSeed  = 1
	BuiltinLines = 10_000
)

// Truth is what a generated log holds, known from making it.
type Truth struct {
	Lines, Records int64
	Unparsed       []int64         // line numbers, from 1
	Windows        map[int64]int64 // start of a ten-minute window, ms since the epoch -> records
}

// Generate writes the access log of a site with servers in several zones over two
// days, 10 and 11 March 2026 UTC: quiet nights, busy days, one rush on each day,
// a few clients and pages that make most of the requests, one line in forty that
// is odd but parses, and 17 that don't. Lines stand in the order in which requests
// ended but tell when they began, as in real logs. It needs 17 lines or more.
func Generate(w io.Writer, seed uint64, lines int) (Truth, error) {
	entries, err := compose(seed, lines)
	if err != nil {
		return Truth{}, err
	}
	truth := Truth{Windows: map[int64]int64{}}
	for _, e := range entries {
		if _, err := io.WriteString(w, e.line+"\n"); err != nil {
			return Truth{}, fmt.Errorf("writing generated log: %w", err)
		}
		truth.Lines++
		if e.view == nil {
			truth.Unparsed = append(truth.Unparsed, truth.Lines)
			continue
		}
		truth.Records++
		truth.Windows[Window(e.view.At, 10*time.Minute)]++
	}
	return truth, nil
}

// entry is a line of the log and what it must parse to: nil for not at all.
type entry struct {
	line string
	view *View
}

func compose(seed uint64, lines int) ([]entry, error) {
	bad := unparsable()
	if lines < len(bad) {
		return nil, fmt.Errorf("generating a log of %d lines: at least %d are needed", lines, len(bad))
	}
	s := newSite(seed)
	visits := make([]visit, lines-len(bad))
	for i := range visits {
		switch {
		case i%500 == 499: // real logs repeat lines byte for byte
			visits[i] = visits[i-1]
		default:
			visits[i] = s.visit()
			if i%40 == 39 {
				oddities[i/40%len(oddities)](&visits[i])
			}
		}
	}
	slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.end, b.end) })
	entries := make([]entry, 0, lines)
	for i := range visits {
		entries = append(entries, entry{visits[i].String(), &visits[i].view})
	}
	step := lines / len(bad)
	for i, line := range bad { // in ascending order, so that the earlier ones stay where they are
		entries = slices.Insert(entries, i*step+s.dice.below(step), entry{line: line})
	}
	return entries, nil
}

// visit is a request in the making: the view, and how the log writes it.
type visit struct {
	view                     View
	ident                    string
	zone                     int    // seconds east of UTC
	end                      int64  // when it ended, in seconds since the epoch: its place in the log
	request, referrer, agent string // between the quotes, as the log has them
	tail                     string // what follows the agent: its closing quote
}

func (v *visit) String() string {
	user, size := "-", "-"
	if v.view.User != nil {
		user = *v.view.User
	}
	if v.view.Bytes != nil {
		size = strconv.FormatInt(*v.view.Bytes, 10)
	}
	at := v.view.At.In(time.FixedZone("", v.zone)).Format(timeLayout)
	return fmt.Sprintf(`%s %s %s [%s] "%s" %03d %s "%s" "%s%s`,
		v.view.Client, v.ident, user, at, v.request, v.view.Status, size, v.referrer, v.agent, v.tail)
}

// asks sets the request to one that a parser keeps whole.
func (v *visit) asks(raw, path string, status int) {
	v.request, v.view.Method, v.view.Path, v.view.Protocol = raw, "", path, ""
	v.view.Status, v.view.Bytes = status, nil
}

func (v *visit) isBy(raw, agent string)    { v.agent, v.view.Agent = raw, agent }
func (v *visit) isFrom(raw, source string) { v.referrer, v.view.Referrer = raw, &source }
func (v *visit) isOf(user string)          { v.view.User = &user }

var longAgent = strings.Repeat("Mozilla/4.0 (compatible; Examplebot/1.0) ", 250)

// oddities are the odd lines that parse; each occurs in turn.
var oddities = []func(*visit){
	func(v *visit) { v.isBy(`Say \"friend\" \\ and\enter`, `Say "friend" \ and\enter`) },
	func(v *visit) { v.isBy(`ends in a backslash \\`, `ends in a backslash \`) },
	func(v *visit) { v.isBy("Caf\xe9/1.0 \xff\xfe", `Caf\xe9/1.0 \xff\xfe`) },
	func(v *visit) { v.isBy("Бродяга/1.0 (世界)", "Бродяга/1.0 (世界)") },
	func(v *visit) { v.isBy(longAgent, longAgent) },
	func(v *visit) { v.isBy("-", "-") },
	func(v *visit) { v.isBy("", "") },
	func(v *visit) { v.tail = "" },
	func(v *visit) { v.tail = `"  ` },
	func(v *visit) { v.tail = "\"\r" },
	func(v *visit) { v.asks("-", "-", 408) },
	func(v *visit) { v.asks("", "", 400) },
	func(v *visit) { v.asks("GET /", "GET /", 200) },
	func(v *visit) { v.asks(`\x16\x03\x01\x02`, `\x16\x03\x01\x02`, 400) },
	func(v *visit) { v.asks(`GET /a \"b\" c.pdf HTTP/1.1`, `GET /a "b" c.pdf HTTP/1.1`, 404) },
	func(v *visit) { v.isFrom("http://\xef\xf0\xe8\xec\xe5\xf0/", `http://\xef\xf0\xe8\xec\xe5\xf0/`) },
	func(v *visit) { v.isFrom("", "") },
	func(v *visit) { v.isFrom(`https://search.example/?q=\"weir\"`, `https://search.example/?q="weir"`) },
	func(v *visit) { v.isOf("zoë@example.com") },
	func(v *visit) { v.ident = "unix-user" },
	func(v *visit) { v.zone = 14 * 3600 },
	func(v *visit) { v.zone = -12 * 3600 },
}

// unparsable returns the lines that must not parse, each for another reason.
func unparsable() []string {
	return []string{
		``,
		`198.51.100.7 - - [10/Mar/2026:00:12:4`,
		`[Tue Mar 10 04:12:41 2026] [error] [client 198.51.100.7] File does not exist: /srv/www/robots.txt`,
		`198.51.100.7 - - [30/Feb/2026:06:10:00 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
		`198.51.100.7 - - [10/Mai/2026:07:10:00 +0200] "GET / HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
		`198.51.100.7 - - [10/Mar/2026:25:10:00 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
		`198.51.100.7 - - [10/Mar/2026:09:10:00 +9999] "GET / HTTP/1.1" 200 512 "-" "curl/8.5.0"`,
		`198.51.100.7 - - [10/Mar/2026:10:10:00 +0000] "GET / HTTP/1.1" 99 512 "-" "curl/8.5.0"`,
		`198.51.100.7 - - [10/Mar/2026:11:10:00 +0000] "GET / HTTP/1.1" 1000 512 "-" "curl/8.5.0"`,
		`198.51.100.7 - - [10/Mar/2026:12:10:00 +0000] "GET / HTTP/1.1" 200 9223372036854775808 "-" "curl/8.5.0"`,
		`198.51.100.7 - - [10/Mar/2026:13:10:00 +0000] "GET / HTTP/1.1" 200 -1 "-" "curl/8.5.0"`,
		`198.51.100.7 - - [10/Mar/2026:14:10:00 +0000] "GET / HTTP/1.1" 200 512`,
		`198.51.100.7 - - [10/Mar/2026:15:10:00 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8.5.0" 0.031`,
		`198.51.100.7 - - [10/Mar/2026:16:10:00 +0000] "GET / HTTP/1.1 200 512 - curl/8.5.0`,
		`{"remote_addr":"198.51.100.7","time":"2026-03-11T17:10:00Z","request":"GET / HTTP/1.1","status":200}`,
		"\x00\x00\x00\x00\xde\xad\xbe\xef",
		`198.51.100.7 - - [11/Mar/2026:20:10:00 +0000] "GET / HTTP/1.1" 200 512 "-" "` + strings.Repeat("x", MaxLine) + `"`,
	}
}

// site draws visits. Everything is integers: floating point differs between
// machines, in the last bit.
type site struct {
	dice                              dice
	windows, clients, pages, statuses odds
}

var (
	firstDay = time.Date(2026, time.March, 10, 0, 0, 0, 0, time.UTC)
	// hours weighs the hours of a day. The rushes are many times the load of other
	// windows and unlike each other: which windows are the fullest is beyond doubt.
	hours = []int{3, 1, 0, 0, 1, 4, 12, 30, 55, 80, 95, 100, 92, 96, 100, 97, 90, 78, 60, 48, 40, 30, 18, 8}
	rush  = map[int]int{24*6 + 11*6 + 2: 4, 15*6 + 4: 3} // ten-minute window -> times its load

	zones    = []int{0, 2 * 3600, -(7*3600 + 1800), 5*3600 + 1800}
	codes    = []int{200, 304, 404, 301, 206, 500, 403, 416}
	networks = []string{"192.0.2", "198.51.100", "203.0.113"} // RFC 5737
	sections = []string{"articles", "people", "jobs", "images", "files"}
	subjects = []string{"kafka", "rivers", "weirs", "mirrors", "audits", "offsets", "windows", "lakes"}
	agents   = []string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15",
		"Mozilla/5.0 (compatible; Examplebot/2.1; +https://www.example.com/bot.html)",
		"curl/8.5.0",
	}
)

func newSite(seed uint64) *site {
	s := &site{
		dice:     dice{rand.NewPCG(seed, 0)},
		clients:  zipf(600),
		pages:    zipf(200),
		statuses: oddsOf(8, func(i int) int { return []int{880, 50, 25, 20, 10, 5, 5, 5}[i] }),
	}
	s.windows = oddsOf(2*24*6, func(i int) int { return hours[i/6%24] * max(1, rush[i]) })
	return s
}

func (s *site) visit() visit {
	client, page := s.dice.pick(s.clients), s.dice.pick(s.pages)
	second := 600*s.dice.pick(s.windows) + s.dice.below(600)
	v := visit{ident: "-", zone: zones[client%len(zones)], agent: agents[client%len(agents)], tail: `"`, referrer: "-"}
	v.view = View{
		Client: clientName(client), At: firstDay.Add(time.Duration(second) * time.Second),
		Method: "GET", Path: pagePath(page), Protocol: "HTTP/1.1", Status: codes[s.dice.pick(s.statuses)], Agent: v.agent,
	}
	v.end = v.view.At.Unix() + int64(s.dice.below(4))
	switch s.dice.below(50) {
	case 0:
		v.view.Method = "HEAD"
	case 1:
		v.view.Method = "POST"
	case 2:
		v.isOf("user" + strconv.Itoa(client))
	case 3: // a download over a slow line
		v.end += int64(s.dice.below(30))
	}
	v.request = v.view.Method + " " + v.view.Path + " " + v.view.Protocol
	if size := int64(200 + page*7919%60_000 + s.dice.below(50)); v.view.Status != 304 && v.view.Method != "HEAD" {
		v.view.Bytes = &size
	}
	switch s.dice.below(5) {
	case 0, 1:
		from := "https://www.example.com" + pagePath(s.dice.pick(s.pages))
		v.isFrom(from, from)
	case 2:
		from := "https://search.example/?q=" + subjects[s.dice.below(len(subjects))] + "+" + subjects[page%len(subjects)]
		v.isFrom(from, from)
	}
	return v
}

func clientName(rank int) string {
	switch rank % 7 {
	case 5:
		return fmt.Sprintf("2001:db8::%x", rank)
	case 6:
		return fmt.Sprintf("host-%d.example.net", rank)
	}
	return fmt.Sprintf("%s.%d", networks[rank%3], rank/3+1)
}

func pagePath(rank int) string {
	if rank < 3 {
		return []string{"/", "/style.css", "/favicon.ico"}[rank]
	}
	return fmt.Sprintf("/%s/%s-%d", sections[rank%len(sections)], subjects[rank%len(subjects)], rank)
}

// dice is a PCG-DXSM and nothing else of math/rand: what rand.Rand makes of a
// source may change with Go, the source itself may not.
type dice struct{ *rand.PCG }

// below returns a number in [0, n); that n doesn't divide 2^64 is no matter here.
func (d dice) below(n int) int { return int(d.Uint64() % uint64(n)) }

// pick returns an index of o.
func (d dice) pick(o odds) int {
	i, _ := slices.BinarySearch(o, 1+d.below(o[len(o)-1]))
	return i
}

// odds are weights, summed up from the first.
type odds []int

func oddsOf(n int, weight func(i int) int) odds {
	o, sum := make(odds, n), 0
	for i := range o {
		sum += weight(i)
		o[i] = sum
	}
	return o
}

func zipf(n int) odds { return oddsOf(n, func(rank int) int { return 1_000_000 / (rank + 1) }) }
