package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/linediff"
)

// subjectsOnPage is how many subjects a page lists.
const subjectsOnPage = 100

// schemasPage is the list of subjects. The registry gives all of their names; what
// is filtered and paged is done here.
func schemasPage() *page {
	return &page{
		route: "/ui/registry", label: "Schemas", nav: true, section: "Schemas", live: true,
		params: []param{text("contains"), oneOf("deleted", "", "1"), text("cursor")},
		title:  func(address) string { return "Schemas" },
		twin:   subjectsTwin,
		load:   loadSchemas,
		parts:  func(a address, n content, asOf time.Time) []part { return schemasParts(a, n.(answers), asOf) },
	}
}

// subjectsTwin is where the names are: of the subjects, or of those of which all
// versions are deleted softly.
func subjectsTwin(a address) string {
	return withQuery(subjectsPath(), "deletedOnly", trueIf(a.get("deleted") != ""))
}

// subjectsShown returns the names on a page, and what the list says beside.
func subjectsShown(a address, all []string) (names []string, l listed) {
	for _, s := range all {
		if has(s, a.get("contains")) {
			names = append(names, s)
		}
	}
	slices.Sort(names)
	l.Total = int64(len(names))
	if after := a.get("cursor"); after != "" { // a name that is gone: the nearest after it
		names = names[sort.Search(len(names), func(i int) bool { return names[i] > after }):]
	}
	if len(names) > subjectsOnPage {
		names = names[:subjectsOnPage]
		l.Next = names[subjectsOnPage-1]
	}
	return names, l
}

func schemasParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[[]string](d, "subjects", "Subjects", asOf)
	names, l := subjectsShown(a, p.Data)
	v := panelView{frame: f, Pager: pager(a, len(names), l, "subject")}
	v.Grid.Cols = []column{plainCol("Subject"), numCol("Newest version"), numCol("Schema id"), plainCol("Language")}
	deleted := a.get("deleted") != ""
	if deleted {
		v.Title = "Subjects that are deleted softly"
		v.Grid.Cols = v.Grid.Cols[:1]
	}
	for _, s := range names {
		got := of[schemaInfo](d, "latest "+s)
		switch {
		case deleted:
			forGood := schemaChange{Kind: changeDelete, Subject: s, Permanent: true}
			v.Grid.Rows = append(v.Grid.Rows, []cell{named(s, 80, forGood.address().String())})
		case got.Err != "":
			v.Grid.Rows = append(v.Grid.Rows, []cell{named(s, 80, subjectPath(s)), why(got.Err, 60), {}, {}})
		default:
			v.Grid.Rows = append(v.Grid.Rows, []cell{named(s, 80, subjectPath(s)), num(got.Data.Version), {Text: fmt.Sprint(got.Data.ID)}, {Text: short(got.Data.language(), 20)}})
		}
	}
	if len(names) == 0 && p.Err == "" {
		v.Empty = none(a, map[bool]string{true: "deleted subjects", false: "subjects"}[deleted])
	}
	other := navView{Href: a.with("deleted", "1", "cursor", "").String(), Text: "deleted ones"}
	if deleted {
		other = navView{Href: a.with("deleted", "", "cursor", "").String(), Text: "those that are there"}
	}
	return []part{schemasHead(d), filter(a, "Subject contains", other), schemaSearchForm(address{page: pageAt(schemaSearchRoute)}), v.part()}
}

func schemasHead(d answers) part {
	title := titleView{frame: frame{Title: "Schemas"}, Lines: []string{"What weir's schema registry holds. Clients register here, on Confluent's routes."},
		Links: []linkView{{registerRoute, "Register a schema"}, {settingsPath(""), "Settings"}, {"/ui/registry/warnings", "State and warnings"}, {"/ui/registry/takeover", "Takeover"}}}
	for _, s := range []struct{ name, label string }{{"compatibility", "Compatibility of all"}, {"mode", "Mode of all"}} {
		title.Facts = append(title.Facts, fact{s.label, settingCell(of[setting](d, s.name), "")})
	}
	if status := of[registryStatus](d, "status"); !status.At.IsZero() {
		title.Facts = append(title.Facts, fact{"Records kept out", should(status.Data.Dropped, "warn")})
		if status.Data.Refuses != "" {
			title.Problems = append(title.Problems, "It does not write: "+status.Data.Refuses)
		}
	}
	return title.part()
}

func settingCell(p panel[setting], where string) cell {
	if p.At.IsZero() {
		return cell{Text: "not known", Mark: "zero", Full: p.Err}
	}
	return cell{Text: short(p.Data.Value, 40), Note: where, Mark: "long"} // a word that is not to be torn apart
}

// subjectPage is one subject: its versions, two of them beside each other, who uses
// them, and a check whether a schema could be the next.
func subjectPage() *page {
	return &page{
		route: "/ui/registry/subjects/{subject}", section: "Schemas", params: []param{digitsParam("version"), digitsParam("against"), text("history")},
		title: func(a address) string { return short(a.vars["subject"], 60) },
		twin:  func(a address) string { return subjectsPath(a.vars["subject"], "versions") },
		load:  loadSubject,
		parts: func(a address, n content, asOf time.Time) []part {
			return subjectParts(a, n.(answers), asOf)
		},
	}
}

// versionsShown returns which version is shown, and the one that it is compared
// with; 0 is none.
func versionsShown(a address, versions []int64) (newer, older int64) {
	pick := func(name string, otherwise int64) int64 {
		for _, v := range versions {
			if fmt.Sprint(v) == a.get(name) {
				return v
			}
		}
		return otherwise
	}
	if len(versions) == 0 {
		return 0, 0
	}
	newer = pick("version", versions[len(versions)-1])
	before := int64(0)
	if i := slices.Index(versions, newer); i > 0 {
		before = versions[i-1]
	}
	return newer, pick("against", before)
}

func subjectParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[[]int64](d, "versions", "Versions", asOf)
	if d.missing() {
		return []part{nothing("There is no such subject", p.Err)}
	}
	s := a.vars["subject"]
	title := titleView{frame: frame{Title: short(s, 80)}, Full: s}
	if p.Err != "" {
		title.Trouble = stale("Subject", p.Err, p.At)
	}
	newer, older := versionsShown(a, p.Data)
	shown := of[schemaInfo](d, "newer")
	title.Facts = []fact{{"Versions", num(int64(len(p.Data)))}, {"Schema id", cell{Text: known(max(shown.Data.ID, -1))}}, {"Language", cell{Text: shown.Data.language()}},
		{"Compatibility", ownCell(d, "compatibility")}, {"Mode", ownCell(d, "mode")}}
	if p.At.IsZero() {
		return []part{title.part()}
	}
	title.Links = subjectLinks(a, newer)
	parts := []part{title.part()}
	parts = append(parts, versionsPart(a, f, p.Data, newer, older), schemaPart(a, d, asOf, newer, older), usesPart(a, d, asOf, newer))
	used := usageParts(d, asOf)
	return append(append(parts, used[:min(len(used), 2)]...), historyPart(a, d, asOf)) // the third is on the page of its own
}

// subjectLinks lead to what can be done with a subject.
func subjectLinks(a address, newer int64) []linkView {
	s := a.vars["subject"]
	links := []linkView{{registerPath(s), "Register the next version"}, {uiPath("registry", "subjects", s, "usage"), "Usage"}, {settingsPath(s), "Settings"}}
	if newer > 0 {
		links = append(links, linkView{schemaChange{Kind: changeDelete, Subject: s, Version: newer}.address().String(), fmt.Sprintf("Delete version %d", newer)})
	}
	return append(links, linkView{schemaChange{Kind: changeDelete, Subject: s}.address().String(), "Delete the subject"})
}

// ownCell says a setting, and where it comes from.
func ownCell(d answers, name string) cell {
	p := of[setting](d, name)
	return settingCell(p, map[bool]string{true: "set for this subject", false: "of the whole registry"}[p.Data.Own])
}

// maxVersions is how many versions are offered; the newest are.
const maxVersions = 60

type versionsView struct {
	frame
	Action   string
	Newer    []choice
	Older    []choice
	Versions []navView
}

func versionsPart(a address, f frame, versions []int64, newer, older int64) part {
	v := versionsView{frame: f, Action: a.bare().String()}
	v.Sum = plural(int64(len(versions)), "version")
	v.Trouble = ""
	if n := len(versions); n > maxVersions {
		v.Sum = fmt.Sprintf("the newest %d of %s", maxVersions, plural(int64(n), "version"))
		versions = versions[n-maxVersions:]
	}
	for _, n := range slices.Backward(versions) {
		text := fmt.Sprint(n)
		v.Versions = append(v.Versions, navView{Href: a.with("version", text, "against", "").String(), Text: text, Current: n == newer})
		v.Newer = append(v.Newer, choice{text, text, n == newer})
		v.Older = append(v.Older, choice{text, text, n == older})
	}
	return part{id: "versions", template: "versions", view: v, age: v.age}
}

// schemaView is a version's text, or two beside each other.
type schemaView struct {
	frame
	Text         string
	Lines        []linediff.Line
	Older, Newer int64
	References   []string
	Cut          string
}

// maxLines is how many lines of a schema are drawn.
const maxLines = 2000

func schemaPart(a address, d answers, asOf time.Time, newer, older int64) part {
	f, p := framed[schemaInfo](d, "newer", fmt.Sprintf("Version %d", newer), asOf)
	f.ID = "schema"
	v := schemaView{frame: f, Newer: newer, Older: older}
	if p.At.IsZero() {
		return part{id: "schema", template: "schema", view: v}
	}
	v.age = ageLine("schema", p.At, asOf, d.byName["newer"].path)
	for _, r := range p.Data.References {
		v.References = append(v.References, fmt.Sprintf("%s is version %d of %s", short(r.Name, 80), r.Version, short(r.Subject, 80)))
	}
	text := schemaText(p.Data.Schema)
	before := of[schemaInfo](d, "older")
	if older == 0 || before.At.IsZero() {
		if v.Text = text; before.Err != "" {
			v.Problems = append(v.Problems, fmt.Sprintf("version %d: %s", older, before.Err))
		}
		if strings.Count(text, "\n") > maxLines {
			v.Text = strings.Join(strings.Split(text, "\n")[:maxLines], "\n")
			v.Cut = fmt.Sprintf("The first %d lines; the API has them all.", maxLines)
		}
		return part{id: "schema", template: "schema", view: v, age: v.age}
	}
	v.Title = fmt.Sprintf("Version %d beside version %d", newer, older)
	v.compare(schemaText(before.Data.Schema), text)
	return part{id: "schema", template: "schema", view: v, age: v.age}
}

// compare puts two texts beside each other.
func (v *schemaView) compare(before, after string) {
	v.Lines = linediff.Lines(before, after)
	count := map[string]int64{}
	for _, l := range v.Lines {
		count[l.Op]++
	}
	if v.Sum = fmt.Sprintf("%s changed, %d added, %d removed", plural(count["changed"], "line"), count["added"], count["removed"]); len(v.Lines) == int(count["same"]) {
		v.Sum = "no line differs"
	}
	if len(v.Lines) > maxLines {
		v.Lines, v.Cut = v.Lines[:maxLines], fmt.Sprintf("The first %d lines; the API has them all.", maxLines)
	}
}

// schemaText sets JSON out in lines; other languages have theirs.
func schemaText(s string) string { return visible(indented(strings.ReplaceAll(s, "\r\n", "\n"))) }

// indented is JSON in lines, as it is otherwise.
func indented(s string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(s), "", "  ") == nil {
		return b.String()
	}
	return s
}

func usesPart(a address, d answers, asOf time.Time, newer int64) part {
	f, p := framed[[]schemaUse](d, "uses", fmt.Sprintf("Where version %d is named", newer), asOf)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Subject"), numCol("Version"), {Label: "How", Wide: true}}}}
	const most = 200
	for _, u := range p.Data[:min(len(p.Data), most)] {
		how := "registered under this subject too: the same schema id"
		if u.Subject == a.vars["subject"] && u.Version == newer {
			how = "this one"
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(u.Subject, 80, uiPath("registry", "subjects", u.Subject)), {Text: fmt.Sprint(u.Version)}, {Text: how, Mark: zero(how == "this one")}})
	}
	ids := of[[]int64](d, "referenced")
	for _, id := range ids.Data[:min(len(ids.Data), most)] {
		v.Grid.Rows = append(v.Grid.Rows, []cell{{Text: fmt.Sprintf("schema id %d", id)}, {Text: "–", Mark: "zero"}, {Text: "names this version in its references"}})
	}
	if ids.Err != "" {
		v.Problems = append(v.Problems, "references: "+ids.Err)
	}
	v.Sum = plural(int64(len(p.Data)), "registration") + ", " + plural(int64(len(ids.Data)), "reference")
	if len(p.Data) > most || len(ids.Data) > most {
		v.Sum += fmt.Sprintf("; the first %d of each", most)
	}
	if p.At.IsZero() && p.Err == "" {
		v.Empty, v.Sum, v.age = "Not known, as the version could not be read.", "", ""
	}
	return v.part()
}

// historyPart is who changed the subject. The registry writes a row in the transaction
// of the change itself, so there is none without the other.
func historyPart(a address, d answers, asOf time.Time) part {
	f, p := framed[schemaHistory](d, "history", "History", asOf)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("When (UTC)"), plainCol("What"), numCol("Version"), plainCol("Who"), plainCol("From"), {Label: "Reason", Wide: true}}}}
	v.Sum = "newest first"
	for _, h := range p.Data.Rows {
		version := cell{Text: "–", Mark: "zero"}
		if h.Version > 0 {
			version = cell{Text: fmt.Sprint(h.Version)}
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{{Text: second(h.At)}, named(h.What, 24, ""), version, named(cmp.Or(h.Who, "not named"), 40, ""), named(h.From, 40, ""), named(h.Reason, 120, "")})
	}
	if a.get("history") != "" {
		v.Pager.First = a.with("history", "").String()
	}
	if next := string(p.Data.Next); next != "" {
		v.Pager.Next = a.with("history", next).String()
	}
	switch {
	case len(v.Grid.Rows) > 0 || p.Err != "":
	case v.Pager.Next != "":
		v.Empty = "None of the newest changes is of this subject; the next page has older ones."
	case v.Pager.First != "":
		v.Empty = "There are no older changes."
	default:
		v.Empty = "Nothing is known: it was made before weir wrote this topic."
	}
	return v.part()
}
