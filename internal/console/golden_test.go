package console

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestFragments renders each page from an API in some state, through the same
// reading as in service, and compares every fragment with its golden file.
func TestFragments(t *testing.T) {
	read := time.Date(2026, 11, 24, 18, 50, 3, 0, time.UTC)
	broken := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}
	small := func() *fakeAPI {
		ws := []windowInfo{
			win("page-views", at(10, 0), 117, "complete", 0), win("page-views", at(10, 10), 187, "lost", 7),
			win("page-views", at(23, 50), 180, "duplicated", 5), win("page-views", at(24, 0), 90, "unknown", 0),
			win("page-views", at(24, 10), 82, "late", 0), win("page-views", at(24, 20), 1, "open", 0)}
		return &fakeAPI{topics: []topicInfo{summary("page-views", ws)}, views: sampleViews()[1:3],
			wins: map[string][]windowInfo{"page-views": ws}, broken: map[string]http.HandlerFunc{}}
	}
	tests := []struct {
		name string
		at   string
		api  func() *fakeAPI
	}{
		{"audit-empty", "/ui/audit", func() *fakeAPI { return &fakeAPI{} }},
		{"audit-one", "/ui/audit", func() *fakeAPI {
			ws := []windowInfo{win("page-views", at(10, 0), 1, "complete", 0)}
			return &fakeAPI{topics: []topicInfo{summary("page-views", ws)},
				wins: map[string][]windowInfo{"page-views": ws}, views: []pageView{}}
		}},
		{"audit-each-verdict", "/ui/audit", small},
		{"audit-many", "/ui/audit", func() *fakeAPI { return sampleAPI(84, time.Hour) }},
		{"audit-no-windows", "/ui/audit", func() *fakeAPI {
			return &fakeAPI{topics: []topicInfo{{Topic: "page-views", Verdict: "open"}}}
		}},
		{"audit-other-topic", "/ui/audit?topic=nope", small},
		{"audit-all-fails", "/ui/audit", func() *fakeAPI {
			f := small()
			f.broken["/api/v1/audit/topics"] = broken(500, `{"code":"x","message":"reading _weir.audit.counts: broker away","hint":"is it up?"}`)
			f.broken["/api/v1/demo/views"] = broken(500, "oops")
			return f
		}},
		{"audit-windows-fail", "/ui/audit", func() *fakeAPI {
			f := small()
			f.broken["/api/v1/audit/topics/page-views/windows"] = broken(200, `{"windows":[{"start":"yesterday"}]}`)
			return f
		}},
		{"audit-hostile", "/ui/audit", func() *fakeAPI {
			w := win(hostile, at(10, 0), 5, hostile, 0)
			w.Pairs[1].Cause = hostile
			h := topicInfo{Topic: hostile, Tiers: []string{"producer", hostile}, Verdict: hostile, Windows: 1,
				Counts: map[string]int64{hostile: 3}, Verdicts: map[string]int{hostile: 1}}
			v := sampleViews()[0]
			s := hostile
			v.Client, v.Method, v.Path, v.Referrer, v.Agent = s, s, s, &s, &s
			return &fakeAPI{topics: []topicInfo{h, {Topic: long, Tiers: tiers, Verdict: "open"}}, views: []pageView{v},
				wins: map[string][]windowInfo{hostile: {w}}}
		}},
		{"window-complete", windowPath("page-views", at(10, 0)), small},
		{"window-lost", windowPath("page-views", at(10, 10)), small},
		{"window-duplicated", windowPath("page-views", at(23, 50)), small},
		{"window-unknown", windowPath("page-views", at(24, 0)), small},
		{"window-late", windowPath("page-views", at(24, 10)), small},
		{"window-open", windowPath("page-views", at(24, 20)), small},
		{"window-missing", windowPath("page-views", at(3, 0)), small},
		{"window-fails", windowPath("page-views", at(10, 0)), func() *fakeAPI {
			f := small()
			f.broken["/api/v1/audit/topics/page-views/windows/2015-05-17T10:00:00Z"] = broken(503, `<html>`)
			return f
		}},
		{"window-hostile", windowPath(hostile, at(10, 0)), func() *fakeAPI {
			w := win(hostile, at(10, 0), 5, "lost", 5)
			w.Pairs[1].To, w.Pairs[1].Cause, w.Ranges[0].Tier = hostile, hostile, hostile
			return &fakeAPI{wins: map[string][]windowInfo{hostile: {w}}}
		}},
	}
	fleet := func(f fakeFleet) func() *fakeAPI {
		return func() *fakeAPI {
			a := sampleAPI(12, time.Hour)
			a.fleet = f
			// Of the time that these pages are of, whenever that is read.
			for system, l := range eventsOf(len(f.topics), read) {
				a.broken["/api/v1/"+system+"/events"] = func(w http.ResponseWriter, r *http.Request) { answer(w, l) }
			}
			return a
		}
	}
	away := func(path string) func() *fakeAPI {
		return func() *fakeAPI {
			a := fleet(fleetOf(2))()
			a.broken[path] = broken(503, `{"code":"cluster_down","message":"nothing is known of cluster local yet","hint":"dial tcp: refused"}`)
			return a
		}
	}
	for name, at := range map[string]string{"overview": "/ui", "cluster": "/ui/c/local", "topics": "/ui/c/local/topics", "groups": "/ui/c/local/groups", "brokers": "/ui/c/local/brokers"} {
		for n, word := range []string{"empty", "one"} {
			tests = append(tests, struct {
				name string
				at   string
				api  func() *fakeAPI
			}{name + "-" + word, at, fleet(fleetOf(n))})
		}
	}
	tests = append(tests, []struct {
		name string
		at   string
		api  func() *fakeAPI
	}{
		{"overview-nothing", "/ui", fleet(fakeFleet{})},
		{"overview-away", "/ui", away("/api/v1/clusters")},
		{"cluster-degraded", "/ui/c/local", fleet(fleetOf(12))},
		{"cluster-half-away", "/ui/c/local", away("/api/v1/clusters/local/topics")},
		{"cluster-unknown", "/ui/c/nope", fleet(fleetOf(1))},
		{"topics-filtered", "/ui/c/local/topics?contains=paid&sort=records&order=desc", fleet(fleetOf(12))},
		{"topics-none", "/ui/c/local/topics?contains=zzz&internal=false", fleet(fleetOf(2))},
		{"topics-page", "/ui/c/local/topics?cursor=after-orders.created.0099", fleet(fleetOf(102))},
		{"topics-old-cursor", "/ui/c/local/topics?cursor=zzz", fleet(fleetOf(2))},
		{"topics-hostile", uiPath("c", hostile, "topics"), fleet(wildFleet())},
		{"topic-partitions", "/ui/c/local/topics/orders.shipped.0002", fleet(fleetOf(12))},
		{"topic-configs", "/ui/c/local/topics/orders.shipped.0002/configs?all=1", fleet(fleetOf(12))},
		{"topic-groups", "/ui/c/local/topics/orders.shipped.0002/groups", fleet(fleetOf(12))},
		{"topic-producers", "/ui/c/local/topics/orders.shipped.0002/producers", fleet(fleetOf(4))},
		{"topic-unknown", "/ui/c/local/topics/nope", fleet(fleetOf(1))},
		{"topic-hostile", uiPath("c", hostile, "topics", hostile), fleet(wildFleet())},
		{"broker", "/ui/c/local/brokers/3", fleet(fleetOf(4))},
		{"broker-hostile", uiPath("c", hostile, "brokers", "1"), fleet(wildFleet())},
		{"group", "/ui/c/local/groups/billing-0003", fleet(fleetOf(4))},
		{"group-hostile", uiPath("c", hostile, "groups", hostile), fleet(wildFleet())},
		{"events", "/ui/events?cluster=local", fleet(fleetOf(12))},
		{"events-some", "/ui/events?kind=audit&to=2026-11-24+18:55", fleet(fleetOf(4))},
		{"events-empty", "/ui/events", fleet(fleetOf(0))},
		{"events-page", "/ui/events", fleet(fleetOf(130))},
		{"events-one-fails", "/ui/events", away("/api/v1/actions/events")},
		{"events-hostile", "/ui/events", func() *fakeAPI {
			a := fleet(fleetOf(0))()
			a.broken["/api/v1/fleet/events"] = func(w http.ResponseWriter, r *http.Request) {
				answer(w, eventList{Events: []eventInfo{{At: read, Cluster: hostile, Kind: hostile, Severity: hostile, Text: hostile, Link: "javascript:alert(1)"}, {At: read, Text: long, Link: "//elsewhere.example/ui/"}}})
			}
			return a
		}},
		{"overview-day", "/ui?span=day", fleet(fleetOf(130))},
		{"overview-events-fail", "/ui", away("/api/v1/audit/events")},
		{"search", "/ui/palette?q=0002", fleet(fleetOf(4))},
		{"search-hostile", "/ui/palette?q=%3Cscript", fleet(wildFleet())},
	}...)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := New(Config{API: tt.api()})
			if err != nil {
				t.Fatal(err)
			}
			a := addressOf(t, c, tt.at)
			fs, err := c.render.fragments(a.page.parts(a, a.page.load(context.Background(), c.api, a, read), read))
			if err != nil {
				t.Fatal(err)
			}
			got := mainHTML(fs) + "\n"
			if strings.Contains(got, "<script") || strings.Contains(got, "style=") {
				t.Error("something that a page may not hold came through")
			}
			file := filepath.Join("testdata", tt.name+".html")
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
		})
	}
}
