package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// schemaWarnings is the answer of GET /api/v1/registry/warnings.
type schemaWarnings struct {
	Records []struct {
		Offset int64  `json:"offset"`
		Reason string `json:"reason"`
	} `json:"records"`
	Opaque []struct {
		Subject string `json:"subject"`
		Version int64  `json:"version"`
		Reason  string `json:"reason"`
	} `json:"opaque"`
	Importing []subjectName `json:"importing"` // whose own mode is IMPORT
}

// subjectName is written by itself or in an object.
type subjectName string

func (s *subjectName) UnmarshalJSON(b []byte) error {
	var in struct {
		Subject string `json:"subject"`
	}
	if json.Unmarshal(b, &in) == nil {
		*s = subjectName(in.Subject)
		return nil
	}
	return json.Unmarshal(b, (*string)(s))
}

// schemaWarningsPage is what is wrong with the registry and its topic.
func schemaWarningsPage() *page {
	return made(page{route: "/ui/registry/warnings", label: "Warnings", section: "Schemas", live: true, title: func(address) string { return "State of the registry" }},
		func(address) []question {
			return []question{asking[registryStatus]("status", registryStatusPath), asking[schemaWarnings]("warnings", registryWarningsPath)}
		}, func(a address, d answers, asOf time.Time) []part {
			return append([]part{registryHead(d, asOf)}, warningParts(d, asOf)...)
		})
}

func registryHead(d answers, asOf time.Time) part {
	f, p := framed[registryStatus](d, "status", "State of the registry", asOf)
	s := p.Data
	f.ID, f.age = "head", ageLine("head", p.At, asOf, registryStatusPath)
	t := titleView{frame: f}
	if p.At.IsZero() {
		return t.part()
	}
	switch {
	case s.Refuses != "":
		t.Badge = &badge{"does not write", "lost"}
		t.Problems = append(t.Problems, s.Refuses)
	case !s.Loaded:
		t.Badge = &badge{"reads its topic", "late"}
	case s.Leader == "" && !s.Leads:
		t.Badge = &badge{"nobody leads", "late"}
	default:
		t.Badge = &badge{"writes", "complete"}
	}
	leader := named(s.Leader, 60, "")
	if s.Leads {
		leader = cell{Text: "this process", Full: s.Leader}
	}
	t.Facts = []fact{{"Writes", leader}, {"Subjects", num(s.Subjects)}, {"Schema ids", num(s.Schemas)}, {"Served up to offset", num(s.Offset)}, {"Kept out", should(s.Dropped, "warn")}, {"Records left alone", num(s.Foreign)}}
	for _, context := range slices.Sorted(maps.Keys(s.HighIDs))[:min(len(s.HighIDs), 5)] {
		label := "Highest schema id"
		if context != "" && context != "." { // not the default one
			label += " of " + plain(short(context, 30))
		}
		t.Facts = append(t.Facts, fact{label, num(s.HighIDs[context])})
	}
	return t.part()
}

// maxWarnings is how many of each kind are drawn; the API has them all.
const maxWarnings = 200

// firstOf says how many things there are, and if not all are drawn, how many are.
func firstOf(n, most int, thing string) string {
	if n > most {
		return fmt.Sprintf("the first %d of %s", most, plural(int64(n), thing))
	}
	return plural(int64(n), thing)
}

func warningParts(d answers, asOf time.Time) []part {
	f, p := framed[schemaWarnings](d, "warnings", "Records kept out", asOf)
	w := p.Data
	records := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Offset"), {Label: "Why", Wide: true}}}}
	for _, r := range w.Records {
		records.Grid.Rows = append(records.Grid.Rows, []cell{{Text: fmt.Sprint(r.Offset)}, named(r.Reason, 300, "")})
	}
	opaque := panelView{frame: frame{ID: "opaque", Title: "Schemas that can not be parsed"}, Grid: grid{Cols: []column{plainCol("Subject"), numCol("Version"), {Label: "Why", Wide: true}}}}
	for _, o := range w.Opaque[:min(len(w.Opaque), maxWarnings)] {
		opaque.Grid.Rows = append(opaque.Grid.Rows, []cell{named(o.Subject, 80, subjectPath(o.Subject, "version", fmt.Sprint(o.Version))), num(o.Version), named(o.Reason, 300, "")})
	}
	parts := []part{}
	if p.At.IsZero() {
		return append(parts, records.part())
	}
	records.Sum, opaque.Sum = plural(int64(len(w.Records)), "record"), firstOf(len(w.Opaque), maxWarnings, "version")
	if dropped := of[registryStatus](d, "status").Data.Dropped; dropped > int64(len(w.Records)) {
		records.Sum = fmt.Sprintf("the first %d of %s", len(w.Records), plural(dropped, "record"))
	}
	if len(w.Records) == 0 {
		records.Empty = "All records of the topic are understood."
	}
	if len(w.Opaque) == 0 {
		opaque.Empty = "All schemas can be parsed."
	}
	parts = append(parts, records.part(), opaque.part())
	if len(w.Importing) > 0 {
		importing := panelView{frame: frame{ID: "importing", Title: "Subjects in mode IMPORT", Sum: firstOf(len(w.Importing), maxWarnings, "subject"), Problems: []string{"They take no usual registration. If no import is under way, one has broken off: set their mode back."}},
			Grid: grid{Cols: []column{{Label: "Subject", Wide: true}}}}
		for _, s := range w.Importing[:min(len(w.Importing), maxWarnings)] {
			importing.Grid.Rows = append(importing.Grid.Rows, []cell{named(string(s), 120, settingsAddress(string(s)).with("set", changeMode, "to", unset).String())})
		}
		parts = append(parts, importing.part())
	}
	return parts
}
