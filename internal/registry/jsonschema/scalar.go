package jsonschema

import (
	"math/big"
	"slices"
	"strings"
)

func (c *checker) types(old, new *node) bool {
	refused := old.can &^ new.types
	switch {
	case refused == 0:
		return true
	case new.types == 0:
		return c.differ("TYPE_NARROWED", new.at, "nothing is valid any more; %s was", old.can)
	case new.types&^old.can == 0:
		return c.differ("TYPE_NARROWED", new.at+"/type", "the type was %s and is only %s now", old.can, new.types)
	}
	return c.differ("TYPE_CHANGED", new.at+"/type", "the type was %s and is %s now", old.can, new.types)
}

// values are all that a node takes, if it lists them.
func (n *node) values() (list []value, ok bool) {
	if n.hasEnum {
		list = slices.DeleteFunc(slices.Clone(n.enum), func(v value) bool { return v.typeOf()&n.can == 0 })
		return list, true
	}
	if n.can&null != 0 {
		list = append(list, value{kind: 'n'})
	}
	if n.can&boolean != 0 {
		list = append(list, value{kind: 't'}, value{kind: 'f'})
	}
	return list, n.can&^(null|boolean) == 0
}

func (c *checker) enums(old, new *node) bool {
	if !new.hasEnum {
		return true
	}
	list, ok := old.values()
	if !ok {
		return c.differ("ENUM_ARRAY_ADDED", new.at+"/enum", "any %s was valid; only %s now", old.can, sample(new.enum))
	}
	if !c.visit(len(list) + len(new.enum)) {
		return false
	}
	missing, added := without(list, new.enum), without(new.enum, list)
	switch {
	case len(missing) == 0:
		return true
	case len(added) == 0:
		return c.differ("ENUM_ARRAY_NARROWED", new.at+"/enum", "%s not allowed any more", sample(missing))
	}
	return c.differ("ENUM_ARRAY_CHANGED", new.at+"/enum", "%s not allowed any more", sample(missing))
}

// without are the values that the others lack.
func without(list, others []value) (rest []value) {
	has := make(map[string]bool, len(others))
	for i := range others {
		has[others[i].identity()] = true
	}
	for i := range list {
		if !has[list[i].identity()] {
			rest = append(rest, list[i])
		}
	}
	return rest
}

// sample names a few values.
func sample(list []value) string {
	const most = 5
	var names []string
	for i := range list {
		text := list[i].String()
		if len(text) > 60 {
			text = strings.ToValidUTF8(text[:57], "") + "..."
		}
		if names = append(names, text); len(names) == most && len(list) > most {
			names = append(names, "...")
			break
		}
	}
	return strings.Join(names, ", ")
}

func (c *checker) limits(old, new *node) bool {
	ok := true
	for i, bound := range new.limits {
		l := &limits[i]
		if bound == nil || old.can&l.on == 0 || l.on != number && !l.upper && bound.Sign() <= 0 || old.within(i, bound) {
			continue
		}
		at := new.at + "/" + l.word
		switch before := old.limits[i]; {
		case before == nil:
			ok = c.differ(l.kind+"_ADDED", at, "%s is %s now; there was none", l.word, bound.RatString()) && ok
		case l.upper:
			ok = c.differ(l.kind+"_DECREASED", at, "%s was %s and is %s now", l.word, before.RatString(), bound.RatString()) && ok
		default:
			ok = c.differ(l.kind+"_INCREASED", at, "%s was %s and is %s now", l.word, before.RatString(), bound.RatString()) && ok
		}
	}
	return ok
}

// within says whether n's own limits imply limit i.
func (n *node) within(i int, bound *big.Rat) bool {
	sign := 1 // of bound - limit, where the limit is tighter
	if !limits[i].upper {
		sign = -1
	}
	if own := n.limits[i]; own != nil && bound.Cmp(own)*sign >= 0 {
		return true
	}
	if i > exclusiveMinimum {
		return false
	}
	twin, enough := n.limits[(i+2)%4], 0 // < 1 implies <= 1
	if i >= exclusiveMaximum {
		enough = 1 // <= 1 implies < 2
	}
	return twin != nil && bound.Cmp(twin)*sign >= enough
}

func (c *checker) multiples(old, new *node) bool {
	if new.multipleOf == nil || old.can&number == 0 {
		return true
	}
	at, now := new.at+"/multipleOf", new.multipleOf.RatString()
	before := old.multipleOf
	if before == nil && old.can&fraction == 0 {
		before = big.NewRat(1, 1)
	}
	if before == nil {
		return c.differ("MULTIPLE_OF_ADDED", at, "numbers must be multiples of %s now", now)
	}
	switch q := ratio(before, new.multipleOf); {
	case q.IsInt():
		return true
	case q.Num().IsInt64() && q.Num().Int64() == 1:
		return c.differ("MULTIPLE_OF_EXPANDED", at, "numbers were multiples of %s and must be of %s now", before.RatString(), now)
	}
	return c.differ("MULTIPLE_OF_CHANGED", at, "numbers were multiples of %s and must be of %s now", before.RatString(), now)
}

func ratio(a, b *big.Rat) *big.Rat { return new(big.Rat).Quo(a, b) }

// texts compares patterns and formats as texts.
func (c *checker) texts(old, new *node) bool {
	if old.can&str == 0 {
		return true
	}
	ok := c.text("PATTERN", new.at+"/pattern", old.pattern, new.pattern)
	return c.text("FORMAT", new.at+"/format", old.format, new.format) && ok
}

func (c *checker) text(kind, at string, old, new *string) bool {
	switch {
	case new == nil || old != nil && *old == *new:
		return true
	case old == nil:
		return c.differ(kind+"_ADDED", at, "a %s was added: %s", strings.ToLower(kind), quoted(*new))
	}
	return c.differ(kind+"_CHANGED", at, "the %s was %s and is %s now", strings.ToLower(kind), quoted(*old), quoted(*new))
}
