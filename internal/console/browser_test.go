package console

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium that writes down what no page of ours may do: write to
// the console, or ask another host for something.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu    sync.Mutex // guards all below
	said  []string
	hosts []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no chromium in PATH; CI needs one")
		}
		t.Skip("no chromium in PATH")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("starting chromium: ", err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		b.said = append(b.said, string(ev.Entry.Level)+": "+ev.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		args, _ := json.Marshal(ev.Args)
		b.said = append(b.said, string(args))
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(ev.ExceptionDetails)
		b.said = append(b.said, string(text))
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(ev.Request.URL); err == nil && !slices.Contains(b.hosts, u.Host) {
			b.hosts = append(b.hosts, u.Host)
		}
	}
}

// quiet fails the test if the page did what it may not.
func (b *browser) quiet(srv string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.said) > 0 {
		b.t.Errorf("the console says %q", b.said)
	}
	u, _ := url.Parse(srv)
	if !slices.Equal(b.hosts, []string{u.Host}) {
		b.t.Errorf("requests went to %q, want only %s", b.hosts, u.Host)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for a JavaScript condition.
func (b *browser) until(js string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(15*time.Second))); err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 400)"))
		b.t.Fatalf("waiting for %s: %v; the page says %q; console %q", js, err, text, b.said)
	}
}

func eval[T any](b *browser, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

func (b *browser) dress(width, height int64, scheme string) {
	b.t.Helper()
	opts := []chromedp.EmulateViewportOption{}
	if width < 600 {
		opts = append(opts, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do(chromedp.EmulateViewport(width, height, opts...))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// shot keeps a picture of the whole page for a person to look at.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("WEIR_SHOTS")
	if dir == "" {
		dir = b.t.ArtifactDir()
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// What happens arrives in the page without a reload, and what the user does with
// the page stays as it was; so it goes on when weir is restarted.
func TestLiveInBrowser(t *testing.T) {
	b := newBrowser(t)
	f := sampleAPI(84, time.Hour)
	srv, stop := newConsole(t, f, Config{Every: 50 * time.Millisecond})
	b.do(chromedp.Navigate(srv.URL + "/"))
	b.until(`document.getElementById("live").textContent === "live"`)
	eval[bool](b, `document.querySelector(".cell.lost").focus(); window.notReloaded = true`)

	last := at(10, 0).Add(83 * time.Hour)
	f.set(func(f *fakeAPI) {
		f.wins["page-views"][83] = win("page-views", last, 4242, "complete", 0)
		f.views[0].Path = "/seen-live"
	})
	b.until(`document.querySelector("#views .path").textContent === "/seen-live"`)
	b.until(`document.querySelector('.cell[href$="` + stamp(last) + `"]').matches(".complete[title*='4,242 records']")`)
	f.set(func(f *fakeAPI) {
		f.topics = append(f.topics, topicInfo{Topic: "second", Tiers: tiers, Verdict: "open"})
	})
	b.until(`document.querySelectorAll("h2").length === 3`)
	if !eval[bool](b, `window.notReloaded === true && document.activeElement.matches(".cell.lost")`) {
		t.Error("the page was reloaded or lost the focus")
	}
	b.quiet(srv.URL)

	// A restart: another process on the same address, with other numbers.
	addr := srv.Listener.Addr().String()
	stop()
	srv.Close()
	b.until(`document.getElementById("live").textContent.startsWith("connection lost")`)
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
	b.until(`document.querySelector("#views .path").textContent === "/after-restart"`)
	b.until(`document.getElementById("live").textContent === "live"`)
	if !eval[bool](b, `window.notReloaded === true`) {
		t.Error("the page was reloaded")
	}
}

// The page connects also when its scripts arrive late, one after the other.
func TestSlowScriptsConnect(t *testing.T) {
	b := newBrowser(t)
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
	b.do(chromedp.Navigate(srv.URL + "/ui/audit"))
	b.until(`document.getElementById("live").textContent === "live"`)
	b.quiet(srv.URL)
}

// Each page at both widths and in both themes: nothing runs over the edge, targets
// are large enough for a finger, and a picture is kept.
func TestLookInBrowser(t *testing.T) {
	b := newBrowser(t)
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
			b.dress(width, 900, scheme)
			for name, path := range pages {
				b.do(chromedp.Navigate(srv.URL + path))
				b.until(`document.getElementById("live").textContent === "live"`)
				name += "-" + map[int64]string{1440: "1440", 390: "390"}[width] + "-" + scheme
				if w := eval[int64](b, `document.documentElement.scrollWidth`); w > width {
					wide := eval[string](b, `[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".days")).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join("\n")`)
					t.Errorf("%s is %d wide: %s", name, w, wide)
				}
				if small := eval[string](b, `[...document.querySelectorAll("a.cell, a.action, tbody th a, .top a")].map(e => [e.textContent.trim(), e.getBoundingClientRect()]).filter(([, r]) => r.height < 44 || r.width < 44).map(([s, r]) => s + " " + r.width + "x" + r.height).slice(0, 3).join("; ")`); width == 390 && small != "" {
					t.Errorf("%s: too small for a finger: %s", name, small)
				}
				b.shot(name)
			}
		}
	}
	b.quiet(srv.URL)
}

// Without JavaScript the page says all that it says with it, and that it is not
// live.
func TestReadsWithoutScript(t *testing.T) {
	b := newBrowser(t)
	srv, _ := newConsole(t, sampleAPI(84, time.Hour), Config{})
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(srv.URL + "/ui/audit"))
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"not live: reload for new numbers", "7 lost", "5 duplicated", "20 May 2015 21:00", "kibana-search.png"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	b.quiet(srv.URL)
}
