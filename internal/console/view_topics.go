package console

import "time"

// topicsPage is the list of a cluster's topics.
func topicsPage() *page {
	return made(page{
		route: "/ui/c/{cluster}/topics", label: "Topics", nav: true, section: "Topics", live: true,
		params: append(listParams("name", "records", "bytes", "rate", "bytes_rate", "partitions", "groups"), oneOf("internal", "true", "false")),
		title:  func(address) string { return "Topics" },
	}, func(a address) []question {
		return []question{asking[topicList]("topics", apiPath("clusters", a.vars["cluster"], "topics")+a.api("limit", "100"))}
	}, topicsParts)
}

func topicsParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[topicList](d, "topics", "Topics", asOf)
	if d.missing() {
		return []part{nothing("There is no such cluster", p.Err)}
	}
	c := a.vars["cluster"]
	f.Title = "Topics of " + short(c, 40)
	v := panelView{frame: f, Pager: pager(a, len(p.Data.Topics), p.Data.listed, "topic")}
	s := sorter{a}
	v.Grid = grid{Sort: true, Cols: []column{s.by("name", "Topic", false), plainCol("State"), s.by("partitions", "Partitions", true), numCol("Replicas"),
		s.by("records", "Records", true), s.by("rate", "Records/s", true), s.by("bytes", "Size", true), s.by("bytes_rate", "Bytes/s", true), s.by("groups", "Groups", true)}}
	for _, t := range p.Data.Topics {
		st := topicState(t)
		name := named(t.Name, 60, uiPath("c", c, "topics", t.Name))
		if t.Internal {
			name.Note = "internal"
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{name, {Badge: &st, Note: topicNote(t)}, num(t.Partitions), num(t.Replication), num(t.Records),
			rated(t.RecordsPerSecond), sized(t.Bytes), sizedRate(t.BytesPerSecond), num(t.Groups)})
	}
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		v.Empty = none(a, "topics")
	}
	hide := navView{Href: a.with("internal", "false", "cursor", "").String(), Text: "hide internal topics"}
	if a.get("internal") == "false" {
		hide = navView{Href: a.with("internal", "", "cursor", "").String(), Text: "show internal topics"}
	}
	return []part{titleView{frame: frame{Title: "Topics"}, Links: []linkView{{uiPath("c", c, "create-topic"), "Create a topic"}}}.part(), filter(a, "Topic contains", hide), v.part()}
}

// topicState is the worst that a topic's partitions are in.
func topicState(t topicRow) badge {
	switch {
	case t.Offline > 0:
		return badge{"offline", "lost"}
	case t.UnderMinISR > 0:
		return badge{"under min ISR", "duplicated"}
	case t.UnderReplicated > 0:
		return badge{"under-replicated", "late"}
	case t.Error != "":
		return badge{"unknown", "unknown"}
	}
	return badge{"ok", "complete"}
}

func topicNote(t topicRow) string {
	switch {
	case t.Error != "":
		return short(t.Error, 80)
	case t.Offline > 0:
		return number(t.Offline) + " of " + number(t.Partitions)
	case t.UnderMinISR > 0:
		return number(t.UnderMinISR) + " of " + number(t.Partitions)
	case t.UnderReplicated > 0:
		return number(t.UnderReplicated) + " of " + number(t.Partitions)
	}
	return ""
}
