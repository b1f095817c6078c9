package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/weirhq/weir/internal/registry/state"
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

// logs calls a function whenever something is logged.
type logs struct {
	slog.Handler
	call func()
}

func (l logs) Enabled(context.Context, slog.Level) bool { return true }

func (l logs) Handle(context.Context, slog.Record) error { l.call(); return nil }

// A failure to read says at which offset it has read, also when more has come by the
// time that it is told, here while it is logged.
func TestFailureIsAsOfWhatWasRead(t *testing.T) {
	var s *Service
	grow := logs{slog.DiscardHandler, func() { s.view.seen++ }}
	s, err := newService(Config{Log: slog.New(grow)})
	if err != nil {
		t.Fatal(err)
	}
	s.view = newView("")
	read := s.answer("GET /x", func(*state.State, *call) (any, error) { return nil, errors.New("broken") })
	for _, want := range []string{"-1", "0", "1"} {
		w := httptest.NewRecorder()
		read.ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
		if got := w.Header().Get(headerOffset); got != want {
			t.Errorf("as of %s, and %s was read", got, want)
		}
	}
}

func body(schema string) string {
	b, _ := json.Marshal(map[string]string{"schema": schema})
	return string(b)
}

// TestHTTP runs testdata/http/*.txt: what is asked of one registry in order, and below
// it, indented, what that answered. "> " before a line is the body of the request above
// it, and RECORD a record of the topic that the registry starts on, its value below.
func TestHTTP(t *testing.T) {
	files, err := filepath.Glob("testdata/http/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(script))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(script), got); diff != "" {
				t.Errorf("replies changed (-golden +now):\n%s", diff)
			}
		})
	}
}

func runScript(t *testing.T, script string) string {
	l := &memLog{}
	var server *httptest.Server
	var out strings.Builder
	lines := strings.Split(strings.TrimRight(script, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		if strings.HasPrefix(lines[i], "  ") {
			continue
		}
		out.WriteString(lines[i] + "\n")
		if lines[i] == "" || lines[i][0] == '#' {
			continue
		}
		words := strings.SplitN(lines[i], " ", 3)
		var body string
		if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "> ") {
			i++
			body = lines[i][2:]
			out.WriteString(lines[i] + "\n")
		}
		if words[0] == "RECORD" {
			var value []byte
			if body != "" {
				value = []byte(body)
			}
			l.records = append(l.records, [2][]byte{[]byte(words[1]), value})
			continue
		}
		if server == nil {
			server = serve(t, start(t, l))
		}
		header := ""
		if len(words) > 2 {
			header = words[2]
		}
		out.WriteString("  " + askScript(t, server.URL, words[0], words[1], header, body) + "\n")
	}
	return out.String()
}

// askScript sends a request and returns the reply, on one line.
func askScript(t *testing.T, url, method, path, header, body string) string {
	t.Helper()
	request, err := http.NewRequest(method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if name, value, ok := strings.Cut(header, ": "); ok {
		request.Header.Set(name, value)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	if mt := reply.Header.Get("Content-Type"); mt != mediaType && reply.StatusCode != http.StatusNoContent {
		t.Errorf("%s %s: media type %q", method, path, mt)
	}
	if object := map[string]any{}; reply.StatusCode >= 400 && json.Unmarshal(text, &object) != nil {
		t.Errorf("%s %s: %d with a body that is no object: %s", method, path, reply.StatusCode, text)
	}
	return strings.TrimRight(fmt.Sprintf("%d %s", reply.StatusCode, strings.ReplaceAll(string(text), "\n", "\\n")), " ")
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
	s, err := newLocal(Config{}, &memLog{})
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
		if status, reply := post(s.Service, path, body(`"int"`)); status != 500 || !strings.Contains(reply, "50001") {
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
		want := sr.SubjectSchema{Subject: subject, Version: 1, ID: 1, GUID: "e4d94c3f-c345-bad6-d759-ac6f42ea94f7", Schema: schema}
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
		again := start(t, l)
		a, b := s.Status(), again.Status()
		a.Pending, b.Pending = 0, 0
		if !cmp.Equal(a, b) {
			t.Fatalf("a restart changes the state: %+v %+v", a, b)
		}
	})
}
