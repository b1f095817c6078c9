package console

import (
	"fmt"
	"strings"
	"time"
)

// groupsPage is the list of a cluster's consumer groups.
func groupsPage() *page {
	return made(page{
		route: "/ui/c/{cluster}/groups", label: "Groups", nav: true, section: "Groups", live: true,
		params: listParams("name", "lag", "members", "state"),
		title:  func(address) string { return "Groups" },
	}, func(a address) []question {
		return []question{asking[groupList]("groups", apiPath("clusters", a.vars["cluster"], "groups")+a.api("limit", "100"))}
	}, groupsParts)
}

func groupsParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[groupList](d, "groups", "Groups", asOf)
	if d.missing() {
		return []part{nothing("There is no such cluster", p.Err)}
	}
	c := a.vars["cluster"]
	f.Title = "Groups of " + short(c, 40)
	v := panelView{frame: f, Pager: pager(a, len(p.Data.Groups), p.Data.listed, "group")}
	s := sorter{a}
	v.Grid = grid{Sort: true, Cols: []column{s.by("name", "Group", false), s.by("state", "State", false), plainCol("Type"), plainCol("Protocol"),
		s.by("members", "Members", true), numCol("Topics"), numCol("Partitions"), s.by("lag", "Lag", true)}}
	for _, g := range p.Data.Groups {
		st := groupState(g)
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(g.Group, 60, uiPath("c", c, "groups", g.Group)), {Badge: &st, Note: short(g.Error, 80)},
			named(g.Type, 20, ""), named(g.Protocol, 24, ""), num(g.Members), num(g.Topics), num(g.Partitions), num(g.Lag)})
	}
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		v.Empty = none(a, "groups")
	}
	return []part{titleView{frame: frame{Title: "Groups"}}.part(), filter(a, "Group contains"), v.part()}
}

// groupState dresses the broker's word for a group's state.
func groupState(g groupRow) badge {
	if g.Error != "" && g.State == "" {
		return badge{"unknown", "unknown"}
	}
	class := "unknown"
	switch strings.ToLower(g.State) {
	case "stable":
		class = "complete"
	case "empty":
		class = "open"
	case "dead":
		class = "lost"
	case "preparingrebalance", "completingrebalance", "assigning", "reconciling":
		class = "late"
	}
	return badge{g.State, class}.orUnknown()
}

// groupPage is one group: where it stands and who reads for it.
func groupPage() *page {
	return made(page{
		route: "/ui/c/{cluster}/groups/{group}", section: "Groups", live: true, params: []param{text("cursor")},
		title: func(a address) string { return short(a.vars["group"], 60) },
	}, func(a address) []question {
		return []question{asking[groupDetail]("group", apiPath("clusters", a.vars["cluster"], "groups", a.vars["group"])+a.api("limit", "100"))}
	}, groupParts)
}

func groupParts(a address, d answers, asOf time.Time) []part {
	p := of[groupDetail](d, "group")
	if d.missing() {
		return []part{nothing("There is no such group", p.Err)}
	}
	g := p.Data.groupRow
	v := titleView{frame: frame{Title: short(a.vars["group"], 80)}, Full: a.vars["group"]}
	if p.Err != "" {
		v.Trouble = stale("Group", p.Err, p.At)
	}
	if p.At.IsZero() {
		return []part{v.part()}
	}
	st := groupState(g)
	v.Badge = &st
	if g.Error != "" {
		v.Lines = []string{g.Error}
	}
	v.Facts = []fact{{"Lag", num(g.Lag)}, {"Members", num(int64(len(p.Data.People)))}, {"Topics", num(g.Topics)}, {"Partitions", num(g.Partitions)},
		{"Type", named(g.Type, 20, "")}, {"Protocol", named(g.Protocol, 24, "")}}
	for _, to := range []linkView{{"reset", "Plan a reset"}, {"delete", "Delete"}} {
		v.Links = append(v.Links, linkView{uiPath("c", a.vars["cluster"], "groups", a.vars["group"], to.Href), to.Text})
	}
	return []part{v.part(), lagPanel(a, d, asOf), membersPanel(a, d, asOf)}
}

func lagPanel(a address, d answers, asOf time.Time) part {
	f, p := framed[groupDetail](d, "group", "Lag per partition", asOf)
	v := panelView{frame: f, Pager: pager(a, len(p.Data.Rows), p.Data.listed, "partition")}
	v.Trouble = ""
	v.Grid.Cols = []column{plainCol("Topic"), numCol("Partition"), numCol("Lag"), numCol("Behind by"), numCol("Committed"), numCol("Start"), numCol("End"), {Label: "Read by", Wide: true}}
	for _, r := range p.Data.Rows {
		behind := cell{Text: "–", Mark: "zero"}
		if r.TimeLag >= 0 {
			behind = cell{Text: ago(time.Duration(r.TimeLag) * time.Millisecond), Mark: zero(r.TimeLag == 0)}
		}
		committed := cell{Text: number(r.Committed)}
		if r.Committed < 0 {
			committed = cell{Text: "none", Mark: "zero"}
		}
		reader := named(r.Client, 32, "")
		reader.Full, reader.Note = r.Member, short(r.Host, 40)
		if r.Error != "" {
			reader = why(r.Error, 80)
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(r.Topic, 48, uiPath("c", a.vars["cluster"], "topics", r.Topic)), {Text: fmt.Sprint(r.Partition)},
			num(r.Lag), behind, committed, {Text: known(r.Start)}, {Text: known(r.End)}, reader})
	}
	if len(v.Grid.Rows) == 0 {
		v.Empty = "The group has committed no offset and reads no partition."
	}
	return v.part()
}

// maxMembers is how many members are drawn; a group may have thousands.
const maxMembers = 100

func membersPanel(a address, d answers, asOf time.Time) part {
	p := of[groupDetail](d, "group")
	v := panelView{frame: frame{ID: "members", Title: "Members", age: ageLine("members", p.At, asOf, d.byName["group"].path)}}
	v.Grid.Cols = []column{plainCol("Client"), plainCol("Host"), plainCol("Instance"), {Label: "Reads", Wide: true}, {Label: "Member", Wide: true}}
	for _, m := range p.Data.People[:min(len(p.Data.People), maxMembers)] {
		var reads []string
		for _, t := range m.Partitions {
			reads = append(reads, short(t.Topic, 40)+": "+ids(t.Partitions))
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(m.Client, 40, ""), named(m.Host, 40, ""), named(m.Instance, 32, ""),
			named(strings.Join(reads, "; "), 120, ""), named(m.Member, 48, "")})
	}
	v.Sum = plural(int64(len(p.Data.People)), "member")
	if n := len(p.Data.People); n > maxMembers {
		v.Sum = number(maxMembers) + " of " + v.Sum + "; the API has them all"
	}
	if len(p.Data.People) == 0 {
		v.Empty = "Nobody reads for this group now."
	}
	return v.part()
}
