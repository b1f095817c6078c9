package console

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The message browser: the tab of a topic that shows what is in it, and the page
// that follows it.

func decoders() param { return oneOf("decoder", "auto", "text", "json", "avro", "hex") }

func limits() param {
	return param{name: "limit", def: "50", want: "a number from 1 to 500", valid: func(s string) bool {
		n, err := strconv.Atoi(s)
		return err == nil && n >= 1 && n <= 500
	}}
}

// recordsPage is a page of records. It is not live: who reads wants that it stays.
func recordsPage() *page {
	tab := topicTab("records", oneOf("begin", "end", "start", "time", "offset"), text("at"), digitsParam("partition"), limits(), decoders(), longText("cursor"))
	tab.live, tab.label = false, "Records"
	p := made(tab, func(a address) []question {
		return append(oneTopic(a), reading[recordPage]("records", recordsPath(a)),
			reading[histogramInfo]("histogram", topicAPI(a)+"/histogram?buckets=48"))
	}, func(a address, d answers, asOf time.Time) []part {
		return topicParts(a, d, asOf, recordsPanels)
	})
	p.twin = recordsPath
	return p
}

func recordsPath(a address) string {
	return withQuery(topicAPI(a)+"/records", "from", beginning(a), "partition", a.get("partition"), "limit", a.get("limit"), "decoder", a.get("decoder"), "cursor", a.get("cursor"))
}

// beginning is where the API is asked to begin.
func beginning(a address) string {
	switch begin := a.get("begin"); begin {
	case "time", "offset":
		if at := place(a.get("at")); at != "" {
			return at
		}
		return map[string]string{"time": "no time", "offset": "no offset"}[begin] // the API says how to write one
	default:
		return begin
	}
}

// followPage shows the newest records anew each second. It polls what is newest, so
// it costs the same however fast the topic is.
func followPage() *page {
	tab := topicTab("follow", digitsParam("partition"), param{name: "limit", def: "25", want: "a number from 1 to 100", valid: func(s string) bool {
		n, err := strconv.Atoi(s)
		return err == nil && n >= 1 && n <= 100
	}}, decoders())
	path := func(a address) string {
		return withQuery(topicAPI(a)+"/records", "from", "end", "partition", a.get("partition"), "limit", a.get("limit"), "decoder", a.get("decoder"))
	}
	p := made(tab, func(a address) []question {
		return append(oneTopic(a), reading[recordPage]("records", path(a)))
	}, func(a address, d answers, asOf time.Time) []part {
		return topicParts(a, d, asOf, func(a address, d answers, asOf time.Time) []part {
			f, p := framed[recordPage](d, "records", "The newest records, as they come", asOf)
			v := panelView{frame: f, Grid: recordGrid(a, p.Data.Records), Class: "stream"}
			v.Sum = "newest first, read anew each second while this tab is seen"
			back := pageAt("/ui/c/{cluster}/topics/{topic}/records")
			v.More = &linkView{address{page: back, vars: a.vars, query: a.query}.with("limit", "").String(), "stop"}
			if len(p.Data.Records) == 0 && p.Err == "" {
				v.Empty = "There are no records yet: the first that comes is shown."
			}
			return []part{v.part()}
		})
	})
	p.twin = path
	return p
}

// browseView is the form that says which records are shown.
type browseView struct {
	Action, At, Partition, Limit string
	Begins, Decoders             []choice
	Follow                       string
	Search                       searchForm
}

type choice struct {
	Value, Text string
	Chosen      bool
}

func choices(chosen string, pairs ...string) (out []choice) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, choice{pairs[i], pairs[i+1], pairs[i] == chosen})
	}
	return out
}

func decoderChoices(chosen string) []choice {
	return choices(chosen, "auto", "by itself", "text", "as text", "json", "as JSON", "avro", "as Avro", "hex", "as hex")
}

func recordsPanels(a address, d answers, asOf time.Time) []part {
	follow := address{page: pageAt("/ui/c/{cluster}/topics/{topic}/follow"), vars: a.vars}.with("partition", a.get("partition"), "decoder", a.get("decoder"))
	b := browseView{Action: a.bare().String(), At: a.get("at"), Partition: a.get("partition"), Limit: a.get("limit"), Follow: follow.String(),
		Begins:   choices(a.get("begin"), "end", "newest first", "start", "oldest first", "time", "from a time", "offset", "from an offset"),
		Decoders: decoderChoices(a.get("decoder")), Search: newSearchForm(a)}
	b.Search.Limit = "" // that of the list is another
	return []part{{id: "browse", template: "browse", view: b}, recordsPanel(a, d, asOf), histogramPanel(a, d, asOf)}
}

// recordsView is a list of records that open where they stand.
type recordsView struct {
	frame
	Rows  []recordView
	Pager pagerView
	Next  string // the pager's words
}

func recordsPanel(a address, d answers, asOf time.Time) part {
	f, p := framed[recordPage](d, "records", "Records", asOf)
	v := recordsView{frame: f}
	for _, r := range p.Data.Records {
		v.Rows = append(v.Rows, viewRecord(a, r, asOf, fieldInList))
	}
	held := int64(0)
	for _, r := range p.Data.Ranges {
		held += r.End - r.Start
	}
	order := map[string]string{"newest": "newest first", "oldest": "oldest first"}[p.Data.Order]
	if !p.At.IsZero() {
		v.Sum = plural(int64(len(v.Rows)), "record") + ", " + order + ", of about " + number(held)
	}
	if a.get("cursor") != "" {
		v.Pager.First = a.with("cursor", "").String()
	}
	if v.Next = "Older records ›"; p.Data.Order == "oldest" {
		v.Next = "Newer records ›"
	}
	if p.Data.Next != "" && !p.Data.AtEnd {
		v.Pager.Next = a.with("cursor", p.Data.Next).String()
	}
	if len(v.Rows) == 0 && p.Err == "" {
		if v.Empty = "There are no records here."; held == 0 {
			v.Empty = "The topic is empty, as far as its partitions answer."
		}
	}
	return part{id: "records", template: "records", view: v, age: v.age}
}

// histogramView is records over time as bars, and as a table for who does not see
// them.
type histogramView struct {
	frame
	Bars     []barView
	From, To string
	Most     string
	Grid     grid
}

type barView struct {
	X, Y, W, H int
	Text       string
	None       bool
}

// The drawing's own units.
const (
	histogramWidth  = 960
	histogramHeight = 80
)

func histogramPanel(a address, d answers, asOf time.Time) part {
	f, p := framed[histogramInfo](d, "histogram", "Records over time", asOf)
	v := histogramView{frame: f, Grid: grid{Cols: []column{plainCol("From (UTC)"), plainCol("To (UTC)"), numCol("Records")}}}
	h := p.Data
	most := int64(1)
	for _, b := range h.Buckets {
		most = max(most, b.Records)
	}
	n := len(h.Buckets)
	for i, b := range h.Buckets {
		x := i * histogramWidth / n
		tall := int(b.Records * histogramHeight / most)
		if b.Records > 0 {
			tall = max(2, tall)
		}
		at := a.with("begin", "time", "at", b.From.UTC().Format(time.RFC3339), "cursor", "").String()
		v.Bars = append(v.Bars, barView{X: x, Y: histogramHeight - tall, W: max(1, (i+1)*histogramWidth/n-x-2), H: tall,
			Text: second(b.From.Time) + " UTC: " + plural(b.Records, "record"), None: b.Records == 0})
		v.Grid.Rows = append(v.Grid.Rows, []cell{{Text: millis(b.From.Time), Href: at}, {Text: millis(b.To.Time)}, num(b.Records)})
	}
	if n > 0 {
		v.From, v.To, v.Most = second(h.Buckets[0].From.Time), second(h.Buckets[n-1].To.Time), number(most)
		if v.Sum = "exact: " + h.Why; !h.Exact {
			v.Sum = "about: " + h.Why
		}
		v.Sum = short(v.Sum, 220)
	} else if p.Err == "" {
		v.Empty = "No record, so no time."
	}
	return part{id: "histogram", template: "histogram", view: v, age: v.age}
}

// partitionsOf reads the one partition that an address names, nil for all.
func partitionsOf(a address) []int32 {
	n, err := strconv.ParseInt(a.get("partition"), 10, 32)
	if err != nil {
		return nil
	}
	return []int32{int32(n)}
}

// HeaderRows are the rows of the table of headers.
func (v recordView) HeaderRows() template.HTML { return v.Headers.Body() }

// caret points at the place in an expression that an error of it names.
func caret(expression, err string) string {
	var line, col int
	i := strings.Index(err, "line ")
	if i < 0 {
		return ""
	}
	if _, e := fmt.Sscanf(err[i:], "line %d, column %d", &line, &col); e != nil {
		return ""
	}
	lines := strings.Split(expression, "\n")
	if line < 1 || line > len(lines) || col < 1 {
		return ""
	}
	before := []rune(visible(lines[line-1]))
	before = before[:min(col-1, len(before))]
	at := slices.Repeat([]rune{' '}, len(before))
	return visible(lines[line-1]) + "\n" + string(at) + "^ here"
}
