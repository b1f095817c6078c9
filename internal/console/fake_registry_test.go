package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// fakeSchemas is what of the registry a test may set. Its zero value is a registry that
// writes and has little to tell.
type fakeSchemas struct {
	level, mode  string   // of the subject
	gone         []int    // versions that are deleted softly
	goneSubjects []string // of which all are
	fails        string   // what every change is answered with
	silent       bool     // no usage and no search
	trouble      bool     // warnings of all kinds
	writer       string
	members      []map[string]any
	refusals     []string
	differences  int
	changed      []string // changes that were made
}

const sampleSchema = `{"type":"record","name":"Order","namespace":"net.example","fields":[{"name":"id","type":"long"},{"name":"total","type":"double"}]}`

func (f *fakeDesk) registerSchemas(mux *http.ServeMux, known func(http.HandlerFunc) http.HandlerFunc) {
	subject := cmp.Or(f.text, "orders-value")
	s := &f.schemas
	refuse := func(w http.ResponseWriter, status, code int, message string) {
		w.WriteHeader(status)
		answer(w, map[string]any{"error_code": code, "message": message})
	}
	mux.HandleFunc("POST /api/v1/registry/check", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Schema, Level string
			Version       int
		}
		json.NewDecoder(r.Body).Decode(&in)
		a := map[string]any{"compatible": true, "level": cmp.Or(s.level, "FULL"), "differences": []any{}}
		switch {
		case !strings.HasPrefix(strings.TrimSpace(in.Schema), "{"):
			fail(w, 422, "registry_42201", "Invalid schema of type PROTOBUF: line 2, column 5: syntax error "+f.text, "")
			return
		case in.Level == "FULL_TRANSITIVE" && in.Version == 0, in.Level == "FORWARD" && in.Version == 2:
			a["compatible"], a["differences"] = false, []map[string]any{{"version": 2, "direction": "forward", "kind": "TYPE_MISMATCH", "path": "/fields/1/type", "message": "bytes can not be read as double"}, {"version": 1}}
		case !strings.Contains(in.Schema, "Order") || f.text != "":
			a["compatible"] = false
			a["differences"] = []map[string]any{
				{"version": 3, "direction": "backward", "kind": "READER_FIELD_MISSING_DEFAULT_VALUE", "path": "/fields/2" + f.text, "message": "the field note has no default, and the older schema does not write it" + f.text, "example": `{"id":7,"total":1.5}`},
				{"version": 3, "direction": "forward", "kind": "TYPE_MISMATCH", "path": "/fields/1/type", "message": "string can not be read as double", "example": ""}}
		}
		answer(w, a)
	})
	mux.HandleFunc("POST /subjects/{s}", func(w http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); strings.Contains(string(b), "there") {
			answer(w, map[string]any{"subject": r.PathValue("s"), "version": 2, "id": 12})
			return
		}
		refuse(w, 404, 40403, "Schema not found")
	})
	change := func(done any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if s.fails != "" {
				refuse(w, 422, 42205, s.fails)
				return
			}
			var b []byte
			if r.Body != nil { // a DELETE has none
				b, _ = io.ReadAll(r.Body)
			}
			s.changed = append(s.changed, fmt.Sprintf("%s %s %s by %s %s because %q", r.Method, r.URL.RequestURI(), b, r.Header.Get("X-Weir-Via"), r.Header.Get("X-Weir-Actor"), r.Header.Get("X-Weir-Reason")))
			answer(w, done)
		}
	}
	mux.HandleFunc("POST /subjects/{s}/versions", change(map[string]any{"id": 14, "version": 4}))
	for _, route := range []string{"/config", "/config/{s}", "/mode", "/mode/{s}"} {
		mux.HandleFunc("PUT "+route, change(map[string]any{}))
		mux.HandleFunc("DELETE "+route, change(map[string]any{}))
	}
	mux.HandleFunc("DELETE /subjects/{s}", change([]int{1}))
	mux.HandleFunc("DELETE /subjects/{s}/versions/{v}", change(1))
	f.registerStatus(mux)
	f.registerWriters(mux, change)
	mux.HandleFunc("GET /api/v1/registry/usage", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.silent:
			fail(w, 404, "not_found", "there is no GET /api/v1/registry/usage", "")
		case f.empty:
			fail(w, 404, "registry_40401", "Subject not found.", "")
		default:
			lag := 12
			topic := map[string]any{"subject": subject, "field": "value", "cluster": "local", "topic": cmp.Or(f.text, "orders"), "sampled": 500, "plain": 20, "error": "",
				"ids":       []map[string]any{{"id": 13, "count": 470, "version": 3}, {"id": 99, "count": 10, "version": 0}},
				"groups":    []map[string]any{{"group": cmp.Or(f.text, "billing"), "lag": lag}, {"group": "shipping", "lag": nil}},
				"producers": []map[string]any{{"client": cmp.Or(f.text, "shop-1"), "producer": 4711}, {"client": "", "producer": -1}}}
			late := map[string]any{"subject": subject, "field": "value", "cluster": "", "topic": cmp.Or(f.text, "orders"), "error": cmp.Or(f.text, "no answer within 2s"), "ids": []any{}, "groups": []any{}, "producers": []any{}}
			answer(w, map[string]any{"versions": []map[string]any{{"subject": subject, "version": 2, "id": 12, "deleted": true}, {"subject": subject, "version": 3, "id": 13, "deleted": false}}, "topics": []any{topic, late}, "more": f.records > 100})
		}
	})
	mux.HandleFunc("GET /api/v1/registry/search", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.silent:
			fail(w, 404, "not_found", "there is no GET /api/v1/registry/search", "")
		case f.empty || r.URL.Query().Get("q") == "zzz":
			answer(w, map[string]any{"hits": []any{}, "next": ""})
		default:
			answer(w, map[string]any{"next": map[bool]string{true: "n2"}[r.URL.Query().Get("after") == ""], "hits": []map[string]any{
				{"subject": subject, "version": 3, "id": 13, "type": "AVRO", "where": "field", "path": "net.example.Order.total", "text": cmp.Or(f.text, "total")},
				{"subject": subject, "version": 3, "id": 13, "type": "AVRO", "where": "doc", "path": "net.example.Order", "text": cmp.Or(f.text, "What somebody has bought, with its total")}}})
		}
	})
}

func (f *fakeDesk) registerStatus(mux *http.ServeMux) {
	s := &f.schemas
	mux.HandleFunc("GET /api/v1/registry/status", func(w http.ResponseWriter, r *http.Request) {
		a := map[string]any{"loaded": true, "leads": true, "leader": cmp.Or(f.text, "weir-1 127.0.0.1:8080"), "refuses": "", "subjects": 7, "schemas": 13, "high_ids": map[string]int{".": 21}, "offset": 42, "dropped": 0, "foreign": 1, "comparing": nil}
		if s.trouble {
			a["leads"], a["dropped"] = false, 2
			a["refuses"] = cmp.Or(f.text, "another registry has written beside weir: offset 41, key {\"keytype\":\"SCHEMA\"}")
		}
		answer(w, a)
	})
	mux.HandleFunc("GET /api/v1/registry/warnings", func(w http.ResponseWriter, r *http.Request) {
		a := map[string]any{"records": []any{}, "opaque": []any{}, "importing": []any{}}
		if s.trouble {
			a["records"] = []map[string]any{{"offset": 7, "reason": cmp.Or(f.text, "the value is no JSON")}, {"offset": 9, "reason": "id 3 means another schema already"}}
			a["opaque"] = []map[string]any{{"subject": cmp.Or(f.text, "orders-value"), "version": 1, "reason": cmp.Or(f.text, "type \"flaot\" is not defined")}}
			a["importing"] = []any{cmp.Or(f.text, "orders-value"), map[string]any{"subject": "payments-value"}}
		}
		answer(w, a)
	})
}

func (f *fakeDesk) registerWriters(mux *http.ServeMux, change func(any) http.HandlerFunc) {
	s := &f.schemas
	asked := func(w http.ResponseWriter, r *http.Request, plan, done map[string]any) {
		b, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(b), `"apply":true`) {
			answer(w, plan)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		change(done)(w, r)
	}
	mux.HandleFunc("POST /api/v1/registry/takeover", func(w http.ResponseWriter, r *http.Request) {
		plan := map[string]any{"writer": s.writer, "members": append([]map[string]any{}, s.members...), "refusals": append([]string{}, s.refusals...), "dropped": 0, "repairs": []any{}, "aborted": 0, "peer": "", "compared": 0, "difference_count": s.differences, "differences": []string{}, "done": false}
		if len(s.members) > 0 {
			plan["peer"], plan["compared"] = s.members[0]["url"], 120
			plan["repairs"] = []map[string]any{{"key": cmp.Or(f.text, `{"keytype":"SCHEMA","subject":"orders-value","version":1}`), "reason": cmp.Or(f.text, "written under two spellings"), "records": 2}}
		}
		for i := range min(s.differences, 100) {
			plan["differences"] = append(plan["differences"].([]string), fmt.Sprintf("orders-value version %d: its text differs%s", i+1, f.text))
		}
		asked(w, r, plan, map[string]any{"done": true, "leader": "weir-1", "writer": "weir"})
	})
	mux.HandleFunc("POST /api/v1/registry/handback", func(w http.ResponseWriter, r *http.Request) {
		asked(w, r, map[string]any{"writer": s.writer, "aborted": 1, "done": false}, map[string]any{"writer": "other", "done": true})
	})
}

// busyTakeover is another registry that runs, and differs.
func busyTakeover(text string) fakeSchemas {
	return fakeSchemas{writer: "other", differences: 3, refusals: []string{"it differs from the registry at " + cmp.Or(text, "http://old:8081") + " in 3 things"},
		members: []map[string]any{{"id": "sr-1", "url": cmp.Or(text, "http://old:8081"), "eligible": false}}}
}
