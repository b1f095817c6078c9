package console

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// registryPages are the pages that change the registry and tell of it, by the name of
// their picture.
func registryPages(subject string) map[string]string {
	s := uiPath("registry", "subjects", subject)
	return map[string]string{
		"register": "/ui/registry/register", "register-next": registerPath(subject), "schema-usage": s + "/usage",
		"schema-search": "/ui/registry/search?q=total", "schema-search-none": "/ui/registry/search?q=zzz&versions=all", "schema-search-form": "/ui/registry/search",
		"schema-warnings": "/ui/registry/warnings", "schema-settings": s + "/settings", "schema-settings-all": "/ui/registry/settings?set=compatibility&to=FULL_TRANSITIVE",
		"schema-level": s + "/settings?set=compatibility&to=unset", "schema-level-broken": s + "/settings?set=compatibility&to=FULL_TRANSITIVE", "schema-level-same": s + "/settings?set=compatibility&to=FULL", "schema-mode": s + "/settings?set=mode&to=READONLY", "schema-import": s + "/settings?set=mode&to=IMPORT",
		"schema-delete": s + "/delete?version=2", "schema-delete-all": s + "/delete", "schema-delete-good": s + "/delete?permanent=1", "schemas-deleted": "/ui/registry?deleted=1", "subject-history": s + "?history=4711",
		"takeover": "/ui/registry/takeover", "handback": "/ui/registry/handback",
	}
}

// TestRegistryStates compares the pages of a registry in some state with their golden
// files.
func TestRegistryStates(t *testing.T) {
	trouble := fakeDesk{schemas: fakeSchemas{trouble: true, silent: true}}
	gone := fakeDesk{versions: -1, schemas: fakeSchemas{gone: []int{1, 2}, goneSubjects: []string{"orders-value", "old-value"}}}
	for name, tt := range map[string]struct {
		at   string
		desk fakeDesk
	}{
		"trouble-schemas": {"/ui/registry", trouble}, "trouble-warnings": {"/ui/registry/warnings", trouble},
		"silent-usage": {"/ui/registry/subjects/orders-value/usage", trouble}, "silent-search": {"/ui/registry/search?q=x", trouble},
		"gone-delete": {"/ui/registry/subjects/orders-value/delete?permanent=1", gone}, "gone-again": {"/ui/registry/subjects/orders-value/delete", gone},
		"gone-import": {"/ui/registry/subjects/orders-value/settings?set=mode&to=IMPORT", gone}, "gone-schemas": {"/ui/registry?deleted=1", gone},
		"takeover-busy": {"/ui/registry/takeover", fakeDesk{schemas: busyTakeover("")}}, "handback-other": {"/ui/registry/handback", fakeDesk{schemas: fakeSchemas{writer: "other"}}},
	} {
		t.Run(name, func(t *testing.T) { golden(t, "registry-"+name, mainOf(t, deskAPI(1, tt.desk), tt.at)) })
	}
	t.Run("half-away", func(t *testing.T) {
		f := deskAPI(1, fakeDesk{})
		for _, path := range []string{"/api/v1/registry/warnings", "/api/v1/registry/usage", "/mode/orders-value", "/api/v1/registry/takeover"} {
			f.broken[path] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }
		}
		var got strings.Builder
		for _, at := range []string{"/ui/registry/warnings", "/ui/registry/subjects/orders-value/usage", "/ui/registry/subjects/orders-value/settings?set=mode&to=READONLY", "/ui/registry/takeover"} {
			got.WriteString(mainOf(t, f, at))
		}
		golden(t, "registry-half-away", got.String())
	})
}

// mainOf is the inside of a page at an address, as of a minute after noon.
func mainOf(t *testing.T, f *fakeAPI, at string) string {
	t.Helper()
	c, err := New(Config{API: f})
	if err != nil {
		t.Fatal(err)
	}
	a, read := addressOf(t, c, at), noon.Add(time.Minute)
	return rendered(t, c, a.page.parts(a, a.page.load(t.Context(), c.api, a, read), read))
}

func rendered(t *testing.T, c *Console, parts []part) string {
	t.Helper()
	fs, err := c.render.fragments(parts)
	if err != nil {
		t.Fatal(err)
	}
	html := mainHTML(fs) + "\n"
	if strings.Contains(html, "<script") || strings.Contains(html, "style=") || strings.Contains(html, "ZgotmplZ") {
		t.Error("something that a page may not hold came through")
	}
	return html
}

// TestPreflight compares what a registration is told before it is made with its golden
// file.
func TestPreflight(t *testing.T) {
	given := func(schema string) registration {
		return registration{Subject: "orders-value", Language: "AVRO", Schema: schema, References: "money money-value 3\n", Reason: "JIRA-17"}
	}
	wild := registration{Subject: hostile, Language: hostile, Schema: `{"doc":"` + hostile, References: hostile + " s 1\n", Reason: hostile}
	wild.References = ""
	for name, tt := range map[string]struct {
		desk  fakeDesk
		given registration
	}{
		"next": {fakeDesk{}, given(sampleSchema)}, "there": {fakeDesk{}, given(`{"name":"there"}`)}, "incompatible": {fakeDesk{}, given(`{"name":"X"}`)},
		"wrong": {fakeDesk{}, given("syntax = 'proto3';\nmess Order {}")}, "reference": {fakeDesk{}, registration{Subject: "s", Schema: "{}", References: "money 3 4 5"}},
		"no-subject": {fakeDesk{}, registration{Schema: "{}"}}, "new": {fakeDesk{empty: true}, given(sampleSchema)}, "read-only": {fakeDesk{schemas: fakeSchemas{mode: "READONLY"}}, given(sampleSchema)},
		"hostile": {fakeDesk{text: hostile}, wild},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := New(Config{API: deskAPI(1, tt.desk)})
			if err != nil {
				t.Fatal(err)
			}
			p := c.api.preflight(t.Context(), tt.given, noon)
			golden(t, "registry-preflight-"+name, rendered(t, c, registerParts(tt.given, p, "")))
		})
	}
}

// A level that is not transitive is judged by the version before the newest, which would
// else be compared with itself.
func TestLevelBroken(t *testing.T) {
	f := deskAPI(1, fakeDesk{})
	c, err := New(Config{API: f})
	if err != nil {
		t.Fatal(err)
	}
	const line = "Version 3 breaks it, against version 2: TYPE_MISMATCH at /fields/1/type: bytes can not be read as double; and 1 more"
	warnings := func(subject, level string) string {
		t.Helper()
		p, err := c.api.planSchema(t.Context(), schemaChange{Kind: changeLevel, Subject: subject, To: level})
		if err != nil || len(p.Warnings) == 0 {
			t.Fatalf("%s: %+v, %v", level, p, err)
		}
		return strings.Join(p.Warnings[1:], "\n")
	}
	for level, want := range map[string]string{"FORWARD": line, "FULL_TRANSITIVE": line, "BACKWARD": "", "NONE": ""} {
		if got := warnings("orders-value", level); got != want {
			t.Errorf("%s: %s", level, got)
		}
	}
	if got := warnings("", "FORWARD"); got != "" {
		t.Errorf("of all: %s", got)
	}
	f.broken[checkPath] = func(w http.ResponseWriter, r *http.Request) { fail(w, 503, "x", "not now", "") }
	if got := warnings("orders-value", "FORWARD"); got != "Whether they keep to it is not known: not now" {
		t.Errorf("no check: %s", got)
	}
	f.desk.versions = 1
	if got := warnings("orders-value", "FORWARD"); got != "" {
		t.Errorf("one version: %s", got)
	}
}

// changes are those that a fake registry was asked for.
func (f *fakeAPI) changes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.desk.schemas.changed...)
}

// A registration is made with the hash of what was shown, and of nothing else; a text is
// on the page whatever becomes of it.
func TestRegister(t *testing.T) {
	f := deskAPI(1, fakeDesk{})
	srv, _ := newConsole(t, f, Config{})
	form := url.Values{"subject": {"orders-value"}, "language": {"AVRO"}, "schema": {"\n" + sampleSchema}, "references": {"money money-value latest"}, "normalize": {"1"}, "reason": {"JIRA-17 <b>"}}
	send := func(pairs ...string) (int, string) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		resp, err := http.PostForm(srv.URL+registerRoute, form)
		if err != nil {
			t.Fatal(err)
		}
		body := bodyOf(t, resp)
		if resp.StatusCode != 200 && (!strings.Contains(body, "&#34;name&#34;:&#34;total&#34;") || !strings.Contains(body, "money money-value latest")) {
			t.Errorf("%d: what was written is lost: %s", resp.StatusCode, body)
		}
		return resp.StatusCode, body
	}
	status, body := send("do", "check")
	if status != 200 || !strings.Contains(body, "Register as version 4") || !strings.Contains(body, "<textarea id=\"schema-text\" name=\"schema\" rows=\"18\" required autocomplete=\"off\" spellcheck=\"false\">\n\n{&#34;type") {
		t.Fatalf("preflight: %d %s", status, body)
	}
	hash := between(t, body, `name="plan_hash" value="`, `"`)
	for what, pairs := range map[string][]string{"no hash": {"plan_hash", ""}, "another text": {"plan_hash", hash, "schema", sampleSchema + " "}, "another subject": {"subject", "orders-value-copy", "plan_hash", hash}} {
		was := form.Get(pairs[len(pairs)-2])
		if status, body := send(append(pairs, "do", "register")...); status != 409 || !strings.Contains(body, "Nothing was registered") {
			t.Errorf("%s: %d", what, status)
		}
		form.Set(pairs[len(pairs)-2], was)
		form.Set("subject", "orders-value")
		form.Set("schema", "\n"+sampleSchema)
	}
	f.set(func(f *fakeAPI) { f.desk.versions = 4 })
	if status, body := send("plan_hash", hash, "do", "register"); status != 409 || !strings.Contains(body, "has changed since") || !strings.Contains(body, "Register as version 5") {
		t.Errorf("another version came: %d", status)
	}
	f.set(func(f *fakeAPI) {
		f.desk.versions, f.desk.schemas.fails = 0, "Subject orders-value is in read-only mode"
	})
	if status, body := send(); status != 422 || !strings.Contains(body, "Nothing was changed: Subject orders-value is in read-only mode") {
		t.Errorf("refused: %d", status)
	}
	if got := f.changes(); len(got) > 0 {
		t.Errorf("changed %q", got)
	}
	f.set(func(f *fakeAPI) { f.desk.schemas.fails = "" })
	if status, body := send(); status != 200 || !strings.Contains(body, "It is version 4, with the id 14.") {
		t.Errorf("confirmed: %d %s", status, body)
	}
	want := []string{`POST /subjects/orders-value/versions?normalize=true {"references":[{"name":"money","subject":"money-value","version":-1}],"schema":"\n` + strings.ReplaceAll(sampleSchema, `"`, `\"`) + `"} by page 127.0.0.1 because "JIRA-17 <b>"`}
	if d := cmp.Diff(want, f.changes()); d != "" {
		t.Error(d)
	}
	// One that is longer than what weir takes is refused in words.
	long := httptest.NewRequest("POST", registerRoute, strings.NewReader("schema="+strings.Repeat("x", 11<<20)))
	long.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c, err := New(Config{API: f})
	if err != nil {
		t.Fatal(err)
	}
	if c.registerSchema(w, long); w.Code != 413 || !strings.Contains(w.Body.String(), "Nothing was changed") {
		t.Errorf("a long form: %d", w.Code)
	}
}

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return string(b)
}

// between is what stands between two texts.
func between(t *testing.T, s, before, after string) string {
	t.Helper()
	_, s, ok := strings.Cut(s, before)
	s, _, end := strings.Cut(s, after)
	if !ok || !end {
		t.Fatalf("no %q", before)
	}
	return strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&amp;", "&", "&lt;", "<", "&gt;", ">", "&#43;", "+").Replace(s)
}

// confirmation is the form of a plan at an address.
func confirmation(t *testing.T, srv *httptest.Server, at string) url.Values {
	t.Helper()
	_, body := fetch(t, srv.URL+at)
	form := url.Values{}
	for _, name := range []string{"change", "plan_hash", "shown"} {
		form.Set(name, between(t, body, `name="`+name+`" value="`, `"`))
	}
	return form
}

// Each setting and each deletion asks the registry for what its plan says, once it is
// confirmed; the way back is planned from there.
func TestSchemaChanges(t *testing.T) {
	s := "/ui/registry/subjects/orders-value"
	for at, tt := range map[string]struct {
		want, undo string
		desk       fakeDesk
	}{
		s + "/settings?set=compatibility&to=NONE":             {want: `PUT /config/orders-value {"compatibility":"NONE"}`, undo: "to=FULL"},
		s + "/settings?set=compatibility&to=unset":            {want: `DELETE /config/orders-value `, undo: "to=FULL"},
		s + "/settings?set=mode&to=READONLY":                  {want: `PUT /mode/orders-value {"mode":"READONLY"}`, undo: "to=unset"},
		s + "/settings?force=1&set=mode&to=IMPORT":            {want: `PUT /mode/orders-value?force=true {"mode":"IMPORT"}`, undo: "to=unset"},
		"/ui/registry/settings?set=compatibility&to=unset":    {want: `DELETE /config `, undo: "to=BACKWARD"},
		"/ui/registry/settings?set=mode&to=READONLY_OVERRIDE": {want: `PUT /mode {"mode":"READONLY_OVERRIDE"}`, undo: "to=READWRITE"},
		s + "/delete?version=2":                               {want: `DELETE /subjects/orders-value/versions/2 `, undo: "permanent=1"},
		s + "/delete":                                         {want: `DELETE /subjects/orders-value `, undo: "permanent=1"},
		s + "/delete?permanent=1&version=4":                   {want: `DELETE /subjects/orders-value/versions/4?permanent=true `, undo: "", desk: fakeDesk{schemas: fakeSchemas{gone: []int{4}}}},
	} {
		t.Run(at, func(t *testing.T) {
			f := deskAPI(1, tt.desk)
			srv, _ := newConsole(t, f, Config{})
			form := confirmation(t, srv, at)
			form.Set("reason", "because")
			send := func() (int, string) {
				resp, err := http.PostForm(srv.URL+"/ui/registry/apply", form)
				if err != nil {
					t.Fatal(err)
				}
				return resp.StatusCode, bodyOf(t, resp)
			}
			if len(f.changes()) > 0 {
				t.Fatalf("looking has changed %q", f.changes())
			}
			if strings.Contains(at, "permanent") {
				if status, body := send(); status != 422 || !strings.Contains(body, "the name that was typed") || len(f.changes()) > 0 {
					t.Errorf("without the name: %d", status)
				}
				form.Set("name", "orders-value")
			}
			hash := form.Get("plan_hash")
			form.Set("plan_hash", "old")
			if status, body := send(); status != 409 || !strings.Contains(body, "the plan is another one now") || len(f.changes()) > 0 {
				t.Errorf("with an old hash: %d", status)
			}
			form.Set("plan_hash", hash)
			status, body := send()
			if status != 200 || !strings.Contains(body, "What was done") || !strings.Contains(body, tt.undo) {
				t.Errorf("confirmed: %d, or no way back with %s", status, tt.undo)
			}
			if d := cmp.Diff([]string{tt.want + ` by page 127.0.0.1 because "because"`}, f.changes()); d != "" {
				t.Error(d)
			}
		})
	}
}

// What another one changes after a plan was shown is told, and nothing is done.
func TestSchemaPlanChanges(t *testing.T) {
	f := deskAPI(1, fakeDesk{})
	srv, _ := newConsole(t, f, Config{})
	form := confirmation(t, srv, "/ui/registry/subjects/orders-value/settings?set=compatibility&to=NONE")
	f.set(func(f *fakeAPI) { f.desk.schemas.level = "BACKWARD" })
	resp, err := http.PostForm(srv.URL+"/ui/registry/apply", form)
	if err != nil {
		t.Fatal(err)
	}
	if body := bodyOf(t, resp); resp.StatusCode != 409 || !strings.Contains(body, "was FULL → NONE") || len(f.changes()) > 0 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	for _, bad := range []string{"", `change={"kind":"mode"}`, `change={"kind":"drop"}&plan_hash=x`, "change=[]&plan_hash=x"} {
		if status, _, body := post(t, srv, "/ui/registry/apply", bad); status != 400 || !strings.Contains(body, "Nothing was changed") {
			t.Errorf("%s: %d", bad, status)
		}
	}
}

// A takeover is made with the hash of what was shown, and with its differences only if
// they were accepted; so is the way back.
func TestTakeover(t *testing.T) {
	f := deskAPI(1, fakeDesk{schemas: busyTakeover("")})
	srv, _ := newConsole(t, f, Config{})
	_, body := fetch(t, srv.URL+"/ui/registry/takeover")
	hash := between(t, body, `name="plan_hash" value="`, `"`)
	for form, want := range map[string]string{"plan_hash=x&accept=1": "has changed since", "plan_hash=" + hash: "was not accepted", "peer=http://old:8081": "Take it over"} {
		if status, _, body := post(t, srv, "/ui/registry/takeover", form); status >= 500 || !strings.Contains(body, want) || len(f.changes()) > 0 {
			t.Errorf("%s: %d, or not %q", form, status, want)
		}
	}
	status, _, body := post(t, srv, "/ui/registry/takeover", "accept=1&reason=move&plan_hash="+hash)
	if status != 200 || !strings.Contains(body, "Weir writes the schemas topic") {
		t.Errorf("confirmed: %d %s", status, body)
	}
	f.set(func(f *fakeAPI) { f.desk.schemas = fakeSchemas{writer: "weir", changed: f.desk.schemas.changed} })
	if _, body := fetch(t, srv.URL+"/ui/registry/takeover"); !strings.Contains(body, "There is nothing to take over.") || strings.Contains(body, "Take it over</button>") {
		t.Error("a takeover of nothing is offered")
	}
	_, body = fetch(t, srv.URL+"/ui/registry/handback")
	hash = between(t, body, `name="plan_hash" value="`, `"`)
	if status, _, _ := post(t, srv, "/ui/registry/handback", "plan_hash=x"); status != 409 {
		t.Errorf("handback with an old hash: %d", status)
	}
	if status, _, body := post(t, srv, "/ui/registry/handback", "reason=back&plan_hash="+hash); status != 200 || !strings.Contains(body, "No process of weir writes") {
		t.Errorf("handback: %d", status)
	}
	want := []string{`POST /api/v1/registry/takeover {"accept_differences":true,"apply":true,"peer":"","reason":"move"} by page 127.0.0.1 because "move"`,
		`POST /api/v1/registry/handback {"apply":true,"reason":"back"} by page 127.0.0.1 because "back"`}
	if d := cmp.Diff(want, f.changes()); d != "" {
		t.Error(d)
	}
}

// Each of these pages, on a subject with 300 versions, is light enough for a first load.
func TestFirstLoadOfRegistry(t *testing.T) {
	srv, _ := newConsole(t, deskAPI(1, fakeDesk{records: 10_000, versions: 300, schemas: busyTakeover("")}), Config{})
	pages := registryPages("orders-value")
	pages["schemas"], pages["subject"] = "/ui/registry", "/ui/registry/subjects/orders-value"
	for name, at := range pages {
		_, html := fetch(t, srv.URL+at)
		weight, requests := zipped(html), 1
		for _, m := range regexp.MustCompile(`(?:src|href)="(/ui/assets/[^"]+)"`).FindAllStringSubmatch(html, -1) {
			_, body := fetch(t, srv.URL+m[1])
			weight, requests = weight+zipped(body), requests+1
		}
		if weight > 70_000 || requests > 5 { // and a stream
			t.Errorf("%s weighs %d bytes compressed in %d requests", name, weight, requests)
		}
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{"orders-value": "orders-value", ":.ctx:a": ":.ctx:a", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "-x": "'-x'", "$(x)": "'$(x)'", "ä": "'ä'"} {
		if got := quoted(in); got != want {
			t.Errorf("quoted(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestReferencesOf(t *testing.T) {
	for in, want := range map[string]string{"": "", " \n": "", "a b 3\n c d latest\ne f": "a b 3\nc d -1\ne f -1\n", "a": "no reference", "a b 0": "no reference", "a b x": "no reference", "a b 1 2": "no reference"} {
		refs, err := referencesOf(in)
		got := referenceLines(refs)
		if err != nil {
			got = err.Error()
		}
		if got != want && !(err != nil && want != "" && strings.Contains(got, want)) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestGoes(t *testing.T) {
	for _, tt := range []struct {
		change schemaChange
		live   []int64
		want   []int64
		err    string
	}{
		{schemaChange{}, []int64{2, 3}, []int64{2, 3}, ""},
		{schemaChange{Version: 2}, []int64{2, 3}, []int64{2}, ""},
		{schemaChange{Version: 1}, []int64{2, 3}, nil, "already"},
		{schemaChange{Version: 7}, []int64{2, 3}, nil, "no version 7"},
		{schemaChange{Version: 1, Permanent: true}, []int64{2, 3}, []int64{1}, ""},
		{schemaChange{Version: 2, Permanent: true}, []int64{2, 3}, nil, "is live"},
		{schemaChange{Permanent: true}, []int64{3}, nil, "version 3 is live"},
		{schemaChange{Permanent: true}, nil, []int64{1, 2, 3}, ""},
		{schemaChange{}, nil, nil, "already"},
	} {
		got, err := tt.change.goes([]int64{1, 2, 3}, tt.live)
		if !cmp.Equal(got, tt.want) || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v of live %v: %v, %v", tt.change, tt.live, got, err)
		}
	}
}

// What a page calls its API can be had by a GET.
func TestTwinsAnswer(t *testing.T) {
	f := deskAPI(2, fakeDesk{})
	srv, _ := newConsole(t, f, Config{})
	pages := registryPages("orders-value")
	pages["topic-create"], pages["reset"] = "/ui/c/local/create-topic?name=orders", "/ui/c/local/groups/billing-0003/reset?to=end"
	twin := regexp.MustCompile(`<a (?:class="api" )?href="([^"]*)" title="(?:These numbers|What this page is made from), as JSON"|<a class="api" href="([^"]*)"`)
	seen := 0
	for name, at := range pages {
		_, body := fetch(t, srv.URL+at)
		for _, m := range twin.FindAllStringSubmatch(body, -1) {
			path := html.UnescapeString(m[1] + m[2])
			w := httptest.NewRecorder()
			f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if seen++; w.Code == http.StatusMethodNotAllowed {
				t.Errorf("%s: GET %s: %d", name, path, w.Code)
			}
		}
	}
	if seen < len(pages) {
		t.Errorf("%d links on %d pages", seen, len(pages))
	}
}

// A level is no mode: an address that mixes them plans nothing.
func TestSettingsOfTheOther(t *testing.T) {
	srv, _ := newConsole(t, deskAPI(2, fakeDesk{}), Config{})
	for query, want := range map[string]bool{"set=compatibility&to=IMPORT": false, "set=mode&to=FULL": false, "to=unset": false, "set=mode&to=READONLY": true, "set=compatibility&to=unset": true} {
		if _, body := fetch(t, srv.URL+"/ui/registry/subjects/orders-value/settings?"+query); strings.Contains(body, `id="plan"`) != want {
			t.Errorf("%s: a plan: %v", query, !want)
		}
	}
}

// The search of all pages finds subjects too.
func TestFindSubject(t *testing.T) {
	srv, _ := newConsole(t, deskAPI(2, fakeDesk{}), Config{})
	if _, body := fetch(t, srv.URL+"/ui/palette?q=ORDERS-V"); !strings.Contains(body, `href="/ui/registry/subjects/orders-value"`) {
		t.Errorf("not found: %s", body)
	}
	f := deskAPI(2, fakeDesk{})
	f.broken["/subjects"] = func(w http.ResponseWriter, r *http.Request) { fail(w, 503, "x", "not now", "") }
	srv, _ = newConsole(t, f, Config{})
	if _, body := fetch(t, srv.URL+"/ui/palette?q=orders-v"); !strings.Contains(body, "Schemas: not now") {
		t.Errorf("not said: %s", body)
	}
}

// A registry that could not be asked has neither differences nor none.
func TestNotCompared(t *testing.T) {
	var v confirmView
	v.takeover(takeoverInfo{Peer: "http://old:8081", Refusals: []string{"the registry at http://old:8081 can not be compared with: refused"}})
	if v.Facts[2].Text != "not compared" || v.Button != "" || strings.Contains(strings.Join(v.Lines, " "), "Compared with") {
		t.Errorf("%+v", v)
	}
}
