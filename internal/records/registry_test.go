package records

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/serde"
)

// A registry as Confluent's answers: schema 1 is a string, 2 is unknown, 3 is one
// of JSON.
func TestRegistryAt(t *testing.T) {
	subjects := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/schemas/ids/1":
			w.Write([]byte(`{"schema":"\"string\""}`))
		case "/schemas/ids/3":
			w.Write([]byte(`{"schema":"{}","schemaType":"JSON"}`))
		case "/schemas/ids/1/versions":
			subjects++
			w.Write([]byte(`[{"subject":"names-value","version":3}]`))
		default:
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`{"error_code":40403,"message":"Schema not found"}`))
		}
	}))
	registry := RegistryAt(server.URL + "/")
	d := &decoder{want: Auto, max: 100, registry: registry}
	for range 2 {
		f := d.field(t.Context(), &kgo.Record{Value: framed(1, "\x04hi")}, false)
		if f.Text != `"hi"` || f.Format != Avro || f.SchemaID != 1 || f.Subject != "names-value" {
			t.Errorf("%+v", f)
		}
	}
	if f := d.field(t.Context(), &kgo.Record{Value: framed(3, `{"a":1}`)}, false); f.Text != `{"a":1}` || f.Format != JSON || f.SchemaID != 3 {
		t.Errorf("of another format: %+v", f)
	}
	if subjects != 1 {
		t.Errorf("the subject is asked for %d times", subjects)
	}
	if f := d.field(t.Context(), &kgo.Record{Value: framed(1, "\x04hi!")}, false); f.Format != Hex || !strings.Contains(f.Attempts[0].Error, "1 bytes follow") {
		t.Errorf("bytes that follow: %+v", f)
	}
	if f := d.field(t.Context(), &kgo.Record{Value: framed(2, "\x04hi")}, false); f.Format != Hex || !strings.Contains(f.Attempts[0].Error, "unknown") || f.Subject != "" {
		t.Errorf("an unknown schema: %+v", f)
	}
	if d.down.Load() != nil {
		t.Error("a registry that answers counts as down")
	}
	server.Close()
	http.DefaultClient.CloseIdleConnections()
	if _, err := RegistryAt(server.URL).Decode(t.Context(), &kgo.Record{Value: framed(1, "\x04hi")}, false); !errors.Is(err, serde.ErrRegistry) {
		t.Errorf("a registry that is away: %v", err)
	}
}

// One that has no subject to tell is asked once, one that does not answer not for
// each record again.
func TestSubjectIsNotAskedAgain(t *testing.T) {
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked[r.URL.Path]++; r.URL.Path {
		case "/schemas/ids/1/versions":
			w.Write([]byte(`[]`))
		case "/schemas/ids/2/versions":
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`{"error_code":40403,"message":"Schema not found"}`))
		case "/schemas/ids/4/versions":
			w.Write([]byte(`[{"subject":"names-value","version":3}]`))
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer http.DefaultClient.CloseIdleConnections()
	defer server.Close()
	registry := RegistryAt(server.URL)
	for range 2 {
		for _, id := range []int{1, 2} {
			if got := registry.Subject(t.Context(), id); got != "" {
				t.Errorf("subject of %d: %q", id, got)
			}
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	registry.Subject(gone, 4)
	if got := registry.Subject(t.Context(), 4); got != "names-value" {
		t.Errorf("after a caller that went away: %q", got)
	}
	for range 2 {
		registry.Subject(t.Context(), 3)
		registry.Subject(t.Context(), 5)
	}
	if got := registry.Subject(t.Context(), 4); got != "names-value" {
		t.Errorf("what was learned is forgotten: %q", got)
	}
	want := map[string]int{"/schemas/ids/1/versions": 1, "/schemas/ids/2/versions": 1, "/schemas/ids/3/versions": 1, "/schemas/ids/4/versions": 1}
	if !maps.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
}

// A value whose schema is named by a header is bare, and shown and searched as one
// that begins with it; in vain it may be JSON still.
func TestSchemaInHeader(t *testing.T) {
	const guid = "00010203-0405-0607-0809-0a0b0c0d0e0f"
	known, err := serde.ParseGUID(guid)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/schemas/guids/" + guid:
			w.Write([]byte(`{"id":7,"schema":"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"string\"}]}"}`))
		case "/schemas/ids/7/versions":
			w.Write([]byte(`[{"subject":"names-value","version":3}]`))
		default:
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`{"error_code":40403,"message":"Schema not found"}`))
		}
	}))
	defer http.DefaultClient.CloseIdleConnections()
	defer server.Close()
	d := &decoder{want: Auto, max: 100, registry: RegistryAt(server.URL)}
	filter, err := newFilter("", `json.a == "hi"`)
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string, guid serde.GUID) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: name, Value: serde.AppendGUID(nil, guid)}}
	}
	f := func(value string, guid serde.GUID, want Field, matches bool) {
		t.Helper()
		want.Bytes = len(value)
		for _, key := range []bool{false, true} {
			r := &kgo.Record{Value: []byte(value), Headers: named(serde.ValueHeader, guid)}
			if key {
				r = &kgo.Record{Key: []byte(value), Headers: named(serde.KeyHeader, guid)}
			}
			got := d.field(t.Context(), r, key)
			if diff := cmp.Diff(want, got, noReasons); diff != "" {
				t.Errorf("%q (-want +got):\n%s", value, diff)
			}
			held, err := filter.match(t.Context(), r, d)
			if !key && (held != matches || err != nil) {
				t.Errorf("%q: %v, %v", value, held, err)
			}
		}
	}
	f("\x04hi", known, Field{Text: `{"a":"hi"}`, Format: Avro, SchemaID: 7, Subject: "names-value", Attempts: []Attempt{}}, true)
	f("\x00", known, Field{Text: `{"a":""}`, Format: Avro, SchemaID: 7, Subject: "names-value", Attempts: []Attempt{}}, false)
	f(`{"a":"hi"}`, serde.GUID{1}, Field{Text: `{"a":"hi"}`, Format: JSON, Attempts: []Attempt{{Decoder: Avro}}}, true)
}
