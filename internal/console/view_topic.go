package console

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The pages of one topic: a head and one of its tabs.

func topicPage() *page {
	return made(topicTab("", text("cursor")), func(a address) []question {
		return []question{asking[topicDetail]("topic", topicAPI(a)+a.api("limit", "100"))}
	}, func(a address, d answers, asOf time.Time) []part {
		return topicParts(a, d, asOf, partitionsPanel)
	})
}

func topicConfigsPage() *page {
	return made(topicTab("configs", configParams()...), oneTopic, func(a address, d answers, asOf time.Time) []part {
		return topicParts(a, d, asOf, func(a address, d answers, asOf time.Time) []part {
			p := of[topicDetail](d, "topic")
			return []part{filter(a, "Setting contains"), configsPanel(a, d, "topic", p.Data.Configs, asOf)}
		})
	})
}

func topicGroupsPage() *page {
	return made(topicTab("groups"), oneTopic, func(a address, d answers, asOf time.Time) []part {
		return topicParts(a, d, asOf, readersPanel)
	})
}

func topicProducersPage() *page {
	return made(topicTab("producers"), func(a address) []question {
		return append(oneTopic(a), asking[producerList]("producers", topicAPI(a)+"/producers"))
	}, func(a address, d answers, asOf time.Time) []part {
		return topicParts(a, d, asOf, producersPanel)
	})
}

func topicTab(tab string, params ...param) page {
	p := page{route: "/ui/c/{cluster}/topics/{topic}", section: "Topics", live: true, params: params}
	p.title = func(a address) string { return short(a.vars["topic"], 60) }
	if tab != "" {
		p.route += "/" + tab
		p.title = func(a address) string { return short(a.vars["topic"], 60) + ": " + tab }
	}
	return p
}

func topicAPI(a address) string {
	return apiPath("clusters", a.vars["cluster"], "topics", a.vars["topic"])
}

// oneTopic asks for a topic without its partitions, which are many.
func oneTopic(a address) []question {
	return []question{asking[topicDetail]("topic", topicAPI(a)+"?limit=1")}
}

func topicParts(a address, d answers, asOf time.Time, tab func(address, answers, time.Time) []part) []part {
	p := of[topicDetail](d, "topic")
	if d.missing() {
		return []part{nothing("There is no such topic", p.Err)}
	}
	t := p.Data.topicRow
	v := titleView{frame: frame{Title: short(a.vars["topic"], 80)}, Full: a.vars["topic"], Tabs: topicTabs(a)}
	if p.Err != "" {
		v.Trouble = stale("Topic", p.Err, p.At)
	}
	if !p.At.IsZero() {
		s := topicState(t)
		v.Badge = &s
		if n := topicNote(t); n != "" {
			v.Lines = []string{n + map[bool]string{true: "", false: " partitions"}[t.Error != ""]}
		}
		v.Facts = []fact{{"Partitions", num(t.Partitions)}, {"Replicas", num(t.Replication)}, {"Records", num(t.Records)}, {"Records/s", rated(t.RecordsPerSecond)},
			{"Size", sized(t.Bytes)}, {"Bytes/s", sizedRate(t.BytesPerSecond)}, {"Groups", num(int64(len(p.Data.Readers)))}}
		v.Links = topicChanges(a)
	}
	return append([]part{v.part()}, tab(a, d, asOf)...)
}

// topicTabs are the pages below a topic's, as far as this weir has them.
func topicTabs(a address) (out []navView) {
	base := "/ui/c/{cluster}/topics/{topic}"
	for _, tab := range []struct{ route, text string }{{base, "Partitions"}, {base + "/records", "Records"}, {base + "/configs", "Configs"},
		{base + "/groups", "Groups"}, {base + "/producers", "Producers"}} {
		if p := pageAt(tab.route); p != nil {
			out = append(out, navView{Href: address{page: p, vars: a.vars}.String(), Text: tab.text, Current: a.page.route == tab.route})
		}
	}
	return out
}

// topicChanges lead to the plans of what can be changed.
func topicChanges(a address) (out []linkView) {
	for _, to := range []linkView{{"settings", "Change settings"}, {"grow", "Add partitions"}, {"delete", "Delete"}} {
		out = append(out, linkView{uiPath("c", a.vars["cluster"], "topics", a.vars["topic"], to.Href), to.Text})
	}
	return out
}

// pageAt finds a page by its route; nil: this weir has none.
func pageAt(route string) *page {
	all := pages()
	if i := slices.IndexFunc(all, func(p *page) bool { return p.route == route }); i >= 0 {
		return all[i]
	}
	return nil
}

func partitionsPanel(a address, d answers, asOf time.Time) []part {
	f, p := framed[topicDetail](d, "topic", "Partitions", asOf)
	v := panelView{frame: f, Pager: pager(a, len(p.Data.Rows), p.Data.listed, "partition")}
	v.Trouble = ""
	v.Grid.Cols = []column{plainCol("Partition"), plainCol("State"), numCol("Leader"), plainCol("Replicas"), plainCol("In sync"),
		numCol("Start"), numCol("End"), numCol("Records"), numCol("Size")}
	minISR := 0
	for _, c := range p.Data.Configs {
		if c.Name == "min.insync.replicas" {
			minISR, _ = strconv.Atoi(c.Value)
		}
	}
	for _, r := range p.Data.Rows {
		st := partitionState(r, minISR)
		leader := cell{Text: "none", Mark: "bad"}
		if r.Leader >= 0 {
			leader = cell{Text: fmt.Sprint(r.Leader), Href: uiPath("c", a.vars["cluster"], "brokers", fmt.Sprint(r.Leader))}
		}
		sync := cell{Text: ids(r.ISR)}
		if len(r.ISR) < len(r.Replicas) {
			sync.Mark = "warn"
		}
		records := int64(-1)
		if r.Start >= 0 && r.End >= 0 {
			records = r.End - r.Start
		}
		note := short(r.Error, 80)
		if note == "" && r.Stale {
			note = "from an earlier look"
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{{Text: fmt.Sprint(r.ID)}, {Badge: &st, Note: note}, leader, {Text: ids(r.Replicas)},
			sync, {Text: known(r.Start)}, {Text: known(r.End)}, {Text: known(records)}, sized(r.Bytes)})
	}
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		v.Empty = "No partitions are known."
	}
	return []part{v.part()}
}

func partitionState(r partitionRow, minISR int) badge {
	switch {
	case r.Leader < 0:
		return badge{"offline", "lost"}
	case len(r.ISR) < minISR:
		return badge{"under min ISR", "duplicated"}
	case len(r.ISR) < len(r.Replicas):
		return badge{"under-replicated", "late"}
	case r.Error != "":
		return badge{"unknown", "unknown"}
	}
	return badge{"ok", "complete"}
}

// ids writes broker ids, a long row of them cut.
func ids(l []int32) string {
	s := make([]string, 0, 12)
	for i, id := range l {
		if i == 10 {
			s = append(s, fmt.Sprintf("and %d more", len(l)-i))
			break
		}
		s = append(s, fmt.Sprint(id))
	}
	return cmp.Or(strings.Join(s, ", "), "none")
}

// configsPanel shows the settings that somebody has set, or all, or those that are
// looked for.
func configsPanel(a address, d answers, name string, configs []configRow, asOf time.Time) part {
	f := frame{ID: name + "-configs", Title: "Configs"}
	f.age = ageLine(f.ID, d.byName[name].At, asOf, d.byName[name].path)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Setting"), {Label: "Value", Wide: true}, plainCol("Source"), {Label: "Meaning", Wide: true}}}, Class: "configs"}
	rows := slices.Clone(configs)
	slices.SortStableFunc(rows, func(x, y configRow) int {
		return cmp.Or(cmp.Compare(configRank(x), configRank(y)), cmp.Compare(x.Name, y.Name))
	})
	set, all := int64(0), a.get("all") == "1" || a.get("contains") != ""
	for _, c := range rows {
		if !c.IsDefault {
			set++
		}
		if !has(c.Name, a.get("contains")) || c.IsDefault && !all {
			continue
		}
		value := named(c.Value, 120, "")
		if c.Sensitive {
			value = cell{Text: "not shown", Mark: "zero"}
		}
		source := cell{Text: short(c.Source, 30), Mark: zero(c.IsDefault)}
		if c.ReadOnly {
			source.Note = "read-only"
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(c.Name, 80, ""), value, source, named(c.Documentation, 140, "")})
	}
	v.Sum = plural(int64(len(rows)), "setting") + ", " + number(set) + " not at the default"
	switch {
	case len(v.Grid.Rows) == 0 && !all && len(rows) > 0:
		v.Empty = "All settings are at their defaults."
	case len(v.Grid.Rows) == 0:
		v.Empty = none(a, "settings")
	}
	if a.get("all") == "1" {
		v.More = &linkView{a.with("all", "").String(), "only those that are set"}
	} else if !all {
		v.More = &linkView{a.with("all", "1").String(), "show all"}
	}
	return v.part()
}

func configParams() []param { return []param{text("contains"), oneOf("all", "0", "1")} }

func configRank(c configRow) int {
	i := slices.Index([]string{"topic", "broker", "cluster", "static"}, c.Source)
	if i < 0 || c.IsDefault {
		return 9
	}
	return i
}

func readersPanel(a address, d answers, asOf time.Time) []part {
	f, p := framed[topicDetail](d, "topic", "Groups that have offsets here", asOf)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Group"), numCol("Lag")}}}
	v.Trouble = ""
	rows := slices.Clone(p.Data.Readers)
	slices.SortStableFunc(rows, on(func(r reader) int64 { return -r.Lag }))
	for _, g := range rows {
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(g.Group, 80, uiPath("c", a.vars["cluster"], "groups", g.Group)), num(g.Lag)})
	}
	v.Sum = plural(int64(len(rows)), "group")
	if len(rows) == 0 && p.Err == "" {
		v.Empty = "No group has committed an offset of this topic."
	}
	return []part{v.part()}
}

func producersPanel(a address, d answers, asOf time.Time) []part {
	f, p := framed[producerList](d, "producers", "Producers and transactions", asOf)
	v := panelView{frame: f, Grid: grid{Cols: []column{numCol("Partition"), plainCol("Transaction"), numCol("Producer id"), numCol("Epoch"), numCol("Last sequence"), plainCol("Last record (UTC)")}}}
	for _, x := range p.Data.Producers {
		tx := cell{Text: "none open", Mark: "zero"}
		if x.TransactionStart >= 0 {
			tx = cell{Badge: &badge{"open", "open"}, Note: "since offset " + number(x.TransactionStart)}
		}
		last := cell{Text: "–", Mark: "zero"}
		if !x.LastTime.IsZero() {
			last = cell{Text: second(x.LastTime.Time)}
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{{Text: fmt.Sprint(x.Partition)}, tx, {Text: fmt.Sprint(x.ProducerID)}, {Text: known(x.Epoch)}, {Text: known(x.LastSequence)}, last})
	}
	v.Sum = plural(int64(len(v.Grid.Rows)), "producer")
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		v.Empty = "No idempotent or transactional producer is known to the brokers."
	}
	return []part{v.part()}
}
