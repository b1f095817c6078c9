package jsonschema

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/weirhq/weir/internal/registry/schema"
)

// Policy says how strictly objects that are open, or become it, are judged.
type Policy string

const (
	// Strict accepts what is valid under both schemas, apart from what doc.go names.
	Strict Policy = "STRICT"
	// Lenient also accepts what breaks only data that nobody declared: an optional
	// property added to an open object, one removed from a closed object, and
	// additional properties that are narrowed or forbidden.
	Lenient Policy = "LENIENT"
)

var lenient = map[string]bool{
	"PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL":       true,
	"PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL": true,
	"ADDITIONAL_PROPERTIES_NARROWED":             true,
	"ADDITIONAL_PROPERTIES_REMOVED":              true,
}

// withDefault are the kinds that are no difference although they are one to a
// validator: who reads fills in the default.
var withDefault = map[string]bool{
	"REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED":                        true,
	"REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL": true,
}

// tooComplex ends a check whose pairs of schemas are too many.
const tooComplex = "TOO_COMPLEX"

const (
	maxVisits = 300_000 // of pairs, values of enums and names against patterns
	maxNested = 4000    // pairs in pairs
	maxFound  = 1000    // differences that are reported
)

// Check returns every reason why data that is valid under old may not be under
// new; none means that all of it is, with the exceptions that doc.go names. A
// policy other than Lenient is Strict. What differs in a pair of schemas is said
// once. No more than a thousand are returned.
func Check(new, old *Schema, policy Policy) []schema.Difference {
	if sameText(new, old) {
		return nil
	}
	return check(new, old, policy)
}

func sameText(a, b *Schema) bool {
	return a.Canonical() == b.Canonical() && maps.EqualFunc(a.documents, b.documents, func(a, b *document) bool { return a.root.String() == b.root.String() })
}

func check(new, old *Schema, policy Policy) []schema.Difference {
	c := newChecker(policy)
	c.pair(old.root, new.root)
	if c.exhausted() {
		c.found = append(c.found, schema.Difference{Kind: tooComplex, Path: "#", Message: "the schemas are too complex to be compared"})
	}
	return c.found
}

// seal says of a pair that a schema around the new one refuses what it does not
// evaluate (unevaluatedProperties, unevaluatedItems): then the new one must also
// evaluate all that the old one does.
type seal uint8

const (
	sealProps seal = 1 << iota
	sealItems
)

func (n *node) seals() (s seal) {
	if n.restProps != nil && !n.restProps.free {
		s |= sealProps
	}
	if n.restItems != nil && !n.restItems.free {
		s |= sealItems
	}
	return s
}

type pair struct {
	old, new *node
	sealed   seal
}

type verdict struct {
	state
	depth int // of an open pair
}

type state uint8

const (
	open     state = iota + 1 // being judged: implied unless proven otherwise
	implied                   // what is valid under the old is under the new
	broken                    // judged in a trial, not reported yet
	reported                  // broken, and said so
)

// checker judges pairs of schemas. A pair that is open counts as implied: it comes
// again only for a smaller part of the data (the schemas of one value have no
// loops), so this is an induction over the data.
type checker struct {
	policy   Policy
	exact    bool // what is accepted against the validator is not
	verdicts map[pair]verdict
	splits   map[*node][]*node
	sealed   seal
	trial    int // > 0: nothing is reported
	depth    int
	leans    int // depth of the outermost open pair that a verdict rests on
	visits   *int
	found    []schema.Difference
	strictly *checker // that is exact
}

func newChecker(policy Policy) *checker {
	return &checker{policy: policy, verdicts: map[pair]verdict{}, splits: map[*node][]*node{}, leans: math.MaxInt, visits: new(int)}
}

func (c *checker) exhausted() bool { return *c.visits > maxVisits }

// visit pays for some work.
func (c *checker) visit(n int) bool {
	*c.visits += n
	return !c.exhausted()
}

// differ reports a difference, unless the policy accepts it.
func (c *checker) differ(kind, at, format string, args ...any) bool {
	if !c.exact && (withDefault[kind] || c.policy == Lenient && lenient[kind]) {
		return true
	}
	if c.trial == 0 && len(c.found) < maxFound && !c.exhausted() {
		c.found = append(c.found, schema.Difference{Kind: kind, Path: at, Message: fmt.Sprintf(format, args...)})
	}
	return false
}

// try judges without a report.
func (c *checker) try(judge func() bool) bool {
	c.trial++
	ok := judge()
	c.trial--
	return ok
}

// implies judges a pair that nothing around it seals.
func (c *checker) implies(old, new *node) bool { return c.under(0, old, new) }

func (c *checker) tries(old, new *node) bool {
	return c.try(func() bool { return c.implies(old, new) })
}

func (c *checker) under(s seal, old, new *node) bool {
	outer := c.sealed
	c.sealed = s
	ok := c.pair(old, new)
	c.sealed = outer
	return ok
}

// exactly judges a pair by the validator's rules alone, in either direction.
func (c *checker) exactly(old, new *node) bool {
	if c.exact {
		return c.tries(old, new)
	}
	if c.strictly == nil {
		c.strictly = newChecker(Strict)
		c.strictly.exact, c.strictly.trial, c.strictly.visits = true, 1, c.visits
	}
	return c.strictly.implies(old, new)
}

// pair judges whether all that is valid under old is valid under new.
func (c *checker) pair(old, new *node) bool {
	if old == new || old.can == 0 || c.sealed == 0 && new.free {
		return true
	}
	if !c.visit(1) || c.depth > maxNested {
		*c.visits = max(*c.visits, maxVisits+1)
		return false
	}
	key := pair{old, new, c.sealed}
	v := c.verdicts[key]
	switch {
	case v.state == open:
		c.leans = min(c.leans, v.depth)
		return true
	case v.state == implied:
		return true
	case v.state == reported || v.state == broken && c.trial > 0:
		return false
	}
	outer := c.leans
	c.leans = math.MaxInt
	c.verdicts[key] = verdict{open, c.depth}
	ok := v.state != broken && c.try(func() bool { return c.judge(old, new) })
	switch {
	case ok && c.leans < c.depth:
		delete(c.verdicts, key) // it rests on a pair that may turn out broken
	case ok:
		c.verdicts[key] = verdict{state: implied}
	case c.trial > 0:
		c.verdicts[key] = verdict{state: broken}
	default:
		c.judge(old, new)
		c.verdicts[key] = verdict{state: reported}
	}
	if c.leans >= c.depth {
		c.leans = math.MaxInt
	}
	c.leans = min(c.leans, outer)
	return ok
}

func (c *checker) judge(old, new *node) bool {
	c.depth++
	defer func() { c.depth-- }()
	if c.trial > 0 {
		return c.direct(old, new) || c.indirect(old, new)
	}
	return !c.lostBranch(old, new) && c.direct(old, new)
}

// direct wants each keyword of the new schema to follow from those of the old.
func (c *checker) direct(old, new *node) bool {
	ok := true
	for _, rule := range [...]func(c *checker, old, new *node) bool{
		(*checker).types, (*checker).enums, (*checker).limits, (*checker).multiples, (*checker).texts,
		(*checker).required, (*checker).dependencies, (*checker).properties, (*checker).itemLists, (*checker).contained,
		(*checker).allOf, (*checker).sums, (*checker).nots, (*checker).conditions,
	} {
		if c.follows(rule, old, new) {
			continue
		}
		if ok = false; c.trial > 0 {
			return false
		}
		rule(c, old, new)
	}
	return ok && c.evaluated(old, new)
}

// follows tries a rule on the old schema and on those that its values keep to besides.
func (c *checker) follows(rule func(c *checker, old, new *node) bool, old, new *node) bool {
	if c.try(func() bool { return rule(c, old, new) }) {
		return true
	}
	return c.sealed == 0 && slices.ContainsFunc(old.allOf, func(e *node) bool { return c.follows(rule, e, new) })
}

// indirect wants one of the schemas that the old value keeps to anyhow, or each of
// those of which it keeps to one, to imply the new schema.
func (c *checker) indirect(old, new *node) bool {
	if c.sealed != 0 {
		return false // what the others of them evaluate is not looked at
	}
	for _, e := range old.allOf {
		if c.pair(e, new) {
			return true
		}
	}
	return c.all(old.anyOf, new) || c.all(old.oneOf, new)
}

// all wants each of some branches to imply new; of none, nothing follows.
func (c *checker) all(branches []*node, new *node) bool {
	for _, b := range branches {
		if !c.pair(b, new) {
			return false
		}
	}
	return len(branches) > 0
}
