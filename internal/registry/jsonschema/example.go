package jsonschema

import (
	"math/big"
	"slices"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// Example returns a small document that is valid under old and not under new, as
// the validator confirms. It is false if there is no difference by the policy
// Strict, if the search finds no document, or if the validator can not be asked:
// about regular expressions that Go can not express, or thousands of schemas.
func Example(new, old *Schema) (json string, ok bool) {
	if len(Check(new, old, Strict)) == 0 {
		return "", false
	}
	e, ok := newExample(new, old)
	if !ok {
		return "", false
	}
	found := e.bad(old.root, new.root)
	if len(found) == 0 {
		return "", false
	}
	return found[0].String(), true
}

func newExample(new, old *Schema) (e *example, ok bool) {
	e = &example{checker: newChecker(Strict), compiled: map[*node]*validator.Schema{}, smallest: map[*node]*value{}, tried: map[pair]bool{}, left: maxAsked}
	e.checker.trial = 1 // we only ask
	if e.old, ok = newCompiler(old); !ok {
		return nil, false
	}
	if e.new, ok = newCompiler(new); !ok {
		return nil, false
	}
	return e, e.old.compile(old.root) != nil && e.new.compile(new.root) != nil
}

const (
	maxExample = 1 << 16 // bytes
	maxAsked   = 5000    // questions to the validator
	maxKept    = 4       // values for one pair
)

// example searches from the leaves: what the parts of two schemas disagree about
// is put into the smallest value around it.
type example struct {
	*checker
	old, new *compiler
	compiled map[*node]*validator.Schema
	smallest map[*node]*value // nil while it is sought, and if there is none
	tried    map[pair]bool
	left     int
}

// valid asks the validator; about what is not in one of the two texts, it says yes.
func (e *example) valid(n *node, v *value) bool {
	c := e.old
	if n.doc == e.new.first {
		c = e.new
	}
	if n.doc != c.first || n.free {
		return true
	}
	if e.left--; e.left < 0 {
		return false
	}
	compiled, known := e.compiled[n]
	if !known {
		compiled = c.compile(n)
		e.compiled[n] = compiled
	}
	return compiled == nil || compiled.Validate(v.decoded()) == nil
}

// invalid asks whether n refuses v; about what is not in one of the two texts, it says yes, too.
func (e *example) invalid(n *node, v *value) bool {
	if n.free {
		return false
	}
	return !e.valid(n, v) || e.compiled[n] == nil
}

// bad are a few small values of old that new refuses.
func (e *example) bad(old, new *node) []value {
	key := pair{old, new, 0}
	if e.tried[key] || e.left < 0 || len(e.tried) > maxAsked {
		return nil
	}
	e.tried[key] = true
	candidates := e.candidates(old, new)
	candidates = append(candidates, e.badObjects(old, new)...)
	candidates = append(candidates, e.badArrays(old, new)...)
	sortBySize(candidates)
	var kept []value
	for i := range candidates {
		if v := &candidates[i]; e.valid(old, v) && e.invalid(new, v) {
			if kept = append(kept, *v); len(kept) == maxKept {
				break
			}
		}
	}
	return kept
}

func sortBySize(values []value) {
	slices.SortStableFunc(values, func(a, b value) int { return a.length() - b.length() })
}

// length is about that of v's text.
func (v *value) length() int {
	n := len(v.text)
	switch v.kind {
	case '{', '[', '"':
		n += 2
	case 't', 'f', 'n':
		n = 4
	}
	for i := range v.items {
		n += 3 + len(v.items[i].name) + v.items[i].length()
	}
	return n
}

// together are n and what its values may have to keep to besides.
func together(n *node, into []*node) []*node {
	const most = 64
	if len(into) == most || slices.Contains(into, n) {
		return into
	}
	into = append(into, n)
	n.edges(func(child **node, inPlace bool) {
		if inPlace && *child != n.not {
			into = together(*child, into)
		}
	})
	return into
}

// badObjects have one property about which the schemas disagree.
func (e *example) badObjects(old, new *node) (candidates []value) {
	if old.can&object == 0 {
		return nil
	}
	before, after := together(old, nil), together(new, nil)
	bases := e.objects(old, new)
	if len(bases) > maxKept {
		bases = bases[:maxKept]
	}
	for _, name := range propertyNames(append(slices.Clone(before), after...)) {
		for _, pair := range e.disagreements(before, after, name) {
			for _, v := range e.bad(pair.old, pair.new) {
				for _, base := range bases {
					candidates = append(candidates, base.with(name, v))
				}
			}
		}
	}
	return candidates
}

// propertyNames are those that are spoken of, one for each pattern, and another.
func propertyNames(nodes []*node) (names []string) {
	const most = 2000
	for _, n := range nodes {
		for i := range n.props {
			names = append(names, n.props[i].name)
		}
		for i := range n.patterns {
			names = append(names, matches(n.patterns[i].text)...)
		}
		if n.names != nil {
			around := together(n.names, nil)
			for _, v := range texts(around, around) {
				names = append(names, v.text)
			}
		}
	}
	names = append(names, "x", "key")
	seen := map[string]bool{}
	names = slices.DeleteFunc(names, func(name string) bool {
		twice := seen[name]
		seen[name] = true
		return twice
	})
	return names[:min(len(names), most)]
}

// disagreements are the pairs of schemas of a property where the new one does not follow.
func (e *example) disagreements(before, after []*node, name string) (pairs []pair) {
	olds := e.ofProperty(before, name)
	for _, n := range e.ofProperty(after, name) {
		for _, o := range olds {
			if !e.implies(o, n) {
				pairs = append(pairs, pair{o, n, 0})
			}
		}
	}
	return pairs
}

// ofProperty are the schemas of a property; if there are none, it can be anything.
func (e *example) ofProperty(nodes []*node, name string) (found []*node) {
	for _, n := range nodes {
		p := n.prop(name)
		if p != nil {
			found = append(found, p.node)
		}
		certain, _ := e.matching(n, name)
		for _, m := range certain {
			found = append(found, m.node)
		}
		if rest := n.after(); p == nil && len(certain) == 0 && rest != nil {
			found = append(found, rest)
		}
	}
	if len(found) == 0 {
		found = append(found, free)
	}
	return found
}

// badArrays have one item about which the schemas disagree.
func (e *example) badArrays(old, new *node) (candidates []value) {
	if old.can&array == 0 {
		return nil
	}
	before, after := together(old, nil), together(new, nil)
	for _, o := range before {
		for _, n := range after {
			if o.contains == nil || n.contains == nil {
				continue
			}
			for _, v := range e.bad(o.contains, n.contains) {
				candidates = append(candidates, repeated(v, 1))
			}
			if most := n.maxContains; most != nil && most.Cmp(big.NewRat(50, 1)) < 0 {
				for _, v := range e.bad(n.contains, o.contains) {
					candidates = append(candidates, repeated(v, int(most.Num().Int64())+1))
				}
			}
		}
	}
	longest := 0
	for _, n := range append(slices.Clone(before), after...) {
		longest = max(longest, len(n.prefix))
	}
	for i := range min(longest+1, 50) {
		for _, o := range ofItem(before, i) {
			for _, n := range ofItem(after, i) {
				if e.implies(o, n) {
					continue
				}
				for _, v := range e.bad(o, n) {
					for _, base := range e.arrays(old, []int{i + 1, i + 2}) {
						if len(base.items) > i {
							base.items[i].value = v
							candidates = append(candidates, base)
						}
					}
				}
			}
		}
	}
	return candidates
}

func repeated(v value, n int) value {
	return value{kind: '[', items: slices.Repeat([]member{{"", v}}, n)}
}

func ofItem(nodes []*node, i int) (found []*node) {
	for _, n := range nodes {
		if i < len(n.prefix) {
			found = append(found, n.prefix[i])
		} else if rest := n.itemsAfter(); rest != nil {
			found = append(found, rest)
		}
	}
	if len(found) == 0 {
		found = append(found, free)
	}
	return found
}

// with is the object v with one member set.
func (v value) with(name string, m value) value {
	v.items = slices.Clone(v.items)
	for i := range v.items {
		if v.items[i].name == name {
			v.items[i].value = m
			return v
		}
	}
	v.items = append(v.items, member{name, m})
	return v
}
