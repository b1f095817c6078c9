package state

import (
	"cmp"
	"encoding/hex"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
	"github.com/weirhq/weir/internal/wire"
)

// Latest as a version number means the newest live one.
const Latest = -1

// Version is a version of a subject as clients see it. GUID is that of its id.
type Version struct {
	wire.SchemaValue
	GUID string
}

// Page cuts a list: Limit items from Offset. A Limit below 1 is none.
type Page struct{ Offset, Limit int }

func page[T any](list []T, p Page) []T {
	list = list[min(max(p.Offset, 0), len(list)):]
	if p.Limit > 0 {
		list = list[:min(p.Limit, len(list))]
	}
	return list
}

func (s *State) view(subject string, v *version) Version {
	context, _ := split(subject)
	guid := v.content.guid
	if e := s.entries.at(keyOf(context, v.id)); e != nil {
		guid = e.content.guid
	}
	return Version{v.value(subject), formatGUID(guid)}
}

func formatGUID(g [16]byte) string {
	h := hex.EncodeToString(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (s *State) liveVersions(subject string) []*version { return s.versionsOf(subject, false, false) }

// versionsOf returns a list of its own.
func (s *State) versionsOf(subject string, deleted, deletedOnly bool) (list []*version) {
	for _, v := range s.subjects.at(subject) {
		if v.deleted && (deleted || deletedOnly) || !v.deleted && !deletedOnly {
			list = append(list, v)
		}
	}
	return list
}

func (s *State) pick(list []*version, number int, deleted bool) (*version, error) {
	for _, v := range slices.Backward(list) {
		if number == Latest && !v.deleted || number == v.number && (deleted || !v.deleted) {
			return v, nil
		}
	}
	return nil, noVersion(number)
}

// everywhere is the subject and, if it names no context, those of its name in
// other contexts.
func (s *State) everywhere(subject string) []string {
	list := []string{subject}
	if context, name := split(subject); context == DefaultContext {
		for _, c := range s.Contexts("", Page{}) {
			if c != DefaultContext {
				list = append(list, qualify(c, name))
			}
		}
	}
	return list
}

// Subjects returns the names under a prefix (see within), sorted. Those without
// a live version are there with deleted only, and alone with deletedOnly.
func (s *State) Subjects(prefix string, deleted, deletedOnly bool, p Page) []string {
	names := []string{}
	for name, list := range s.subjects.each {
		gone := !slices.ContainsFunc(list, func(v *version) bool { return !v.deleted })
		if within(name, prefix) && (gone && (deleted || deletedOnly) || !gone && !deletedOnly) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return page(names, p)
}

// Versions returns the version numbers of a subject in order.
func (s *State) Versions(subject string, deleted, deletedOnly, deletedAsNegative bool, p Page) ([]int, error) {
	subject, err := validSubject(subject)
	if err != nil {
		return nil, err
	}
	list := s.versionsOf(subject, deleted || deletedAsNegative, deletedOnly)
	if len(list) == 0 {
		return nil, noSubject(subject)
	}
	numbers := []int{}
	for _, v := range page(list, p) {
		if v.deleted && deletedAsNegative {
			numbers = append(numbers, -v.number)
		} else {
			numbers = append(numbers, v.number)
		}
	}
	return numbers, nil
}

// Version returns one version, or the Latest. A subject that names no context is
// looked for in all of them, the default one first.
func (s *State) Version(subject string, number int, deleted bool) (Version, error) {
	subject, err := validSubject(subject)
	if err != nil {
		return Version{}, err
	}
	err = noSubject(subject)
	for _, in := range s.everywhere(subject) {
		list := s.versionsOf(in, deleted, false)
		if len(list) == 0 {
			continue
		}
		v, failed := s.pick(list, number, deleted)
		if failed == nil {
			return s.view(in, v), nil
		}
		err = failed
	}
	return Version{}, err
}

// WithMetadata returns the latest version of a subject whose metadata has all of
// the properties.
func (s *State) WithMetadata(subject string, properties map[string]string, deleted bool) (Version, error) {
	subject, err := validSubject(subject)
	if err != nil {
		return Version{}, err
	}
	list := s.versionsOf(subject, deleted, false)
	if len(list) == 0 {
		return Version{}, noSubject(subject)
	}
next:
	for _, v := range slices.Backward(list) {
		var m wire.SchemaMetadata
		if raw := v.content.more().metadata; len(raw) > 0 {
			m, _ = wire.ParseSchemaMetadata(raw)
		}
		for name, value := range properties {
			if has, ok := m.Properties[name]; !ok || has != value {
				continue next
			}
		}
		return s.view(subject, v), nil
	}
	return Version{}, Refuse(CodeNoSchema, "Schema not found")
}

// Filter says which versions Schemas lists.
type Filter struct {
	Prefix     string // of the subject, see within
	Deleted    bool
	LatestOnly bool
	RuleType   string // of one of its rules; "" is any or none
	Page       Page
}

// Schemas lists versions by subject and number.
func (s *State) Schemas(f Filter) []Version {
	list := []Version{}
	skip := f.Page.Offset
	for _, subject := range s.Subjects(f.Prefix, f.Deleted, false, Page{}) {
		versions := s.versionsOf(subject, f.Deleted, false)
		if f.LatestOnly {
			versions = versions[len(versions)-1:]
		}
		for _, v := range versions {
			switch {
			case f.RuleType != "" && !hasRule(v.content, f.RuleType):
			case skip > 0:
				skip--
			case f.Page.Limit > 0 && len(list) == f.Page.Limit:
				return list
			default:
				list = append(list, s.view(subject, v))
			}
		}
	}
	return list
}

func hasRule(c *content, kind string) bool {
	set, err := parseRules(c.more().ruleSet)
	return err == nil && slices.ContainsFunc(slices.Concat(set.MigrationRules, set.DomainRules, set.EncodingRules), func(r wire.SchemaRule) bool {
		return r.Type == kind
	})
}

// AliasesOf lists the subjects whose alias a subject is.
func (s *State) AliasesOf(subject string) (list []string) {
	for of, c := range s.configs.each {
		if c.Alias != "" && normalize(c.Alias) == normalize(subject) {
			list = append(list, of)
		}
	}
	slices.Sort(list)
	return list
}

// locate finds what an id means to one who reads data of a subject. Without a
// subject it is that of the default context. ":.ctx:" is any in that context,
// ":.ctx:s" s there alone. A plain subject may have come here in any context, so
// the first is taken where it uses the id; or else the default one.
func (s *State) locate(id int, subject string) (context string, e *entry) {
	context, name := split(subject)
	if context != DefaultContext {
		e = s.entries.at(keyOf(context, id))
		if e != nil && name != "" && !s.uses(subject, id) {
			e = nil
		}
		return context, e
	}
	if name != "" {
		for _, in := range s.everywhere(qualify(context, name)) {
			c, _ := split(in)
			if e := s.entries.at(keyOf(c, id)); e != nil && s.uses(in, id) {
				return c, e
			}
		}
	}
	return DefaultContext, s.entries.at(keyOf(DefaultContext, id))
}

func (s *State) uses(subject string, id int) bool {
	return slices.ContainsFunc(s.subjects.at(subject), func(v *version) bool { return v.id == id })
}

// Schema returns what an id means, softly deleted or not: there may be data. See
// locate for what subject does. The Version names one of its uses.
func (s *State) Schema(id int, subject string) (Version, error) {
	_, e := s.locate(id, subject)
	if e == nil {
		return Version{}, Refuse(CodeNoSchema, "Schema %d not found", id)
	}
	return s.viewEntry(e, id), nil
}

func (s *State) viewEntry(e *entry, id int) Version {
	v := &version{content: e.content, id: id, number: e.uses[0].number}
	return Version{v.value(e.uses[0].subject), formatGUID(e.content.guid)}
}

// MaxID returns the highest id of the context that Schema found an id in.
func (s *State) MaxID(id int, subject string) int {
	context, _ := s.locate(id, subject)
	return s.highIDs.at(context)
}

// Use is a version that has an id.
type Use struct {
	Subject string
	Version int
}

// Uses returns the versions that have an id, by subject and number.
func (s *State) Uses(id int, subject string, deleted bool, p Page) ([]Use, error) {
	_, e := s.locate(id, subject)
	if e == nil {
		return nil, Refuse(CodeNoSchema, "Schema %d not found", id)
	}
	list := []Use{}
	for _, u := range e.uses {
		if deleted || !s.find(u).deleted {
			list = append(list, Use{u.subject, u.number})
		}
	}
	slices.SortFunc(list, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return page(list, p), nil
}

// ContextID is an id in its context.
type ContextID struct {
	Context string
	ID      int
}

// ByGUID returns what a GUID means, and the ids that it has.
func (s *State) ByGUID(guid string) (Version, []ContextID, error) {
	var g [16]byte
	var list []ContextID
	if b, err := hex.DecodeString(strings.ReplaceAll(guid, "-", "")); err == nil && len(b) == len(g) {
		g = [16]byte(b)
		for _, k := range s.guids.at(g).all() {
			list = append(list, ContextID{k.context.Value(), k.id})
		}
	}
	if len(list) == 0 {
		return Version{}, nil, Refuse(CodeNoSchema, "Schema %s not found", guid)
	}
	slices.SortFunc(list, func(a, b ContextID) int {
		return cmp.Or(cmp.Compare(a.Context, b.Context), cmp.Compare(a.ID, b.ID))
	})
	first := list[0]
	return s.viewEntry(s.entries.at(keyOf(first.Context, first.ID)), first.ID), list, nil
}

// ReferencedBy returns the ids of the live schemas that refer to a version.
func (s *State) ReferencedBy(subject string, number int) ([]int, error) {
	v, err := s.Version(subject, number, true)
	if err != nil {
		return nil, err
	}
	ids := []int{}
	for _, by := range s.referrers.at(use{v.Subject, v.Version}) {
		if r := s.find(by); r != nil && !r.deleted {
			ids = append(ids, r.id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Contexts returns the names of the contexts that begin with prefix, sorted. The
// default one, ".", is always there.
func (s *State) Contexts(prefix string, p Page) []string {
	found := map[string]bool{DefaultContext: true}
	for name := range s.contexts.each {
		found[name] = true
	}
	for name := range s.inContext.each {
		found[name] = true
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(found)), func(n string) bool { return !strings.HasPrefix(n, prefix) })
	return page(names, p)
}

// Export goes through all versions under a prefix such that each comes behind
// those that it refers to.
func (s *State) Export(prefix string, deleted bool) iter.Seq[Version] {
	return func(yield func(Version) bool) {
		seen := map[use]bool{}
		var visit func(u use) bool
		visit = func(u use) bool {
			v := s.find(u)
			if v == nil || seen[u] || v.deleted && !deleted {
				return true
			}
			seen[u] = true
			for _, r := range v.content.references() {
				if !visit(s.target(r, u.subject)) {
					return false
				}
			}
			return yield(s.view(u.subject, v))
		}
		for _, subject := range s.Subjects(prefix, deleted, false, Page{}) {
			for _, v := range s.versionsOf(subject, deleted, false) {
				if !visit(use{subject, v.number}) {
					return
				}
			}
		}
	}
}

// Setting is what the topic says of a subject, a context or the registry ("").
type Setting struct {
	Subject string
	Config  *wire.SchemasSetting // or nil
	Mode    string               // or ""
}

// Settings lists all that are set, by subject.
func (s *State) Settings() []Setting {
	found := map[string]Setting{}
	for of, c := range s.configs.each {
		found[of] = Setting{Subject: of, Config: c}
	}
	for of, m := range s.modes.each {
		one := found[of]
		one.Subject, one.Mode = of, m.Mode
		found[of] = one
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Setting) int { return strings.Compare(a.Subject, b.Subject) })
}

// Opaque is a version whose text can not be parsed: it is served as it is, and is
// compatible with itself alone.
type Opaque struct {
	Subject string
	Version int
	Reason  string
}

// Opaques lists them. It parses every text that Index has not looked at.
func (s *State) Opaques() (list []Opaque) {
	for _, subject := range s.Subjects(":*:", true, false, Page{}) {
		context, _ := split(subject)
		for _, v := range s.subjects.at(subject) {
			if v.content.identities.Load() != nil && !v.content.opaque.Load() {
				continue
			}
			if _, err := s.parse(v.content, context, false); err != nil {
				list = append(list, Opaque{subject, v.number, err.Error()})
			}
		}
	}
	return list
}

// Types counts the ids by the type of their schema, and those among them that
// Index has found to be opaque.
func (s *State) Types() (count map[string]int, opaque int) {
	count = map[string]int{}
	for _, e := range s.entries.each {
		count[e.content.kind.Value()]++
		if e.content.opaque.Load() {
			opaque++
		}
	}
	return count, opaque
}

// Parsed returns the parse of a version that the state has shown.
func (s *State) Parsed(v Version) (schema.Schema, error) {
	context, _ := split(v.Subject)
	p, err := s.parse(s.intern(v.SchemaValue), context, false)
	if err != nil {
		return nil, err
	}
	return p.Schema, nil
}

// Status is what the state knows of itself.
type Status struct {
	Subjects, Schemas int       // the latter distinct ids
	End               int64     // the offset after the last record
	Dropped           int       // records kept out of the state
	Warnings          []Warning // why, for the first hundred of them
	Foreign           int       // records of key types that are left alone
	Pending           int       // schemas that Index has not looked at
}

// Status costs nothing; on an overlay it counts what is written there only.
func (s *State) Status() Status {
	return Status{len(s.subjects.own), len(s.entries.own), s.end, s.dropped, slices.Clone(s.warnings), s.foreign, len(s.pending)}
}
