package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told makes answers out of what systems tell, as times in minutes: "fleet 5 4 3+",
// with + if there are more.
func told(lines ...string) answers {
	d := answers{byName: map[string]reply{}}
	for _, line := range lines {
		f := strings.Fields(strings.TrimSuffix(line, "+"))
		l := eventList{More: strings.HasSuffix(line, "+")}
		for _, m := range f[1:] {
			var n int
			fmt.Sscan(m, &n)
			l.Events = append(l.Events, eventInfo{At: at(0, n), Kind: f[0]})
		}
		d.byName["events-"+f[0]] = reply{panel: panel[any]{Data: l, At: at(1, 0)}}
	}
	return d
}

// Nothing is passed over between pages, though each system tells a bounded number.
func TestMergedEvents(t *testing.T) {
	count := func(from, to int) (s string) {
		for i := from; i > to; i-- {
			s += fmt.Sprintf(" %d", i)
		}
		return s
	}
	for _, tt := range []struct {
		name, kind string
		d          answers
		shown      int
		older      time.Time
	}{
		{"none", "", told("fleet", "actions", "audit"), 0, time.Time{}},
		{"all of them", "", told("fleet 9 3", "actions 5", "audit 7 7"), 5, time.Time{}},
		{"the others go on below what one told", "", told("fleet 9 8+", "actions 8 5 1"), 3, at(0, 8)},
		{"also if the filter leaves none", "zzz", told("fleet 9 8+", "actions 5 1"), 0, at(0, 8)},
		{"a full page", "", told("fleet" + count(120, 0)), 100, at(0, 21)},
		{"an instant is not torn apart", "", told("fleet"+count(120, 0), "audit"+strings.Repeat(" 21", 30)), 130, at(0, 21)},
		{"all of one instant", "", told("audit" + strings.Repeat(" 21", 130)), 130, time.Time{}},
	} {
		a := address{page: eventsPage()}.with("kind", tt.kind)
		got, older := mergedEvents(tt.d, a)
		if len(got) != tt.shown || !older.Equal(tt.older) {
			t.Errorf("%s: %d events, older than %v; want %d, %v", tt.name, len(got), older, tt.shown, tt.older)
		}
	}
}

func TestMarks(t *testing.T) {
	long, brief := at(0, 45), at(0, 15).Add(10*time.Second)
	got := marks([]eventInfo{
		{At: at(0, 59), Severity: "error", Text: "a"}, {At: at(0, 59).Add(time.Second), Severity: "error", Text: "b"}, {At: at(0, 59), Severity: "warning", Text: "c"},
		{At: at(0, 30), End: &long, Text: "d\u202e"}, {At: at(0, 15), End: &brief, Severity: "info", Text: "e"}, {At: at(0, 0), Severity: "info"},
	}, at(0, 0), time.Hour)
	want := []mark{
		{X: "98.33%", Y: "4", Class: "lost", Title: "00:59 a and 1 more"}, {X: "98.33%", Y: "26", Class: "late", Title: "00:59 c"},
		{X: "50.00%", Y: "26", Class: "unknown", Title: "00:30 d\ufffd", Width: "25.00%"}, {X: "25.00%", Y: "48", Class: "open", Title: "00:15 e"}, {X: "0.00%", Y: "48", Class: "open", Title: "00:00 "},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// An axis moves by whole steps, so what is quiet sends no bytes.
func TestStripStandsStill(t *testing.T) {
	a := address{page: overviewPage()}
	f, err := New(Config{API: &fakeAPI{}})
	if err != nil {
		t.Fatal(err)
	}
	drawn := func(asOf time.Time) string {
		fs, err := f.render.fragments(strip(a, told("fleet 1 0"), "", asOf))
		if err != nil {
			t.Fatal(err)
		}
		return fs[0].HTML
	}
	if drawn(at(0, 30)) != drawn(at(0, 30).Add(59*time.Second)) || drawn(at(0, 30)) == drawn(at(0, 31)) {
		t.Error("the axis does not move once a minute")
	}
	if got := strip(a, answers{byName: map[string]reply{"events-fleet": {panel: panel[any]{Data: eventList{silent: true}}},
		"events-actions": {panel: panel[any]{Data: eventList{silent: true}}}, "events-audit": {panel: panel[any]{Data: eventList{silent: true}}}, "events-registry": {panel: panel[any]{Data: eventList{silent: true}}}}}, "", at(0, 1)); got != nil {
		t.Error("there is a strip though nobody tells events")
	}
}

// What was done by --bootstrap names no cluster that has a page.
func TestNoPageOfAddresses(t *testing.T) {
	for cluster, want := range map[string]string{"east": "/ui/c/east/topics/orders", "": "", "k1:9092,k2:9092": "", "[::1]:9092": ""} {
		if got := targetPath(actionInfo{Kind: "topic-alter", Cluster: cluster, Target: "orders"}); got != want {
			t.Errorf("%q: %s", cluster, got)
		}
	}
	if got := targetPath(actionInfo{Kind: "schema-register", Cluster: "k1:9092", Target: "orders-value"}); got != "/ui/registry/subjects/orders-value" {
		t.Error(got)
	}
}
