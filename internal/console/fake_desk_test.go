package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// fakeDesk answers as the API of records, searches, plans, schemas and actions does.
// Its zero value has a little of each.
type fakeDesk struct {
	records  int    // how many records a topic has; 0: 7, below 0: none
	text     string // of each key, value and header; "": usual ones
	state    string // of the search; "" is done
	plan     string // changes what plans say
	danger   bool
	noLog    bool     // the actions log is away
	applied  []string // bodies of apply
	empty    bool     // no subjects and no actions
	versions int      // of a subject; 0: 3
	schemas  fakeSchemas
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func (f *fakeDesk) record(i int64) recordInfo {
	value := fmt.Sprintf(`{"id":%d,"customer":"c-%d","total":{"amount":%d,"currency":"EUR"}}`, i, i%5, i*17)
	r := recordInfo{Partition: int32(i % 3), Offset: i, Time: moment{noon.Add(time.Duration(i) * time.Second)}, TimeType: "create", Size: int64(len(value) + 8),
		Key:     fieldInfo{Text: fmt.Sprintf("order-%d", i), Format: "text", Bytes: 8},
		Value:   fieldInfo{Text: value, Format: "avro", SchemaID: 12, Subject: "orders-value", Bytes: int64(len(value))},
		Headers: []headerInfo{{"trace", fieldInfo{Text: "4bf92f3577b34da6", Format: "text", Bytes: 16}}}}
	switch i {
	case 3:
		r.Value = fieldInfo{Null: true, Format: "null"}
	case 4:
		r.Value = fieldInfo{Text: "00000000ff1b9a", Format: "hex", Bytes: 7}
		for d, e := range map[string]string{"avro": "schema 255 is not registered"} {
			r.Value.Attempts = append(r.Value.Attempts, struct {
				Decoder string `json:"decoder"`
				Error   string `json:"error"`
			}{d, e})
		}
	case 5:
		r.Value = fieldInfo{Text: strings.Repeat("0123456789abcdef", 4096), Format: "text", Bytes: 20 << 20, Truncated: true}
		r.Size = 20 << 20
	case 6:
		r.Control, r.Transactional, r.Headers = true, true, nil
		r.Key, r.Value = fieldInfo{Text: "commit", Format: "kafka", Bytes: 4}, fieldInfo{Text: "coordinator epoch 3", Format: "kafka", Bytes: 6}
	}
	if f.text != "" {
		r.Key.Text, r.Value = f.text, fieldInfo{Text: f.text, Format: f.text, Subject: f.text, SchemaID: 1, Bytes: 9}
		r.Headers = []headerInfo{{f.text, fieldInfo{Text: f.text, Format: f.text}}}
	}
	return r
}

func (f *fakeDesk) page(limit int) (out []recordInfo) {
	n := cmp.Or(f.records, 7)
	for i := range min(n, limit) {
		out = append(out, f.record(int64(n-1-i)))
	}
	return out
}

func (f *fakeDesk) register(mux *http.ServeMux) {
	const topic = "/api/v1/clusters/{c}/topics/{t}"
	mux.HandleFunc("GET "+topic+"/records", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if strings.HasPrefix(q.Get("from"), "no ") {
			fail(w, 400, "bad_request", fmt.Sprintf("%q is no place: write start, end, a time like 2026-11-24T10:00:00Z, or an offset", q.Get("from")), "")
			return
		}
		limit := 50
		fmt.Sscan(q.Get("limit"), &limit)
		p := map[string]any{"records": f.page(limit), "order": map[bool]string{true: "newest", false: "oldest"}[q.Get("from") == "end"], "next": "after-these", "at_end": q.Get("cursor") != "",
			"ranges": []map[string]any{{"partition": 0, "start": 0, "end": max(0, cmp.Or(f.records, 7))}}, "problems": []string{}}
		answer(w, p)
	})
	mux.HandleFunc("GET "+topic+"/records/{p}/{o}", func(w http.ResponseWriter, r *http.Request) {
		var n int64
		fmt.Sscan(r.PathValue("o"), &n)
		if n >= int64(cmp.Or(f.records, 7)) {
			fail(w, 404, "not_found", "partition "+r.PathValue("p")+" holds no offset "+r.PathValue("o"), "it holds 0 to 6")
			return
		}
		answer(w, f.record(n))
	})
	mux.HandleFunc("GET "+topic+"/histogram", func(w http.ResponseWriter, r *http.Request) {
		buckets := []map[string]any{}
		for i := range max(0, min(48, cmp.Or(f.records, 7))) {
			buckets = append(buckets, map[string]any{"from": noon.Add(time.Duration(i) * time.Minute), "to": noon.Add(time.Duration(i+1) * time.Minute), "records": i * i % 11})
		}
		answer(w, map[string]any{"buckets": buckets, "exact": true, "why": "every record was read", "problems": []string{}})
	})
	f.registerSearches(mux)
	f.registerPlans(mux)
	f.registerRegistry(mux)
	mux.HandleFunc("GET /api/v1/actions", func(w http.ResponseWriter, r *http.Request) {
		l := []map[string]any{}
		for i, state := range []string{"asked", "done", "failed", "unknown"} {
			if f.empty || r.URL.Query().Get("state") != "" && r.URL.Query().Get("state") != state {
				continue
			}
			a := map[string]any{"id": fmt.Sprint(i), "at": noon, "actor": cmp.Or(f.text, "192.0.2.7"), "via": []string{"page", "api", "command", "page"}[i], "system": "fleet", "cluster": "local",
				"kind": []string{"group-reset", "topic-config", "topic-delete", "group-delete"}[i], "target": cmp.Or(f.text, []string{"billing-0000", "orders.paid.0001", "old-orders", "nobody"}[i]), "change": map[string]any{"kind": "x", "topic": cmp.Or(f.text, "orders")},
				"reason": cmp.Or(f.text, "ticket 4711"), "state": state, "error": "", "ended": nil, "offset": i}
			if state == "failed" {
				a["error"], a["ended"] = cmp.Or(f.text, "the controller is away"), noon.Add(1500*time.Millisecond)
			}
			l = append(l, a)
		}
		answer(w, map[string]any{"actions": l, "next": "", "problems": []string{}})
	})
}

func (f *fakeDesk) registerSearches(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/searches", func(w http.ResponseWriter, r *http.Request) {
		var q searchQuery
		json.NewDecoder(r.Body).Decode(&q)
		switch {
		case strings.Contains(q.CEL, "(("):
			fail(w, 422, "filter_invalid", "line 1, column 15: Syntax error: mismatched input '<EOF>'", "it is an expression of CEL")
		case q.BudgetBytes > 16<<30:
			fail(w, 422, "budget_too_large", fmt.Sprintf("%d bytes is no budget of one search", q.BudgetBytes), "give no more")
		case q.DryRun:
			answer(w, map[string]any{"id": "", "estimate": map[string]any{"partitions": 3, "records": 1_234_567, "bytes": 98_765_432, "seconds": 2.4}})
		default:
			answer(w, map[string]any{"id": "JOB7", "estimate": map[string]any{"partitions": 3}})
		}
	})
	mux.HandleFunc("GET /api/v1/searches/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != "JOB7" {
			fail(w, 404, "search_gone", "there is no search "+r.PathValue("id"), "start another one with the token of this one")
			return
		}
		state := cmp.Or(f.state, "done")
		s := map[string]any{"id": "JOB7", "state": state, "why": map[string]string{"running": "", "done": "everything was covered", "budget": "the budget of bytes is spent", "cancelled": "it was cancelled, or weir stops", "failed": "some of it can not be read"}[state],
			"matches": f.page(5), "problems": []string{}, "covered": []offsetRange{{0, 0, 500_000}}, "error": "",
			"progress": map[string]any{"records": 500_000, "bytes": 40_000_000, "records_total": 1_234_567, "bytes_total": 98_765_432, "elapsed_ms": 1234, "eta_ms": 1800}}
		if state != "done" {
			s["token"] = "T0KEN"
		}
		if state == "failed" {
			s["error"] = cmp.Or(f.text, "partition 2: broker 3 is away")
		}
		answer(w, s)
	})
	mux.HandleFunc("DELETE /api/v1/searches/{id}", func(w http.ResponseWriter, r *http.Request) {
		f.state = "cancelled"
		answer(w, map[string]any{"id": "JOB7", "state": "cancelled"})
	})
}

// planOf plans without looking at the change much: its kind and its target are those
// asked for.
func (f *fakeDesk) planOf(change map[string]any) map[string]any {
	kind, _ := change["kind"].(string)
	target := "billing-0003"
	for _, name := range []string{"topic", "group"} {
		if s, ok := change[name].(string); ok {
			target = s
		}
	}
	steps := []stepInfo{
		{target + "/0", "offset", "900", cmp.Or(f.plan, "1200"), "skips 300 records"},
		{target + "/1", "offset", "1100", "1000", "reads 100 records again"}}
	if f.plan != "" {
		steps[1] = stepInfo{target + "/2", "offset", "-", "7", cmp.Or(f.text, "")}
	}
	warnings := []string{}
	if f.danger {
		warnings = append(warnings, cmp.Or(f.text, "group billing has members that read it"))
	}
	return map[string]any{"hash": "h-" + cmp.Or(f.plan, "1"), "kind": kind, "cluster": "local", "target": target, "steps": steps, "warnings": warnings, "danger": f.danger,
		"command": "weir groups reset " + target + " --yes", "api": "POST /api/v1/clusters/local/apply {}", "skipped": 300, "replayed": 100, "change": change}
}

func (f *fakeDesk) registerPlans(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/clusters/{c}/plan", func(w http.ResponseWriter, r *http.Request) {
		var change map[string]any
		json.NewDecoder(r.Body).Decode(&change)
		switch topic, _ := change["topic"].(string); {
		case change["kind"] == nil:
			fail(w, 422, "change_invalid", "there is no change \"\"", "there are others")
		case strings.HasPrefix(topic, "__") && change["force"] != true:
			fail(w, 422, "protected", "topic "+topic+" is weir's or Kafka's own", "force deletes it all the same")
		default:
			answer(w, f.planOf(change))
		}
	})
	mux.HandleFunc("POST /api/v1/clusters/{c}/apply", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Change map[string]any `json:"change"`
			Hash   string         `json:"plan_hash"`
		}
		json.NewDecoder(r.Body).Decode(&in)
		if f.noLog {
			fail(w, 503, "actions_log_unavailable", "the actions log can not be written", "")
			return
		}
		b, _ := json.Marshal(in)
		f.applied = append(f.applied, r.Header.Get("X-Weir-Via")+" "+r.Header.Get("X-Weir-Actor")+" "+string(b))
		done := map[string]any{"plan": f.planOf(in.Change), "done": true, "undo": nil, "undo_command": "", "warning": ""}
		if in.Change["kind"] == "group-reset" {
			done["undo"] = map[string]any{"kind": "group-reset", "group": in.Change["group"], "reset": map[string]any{"to": "offsets"}}
			done["undo_command"] = "weir groups reset billing-0003 --offset orders/0=900 --yes"
		}
		answer(w, done)
	})
}

func (f *fakeDesk) registerRegistry(mux *http.ServeMux) {
	subject := cmp.Or(f.text, "orders-value")
	known := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if f.empty || !strings.HasPrefix(r.PathValue("s"), subject) {
				w.WriteHeader(404)
				answer(w, map[string]any{"error_code": 40401, "message": "Subject '" + r.PathValue("s") + "' not found."})
				return
			}
			h(w, r)
		}
	}
	schema := func(v int) map[string]any {
		fields := []string{`{"name":"id","type":"long"}`, `{"name":"total","type":"double"}`, `{"name":"customer","type":["null","string"],"default":null}`, `{"name":"note","type":"string","default":""}`}
		if v > 2 {
			fields[1] = `{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}}`
		}
		text := `{"type":"record","name":"Order","namespace":"net.example","doc":"` + strings.NewReplacer(`"`, `'`, "\r", `\r`).Replace(f.text) + `","fields":[` + strings.Join(fields[:min(len(fields), v+1)], ",") + `]}`
		return map[string]any{"subject": subject, "version": v, "id": 10 + v, "schema": text}
	}
	mux.HandleFunc("GET /subjects", func(w http.ResponseWriter, r *http.Request) {
		l := []string{}
		if r.URL.Query().Get("deletedOnly") != "" {
			answer(w, f.schemas.goneSubjects)
			return
		}
		if !f.empty {
			l = append(l, subject)
			for i := range max(0, f.records/2) {
				l = append(l, fmt.Sprintf("%s-%05d", subject, i))
			}
		}
		answer(w, l)
	})
	mux.HandleFunc("GET /api/v1/registry/history", func(w http.ResponseWriter, r *http.Request) {
		rows := []map[string]any{}
		for v := 3; v > 0 && !f.empty; v-- {
			rows = append(rows, map[string]any{"at": time.Date(2026, 11, v, 10, 0, 0, 0, time.UTC), "who": f.text, "from": "10.0.0.7:1234", "reason": f.text, "what": "register", "version": v, "id": 10 + v})
		}
		h := map[string]any{"rows": rows}
		if !f.empty && r.URL.Query().Get("before") == "" {
			h["next"] = 4711
		}
		answer(w, h)
	})
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"compatibilityLevel": "BACKWARD"})
	})
	mux.HandleFunc("GET /mode", func(w http.ResponseWriter, r *http.Request) { answer(w, map[string]any{"mode": "READWRITE"}) })
	mux.HandleFunc("GET /config/{s}", known(func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"compatibilityLevel": cmp.Or(f.schemas.level, "FULL")})
	}))
	mux.HandleFunc("GET /mode/{s}", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("defaultToGlobal") != "" {
			answer(w, map[string]any{"mode": cmp.Or(f.schemas.mode, "READWRITE")})
			return
		}
		w.WriteHeader(404)
		answer(w, map[string]any{"error_code": 40409, "message": "Subject has no subject-level mode configured"})
	})
	mux.HandleFunc("GET /subjects/{s}/versions", known(func(w http.ResponseWriter, r *http.Request) {
		l := []int{}
		for i := range cmp.Or(f.versions, 3) {
			if r.URL.Query().Get("deletedOnly") == "" {
				l = append(l, i+1)
			}
		}
		if q := r.URL.Query(); q.Get("deleted") != "" || q.Get("deletedOnly") != "" {
			l = append(l, f.schemas.gone...)
		}
		answer(w, l)
	}))
	mux.HandleFunc("GET /subjects/{s}/versions/{v}", known(func(w http.ResponseWriter, r *http.Request) {
		v := cmp.Or(f.versions, 3)
		fmt.Sscan(r.PathValue("v"), &v)
		answer(w, schema(v))
	}))
	mux.HandleFunc("GET /subjects/{s}/versions/{v}/referencedby", known(func(w http.ResponseWriter, r *http.Request) { answer(w, []int{21}) }))
	mux.HandleFunc("GET /schemas/ids/{id}/versions", func(w http.ResponseWriter, r *http.Request) {
		answer(w, []schemaUse{{subject, 3}, {subject + "-copy", 1}})
	})
	f.registerSchemas(mux, known)
}
