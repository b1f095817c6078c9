package state

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/registry/schema"
	"github.com/weirhq/weir/internal/wire"
)

func apply(t *testing.T, s *State, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if err := s.Apply([]byte(pairs[i]), []byte(pairs[i+1]), s.end); err != nil {
			t.Errorf("%s: %v", pairs[i], err)
		}
		check(t, s)
	}
}

func at(subject string, version int) string {
	return spell(schemaKey(use{subject, version}))
}

// guidOf computes a GUID from the JSON of a SCHEMA value by another road than
// ours: it gathers all bytes first, and knows of the JSON only names.
func guidOf(value []byte) string {
	var v map[string]any
	_ = json.Unmarshal(value, &v)
	str := func(x any) string { s, _ := x.(string); return s }
	b := str(v["schema"])
	refs, _ := v["references"].([]any)
	for _, x := range refs {
		r := x.(map[string]any)
		n := uint32(r["version"].(float64))
		b += str(r["name"]) + str(r["subject"]) + string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	sorted := func(x any) (list []string) {
		l, _ := x.([]any)
		for _, e := range l {
			list = append(list, e.(string))
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	table := func(x any, value func(any) string) (out string) {
		m, _ := x.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(m)) {
			out += k + value(m[k])
		}
		return out
	}
	if m, ok := v["metadata"].(map[string]any); ok {
		b += "\x01" + table(m["tags"], func(x any) string { return strings.Join(sorted(x), "") }) + table(m["properties"], str) + strings.Join(sorted(m["sensitive"]), "")
	}
	if set, ok := v["ruleSet"].(map[string]any); ok {
		b += "\x01"
		for _, group := range []string{"migrationRules", "domainRules", "encodingRules"} {
			rules, _ := set[group].([]any)
			for _, x := range rules {
				r := x.(map[string]any)
				for name, otherwise := range map[string]string{"kind": "TRANSFORM", "mode": "WRITEREAD"} {
					if r[name] == nil {
						r[name] = otherwise
					}
				}
				b += str(r["name"]) + str(r["doc"]) + str(r["kind"]) + str(r["mode"]) + str(r["type"]) + strings.Join(sorted(r["tags"]), "") +
					table(r["params"], str) + str(r["expr"]) + str(r["onSuccess"]) + str(r["onFailure"])
				if r["disabled"] == true {
					b += "\x01"
				}
			}
		}
		b += str(set["enableAt"])
	}
	h := fmt.Sprintf("%x", md5.Sum([]byte(b)))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func TestGUID(t *testing.T) {
	f := func(value, want string) {
		t.Helper()
		s := New(toys, "")
		apply(t, s, at("s", 1), value)
		v, err := s.Schema(1, "")
		if independent := guidOf([]byte(value)); err != nil || v.GUID != independent || want != "" && v.GUID != want {
			t.Errorf("%s: GUID %s, %v; want %s %s", value, v.GUID, err, independent, want)
		}
		if again, ids, err := s.ByGUID(strings.ToUpper(v.GUID)); err != nil || again.ID != 1 || !slices.Equal(ids, []ContextID{{".", 1}}) {
			t.Errorf("%s: by its GUID %+v, %v, %v", value, again, ids, err)
		}
	}
	value := func(more string) string {
		return `{"subject":"s","version":1,"id":1,` + more + `"schema":"a int é","deleted":false}`
	}
	f(`{"subject":"s","version":1,"id":1,"schema":"a int"}`, "6e813a99-4994-8ed8-cd7f-a133297b99a4") // by md5sum
	f(value(``), "")
	f(value(`"references":[{"name":"n","subject":"t","version":1},{"name":"m","subject":"u","version":70000}],`), "")
	f(value(`"metadata":{"sensitive":["z","a"],"properties":{"k":"v","a":"b"},"tags":{"q":["Y","X","X"],"p":[]}},`), "")
	f(value(`"metadata":{},"ruleSet":{},`), "")
	f(value(`"ruleSet":{"domainRules":[{"name":"n","doc":"d","kind":"CONDITION","mode":"WRITE","type":"CEL","tags":["b","a"],"params":{"y":"1","x":"2"},"expr":"e","onSuccess":"s","onFailure":"f","disabled":true}],
		"migrationRules":[{"name":"m","type":"T"}],"encodingRules":[{"name":"o","type":"T","disabled":false}],"enableAt":"2026-01-01"},`), "")
	s := New(toys, "")
	for _, guid := range []string{"", "x", "6e813a99-4994-8ed8-cd7f-a133297b99a4", "6e81"} {
		if _, _, err := s.ByGUID(guid); err == nil || err.Error() != "Schema "+guid+" not found" {
			t.Errorf("GUID %q: %v", guid, err)
		}
	}
}

// One id may be spelled differently by its versions, and other spellings of a
// stored schema find its id, although nothing was parsed when it was loaded.
func TestSpellings(t *testing.T) {
	s := New(toys, "")
	apply(t, s,
		at("s", 1), `{"subject":"s","version":1,"id":4,"schema":"  a   int"}`,
		at("t", 1), `{"subject":"t","version":1,"id":4,"schema":"a int"}`,
		at(":.c:t", 1), `{"subject":":.c:t","version":1,"id":9,"schema":" a int"}`,
		at("u", 1), `{"subject":"u","version":1,"id":7,"schema":"a int "}`) // a second id of one schema
	if s.Status().Pending != 3 {
		t.Errorf("%d pending", s.Status().Pending)
	}
	for subject, id := range map[string]int{"new": 4, "u": 7, ":.c:new": 9, ":.d:new": 1} {
		_, reply, err := Plan(Register{Subject: subject, Schema: "a  int"}, s)
		if err != nil || reply.Version.ID != id {
			t.Errorf("%s: id %d, %v; want %d", subject, reply.Version.ID, err, id)
		}
	}
	if v, err := s.Version("s", 1, false); err != nil || v.Schema != "  a   int" {
		t.Errorf("%q, %v: a stored text is never changed", v.Schema, err)
	}
	if v, err := s.Version("t", 1, false); err != nil || v.Schema != "a int" {
		t.Errorf("%q, %v", v.Schema, err)
	}
	if left := s.Index(1); left != 0 || s.Status().Pending != 0 {
		t.Errorf("%d left after everything was looked at", left)
	}
}

// After a compaction a schema may come before the one that it refers to.
func TestReferrerFirst(t *testing.T) {
	s := New(toys, "")
	apply(t, s, at("r", 1), `{"subject":"r","version":1,"id":2,"schema":" use b","references":[{"name":"b","subject":"base","version":1}]}`)
	s.Index(9)
	if o := s.Opaques(); len(o) != 1 {
		t.Errorf("without what it refers to: %v", o)
	}
	apply(t, s, at("base", 1), `{"subject":"base","version":1,"id":1,"schema":"x int"}`)
	records, reply, err := Plan(Register{Subject: "q", Schema: "use b", References: []wire.SchemaReference{{Name: "b", Subject: "base", Version: 1}}}, s)
	if err != nil || reply.Version.ID != 2 || len(records) != 1 {
		t.Errorf("id %d, %v", reply.Version.ID, err)
	}
	if ids, err := s.ReferencedBy("base", Latest); err != nil || !slices.Equal(ids, []int{2}) {
		t.Errorf("referenced by %v, %v", ids, err)
	}
}

func TestReferenceLimits(t *testing.T) {
	s := New(toys, "")
	f := func(words string, refs ...wire.SchemaReference) {
		t.Helper()
		_, err := s.Compatible(Register{Subject: "new", Schema: "a int", References: refs}, 0)
		if words == "" && err == nil {
			return
		}
		if e, ok := err.(*Error); !ok || e.Code != CodeSchema || !strings.Contains(e.Message, words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
	ref := func(subject string, version int) wire.SchemaReference {
		return wire.SchemaReference{Name: subject, Subject: subject, Version: version}
	}
	apply(t, s,
		at("x", 1), `{"subject":"x","version":1,"id":1,"schema":"x int","references":[{"name":"y","subject":"y","version":1}]}`,
		at("y", 1), `{"subject":"y","version":1,"id":2,"schema":"y int","references":[{"name":"x","subject":"x","version":1}]}`)
	f("cycle through subject", ref("x", 1))
	// A diamond of 1,000 floors has 2^1000 roads.
	for i := range maxReferences + 1 {
		refs := ""
		if i > 0 {
			one := fmt.Sprintf(`{"name":"l","subject":"tower","version":%d}`, i)
			refs = `,"references":[` + one + "," + one + `]`
		}
		if err := s.Apply([]byte(at("tower", i+1)), fmt.Appendf(nil, `{"subject":"tower","version":%d,"id":%d,"schema":"f%d int"%s}`, i+1, i+10, i, refs), 0); err != nil {
			t.Fatal(err)
		}
	}
	f("", ref("tower", maxReferences))
	f("more than 1000", ref("tower", maxReferences+1))
	f("no schema reference found for subject \"x\" and version 7", ref("x", 7))
}

// References are meant in the context of the schema that has them.
func TestReferencesInContext(t *testing.T) {
	var seen []schema.Reference
	spy := func(text string, refs []schema.Reference, strict bool) (*toySchema, error) {
		if strict {
			seen = refs
		}
		return parseToy(text, refs, strict)
	}
	s := New(map[string]Language{"AVRO": Adapt(spy, checkToy)}, "")
	apply(t, s,
		at("base", 1), `{"subject":"base","version":1,"id":1,"schema":"x int"}`,
		at(":.c:base", 1), `{"subject":":.c:base","version":1,"id":1,"schema":"y int","references":[{"name":"o","subject":":.:base","version":1}]}`)
	_, _, err := Plan(Register{Subject: ":.c:s", Schema: "use b", References: []wire.SchemaReference{{Name: "b", Subject: "base", Version: 1}}}, s)
	want := []schema.Reference{{Name: "b", Subject: ":.c:base", Version: 1, Text: "y int", References: []schema.Reference{{Name: "o", Subject: "base", Version: 1, Text: "x int"}}}}
	if diff := cmp.Diff(want, seen); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestOverlay: what is planned on an overlay is not seen below, and an overlay
// hides what it deletes.
func TestOverlay(t *testing.T) {
	records, _ := topic(3, 2, 20)
	s := load(t, records)
	before := dump(s)
	over := s.Overlay()
	do := func(cmd Command) Reply {
		t.Helper()
		records, reply, err := Plan(cmd, over)
		if err != nil {
			t.Fatalf("%+v: %v", cmd, err)
		}
		for _, r := range records {
			if err := over.Apply(r.Key, r.Value, over.end); err != nil {
				t.Fatal(err)
			}
			check(t, over)
		}
		return reply
	}
	subject := "subject-1-value"
	do(DeleteSubject{subject, false})
	do(DeleteSubject{subject, true})
	first := do(Register{Subject: "new", Schema: "z int"})
	second := do(Register{Subject: "new", Schema: "z int;y int="})
	if first.Version.ID != 7 || second.Version.ID != 8 || second.Version.Version != 2 {
		t.Errorf("%+v, %+v", first, second)
	}
	if got := over.Subjects("", true, false, Page{}); !slices.Equal(got, []string{"new", "subject-0-value", "subject-2-value"}) {
		t.Errorf("the overlay has %v", got)
	}
	if _, err := over.Schema(3, ""); err == nil {
		t.Error("an id is there whose last use the overlay deleted")
	}
	if diff := cmp.Diff(before, dump(s)); diff != "" || s.HighIDs()["."] != 6 || s.Status().End != int64(len(records)) {
		t.Errorf("the state below has changed:\n%s", diff)
	}
	check(t, s)
}

// What an overlay is over may change all the same, by a writer who should not be there.
func TestOverlayOfWhatChanges(t *testing.T) {
	value := func(version, id int) []byte {
		return fmt.Appendf(nil, `{"subject":"s","version":%d,"id":%d,"schema":"f%d int"}`, version, id, id)
	}
	s := load(t, []Record{{[]byte(at("s", 1)), value(1, 1)}})
	over := s.Overlay()
	for _, step := range []struct {
		state *State
		Record
	}{
		{over, Record{[]byte(at("s", 2)), value(2, 2)}},
		{s, Record{[]byte(at("s", 1)), nil}},
		{over, Record{[]byte(at("s", 1)), nil}},
	} {
		if err := step.state.Apply(step.Key, step.Value, 0); err != nil {
			t.Error(err)
		}
	}
	if v, err := over.Version("s", Latest, false); err != nil || v.ID != 2 {
		t.Errorf("%+v, %v", v, err)
	}
}

// Queries may run beside each other and beside a plan; the race detector judges.
func TestQueriesBesidePlan(t *testing.T) {
	records, _ := topic(20, 3, 50)
	s := load(t, records)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 20 {
				subject := fmt.Sprintf("subject-%d-value", (i+n)%20)
				v, err := s.Version(subject, Latest, false)
				if err != nil {
					t.Error(err)
				}
				if found, err := s.Lookup(Register{Subject: subject, Schema: " " + v.Schema}, false); err != nil || found.ID != v.ID {
					t.Errorf("id %d, %v", found.ID, err)
				}
				if _, err := s.Compatible(Register{Subject: subject, Schema: "q int="}, 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	over := s.Overlay()
	for n := range 20 {
		if _, _, err := Plan(Register{Subject: fmt.Sprintf("subject-%d-value", n), Schema: fmt.Sprintf("q%d int=", n)}, over); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestBadVersion(t *testing.T) {
	if e := BadVersion("x"); e.Status != 422 || e.Code != 42202 || !strings.Contains(e.Message, "'x' is not a valid version id") {
		t.Errorf("%+v", e)
	}
	if e := Refuse(CodeTooLarge, "x"); e.Status != 413 {
		t.Errorf("%+v", e)
	}
	f := func(cmd Register, code int) {
		t.Helper()
		s := New(toys, "")
		apply(t, s, `{"keytype":"MODE","magic":0}`, `{"mode":"IMPORT"}`)
		_, _, err := Plan(cmd, s)
		if e, ok := err.(*Error); !ok || e.Code != code {
			t.Errorf("%+v: %v, want %d", cmd, err, code)
		}
	}
	f(Register{Subject: "s", Schema: "a int", ID: 1 << 31}, CodeID)
	f(Register{Subject: "s", Schema: "a int", ID: 1, Version: 1 << 31}, CodeVersion)
}

func TestWarningsAreBounded(t *testing.T) {
	s := New(toys, "")
	for i := range 3 * maxWarnings {
		_ = s.Apply([]byte("x"), nil, int64(i))
	}
	if st := s.Status(); st.Dropped != 3*maxWarnings || len(st.Warnings) != maxWarnings || st.End != 3*maxWarnings {
		t.Errorf("%d dropped, %d listed, end %d", st.Dropped, len(st.Warnings), st.End)
	}
}
