package console

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Console serves the pages. Make one with New, mount it with Register, and Run
// it for as long as its pages are to be live.
type Console struct {
	cfg     Config
	api     api
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
	return &Console{cfg: cfg, api: api{cfg.API, cfg.Deadline}, assets: a, render: r,
		hub: newHub(cfg.MaxStreams), stopped: make(chan struct{})}, nil
}

// Register mounts the pages on mux: /ui/audit, the page of one window, their
// event stream and their assets. / leads to /ui/audit; no other address that is
// not the console's is touched.
func (c *Console) Register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", http.RedirectHandler("/ui/audit", http.StatusFound))
	mux.HandleFunc("GET /ui/audit", c.auditPage)
	mux.HandleFunc("GET /ui/audit/{topic}/{start}", c.windowPage)
	mux.HandleFunc("GET /ui/stream", guarded(c.stream))
	mux.HandleFunc("GET /ui/assets/", guarded(c.assets.ServeHTTP))
}

// key names a page: the audit page, of one topic if topic is set, or the page of
// the window of topic that begins at start.
type key struct {
	topic string
	start time.Time // UTC; zero: the audit page
	all   bool      // all rows of its tables
}

// streamPath is where a page whose state is have hears of its changes.
func (k key) streamPath(have string) string {
	q := url.Values{"on": {"audit"}, "have": {have}}
	if k.topic != "" {
		q.Set("topic", k.topic)
	}
	if !k.start.IsZero() {
		q.Set("start", stamp(k.start))
	}
	if k.all {
		q.Set("all", "1")
	}
	return "/ui/stream?" + q.Encode()
}

// content is what a page is made from; the half that its key does not name is
// empty.
type content struct {
	audit  auditData
	window windowData
}

func (n content) orKeep(prev content) content {
	return content{n.audit.orKeep(prev.audit), n.window.orKeep(prev.window)}
}

func (n content) parts(k key, asOf time.Time) []part {
	if k.start.IsZero() {
		return auditParts(n.audit, k.topic, k.all, asOf)
	}
	return windowParts(k.topic, k.start, n.window, asOf)
}

func (c *Console) load(ctx context.Context, k key, now time.Time) content {
	if k.start.IsZero() {
		return content{audit: c.api.audit(ctx, k.topic, now)}
	}
	return content{window: c.api.window(ctx, k.topic, k.start, now)}
}

func (c *Console) auditPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	k := key{topic: q.Get("topic"), all: q.Get("all") == "1"}
	now := time.Now()
	c.write(w, http.StatusOK, k, layout{Title: "Audit", Home: true}, c.load(r.Context(), k, now), now)
}

func (c *Console) windowPage(w http.ResponseWriter, r *http.Request) {
	start, err := time.Parse(time.RFC3339, r.PathValue("start"))
	if err != nil {
		http.Error(w, "An address of a window ends in its start, as in 2015-05-17T10:00:00Z. All windows: /ui/audit", http.StatusNotFound)
		return
	}
	k := key{topic: r.PathValue("topic"), start: start.UTC()}
	now := time.Now()
	n := c.load(r.Context(), k, now)
	status := http.StatusOK
	if n.window.NotFound {
		status = http.StatusNotFound
	}
	c.write(w, status, k, layout{Title: windowTitle(k.start) + " · " + short(k.topic, 40)}, n, now)
}

func (c *Console) write(w http.ResponseWriter, status int, k key, l layout, n content, now time.Time) {
	fs, err := c.render.fragments(n.parts(k, now))
	var b []byte
	if err == nil {
		l.Site, l.Stream = c.cfg.Title, k.streamPath(token(fs))
		b, err = c.render.page(l, fs)
	}
	if err != nil { // a defect of a template
		c.cfg.Log.Error("console: page not rendered", "err", err)
		http.Error(w, "This page could not be rendered; the log says why.", http.StatusInternalServerError)
		return
	}
	guard(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(b)
}

// guard tells the browser to load nothing from elsewhere and to run and apply
// nothing that is written into a page.
func guard(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
}

func guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		guard(w)
		next(w, r)
	}
}
