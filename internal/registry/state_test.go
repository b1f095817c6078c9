package registry

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/wire"
)

func record(fields string) string {
	return `{"type":"record","name":"R","fields":[` + fields + `]}`
}

const (
	fieldA    = `{"name":"a","type":"int"}`
	fieldB    = `{"name":"b","type":"string"}`
	fieldBdef = `{"name":"b","type":"string","default":""}`
)

// key and value make records as other registries write them.
func key(subject string, version int) string {
	return fmt.Sprintf(`{"keytype":"SCHEMA","subject":%q,"version":%d,"magic":1}`, subject, version)
}

func value(subject string, version, id int, schema string, more string) string {
	return fmt.Sprintf(`{"subject":%q,"version":%d,"id":%d,"schema":%q,"deleted":false%s}`, subject, version, id, schema, more)
}

// replay applies pairs of keys and values; those that are kept out come back.
func replay(t *testing.T, pairs ...string) (*State, []error) {
	t.Helper()
	s := NewState("BACKWARD")
	var warnings []error
	for i := 0; i < len(pairs); i += 2 {
		if err := s.Apply([]byte(pairs[i]), []byte(pairs[i+1]), int64(i/2)); err != nil {
			warnings = append(warnings, err)
		}
		check(t, s)
	}
	return s, warnings
}

// check holds after every Apply.
func check(t *testing.T, s *State) {
	t.Helper()
	uses := 0
	for subject, versions := range s.subjects {
		if len(versions) == 0 {
			t.Errorf("subject %q without versions", subject)
		}
		for i, v := range versions {
			if i > 0 && versions[i-1].value.Version >= v.value.Version {
				t.Errorf("versions of %q are not in order", subject)
			}
			if s.ids[v.value.ID] != v.schema || v.schema.id != v.value.ID {
				t.Errorf("%q %d: id %d leads elsewhere", subject, v.value.Version, v.value.ID)
			}
		}
		uses += len(versions)
	}
	for id, entry := range s.ids {
		if len(entry.uses) == 0 || id > s.highID {
			t.Errorf("id %d: %d uses, highest id %d", id, len(entry.uses), s.highID)
		}
		uses -= len(entry.uses)
	}
	if uses != 0 {
		t.Errorf("%d versions more than uses", uses)
	}
	for _, entry := range s.identities {
		if s.ids[entry.id] != entry {
			t.Errorf("identity of a forgotten id %d", entry.id)
		}
	}
}

// plan registers and applies what was planned.
func plan(t *testing.T, s *State, subject, schema string) (id, version int, err error) {
	t.Helper()
	r, v, err := s.Plan(wire.SchemaValue{Subject: subject, Schema: schema})
	if r != nil {
		if err := s.Apply(r.Key, r.Value, s.end); err != nil {
			t.Errorf("a planned record does not apply: %v", err)
		}
		check(t, s)
	}
	return v.ID, v.Version, err
}

func TestPlanGivesIDs(t *testing.T) {
	s, _ := replay(t)
	f := func(subject, schema string, id, version int) {
		t.Helper()
		gotID, gotVersion, err := plan(t, s, subject, schema)
		if err != nil || gotID != id || gotVersion != version {
			t.Errorf("%s in %s: id %d version %d, %v; want %d and %d", schema, subject, gotID, gotVersion, err, id, version)
		}
	}
	f("s", record(fieldA), 1, 1)
	f("s", " "+record(fieldA)+"\n", 1, 1)
	f("s", record(fieldA+","+fieldBdef), 2, 2)
	f("s", record(fieldA), 1, 1)
	f("t", record(fieldA+","+fieldBdef), 2, 1)
	f("t", record(fieldA), 1, 2)
	f("u", `"string"`, 3, 1)
	f("a/b <c>", `{"type":"string"}`, 3, 1)
}

func code(err error) int {
	var e *Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code
}

func TestPlanRefuses(t *testing.T) {
	s, warnings := replay(t,
		key("s", 1), value("s", 1, 1, record(fieldA), ""),
		key("j", 1), value("j", 1, 2, `{"type":"object"}`, `,"schemaType":"JSON"`),
		key("r", 1), value("r", 1, 3, `"int"`, `,"references":[{"name":"n","subject":"s","version":1}]`),
		key("broken", 1), value("broken", 1, 4, `not avro`, ""),
		`{"keytype":"MODE","subject":"ro","magic":0}`, `{"mode":"READONLY"}`,
	)
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	f := func(cmd wire.SchemaValue, want int, words string) {
		t.Helper()
		r, _, err := s.Plan(cmd)
		if r != nil || code(err) != want || !strings.Contains(fmt.Sprint(err), words) {
			t.Errorf("%+v: %v, %d %v; want %d naming %s", cmd, r, code(err), err, want, words)
		}
	}
	f(wire.SchemaValue{Subject: "s"}, 42201, "Empty")
	f(wire.SchemaValue{Subject: "s", Schema: `{"type":"rec`}, 42201, "Invalid schema")
	f(wire.SchemaValue{Subject: "s", Schema: record(`{"name":"a","type":"int","default":"x"}`)}, 42201, "default")
	f(wire.SchemaValue{Subject: "s", Schema: `["null",["null"]]`}, 42201, "union")
	f(wire.SchemaValue{Subject: "s", Schema: record(`{"name":"a","type":"int","order":1}`)}, 42201, "order")
	f(wire.SchemaValue{Subject: "s", Schema: `{"type":"enum","name":"E","symbols":["A"],"default":1}`}, 42201, "default")
	for _, subject := range []string{"", "__GLOBAL", "__EMPTY", "a\nb", "a\x7f"} {
		f(wire.SchemaValue{Subject: subject, Schema: `"int"`}, 42208, "not a valid subject")
	}
	f(wire.SchemaValue{Subject: "s", Schema: `"int"`, References: []wire.SchemaReference{{Name: "n", Subject: "other", Version: 3}}}, 42201, "other version 3")
	f(wire.SchemaValue{Subject: "s", Schema: `"int"`, Metadata: []byte(`{"tags":{}}`)}, 42201, "Metadata")
	f(wire.SchemaValue{Subject: "s", Schema: `{}`, SchemaType: "JSON"}, 42201, "JSON")
	f(wire.SchemaValue{Subject: "new", Schema: `"int"`, ID: 9}, 42205, "import mode")
	f(wire.SchemaValue{Subject: "s", Schema: record(""), Version: 3}, 42201, "previous version 1")
	f(wire.SchemaValue{Subject: "ro", Schema: `"int"`}, 42205, "READONLY")

	f(wire.SchemaValue{Subject: "s", Schema: record(fieldA + "," + fieldB)}, 409, "b: ")
	f(wire.SchemaValue{Subject: "s", Schema: record(`{"name":"a","type":"string"}`)}, 409, "version 1, compatibility BACKWARD")
	f(wire.SchemaValue{Subject: "j", Schema: `"int"`}, 409, "JSON")
	f(wire.SchemaValue{Subject: "broken", Schema: `"int"`}, 409, "parsed")

	// What is stored is found, of whatever type, and nothing is written for it.
	for _, cmd := range []wire.SchemaValue{
		{Subject: "j", Schema: `{"type":"object"}`, SchemaType: "JSON"},
		{Subject: "r", Schema: `"int"`, References: []wire.SchemaReference{{Name: "n", Subject: "s", Version: 1}}},
		{Subject: "broken", Schema: `not avro`},
		{Subject: "s", Schema: record(fieldA), ID: 1},
	} {
		if r, v, err := s.Plan(cmd); r != nil || err != nil || v.Version != 1 {
			t.Errorf("%+v: %v %+v %v", cmd, r, v, err)
		}
	}
	if r, v, err := s.Plan(wire.SchemaValue{Subject: "new", Schema: `"int"`, Version: 1}); err != nil || r == nil || v.ID != 5 {
		t.Errorf("int without references is not the schema of r: %+v, %v", v, err)
	}
}

func TestCompatibilityLevels(t *testing.T) {
	var (
		one  = record(fieldA)
		two  = record(fieldA + "," + fieldBdef)
		wide = record(fieldA + "," + fieldB)
	)
	f := func(level string, schema string, ok bool) {
		t.Helper()
		s, warnings := replay(t,
			`{"keytype":"CONFIG","magic":0}`, `{"compatibilityLevel":"NONE"}`,
			`{"keytype":"CONFIG","subject":"s","magic":0}`, `{"compatibilityLevel":"`+level+`"}`,
			key("s", 1), value("s", 1, 1, one, ""),
			key("s", 2), value("s", 2, 2, two, ""))
		if len(warnings) > 0 {
			t.Fatal(warnings)
		}
		if _, _, err := plan(t, s, "s", schema); (err == nil) != ok || !ok && code(err) != 409 {
			t.Errorf("%s: %s: %v", level, schema, err)
		}
		if _, _, err := plan(t, s, "elsewhere", `"int"`); err != nil {
			t.Errorf("another subject: %v", err)
		}
	}
	// wide reads what two wrote, but not what one wrote; all of them read wide.
	f("NONE", `"int"`, true)
	f("BACKWARD", wide, true)
	f("BACKWARD", `"int"`, false)
	f("BACKWARD_TRANSITIVE", wide, false)
	f("FORWARD", wide, true)
	f("FORWARD", record(fieldBdef), false)
	f("FORWARD_TRANSITIVE", wide, true)
	f("FULL", wide, true)
	f("FULL", record(fieldBdef), false)
	f("FULL_TRANSITIVE", wide, false)
}

func TestReplayDeletions(t *testing.T) {
	const deleteSubject = `{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}`
	three := []string{
		key("s", 1), value("s", 1, 1, `"int"`, ""),
		key("s", 2), value("s", 2, 2, `"long"`, ""),
		key("s", 3), value("s", 3, 1, `"int"`, ""),
	}
	f := func(name string, live, all []int, ids []int, more ...string) {
		t.Helper()
		s, warnings := replay(t, append(three[:len(three):len(three)], more...)...)
		if len(warnings) > 0 {
			t.Errorf("%s: %v", name, warnings)
		}
		numbers := func(deleted bool) (list []int) {
			for _, v := range s.Versions("s", deleted) {
				list = append(list, v.Version)
			}
			return list
		}
		var got []int
		for id := 1; id <= 3; id++ {
			if _, ok := s.Schema(id); ok {
				got = append(got, id)
			}
		}
		if diff := cmp.Diff([][]int{live, all, ids}, [][]int{numbers(false), numbers(true), got}); diff != "" {
			t.Errorf("%s: live, all, ids (-want +got):\n%s", name, diff)
		}
		if id, _, err := plan(t, s, "t", `"double"`); id != 3 || err != nil {
			t.Errorf("%s: next id %d, %v", name, id, err)
		}
	}
	f("nothing deleted", []int{1, 2, 3}, []int{1, 2, 3}, []int{1, 2})
	f("one softly", []int{1, 3}, []int{1, 2, 3}, []int{1, 2}, key("s", 2), strings.Replace(three[3], "false", "true", 1))
	f("two by subject", []int{3}, []int{1, 2, 3}, []int{1, 2}, deleteSubject, `{"subject":"s","version":2}`)
	f("all by subject, some cleared", nil, nil, nil, deleteSubject, `{"subject":"s","version":9}`, `{"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}`, `{"subject":"s"}`)
	f("cleared without deletion", []int{1, 2, 3}, []int{1, 2, 3}, []int{1, 2}, `{"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}`, `{"subject":"s"}`)
	f("one for good", []int{1, 3}, []int{1, 3}, []int{1}, key("s", 2), "")
	f("one for good, under a legacy key", []int{1, 3}, []int{1, 3}, []int{1}, `{"magic":0,"keytype":"SCHEMA","subject":"s","version":2}`, "")
	f("shared id", []int{2, 3}, []int{2, 3}, []int{1, 2}, key("s", 1), "", key("s", 1), "")
	f("deleted deletion", []int{1, 2, 3}, []int{1, 2, 3}, []int{1, 2}, deleteSubject, "")
}

// A schema deleted softly by another registry may come again, as a new version
// with its old id; deleted for good, it gets a new id.
func TestRegisterAgain(t *testing.T) {
	s, _ := replay(t, key("s", 1), strings.Replace(value("s", 1, 7, `"int"`, ""), "false", "true", 1))
	if id, version, err := plan(t, s, "s", `"int"`); id != 7 || version != 2 || err != nil {
		t.Errorf("after a soft deletion: id %d version %d, %v", id, version, err)
	}
	s, _ = replay(t, key("s", 1), value("s", 1, 7, `"int"`, ""), key("s", 1), "")
	if id, version, err := plan(t, s, "s", `"int"`); id != 8 || version != 1 || err != nil {
		t.Errorf("after a deletion for good: id %d version %d, %v", id, version, err)
	}
}

func TestApplyKeepsOut(t *testing.T) {
	f := func(words string, id int, pairs ...string) {
		t.Helper()
		first := []string{key("s", 1), value("s", 1, 1, `"int"`, "")}
		s, warnings := replay(t, append(first, pairs...)...)
		if len(warnings) != 1 || !strings.Contains(warnings[0].Error(), words) {
			t.Errorf("warnings %v, want one with %q", warnings, words)
		}
		if len(s.warnings) != 1 || s.warnings[0].Offset != int64(len(pairs)/2) || s.dropped != 1 {
			t.Errorf("listed: %v, counted: %d", s.warnings, s.dropped)
		}
		if v, _ := s.Schema(1); v.Schema != `"int"` || len(s.Versions("s", true)) != 1 {
			t.Errorf("%s: version 1 is now %+v", words, v)
		}
		if got, _, err := plan(t, s, "u", `"double"`); got != id || err != nil {
			t.Errorf("%s: next id %d, %v; want %d", words, got, err, id)
		}
	}
	f("malformed", 2, `not JSON`, `{}`)
	f("malformed", 2, key("t", 1), `{"subject":"t"`)
	f("already means another schema", 2, key("t", 1), value("t", 1, 1, `"long"`, ""))
	f("with the value of", 10, key("t", 1), value("t", 2, 9, `"long"`, ""))
	f("version 0", 10, key("t", 1), value("t", 0, 9, `"long"`, "")) // its id is burnt all the same
	f("not known", 2, `{"keytype":"CONFIG","subject":"s","magic":0}`, `{"compatibilityLevel":"SIDEWAYS"}`)
}

func TestApplyLeavesAlone(t *testing.T) {
	s, warnings := replay(t,
		`{"keytype":"NOOP","magic":0}`, "",
		`{"keytype":"CONTEXT","tenant":"t","context":".c","magic":0}`, `{}`,
		`{"keytype":"ASSOC","magic":0}`, `{}`)
	if len(warnings) > 0 || s.foreign != 2 || s.end != 3 {
		t.Errorf("%v, %d, %d", warnings, s.foreign, s.end)
	}
}

// TestReplayRecordedTopic replays what a real registry wrote for eight clients.
func TestReplayRecordedTopic(t *testing.T) {
	dir := os.Getenv("WEIR_DATA")
	if dir == "" {
		t.Skip("WEIR_DATA is not set: the recorded _schemas topic is not replayed")
	}
	file, err := os.Open(filepath.Join(dir, "schemas-topic.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := NewState("BACKWARD")
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for offset := int64(0); lines.Scan(); offset++ {
		var r struct{ Key, Value []byte }
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(r.Key, r.Value, offset); err != nil {
			t.Errorf("record %d: %v", offset, err)
		}
		check(t, s)
	}
	type version struct {
		Subject     string
		Version, ID int
		Type        string
		Deleted     bool
		Refs        int
	}
	type expected struct {
		Versions  []version
		Config    map[string]string
		MaxIDSeen int `json:"max_id_seen"`
	}
	var want expected
	text, err := os.ReadFile(filepath.Join(dir, "schemas-topic.expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got := expected{Config: map[string]string{}, MaxIDSeen: s.highID}
	for _, subject := range s.Subjects("", true) {
		for _, v := range s.Versions(subject, true) {
			typ := v.SchemaType
			if typ == "" {
				typ = "AVRO"
				if _, err := canonicalAvro(v.Schema); err != nil {
					t.Errorf("%s: %v", subject, err)
				}
			}
			got.Versions = append(got.Versions, version{v.Subject, v.Version, v.ID, typ, v.Deleted, len(v.References)})
		}
	}
	for subject, level := range s.levels {
		if subject == "" {
			subject = "null"
		}
		got.Config[subject] = level
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzApply(f *testing.F) {
	for _, v := range []string{"", value("s", 1, 1, record(fieldA), ""), value("s", 2, 1, `{`, `,"schemaType":"JSON"`), `{"subject":"s","version":1}`, `{"compatibilityLevel":"FULL"}`, `{"mode":"IMPORT"}`} {
		for _, k := range []string{key("s", 1), key("s", 2), `{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}`, `{"keytype":"CLEAR_SUBJECT","magic":0}`, `{"keytype":"CONFIG","subject":null,"magic":0}`} {
			f.Add([]byte(k), []byte(v))
		}
	}
	f.Fuzz(func(t *testing.T, k, v []byte) {
		s, _ := replay(t, key("s", 1), value("s", 1, 1, record(fieldA), ""), key("s", 2), value("s", 2, 2, `"int"`, ""))
		before := s.highID
		_ = s.Apply(k, v, 2)
		check(t, s)
		if s.highID < before {
			t.Fatalf("highest id went from %d to %d", before, s.highID)
		}
		if id, _, err := plan(t, s, "another", `"double"`); err == nil && s.identities[mustIdentify(`"double"`)].id != id {
			t.Fatal("a registered schema is not found by its identity")
		}
	})
}

func mustIdentify(schema string) identity {
	id, _, _ := identify(wire.SchemaValue{Schema: schema})
	return id
}

// wideSchema has a text of about 2 KB.
func wideSchema(n int) string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `{"name":"field_%d","type":["null","string"],"default":null},`, i)
	}
	return record(b.String() + fmt.Sprintf(`{"name":"n%d","type":"int","default":0}`, n))
}

func BenchmarkReplay(b *testing.B) {
	const n = 10_000
	var keys, values [][]byte
	for i := range n {
		subject := fmt.Sprint("subject-", i/10)
		keys = append(keys, []byte(key(subject, i%10+1)))
		values = append(values, []byte(value(subject, i%10+1, i+1, wideSchema(i), "")))
	}
	for b.Loop() {
		s := NewState("BACKWARD")
		for i := range keys {
			if err := s.Apply(keys[i], values[i], int64(i)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "us/schema")
}

func BenchmarkRegister(b *testing.B) {
	for _, size := range []int{1_000, 20_000} {
		b.Run(fmt.Sprint(size, " schemas"), func(b *testing.B) {
			s := NewState("BACKWARD")
			for i := range size {
				subject := fmt.Sprint("subject-", i)
				if err := s.Apply([]byte(key(subject, 1)), []byte(value(subject, 1, i+1, wideSchema(i), "")), int64(i)); err != nil {
					b.Fatal(err)
				}
			}
			i := size
			for b.Loop() {
				i++
				r, _, err := s.Plan(wire.SchemaValue{Subject: fmt.Sprint("subject-", i%size), Schema: wideSchema(i)})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Apply(r.Key, r.Value, int64(i)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
