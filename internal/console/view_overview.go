package console

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// overviewPage is all clusters, the worst first.
func overviewPage() *page {
	return made(page{
		route: "/ui", label: "Overview", nav: true, section: "Overview", live: true,
		params: []param{text("contains"), oneOf("sort", "health", "name", "brokers", "topics", "partitions", "under_replicated", "under_min_isr", "offline", "records", "rate", "bytes"), oneOf("order", "asc", "desc"), spanParam()},
		title:  func(address) string { return "Overview" },
	}, func(a address) []question {
		return append([]question{asking[clusterList]("clusters", apiPath("clusters")), asking[auditSummary]("audit", apiPath("audit", "topics"))}, recentEvents(a)...)
	}, overviewParts)
}

type auditSummary struct {
	Topics []topicInfo `json:"topics"`
}

func overviewParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[clusterList](d, "clusters", "Clusters", asOf)
	head := titleView{frame: frame{Title: "Overview"}, Facts: overviewFacts(p.Data.Clusters)}
	v := panelView{frame: f, Grid: clusterGrid(a, p.Data.Clusters)}
	v.Sum = plural(int64(len(v.Grid.Rows)), "cluster")
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		v.Empty = none(a, "clusters")
	}
	parts := []part{head.part()}
	if len(p.Data.Clusters) > 10 || a.get("contains") != "" {
		parts = append(parts, filter(a, "Cluster contains"))
	}
	parts = append(parts, v.part())
	if au := of[auditSummary](d, "audit"); !au.NotFound {
		parts = append(parts, auditPanel(d, asOf))
	}
	return append(parts, strip(a, d, "", asOf)...)
}

func overviewFacts(cs []clusterRow) []fact {
	var t clusterRow
	t.RecordsPerSecond, t.BytesPerSecond = -1, -1
	degraded := int64(0)
	for _, c := range cs {
		t.Brokers += c.Brokers
		t.BrokersDown += c.BrokersDown
		t.Topics += c.Topics
		t.Partitions += c.Partitions
		t.UnderReplicated += c.UnderReplicated
		t.UnderMinISR += c.UnderMinISR
		t.Offline += c.Offline
		t.RecordsPerSecond = plus(t.RecordsPerSecond, c.RecordsPerSecond)
		t.BytesPerSecond = plus(t.BytesPerSecond, c.BytesPerSecond)
		if healthOf(c).Word != "ok" {
			degraded++
		}
	}
	clusters := fact{"Clusters", num(int64(len(cs)))}
	if degraded > 0 {
		clusters.Note = number(degraded) + " not ok"
	}
	return append([]fact{clusters}, clusterFacts(t)...)
}

// plus adds b to a where it is known.
func plus(a, b float64) float64 {
	if b < 0 {
		return a
	}
	return max(a, 0) + b
}

// clusterFacts are the numbers of one cluster, or of the sum of several.
func clusterFacts(c clusterRow) []fact {
	brokers := num(c.Brokers)
	if c.BrokersDown > 0 {
		brokers.Note, brokers.Mark = number(c.BrokersDown)+" down", "bad"
	}
	return []fact{
		{"Brokers", brokers}, {"Topics", num(c.Topics)}, {"Partitions", num(c.Partitions)},
		{"Under-replicated", should(c.UnderReplicated, "warn")}, {"Under min ISR", should(c.UnderMinISR, "bad")}, {"Offline", should(c.Offline, "bad")},
		{"Records/s", rated(c.RecordsPerSecond)}, {"Bytes/s", sizedRate(c.BytesPerSecond)},
	}
}

var healths = []string{"down", "degraded", "unknown", "ok"} // worst first

func healthOf(c clusterRow) badge {
	return badge{Word: c.Health, Class: map[string]string{"ok": "complete", "degraded": "late", "down": "lost"}[c.Health]}.orUnknown()
}

// orUnknown dresses a word that the page does not know.
func (b badge) orUnknown() badge {
	if b.Word = short(b.Word, 24); b.Word == "" {
		b.Word = "unknown"
	}
	if b.Class == "" {
		b.Class = "unknown"
	}
	return b
}

func clusterGrid(a address, cs []clusterRow) grid {
	rank := func(c clusterRow) int { return slices.Index(healths, healthOf(c).Word) }
	cs = arrange(a, cs, func(c clusterRow) string { return c.Name }, map[string]func(x, y clusterRow) int{
		"health": on(rank), "brokers": on(func(c clusterRow) int64 { return c.Brokers }),
		"topics": on(func(c clusterRow) int64 { return c.Topics }), "partitions": on(func(c clusterRow) int64 { return c.Partitions }),
		"under_replicated": on(func(c clusterRow) int64 { return c.UnderReplicated }), "under_min_isr": on(func(c clusterRow) int64 { return c.UnderMinISR }),
		"offline": on(func(c clusterRow) int64 { return c.Offline }), "records": on(func(c clusterRow) float64 { return c.RecordsPerSecond }),
		"rate": on(func(c clusterRow) float64 { return c.BytesPerSecond }), "bytes": on(func(c clusterRow) int64 { return c.Bytes }),
	})
	s := sorter{a}
	g := grid{Sort: true, Cols: []column{s.by("name", "Cluster", false), s.by("health", "Health", false), s.by("brokers", "Brokers", true),
		s.by("topics", "Topics", true), s.by("partitions", "Partitions", true), s.by("under_replicated", "Under-replicated", true),
		s.by("under_min_isr", "Under min ISR", true), s.by("offline", "Offline", true), s.by("records", "Records/s", true), s.by("rate", "Bytes/s", true), s.by("bytes", "Size", true)}}
	for _, c := range cs {
		name := named(c.Name, 40, uiPath("c", c.Name))
		name.Note = clusterKind(c)
		h := healthOf(c)
		health := cell{Badge: &h, Note: reasons(c)}
		brokers := num(c.Brokers)
		if c.BrokersDown > 0 {
			brokers = cell{Text: number(c.Brokers-c.BrokersDown) + " of " + number(c.Brokers), Mark: "bad"}
		}
		g.Rows = append(g.Rows, []cell{name, health, brokers, num(c.Topics), num(c.Partitions), should(c.UnderReplicated, "warn"),
			should(c.UnderMinISR, "bad"), should(c.Offline, "bad"), rated(c.RecordsPerSecond), sizedRate(c.BytesPerSecond), sized(c.Bytes)})
	}
	return g
}

func clusterKind(c clusterRow) string {
	var s []string
	if c.Home {
		s = append(s, "home")
	}
	if c.Embedded {
		s = append(s, "embedded")
	}
	if c.Datacenter != "" {
		s = append(s, short(c.Datacenter, 20))
	}
	return strings.Join(s, ", ")
}

// reasons says in short why a cluster is not ok, and how old its numbers are if
// they are old.
func reasons(c clusterRow) string {
	s := short(cmp.Or(strings.Join(c.Reasons, "; "), c.Error), 90)
	if age := time.Duration(c.AgeMillis) * time.Millisecond; age > staleAfter {
		s = strings.TrimPrefix(s+"; numbers "+ago(age)+" old", "; ")
	}
	return s
}

// auditPanel is the audit in short: each topic with its verdict, the worst first.
func auditPanel(d answers, asOf time.Time) part {
	f, p := framed[auditSummary](d, "audit", "Audit", asOf)
	ts := slices.Clone(p.Data.Topics)
	slices.SortStableFunc(ts, func(x, y topicInfo) int { return cmp.Compare(verdictOf(x.Verdict).rank, verdictOf(y.Verdict).rank) })
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Topic"), plainCol("Verdict"), numCol("Windows"), numCol("Not complete")}}}
	for _, t := range ts[:min(len(ts), maxDrawn)] {
		w := verdictOf(t.Verdict)
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(t.Topic, 60, auditPath(t.Topic, false)), {Badge: &badge{w.Word, w.Class}},
			num(int64(t.Windows)), num(int64(t.Windows - t.Verdicts["complete"]))})
	}
	v.Sum = plural(int64(len(ts)), "audited topic")
	if len(ts) == 0 && p.Err == "" {
		v.Empty = "No topic is audited yet."
	}
	return v.part()
}
