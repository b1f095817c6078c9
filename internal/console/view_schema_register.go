package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A schema is too long for an address, so its form is a POST to the page's own
// address. It shows what would happen; only the second button registers, and only
// what was shown.

const registerRoute = "/ui/registry/register"

func registerPath(subject string) string {
	return address{page: pageAt(registerRoute)}.with("subject", subject).String()
}

// registerPage is the form, filled with the newest version of its subject.
func registerPage() *page {
	return made(page{
		route: registerRoute, section: "Schemas", params: []param{text("subject")},
		title: func(a address) string {
			if s := a.get("subject"); s != "" {
				return "Register for " + short(s, 60)
			}
			return "Register a schema"
		},
	}, func(a address) []question {
		asks := []question{globalSetting("compatibility", "config", "compatibilityLevel")}
		if s := a.get("subject"); s != "" {
			asks = append(asks, asking[schemaInfo]("latest", subjectsPath(s, "versions", "latest")))
		}
		return asks
	}, func(a address, d answers, asOf time.Time) []part {
		latest := of[schemaInfo](d, "latest")
		given := registration{Subject: a.get("subject"), Language: latest.Data.language(), Schema: indented(latest.Data.Schema), References: referenceLines(latest.Data.References)}
		note := ""
		if latest.Err != "" && !latest.NotFound {
			note = "The newest version could not be read: " + latest.Err
		}
		return []part{registerTitle(given), registerForm(given, preflight{}, note)}
	})
}

// registration is what the form holds.
type registration struct {
	Subject    string `json:"subject"`
	Language   string `json:"language"`
	Schema     string `json:"schema"`
	References string `json:"references"` // one per line
	Normalize  bool   `json:"normalize"`
	Reason     string `json:"-"`
}

// registrationOf reads the form. A browser sends line ends as CR LF.
func registrationOf(r *http.Request) registration {
	unix := func(name string) string { return strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n") }
	return registration{Subject: r.PostFormValue("subject"), Language: r.PostFormValue("language"), Schema: unix("schema"), References: unix("references"),
		Normalize: r.PostFormValue("normalize") != "", Reason: r.PostFormValue("reason")}
}

// body is the registration as the registry takes it.
func (g registration) body() (map[string]any, error) {
	refs, err := referencesOf(g.References)
	body := map[string]any{"schema": g.Schema}
	if len(refs) > 0 {
		body["references"] = refs
	}
	if g.Language != "" && g.Language != "AVRO" {
		body["schemaType"] = g.Language
	}
	return body, err
}

// referencesOf reads lines of a name, a subject and a version.
func referencesOf(lines string) (out []schemaReference, err error) {
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		r := schemaReference{Version: -1}
		if len(words) == 3 && words[2] != "latest" {
			r.Version, err = strconv.ParseInt(words[2], 10, 32)
		}
		if len(words) < 2 || len(words) > 3 || err != nil || r.Version == 0 {
			return nil, fmt.Errorf("“%s” is no reference; write a line for each, such as money.proto money 3, or latest for the version", plain(short(strings.TrimSpace(line), 80)))
		}
		r.Name, r.Subject = words[0], words[1]
		out = append(out, r)
	}
	return out, nil
}

func referenceLines(refs []schemaReference) string {
	var b strings.Builder
	for _, r := range refs {
		fmt.Fprintf(&b, "%s %s %d\n", r.Name, r.Subject, r.Version)
	}
	return b.String()
}

// preflight is what the registry says of a registration before it is made.
type preflight struct {
	At       time.Time
	Asked    bool
	Wrong    string // what is wrong with the form's text
	Trouble  string // what could not be asked
	There    *schemaInfo
	Latest   *schemaInfo // nil: the subject has none
	Next     int64
	Check    schemaCheck
	Mode     string
	Language string
}

// schemaCheck is the answer of POST /api/v1/registry/check.
type schemaCheck struct {
	Compatible  bool               `json:"compatible"`
	Level       string             `json:"level"`
	Differences []schemaDifference `json:"differences"`
	refused     *apiError          // the schema can not be checked
}

type schemaDifference struct {
	Version   int64  `json:"version"`
	Direction string `json:"direction"`
	Kind      string `json:"kind"`
	Path      string `json:"path"`
	Message   string `json:"message"`
	Example   string `json:"example"`
}

const checkPath = "/api/v1/registry/check"

// ready says that it can be registered.
func (p preflight) ready() bool {
	return p.Asked && p.Wrong == "" && p.Trouble == "" && p.There == nil && p.Check.Compatible && !refusesVersions(p.Mode)
}

func refusesVersions(mode string) bool {
	return slices.Contains([]string{"READONLY", "READONLY_OVERRIDE", "IMPORT", "FORWARD"}, mode)
}

// hash is of what was asked and of all that a confirmation relies on.
func (p preflight) hash(g registration) string {
	seen := struct {
		Given       registration
		ID, Version int64
		Level, Mode string
	}{Given: g, Level: p.Check.Level, Mode: p.Mode}
	if p.Latest != nil {
		seen.ID, seen.Version = p.Latest.ID, p.Latest.Version
	}
	return hashOf(seen)
}

func hashOf(v any) string {
	b, _ := json.Marshal(v) // texts and numbers
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// preflight asks all that can be known before a registration. It changes nothing.
func (a api) preflight(ctx context.Context, g registration, now time.Time) preflight {
	p := preflight{At: now, Asked: true, Language: g.Language}
	body, err := g.body()
	switch {
	case err != nil:
		p.Wrong = err.Error()
	case strings.TrimSpace(g.Subject) == "":
		p.Wrong = "Say under which subject, such as orders-value."
	case strings.TrimSpace(g.Schema) == "":
		p.Wrong = "There is no schema."
	}
	if p.Wrong != "" {
		return p
	}
	d := load(ctx, a, preflightQuestions(g, body), now)
	check, there, latest := of[schemaCheck](d, "check"), of[schemaInfo](d, "there"), of[schemaInfo](d, "latest")
	mode, numbers := of[map[string]any](d, "mode"), of[[]int64](d, "numbers")
	if p.Check = check.Data; p.Check.refused != nil {
		p.Wrong = p.Check.refused.Message
	}
	p.Mode, _ = mode.Data["mode"].(string)
	if there.Err == "" {
		p.There = &there.Data
	}
	if p.Next = 1; latest.Err == "" {
		p.Latest, p.Next = &latest.Data, latest.Data.Version+1
	}
	if n := len(numbers.Data); n > 0 {
		p.Next = max(p.Next, numbers.Data[n-1]+1)
	}
	for what, err := range map[string]string{"the check": check.Err, "the mode": mode.Err, "the newest version": unlessNotFound(latest), "whether it is there": unlessNotFound(there)} {
		if err != "" && p.Wrong == "" && (p.Trouble == "" || what == "the check") {
			p.Trouble = what + ": " + err
		}
	}
	return p
}

func unlessNotFound(p panel[schemaInfo]) string {
	if p.NotFound {
		return ""
	}
	return p.Err
}

func preflightQuestions(g registration, body map[string]any) []question {
	s := g.Subject
	checked := map[string]any{"subject": s, "normalize": g.Normalize}
	for name, v := range body {
		checked[name] = v
	}
	return []question{
		{"check", "", func(ctx context.Context, api api) (any, error) {
			var c schemaCheck
			err := api.patient(planTimes).call(ctx, http.MethodPost, checkPath, nil, checked, &c)
			if e := (*apiError)(nil); errors.As(err, &e) && e.Status == http.StatusUnprocessableEntity {
				return schemaCheck{refused: e}, nil
			}
			return c, err
		}},
		{"there", subjectsPath(s), func(ctx context.Context, api api) (any, error) {
			var v schemaInfo
			err := api.call(ctx, http.MethodPost, withQuery(subjectsPath(s), "normalize", trueIf(g.Normalize)), nil, body, &v)
			return v, err
		}},
		asking[schemaInfo]("latest", subjectsPath(s, "versions", "latest")),
		asking[[]int64]("numbers", subjectsPath(s, "versions")+"?deleted=true"),
		asking[map[string]any]("mode", joined("/mode", s)+"?defaultToGlobal=true"),
	}
}

func trueIf(on bool) string { return map[bool]string{true: "true"}[on] }

// byPage are the headers of a change that a page asks for, on behalf of who asked r.
func byPage(r *http.Request, reason string) http.Header {
	actor, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		actor = r.RemoteAddr
	}
	h := http.Header{"X-Weir-Actor": {actor}, "X-Weir-Via": {"page"}}
	if reason = strings.TrimSpace(plain(reason)); reason != "" {
		h.Set("X-Weir-Reason", reason)
	}
	return h
}

// register registers, and returns what it has become.
func (a api) register(r *http.Request, g registration) (v schemaInfo, err error) {
	body, err := g.body()
	if err != nil {
		return v, err
	}
	h := byPage(r, g.Reason)
	h.Set("Confluent-Accept-Unknown-Properties", "true") // to be told the version
	path := withQuery(subjectsPath(g.Subject, "versions"), "normalize", trueIf(g.Normalize))
	// Who leaves the page does not end a change that has begun.
	err = a.patient(applyTimes).call(context.WithoutCancel(r.Context()), http.MethodPost, path, h, body, &v)
	return v, err
}

// registerSchema serves POST /ui/registry/register: what would happen, and with the
// hash of that, the registration.
func (c *Console) registerSchema(w http.ResponseWriter, r *http.Request) {
	a := address{page: pageAt(registerRoute), query: map[string]string{}}
	if err := r.ParseForm(); err != nil {
		c.refused(w, r, http.StatusRequestEntityTooLarge, a, "Nothing was changed: the form could not be read: "+err.Error()+". Your browser's way back leads to what you wrote.")
		return
	}
	g := registrationOf(r)
	if g.Subject != "" && pageAt(registerRoute).params[0].valid(g.Subject) {
		a = a.with("subject", g.Subject)
	}
	now := time.Now()
	p := c.api.preflight(r.Context(), g, now)
	again := func(status int, refusal string) {
		c.show(w, r, status, a, registerParts(g, p, refusal))
	}
	switch {
	case p.Wrong != "":
		again(http.StatusUnprocessableEntity, "")
	case r.PostFormValue("do") != "register":
		again(http.StatusOK, "")
	case p.hash(g) != r.PostFormValue("plan_hash"):
		again(http.StatusConflict, "Nothing was registered: what was shown has changed since, the schema, the subject or its settings. Look at it once more.")
	case !p.ready():
		again(http.StatusConflict, "Nothing was registered.")
	default:
		v, err := c.api.register(r, g)
		if err == nil {
			c.show(w, r, http.StatusOK, a, registeredParts(g, v))
			return
		}
		refusal := applyFailed(err)
		p = c.api.preflight(r.Context(), g, now)
		again(statusOf(err), refusal)
	}
}

func registerTitle(g registration) part {
	t := titleView{frame: frame{Title: "Register a schema"}, Full: g.Subject, Lines: []string{"Nothing is registered by the first button: it shows what would happen."}}
	if g.Subject != "" {
		t.Title = "Register for " + short(g.Subject, 80)
	}
	return t.part()
}

type registerFormView struct {
	registration
	Action, Hash, Wrong, Note, Caret string
	Languages                        []choice
	Again                            bool
}

func registerForm(g registration, p preflight, note string) part {
	v := registerFormView{registration: g, Action: registerRoute, Wrong: short(p.Wrong, 1000), Note: note, Caret: caret(g.Schema, p.Wrong), Again: p.Asked}
	if p.ready() {
		v.Hash = p.hash(g)
	}
	v.Languages = choices(g.Language, "AVRO", "Avro", "JSON", "JSON Schema", "PROTOBUF", "Protobuf")
	return part{id: "form", template: "register-form", view: v}
}

type preflightView struct {
	frame
	Refusal  string
	Badge    badge
	Lines    []string
	Links    []linkView
	Facts    []fact
	Grid     grid
	Examples []exampleView
	Ready    bool
	Button   string
	Reason   string
}

type exampleView struct{ Title, Text string }

func registerParts(g registration, p preflight, refusal string) []part {
	parts := []part{registerTitle(g)}
	if p.Wrong == "" {
		v := preflightView{frame: frame{ID: "preflight", Title: "What would happen"}, Refusal: refusal, Ready: p.ready(), Reason: g.Reason}
		v.age = ageLine("preflight", p.At, p.At, "")
		v.tell(g, p)
		parts = append(parts, part{id: "preflight", template: "schema-preflight", view: v, age: v.age})
		if p.Latest != nil && p.There == nil && p.Trouble == "" {
			s := schemaView{frame: frame{ID: "schema", Title: fmt.Sprintf("Beside version %d", p.Latest.Version)}, Older: p.Latest.Version, Newer: p.Next}
			s.compare(schemaText(p.Latest.Schema), schemaText(g.Schema))
			parts = append(parts, part{id: "schema", template: "schema", view: s})
		}
	}
	return append(parts, registerForm(g, p, ""))
}

// tell fills in what was found.
func (v *preflightView) tell(g registration, p preflight) {
	v.Facts = []fact{{"Compatibility", cell{Text: short(p.Check.Level, 40), Mark: "long"}}, {"Mode", cell{Text: short(p.Mode, 40), Mark: "long"}}, {"Differences", should(int64(len(p.Check.Differences)), "bad")}}
	switch {
	case p.Trouble != "":
		v.Badge, v.Trouble = badge{"not known", "unknown"}, "It can not be said now: "+short(p.Trouble, 300)
		v.Facts = nil
		return
	case p.There != nil:
		v.Badge = badge{"is there already", "complete"}
		v.Lines = []string{fmt.Sprintf("The subject has this schema: it is version %d, with the id %d. There is nothing to register.", p.There.Version, p.There.ID)}
		v.Links = []linkView{{subjectPath(g.Subject, "version", fmt.Sprint(p.There.Version)), fmt.Sprintf("Version %d", p.There.Version)}}
		return
	case !p.Check.Compatible:
		v.Badge = badge{"not compatible", "lost"}
		v.Lines = []string{"It would be refused. " + levelMeaning(p.Check.Level)}
	case refusesVersions(p.Mode):
		v.Badge = badge{"would be refused", "lost"}
		v.Lines = []string{"No schema is taken: the mode is " + p.Mode + ". " + modeMeaning(p.Mode)}
		v.Links = []linkView{{settingsPath(g.Subject), "Settings"}}
	default:
		v.Badge = badge{fmt.Sprintf("would be version %d", p.Next), "complete"}
		v.Button = fmt.Sprintf("Register as version %d", p.Next)
		v.Lines = []string{fmt.Sprintf("It would be version %d of this subject. Its id is a new one, unless the same schema is registered elsewhere: then it is that one's.", p.Next)}
		if p.Latest == nil {
			v.Lines = append(v.Lines, "The subject is new.")
		}
	}
	v.differences(p.Check.Differences)
}

// maxDifferences is how many are drawn; the API has them all.
const maxDifferences = 100

func (v *preflightView) differences(list []schemaDifference) {
	v.Grid.Cols = []column{plainCol("Version"), plainCol("Where"), {Label: "What", Wide: true}, {Label: "Why", Wide: true}}
	for _, d := range list[:min(len(list), maxDifferences)] {
		way := map[string]string{"backward": "the new schema can not read what it wrote", "forward": "it can not read what the new schema writes"}[d.Direction]
		v.Grid.Rows = append(v.Grid.Rows, []cell{{Text: fmt.Sprint(d.Version), Note: way}, named(d.Path, 80, ""), named(d.Kind, 60, ""), named(d.Message, 300, "")})
		if d.Example != "" {
			v.Examples = append(v.Examples, exampleView{fmt.Sprintf("A record that is written and can not be read, or is misread: version %d, %s", d.Version, d.Direction), schemaText(d.Example)})
		}
	}
	if n := len(list) - maxDifferences; n > 0 {
		v.Sum = fmt.Sprintf("the first %d of %d differences; the API has them all", maxDifferences, len(list))
	}
}

func registeredParts(g registration, v schemaInfo) []part {
	version := "latest"
	words := fmt.Sprintf("The schema has the id %d.", v.ID)
	r := schemaDone{frame: frame{ID: "result", Title: "What was done"}}
	if v.Version > 0 {
		version = fmt.Sprint(v.Version)
		words = fmt.Sprintf("It is version %d, with the id %d.", v.Version, v.ID)
		undo := schemaChange{Kind: changeDelete, Subject: g.Subject, Version: v.Version}
		r.Links = append(r.Links, linkView{undo.address().String(), "Plan the undo"})
	}
	r.What, r.Full, r.Target, r.Lines = "Registered for", g.Subject, short(g.Subject, 120), []string{words}
	r.Links = append(r.Links, linkView{subjectPath(g.Subject, "version", map[bool]string{true: version}[version != "latest"]), "The subject"}, actionsOf(g.Subject))
	return []part{titleView{frame: frame{Title: "Registered"}, Full: g.Subject}.part(), r.part()}
}
