package console

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/weirhq/weir/internal/browsertest"
)

// What happens arrives in the page without a reload, and what the user does with
// the page stays as it was; so it goes on when weir is restarted.
func TestLiveInBrowser(t *testing.T) {
	b := browsertest.New(t)
	f := sampleAPI(84, time.Hour)
	srv, stop := newConsole(t, f, Config{Every: 50 * time.Millisecond})
	b.Do(chromedp.Navigate(srv.URL + "/ui/audit"))
	b.Until(`document.getElementById("live").textContent === "live"`)
	browsertest.Eval[bool](b, `document.querySelector(".cell.lost").focus(); window.notReloaded = true`)

	last := at(10, 0).Add(83 * time.Hour)
	f.set(func(f *fakeAPI) {
		f.wins["page-views"][83] = win("page-views", last, 4242, "complete", 0)
		f.views[0].Path = "/seen-live"
	})
	b.Until(`document.querySelector("#views .path").textContent === "/seen-live"`)
	b.Until(`document.querySelector('.cell[href$="` + stamp(last) + `"]').matches(".complete[title*='4,242 records']")`)
	f.set(func(f *fakeAPI) {
		f.topics = append(f.topics, topicInfo{Topic: "second", Tiers: tiers, Verdict: "open"})
	})
	b.Until(`document.querySelectorAll("h2").length === 3`)
	if !browsertest.Eval[bool](b, `window.notReloaded === true && document.activeElement.matches(".cell.lost")`) {
		t.Error("the page was reloaded or lost the focus")
	}
	b.Quiet(srv.URL)

	// A restart: another process on the same address, with other numbers.
	addr := srv.Listener.Addr().String()
	stop()
	srv.Close()
	b.Until(`document.getElementById("live").textContent.startsWith("connection lost")`)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(f *fakeAPI) { f.views[0].Path = "/after-restart" })
	c, err := New(Config{API: f, Every: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	c.Register(mux)
	again := &http.Server{Handler: mux}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.Run(ctx) })
	wg.Go(func() { again.Serve(l) })
	defer wg.Wait()
	defer again.Close()
	defer cancel()
	b.Until(`document.querySelector("#views .path").textContent === "/after-restart"`)
	b.Until(`document.getElementById("live").textContent === "live"`)
	if !browsertest.Eval[bool](b, `window.notReloaded === true`) {
		t.Error("the page was reloaded")
	}
}

// The page connects also when its scripts arrive late, one after the other.
func TestSlowScriptsConnect(t *testing.T) {
	b := browsertest.New(t)
	c, err := New(Config{API: sampleAPI(3, time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	c.Register(mux)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/hx-sse.min.js") {
			time.Sleep(300 * time.Millisecond) // the network, not a wait of the test
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	b.Do(chromedp.Navigate(srv.URL + "/ui/audit"))
	b.Until(`document.getElementById("live").textContent === "live"`)
	b.Quiet(srv.URL)
}

// Each page at both widths and in both themes: nothing runs over the edge, targets
// are large enough for a finger, and a picture is kept.
func TestLookInBrowser(t *testing.T) {
	b := browsertest.New(t)
	f := sampleAPI(84, time.Hour)
	dense, ws := sample("orders", 400, 10*time.Minute)
	f.topics = append(f.topics, dense)
	f.wins["orders"] = ws
	wild := win(long, at(10, 0), 5, "lost", 5)
	wild.Pairs[1].Cause = hostile
	f.wins[long] = []windowInfo{wild}
	f.topics = append(f.topics, summary(long, f.wins[long]))
	f.wins[hostile] = []windowInfo{win(hostile, at(10, 0), 5, "late", 5)}
	f.topics = append(f.topics, summary(hostile, f.wins[hostile]))
	srv, _ := newConsole(t, f, Config{})
	lost := ws[400/3]
	pages := map[string]string{
		"audit":       auditPath("page-views", false),
		"audit-dense": auditPath("orders", false),
		"audit-all":   auditPath("page-views", true),
		"audit-wild":  auditPath("", false),
		"lost":        windowPath("orders", lost.Start),
		"duplicated":  windowPath("page-views", at(10, 0).Add(42*time.Hour)),
		"complete":    windowPath("page-views", at(10, 0)),
		"wild":        windowPath(long, at(10, 0)),
	}
	for _, width := range []int64{1440, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.Dress(width, 900, scheme)
			for name, path := range pages {
				b.Do(chromedp.Navigate(srv.URL + path))
				b.Until(`document.getElementById("live").textContent === "live"`)
				name += "-" + map[int64]string{1440: "1440", 390: "390"}[width] + "-" + scheme
				if w := browsertest.Eval[int64](b, `document.documentElement.scrollWidth`); w > width {
					wide := browsertest.Eval[string](b, `[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".days")).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join("\n")`)
					t.Errorf("%s is %d wide: %s", name, w, wide)
				}
				if small := browsertest.Eval[string](b, `[...document.querySelectorAll("a.cell, a.action, tbody th a, .top a")].map(e => [e.textContent.trim(), e.getBoundingClientRect()]).filter(([, r]) => r.height < 44 || r.width < 44).map(([s, r]) => s + " " + r.width + "x" + r.height).slice(0, 3).join("; ")`); width == 390 && small != "" {
					t.Errorf("%s: too small for a finger: %s", name, small)
				}
				b.Shot(name)
			}
		}
	}
	b.Quiet(srv.URL)
}

// Without JavaScript the page says all that it says with it, and that it is not
// live.
func TestReadsWithoutScript(t *testing.T) {
	b := browsertest.New(t)
	srv, _ := newConsole(t, sampleAPI(84, time.Hour), Config{})
	if _, err := chromedp.Call(b.Ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.Do(chromedp.Navigate(srv.URL + "/ui/audit"))
	text, err := chromedp.Run(b.Ctx, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not live: reload for new numbers", "7 lost", "5 duplicated", "20 May 2015 21:00", "kibana-search.png"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	b.Quiet(srv.URL)
}
