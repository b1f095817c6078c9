package console

import (
	"context"
	"html"
	"maps"
	"slices"
	"sync"
	"time"
)

// page is one kind of page: where it is, what it reads and how it shows that.
type page struct {
	route   string  // as for http.ServeMux, without the method
	label   string  // its name, where the route does not end in a variable
	nav     bool    // has an entry in the navigation, in the order of pages
	section string  // label of the entry that is current on this page
	params  []param // what its query may say
	live    bool    // changes arrive by the event stream

	// clean checks and normalises the variables of the path. May be nil.
	clean func(vars map[string]string) error
	title func(a address) string
	// twin is the address of the API that the page is mainly made from, "" if none.
	twin func(a address) string
	// load reads the API. It never fails: what could not be read is in the content.
	load func(ctx context.Context, api api, a address, now time.Time) content
	// parts is pure. asOf is the time that the page claims to be of.
	parts func(a address, n content, asOf time.Time) []part
}

// content is what a page was made from.
type content interface {
	// orKeep falls back to prev, of the same page or nil, where reading failed.
	orKeep(prev content) content
	// missing says that the page is of something that does not exist.
	missing() bool
}

// pages returns every page, in the order of the navigation. A page is added here
// and nowhere else; doc.go says how.
func pages() []*page {
	return []*page{
		overviewPage(), clusterPage(),
		auditPage(), windowPage(),
		topicsPage(), topicPage(), topicConfigsPage(), topicGroupsPage(), topicProducersPage(),
		recordsPage(), followPage(), recordPageOf(), searchPage(), searchJobPage(),
		topicCreatePage(), topicSettingsPage(), topicGrowPage(), topicDeletePage(),
		groupsPage(), groupPage(), groupResetPage(), groupDeletePage(),
		brokersPage(), brokerPage(),
		schemasPage(), subjectPage(), registerPage(), schemaUsagePage(), schemaSearchPage(), schemaWarningsPage(),
		levelSettingsPage(), subjectSettingsPage(), schemaDeletePage(), takeoverPage(), handbackPage(), actionsPage(), planPage(), eventsPage(),
		palettePage(),
	}
}

// question is one to the API; each is asked in parallel with the others and has a
// deadline of its own. path is where its answer can be looked at; "": only a POST has it.
type question struct {
	name, path string
	ask        func(context.Context, api) (any, error)
}

func asking[T any](name, path string) question {
	return question{name, path, func(ctx context.Context, api api) (any, error) {
		var v T
		err := api.get(ctx, path, &v)
		return v, err
	}}
}

// made completes a page that asks the API some questions, all known from its
// address. The first is its twin, and says whether what it shows exists.
func made(p page, asks func(a address) []question, show func(a address, d answers, asOf time.Time) []part) *page {
	p.twin = func(a address) string { return asks(a)[0].path }
	p.load = func(ctx context.Context, api api, a address, now time.Time) content {
		return load(ctx, api, asks(a), now)
	}
	p.parts = func(a address, n content, asOf time.Time) []part { return show(a, n.(answers), asOf) }
	return &p
}

// answers are the API's answers to a page's questions.
type answers struct {
	first  string
	byName map[string]reply
	quiet  bool // what the sources could not find out is said once, not by each panel
}

type reply struct {
	panel[any]
	path string
	aged bool // the API said how old it is
}

func load(ctx context.Context, api api, asks []question, now time.Time) answers {
	got := make([]reply, len(asks))
	var wg sync.WaitGroup
	for i, r := range asks {
		wg.Go(func() {
			v, err := r.ask(ctx, api)
			p := read(now, v, err)
			old, aged := v.(interface{ age() time.Duration })
			if aged && err == nil {
				p.At = now.Add(-old.age())
			}
			got[i] = reply{p, r.path, aged}
		})
	}
	wg.Wait()
	d := answers{first: asks[0].name, byName: map[string]reply{}}
	for i, r := range asks {
		d.byName[r.name] = got[i]
	}
	return d
}

func (d answers) orKeep(prev content) content {
	old, ok := prev.(answers)
	if !ok {
		return d
	}
	for name, a := range d.byName {
		was := old.byName[name].panel
		a.panel = a.panel.orKeep(was)
		// The same answer again: its age in milliseconds is never exactly the same. One
		// that tells no age is new each time, and that is not worth a message each time.
		same := time.Second
		if !a.aged {
			same = freshEvery
		}
		if diff := a.At.Sub(was.At); a.Err == "" && diff > -same && diff < same {
			a.At = was.At
		}
		d.byName[name] = a
	}
	return d
}

func (d answers) missing() bool {
	p := d.byName[d.first].panel
	return p.NotFound && p.At.IsZero()
}

// of returns the answer to the question of that name.
func of[T any](d answers, name string) panel[T] {
	p := d.byName[name].panel
	v, _ := p.Data.(T) // nothing read yet: the zero value
	return panel[T]{Data: v, At: p.At, Err: p.Err, NotFound: p.NotFound}
}

// staleAfter is the age from which on numbers are called old: three times the
// period in which weir looks at a cluster.
const staleAfter = 15 * time.Second

// frame is what surrounds a panel: what it is, how old, and what is missing.
type frame struct {
	ID, Title string
	Sum       string
	Trouble   string
	Problems  []string // what its source could not find out
	Empty     string   // why there is nothing to show
	Half      bool     // stands beside another where the screen is wide
	age       string
}

// framed makes the frame of the panel that shows the answer called name.
func framed[T any](d answers, name, title string, asOf time.Time) (frame, panel[T]) {
	p := of[T](d, name)
	f := frame{ID: name, Title: title, age: ageLine(name, p.At, asOf, d.byName[name].path)}
	if p.Err != "" {
		f.Trouble = stale(title, p.Err, p.At)
	}
	if !d.quiet {
		f.Problems = d.byName[name].problems()
	}
	return f, p
}

// problems is what the source of an answer could not find out.
func (r reply) problems() []string {
	if l, ok := r.Data.(interface{ problems() []string }); ok {
		return l.problems()
	}
	return nil
}

// problems are those of all answers, each once.
func (d answers) problems() (out []string) {
	for _, name := range slices.Sorted(maps.Keys(d.byName)) {
		for _, p := range d.byName[name].problems() {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// ageSlot stands in a fragment where its age goes. No name can bring it about:
// the templates escape what they are given.
const ageSlot = "<!--age-->"

// ageLine says how old a panel is and where, if anywhere, its numbers can be had. It is the
// only part of a panel that changes all the time, so it is sent by itself.
func ageLine(id string, at, asOf time.Time, path string) string {
	class, words := "age", ""
	if !at.IsZero() {
		words = "as of " + clock(at) + " UTC"
		if d := asOf.Sub(at); d > staleAfter {
			class, words = "age old", "<strong>old:</strong> "+words+", "+ago(d)+" before this page"
		}
	}
	if path != "" {
		words += ` <a class="api" href="` + html.EscapeString(path) + `" title="These numbers as JSON">API<span class="hidden"> of this panel</span></a>`
	}
	return `<p class="` + class + `" id="` + id + `-age">` + words + `</p>`
}

// Aged says that the frame's template has a place for an age.
func (f frame) Aged() bool { return f.age != "" }
