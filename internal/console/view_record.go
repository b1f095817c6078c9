package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// How a record is shown: in a list, and on its own page.

const (
	fieldInList = 4 << 10   // bytes of a field that a list shows
	fieldAlone  = 256 << 10 // and a record's own page
	previewMax  = 120       // characters of a field in a row
)

// recordView is a record with all of its parts.
type recordView struct {
	ID, Href, At, Time, Ago, Size string
	Kind                          *badge // what it is, if it is not simply a record
	KeyText, ValueText            string // one line each
	Key, Value                    fieldView
	Headers                       grid
	HeadersNote                   string
}

// fieldView is a key or a value. ID names it on its page.
type fieldView struct {
	ID, Label, Kind, Text, Note, Download string
	Attempts                              []string // which decoders did not take it, and why
	Undecoded                             bool     // and so none did
}

// viewRecord shows at most max bytes of each field.
func viewRecord(a address, r recordInfo, asOf time.Time, max int) recordView {
	at := fmt.Sprintf("%d/%d", r.Partition, r.Offset)
	v := recordView{ID: fmt.Sprintf("r-%d-%d", r.Partition, r.Offset), Href: recordPath(a, r), At: at, Time: millis(r.Time.Time), Size: size(r.Size),
		Kind: recordKind(r), KeyText: preview(r.Key), ValueText: preview(r.Value)}
	if !r.Time.IsZero() {
		v.Ago = ago(asOf.Sub(r.Time.Time)) + " before this page"
	}
	bytesOf := apiPath("clusters", a.vars["cluster"], "topics", a.vars["topic"], "records", fmt.Sprint(r.Partition), fmt.Sprint(r.Offset))
	v.Key, v.Value = viewField("Key", v.ID, r.Key, max, bytesOf+"/key"), viewField("Value", v.ID, r.Value, max, bytesOf+"/value")
	v.Headers = grid{Cols: []column{{Label: "Header"}, {Label: "Value", Wide: true}, plainCol("Format")}}
	for _, h := range r.Headers {
		value := named(visible(h.Value.Text), 300, "")
		if h.Value.Null {
			value = cell{Text: "null", Mark: "zero"}
		}
		v.Headers.Rows = append(v.Headers.Rows, []cell{named(visible(h.Key), 80, ""), value, {Text: short(visible(h.Value.Format), 20), Note: size(h.Value.Bytes)}})
	}
	if r.HeadersCut > 0 {
		v.HeadersNote = plural(r.HeadersCut, "more header") + " not shown"
	}
	return v
}

func recordPath(a address, r recordInfo) string {
	return uiPath("c", a.vars["cluster"], "topics", a.vars["topic"], "records", fmt.Sprint(r.Partition), fmt.Sprint(r.Offset))
}

func recordKind(r recordInfo) *badge {
	switch {
	case r.Control:
		return &badge{"control", "open"}
	case r.Value.Null:
		return &badge{"no value", "late"}
	}
	return nil
}

func viewField(label, id string, f fieldInfo, max int, download string) fieldView {
	v := fieldView{ID: id + "-" + strings.ToLower(label), Label: label, Kind: kindOf(f), Text: pretty(f), Undecoded: f.Format == "hex"}
	for _, at := range f.Attempts {
		v.Attempts = append(v.Attempts, "not "+short(at.Decoder, 30)+": "+short(at.Error, 300))
	}
	if f.Null {
		return v
	}
	v.Download = download
	if len(v.Text) > max {
		v.Text, f.Truncated = strings.ToValidUTF8(v.Text[:max], ""), true
	}
	if f.Truncated {
		v.Note = "The first " + size(int64(len(v.Text))) + " of its text; it has " + size(f.Bytes) + " in all."
	}
	return v
}

// kindOf says how a field was decoded.
func kindOf(f fieldInfo) string {
	if f.Null {
		return "null"
	}
	s := short(visible(f.Format), 20)
	if f.SchemaID > 0 {
		s += fmt.Sprintf(", schema %d", f.SchemaID)
		if f.Subject != "" {
			s += " of " + short(visible(f.Subject), 60)
		}
	}
	return s + ", " + size(f.Bytes)
}

// pretty is a field's text with JSON set out in lines.
func pretty(f fieldInfo) string {
	if f.Format == "json" || f.Format == "avro" || f.Format == "weir" || f.Format == "kafka" {
		var b bytes.Buffer
		if t := strings.TrimSpace(f.Text); (strings.HasPrefix(t, "{") || strings.HasPrefix(t, "[")) && json.Indent(&b, []byte(t), "", "  ") == nil {
			return visible(b.String())
		}
	}
	return visible(f.Text)
}

// visible replaces what one does not see, or what turns the direction of the text
// around it, by what says so.
func visible(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r < 0x20:
			b.WriteRune(0x2400 + r)
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			fmt.Fprintf(&b, "[U+%04X]", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// preview is the beginning of a field in one line.
func preview(f fieldInfo) string {
	if f.Null {
		return "null"
	}
	s := f.Text
	if len(s) > 4*previewMax+100 {
		s = strings.ToValidUTF8(s[:4*previewMax+100], "")
	}
	r := []rune(strings.Join(strings.Fields(visible(s)), " "))
	switch {
	case len(r) > previewMax:
		return string(r[:previewMax-1]) + "…"
	case f.Truncated || len(s) < len(f.Text):
		return string(r) + "…"
	case len(r) == 0:
		return "empty"
	}
	return string(r)
}

func millis(t time.Time) string {
	if t.IsZero() {
		return "no time"
	}
	return t.UTC().Format("2 Jan 2006 15:04:05.000")
}

// recordGrid lists records in rows that lead to their pages.
func recordGrid(a address, records []recordInfo) grid {
	g := grid{Cols: []column{plainCol("Record"), {Label: "Time (UTC)", Wide: true}, {Label: "Key", Wide: true}, {Label: "Value", Wide: true}, numCol("Size")}}
	for _, r := range records {
		g.Rows = append(g.Rows, []cell{{Text: fmt.Sprintf("%d/%d", r.Partition, r.Offset), Href: recordPath(a, r)}, {Text: millis(r.Time.Time)},
			{Text: preview(r.Key), Mark: zero(r.Key.Null)}, {Text: preview(r.Value), Badge: recordKind(r)}, sized(r.Size)})
	}
	return g
}

// recordPageOf is one record with a stable link.
func recordPageOf() *page {
	p := made(page{
		route: "/ui/c/{cluster}/topics/{topic}/records/{partition}/{offset}", section: "Topics", params: []param{decoders()},
		clean: func(vars map[string]string) error {
			for _, name := range []string{"partition", "offset"} {
				n, err := strconv.ParseInt(vars[name], 10, map[string]int{"partition": 32, "offset": 64}[name])
				if err != nil || n < 0 {
					return errors.New("a record's address ends in its partition and its offset, two numbers")
				}
				vars[name] = fmt.Sprint(n)
			}
			return nil
		},
		title: func(a address) string {
			return short(a.vars["topic"], 60) + " " + a.vars["partition"] + "/" + a.vars["offset"]
		},
	}, func(a address) []question {
		return []question{reading[recordInfo]("record", topicAPI(a)+"/records/"+a.vars["partition"]+"/"+a.vars["offset"]+withQuery("", "decoder", a.get("decoder")))}
	}, recordParts)
	return p
}

func recordParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[recordInfo](d, "record", "Record "+a.vars["partition"]+"/"+a.vars["offset"], asOf)
	head := titleView{frame: f, Full: a.vars["topic"], Lines: []string{"of " + short(a.vars["topic"], 80)}, Links: around(a)}
	if d.missing() {
		head.Trouble, head.Empty = "", p.Err
		head.age = ""
		return []part{head.part()}
	}
	if p.At.IsZero() {
		return []part{head.part()}
	}
	r := p.Data
	v := viewRecord(a, r, asOf, fieldAlone)
	head.Badge = v.Kind
	when := cell{Text: v.Time, Full: v.Ago, Note: map[string]string{"append": "when the broker appended it", "create": "by its producer"}[r.TimeType]}
	head.Facts = []fact{{"Time (UTC)", when}, {"Size", sized(r.Size)}, {"Headers", num(int64(len(r.Headers)) + r.HeadersCut)},
		{"Transaction", cell{Text: map[bool]string{true: "written in one", false: "none"}[r.Transactional]}}}
	return []part{head.part(), {id: "record", template: "record-alone", view: v}}
}

// around leads to the offsets around a record, and to the records from it on.
func around(a address) (out []linkView) {
	offset, _ := strconv.ParseInt(a.vars["offset"], 10, 64)
	at := func(o int64) string {
		return uiPath("c", a.vars["cluster"], "topics", a.vars["topic"], "records", a.vars["partition"], fmt.Sprint(o))
	}
	if offset > 0 {
		out = append(out, linkView{at(offset - 1), "‹ Offset before"})
	}
	if offset < 1<<62 {
		out = append(out, linkView{at(offset + 1), "Offset after ›"})
	}
	all := uiPath("c", a.vars["cluster"], "topics", a.vars["topic"], "records")
	return append(out, linkView{withQuery(all, "begin", "offset", "at", a.vars["offset"], "partition", a.vars["partition"]), "List from here"})
}
