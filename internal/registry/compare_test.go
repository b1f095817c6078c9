package registry

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/wire"
)

func TestDifferences(t *testing.T) {
	v := func(subject string, version, id int, text string) remote.Schema {
		return remote.Schema{Subject: subject, Version: version, ID: id, Schema: text}
	}
	level := func(subject, l string) remote.Setting {
		return remote.Setting{Subject: subject, Config: map[string]jsonText{"compatibilityLevel": jsonText(`"` + l + `"`)}}
	}
	deleted := v("d", 1, 4, "x")
	deleted.Deleted = true
	avro := v("a", 1, 1, "x")
	avro.SchemaType = "AVRO"
	ours := remote.Snapshot{
		Versions: []remote.Schema{v("a", 1, 1, "x"), v("a", 2, 2, "y"), v("b", 1, 3, "z"), v("c", 1, 1, "x"), deleted},
		Settings: []remote.Setting{level("", "BACKWARD"), level("a", "FULL"), level("b", "NONE"), level("no versions", "NONE"), level(":.c:", "FULL")},
	}
	theirs := remote.Snapshot{
		Versions: []remote.Schema{avro, v("a", 2, 9, "y"), v("b", 1, 3, "?"), v("d", 1, 4, "x"), v("e", 1, 5, "x"), v(":.c:e", 1, 5, "x")},
		Settings: []remote.Setting{level("", "FULL"), level("a", "FULL"), level("d", "FULL")},
	}
	want := []string{
		"a version 2: id 2 in weir, 9 in the other registry",
		"b version 1 (id 3): the schemas are not the same",
		"c version 1: weir has it, the other registry does not",
		"d version 1 (id 4): deleted=true in weir, deleted=false in the other registry",
		"e version 1: the other registry has it, weir does not",
		":.c:e version 1: the other registry has it, weir does not",
		`config of :.c:: compatibilityLevel is "FULL" in weir, none in the other registry`,
		`config of b: compatibilityLevel is "NONE" in weir, none in the other registry`,
		`config of d: compatibilityLevel is none in weir, "FULL" in the other registry`,
		`config of no versions: compatibilityLevel is "NONE" in weir, none in the other registry`,
	}
	got, n := differences(ours, theirs, 100)
	if diff := cmp.Diff(want, got); diff != "" || n != len(want) {
		t.Errorf("%d (-want +got):\n%s", n, diff)
	}
	if got, n := differences(ours, theirs, 2); len(got) != 2 || n != len(want) {
		t.Errorf("cut: %d of %d", len(got), n)
	}
	if got, n := differences(ours, ours, 2); len(got) != 0 || n != 0 {
		t.Errorf("with itself: %v", got)
	}
}

// Each thing that a version, a config or a mode can differ in is seen from either side.
func TestDifferencesEach(t *testing.T) {
	version := func(change func(*remote.Schema)) remote.Snapshot {
		v := remote.Schema{Subject: "s", Version: 1, ID: 1, Schema: "x"}
		change(&v)
		return remote.Snapshot{Versions: []remote.Schema{v}}
	}
	set := func(subject, mode string, config map[string]jsonText) remote.Snapshot {
		return remote.Snapshot{Settings: []remote.Setting{{Subject: subject, Config: config, Mode: mode}}}
	}
	config := func(field, value string) remote.Snapshot {
		return set("s", "", map[string]jsonText{field: jsonText(value)})
	}
	none, plain := remote.Snapshot{}, version(func(*remote.Schema) {})
	rules := jsonText(`{"domainRules":[{"name":"r","kind":"CONDITION","mode":"WRITE","type":"CEL","expr":"true"}]}`)
	f := func(a, b remote.Snapshot, want string) {
		t.Helper()
		for _, pair := range [][2]remote.Snapshot{{a, b}, {b, a}} {
			got, n := differences(pair[0], pair[1], 10)
			if (want == "") != (n == 0) || n > 1 || n == 1 && !strings.Contains(got[0], want) {
				t.Errorf("%v, want %q", got, want)
			}
		}
	}
	f(version(func(v *remote.Schema) { v.Metadata = jsonText(`{"properties":{"owner":"x"}}`) }), plain, `the metadata are `)
	f(version(func(v *remote.Schema) { v.Metadata = jsonText(` { } `) }), plain, "")
	f(version(func(v *remote.Schema) { v.Metadata = jsonText(`{"properties":{"b":"1","a":"2"}}`) }),
		version(func(v *remote.Schema) { v.Metadata = jsonText(`{"properties":{"a":"2", "b":"1"},"tags":{}}`) }), "")
	f(version(func(v *remote.Schema) { v.RuleSet = rules }), plain, "the rules are ")
	f(version(func(v *remote.Schema) { v.References = []wire.SchemaReference{{Name: "a", Subject: "b", Version: 1}} }), plain, "the schemas are not the same")
	f(set("s", "READONLY", nil), none, "mode of s: ")
	f(set("", "READONLY", nil), none, "mode of the registry: ")
	f(set("", "READWRITE", nil), none, "")
	f(set("s", "READWRITE", nil), none, "mode of s: ")
	for _, field := range []string{"alias", "compatibilityGroup", "compatibilityPolicy"} {
		f(config(field, `"x"`), none, "config of s: "+field)
	}
	for _, field := range []string{"normalize", "validateFields", "validateRules"} {
		f(config(field, `true`), config(field, `false`), "config of s: "+field)
	}
	for _, field := range []string{"defaultMetadata", "overrideMetadata"} {
		f(config(field, `{"properties":{"a":"b"}}`), config(field, `{"properties":{"a":"c"}}`), "config of s: "+field)
	}
	for _, field := range []string{"defaultRuleSet", "overrideRuleSet"} {
		f(config(field, string(rules)), none, "config of s: "+field)
	}
	f(set("", "", map[string]jsonText{"compatibilityLevel": jsonText(`"FULL"`), "normalize": jsonText("true")}), set("", "", map[string]jsonText{"compatibilityLevel": jsonText(`"NONE"`)}), "config of the registry: normalize")
}

// A registry is compared by what it serves, and how far that is can be seen meanwhile.
func TestCompareServed(t *testing.T) {
	ours, theirs := start(t, &memLog{}), start(t, &memLog{})
	for i, s := range []*Service{ours, theirs} {
		ask := asks(t, s)
		for _, r := range [][3]string{
			{"POST", "/subjects/s/versions", `{"schema":"\"int\"","metadata":{"properties":{"owner":"x"}}}`},
			{"PUT", "/config/s", `{"normalize":true}`},
			{"PUT", "/mode/s", `{"mode":"READONLY"}`},
			{"PUT", "/config/empty", `{"compatibility":"FULL","compatibilityGroup":"major"}`},
		} {
			if status, reply := ask(r[0], r[1], r[2]); status != 200 {
				t.Fatalf("%d %v: %d %s", i, r, status, reply)
			}
		}
	}
	var seen atomic.Pointer[Comparing] // while the last of them is asked
	mux := http.NewServeMux()
	theirs.Register(mux)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/config/empty") { // asked beside others: of these, one is answered first
			for c := ours.compare.Load(); c != nil && c.Done == 0 && r.Context().Err() == nil; c = ours.compare.Load() {
				runtime.Gosched()
			}
			seen.Store(ours.compare.Load())
		}
		mux.ServeHTTP(w, r)
	}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	compare := func() ([]string, int) {
		t.Helper()
		mine := snapshotOf(ours.view.state)
		got, err := ours.snapshotThere(t.Context(), server.URL, mine)
		if err != nil {
			t.Fatal(err)
		}
		return differences(mine, got, 10)
	}
	if list, n := compare(); n != 0 {
		t.Errorf("the same: %v", list)
	}
	if got := seen.Load(); ours.compare.Load() != nil || got == nil || got.Peer != server.URL || got.Of != 4 || got.Done < 1 || got.Done > 3 {
		t.Errorf("progress: %v behind it, %+v meanwhile", ours.compare.Load(), got)
	}
	if status, reply := asks(t, theirs)("DELETE", "/config/empty", ""); status != 200 {
		t.Fatal(reply)
	}
	if list, n := compare(); n != 2 || !strings.Contains(list[0], `config of empty: compatibilityGroup is "major" in weir, none`) {
		t.Errorf("what no version has: %v", list)
	}
}
