package jsonschema

import (
	"slices"
	"strconv"
)

// allOf wants each schema of the new one's to follow.
func (c *checker) allOf(old, new *node) bool {
	ok := true
	for i, e := range new.allOf {
		if c.tries(old, e) {
			continue
		}
		switch {
		case len(old.allOf) == 0:
			c.implies(old, e)
			ok = false
		case len(new.allOf) > len(old.allOf):
			ok = c.differ("PRODUCT_TYPE_EXTENDED", e.at, "values must keep to one more schema of allOf now") && ok
		default:
			c.implies(old.allOf[i], e)
			ok = false
		}
	}
	return ok
}

// sums wants the branch of an old value to lead to one of the new schema's.
func (c *checker) sums(old, new *node) bool {
	ok := true
	if len(new.anyOf) > 0 {
		ok = c.sum("anyOf", old, new.anyOf, old.anyOf, old.oneOf, new.at) && ok
	}
	if len(new.oneOf) > 0 {
		ok = c.sum("oneOf", old, new.oneOf, old.oneOf, old.anyOf, new.at) && ok
	}
	return ok
}

func (c *checker) sum(word string, old *node, branches, before, other []*node, at string) bool {
	leads := func(from, siblings []*node) bool {
		for _, b := range from {
			if !c.leads(word, b, siblings, branches) {
				return false
			}
		}
		return len(from) > 0
	}
	if c.try(func() bool {
		return c.leads(word, old, nil, branches) || leads(before, before) || (word == "anyOf" || allApart(other)) && leads(other, other) || leads(c.split(old), nil)
	}) {
		return true
	}
	at += "/" + word
	switch {
	case len(before) == 0 && len(other) == 0:
		return c.differ("COMBINED_TYPE_CHANGED", at, "%s was added; not all that was valid is in one of its branches", word)
	case len(before) == 0:
		return c.differ("COMBINED_TYPE_CHANGED", at, "another keyword became %s; not all that was valid is in one of its branches", word)
	}
	lost := slices.IndexFunc(before, func(b *node) bool {
		return !c.try(func() bool { return c.leads(word, b, before, branches) })
	})
	kind := "COMBINED_TYPE_SUBSCHEMAS_CHANGED"
	if len(branches) < len(before) {
		kind = "SUM_TYPE_NARROWED"
	}
	c.differ(kind, at, "what branch %d of %s took, none of the new branches takes, or several do", lost, word)
	if len(branches) == len(before) && lost >= 0 {
		c.implies(before[lost], branches[lost]) // says what differs
	}
	return false
}

// lostBranch reports that the new schema, which has none, follows from some old
// branches alone.
func (c *checker) lostBranch(old, new *node) bool {
	if len(new.anyOf)+len(new.oneOf) > 0 {
		return false
	}
	for _, branches := range [][]*node{old.anyOf, old.oneOf} {
		lost := slices.IndexFunc(branches, func(b *node) bool { return !c.tries(b, new) })
		if lost < 0 || !slices.ContainsFunc(branches, func(b *node) bool { return c.tries(b, new) }) {
			continue
		}
		c.differ("SUM_TYPE_NARROWED", new.at, "what branch %d took is not valid any more", lost)
		c.implies(branches[lost], new) // says what differs
		return true
	}
	return false
}

// leads says whether what is valid under b is under a branch; of oneOf under one
// alone: what is valid under b and not its siblings in an old oneOf is taken to be.
func (c *checker) leads(word string, b *node, siblings, branches []*node) bool {
	var takers []*node
	shared := false
	for _, new := range branches {
		if !c.implies(b, new) {
			shared = shared || !apart(b, new)
		} else if takers = append(takers, new); word == "anyOf" {
			return true
		}
	}
	if len(siblings) == 0 || len(takers) < 2 {
		return len(takers) == 1 && (len(siblings) > 0 || !shared)
	}
	surely := func(list []*node) (n int) {
		for _, other := range list {
			if c.exactly(b, other) {
				n++
			}
		}
		return n
	}
	// In another old branch as well: then nothing is valid under b alone.
	return surely(takers) < 2 || surely(siblings) > 1
}

// apart says whether no value is of both: their types differ, or the values of a
// property that both require.
func apart(a, b *node) bool {
	if a.can&b.can == 0 {
		return true
	}
	return a.can&b.can == object && slices.ContainsFunc(a.props, func(p named) bool {
		q := b.prop(p.name)
		if q == nil || !a.requires(p.name) || !b.requires(p.name) {
			return false
		}
		these, ok := p.node.values()
		those, both := q.node.values()
		return p.node.can&q.node.can == 0 || ok && both && len(without(these, those)) == len(these)
	})
}

func allApart(branches []*node) bool {
	for i, b := range branches {
		if slices.ContainsFunc(branches[:i], func(a *node) bool { return !apart(a, b) }) {
			return false
		}
	}
	return true
}

// split is a node for each type of old, if it has several.
func (c *checker) split(old *node) []*node {
	if parts, ok := c.splits[old]; ok {
		return parts
	}
	var parts []*node
	for _, t := range []typeSet{null, boolean, number, str, array, object} {
		if can := old.can & t; can != 0 && can != old.can {
			part := *old
			part.types, part.can = old.types&t, can
			parts = append(parts, &part)
		}
	}
	c.splits[old] = parts
	return parts
}

// nots wants what the new schema excludes to be excluded already.
func (c *checker) nots(old, new *node) bool {
	switch {
	case new.not == nil || old.can&new.not.can == 0:
		return true
	case old.not == nil:
		return c.differ("NOT_TYPE_ADDED", new.not.at, "values that keep to this schema are not allowed any more")
	case c.exactly(new.not, old.not):
		return true
	}
	return c.differ("NOT_TYPE_EXTENDED", new.not.at, "more values keep to this schema, and those are not allowed")
}

func (c *checker) conditions(old, new *node) bool {
	if new.cond == nil || new.then == nil && new.else_ == nil {
		return true
	}
	branch := func(old, new *node) bool { return new == nil || c.implies(old, new) }
	if c.try(func() bool { return branch(old, new.then) && branch(old, new.else_) }) {
		return true
	}
	switch {
	case old.cond == nil:
		return c.differ("CONDITION_ADDED", new.cond.at, "values must keep to a condition now")
	case !c.exactly(old.cond, new.cond) || !c.exactly(new.cond, old.cond):
		return c.differ("CONDITION_CHANGED", new.cond.at, "other values than before are under the condition")
	}
	ok := c.conditional("then", old, new, old.then, new.then)
	return c.conditional("else", old, new, old.else_, new.else_) && ok
}

func (c *checker) conditional(word string, old, new, before, after *node) bool {
	switch {
	case after == nil || c.tries(old, after):
		return true
	case before == nil:
		return c.differ("CONDITION_CHANGED", new.at+"/"+word, "%s was added to the condition", word)
	}
	return c.implies(before, after)
}

// evaluated wants all that the schemas of the same value described to be described
// still, where what is not is refused.
func (c *checker) evaluated(old, new *node) bool {
	sealed := c.sealed | new.seals()
	if sealed == 0 {
		return true
	}
	always := slices.Concat(new.allOf, new.anyOf, new.oneOf)
	if new.cond != nil {
		always = append(always, new.cond)
	}
	ok := true
	check := func(word string, b *node, others ...*node) {
		if b == nil || !ok {
			return
		}
		ok = c.try(func() bool {
			return slices.ContainsFunc(slices.Concat(others, always), func(n *node) bool { return n != nil && c.under(sealed, b, n) })
		})
		if !ok {
			ok = c.differ("UNEVALUATED_PROPERTIES_NARROWED", new.at, "what %s described may not be described any more, and such is not allowed", word)
		}
	}
	if sealed&sealItems != 0 && old.contains != nil && (new.contains == nil || !c.tries(old.contains, new.contains)) {
		ok = c.differ("UNEVALUATED_ITEMS_NARROWED", new.at, "items that only contains described may not be described any more, and such are not allowed")
	}
	for i, b := range slices.Concat(old.allOf, old.anyOf, old.oneOf) {
		check("branch "+strconv.Itoa(i), b)
	}
	check("if", old.cond)
	check("then", old.then, new.then)
	check("else", old.else_, new.else_)
	for i := range old.depSchemas {
		dep := &old.depSchemas[i]
		check("the dependency of "+quoted(dep.name), dep.node, find(new.depSchemas, dep.name))
	}
	return ok
}
