package wire

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// SchemasSetting is the value under a CONFIG key. A nil or empty field is not
// set at this level, and the next one decides.
type SchemasSetting struct {
	Subject             string
	Alias               string
	Normalize           *bool
	ValidateFields      *bool
	ValidateRules       *bool
	CompatibilityLevel  string
	CompatibilityPolicy string
	CompatibilityGroup  string
	DefaultMetadata     *SchemaMetadata
	OverrideMetadata    *SchemaMetadata
	DefaultRuleSet      *SchemaRuleSet
	OverrideRuleSet     *SchemaRuleSet
	Unknown             []SchemaProperty
}

// ParseSchemasSetting reads all of a CONFIG value.
func ParseSchemasSetting(b []byte) (c SchemasSetting, err error) {
	fields := map[string]any{
		"subject": &c.Subject, "alias": &c.Alias, "normalize": &c.Normalize, "validateFields": &c.ValidateFields,
		"validateRules": &c.ValidateRules, "compatibilityLevel": &c.CompatibilityLevel,
		"compatibilityPolicy": &c.CompatibilityPolicy, "compatibilityGroup": &c.CompatibilityGroup,
		"defaultMetadata": &c.DefaultMetadata, "overrideMetadata": &c.OverrideMetadata,
		"defaultRuleSet": &c.DefaultRuleSet, "overrideRuleSet": &c.OverrideRuleSet,
	}
	c.Unknown, err = members("_schemas CONFIG value", b, fields)
	return c, err
}

// AppendSchemasSetting appends the JSON of c, leaving out what is not set.
func AppendSchemasSetting(dst []byte, c SchemasSetting) []byte {
	o := object{dst: append(dst, '{')}
	o.text("subject", c.Subject)
	o.text("alias", c.Alias)
	o.flag("normalize", c.Normalize)
	o.flag("validateFields", c.ValidateFields)
	o.flag("validateRules", c.ValidateRules)
	o.text("compatibilityLevel", c.CompatibilityLevel)
	o.text("compatibilityPolicy", c.CompatibilityPolicy)
	o.text("compatibilityGroup", c.CompatibilityGroup)
	o.metadata("defaultMetadata", c.DefaultMetadata)
	o.metadata("overrideMetadata", c.OverrideMetadata)
	o.ruleSet("defaultRuleSet", c.DefaultRuleSet)
	o.ruleSet("overrideRuleSet", c.OverrideRuleSet)
	return o.end(c.Unknown)
}

// SchemasModeValue is the value under a MODE key.
type SchemasModeValue struct {
	Subject, Mode string
	Unknown       []SchemaProperty
}

// ParseSchemasModeValue reads all of a MODE value.
func ParseSchemasModeValue(b []byte) (m SchemasModeValue, err error) {
	m.Unknown, err = members("_schemas MODE value", b, map[string]any{"subject": &m.Subject, "mode": &m.Mode})
	return m, err
}

// AppendSchemasModeValue appends the JSON of m.
func AppendSchemasModeValue(dst []byte, m SchemasModeValue) []byte {
	o := object{dst: append(dst, '{')}
	o.text("subject", m.Subject)
	o.text("mode", m.Mode)
	return o.end(m.Unknown)
}

// AppendSchemasDelete appends the value of DELETE_SUBJECT: the versions of the
// subject up to and including version are softly deleted.
func AppendSchemasDelete(dst []byte, subject string, version int) []byte {
	o := object{dst: append(dst, '{')}
	o.name("subject")
	o.dst = AppendJacksonString(o.dst, subject)
	o.name("version")
	o.dst = strconv.AppendInt(o.dst, int64(version), 10)
	return o.end(nil)
}

// AppendSchemasClear appends the value of CLEAR_SUBJECT; subject is "" for all.
func AppendSchemasClear(dst []byte, subject string) []byte {
	o := object{dst: append(dst, '{')}
	o.text("subject", subject)
	return o.end(nil)
}

// AppendSchemasContextValue appends the value of CONTEXT.
func AppendSchemasContextValue(dst []byte, tenant, context string) []byte {
	o := object{dst: append(dst, '{')}
	o.text("tenant", tenant)
	o.text("context", context)
	return o.end(nil)
}

// SchemaMetadata is what a data contract says of a schema besides its text.
type SchemaMetadata struct {
	Tags       map[string][]string // path, which may have wildcards -> tags
	Properties map[string]string
	Sensitive  []string // names of properties that are not shown
}

// ParseSchemaMetadata reads the JSON of metadata, keeping nothing unknown, as
// Confluent's registry does. The lists come back sorted and without doubles.
func ParseSchemaMetadata(b []byte) (m SchemaMetadata, err error) {
	err = json.Unmarshal(b, &m)
	return m, err
}

// UnmarshalJSON reads metadata in any order of its lists.
func (m *SchemaMetadata) UnmarshalJSON(b []byte) error {
	*m = SchemaMetadata{}
	_, err := members("metadata", b, map[string]any{"tags": &m.Tags, "properties": &m.Properties, "sensitive": &m.Sensitive})
	for path, tags := range m.Tags {
		m.Tags[path] = set(tags)
	}
	m.Sensitive = set(m.Sensitive)
	return err
}

// MarshalJSON writes the form that AppendSchemaMetadata does.
func (m SchemaMetadata) MarshalJSON() ([]byte, error) { return AppendSchemaMetadata(nil, m), nil }

// AppendSchemaMetadata appends the one canonical form of m.
func AppendSchemaMetadata(dst []byte, m SchemaMetadata) []byte {
	o := object{dst: append(dst, '{')}
	if len(m.Tags) > 0 {
		o.name("tags")
		tags := object{dst: append(o.dst, '{')}
		for _, path := range slices.Sorted(maps.Keys(m.Tags)) {
			tags.name(path)
			tags.dst = appendStrings(tags.dst, set(m.Tags[path]))
		}
		o.dst = tags.end(nil)
	}
	o.table("properties", m.Properties)
	o.list("sensitive", set(m.Sensitive))
	return o.end(nil)
}

// SchemaRule is one rule of a data contract. weir stores it and does not run it.
type SchemaRule struct {
	Name, Doc            string
	Kind                 string // TRANSFORM where the client says nothing, or CONDITION
	Mode                 string // WRITEREAD where the client says nothing
	Type                 string
	Tags                 []string
	Params               map[string]string
	Expr                 string
	OnSuccess, OnFailure string
	Disabled             bool
}

// SchemaRuleSet is the rules of a data contract.
type SchemaRuleSet struct {
	MigrationRules, DomainRules, EncodingRules []SchemaRule
	EnableAt                                   string
}

// ParseSchemaRuleSet reads the JSON of a rule set, keeping nothing unknown.
func ParseSchemaRuleSet(b []byte) (r SchemaRuleSet, err error) {
	err = json.Unmarshal(b, &r)
	return r, err
}

// UnmarshalJSON reads a rule set.
func (r *SchemaRuleSet) UnmarshalJSON(b []byte) error {
	*r = SchemaRuleSet{}
	_, err := members("rule set", b, map[string]any{"migrationRules": &r.MigrationRules, "domainRules": &r.DomainRules,
		"encodingRules": &r.EncodingRules, "enableAt": &r.EnableAt})
	return err
}

// MarshalJSON writes the form that AppendSchemaRuleSet does.
func (r SchemaRuleSet) MarshalJSON() ([]byte, error) { return AppendSchemaRuleSet(nil, r), nil }

// UnmarshalJSON reads a rule and puts in the defaults of kind and mode.
func (r *SchemaRule) UnmarshalJSON(b []byte) error {
	*r = SchemaRule{}
	_, err := members("rule", b, map[string]any{"name": &r.Name, "doc": &r.Doc, "kind": &r.Kind, "mode": &r.Mode, "type": &r.Type,
		"tags": &r.Tags, "params": &r.Params, "expr": &r.Expr, "onSuccess": &r.OnSuccess, "onFailure": &r.OnFailure, "disabled": &r.Disabled})
	r.Kind, r.Mode, r.Tags = cmp.Or(r.Kind, "TRANSFORM"), cmp.Or(r.Mode, "WRITEREAD"), set(r.Tags)
	return err
}

// AppendSchemaRuleSet appends the one canonical form of r.
func AppendSchemaRuleSet(dst []byte, r SchemaRuleSet) []byte {
	o := object{dst: append(dst, '{')}
	o.rules("migrationRules", r.MigrationRules)
	o.rules("domainRules", r.DomainRules)
	o.rules("encodingRules", r.EncodingRules)
	o.text("enableAt", r.EnableAt)
	return o.end(nil)
}

func appendSchemaRule(dst []byte, r SchemaRule) []byte {
	o := object{dst: append(dst, '{')}
	o.text("name", r.Name)
	o.text("doc", r.Doc)
	o.text("kind", cmp.Or(r.Kind, "TRANSFORM"))
	o.text("mode", cmp.Or(r.Mode, "WRITEREAD"))
	o.text("type", r.Type)
	o.list("tags", set(r.Tags))
	o.table("params", r.Params)
	o.text("expr", r.Expr)
	o.text("onSuccess", r.OnSuccess)
	o.text("onFailure", r.OnFailure)
	o.flag("disabled", &r.Disabled)
	return o.end(nil)
}

// set sorts and removes doubles, as the Java classes do, whose lists are sets.
func set(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// members reads the JSON object b into the targets of its known members, null
// counting as absent, and returns the others.
func members(what string, b []byte, known map[string]any) (unknown []SchemaProperty, err error) {
	err = eachMember(what, b, func(name string, raw json.RawMessage) error {
		if target := known[name]; target != nil {
			if isNull(raw) {
				return nil
			}
			if text, ok := target.(*string); ok {
				return readString(raw, text)
			}
			return json.Unmarshal(raw, target)
		}
		unknown = append(unknown, SchemaProperty{name, compact(raw)})
		return nil
	})
	return unknown, err
}

// object writes a JSON object member by member, leaving out what is empty.
type object struct {
	dst  []byte
	more bool
}

func (o *object) name(name string) {
	if o.more {
		o.dst = append(o.dst, ',')
	}
	o.more = true
	o.dst = append(AppendJacksonString(o.dst, name), ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.dst = AppendJacksonString(o.dst, value)
	}
}

func (o *object) flag(name string, value *bool) {
	if value != nil {
		o.name(name)
		o.dst = strconv.AppendBool(o.dst, *value)
	}
}

func (o *object) list(name string, values []string) {
	if len(values) > 0 {
		o.name(name)
		o.dst = appendStrings(o.dst, values)
	}
}

func (o *object) table(name string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	o.name(name)
	t := object{dst: append(o.dst, '{')}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		t.name(k)
		t.dst = AppendJacksonString(t.dst, values[k])
	}
	o.dst = t.end(nil)
}

func (o *object) metadata(name string, m *SchemaMetadata) {
	if m != nil {
		o.name(name)
		o.dst = AppendSchemaMetadata(o.dst, *m)
	}
}

func (o *object) ruleSet(name string, r *SchemaRuleSet) {
	if r != nil {
		o.name(name)
		o.dst = AppendSchemaRuleSet(o.dst, *r)
	}
}

func (o *object) rules(name string, rules []SchemaRule) {
	for i, r := range rules {
		if i == 0 {
			o.name(name)
			o.dst = append(o.dst, '[')
		} else {
			o.dst = append(o.dst, ',')
		}
		o.dst = appendSchemaRule(o.dst, r)
	}
	if len(rules) > 0 {
		o.dst = append(o.dst, ']')
	}
}

func (o *object) end(unknown []SchemaProperty) []byte {
	for _, p := range unknown {
		o.name(p.Name)
		o.dst = append(o.dst, p.Value...)
	}
	return append(o.dst, '}')
}

func appendStrings(dst []byte, values []string) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJacksonString(dst, v)
	}
	return append(dst, ']')
}
