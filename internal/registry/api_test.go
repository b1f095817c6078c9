package registry

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
)

// asks serves a registry as weir does, without a network.
func asks(t *testing.T, s *Service) func(method, path, body string) (status int, reply string) {
	t.Helper()
	server, err := web.New(web.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	s.Register(server.Mux())
	s.RegisterAPI(server.API())
	client := &http.Client{Transport: server.InProcess()}
	return func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, "http://weir"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
}

// An export, imported elsewhere, gives the same ids, versions and settings; and again
// it changes nothing.
func TestExportImport(t *testing.T) {
	from := start(t, &memLog{})
	ask := asks(t, from)
	for _, r := range [][3]string{
		{"POST", "/subjects/money/versions", body(`{"type":"record","name":"n.Money","fields":[]}`)},
		{"POST", "/subjects/gone/versions", body(`"bytes"`)},
		{"POST", "/subjects/event/versions", `{"schema":"\"n.Money\"","references":[{"name":"n.Money","subject":"money","version":1}],"metadata":{"properties":{"a":"b"}}}`},
		{"POST", "/subjects/s/versions", body(`"int"`)},
		{"POST", "/subjects/s/versions", body(`"long"`)},
		{"POST", "/subjects/s/versions", body(`"double"`)},
		{"DELETE", "/subjects/s/versions/2", ""},
		{"DELETE", "/subjects/gone", ""},
		{"POST", "/subjects/:.ctx:s/versions", body(`"int"`)},
		{"PUT", "/config", `{"compatibility":"FULL"}`},
		{"PUT", "/config/s", `{"normalize":true}`},
		{"PUT", "/mode/s", `{"mode":"READONLY"}`},
	} {
		if status, reply := ask(r[0], r[1], r[2]); status != 200 {
			t.Fatalf("%v: %d %s", r, status, reply)
		}
	}
	_, want := ask("GET", "/api/v1/registry/export?deleted=true", "")
	if n := strings.Count(want, "\n"); n != 10 {
		t.Fatalf("%d lines:\n%s", n, want)
	}
	if _, live := ask("GET", "/api/v1/registry/export?subjectPrefix=s", ""); strings.Count(live, "\n") != 2 || strings.Contains(live, "deleted") {
		t.Errorf("the live versions of s:\n%s", live)
	}

	to := &memLog{}
	put := asks(t, start(t, to))
	const path = "/api/v1/registry/import"
	if status, reply := put("POST", path, want); status != 200 || !strings.Contains(reply, `"failed":7`) || !strings.Contains(reply, `"code":42205`) {
		t.Errorf("outside of mode IMPORT: %d %s", status, reply)
	}
	to.records = nil
	put = asks(t, start(t, to))
	for _, of := range []string{"/mode", "/mode/:.ctx:"} {
		if status, reply := put("PUT", of, `{"mode":"IMPORT"}`); status != 200 {
			t.Fatal(reply)
		}
	}
	before := len(to.records)
	const taken = `"lines":10,"failed":0`
	if status, reply := put("POST", path+"?dryRun=true", want); status != 200 || !strings.Contains(reply, taken) || len(to.records) != before {
		t.Errorf("dry run: %d %s, %d records written", status, reply, len(to.records)-before)
	}
	for range 2 {
		if status, reply := put("POST", path, want); status != 200 || !strings.Contains(reply, taken) {
			t.Errorf("import: %d %s", status, reply)
		}
		if status, _ := put("DELETE", "/mode/s", ""); status != 200 { // for the second time round
			t.Error(status)
		}
		_, got := put("GET", "/api/v1/registry/export?deleted=true", "")
		got = strings.ReplaceAll(got, "{\"subject\":\"\",\"mode\":\"IMPORT\"}\n", "")
		got = strings.ReplaceAll(got, "{\"subject\":\":.ctx:\",\"mode\":\"IMPORT\"}\n", "")
		if diff := cmp.Diff(strings.Replace(want, "{\"subject\":\"s\",\"mode\":\"READONLY\"}\n", "", 1), got); diff != "" {
			t.Errorf("(-exported +imported):\n%s", diff)
		}
	}
	for _, bad := range []string{"{", "\n[]", `{"subject":1}`, `{"subject":"s","config":[]}`} {
		if status, reply := put("POST", path, bad); status != 422 || !strings.Contains(reply, "line ") {
			t.Errorf("%q: %d %s", bad, status, reply)
		}
	}
}

// Another registry has no route for an import.
func TestImportWhileAnotherWrites(t *testing.T) {
	s := &Service{cfg: Config{}.withDefaults(), moved: make(chan struct{}), view: newView("NONE"), running: true}
	s.stance = stance{looked: true, ours: errNotOurs, rivals: rivals{leader: "http://other:8081"}}
	in := &importInput{asking: asking{httptest.NewRequest("POST", "/api/v1/registry/import", nil)}, RawBody: []byte(`{"subject":"s","schema":"\"int\""}`)}
	if out, err := s.postImport(t.Context(), in); err == nil || !strings.Contains(err.Error(), "another registry, http://other:8081, writes") {
		t.Errorf("%+v, %v", out, err)
	}
}

// Who is asked to make a change and does not lead has done nothing, in either API's
// words.
func TestLeads(t *testing.T) {
	f := func(status int, body string, leads bool) {
		t.Helper()
		if a, err := (&leaderReply{status: status, body: []byte(body)}).leads(); (a != nil) != leads || (err == nil) != leads {
			t.Errorf("%d %s: %+v, %v", status, body, a, err)
		}
	}
	f(200, `{"id":1}`, true)
	f(500, `{"error_code":50001,"message":"x"}`, true)
	f(500, `{"error_code":50004,"message":"x"}`, false)
	f(500, `{"code":"registry_50004","message":"x"}`, false)
	f(500, `{"code":"registry_50003","message":"x"}`, true)
	f(500, `<html>`, true)
}

func TestCheck(t *testing.T) {
	ask := asks(t, start(t, &memLog{}))
	f := func(schemaType, old, fresh string, want ...string) {
		t.Helper()
		request := func(schema string) string {
			b, _ := json.Marshal(map[string]string{"subject": schemaType, "schemaType": schemaType, "schema": schema})
			return string(b)
		}
		if status, reply := ask("POST", "/subjects/"+schemaType+"/versions", request(old)); status != 200 {
			t.Fatal(reply)
		}
		status, reply := ask("POST", "/api/v1/registry/check", request(fresh))
		for _, part := range append(want, `"compatible":false`, `"version":1`, `"direction":"backward"`) {
			if status != 200 || !strings.Contains(reply, part) {
				t.Errorf("%d %s\nhas no %s", status, reply, part)
			}
		}
		if _, reply = ask("POST", "/api/v1/registry/check", request(old)); !strings.Contains(reply, `"compatible":true,"level":"BACKWARD","differences":[]`) {
			t.Errorf("with itself: %s", reply)
		}
	}
	f("AVRO", record(fieldA), record(fieldA+","+fieldB), "READER_FIELD_MISSING_DEFAULT_VALUE", `"path":"/fields/1"`, `"example":"{\"a\":0}"`)
	f("JSON", `{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"integer"}}}`, `"example":`)
	f("PROTOBUF", `syntax = "proto3"; message M { int32 a = 1; }`, `syntax = "proto3"; message M { string a = 1; }`, "FIELD_SCALAR_KIND_CHANGED", `"example":`)
	if status, reply := ask("POST", "/api/v1/registry/check", `{"subject":"s","schema":"\"flaot\""}`); status != 422 || !strings.Contains(reply, `"code":"registry_42201"`) {
		t.Errorf("%d %s", status, reply)
	}
}

// A check by another level says what that one would not have let in.
func TestCheckLevel(t *testing.T) {
	ask := asks(t, start(t, &memLog{}))
	first, second := record(fieldA+","+fieldB), record(fieldA)
	for _, schema := range []string{first, second} {
		if status, reply := ask("POST", "/subjects/s/versions", body(schema)); status != 200 {
			t.Fatal(reply)
		}
	}
	f := func(more, want string) {
		t.Helper()
		b, _ := json.Marshal(second)
		if _, reply := ask("POST", "/api/v1/registry/check", `{"subject":"s","schema":`+string(b)+more+`}`); !strings.Contains(reply, want) {
			t.Errorf("%s: %s, want %s", more, reply, want)
		}
	}
	f(`,"version":1`, `"compatible":true,"level":"BACKWARD"`)
	f(`,"version":1,"level":"FULL"`, `"compatible":false,"level":"FULL","differences":[{"version":1,"direction":"forward"`)
	f(`,"level":"FULL"`, `"compatible":true,"level":"FULL"`) // with itself
	f(`,"level":"FORWARD_TRANSITIVE"`, `"compatible":false,"level":"FORWARD_TRANSITIVE","differences":[{"version":1,`)
	f(`,"level":"FULL_ISH"`, `"field":"body.level"`)
	f(``, `"level":"BACKWARD"`) // which it is all the same
}

func TestAPI(t *testing.T) {
	l := &memLog{records: [][2][]byte{
		{[]byte(key("s", 1)), []byte(value("s", 1, 5, `"int"`, ""))},
		{[]byte(key("s", 2)), []byte(value("s", 2, 5, `"long"`, ""))},
		{[]byte(key("t", 1)), []byte(value("t", 1, 6, `nonsense`, ""))},
	}}
	ask := asks(t, start(t, l))
	f := func(path string, status int, want string) {
		t.Helper()
		if got, reply := ask("GET", "/api/v1/registry/"+path, ""); got != status || !strings.Contains(reply, want) {
			t.Errorf("%s: %d %s, want %d with %s", path, got, reply, status, want)
		}
	}
	f("status", 200, `"loaded":true,"leads":false,"leader":"","refuses":"","stale":"","subjects":2,"schemas":2,"high_ids":{".":6},"offset":3,"dropped":1`)
	f("warnings", 200, `"records":[{"offset":1,"reason":"id 5 of s version 2 already means another schema"}],"opaque":[{"subject":"t","version":1,`)
	f("usage/5", 200, `"versions":[{"subject":"s","version":1,"id":5,"deleted":false}],"topics":[],"more":false`)
	f("usage/7", 404, `"code":"registry_40403"`)
	f("history?subject=s", 200, `"rows":[]`)
	f("history?limit=0", 422, `"field":"query.limit"`)
}

// What is not written for a client is not told to him.
func TestInternalError(t *testing.T) {
	s := start(t, &memLog{})
	if e := s.told(t.Context(), io.ErrUnexpectedEOF); e.Status != 500 || strings.Contains(e.Message, "EOF") {
		t.Errorf("%+v", e)
	}
	if e := s.told(t.Context(), state.Refuse(state.CodeNoMode, "no")); e.Code != state.CodeNoMode {
		t.Errorf("%+v", e)
	}
}
