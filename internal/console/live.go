package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// freshEvery is how often a page whose numbers stand still says anew that they
// were read. It is also what finds out that a viewer is gone.
const freshEvery = 10 * time.Second

var errFull = errors.New("too many event streams are open")

// hub holds a feed for each page that somebody watches.
type hub struct {
	max  int
	wake chan struct{} // holds one: a feed is waiting for its first rendering

	mu      sync.Mutex       // guards all below
	feeds   map[string]*feed // by address
	viewers int
}

// feed is what all viewers of one page share.
type feed struct {
	address address

	// Owned by the one rendering that is under way; renderDue starts no second.
	content content
	asOf    time.Time

	// Guarded by hub.mu.
	due       time.Time
	fragments []fragment // replaced as a whole, never edited
	viewers   map[chan struct{}]bool
}

func newHub(max int) *hub {
	return &hub{max: max, wake: make(chan struct{}, 1), feeds: map[string]*feed{}}
}

// join adds a viewer to a's feed. The channel holds a signal whenever there are
// fragments that the viewer may not have seen; several changes are one signal.
func (h *hub) join(a address) (f *feed, changed chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.viewers >= h.max {
		return nil, nil, errFull
	}
	h.viewers++
	k := a.String()
	f = h.feeds[k]
	if f == nil {
		f = &feed{address: a, viewers: map[chan struct{}]bool{}}
		h.feeds[k] = f
		signal(h.wake)
	}
	changed = make(chan struct{}, 1)
	f.viewers[changed] = true
	if f.fragments != nil {
		signal(changed)
	}
	return f, changed, nil
}

func (h *hub) leave(f *feed, changed chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.viewers--
	delete(f.viewers, changed)
	if len(f.viewers) == 0 {
		delete(h.feeds, f.address.String())
	}
}

func (h *hub) current(f *feed) []fragment {
	h.mu.Lock()
	defer h.mu.Unlock()
	return f.fragments
}

func (h *hub) publish(f *feed, fs []fragment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Equal(f.fragments, fs) {
		return
	}
	f.fragments = fs
	for v := range f.viewers {
		signal(v)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// dueNow returns the feeds to render now, and when the next one is due (zero:
// nobody watches).
func (h *hub) dueNow(now time.Time, every time.Duration) (due []*feed, next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.feeds {
		if !f.due.After(now) {
			due = append(due, f)
			f.due = now.Add(every)
		}
		if next.IsZero() || f.due.Before(next) {
			next = f.due
		}
	}
	return due, next
}

// Run renders what is watched until ctx ends, and then ends all event streams.
// It may be called once.
func (c *Console) Run(ctx context.Context) error {
	defer close(c.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.hub.wake:
		case <-timer.C:
		}
		due, next := c.hub.dueNow(time.Now(), c.cfg.Every)
		var g errgroup.Group
		g.SetLimit(4)
		for _, f := range due {
			g.Go(func() error {
				c.refresh(ctx, f)
				return nil
			})
		}
		g.Wait()
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// refresh reads and renders one feed anew. Where nothing else has changed, the
// time of reading that the page shows stays for freshEvery.
func (c *Console) refresh(ctx context.Context, f *feed) {
	now := time.Now()
	a := f.address
	f.content = a.page.load(ctx, c.api, a, now).orKeep(f.content)
	if ctx.Err() != nil {
		return // what failed now failed because we stop
	}
	fs, err := c.render.fragments(a.page.parts(a, f.content, f.asOf))
	if err == nil && (now.Sub(f.asOf) >= freshEvery || !slices.Equal(fs, c.hub.current(f))) {
		f.asOf = now
		fs, err = c.render.fragments(a.page.parts(a, f.content, f.asOf))
	}
	if err != nil {
		c.cfg.Log.Error("console: page not rendered", "page", a.String(), "err", err)
		return
	}
	c.hub.publish(f, fs)
}

// token names a page's state: a hash of its structure, then two per fragment, of
// the fragment and of its age. It is the id of an event, so a browser sends it when
// it comes back.
func token(fs []fragment) string {
	var ids strings.Builder
	hashes := make([]string, 1, 2*len(fs)+1)
	for _, f := range fs {
		ids.WriteString(f.ID + " ")
		hashes = append(hashes, hash(f.HTML), hash(f.Age))
	}
	hashes[0] = hash(ids.String())
	return strings.Join(hashes, "-")
}

// difference is the HTML that brings a page from the state that have names to
// fs: each changed fragment, or only its age, or all of the page if other
// fragments stand there. "" means that nothing has changed.
func difference(have string, fs []fragment) string {
	old, now := strings.Split(have, "-"), strings.Split(token(fs), "-")
	if len(old) != len(now) || old[0] != now[0] {
		return partial("main", "innerMorph", mainHTML(fs))
	}
	var b strings.Builder
	for i, f := range fs {
		switch {
		case old[2*i+1] != now[2*i+1]:
			b.WriteString(partial(f.ID, "outerMorph", f.full()))
		case old[2*i+2] != now[2*i+2]:
			b.WriteString(partial(f.ID+"-age", "outerMorph", f.Age))
		}
	}
	return b.String()
}

// partial wraps html so that htmx swaps it into the element with that id.
func partial(id, swap, html string) string {
	return `<hx-partial hx-target="#` + id + `" hx-swap="` + swap + `">` + html + "</hx-partial>"
}

// event is one message of an event stream. It has no name, so that htmx swaps
// its data. A name may hold a bare carriage return, and that ends a line too.
func event(id, html string) string {
	return "id: " + id + "\ndata: " + lineEnds.Replace(html) + "\n\n"
}

var lineEnds = strings.NewReplacer("\r\n", "\ndata: ", "\n", "\ndata: ", "\r", "\ndata: ")

// streamPath is where a page whose state is have hears of its changes.
func streamPath(a address, have string) string {
	return "/ui/stream?" + url.Values{"on": {a.String()}, "have": {have}}.Encode()
}

// stream serves GET /ui/stream: the changes of one page for as long as the
// browser stays and Run runs.
func (c *Console) stream(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	on, err := url.Parse(q.Get("on"))
	var a address
	if err == nil {
		a, _, err = parse(c.pages, on)
	}
	if err != nil || !a.page.live {
		http.Error(w, "on must be the address of a page that is live, such as /ui/audit", http.StatusBadRequest)
		return
	}
	f, changed, err := c.hub.join(a)
	if err != nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer c.hub.leave(f, changed)

	have := q.Get("have")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		have = id
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	if !send(rc, w, ": weir\n\n") { // lets the browser know that it is connected
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case <-c.stopped:
			return
		case <-changed:
		}
		fs := c.hub.current(f)
		if html := difference(have, fs); html != "" {
			have = token(fs)
			if !send(rc, w, event(have, html)) {
				return
			}
		}
	}
}

// sendWithin is how long a browser may take to accept one message. Meanwhile it
// misses others; after it, it has to come back.
const sendWithin = 10 * time.Second

func send(rc *http.ResponseController, w http.ResponseWriter, s string) bool {
	// A writer that knows no deadlines (a recorder in a test) is not held up.
	_ = rc.SetWriteDeadline(time.Now().Add(sendWithin))
	if _, err := w.Write([]byte(s)); err != nil {
		return false
	}
	if err := rc.Flush(); err != nil {
		return false
	}
	_ = rc.SetWriteDeadline(time.Time{})
	return true
}
