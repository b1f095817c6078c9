package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// modelOp is one request of the model test, what the sequential model has for it, and
// what came of it.
type modelOp struct {
	name         string // the client, and the number of the request
	method, path string
	body         string
	full         bool // wants all properties in the answer

	cmd    state.Command // of a change; its answer is below
	answer func(state.Reply) any
	read   func(*state.State) (any, error) // of what changes nothing

	began, ended int64 // by one clock of the test that ticks with each event
	slot         int   // of the process that was asked
	process      string
	min          int64 // X-Weir-Min-Offset; -2: none
	floor        int64 // of what had been answered to anybody before, the highest offset
	got          answered
	lost         error // why there is no answer
}

// String shows an op in a line.
func (o *modelOp) String() string {
	least, got := "", fmt.Sprintf("%d %s @%d", o.got.status, o.got.body, o.got.offset)
	if o.min > -2 {
		least = fmt.Sprint(" min ", o.min)
	}
	if o.lost != nil {
		got = "lost: " + o.lost.Error()
	}
	return fmt.Sprintf("[%d-%d] %s at %s: %s %s %.120s%s -> %.300s", o.began, o.ended, o.name, o.process, o.method, o.path, o.body, least, got)
}

// refused says that the answer is a decision, and not a failure.
func (o *modelOp) refused() bool { return o.got.status >= 400 && o.got.status < 500 }

// unknown says that the change may have been made or not.
func (o *modelOp) unknown() bool {
	return o.lost != nil || o.got.Code == state.CodeTimeout || o.got.Code == state.CodeForwarding
}

// modelText is a schema as a client may send it.
type modelText struct {
	kind, text string
	refers     bool // to version -1 or 1 of modelSubjects[0], as R
}

var modelSubjects = []string{"r", "s", "t/u", ":.c:r", ":.c:s"}

var modelTexts = []modelText{
	{text: `"int"`}, {text: `"long"`},
	{text: record(fieldA)},
	{text: record(fieldA + "," + fieldB)}, // BACKWARD breaks
	{text: record(fieldA + "," + fieldBdef)},
	{text: " " + record(" "+fieldA)}, // that of above, in other words
	{text: record(`{"name":"a","type":"long"}`)},
	{text: record(fieldBdef)},
	{text: `{"type":"enum","name":"E","symbols":["A","B"]}`},
	{text: `{"type":"enum","name":"E","symbols":["A","B","C"]}`},
	{text: `{"type":"record","name":"Q","fields":[{"name":"r","type":"R"}]}`, refers: true},
	{kind: "JSON", text: `{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}`},
	{kind: "JSON", text: `{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"string"}},"additionalProperties":false}`},
	{kind: "JSON", text: `{"type": "string"}`},
	{text: `{"type":"record"}`}, // none
}

// modelRand makes the requests of one client: they depend on nothing but its seed.
type modelRand struct{ *rand.Rand }

func (r modelRand) one(in int) bool { return r.IntN(in) == 0 }

func oneOf[T any](r modelRand, list ...T) T { return list[r.IntN(len(list))] }

func inPath(subject string) string { return "/subjects/" + url.PathEscape(subject) }

// version is a number that may be there, as the path has it.
func (r modelRand) version() (int, string) {
	if r.one(3) {
		return state.Latest, "latest"
	}
	n := 1 + r.IntN(8)
	return n, fmt.Sprint(n)
}

func (r modelRand) next() *modelOp {
	subject := oneOf(r, modelSubjects...)
	switch k := r.IntN(100); {
	case k < 30:
		return r.register(subject)
	case k < 36:
		return r.deletion(subject)
	case k < 44:
		return r.deleteVersion(subject)
	case k < 48:
		return r.config(subject)
	case k < 54:
		return r.mode(subject)
	case k < 62:
		return r.lookup(subject)
	}
	return r.reading(subject)
}

// registration is the command, and the body that asks for it.
func (r modelRand) registration(subject string) (cmd state.Register, body string) {
	i := r.IntN(len(modelTexts))
	text := modelTexts[i]
	cmd = state.Register{Subject: subject, Type: text.kind, Schema: text.text}
	request := map[string]any{"schema": text.text}
	if text.kind != "" {
		request["schemaType"] = text.kind
	}
	if text.refers {
		cmd.References = []wire.SchemaReference{{Name: "R", Subject: modelSubjects[0], Version: oneOf(r, state.Latest, 1)}}
		request["references"] = cmd.References
	}
	if r.one(8) {
		cmd.ID = 1000 + i + 100*r.IntN(2)
		request["id"] = cmd.ID
		if r.one(2) {
			cmd.Version = 1 + r.IntN(5)
			request["version"] = cmd.Version
		}
	}
	b, _ := json.Marshal(request)
	return cmd, string(b)
}

func (r modelRand) register(subject string) *modelOp {
	cmd, body := r.registration(subject)
	o := &modelOp{method: "POST", path: inPath(subject) + "/versions", body: body, full: r.one(2)}
	if cmd.Force = r.one(10); cmd.Force {
		o.path += "?force=true"
	}
	o.cmd, o.answer = cmd, func(made state.Reply) any {
		if !o.full {
			return idReply(made.Version.ID)
		}
		made.Version.Subject = ""
		return versionReply{made.Version}
	}
	return o
}

func (r modelRand) deletion(subject string) *modelOp {
	cmd := state.DeleteSubject{Subject: subject, Permanent: r.one(2)}
	return &modelOp{
		method: "DELETE", path: fmt.Sprintf("%s?permanent=%t", inPath(subject), cmd.Permanent),
		cmd: cmd, answer: func(made state.Reply) any { return made.Versions },
	}
}

func (r modelRand) deleteVersion(subject string) *modelOp {
	n, text := r.version()
	cmd := state.DeleteVersion{Subject: subject, Version: n, Permanent: r.one(2)}
	return &modelOp{
		method: "DELETE", path: fmt.Sprintf("%s/versions/%s?permanent=%t", inPath(subject), text, cmd.Permanent),
		cmd: cmd, answer: func(made state.Reply) any { return made.Versions[0] },
	}
}

// setting is whose setting a request is about, and its path.
func (r modelRand) setting(of, subject string) (string, string) {
	if r.one(8) {
		return "", "/" + of
	}
	return subject, "/" + of + "/" + url.PathEscape(subject)
}

func (r modelRand) config(subject string) *modelOp {
	subject, path := r.setting("config", subject)
	if r.one(3) {
		return &modelOp{
			method: "DELETE", path: path, cmd: state.DeleteConfig{Subject: subject},
			answer: func(made state.Reply) any { return configReply{made.Config, "compatibilityLevel"} },
		}
	}
	level := oneOf(r, "NONE", "NONE", "BACKWARD", "FULL", "FORWARD_TRANSITIVE", "SIDEWAYS")
	return &modelOp{
		method: "PUT", path: path, body: fmt.Sprintf(`{"compatibility":%q}`, level),
		cmd:    state.SetConfig{Subject: subject, Change: wire.SchemasSetting{CompatibilityLevel: level}},
		answer: func(made state.Reply) any { return configReply{made.Config, "compatibility"} },
	}
}

func (r modelRand) mode(subject string) *modelOp {
	subject, path := r.setting("mode", subject)
	if subject == "" || r.one(2) { // so that most can be written to, most of the time
		return &modelOp{method: "DELETE", path: path, cmd: state.DeleteMode{Subject: subject}, answer: asMode}
	}
	cmd := state.SetMode{Subject: subject, Mode: oneOf(r, "READWRITE", "READWRITE", "READONLY", "IMPORT", "IMPORT", "SLEEPY"), Force: r.one(2)}
	return &modelOp{method: "PUT", path: fmt.Sprintf("%s?force=%t", path, cmd.Force), body: fmt.Sprintf(`{"mode":%q}`, cmd.Mode), cmd: cmd, answer: asMode}
}

func (r modelRand) lookup(subject string) *modelOp {
	cmd, body := r.registration(subject)
	deleted := r.one(2)
	return &modelOp{
		method: "POST", path: fmt.Sprintf("%s?deleted=%t", inPath(subject), deleted), body: body,
		read: func(st *state.State) (any, error) {
			v, err := st.Lookup(cmd, deleted)
			return versionReply{v}, err
		},
	}
}

func get(path string, read func(*state.State) (any, error)) *modelOp {
	return &modelOp{method: "GET", path: path, read: read}
}

func (r modelRand) reading(subject string) *modelOp {
	deleted := r.one(2)
	q := fmt.Sprintf("?deleted=%t", deleted)
	n, text := r.version()
	id := 1 + r.IntN(60)
	if r.one(6) {
		id = 1000 + r.IntN(120)
	}
	switch r.IntN(8) {
	case 0:
		return get("/subjects"+q, func(st *state.State) (any, error) {
			return st.Subjects(":*:", deleted, false, state.Page{}), nil
		})
	case 1:
		return get(inPath(subject)+"/versions"+q, func(st *state.State) (any, error) {
			return st.Versions(subject, deleted, false, false, state.Page{})
		})
	case 2:
		return get(inPath(subject)+"/versions/"+text+"/referencedby", func(st *state.State) (any, error) {
			return st.ReferencedBy(subject, n)
		})
	case 3:
		return getMeaning(id, "")
	case 4:
		return r.readSetting(subject)
	case 5:
		return getUses(id)
	}
	return get(inPath(subject)+"/versions/"+text+q, func(st *state.State) (any, error) {
		v, err := st.Version(subject, n, deleted)
		return versionReply{v}, err
	})
}

func getMeaning(id int, subject string) *modelOp {
	return get(fmt.Sprintf("/schemas/ids/%d?subject=%s", id, url.QueryEscape(subject)), func(st *state.State) (any, error) {
		v, err := st.Schema(id, subject)
		return schemaReply{version: v}, err
	})
}

func getUses(id int) *modelOp {
	return get(fmt.Sprintf("/schemas/ids/%d/versions?deleted=true", id), func(st *state.State) (any, error) {
		type use struct {
			Subject string `json:"subject"`
			Version int    `json:"version"`
		}
		uses, err := st.Uses(id, "", true, state.Page{})
		list := []use{}
		for _, u := range uses {
			list = append(list, use(u))
		}
		return list, err
	})
}

func (r modelRand) readSetting(subject string) *modelOp {
	toGlobal := r.one(2)
	of := oneOf(r, "config", "mode")
	subject, path := r.setting(of, subject)
	return get(fmt.Sprintf("%s?defaultToGlobal=%t", path, toGlobal), func(st *state.State) (any, error) {
		if of == "config" {
			config, err := st.Config(subject, toGlobal)
			return configReply{config, "compatibilityLevel"}, err
		}
		mode, err := st.Mode(subject, toGlobal)
		return modeReply{mode}, err
	})
}

// everything is what all processes are asked at the end.
func everything() (ops []*modelOp) {
	r := modelRand{rand.New(rand.NewPCG(1, 1))}
	ops = append(ops, get("/schemas?deleted=true", func(st *state.State) (any, error) {
		var list schemaList
		for _, v := range st.Schemas(state.Filter{Prefix: ":*:", Deleted: true, Page: state.Page{Limit: maxSchemas}}) {
			list = append(list, listedSchema{version: v})
		}
		return list, nil
	}))
	for id := range 100 {
		ops = append(ops, getMeaning(id+1, oneOf(r, "", ":.c:")), getMeaning(id+1000, oneOf(r, "", ":.c:")))
	}
	for range 100 {
		ops = append(ops, r.reading(oneOf(r, modelSubjects...)), r.lookup(oneOf(r, modelSubjects...)))
	}
	return ops
}

// wanted is the status and the body of what the model answers.
func wanted(v any, err error) (status int, body string) {
	var refusal *state.Error
	switch {
	case errors.As(err, &refusal):
		return refusal.Status, string(encode(struct {
			Code    int    `json:"error_code"`
			Message string `json:"message"`
		}{refusal.Code, refusal.Message}))
	case err != nil:
		return http.StatusInternalServerError, err.Error()
	}
	return http.StatusOK, strings.TrimSpace(string(encode(v)))
}
