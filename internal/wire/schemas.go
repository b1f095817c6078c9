package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// The `_schemas` topic is not ours: Confluent's registry wrote it first, and
// any registry must be able to read what we put there. Keys and values are JSON
// without spaces, the properties in the order of Confluent's Java classes and
// the strings escaped as Jackson does. Compaction compares the bytes of keys,
// so a key that differs in one space is another key, and a deletion written
// under it deletes nothing. encoding/json escapes <, >, &, U+2028 and U+2029,
// which Jackson leaves alone; hence the writers by hand.

// The key types of `_schemas` that weir understands. Others (ASSOC) belong to
// registries that know more than we do: they parse, and are left where they are.
const (
	SchemasSchema        = "SCHEMA"
	SchemasConfig        = "CONFIG"
	SchemasMode          = "MODE"
	SchemasDeleteSubject = "DELETE_SUBJECT"
	SchemasClearSubject  = "CLEAR_SUBJECT"
	SchemasNoop          = "NOOP"
	SchemasContext       = "CONTEXT"
)

// SchemasKey is the key of a `_schemas` record.
type SchemasKey struct {
	Type string
	// Subject is "" where Global is set.
	Subject string
	// Global: the subject is null or absent, as in the CONFIG of the whole registry.
	Global  bool
	Version int // SCHEMA only, from 1
	// Tenant and Context are of CONTEXT only, such as "default" and ".ctx".
	Tenant, Context string
	// Magic is read and not judged: SCHEMA has 1, except in old topics; the rest 0.
	Magic int
}

// ParseSchemasKey reads a key of any type, in any order of its properties: old
// registries wrote "magic" first and "subject":null where newer ones leave it out.
func ParseSchemasKey(b []byte) (SchemasKey, error) {
	k := SchemasKey{Global: true}
	err := eachMember("_schemas key", b, func(name string, raw json.RawMessage) error {
		switch name {
		case "keytype":
			return readString(raw, &k.Type)
		case "subject":
			k.Global = isNull(raw)
			k.Subject = ""
			return readString(raw, &k.Subject)
		case "version":
			return json.Unmarshal(raw, &k.Version)
		case "magic":
			return json.Unmarshal(raw, &k.Magic)
		case "tenant":
			return readString(raw, &k.Tenant)
		case "context":
			return readString(raw, &k.Context)
		}
		return nil
	})
	if k.Type != SchemasContext {
		k.Tenant, k.Context = "", ""
	}
	switch {
	case err != nil:
		return SchemasKey{}, err
	case k.Type == "":
		return SchemasKey{}, fmt.Errorf("%w _schemas key: no keytype", ErrMalformed)
	case k.Type == SchemasSchema && k.Global:
		return SchemasKey{}, fmt.Errorf("%w _schemas key: SCHEMA without a subject", ErrMalformed)
	case k.Type == SchemasSchema && (k.Version < 1 || k.Version > math.MaxInt32):
		return SchemasKey{}, fmt.Errorf("%w _schemas key: version %d", ErrMalformed, k.Version)
	}
	return k, nil
}

// AppendSchemasKey appends the one canonical form of k; k.Magic is ignored.
func AppendSchemasKey(dst []byte, k SchemasKey) []byte {
	dst = append(dst, `{"keytype":`...)
	dst = AppendJacksonString(dst, k.Type)
	if k.Type == SchemasContext {
		dst = append(dst, `,"tenant":`...)
		dst = AppendJacksonString(dst, k.Tenant)
		dst = append(dst, `,"context":`...)
		dst = AppendJacksonString(dst, k.Context)
		return append(dst, `,"magic":0}`...)
	}
	if !k.Global {
		dst = append(dst, `,"subject":`...)
		dst = AppendJacksonString(dst, k.Subject)
	}
	if k.Type == SchemasSchema {
		dst = append(dst, `,"version":`...)
		dst = strconv.AppendInt(dst, int64(k.Version), 10)
		return append(dst, `,"magic":1}`...)
	}
	return append(dst, `,"magic":0}`...)
}

// SchemaReference names a schema that another one imports.
type SchemaReference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// SchemaValue is the value under a SCHEMA key.
type SchemaValue struct {
	Subject    string
	Version    int // from 1
	ID         int // 0 to 2^31-1
	SchemaType string
	References []SchemaReference
	Schema     string
	Deleted    bool // softly: hidden, but still served by id

	// MD5, Metadata and RuleSet are kept as the JSON they came in, compacted.
	MD5, Metadata, RuleSet json.RawMessage
	// Unknown holds the properties that this version of weir does not know, in
	// their order. They are written back behind the known ones.
	Unknown []SchemaProperty
}

// SchemaProperty is a JSON property that is carried and not understood.
type SchemaProperty struct {
	Name  string
	Value json.RawMessage // compact
}

// ParseSchemaValue reads the value of a SCHEMA record. Null and empty values
// are deletions and must be seen by the caller.
func ParseSchemaValue(b []byte) (SchemaValue, error) {
	v := SchemaValue{ID: -1}
	err := eachMember("_schemas SCHEMA value", b, func(name string, raw json.RawMessage) error {
		switch name {
		case "subject":
			return readString(raw, &v.Subject)
		case "version":
			return json.Unmarshal(raw, &v.Version)
		case "id":
			return json.Unmarshal(raw, &v.ID)
		case "schemaType":
			return readString(raw, &v.SchemaType)
		case "references":
			v.References = nil
			return json.Unmarshal(raw, &v.References)
		case "schema":
			return readString(raw, &v.Schema)
		case "deleted":
			return json.Unmarshal(raw, &v.Deleted)
		case "md5":
			v.MD5 = keep(raw)
		case "metadata":
			v.Metadata = keep(raw)
		case "ruleSet":
			v.RuleSet = keep(raw)
		default:
			v.Unknown = append(v.Unknown, SchemaProperty{name, compact(raw)})
		}
		return nil
	})
	switch {
	case err != nil:
		return SchemaValue{}, err
	case v.ID < 0 || v.ID > math.MaxInt32:
		return v, fmt.Errorf("%w _schemas SCHEMA value: no id, or one out of range", ErrMalformed)
	case v.Version < 1 || v.Version > math.MaxInt32:
		return v, fmt.Errorf("%w _schemas SCHEMA value: version %d", ErrMalformed, v.Version)
	}
	if v.SchemaType == "AVRO" {
		v.SchemaType = "" // the default is never written
	}
	if len(v.References) == 0 {
		v.References = nil // nor is an empty list
	}
	return v, nil
}

// AppendSchemaValue appends the JSON of v, leaving out what is empty.
func AppendSchemaValue(dst []byte, v SchemaValue) []byte {
	dst = append(dst, `{"subject":`...)
	dst = AppendJacksonString(dst, v.Subject)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, int64(v.Version), 10)
	dst = append(dst, `,"id":`...)
	dst = strconv.AppendInt(dst, int64(v.ID), 10)
	dst = appendRaw(dst, "md5", v.MD5)
	if v.SchemaType != "" && v.SchemaType != "AVRO" {
		dst = append(dst, `,"schemaType":`...)
		dst = AppendJacksonString(dst, v.SchemaType)
	}
	for i, r := range v.References {
		if i == 0 {
			dst = append(dst, `,"references":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":`...)
		dst = AppendJacksonString(dst, r.Name)
		dst = append(dst, `,"subject":`...)
		dst = AppendJacksonString(dst, r.Subject)
		dst = append(dst, `,"version":`...)
		dst = strconv.AppendInt(dst, int64(r.Version), 10)
		dst = append(dst, '}')
	}
	if len(v.References) > 0 {
		dst = append(dst, ']')
	}
	dst = appendRaw(dst, "metadata", v.Metadata)
	dst = appendRaw(dst, "ruleSet", v.RuleSet)
	dst = append(dst, `,"schema":`...)
	dst = AppendJacksonString(dst, v.Schema)
	dst = append(dst, `,"deleted":`...)
	dst = strconv.AppendBool(dst, v.Deleted)
	for _, p := range v.Unknown {
		dst = appendRaw(dst, p.Name, p.Value)
	}
	return append(dst, '}')
}

// ParseSchemasConfig reads the compatibility level out of a CONFIG value; ""
// where the value sets other things only.
func ParseSchemasConfig(b []byte) (level string, err error) {
	err = eachMember("_schemas CONFIG value", b, func(name string, raw json.RawMessage) error {
		if name == "compatibilityLevel" {
			return readString(raw, &level)
		}
		return nil
	})
	return level, err
}

// ParseSchemasMode reads the mode out of a MODE value.
func ParseSchemasMode(b []byte) (mode string, err error) {
	err = eachMember("_schemas MODE value", b, func(name string, raw json.RawMessage) error {
		if name == "mode" {
			return readString(raw, &mode)
		}
		return nil
	})
	return mode, err
}

// ParseSchemasDelete reads a DELETE_SUBJECT value: every version of the subject
// up to and including version is softly deleted.
func ParseSchemasDelete(b []byte) (version int, err error) {
	err = eachMember("_schemas DELETE_SUBJECT value", b, func(name string, raw json.RawMessage) error {
		if name == "version" {
			return json.Unmarshal(raw, &version)
		}
		return nil
	})
	return version, err
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// keep is compact, except that null counts as absent.
func keep(raw json.RawMessage) json.RawMessage {
	if isNull(raw) {
		return nil
	}
	return compact(raw)
}

func compact(raw json.RawMessage) json.RawMessage {
	var buf bytes.Buffer
	if json.Compact(&buf, raw) != nil {
		return raw // cannot be: the decoder has just accepted it
	}
	return buf.Bytes()
}

func appendRaw(dst []byte, name string, raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return dst
	}
	dst = append(dst, ',')
	dst = AppendJacksonString(dst, name)
	dst = append(dst, ':')
	return append(dst, raw...)
}

// AppendJacksonString appends s as a JSON string with exactly the escapes of
// Jackson's default: quote, backslash, and the control characters below 0x20,
// five of them by letter and the rest with upper-case digits. Bytes that are
// not UTF-8 become U+FFFD.
func AppendJacksonString(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
