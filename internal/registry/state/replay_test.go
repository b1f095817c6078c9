package state

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reader is a second, short reading of the topic: what it has for each key, by
// what the key means, and the effect of DELETE_SUBJECT and CLEAR_SUBJECT.
type reader map[string]map[string]any

func logical(key []byte) string {
	var k struct {
		Keytype, Context string
		Subject          *string
		Version          int
	}
	if json.Unmarshal(key, &k) != nil {
		return ""
	}
	subject := ""
	if k.Subject != nil {
		subject = *k.Subject
	}
	return fmt.Sprintf("%s %s%s %d", k.Keytype, subject, k.Context, k.Version)
}

func read(records []Record) reader {
	r := reader{}
	for _, record := range records {
		k := logical(record.Key)
		var v map[string]any
		if len(record.Value) == 0 {
			delete(r, k)
			continue
		} else if json.Unmarshal(record.Value, &v) != nil {
			continue
		}
		words := strings.Fields(k)
		switch words[0] {
		case "SCHEMA", "CONFIG", "MODE":
			r[k] = v
		case "DELETE_SUBJECT":
			for _, of := range r.versions(v["subject"]) {
				if of["version"].(float64) <= v["version"].(float64) {
					of["deleted"] = true
				}
			}
		case "CLEAR_SUBJECT":
			for _, of := range r.versions(v["subject"]) {
				if of["deleted"] == true {
					delete(r, fmt.Sprintf("SCHEMA %s %v", of["subject"], of["version"]))
				}
			}
		}
	}
	return r
}

func (r reader) versions(subject any) (list []map[string]any) {
	for k, v := range r {
		if strings.HasPrefix(k, "SCHEMA ") && v["subject"] == subject {
			list = append(list, v)
		}
	}
	return list
}

func (r reader) dump() (lines []string) {
	for k, v := range r {
		switch strings.Fields(k)[0] {
		case "SCHEMA":
			lines = append(lines, fmt.Sprintf("%s id %v deleted %v %s", k, v["id"], v["deleted"] == true, v["schema"]))
		case "CONFIG":
			lines = append(lines, fmt.Sprintf("%s %v", k, v["compatibilityLevel"]))
		case "MODE":
			lines = append(lines, fmt.Sprintf("%s %v", k, v["mode"]))
		}
	}
	slices.Sort(lines)
	return lines
}

func dump(s *State) (lines []string) {
	for subject, list := range s.subjects.each {
		for _, v := range list {
			lines = append(lines, fmt.Sprintf("SCHEMA %s %d id %d deleted %t %s", subject, v.number, v.id, v.deleted, v.content.text))
		}
	}
	for of, c := range s.configs.each {
		lines = append(lines, fmt.Sprintf("CONFIG %s 0 %s", of, c.CompatibilityLevel))
	}
	for of, m := range s.modes.each {
		lines = append(lines, fmt.Sprintf("MODE %s 0 %s", of, m.Mode))
	}
	slices.Sort(lines)
	return lines
}

// compacted keeps the last record of each key, and of those the tombstones only
// if asked to.
func compacted(records []Record, key func([]byte) string, tombstones bool) (left []Record) {
	last := map[string]int{}
	for i, r := range records {
		last[key(r.Key)] = i
	}
	for _, i := range slices.Sorted(maps.Values(last)) {
		if records[i].Value != nil || tombstones {
			left = append(left, records[i])
		}
	}
	return left
}

// judge says that a topic reads the same by State and by the short reader, as it
// is and after every compaction.
func judge(t *testing.T, records []Record, want []string) {
	t.Helper()
	bytes := func(key []byte) string { return string(key) }
	for name, topic := range map[string][]Record{
		"as it is":                          records,
		"by bytes, tombstones kept":         compacted(records, bytes, true),
		"by bytes":                          compacted(records, bytes, false),
		"by meaning, tombstones kept":       compacted(records, logical, true),
		"by meaning":                        compacted(records, logical, false),
		"by bytes twice, the first halfway": compacted(append(compacted(records[:len(records)/2], bytes, true), records[len(records)/2:]...), bytes, false),
	} {
		s := load(t, topic)
		check(t, s)
		if diff := cmp.Diff(want, dump(s)); diff != "" {
			t.Errorf("%s, State (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want, read(topic).dump()); diff != "" {
			t.Errorf("%s, the short reader (-want +got):\n%s", name, diff)
		}
	}
}

// repaired appends what Repairs says.
func repaired(t *testing.T, s *State, records []Record) []Record {
	t.Helper()
	for _, r := range s.Repairs() {
		for _, record := range r.Records {
			if err := s.Apply(record.Key, record.Value, s.end); err != nil {
				t.Errorf("%s does not apply: %v", record.Key, err)
			}
			records = append(records, record)
		}
	}
	if left := s.Repairs(); len(left) > 0 {
		t.Errorf("after the repair there is left: %v", left)
	}
	return records
}

// TestRecordedTopic replays what a real registry wrote for eight clients.
func TestRecordedTopic(t *testing.T) {
	dir := os.Getenv("WEIR_DATA")
	if dir == "" {
		t.Skip("WEIR_DATA is not set: the recorded _schemas topic is not replayed")
	}
	file, err := os.Open(filepath.Join(dir, "schemas-topic.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var records []Record
	for d := json.NewDecoder(bufio.NewReader(file)); d.More(); {
		var r Record
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	s := load(t, records)
	check(t, s)
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
	got := expected{Config: map[string]string{}, MaxIDSeen: s.HighIDs()["."]}
	for _, v := range s.Schemas(Filter{Prefix: ":*:", Deleted: true}) {
		if v.SchemaType == "" {
			v.SchemaType = "AVRO"
		}
		got.Versions = append(got.Versions, version{v.Subject, v.Version, v.ID, v.SchemaType, v.Deleted, len(v.References)})
	}
	for _, set := range s.Settings() {
		if set.Subject == "" {
			set.Subject = "null"
		}
		got.Config[set.Subject] = set.Config.CompatibilityLevel
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	before := dump(s)
	repairs := len(s.Repairs())
	records = repaired(t, s, records)
	if diff := cmp.Diff(before, dump(s)); diff != "" || repairs == 0 {
		t.Errorf("%d repairs changed what is there:\n%s", repairs, diff)
	}
	judge(t, records, before)
}

// TestOldTopic is a topic in the style of older registries: magic 0, other key
// orders, nulls. Of the second half a newer one wrote the keys.
func TestOldTopic(t *testing.T) {
	value := func(subject string, version, id int, text string) []byte {
		return fmt.Appendf(nil, `{"subject":%q,"version":%d,"id":%d,"schema":%q,"deleted":false}`, subject, version, id, text)
	}
	records := []Record{
		{[]byte(`{"magic":0,"keytype":"CONFIG","subject":null}`), []byte(`{"compatibilityLevel":"FULL"}`)},
		{[]byte(`{"keytype":"NOOP","magic":0}`), nil},
		{[]byte(`{"magic":0,"keytype":"SCHEMA","subject":"a","version":1}`), value("a", 1, 1, "a int")},
		{[]byte(`{"magic":0,"keytype":"SCHEMA","subject":"a","version":2}`), value("a", 2, 2, "a int;b int=")},
		{[]byte(`{"magic":0,"keytype":"SCHEMA","subject":"b","version":1}`), value("b", 1, 1, "a int")},
		{[]byte(`{"magic":0,"keytype":"SCHEMA","subject":"c","version":1}`), value("c", 1, 3, "c int")},
		{[]byte(`{"magic":0,"keytype":"SCHEMA","subject":"d","version":1}`), value("d", 1, 4, "d int")},
		{[]byte(`{"magic":0,"keytype":"MODE","subject":"a"}`), []byte(`{"mode":"READONLY"}`)},
		{[]byte(`{"magic":0,"keytype":"DELETE_SUBJECT","subject":"c"}`), []byte(`{"subject":"c","version":1}`)},
		{[]byte(`{"keytype":"CONFIG","magic":0}`), []byte(`{"compatibilityLevel":"NONE"}`)},
		{[]byte(`{"keytype":"MODE","subject":"a","magic":0}`), nil},
		{[]byte(`{"keytype":"DELETE_SUBJECT","subject":"b","magic":0}`), []byte(`{"subject":"b","version":1}`)},
		{[]byte(`{"keytype":"SCHEMA","subject":"b","version":1,"magic":1}`), nil},
		{[]byte(`{"keytype":"SCHEMA","subject":"a","version":2,"magic":1}`), []byte(strings.Replace(string(value("a", 2, 2, "a int;b int=")), "false", "true", 1))},
	}
	want := []string{
		"CONFIG  0 NONE",
		"SCHEMA a 1 id 1 deleted false a int",
		"SCHEMA a 2 id 2 deleted true a int;b int=",
		"SCHEMA c 1 id 3 deleted true c int",
		"SCHEMA d 1 id 4 deleted false d int",
	}
	s := load(t, records)
	if diff := cmp.Diff(want, dump(s)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if again := load(t, compacted(records, func(k []byte) string { return string(k) }, false)); cmp.Diff(want, dump(again)) == "" {
		t.Error("nothing came back after a compaction: this topic shows nothing")
	}
	judge(t, repaired(t, s, records), want)
}

func FuzzApply(f *testing.F) {
	keys := []string{
		`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, `{"magic":0,"keytype":"SCHEMA","subject":"s","version":2}`,
		`{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}`, `{"keytype":"CLEAR_SUBJECT","magic":0}`, `{"keytype":"CONFIG","subject":null,"magic":0}`,
		`{"keytype":"MODE","subject":":.c:","magic":0}`, `{"keytype":"SCHEMA","subject":":.:s","version":1,"magic":1}`,
	}
	for _, k := range keys {
		for _, v := range []string{"", `{"subject":"s","version":1,"id":1,"schema":"a int"}`, `{"subject":"s","version":2,"id":1,"schema":"b int","deleted":true}`,
			`{"subject":"s","version":1,"id":9,"schema":"use r","references":[{"name":"r","subject":"s","version":1}]}`, `{"compatibilityLevel":"FULL"}`, `{"mode":"IMPORT"}`} {
			f.Add([]byte(k), []byte(v))
		}
	}
	f.Fuzz(func(t *testing.T, k, v []byte) {
		s := New(toys, "")
		for i, base := range keys[:2] {
			value := fmt.Sprintf(`{"subject":"s","version":%d,"id":%d,"schema":"f%d int"}`, i+1, i+1, i)
			if err := s.Apply([]byte(base), []byte(value), int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		_ = s.Apply(k, v, 2)
		check(t, s)
		before := dump(s)
		for _, r := range s.Repairs() {
			for _, record := range r.Records {
				if err := s.Apply(record.Key, record.Value, 3); err != nil {
					t.Fatalf("%s %s: %v", record.Key, record.Value, err)
				}
			}
		}
		if diff := cmp.Diff(before, dump(s)); diff != "" || len(s.Repairs()) > 0 {
			t.Fatalf("repairs change what is there:\n%s\nleft: %v", diff, s.Repairs())
		}
		if _, reply, err := Plan(Register{Subject: "another", Schema: "z int"}, s); err == nil && reply.Version.ID <= 2 {
			t.Fatalf("a new schema gets id %d", reply.Version.ID)
		}
	})
}
