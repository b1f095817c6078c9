package console

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// eventsPage is what happened, as all systems tell it.
func eventsPage() *page {
	return made(page{
		route: "/ui/events", label: "Events", nav: true, section: "Events", live: true,
		params: []param{text("cluster"), text("kind"), text("from"), text("to")},
		title:  func(address) string { return "Events" },
	}, func(a address) []question {
		return eventQuestions(0, place(a.get("from")), place(a.get("to")))
	}, eventsParts)
}

// eventsPerPage bounds a page; events of one instant are not torn apart.
const eventsPerPage = 100

type eventsForm struct {
	Action, Cluster, Kind, From, To, Clear string
}

func eventsParts(a address, d answers, asOf time.Time) []part {
	v := eventsPanel(d, asOf)
	events, older := mergedEvents(d, a)
	v.Grid = eventGrid(events)
	v.Sum = "newest first"
	if a.get("to") != "" {
		v.Pager.First = a.with("to", "").String()
	}
	if !older.IsZero() {
		v.Pager.Next = a.with("to", older.UTC().Format(time.RFC3339Nano)).String()
	}
	form := eventsForm{Action: a.bare().String(), Cluster: a.get("cluster"), Kind: a.get("kind"), From: a.get("from"), To: a.get("to")}
	if len(a.query) > 0 {
		form.Clear = a.bare().String()
	}
	if len(events) == 0 && v.Trouble == "" && len(v.Problems) == 0 {
		switch v.Empty = "Nothing has happened yet."; {
		case !older.IsZero():
			v.Empty = "None of the newest events is like that; the next page has older ones."
		case form.Clear != "":
			v.Empty = "No event is like that."
		}
	}
	return []part{titleView{frame: frame{Title: "Events"}, Lines: []string{"What was seen to change in the clusters since weir started, every change that was made through weir, what was seen of the schema registry, and the windows that audit holds to be lost, duplicated, unknown or late, at their end."}}.part(),
		{id: "filter", template: "events-form", view: form}, v.part()}
}

// eventsPanel makes the frame around events of all systems: as old as the oldest
// answer. A system that fails is named; one that tells no events is not missed.
func eventsPanel(d answers, asOf time.Time) panelView {
	f := frame{ID: "events", Title: "Events"}
	var at time.Time
	for _, system := range eventSystems {
		p := of[eventList](d, "events-"+system)
		if !p.At.IsZero() && (at.IsZero() || p.At.Before(at)) {
			at = p.At
		}
		if p.Err != "" {
			f.Problems = append(f.Problems, stale("Events of "+system, p.Err, p.At))
		}
	}
	f.age = ageLine("events", at, asOf, d.byName["events-"+eventSystems[0]].path)
	return panelView{frame: f, Class: "steady"}
}

// mergedEvents is a page of what the systems tell, the newest first, and the time
// before which to go on, zero if that is all. A system tells a bounded number: below
// the oldest that it told nothing of the others is shown yet, so none is passed over.
func mergedEvents(d answers, a address) (out []eventInfo, older time.Time) {
	for _, system := range eventSystems {
		l := of[eventList](d, "events-"+system).Data
		if n := len(l.Events); l.More && n > 0 && l.Events[n-1].At.After(older) {
			older = l.Events[n-1].At
		}
		for _, e := range l.Events {
			if same := a.get("cluster"); (same == "" || e.Cluster == same) && strings.Contains(e.Kind, a.get("kind")) {
				out = append(out, e)
			}
		}
	}
	newestFirst(out)
	out = slices.DeleteFunc(out, func(e eventInfo) bool { return e.At.Before(older) })
	if len(out) > eventsPerPage {
		last := out[eventsPerPage-1].At
		if i := slices.IndexFunc(out, func(e eventInfo) bool { return e.At.Before(last) }); i > 0 {
			out, older = out[:i], last
		}
	}
	return out, older
}

func newestFirst(es []eventInfo) {
	slices.SortStableFunc(es, func(x, y eventInfo) int { return y.At.Compare(x.At) })
}

func eventGrid(es []eventInfo) grid {
	g := grid{Cols: []column{plainCol("When (UTC)"), plainCol("Severity"), plainCol("Kind"), plainCol("Cluster"), {Label: "What", Wide: true}}}
	for _, e := range es {
		b := badge{e.Severity, severityClass(e.Severity)}.orUnknown()
		when := cell{Text: second(e.At)}
		if e.End != nil && e.End.Sub(e.At) >= time.Second {
			when.Note = "for " + ago(e.End.Sub(e.At))
		}
		g.Rows = append(g.Rows, []cell{when, {Badge: &b}, named(e.Kind, 40, ""), named(e.Cluster, 30, clusterLink(e.Cluster)), named(e.Text, 160, pageLink(e.Link))})
	}
	return g
}

// addresses are what a command's --bootstrap names instead of a cluster of weir's.
var addresses = regexp.MustCompile(`:[0-9]+$`)

func clusterLink(name string) string {
	if name == "" || addresses.MatchString(name) {
		return ""
	}
	return uiPath("c", name)
}

// pageLink lets through links to pages only.
func pageLink(s string) string {
	if s == "/ui" || strings.HasPrefix(s, "/ui/") {
		return s
	}
	return ""
}

// severityClass is the colour and shape of a severity; a strange one is unknown's.
func severityClass(s string) string {
	return cmp.Or(map[string]string{"info": "open", "warning": "late", "error": "lost"}[s], "unknown")
}

// spans are how much of the time a strip shows, and how far its ends move at once: it
// is drawn anew only then.
var spans = map[string]struct{ length, step time.Duration }{
	"hour": {time.Hour, time.Minute}, "day": {24 * time.Hour, 15 * time.Minute},
}

func spanParam() param { return oneOf("span", "hour", "day") }

// recentEvents asks for what a strip shows.
func recentEvents(a address) []question {
	s := spans[a.get("span")]
	return eventQuestions(s.length+s.step, "", "")
}

// stripView is the last hour or day as an axis with a mark per event, and the newest
// of them as a table.
type stripView struct {
	panelView
	Label string
	Spans []navView
	Ticks []tick
	Marks []mark
}

type tick struct {
	X    string // per cent
	Text string
}

// mark is an event, or several of one severity that would cover each other.
type mark struct {
	X, Y, Class, Title string
	Width              string // of what lasted so long that one can see it
}

const (
	stripRows  = 10  // of the table
	stripSlots = 200 // places along the axis
)

// strip shows the events of one cluster, or with "" of all. Without any system that
// tells events there is none.
func strip(a address, d answers, cluster string, asOf time.Time) []part {
	if !slices.ContainsFunc(eventSystems, func(system string) bool { return !of[eventList](d, "events-"+system).Data.silent }) {
		return nil
	}
	s := spans[a.get("span")]
	to := asOf.UTC().Truncate(s.step).Add(s.step)
	from := to.Add(-s.length)
	v := stripView{panelView: eventsPanel(d, asOf)}
	var events []eventInfo
	for _, system := range eventSystems {
		for _, e := range of[eventList](d, "events-"+system).Data.Events {
			if (cluster == "" || e.Cluster == cluster) && !e.At.Before(from) && e.At.Before(to) {
				events = append(events, e)
			}
		}
	}
	newestFirst(events)
	v.Marks, v.Ticks = marks(events, from, s.length), ticks(from, s.length)
	v.Label = fmt.Sprintf("%s from %s to %s UTC, the newest of which are in the table below", plural(int64(len(events)), "event"), hourMin(from), hourMin(to))
	for _, name := range []string{"hour", "day"} {
		v.Spans = append(v.Spans, navView{Href: a.with("span", name).String(), Text: "Last " + name, Current: a.get("span") == name})
	}
	v.Grid = eventGrid(events[:min(len(events), stripRows)])
	v.Sum = plural(int64(len(events)), "event")
	all := address{page: pageAt("/ui/events")}.with("cluster", cluster)
	v.More = &linkView{all.String(), "All events"}
	if len(events) == 0 && len(v.Problems) == 0 {
		v.Empty = "Nothing has happened in the last " + a.get("span") + "."
	}
	return []part{{id: v.ID, template: "events-strip", view: v, age: v.age}}
}

// marks places events on the axis, those of a severity in a row of their own.
func marks(es []eventInfo, from time.Time, length time.Duration) (out []mark) {
	type place struct {
		slot  int
		class string
	}
	at := map[place]int{}
	count := map[int]int64{}
	for _, e := range es {
		x := float64(e.At.Sub(from)) / float64(length)
		class := severityClass(e.Severity)
		p := place{int(x * stripSlots), class}
		i, taken := at[p]
		if !taken {
			i = len(out)
			at[p] = i
			out = append(out, mark{X: percent(x), Class: class, Y: map[string]string{"lost": "4", "late": "26", "unknown": "26", "open": "48"}[class],
				Title: hourMin(e.At) + " " + plain(short(e.Text, 120))})
		}
		count[i]++
		if e.End != nil {
			if w := min(float64(e.End.Sub(e.At))/float64(length), 1-x); w > 1./stripSlots {
				out[i].Width = percent(w)
			}
		}
	}
	for i := range out {
		if n := count[i]; n > 1 {
			out[i].Title += " and " + number(n-1) + " more"
		}
	}
	return out
}

func ticks(from time.Time, length time.Duration) (out []tick) {
	every := length / 6
	for t := from.Truncate(every).Add(every); t.Before(from.Add(length)); t = t.Add(every) {
		out = append(out, tick{percent(float64(t.Sub(from)) / float64(length)), hourMin(t)})
	}
	return out
}

func percent(f float64) string { return fmt.Sprintf("%.2f%%", f*100) }
