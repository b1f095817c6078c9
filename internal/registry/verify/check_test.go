package verify

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	intText  = `"int"`
	longText = `"long"`
)

// topic builds a log.
type topic []Record

func (l *topic) add(committed bool, key, value string) *topic {
	r := Record{Offset: int64(len(*l)), Key: []byte(key), Committed: committed}
	if value != "null" {
		r.Value = []byte(value)
	}
	*l = append(*l, r)
	return l
}

func schemaKey(subject string, version int) string {
	return fmt.Sprintf(`{"keytype":"SCHEMA","subject":%q,"version":%d,"magic":1}`, subject, version)
}

func oldKey(subject string, version int) string {
	return fmt.Sprintf(`{"magic":0,"keytype":"SCHEMA","subject":%q,"version":%d}`, subject, version)
}

func schemaValue(subject string, version, id int, text string) string {
	return fmt.Sprintf(`{"subject":%q,"version":%d,"id":%d,"schema":%q,"deleted":false}`, subject, version, id, text)
}

func (l *topic) schema(subject string, version, id int, text string) *topic {
	return l.add(true, schemaKey(subject, version), schemaValue(subject, version, id, text))
}

func findings(r Report) (list []string) {
	for _, f := range r.Findings {
		list = append(list, fmt.Sprintf("%s @%d %s: %s", f.Kind, f.Offset, f.Where, f.What))
	}
	return list
}

func TestCheck(t *testing.T) {
	deleted := strings.Replace(schemaValue("a", 1, 1, intText), "false", "true", 1)
	for name, test := range map[string]struct {
		topic *topic
		want  []string
	}{
		"nothing": {new(topic), nil},
		"versions that share an id, one spelled otherwise": {
			new(topic).schema("a", 1, 1, intText).schema("b", 1, 1, ` "int" `).schema("a", 2, 2, longText), nil},
		"ids are per context":           {new(topic).schema("a", 1, 1, intText).schema(":.c:a", 1, 1, longText), nil},
		"deleted softly, then for good": {new(topic).schema("a", 1, 1, intText).add(true, schemaKey("a", 1), deleted).add(true, schemaKey("a", 1), "null"), nil},
		"written again":                 {new(topic).schema("a", 1, 1, intText).schema("a", 1, 1, intText), nil},
		"an aborted one, set right": {
			new(topic).schema("a", 1, 1, intText).add(false, schemaKey("a", 2), schemaValue("a", 2, 2, longText)).add(true, schemaKey("a", 2), "null"), nil},

		"two texts": {new(topic).schema("a", 1, 1, intText).schema("b", 1, 1, longText),
			[]string{"two texts @1 b version 1: id 1 means another schema since offset 0"}},
		"two texts, the first aborted": {
			new(topic).add(false, schemaKey("a", 1), schemaValue("a", 1, 1, intText)).add(true, schemaKey("a", 1), "null").schema("a", 1, 1, longText),
			[]string{"two texts @2 a version 1: id 1 means another schema since offset 0"}},
		"changed": {new(topic).schema("a", 1, 1, intText).schema("a", 1, 2, longText),
			[]string{"changed @1 a version 1: it had id 1 and has id 2, or another schema, without having been deleted"}},
		"two ids": {new(topic).schema("a", 1, 1, intText).schema("b", 1, 2, intText),
			[]string{"doubled @-1 b version 1: its schema has id 2 here and id 1 in a version 1"}},
		"twice in a subject": {new(topic).schema("a", 1, 1, intText).schema("a", 2, 1, intText),
			[]string{"doubled @-1 a version 2: version 1 is the same schema"}},
		"deleted under other bytes": {
			new(topic).add(true, oldKey("a", 1), schemaValue("a", 1, 1, intText)).add(true, schemaKey("a", 1), "null"),
			[]string{"comes back @-1 a version 1: after a compaction it is there, though it was deleted"}},
		"deleted by an empty value": {new(topic).schema("a", 1, 1, intText).add(true, schemaKey("a", 1), ""), nil},
		"an aborted one, left": {
			new(topic).schema("a", 1, 1, intText).add(false, schemaKey("a", 1), deleted),
			[]string{`uncommitted @-1 a version 1: for who reads uncommitted records it is {"Subject":"a","Version":1,"ID":1,"SchemaType":"","Schema":"\"int\"","References":null,"Metadata":null,"RuleSet":null,"Deleted":true}, and should be {"Subject":"a","Version":1,"ID":1,"SchemaType":"","Schema":"\"int\"","References":null,"Metadata":null,"RuleSet":null,"Deleted":false}`}},
		"a config under other bytes": {
			new(topic).add(true, `{"keytype":"CONFIG","subject":null,"magic":0}`, `{"compatibilityLevel":"NONE"}`).add(true, `{"keytype":"CONFIG","magic":0}`, "null"),
			[]string{"comes back @-1 CONFIG of the registry: after a compaction it is there, though it was deleted"}},
		"malformed": {new(topic).add(true, "x", "y").add(true, schemaKey("a", 1), "{"), []string{
			"malformed @0 x: its key is no JSON: invalid character 'x' looking for beginning of value",
			"malformed @1 a version 1: its value can not be read: unexpected end of JSON input"}},
	} {
		if diff := cmp.Diff(test.want, findings(Check(*test.topic))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// DELETE_SUBJECT says it of the versions before it, and of no later ones.
func TestEvents(t *testing.T) {
	l := new(topic).schema("a", 1, 1, intText).add(true, `{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}`, `{"subject":"a","version":1}`).
		schema("a", 2, 2, longText).schema("b", 1, 1, intText)
	r := Check(*l)
	var got []string
	for _, v := range r.Live {
		got = append(got, fmt.Sprintf("%s %d %d %t", v.Subject, v.Version, v.ID, v.Deleted))
	}
	if diff := cmp.Diff([]string{"a 1 1 true", "a 2 2 false", "b 1 1 false"}, got); diff != "" || len(r.Findings) > 0 || r.Subjects != 2 || r.IDs != 2 {
		t.Errorf("%+v (-want +got):\n%s", r, diff)
	}
	l.add(true, `{"keytype":"CLEAR_SUBJECT","subject":"a","magic":0}`, `{"subject":"a"}`)
	if r := Check(*l); len(r.Live) != 2 {
		t.Errorf("cleared: %+v", r)
	}
}

func TestServed(t *testing.T) {
	l := new(topic).schema("a", 1, 1, intText).schema("a", 2, 2, longText).schema("b", 1, 1, intText).schema("c", 1, 1, intText)
	good := []Version{{Subject: "a", Version: 1, ID: 1, Schema: ` "int"`, SchemaType: "AVRO"}, {Subject: "a", Version: 2, ID: 2, Schema: longText}, {Subject: "b", Version: 1, ID: 1, Schema: intText}, {Subject: "c", Version: 1, ID: 1, Schema: intText}}
	r := Check(*l)
	r.Served(good)
	if len(r.Findings) > 0 {
		t.Errorf("%v", findings(r))
	}
	bad := []Version{{Subject: "a", Version: 1, ID: 3, Schema: intText}, {Subject: "a", Version: 2, ID: 2, Schema: intText}, {Subject: "c", Version: 1, ID: 1, Schema: intText, Deleted: true}, {Subject: "d", Version: 1, ID: 1}}
	r.Served(bad)
	want := []string{
		"served @-1 a version 1: the registry serves it with id 3, the topic has id 1",
		"served @-1 a version 2: the registry serves another schema",
		"served @-1 b version 1: the registry does not serve it",
		"served @-1 c version 1: the registry says deleted=true, the topic deleted=false",
		"served @-1 d version 1: the registry serves it, and the topic does not have it",
	}
	if diff := cmp.Diff(want, findings(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a real registry wrote for eight clients.
func TestRecordedTopic(t *testing.T) {
	dir := os.Getenv("WEIR_DATA")
	if dir == "" {
		t.Skip("WEIR_DATA is not set: the recorded _schemas topic is not judged")
	}
	file, err := os.Open(filepath.Join(dir, "schemas-topic.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var records []Record
	for d := json.NewDecoder(bufio.NewReader(file)); d.More(); {
		r := Record{Offset: int64(len(records)), Committed: true}
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	if r := Check(records); len(r.Live) != 26 || len(r.Findings) != 0 {
		t.Errorf("%d versions, %v", len(r.Live), findings(r))
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(schemaKey("a", 1)), []byte(schemaValue("a", 1, 1, intText)))
	f.Add([]byte(`{"keytype":"DELETE_SUBJECT","subject":"a"}`), []byte(`{"subject":"a","version":1}`))
	f.Fuzz(func(t *testing.T, k, v []byte) {
		l := new(topic).schema("a", 1, 1, intText).schema("a", 2, 2, longText)
		Check(append(*l, Record{Offset: 2, Key: k, Value: v, Committed: true}))
	})
}
