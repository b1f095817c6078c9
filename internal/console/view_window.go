package console

import (
	"context"
	"errors"
	"time"
)

// windowPage is the page of one window of the audit.
func windowPage() *page {
	return &page{
		route: "/ui/audit/{topic}/{start}", section: "Audit", live: true,
		clean: func(vars map[string]string) error {
			start, err := time.Parse(time.RFC3339, vars["start"])
			if err != nil {
				return errors.New("the address of a window ends in its start, as in 2015-05-17T10:00:00Z")
			}
			vars["start"] = stamp(start)
			return nil
		},
		title: func(a address) string { return windowTitle(a.start()) + " · " + short(a.vars["topic"], 40) },
		twin: func(a address) string {
			return topicPath(a.vars["topic"]) + "/windows/" + a.vars["start"]
		},
		load: func(ctx context.Context, api api, a address, now time.Time) content {
			return api.window(ctx, a.vars["topic"], a.start(), now)
		},
		parts: func(a address, n content, asOf time.Time) []part {
			return windowParts(a.vars["topic"], a.start(), n.(windowData), asOf)
		},
	}
}

// start is that of a window; the page has checked it.
func (a address) start() time.Time {
	t, _ := time.Parse(time.RFC3339, a.vars["start"])
	return t
}

const maxRanges = 200

type windowView struct {
	Topic      string
	TopicHref  string
	Title      string // "17 May 2015 10:00 to 10:10 UTC"
	Missing    string // why there is no window to show
	Trouble    string // why the numbers are not fresh
	Verdict    verdict
	Numbers    string
	River      []tierView
	Pairs      []pairView
	Ranges     []rangeView
	RangesNote string
	Revision   string
	Prev, Next *linkView
}

type linkView struct{ Href, Text string }

type pairView struct {
	From, To         string
	Verdict          verdict
	Lost, Duplicated string
	Cause            string
}

type rangeView struct {
	Tier                       string
	Partition, From, To, Count string
}

func windowTitle(start time.Time) string {
	end := start.Add(windowLength)
	return minute(start) + " to " + hourMin(end) + " UTC"
}

func viewWindow(topic string, start time.Time, d windowData) windowView {
	v := windowView{Topic: topic, TopicHref: auditPath(topic, false), Title: windowTitle(start)}
	p := d.Window
	switch {
	case p.NotFound && p.At.IsZero():
		v.Missing = "There is no such window: " + short(p.Err, 200)
		return v
	case p.Err != "" && p.At.IsZero():
		v.Missing = stale("Window", p.Err, p.At)
		return v
	case p.Err != "":
		v.Trouble = stale("Window", p.Err, p.At)
	}
	w := p.Data
	v.Verdict = verdictOf(w.Verdict)
	v.Numbers = lostAndDuplicated(w.Lost, w.Duplicated)
	v.Revision = number(w.Revision)
	v.River = windowRiver(w)
	for _, p := range w.Pairs {
		v.Pairs = append(v.Pairs, pairView{From: p.From, To: p.To, Verdict: verdictOf(p.Verdict),
			Lost: number(p.Lost), Duplicated: number(p.Duplicated), Cause: p.Cause})
	}
	for _, r := range w.Ranges[:min(len(w.Ranges), maxRanges)] {
		v.Ranges = append(v.Ranges, rangeView{Tier: r.Tier, Partition: number(int64(r.Partition)),
			From: number(r.From), To: number(r.To), Count: number(r.To - r.From)})
	}
	v.RangesNote = rangesNote(w)
	v.Prev, v.Next = neighbours(topic, start, d.Neighbours)
	return v
}

// windowRiver draws the tiers in the order in which the pairs chain them. Tiers
// that no pair names are not on the way, so they are not drawn.
func windowRiver(w windowInfo) []tierView {
	var out []tierView
	for i, p := range w.Pairs {
		if i == 0 {
			out = append(out, tierView{Name: p.From, Count: count(w.Counts, p.From)})
		}
		out = append(out, tierView{Name: p.To, Count: count(w.Counts, p.To), Edge: &edgeView{
			From: p.From, To: p.To, Verdict: verdictOf(p.Verdict), Numbers: lostAndDuplicated(p.Lost, p.Duplicated)}})
	}
	return out
}

func rangesNote(w windowInfo) string {
	switch {
	case len(w.Ranges) > maxRanges:
		return "The first " + number(maxRanges) + " of " + number(int64(len(w.Ranges))) + " ranges; the API has them all."
	case len(w.Ranges) > 0:
		return ""
	case w.Lost == 0 && w.Duplicated == 0:
		return "None: no record of this window is known to be lost or duplicated."
	case w.Ranges == nil && causes(w) != "":
		return "Not named: " + causes(w) + "."
	default:
		return "Not named yet: both tiers are being read again to find the records."
	}
}

// neighbours finds the nearest windows before and after start.
func neighbours(topic string, start time.Time, ws []windowInfo) (prev, next *linkView) {
	for _, w := range ws {
		link := &linkView{Href: windowPath(topic, w.Start), Text: minute(w.Start)}
		if w.Start.Before(start) {
			prev = link
		}
		if w.Start.After(start) && next == nil {
			next = link
		}
	}
	return prev, next
}
