package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

const mediaType = "application/vnd.schemaregistry.v1+json"

// envelope is what a request may hold besides the text of its schema.
const envelope = 64 << 10

// Register mounts Confluent's routes on mux. Whatever is not served below the
// paths of a registry is answered there too, as a JSON object: there are clients
// that fail on any other body.
func (s *Service) Register(mux *http.ServeMux) {
	routes := []struct {
		method, path string
		handle       func(*http.Request) (any, error)
	}{
		{"GET", "/subjects", s.getSubjects},
		{"POST", "/subjects/{subject}", s.postLookup},
		{"GET", "/subjects/{subject}/versions", s.getVersions},
		{"POST", "/subjects/{subject}/versions", s.postVersion},
		{"GET", "/subjects/{subject}/versions/{version}", s.getVersion},
		{"GET", "/subjects/{subject}/versions/{version}/schema", s.getVersionText},
		{"GET", "/schemas/types", func(*http.Request) (any, error) { return []string{"AVRO"}, nil }},
		{"GET", "/schemas/ids/{id}", s.getSchema},
		{"GET", "/schemas/ids/{id}/schema", s.getSchemaText},
		{"GET", "/schemas/ids/{id}/versions", s.getSchemaVersions},
	}
	seen := map[string]bool{}
	for _, r := range routes {
		mux.HandleFunc(r.method+" "+r.path, answer(r.handle))
		if !seen[r.path] {
			seen[r.path] = true
			mux.HandleFunc(r.path, answer(func(r *http.Request) (any, error) {
				return nil, &Error{http.StatusMethodNotAllowed, http.StatusMethodNotAllowed, r.Method + " is not supported here."}
			}))
		}
	}
	for _, path := range []string{
		"/subjects/", "/schemas", "/schemas/", "/config", "/config/", "/mode", "/mode/",
		"/compatibility/", "/contexts", "/contexts/", "/associations/",
	} {
		mux.HandleFunc(path, answer(func(r *http.Request) (any, error) {
			return nil, &Error{http.StatusNotFound, http.StatusNotFound, "This registry has no " + r.Method + " " + r.URL.Path + "."}
		}))
	}
}

// rawText is a reply that goes out as it is.
type rawText string

// answer writes what handle returns. Errors that are no *Error are 500.
func answer(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		reply, err := handle(r)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				e = &Error{http.StatusInternalServerError, http.StatusInternalServerError, err.Error()}
			}
			status = e.Status
			reply = struct {
				Code    int    `json:"error_code"`
				Message string `json:"message"`
			}{e.Code, e.Message}
		}
		var body []byte
		if text, ok := reply.(rawText); ok {
			body = []byte(text)
		} else {
			var buf bytes.Buffer
			enc := json.NewEncoder(&buf)
			enc.SetEscapeHTML(false)
			_ = enc.Encode(reply) // only strings, numbers and JSON that we have parsed
			body = bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body) // the client may be gone
	}
}

// versionReply is Confluent's Schema entity, without what is empty. AVRO is not
// named: there are clients that fail on a type that they expect to be absent.
type versionReply struct {
	Subject    string                 `json:"subject,omitempty"`
	Version    int                    `json:"version,omitempty"`
	ID         int                    `json:"id"`
	SchemaType string                 `json:"schemaType,omitempty"`
	References []wire.SchemaReference `json:"references,omitempty"`
	Metadata   json.RawMessage        `json:"metadata,omitempty"`
	RuleSet    json.RawMessage        `json:"ruleSet,omitempty"`
	Schema     string                 `json:"schema"`
}

func asVersion(v wire.SchemaValue) versionReply {
	return versionReply{v.Subject, v.Version, v.ID, v.SchemaType, v.References, v.Metadata, v.RuleSet, v.Schema}
}

func (s *Service) getSubjects(r *http.Request) (any, error) {
	var names []string
	err := s.read(func(st *State) error {
		// ":*:" means all contexts, and there is one.
		prefix := strings.TrimPrefix(r.URL.Query().Get("subjectPrefix"), ":*:")
		names = page(r, st.Subjects(prefix, boolean(r, "deleted")))
		return nil
	})
	return names, err
}

func (s *Service) getVersions(r *http.Request) (any, error) {
	numbers := []int{}
	err := s.read(func(st *State) error {
		subject := r.PathValue("subject")
		versions := st.Versions(subject, boolean(r, "deleted"))
		if len(versions) == 0 {
			return refuse(codeNoSubject, "Subject '%s' not found.", subject)
		}
		for _, v := range page(r, versions) {
			numbers = append(numbers, v.Version)
		}
		return nil
	})
	return numbers, err
}

func (s *Service) getVersion(r *http.Request) (any, error) {
	v, err := s.version(r)
	return asVersion(v), err
}

func (s *Service) getVersionText(r *http.Request) (any, error) {
	v, err := s.version(r)
	return rawText(v.Schema), err
}

func (s *Service) version(r *http.Request) (found wire.SchemaValue, err error) {
	subject, wanted := r.PathValue("subject"), r.PathValue("version")
	number, convErr := strconv.ParseInt(wanted, 10, 32)
	latest := wanted == "latest" || wanted == "-1"
	if !latest && (convErr != nil || number < 1) {
		return found, refuse(codeVersion, "The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"", wanted)
	}
	err = s.read(func(st *State) error {
		versions := st.Versions(subject, boolean(r, "deleted"))
		if len(versions) == 0 {
			return refuse(codeNoSubject, "Subject '%s' not found.", subject)
		}
		for _, v := range versions {
			if latest || v.Version == int(number) {
				found = v // of "latest", the last one stays
			}
		}
		if found.Version == 0 {
			return refuse(codeNoVersion, "Version %s not found.", wanted)
		}
		return nil
	})
	return found, err
}

func (s *Service) getSchema(r *http.Request) (any, error) {
	v, err := s.schema(r)
	return struct {
		SchemaType string                 `json:"schemaType,omitempty"`
		Schema     string                 `json:"schema"`
		References []wire.SchemaReference `json:"references,omitempty"`
		Metadata   json.RawMessage        `json:"metadata,omitempty"`
		RuleSet    json.RawMessage        `json:"ruleSet,omitempty"`
	}{v.SchemaType, v.Schema, v.References, v.Metadata, v.RuleSet}, err
}

func (s *Service) getSchemaText(r *http.Request) (any, error) {
	v, err := s.schema(r)
	return rawText(v.Schema), err
}

func (s *Service) schema(r *http.Request) (found wire.SchemaValue, err error) {
	err = s.read(func(st *State) error {
		id, convErr := strconv.Atoi(r.PathValue("id"))
		v, ok := st.Schema(id)
		if convErr != nil || !ok {
			return refuse(codeNoSchema, "Schema %s not found", r.PathValue("id"))
		}
		found = v
		return nil
	})
	return found, err
}

func (s *Service) getSchemaVersions(r *http.Request) (any, error) {
	type use struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	v, err := s.schema(r)
	if err != nil {
		return nil, err
	}
	uses := []use{}
	err = s.read(func(st *State) error {
		for _, u := range page(r, st.Uses(v.ID, boolean(r, "deleted"))) {
			uses = append(uses, use{u.Subject, u.Version})
		}
		return nil
	})
	return uses, err
}

func (s *Service) postLookup(r *http.Request) (any, error) {
	cmd, err := s.command(r)
	if err != nil {
		return nil, err
	}
	var found wire.SchemaValue
	err = s.read(func(st *State) (err error) {
		found, err = st.Lookup(cmd, boolean(r, "deleted"))
		return err
	})
	return asVersion(found), err
}

func (s *Service) postVersion(r *http.Request) (any, error) {
	cmd, err := s.command(r)
	if err != nil {
		return nil, err
	}
	v, err := s.register(r.Context(), cmd)
	// As Confluent does: the properties that newer registries add go only to
	// clients that say that they can bear them.
	if !isTrue(r.Header.Get("Confluent-Accept-Unknown-Properties")) {
		return struct {
			ID int `json:"id"`
		}{v.ID}, err
	}
	reply := asVersion(v)
	reply.Subject = ""
	return reply, err
}

// command reads the body of a POST. The media type is not looked at.
func (s *Service) command(r *http.Request) (cmd wire.SchemaValue, err error) {
	limit := s.cfg.MaxSchemaBytes + envelope
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return cmd, &Error{http.StatusBadRequest, http.StatusBadRequest, "reading the request: " + err.Error()}
	}
	if len(body) > limit {
		return cmd, &Error{http.StatusRequestEntityTooLarge, codeTooLarge, "The request is longer than " + strconv.Itoa(limit) + " bytes."}
	}
	var request struct {
		Schema     string                 `json:"schema"`
		SchemaType string                 `json:"schemaType"`
		References []wire.SchemaReference `json:"references"`
		Metadata   json.RawMessage        `json:"metadata"`
		RuleSet    json.RawMessage        `json:"ruleSet"`
		ID         int                    `json:"id"`
		Version    int                    `json:"version"`
	}
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(body, &request); {
	case errors.As(err, &wrong):
		return cmd, &Error{http.StatusBadRequest, http.StatusBadRequest, "reading the request: " + cmp.Or(wrong.Field, "it") + " can not be of JSON type " + wrong.Value}
	case err != nil:
		return cmd, &Error{http.StatusBadRequest, http.StatusBadRequest, "reading the request: " + err.Error()}
	}
	if len(request.Schema) > s.cfg.MaxSchemaBytes {
		return cmd, &Error{http.StatusRequestEntityTooLarge, codeTooLarge, "The schema is longer than " + strconv.Itoa(s.cfg.MaxSchemaBytes) + " bytes."}
	}
	return wire.SchemaValue{
		Subject: r.PathValue("subject"), Schema: request.Schema, SchemaType: request.SchemaType,
		References: request.References, Metadata: present(request.Metadata), RuleSet: present(request.RuleSet),
		ID: request.ID, Version: request.Version,
	}, nil
}

// present compacts a value, as stored ones are; null and {} say nothing.
func present(raw json.RawMessage) json.RawMessage {
	var buf bytes.Buffer
	if json.Compact(&buf, raw) != nil || buf.String() == "null" || buf.String() == "{}" {
		return nil
	}
	return buf.Bytes()
}

// boolean reads a boolean of the query in any case: Python's clients write True.
func boolean(r *http.Request, name string) bool { return isTrue(r.URL.Query().Get(name)) }

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

// page cuts a list as offset and limit say; a limit below 1 is none.
func page[T any](r *http.Request, list []T) []T {
	q := r.URL.Query()
	if n, err := strconv.Atoi(q.Get("offset")); err == nil && n > 0 {
		list = list[min(n, len(list)):]
	}
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
		list = list[:min(n, len(list))]
	}
	return list
}
