package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

func serve(t testing.TB, s *Service) *httptest.Server {
	mux := http.NewServeMux()
	s.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		server.Close()
	})
	return server
}

func body(schema string) string {
	b, _ := json.Marshal(map[string]string{"schema": schema})
	return string(b)
}

// TestHTTPGolden sends the requests in order to one registry, which starts on
// what another one wrote, and compares the replies byte for byte.
func TestHTTPGolden(t *testing.T) {
	l := &memLog{}
	for _, r := range [][2]string{
		{key("proto", 1), value("proto", 1, 5, "syntax = \"proto3\";\nmessage A { map<string, int32> m = 1; }\n", `,"schemaType":"PROTOBUF"`)},
		{key("proto", 2), value("proto", 2, 6, `import "a";`, `,"schemaType":"PROTOBUF","references":[{"name":"a","subject":"proto","version":1}],"metadata":{"properties":{"owner":"me"}}`)},
		{key("gone", 1), strings.Replace(value("gone", 1, 7, `"bytes"`, ""), "false", "true", 1)},
	} {
		l.records = append(l.records, [2][]byte{[]byte(r[0]), []byte(r[1])})
	}
	server := serve(t, start(t, l))
	one, two := record(fieldA), record(fieldA+","+fieldBdef)
	const accept = "Confluent-Accept-Unknown-Properties: true"
	requests := []struct{ method, path, body, header string }{
		{"GET", "/subjects", "", ""},
		{"GET", "/subjects?deleted=True", "", ""},
		{"GET", "/schemas/types", "", ""},
		{"POST", "/subjects/s/versions", body(one), ""},
		{"POST", "/subjects/s/versions?normalize=False", body(" " + one), accept},
		{"POST", "/subjects/s/versions", `{"schema":` + string(mustJSON(two)) + `,"schemaType":"AVRO","references":[],"metadata":null,"id":-1,"version":-1}`, "Content-Type: application/json"},
		{"POST", "/subjects/s/versions", body(record(fieldA + `,{"name":"c","type":"long"}`)), ""},
		{"POST", "/subjects/s/versions", body(`{"type":"nothing"}`), ""},
		{"POST", "/subjects/s/versions", body(""), ""},
		{"POST", "/subjects/s/versions", `{"schema":`, ""},
		{"POST", "/subjects/s/versions", `[]`, ""},
		{"POST", "/subjects/s/versions", `{"schema":"{}","schemaType":"JSON"}`, ""},
		{"POST", "/subjects/s/versions", `{"schema":"\"int\"","references":[{"name":"r","subject":"other","version":2}]}`, ""},
		{"POST", "/subjects/s/versions", `{"schema":"\"int\"","id":99}`, ""},
		{"POST", "/subjects/__GLOBAL/versions", body(one), ""},
		{"POST", "/subjects/a%0Ab/versions", body(one), ""},
		{"POST", "/subjects/a%2Fb%20%3Cc%3E/versions", body(one), ""},
		{"POST", "/subjects/%3A.ctx%3Aname/versions", body(`"int"`), ""},
		{"GET", "/subjects", "", ""},
		{"GET", "/subjects?subjectPrefix=:*:&offset=0&limit=-1", "", ""},
		{"GET", "/subjects?subjectPrefix=s", "", ""},
		{"GET", "/subjects?offset=1&limit=1", "", ""},
		{"GET", "/subjects/a%2Fb%20%3Cc%3E/versions/latest", "", ""},
		{"POST", "/subjects/s", body(two), ""},
		{"POST", "/subjects/s?normalize=False&deleted=False", body("\n" + one), ""},
		{"POST", "/subjects/s", body(`"float"`), ""},
		{"POST", "/subjects/s", body(`"flaot"`), ""},
		{"POST", "/subjects/nobody", body(one), ""},
		{"POST", "/subjects/gone", body(`"bytes"`), ""},
		{"POST", "/subjects/gone?deleted=true", body(`"bytes"`), ""},
		{"GET", "/subjects/s/versions", "", ""},
		{"GET", "/subjects/gone/versions", "", ""},
		{"GET", "/subjects/gone/versions?deleted=TRUE", "", ""},
		{"GET", "/subjects/s/versions/1", "", ""},
		{"GET", "/subjects/s/versions/latest", "", ""},
		{"GET", "/subjects/s/versions/-1", "", ""},
		{"GET", "/subjects/s/versions/1/schema", "", ""},
		{"GET", "/subjects/s/versions/3", "", ""},
		{"GET", "/subjects/s/versions/0", "", ""},
		{"GET", "/subjects/s/versions/2147483648", "", ""},
		{"GET", "/subjects/nobody/versions/1", "", ""},
		{"GET", "/subjects/gone/versions/1", "", ""},
		{"GET", "/subjects/proto/versions/2", "", ""},
		{"GET", "/schemas/ids/8", "", ""},
		{"GET", "/schemas/ids/8?subject=s", "", ""},
		{"GET", "/schemas/ids/5", "", ""},
		{"GET", "/schemas/ids/5/schema", "", ""},
		{"GET", "/schemas/ids/6", "", ""},
		{"GET", "/schemas/ids/7", "", ""},
		{"GET", "/schemas/ids/99", "", ""},
		{"GET", "/schemas/ids/x", "", ""},
		{"GET", "/schemas/ids/8/schema", "", ""},
		{"GET", "/schemas/ids/8/versions", "", ""},
		{"GET", "/schemas/ids/7/versions", "", ""},
		{"GET", "/schemas/ids/7/versions?deleted=true", "", ""},
		{"GET", "/schemas/ids/99/versions", "", ""},
		{"DELETE", "/subjects/s", "", ""},
		{"PUT", "/schemas/types", "", ""},
		{"GET", "/subjects/s/nothing", "", ""},
		{"GET", "/schemas/guids/x", "", ""},
		{"GET", "/config/s?defaultToGlobal=true", "", ""},
		{"GET", "/associations/resources/-/t?resourceType=topic", "", ""},
	}
	var got bytes.Buffer
	for _, r := range requests {
		request, err := http.NewRequest(r.method, server.URL+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		if name, value, ok := strings.Cut(r.header, ": "); ok {
			request.Header.Set(name, value)
		}
		reply, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reply.Body)
		if err != nil {
			t.Fatal(err)
		}
		reply.Body.Close()
		if mt := reply.Header.Get("Content-Type"); mt != mediaType {
			t.Errorf("%s %s: media type %q", r.method, r.path, mt)
		}
		fmt.Fprintf(&got, "%s %s", r.method, r.path)
		if r.header != "" {
			fmt.Fprintf(&got, " [%s]", r.header)
		}
		if r.body != "" {
			fmt.Fprintf(&got, "\n%s", r.body)
		}
		fmt.Fprintf(&got, "\n%d %s\n\n", reply.StatusCode, text)
	}
	path := filepath.Join("testdata", "http.golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("replies changed (-golden +now):\n%s", diff)
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// post sends one POST through the handlers, without a network.
func post(s *Service, path, body string) (status int, reply string) {
	mux := http.NewServeMux()
	s.Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestHTTPLimits(t *testing.T) {
	s := start(t, &memLog{})
	f := func(body string, status int, words string) {
		t.Helper()
		got, reply := post(s, "/subjects/s/versions", body)
		if got != status || !strings.Contains(reply, words) {
			t.Errorf("%d bytes: %d %.200s; want %d with %s", len(body), got, reply, status, words)
		}
	}
	long := func(n int) string { return body(`{"type":"int","p":"` + strings.Repeat("x", n-21) + `"}`) }
	f(long(1<<20), 200, `{"id":1}`)
	f(long(1<<20+1), 413, `"error_code":42209`)
	f(long(2<<20), 413, `"error_code":42209`)
	f(body(strings.Repeat("[", 100_000)), 422, `"error_code":42201`)
	f(body(strings.Repeat(`{"type":"array","items":`, 2000)+`"int"`+strings.Repeat("}", 2000)), 422, `"error_code":42201`)
}

func TestHTTPBeforeLoad(t *testing.T) {
	s, err := New(Config{}, &memLog{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(mux)
	for _, path := range []string{"/subjects", "/subjects/s/versions", "/subjects/s/versions/1", "/schemas/ids/1", "/schemas/ids/1/versions"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 500 || !strings.HasPrefix(w.Body.String(), `{"error_code":50001,"message":`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/subjects/s", "/subjects/s/versions"} {
		if status, reply := post(s, path, body(`"int"`)); status != 500 || !strings.Contains(reply, "50001") {
			t.Errorf("%s: %d %s", path, status, reply)
		}
	}
}

// A client that many Go programs use registers, looks up and fetches.
func TestFranzClient(t *testing.T) {
	server := serve(t, start(t, &memLog{}))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	cl, err := sr.NewClient(sr.URLs(server.URL), sr.HTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	schema := sr.Schema{Schema: record(fieldA)}
	for _, subject := range []string{"page-views-value", "a/b c"} {
		created, err := cl.CreateSchema(ctx, subject, schema)
		want := sr.SubjectSchema{Subject: subject, Version: 1, ID: 1, Schema: schema}
		if diff := cmp.Diff(want, created); err != nil || diff != "" {
			t.Errorf("created: %v (-want +got):\n%s", err, diff)
		}
		found, err := cl.LookupSchema(ctx, subject, schema)
		if diff := cmp.Diff(want, found); err != nil || diff != "" {
			t.Errorf("looked up: %v (-want +got):\n%s", err, diff)
		}
		latest, err := cl.SchemaByVersion(ctx, subject, -1)
		if diff := cmp.Diff(want, latest); err != nil || diff != "" {
			t.Errorf("latest: %v (-want +got):\n%s", err, diff)
		}
	}
	if got, err := cl.SchemaByID(ctx, 1); err != nil || got.Schema != schema.Schema {
		t.Errorf("by id: %+v, %v", got, err)
	}
	if text, err := cl.SchemaTextByID(ctx, 1); err != nil || text != schema.Schema {
		t.Errorf("text by id: %s, %v", text, err)
	}
	if text, err := cl.SchemaTextByVersion(ctx, "a/b c", 1); err != nil || text != schema.Schema {
		t.Errorf("text by version: %s, %v", text, err)
	}
	if names, err := cl.Subjects(ctx); err != nil || !cmp.Equal(names, []string{"a/b c", "page-views-value"}) {
		t.Errorf("subjects: %v, %v", names, err)
	}
	_, err = cl.RegisterSchema(ctx, "a/b c", sr.Schema{Schema: `"int"`}, -1, -1)
	if e, ok := err.(*sr.ResponseError); !ok || e.StatusCode != 409 || e.ErrorCode != 409 {
		t.Errorf("incompatible: %v", err)
	}
}

func FuzzPost(f *testing.F) {
	f.Add(body(record(fieldA)))
	f.Add(body(record(fieldA + "," + fieldB)))
	f.Add(`{"schema":"{\"type\":\"enum\",\"name\":\"n.E\",\"symbols\":[\"A\"],\"x\":{\"y\":1e9}}","schemaType":"AVRO"}`)
	f.Add(`{"schema":"[\"null\",{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}]","id":-1,"version":2}`)
	f.Add(`{"schema":"x","references":[{"name":"a"}],"metadata":{"a":[]}}`)
	f.Fuzz(func(t *testing.T, request string) {
		l := &memLog{}
		s := start(t, l)
		if _, err := s.put(t.Context(), "s", record(fieldA)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time it is there, if it was taken
			status, reply := post(s, "/subjects/s/versions", request)
			var object map[string]any
			if err := json.Unmarshal([]byte(reply), &object); err != nil || status >= 500 {
				t.Fatalf("%d %s", status, reply)
			}
			if (status == 200) != (object["id"] != nil) || (status == 200) == (object["error_code"] != nil) {
				t.Fatalf("%d %s", status, reply)
			}
		}
		if len(l.records) > 2 {
			t.Fatalf("registered twice: %s", l.records)
		}
		_ = s.read(func(st *State) error { check(t, st); return nil })
		again := start(t, l)
		if a, b := s.Status(), again.Status(); !cmp.Equal(a, b) {
			t.Fatalf("a restart changes the state: %+v %+v", a, b)
		}
	})
}
