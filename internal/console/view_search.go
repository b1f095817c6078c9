package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A search of a topic: its form with the plan of what it would read, and the job.
// The address of either holds all of the question, and the token that resumes it.

func searchParams() []param {
	return []param{longText("filter"), longText("cel"), digitsParam("partition"), text("from"), text("to"), digitsParam("limit"), digitsParam("budget"), decoders(), longText("token")}
}

// searchForm is the form of a search, with what the address says.
type searchForm struct {
	Action, Filter, CEL, Partition, From, To, Limit, Budget, Token string
	Decoders                                                       []choice
}

func newSearchForm(a address) searchForm {
	return searchForm{uiPath("c", a.vars["cluster"], "topics", a.vars["topic"], "search"), a.get("filter"), a.get("cel"), a.get("partition"),
		a.get("from"), a.get("to"), a.get("limit"), a.get("budget"), a.get("token"), decoderChoices(a.get("decoder"))}
}

func queryOf(a address) searchQuery {
	q := searchQuery{Cluster: a.vars["cluster"], Topic: a.vars["topic"], Partitions: partitionsOf(a), From: place(a.get("from")), To: place(a.get("to")),
		Filter: a.get("filter"), CEL: a.get("cel"), Decoder: a.get("decoder"), Token: a.get("token")}
	q.Limit, _ = strconv.ParseInt(a.get("limit"), 10, 64)
	mb, _ := strconv.ParseInt(a.get("budget"), 10, 64)
	q.BudgetBytes = min(mb, 1<<40) << 20 // too much is for the API to refuse
	return q
}

// searchPage says what a search would read, before it reads it.
func searchPage() *page {
	p := made(topicTab("search", searchParams()...), func(a address) []question {
		q := queryOf(a)
		q.DryRun = true
		plan := posting[searchStarted]("plan", "/api/v1/searches", q)
		if q.Filter == "" && q.CEL == "" && q.Token == "" {
			plan = answered("plan", "/api/v1/searches", searchStarted{}, nil)
		}
		return append(oneTopic(a), plan)
	}, func(a address, d answers, asOf time.Time) []part {
		return topicParts(a, d, asOf, searchPlanParts)
	})
	p.live, p.label = false, "Search"
	return p
}

type searchPlanView struct {
	frame
	Form  searchForm
	Facts []fact
	Caret string
	Plan  bool
}

func searchPlanParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[searchStarted](d, "plan", "Search in this topic", asOf)
	f.ID = "search"
	v := searchPlanView{frame: f, Form: newSearchForm(a)}
	v.age = ""
	v.Trouble = ""
	if p.Err != "" {
		v.Trouble, v.Caret = short(p.Err, 600), caret(a.get("cel"), p.Err)
		return []part{{id: "search", template: "search-form", view: v}}
	}
	e := p.Data.Estimate
	if v.Plan = a.get("filter") != "" || a.get("cel") != "" || a.get("token") != ""; v.Plan {
		takes := cell{Text: "not known", Mark: "zero"}
		if e.Seconds >= 0 {
			takes = cell{Text: "about " + ago(time.Duration(e.Seconds*float64(time.Second))+time.Second-1)}
		}
		bytes := sized(e.Bytes)
		if e.Bytes < 0 {
			bytes = cell{Text: "not known", Mark: "zero"}
		}
		v.Facts = []fact{{"Partitions", num(e.Partitions)}, {"Records, at most", num(e.Records)}, {"To read", bytes}, {"Takes", takes}}
	}
	return []part{{id: "search", template: "search-form", view: v}}
}

// startSearch serves POST .../search: it starts a job and leads to its page.
func (c *Console) startSearch(w http.ResponseWriter, r *http.Request) {
	a, ok := c.posted(w, r, "/ui/c/{cluster}/topics/{topic}/search")
	if !ok {
		return
	}
	var s searchStarted
	err := c.api.patient(readingTimes).call(r.Context(), http.MethodPost, "/api/v1/searches", nil, queryOf(a), &s)
	if err == nil && s.ID == "" {
		err = errors.New("the API named no search")
	}
	if err != nil {
		p := read(time.Now(), searchStarted{}, err)
		topic := load(r.Context(), c.api, oneTopic(a), time.Now())
		topic.byName["plan"] = reply{panel: panel[any]{Err: p.Err}, path: "/api/v1/searches"}
		c.show(w, r, statusOf(err), a, topicParts(a, topic, time.Now(), searchPlanParts))
		return
	}
	job := address{page: pageAt("/ui/c/{cluster}/topics/{topic}/search/{id}"), vars: map[string]string{"cluster": a.vars["cluster"], "topic": a.vars["topic"], "id": s.ID}, query: a.query}
	http.Redirect(w, r, job.String(), http.StatusSeeOther)
}

// cancelSearch serves POST .../search/{id}/cancel.
func (c *Console) cancelSearch(w http.ResponseWriter, r *http.Request) {
	a, ok := c.posted(w, r, "/ui/c/{cluster}/topics/{topic}/search/{id}")
	if !ok {
		return
	}
	// A search that is gone needs no end; its page says that it is gone.
	_ = c.api.patient(readingTimes).call(r.Context(), http.MethodDelete, apiPath("searches", a.vars["id"]), nil, nil, &searchStatus{})
	http.Redirect(w, r, a.String(), http.StatusSeeOther)
}

// searchJobPage is a search that runs or has ended.
func searchJobPage() *page {
	return made(page{
		route: "/ui/c/{cluster}/topics/{topic}/search/{id}", section: "Topics", live: true, params: searchParams(),
		title: func(a address) string { return "Search in " + short(a.vars["topic"], 60) },
	}, func(a address) []question {
		return []question{asking[searchStatus]("search", apiPath("searches", a.vars["id"]))}
	}, searchJobParts)
}

type searchJobView struct {
	titleView
	What       string // what is looked for
	Share      string // the address that goes on where the search is now
	Cancel     string // the address that ends it
	Value, Max int64  // of the progress
	Running    bool
	Form       searchForm // to resume, with the newest token
	Resume     bool
	Again      string
}

func searchJobParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[searchStatus](d, "search", "Search in "+short(a.vars["topic"], 60), asOf)
	v := searchJobView{What: lookedFor(a), Form: newSearchForm(a)}
	v.titleView = titleView{frame: f, Full: a.vars["topic"]}
	v.ID, v.age = "head", ageLine("head", p.At, asOf, d.byName["search"].path)
	again := address{page: pageAt("/ui/c/{cluster}/topics/{topic}/search"), vars: a.vars, query: a.query}
	v.Again = again.with("token", "").String()
	s := p.Data
	if d.missing() || p.At.IsZero() {
		v.age, v.Problems = "", nil
		if d.missing() {
			v.Trouble, v.Empty = "", p.Err
			v.Resume = a.get("token") != ""
		}
		return []part{{id: "head", template: "search-job", view: v}}
	}
	v.Running = s.State == "running"
	b := searchState(s.State)
	v.Badge = &b
	g := s.Progress
	left := cell{Text: "–", Mark: "zero"}
	if v.Running && g.ETAMS >= 0 {
		left = cell{Text: ago(time.Duration(g.ETAMS)*time.Millisecond + time.Second - 1)}
	}
	v.Facts = []fact{{"Matches", num(int64(len(s.Matches)))}, {"Records looked at", cell{Text: number(g.Records), Note: "of " + known(g.RecordsTotal)}},
		{"Read", cell{Text: size(g.Bytes), Note: map[bool]string{true: "of about " + size(g.BytesTotal)}[g.BytesTotal >= 0]}},
		{"Took", cell{Text: tenths(g.ElapsedMS)}}, {"Left", left}}
	v.Value, v.Max = g.Records, max(1, g.RecordsTotal)
	if !v.Running {
		v.Value = min(v.Value, v.Max)
		v.Lines = []string{sentence(s.Why)}
	}
	if s.Error != "" {
		v.Lines = append(v.Lines, short(s.Error, 300))
	}
	v.Form.Token = s.Token
	if s.Token != "" {
		v.Share = a.with("token", s.Token).String()
	}
	v.Resume = s.Token != "" && !v.Running
	v.Cancel = uiPath("c", a.vars["cluster"], "topics", a.vars["topic"], "search", a.vars["id"], "cancel")
	m := panelView{frame: frame{ID: "matches", Title: "Matches", Sum: plural(int64(len(s.Matches)), "match") + ", in the order in which they were found"}, Grid: recordGrid(a, s.Matches), Class: "stream"}
	m.Sum = strings.Replace(m.Sum, "matchs", "matches", 1)
	if len(s.Matches) == 0 {
		if m.Empty = "Nothing was found."; v.Running {
			m.Empty = "Nothing was found so far."
		}
	}
	return []part{{id: "head", template: "search-job", view: v, age: v.age}, m.part(), coveredPanel(s)}
}

// maxCovered is how many ranges are drawn; a topic may have thousands.
const maxCovered = 100

func coveredPanel(s searchStatus) part {
	v := panelView{frame: frame{ID: "covered", Title: "What was searched"}, Grid: grid{Cols: []column{plainCol("Partition"), numCol("From (inclusive)"), numCol("To (exclusive)")}}}
	for _, r := range s.Covered[:min(len(s.Covered), maxCovered)] {
		v.Grid.Rows = append(v.Grid.Rows, []cell{{Text: fmt.Sprint(r.Partition)}, {Text: number(r.From)}, {Text: number(r.To)}})
	}
	if v.Sum = plural(int64(len(s.Covered)), "partition"); len(s.Covered) > maxCovered {
		v.Sum = number(maxCovered) + " of " + v.Sum + "; the API has them all"
	}
	if len(s.Covered) == 0 {
		v.Empty = "Nothing yet."
	}
	return v.part()
}

func searchState(state string) badge {
	return badge{cmp.Or(map[string]string{"budget": "budget spent"}[state], state),
		map[string]string{"running": "open", "done": "complete", "budget": "late", "cancelled": "late", "failed": "lost"}[state]}.orUnknown()
}

// lookedFor says in words what an address looks for.
func lookedFor(a address) string {
	var s []string
	if f := a.get("filter"); f != "" {
		s = append(s, "“"+plain(short(f, 80))+"” in key or value")
	}
	if e := a.get("cel"); e != "" {
		s = append(s, plain(short(e, 160)))
	}
	if len(s) == 0 {
		s = append(s, "any record")
	}
	out := strings.Join(s, ", and ")
	if p := a.get("partition"); p != "" {
		out += "; partition " + p
	}
	if f := a.get("from"); f != "" {
		out += "; from " + plain(short(f, 40))
	}
	if t := a.get("to"); t != "" {
		out += "; up to " + plain(short(t, 40))
	}
	return out
}

func tenths(ms int64) string { return fmt.Sprintf("%d.%d s", ms/1000, ms%1000/100) }

// sentence makes one of the API's words.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}

// posted reads a form as the query of the address of the page at route. Where the
// form holds what that page does not take, the browser is led there: the page says
// what it is.
func (c *Console) posted(w http.ResponseWriter, r *http.Request, route string) (address, bool) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "This form could not be read: "+err.Error(), http.StatusBadRequest)
		return address{}, false
	}
	a := address{page: pageAt(route), vars: map[string]string{}, query: map[string]string{}}
	for seg := range strings.SplitSeq(route, "/") {
		if name, ok := variable(seg); ok {
			a.vars[name] = r.PathValue(name)
		}
	}
	given := url.Values{}
	for name, values := range r.PostForm {
		given.Set(name, strings.ReplaceAll(values[0], "\r\n", "\n"))
	}
	if len(a.take(given.Encode())) > 0 {
		http.Redirect(w, r, a.bare().String()+"?"+given.Encode(), http.StatusSeeOther)
		return a, false
	}
	return a, true
}

// show answers a form with a page that has no address of its own.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, a address, parts []part) {
	fs, err := c.render.fragments(parts)
	var b []byte
	if err == nil {
		b, err = c.render.page(c.layout(a, c.clusters(context.WithoutCancel(r.Context()), time.Now()), nil, themeOf(r)), fs)
	}
	c.write(w, status, b, err)
}

// statusOf is the status of a page that says that the API refused: the API's own, or
// that what is behind us does not answer.
func statusOf(err error) int {
	var e *apiError
	if errors.As(err, &e) && e.Status >= 400 && e.Status < 500 {
		return e.Status
	}
	return http.StatusOK
}
