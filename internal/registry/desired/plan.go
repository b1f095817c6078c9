package desired

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// Plan is what has to be done, in this order.
type Plan struct {
	Steps     []Step
	Drift     []Drift // what the registry has besides, and keeps
	Unchanged int     // subjects
	Refused   int     // steps that can not be done: then none is
}

// Step is one change.
type Step struct {
	Action  string `json:"action" enum:"register,compatibility,mode,delete"`
	Subject string `json:"subject" doc:"Empty: the registry as a whole."`
	File    string `json:"file,omitempty"`
	Before  string `json:"before" doc:"- is nothing."`
	After   string `json:"after"`
	Problem string `json:"problem,omitempty" doc:"Why it can not be done."`

	Conflicts []state.Conflict `json:"-"` // of a schema that is not compatible
	command   state.Command
}

// Drift is something that the directory does not say.
type Drift struct {
	Subject string `json:"subject"`
	What    string `json:"what"`
}

const nothing = "-"

// Make plans. st is not changed.
func Make(d Directory, st *state.State, prune bool) Plan {
	return On(st.Overlay(), d, prune, func() {})
}

// On plans on an overlay, which is spoilt. It calls pause between subjects, when it
// reads nothing: who shares the state below with others lets these have it then. What
// they change meanwhile is in the plan or not.
func On(over *state.State, d Directory, prune bool, pause func()) Plan {
	m := maker{over: over, prune: prune, pause: pause, plan: Plan{Steps: []Step{}, Drift: []Drift{}}}
	m.compatibility("", d.Compatibility)
	m.mode("", d.Mode)
	order, cyclic := ordered(d.Subjects)
	for _, s := range order {
		m.subject(s)
		pause()
	}
	for _, s := range cyclic {
		m.add(Step{Action: "register", Subject: s.Name, File: s.File, Before: nothing, After: nothing, Problem: "its references lead back to itself, or to one whose do"})
	}
	m.rest(d.Subjects)
	return m.plan
}

// ordered returns subjects behind those that they refer to, and those whose references
// lead to a circle.
func ordered(subjects []Subject) (order, cyclic []Subject) {
	byName := map[string]Subject{}
	for _, s := range subjects {
		byName[s.Name] = s
	}
	fine := map[string]bool{} // false while its references are looked at, and for ever in a circle
	var visit func(name string) bool
	visit = func(name string) bool {
		if is, seen := fine[name]; seen {
			return is
		}
		fine[name] = false
		is := true
		for _, r := range byName[name].References {
			if _, ours := byName[r.Subject]; ours && !visit(r.Subject) {
				is = false
			}
		}
		if fine[name] = is; is {
			order = append(order, byName[name])
		}
		return is
	}
	for _, s := range subjects {
		if !visit(s.Name) {
			cyclic = append(cyclic, s)
		}
	}
	return order, cyclic
}

// maker tries each step out on the state that those before it leave.
type maker struct {
	over  *state.State
	prune bool
	pause func()
	plan  Plan
}

func (m *maker) add(s Step) {
	m.plan.Steps = append(m.plan.Steps, s)
	if s.Problem != "" {
		m.plan.Refused++
	}
}

// try plans a command. With no records nothing is to be done.
func (m *maker) try(cmd state.Command) (records []state.Record, reply state.Reply, err error) {
	records, reply, err = state.Plan(cmd, m.over)
	for _, r := range records {
		if err == nil {
			err = m.over.Apply(r.Key, r.Value, 0)
		}
	}
	return records, reply, err
}

func (m *maker) step(s Step) {
	if _, _, err := m.try(s.command); err != nil {
		s.Problem = err.Error()
	}
	m.add(s)
}

// subject plans what one subject needs: first what lets it be registered.
func (m *maker) subject(s Subject) {
	before := len(m.plan.Steps)
	opens := strings.EqualFold(s.Mode, "READWRITE")
	if opens {
		m.mode(s.Name, s.Mode)
	}
	m.compatibility(s.Name, s.Compatibility)
	m.register(s)
	if !opens {
		m.mode(s.Name, s.Mode)
	}
	if len(m.plan.Steps) == before {
		m.plan.Unchanged++
	}
}

func (m *maker) register(s Subject) {
	cmd := state.Register{Subject: s.Name, Type: s.Type, Schema: s.Schema, References: s.References}
	latest, err := m.over.Version(s.Name, state.Latest, false)
	there := err == nil && latest.Subject == s.Name
	records, reply, err := m.try(cmd)
	step := Step{Action: "register", Subject: s.Name, File: s.File, Before: nothing, After: fmt.Sprintf("version %d", reply.Version.Version), command: cmd}
	if there {
		step.Before = fmt.Sprintf("version %d", latest.Version)
	}
	switch {
	case err != nil:
		step.After, step.Problem = nothing, err.Error()
		if e := (*state.Error)(nil); errors.As(err, &e) && e.Code == state.CodeIncompatible {
			step.Conflicts, _, _ = m.over.Conflicts(cmd, 0)
			step.Problem = "it is not compatible"
		}
		m.add(step)
	case len(records) > 0:
		cmd.References = reply.Version.References // the latest ones have numbers now
		step.command = cmd
		m.add(step)
	case reply.Version.Version != latest.Version:
		m.drift(s.Name, "%s is version %d, and the latest is version %d", s.File, reply.Version.Version, latest.Version)
	}
}

func (m *maker) drift(subject, what string, args ...any) {
	m.plan.Drift = append(m.plan.Drift, Drift{subject, fmt.Sprintf(what, args...)})
}

// compatibility plans the level of a subject, or of the registry.
func (m *maker) compatibility(subject, want string) {
	own, _ := m.over.OwnConfig(subject)
	has := cmp.Or(own.CompatibilityLevel, nothing)
	if subject == "" {
		holds, _ := m.over.Config("", false) // nothing can be wrong with that
		has = holds.CompatibilityLevel
	}
	switch {
	case want != "" && !strings.EqualFold(want, has):
		change := wire.SchemasSetting{CompatibilityLevel: strings.ToUpper(want)}
		m.step(Step{Action: "compatibility", Subject: subject, Before: has, After: change.CompatibilityLevel, command: state.SetConfig{Subject: subject, Change: change}})
	case want != "" || has == nothing || subject == "":
	case m.prune:
		var unset state.Command = state.DeleteConfig{Subject: subject}
		if own.CompatibilityLevel = ""; string(wire.AppendSchemasSetting(nil, own)) != "{}" { // what a directory can not say stays, such as an alias
			unset = state.SetConfig{Subject: subject, Clear: []string{"compatibilityLevel"}}
		}
		m.step(Step{Action: "compatibility", Subject: subject, Before: has, After: nothing, command: unset})
	default:
		m.drift(subject, "compatibility %s is set", has)
	}
}

func (m *maker) mode(subject, want string) {
	has, err := m.over.Mode(subject, false)
	if err != nil {
		has = nothing
	}
	switch {
	case want != "" && !strings.EqualFold(want, has):
		m.step(Step{Action: "mode", Subject: subject, Before: has, After: strings.ToUpper(want), command: state.SetMode{Subject: subject, Mode: want}})
	case want != "" || has == nothing || subject == "":
	case m.prune:
		m.step(Step{Action: "mode", Subject: subject, Before: has, After: nothing, command: state.DeleteMode{Subject: subject}})
	default:
		m.drift(subject, "mode %s is set", has)
	}
}

// rest plans, or reports, the subjects that the directory does not have.
func (m *maker) rest(subjects []Subject) {
	named := map[string]bool{}
	for _, s := range subjects {
		named[s.Name] = true
	}
	left := slices.DeleteFunc(m.over.Subjects(":*:", false, false, state.Page{}), func(name string) bool { return named[name] })
	if !m.prune {
		for _, name := range left {
			m.drift(name, "it is not in the directory")
		}
		return
	}
	for again := true; again; { // those that others refer to go behind them
		again = false
		left = slices.DeleteFunc(left, func(name string) bool {
			step := m.deletion(name)
			_, _, err := m.try(step.command)
			m.pause()
			if err == nil {
				m.add(step)
				again = true
			}
			return err == nil
		})
	}
	for _, name := range left {
		m.step(m.deletion(name))
	}
}

func (m *maker) deletion(name string) Step {
	numbers, _ := m.over.Versions(name, false, false, false, state.Page{})
	return Step{Action: "delete", Subject: name, Before: fmt.Sprintf("%d versions", len(numbers)), After: "deleted softly", command: state.DeleteSubject{Subject: name}}
}
