package state

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/weirhq/weir/internal/wire"
)

// contract gives a client's metadata and rule set their one form, and refuses
// what they may not say. Empty ones are absent.
func contract(metadata, ruleSet json.RawMessage) (m, r json.RawMessage, err error) {
	if len(metadata) > 0 {
		if _, err := wire.ParseSchemaMetadata(metadata); err != nil {
			return nil, nil, Refuse(CodeSchema, "Invalid metadata: %v", err)
		}
		m = canonicalMetadata(metadata)
	}
	if len(ruleSet) > 0 {
		rules, err := wire.ParseSchemaRuleSet(ruleSet)
		if err != nil {
			return nil, nil, Refuse(CodeRuleSet, "Invalid ruleset: %v", err)
		}
		if err := validRules(&rules); err != nil {
			return nil, nil, err
		}
		r = canonicalRuleSet(ruleSet)
	}
	return m, r, nil
}

func validRules(set *wire.SchemaRuleSet) error {
	if set == nil {
		return nil
	}
	for _, group := range []struct {
		what  string
		rules []wire.SchemaRule
		modes []string
	}{
		{"Migration", set.MigrationRules, []string{"UPGRADE", "DOWNGRADE", "UPDOWN"}},
		{"Domain", set.DomainRules, []string{"WRITE", "READ", "WRITEREAD"}},
		{"Encoding", set.EncodingRules, []string{"WRITE", "READ", "WRITEREAD"}},
	} {
		names := map[string]bool{}
		for _, r := range group.rules {
			switch {
			case r.Name == "":
				return Refuse(CodeRuleSet, "Missing rule name")
			case names[r.Name]:
				return Refuse(CodeRuleSet, "Found rule with duplicate name '%s'", r.Name)
			case !ruleName(r.Name):
				return Refuse(CodeRuleSet, "Illegal character in rule name: %s", r.Name)
			case r.Type == "":
				return Refuse(CodeRuleSet, "Missing rule type of rule '%s'", r.Name)
			case r.Kind != "TRANSFORM" && r.Kind != "CONDITION":
				return Refuse(CodeRuleSet, "Rule '%s' has kind %s; rules can only be TRANSFORM, CONDITION", r.Name, r.Kind)
			case !slices.Contains(group.modes, r.Mode):
				return Refuse(CodeRuleSet, "%s rules can only be %s", group.what, strings.Join(group.modes, ", "))
			}
			names[r.Name] = true
		}
	}
	return nil
}

func ruleName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' }) &&
		!unicode.IsDigit([]rune(name)[0])
}

// complete fills in what a registration does not say from the latest version,
// then what the config says: its defaults lie below and its overrides above.
func (c *Register) complete(live []*version, holds wire.SchemasSetting) error {
	if len(live) > 0 {
		latest := live[len(live)-1].content
		if c.Schema == "" && len(c.Metadata)+len(c.RuleSet)+len(c.TagsToAdd)+len(c.TagsToDrop) > 0 {
			c.Schema, c.Type, c.References = latest.text, latest.kind.Value(), latest.references()
		}
		if len(c.Metadata) == 0 {
			c.Metadata = latest.more().metadata
		}
		if len(c.RuleSet) == 0 {
			c.RuleSet = latest.more().ruleSet
		}
	}
	var err error
	if c.Metadata, err = mergeMetadata(c.Metadata, holds, c.TagsToAdd, c.TagsToDrop); err == nil {
		c.RuleSet, err = mergeRules(c.RuleSet, holds)
	}
	return err
}

func mergeMetadata(given json.RawMessage, holds wire.SchemasSetting, add, drop []Tags) (json.RawMessage, error) {
	if holds.DefaultMetadata == nil && holds.OverrideMetadata == nil && len(add)+len(drop) == 0 {
		return given, nil
	}
	var own wire.SchemaMetadata
	if len(given) > 0 {
		var err error
		if own, err = wire.ParseSchemaMetadata(given); err != nil {
			return nil, Refuse(CodeSchema, "Invalid metadata: %v", err)
		}
	}
	all := wire.SchemaMetadata{Tags: map[string][]string{}, Properties: map[string]string{}}
	for _, m := range []*wire.SchemaMetadata{holds.DefaultMetadata, &own, holds.OverrideMetadata} {
		if m != nil {
			maps.Copy(all.Tags, m.Tags)
			maps.Copy(all.Properties, m.Properties)
			all.Sensitive = append(all.Sensitive, m.Sensitive...)
		}
	}
	for _, t := range add {
		all.Tags[t.Path] = append(slices.Clone(all.Tags[t.Path]), t.Tags...)
	}
	for _, t := range drop {
		left := slices.DeleteFunc(slices.Clone(all.Tags[t.Path]), func(tag string) bool { return slices.Contains(t.Tags, tag) })
		if all.Tags[t.Path] = left; len(left) == 0 {
			delete(all.Tags, t.Path)
		}
	}
	return orNothing(wire.AppendSchemaMetadata(nil, all)), nil
}

func mergeRules(given json.RawMessage, holds wire.SchemasSetting) (json.RawMessage, error) {
	if holds.DefaultRuleSet == nil && holds.OverrideRuleSet == nil {
		return given, nil
	}
	var all wire.SchemaRuleSet
	own, err := parseRules(given)
	if err != nil {
		return nil, err
	}
	for _, r := range []*wire.SchemaRuleSet{holds.DefaultRuleSet, &own, holds.OverrideRuleSet} {
		if r != nil {
			all = overRules(all, *r)
		}
	}
	return orNothing(wire.AppendSchemaRuleSet(nil, all)), nil
}

func parseRules(raw json.RawMessage) (wire.SchemaRuleSet, error) {
	if len(raw) == 0 {
		return wire.SchemaRuleSet{}, nil
	}
	set, err := wire.ParseSchemaRuleSet(raw)
	if err != nil {
		return set, Refuse(CodeRuleSet, "Invalid ruleset: %v", err)
	}
	return set, nil
}

// overRules is the rules of a that b has not by name, then those of b.
func overRules(a, b wire.SchemaRuleSet) wire.SchemaRuleSet {
	over := func(below, above []wire.SchemaRule) []wire.SchemaRule {
		kept := slices.DeleteFunc(slices.Clone(below), func(r wire.SchemaRule) bool {
			return slices.ContainsFunc(above, func(o wire.SchemaRule) bool { return o.Name == r.Name })
		})
		return append(kept, above...)
	}
	all := wire.SchemaRuleSet{
		MigrationRules: over(a.MigrationRules, b.MigrationRules),
		DomainRules:    over(a.DomainRules, b.DomainRules),
		EncodingRules:  over(a.EncodingRules, b.EncodingRules),
		EnableAt:       a.EnableAt,
	}
	if b.EnableAt != "" {
		all.EnableAt = b.EnableAt
	}
	return all
}

// editRules merges rules into a rule set and drops some by name.
func editRules(rules, merge json.RawMessage, drop []string) (json.RawMessage, error) {
	if len(merge) == 0 && len(drop) == 0 {
		return rules, nil
	}
	set, err := parseRules(rules)
	if err != nil {
		return nil, err
	}
	other, err := parseRules(merge)
	if err != nil {
		return nil, err
	}
	set = overRules(set, other)
	for _, list := range []*[]wire.SchemaRule{&set.MigrationRules, &set.DomainRules, &set.EncodingRules} {
		*list = slices.DeleteFunc(*list, func(r wire.SchemaRule) bool { return slices.Contains(drop, r.Name) })
	}
	return orNothing(wire.AppendSchemaRuleSet(nil, set)), nil
}
