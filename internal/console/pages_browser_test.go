package console

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/weirhq/weir/internal/browsertest"
)

// axe is the checker of accessibility, the file of the npm package axe-core 4.14.1.
func axe(t *testing.T) string {
	t.Helper()
	sums, err := os.ReadFile("testdata/axe/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x  axe.min.js", sha256.Sum256(b)); !strings.Contains(string(sums), sum) {
		t.Fatalf("axe.min.js has the sum %s", sum)
	}
	return string(b)
}

// accessible fails the test for each serious or critical finding of axe.
func accessible(b *browsertest.Browser, t *testing.T, name, axe string) {
	t.Helper()
	browsertest.Eval[bool](b, axe+`; window.found = null; axe.run(document).then(r => {
		found = r.passes.length < 10 ? "nothing was checked" : r.violations.filter(v => ["serious", "critical"].includes(v.impact)).map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(" | ")).join("\n") }); true`)
	b.Until(`found !== null`)
	if found := browsertest.Eval[string](b, `found`); found != "" {
		t.Errorf("%s: axe found\n%s", name, found)
	}
}

// fleetPages are all pages about clusters, by the name of their picture.
func fleetPages(topic, group string) map[string]string {
	t := uiPath("c", "local", "topics", topic)
	return map[string]string{
		"overview": "/ui", "cluster": "/ui/c/local", "topics": "/ui/c/local/topics", "topic": t, "topic-configs": t + "/configs",
		"topic-create": "/ui/c/local/create-topic?name=orders&partitions=12&set=retention.ms%3D-1", "topic-groups": t + "/groups", "topic-producers": t + "/producers", "brokers": "/ui/c/local/brokers", "broker": "/ui/c/local/brokers/1",
		"groups": "/ui/c/local/groups?sort=lag&order=desc", "group": uiPath("c", "local", "groups", group), "search": "/ui/palette?q=orders",
		"search-none": "/ui/palette?q=zzz", "strange": "/ui/c/local/topics?contains=paid&sort=nope&colour=red",
		"events": "/ui/events", "events-some": "/ui/events?cluster=local&kind=broker", "overview-day": "/ui?span=day",
	}
}

// TestLookOfPages keeps a picture of each page at both widths and in both themes,
// with 0, 1 and 10,000 rows and with hostile names, and holds them to the rules.
// Without WEIR_SHOTS, only what may differ is looked at.
func TestLookOfPages(t *testing.T) {
	checker := axe(t)
	all := os.Getenv("WEIR_SHOTS") != ""
	small := map[string]string{"overview": "/ui", "cluster": "/ui/c/local", "topics": "/ui/c/local/topics", "groups": "/ui/c/local/groups", "brokers": "/ui/c/local/brokers", "events": "/ui/events"}
	at := func(segs ...string) string { return uiPath(append([]string{"c", hostile}, segs...)...) }
	wild := map[string]string{"overview": "/ui", "cluster": at(), "topics": at("topics"), "topic": at("topics", long), "configs": at("topics", hostile, "configs"),
		"group": at("groups", hostile), "groups": at("groups"), "brokers": at("brokers"), "broker": at("brokers", "1"), "search": "/ui/palette?q=a", "events": "/ui/events"}
	for _, set := range []struct {
		name  string
		fleet fakeFleet
		pages map[string]string
		axe   bool
		both  bool // themes at each width
	}{
		{"12", fleetOf(12), fleetPages("orders.shipped.0002", "billing-0003"), true, true},
		{"wild", wildFleet(), wild, true, all},
		{"0", fakeFleet{}, map[string]string{"overview": "/ui", "search": "/ui/palette"}, true, all},
		{"none", fleetOf(0), small, false, all},
		{"1", fleetOf(1), fleetPages("orders.created.0000", "billing-0000"), false, all},
		{"10000", fleetOf(10_000), fleetPages("orders.shipped.0002", "billing-0003"), false, all},
	} {
		for _, dress := range []struct {
			width  int64
			scheme string
		}{{1440, "light"}, {390, "dark"}, {1440, "dark"}, {390, "light"}, {800, "light"}}[:map[bool]int{false: 2, true: 5}[set.both]] {
			name := fmt.Sprintf("%s-%d-%s", set.name, dress.width, dress.scheme)
			t.Run(name, func(t *testing.T) {
				b := browsertest.New(t)
				f := sampleAPI(12, time.Hour)
				f.fleet = set.fleet
				srv, _ := newConsole(t, f, Config{})
				b.Dress(dress.width, 900, dress.scheme)
				for page, path := range set.pages {
					name := strings.Replace(name, "-", "-"+page+"-", 1)
					look(b, t, srv.URL+path, name, dress.width)
					if set.axe {
						accessible(b, t, name, checker)
					}
					b.Shot(name)
				}
				b.Quiet(srv.URL)
			})
		}
	}
}

func look(b *browsertest.Browser, t *testing.T, url, name string, width int64) {
	t.Helper()
	b.Do(chromedp.Navigate(url))
	arrive(b, t, `!document.getElementById("live") || document.getElementById("live").textContent === "live"`)
	if w := browsertest.Eval[int64](b, `document.documentElement.scrollWidth`); w > width {
		wide := browsertest.Eval[string](b, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest("nav")).slice(0, 3).map(e => e.outerHTML.slice(0, 160)).join("\n")`)
		t.Errorf("%s is %d wide: %s", name, w, wide)
	}
	if small := browsertest.Eval[string](b, `[...document.querySelectorAll("a.action, tbody th a, .top a, .top button, summary, .tabs a, .hits a")].map(e => [e.textContent.trim(), e.getBoundingClientRect()]).filter(([, r]) => r.height < 44).map(([s, r]) => s + " " + r.width + "x" + r.height).slice(0, 3).join("; ")`); width == 390 && small != "" {
		t.Errorf("%s: too small for a finger: %s", name, small)
	}
}

// A broker that dies shows on every page about brokers without a reload, and so
// does its return.
func TestBrokerDiesInBrowser(t *testing.T) {
	b := browsertest.New(t)
	f := sampleAPI(3, time.Hour)
	f.fleet = fleetOf(3)
	srv, _ := newConsole(t, f, Config{Every: 50 * time.Millisecond})
	state := func(state, health string) {
		f.set(func(f *fakeAPI) {
			f.fleet.brokers = slices.Clone(f.fleet.brokers)
			f.fleet.brokers[1].State = state
			f.fleet.clusters = slices.Clone(f.fleet.clusters)
			f.fleet.clusters[0].Health = health
		})
	}
	for path, panel := range map[string]string{"/ui": "#clusters", "/ui/c/local": "#brokers", "/ui/c/local/brokers": "#brokers", "/ui/c/local/brokers/2": "#head"} {
		state("up", "ok")
		b.Do(chromedp.Navigate(srv.URL + path))
		b.Until(`document.getElementById("live").textContent === "live"`)
		browsertest.Eval[bool](b, `window.notReloaded = true`)
		state("down", "degraded")
		b.Until(`!!document.querySelector("` + panel + ` .badge:not(.complete)")`)
		state("up", "ok")
		b.Until(`!document.querySelector("` + panel + ` .badge:not(.complete)")`)
		if !browsertest.Eval[bool](b, `window.notReloaded === true`) {
			t.Errorf("%s was reloaded", path)
		}
	}
	b.Quiet(srv.URL)
}

// The keyboard alone: skip link, palette, its arrows, and the way back.
func TestKeyboardInBrowser(t *testing.T) {
	b := browsertest.New(t)
	f := sampleAPI(3, time.Hour)
	f.fleet = fleetOf(30)
	srv, _ := newConsole(t, f, Config{})
	b.Dress(1440, 900, "light")
	b.Do(chromedp.Navigate(srv.URL + "/ui/c/local/topics"))
	b.Until(`document.getElementById("live").textContent === "live"`)
	b.Do(chromedp.KeyEvent("\t"))
	if !browsertest.Eval[bool](b, `document.activeElement.matches(".skip") && document.activeElement.getBoundingClientRect().top >= 0`) {
		t.Error("the first stop of the tabulator is not the skip link")
	}
	b.Do(chromedp.KeyEvent("k", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.Until(`document.activeElement.id === "palette-q"`)
	b.Do(chromedp.KeyEvent("shipped.0005"))
	b.Until(`document.querySelectorAll("#palette-results a").length === 1`)
	b.Shot("palette-1440")
	leave(b, t, chromedp.KeyEvent(kb.Enter))
	b.Until(`location.pathname === "/ui/c/local/topics/orders.shipped.0005"`)
	b.Until(`document.getElementById("live").textContent === "live"`)
	browsertest.Eval[bool](b, `document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true}))`)
	b.Until(`document.activeElement.id === "palette-q" && document.querySelectorAll("#palette-results a").length > 3`)
	b.Do(chromedp.KeyEvent(kb.ArrowDown))
	b.Until(`document.activeElement.matches("#palette-results a")`)
	b.Do(chromedp.KeyEvent(kb.Escape))
	b.Until(`!document.getElementById("palette").open`)
	b.Quiet(srv.URL)
}

// leave does what leads to another page, and waits for that.
func leave(b *browsertest.Browser, t *testing.T, step chromedp.Action[chromedp.Void]) {
	t.Helper()
	if _, err := chromedp.RunResponse(b.Ctx, step); err != nil {
		t.Fatal(err)
	}
}

// Without JavaScript: the theme, the filter, the order, the search.
func TestFormsWithoutScript(t *testing.T) {
	b := browsertest.New(t)
	f := sampleAPI(3, time.Hour)
	f.fleet = fleetOf(300)
	srv, _ := newConsole(t, f, Config{})
	if _, err := chromedp.Call(b.Ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.Dress(1440, 900, "light")
	b.Do(chromedp.Navigate(srv.URL + "/ui/c/local/topics?sort=records&order=desc"))
	b.Until(`document.querySelector("tbody th").textContent.includes("0299")`)
	leave(b, t, chromedp.SendKeys(chromedp.CSS("#contains"), "paid\r"))
	b.Until(`location.search.includes("contains=paid") && location.search.includes("sort=records")`)
	leave(b, t, chromedp.Click(chromedp.CSS(".tools button")))
	b.Until(`document.documentElement.dataset.theme === "dark" && getComputedStyle(document.body).backgroundColor === "rgb(14, 22, 25)" && location.search.includes("contains=paid")`)
	leave(b, t, chromedp.Click(chromedp.CSS("#find")))
	leave(b, t, chromedp.SendKeys(chromedp.CSS("#q"), "orders.paid.0001\r"))
	b.Until(`document.querySelectorAll("#results a").length === 1`)
	b.Quiet(srv.URL)
}

// wildFleet has the names that a page must withstand.
func wildFleet() fakeFleet {
	f := fleetOf(4)
	f.clusters[0].Name, f.clusters[0].Reasons, f.clusters[0].Datacenter = hostile, []string{hostile, long}, hostile
	f.topics[0].Name, f.topics[1].Name, f.topics[2].Error = hostile, long, hostile
	f.groups[0].Group, f.groups[1].Group, f.groups[2].State, f.groups[3].Error = hostile, long, hostile, long
	f.brokers[0].Address, f.brokers[0].Rack, f.brokers[1].Error = long, hostile, hostile
	f.brokers[0].LogDirs = []logDir{{Path: "/" + long, Total: 1e12, Usable: 1e10, Error: hostile}}
	f.configs = append(f.configs, configRow{Name: long, Value: long + long, Source: hostile, Documentation: hostile})
	f.events["fleet"].Events[0] = eventInfo{At: f.events["fleet"].Events[0].At, Cluster: hostile, Kind: hostile, Severity: hostile, Text: hostile + long, Link: "javascript:alert(1)"}
	f.events["fleet"].Events[1].Cluster = hostile
	f.problems = []string{hostile, long, "c", "d", "e", "f", "g"}
	return f
}
