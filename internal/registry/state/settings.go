package state

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// levels says, for each compatibility level, which way data must be readable
// and whether all versions count or only the latest.
var levels = map[string]struct{ backward, forward, all bool }{
	"NONE":                {},
	"BACKWARD":            {backward: true},
	"BACKWARD_TRANSITIVE": {backward: true, all: true},
	"FORWARD":             {forward: true},
	"FORWARD_TRANSITIVE":  {forward: true, all: true},
	"FULL":                {backward: true, forward: true},
	"FULL_TRANSITIVE":     {backward: true, forward: true, all: true},
}

const (
	readWrite        = "READWRITE"
	readOnly         = "READONLY"
	readOnlyOverride = "READONLY_OVERRIDE"
	importing        = "IMPORT"
	forwarding       = "FORWARD"
)

var modes = []string{readWrite, readOnly, readOnlyOverride, importing, forwarding}

// chain lists whose setting holds for a subject, the first that has one: the
// subject, its context (the default one's is that of the registry, ""), and all.
func chain(subject string) []string {
	context, name := split(subject)
	list := []string{}
	if name != "" {
		list = append(list, subject)
	}
	if context != DefaultContext {
		list = append(list, qualify(context, ""))
	}
	if context == DefaultContext {
		return append(list, "", global)
	}
	return slices.Compact(append(list, global, ""))
}

// setting returns what holds for a subject, field by field.
func (s *State) setting(subject string) wire.SchemasSetting {
	var all wire.SchemasSetting
	for _, of := range chain(subject) {
		if c := s.configs.at(of); c != nil {
			all = merged(*c, all)
		}
	}
	all.Alias = ""
	if own := s.configs.at(subject); own != nil {
		all.Alias = own.Alias
	}
	all.Subject, all.Unknown = "", nil
	all.CompatibilityLevel = cmp.Or(all.CompatibilityLevel, s.level)
	return all
}

// merged is old with what is set in c.
func merged(old, c wire.SchemasSetting) wire.SchemasSetting {
	old.Alias = cmp.Or(c.Alias, old.Alias)
	old.Normalize = cmp.Or(c.Normalize, old.Normalize)
	old.ValidateFields = cmp.Or(c.ValidateFields, old.ValidateFields)
	old.ValidateRules = cmp.Or(c.ValidateRules, old.ValidateRules)
	old.CompatibilityLevel = cmp.Or(c.CompatibilityLevel, old.CompatibilityLevel)
	old.CompatibilityPolicy = cmp.Or(c.CompatibilityPolicy, old.CompatibilityPolicy)
	old.CompatibilityGroup = cmp.Or(c.CompatibilityGroup, old.CompatibilityGroup)
	old.DefaultMetadata = cmp.Or(c.DefaultMetadata, old.DefaultMetadata)
	old.OverrideMetadata = cmp.Or(c.OverrideMetadata, old.OverrideMetadata)
	old.DefaultRuleSet = cmp.Or(c.DefaultRuleSet, old.DefaultRuleSet)
	old.OverrideRuleSet = cmp.Or(c.OverrideRuleSet, old.OverrideRuleSet)
	return old
}

// mode returns the mode that holds for a subject. READONLY_OVERRIDE of the
// registry as a whole wins over all.
func (s *State) mode(subject string) string {
	for _, of := range []string{"", global} {
		if m := s.modes.at(of); m != nil && m.Mode == readOnlyOverride {
			return m.Mode
		}
	}
	for _, of := range chain(subject) {
		if m := s.modes.at(of); m != nil {
			return m.Mode
		}
	}
	return readWrite
}

func (s *State) writable(subject string) error {
	if m := s.mode(subject); m == readOnly || m == readOnlyOverride {
		if subject == "" {
			return Refuse(CodeNotPermitted, "The registry is in read-only mode")
		}
		return Refuse(CodeNotPermitted, "Subject %s is in read-only mode", subject)
	}
	return nil
}

// SetConfig changes the config of a subject, of a context (":.ctx:"), of all
// contexts (":.__GLOBAL:") or, with "", of the registry. The fields that Change
// sets are changed, those named in Clear unset, the others left as they are.
type SetConfig struct {
	Subject string
	Change  wire.SchemasSetting
	Clear   []string // JSON names
}

func (c SetConfig) plan(s *State) ([]Record, Reply, error) {
	subject, err := settingSubject(c.Subject)
	if err != nil {
		return nil, Reply{}, err
	}
	change := c.Change
	change.CompatibilityLevel = strings.ToUpper(change.CompatibilityLevel)
	if _, ok := levels[change.CompatibilityLevel]; change.CompatibilityLevel != "" && !ok {
		return nil, Reply{}, Refuse(CodeLevel, "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive")
	}
	change.CompatibilityPolicy = strings.ToUpper(change.CompatibilityPolicy)
	if p := change.CompatibilityPolicy; p != "" && p != "STRICT" && p != "LENIENT" {
		return nil, Reply{}, Refuse(CodeLevel, "Invalid compatibility policy. Valid values are strict and lenient")
	}
	for _, rules := range []*wire.SchemaRuleSet{change.DefaultRuleSet, change.OverrideRuleSet} {
		if err := validRules(rules); err != nil {
			return nil, Reply{}, err
		}
	}
	if err := s.writable(subject); err != nil {
		return nil, Reply{}, err
	}
	var old wire.SchemasSetting
	if o := s.configs.at(subject); o != nil {
		old = *o
	}
	for _, name := range c.Clear {
		unset(&old, name)
	}
	now := merged(old, change)
	now.Subject = subject
	records := s.write(settingKey(wire.SchemasConfig, subject), wire.AppendSchemasSetting(nil, now))
	return records, Reply{Config: now}, nil
}

func unset(c *wire.SchemasSetting, name string) {
	switch name {
	case "alias":
		c.Alias = ""
	case "normalize":
		c.Normalize = nil
	case "validateFields":
		c.ValidateFields = nil
	case "validateRules":
		c.ValidateRules = nil
	case "compatibility", "compatibilityLevel":
		c.CompatibilityLevel = ""
	case "compatibilityPolicy":
		c.CompatibilityPolicy = ""
	case "compatibilityGroup":
		c.CompatibilityGroup = ""
	case "defaultMetadata":
		c.DefaultMetadata = nil
	case "overrideMetadata":
		c.OverrideMetadata = nil
	case "defaultRuleSet":
		c.DefaultRuleSet = nil
	case "overrideRuleSet":
		c.OverrideRuleSet = nil
	}
}

// DeleteConfig unsets a config; the reply is what it was.
type DeleteConfig struct{ Subject string }

func (c DeleteConfig) plan(s *State) ([]Record, Reply, error) {
	subject, err := settingSubject(c.Subject)
	if err != nil {
		return nil, Reply{}, err
	}
	if err := s.writable(subject); err != nil {
		return nil, Reply{}, err
	}
	old := s.configs.at(subject)
	switch {
	case old == nil && subject == "":
		return nil, Reply{Config: s.setting("")}, nil
	case old == nil:
		return nil, Reply{}, noSubject(c.Subject)
	}
	reply := *old
	reply.CompatibilityLevel = cmp.Or(reply.CompatibilityLevel, s.level)
	return s.write(settingKey(wire.SchemasConfig, subject), nil), Reply{Config: reply}, nil
}

// SetMode changes the mode of a subject, a context, all contexts or the registry.
// IMPORT needs that no live version is there, unless Force is set; what is softly
// deleted there goes for good then.
type SetMode struct {
	Subject string
	Mode    string
	Force   bool
}

func (c SetMode) plan(s *State) (records []Record, reply Reply, err error) {
	subject, err := settingSubject(c.Subject)
	if err != nil {
		return nil, reply, err
	}
	mode := strings.ToUpper(c.Mode)
	if !slices.Contains(modes, mode) {
		return nil, reply, Refuse(CodeMode, "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE, IMPORT and FORWARD")
	}
	if mode == importing && s.mode(subject) != importing && !c.Force {
		if records, err = s.empty(subject); err != nil {
			return nil, reply, err
		}
	}
	value := wire.AppendSchemasModeValue(nil, wire.SchemasModeValue{Subject: subject, Mode: mode})
	return append(records, s.write(settingKey(wire.SchemasMode, subject), value)...), Reply{Mode: mode}, nil
}

// empty plans that nothing softly deleted is left in a scope. CLEAR_SUBJECT says
// so to other registries; the tombstones say it for ever.
func (s *State) empty(subject string) (records []Record, err error) {
	names := s.scope(subject)
	for _, name := range names {
		if len(s.liveVersions(name)) > 0 {
			return nil, Refuse(CodeNotPermitted, "Cannot import since found existing subjects")
		}
	}
	for _, u := range s.softlyDeleted(subject) {
		if s.isReferenced(u, true, names...) {
			return nil, referenced(u)
		}
		records = append(records, s.write(schemaKey(u), nil)...)
	}
	return append(records, s.write(settingKey(wire.SchemasClearSubject, subject), wire.AppendSchemasClear(nil, subject))...), nil
}

// DeleteMode unsets a mode; the reply is what it was. Recursive does so for all
// subjects of a context too.
type DeleteMode struct {
	Subject   string
	Recursive bool
}

func (c DeleteMode) plan(s *State) (records []Record, reply Reply, err error) {
	subject, err := settingSubject(c.Subject)
	if err != nil {
		return nil, reply, err
	}
	reply.Mode = s.mode(subject)
	old := s.modes.at(subject)
	if old != nil {
		reply.Mode = old.Mode
		records = s.write(settingKey(wire.SchemasMode, subject), nil)
	} else if subject != "" && !c.Recursive {
		return nil, reply, noSubject(c.Subject)
	}
	if c.Recursive {
		context, name := split(subject)
		for _, of := range slices.Sorted(maps.Keys(maps.Collect(s.modes.each))) {
			if where, n := split(of); name == "" && n != "" && (where == context || subject == global) {
				records = append(records, s.write(settingKey(wire.SchemasMode, of), nil)...)
			}
		}
	}
	return records, reply, nil
}

// Config returns the config of a subject as set there, or, with defaultToGlobal
// or for the registry (""), as it holds there.
func (s *State) Config(subject string, defaultToGlobal bool) (wire.SchemasSetting, error) {
	subject, err := settingSubject(subject)
	if err != nil {
		return wire.SchemasSetting{}, err
	}
	own := s.configs.at(subject)
	holds := s.setting(subject)
	if defaultToGlobal || subject == "" {
		return holds, nil
	}
	if own == nil {
		return wire.SchemasSetting{}, Refuse(CodeNoConfig, "Subject '%s' does not have subject-level compatibility configured", subject)
	}
	c := *own
	c.Subject, c.Unknown, c.CompatibilityLevel = "", nil, cmp.Or(c.CompatibilityLevel, holds.CompatibilityLevel)
	return c, nil
}

// OwnConfig returns what is set at a subject, a context or the registry itself; Config
// names a level besides, where that has none.
func (s *State) OwnConfig(subject string) (c wire.SchemasSetting, ok bool) {
	subject, err := settingSubject(subject)
	if own := s.configs.at(subject); err == nil && own != nil {
		c = *own
		c.Subject, c.Unknown = "", nil
		return c, true
	}
	return c, false
}

// Mode returns the mode of a subject, as Config does.
func (s *State) Mode(subject string, defaultToGlobal bool) (string, error) {
	subject, err := settingSubject(subject)
	if err != nil {
		return "", err
	}
	if defaultToGlobal || subject == "" {
		return s.mode(subject), nil
	}
	if own := s.modes.at(subject); own != nil {
		return own.Mode, nil
	}
	return "", Refuse(CodeNoMode, "Subject '%s' does not have subject-level mode configured", subject)
}

// Alias returns the subject that a request for subject is about: what its config
// has as alias, or the subject itself.
func (s *State) Alias(subject string) string {
	if c := s.configs.at(normalize(subject)); c != nil && c.Alias != "" {
		return c.Alias
	}
	return subject
}
