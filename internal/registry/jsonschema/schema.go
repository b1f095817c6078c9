package jsonschema

import (
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/registry/schema"
)

// Schema is a parsed JSON Schema. It is immutable.
type Schema struct {
	text      value
	root      *node
	first     *document
	documents map[string]*document // by the URL that a $ref means
	warnings  []string
	unjudged  bool // the validator would judge otherwise than the check
}

var _ schema.Schema = (*Schema)(nil)

// Canonical is the text that decides identity: compact, everything in its order.
func (s *Schema) Canonical() string { return s.text.String() }

// Normalized is the canonical text with the members of objects ordered by name.
func (s *Schema) Normalized() string { return string(s.text.appendTo(nil, true)) }

// Warnings are what of the schema is compared as text, or not at all, and why.
func (s *Schema) Warnings() []string { return slices.Clone(s.warnings) }

// typeSet is a set of JSON's types. A number is an integer or has a fraction.
type typeSet uint8

const (
	null typeSet = 1 << iota
	boolean
	integer
	fraction
	str
	array
	object

	number   = integer | fraction
	anything = null | boolean | number | str | array | object
)

var typeWords = []struct {
	word string
	set  typeSet
}{{"null", null}, {"boolean", boolean}, {"number", number}, {"integer", integer}, {"string", str}, {"array", array}, {"object", object}}

func typeOf(word string) typeSet {
	for _, t := range typeWords {
		if t.word == word {
			return t.set
		}
	}
	return 0
}

// String names the types: string or null.
func (t typeSet) String() string {
	var names []string
	for _, w := range typeWords {
		if t&w.set == w.set {
			names = append(names, w.word)
			t &^= w.set
		}
	}
	if t != 0 {
		names = append(names, "number that is no integer")
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " or ")
}

// typeOf is the type of a value: 1.0 is an integer.
func (v *value) typeOf() typeSet {
	switch v.kind {
	case 'n':
		return null
	case 't', 'f':
		return boolean
	case '"':
		return str
	case '[':
		return array
	case '{':
		return object
	}
	if r := v.rat(); r != nil && r.IsInt() {
		return integer
	}
	return fraction
}

// limit is a keyword that bounds from one side.
type limit struct {
	word, kind string
	on         typeSet
	upper      bool
}

const (
	maximum = iota
	minimum
	exclusiveMaximum
	exclusiveMinimum
	maxLength
	minLength
	maxItems
	minItems
	maxProperties
	minProperties
)

var limits = [...]limit{
	maximum:          {"maximum", "MAXIMUM", number, true},
	minimum:          {"minimum", "MINIMUM", number, false},
	exclusiveMaximum: {"exclusiveMaximum", "EXCLUSIVE_MAXIMUM", number, true},
	exclusiveMinimum: {"exclusiveMinimum", "EXCLUSIVE_MINIMUM", number, false},
	maxLength:        {"maxLength", "MAX_LENGTH", str, true},
	minLength:        {"minLength", "MIN_LENGTH", str, false},
	maxItems:         {"maxItems", "MAX_ITEMS", array, true},
	minItems:         {"minItems", "MIN_ITEMS", array, false},
	maxProperties:    {"maxProperties", "MAX_PROPERTIES", object, true},
	minProperties:    {"minProperties", "MIN_PROPERTIES", object, false},
}

// node is one schema of a text. A value is valid if it keeps to everything that is
// set here; nil asserts nothing. The graph may have cycles, but not among the
// schemas of one value: see inPlace.
type node struct {
	at         string // where, as a fragment: #/properties/a
	doc        *document
	free       bool // asserts nothing
	hasDefault bool
	elsewhere  bool // other schemas of the same value are in it
	types      typeSet
	can        typeSet // what a valid value can be, of all that is set

	enum    []value // with hasEnum; const is an enum of one
	hasEnum bool

	limits     [len(limits)]*big.Rat
	multipleOf *big.Rat
	pattern    *string
	format     *string // if the draft asserts it

	required    []string
	props       []named
	index       map[string]int // of props by name
	patterns    []patterned
	additional  *node
	names       *node
	depRequired []needs
	depSchemas  []named
	restProps   *node // unevaluatedProperties

	unique      bool
	prefix      []*node
	items       *node // of the items after the prefix
	contains    *node
	minContains *big.Rat // nil for 1
	maxContains *big.Rat
	restItems   *node // unevaluatedItems

	allOf, anyOf, oneOf    []*node // $ref beside others is one of allOf
	not, cond, then, else_ *node

	alias *node // the schema is nothing but a $ref to this one
}

type named struct {
	name       string
	node       *node
	hasDefault bool // beside a $ref
}

type patterned struct {
	text string
	re   *regexp.Regexp // nil if Go can not express it
	node *node
}

type needs struct {
	name  string
	names []string
	at    string
}

// prop finds a property by name, or returns nil.
func (n *node) prop(name string) *named {
	if i, ok := n.index[name]; ok {
		return &n.props[i]
	}
	return nil
}

// edges calls f with each schema in n; inPlace says whether it is one of the same
// value, and not of a part of it.
func (n *node) edges(f func(child **node, inPlace bool)) {
	one := func(child **node, inPlace bool) {
		if *child != nil {
			f(child, inPlace)
		}
	}
	list := func(list []*node, inPlace bool) {
		for i := range list {
			f(&list[i], inPlace)
		}
	}
	for i := range n.props {
		f(&n.props[i].node, false)
	}
	for i := range n.patterns {
		f(&n.patterns[i].node, false)
	}
	list(n.prefix, false)
	for _, child := range []**node{&n.additional, &n.names, &n.restProps, &n.items, &n.contains, &n.restItems} {
		one(child, false)
	}
	list(n.allOf, true)
	list(n.anyOf, true)
	list(n.oneOf, true)
	for i := range n.depSchemas {
		f(&n.depSchemas[i].node, true)
	}
	for _, child := range []**node{&n.not, &n.cond, &n.then, &n.else_} {
		one(child, true)
	}
}

// requires says whether all values that are objects have that property.
func (n *node) requires(name string) bool {
	return slices.Contains(n.required, name) || slices.ContainsFunc(n.allOf, func(e *node) bool { return e.requires(name) })
}
