package console

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/weirhq/weir/internal/browsertest"
)

// TestLookOfDesk keeps a picture of each page about records, searches, plans, schemas
// and actions, and holds them to the rules; with WEIR_SHOTS at both widths in both
// themes and with all numbers of rows.
func TestLookOfDesk(t *testing.T) {
	checker := axe(t)
	all := os.Getenv("WEIR_SHOTS") != ""
	wild := map[string]string{}
	for name, path := range deskPages("TOPIC", "GROUP", "SUBJECT") {
		wild[name] = strings.NewReplacer("/c/local/", uiPath("c", hostile)[len("/ui"):]+"/", "TOPIC", url.PathEscape(hostile), "GROUP", url.PathEscape(long), "SUBJECT", url.PathEscape(hostile+long)).Replace(path)
	}
	for _, set := range []struct {
		name  string
		fleet fakeFleet
		desk  fakeDesk
		pages map[string]string
		usual bool // looked at also without WEIR_SHOTS
	}{
		{"7", fleetOf(12), fakeDesk{state: "budget", danger: true}, deskPages("orders.shipped.0002", "billing-0003", "orders-value"), true},
		{"wild", wildFleet(), fakeDesk{text: hostile + long, plan: long, danger: true, records: 3, state: "failed"}, wild, true},
		{"0", fleetOf(1), fakeDesk{records: -1, empty: true}, deskPages("orders.created.0000", "billing-0000", "orders-value"), false},
		{"1", fleetOf(1), fakeDesk{records: 1, versions: 1, state: "running"}, deskPages("orders.created.0000", "billing-0000", "orders-value"), false},
		{"500", fleetOf(12), fakeDesk{records: 10_000, versions: 300}, deskPages("orders.shipped.0002", "billing-0003", "orders-value"), false},
	} {
		for _, dress := range []struct {
			width  int64
			scheme string
		}{{1440, "light"}, {390, "dark"}, {1440, "dark"}, {390, "light"}}[:map[bool]int{false: 2, true: 4}[all]] {
			if !set.usual && !all {
				continue
			}
			name := fmt.Sprintf("%s-%d-%s", set.name, dress.width, dress.scheme)
			t.Run(name, func(t *testing.T) {
				b := browsertest.New(t)
				f := sampleAPI(12, time.Hour)
				f.fleet, f.desk = set.fleet, set.desk
				srv, _ := newConsole(t, f, Config{})
				b.Dress(dress.width, 900, dress.scheme)
				visit := func(page, path string) {
					name := "desk-" + strings.Replace(name, "-", "-"+page+"-", 1)
					look(b, t, srv.URL+path, name, dress.width)
					browsertest.Eval[bool](b, `document.querySelectorAll("main details").forEach((d, i) => d.open = d.matches(".more") || i % 3 == 1); true`)
					if w := browsertest.Eval[int64](b, `document.documentElement.scrollWidth`); w > dress.width {
						t.Errorf("%s with all open is %d wide", name, w)
					}
					if set.name == "7" || all && set.name == "wild" {
						accessible(b, t, name, checker)
					}
					if all {
						b.Shot(name)
					}
				}
				var missing []string // of which the browser says so on its console
				for page, path := range set.pages {
					if status, _ := fetch(t, srv.URL+path); status == 404 {
						missing = append(missing, page)
						continue
					}
					visit(page, path)
				}
				b.Quiet(srv.URL)
				for _, page := range missing {
					visit(page, set.pages[page])
				}
			})
		}
	}
}

// arrive is Until for the first look at a page: on a busy machine the browser may
// still say that the page before is gone.
func arrive(b *browsertest.Browser, t *testing.T, js string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var ok bool
	var err error
	for began := time.Now(); time.Since(began) < 15*time.Second; <-tick.C {
		if ok, err = chromedp.Run(b.Ctx, chromedp.Evaluate[bool](js)); err == nil && ok {
			return
		}
	}
	t.Fatalf("waiting for %s: %v, %v", js, ok, err)
}

// All of it without JavaScript: browse, open a record, search, cancel, plan and
// confirm, compare schemas.
func TestDeskWithoutScript(t *testing.T) {
	b := browsertest.New(t)
	f := deskAPI(12, fakeDesk{state: "running"})
	srv, _ := newConsole(t, f, Config{})
	if _, err := chromedp.Call(b.Ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.Dress(1440, 900, "light")
	b.Do(chromedp.Navigate(srv.URL + "/ui/c/local/topics/orders.shipped.0002"))
	click := func(css string) { t.Helper(); leave(b, t, chromedp.Click(chromedp.CSS(css))) }
	click(`.tabs a[href$="/records"]`)
	b.Until(`document.querySelectorAll(".recs > li").length === 7`)
	b.Do(chromedp.Click(chromedp.CSS(".recs li:first-child summary")))
	b.Until(`document.querySelector(".recs details").open`)
	click(".recs li:first-child .rec a.action")
	b.Until(`location.pathname.endsWith("/records/0/6")`)
	click(`.where a[href$="/records"]`)
	b.Do(chromedp.Click(chromedp.CSS("#browse details summary")))
	leave(b, t, chromedp.SendKeys(chromedp.CSS("#s-filter"), "c-3\r"))
	b.Until(`location.pathname.endsWith("/search/JOB7") && location.search === "?filter=c-3"`)
	click(`form[action$="/cancel"] button`)
	b.Until(`document.querySelector("#head .badge").textContent.includes("cancelled")`)
	click(`form[action$="/search"] button`)
	b.Until(`location.search.includes("token=T0KEN")`)

	b.Do(chromedp.Navigate(srv.URL + "/ui/c/local/groups/billing-0003"))
	click(`a.button[href$="/reset"]`)
	b.Do(chromedp.SendKeys(chromedp.CSS("#to"), "the end"))
	click("#wanted button")
	b.Until(`document.querySelector("#plan table").innerText.includes("1200")`)
	click("#plan .confirm button")
	b.Until(`document.querySelector("#result .badge").textContent.includes("done")`)
	click(`#result form button`)
	b.Until(`location.pathname.endsWith("/plan") && !!document.querySelector("#plan .confirm")`)
	b.Quiet(srv.URL)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.desk.applied) != 1 {
		t.Errorf("%d changes", len(f.desk.applied))
	}
}

// What follows a topic and what a search finds come without a reload; the address of
// a search goes on with it.
func TestDeskLive(t *testing.T) {
	b := browsertest.New(t)
	f := deskAPI(12, fakeDesk{records: 3, state: "running"})
	srv, _ := newConsole(t, f, Config{Every: 50 * time.Millisecond})
	b.Do(chromedp.Navigate(srv.URL + "/ui/c/local/topics/orders.shipped.0002/follow"))
	b.Until(`document.getElementById("live").textContent === "live"`)
	b.Until(`document.querySelectorAll("#records tbody tr").length === 3`)
	f.set(func(f *fakeAPI) { f.desk.records = 9 })
	b.Until(`document.querySelectorAll("#records tbody tr").length === 9`)
	b.Do(chromedp.Navigate(srv.URL + "/ui/c/local/topics/orders.shipped.0002/search/JOB7?filter=c-3"))
	b.Until(`document.getElementById("live").textContent === "live"`)
	f.set(func(f *fakeAPI) { f.desk.state = "budget" })
	b.Until(`document.querySelector("#head .badge").textContent.includes("budget spent")`)
	b.Until(`location.search === "?filter=c-3&token=T0KEN"`)
	b.Quiet(srv.URL)
}
