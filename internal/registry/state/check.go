package state

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weirhq/weir/internal/registry/schema"
	"github.com/weirhq/weir/internal/wire"
)

// candidates are the live versions that a new schema has to be compatible with,
// the newest first: all, or those of its compatibility group.
func (s *State) candidates(subject string, wanted *content, holds wire.SchemasSetting) []*version {
	list := slices.DeleteFunc(s.liveVersions(subject), func(v *version) bool {
		return holds.CompatibilityGroup != "" && property(v.content, holds.CompatibilityGroup) != property(wanted, holds.CompatibilityGroup)
	})
	slices.Reverse(list)
	if len(list) > 1 && !levels[holds.CompatibilityLevel].all {
		list = list[:1]
	}
	return list
}

func property(c *content, name string) string {
	if len(c.more().metadata) == 0 {
		return ""
	}
	m, _ := wire.ParseSchemaMetadata(c.more().metadata)
	return m.Properties[name]
}

// Conflict is one reason why a schema can not stand beside an older version.
type Conflict struct {
	Version int    // the older one
	Text    string // of the older one
	Forward bool   // it is the older schema that can not read what the new one writes
	// Reader can not read what Writer writes. They are nil where the types differ or
	// the older schema is opaque.
	Reader, Writer schema.Schema
	schema.Difference
}

// conflicts lists all that is in the way of a schema, by old version.
func (s *State) conflicts(subject string, wanted *content, parsed *parsed, old []*version, holds wire.SchemasSetting) (found []Conflict) {
	if rule := levels[holds.CompatibilityLevel]; !rule.backward && !rule.forward {
		return nil
	}
	for _, v := range old {
		found = append(found, s.against(subject, wanted, parsed, v, holds)...)
	}
	return found
}

// asMessages words conflicts as Confluent's registry lists them.
func asMessages(conflicts []Conflict, holds wire.SchemasSetting) (list []string) {
	for i, c := range conflicts {
		list = append(list, fmt.Sprintf("{errorType:'%s', description:'%s', additionalInfo:'%s'}", c.Kind, c.Message, c.Path))
		if i == len(conflicts)-1 || conflicts[i+1].Version != c.Version {
			list = append(list, fmt.Sprintf("{oldSchemaVersion: %d}", c.Version), fmt.Sprintf("{oldSchema: '%s'}", c.Text))
		}
	}
	if len(list) > 0 {
		validate := holds.ValidateFields != nil && *holds.ValidateFields
		list = append(list, fmt.Sprintf("{validateFields: '%t', compatibility: '%s'}", validate, holds.CompatibilityLevel))
	}
	return list
}

// against is what is in the way of a schema in one old version.
func (s *State) against(subject string, wanted *content, parsed *parsed, v *version, holds wire.SchemasSetting) (found []Conflict) {
	add := func(forward bool, reader, writer schema.Schema, differences ...schema.Difference) {
		for _, d := range differences {
			found = append(found, Conflict{v.number, v.content.text, forward, reader, writer, d})
		}
	}
	if v.content.kind != wanted.kind {
		add(false, nil, nil, schema.Difference{Kind: "TYPE_CHANGED", Path: "/", Message: fmt.Sprintf("the old schema is of type %s, this one of type %s", v.content.kind.Value(), wanted.kind.Value())})
		return found
	}
	if s.identical(v.content, wanted, subject) {
		return nil
	}
	context, _ := split(subject)
	before, err := s.parse(v.content, context, false)
	if err != nil {
		add(false, nil, nil, schema.Difference{Kind: "OLD_SCHEMA_OPAQUE", Path: "/", Message: "the old schema can not be parsed, so only itself is compatible: " + err.Error()})
		return found
	}
	check := s.languages[wanted.kind.Value()].Check
	if l, ok := s.languages[wanted.kind.Value()].(PolicyLanguage); ok {
		check = func(reader, writer schema.Schema) []schema.Difference {
			return l.CheckPolicy(reader, writer, holds.CompatibilityPolicy)
		}
	}
	rule := levels[holds.CompatibilityLevel]
	if rule.backward {
		add(false, parsed.Schema, before.Schema, check(parsed.Schema, before.Schema)...)
	}
	if rule.forward {
		add(true, before.Schema, parsed.Schema, check(before.Schema, parsed.Schema)...)
	}
	return found
}

// Compatible says whether a schema could be registered as far as compatibility
// goes, and what is in the way. number is 0 for all that the subject's level
// names, or one, or Latest. A subject without versions takes any schema.
func (s *State) Compatible(c Register, number int) (messages []string, err error) {
	found, holds, err := s.check(c, number, "")
	return asMessages(found, holds), err
}

// Conflicts is Compatible for programs; level is the one that holds.
func (s *State) Conflicts(c Register, number int) (found []Conflict, level string, err error) {
	return s.ConflictsAt(c, number, "")
}

// ConflictsAt is Conflicts as if the subject had another level; "" is its own.
func (s *State) ConflictsAt(c Register, number int, level string) (found []Conflict, judged string, err error) {
	found, holds, err := s.check(c, number, level)
	return found, holds.CompatibilityLevel, err
}

func (s *State) check(c Register, number int, level string) (found []Conflict, holds wire.SchemasSetting, err error) {
	if c.Subject, err = validSubject(c.Subject); err != nil {
		return nil, holds, err
	}
	holds = s.setting(c.Subject)
	holds.CompatibilityLevel = cmp.Or(level, holds.CompatibilityLevel)
	c.Normalize = c.Normalize || holds.Normalize != nil && *holds.Normalize
	wanted, parsed, err := s.request(c, true)
	if err != nil {
		return nil, holds, err
	}
	old := s.candidates(c.Subject, wanted, holds)
	if number > 0 {
		if len(s.subjects.at(c.Subject)) == 0 {
			return nil, holds, noSubject(c.Subject)
		}
		v, err := s.pick(s.subjects.at(c.Subject), number, false)
		if err != nil {
			return nil, holds, err
		}
		old = []*version{v}
	} else if number == Latest && len(old) > 1 {
		old = old[:1]
	}
	return s.conflicts(c.Subject, wanted, parsed, old, holds), holds, nil
}
