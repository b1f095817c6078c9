package registry

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// references are those of a version as referenceFormat wants them: qualified has the
// context of each subject that names none, where that is not the default one.
func (c *call) references(v state.Version) ([]wire.SchemaReference, error) {
	switch format := c.param("referenceFormat"); strings.ToLower(format) {
	case "", "default":
		return v.References, nil
	case "qualified":
	default:
		return nil, refused(http.StatusUnprocessableEntity, "The reference format "+format+" is not known. Valid values are default and qualified")
	}
	context, _, _ := strings.Cut(strings.TrimPrefix(v.Subject, ":"), ":")
	if !strings.HasPrefix(v.Subject, ":.") || context == state.DefaultContext {
		return v.References, nil
	}
	qualified := slices.Clone(v.References)
	for i, r := range qualified {
		if !strings.HasPrefix(r.Subject, ":.") {
			qualified[i].Subject = ":" + context + ":" + r.Subject
		}
	}
	return qualified, nil
}

// schemaTags are the tags of a place in a schema, as clients read them.
type schemaTags struct {
	Entity struct {
		Path string `json:"entityPath"`
		Type string `json:"entityType"`
	} `json:"schemaEntity"`
	Tags []string `json:"tags"`
}

// withTags is a reply with the places of its schema that have tags.
type withTags struct {
	reply
	tags []schemaTags
}

func (r withTags) appendJSON(dst []byte) []byte {
	dst = r.reply.appendJSON(dst)
	dst = append(append(dst[:len(dst)-1], `,"schemaTags":`...), encode(r.tags)...)
	return append(dst, '}')
}

// tagged adds to a reply what findTags asks for: the places that have one of those
// tags, or any for "*". Tags are in the text (confluent:tags, in Protobuf those of
// confluent.Meta), and in the metadata, whose paths may have wildcards.
func (c *call) tagged(st *state.State, r reply, v state.Version) any {
	c.param("")
	wanted := c.query["findTags"]
	if len(wanted) == 0 {
		return r
	}
	matching := func(tags []string) bool {
		return slices.Contains(wanted, "*") && len(tags) > 0 || slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(wanted, t) })
	}
	found := []schemaTags{}
	add := func(path, kind string, tags []string) {
		one := schemaTags{Tags: tags}
		one.Entity.Path, one.Entity.Type = path, kind
		found = append(found, one)
	}
	metadata, _ := wire.ParseSchemaMetadata(v.Metadata)
	left := metadata.Tags
	parsed, err := st.Parsed(v)
	if w, ok := parsed.(walker); ok && err == nil {
		w.Walk(func(path, kind, _ string, tags []string) {
			tags = slices.Concat(tags, left[path])
			delete(left, path)
			if kind = "sr_" + kind; kind != "sr_field" {
				kind = "sr_record"
			}
			if matching(tags) {
				slices.Sort(tags)
				add(path, kind, slices.Compact(tags))
			}
		})
	}
	for _, path := range slices.Sorted(maps.Keys(left)) {
		if matching(left[path]) {
			add(path, "sr_field", left[path])
		}
	}
	return withTags{r, found}
}
