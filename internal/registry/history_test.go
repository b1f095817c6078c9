package registry

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/registry/state"
)

// What is written to the registry's own topics, byte for byte.
func TestTopicsGolden(t *testing.T) {
	var got bytes.Buffer
	line := func(topic string, key, value []byte) {
		got.WriteString(topic + " " + string(key) + " " + string(value) + "\n")
	}
	k, v := encodeHigh(".", 7)
	line(stateTopic, k, v)
	m := Meta{Who: "ada", From: "10.0.0.1:5000", Reason: "new field", Source: "git@1"}
	at := time.Date(2026, 11, 22, 11, 0, 0, 123_999_999, time.FixedZone("", 3600))
	for _, r := range [][2]string{
		{key("s", 1), value("s", 1, 3, `"int"`, "")},
		{key("s", 1), `{"subject":"s","version":1,"id":3,"schema":"\"int\"","deleted":true}`},
		{key("s", 1), ""},
		{`{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}`, `{"subject":"s","version":2}`},
		{`{"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}`, `{"subject":"s"}`},
		{`{"keytype":"CONFIG","magic":0}`, `{"compatibilityLevel":"FULL"}`},
		{`{"keytype":"MODE","subject":"s","magic":0}`, `{"mode":"IMPORT"}`},
	} {
		h := historyOf(m, state.Record{Key: []byte(r[0]), Value: []byte(r[1])}, at)
		line(h.Topic, h.Key, h.Value)
	}
	line(historyTopic, nil, historyOf(Meta{}, state.Record{Key: []byte(key("s", 1)), Value: []byte(value("s", 1, 3, `"int"`, ""))}, at).Value)
	if historyOf(m, state.Record{Key: []byte(`{"keytype":"NOOP","magic":0}`)}, at) != nil || historyOf(m, state.Record{Key: []byte(`{`)}, at) != nil {
		t.Error("history of what changes nothing")
	}
	path := filepath.Join("testdata", "topics.golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("written is\n%s\n%s holds\n%s", got.Bytes(), path, want)
	}
}

func TestDecodeHighRefuses(t *testing.T) {
	k, _ := encodeHigh(".", 1)
	for _, value := range []string{`{}`, `[]`, `{"v":2,"high_id":1}`, `{"v":1,"high_id":-1}`, `{"v":1,"high_id":2147483648}`, `{"v":1,"high_id":"1"}`, `{`} {
		if _, id, err := decodeHigh(k, []byte(value)); err == nil {
			t.Errorf("%s reads as %d", value, id)
		}
	}
	if in, id, err := decodeHigh(k, nil); in != "." || id != 0 || err != nil {
		t.Errorf("a deletion: %s %d, %v", in, id, err)
	}
	for _, key := range []string{`x`, `{}`, `{"context":""}`} {
		if _, _, err := decodeHigh([]byte(key), nil); err == nil {
			t.Errorf("key %s is taken", key)
		}
	}
}

func FuzzDecodeHigh(f *testing.F) {
	k, v := encodeHigh(".", 7)
	f.Add(k, v)
	f.Add([]byte(`{"context":".x"}`), []byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		in, id, err := decodeHigh(key, value)
		if err != nil {
			return
		}
		k, v := encodeHigh(in, id)
		if again, high, err := decodeHigh(k, v); err != nil || again != in || high != id {
			t.Errorf("%s %d reads as %s %d, %v", in, id, again, high, err)
		}
	})
}
