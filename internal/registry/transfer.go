package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
	"github.com/weirhq/weir/internal/wire"
)

// An export is a JSON object a line: the versions, each behind those that it refers
// to, as GET /subjects/{subject}/versions/{version} has them; then what is set:
//
//	{"subject":"s","version":1,"id":7,"guid":"...","schema":"\"int\""}
//	{"subject":"s","config":{"compatibilityLevel":"FULL"}}
//	{"subject":"","mode":"READONLY"}
//
// An import takes first the versions, then the settings. Its ids and versions are kept, as mode IMPORT
// has it; a line without an id is registered as ever.
type transferLine struct {
	Subject    string                 `json:"subject"`
	Version    int                    `json:"version"`
	ID         int                    `json:"id"`
	SchemaType string                 `json:"schemaType"`
	References []wire.SchemaReference `json:"references"`
	Metadata   json.RawMessage        `json:"metadata"`
	RuleSet    json.RawMessage        `json:"ruleSet"`
	Schema     string                 `json:"schema"`
	Deleted    bool                   `json:"deleted"`
	Config     json.RawMessage        `json:"config"`
	Mode       string                 `json:"mode"`
}

// export returns the lines of the subjects with a prefix. What it goes through is a
// list of its own, which shares the texts: the client may take its time.
func (s *Service) export(prefix string, deleted bool) (iter.Seq[[]byte], error) {
	var versions []state.Version
	var settings []state.Setting
	err := s.read(func(st *state.State) error {
		for v := range st.Export(prefix, deleted) {
			versions = append(versions, v)
		}
		if prefix == ":*:" {
			settings = st.Settings()
		}
		return nil
	})
	return func(yield func([]byte) bool) {
		var line []byte
		for _, v := range versions {
			line = append(versionReply{v}.appendJSON(line[:0]), '\n')
			if !yield(line) {
				return
			}
		}
		for _, set := range settings {
			for _, line := range settingLines(set) {
				if !yield(line) {
					return
				}
			}
		}
	}, err
}

func settingLines(set state.Setting) (lines [][]byte) {
	begin := appendText([]byte{'{'}, "subject", set.Subject)
	begin = begin[:len(begin):len(begin)]
	if set.Config != nil {
		line := configReply{*set.Config, "compatibilityLevel"}.appendJSON(append(begin, `,"config":`...))
		lines = append(lines, append(line, '}', '\n'))
	}
	if set.Mode != "" {
		lines = append(lines, append(appendText(append(begin, ','), "mode", set.Mode), '}', '\n'))
	}
	return lines
}

// modeImport is the mode in which ids and versions are given.
const modeImport = "IMPORT"

// imported is a line of an import.
type imported struct {
	transferLine
	line int // from 1
}

// ImportAnswer is the answer of POST /api/v1/registry/import.
type ImportAnswer struct {
	Lines    int           `json:"lines"`
	Failed   int           `json:"failed"`
	Errors   []ImportError `json:"errors" doc:"Why, for the first hundred of them. The other lines are taken."`
	Versions int           `json:"versions" doc:"Versions to register, those that failed included."`
	There    int           `json:"there" doc:"Versions that are there as the lines have them, and are left."`
	Settings int           `json:"settings" doc:"Configs and modes to set."`
	Modes    []ImportMode  `json:"modes" doc:"Subjects that are in mode IMPORT meanwhile, and what they get back."`
}

// ImportError is a line that was not taken.
type ImportError struct {
	Line    int    `json:"line" doc:"From 1."`
	Subject string `json:"subject"`
	Code    int    `json:"code" doc:"Confluent's error code."`
	Message string `json:"message"`
}

// ImportMode is a subject whose mode an import sets and sets back.
type ImportMode struct {
	Subject string `json:"subject"`
	Before  string `json:"before" doc:"Its own mode; empty: it has none, or is one that an import which broke off has left in mode IMPORT."`
}

const maxImportErrors = 100

func (a *ImportAnswer) failed(subject string, line int, err error) {
	a.Failed++
	var e *state.Error
	if errors.As(err, &e) && len(a.Errors) < maxImportErrors {
		a.Errors = append(a.Errors, ImportError{line, subject, e.Code, e.Message})
	}
}

func parseImport(text []byte) (list []imported, err error) {
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		one := imported{line: number}
		err := json.Unmarshal(raw, &one.transferLine)
		if err == nil && len(one.Config) > 0 {
			_, err = wire.ParseSchemasSetting(one.Config)
		}
		if err != nil {
			return nil, state.Refuse(422, "line %d: %v", number, err)
		}
		list = append(list, one)
	}
	return list, nil
}

func (l transferLine) register() state.Register {
	return state.Register{
		Subject: l.Subject, Type: l.SchemaType, Schema: l.Schema, References: l.References,
		Metadata: present(l.Metadata), RuleSet: present(l.RuleSet), ID: l.ID, Version: l.Version,
	}
}

// version is the line as the state would have it.
func (l transferLine) version() (v state.Version) {
	v.Subject, v.Version, v.ID, v.SchemaType, v.Schema, v.Deleted = l.Subject, l.Version, l.ID, l.SchemaType, l.Schema, l.Deleted
	v.References = l.References
	return v
}

// change is a command of an import, and the line that it is of; 0: of none.
type change struct {
	line    int
	subject string
	cmd     state.Command
}

// importPlan is what an import does, one behind the other: what later ones need is
// done by then. Deletions come behind all registrations, since a subject loses its mode
// with its last live version; those who refer to others go first.
//
// Crash story: an import that breaks off leaves subjects in mode IMPORT. Its answer says
// which, and GET warnings lists them. The same import again takes such a subject for
// one of its own: it goes on, and leaves it without a mode.
type importPlan struct {
	opens, registers, deletes, configs, closes, modes []change
}

func (p importPlan) steps() [][]change {
	return [][]change{p.opens, p.registers, p.deletes, p.configs, p.closes, p.modes}
}

// planImport decides about the lines. With set, subjects are put into mode IMPORT and
// back; then a version that is there and is another one refuses all.
func planImport(st *state.State, lines []imported, set bool) (p importPlan, a ImportAnswer, err error) {
	a = ImportAnswer{Lines: len(lines), Errors: []ImportError{}, Modes: []ImportMode{}}
	opened := map[string]bool{}
	for _, l := range lines {
		add := func(list *[]change, cmd state.Command) { *list = append(*list, change{l.line, l.Subject, cmd}) }
		switch {
		case l.Mode != "":
			if own, err := st.Mode(l.Subject, false); err != nil || own != l.Mode || own == modeImport {
				add(&p.modes, state.SetMode{Subject: l.Subject, Mode: l.Mode, Force: true})
				a.Settings++
			}
			continue
		case len(l.Config) > 0:
			if config, is := isSet(st, l.transferLine); !is {
				add(&p.configs, state.SetConfig{Subject: l.Subject, Change: config})
				a.Settings++
			}
			continue
		}
		there, same := isThere(st, l.transferLine)
		own, _ := st.Mode(l.Subject, false) // "": none
		unfinished := l.Subject != "" && own == modeImport
		switch {
		case same && (there.Deleted == l.Deleted || set && !unfinished):
			a.There++
		case same && l.Deleted:
			a.There++
			add(&p.deletes, state.DeleteVersion{Subject: l.Subject, Version: l.Version})
		case set && !same && there.Version > 0:
			return p, a, &web.Error{Status: http.StatusConflict, Code: "import_conflict",
				Message: fmt.Sprintf("line %d: version %d of %s is there with id %d, and is another one; nothing was changed", l.line, l.Version, l.Subject, there.ID)}
		default:
			a.Versions++
			add(&p.registers, l.register())
			if l.Deleted {
				add(&p.deletes, state.DeleteVersion{Subject: l.Subject, Version: l.Version})
			}
		}
		if holds, _ := st.Mode(l.Subject, true); set && l.ID > 0 && !opened[l.Subject] && (unfinished || !same && holds != modeImport) {
			opened[l.Subject] = true
			p.open(&a, l.Subject, own)
		}
	}
	slices.Reverse(p.deletes)
	return p, a, nil
}

// open puts a subject into mode IMPORT, and back into its own.
func (p *importPlan) open(a *ImportAnswer, subject, own string) {
	if own == modeImport {
		own = ""
	} else {
		p.opens = append(p.opens, change{0, subject, state.SetMode{Subject: subject, Mode: modeImport, Force: true}})
	}
	a.Modes = append(a.Modes, ImportMode{subject, own})
	if own == "" {
		p.closes = append(p.closes, change{0, subject, state.DeleteMode{Subject: subject}})
	} else {
		p.closes = append(p.closes, change{0, subject, state.SetMode{Subject: subject, Mode: own, Force: true}})
	}
}

// isThere looks for the version of a line; same says that it is that one, however it
// is spelled.
func isThere(st *state.State, l transferLine) (v state.Version, same bool) {
	if l.ID <= 0 || l.Version <= 0 {
		return v, false
	}
	v, err := st.Version(l.Subject, l.Version, true)
	if err != nil || !sameSubject(v.Subject, l.Subject) {
		return state.Version{}, false
	}
	if v.ID != l.ID || cmp.Or(v.SchemaType, "AVRO") != cmp.Or(l.SchemaType, "AVRO") {
		return v, false
	}
	if v.Schema == l.Schema {
		return v, true
	}
	a, aErr := st.Parsed(v)
	b, bErr := st.Parsed(l.version())
	return v, aErr == nil && bErr == nil && a.Canonical() == b.Canonical()
}

// isSet returns the config of a line, and whether that is what is set already.
func isSet(st *state.State, l transferLine) (config wire.SchemasSetting, is bool) {
	config, _ = wire.ParseSchemasSetting(l.Config) // it was parsed once already
	config.Unknown = nil
	has, ok := st.OwnConfig(l.Subject)
	text := func(c wire.SchemasSetting) string {
		return string(configReply{c, "compatibilityLevel"}.appendJSON(nil))
	}
	return config, ok && text(has) == text(config)
}

// plannedImport is planImport on what is served here.
func (s *Service) plannedImport(lines []imported, set bool) (p importPlan, a ImportAnswer, err error) {
	err = s.read(func(st *state.State) (err error) {
		p, a, err = planImport(st, lines, set)
		return err
	})
	return p, a, err
}

// importAll makes what the lines say. It returns errNotLeading only if nothing was
// done.
func (s *Service) importAll(ctx context.Context, m Meta, lines []imported, set bool) (a ImportAnswer, offset int64, err error) {
	p, a, err := s.plannedImport(lines, set)
	if err != nil {
		return a, 0, err
	}
	offset = s.offset()
	failed, first := map[int]bool{}, true
	for _, step := range p.steps() {
		for some := range slices.Chunk(step, groupRequests) {
			some = slices.DeleteFunc(slices.Clone(some), func(c change) bool { return failed[c.line] })
			cmds := make([]state.Command, len(some))
			for i, c := range some {
				cmds[i] = c.cmd
			}
			for i, out := range s.writeAll(ctx, m, cmds) {
				c := some[i]
				offset = max(offset, out.offset)
				refusal := (*state.Error)(nil)
				switch {
				case out.err == nil || isGone(c, out.err):
				case errors.As(out.err, &refusal) && refusal.Status < http.StatusInternalServerError:
					failed[c.line] = c.line > 0
					a.failed(c.subject, c.line, out.err)
				case first:
					return a, 0, out.err
				default:
					return a, 0, brokenOff(c, a.Modes, out.err)
				}
				first = false
			}
		}
	}
	return a, offset, nil
}

// isGone says that a subject has lost its mode already, with its last live version.
func isGone(c change, err error) bool {
	_, unset := c.cmd.(state.DeleteMode)
	refusal := (*state.Error)(nil)
	return unset && errors.As(err, &refusal) && refusal.Status == http.StatusNotFound
}

// brokenOff tells of an import that has ended in the middle.
func brokenOff(c change, modes []ImportMode, err error) error {
	var left []string
	for i, m := range modes {
		if i == 10 {
			left = append(left, fmt.Sprintf("and %d more", len(modes)-i))
			break
		}
		left = append(left, m.Subject+" "+cmp.Or(m.Before, "none of its own"))
	}
	words := ""
	if len(left) > 0 {
		words = " These may be left in mode IMPORT, and had: " + strings.Join(left, ", ") + "; PUT or DELETE /mode/SUBJECT sets that back."
	}
	return state.Refuse(state.CodeForwarding, "line %d, %s: %v. The same import again is safe, and goes on.%s", c.line, c.subject, err, words)
}

// dryRun says what an import would do here and now.
func (s *Service) dryRun(ctx context.Context, lines []imported, set bool) (a ImportAnswer, err error) {
	over, err := s.overlay(ctx)
	if err != nil {
		return a, err
	}
	p, a, err := s.plannedImport(lines, set)
	failed := map[int]bool{}
	for _, step := range p.steps() {
		for _, c := range step {
			if failed[c.line] {
				continue
			}
			if err := s.try(c.cmd, over); err != nil && !isGone(c, err) {
				failed[c.line] = c.line > 0
				a.failed(c.subject, c.line, err)
			}
		}
	}
	return a, err
}

// try makes a change on an overlay of the state.
func (s *Service) try(cmd state.Command, over *state.State) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	records, _, err := state.Plan(cmd, over)
	for _, r := range records {
		_ = over.Apply(r.Key, r.Value, 0) // what is planned applies
	}
	return err
}
