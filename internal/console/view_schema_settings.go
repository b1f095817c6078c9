package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Compatibility and mode, of a subject and of all.

var (
	levelNames = []string{"BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE"}
	modeNames  = []string{"READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT"}
)

// levelMeaning says what a level asks of a new version.
func levelMeaning(level string) string {
	return map[string]string{
		"NONE":                "Any schema is taken; nothing says whether data can still be read.",
		"BACKWARD":            "A new version has to read what the newest one has written: update consumers first.",
		"BACKWARD_TRANSITIVE": "A new version has to read what every version has written: update consumers first.",
		"FORWARD":             "The newest version has to read what a new one writes: update producers first.",
		"FORWARD_TRANSITIVE":  "Every version has to read what a new one writes: update producers first.",
		"FULL":                "A new version and the newest one have to read each other's data: update in any order.",
		"FULL_TRANSITIVE":     "A new version and every earlier one have to read each other's data: update in any order.",
	}[level]
}

func modeMeaning(mode string) string {
	return map[string]string{
		"READWRITE":         "Schemas are registered and deleted.",
		"READONLY":          "Nothing is registered or deleted; what is there is served, and who registers what is there gets its id.",
		"READONLY_OVERRIDE": "Set for all, nothing is registered or deleted in any subject, whatever its own mode is.",
		"IMPORT":            "Schemas are taken with the ids and versions that they bring, and unchecked; usual registrations are refused.",
	}[mode]
}

func levelSettingsPage() *page {
	return schemaSettings("/ui/registry/settings", func(address) string { return "Settings of all subjects" })
}

func subjectSettingsPage() *page {
	return schemaSettings("/ui/registry/subjects/{subject}/settings", func(a address) string { return "Settings of " + short(a.vars["subject"], 60) })
}

func schemaSettings(route string, title func(a address) string) *page {
	return made(page{route: route, label: "Settings", section: "Schemas", title: title,
		params: []param{oneOf("set", "", changeLevel, changeMode), oneOf("to", slices.Concat([]string{"", unset}, levelNames, modeNames)...), oneOf("force", "", "1")},
	}, func(a address) []question {
		s := a.vars["subject"]
		asks := []question{globalSetting("compatibility", "config", "compatibilityLevel"), globalSetting("mode", "mode", "mode")}
		if s != "" {
			asks = []question{settingOf("compatibility", "config", "compatibilityLevel", s), settingOf("mode", "mode", "mode", s)}
		}
		names := map[string][]string{changeLevel: levelNames, changeMode: modeNames}[a.get("set")]
		if to := a.get("to"); slices.Contains(names, to) || to == unset && names != nil {
			asks = append(asks, planningSchema(schemaChange{Kind: a.get("set"), Subject: s, To: strings.TrimPrefix(to, unset), Force: a.get("force") != ""}))
		}
		return asks
	}, func(a address, d answers, asOf time.Time) []part {
		s := a.vars["subject"]
		t := titleView{frame: frame{Title: title(a)}, Full: s, Lines: []string{"Nothing is changed by these forms: they show first what would be done."}}
		v := settingsForms{Action: a.bare().String(), Levels: settingChoices(a, changeLevel, of[setting](d, "compatibility"), levelNames), Modes: settingChoices(a, changeMode, of[setting](d, "mode"), modeNames)}
		v.Level, v.LevelMeans = settingLine(d, "compatibility", s, levelMeaning)
		v.Mode, v.ModeMeans = settingLine(d, "mode", s, modeMeaning)
		return append([]part{t.part(), {id: "wanted", template: "schema-settings", view: v}}, schemaPlanParts(a, d)...)
	})
}

type settingsForms struct {
	Action                             string
	Level, LevelMeans, Mode, ModeMeans string
	Levels, Modes                      []choice
}

// settingChoices are the choices of one of the two forms: first what is asked for, or
// else what holds now.
func settingChoices(a address, set string, now panel[setting], names []string) (out []choice) {
	to := now.Data.Value
	if a.get("set") == set && a.get("to") != "" {
		to = a.get("to")
	}
	for _, n := range names {
		out = append(out, choice{n, n, n == to})
	}
	return append(out, choice{unset, "none of its own", to == unset})
}

func settingLine(d answers, name, subject string, meaning func(string) string) (now, means string) {
	p := of[setting](d, name)
	if p.Err != "" {
		return "not known", p.Err
	}
	where := ""
	if subject != "" {
		where = map[bool]string{true: ", set for this subject", false: ", of the whole registry"}[p.Data.Own]
	}
	return short(p.Data.Value, 40) + where, meaning(p.Data.Value)
}

// settingStep is the one step of a change of a setting, and its undo.
func (p *schemaPlan) settingStep(what, before, meaning, above string) error {
	c := p.change
	after := c.To
	switch {
	case before == after && after == "":
		return fmt.Errorf("nothing is set there: what holds is what the whole registry says")
	case before == after:
		return fmt.Errorf("it is %s already", after)
	}
	note := meaning
	if after == "" {
		note = above
	}
	p.Kind = map[bool]string{true: "set the " + what + " of", false: "unset the " + what + " of"}[after != ""]
	p.Steps = []stepInfo{{On: p.Target, What: what, Before: orDash(before), After: orDash(after), Note: note}}
	p.undo = &schemaChange{Kind: c.Kind, Subject: c.Subject, To: before}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (a api) planLevel(ctx context.Context, p *schemaPlan) error {
	own, err := a.own(ctx, "config", p.change.Subject)
	if err != nil {
		return err
	}
	before, _ := own["compatibilityLevel"].(string)
	delete(own, "compatibilityLevel")
	above := "What the whole registry says holds then."
	if p.change.Subject == "" {
		above = "What weir's configuration says holds then; it is BACKWARD where that says nothing."
	}
	if p.change.Keep = p.change.To == "" && len(own) > 0; p.change.Keep {
		p.Warnings = append(p.Warnings, "the other settings stay: "+strings.Join(slices.Sorted(maps.Keys(own)), ", "))
	}
	if err := p.settingStep("compatibility", before, levelMeaning(p.change.To), above); err != nil {
		return err
	}
	p.Warnings = append(p.Warnings, "Versions that are registered stay as they are: the level is for the next ones.")
	if c := p.change; c.Subject != "" && c.To != "" && c.To != "NONE" {
		switch broken, err := a.levelBroken(ctx, c.Subject, c.To); {
		case err != nil && !notFound(err):
			p.Warnings = append(p.Warnings, "Whether they keep to it is not known: "+err.Error())
		case broken != "":
			p.Warnings = append(p.Warnings, broken)
		}
	}
	return nil
}

// levelBroken says how the newest version of a subject breaks a level, if it does.
func (a api) levelBroken(ctx context.Context, subject, level string) (line string, err error) {
	var versions []int64
	if err := a.get(ctx, subjectsPath(subject, "versions"), &versions); err != nil || len(versions) < 2 {
		return "", err
	}
	var asked map[string]any
	if err := a.get(ctx, subjectsPath(subject, "versions", "latest"), &asked); err != nil {
		return "", err
	}
	maps.DeleteFunc(asked, func(name string, _ any) bool {
		return !slices.Contains([]string{"schema", "schemaType", "references", "metadata"}, name)
	})
	asked["subject"], asked["level"] = subject, level
	if !strings.HasSuffix(level, "_TRANSITIVE") {
		asked["version"] = versions[len(versions)-2] // the last one is itself
	}
	var c schemaCheck
	if err := a.patient(planTimes).call(ctx, http.MethodPost, checkPath, nil, asked, &c); err != nil || len(c.Differences) == 0 {
		return "", err
	}
	d := c.Differences[0]
	line = fmt.Sprintf("Version %d breaks it, against version %d: %s at %s: %s", versions[len(versions)-1], d.Version, d.Kind, short(d.Path, 100), short(d.Message, 200))
	if n := len(c.Differences) - 1; n > 0 {
		line += fmt.Sprintf("; and %d more", n)
	}
	return line, nil
}

func (a api) planMode(ctx context.Context, p *schemaPlan) error {
	own, err := a.own(ctx, "mode", p.change.Subject)
	if err != nil {
		return err
	}
	before, _ := own["mode"].(string)
	above := "The mode of the whole registry holds then."
	if p.change.Subject == "" {
		above = "It is READWRITE then."
	}
	if err := p.settingStep("mode", before, modeMeaning(p.change.To), above); err != nil || p.change.To != "IMPORT" {
		return err
	}
	return a.planImport(ctx, p)
}

// planImport says what mode IMPORT does to what is there: it refuses live versions
// unless it is forced to, and forgets the others.
func (a api) planImport(ctx context.Context, p *schemaPlan) error {
	path, things := "/subjects?", "subjects"
	if p.change.Subject != "" {
		path, things = subjectsPath(p.change.Subject, "versions")+"?", "versions"
	}
	var live, gone []any
	for query, into := range map[string]*[]any{"": &live, "deletedOnly=true": &gone} {
		if err := a.get(ctx, path+query, into); err != nil && !notFound(err) {
			return err
		}
	}
	switch {
	case p.change.Force:
		p.Warnings = append(p.Warnings, "It is forced: what is there stays, and what is imported may contradict it.")
	case len(live) > 0:
		return fmt.Errorf("there are %s, and IMPORT is for where none are", plural(int64(len(live)), strings.TrimSuffix(things, "s")))
	case len(gone) > 0:
		p.Danger, p.undo = true, nil
		p.Steps = append(p.Steps, stepInfo{On: p.Target, What: "softly deleted " + things, Before: plural(int64(len(gone)), strings.TrimSuffix(things, "s")), After: "-", Note: "They go for good: their ids mean nothing any more."})
	}
	return nil
}
