package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

func (s *Service) subjectRoutes() []route {
	const subject = "/subjects/{subject}"
	const version = subject + "/versions/{version}"
	return []route{
		{"GET", "/subjects", getSubjects, nil},
		{"POST", subject, postLookup, nil},
		{"DELETE", subject, nil, deleteSubject},
		{"GET", subject + "/metadata", getWithMetadata, nil},
		{"GET", subject + "/versions", getVersions, nil},
		{"POST", subject + "/versions", nil, postVersion},
		{"GET", version, getVersion, nil},
		{"DELETE", version, nil, deleteVersion},
		{"GET", version + "/schema", getVersionText, nil},
		{"GET", version + "/referencedby", getReferencedBy, nil},
		{"POST", version + "/tags", nil, postTags},
		{"POST", "/compatibility" + subject + "/versions", postCompatibility, nil},
		{"POST", "/compatibility" + version, postCompatibility, nil},
	}
}

func getSubjects(st *state.State, c *call) (any, error) {
	prefix := ":*:"
	if c.param("subjectPrefix") != "" || c.query.Has("subjectPrefix") {
		prefix = c.param("subjectPrefix")
	}
	return st.Subjects(prefix, c.flag("deleted"), c.flag("deletedOnly"), c.page()), nil
}

func getVersions(st *state.State, c *call) (any, error) {
	return st.Versions(c.subject(st), c.flag("deleted"), c.flag("deletedOnly"), c.flag("deletedAsNegative"), c.page())
}

func getVersion(st *state.State, c *call) (any, error) {
	v, err := versionOf(st, c)
	if err != nil {
		return nil, err
	}
	r := versionReply{v}
	r.version.References, err = c.references(v)
	return c.tagged(st, r, v), err
}

func getVersionText(st *state.State, c *call) (any, error) {
	v, err := versionOf(st, c)
	return rawText(v.Schema), err
}

func versionOf(st *state.State, c *call) (v state.Version, err error) {
	number, err := c.version()
	if err != nil {
		return v, err
	}
	if v, err = st.Version(c.subject(st), number, c.flag("deleted")); err != nil {
		return v, err
	}
	return inFormat(st, v, c.param("format")), nil
}

// inFormat is v with its text as a client wants it. One that we do not have is
// answered with the text as it is, as Confluent's registry does.
func inFormat(st *state.State, v state.Version, format string) state.Version {
	if format == "" {
		return v
	}
	if parsed, err := st.Parsed(v); err == nil {
		if text, ok := formatted(parsed, format); ok {
			v.Schema = text
		}
	}
	return v
}

func getWithMetadata(st *state.State, c *call) (any, error) {
	c.param("")
	keys, values := c.query["key"], c.query["value"]
	properties := map[string]string{}
	for i, k := range keys {
		if i < len(values) {
			properties[k] = values[i]
		}
	}
	v, err := st.WithMetadata(c.subject(st), properties, c.flag("deleted"))
	return versionReply{inFormat(st, v, c.param("format"))}, err
}

func getReferencedBy(st *state.State, c *call) (any, error) {
	number, err := c.version()
	if err != nil {
		return nil, err
	}
	ids, err := st.ReferencedBy(c.subject(st), number)
	return cut(ids, c.page()), err
}

func postLookup(st *state.State, c *call) (any, error) {
	cmd, err := c.registration(c.subject(st))
	if err != nil {
		return nil, err
	}
	v, err := st.Lookup(cmd, c.flag("deleted"))
	return versionReply{inFormat(st, v, c.param("format"))}, err
}

func postVersion(c *call) (state.Command, func(state.Reply) any, error) {
	subject, err := c.aliased()
	if err != nil {
		return nil, nil, err
	}
	cmd, err := c.registration(subject)
	return cmd, c.registered, err
}

// registered is the answer to a registration. As Confluent does: the properties that
// newer registries add go only to clients that say that they can bear them.
func (c *call) registered(r state.Reply) any {
	v := r.Version
	if !isTrue(c.Header.Get(headerUnknown)) {
		return idReply(v.ID)
	}
	v.Subject = ""
	return versionReply{v}
}

func deleteSubject(c *call) (state.Command, func(state.Reply) any, error) {
	subject, err := c.aliased()
	return state.DeleteSubject{Subject: subject, Permanent: c.flag("permanent")}, func(r state.Reply) any { return r.Versions }, err
}

func deleteVersion(c *call) (state.Command, func(state.Reply) any, error) {
	number, err := c.version()
	if err != nil {
		return nil, nil, err
	}
	subject, err := c.aliased()
	return state.DeleteVersion{Subject: subject, Version: number, Permanent: c.flag("permanent")}, func(r state.Reply) any { return r.Versions[0] }, err
}

// postCompatibility compares with one version, or with all that the level of the
// subject names.
func postCompatibility(st *state.State, c *call) (any, error) {
	number, err := 0, error(nil)
	if c.PathValue("version") != "" {
		number, err = c.version()
	}
	if err != nil {
		return nil, err
	}
	cmd, err := c.registration(c.subject(st))
	if err != nil {
		return nil, err
	}
	messages, err := st.Compatible(cmd, number)
	if err != nil {
		return nil, err
	}
	answer := struct {
		Compatible bool      `json:"is_compatible"`
		Messages   *[]string `json:"messages,omitempty"`
	}{Compatible: len(messages) == 0}
	if c.flag("verbose") {
		list := append([]string{}, messages...)
		answer.Messages = &list
	}
	return answer, nil
}

// tags are those of a place in a schema, as clients write them.
type tags struct {
	Entity struct {
		Path string `json:"entityPath"`
	} `json:"schemaEntity"`
	Tags []string `json:"tags"`
}

func tagsOf(list []tags) (all []state.Tags) {
	for _, t := range list {
		all = append(all, state.Tags{Path: t.Entity.Path, Tags: t.Tags})
	}
	return all
}

// registration reads the body of a POST. The media type is not looked at.
func (c *call) registration(subject string) (cmd state.Register, err error) {
	var request struct {
		Schema     string                 `json:"schema"`
		SchemaType string                 `json:"schemaType"`
		References []wire.SchemaReference `json:"references"`
		Metadata   json.RawMessage        `json:"metadata"`
		RuleSet    json.RawMessage        `json:"ruleSet"`
		ID         int                    `json:"id"`
		Version    int                    `json:"version"`
		TagsToAdd  []tags                 `json:"schemaTagsToAdd"`
		TagsToDrop []tags                 `json:"schemaTagsToRemove"`
	}
	if err := c.decode(&request); err != nil {
		return cmd, err
	}
	if limit := c.service.cfg.MaxSchemaBytes; len(request.Schema) > limit {
		return cmd, state.Refuse(state.CodeTooLarge, "The schema is longer than %d bytes.", limit)
	}
	return state.Register{
		Subject: subject, Type: request.SchemaType, Schema: request.Schema, References: request.References,
		Metadata: present(request.Metadata), RuleSet: present(request.RuleSet), ID: request.ID, Version: request.Version,
		Normalize: c.flag("normalize"), Force: c.flag("force"), TagsToAdd: tagsOf(request.TagsToAdd), TagsToDrop: tagsOf(request.TagsToDrop),
	}, nil
}

func postTags(c *call) (state.Command, func(state.Reply) any, error) {
	number, err := c.version()
	if err != nil {
		return nil, nil, err
	}
	subject, err := c.aliased()
	if err != nil {
		return nil, nil, err
	}
	var request struct {
		NewVersion   int             `json:"newVersion"`
		Add          []tags          `json:"tagsToAdd"`
		Drop         []tags          `json:"tagsToRemove"`
		Metadata     json.RawMessage `json:"metadata"`
		RuleSet      json.RawMessage `json:"ruleSet"`
		RulesToMerge json.RawMessage `json:"rulesToMerge"`
		RulesToDrop  []string        `json:"rulesToRemove"`
	}
	if err := c.decode(&request); err != nil {
		return nil, nil, err
	}
	return state.Tag{
		Subject: subject, Version: number, NewVersion: request.NewVersion, Add: tagsOf(request.Add), Drop: tagsOf(request.Drop),
		Metadata: present(request.Metadata), RuleSet: present(request.RuleSet),
		RulesToMerge: present(request.RulesToMerge), RulesToDrop: request.RulesToDrop,
	}, c.registered, nil
}

// decode reads the body, which has to be a JSON object.
func (c *call) decode(into any) error {
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(c.body, into); {
	case errors.As(err, &wrong):
		return refused(http.StatusBadRequest, "reading the request: "+cmp.Or(wrong.Field, "it")+" can not be of JSON type "+wrong.Value)
	case err != nil:
		return refused(http.StatusBadRequest, "reading the request: "+err.Error())
	}
	return nil
}

// present compacts a value, as stored ones are; null and {} say nothing.
func present(raw json.RawMessage) json.RawMessage {
	var buf bytes.Buffer
	if json.Compact(&buf, raw) != nil || buf.String() == "null" || buf.String() == "{}" {
		return nil
	}
	return buf.Bytes()
}

type idReply int

func (r idReply) appendJSON(dst []byte) []byte {
	return append(strconv.AppendInt(append(dst, `{"id":`...), int64(r), 10), '}')
}
