package state

import (
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// DeleteSubject deletes all versions of a subject: softly, or for good if they
// are softly deleted already. With the last live version its config and mode go.
type DeleteSubject struct {
	Subject   string
	Permanent bool
}

func (c DeleteSubject) plan(s *State) (records []Record, reply Reply, err error) {
	subject, all, err := s.toDelete(c.Subject)
	if err != nil {
		return nil, reply, err
	}
	for _, v := range all {
		switch u := (use{subject, v.number}); {
		case c.Permanent && !v.deleted:
			return nil, reply, Refuse(CodeSubjectNotSoftDeleted, "Subject '%s' was not deleted first before being permanently deleted", c.Subject)
		case !c.Permanent && v.deleted:
			continue
		case s.isReferenced(u, c.Permanent, subject):
			return nil, reply, referenced(u)
		case c.Permanent:
			records = append(records, s.write(schemaKey(u), nil)...)
		}
		reply.Versions = append(reply.Versions, v.number)
	}
	if c.Permanent {
		return records, reply, nil
	}
	if len(reply.Versions) == 0 {
		return nil, reply, Refuse(CodeSubjectSoftDeleted, "Subject '%s' was soft deleted.Set permanent=true to delete permanently", c.Subject)
	}
	value := wire.AppendSchemasDelete(nil, subject, all[len(all)-1].number)
	records = s.write(settingKey(wire.SchemasDeleteSubject, subject), value)
	return append(records, s.settingsOf(subject)...), reply, nil
}

// DeleteVersion deletes one version, softly or, if it is so already, for good.
type DeleteVersion struct {
	Subject   string
	Version   int // or Latest
	Permanent bool
}

func (c DeleteVersion) plan(s *State) (records []Record, reply Reply, err error) {
	subject, all, err := s.toDelete(c.Subject)
	if err != nil {
		return nil, reply, err
	}
	v, err := s.pick(all, c.Version, true)
	if err != nil {
		return nil, reply, err
	}
	u := use{subject, v.number}
	switch {
	case c.Permanent && !v.deleted:
		return nil, reply, Refuse(CodeVersionNotSoftDeleted, "Subject '%s' Version %d was not deleted first before being permanently deleted", c.Subject, v.number)
	case !c.Permanent && v.deleted:
		return nil, reply, Refuse(CodeVersionSoftDeleted, "Subject '%s' Version %d was soft deleted.Set permanent=true to delete permanently", c.Subject, v.number)
	case s.isReferenced(u, c.Permanent):
		return nil, reply, referenced(u)
	}
	reply.Versions = []int{v.number}
	if c.Permanent {
		return s.write(schemaKey(u), nil), reply, nil
	}
	value := v.value(subject)
	value.Deleted = true
	records = s.write(schemaKey(u), wire.AppendSchemaValue(nil, value))
	if !slices.ContainsFunc(all, func(other *version) bool { return other != v && !other.deleted }) {
		records = append(records, s.settingsOf(subject)...)
	}
	return records, reply, nil
}

// toDelete returns the versions of a subject that may be written to.
func (s *State) toDelete(subject string) (string, []*version, error) {
	subject, err := validSubject(subject)
	if err != nil {
		return "", nil, err
	}
	if err := s.writable(subject); err != nil {
		return "", nil, err
	}
	all := s.subjects.at(subject)
	if len(all) == 0 {
		return "", nil, noSubject(subject)
	}
	return subject, all, nil
}

// settingsOf plans that a subject's own config and mode go.
func (s *State) settingsOf(subject string) (records []Record) {
	for _, kind := range []string{wire.SchemasConfig, wire.SchemasMode} {
		if k := settingKey(kind, subject); s.live(k) {
			records = append(records, s.write(k, nil)...)
		}
	}
	return records
}

// isReferenced says whether a live version of another subject than those in
// except refers to u, or, with deleted, a softly deleted one.
func (s *State) isReferenced(u use, deleted bool, except ...string) bool {
	return slices.ContainsFunc(s.referrers.at(u), func(by use) bool {
		v := s.find(by)
		return v != nil && (deleted || !v.deleted) && !slices.Contains(except, by.subject)
	})
}

func referenced(u use) error {
	return Refuse(CodeReferenced, "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=%s,version=%d}.", u.subject, u.number)
}

// DeleteContext deletes a context that has no subjects, softly deleted ones
// included, and the settings that are left in it.
type DeleteContext struct{ Context string }

func (c DeleteContext) plan(s *State) (records []Record, reply Reply, err error) {
	context := contextName(c.Context)
	subject := qualify(context, "")
	if context == DefaultContext || control(context) {
		return nil, reply, Refuse(CodeNotPermitted, "The context '%s' can not be deleted", c.Context)
	}
	if err := s.writable(subject); err != nil {
		return nil, reply, err
	}
	if len(s.scope(subject)) > 0 {
		return nil, reply, Refuse(CodeContextNotEmpty, "The specified context '%s' is not empty.", context)
	}
	var left []wire.SchemasKey
	for of := range s.configs.each {
		left = append(left, settingKey(wire.SchemasConfig, of))
	}
	for of := range s.modes.each {
		left = append(left, settingKey(wire.SchemasMode, of))
	}
	slices.SortFunc(left, func(a, b wire.SchemasKey) int { return strings.Compare(spell(a), spell(b)) })
	for _, k := range left {
		if in, _ := split(k.Subject); in == context {
			records = append(records, s.write(k, nil)...)
		}
	}
	if tenant, ok := s.contexts.get(context); ok {
		records = append(records, s.write(wire.SchemasKey{Type: wire.SchemasContext, Tenant: tenant, Context: context, Global: true}, nil)...)
	}
	return records, reply, nil
}

// contextName takes ".ctx", "ctx" and ":.ctx:" for one.
func contextName(context string) string {
	return "." + strings.TrimPrefix(strings.Trim(context, ":"), ".")
}
