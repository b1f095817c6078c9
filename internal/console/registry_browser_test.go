package console

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/weirhq/weir/internal/browsertest"
)

// TestLookOfRegistry keeps a picture of each page that changes the registry or tells of
// it, and holds them to the rules, at both widths; with WEIR_SHOTS in both themes and in
// every state.
func TestLookOfRegistry(t *testing.T) {
	checker := axe(t)
	all := os.Getenv("WEIR_SHOTS") != ""
	busy := busyTakeover("")
	busy.trouble, busy.gone, busy.goneSubjects = true, []int{4}, []string{"old-value"}
	wild := busyTakeover(hostile + long)
	wild.trouble, wild.gone, wild.goneSubjects = true, []int{4}, []string{hostile, long}
	for _, set := range []struct {
		name, subject string
		desk          fakeDesk
		usual         bool // looked at also without WEIR_SHOTS
	}{
		{"7", "orders-value", fakeDesk{schemas: busy}, true},
		{"wild", hostile + long, fakeDesk{text: hostile + long, records: 3, schemas: wild}, true},
		{"0", "orders-value", fakeDesk{empty: true, schemas: fakeSchemas{silent: true}}, false},
		{"500", "orders-value", fakeDesk{records: 10_000, versions: 300, schemas: fakeSchemas{writer: "weir"}}, false},
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
				srv, _ := newConsole(t, deskAPI(1, set.desk), Config{})
				b.Dress(dress.width, 900, dress.scheme)
				seen := func(page string) {
					name := "registry-" + strings.Replace(name, "-", "-"+page+"-", 1)
					browsertest.Eval[bool](b, `document.querySelectorAll("main details").forEach(d => d.open = true); true`)
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
				pages := registryPages(set.subject)
				pages["schemas"], pages["subject"] = "/ui/registry", uiPath("registry", "subjects", set.subject)
				for page, path := range pages {
					if status, _ := fetch(t, srv.URL+path); status == 404 {
						continue // TestDeskFragments has it
					}
					look(b, t, srv.URL+path, page, dress.width)
					seen(page)
				}
				b.Quiet(srv.URL)
				// What a form answers. The browser says on its console that one is refused.
				for page, schema := range map[string]string{"preflight": sampleSchema, "incompatible": `{"name":"X"}`, "wrong": "syntax = 'proto3';\nmess Order {}"} {
					b.Do(chromedp.Navigate(srv.URL + registerPath(set.subject)))
					arrive(b, t, `!!document.getElementById("schema-text")`)
					browsertest.Eval[bool](b, fmt.Sprintf(`document.getElementById("schema-text").value = %q; true`, schema))
					leave(b, t, chromedp.Click(chromedp.CSS(`#register button`)))
					arrive(b, t, `document.readyState === "complete" && !!document.querySelector("#preflight, #wrong")`)
					seen(page)
				}
			})
		}
	}
}

// By the keyboard alone, a schema is checked, corrected and registered.
func TestRegisterByKeyboard(t *testing.T) {
	b := browsertest.New(t)
	f := deskAPI(1, fakeDesk{})
	srv, _ := newConsole(t, f, Config{})
	b.Dress(1440, 900, "light")
	b.Do(chromedp.Navigate(srv.URL + "/ui/registry/subjects/orders-value"))
	arrive(b, t, `document.readyState === "complete" && !!document.getElementById("history")`)
	to := func(css string) {
		t.Helper()
		for range 80 {
			if browsertest.Eval[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, css)) {
				return
			}
			b.Do(chromedp.KeyEvent(kb.Tab))
		}
		t.Fatalf("the tabulator does not reach %s", css)
	}
	enter := func(js string) {
		t.Helper()
		leave(b, t, chromedp.KeyEvent(kb.Enter))
		arrive(b, t, `document.readyState === "complete" && !!(`+js+`)`)
	}
	to(`#head a[href^="/ui/registry/register"]`)
	enter(`document.getElementById("schema-text")?.value.includes('"name": "Order"')`)
	to("#schema-text")
	b.Do(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.Do(chromedp.KeyEvent(`{"name":"X"}`))
	to("#register button")
	enter(`document.querySelector("#preflight .badge")?.textContent.includes("not compatible")`)
	if got := browsertest.Eval[string](b, `document.getElementById("schema-text").value`); got != `{"name":"X"}` {
		t.Errorf("the text is %q now", got)
	}
	to("#schema-text")
	b.Do(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.Do(chromedp.KeyEvent(`{"name":"Order"}`))
	to("#register button")
	enter(`document.querySelector("#preflight .badge")?.textContent.includes("would be version 4")`)
	to("#reason")
	b.Do(chromedp.KeyEvent("JIRA-17"))
	to(`#preflight button`)
	enter(`document.querySelector("#result")?.textContent.includes("It is version 4, with the id 14.")`)
	b.Quiet(srv.URL)
	if got := f.changes(); len(got) != 1 || !strings.Contains(got[0], `because "JIRA-17"`) {
		t.Errorf("changes %q", got)
	}
}

// Without JavaScript: a setting is planned, done and planned back; a version is deleted;
// a schema is found.
func TestRegistryWithoutScript(t *testing.T) {
	b := browsertest.New(t)
	f := deskAPI(1, fakeDesk{schemas: busyTakeover("")})
	srv, _ := newConsole(t, f, Config{})
	if _, err := chromedp.Call(b.Ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.Dress(390, 900, "dark")
	click := func(css, js string) {
		t.Helper()
		leave(b, t, chromedp.Click(chromedp.CSS(css)))
		b.Until(js)
	}
	b.Do(chromedp.Navigate(srv.URL + "/ui/registry"))
	leave(b, t, chromedp.SendKeys(chromedp.CSS("#q-schemas"), "total\r"))
	b.Until(`document.querySelectorAll("#hits tbody tr").length === 2`)
	click("#hits tbody th a", `document.querySelector("h1").textContent === "orders-value"`)
	click(`#head a[href$="/settings"]`, `!!document.getElementById("level")`)
	b.Do(chromedp.SendKeys(chromedp.CSS("#level"), "NONE"))
	click("#wanted form button", `document.querySelector("#plan table").innerText.includes("NONE")`)
	click("#plan .confirm button", `document.querySelector("#result .badge").textContent.includes("done")`)
	click(`#result a[href*="to=FULL"]`, `location.pathname.endsWith("/settings") && location.search.includes("set=compatibility")`)
	b.Do(chromedp.Navigate(srv.URL + "/ui/registry/subjects/orders-value/delete?version=3"))
	click("#plan .confirm button", `document.querySelector("#result .badge").textContent.includes("done")`)
	b.Do(chromedp.Navigate(srv.URL + "/ui/registry/takeover"))
	b.Do(chromedp.Click(chromedp.CSS(`[name=accept]`)))
	click("#plan .confirm button", `document.querySelector("#result").innerText.includes("Weir writes")`)
	b.Quiet(srv.URL)
	var paths []string
	for _, c := range f.changes() {
		paths = append(paths, strings.Join(strings.Fields(c)[:2], " "))
	}
	if got := strings.Join(paths, ", "); got != "PUT /config/orders-value, DELETE /subjects/orders-value/versions/3, POST /api/v1/registry/takeover" {
		t.Errorf("changes: %s", got)
	}
}
