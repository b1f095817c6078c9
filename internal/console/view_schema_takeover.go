package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Who writes the schemas topic. The registry says what a takeover or a handback would
// do; the confirmation asks again, and does it if that has not changed.

const (
	takeoverPath = "/api/v1/registry/takeover"
	handbackPath = "/api/v1/registry/handback"
)

// takeoverInfo is the answer of POST takeover.
type takeoverInfo struct {
	Writer  string `json:"writer"` // weir, other, or "": weir, where nobody else does
	Members []struct {
		ID       string `json:"id"`
		URL      string `json:"url"`
		Eligible bool   `json:"eligible"`
	} `json:"members"`
	Refusals []string `json:"refusals"`
	Dropped  int64    `json:"dropped"`
	Repairs  []struct {
		Key     string `json:"key"`
		Reason  string `json:"reason"`
		Records int64  `json:"records"`
	} `json:"repairs"`
	Aborted         int64    `json:"aborted"`
	Peer            string   `json:"peer"`
	Compared        int64    `json:"compared"`
	DifferenceCount int64    `json:"difference_count"`
	Differences     []string `json:"differences"`
	Done            bool     `json:"done"`
	Leader          string   `json:"leader"`
}

// needless says that there is nothing to take over.
func (t takeoverInfo) needless() bool {
	return t.Writer != "other" && len(t.Members) == 0 && len(t.Repairs) == 0 && len(t.Refusals) == 0
}

// settled says that only the differences are in the way, which one may accept.
func (t takeoverInfo) settled() bool { return len(t.Refusals) == 1 && t.DifferenceCount > 0 }

// compared says that the other registry has answered. One that has not is named in the
// refusals.
func (t takeoverInfo) compared() bool {
	return t.Peer != "" && (t.Compared > 0 || len(t.Refusals) == 0)
}

func (t takeoverInfo) differences() cell {
	if t.compared() {
		return should(t.DifferenceCount, "bad")
	}
	return cell{Text: "not compared", Mark: "zero"}
}

// handbackInfo is the answer of POST handback.
type handbackInfo struct {
	Writer  string `json:"writer"`
	Aborted int64  `json:"aborted"`
	Done    bool   `json:"done"`
}

// comparingTimes is how many deadlines a comparison of two registries may take. It
// reads each version of the other one.
const comparingTimes = 30

// askingTakeover compares with peer, a URL, or "": with the registry that runs.
func askingTakeover(peer string) []question {
	body := map[string]any{}
	if peer != "" {
		body["peer"] = peer
	}
	return []question{{"takeover", "", func(ctx context.Context, api api) (any, error) {
		var t takeoverInfo
		err := api.patient(comparingTimes).call(ctx, http.MethodPost, takeoverPath, nil, body, &t)
		return t, err
	}}, asking[registryStatus]("status", registryStatusPath)}
}

func handback() question {
	return question{"handback", "", func(ctx context.Context, api api) (any, error) {
		var h handbackInfo
		err := api.call(ctx, http.MethodPost, handbackPath, nil, map[string]any{}, &h)
		return h, err
	}}
}

// takeoverPage compares with the registry that runs. With another one only its form
// does: an address must not make weir ask other hosts.
func takeoverPage() *page {
	return made(page{route: "/ui/registry/takeover", label: "Takeover", section: "Schemas", title: func(address) string { return "Take a registry over" }},
		func(a address) []question { return askingTakeover("") },
		func(a address, d answers, asOf time.Time) []part { return takeoverParts(d, asOf, confirmView{}) })
}

func handbackPage() *page {
	return made(page{route: "/ui/registry/handback", label: "Handback", section: "Schemas", title: func(address) string { return "Hand the registry back" }},
		func(a address) []question { return []question{handback()} },
		func(a address, d answers, asOf time.Time) []part { return handbackParts(d, asOf, confirmView{}) })
}

// confirmView is what a confirmation carries, and what is said where it was refused.
type confirmView struct {
	frame
	Refusal, Action, Hash, Peer, Reason string
	Lines                               []string
	Facts                               []fact
	Accept                              int64 // differences to accept; 0: none
	Button                              string
	Danger                              bool
	Links                               []linkView
}

func writerWords(writer string) string {
	return cmp.Or(map[string]string{"weir": "weir", "other": "another registry", "": "weir, where nobody else does"}[writer], short(writer, 40))
}

func takeoverParts(d answers, asOf time.Time, v confirmView) []part {
	title := titleView{frame: frame{Title: "Take a registry over"}, Lines: []string{
		"While another registry runs on the schemas topic, or was the last to write, weir serves reads and forwards changes to it. A takeover compares what both serve, repairs the keys of the topic, and then weir writes.",
		"1. Compare, here. 2. Stop the other registry, or set its leader.eligibility (Karapace: master_eligibility) to false. 3. Confirm."}}
	f, p := framed[takeoverInfo](d, "takeover", "What there is", asOf)
	f.ID = "plan"
	f.age = ageLine("plan", p.At, asOf, "")
	v.frame = f
	v.Links = []linkView{{"/ui/registry/handback", "Hand it back instead"}}
	form := part{id: "wanted", template: "takeover-form", view: struct{ Action, Peer string }{"/ui/registry/takeover", v.Peer}}
	if p.Err != "" {
		if c := of[registryStatus](d, "status").Data.Comparing; c != nil {
			v.Lines = append(v.Lines, fmt.Sprintf("A comparison with %s is under way: %s of %s.", plain(short(c.Peer, 80)), number(c.Done), number(c.Of)))
		}
		v.Lines = append(v.Lines, "weir schema takeover asks the same, and waits as long as it takes.")
		return []part{title.part(), form, {id: "plan", template: "confirm", view: v, age: v.age}}
	}
	t := p.Data
	v.takeover(t)
	parts := []part{title.part(), form, {id: "plan", template: "confirm", view: v, age: v.age}}
	return append(parts, takeoverLists(t)...)
}

func (v *confirmView) takeover(t takeoverInfo) {
	v.Problems = t.Refusals
	v.Facts = []fact{{"Writes now", cell{Text: writerWords(t.Writer)}}, {"Other registries", num(int64(len(t.Members)))}, {"Differences", t.differences()}, {"Keys to repair", num(int64(len(t.Repairs)))}, {"Records kept out", should(t.Dropped, "warn")}}
	switch {
	case t.Peer != "" && t.compared():
		v.Lines = append(v.Lines, fmt.Sprintf("Compared with the registry at %s: it has %s.", plain(short(t.Peer, 120)), plural(t.Compared, "version")))
	case t.Peer == "" && len(t.Members) == 0:
		v.Lines = append(v.Lines, "No other registry runs on this topic, so there is nothing to compare with, unless you name one.")
	}
	if t.needless() {
		v.Lines = append(v.Lines, "There is nothing to take over.")
		return
	}
	if len(t.Refusals) > 0 && !t.settled() {
		v.Lines = append(v.Lines, "It can not be done now, for what is said above.")
		return
	}
	if t.settled() {
		v.Accept = t.DifferenceCount
	}
	v.Action, v.Hash, v.Button = "/ui/registry/takeover", hashOf(t), "Take it over"
}

func takeoverLists(t takeoverInfo) (parts []part) {
	add := func(id, title, thing string, cols []column, rows [][]cell, n int64) {
		if len(rows) == 0 {
			return
		}
		v := panelView{frame: frame{ID: id, Title: title, Sum: plural(n, thing)}, Grid: grid{Cols: cols, Rows: rows}}
		if int(n) > len(rows) {
			v.Sum = fmt.Sprintf("the first %d of %s", len(rows), v.Sum)
		}
		parts = append(parts, v.part())
	}
	var members, differ, repairs [][]cell
	for _, m := range t.Members {
		may := cell{Text: "may write", Mark: "warn"}
		if !m.Eligible {
			may = cell{Text: "only reads"}
		}
		members = append(members, []cell{named(cmp.Or(m.URL, m.ID), 120, ""), may})
	}
	for i, line := range t.Differences {
		differ = append(differ, []cell{{Text: fmt.Sprint(i + 1)}, named(line, 400, "")})
	}
	for _, r := range t.Repairs[:min(len(t.Repairs), 200)] {
		repairs = append(repairs, []cell{named(r.Key, 160, ""), num(r.Records), named(r.Reason, 200, "")})
	}
	add("members", "Other registries", "registry", []column{plainCol("Where"), plainCol("What it does")}, members, int64(len(members)))
	add("differences", "What differs", "difference", []column{plainCol("No."), {Label: "What", Wide: true}}, differ, t.DifferenceCount)
	add("repairs", "Keys that are written again", "key", []column{plainCol("Key"), numCol("Records"), {Label: "Why", Wide: true}}, repairs, int64(len(t.Repairs)))
	return parts
}

func handbackParts(d answers, asOf time.Time, v confirmView) []part {
	title := titleView{frame: frame{Title: "Hand the registry back"}, Lines: []string{
		"Ends the writing of all weir processes of this registry, behind what registries that read uncommitted records need to see the same. Then start the other registry: weir goes on to serve reads, and forwards changes to it."}}
	f, p := framed[handbackInfo](d, "handback", "What there is", asOf)
	f.ID = "plan"
	f.age = ageLine("plan", p.At, asOf, "")
	v.frame = f
	v.Links = []linkView{{"/ui/registry/takeover", "Take it over instead"}}
	if p.Err == "" {
		h := p.Data
		v.Facts = []fact{{"Writes now", cell{Text: writerWords(h.Writer)}}, {"Records to write first", num(h.Aborted)}}
		if h.Writer == "other" {
			v.Lines = []string{"Another registry writes: there is nothing to hand back."}
		} else {
			v.Lines = []string{"No schema can be registered from then on until another registry runs, or weir takes over again."}
			v.Action, v.Hash, v.Button, v.Danger = "/ui/registry/handback", hashOf(h), "Hand it back", true
		}
	}
	return []part{title.part(), {id: "plan", template: "confirm", view: v, age: v.age}}
}

// takeOver serves POST /ui/registry/takeover: a comparison with the registry that the
// form names, or with the hash of what was shown, the takeover.
func (c *Console) takeOver(w http.ResponseWriter, r *http.Request) {
	a := address{page: pageAt("/ui/registry/takeover"), vars: map[string]string{}, query: map[string]string{}}
	now := time.Now()
	v := confirmView{Reason: r.PostFormValue("reason"), Peer: strings.TrimSpace(r.PostFormValue("peer"))}
	d := load(r.Context(), c.api, askingTakeover(v.Peer), now)
	t := of[takeoverInfo](d, "takeover")
	hash, accept := r.PostFormValue("plan_hash"), r.PostFormValue("accept") != ""
	switch {
	case hash == "":
		c.show(w, r, http.StatusOK, a, takeoverParts(d, now, v))
		return
	case t.Err != "":
		v.Refusal = "Nothing was changed."
	case hashOf(t.Data) != hash:
		v.Refusal = "Nothing was changed: what there is has changed since it was shown. Look at it once more."
	case t.Data.settled() && !accept:
		v.Refusal = "Nothing was changed: what differs was not accepted."
	}
	if v.Refusal != "" {
		c.show(w, r, http.StatusConflict, a, takeoverParts(d, now, v))
		return
	}
	var done takeoverInfo
	err := c.confirm(r, takeoverPath, map[string]any{"apply": true, "peer": v.Peer, "accept_differences": accept, "reason": plain(v.Reason)}, &done)
	if err == nil && done.Done {
		c.show(w, r, http.StatusOK, a, writerParts("Weir writes the schemas topic, by "+plain(short(done.Leader, 80))+".", linkView{"/ui/registry/handback", "Hand it back"}))
		return
	}
	if v.Refusal = "Nothing was changed."; err != nil {
		v.Refusal = applyFailed(err)
	}
	c.show(w, r, http.StatusConflict, a, takeoverParts(load(r.Context(), c.api, askingTakeover(v.Peer), now), now, v))
}

// handBack serves POST /ui/registry/handback.
func (c *Console) handBack(w http.ResponseWriter, r *http.Request) {
	a := address{page: pageAt("/ui/registry/handback"), vars: map[string]string{}, query: map[string]string{}}
	now := time.Now()
	d := a.page.load(r.Context(), c.api, a, now).(answers)
	h := of[handbackInfo](d, "handback")
	v := confirmView{Reason: r.PostFormValue("reason")}
	if h.Err != "" || hashOf(h.Data) != r.PostFormValue("plan_hash") {
		if v.Refusal = "Nothing was changed: what there is has changed since it was shown. Look at it once more."; h.Err != "" {
			v.Refusal = "Nothing was changed."
		}
		c.show(w, r, http.StatusConflict, a, handbackParts(d, now, v))
		return
	}
	var done handbackInfo
	err := c.confirm(r, handbackPath, map[string]any{"apply": true, "reason": plain(v.Reason)}, &done)
	if err == nil && done.Done {
		c.show(w, r, http.StatusOK, a, writerParts("No process of weir writes the schemas topic any more. Start the other registry now.", linkView{"/ui/registry/takeover", "Take it over again"}))
		return
	}
	if v.Refusal = "It is not done."; err != nil {
		v.Refusal = applyFailed(err)
	}
	c.show(w, r, http.StatusConflict, a, handbackParts(a.page.load(r.Context(), c.api, a, now).(answers), now, v))
}

// confirm asks for what was confirmed; it goes on where its reader leaves.
func (c *Console) confirm(r *http.Request, path string, body, into any) error {
	return c.api.patient(applyTimes).call(context.WithoutCancel(r.Context()), http.MethodPost, path, byPage(r, r.PostFormValue("reason")), body, into)
}

func writerParts(what string, undo linkView) []part {
	v := schemaDone{frame: frame{ID: "result", Title: "What was done"}, Lines: []string{what}, Links: []linkView{undo, {"/ui/registry/warnings", "State of the registry"}, actionsOf("_schemas")}}
	return []part{titleView{frame: frame{Title: "Done"}}.part(), v.part()}
}
