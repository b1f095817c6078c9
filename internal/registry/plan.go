package registry

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/twmb/avro"

	"github.com/weirhq/weir/internal/wire"
)

// Error is a refusal as the HTTP API words it.
type Error struct {
	Status  int // HTTP
	Code    int // Confluent's error_code: the status and two digits
	Message string
}

func (e *Error) Error() string { return e.Message }

// refuse makes an Error whose status is the head of its code.
func refuse(code int, format string, args ...any) *Error {
	status := code
	for status > 599 { // 40401 is a kind of 404; an incompatible schema is 409 by itself
		status /= 10
	}
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

const (
	codeNoSubject    = 40401
	codeNoVersion    = 40402
	codeNoSchema     = 40403
	codeIncompatible = 409
	codeSchema       = 42201
	codeVersion      = 42202
	codePermission   = 42205
	codeSubject      = 42208
	codeTooLarge     = 42209
	codeStore        = 50001
)

// Record is a SCHEMA record to append to `_schemas`.
type Record struct {
	Key, Value []byte
	value      wire.SchemaValue
}

// Plan decides what registering a schema does. cmd has Subject, Schema and,
// where the caller gives them, SchemaType, References, Metadata and RuleSet; an
// ID or Version other than 0 is a wish.
//
// If the subject has the schema, reply is that version and nothing is to be
// written. Otherwise record is to be appended, and reply is true once it is in
// the topic. A schema that another subject has keeps its id; a new one gets the
// highest id ever seen + 1.
func (s *State) Plan(cmd wire.SchemaValue) (record *Record, reply wire.SchemaValue, err error) {
	if !validSubject(cmd.Subject) {
		return nil, reply, refuse(codeSubject, "The specified subject %q is not a valid subject.", cmd.Subject)
	}
	if cmd.Schema == "" {
		return nil, reply, refuse(codeSchema, "Empty schema")
	}
	ident, canonical, parseErr := identify(cmd)
	if v, ok := s.lookup(cmd.Subject, ident, false); ok && (cmd.ID <= 0 || cmd.ID == v.ID) {
		return nil, v, nil
	}
	// From here on the schema is new to the subject, and must be one that we can judge.
	switch {
	case !avroType(cmd.SchemaType):
		return nil, reply, refuse(codeSchema, "Schemas of type %s are not supported yet, only AVRO.", cmd.SchemaType)
	case len(cmd.References) > 0:
		return nil, reply, refuse(codeSchema, "References are not supported yet: this schema has one to %s version %d.", cmd.References[0].Subject, cmd.References[0].Version)
	case len(cmd.Metadata) > 0 || len(cmd.RuleSet) > 0:
		return nil, reply, refuse(codeSchema, "Metadata and rule sets are not supported yet.")
	case parseErr != nil:
		return nil, reply, refuse(codeSchema, "Invalid schema of type AVRO: %v", parseErr)
	}
	// The text as it came too: canonicalAvro drops what it has no place for.
	var parsed *avro.Schema
	for _, text := range []string{cmd.Schema, canonical} {
		if parsed, err = avro.Parse(text); err != nil {
			return nil, reply, refuse(codeSchema, "Invalid schema of type AVRO: %v", err)
		}
	}
	if mode := s.mode(cmd.Subject); mode != "READWRITE" {
		return nil, reply, refuse(codePermission, "Subject %s is in %s mode", cmd.Subject, mode)
	}
	if cmd.ID > 0 {
		return nil, reply, refuse(codePermission, "Subject %s is not in import mode", cmd.Subject)
	}
	next := s.burnt[cmd.Subject] + 1
	if all := s.subjects[cmd.Subject]; len(all) > 0 {
		next = max(next, all[len(all)-1].value.Version+1)
	}
	if cmd.Version > 0 && cmd.Version != next {
		return nil, reply, refuse(codeSchema, "Version %d is not one more than previous version %d", cmd.Version, next-1)
	}
	if err := s.compatible(cmd.Subject, parsed); err != nil {
		return nil, reply, err
	}
	id := s.highID + 1
	if entry := s.identities[ident]; entry != nil {
		id = entry.id
	}
	if id > math.MaxInt32 || next > math.MaxInt32 {
		return nil, reply, refuse(codeStore, "ids exhausted")
	}
	v := wire.SchemaValue{Subject: cmd.Subject, Version: next, ID: id, Schema: canonical}
	key := wire.SchemasKey{Type: wire.SchemasSchema, Subject: v.Subject, Version: v.Version}
	return &Record{Key: wire.AppendSchemasKey(nil, key), Value: wire.AppendSchemaValue(nil, v), value: v}, v, nil
}

// Lookup returns the version of cmd.Subject that has the schema of cmd.
func (s *State) Lookup(cmd wire.SchemaValue, deleted bool) (wire.SchemaValue, error) {
	if len(s.Versions(cmd.Subject, deleted)) == 0 {
		return wire.SchemaValue{}, refuse(codeNoSubject, "Subject '%s' not found.", cmd.Subject)
	}
	ident, _, parseErr := identify(cmd)
	if v, ok := s.lookup(cmd.Subject, ident, deleted); ok {
		return v, nil
	}
	if parseErr != nil {
		return wire.SchemaValue{}, refuse(codeSchema, "Invalid schema of type AVRO: %v", parseErr)
	}
	return wire.SchemaValue{}, refuse(codeNoSchema, "Schema not found")
}

// lookup returns the newest version of the subject with an identity.
func (s *State) lookup(subject string, ident identity, deleted bool) (wire.SchemaValue, bool) {
	all := s.subjects[subject]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].schema.identity == ident && (deleted || !all[i].value.Deleted) {
			return all[i].value, true
		}
	}
	return wire.SchemaValue{}, false
}

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

// compatible checks a new schema against the live versions of a subject, the
// newest first.
func (s *State) compatible(subject string, parsed *avro.Schema) error {
	level := s.level(subject)
	rule := levels[level]
	if !rule.backward && !rule.forward {
		return nil
	}
	versions := s.Versions(subject, false)
	for i := len(versions) - 1; i >= 0; i-- {
		old := versions[i]
		refused := func(why string) error {
			return refuse(codeIncompatible, "Schema being registered is incompatible with an earlier schema for subject \"%s\", details: [version %d, compatibility %s: %s]",
				subject, old.Version, level, why)
		}
		if !avroType(old.SchemaType) {
			return refused("it is of type " + old.SchemaType + ", this one of type AVRO")
		}
		before, err := avro.Parse(old.Schema)
		if err != nil {
			return refused("it can not be parsed, so only the same text is compatible: " + err.Error())
		}
		if rule.backward {
			if err := avro.CheckCompatibility(before, parsed); err != nil {
				return refused("this schema can not read data written with it: " + difference(err))
			}
		}
		if rule.forward {
			if err := avro.CheckCompatibility(parsed, before); err != nil {
				return refused("it can not read data written with this schema: " + difference(err))
			}
		}
		if !rule.all {
			break
		}
	}
	return nil
}

// difference words what CheckCompatibility found, with its path.
func difference(err error) string {
	var e *avro.CompatibilityError
	if !errors.As(err, &e) {
		return err.Error()
	}
	return fmt.Sprintf("%s: %s (reader %s, writer %s)", e.Path, e.Detail, cmp.Or(e.ReaderType, "none"), cmp.Or(e.WriterType, "none"))
}

// validSubject refuses what Confluent's registry reserves or can not show.
func validSubject(subject string) bool {
	return subject != "" && subject != "__GLOBAL" && subject != "__EMPTY" &&
		!strings.ContainsFunc(subject, func(r rune) bool { return r < 0x20 || r == 0x7f || r >= 0x80 && r <= 0x9f })
}
