package registry

import (
	"strconv"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

func (s *Service) schemaRoutes() []route {
	const id, guid = "/schemas/ids/{id}", "/schemas/guids/{guid}"
	return []route{
		{"GET", "/schemas", getSchemas, nil},
		{"GET", "/schemas/types", getTypes, nil},
		{"GET", id, getSchema, nil},
		{"GET", id + "/schema", getSchemaText, nil},
		{"GET", id + "/subjects", getSchemaSubjects, nil},
		{"GET", id + "/versions", getSchemaVersions, nil},
		{"GET", guid, getGUID, nil},
		{"GET", guid + "/ids", getGUIDIDs, nil},
	}
}

// maxSchemas bounds a list of schemas with their texts.
const maxSchemas = 1000

func getSchemas(st *state.State, c *call) (any, error) {
	f := state.Filter{Prefix: ":*:", Deleted: c.flag("deleted"), LatestOnly: c.flag("latestOnly"), RuleType: c.param("ruleType"), Page: c.page()}
	if c.query.Has("subjectPrefix") {
		f.Prefix = c.param("subjectPrefix")
	}
	if f.Page.Limit < 1 || f.Page.Limit > maxSchemas {
		f.Page.Limit = maxSchemas
	}
	var list schemaList
	for _, v := range st.Schemas(f) {
		one := listedSchema{version: v}
		if c.flag("aliases") {
			one.aliases = st.AliasesOf(v.Subject)
		}
		list = append(list, one)
	}
	return list, nil
}

func getTypes(*state.State, *call) (any, error) { return languageNames(), nil }

// schemaOf finds what an id means. That of a subject may be of its context.
func schemaOf(st *state.State, c *call) (v state.Version, subject string, err error) {
	id, convErr := strconv.ParseInt(c.PathValue("id"), 10, 32)
	if convErr != nil {
		return v, "", state.Refuse(state.CodeNoSchema, "Schema %s not found", c.PathValue("id"))
	}
	if subject = c.param("subject"); subject != "" {
		subject = st.Alias(subject)
	}
	v, err = st.Schema(int(id), subject)
	return v, subject, err
}

func getSchema(st *state.State, c *call) (any, error) {
	v, subject, err := schemaOf(st, c)
	if err != nil {
		return nil, err
	}
	r := schemaReply{version: inFormat(st, v, c.param("format"))}
	if c.flag("fetchMaxId") {
		r.maxID = st.MaxID(v.ID, subject)
	}
	if r.version.References, err = c.references(v); err != nil {
		return nil, err
	}
	return c.tagged(st, r, v), nil
}

func getSchemaText(st *state.State, c *call) (any, error) {
	v, _, err := schemaOf(st, c)
	if err != nil {
		return nil, err
	}
	return rawText(inFormat(st, v, c.param("format")).Schema), nil
}

func getSchemaVersions(st *state.State, c *call) (any, error) {
	v, subject, err := schemaOf(st, c)
	if err != nil {
		return nil, err
	}
	type use struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	uses, err := st.Uses(v.ID, subject, c.flag("deleted"), c.page())
	list := []use{}
	for _, u := range uses {
		list = append(list, use(u))
	}
	return list, err
}

func getSchemaSubjects(st *state.State, c *call) (any, error) {
	v, subject, err := schemaOf(st, c)
	if err != nil {
		return nil, err
	}
	uses, err := st.Uses(v.ID, subject, c.flag("deleted"), state.Page{})
	names := []string{}
	for i, u := range uses {
		if i == 0 || uses[i-1].Subject != u.Subject {
			names = append(names, u.Subject)
		}
	}
	return cut(names, c.page()), err
}

// cut is a page of a list.
func cut[T any](list []T, p state.Page) []T {
	list = list[min(max(p.Offset, 0), len(list)):]
	if p.Limit > 0 {
		list = list[:min(p.Limit, len(list))]
	}
	return list
}

func getGUID(st *state.State, c *call) (any, error) {
	v, _, err := st.ByGUID(c.PathValue("guid"))
	if err != nil {
		return nil, err
	}
	r := schemaReply{version: inFormat(st, v, c.param("format"))}
	r.version.References, err = c.references(v)
	return c.tagged(st, r, v), err
}

func getGUIDIDs(st *state.State, c *call) (any, error) {
	_, ids, err := st.ByGUID(c.PathValue("guid"))
	type contextID struct {
		Context string `json:"context"`
		ID      int    `json:"id"`
	}
	list := []contextID{}
	for _, id := range ids {
		list = append(list, contextID(id))
	}
	return list, err
}

// versionReply is Confluent's Schema entity, without what is empty. AVRO is not
// named: there are clients that fail on a type that they expect to be absent.
type versionReply struct{ version state.Version }

func (r versionReply) appendJSON(dst []byte) []byte {
	v := r.version
	dst = append(dst, '{')
	if v.Subject != "" {
		dst = append(appendText(dst, "subject", v.Subject), ',')
	}
	dst = strconv.AppendInt(append(dst, `"version":`...), int64(v.Version), 10)
	dst = strconv.AppendInt(append(dst, `,"id":`...), int64(v.ID), 10)
	dst = appendText(append(dst, ','), "guid", v.GUID)
	dst = appendContract(dst, v)
	dst = appendText(append(dst, ','), "schema", v.Schema)
	if v.Deleted {
		dst = append(dst, `,"deleted":true`...)
	}
	return append(dst, '}')
}

// schemaReply is Confluent's SchemaString entity.
type schemaReply struct {
	version state.Version
	maxID   int // 0: not asked for
}

func (r schemaReply) appendJSON(dst []byte) []byte {
	dst = appendText(append(dst, '{'), "schema", r.version.Schema)
	dst = appendContract(dst, r.version)
	dst = appendText(append(dst, ','), "guid", r.version.GUID)
	if r.maxID > 0 {
		dst = strconv.AppendInt(append(dst, `,"maxId":`...), int64(r.maxID), 10)
	}
	return append(dst, '}')
}

type listedSchema struct {
	version state.Version
	aliases []string
}

type schemaList []listedSchema

func (l schemaList) appendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	for i, one := range l {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = versionReply{one.version}.appendJSON(dst)
		if len(one.aliases) > 0 {
			dst = append(append(dst[:len(dst)-1], `,"aliases":`...), encode(one.aliases)...)
			dst = append(dst, '}')
		}
	}
	return append(dst, ']')
}

func appendText(dst []byte, name, value string) []byte {
	dst = append(wire.AppendJacksonString(dst, name), ':')
	return wire.AppendJacksonString(dst, value)
}

// appendContract appends what a schema has besides its text.
func appendContract(dst []byte, v state.Version) []byte {
	if v.SchemaType != "" {
		dst = appendText(append(dst, ','), "schemaType", v.SchemaType)
	}
	if len(v.References) > 0 {
		dst = append(append(dst, `,"references":`...), encode(v.References)...)
	}
	if len(v.Metadata) > 0 {
		dst = append(append(dst, `,"metadata":`...), v.Metadata...)
	}
	if len(v.RuleSet) > 0 {
		dst = append(append(dst, `,"ruleSet":`...), v.RuleSet...)
	}
	return dst
}
