package console

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Changes. A form's address says what is wanted; its page shows what would be done,
// and that is what the confirmation carries. Nothing here changes anything: see
// change.go for that.

// planner makes a page that plans a change of what the variable called name names.
// change returns nil as long as the address does not say what is wanted.
func planner(route, name, verb string, params []param, form string, change func(a address) (*changeInfo, error)) *page {
	section := map[string]string{"topic": "Topics", "group": "Groups"}[name]
	p := made(page{
		route: route, section: section, params: params,
		title: func(a address) string { return verb + " " + short(a.vars[name], 60) },
	}, func(a address) []question {
		wanted, err := change(a)
		if wanted == nil {
			return []question{answered("plan", "", planInfo{}, err)}
		}
		return []question{planning(a.vars["cluster"], wanted)}
	}, func(a address, d answers, asOf time.Time) []part {
		title := titleView{frame: frame{Title: verb + " " + short(a.vars[name], 60)}, Full: a.vars[name]}
		parts := []part{title.part()}
		if form != "" {
			parts = append(parts, part{id: "wanted", template: form, view: newPlanForm(a)})
		}
		p := of[planInfo](d, "plan")
		if p.Err != "" {
			v := refusedView{Why: p.Err}
			if name == "topic" && a.get("force") == "" && a.page.knows("force") {
				v.Force = a.with("force", "1").String()
			}
			return append(parts, part{id: "plan", template: "plan-refused", view: v})
		}
		if p.Data.Hash == "" {
			return parts
		}
		return append(parts, planPart(a, p.Data, planNotes{at: p.At}))
	})
	return p
}

func (p *page) knows(name string) bool {
	return slices.ContainsFunc(p.params, func(q param) bool { return q.name == name })
}

const planRoute = "/ui/c/{cluster}/plan"

func topicCreatePage() *page {
	p := planner("/ui/c/{cluster}/create-topic", "cluster", "Create a topic on", []param{text("name"), digitsParam("partitions"), digitsParam("replication"), longText("set")}, "create-form", createOf)
	p.label, p.section = "Create a topic", "Topics"
	return p
}

// createOf makes the creation of a topic of a form.
func createOf(a address) (*changeInfo, error) {
	if a.get("name") == "" {
		return nil, nil
	}
	set, err := settingLines(a.get("set"))
	if err != nil {
		return nil, err
	}
	number := func(name string, otherwise, most int64) int64 {
		n, err := strconv.ParseInt(a.get(name), 10, 64)
		if err != nil { // it is not given
			return otherwise
		}
		return min(n, most)
	}
	return &changeInfo{Kind: "topic-create", Topic: a.get("name"), Partitions: number("partitions", newPartitions, math.MaxInt32),
		Replication: number("replication", 0, math.MaxInt16), Set: set}, nil
}

// newPartitions is how many partitions a topic gets where the form says nothing, as
// by weir topics create.
const newPartitions = 4

func groupResetPage() *page {
	return planner("/ui/c/{cluster}/groups/{group}/reset", "group", "Reset", []param{oneOf("to", "", "start", "end", "time", "offset", "shift", "offsets"),
		text("time"), text("offset"), text("shift"), longText("on"), longText("offsets")}, "reset-form", resetOf)
}

func groupDeletePage() *page {
	return planner("/ui/c/{cluster}/groups/{group}/delete", "group", "Delete", nil, "", func(a address) (*changeInfo, error) {
		return &changeInfo{Kind: "group-delete", Group: a.vars["group"]}, nil
	})
}

func topicSettingsPage() *page {
	return planner("/ui/c/{cluster}/topics/{topic}/settings", "topic", "Settings of", []param{longText("set"), longText("unset")}, "settings-form", settingsOf)
}

func topicGrowPage() *page {
	return planner("/ui/c/{cluster}/topics/{topic}/grow", "topic", "Partitions of", []param{digitsParam("partitions")}, "grow-form", func(a address) (*changeInfo, error) {
		n, err := strconv.ParseInt(a.get("partitions"), 10, 64)
		if err != nil {
			return nil, nil
		}
		return &changeInfo{Kind: "topic-alter", Topic: a.vars["topic"], Partitions: min(n, 1<<31-1)}, nil
	})
}

func topicDeletePage() *page {
	return planner("/ui/c/{cluster}/topics/{topic}/delete", "topic", "Delete", []param{oneOf("force", "", "1")}, "", func(a address) (*changeInfo, error) {
		return &changeInfo{Kind: "topic-delete", Topic: a.vars["topic"], Force: a.get("force") == "1"}, nil
	})
}

// planPage plans a change that is given as the API takes it: the way of an undo.
func planPage() *page {
	p := planner(planRoute, "cluster", "Plan on", []param{longText("change")}, "", func(a address) (*changeInfo, error) { return nil, nil })
	ask := func(a address) []question {
		if a.get("change") == "" {
			return []question{answered("plan", "", planInfo{}, fmt.Errorf("no change is given; groups and topics lead to theirs"))}
		}
		if !json.Valid([]byte(a.get("change"))) {
			return []question{answered("plan", "", planInfo{}, fmt.Errorf("the change is no JSON"))}
		}
		return []question{planning(a.vars["cluster"], json.RawMessage(a.get("change")))}
	}
	return made(*p, ask, func(a address, d answers, asOf time.Time) []part { return p.parts(a, d, asOf) })
}

// planForm is what a form shows of its address.
type planForm struct {
	Action, Name, Replication        string
	To                               []choice
	Time, Offset, Shift, On, Offsets string
	Set, Unset, Partitions           string
}

func newPlanForm(a address) planForm {
	to := []string{"", "choose", "start", "the beginning", "end", "the end", "time", "a time", "offset", "an offset", "shift", "so many records on or back", "offsets", "an offset per partition"}
	return planForm{Action: a.bare().String(), To: choices(a.get("to"), to...), Time: a.get("time"), Offset: a.get("offset"), Shift: a.get("shift"), On: a.get("on"),
		Offsets: a.get("offsets"), Set: a.get("set"), Unset: a.get("unset"), Partitions: a.get("partitions"),
		Name: a.get("name"), Replication: a.get("replication")}
}

// resetOf makes a reset of a form. Fields that its choice does not use are left out.
func resetOf(a address) (*changeInfo, error) {
	r := &resetInfo{To: a.get("to")}
	number := func(field string) (int64, error) {
		n, err := strconv.ParseInt(strings.ReplaceAll(a.get(field), ",", ""), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("“%s” is no number for %s", plain(short(a.get(field), 40)), field)
		}
		return n, nil
	}
	var err error
	switch r.To {
	case "":
		return nil, nil
	case "time":
		if r.Time = place(a.get("time")); r.Time == "" {
			return nil, fmt.Errorf("say which time, such as 2026-11-24 10:00")
		}
		if _, err := time.Parse(time.RFC3339, r.Time); err != nil {
			return nil, fmt.Errorf("“%s” is no time; write it as 2026-11-24 10:00 (UTC)", plain(short(a.get("time"), 40)))
		}
	case "offset":
		var n int64
		n, err = number("offset")
		r.Offset = &n
	case "shift":
		r.Shift, err = number("shift")
	case "offsets":
		if r.Offsets, err = placesOf(a.get("offsets"), true); err == nil && len(r.Offsets) == 0 {
			err = fmt.Errorf("say which offsets, such as orders/3=1200")
		}
	}
	if err == nil && r.To != "offsets" {
		r.Partitions, err = placesOf(a.get("on"), false)
	}
	if err != nil {
		return nil, err
	}
	return &changeInfo{Kind: "group-reset", Group: a.vars["group"], Reset: r}, nil
}

// placesOf reads topics, partitions (orders/3) or offsets (orders/3=1200), apart by
// spaces or lines.
func placesOf(s string, offsets bool) (out []topicOffset, err error) {
	for _, word := range strings.Fields(s) {
		at, offset, given := strings.Cut(word, "=")
		topic, partition, one := strings.Cut(at, "/")
		t := topicOffset{Topic: topic, Partition: -1}
		bad := topic == "" || given != offsets || offsets && !one
		if one {
			if t.Partition, err = strconv.ParseInt(partition, 10, 32); err != nil || t.Partition < 0 {
				bad = true
			}
		}
		if offsets && !bad {
			n, err := strconv.ParseInt(offset, 10, 64)
			bad = err != nil
			t.Offset = &n
		}
		if bad {
			return nil, fmt.Errorf("“%s” is not understood; write %s", plain(short(word, 60)),
				map[bool]string{true: "orders/3=1200", false: "orders for all of a topic, or orders/3"}[offsets])
		}
		out = append(out, t)
	}
	return out, nil
}

func settingsOf(a address) (*changeInfo, error) {
	set, err := settingLines(a.get("set"))
	c := &changeInfo{Kind: "topic-config", Topic: a.vars["topic"], Set: set, Unset: strings.Fields(a.get("unset"))}
	if err != nil || len(c.Set)+len(c.Unset) == 0 {
		return nil, err
	}
	return c, nil
}

// settingLines reads settings, one name=value per line.
func settingLines(text string) (map[string]string, error) {
	set := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, "=")
		if line == "" {
			continue
		}
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("“%s” is not understood; write a line for each, such as retention.ms=86400000", plain(short(line, 60)))
		}
		set[name] = strings.TrimSpace(value)
	}
	return set, nil
}

// planNotes is what is said beside a plan that comes back.
type planNotes struct {
	at      time.Time
	refusal string     // why it was not done
	shown   []stepInfo // what was shown before; the plan has changed since
	changed bool
	reason  string
	wrongly string // what was typed instead of the name
}

type planView struct {
	frame
	Kind, Target, Full, Refusal, Wrongly string
	Danger, Changed                      bool
	Warnings                             []string
	Facts                                []fact
	Grid                                 grid
	Gone                                 []string
	Command, API                         string
	Apply, Change, Hash, Shown, Reason   string
	Button                               string
	More                                 int
	TooLong                              bool // for the form to carry
}

const (
	// maxSteps is how many steps are drawn, and compared with those of another plan;
	// the call has them all.
	maxSteps = 500
	// maxCarried is the longest change that a form carries, in its own encoding: weir
	// takes 8 MiB from a page.
	maxCarried = 7 << 20
	// maxCall is how much of a call by the API is shown.
	maxCall = 100_000
)

func tooLong(change []byte) bool {
	return len(change) > maxCarried/6 && len(url.QueryEscape(string(change))) > maxCarried
}

func planPart(a address, p planInfo, n planNotes) part {
	v := planView{frame: frame{ID: "plan", Title: "What would be done"}, Kind: kindWords(p.Kind), Target: short(p.Target, 120), Full: p.Target, Refusal: n.refusal,
		Danger: p.Danger, Changed: n.changed, Wrongly: n.wrongly, Warnings: p.Warnings, Command: visible(p.Command), API: visible(p.API),
		Apply: uiPath("c", a.vars["cluster"], "apply"), Change: string(p.Change), Hash: p.Hash, Reason: n.reason}
	v.TooLong = tooLong(p.Change)
	if len(p.API) > maxCall {
		v.API = visible(strings.ToValidUTF8(p.API[:maxCall], "")) + fmt.Sprintf("… (%d bytes; the answer of %s has them all)", len(p.API), planPath(a.vars["cluster"]))
	}
	v.age = ageLine("plan", n.at, n.at, "")
	v.Button = "Do it: " + v.Kind + " " + short(p.Target, 40)
	v.Facts = []fact{{"Steps", num(int64(len(p.Steps)))}}
	if p.Kind == "group-reset" {
		v.Facts = append(v.Facts, fact{"Records skipped", should(p.Skipped, "warn")}, fact{"Records read again", should(p.Replayed, "warn")})
	}
	v.Grid, v.Gone = stepGrid(a, p.Steps, n)
	if v.More = len(p.Steps) - maxSteps; v.More > 0 {
		v.Sum = fmt.Sprintf("the first %d of %s; the call below has them all", maxSteps, plural(int64(len(p.Steps)), "step"))
	}
	shown := make([]stepInfo, min(len(p.Steps), maxSteps))
	for i, s := range p.Steps[:len(shown)] {
		s.Note = ""
		shown[i] = s
	}
	b, _ := json.Marshal(shown) // texts only
	v.Shown = string(b)
	return part{id: "plan", template: "plan", view: v, age: v.age}
}

// stepGrid draws the steps, and marks those that differ from what was shown before.
func stepGrid(a address, steps []stepInfo, n planNotes) (g grid, gone []string) {
	g.Cols = []column{plainCol("On"), plainCol("What"), plainCol("Before"), plainCol("After"), {Label: "Note", Wide: true}}
	if n.changed {
		g.Cols = append(g.Cols, column{Label: "Since it was shown", Wide: true})
	}
	before := map[[2]string]stepInfo{}
	for _, s := range n.shown {
		before[[2]string{s.On, s.What}] = s
	}
	for i, s := range steps {
		was, known := before[[2]string{s.On, s.What}]
		delete(before, [2]string{s.On, s.What})
		if i >= maxSteps {
			continue
		}
		row := []cell{named(s.On, 80, ""), named(s.What, 60, ""), value(s.Before), value(s.After), named(s.Note, 120, "")}
		if n.changed {
			row = append(row, sinceShown(s, was, known))
		}
		g.Rows = append(g.Rows, row)
	}
	for key := range before {
		gone = append(gone, plain(short(key[0], 80)+": "+short(key[1], 60)))
	}
	slices.Sort(gone)
	return g, gone[:min(len(gone), 20)]
}

// outcomeGrid draws the steps with how each ended, those that failed first.
func outcomeGrid(a address, steps []stepInfo, not []notDoneInfo) grid {
	failed := map[string]notDoneInfo{}
	for _, n := range not {
		failed[n.On] = n
	}
	steps = slices.SortedStableFunc(slices.Values(steps), func(x, y stepInfo) int {
		rank := func(s stepInfo) int {
			if _, is := failed[s.On]; is {
				return 0
			}
			return 1
		}
		return rank(x) - rank(y)
	})
	g, _ := stepGrid(a, steps, planNotes{})
	g.Cols = append(g.Cols, column{Label: "Outcome", Wide: true})
	for i := range g.Rows {
		end := cell{Badge: &badge{"done", "complete"}}
		if n, is := failed[steps[i].On]; is && n.Maybe {
			end = cell{Badge: &badge{"unknown", "unknown"}, Note: short(n.Error, 160)}
		} else if is {
			end = cell{Badge: &badge{"not done", "lost"}, Note: short(n.Error, 160)}
		}
		g.Rows[i] = append(g.Rows[i], end)
	}
	return g
}

func sinceShown(s, was stepInfo, known bool) cell {
	switch {
	case !known:
		return cell{Badge: &badge{"new", "duplicated"}}
	case was.Before != s.Before || was.After != s.After:
		return cell{Badge: &badge{"changed", "duplicated"}, Note: "was " + short(was.Before, 60) + " → " + short(was.After, 60)}
	}
	return cell{Text: "as before", Mark: "zero"}
}

// value is what a step finds or leaves; "-" is nothing.
func value(s string) cell {
	if s == "-" {
		return cell{Text: "nothing", Mark: "zero"}
	}
	return named(s, 160, "")
}

func kindWords(kind string) string {
	words := map[string]string{"topic-create": "create the topic", "topic-alter": "add partitions to", "topic-config": "change the settings of", "topic-delete": "delete the topic",
		"group-reset": "reset the group", "group-delete": "delete the group"}
	if w, ok := words[kind]; ok {
		return w
	}
	return short(kind, 40)
}

// refusedView says why there is no plan.
type refusedView struct {
	Why   string
	Force string // where the same is planned all the same
}

// resultView is what was done.
type resultView struct {
	frame
	Kind, Target, Full          string
	Warning                     string
	Grid                        grid
	Undo, UndoPath, UndoCommand string
	Failed, Left                string // why only a part was done, and the change that does the rest
	Links                       []linkView
}

// resultParts shows what was done: all of it, or, where failed says why, a part.
func resultParts(a address, done appliedInfo, failed error) []part {
	p := done.Plan
	c := a.vars["cluster"]
	v := resultView{frame: frame{ID: "result", Title: "Done"}, Kind: kindWords(p.Kind), Target: short(p.Target, 120), Full: p.Target, Warning: done.Warning,
		UndoPath: uiPath("c", c, "plan"), UndoCommand: visible(done.UndoCommand)}
	if failed != nil {
		v.Title, v.Failed, v.Left = "Done in part", failed.Error(), string(done.Left)
		v.Grid = outcomeGrid(a, p.Steps, done.NotDone)
	} else {
		v.Grid, _ = stepGrid(a, p.Steps, planNotes{})
	}
	if u := string(done.Undo); u != "" && u != "null" && !tooLong(done.Undo) {
		v.Undo = u
	}
	if tooLong(done.Left) {
		v.Left = ""
	}
	switch {
	case strings.HasPrefix(p.Kind, "group-") && p.Kind != "group-delete":
		v.Links = append(v.Links, linkView{uiPath("c", c, "groups", p.Target), "The group"})
	case p.Kind == "group-delete":
		v.Links = append(v.Links, linkView{uiPath("c", c, "groups"), "Groups"})
	case p.Kind == "topic-delete":
		v.Links = append(v.Links, linkView{uiPath("c", c, "topics"), "Topics"})
	case strings.HasPrefix(p.Kind, "topic-"):
		v.Links = append(v.Links, linkView{uiPath("c", c, "topics", p.Target), "The topic"})
	}
	v.Links = append(v.Links, linkView{"/ui/actions?" + url.Values{"target": {p.Target}}.Encode(), "Who did what to it"})
	return []part{titleView{frame: frame{Title: v.Title}, Full: p.Target}.part(), {id: "result", template: "result", view: v}}
}
