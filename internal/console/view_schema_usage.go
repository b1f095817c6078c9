package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What a subject's schemas are used by. The registry finds out by looking at the newest
// records of topics, which takes up to seconds: so no live page asks for it again and
// again, and the page of its own waits longer than that of the subject.

// schemaUsage is the answer of GET /api/v1/registry/usage.
type schemaUsage struct {
	Versions []usedVersion `json:"versions"`
	Topics   []topicUse    `json:"topics"`
	More     bool          `json:"more"`
	silent   bool          // the registry does not tell
}

type usedVersion struct {
	Subject string `json:"subject"`
	Version int64  `json:"version"`
	ID      int64  `json:"id"`
	Deleted bool   `json:"deleted"`
}

type topicUse struct {
	Subject string `json:"subject"`
	Field   string `json:"field"`
	Cluster string `json:"cluster"`
	Topic   string `json:"topic"`
	Sampled int64  `json:"sampled"`
	IDs     []struct {
		ID      int64 `json:"id"`
		Count   int64 `json:"count"`
		Version int64 `json:"version"`
	} `json:"ids"`
	Plain  int64 `json:"plain"`
	Groups []struct {
		Group string `json:"group"`
		Lag   *int64 `json:"lag"`
	} `json:"groups"`
	Producers []struct {
		Client   string `json:"client"`
		Producer int64  `json:"producer"`
	} `json:"producers"`
	Error string `json:"error"`
}

// usageTimes is how many deadlines it may take: the registry itself gives each topic 2
// seconds.
const usageTimes = 4

func askingUsage(subject string, times int) question {
	path := withQuery(apiPath("registry", "usage"), "subject", subject)
	return question{"usage", path, func(ctx context.Context, api api) (any, error) {
		var u schemaUsage
		err := api.patient(times).get(ctx, path, &u)
		if e := (*apiError)(nil); errors.As(err, &e) && e.Status == 404 && !strings.HasPrefix(e.Code, "registry_") {
			return schemaUsage{silent: true}, nil
		}
		return u, err
	}}
}

func schemaUsagePage() *page {
	title := func(a address) string { return "Who uses " + short(a.vars["subject"], 60) }
	return made(page{route: "/ui/registry/subjects/{subject}/usage", label: "Usage", section: "Schemas", title: title},
		func(a address) []question { return []question{askingUsage(a.vars["subject"], usageTimes)} },
		func(a address, d answers, asOf time.Time) []part {
			if d.missing() {
				return []part{nothing("There is no such subject", of[schemaUsage](d, "usage").Err)}
			}
			t := titleView{frame: frame{Title: title(a)}, Full: a.vars["subject"], Lines: []string{"Found by the names of topics (orders-value is for the values of orders), and by the schema ids in their newest records. Who reads or writes by other names, or is not connected now, is not seen."}}
			return append([]part{t.part()}, usageParts(d, asOf)...)
		})
}

func usageParts(d answers, asOf time.Time) []part {
	f, p := framed[schemaUsage](d, "usage", "Topics", asOf)
	topics := panelView{frame: f, Class: "steady", Grid: grid{Cols: []column{plainCol("Topic"), plainCol("Cluster"), plainCol("Field"), numCol("Records looked at"), {Label: "Schema ids in them", Wide: true}, {Label: "Not known", Wide: true}}}}
	u := p.Data
	if p.At.IsZero() || u.silent {
		if topics.Empty, topics.age = "Not known: the registry does not tell.", ""; p.Err != "" {
			topics.Empty = ""
		}
		return []part{topics.part()}
	}
	for _, t := range u.Topics {
		href := ""
		if t.Cluster != "" {
			href = uiPath("c", t.Cluster, "topics", t.Topic)
		}
		topics.Grid.Rows = append(topics.Grid.Rows, []cell{named(t.Topic, 80, href), named(t.Cluster, 40, clusterLink(t.Cluster)), named(t.Field, 20, ""), num(t.Sampled), named(t.ids(), 200, ""), why(t.Error, 120)})
	}
	topics.Sum = plural(int64(len(u.Topics)), "topic")
	if u.More {
		topics.Sum = "the first " + topics.Sum
	}
	if len(u.Topics) == 0 {
		topics.Empty = "No cluster has a topic that this subject's name fits."
	}
	parts := []part{topics.part(), applicationsPart(u)}
	if len(u.Versions) > 0 {
		parts = append(parts, versionsSeenPart(u))
	}
	return parts
}

func (t topicUse) ids() string {
	var words []string
	for _, id := range t.IDs {
		of := fmt.Sprintf("version %d", id.Version)
		if id.Version == 0 {
			of = "not of this subject"
		}
		words = append(words, fmt.Sprintf("%s with id %d (%s)", number(id.Count), id.ID, of))
	}
	if t.Plain > 0 {
		words = append(words, number(t.Plain)+" without any")
	}
	return strings.Join(words, ", ")
}

// applicationsPart lists who reads and writes the topics.
func applicationsPart(u schemaUsage) part {
	v := panelView{frame: frame{ID: "applications", Title: "Applications"}, Grid: grid{Cols: []column{plainCol("Name"), plainCol("Does"), plainCol("Topic"), plainCol("Cluster"), numCol("Behind by")}}}
	for _, t := range u.Topics {
		for _, g := range t.Groups {
			lag := num(-1)
			if g.Lag != nil {
				lag = num(*g.Lag)
			}
			v.Grid.Rows = append(v.Grid.Rows, []cell{named(g.Group, 80, uiPath("c", t.Cluster, "groups", g.Group)), {Text: "reads"}, named(t.Topic, 60, ""), named(t.Cluster, 40, ""), lag})
		}
		for _, w := range t.Producers {
			name := named(w.Client, 80, "")
			if w.Producer >= 0 {
				name.Note = "producer id " + fmt.Sprint(w.Producer)
			}
			v.Grid.Rows = append(v.Grid.Rows, []cell{name, {Text: "writes"}, named(t.Topic, 60, ""), named(t.Cluster, 40, ""), {Text: "–", Mark: "zero"}})
		}
	}
	const most = 500
	n := len(v.Grid.Rows)
	v.Grid.Rows = v.Grid.Rows[:min(n, most)]
	v.Sum = firstOf(n, most, "application")
	if n == 0 {
		v.Empty = "No group or producer of these topics is known."
	}
	return v.part()
}

// versionsSeenPart says of each version whether records have its id: what can be
// deleted is among those that have none.
func versionsSeenPart(u schemaUsage) part {
	v := panelView{frame: frame{ID: "seen", Title: "Versions in the newest records"}, Grid: grid{Cols: []column{plainCol("Version"), numCol("Schema id"), plainCol("State"), numCol("Records with its id")}}}
	seen := map[int64]int64{}
	for _, t := range u.Topics {
		for _, id := range t.IDs {
			seen[id.ID] += id.Count
		}
	}
	newest := slices.Clone(u.Versions)
	slices.Reverse(newest)
	for _, w := range newest[:min(len(newest), maxVersions)] {
		version, state := cell{Text: fmt.Sprint(w.Version), Href: subjectPath(w.Subject, "version", fmt.Sprint(w.Version))}, cell{Text: "live"}
		if w.Deleted {
			version.Href, state = "", cell{Text: "deleted softly", Mark: "warn"}
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{version, {Text: fmt.Sprint(w.ID)}, state, {Text: number(seen[w.ID])}}) // a 0 is what one looks for
	}
	v.Sum = strings.Replace(firstOf(len(newest), maxVersions, "version"), "first", "newest", 1)
	return v.part()
}
