package console

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	windowLength = 10 * time.Minute
	maxDrawn     = 8  // topics with a river of their own; the others are links
	maxRows      = 20 // rows of a table before "all windows"
	sparse       = 36 // up to so many windows a day, a phone wraps the day; above, it scrolls
)

// auditPage is the audit of all topics, or of one.
func auditPage() *page {
	return &page{
		route: "/ui/audit", label: "Audit", nav: true, section: "Audit", live: true,
		params: []param{text("topic"), oneOf("all", "0", "1")},
		title:  func(address) string { return "Audit" },
		twin: func(a address) string {
			if t := a.get("topic"); t != "" {
				return topicPath(t) + "/windows"
			}
			return "/api/v1/audit/topics"
		},
		load: func(ctx context.Context, api api, a address, now time.Time) content {
			return api.audit(ctx, a.get("topic"), now)
		},
		parts: func(a address, n content, asOf time.Time) []part {
			return auditParts(n.(auditData), a.get("topic"), a.get("all") == "1", asOf)
		},
	}
}

// tierView is a tier in a river, with the edge that leads to it (nil: the first).
type tierView struct {
	Name  string
	Count string
	Edge  *edgeView
}

type edgeView struct {
	From, To string
	Verdict  verdict
	Numbers  string // "7 lost, 5 duplicated", "" if none
	Extent   string // "lost in 1 of 84 windows", "all 84 windows"
}

type topicView struct {
	ID        string
	Name      string
	Href      string
	Verdict   verdict
	Windows   int64
	Records   string
	River     []tierView
	Trouble   string // why the numbers are not fresh
	Legend    []legendView
	Days      []dayView
	Wrap      bool
	Attention tableView
	Latest    tableView
}

type legendView struct {
	Verdict verdict
	Count   string
	None    bool
}

type dayView struct {
	Name  string
	Note  string
	Hours []string
	Cells []cellView
}

type cellView struct {
	Href    string
	Verdict verdict
	Label   string // "17 May 2015 10:00 UTC, complete, 117 records"
	Time    string // "10:00"
	Hour    int    // 0..23, its column
	Slot    int    // 0..5, its row
}

type tableView struct {
	ID    string
	Title string
	Tiers []string
	Rows  []rowView
	Note  string
	More  string // address of all rows, "" if these are all
	Less  string // address of the first rows, when all are shown
	Cause bool   // has a column for the cause
}

type rowView struct {
	Href       string
	When       string
	Counts     []string
	Verdict    verdict
	Lost       string
	Duplicated string
	Cause      string
}

// drawnTopics picks the topics that get a river and names the others.
func drawnTopics(all []topicInfo, only string) (drawn, others []topicInfo) {
	for _, t := range all {
		if len(drawn) < maxDrawn && (only == "" || t.Topic == only) {
			drawn = append(drawn, t)
		} else {
			others = append(others, t)
		}
	}
	return drawn, others
}

func auditPath(topic string, all bool) string {
	q := url.Values{}
	if topic != "" {
		q.Set("topic", topic)
	}
	if all {
		q.Set("all", "1")
	}
	if len(q) == 0 {
		return "/ui/audit"
	}
	return "/ui/audit?" + q.Encode()
}

func windowPath(topic string, start time.Time) string {
	return "/ui/audit/" + url.PathEscape(topic) + "/" + stamp(start)
}

// viewTopic makes the fragments' view of one topic. Windows are ascending.
func viewTopic(t topicInfo, ws panel[[]windowInfo], all bool) topicView {
	id := idOf(t.Topic)
	v := topicView{
		ID: id, Name: t.Topic, Href: auditPath(t.Topic, false),
		Verdict: verdictOf(t.Verdict), Windows: int64(t.Windows),
		River:  river(t.Tiers, t.Counts, ws.Data),
		Legend: legend(t.Verdicts),
		Days:   days(ws.Data),
		Wrap:   true,
		Attention: tableView{ID: id + "-attention", Title: "Not complete",
			Tiers: t.Tiers, Cause: true},
		Latest: tableView{ID: id + "-latest", Title: "Latest windows", Tiers: t.Tiers},
	}
	if len(t.Tiers) > 0 {
		v.Records = plural(t.Counts[t.Tiers[0]], "record")
	}
	if ws.Err != "" {
		v.Trouble = stale("Windows", ws.Err, ws.At)
	}
	for _, d := range v.Days {
		v.Wrap = v.Wrap && len(d.Cells) <= sparse
	}

	var bad []windowInfo
	for _, w := range ws.Data {
		if w.Verdict != "complete" {
			bad = append(bad, w)
		}
	}
	slices.SortStableFunc(bad, func(a, b windowInfo) int {
		return cmp.Compare(verdictOf(a.Verdict).rank, verdictOf(b.Verdict).rank)
	})
	newest := slices.Clone(ws.Data)
	slices.Reverse(newest)
	v.Attention.fill(t.Topic, bad, all)
	v.Latest.fill(t.Topic, newest, all)
	switch {
	case len(ws.Data) == 0:
		v.Attention.Note, v.Latest.Note = "No windows yet.", "No windows yet."
	case len(bad) == 0 && len(ws.Data) == 1:
		v.Attention.Note = "None: the only window is complete."
	case len(bad) == 0:
		v.Attention.Note = "None: all " + plural(int64(len(ws.Data)), "window") + " are complete."
	}
	return v
}

func (t *tableView) fill(topic string, ws []windowInfo, all bool) {
	if len(ws) > maxRows {
		if all {
			t.Less = auditPath(topic, false) + "#" + t.ID
		} else {
			t.More = auditPath(topic, true) + "#" + t.ID
			t.Note = fmt.Sprintf("%d of %s.", maxRows, plural(int64(len(ws)), "window"))
			ws = ws[:maxRows]
		}
	}
	for _, w := range ws {
		r := rowView{Href: windowPath(topic, w.Start), When: minute(w.Start), Verdict: verdictOf(w.Verdict),
			Lost: number(w.Lost), Duplicated: number(w.Duplicated), Cause: causes(w)}
		for _, tier := range t.Tiers {
			r.Counts = append(r.Counts, count(w.Counts, tier))
		}
		t.Rows = append(t.Rows, r)
	}
}

// count tells a tier that counted nothing from one that has not been counted.
func count(counts map[string]int64, tier string) string {
	n, ok := counts[tier]
	if !ok {
		return "–"
	}
	return number(n)
}

func causes(w windowInfo) string {
	var out []string
	for _, p := range w.Pairs {
		if p.Cause != "" && !slices.Contains(out, p.Cause) {
			out = append(out, p.Cause)
		}
	}
	return short(strings.Join(out, "; "), 160)
}

// river joins the tiers by edges; an edge carries the worst verdict that the
// windows have for it.
func river(tiers []string, counts map[string]int64, ws []windowInfo) []tierView {
	out := make([]tierView, len(tiers))
	for i, tier := range tiers {
		out[i] = tierView{Name: tier, Count: count(counts, tier)}
		if i > 0 {
			out[i].Edge = edge(tiers[i-1], tier, ws)
		}
	}
	return out
}

func edge(from, to string, ws []windowInfo) *edgeView {
	e := &edgeView{From: from, To: to, Verdict: verdictOf("open"), Extent: "no windows yet"}
	var lost, duplicated int64
	found := map[string]int64{}
	n := int64(0)
	for _, w := range ws {
		for _, p := range w.Pairs {
			if p.From != from || p.To != to {
				continue
			}
			v := verdictOf(p.Verdict)
			if n == 0 {
				e.Verdict = v
			}
			e.Verdict = worse(e.Verdict, v)
			found[v.Word]++
			lost += p.Lost
			duplicated += p.Duplicated
			n++
		}
	}
	if n > 0 {
		e.Extent = fmt.Sprintf("%s in %s of %s", e.Verdict.Word, number(found[e.Verdict.Word]), plural(n, "window"))
		if found[e.Verdict.Word] == n {
			e.Extent = "all " + plural(n, "window")
		}
		if n == 1 {
			e.Extent = "the only window"
		}
	}
	e.Numbers = lostAndDuplicated(lost, duplicated)
	return e
}

func lostAndDuplicated(lost, duplicated int64) string {
	var s []string
	if lost > 0 {
		s = append(s, number(lost)+" lost")
	}
	if duplicated > 0 {
		s = append(s, number(duplicated)+" duplicated")
	}
	return strings.Join(s, ", ")
}

// legend names all verdicts, worst last: what is well comes first to the eye.
func legend(counts map[string]int) []legendView {
	var out []legendView
	for _, v := range slices.Backward(verdicts) {
		n := counts[v.Word]
		out = append(out, legendView{Verdict: v, Count: number(int64(n)), None: n == 0})
	}
	return out
}

// days lays the windows out by day, hours as columns and ten minutes as rows.
func days(ws []windowInfo) []dayView {
	var out []dayView
	bad := int64(0)
	for i, w := range ws {
		start := w.Start.UTC()
		if i == 0 || day(start) != day(ws[i-1].Start) {
			out = append(out, dayView{Name: start.Format("Mon 2 Jan 2006")})
			bad = 0
		}
		d := &out[len(out)-1]
		v := verdictOf(w.Verdict)
		d.Cells = append(d.Cells, cellView{
			Href: windowPath(w.Topic, start), Verdict: v, Label: cellLabel(w, v), Time: hourMin(start),
			Hour: start.Hour(), Slot: start.Minute() / 10,
		})
		if v.Word != "complete" {
			bad++
		}
		d.Note = plural(int64(len(d.Cells)), "window")
		if bad > 0 {
			d.Note += ", " + number(bad) + " not complete"
		}
	}
	return out
}

// cellLabel says all of a cell in words. The records are those of its fullest
// tier: a lost window must not look empty.
func cellLabel(w windowInfo, v verdict) string {
	most := int64(0)
	for _, n := range w.Counts {
		most = max(most, n)
	}
	s := fmt.Sprintf("%s UTC, %s, %s", minute(w.Start), v.Word, plural(most, "record"))
	if n := lostAndDuplicated(w.Lost, w.Duplicated); n != "" {
		s += ", " + n
	}
	return s
}

type viewsView struct {
	Trouble string
	Views   []viewView
}

type viewView struct {
	At, Coordinates       string
	Client, Method        string
	Path, FullPath        string
	Status, StatusKind    string
	Bytes                 string
	Referrer, FullReferer string
	Agent, FullAgent      string
}

func viewViews(p panel[[]pageView]) viewsView {
	var out viewsView
	if p.Err != "" {
		out.Trouble = stale("Page views", p.Err, p.At)
	}
	for _, v := range p.Data {
		o := viewView{
			At: second(v.At), Coordinates: fmt.Sprintf("partition %d, offset %s", v.Partition, number(v.Offset)),
			Client: short(v.Client, 40), Method: short(v.Method, 12),
			Path: short(v.Path, 64), FullPath: v.Path,
			Status: fmt.Sprint(v.Status), StatusKind: "fine", Bytes: "–", Referrer: "–", Agent: "–",
		}
		if v.Status >= 400 {
			o.StatusKind = "bad"
		}
		if v.Bytes != nil {
			o.Bytes = plural(*v.Bytes, "byte")
		}
		if v.Referrer != nil {
			o.Referrer, o.FullReferer = short(*v.Referrer, 56), *v.Referrer
		}
		if v.Agent != nil {
			o.Agent, o.FullAgent = short(*v.Agent, 72), *v.Agent
		}
		out.Views = append(out.Views, o)
	}
	return out
}
