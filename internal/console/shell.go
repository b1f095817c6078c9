package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// layout is what surrounds the fragments of a page.
type layout struct {
	Site, Title string
	Stream      string // "" if the page is not live
	Theme       string // auto, light or dark
	Next        string // the theme that its button sets
	Here        string // the address of this page, with its state
	Twin        string // the address of the API that it is made from
	Cluster     string
	Nav         []navView
	Crumbs      []linkView // from the overview to the page above this one
	Switch      []navView  // the same page of the other clusters
	SwitchNote  string
	Notes       []string // what of the address was ignored
	Main        mainText
}

type navView struct {
	Href, Text, Full string
	Current          bool
}

// clusters reads what the navigation needs; where that fails, the navigation
// does without.
func (c *Console) clusters(ctx context.Context, now time.Time) panel[clusterList] {
	var l clusterList
	err := c.api.get(ctx, apiPath("clusters"), &l)
	return read(now, l, err)
}

func (c *Console) layout(a address, clusters panel[clusterList], notes []string, theme string) layout {
	p := a.page
	cluster := a.vars["cluster"]
	l := layout{Site: c.cfg.Title, Title: plain(p.title(a)), Theme: theme, Next: nextTheme(theme), Here: a.String(), Cluster: cluster, Notes: notes}
	if p.twin != nil {
		l.Twin = p.twin(a)
	}
	if cluster != "" && cluster != p.title(a) {
		l.Title += " · " + plain(short(cluster, 40))
	}
	home := cluster // where the navigation leads: home comes first
	if home == "" && len(clusters.Data.Clusters) > 0 {
		home = clusters.Data.Clusters[0].Name
	}
	l.Nav = nav(c.pages, p.section, home)
	l.Crumbs = crumbs(c.pages, a)
	l.Switch = clusterSwitch(c.pages, a, clusters.Data.Clusters)
	if clusters.Err != "" {
		l.SwitchNote = "Clusters: " + short(clusters.Err, 120)
	}
	return l
}

func nav(pages []*page, section, cluster string) (out []navView) {
	for _, p := range pages {
		if !p.nav {
			continue
		}
		href := p.route
		if strings.Contains(href, "{cluster}") {
			if cluster == "" {
				continue // no cluster is known
			}
			href = address{page: p, vars: map[string]string{"cluster": cluster}}.String()
		}
		out = append(out, navView{Href: href, Text: p.label, Current: p.label == section})
	}
	return out
}

// crumbs are the pages whose routes a's route continues.
func crumbs(pages []*page, a address) (out []linkView) {
	for _, p := range pages {
		if !strings.HasPrefix(a.page.route, p.route+"/") {
			continue
		}
		up := address{page: p, vars: a.vars}
		segs := strings.Split(p.route, "/")
		text := p.label
		if name, ok := variable(segs[len(segs)-1]); ok {
			text = a.vars[name]
		}
		out = append(out, linkView{Href: up.String(), Text: text})
	}
	slices.SortStableFunc(out, func(a, b linkView) int { return strings.Count(a.Href, "/") - strings.Count(b.Href, "/") })
	return out
}

// maxSwitch is how many clusters the switch offers; the overview has all.
const maxSwitch = 100

// clusterSwitch leads to the list of the same kind in every cluster, or to the
// cluster's own page.
func clusterSwitch(pages []*page, a address, clusters []clusterRow) (out []navView) {
	to := clusterPage()
	for _, p := range pages {
		if p.nav && p.label == a.page.section && strings.Contains(p.route, "{cluster}") {
			to = p
		}
	}
	for _, c := range clusters[:min(len(clusters), maxSwitch)] {
		href := address{page: to, vars: map[string]string{"cluster": c.Name}}.String()
		out = append(out, navView{Href: href, Text: short(c.Name, 40), Full: c.Name, Current: c.Name == a.vars["cluster"]})
	}
	return out
}

// The theme is a cookie: without one, and without scripts, a page follows the
// system.
const themeCookie = "weir_theme"

var themes = []string{"auto", "dark", "light"}

func nextTheme(theme string) string {
	return themes[(slices.Index(themes, theme)+1)%len(themes)]
}

func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains(themes, c.Value) {
		return c.Value
	}
	return themes[0]
}

// setTheme serves POST /ui/theme: the only thing that a page changes, in the
// browser alone.
func setTheme(w http.ResponseWriter, r *http.Request) {
	theme := r.PostFormValue("theme")
	if !slices.Contains(themes, theme) {
		http.Error(w, "theme is one of "+strings.Join(themes, ", "), http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: themeCookie, Value: theme, Path: "/ui", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	back := r.PostFormValue("back")
	if back != "/ui" && !strings.HasPrefix(back, "/ui/") && !strings.HasPrefix(back, "/ui?") {
		back = "/ui"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
