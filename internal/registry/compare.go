package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// Two registries are compared by what they serve, each asked the same: versions with all
// that they have, and what is set for each subject, each context and the registry.

// Comparing is how far a comparison with another registry is.
type Comparing struct {
	Peer string `json:"peer"`
	Done int    `json:"done" doc:"Subjects and settings that it has answered for."`
	Of   int    `json:"of" doc:"Of so many; 0: not known yet."`
}

// snapshotOf is what the state serves, as another registry would be asked for it.
func snapshotOf(st *state.State) (ours remote.Snapshot) {
	for v := range st.Export(":*:", true) {
		ours.Versions = append(ours.Versions, remote.Schema{Subject: v.Subject, Version: v.Version, ID: v.ID, SchemaType: v.SchemaType,
			References: v.References, Metadata: v.Metadata, RuleSet: v.RuleSet, Schema: v.Schema, Deleted: v.Deleted})
	}
	for _, set := range st.Settings() {
		one := remote.Setting{Subject: set.Subject, Mode: set.Mode}
		if set.Config != nil {
			config, _ := st.Config(set.Subject, false) // it is set there
			_ = json.Unmarshal(configReply{config, "compatibilityLevel"}.appendJSON(nil), &one.Config)
		}
		ours.Settings = append(ours.Settings, one)
	}
	return ours
}

// settingsOf are the names that a registry has settings for.
func settingsOf(s remote.Snapshot) (names []string) {
	for _, set := range s.Settings {
		names = append(names, set.Subject)
	}
	return names
}

// comparison collects differences, of which it lists some and counts all.
type comparison struct {
	limit int
	list  []string
	n     int
}

func (c *comparison) add(format string, args ...any) {
	if c.n++; c.n <= c.limit {
		c.list = append(c.list, fmt.Sprintf(format, args...))
	}
}

// differences says in what two registries differ, of which the other one was asked for
// our settings too. At most limit are listed.
func differences(ours, theirs remote.Snapshot, limit int) (list []string, n int) {
	c := &comparison{limit: limit}
	c.versions(ours.Versions, theirs.Versions)
	c.settings(ours.Settings, theirs.Settings)
	return c.list, c.n
}

func (c *comparison) versions(ours, theirs []remote.Schema) {
	type at struct {
		subject string
		version int
	}
	left := map[at]remote.Schema{}
	for _, v := range theirs {
		left[at{v.Subject, v.Version}] = v
	}
	for _, v := range ours {
		name := fmt.Sprintf("%s version %d", v.Subject, v.Version)
		other, ok := left[at{v.Subject, v.Version}]
		delete(left, at{v.Subject, v.Version})
		if !ok {
			c.add("%s: weir has it, the other registry does not", name)
			continue
		}
		if v.ID != other.ID {
			c.add("%s: id %d in weir, %d in the other registry", name, v.ID, other.ID)
			continue
		}
		c.version(fmt.Sprintf("%s (id %d)", name, v.ID), v, other)
	}
	for _, v := range theirs { // in their order
		if _, ok := left[at{v.Subject, v.Version}]; ok {
			c.add("%s version %d: the other registry has it, weir does not", v.Subject, v.Version)
		}
	}
}

// version compares all that two versions with one id have.
func (c *comparison) version(name string, v, other remote.Schema) {
	if v.Schema != other.Schema || v.Type() != other.Type() || !slices.Equal(v.References, other.References) {
		c.add("%s: the schemas are not the same", name)
	}
	if !bytes.Equal(oneMetadata(v.Metadata), oneMetadata(other.Metadata)) {
		c.add("%s: the metadata are %s in weir, %s in the other registry", name, shown(v.Metadata), shown(other.Metadata))
	}
	if !bytes.Equal(oneRuleSet(v.RuleSet), oneRuleSet(other.RuleSet)) {
		c.add("%s: the rules are %s in weir, %s in the other registry", name, shown(v.RuleSet), shown(other.RuleSet))
	}
	if v.Deleted != other.Deleted {
		c.add("%s: deleted=%t in weir, deleted=%t in the other registry", name, v.Deleted, other.Deleted)
	}
}

// oneMetadata is the one form of metadata; nothing and {} are one.
func oneMetadata(raw json.RawMessage) []byte {
	m, err := wire.ParseSchemaMetadata(raw)
	if len(raw) == 0 || err != nil {
		return raw
	}
	return present(wire.AppendSchemaMetadata(nil, m))
}

func oneRuleSet(raw json.RawMessage) []byte {
	r, err := wire.ParseSchemaRuleSet(raw)
	if len(raw) == 0 || err != nil {
		return raw
	}
	return present(wire.AppendSchemaRuleSet(nil, r))
}

// shown is a JSON value as a difference shows it.
func shown(raw []byte) string {
	const most = 200
	if text := string(raw); len(text) > most {
		return text[:most] + "..."
	}
	return cmp.Or(string(raw), "none")
}

// settings compares configs, field by field, and modes. The level of the registry as a
// whole is not: it may come from its own configuration.
func (c *comparison) settings(ours, theirs []remote.Setting) {
	mine, their := map[string]remote.Setting{}, map[string]remote.Setting{}
	var names []string
	for _, of := range []struct {
		list []remote.Setting
		into map[string]remote.Setting
	}{{ours, mine}, {theirs, their}} {
		for _, set := range of.list {
			of.into[set.Subject] = set
			names = append(names, set.Subject)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		a, b := configOf(mine[name]), configOf(their[name])
		what := name
		if name == "" {
			what = "the registry"
			delete(a, "compatibilityLevel")
			delete(b, "compatibilityLevel")
		}
		for _, field := range fieldsOf(a, b) {
			if x, y := a[field], b[field]; x != y && !(field == "compatibilityLevel" && mine[name].Config != nil && their[name].Config != nil && y == "") {
				c.add("config of %s: %s is %s in weir, %s in the other registry", what, field, shown([]byte(x)), shown([]byte(y)))
			}
		}
		if x, y := modeOf(name, mine[name]), modeOf(name, their[name]); x != y {
			c.add("mode of %s: %s in weir, %s in the other registry", what, cmp.Or(x, "none"), cmp.Or(y, "none"))
		}
	}
}

// configOf is a config as fields with one form. A level that another registry does not
// name, beside what it names, is that of above, which weir names.
func configOf(s remote.Setting) map[string]string {
	fields := map[string]string{}
	if s.Config == nil {
		return fields
	}
	text, _ := json.Marshal(s.Config) // it was parsed
	var raw map[string]json.RawMessage
	config, err := wire.ParseSchemasSetting(text)
	if err == nil {
		config.Unknown, config.Subject = nil, ""
		text = wire.AppendSchemasSetting(nil, config)
	}
	_ = json.Unmarshal(text, &raw)
	for name, value := range raw {
		fields[name] = string(value)
	}
	return fields
}

func fieldsOf(a, b map[string]string) (names []string) {
	for _, m := range []map[string]string{a, b} {
		for name := range m {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// modeOf is the mode that is set. The registry as a whole has one where none is set.
func modeOf(name string, s remote.Setting) string {
	if name == "" {
		return cmp.Or(s.Mode, "READWRITE")
	}
	return s.Mode
}
