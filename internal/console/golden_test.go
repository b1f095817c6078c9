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
		key  key
		api  func() *fakeAPI
	}{
		{"audit-empty", key{}, func() *fakeAPI { return &fakeAPI{} }},
		{"audit-one", key{}, func() *fakeAPI {
			ws := []windowInfo{win("page-views", at(10, 0), 1, "complete", 0)}
			return &fakeAPI{topics: []topicInfo{summary("page-views", ws)},
				wins: map[string][]windowInfo{"page-views": ws}, views: []pageView{}}
		}},
		{"audit-each-verdict", key{}, small},
		{"audit-many", key{}, func() *fakeAPI { return sampleAPI(84, time.Hour) }},
		{"audit-no-windows", key{}, func() *fakeAPI {
			return &fakeAPI{topics: []topicInfo{{Topic: "page-views", Verdict: "open"}}}
		}},
		{"audit-other-topic", key{topic: "nope"}, small},
		{"audit-all-fails", key{}, func() *fakeAPI {
			f := small()
			f.broken["/api/v1/audit/topics"] = broken(500, `{"code":"x","message":"reading _weir.audit.counts: broker away","hint":"is it up?"}`)
			f.broken["/api/v1/demo/views"] = broken(500, "oops")
			return f
		}},
		{"audit-windows-fail", key{}, func() *fakeAPI {
			f := small()
			f.broken["/api/v1/audit/topics/page-views/windows"] = broken(200, `{"windows":[{"start":"yesterday"}]}`)
			return f
		}},
		{"audit-hostile", key{}, func() *fakeAPI {
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
		{"window-complete", key{topic: "page-views", start: at(10, 0)}, small},
		{"window-lost", key{topic: "page-views", start: at(10, 10)}, small},
		{"window-duplicated", key{topic: "page-views", start: at(23, 50)}, small},
		{"window-unknown", key{topic: "page-views", start: at(24, 0)}, small},
		{"window-late", key{topic: "page-views", start: at(24, 10)}, small},
		{"window-open", key{topic: "page-views", start: at(24, 20)}, small},
		{"window-missing", key{topic: "page-views", start: at(3, 0)}, small},
		{"window-fails", key{topic: "page-views", start: at(10, 0)}, func() *fakeAPI {
			f := small()
			f.broken["/api/v1/audit/topics/page-views/windows/2015-05-17T10:00:00Z"] = broken(503, `<html>`)
			return f
		}},
		{"window-hostile", key{topic: hostile, start: at(10, 0)}, func() *fakeAPI {
			w := win(hostile, at(10, 0), 5, "lost", 5)
			w.Pairs[1].To, w.Pairs[1].Cause, w.Ranges[0].Tier = hostile, hostile, hostile
			return &fakeAPI{wins: map[string][]windowInfo{hostile: {w}}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := New(Config{API: tt.api()})
			if err != nil {
				t.Fatal(err)
			}
			fs, err := c.render.fragments(c.load(context.Background(), tt.key, read).parts(tt.key, read))
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
