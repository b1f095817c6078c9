package console

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// brokersPage is the list of a cluster's brokers.
func brokersPage() *page {
	return made(page{
		route: "/ui/c/{cluster}/brokers", label: "Brokers", nav: true, section: "Brokers", live: true,
		title: func(address) string { return "Brokers" },
	}, func(a address) []question {
		return []question{asking[brokerList]("brokers", apiPath("clusters", a.vars["cluster"], "brokers"))}
	}, func(a address, d answers, asOf time.Time) []part {
		if d.missing() {
			return []part{nothing("There is no such cluster", of[brokerList](d, "brokers").Err)}
		}
		return []part{titleView{frame: frame{Title: "Brokers"}}.part(), brokersPanel(a.vars["cluster"], d, asOf)}
	})
}

func brokersPanel(c string, d answers, asOf time.Time) part {
	f, p := framed[brokerList](d, "brokers", "Brokers", asOf)
	f.Title += " of " + short(c, 40)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Broker"), plainCol("State"), {Label: "Address", Wide: true}, plainCol("Rack"),
		numCol("Leaders"), numCol("Replicas"), numCol("Under-replicated"), numCol("Size"), numCol("Disk free")}}}
	down := int64(0)
	for _, b := range p.Data.Brokers {
		if b.State == "down" {
			down++
		}
		st := brokerState(b)
		name := cell{Text: fmt.Sprint(b.ID), Href: uiPath("c", c, "brokers", fmt.Sprint(b.ID))}
		if b.Controller {
			name.Note = "controller"
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{name, {Badge: &st, Note: short(b.Error, 80)}, named(b.Address, 48, ""), named(b.Rack, 24, ""),
			num(b.Leaders), num(b.Replicas), should(b.UnderReplicated, "warn"), sized(b.Bytes), diskFree(b.LogDirs)})
	}
	v.Sum = plural(int64(len(p.Data.Brokers)), "broker")
	if down > 0 {
		v.Sum += ", " + number(down) + " down"
	}
	if len(p.Data.Brokers) == 0 && p.Err == "" {
		v.Empty = "No brokers are known yet."
	}
	return v.part()
}

func brokerState(b brokerRow) badge {
	return badge{b.State, map[string]string{"up": "complete", "down": "lost"}[b.State]}.orUnknown()
}

// diskFree is what is left of all directories whose size is known.
func diskFree(dirs []logDir) cell {
	total, usable := int64(0), int64(0)
	for _, l := range dirs {
		if l.Usable >= 0 && l.Total > 0 {
			total, usable = total+l.Total, usable+l.Usable
		}
	}
	if total == 0 {
		return cell{Text: "–", Mark: "zero"}
	}
	c := sized(usable)
	if usable > total { // the embedded engine's total is what it has used
		return c
	}
	c.Note = fmt.Sprintf("%d %%", usable*100/total)
	if usable*10 < total {
		c.Mark = "bad"
	}
	return c
}

// brokerPage is one broker: its disks, its settings, its partitions.
func brokerPage() *page {
	return made(page{
		route: "/ui/c/{cluster}/brokers/{id}", section: "Brokers", live: true, params: append(configParams(), text("cursor")),
		clean: func(vars map[string]string) error {
			id, err := strconv.ParseInt(vars["id"], 10, 32)
			if err != nil || id < 0 {
				return errors.New("the address of a broker ends in its id, a number")
			}
			vars["id"] = fmt.Sprint(id)
			return nil
		},
		title: func(a address) string { return "Broker " + a.vars["id"] },
	}, func(a address) []question {
		return []question{asking[brokerDetail]("broker", apiPath("clusters", a.vars["cluster"], "brokers", a.vars["id"])+"?"+url.Values{"limit": {"100"}, "cursor": {a.get("cursor")}}.Encode())}
	}, brokerParts)
}

func brokerParts(a address, d answers, asOf time.Time) []part {
	p := of[brokerDetail](d, "broker")
	if d.missing() {
		return []part{nothing("There is no such broker", p.Err)}
	}
	b := p.Data.brokerRow
	v := titleView{frame: frame{Title: "Broker " + a.vars["id"]}}
	if p.Err != "" {
		v.Trouble = stale("Broker", p.Err, p.At)
	}
	if p.At.IsZero() {
		return []part{v.part()}
	}
	st := brokerState(b)
	v.Badge = &st
	if b.Error != "" {
		v.Lines = []string{b.Error}
	}
	role := "broker"
	if b.Controller {
		role = "controller"
	}
	v.Facts = []fact{{"Address", named(b.Address, 48, "")}, {"Rack", named(b.Rack, 24, "")}, {"Role", cell{Text: role}}, {"Leaders", num(b.Leaders)},
		{"Replicas", num(b.Replicas)}, {"Under-replicated", should(b.UnderReplicated, "warn")}, {"Size", sized(b.Bytes)}, {"Disk free", diskFree(b.LogDirs)}}
	return []part{v.part(), dirsPanel(d, b.LogDirs, asOf), filter(a, "Setting contains"),
		configsPanel(a, d, "broker", p.Data.Configs, asOf), brokerPartitions(a, d, asOf)}
}

func dirsPanel(d answers, dirs []logDir, asOf time.Time) part {
	v := panelView{frame: frame{ID: "dirs", Title: "Log directories", age: ageLine("dirs", d.byName["broker"].At, asOf, d.byName["broker"].path)}}
	v.Grid.Cols = []column{plainCol("Directory"), numCol("Total"), numCol("Free"), {Label: "Error", Wide: true}}
	for _, l := range dirs {
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(l.Path, 80, ""), sized(l.Total), diskFree([]logDir{l}), why(l.Error, 120)})
	}
	if len(dirs) == 0 {
		v.Empty = "The broker has not told its directories."
	}
	return v.part()
}

func brokerPartitions(a address, d answers, asOf time.Time) part {
	f, p := framed[brokerDetail](d, "broker", "Partitions", asOf)
	v := panelView{frame: f, Pager: pager(a, len(p.Data.Partitions), p.Data.listed, "partition")}
	v.Trouble = ""
	v.Grid.Cols = []column{plainCol("Topic"), numCol("Partition"), plainCol("Role"), plainCol("In sync"), numCol("Size")}
	for _, r := range p.Data.Partitions {
		role, sync := "follower", badge{"in sync", "complete"}
		if r.Leader {
			role = "leader"
		}
		if !r.InSync {
			sync = badge{"behind", "late"}
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(r.Topic, 60, uiPath("c", a.vars["cluster"], "topics", r.Topic)), {Text: fmt.Sprint(r.Partition)}, {Text: role}, {Badge: &sync}, sized(r.Bytes)})
	}
	if len(v.Grid.Rows) == 0 {
		v.Empty = "It holds no partition."
	}
	return v.part()
}
