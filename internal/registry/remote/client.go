package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"

	"github.com/weirhq/weir/internal/wire"
)

// Schema is a version of a subject, or what is to become one.
type Schema struct {
	Subject    string                 `json:"subject,omitempty"`
	Version    int                    `json:"version,omitempty"`
	ID         int                    `json:"id,omitempty"`
	SchemaType string                 `json:"schemaType,omitempty"` // "" is AVRO
	References []wire.SchemaReference `json:"references,omitempty"`
	Metadata   json.RawMessage        `json:"metadata,omitempty"`
	RuleSet    json.RawMessage        `json:"ruleSet,omitempty"`
	Schema     string                 `json:"schema"`
	Deleted    bool                   `json:"deleted,omitempty"` // softly
}

// Type is SchemaType, spelled out.
func (s Schema) Type() string { return cmp.Or(s.SchemaType, "AVRO") }

// Subjects lists the subjects of all contexts.
func (c *Client) Subjects(ctx context.Context, deleted bool) (list []string, err error) {
	return list, c.Do(ctx, "GET", "/subjects", flags(map[string]bool{"deleted": deleted}), nil, &list)
}

// Versions lists the version numbers of a subject.
func (c *Client) Versions(ctx context.Context, subject string, deleted bool) (list []int, err error) {
	return list, c.Do(ctx, "GET", subjectPath(subject)+"/versions", flags(map[string]bool{"deleted": deleted}), nil, &list)
}

// Version returns a version of a subject, the latest if version is below 1.
func (c *Client) Version(ctx context.Context, subject string, version int, deleted bool) (s Schema, err error) {
	err = c.Do(ctx, "GET", subjectPath(subject)+"/versions/"+number(version), flags(map[string]bool{"deleted": deleted}), nil, &s)
	return plain(s), err
}

// ByID returns what an id means. Subject and Version may be missing.
func (c *Client) ByID(ctx context.Context, id int) (s Schema, err error) {
	err = c.Do(ctx, "GET", "/schemas/ids/"+number(id), nil, nil, &s)
	s.ID = id
	return plain(s), err
}

// plain is s as it is written when nothing is said that goes without saying.
func plain(s Schema) Schema {
	if s.SchemaType == "AVRO" {
		s.SchemaType = ""
	}
	for _, raw := range []*json.RawMessage{&s.Metadata, &s.RuleSet} {
		if string(*raw) == "null" {
			*raw = nil
		}
	}
	if len(s.References) == 0 {
		s.References = nil
	}
	return s
}

// Register makes s a version of a subject, and returns its id. With an ID and a
// Version they are given, which needs the mode IMPORT.
func (c *Client) Register(ctx context.Context, subject string, s Schema, normalize, force bool) (id int, err error) {
	s.Subject, s.Deleted = "", false
	var reply struct {
		ID int `json:"id"`
	}
	err = c.Do(ctx, "POST", subjectPath(subject)+"/versions", flags(map[string]bool{"normalize": normalize, "force": force}), s, &reply)
	return reply.ID, err
}

// Lookup returns the version of a subject that s is, if it is there.
func (c *Client) Lookup(ctx context.Context, subject string, s Schema, normalize bool) (found Schema, ok bool, err error) {
	s.Subject, s.Version, s.ID = "", 0, 0
	err = c.Do(ctx, "POST", subjectPath(subject), flags(map[string]bool{"normalize": normalize}), s, &found)
	if missing(err) {
		return found, false, nil
	}
	return plain(found), err == nil, err
}

// DeleteSubject deletes all versions of a subject, and returns which.
func (c *Client) DeleteSubject(ctx context.Context, subject string, permanent bool) (versions []int, err error) {
	return versions, c.Do(ctx, "DELETE", subjectPath(subject), flags(map[string]bool{"permanent": permanent}), nil, &versions)
}

// DeleteVersion deletes one version.
func (c *Client) DeleteVersion(ctx context.Context, subject string, version int, permanent bool) error {
	return c.Do(ctx, "DELETE", subjectPath(subject)+"/versions/"+number(version), flags(map[string]bool{"permanent": permanent}), nil, nil)
}

// settingPath is that of a subject's config or mode; "" is the whole registry.
func settingPath(kind, subject string) string {
	if subject == "" {
		return "/" + kind
	}
	return "/" + kind + "/" + url.PathEscape(subject)
}

// Config returns what is set for a subject, or, with "", for the registry; ok is
// false if nothing is.
func (c *Client) Config(ctx context.Context, subject string) (config map[string]json.RawMessage, ok bool, err error) {
	err = c.Do(ctx, "GET", settingPath("config", subject), nil, nil, &config)
	if missing(err) {
		return nil, false, nil
	}
	return config, err == nil, err
}

// SetConfig sets what config has: compatibility, normalize and so on.
func (c *Client) SetConfig(ctx context.Context, subject string, config map[string]any) error {
	return c.Do(ctx, "PUT", settingPath("config", subject), nil, config, nil)
}

// DeleteConfig unsets all of it.
func (c *Client) DeleteConfig(ctx context.Context, subject string) error {
	return c.Do(ctx, "DELETE", settingPath("config", subject), nil, nil, nil)
}

// Mode returns the mode that is set for a subject; "" if none is.
func (c *Client) Mode(ctx context.Context, subject string) (mode string, err error) {
	var reply struct{ Mode string }
	err = c.Do(ctx, "GET", settingPath("mode", subject), nil, nil, &reply)
	if missing(err) {
		return "", nil
	}
	return reply.Mode, err
}

// SetMode sets it.
func (c *Client) SetMode(ctx context.Context, subject, mode string, force bool) error {
	return c.Do(ctx, "PUT", settingPath("mode", subject), flags(map[string]bool{"force": force}), map[string]string{"mode": mode}, nil)
}

// DeleteMode unsets it.
func (c *Client) DeleteMode(ctx context.Context, subject string) error {
	return c.Do(ctx, "DELETE", settingPath("mode", subject), nil, nil, nil)
}
