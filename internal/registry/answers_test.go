package registry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What is kept is answered again, byte for byte, and not when something has changed.
func TestAnswers(t *testing.T) {
	s := start(t, &memLog{})
	mux := http.NewServeMux()
	s.Register(mux)
	f := func(method, path, body, want string, headers ...string) {
		t.Helper()
		for range 2 {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			if !strings.HasPrefix(w.Body.String(), want) {
				t.Errorf("%s %s: %d %s, want %s", method, path, w.Code, w.Body, want)
			}
		}
	}
	kept := func(want int) {
		t.Helper()
		if n := len(s.answers.byAsk); n != want {
			t.Errorf("%d answers are kept, want %d", n, want)
		}
	}
	long := `{"type":"fixed","name":"F","size":4,"p":"` + strings.Repeat("x", zipFrom) + `"}`
	const versions = "/subjects/s/versions"
	f("GET", "/subjects", "", `[]`)
	kept(1)
	f("POST", versions, body(long), `{"id":1}`) // the second time it is kept
	f("GET", "/subjects", "", `["s"]`)
	f("GET", "/schemas/ids/2", "", `{"error_code":40403`) // refusals are not
	kept(2)
	f("POST", versions, body(long), `{"version":1,"id":1,`, headerUnknown, "true")
	f("POST", versions, " "+body(long), `{"id":1}`)
	f("POST", "/subjects/s", body(long), `{"subject":"s"`)
	f("GET", "/schemas/ids/1", "", `{"schema":`)
	f("GET", "/schemas/ids/1", "", "\x1f\x8b", "Accept-Encoding", "gzip")
	kept(7)
	f("PUT", "/config/s", `{"compatibility":"NONE"}`, `{"compatibility":"NONE"}`)
	kept(7) // until something is asked
	f("GET", "/config/s", "", `{"compatibilityLevel":"NONE"}`)
	kept(1)
	f("DELETE", versions+"/1", "", ``)
	f("POST", versions, body(long), `{"id":1}`)
	f("GET", versions, "", `[2]`)
	const same = "/subjects/s?permanent=true"
	f("POST", same, body(long), `{"subject":"s"`)
	f("DELETE", same, body(long), `{"error_code":40405`)
}

// Memory is bounded whatever is asked.
func TestAnswersAreBounded(t *testing.T) {
	var c answers
	long := make([]byte, maxAnswers/20)
	for i := range 50 {
		c.put(ask{uri: strings.Repeat("x", i)}, 1, &answer{body: long})
		if c.bytes > maxAnswers {
			t.Fatalf("%d bytes", c.bytes)
		}
	}
	c.put(ask{uri: "/"}, 1, &answer{body: make([]byte, maxAnswers)})
	if c.get(ask{uri: "/"}, 1) != nil {
		t.Error("an answer as long as all is kept")
	}
	c.put(ask{uri: "late"}, 0, &answer{})
	if c.get(ask{uri: "late"}, 0) != nil || c.get(ask{uri: "late"}, 1) != nil {
		t.Error("an answer from before a change is kept")
	}
}
