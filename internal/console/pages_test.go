package console

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func fleetAPI(f fakeFleet) *fakeAPI {
	a := sampleAPI(12, time.Hour)
	a.fleet = f
	return a
}

// Whatever the API answers, and whatever a name holds, a page is a page: with its
// title, its cluster, an age and no 5xx.
func TestPagesOfAnyAPI(t *testing.T) {
	garbage := func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"topics":7,"brokers":"x","clusters":[[]]`))
	}
	apis := map[string]func(path string) http.HandlerFunc{
		"well": nil,
		"fails": func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }
		},
		"garbage": func(string) http.HandlerFunc { return garbage },
		"hangs": func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		},
		"gone": func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { fail(w, 404, "not_found", "gone", "") }
		},
	}
	for name, broken := range apis {
		f := fleetAPI(fleetOf(12))
		f.all = broken
		cfg := Config{}
		if name == "hangs" {
			cfg.Deadline = 30 * time.Millisecond
		}
		srv, _ := newConsole(t, f, cfg)
		for page, path := range fleetPages("orders.shipped.0002", "billing-0003") {
			status, body := fetch(t, srv.URL+path)
			if status != 200 && !(name == "gone" && status == 404) {
				t.Errorf("%s, API %s: %d", path, name, status)
			}
			if !strings.Contains(body, "<h1") || !strings.Contains(body, "<title>") || strings.Contains(path, "/c/") && !strings.Contains(body, "local") {
				t.Errorf("%s, API %s: no title or cluster: %s", path, name, body)
			}
			if name == "well" && page != "search" && page != "search-none" && !strings.Contains(body, "as of ") {
				t.Errorf("%s does not say how old it is", path)
			}
		}
	}
}

// Panels are read side by side: all that hang together cost one deadline.
func TestPanelsAreReadSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleetAPI(fleetOf(3))
		f.all = func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}
		a := address{page: clusterPage(), vars: map[string]string{"cluster": "local"}}
		began := time.Now()
		n := a.page.load(t.Context(), api{f, 2 * time.Second}, a, began).(answers)
		if took := time.Since(began); took != 2*time.Second || len(n.byName) != 9 {
			t.Errorf("%d panels took %v", len(n.byName), took)
		}
		if got := of[topicList](n, "growing").Err; got != "no answer within 2s" {
			t.Errorf("error %q", got)
		}
	})
}

// No link of any page leads nowhere.
func TestNoDeadLinks(t *testing.T) {
	srv, _ := newConsole(t, fleetAPI(fleetOf(12)), Config{})
	seen, todo := map[string]bool{}, []string{"/ui"}
	for len(todo) > 0 && len(seen) < 400 {
		path := todo[0]
		todo = todo[1:]
		status, body := fetch(t, srv.URL+path)
		if status != 200 {
			t.Errorf("%s: %d", path, status)
		}
		for _, m := range regexp.MustCompile(`href="(/ui[^"#]*)`).FindAllStringSubmatch(body, -1) {
			to := strings.ReplaceAll(m[1], "&amp;", "&")
			if !seen[to] && !strings.HasPrefix(to, "/ui/assets/") {
				seen[to] = true
				todo = append(todo, to)
			}
		}
	}
	for _, want := range []string{"/ui/c/local/topics/orders.paid.0001/producers", "/ui/c/local/groups/billing-0000", "/ui/c/local/brokers/2"} {
		if !seen[want] {
			t.Errorf("nothing leads to %s", want)
		}
	}
}

// The page's stream is for its state: a filtered list hears of its rows alone.
func TestStreamOfList(t *testing.T) {
	f := fleetAPI(fleetOf(12))
	srv, _ := newConsole(t, f, Config{Every: 10 * time.Millisecond})
	_, html := fetch(t, srv.URL+"/ui/c/local/topics?contains=paid&nonsense=1")
	s := open(t, srv.URL+streamOf(t, html), "")
	f.set(func(f *fakeAPI) { f.fleet.topics[1].Records = 77 })
	got := s.must()
	for targets(got) == "topics-age" { // a second has passed meanwhile
		got = s.must()
	}
	if targets(got) != "topics" || !strings.Contains(got, ">77<") || strings.Contains(got, "shipped") {
		t.Errorf("for %q", targets(got))
	}
	// Time passes and nothing else: only the age is sent.
	f.set(func(f *fakeAPI) { f.fleet.age += 60_000 })
	for got = ""; !strings.Contains(got, "old:"); {
		if got = s.must(); targets(got) != "topics-age" || len(got) > 600 {
			t.Fatalf("for %q: %s", targets(got), got)
		}
	}
}

// What was read last stays, with its age, when the API fails later.
func TestStaysWhenTheAPIFails(t *testing.T) {
	f := fleetAPI(fleetOf(3))
	c, err := New(Config{API: f})
	if err != nil {
		t.Fatal(err)
	}
	a := addressOf(t, c, "/ui/c/local/brokers")
	now := time.Date(2026, 11, 24, 18, 50, 3, 0, time.UTC)
	before := a.page.load(context.Background(), c.api, a, now)
	f.broken["/api/v1/clusters/local/brokers"] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }
	later := now.Add(time.Minute)
	fs, err := c.render.fragments(a.page.parts(a, a.page.load(context.Background(), c.api, a, later).orKeep(before), later))
	if err != nil {
		t.Fatal(err)
	}
	html := mainHTML(fs)
	for _, want := range []string{"Not fresh", "kafka-2.example.net", "Shown is what was read at 24 Nov 2026 18:50:01 UTC", "<strong>old:</strong> as of 18:50:01 UTC, 1 min before"} {
		if !strings.Contains(html, want) {
			t.Errorf("%q is not on the page: %s", want, html)
		}
	}
}

func TestTheme(t *testing.T) {
	srv, _ := newConsole(t, fleetAPI(fleetOf(1)), Config{})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	for _, tt := range []struct {
		theme, back string
		status      int
		to          string
	}{
		{"dark", "/ui/c/local/topics?sort=bytes", 303, "/ui/c/local/topics?sort=bytes"},
		{"light", "https://elsewhere.example/", 303, "/ui"},
		{"light", "//elsewhere.example/ui/", 303, "/ui"},
		{"auto", "", 303, "/ui"},
		{"pink", "/ui", 400, ""},
	} {
		resp, err := client.PostForm(srv.URL+"/ui/theme", url.Values{"theme": {tt.theme}, "back": {tt.back}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.status || resp.Header.Get("Location") != tt.to {
			t.Errorf("%s from %s: %s to %q", tt.theme, tt.back, resp.Status, resp.Header.Get("Location"))
		}
		if tt.status != 303 {
			continue
		}
		req, _ := http.NewRequest("GET", srv.URL+"/ui", nil)
		req.AddCookie(resp.Cookies()[0])
		page, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 200)
		page.Body.Read(b)
		page.Body.Close()
		if got := strings.Contains(string(b), `data-theme="`+tt.theme+`"`); got != (tt.theme != "auto") {
			t.Errorf("%s: the page begins with %s", tt.theme, b)
		}
	}
}

// The first load of the heaviest usual page, a full list.
func TestFirstLoad(t *testing.T) {
	srv, _ := newConsole(t, fleetAPI(fleetOf(10_000)), Config{})
	_, html := fetch(t, srv.URL+"/ui/c/local/topics")
	weight := zipped(html)
	for _, m := range regexp.MustCompile(`(?:src|href)="(/ui/assets/[^"]+)"`).FindAllStringSubmatch(html, -1) {
		_, body := fetch(t, srv.URL+m[1])
		weight += zipped(body)
	}
	if rows := strings.Count(html, "<tr"); weight > 70_000 || rows != 101 {
		t.Errorf("%d rows weigh %d bytes compressed with all that the page names, want at most 70,000", rows, weight)
	}
}

// Search finds in all clusters, the one at hand first, and names what it could
// not ask.
func TestFind(t *testing.T) {
	f := fleetAPI(fleetOf(12))
	f.fleet.clusters = append(f.fleet.clusters, clusterRow{Name: "west", Health: "down"})
	f.broken["/api/v1/clusters/local/topics"] = func(w http.ResponseWriter, r *http.Request) { fail(w, 503, "cluster_down", "nothing is known", "") }
	got := find(context.Background(), api{f, time.Second}, "0003", "west")
	var s []string
	for _, h := range got.Hits {
		s = append(s, h.Kind+" "+h.Href)
	}
	if want := "topic /ui/c/west/topics/orders.created.0003,group /ui/c/west/groups/billing-0003"; strings.Join(s, ",") != want {
		t.Errorf("%q, want %s", s, want)
	}
	if len(got.Notes) != 1 || got.Notes[0] != "local: nothing is known" {
		t.Errorf("notes %q", got.Notes)
	}
	if got := find(context.Background(), api{f, time.Second}, "gro", ""); len(got.Hits) != 1 || got.Hits[0].Href != "/ui/c/local/groups" {
		t.Errorf("pages: %+v", got.Hits)
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[int64]string{-1: "–", 0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_999: "1.0 MB", 98_765_432: "98.8 MB", 5e17: "500.0 PB"} {
		if got := size(in); got != want {
			t.Errorf("size(%d) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[float64]string{-1: "–", 0: "0", .04: "<0.1", 3.14: "3.1", 12.5: "13", 1234.4: "1,234"} {
		if got := rate(in); got != want {
			t.Errorf("rate(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[time.Duration]string{0: "0 s", 59 * time.Second: "59 s", 90 * time.Second: "1 min", 25 * time.Hour: "25 h", 49 * time.Hour: "2 days"} {
		if got := ago(in); got != want {
			t.Errorf("ago(%v) = %q, want %q", in, got, want)
		}
	}
	if got := plain("a\u202eb\r\xffc"); got != "a\ufffdb\ufffd\ufffdc" {
		t.Errorf("plain: %q", got)
	}
}
