package console

import (
	"slices"
	"time"
)

// clusterPage is one cluster in short: who serves it, what is wrong, what grows
// and who is behind.
func clusterPage() *page {
	return made(page{
		route: "/ui/c/{cluster}", section: "Overview", live: true, params: []param{spanParam()},
		title: func(a address) string { return short(a.vars["cluster"], 40) },
	}, func(a address) []question {
		c := a.vars["cluster"]
		return append([]question{
			asking[brokerList]("brokers", apiPath("clusters", c, "brokers")),
			asking[clusterList]("clusters", apiPath("clusters")),
			asking[topicList]("problems", apiPath("clusters", c, "topics")+"?sort=problems&order=desc&limit=10"),
			asking[topicList]("growing", apiPath("clusters", c, "topics")+"?sort=rate&order=desc&limit=10"),
			asking[groupList]("behind", apiPath("clusters", c, "groups")+"?sort=lag&order=desc&limit=10"),
		}, recentEvents(a)...)
	}, clusterParts)
}

func clusterParts(a address, d answers, asOf time.Time) []part {
	c := a.vars["cluster"]
	if d.missing() {
		return []part{nothing("There is no such cluster", of[brokerList](d, "brokers").Err)}
	}
	d.quiet = true // they are of one look at the cluster, so they lack the same
	parts := []part{clusterHead(c, d, asOf), brokersPanel(c, d, asOf), problemsPanel(c, d, asOf), growingPanel(c, d, asOf), behindPanel(c, d, asOf)}
	return append(parts, strip(a, d, c, asOf)...)
}

// nothing heads the page of something that does not exist.
func nothing(title, why string) part {
	return titleView{frame: frame{Title: title, Empty: short(why, 300)}}.part()
}

func clusterHead(c string, d answers, asOf time.Time) part {
	f, p := framed[clusterList](d, "clusters", short(c, 60), asOf)
	f.ID, f.age = "head", ageLine("head", p.At, asOf, apiPath("clusters"))
	v := titleView{frame: f, Full: c}
	v.Trouble, v.Problems = "", d.problems()
	if p.Err != "" {
		v.Trouble = stale("Cluster", p.Err, p.At)
	}
	if i := slices.IndexFunc(p.Data.Clusters, func(x clusterRow) bool { return x.Name == c }); i >= 0 {
		x := p.Data.Clusters[i]
		h := healthOf(x)
		v.Badge = &h
		v.Lines = x.Reasons
		if x.Error != "" && len(x.Reasons) == 0 {
			v.Lines = []string{x.Error}
		}
		v.Facts = append(clusterFacts(x), fact{"Size", sized(x.Bytes)})
		if x.AgeMillis >= 0 { // the panel is as old as the newest cluster in it
			read := p.At.Add(p.Data.age())
			v.age = ageLine("head", read.Add(-listed{AgeMillis: x.AgeMillis}.age()), asOf, apiPath("clusters"))
		}
	}
	return v.part()
}

func problemsPanel(c string, d answers, asOf time.Time) part {
	f, p := framed[topicList](d, "problems", "Topics with problem partitions", asOf)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Topic"), plainCol("State"), numCol("Partitions"), numCol("Offline"), numCol("Under min ISR"), numCol("Under-replicated")}}}
	for _, t := range p.Data.Topics {
		if s := topicState(t); s.Class != "complete" {
			v.Grid.Rows = append(v.Grid.Rows, []cell{named(t.Name, 60, uiPath("c", c, "topics", t.Name)), {Badge: &s, Note: short(t.Error, 80)},
				num(t.Partitions), should(t.Offline, "bad"), should(t.UnderMinISR, "bad"), should(t.UnderReplicated, "warn")})
		}
	}
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		v.Empty = "None: every partition has a leader and all its replicas."
	}
	return v.part()
}

func growingPanel(c string, d answers, asOf time.Time) part {
	f, p := framed[topicList](d, "growing", "Fastest growing topics", asOf)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Topic"), numCol("Records/s"), numCol("Bytes/s"), numCol("Size")}}}
	v.Half = true
	for _, t := range p.Data.Topics {
		if t.BytesPerSecond > 0 || t.RecordsPerSecond > 0 {
			v.Grid.Rows = append(v.Grid.Rows, []cell{named(t.Name, 40, uiPath("c", c, "topics", t.Name)), rated(t.RecordsPerSecond), sizedRate(t.BytesPerSecond), sized(t.Bytes)})
		}
	}
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		v.Empty = "No topic is known to grow now."
	}
	return v.part()
}

func behindPanel(c string, d answers, asOf time.Time) part {
	f, p := framed[groupList](d, "behind", "Groups furthest behind", asOf)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Group"), plainCol("State"), numCol("Members"), numCol("Lag")}}}
	v.Half = true
	for _, g := range p.Data.Groups {
		if g.Lag > 0 {
			s := groupState(g)
			v.Grid.Rows = append(v.Grid.Rows, []cell{named(g.Group, 40, uiPath("c", c, "groups", g.Group)), {Badge: &s}, num(g.Members), num(g.Lag)})
		}
	}
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		v.Empty = "None: no group is known to be behind."
	}
	return v.part()
}
