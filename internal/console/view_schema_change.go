package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Settings and deletions. The address of a form says what is wanted and its page
// shows what would be done; the confirmation carries the change and the hash of that,
// and plans anew, as those of clusters do (view_plan.go, change.go).

const (
	changeLevel  = "compatibility"
	changeMode   = "mode"
	changeDelete = "delete"
)

// schemaChange is a change of the registry.
type schemaChange struct {
	Kind      string `json:"kind"`
	Subject   string `json:"subject,omitempty"` // "": all
	To        string `json:"to,omitempty"`      // level or mode; "": unset
	Version   int64  `json:"version,omitempty"` // to delete; 0: all
	Permanent bool   `json:"permanent,omitempty"`
	Force     bool   `json:"force,omitempty"`
	Keep      bool   `json:"keep,omitempty"` // to unset: the subject's config says more than the level
}

const unset = "unset"

func subjectPath(subject string, pairs ...string) string {
	return address{page: pageAt("/ui/registry/subjects/{subject}"), vars: map[string]string{"subject": subject}}.with(pairs...).String()
}

func settingsAddress(subject string) address {
	if subject == "" {
		return address{page: pageAt("/ui/registry/settings"), vars: map[string]string{}}
	}
	return address{page: pageAt("/ui/registry/subjects/{subject}/settings"), vars: map[string]string{"subject": subject}}
}

func settingsPath(subject string) string { return settingsAddress(subject).String() }

// address is that of the page that plans c.
func (c schemaChange) address() address {
	if c.Kind == changeDelete {
		a := address{page: pageAt("/ui/registry/subjects/{subject}/delete"), vars: map[string]string{"subject": c.Subject}}
		version := ""
		if c.Version > 0 {
			version = fmt.Sprint(c.Version)
		}
		return a.with("version", version, "permanent", one(c.Permanent))
	}
	to := c.To
	if to == "" {
		to = unset
	}
	return settingsAddress(c.Subject).with("set", c.Kind, "to", to, "force", one(c.Force))
}

func one(on bool) string { return map[bool]string{true: "1"}[on] }

// call is how the registry is asked for c.
func (c schemaChange) call() (method, path string, body any) {
	switch c.Kind {
	case changeLevel:
		path = joined("/config", c.segments()...)
		switch {
		case c.To != "":
			return http.MethodPut, path, map[string]any{"compatibility": c.To}
		case c.Keep:
			return http.MethodPut, path, map[string]any{"compatibility": nil}
		}
		return http.MethodDelete, path, nil
	case changeMode:
		path = joined("/mode", c.segments()...)
		if c.To != "" {
			return http.MethodPut, withQuery(path, "force", trueIf(c.Force)), map[string]any{"mode": c.To}
		}
		return http.MethodDelete, path, nil
	}
	path = subjectsPath(c.Subject)
	if c.Version > 0 {
		path = subjectsPath(c.Subject, "versions", fmt.Sprint(c.Version))
	}
	return http.MethodDelete, withQuery(path, "permanent", trueIf(c.Permanent)), nil
}

func (c schemaChange) segments() []string {
	if c.Subject == "" {
		return nil
	}
	return []string{c.Subject}
}

// command is the same for a shell.
func (c schemaChange) command() string {
	words := []string{"weir schema", map[string]string{changeLevel: "config", changeMode: "mode", changeDelete: "delete"}[c.Kind]}
	for _, s := range c.segments() {
		words = append(words, quoted(s))
	}
	switch {
	case c.Kind == changeDelete && c.Version > 0:
		words = append(words, fmt.Sprint(c.Version))
	case c.Kind == changeLevel && c.To != "":
		words = append(words, "--compatibility", c.To)
	case c.Kind == changeMode && c.To != "":
		words = append(words, "--set", c.To)
	case c.Kind != changeDelete:
		words = append(words, "--unset")
	}
	if c.Permanent {
		words = append(words, "--permanent")
	}
	if c.Force {
		words = append(words, "--force")
	}
	return strings.Join(append(words, "--yes"), " ")
}

// quoted is a name as one word of a shell.
func quoted(s string) string {
	plainName := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:/-", r)
	}
	if s != "" && s[0] != '-' && strings.IndexFunc(s, func(r rune) bool { return !plainName(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// schemaPlanParts shows the plan, if one was asked for.
func schemaPlanParts(a address, d answers) []part {
	if _, asked := d.byName["plan"]; !asked {
		return nil
	}
	p := of[schemaPlan](d, "plan")
	if p.Err != "" {
		v := refusedView{Why: p.Err}
		if a.get("to") == "IMPORT" && a.get("force") == "" {
			v.Force = a.with("force", "1").String()
		}
		return []part{{id: "plan", template: "schema-refused", view: v}}
	}
	return []part{p.Data.part(planNotes{at: p.At})}
}

// part shows the plan as those of clusters are shown.
func (p schemaPlan) part(n planNotes) part {
	pt := planPart(address{vars: map[string]string{}}, p.planInfo, n)
	v := pt.view.(planView)
	v.Apply, v.Button = "/ui/registry/apply", "Do it: "+p.Kind+" "+short(p.Target, 40)
	v.age = ageLine("plan", n.at, n.at, p.change.twin())
	pt.view, pt.age = v, v.age
	return pt
}

// applySchemaChange serves POST /ui/registry/apply: it makes a change whose plan was
// shown. A plan that is another one now, or a name that was not typed, leads back to
// the plan, and nothing is changed.
func (c *Console) applySchemaChange(w http.ResponseWriter, r *http.Request) {
	var change schemaChange
	hash := r.PostFormValue("plan_hash")
	a := settingsAddress("")
	if err := json.Unmarshal([]byte(r.PostFormValue("change")), &change); err != nil || hash == "" || !slices.Contains([]string{changeLevel, changeMode, changeDelete}, change.Kind) {
		c.refused(w, r, http.StatusBadRequest, a, "Nothing was changed: a confirmation carries the change and the hash of its plan. Go back to the plan, and confirm it there.")
		return
	}
	a = change.address()
	n := planNotes{at: time.Now(), reason: r.PostFormValue("reason")}
	p, err := c.api.planSchema(r.Context(), change)
	if err != nil {
		c.refused(w, r, statusOf(err), a, "Nothing was changed: "+err.Error())
		return
	}
	again := func(status int) {
		c.show(w, r, status, a, []part{titleView{frame: frame{Title: "Not done yet"}, Full: p.Target}.part(), p.part(n)})
	}
	switch {
	case p.Hash != hash:
		n.changed = true
		_ = json.Unmarshal([]byte(r.PostFormValue("shown")), &n.shown) // without it, all is new
		n.refusal = "Nothing was changed: the plan is another one now. Look at what differs, and confirm this one."
		again(http.StatusConflict)
		return
	case p.Danger && r.PostFormValue("name") != p.Target:
		n.refusal, n.wrongly = "Nothing was changed: the name that was typed is not the one that this is about.", r.PostFormValue("name")
		again(http.StatusUnprocessableEntity)
		return
	}
	method, path, body := p.change.call()
	var got any
	ctx := context.WithoutCancel(r.Context()) // who leaves the page does not end a change that has begun
	if err = c.api.patient(applyTimes).call(ctx, method, path, byPage(r, n.reason), body, &got); err == nil {
		c.show(w, r, http.StatusOK, a, p.doneParts())
		return
	}
	n.refusal = applyFailed(err)
	if newer, e := c.api.planSchema(r.Context(), change); e == nil {
		n.changed, n.shown = newer.Hash != p.Hash, p.Steps
		p = newer
	}
	again(statusOf(err))
}

// schemaDone is what was done.
type schemaDone struct {
	frame
	What, Target, Full string
	Lines              []string
	Grid               grid
	Links              []linkView
}

func (v schemaDone) part() part { return part{id: "result", template: "schema-done", view: v} }

func (p schemaPlan) doneParts() []part {
	v := schemaDone{frame: frame{ID: "result", Title: "What was done"}, What: "To " + p.Kind, Target: short(p.Target, 120), Full: p.Target}
	v.Grid, _ = stepGrid(address{}, p.Steps, planNotes{})
	c := p.change
	switch {
	case p.undo != nil:
		v.Links = append(v.Links, linkView{p.undo.address().String(), "Plan the undo"})
	case c.Kind == changeDelete && !c.Permanent:
		v.Lines = []string{"Who registers the same schema again gets the same id."}
		c.Permanent = true
		v.Links = append(v.Links, linkView{c.address().String(), "Delete for good"})
	default:
		v.Lines = []string{"This can not be undone."}
	}
	if c.Subject != "" && (c.Kind != changeDelete || p.stays) {
		v.Links = append(v.Links, linkView{subjectPath(c.Subject), "The subject"})
	}
	v.Links = append(v.Links, linkView{"/ui/registry", "Schemas"}, actionsOf(p.Target))
	return []part{titleView{frame: frame{Title: "Done"}, Full: p.Target}.part(), v.part()}
}

func actionsOf(target string) linkView {
	return linkView{address{page: pageAt("/ui/actions")}.with("target", target).String(), "Who did what to it"}
}

// schemaPlan is a plan of the registry's, made here from what the registry says.
type schemaPlan struct {
	planInfo
	change schemaChange
	undo   *schemaChange
	stays  bool // of a deletion: the subject is there afterwards
}

// twin is the API that c's plan is mainly made from.
func (c schemaChange) twin() string {
	if c.Kind == changeDelete {
		return subjectsPath(c.Subject, "versions") + "?deleted=true"
	}
	return joined(map[string]string{changeLevel: "/config", changeMode: "/mode"}[c.Kind], c.segments()...)
}

func planningSchema(c schemaChange) question {
	return question{"plan", c.twin(), func(ctx context.Context, api api) (any, error) { return api.planSchema(ctx, c) }}
}

// planSchema says what a change would do. It changes nothing.
func (a api) planSchema(ctx context.Context, c schemaChange) (p schemaPlan, err error) {
	target := c.Subject
	if target == "" {
		target = "all subjects"
	}
	p = schemaPlan{planInfo: planInfo{Target: target}, change: c}
	switch c.Kind {
	case changeLevel:
		err = a.planLevel(ctx, &p)
	case changeMode:
		err = a.planMode(ctx, &p)
	default:
		err = a.planDelete(ctx, &p)
	}
	if err != nil {
		return p, err
	}
	method, path, body := p.change.call()
	p.API = method + " " + path
	if body != nil {
		b, _ := json.Marshal(body) // texts
		p.API += " " + string(b)
	}
	p.Command = p.change.command()
	p.Change, _ = json.Marshal(p.change)
	bare := slices.Clone(p.Steps)
	for i := range bare {
		bare[i].Note = ""
	}
	p.Hash = hashOf([]any{p.change, bare, p.Danger})
	return p, nil
}

// own reads what is set at one place of the registry; there is none of a subject that
// sets nothing.
func (a api) own(ctx context.Context, what, subject string) (map[string]any, error) {
	v := map[string]any{}
	path := "/" + what
	if subject != "" {
		path = joined("/"+what, subject)
	}
	if err := a.get(ctx, path, &v); notFound(err) && subject != "" {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return v, nil
}
