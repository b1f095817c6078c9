package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// fragment is a piece of a page that is replaced as a whole: one element whose
// id is ID.
type fragment struct {
	ID   string
	HTML string // with ageSlot where its age goes, if it says one
	Age  string // an element whose id is ID-age
	side bool   // stands beside the others where the screen is wide
}

func (f fragment) full() string { return strings.Replace(f.HTML, ageSlot, f.Age, 1) }

// part is a fragment before it is rendered.
type part struct {
	id, template string
	view         any
	age          string // of a frame
	side         bool
}

// mainText is HTML that templates of ours have made, so it is not escaped again.
type mainText = template.HTML

type renderer struct{ t *template.Template }

func newRenderer(assets *assets) (*renderer, error) {
	hours := make([]string, 24)
	for h := range hours {
		hours[h] = fmt.Sprintf("%02d", h)
	}
	t, err := template.New("console").Funcs(template.FuncMap{
		"asset": assets.path, "short": func(s string, n int) string { return short(s, n) }, "plural": plural,
		"age":   func() template.HTML { return ageSlot },
		"hours": func() []string { return hours }, "maxrows": func() int { return maxRows },
	}).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the console's templates: %w", err)
	}
	return &renderer{t}, nil
}

func (r *renderer) fragments(parts []part) ([]fragment, error) {
	out := make([]fragment, len(parts))
	var b bytes.Buffer
	for i, p := range parts {
		b.Reset()
		if err := r.t.ExecuteTemplate(&b, p.template, p.view); err != nil {
			return nil, fmt.Errorf("rendering %s: %w", p.template, err)
		}
		out[i] = fragment{ID: p.id, HTML: b.String(), Age: p.age, side: p.side}
	}
	return out, nil
}

func (r *renderer) page(p layout, fs []fragment) ([]byte, error) {
	p.Main = mainText(mainHTML(fs))
	var b bytes.Buffer
	if err := r.t.ExecuteTemplate(&b, "page", p); err != nil {
		return nil, fmt.Errorf("rendering a page: %w", err)
	}
	return b.Bytes(), nil
}

// mainHTML is the inside of <main>.
func mainHTML(fs []fragment) string {
	var flow, side strings.Builder
	for _, f := range fs {
		if f.side {
			side.WriteString(f.full())
		} else {
			flow.WriteString(f.full() + "\n")
		}
	}
	s := "<div class=\"flow\">\n" + flow.String() + "</div>"
	if side.Len() > 0 {
		s += "\n<aside>\n" + side.String() + "\n</aside>"
	}
	return s
}

type headView struct {
	Fresh, Trouble, Only, Empty string
	Others                      []linkView
	Views                       bool // there is a panel of page views
}

type windowHead struct {
	windowView
	Fresh string
}

func fresh(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return "Numbers read at " + second(at) + " UTC."
}

// auditParts lists the fragments of the audit page. asOf is the time that the
// page claims for its numbers.
func auditParts(d auditData, only string, all bool, asOf time.Time) []part {
	drawn, others := drawnTopics(d.Topics.Data, only)
	head := headView{Fresh: fresh(asOf), Only: only, Views: !d.NoDemo}
	if d.Topics.Err != "" {
		head.Trouble = stale("Topics", d.Topics.Err, d.Topics.At)
		head.Fresh = ""
	}
	for _, t := range others {
		head.Others = append(head.Others, linkView{Href: auditPath(t.Topic, false), Text: t.Topic})
	}
	if len(drawn) == 0 && d.Topics.Err == "" {
		head.Empty = "No topic is audited yet. Topics appear with their first report."
		if only != "" {
			head.Empty = "No such topic is audited."
		}
	}
	parts := []part{{id: "head", template: "audit-head", view: head}}
	for _, t := range drawn {
		v := viewTopic(t, d.Windows[t.Topic], all)
		parts = append(parts,
			part{id: v.ID + "-river", template: "topic-river", view: v},
			part{id: v.ID + "-windows", template: "topic-windows", view: v},
			part{id: v.Attention.ID, template: "topic-table", view: v.Attention},
			part{id: v.Latest.ID, template: "topic-table", view: v.Latest})
	}
	if !d.NoDemo {
		parts = append(parts, part{id: "views", template: "views", view: viewViews(d.Views), side: true})
	}
	return parts
}

func windowParts(topic string, start time.Time, d windowData, asOf time.Time) []part {
	v := viewWindow(topic, start, d)
	head := windowHead{v, fresh(asOf)}
	if d.Window.Err != "" {
		head.Fresh = ""
	}
	parts := []part{{id: "head", template: "window-head", view: head}}
	if v.Missing != "" {
		return parts
	}
	return append(parts,
		part{id: "verdict", template: "window-verdict", view: v},
		part{id: "pairs", template: "window-pairs", view: v},
		part{id: "ranges", template: "window-ranges", view: v},
		part{id: "walk", template: "window-walk", view: v})
}
