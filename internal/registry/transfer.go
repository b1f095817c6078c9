package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// An export is a JSON object a line: the versions, each behind those that it refers
// to, as GET /subjects/{subject}/versions/{version} has them; then what is set:
//
//	{"subject":"s","version":1,"id":7,"guid":"...","schema":"\"int\""}
//	{"subject":"s","config":{"compatibilityLevel":"FULL"}}
//	{"subject":"","mode":"READONLY"}
//
// An import takes them in this order. Its ids and versions are kept, as mode IMPORT
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

// imported is a line of an import as commands.
type imported struct {
	line    int
	subject string
	cmds    []state.Command
}

// ImportAnswer is the answer of POST /api/v1/registry/import.
type ImportAnswer struct {
	Lines  int           `json:"lines"`
	Failed int           `json:"failed"`
	Errors []ImportError `json:"errors" doc:"Why, for the first hundred of them. The other lines are taken."`
}

// ImportError is a line that was not taken.
type ImportError struct {
	Line    int    `json:"line" doc:"From 1."`
	Subject string `json:"subject"`
	Code    int    `json:"code" doc:"Confluent's error code."`
	Message string `json:"message"`
}

const maxImportErrors = 100

func (a *ImportAnswer) failed(l imported, err error) {
	a.Failed++
	var e *state.Error
	if errors.As(err, &e) && len(a.Errors) < maxImportErrors {
		a.Errors = append(a.Errors, ImportError{l.line, l.subject, e.Code, e.Message})
	}
}

func parseImport(text []byte) (list []imported, err error) {
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		var line transferLine
		if err := json.Unmarshal(raw, &line); err != nil {
			return nil, state.Refuse(422, "line %d: %v", number, err)
		}
		cmds, err := line.commands()
		if err != nil {
			return nil, state.Refuse(422, "line %d: %v", number, err)
		}
		list = append(list, imported{number, line.Subject, cmds})
	}
	return list, nil
}

func (l transferLine) commands() ([]state.Command, error) {
	switch {
	case l.Mode != "":
		return []state.Command{state.SetMode{Subject: l.Subject, Mode: l.Mode, Force: true}}, nil
	case len(l.Config) > 0:
		config, err := wire.ParseSchemasSetting(l.Config)
		config.Unknown = nil
		return []state.Command{state.SetConfig{Subject: l.Subject, Change: config}}, err
	}
	cmds := []state.Command{state.Register{
		Subject: l.Subject, Type: l.SchemaType, Schema: l.Schema, References: l.References,
		Metadata: present(l.Metadata), RuleSet: present(l.RuleSet), ID: l.ID, Version: l.Version,
	}}
	if l.Deleted {
		cmds = append(cmds, state.DeleteVersion{Subject: l.Subject, Version: l.Version})
	}
	return cmds, nil
}

// importAll makes what the lines say, one behind the other. It returns errNotLeading
// only if nothing was done.
func (s *Service) importAll(ctx context.Context, m Meta, lines []imported) (a ImportAnswer, offset int64, err error) {
	a = ImportAnswer{Lines: len(lines), Errors: []ImportError{}}
	for some := range slices.Chunk(lines, groupRequests) {
		var cmds []state.Command
		for _, l := range some {
			cmds = append(cmds, l.cmds...)
		}
		outcomes := s.writeAll(ctx, m, cmds)
		for _, l := range some {
			err := firstError(outcomes[:len(l.cmds)], &offset)
			outcomes = outcomes[len(l.cmds):]
			refusal := (*state.Error)(nil)
			switch {
			case err == nil:
			case errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError:
				a.failed(l, err)
			case l.line == lines[0].line:
				return a, 0, err
			default:
				return a, 0, state.Refuse(state.CodeForwarding, "line %d: %v. The same import again is safe.", l.line, err)
			}
		}
	}
	return a, offset, nil
}

func firstError(outcomes []outcome, offset *int64) (err error) {
	for _, o := range outcomes {
		*offset = max(*offset, o.offset)
		err = cmp.Or(err, o.err)
	}
	return err
}

// dryRun says what an import would do here and now.
func (s *Service) dryRun(lines []imported) (a ImportAnswer, err error) {
	a = ImportAnswer{Lines: len(lines), Errors: []ImportError{}}
	s.mu.Lock()
	if s.view == nil {
		defer s.mu.Unlock()
		return a, s.notLoaded()
	}
	over := s.view.state.Overlay()
	s.mu.Unlock()
	for _, l := range lines {
		if err := s.tryLine(l, over); err != nil {
			a.failed(l, err)
		}
	}
	return a, nil
}

// tryLine makes a line's changes on an overlay of the state.
func (s *Service) tryLine(l imported, over *state.State) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, cmd := range l.cmds {
		records, _, err := state.Plan(cmd, over)
		if err != nil {
			return err
		}
		for _, r := range records {
			_ = over.Apply(r.Key, r.Value, 0) // what is planned applies
		}
	}
	return nil
}
