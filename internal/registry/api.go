package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
	"github.com/weirhq/weir/internal/wire"
)

// RegisterAPI adds to weir's own API what Confluent's has no routes for.
func (s *Service) RegisterAPI(api huma.API) {
	const at = "/api/v1/registry"
	register(s, api, http.MethodGet, "registry-status", at+"/status", "What this process knows of the schemas topic and its leader", s.getStatus)
	register(s, api, http.MethodGet, "registry-history", at+"/history", "Who changed what, when and why, the newest first", s.getHistory)
	register(s, api, http.MethodGet, "registry-usage", at+"/usage/{id}", "The versions that have an id, and how topics use them", s.getUsage)
	register(s, api, http.MethodGet, "registry-subject-usage", at+"/usage", "The versions of a subject, and how topics use them", s.getSubjectUsage)
	register(s, api, http.MethodGet, "registry-search", at+"/search", "Subjects, types, fields and docs of live schemas that contain some words", s.getSearch)
	register(s, api, http.MethodGet, "registry-events", at+"/events", "What was seen to happen to the registry, the newest first", s.getEvents)
	register(s, api, http.MethodGet, "registry-warnings", at+"/warnings", "Records that were kept out, and schemas that can not be parsed", s.getWarnings)
	register(s, api, http.MethodPost, "registry-check", at+"/check", "What would be in the way of a schema, with documents that show it; changes nothing", s.postCheck)
	s.registerTakeover(api)
	s.registerApply(api, at)
	huma.Register(api, huma.Operation{
		OperationID: "registry-export", Method: http.MethodGet, Path: at + "/export", Tags: []string{"registry"},
		Summary: "All versions with their ids, and all settings, a JSON object a line",
	}, s.getExport)
	huma.Register(api, huma.Operation{
		OperationID: "registry-import", Method: http.MethodPost, Path: at + "/import", Tags: []string{"registry"}, MaxBodyBytes: maxImport,
		Summary: "Take what an export gave, a JSON object a line; ids and versions are kept, for which the subjects are in mode IMPORT",
	}, s.postImport)
}

type apiAnswer[T any] struct{ Body T }

func register[I, T any](s *Service, api huma.API, method, id, path, summary string, ask func(context.Context, *I) (T, error)) {
	op := huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"registry"}}
	huma.Register(api, op, func(ctx context.Context, in *I) (*apiAnswer[T], error) {
		answer, err := ask(ctx, in)
		if err != nil {
			return nil, apiError(err)
		}
		return &apiAnswer[T]{answer}, nil
	})
}

// apiError words a refusal as weir's API does. The code tells Confluent's too.
func apiError(err error) error {
	var e *state.Error
	switch {
	case !errors.As(err, &e):
		return err
	case errors.Is(err, actions.ErrUnavailable):
		return &web.Error{Status: http.StatusServiceUnavailable, Code: codeUnrecorded, Message: e.Message, Hint: "the log is on the home cluster: is that up?"}
	}
	return &web.Error{Status: e.Status, Code: ownCode(e.Code), Message: e.Message}
}

// ownCode is Confluent's code as weir's API has it.
func ownCode(code int) string { return fmt.Sprintf("registry_%d", code) }

// StatusAnswer is the answer of GET /api/v1/registry/status.
type StatusAnswer struct {
	Loaded   bool           `json:"loaded" doc:"The topic has been read once."`
	Leads    bool           `json:"leads" doc:"This process writes."`
	Leader   string         `json:"leader" doc:"Who writes, as far as is known."`
	Refuses  string         `json:"refuses" doc:"Why nothing is written, empty if it is."`
	Stale    string         `json:"stale" doc:"Why what is served may be behind: it is a snapshot, and the cluster is away; empty otherwise."`
	Subjects int            `json:"subjects"`
	Schemas  int            `json:"schemas" doc:"Ids, of all contexts."`
	HighIDs  map[string]int `json:"high_ids" doc:"By context: the highest id that was ever seen."`
	Offset   int64          `json:"offset" doc:"Before it, all of the topic is served here."`
	Dropped  int            `json:"dropped" doc:"Records that are kept out: see warnings."`
	Foreign  int            `json:"foreign" doc:"Records of key types that weir leaves alone."`

	Comparing *Comparing `json:"comparing" doc:"With another registry, before a takeover, while this process does that."`
}

func (s *Service) getStatus(context.Context, *struct{}) (StatusAnswer, error) {
	st := s.Status()
	return StatusAnswer{st.Loaded, st.Leads, st.Leader, st.Refuses, st.Stale, st.Subjects, st.Schemas, st.HighIDs, st.End, st.Dropped, st.Foreign, s.compare.Load()}, nil
}

type historyInput struct {
	Subject string `query:"subject" doc:"Only its changes."`
	Limit   int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Before  int64  `query:"before" minimum:"0" doc:"Only rows before this place: next of the answer before."`
}

// HistoryAnswer is the answer of GET /api/v1/registry/history.
type HistoryAnswer struct {
	Rows []History `json:"rows"`
	Next int64     `json:"next" doc:"Where to go on, as before; 0: there is no more. A page may be short, or empty, and have a next."`
}

func (s *Service) getHistory(ctx context.Context, in *historyInput) (HistoryAnswer, error) {
	rows, next, err := s.historyBefore(ctx, in.Subject, in.Limit, in.Before)
	return HistoryAnswer{rows, next}, err
}

// WarningsAnswer is the answer of GET /api/v1/registry/warnings.
type WarningsAnswer struct {
	Records   []RecordWarning `json:"records" doc:"The first hundred records that are kept out."`
	Opaque    []OpaqueVersion `json:"opaque" doc:"Versions that can not be parsed. They are served as they are and compatible with themselves alone."`
	Importing []string        `json:"importing" doc:"Subjects, and contexts, that are in mode IMPORT. If no import runs, one has broken off: the same again goes on, PUT or DELETE /mode/SUBJECT sets another mode."`
}

// RecordWarning is a record that is kept out.
type RecordWarning struct {
	Offset int64  `json:"offset"`
	Reason string `json:"reason"`
}

// OpaqueVersion is a version that can not be parsed.
type OpaqueVersion struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	Reason  string `json:"reason"`
}

func (s *Service) getWarnings(context.Context, *struct{}) (a WarningsAnswer, err error) {
	a = WarningsAnswer{[]RecordWarning{}, []OpaqueVersion{}, []string{}}
	err = s.read(func(st *state.State) error {
		for _, w := range st.Status().Warnings {
			a.Records = append(a.Records, RecordWarning(w))
		}
		for _, o := range st.Opaques() {
			a.Opaque = append(a.Opaque, OpaqueVersion(o))
		}
		for _, set := range st.Settings() {
			if set.Mode == modeImport {
				a.Importing = append(a.Importing, set.Subject)
			}
		}
		return nil
	})
	return a, err
}

type checkInput struct {
	Body struct {
		Subject    string                 `json:"subject" minLength:"1"`
		Schema     string                 `json:"schema" minLength:"1"`
		SchemaType string                 `json:"schemaType,omitempty" doc:"AVRO, JSON or PROTOBUF. Default: AVRO."`
		References []wire.SchemaReference `json:"references,omitempty"`
		Metadata   json.RawMessage        `json:"metadata,omitempty"`
		Version    int                    `json:"version,omitempty" doc:"Compare with this version alone, -1 for the latest. Default: what the level says."`
		Normalize  bool                   `json:"normalize,omitempty"`
		Level      string                 `json:"level,omitempty" enum:"NONE,BACKWARD,BACKWARD_TRANSITIVE,FORWARD,FORWARD_TRANSITIVE,FULL,FULL_TRANSITIVE" doc:"Judge by this one. Default: the compatibility that the subject has."`
	}
}

// CheckAnswer is the answer of POST /api/v1/registry/check.
type CheckAnswer struct {
	Compatible  bool         `json:"compatible"`
	Level       string       `json:"level" doc:"The compatibility that was judged by."`
	Differences []Difference `json:"differences" doc:"All that is in the way, the newest version first."`
}

// Difference is one reason why data can not be read.
type Difference struct {
	Version   int    `json:"version" doc:"The older version."`
	Direction string `json:"direction" enum:"backward,forward" doc:"backward: the new schema can not read the older one's data. forward: the older schema can not read the new one's."`
	Kind      string `json:"kind" doc:"As Confluent's registry calls it."`
	Path      string `json:"path" doc:"Where: a JSON pointer into the reader's schema, or a Protobuf name."`
	Message   string `json:"message"`
	Example   string `json:"example,omitempty" doc:"A document as JSON that is written and can not be read, or is misread; with the first difference of each version and direction, if one could be made."`
}

func (s *Service) postCheck(_ context.Context, in *checkInput) (a CheckAnswer, err error) {
	cmd := state.Register{
		Subject: in.Body.Subject, Schema: in.Body.Schema, Type: in.Body.SchemaType, References: in.Body.References,
		Metadata: present(in.Body.Metadata), Normalize: in.Body.Normalize,
	}
	var conflicts []state.Conflict
	err = s.read(func(st *state.State) (err error) {
		cmd.Subject = st.Alias(cmd.Subject)
		conflicts, a.Level, err = st.ConflictsAt(cmd, in.Body.Version, in.Body.Level)
		return err
	})
	a.Compatible, a.Differences = err == nil && len(conflicts) == 0, Differences(conflicts)
	return a, err
}

type exportInput struct {
	Prefix  string `query:"subjectPrefix" default:":*:" doc:"Of the subjects' names. :*: is all contexts, :.name: one."`
	Deleted bool   `query:"deleted" doc:"With what is softly deleted."`
}

func (s *Service) getExport(_ context.Context, in *exportInput) (*huma.StreamResponse, error) {
	lines, err := s.export(in.Prefix, in.Deleted)
	if err != nil {
		return nil, apiError(err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "application/x-ndjson")
		for line := range lines {
			if _, err := ctx.BodyWriter().Write(line); err != nil {
				return
			}
		}
	}}, nil
}

// maxImport is what one request may bring: weir's API takes no more. Longer exports
// are sent in pieces, cut between lines.
const maxImport = 8 << 20

type importInput struct {
	asking
	DryRun  bool   `query:"dryRun" doc:"Say what would happen, and change nothing."`
	Mode    string `query:"mode" enum:"keep,set" default:"keep" doc:"keep: the subjects have to be in mode IMPORT. set: they are meanwhile, and get back what they had."`
	RawBody []byte `contentType:"application/x-ndjson"`
}

func (s *Service) postImport(ctx context.Context, in *importInput) (*leaderOutput[ImportAnswer], error) {
	lines, err := parseImport(in.RawBody)
	if err != nil {
		return nil, apiError(err)
	}
	if in.DryRun {
		answer, err := s.dryRun(ctx, lines, in.Mode == "set")
		if err != nil {
			return nil, apiError(err)
		}
		return &leaderOutput[ImportAnswer]{s.offset(), answer}, nil
	}
	return changeAtLeader(ctx, s, in.request, in.RawBody, actions.Action{Kind: "schema-import"}, func(ctx context.Context) (ImportAnswer, int64, error) {
		return s.importAll(ctx, metaOf(in.request), lines, in.Mode == "set")
	})
}
