package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// deskPages are all pages about records, searches, plans, schemas and actions, by
// the name of their picture.
func deskPages(topic, group, subject string) map[string]string {
	t, g, s := uiPath("c", "local", "topics", topic), uiPath("c", "local", "groups", group), uiPath("registry", "subjects", subject)
	return map[string]string{
		"records": t + "/records", "records-time": t + "/records?begin=time&at=2026-11-24+12%3A00&decoder=hex&limit=3&partition=1", "records-bad": t + "/records?begin=time&at=",
		"record": t + "/records/2/2", "record-hex": t + "/records/1/4", "record-large": t + "/records/2/5", "record-gone": t + "/records/0/99",
		"follow": t + "/follow?limit=10", "search": t + "/search?filter=c-3&cel=json.total.amount+%3E+100", "search-bad": t + "/search?cel=json.total+%3D%3D+((&partition=1",
		"search-job": t + "/search/JOB7?filter=c-3", "search-gone": t + "/search/JOB8?filter=c-3&token=T0KEN",
		"reset": g + "/reset?to=time&time=2026-11-24+10%3A00", "reset-form": g + "/reset", "reset-bad": g + "/reset?to=offsets&offsets=orders%2Fx%3D1", "group-delete": g + "/delete",
		"settings": t + "/settings?set=retention.ms%3D86400000&unset=cleanup.policy", "grow": t + "/grow?partitions=12", "topic-delete": t + "/delete",
		"topic-protected": "/ui/c/local/topics/__consumer_offsets/delete", "plan": "/ui/c/local/plan?change=%7B%22kind%22%3A%22group-reset%22%2C%22group%22%3A%22billing%22%7D", "plan-none": "/ui/c/local/plan",
		"schemas": "/ui/registry", "schemas-filtered": "/ui/registry?contains=zzz", "subject": s, "subject-same": s + "?version=2&against=2", "subject-first": s + "?version=1",
		"actions": "/ui/actions", "actions-failed": "/ui/actions?state=failed&from=2026-11-24+10:00",
	}
}

func deskAPI(n int, d fakeDesk) *fakeAPI {
	f := fleetAPI(fleetOf(n))
	f.desk = d
	return f
}

// TestDeskFragments compares each page with its golden file, through the same
// reading as in service.
func TestDeskFragments(t *testing.T) {
	read := noon.Add(time.Minute)
	type state struct {
		at string
		f  *fakeAPI
	}
	tests := map[string]state{}
	for name, at := range deskPages("orders.shipped.0002", "billing-0003", "orders-value") {
		tests["desk-"+name] = state{at, deskAPI(4, fakeDesk{})}
	}
	for name, at := range registryPages("orders-value") {
		tests["desk-"+name] = state{at, deskAPI(4, fakeDesk{})}
	}
	orders := uiPath("c", "local", "topics", "orders.shipped.0002")
	for name, at := range map[string]string{"running": "running", "budget": "budget", "failed": "failed", "cancelled": "cancelled"} {
		tests["desk-search-"+name] = state{orders + "/search/JOB7?filter=c-3", deskAPI(4, fakeDesk{state: at})}
	}
	empty := fakeDesk{records: -1, empty: true}
	for name, at := range map[string]string{"records": orders + "/records", "follow": orders + "/follow", "schemas": "/ui/registry", "subject": "/ui/registry/subjects/none", "actions": "/ui/actions",
		"schema-usage": "/ui/registry/subjects/none/usage", "schema-delete": "/ui/registry/subjects/none/delete", "schema-search": "/ui/registry/search?q=total", "register": "/ui/registry/register?subject=none"} {
		tests["desk-empty-"+name] = state{at, deskAPI(4, empty)}
	}
	tests["desk-danger"] = state{orders + "/delete", deskAPI(4, fakeDesk{danger: true})}
	wildSchemas := busyTakeover(hostile)
	wildSchemas.trouble, wildSchemas.gone = true, []int{4}
	wild := &fakeAPI{fleet: wildFleet(), desk: fakeDesk{text: hostile, records: 2, danger: true, plan: hostile, schemas: wildSchemas}, broken: map[string]http.HandlerFunc{}}
	at := uiPath("c", hostile, "topics", hostile)
	for name, path := range map[string]string{"records": at + "/records", "record": at + "/records/0/1", "follow": at + "/follow", "search": at + "/search?" + url.Values{"filter": {hostile}, "cel": {hostile}}.Encode(),
		"search-job": at + "/search/JOB7?" + url.Values{"filter": {hostile}}.Encode(), "reset": uiPath("c", hostile, "groups", hostile) + "/reset?to=start&" + url.Values{"on": {hostile}}.Encode(),
		"settings": at + "/settings?" + url.Values{"set": {"a=" + hostile}}.Encode(), "delete": uiPath("c", hostile, "groups", hostile) + "/delete",
		"schemas": "/ui/registry", "subject": uiPath("registry", "subjects", hostile), "schema-usage": uiPath("registry", "subjects", hostile, "usage"), "schema-delete": uiPath("registry", "subjects", hostile, "delete") + "?permanent=1",
		"schema-settings": uiPath("registry", "subjects", hostile, "settings") + "?set=mode&to=READONLY", "schema-search": "/ui/registry/search?" + url.Values{"q": {hostile}}.Encode(), "schema-warnings": "/ui/registry/warnings", "takeover": "/ui/registry/takeover", "register": registerPath(hostile), "actions": "/ui/actions?" + url.Values{"actor": {hostile}}.Encode()} {
		tests["desk-hostile-"+name] = state{path, wild}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := New(Config{API: tt.f})
			if err != nil {
				t.Fatal(err)
			}
			a := addressOf(t, c, tt.at)
			fs, err := c.render.fragments(a.page.parts(a, a.page.load(context.Background(), c.api, a, read), read))
			if err != nil {
				t.Fatal(err)
			}
			got := mainHTML(fs) + "\n"
			if strings.Contains(got, "<script") || strings.Contains(got, "style=") || strings.Contains(got, "ZgotmplZ") {
				t.Error("something that a page may not hold came through")
			}
			golden(t, name, got)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// Whatever the API answers, each of these is a page with a title and no 5xx; so is
// the answer to each form.
func TestDeskOfAnyAPI(t *testing.T) {
	for name, broken := range map[string]http.HandlerFunc{
		"well":  nil,
		"fails": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) },
		"garbage": func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(`{"records":7,"buckets":"x","steps":[[]]`))
		},
		"wrong": func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`[]`)) },
		"hangs": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"gone":  func(w http.ResponseWriter, r *http.Request) { fail(w, 404, "not_found", "gone", "") },
	} {
		f := deskAPI(4, fakeDesk{})
		if broken != nil {
			f.all = func(string) http.HandlerFunc { return broken }
		}
		cfg := Config{}
		if name == "hangs" {
			cfg.Deadline = 5 * time.Millisecond
		}
		srv, _ := newConsole(t, f, cfg)
		pages := deskPages("orders.shipped.0002", "billing-0003", "orders-value")
		maps.Copy(pages, registryPages("orders-value"))
		for page, path := range pages {
			status, body := fetch(t, srv.URL+path)
			if status >= 500 || name == "well" && status != 200 && !strings.Contains(page, "gone") {
				t.Errorf("%s, API %s: %d", path, name, status)
			}
			if !strings.Contains(body, "<h1") || !strings.Contains(body, "<title>") {
				t.Errorf("%s, API %s: no title: %s", path, name, body)
			}
		}
		for path, form := range map[string]string{"/ui/c/local/topics/t/search": "filter=x", "/ui/c/local/topics/t/search/JOB7/cancel": "", "/ui/c/local/plan": `change={"kind":"group-reset"}`,
			"/ui/c/local/apply": `change={"kind":"group-reset","group":"g"}&plan_hash=h-1`, "/ui/registry/register": "subject=orders-value&schema={}", "/ui/registry/takeover": "plan_hash=x", "/ui/registry/handback": "plan_hash=x",
			"/ui/registry/apply": `change={"kind":"mode","subject":"orders-value","to":"READONLY"}&plan_hash=x`} {
			status, _, body := post(t, srv, path, form)
			if status >= 500 || !strings.Contains(body, "<title>") {
				t.Errorf("POST %s, API %s: %d %.200s", path, name, status, body)
			}
		}
	}
}

// post posts a form, written as a query, and follows where it leads.
func post(t *testing.T, srv *httptest.Server, path, form string) (status int, at, body string) {
	t.Helper()
	q := url.Values{}
	for pair := range strings.SplitSeq(form, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			q.Set(name, value)
		}
	}
	resp, err := http.PostForm(srv.URL+path, q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Request.URL.RequestURI(), string(b)
}

// A plan is confirmed with its hash; one that has changed is shown again with what
// differs; what can not be undone needs the name; and what can not be recorded is
// not done. Nothing is changed but by a confirmation.
func TestConfirm(t *testing.T) {
	f := deskAPI(4, fakeDesk{})
	srv, _ := newConsole(t, f, Config{})
	confirm := func(extra string) (int, string) {
		status, _, body := post(t, srv, "/ui/c/local/apply", `change={"kind":"group-reset","group":"billing-0003","at":9007199254740993}&plan_hash=h-1&reason=a ticket&shown=[{"on":"billing-0003/0","what":"offset","before":"900","after":"1200"},{"on":"billing-0003/1","what":"offset","before":"1100","after":"1000"}]`+extra)
		return status, body
	}
	applied := func(n int, when string) {
		t.Helper()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.desk.applied) != n {
			t.Errorf("%s: %d changes, want %d: %q", when, len(f.desk.applied), n, f.desk.applied)
		}
	}
	has := func(body string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(body, w) {
				t.Errorf("%q is not on the page: %.3000s", w, body[max(0, strings.Index(body, "<main")):])
			}
		}
	}
	pages := deskPages("orders", "billing-0003", "orders-value")
	maps.Copy(pages, registryPages("orders-value"))
	for name, path := range pages {
		if status, _ := fetch(t, srv.URL+path); status >= 500 {
			t.Errorf("%s: %d", name, status)
		}
	}
	applied(0, "pages were looked at")

	f.set(func(f *fakeAPI) { f.desk.plan = "1300" })
	status, body := confirm("")
	applied(0, "the plan has changed")
	if status != 409 {
		t.Errorf("changed plan: %d", status)
	}
	has(body, "the plan is another one now", "was 900 → 1200", "changed</bdi>", "new</bdi>", "billing-0003/1: offset", `value="h-1300"`, `value="a ticket"`)

	f.set(func(f *fakeAPI) { f.desk.plan, f.desk.danger = "", true })
	for _, name := range []string{"", "&name=billing", "&name=BILLING-0003"} {
		status, body = confirm(name)
		applied(0, "the name was not typed")
		if status != 422 {
			t.Errorf("name %q: %d", name, status)
		}
		has(body, "Nothing was changed: the name", "can not be undone")
	}

	f.set(func(f *fakeAPI) { f.desk.noLog = true })
	_, body = confirm("&name=billing-0003")
	applied(0, "the log is away")
	has(body, "Nothing was changed, because it could not be recorded: the actions log can not be written")

	f.set(func(f *fakeAPI) { f.desk.noLog = false })
	status, body = confirm("&name=billing-0003")
	applied(1, "confirmed")
	if status != 200 {
		t.Errorf("confirmed: %d", status)
	}
	has(body, "What was done", "Plan the undo", "weir groups reset billing-0003 --offset orders/0=900 --yes")
	f.mu.Lock()
	if got := f.desk.applied[0]; !strings.HasPrefix(got, "page 127.0.0.1 ") || !strings.Contains(got, `"reason":"a ticket"`) || !strings.Contains(got, `"plan_hash":"h-1"`) {
		t.Errorf("applied %s", got)
	}
	f.mu.Unlock()

	if status, at, body := post(t, srv, "/ui/c/local/plan", `change={"kind":"group-reset","group":"billing-0003"}`); status != 200 || !strings.HasPrefix(at, "/ui/c/local/plan?change=") {
		t.Errorf("undo: %d at %s: %s", status, at, body)
	}
	// One that fits into no address is planned all the same.
	long := `change={"kind":"group-reset","group":"billing-0003","pad":"` + strings.Repeat("x", 2*maxAddressed) + `"}`
	if status, at, body := post(t, srv, "/ui/c/local/plan", long); status != 200 || at != "/ui/c/local/plan" || !strings.Contains(body, "Do it: reset the group billing-0003") {
		t.Errorf("long undo: %d at %s", status, at)
	}
	for _, form := range []string{"", "change={}&plan_hash=", "change={&plan_hash=x", "plan_hash=h-1"} {
		if status, _, body := post(t, srv, "/ui/c/local/apply", form); status != 400 || !strings.Contains(body, "Nothing was changed") {
			t.Errorf("apply with %q: %d", form, status)
		}
	}
	applied(1, "bad confirmations")
}

// What is sent to apply has the numbers that the plan had, to the last digit.
func TestApplyKeepsNumbers(t *testing.T) {
	var sent string
	rt := handler(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		sent = string(b)
		answer(w, appliedInfo{})
	})
	p := planInfo{Hash: "h", Change: json.RawMessage(`{"kind":"group-reset","reset":{"offsets":[{"offset":9007199254740993}]}}`)}
	if _, err := (api{rt, time.Second}).apply(httptest.NewRequest("POST", "/", nil), "local", p, `why "not"`); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(sent, "9007199254740993") || !strings.Contains(sent, `"reason":"why \"not\""`) {
		t.Errorf("sent %s", sent)
	}
}

type handler http.HandlerFunc

func (h handler) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), nil
}

// A search's way: its form starts it, its errors come back with their place, its end
// offers to go on, and a search that is gone is resumed by the token of its address.
func TestSearchForms(t *testing.T) {
	f := deskAPI(4, fakeDesk{state: "running"})
	srv, _ := newConsole(t, f, Config{})
	topic := "/ui/c/local/topics/orders.shipped.0002/search"
	status, at, body := post(t, srv, topic, "filter=c-3&decoder=auto&limit=10")
	if status != 200 || at != topic+"/JOB7?filter=c-3&limit=10" || !strings.Contains(body, "Cancel</button>") {
		t.Errorf("started: %d at %s", status, at)
	}
	if _, _, body = post(t, srv, topic, "cel=json.total == (("); !strings.Contains(body, "json.total == ((\n              ^ here") {
		t.Errorf("a wrong expression: %s", body)
	}
	if _, at, body = post(t, srv, topic, "filter=x&partition=one"); at != topic+"?decoder=&filter=x&partition=one" && at != topic+"?filter=x&partition=one" || !strings.Contains(body, "no value of partition") {
		t.Errorf("a wrong partition leads to %s", at)
	}
	if _, _, body = post(t, srv, topic+"/JOB7/cancel", "filter=c-3"); !strings.Contains(body, "cancelled</bdi>") || !strings.Contains(body, "Go on searching") || !strings.Contains(body, `name="token" value="T0KEN"`) {
		t.Errorf("cancelled: %s", body)
	}
	if status, body := fetch(t, srv.URL+topic+"/OTHER?filter=c-3&token=T0KEN"); status != 404 || !strings.Contains(body, `name="token" value="T0KEN"`) {
		t.Errorf("gone: %d %s", status, body)
	}
}

func TestPlace(t *testing.T) {
	for in, want := range map[string]string{" 2026-11-24 10:00 ": "2026-11-24T10:00:00Z", "2026-11-24T10:00:05": "2026-11-24T10:00:05Z", "2026-11-24": "2026-11-24T00:00:00Z",
		"2026-11-24T10:00:00+02:00": "2026-11-24T10:00:00+02:00", "1200": "1200", "soon": "soon"} {
		if got := place(in); got != want {
			t.Errorf("place(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestResetOf(t *testing.T) {
	for query, want := range map[string]string{
		"":                           "null",
		"to=start":                   `{"kind":"group-reset","group":"g","reset":{"to":"start"}}`,
		"to=end&on=orders+x/3":       `{"kind":"group-reset","group":"g","reset":{"to":"end","partitions":[{"topic":"orders","partition":-1},{"topic":"x","partition":3}]}}`,
		"to=time&time=2026-11-24":    `{"kind":"group-reset","group":"g","reset":{"to":"time","time":"2026-11-24T00:00:00Z"}}`,
		"to=time&time=soon":          "“soon” is no time",
		"to=offset&offset=0&shift=7": `{"kind":"group-reset","group":"g","reset":{"to":"offset","offset":0}}`,
		"to=shift&shift=-100":        `{"kind":"group-reset","group":"g","reset":{"to":"shift","shift":-100}}`,
		"to=shift":                   "“” is no number for shift",
		"to=offsets":                 "say which offsets",
		"to=offsets&offsets=o/3%3D12%0d%0ao/4%3D-1": `{"kind":"group-reset","group":"g","reset":{"to":"offsets","offsets":[{"topic":"o","partition":3,"offset":12},{"topic":"o","partition":4,"offset":-1}]}}`,
		"to=offsets&offsets=o%3D12":                 "“o=12” is not understood",
		"to=start&on=o/-1":                          "“o/-1” is not understood",
	} {
		u := &url.URL{Path: "/ui/c/local/groups/g/reset", RawQuery: query}
		a, notes, err := parse(pages(), u)
		if err != nil || len(notes) > 0 {
			t.Fatal(query, notes, err)
		}
		change, err := resetOf(a)
		b, _ := json.Marshal(change)
		got := string(b)
		if err != nil {
			got = err.Error()
		}
		if got != want && !(err != nil && strings.HasPrefix(got, want)) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{"a\tb\nc": "a\tb\nc", "a\r\x00b": "a␍␀b", "x\u202ey": "x[U+202E]y", "\xff": "\ufffd", "\u0085": "[U+0085]"} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPreview(t *testing.T) {
	for want, f := range map[string]fieldInfo{"null": {Null: true, Text: "x"}, "empty": {}, "a b c": {Text: " a\n\tb  c "}, "ab…": {Text: "ab", Truncated: true},
		strings.Repeat("ä", previewMax-1) + "…": {Text: strings.Repeat("ä", 10_000)}} {
		if got := preview(f); got != want {
			t.Errorf("preview(%+.40v) = %q, want %q", f, got, want)
		}
	}
}

func TestSubjectsShown(t *testing.T) {
	var all []string
	for i := range 250 {
		all = append(all, fmt.Sprintf("s-%03d", 249-i))
	}
	a := address{page: schemasPage(), query: map[string]string{}}
	var seen []string
	for range 4 {
		names, l := subjectsShown(a, all)
		if seen = append(seen, names...); l.Total != 250 {
			t.Errorf("total %d", l.Total)
		}
		if l.Next == "" {
			break
		}
		a = a.with("cursor", l.Next)
	}
	want := maps.Clone(map[string]bool{})
	for _, s := range seen {
		want[s] = true
	}
	if len(seen) != 250 || len(want) != 250 || seen[0] != "s-000" {
		t.Errorf("%d subjects, %d of them different, the first %s", len(seen), len(want), seen[0])
	}
	if names, _ := subjectsShown(a.with("cursor", "s-120x", "contains", "S-12"), all); len(names) != 9 || names[0] != "s-121" {
		t.Errorf("after a name that is gone: %q", names)
	}
}
