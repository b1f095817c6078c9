package console

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNumber(t *testing.T) {
	for in, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 10000: "10,000",
		1234567: "1,234,567", -1: "-1", -1000: "-1,000"} {
		if got := number(in); got != want {
			t.Errorf("number(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"page-views", 10, "page-views"},
		{"page-views!", 10, "page-v…ws!"},
		{"äöüäöüäöüäöü", 6, "äöü…öü"},
		{"", 6, ""},
	} {
		got := short(tt.in, tt.n)
		if got != tt.want || len([]rune(got)) > tt.n {
			t.Errorf("short(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestWorse(t *testing.T) {
	words := []string{"lost", "duplicated", "unknown", "late", "open", "complete"}
	for i, a := range words {
		for j, b := range words {
			if got, want := worse(verdictOf(a), verdictOf(b)).Word, words[min(i, j)]; got != want {
				t.Errorf("worse(%s, %s) = %s, want %s", a, b, got, want)
			}
		}
	}
	if got := worse(verdictOf("late"), verdictOf("surprising")); got.Word != "surprising" || got.Class != "unknown" {
		t.Errorf("a word of tomorrow counts as %q in the dress of %q", got.Word, got.Class)
	}
}

func TestEdge(t *testing.T) {
	complete, open := win("t", at(1, 0), 10, "complete", 0), win("t", at(1, 10), 10, "open", 0)
	lost, dup := win("t", at(1, 20), 10, "lost", 7), win("t", at(1, 30), 1500, "duplicated", 1200)
	for _, tt := range []struct {
		name     string
		from, to string
		ws       []windowInfo
		want     string
	}{
		{"nothing yet", "local", "aggregate", nil, "open||no windows yet"},
		{"another pair", "rest", "local", []windowInfo{complete}, "open||no windows yet"},
		{"complete", "local", "aggregate", []windowInfo{complete, complete}, "complete||all 2 windows"},
		{"some open", "local", "aggregate", []windowInfo{complete, open}, "open||open in 1 of 2 windows"},
		{"lost and duplicated", "local", "aggregate", []windowInfo{complete, dup, open, lost},
			"lost|7 lost, 1,200 duplicated|lost in 1 of 4 windows"},
		{"the edge before is not to blame", "producer", "local", []windowInfo{lost, dup}, "complete||all 2 windows"},
	} {
		e := edge(tt.from, tt.to, tt.ws)
		if got := e.Verdict.Word + "|" + e.Numbers + "|" + e.Extent; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestDays(t *testing.T) {
	ws := []windowInfo{win("t", at(23, 50), 117, "complete", 0), win("t", at(24, 0), 10, "lost", 7),
		win("t", at(24+7, 30), 1, "open", 0)}
	got := days(ws)
	if len(got) != 2 || got[0].Note != "1 window" || got[1].Name != "Mon 18 May 2015" || got[1].Note != "2 windows, 2 not complete" {
		t.Fatalf("days: %+v", got)
	}
	c := got[1].Cells
	want := []cellView{
		{Href: "/ui/audit/t/2015-05-18T00:00:00Z", Verdict: verdictOf("lost"), Label: "18 May 2015 00:00 UTC, lost, 10 records, 7 lost", Time: "00:00"},
		{Href: "/ui/audit/t/2015-05-18T07:30:00Z", Verdict: verdictOf("open"), Label: "18 May 2015 07:30 UTC, open, 1 record", Time: "07:30", Hour: 7, Slot: 3},
	}
	if d := cmp.Diff(want, c, cmp.AllowUnexported(verdict{})); d != "" {
		t.Error(d)
	}
}

func TestTablesAreCutAndSorted(t *testing.T) {
	info, ws := sample("page-views", 84, time.Hour)
	v := viewTopic(info, panel[[]windowInfo]{Data: ws, At: at(0, 0)}, false)
	var words []string
	for _, r := range v.Attention.Rows {
		words = append(words, r.Verdict.Word)
	}
	if got, want := strings.Join(words, " "), "lost duplicated unknown late open open open open"; got != want {
		t.Errorf("not complete: %s, want %s", got, want)
	}
	if n := len(v.Latest.Rows); n != maxRows || v.Latest.More == "" || v.Latest.Rows[0].When != "20 May 2015 21:00" {
		t.Errorf("latest: %d rows, more %q, first %s", n, v.Latest.More, v.Latest.Rows[0].When)
	}
	v = viewTopic(info, panel[[]windowInfo]{Data: ws, At: at(0, 0)}, true)
	if n := len(v.Latest.Rows); n != 84 || v.Latest.More != "" || v.Latest.Less == "" {
		t.Errorf("all: %d rows, more %q, less %q", n, v.Latest.More, v.Latest.Less)
	}
}

func TestDrawnTopics(t *testing.T) {
	var all []topicInfo
	for _, c := range "abcdefghijkl" {
		all = append(all, topicInfo{Topic: string(c)})
	}
	for _, tt := range []struct {
		only          string
		drawn, others int
	}{{"", maxDrawn, len(all) - maxDrawn}, {"l", 1, len(all) - 1}, {"nope", 0, len(all)}} {
		d, o := drawnTopics(all, tt.only)
		if len(d) != tt.drawn || len(o) != tt.others {
			t.Errorf("only %q: %d drawn, %d others, want %d, %d", tt.only, len(d), len(o), tt.drawn, tt.others)
		}
	}
}

func TestNeighbours(t *testing.T) {
	ws := []windowInfo{{Start: at(1, 0)}, {Start: at(2, 0)}, {Start: at(3, 0)}}
	for _, tt := range []struct {
		start time.Time
		want  string
	}{
		{at(2, 0), "17 May 2015 01:00|17 May 2015 03:00"},
		{at(1, 0), "|17 May 2015 02:00"},
		{at(3, 0), "17 May 2015 02:00|"},
		{at(2, 30), "17 May 2015 02:00|17 May 2015 03:00"},
	} {
		prev, next := neighbours("t", tt.start, ws)
		text := func(l *linkView) string {
			if l == nil {
				return ""
			}
			return l.Text
		}
		if got := text(prev) + "|" + text(next); got != tt.want {
			t.Errorf("around %v: %s, want %s", tt.start, got, tt.want)
		}
	}
}

// What was read last stays on the page when a later read fails, and says its age.
func TestKeep(t *testing.T) {
	good := auditData{
		Topics:  panel[[]topicInfo]{Data: []topicInfo{{Topic: "t"}}, At: at(1, 0)},
		Windows: map[string]panel[[]windowInfo]{"t": {Data: []windowInfo{{Topic: "t"}}, At: at(1, 0)}},
		Views:   panel[[]pageView]{Data: []pageView{{Path: "/"}}, At: at(1, 0)},
	}
	bad := auditData{Topics: panel[[]topicInfo]{Err: "away"}, Views: panel[[]pageView]{Err: "away"}}
	got := bad.orKeep(good).(auditData)
	if len(got.Topics.Data) != 1 || len(got.Windows["t"].Data) != 1 || len(got.Views.Data) != 1 || got.Topics.Err != "away" {
		t.Errorf("all failed: %+v", got)
	}
	half := auditData{Topics: panel[[]topicInfo]{Data: []topicInfo{{Topic: "t"}}, At: at(2, 0)},
		Windows: map[string]panel[[]windowInfo]{"t": {Err: "no answer within 2s"}}}
	got = half.orKeep(good).(auditData)
	v := viewTopic(got.Topics.Data[0], got.Windows["t"], false)
	if want := "Windows: no answer within 2s. Shown is what was read at 17 May 2015 01:00:00 UTC."; v.Trouble != want || len(v.Days) != 1 {
		t.Errorf("trouble %q, want %q; %d days", v.Trouble, want, len(v.Days))
	}
}

func TestRangesNote(t *testing.T) {
	lost := win("t", at(1, 0), 10, "lost", 7)
	var many windowInfo
	for i := range int64(maxRanges + 1) {
		many.Ranges = append(many.Ranges, rangeInfo{"local", 0, 2 * i, 2*i + 1})
	}
	noRanges := lost
	noRanges.Ranges = nil
	causes := win("t", at(1, 0), 10, "lost", 7)
	causes.Ranges, causes.Pairs[1].Cause = nil, "over 1,000,000 records"
	for _, tt := range []struct {
		w    windowInfo
		want string
	}{
		{lost, ""}, {many, "The first 200 of 201"}, {win("t", at(1, 0), 10, "complete", 0), "None: no record"},
		{noRanges, "Not named yet"}, {causes, "Not named: over 1,000,000 records."},
	} {
		if got := rangesNote(tt.w); !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
