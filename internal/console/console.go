package console

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// Console serves the pages. Make one with New, mount it with Register, and Run
// it for as long as its pages are to be live.
type Console struct {
	cfg     Config
	api     api
	pages   []*page
	assets  *assets
	render  *renderer
	hub     *hub
	stopped chan struct{} // closed when Run has ended
}

// New checks cfg and parses the templates. It starts nothing.
func New(cfg Config) (*Console, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	a, err := newAssets()
	if err != nil {
		return nil, err
	}
	r, err := newRenderer(a)
	if err != nil {
		return nil, err
	}
	return &Console{cfg: cfg, api: api{cfg.API, cfg.Deadline}, pages: pages(), assets: a, render: r,
		hub: newHub(cfg.MaxStreams), stopped: make(chan struct{})}, nil
}

// Register mounts the pages on mux, all below /ui, with their event stream, their
// assets and the choice of the theme. No other address is touched.
func (c *Console) Register(mux *http.ServeMux) {
	mux.Handle("GET /ui/{$}", http.RedirectHandler("/ui", http.StatusFound))
	for _, p := range c.pages {
		mux.HandleFunc("GET "+p.route, guarded(c.serve))
	}
	mux.HandleFunc("GET /ui/", guarded(c.serve)) // no page: says so
	mux.HandleFunc("POST /ui/theme", guarded(setTheme))
	for route, form := range c.forms() {
		mux.HandleFunc(route, guarded(form))
	}
	mux.HandleFunc("GET /ui/stream", guarded(c.stream))
	mux.HandleFunc("GET /ui/assets/", guarded(c.assets.ServeHTTP))
}

// serve answers with a page. What surrounds it is read from the API meanwhile.
func (c *Console) serve(w http.ResponseWriter, r *http.Request) {
	a, notes, err := parse(c.pages, r.URL)
	if err != nil {
		c.nowhere(w, r, err)
		return
	}
	now := time.Now()
	shell := make(chan panel[clusterList], 1)
	go func() { shell <- c.clusters(r.Context(), now) }()
	n := a.page.load(r.Context(), c.api, a, now)
	fs, err := c.render.fragments(a.page.parts(a, n, now))
	if err == nil && r.Header.Get("HX-Request") != "" { // a script asks for what it puts into a page
		<-shell
		c.write(w, http.StatusOK, []byte(mainHTML(fs)), nil)
		return
	}
	status := http.StatusOK
	if n.missing() {
		status = http.StatusNotFound
	}
	l := c.layout(a, <-shell, notes, themeOf(r))
	if a.page.live {
		l.Stream = streamPath(a, token(fs))
	}
	var b []byte
	if err == nil {
		b, err = c.render.page(l, fs)
	}
	c.write(w, status, b, err)
}

// nowhere answers an address that is no page.
func (c *Console) nowhere(w http.ResponseWriter, r *http.Request, why error) {
	v := noPage{Path: short(plain(r.URL.Path), 120), Others: []linkView{{"/ui", "Overview of all clusters"}, {"/ui/palette", "Search"}}}
	if !errors.Is(why, errNoPage) {
		v.Why = plain(why.Error())
	}
	if strings.HasPrefix(r.URL.Path, "/ui/audit/") {
		v.Others = append(v.Others, linkView{"/ui/audit", "Audit"})
	}
	fs, err := c.render.fragments([]part{{id: "head", template: "no-page", view: v}})
	var b []byte
	if err == nil {
		a := address{page: &page{route: "/ui", title: func(address) string { return "No such page" }}}
		b, err = c.render.page(c.layout(a, c.clusters(r.Context(), time.Now()), nil, themeOf(r)), fs)
	}
	c.write(w, http.StatusNotFound, b, err)
}

type noPage struct {
	Path, Why string
	Others    []linkView
}

func (c *Console) write(w http.ResponseWriter, status int, b []byte, err error) {
	if err != nil { // a defect of a template
		c.cfg.Log.Error("console: page not rendered", "err", err)
		http.Error(w, "This page could not be rendered; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(b)
}

// guard tells the browser to load nothing from elsewhere, to send forms nowhere
// else, and to run and apply nothing that is written into a page.
func guard(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; object-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
}

func guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		guard(w)
		next(w, r)
	}
}
