package state

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"maps"
	"slices"
	"sync/atomic"
	"unique"

	"github.com/weirhq/weir/internal/wire"
)

// content is a schema as it was written: equal ones are one in memory.
type content struct {
	kind  unique.Handle[string] // AVRO, JSON, PROTOBUF
	text  string
	extra *extra
	guid  [16]byte
	// identities are computed when they are first asked for, since that takes a parse.
	identities atomic.Pointer[identities]
	opaque     atomic.Bool // it was found that it can not be parsed
}

// identities are of all of a content, and of what it is without its contract.
type identities struct{ full, bare identity }

// extra is what most schemas have none of.
type extra struct {
	references        []wire.SchemaReference
	metadata, ruleSet json.RawMessage
}

var none extra

// identity is what makes two schemas one, however they are spelled: type,
// canonical text, references, metadata and rule set.
type identity [16]byte

func (c *content) more() *extra {
	if c.extra == nil {
		return &none
	}
	return c.extra
}

func (c *content) references() []wire.SchemaReference { return c.more().references }

func (c *content) equal(d *content) bool {
	a, b := c.more(), d.more()
	return c.kind == d.kind && c.text == d.text && slices.Equal(a.references, b.references) &&
		bytes.Equal(a.metadata, b.metadata) && bytes.Equal(a.ruleSet, b.ruleSet)
}

func newContent(kind, text string, refs []wire.SchemaReference, metadata, ruleSet json.RawMessage) *content {
	c := contentOf(kind, text, refs, metadata, ruleSet)
	c.guid = guid(c)
	return c
}

// contentOf is a content without its GUID: enough to parse it.
func contentOf(kind, text string, refs []wire.SchemaReference, metadata, ruleSet json.RawMessage) *content {
	if kind == "" {
		kind = "AVRO"
	}
	c := &content{kind: unique.Make(kind), text: text}
	if len(refs)+len(metadata)+len(ruleSet) > 0 {
		c.extra = &extra{refs, metadata, ruleSet}
	}
	return c
}

// intern returns the content of a value, shared with an equal one that is there.
func (s *State) intern(v wire.SchemaValue) *content {
	c := newContent(v.SchemaType, v.Schema, v.References, v.Metadata, v.RuleSet)
	for _, id := range s.guids.at(c.guid).all() {
		if e := s.entries.at(id); e != nil && e.content.equal(c) {
			return e.content
		}
	}
	return c
}

// same says whether two contents of a context are one schema.
func (s *State) same(a, b *content, context string) bool {
	return a == b || a.equal(b) || s.identify(a, context).full == s.identify(b, context).full
}

// identify returns the identities of a content. A text that can not be parsed is
// opaque: it is its own canonical form.
func (s *State) identify(c *content, context string) identities {
	if known := c.identities.Load(); known != nil {
		return *known
	}
	text := c.text
	p, err := s.parse(c, context, false)
	if err == nil {
		text = p.canonical
	}
	c.opaque.Store(err != nil)
	more := c.more()
	bare := identityOf([]byte(c.kind.Value()), []byte(text), appendReferences(nil, more.references))
	ids := identities{identityOf(bare[:], canonicalMetadata(more.metadata), canonicalRuleSet(more.ruleSet)), bare}
	if err == nil || len(more.references) == 0 {
		c.identities.Store(&ids) // else what it refers to may come later
	}
	return ids
}

func identityOf(parts ...[]byte) identity {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p)))) // so that no two lists of parts run together
		h.Write(p)
	}
	return identity(h.Sum(nil)[:16])
}

func appendReferences(dst []byte, refs []wire.SchemaReference) []byte {
	for _, r := range refs {
		for _, part := range []string{r.Name, r.Subject} {
			dst = append(binary.AppendUvarint(dst, uint64(len(part))), part...)
		}
		dst = binary.AppendVarint(dst, int64(r.Version))
	}
	return dst
}

// canonicalMetadata gives metadata its one form; nothing and {} are one.
func canonicalMetadata(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return nil
	}
	m, err := wire.ParseSchemaMetadata(raw)
	if err != nil {
		return raw
	}
	return orNothing(wire.AppendSchemaMetadata(nil, m))
}

func canonicalRuleSet(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return nil
	}
	r, err := wire.ParseSchemaRuleSet(raw)
	if err != nil {
		return raw
	}
	return orNothing(wire.AppendSchemaRuleSet(nil, r))
}

func orNothing(b []byte) []byte {
	if string(b) == "{}" {
		return nil
	}
	return b
}

// guid is Confluent's: an MD5 over the text as it stands and all that goes with
// it, without separators and without the type.
func guid(c *content) [16]byte {
	h := md5.New()
	more := c.more()
	put(h, c.text)
	for _, r := range more.references {
		put(h, r.Name, r.Subject)
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(r.Version)))
	}
	if m, err := wire.ParseSchemaMetadata(more.metadata); len(more.metadata) > 0 && err == nil {
		h.Write([]byte{1})
		for _, path := range slices.Sorted(maps.Keys(m.Tags)) {
			put(h, path)
			put(h, m.Tags[path]...)
		}
		putTable(h, m.Properties)
		put(h, m.Sensitive...)
	}
	if r, err := wire.ParseSchemaRuleSet(more.ruleSet); len(more.ruleSet) > 0 && err == nil {
		h.Write([]byte{1})
		for _, rules := range [][]wire.SchemaRule{r.MigrationRules, r.DomainRules, r.EncodingRules} {
			for _, rule := range rules {
				putRule(h, rule)
			}
		}
		put(h, r.EnableAt)
	}
	return [16]byte(h.Sum(nil))
}

func putRule(h hash.Hash, r wire.SchemaRule) {
	put(h, r.Name, r.Doc, r.Kind, r.Mode, r.Type)
	put(h, r.Tags...)
	putTable(h, r.Params)
	put(h, r.Expr, r.OnSuccess, r.OnFailure)
	if r.Disabled {
		h.Write([]byte{1})
	}
}

func putTable(h hash.Hash, table map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(table)) {
		put(h, k, table[k])
	}
}

func put(h hash.Hash, parts ...string) {
	for _, p := range parts {
		h.Write([]byte(p))
	}
}
