package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/web"
	"github.com/weirhq/weir/internal/wire"
)

// RegisterAPI adds to weir's own API what Confluent's has no routes for.
func (s *Service) RegisterAPI(api huma.API) {
	const at = "/api/v1/registry"
	register(s, api, http.MethodGet, "registry-status", at+"/status", "What this process knows of the schemas topic and its leader", s.getStatus)
	register(s, api, http.MethodGet, "registry-history", at+"/history", "Who changed what, when and why, the newest first", s.getHistory)
	register(s, api, http.MethodGet, "registry-usage", at+"/usage/{id}", "The versions that have an id", s.getUsage)
	register(s, api, http.MethodGet, "registry-warnings", at+"/warnings", "Records that were kept out, and schemas that can not be parsed", s.getWarnings)
	register(s, api, http.MethodPost, "registry-check", at+"/check", "What would be in the way of a schema, with documents that show it; changes nothing", s.postCheck)
	s.registerTakeover(api)
	huma.Register(api, huma.Operation{
		OperationID: "registry-export", Method: http.MethodGet, Path: at + "/export", Tags: []string{"registry"},
		Summary: "All versions with their ids, and all settings, a JSON object a line",
	}, s.getExport)
	huma.Register(api, huma.Operation{
		OperationID: "registry-import", Method: http.MethodPost, Path: at + "/import", Tags: []string{"registry"}, MaxBodyBytes: maxImport,
		Summary: "Take what an export gave, a JSON object a line; ids and versions are kept, for which the subjects have to be in mode IMPORT",
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
	if !errors.As(err, &e) {
		return err
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
	Subjects int            `json:"subjects"`
	Schemas  int            `json:"schemas" doc:"Ids, of all contexts."`
	HighIDs  map[string]int `json:"high_ids" doc:"By context: the highest id that was ever seen."`
	Offset   int64          `json:"offset" doc:"Before it, all of the topic is served here."`
	Dropped  int            `json:"dropped" doc:"Records that are kept out: see warnings."`
	Foreign  int            `json:"foreign" doc:"Records of key types that weir leaves alone."`
}

func (s *Service) getStatus(context.Context, *struct{}) (StatusAnswer, error) {
	st := s.Status()
	return StatusAnswer{st.Loaded, st.Leads, st.Leader, st.Refuses, st.Subjects, st.Schemas, st.HighIDs, st.End, st.Dropped, st.Foreign}, nil
}

type historyInput struct {
	Subject string `query:"subject" doc:"Only its changes."`
	Limit   int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

// HistoryAnswer is the answer of GET /api/v1/registry/history.
type HistoryAnswer struct {
	Rows []History `json:"rows"`
}

func (s *Service) getHistory(ctx context.Context, in *historyInput) (HistoryAnswer, error) {
	rows, err := s.readHistory(ctx, in.Subject, in.Limit)
	return HistoryAnswer{rows}, err
}

type usageInput struct {
	ID      int    `path:"id"`
	Subject string `query:"subject" doc:"One of them, or a context as :.name:, since each context has its own ids."`
}

// UsageAnswer is the answer of GET /api/v1/registry/usage/{id}.
type UsageAnswer struct {
	Versions []UsedVersion `json:"versions"`
}

// UsedVersion is a version that has an id.
type UsedVersion struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	Deleted bool   `json:"deleted"`
}

func (s *Service) getUsage(_ context.Context, in *usageInput) (a UsageAnswer, err error) {
	a.Versions = []UsedVersion{}
	err = s.read(func(st *state.State) error {
		uses, err := st.Uses(in.ID, in.Subject, true, state.Page{})
		for _, u := range uses {
			v, _ := st.Version(u.Subject, u.Version, true) // it is there: we hold the state
			a.Versions = append(a.Versions, UsedVersion{u.Subject, u.Version, v.Deleted})
		}
		return err
	})
	return a, err
}

// WarningsAnswer is the answer of GET /api/v1/registry/warnings.
type WarningsAnswer struct {
	Records []RecordWarning `json:"records" doc:"The first hundred records that are kept out."`
	Opaque  []OpaqueVersion `json:"opaque" doc:"Versions that can not be parsed. They are served as they are and compatible with themselves alone."`
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
	a = WarningsAnswer{[]RecordWarning{}, []OpaqueVersion{}}
	err = s.read(func(st *state.State) error {
		for _, w := range st.Status().Warnings {
			a.Records = append(a.Records, RecordWarning(w))
		}
		for _, o := range st.Opaques() {
			a.Opaque = append(a.Opaque, OpaqueVersion(o))
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
	}
}

// CheckAnswer is the answer of POST /api/v1/registry/check.
type CheckAnswer struct {
	Compatible  bool         `json:"compatible"`
	Level       string       `json:"level" doc:"The compatibility that the subject has."`
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
		conflicts, a.Level, err = st.Conflicts(cmd, in.Body.Version)
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
	DryRun  bool   `query:"dryRun" doc:"Say what would happen, and change nothing."`
	RawBody []byte `contentType:"application/x-ndjson"`
	request *http.Request
}

// Resolve keeps the request: it may have to be sent on to the leader.
func (in *importInput) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

type importOutput struct {
	Status int
	Offset int64 `header:"X-Weir-Offset"`
	Body   ImportAnswer
}

func (s *Service) postImport(ctx context.Context, in *importInput) (*importOutput, error) {
	cmds, err := parseImport(in.RawBody)
	if err != nil {
		return nil, apiError(err)
	}
	if in.DryRun {
		answer, err := s.dryRun(cmds)
		return &importOutput{http.StatusOK, s.offset(), answer}, apiError(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), importTimeout)
	defer cancel()
	for {
		answer, offset, err := s.importAll(ctx, metaOf(in.request), cmds)
		if !errors.Is(err, errNotLeading) {
			return &importOutput{http.StatusOK, offset, answer}, apiError(err)
		}
		if in.request.Header.Get(headerForward) != "" {
			return nil, apiError(state.Refuse(state.CodeNoLeader, "This process does not lead the registry, and the request has been forwarded once already."))
		}
		if url, _ := s.other(); url != "" { // which has no such route
			return nil, apiError(state.Refuse(state.CodeNoLeader, "Nothing was written: another registry, %s, writes; weir schema import --registry names it.", url))
		}
		reply, err := s.askLeader(in.request.WithContext(ctx), in.RawBody)
		if refusal := (*state.Error)(nil); errors.As(err, &refusal) {
			return nil, apiError(err)
		}
		if reply != nil {
			return s.importedThere(ctx, reply)
		}
		if err := s.pause(ctx, err); err != nil {
			return nil, apiError(err)
		}
	}
}

// importTimeout bounds an import as a whole.
const importTimeout = 5 * time.Minute

// importedThere is what the leader has answered, once this process serves it.
func (s *Service) importedThere(ctx context.Context, reply *leaderReply) (*importOutput, error) {
	if reply.status != http.StatusOK {
		refusal := &web.Error{Status: reply.status}
		if json.Unmarshal(reply.body, refusal) != nil {
			return nil, fmt.Errorf("the leader answers %d: %.200s", reply.status, reply.body)
		}
		return nil, refusal
	}
	out := &importOutput{Status: reply.status, Offset: reply.offset}
	if err := json.Unmarshal(reply.body, &out.Body); err != nil {
		return nil, fmt.Errorf("reading the leader's answer: %w", err)
	}
	return out, apiError(s.readBack(ctx, reply.offset))
}
