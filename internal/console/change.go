package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// maxAddressed is the longest change that is put into an address.
const maxAddressed = 15_000

// planGiven serves POST .../plan: the plan of a change that is given as the API takes
// it. If it is not too long for an address, the plan gets one.
func (c *Console) planGiven(w http.ResponseWriter, r *http.Request) {
	change := r.PostFormValue("change")
	a := address{page: pageAt(planRoute), vars: map[string]string{"cluster": r.PathValue("cluster")}, query: map[string]string{}}
	if len(change) <= maxAddressed || !json.Valid([]byte(change)) {
		http.Redirect(w, r, a.with("change", change[:min(len(change), maxAddressed)]).String(), http.StatusSeeOther)
		return
	}
	now := time.Now()
	d := load(r.Context(), c.api, []question{planning(a.vars["cluster"], json.RawMessage(change))}, now)
	c.show(w, r, http.StatusOK, a, a.page.parts(a, d, now))
}

// apply serves POST .../apply: it makes the change whose plan was shown. It is
// planned anew first: a plan that has changed, or the name that was not typed, leads
// back to the plan, and nothing is changed.
func (c *Console) apply(w http.ResponseWriter, r *http.Request) {
	a := address{page: pageAt(planRoute), vars: map[string]string{"cluster": r.PathValue("cluster")}, query: map[string]string{}}
	change, hash := r.PostFormValue("change"), r.PostFormValue("plan_hash")
	if !json.Valid([]byte(change)) || hash == "" {
		c.refused(w, r, http.StatusBadRequest, a, "Nothing was changed: a confirmation carries the change and the hash of its plan. Go back to the plan, and confirm it there.")
		return
	}
	if len(change) <= maxAddressed {
		a = a.with("change", change) // where this page leads back to
	}
	now := time.Now()
	p, err := c.api.plan(r.Context(), a.vars["cluster"], json.RawMessage(change))
	if err != nil {
		c.refused(w, r, statusOf(err), a, "Nothing was changed: "+err.Error())
		return
	}
	n := planNotes{at: now, reason: r.PostFormValue("reason")}
	again := func(status int) {
		c.show(w, r, status, a, []part{titleView{frame: frame{Title: "Not done yet"}, Full: p.Target}.part(), planPart(a, p, n)})
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
	done, err := c.api.apply(r, a.vars["cluster"], p, n.reason)
	if err == nil {
		c.show(w, r, http.StatusOK, a, resultParts(a, done, nil))
		return
	}
	if partly := partlyDone(err); partly != nil {
		c.show(w, r, http.StatusOK, a, resultParts(a, *partly, err))
		return
	}
	n.refusal = applyFailed(err)
	if newer, e := c.api.plan(r.Context(), a.vars["cluster"], json.RawMessage(change)); e == nil {
		n.changed, n.shown = newer.Hash != p.Hash, p.Steps
		p = newer
	}
	again(statusOf(err))
}

// partlyDone returns what the API says of a change that was made in part, nil of
// other errors.
func partlyDone(err error) *appliedInfo {
	var e *apiError
	var done appliedInfo
	if !errors.As(err, &e) || e.Code != "partly_done" || json.Unmarshal(e.Result, &done) != nil {
		return nil
	}
	return &done
}

// applyFailed says whether something was changed when it did not go well.
func applyFailed(err error) string {
	var e *apiError
	switch {
	case errors.As(err, &e) && e.Code == "actions_log_unavailable":
		return "Nothing was changed, because it could not be recorded: " + err.Error()
	case errors.As(err, &e) && e.Status < 500:
		return "Nothing was changed: " + err.Error()
	}
	return "It did not go well, and a part of it may have been done: " + err.Error() + ". The plan below, if there is one, says what is left; the actions log has what was asked."
}

func (c *Console) refused(w http.ResponseWriter, r *http.Request, status int, a address, why string) {
	c.show(w, r, status, a, []part{titleView{frame: frame{Title: "Nothing was changed"}}.part(), {id: "plan", template: "plan-refused", view: refusedView{Why: why}}})
}

// forms are what the pages send: routes as for http.ServeMux.
func (c *Console) forms() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /ui/c/{cluster}/topics/{topic}/search":             c.startSearch,
		"POST /ui/c/{cluster}/topics/{topic}/search/{id}/cancel": c.cancelSearch,
		"POST /ui/c/{cluster}/plan":                              c.planGiven,
		"POST /ui/c/{cluster}/apply":                             c.apply,
		"POST /ui/registry/register":                             c.registerSchema,
		"POST /ui/registry/apply":                                c.applySchemaChange,
		"POST /ui/registry/takeover":                             c.takeOver,
		"POST /ui/registry/handback":                             c.handBack,
	}
}
