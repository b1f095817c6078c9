package avroschema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
)

// The kinds of differences: Avro Java's SchemaIncompatibilityType, and two of ours.
const (
	NameMismatch       = "NAME_MISMATCH"
	FixedSizeMismatch  = "FIXED_SIZE_MISMATCH"
	MissingEnumSymbols = "MISSING_ENUM_SYMBOLS"
	MissingDefault     = "READER_FIELD_MISSING_DEFAULT_VALUE"
	TypeMismatch       = "TYPE_MISMATCH"
	MissingUnionBranch = "MISSING_UNION_BRANCH"

	// AmbiguousField is a reader's field that by its name and aliases is several
	// of the writer's. Avro Java throws an exception.
	AmbiguousField = "AMBIGUOUS_FIELD"
	// TooComplex ends a check whose pairs of types are too many: two recursive
	// schemas can have the product of their sizes.
	TooComplex = "TOO_COMPLEX"
)

const (
	maxPairs  = 50_000    // of named types; they bound the depth, too
	maxVisits = 2_000_000 // of pairs of any types but primitives
	maxFound  = 1000      // differences that are reported
)

// Check returns every reason why data written with writer can not be read with
// reader; none means that all of it can. A path is Java's: a pointer into the
// reader's schema, at a union followed by the writer's branch. What goes wrong in
// a pair of named types is said at the first place that they meet; logical types
// are ignored. No more than a thousand are returned.
func Check(reader, writer *Schema) []schema.Difference {
	c := newChecker()
	c.pair(reader.root, writer.root)
	if c.tooComplex() {
		c.found = append(c.found, schema.Difference{Kind: TooComplex, Path: "/", Message: "the schemas are too complex to be compared: they have more than " + strconv.Itoa(maxPairs) + " pairs of types"})
	}
	return c.found
}

type pair struct{ r, w *node }

type verdict uint8

const (
	open     verdict = iota + 1 // being judged: compatible unless proven otherwise
	readable                    // compatible
	broken                      // judged in a trial, not reported yet
	reported
)

// checker judges pairs of types, each once. In Java's order: a pair that is open
// counts as compatible, so the order can matter.
type checker struct {
	verdicts map[pair]verdict // of pairs with a named type
	visits   int
	path     []step
	trial    int // > 0 while a union's branches are tried: nothing is reported
	found    []schema.Difference

	anyName bool // of records counts as the same
}

func newChecker() *checker { return &checker{verdicts: map[pair]verdict{}} }

func (c *checker) tooComplex() bool { return len(c.verdicts) > maxPairs || c.visits > maxVisits }

func (c *checker) differ(kind, format string, args ...any) bool {
	if c.trial == 0 && len(c.found) < maxFound && !c.tooComplex() {
		c.found = append(c.found, schema.Difference{Kind: kind, Path: pointer(c.path), Message: fmt.Sprintf(format, args...)})
	}
	return false
}

// under judges a pair at a step further.
func (c *checker) under(s step, r, w *node) bool {
	c.path = append(c.path, s)
	ok := c.pair(r, w)
	c.path = c.path[:len(c.path)-1]
	return ok
}

func (c *checker) try(r, w *node) bool {
	c.trial++
	ok := c.pair(r, w)
	c.trial--
	return ok
}

func (c *checker) pair(r, w *node) bool {
	if r.kind.isPrimitive() && w.kind.isPrimitive() {
		return c.primitives(r, w)
	}
	if c.visits++; c.tooComplex() {
		return false
	}
	if r.kind.isPrimitive() || w.kind.isPrimitive() || !r.kind.isNamed() && !w.kind.isNamed() {
		return c.types(r, w) // only named types come again
	}
	key := pair{r, w}
	switch v := c.verdicts[key]; {
	case v == open || v == readable:
		return true
	case v == reported || v == broken && c.trial > 0:
		return false
	}
	c.verdicts[key] = open
	ok := c.types(r, w)
	switch {
	case ok:
		c.verdicts[key] = readable
	case c.trial > 0:
		c.verdicts[key] = broken
	default:
		c.verdicts[key] = reported
	}
	return ok
}

func (c *checker) primitives(r, w *node) bool {
	if r.kind == w.kind || promotes(r.kind, w.kind) {
		return true
	}
	return c.mismatch(r, w)
}

// promotes says whether a reader's primitive takes another one of the writer's.
func promotes(r, w kind) bool {
	switch r {
	case long:
		return w == integer
	case float:
		return w == integer || w == long
	case double:
		return w == integer || w == long || w == float
	case octets:
		return w == str
	case str:
		return w == octets
	}
	return false
}

func (c *checker) mismatch(r, w *node) bool {
	return c.differ(TypeMismatch, "the reader's type %s can not read the writer's %s", r, w)
}

func (c *checker) types(r, w *node) bool {
	switch {
	case w.kind == union:
		return c.writerUnion(r, w)
	case r.kind == union:
		return c.readerUnion(r, w)
	case r.kind != w.kind:
		return c.mismatch(r, w)
	}
	switch r.kind {
	case array:
		return c.under(step{word: "items"}, r.element, w.element)
	case mapping:
		return c.under(step{word: "values"}, r.element, w.element)
	case fixed:
		ok := c.names(r, w)
		return c.sizes(r, w) && ok
	case enum:
		ok := c.names(r, w)
		return c.symbols(r, w) && ok
	}
	ok := c.names(r, w)
	return c.fields(r, w) && ok
}

// writerUnion wants each branch of the writer's to be readable.
func (c *checker) writerUnion(r, w *node) bool {
	all := true
	for i, b := range w.branches {
		at := step{index: i}
		if r.kind != union {
			all = c.under(at, r, b) && all
			continue
		}
		if !c.try(r, b) {
			c.path = append(c.path, at)
			all = c.differ(MissingUnionBranch, "no branch of the reader's union can read the writer's %s", b)
			c.path = c.path[:len(c.path)-1]
		}
	}
	return all
}

// readerUnion wants one branch of the reader's to read what was written.
func (c *checker) readerUnion(r, w *node) bool {
	for _, b := range r.branches {
		if c.try(b, w) {
			return true
		}
	}
	return c.differ(MissingUnionBranch, "no branch of the reader's union can read the writer's %s", w)
}

// at reports a difference one step further.
func (c *checker) at(s step, kind, format string, args ...any) bool {
	c.path = append(c.path, s)
	c.differ(kind, format, args...)
	c.path = c.path[:len(c.path)-1]
	return false
}

// sameName compares simple names, and the reader's aliases with the full one.
// An alias in no namespace, of a type in one, is none to Java's check.
func sameName(r, w *node) bool {
	if r.name.short == w.name.short {
		return true
	}
	return slices.Contains(r.aliases, w.name) && (w.name.space != "" || r.name.space == "")
}

func (c *checker) names(r, w *node) bool {
	if sameName(r, w) || c.anyName && r.kind == record {
		return true
	}
	return c.at(step{word: "name"}, NameMismatch, "the reader's %s %s has another name than the writer's %s, and no such alias", r.kind, r, w)
}

func (c *checker) sizes(r, w *node) bool {
	if r.size == w.size {
		return true
	}
	return c.at(step{word: "size"}, FixedSizeMismatch, "the reader's fixed %s has %s bytes, the writer's has %s", r, r.size, w.size)
}

// missing are the writer's symbols that the reader can not read, sorted.
func missing(r, w *node) (lacking []string) {
	if d := r.enumDefault; d != nil && slices.Contains(r.symbols, *d) {
		return nil
	}
	has := make(map[string]bool, len(r.symbols))
	for _, s := range r.symbols {
		has[s] = true
	}
	for _, s := range w.symbols {
		if !has[s] {
			lacking = append(lacking, s)
		}
	}
	slices.Sort(lacking)
	return slices.Compact(lacking)
}

func (c *checker) symbols(r, w *node) bool {
	lacking := missing(r, w)
	if len(lacking) == 0 {
		return true
	}
	return c.at(step{word: "symbols"}, MissingEnumSymbols, "the reader's enum %s lacks the writer's %s, and has no default", r, strings.Join(lacking, ", "))
}

// matches are the writer's fields that a reader's field reads: one, if all is well.
func matches(f *field, w *node) (first *field, n int) {
	if first = w.field(f.name); first != nil {
		n++
	}
	for _, alias := range f.aliases {
		if m := w.field(alias); m != nil {
			n++
			if first == nil {
				first = m
			}
		}
	}
	return first, n
}

func (c *checker) fields(r, w *node) bool {
	all := true
	base := len(c.path)
	for i := range r.fields {
		c.path = append(c.path[:base], step{word: "fields"}, step{index: i})
		all = c.field(&r.fields[i], r, w) && all
	}
	c.path = c.path[:base]
	return all
}

func (c *checker) field(f *field, r, w *node) bool {
	match, n := matches(f, w)
	switch {
	case n > 1:
		return c.differ(AmbiguousField, "the reader's field %q of %s, by its name and aliases, is %d fields of the writer's", f.name, r, n)
	case n == 1:
		return c.under(step{word: "type"}, f.typ, match.typ)
	case f.fallback != nil:
		return true
	case f.typ.kind == enum && f.typ.enumDefault != nil:
		// Java compares the enum with the writer's record, and so do we.
		return c.under(step{word: "type"}, f.typ, w)
	}
	return c.differ(MissingDefault, "the reader's field %q of %s is not in what was written, and has no default", f.name, r)
}
