package state

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// Register puts a schema under a subject, unless it is there.
type Register struct {
	Subject    string
	Type       string // "" is AVRO
	Schema     string // "" is that of the latest version, with other metadata or rules
	References []wire.SchemaReference
	Metadata   json.RawMessage // as the client wrote it; empty where it wrote none
	RuleSet    json.RawMessage
	ID         int  // above 0: given, as in mode IMPORT
	Version    int  // above 0: given
	Normalize  bool // put what has no meaning in order first
	Force      bool // whatever the compatibility
	TagsToAdd  []Tags
	TagsToDrop []Tags
}

// Tags are tags of one place in a schema, such as field "ns.Rec.f". They are kept
// in the metadata, where rules look for them; the schema's text has none of them.
type Tags struct {
	Path string
	Tags []string
}

// plan goes by the order of Confluent's registry: a schema that the subject has
// is answered whatever the mode, so that producers that register at each start
// go on in a registry that is read-only.
func (c Register) plan(s *State) (records []Record, reply Reply, err error) {
	if c.Subject, err = validSubject(c.Subject); err != nil {
		return nil, reply, err
	}
	holds := s.setting(c.Subject)
	c.Normalize = c.Normalize || holds.Normalize != nil && *holds.Normalize
	live := s.liveVersions(c.Subject)
	contracts := holds.DefaultMetadata != nil || holds.OverrideMetadata != nil || holds.DefaultRuleSet != nil || holds.OverrideRuleSet != nil
	if c.Schema != "" && !contracts && len(c.TagsToAdd)+len(c.TagsToDrop) == 0 {
		given, _, err := s.request(c, false)
		if err != nil {
			return nil, reply, err
		}
		if v := s.lookup(c.Subject, given, false); v != nil && (c.ID <= 0 || c.ID == v.id) {
			return nil, Reply{Version: s.view(c.Subject, v)}, nil
		}
	}
	if err := s.mayRegister(c); err != nil {
		return nil, reply, err
	}
	if err := c.complete(live, holds); err != nil {
		return nil, reply, err
	}
	wanted, parsed, err := s.request(c, true)
	if err != nil {
		return nil, reply, err
	}
	if v := s.lookup(c.Subject, wanted, false); v != nil && s.identical(v.content, wanted, c.Subject) && (c.ID <= 0 || c.ID == v.id) && (c.Version <= 0 || c.ID <= 0 || c.Version == v.number) {
		return nil, Reply{Version: s.view(c.Subject, v)}, nil
	}
	return s.planNew(c, wanted, parsed, holds)
}

// mayRegister judges the mode.
func (s *State) mayRegister(c Register) error {
	if err := s.writable(c.Subject); err != nil {
		return err
	}
	mode := s.mode(c.Subject)
	foreign := mode == importing || mode == forwarding
	switch {
	case c.ID > 0 && !foreign:
		return Refuse(CodeNotPermitted, "Subject %s is not in import mode", c.Subject)
	case c.ID <= 0 && foreign:
		return Refuse(CodeNotPermitted, "Subject %s is not in read-write mode", c.Subject)
	case c.ID > math.MaxInt32:
		return Refuse(CodeID, "The id %d is not between 1 and 2^31-1", c.ID)
	case c.Version > math.MaxInt32:
		return BadVersion(strconv.Itoa(c.Version))
	}
	return nil
}

// planNew plans the record of a schema that the subject has not, live at least.
func (s *State) planNew(c Register, wanted *content, parsed *parsed, holds wire.SchemasSetting) (records []Record, reply Reply, err error) {
	context, _ := split(c.Subject)
	ident := s.identify(wanted, context).full
	number, err := s.number(c, wanted)
	if err != nil {
		return nil, reply, err
	}
	id, err := s.id(c, ident, context)
	if err != nil {
		return nil, reply, err
	}
	if !c.Force && c.ID <= 0 {
		if found := asMessages(s.conflicts(c.Subject, wanted, parsed, s.candidates(c.Subject, wanted, holds), holds), holds); len(found) > 0 {
			return nil, reply, Refuse(CodeIncompatible, "Schema being registered is incompatible with an earlier schema for subject \"%s\", details: [%s]", c.Subject, strings.Join(found, ", "))
		}
	}
	if _, ok := s.contexts.get(context); !ok && context != DefaultContext {
		k := wire.SchemasKey{Type: wire.SchemasContext, Tenant: "default", Context: context, Global: true}
		records = s.write(k, wire.AppendSchemasContextValue(nil, k.Tenant, context))
	}
	v := &version{content: wanted, id: id, number: number}
	records = append(records, s.write(schemaKey(use{c.Subject, number}), wire.AppendSchemaValue(nil, v.value(c.Subject)))...)
	for _, old := range s.subjects.at(c.Subject) {
		u := use{c.Subject, old.number}
		if old.deleted && old.number != number && s.identical(old.content, wanted, c.Subject) && !s.isReferenced(u, true) {
			records = append(records, s.write(schemaKey(u), nil)...)
		}
	}
	reply.Version = s.view(c.Subject, v)
	return records, reply, nil
}

// number decides the version. Outside of IMPORT it is the next one.
func (s *State) number(c Register, wanted *content) (int, error) {
	next := s.burnt.at(c.Subject) + 1
	if all := s.subjects.at(c.Subject); len(all) > 0 {
		next = max(next, all[len(all)-1].number+1)
	}
	switch {
	case c.Version <= 0:
	case c.ID > 0:
		u := use{c.Subject, c.Version}
		if old := s.find(u); old != nil && !s.identical(old.content, wanted, c.Subject) && s.isReferenced(u, true) {
			return 0, referenced(u)
		}
		return c.Version, nil
	case c.Version != next:
		return 0, Refuse(CodeSchema, "Version %d is not one more than previous version %d", c.Version, next-1)
	}
	if next > math.MaxInt32 {
		return 0, Refuse(CodeStore, "versions exhausted in subject %s", c.Subject)
	}
	return next, nil
}

// id decides the id: the given one, the one that the schema has in the context,
// or the next.
func (s *State) id(c Register, ident identity, context string) (int, error) {
	if c.ID > 0 {
		e := s.entries.at(keyOf(context, c.ID))
		if e != nil && s.identify(e.content, context).full != ident {
			return 0, Refuse(CodeNotPermitted, "Overwrite new schema with id %d is not permitted.", c.ID)
		}
		return c.ID, nil
	}
	if id, ok := s.known(ident, context); ok {
		return id, nil
	}
	next := s.highIDs.at(context) + 1
	if next > math.MaxInt32 {
		return 0, Refuse(CodeStore, "ids exhausted in context %s", context)
	}
	return next, nil
}

// request makes the content that a command asks for, parsed. A new one must be
// right in all it says; one that is looked for need only be readable.
func (s *State) request(c Register, strict bool) (*content, *parsed, error) {
	if strings.TrimSpace(c.Schema) == "" {
		return nil, nil, Refuse(CodeSchema, "Empty schema")
	}
	kind := cmp.Or(strings.ToUpper(c.Type), "AVRO")
	if s.languages[kind] == nil {
		return nil, nil, Refuse(CodeSchema, "Invalid schema type %s", c.Type)
	}
	context, _ := split(c.Subject)
	refs := slices.Clone(c.References)
	for i, r := range refs {
		if r.Version == Latest {
			for _, v := range s.liveVersions(inContext(r.Subject, context)) {
				refs[i].Version = v.number
			}
		}
	}
	metadata, ruleSet, err := contract(c.Metadata, c.RuleSet)
	if err != nil {
		return nil, nil, err
	}
	given := contentOf(kind, c.Schema, refs, metadata, ruleSet)
	parsed, err := s.parse(given, context, true) // what is looked for is mostly right, and registered next
	if err != nil && !strict {
		parsed, err = s.parse(given, context, false)
	}
	if err != nil {
		return nil, nil, Refuse(CodeSchema, "Invalid schema of type %s: %v", kind, err)
	}
	text := parsed.canonical
	if c.Normalize {
		text = parsed.Normalized()
		slices.SortFunc(refs, func(a, b wire.SchemaReference) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
		})
	}
	return newContent(kind, text, refs, metadata, ruleSet), parsed, nil
}

// lookup returns the newest version of a subject that is the wanted schema. One
// that says nothing of metadata or rules is found whatever these are.
func (s *State) lookup(subject string, wanted *content, deleted bool) *version {
	context, _ := split(subject)
	var loose *version
	for _, v := range slices.Backward(s.subjects.at(subject)) {
		switch {
		case v.deleted && !deleted:
		case s.same(v.content, wanted, context):
			return v
		case loose == nil && s.identify(v.content, context).bare == s.identify(wanted, context).bare && silent(wanted, v.content):
			loose = v
		}
	}
	return loose
}

// silent says whether wanted contradicts nothing of the contract of c.
func silent(wanted, c *content) bool {
	w, has := wanted.more(), c.more()
	return (len(w.metadata) == 0 || bytes.Equal(w.metadata, canonicalMetadata(has.metadata))) &&
		(len(w.ruleSet) == 0 || bytes.Equal(w.ruleSet, canonicalRuleSet(has.ruleSet)))
}

func (s *State) identical(a, b *content, subject string) bool {
	context, _ := split(subject)
	return s.same(a, b, context)
}

// Lookup returns the version of a subject that has a schema. A subject that names
// no context is looked for in all of them, the default one first.
func (s *State) Lookup(c Register, deleted bool) (Version, error) {
	subject, err := validSubject(c.Subject)
	if err != nil {
		return Version{}, err
	}
	found := false
	var failed error
	for _, in := range s.everywhere(subject) {
		if len(s.versionsOf(in, deleted, false)) == 0 {
			continue
		}
		found = true
		there, holds := c, s.setting(in)
		there.Subject, there.Normalize = in, c.Normalize || holds.Normalize != nil && *holds.Normalize
		wanted, _, err := s.request(there, false)
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		if v := s.lookup(in, wanted, deleted); v != nil {
			return s.view(in, v), nil
		}
	}
	switch {
	case !found:
		return Version{}, noSubject(subject)
	case failed != nil:
		return Version{}, failed
	}
	return Version{}, Refuse(CodeNoSchema, "Schema not found")
}

// Tag registers a version again with other tags, metadata or rules.
type Tag struct {
	Subject      string
	Version      int // or Latest
	NewVersion   int // above 0: what the caller thinks that the new one gets
	Add, Drop    []Tags
	Metadata     json.RawMessage // instead of what is there
	RuleSet      json.RawMessage
	RulesToMerge json.RawMessage // a rule set, whose rules replace those of their name
	RulesToDrop  []string
}

func (c Tag) plan(s *State) ([]Record, Reply, error) {
	subject, err := validSubject(c.Subject)
	if err != nil {
		return nil, Reply{}, err
	}
	v, err := s.pick(s.subjects.at(subject), c.Version, false)
	if len(s.subjects.at(subject)) == 0 {
		err = noSubject(subject)
	}
	if err != nil {
		return nil, Reply{}, err
	}
	more := v.content.more()
	r := Register{Subject: subject, Type: v.content.kind.Value(), Schema: v.content.text, References: more.references,
		Metadata: more.metadata, RuleSet: more.ruleSet, Version: c.NewVersion, TagsToAdd: c.Add, TagsToDrop: c.Drop}
	if len(c.Metadata) > 0 {
		r.Metadata = c.Metadata
	}
	if len(c.RuleSet) > 0 {
		r.RuleSet = c.RuleSet
	}
	if r.RuleSet, err = editRules(r.RuleSet, c.RulesToMerge, c.RulesToDrop); err != nil {
		return nil, Reply{}, err
	}
	if len(r.RuleSet) == 0 {
		r.RuleSet = json.RawMessage("{}") // none, and not those of the latest version
	}
	return r.plan(s)
}

// value is the version as the topic has it.
func (v *version) value(subject string) wire.SchemaValue {
	more := v.content.more()
	value := wire.SchemaValue{
		Subject: subject, Version: v.number, ID: v.id, SchemaType: v.content.kind.Value(), References: more.references,
		Schema: v.content.text, Deleted: v.deleted, Metadata: bytes.Clone(more.metadata), RuleSet: bytes.Clone(more.ruleSet),
	}
	if value.SchemaType == "AVRO" {
		value.SchemaType = ""
	}
	if v.carried != nil {
		value.MD5, value.Unknown = v.carried.md5, v.carried.unknown
	}
	return value
}
