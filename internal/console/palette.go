package console

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// palettePage finds anything by name: a page by itself, and what the command
// palette of the other pages shows.
func palettePage() *page {
	return &page{
		route: "/ui/palette", params: []param{text("q"), text("cluster")},
		title: func(address) string { return "Search" },
		load: func(ctx context.Context, api api, a address, _ time.Time) content {
			return find(ctx, api, a.get("q"), a.get("cluster"))
		},
		parts: func(a address, n content, _ time.Time) []part {
			v := n.(found)
			v.Query, v.Cluster = a.get("q"), a.get("cluster")
			return []part{{id: "search", template: "palette-form", view: v}, {id: "results", template: "palette-results", view: v}}
		},
	}
}

const (
	maxHits     = 8  // of one kind in one cluster
	maxAllHits  = 60 // in all
	maxSearched = 20 // clusters
)

type hit struct {
	Href, Text, Full, Kind, Where string
}

// found is what the palette shows.
type found struct {
	Query, Cluster string
	Hits           []hit
	Notes          []string // what was not searched
}

func (f found) orKeep(content) content { return f }
func (f found) missing() bool          { return false }

// find looks for q in the names of pages, clusters, brokers, topics, groups and
// subjects; those of cluster come first.
func find(ctx context.Context, api api, q, cluster string) found {
	var f found
	var clusters clusterList
	if err := api.get(ctx, apiPath("clusters"), &clusters); err != nil {
		f.Notes = append(f.Notes, "Clusters: "+short(err.Error(), 120))
	}
	cs := clusters.Clusters
	slices.SortStableFunc(cs, on(func(c clusterRow) int { return map[bool]int{true: 0, false: 1}[c.Name == cluster] }))
	here := cluster
	if here == "" && len(cs) > 0 {
		here = cs[0].Name
	}
	for _, n := range nav(pages(), "", here) {
		if has(n.Text, q) {
			f.Hits = append(f.Hits, hit{Href: n.Href, Text: n.Text, Kind: "page"})
		}
	}
	for _, c := range cs {
		if has(c.Name, q) {
			f.Hits = append(f.Hits, hit{uiPath("c", c.Name), short(c.Name, 60), c.Name, "cluster", ""})
		}
	}
	if q == "" {
		return f.cut()
	}
	if len(cs) > maxSearched {
		f.Notes = append(f.Notes, fmt.Sprintf("Only the first %d clusters are searched for topics, groups and brokers.", maxSearched))
		cs = cs[:maxSearched]
	}
	perCluster := make([]found, len(cs))
	var subjects found
	var wg sync.WaitGroup
	wg.Go(func() { subjects = findSubjects(ctx, api, q) })
	limit := make(chan struct{}, 8)
	for i, c := range cs {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			perCluster[i] = findIn(ctx, api, q, c.Name)
		})
	}
	wg.Wait()
	for _, p := range append(perCluster, subjects) {
		f.Hits, f.Notes = append(f.Hits, p.Hits...), append(f.Notes, p.Notes...)
	}
	return f.cut()
}

func (f found) cut() found {
	if len(f.Hits) > maxAllHits {
		f.Hits = f.Hits[:maxAllHits]
	}
	return f
}

func findIn(ctx context.Context, api api, q, c string) (f found) {
	search := address{page: &page{params: []param{text("contains")}}, query: map[string]string{"contains": q}}.api("limit", fmt.Sprint(maxHits))
	var topics topicList
	var groups groupList
	var brokers brokerList
	for _, part := range []struct {
		path string
		into any
	}{{"topics" + search, &topics}, {"groups" + search, &groups}, {"brokers", &brokers}} {
		if err := api.get(ctx, apiPath("clusters", c)+"/"+part.path, part.into); err != nil {
			f.Notes = append(f.Notes, short(c, 40)+": "+short(err.Error(), 120))
			break // what is wrong with a cluster is said once
		}
	}
	for _, t := range topics.Topics {
		f.Hits = append(f.Hits, hit{uiPath("c", c, "topics", t.Name), short(t.Name, 60), t.Name, "topic", short(c, 40)})
	}
	for _, g := range groups.Groups {
		f.Hits = append(f.Hits, hit{uiPath("c", c, "groups", g.Group), short(g.Group, 60), g.Group, "group", short(c, 40)})
	}
	for _, b := range brokers.Brokers {
		id := fmt.Sprint(b.ID)
		if q == id || has(b.Address, q) {
			f.Hits = append(f.Hits, hit{uiPath("c", c, "brokers", id), "Broker " + id, b.Address, "broker", short(c, 40)})
		}
	}
	return f
}

// findSubjects asks for all subjects: Confluent's routes have no search for one.
func findSubjects(ctx context.Context, api api, q string) (f found) {
	var subjects []string
	if err := api.get(ctx, subjectsPath(), &subjects); err != nil {
		if !notFound(err) { // there is a registry
			f.Notes = []string{"Schemas: " + short(err.Error(), 120)}
		}
		return f
	}
	for _, s := range subjects {
		if has(s, q) && len(f.Hits) < maxHits {
			f.Hits = append(f.Hits, hit{subjectPath(s), short(s, 60), s, "subject", ""})
		}
	}
	return f
}

func has(name, q string) bool { return strings.Contains(strings.ToLower(name), strings.ToLower(q)) }
