package registry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestRivalsOf(t *testing.T) {
	const (
		one       = `{"version":1,"host":"b","port":8081,"master_eligibility":true,"scheme":"http"}`
		two       = `{"version":2,"karapace_version":"6","host":"a","port":8082,"scheme":"https","master_eligibility":true}`
		ineligble = `{"host":"c","port":1,"master_eligibility":false}`
		leads     = `{"version":1,"error":0,"master":"m1","master_identity":` + one + `}`
		nobody    = `{"version":1,"error":0,"master":null,"master_identity":null}`
	)
	group := func(state, kind string, metadata, assignment []string) kmsg.DescribeGroupsResponseGroup {
		g := kmsg.DescribeGroupsResponseGroup{State: state, ProtocolType: kind}
		for i, m := range metadata {
			g.Members = append(g.Members, kmsg.DescribeGroupsResponseGroupMember{MemberID: string(rune('1' + i)), ProtocolMetadata: []byte(m), MemberAssignment: []byte(assignment[i])})
		}
		return g
	}
	for name, test := range map[string]struct {
		group    kmsg.DescribeGroupsResponseGroup
		leader   string
		urls     string
		eligible int
		settled  bool
	}{
		"no such group":                      {kmsg.DescribeGroupsResponseGroup{ErrorCode: kerr.GroupIDNotFound.Code, State: "Dead"}, "", "", 0, true},
		"empty":                              {group("Empty", "sr", nil, nil), "", "", 0, true},
		"of consumers":                       {group("Stable", "consumer", []string{"x"}, []string{"y"}), "", "", 0, true},
		"two, one leads":                     {group("Stable", "sr", []string{one, two}, []string{leads, leads}), "http://b:8081", "http://b:8081 https://a:8082", 2, true},
		"the leader not said: the least URL": {group("Stable", "sr", []string{one, two}, []string{"", "{"}), "http://b:8081", "http://b:8081 https://a:8082", 2, true},
		"electing":                           {group("PreparingRebalance", "sr", []string{"", ""}, []string{"", ""}), "", "", 0, false},
		"none may lead":                      {group("Stable", "sr", []string{ineligble}, []string{nobody}), "", "http://c:1", 0, true},
		"one that speaks otherwise may lead": {
			group("Stable", "sr", []string{"\x00\x01"}, []string{""}), "", "", 1, true},
	} {
		r, err := rivalsOf(test.group)
		var urls []string
		for _, m := range r.members {
			urls = append(urls, m.URL)
		}
		if err != nil || r.leader != test.leader || strings.Join(urls, " ") != test.urls || r.eligible() != test.eligible || r.settled != test.settled {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if _, err := rivalsOf(kmsg.DescribeGroupsResponseGroup{ErrorCode: kerr.GroupAuthorizationFailed.Code}); !errors.Is(err, kerr.GroupAuthorizationFailed) {
		t.Errorf("not allowed: %v", err)
	}
}

func TestStand(t *testing.T) {
	settled := rivals{settled: true}
	runs := rivals{settled: true, members: []Member{{URL: "http://a:1", Eligible: true}}, leader: "http://a:1"}
	idle := rivals{settled: true, members: []Member{{URL: "http://a:1"}}}
	for name, test := range map[string]struct {
		policy string
		writer string
		rivals rivals
		seen   bool
		why    string // "" if weir may write
	}{
		"nobody":                       {TakeoverRefuse, "", settled, false, ""},
		"one runs":                     {TakeoverRefuse, "", runs, true, "written by another registry, http://a:1"},
		"one runs, as is known":        {TakeoverRefuse, writerOther, runs, false, "written by another registry, http://a:1"},
		"it has stopped":               {TakeoverRefuse, writerOther, settled, false, "does not run now"},
		"it may not write any more":    {TakeoverRefuse, writerOther, idle, false, "weir schema takeover"},
		"taken over":                   {TakeoverRefuse, writerWeir, settled, false, ""},
		"taken over, it still reads":   {TakeoverRefuse, writerWeir, idle, false, ""},
		"taken over, it is back":       {TakeoverRefuse, writerWeir, runs, true, "written by another registry"},
		"electing":                     {TakeoverRefuse, writerWeir, rivals{}, false, "electing"},
		"one runs, ignored":            {TakeoverIgnore, "", runs, false, ""},
		"handed back, to be ignored":   {TakeoverIgnore, writerOther, runs, false, "does not run now"},
		"electing, which does not say": {TakeoverIgnore, "", rivals{}, false, ""},
	} {
		seen, err := stand(test.policy, writer{Writer: test.writer}, test.rivals)
		if seen != test.seen || (err == nil) != (test.why == "") || err != nil && (!errors.Is(err, errNotOurs) || !strings.Contains(err.Error(), test.why)) {
			t.Errorf("%s: %t, %v", name, seen, err)
		}
	}
}

func TestWriterRecord(t *testing.T) {
	w := writer{1, writerOther, time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), "host 127.0.0.1:8080", "it was handed back"}
	r, row := w.records("handback")[0], w.records("handback")[1]
	if want := `{"v":1,"at":"2026-11-24T10:00:00Z","from":"host 127.0.0.1:8080","reason":"it was handed back","what":"handback"}`; string(row.Value) != want || row.Topic != historyTopic {
		t.Errorf("its row of history: %s", row.Value)
	}
	if string(r.Key) != `{"registry":"writer"}` || string(r.Value) != `{"v":1,"writer":"other","since":"2026-11-24T10:00:00Z","by":"host 127.0.0.1:8080","why":"it was handed back"}` {
		t.Errorf("%s %s", r.Key, r.Value)
	}
	if got, err := decodeWriter(r.Value); err != nil || got != w {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := decodeWriter(nil); err != nil || got != (writer{}) {
		t.Errorf("a deletion: %+v, %v", got, err)
	}
	for _, bad := range []string{"x", `{"v":2,"writer":"weir"}`, `{"v":1,"writer":"us"}`} {
		if _, err := decodeWriter([]byte(bad)); err == nil {
			t.Errorf("%s passes", bad)
		}
	}
	// What was aborted does not count, nor do the records beside it.
	f := func(key string, value []byte, committed bool) *fate {
		return &fate{record: &kgo.Record{Key: []byte(key), Value: value}, decided: true, committed: committed}
	}
	key, value := encodeHigh(".", 7)
	if got := lastWriter(w, []*fate{f(writerKey, []byte("?"), true)}); got.Writer != writerOther || got.Why == w.Why {
		t.Errorf("what can not be read: %+v", got)
	}
	got := lastWriter(writer{}, []*fate{f(writerKey, r.Value, true), f(writerKey, []byte(`{"v":1,"writer":"weir"}`), false), f(string(key), value, true)})
	if got != w {
		t.Errorf("%+v", got)
	}
}

func FuzzWriter(f *testing.F) {
	f.Add([]byte(`{"v":1,"writer":"other","since":"2026-11-24T10:00:00Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := decodeWriter(b)
		if err == nil && w.Writer != "" && w.Writer != writerWeir && w.Writer != writerOther {
			t.Errorf("%q gives %+v", b, w)
		}
	})
}
