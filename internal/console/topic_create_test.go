package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The page of a new topic: its form alone, a plan, what is not understood, and a
// hostile name.
func TestTopicCreateFragments(t *testing.T) {
	read := noon.Add(time.Minute)
	at := func(query ...string) string {
		q := url.Values{}
		for i := 0; i < len(query); i += 2 {
			q.Set(query[i], query[i+1])
		}
		return "/ui/c/local/create-topic?" + q.Encode()
	}
	for name, path := range map[string]string{
		"topic-create-form": at(), "topic-create": at("name", "orders", "partitions", "12", "replication", "3", "set", "retention.ms=-1\ncleanup.policy=compact"),
		"topic-create-bad": at("name", "orders", "set", "retention.ms"), "topic-create-hostile": at("name", hostile, "set", hostile+"="+hostile),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := New(Config{API: deskAPI(4, fakeDesk{})})
			if err != nil {
				t.Fatal(err)
			}
			a := addressOf(t, c, path)
			fs, err := c.render.fragments(a.page.parts(a, a.page.load(context.Background(), c.api, a, read), read))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, mainHTML(fs)+"\n")
		})
	}
}

func TestCreateOf(t *testing.T) {
	for query, want := range map[string]string{
		"":                                  "null",
		"partitions=3":                      "null",
		"name=orders":                       `{"kind":"topic-create","topic":"orders","partitions":4}`,
		"name=o&partitions=0&replication=2": `{"kind":"topic-create","topic":"o","replication":2}`, // which the plan refuses
		"name=o&partitions=999999999999999999&set=a%3Db%3Dc%0D%0A+d+%3D+": `{"kind":"topic-create","topic":"o","partitions":2147483647,"set":{"a":"b=c","d":""}}`,
		"name=o&set=a": "“a” is not understood",
	} {
		a, notes, err := parse(pages(), &url.URL{Path: "/ui/c/local/create-topic", RawQuery: query})
		if err != nil || len(notes) > 0 {
			t.Fatal(query, notes, err)
		}
		change, err := createOf(a)
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

// The list of topics leads to the form, the form to a plan, and that to the topic.
func TestCreateTopicByPages(t *testing.T) {
	f := deskAPI(4, fakeDesk{})
	srv, _ := newConsole(t, f, Config{})
	if _, body := fetch(t, srv.URL+"/ui/c/local/topics"); !strings.Contains(body, `href="/ui/c/local/create-topic">Create a topic</a>`) || !strings.Contains(body, `sort=bytes_rate">Bytes/s</a>`) {
		t.Errorf("no way to the form, or to the topic that grows fastest: %s", body)
	}
	if _, body := fetch(t, srv.URL+"/ui/c/local/create-topic?name=orders&partitions=2"); !strings.Contains(body, "Do it: create the topic orders") {
		t.Errorf("no plan: %s", body)
	}
	_, _, body := post(t, srv, "/ui/c/local/apply", `change={"kind":"topic-create","topic":"orders","partitions":2}&plan_hash=h-1`)
	if !strings.Contains(body, `href="/ui/c/local/topics/orders">The topic</a>`) || len(f.desk.applied) != 1 {
		t.Errorf("not made: %s", body)
	}
}

// A change that was made in part is neither called done nor undone: the page says of
// each step how it ended, and leads to what is left and to the undo of the rest.
func TestDoneInPart(t *testing.T) {
	f := deskAPI(4, fakeDesk{})
	f.broken["/api/v1/clusters/local/apply"] = func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		answer(w, map[string]any{"code": "partly_done", "message": "the change was made in part: 1 of 2 were not set", "hint": "the rest is left", "field": "", "result": map[string]any{
			"plan": f.desk.planOf(map[string]any{"kind": "group-reset", "group": "billing-0003"}), "done": false, "undo": map[string]any{"kind": "group-reset", "group": "billing-0003"},
			"undo_command": "weir groups reset billing-0003 --offset orders/0=900 --yes", "warning": "",
			"left":     map[string]any{"kind": "group-reset", "group": "billing-0003", "reset": "the rest"},
			"not_done": []map[string]any{{"on": "billing-0003/1", "error": "TOPIC_AUTHORIZATION_FAILED " + hostile, "maybe": false}},
		}})
	}
	srv, _ := newConsole(t, f, Config{})
	_, _, body := post(t, srv, "/ui/c/local/apply", `change={"kind":"group-reset","group":"billing-0003"}&plan_hash=h-1`)
	_, main, _ := strings.Cut(body, "<main")
	main, _, _ = strings.Cut(main, "</main>")
	golden(t, "result-in-part", "<main"+main+"</main>\n")
	for _, w := range []string{"done in part</span>", "Plan what is left", "Plan the undo of what was done", "not done</bdi>", "--offset orders/0=900 --yes"} {
		if !strings.Contains(main, w) {
			t.Errorf("%q is not on the page: %s", w, main)
		}
	}
	if strings.Index(main, "billing-0003/1") > strings.Index(main, "billing-0003/0") {
		t.Error("what failed is not the first")
	}
}

// A plan that no form can carry is shown, with other ways to make it.
func TestTooLongPlan(t *testing.T) {
	steps := make([]stepInfo, 10*maxSteps)
	for i := range steps {
		steps[i] = stepInfo{On: "orders", What: "offset", Before: "1", After: "2"}
	}
	for size, want := range map[int]bool{maxCarried / 2: false, maxCarried + 1: true} {
		p := planInfo{Kind: "group-reset", Target: "billing", Steps: steps, API: strings.Repeat("x", 2*maxCall), Change: json.RawMessage(`"` + strings.Repeat("x", size) + `"`)}
		v := planPart(address{page: pageAt(planRoute), vars: map[string]string{"cluster": "local"}}, p, planNotes{}).view.(planView)
		if v.TooLong != want || len(v.Grid.Rows) != maxSteps || len(v.Shown) > 100*maxSteps || len(v.API) > maxCall+200 {
			t.Errorf("%d bytes: too long %v, %d rows, %d bytes of steps, %d of the call", size, v.TooLong, len(v.Grid.Rows), len(v.Shown), len(v.API))
		}
	}
}
