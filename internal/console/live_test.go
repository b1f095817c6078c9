package console

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sse is a browser's side of an event stream.
type sse struct {
	t    *testing.T
	r    *bufio.Reader
	body io.Closer
	id   string
}

func open(t *testing.T, url, lastID string) *sse {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close(); http.DefaultClient.CloseIdleConnections() })
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || ct != "text/event-stream" {
		t.Fatalf("%s, %s", resp.Status, ct)
	}
	return &sse{t: t, r: bufio.NewReader(resp.Body), body: resp.Body}
}

// next reads to the end of one message that has data.
func (s *sse) next() (data string, err error) {
	var lines []string
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimSuffix(line, "\n")
		switch field, value, _ := strings.Cut(line, ": "); {
		case line == "" && lines != nil:
			return strings.Join(lines, "\n"), nil
		case field == "data":
			lines = append(lines, value)
		case field == "id":
			s.id = value
		case line != "" && field != "" && field != "data:":
			s.t.Errorf("unexpected line %q", line)
		}
	}
}

// must reads the next message that says more than the time of reading.
func (s *sse) must() string {
	s.t.Helper()
	for {
		data, err := s.next()
		if err != nil {
			s.t.Fatal(err)
		}
		if targets(data) != "" {
			return data
		}
	}
}

// targets names what a message changes. The head is left out: it holds the time
// of reading, in seconds, so it may or may not come along.
func targets(html string) string {
	var ids []string
	for _, m := range regexp.MustCompile(`hx-target="#([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if m[1] != "head" {
			ids = append(ids, strings.TrimPrefix(m[1], idOf("page-views")+"-"))
		}
	}
	return strings.Join(ids, " ")
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return resp.StatusCode, string(b)
}

func addressOf(t *testing.T, c *Console, at string) address {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	a, notes, err := parse(c.pages, u)
	if err != nil || notes != nil {
		t.Fatal(err, notes)
	}
	return a
}

// streamOf is the address of the stream that a page connects to.
func streamOf(t *testing.T, html string) string {
	t.Helper()
	m := regexp.MustCompile(`hx-sse:connect="([^"]+)"`).FindStringSubmatch(html)
	if m == nil {
		t.Fatal("the page connects to no stream")
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

func TestStreamSendsWhatChanged(t *testing.T) {
	f := sampleAPI(12, time.Hour)
	srv, _ := newConsole(t, f, Config{Every: 10 * time.Millisecond})
	_, html := fetch(t, srv.URL+"/ui/audit")
	s := open(t, srv.URL+streamOf(t, html), "")
	other := open(t, srv.URL+streamOf(t, html), "")

	// The page already has all, so the first message is what changes now.
	f.set(func(f *fakeAPI) { f.views[0].Path = "/seen-live" })
	for _, s := range []*sse{s, other} {
		if got := s.must(); targets(got) != "views" || !strings.Contains(got, "/seen-live") {
			t.Errorf("after a page view: for %q", targets(got))
		}
	}
	f.set(func(f *fakeAPI) {
		f.wins["page-views"][8] = win("page-views", at(18, 0), 77, "complete", 0)
	})
	if got := targets(s.must()); got != "river windows attention latest" {
		t.Errorf("after a window closed: for %q", got)
	}
	// A new topic changes the page's structure: all of it is sent.
	f.set(func(f *fakeAPI) { f.topics = append(f.topics, topicInfo{Topic: "new", Tiers: tiers, Verdict: "open"}) })
	if got := s.must(); targets(got) != "main" || !strings.Contains(got, "/seen-live") {
		t.Errorf("after a new topic: for %q", targets(got))
	}
	// Who comes back with the id of what it has, gets only the rest; who comes
	// without or with an id of something else, gets the page.
	id := s.id
	f.set(func(f *fakeAPI) { f.views[1].Path = "/while-away" })
	if got := s.must(); targets(got) != "views" {
		t.Errorf("for %q", targets(got))
	}
	if got := open(t, srv.URL+"/ui/stream?on=/ui/audit", id).must(); targets(got) != "views" || !strings.Contains(got, "/while-away") {
		t.Errorf("back with an id: for %q", targets(got))
	}
	if got := targets(open(t, srv.URL+"/ui/stream?on=/ui/audit", "12-34").must()); got != "main" {
		t.Errorf("back with a foreign id: for %q", got)
	}
}

func TestStreamOfWindow(t *testing.T) {
	f := sampleAPI(12, time.Hour)
	srv, _ := newConsole(t, f, Config{Every: 10 * time.Millisecond})
	status, html := fetch(t, srv.URL+"/ui/audit/page-views/2015-05-17T21:00:00Z")
	if status != 200 || !strings.Contains(html, "17 May 2015 21:00 to 21:10 UTC") {
		t.Fatalf("window page: %d %.200s", status, html)
	}
	s := open(t, srv.URL+streamOf(t, html), "")
	f.set(func(f *fakeAPI) { f.wins["page-views"][11] = win("page-views", at(21, 0), 64, "complete", 0) })
	if got := targets(s.must()); got != "verdict pairs" {
		t.Errorf("for %q", got)
	}
}

// A name with a carriage return must not write fields of the event stream.
func TestStreamOfHostileName(t *testing.T) {
	f := &fakeAPI{topics: []topicInfo{{Topic: hostile, Tiers: []string{hostile}, Verdict: hostile}}}
	srv, _ := newConsole(t, f, Config{Every: 10 * time.Millisecond})
	s := open(t, srv.URL+"/ui/stream?on=/ui/audit", "")
	got := s.must()
	if strings.Contains(got, "\r") || strings.Contains(got, "<script") {
		t.Error("the name came through as it is")
	}
	if !regexp.MustCompile(`^[0-9a-f-]+$`).MatchString(s.id) {
		t.Errorf("id %q", s.id)
	}
}

// Run ends all streams, and the server can shut down while browsers watch.
func TestRunEndsStreams(t *testing.T) {
	srv, stop := newConsole(t, sampleAPI(5, time.Hour), Config{Every: 10 * time.Millisecond})
	s := open(t, srv.URL+"/ui/stream?on=/ui/audit", "")
	s.must()
	stop()
	for {
		if _, err := s.next(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// The same page is read and rendered once for all viewers, at most once per
// Every, and not at all when nobody watches.
func TestRendersOnlyWhatIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := sampleAPI(5, time.Hour)
		c, err := New(Config{API: f})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx)
		reads := func() (n int) { f.set(func(f *fakeAPI) { n, f.reads = f.reads, 0 }); return n }
		const perRendering = 3 // topics, windows, views

		time.Sleep(time.Minute)
		if n := reads(); n != 0 {
			t.Errorf("%d reads while nobody watches", n)
		}
		feeds := make([]*feed, 10)
		signals := make([]chan struct{}, 10)
		for i := range feeds {
			feeds[i], signals[i], _ = c.hub.join(addressOf(t, c, "/ui/audit"))
		}
		synctest.Wait()
		if n := reads(); n != perRendering {
			t.Errorf("%d reads for the first rendering, want %d", n, perRendering)
		}
		time.Sleep(10*time.Second - time.Millisecond)
		synctest.Wait()
		if n := reads(); n != 9*perRendering {
			t.Errorf("%d reads in 10 s, want %d", n, 9*perRendering)
		}
		// Nothing changed: one signal for the first rendering, none since.
		for i, s := range signals {
			<-s
			select {
			case <-s:
				t.Error("a signal without a change")
			default:
			}
			c.hub.leave(feeds[i], s)
		}
		time.Sleep(time.Minute)
		if n := reads(); n > perRendering {
			t.Errorf("%d reads after all have left", n)
		}
		cancel()
	})
}

// A viewer that does not read holds no more than the newest state, and gets that.
func TestSlowViewerSkips(t *testing.T) {
	h := newHub(10)
	f, changed, err := h.join(address{page: auditPage()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		h.publish(f, []fragment{{ID: "head", HTML: fmt.Sprint(i)}})
	}
	<-changed
	if got := h.current(f); got[0].HTML != "999" || len(changed) != 0 {
		t.Errorf("after the signal: %v, %d more signals", got, len(changed))
	}
}

func TestTooManyStreams(t *testing.T) {
	srv, _ := newConsole(t, sampleAPI(5, time.Hour), Config{MaxStreams: 1, Every: 10 * time.Millisecond})
	s := open(t, srv.URL+"/ui/stream?on=/ui/audit", "")
	s.must()
	if status, _ := fetch(t, srv.URL+"/ui/stream?on=/ui/audit"); status != http.StatusServiceUnavailable {
		t.Errorf("second stream: %d, want 503", status)
	}
}

func TestDifference(t *testing.T) {
	a := []fragment{{ID: "x", HTML: "1"}, {ID: "y", HTML: "1"}}
	b := []fragment{{ID: "x", HTML: "1"}, {ID: "y", HTML: "2"}}
	c := []fragment{{ID: "x", HTML: "1"}, {ID: "z", HTML: "2"}}
	for _, tt := range []struct {
		name string
		have string
		now  []fragment
		want string
	}{
		{"same", token(a), a, ""},
		{"older", token(a), []fragment{{ID: "x", HTML: "1"}, {ID: "y", HTML: "1", Age: "9 s"}}, "y-age"},
		{"one changed", token(a), b, "y"},
		{"another id", token(b), c, "main"},
		{"one more", token(a), append(a[:2:2], c[1]), "main"},
		{"nothing known", "", a, "main"},
		{"garbage", "----", a, "main"},
	} {
		if got := targets(difference(tt.have, tt.now)); got != tt.want {
			t.Errorf("%s: for %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRoutes(t *testing.T) {
	f := sampleAPI(5, time.Hour)
	f.broken["/api/v1/audit/topics/slow/windows/2015-05-17T10:00:00Z"] = func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	srv, _ := newConsole(t, f, Config{Deadline: 20 * time.Millisecond})
	for _, tt := range []struct {
		path   string
		status int
		has    string
	}{
		{"/", 404, ""},
		{"/ui/audit", 200, "page-views"},
		{"/ui/audit?topic=%3Cscript%3E&all=7&x=%ff", 200, "No such topic"},
		{"/ui/audit/page-views/2015-05-17T10:00:00Z", 200, "17 May 2015 10:00 to 10:10 UTC"},
		{"/ui/audit/page-views/2015-05-17T12:00:00+02:00", 200, "17 May 2015 10:00 to 10:10 UTC"},
		{"/ui/audit/page-views/2015-05-17T10:01:00Z", 404, "There is no such window"},
		{"/ui/audit/slow/2015-05-17T10:00:00Z", 200, "no answer within 20ms"},
		{"/ui/audit/page-views/today", 404, "ends in its start"},
		{"/ui/audit/page-views", 404, "There is no such page"},
		{"/ui/stream", 400, ""},
		{"/ui/stream?on=/ui/palette", 400, ""},
		{"/ui/assets/000000000000/console.css", 404, ""},
		{"/other", 404, ""},
		{"/ui/", 200, "<bdi>Overview</bdi>"},
		{"/ui/nope", 404, "There is no such page"},
	} {
		status, body := fetch(t, srv.URL+tt.path)
		if status != tt.status || !strings.Contains(body, tt.has) {
			t.Errorf("%s: %d, want %d with %q: %.300s", tt.path, status, tt.status, tt.has, body)
		}
	}
	req := httptest.NewRequest("POST", "/ui/audit", nil)
	w := httptest.NewRecorder()
	mux := http.NewServeMux()
	c, err := New(Config{API: f})
	if err != nil {
		t.Fatal(err)
	}
	c.Register(mux)
	mux.ServeHTTP(w, req)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("New without an API succeeded")
	}
}
