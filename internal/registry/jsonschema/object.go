package jsonschema

import (
	"slices"
	"strconv"
	"strings"
)

func (c *checker) required(old, new *node) bool {
	if old.can&object == 0 {
		return true
	}
	ok := true
	for i, name := range new.required {
		if !c.visit(1) {
			return false
		}
		if old.requires(name) {
			continue
		}
		prefix, suffix := "REQUIRED_ATTRIBUTE", "_ADDED"
		if old.prop(name) == nil && !c.isOpen(old, name) {
			prefix, suffix = "REQUIRED_PROPERTY", "_ADDED_TO_UNOPEN_CONTENT_MODEL"
		}
		at := new.at + "/required/" + strconv.Itoa(i)
		if p := new.prop(name); p != nil && p.hasDefault {
			ok = c.differ(prefix+"_WITH_DEFAULT"+suffix, at, "property %s is required now; it has a default", quoted(name)) && ok
		} else {
			ok = c.differ(prefix+suffix, at, "property %s is required now, and has no default", quoted(name)) && ok
		}
	}
	return ok
}

func (c *checker) dependencies(old, new *node) bool {
	if old.can&object == 0 {
		return true
	}
	ok := true
	for _, dep := range new.depRequired {
		if !c.visit(len(dep.names) + len(old.depRequired)) {
			return false
		}
		ok = c.needed(old, new, dep) && ok
	}
	for i := range new.depSchemas {
		dep := &new.depSchemas[i]
		if !c.visit(1 + len(old.depSchemas)) {
			return false
		}
		before := find(old.depSchemas, dep.name)
		switch {
		case c.tries(old, dep.node):
		case before != nil:
			ok = c.implies(before, dep.node) && ok
		default:
			ok = c.differ("DEPENDENCY_SCHEMA_ADDED", dep.node.at, "objects with property %s must keep to another schema now", quoted(dep.name)) && ok
		}
	}
	return ok
}

func (c *checker) needed(old, new *node, dep needs) bool {
	i := slices.IndexFunc(old.depRequired, func(o needs) bool { return o.name == dep.name })
	var before []string
	if i >= 0 {
		before = old.depRequired[i].names
	}
	var added []string
	for _, name := range dep.names {
		if name != dep.name && !old.requires(name) && !slices.Contains(before, name) {
			added = append(added, quoted(name))
		}
	}
	kind := "DEPENDENCY_ARRAY_CHANGED"
	switch {
	case len(added) == 0:
		return true
	case i < 0:
		kind = "DEPENDENCY_ARRAY_ADDED"
	case !slices.ContainsFunc(before, func(b string) bool { return !slices.Contains(dep.names, b) }):
		kind = "DEPENDENCY_ARRAY_EXTENDED"
	}
	return c.differ(kind, dep.at, "objects with property %s must also have %s now", quoted(dep.name), strings.Join(added, ", "))
}

func find(list []named, name string) *node {
	for i := range list {
		if list[i].name == name {
			return list[i].node
		}
	}
	return nil
}

// matching are the schemas of the patterns that a name matches, or may match.
func (c *checker) matching(n *node, name string) (certain, doubtful []*patterned) {
	if !c.visit(len(n.patterns)) {
		return nil, nil
	}
	for i := range n.patterns {
		switch p := &n.patterns[i]; {
		case p.re == nil:
			doubtful = append(doubtful, p)
		case p.re.MatchString(name):
			certain = append(certain, p)
		}
	}
	return certain, doubtful
}

// before is what of an old object nothing else describes keeps to; nil is open.
func (n *node) before() *node {
	if n.additional == nil && !n.elsewhere {
		return n.restProps
	}
	return n.additional
}

// after is what of a new object nothing in it describes keeps to; nil is open.
func (n *node) after() *node {
	if n.additional == nil {
		return n.restProps
	}
	return n.additional
}

func (c *checker) isOpen(old *node, name string) bool {
	certain, doubtful := c.matching(old, name)
	rest := old.before()
	return len(certain)+len(doubtful) == 0 && (rest == nil || rest.free)
}

// supports says whether what old says of the property implies new.
func (c *checker) supports(old *node, name string, new *node) bool {
	return c.try(func() bool {
		return c.supportsAlone(old, name, new) || slices.ContainsFunc(old.allOf, func(e *node) bool { return c.supports(e, name, new) })
	})
}

func (c *checker) supportsAlone(old *node, name string, new *node) bool {
	p := old.prop(name)
	if p != nil && c.implies(p.node, new) {
		return true
	}
	certain, doubtful := c.matching(old, name)
	for _, m := range certain {
		if c.implies(m.node, new) {
			return true
		}
	}
	if p != nil || len(certain) > 0 {
		return false
	}
	for _, m := range doubtful {
		if !c.implies(m.node, new) {
			return false
		}
	}
	return c.impliedByRest(old.before(), new)
}

var free = &node{types: anything, can: anything, free: true}

// impliedByRest is implies for what may be open.
func (c *checker) impliedByRest(old, new *node) bool {
	if old == nil {
		old = free
	}
	return c.implies(old, new)
}

func (c *checker) properties(old, new *node) bool {
	if old.can&object == 0 {
		return true
	}
	ok := true
	for i := range new.props {
		ok = c.knownProperty(old, new, &new.props[i]) && ok
	}
	for i := range old.props {
		ok = c.oldProperty(old, new, &old.props[i]) && ok
	}
	for i := range new.patterns {
		ok = c.newPattern(old, new, &new.patterns[i]) && ok
	}
	for i := range old.patterns {
		ok = c.oldPattern(old, new, &old.patterns[i]) && ok
	}
	ok = c.restOfObject(old, new) && ok
	if new.names != nil {
		before := old.names
		if before == nil {
			before = anyString
		}
		if !c.tries(before, new.names) {
			if old.names == nil {
				ok = c.differ("PROPERTY_NAMES_ADDED", new.names.at, "the names of properties are restricted now") && ok
			} else {
				ok = c.implies(old.names, new.names) && ok
			}
		}
	}
	return ok
}

var anyString = &node{types: str, can: str}

// knownProperty is one that the new schema names.
func (c *checker) knownProperty(old, new *node, p *named) bool {
	if c.supports(old, p.name, p.node) {
		return true
	}
	at := new.at + "/properties/" + escape(p.name)
	before := old.prop(p.name)
	switch {
	case before != nil && !c.exhausted():
		return c.implies(before.node, p.node)
	case c.isOpen(old, p.name):
		return c.differ("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", at, "property %s was added; before, objects could have any value there", quoted(p.name))
	}
	return c.differ("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at, "property %s was added; before, objects could have other values there", quoted(p.name))
}

// oldProperty is one that the old schema names: what else the new one says of it.
func (c *checker) oldProperty(old, new *node, p *named) bool {
	ok := true
	certain, doubtful := c.matching(new, p.name)
	for _, m := range slices.Concat(certain, doubtful) {
		if old.patternOf(m.text) == nil && !c.supports(old, p.name, m.node) {
			ok = c.differ("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", m.node.at, "property %s must keep to the schema of pattern %s now", quoted(p.name), quoted(m.text)) && ok
		}
	}
	if new.prop(p.name) != nil || len(certain) > 0 {
		return ok
	}
	at := new.at + "/properties/" + escape(p.name)
	switch rest := new.after(); {
	case rest == nil && c.sealed&sealProps == 0, rest != nil && c.supports(old, p.name, rest), new.additional == nil && c.describes(new.allOf, p.name):
		return ok
	case rest == nil || rest.can == 0:
		return c.differ("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", at, "property %s was removed, and properties that are not named are not allowed", quoted(p.name)) && ok
	default:
		return c.differ("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at, "property %s was removed; it must keep to the schema of properties that are not named now", quoted(p.name)) && ok
	}
}

// describes says whether one of the schemas that all values keep to evaluates a property.
func (c *checker) describes(all []*node, name string) bool {
	return slices.ContainsFunc(all, func(e *node) bool {
		certain, _ := c.matching(e, name)
		return e.prop(name) != nil || len(certain) > 0 || e.after() != nil || c.describes(e.allOf, name)
	})
}

func (n *node) patternOf(text string) *patterned {
	for i := range n.patterns {
		if n.patterns[i].text == text {
			return &n.patterns[i]
		}
	}
	return nil
}

// newPattern is one of the new schema: its names are under old patterns, or under none.
func (c *checker) newPattern(old, new *node, p *patterned) bool {
	if !c.visit(len(old.patterns)) {
		return false
	}
	if before := old.patternOf(p.text); before != nil {
		return c.implies(before.node, p.node)
	}
	for i := range old.patterns {
		q := &old.patterns[i]
		if !disjoint(p, q) && !c.tries(q.node, p.node) {
			return c.differ("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", p.node.at, "pattern %s was added; before, some of its names kept to pattern %s", quoted(p.text), quoted(q.text))
		}
	}
	rest := old.before()
	switch {
	case c.try(func() bool { return c.impliedByRest(rest, p.node) }):
		return true
	case rest == nil || rest.free:
		return c.differ("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", p.node.at, "pattern %s was added; before, objects could have any value there", quoted(p.text))
	}
	return c.differ("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", p.node.at, "pattern %s was added; before, objects could have other values there", quoted(p.text))
}

// oldPattern is one of the old schema: without it, its names are under what is for the rest.
func (c *checker) oldPattern(old, new *node, p *patterned) bool {
	if !c.visit(len(new.patterns)) {
		return false
	}
	if slices.ContainsFunc(new.patterns, func(q patterned) bool { return q.text == p.text || q.takesAll(p) }) {
		return true
	}
	at := new.at + "/patternProperties/" + escape(p.text)
	switch rest := new.after(); {
	case rest == nil && c.sealed&sealProps == 0, rest != nil && c.tries(p.node, rest):
		return true
	case rest == nil || rest.can == 0:
		return c.differ("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", at, "pattern %s was removed, and properties that are not named are not allowed", quoted(p.text))
	}
	return c.differ("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", at, "pattern %s was removed; its properties must keep to the schema of those that are not named now", quoted(p.text))
}

// disjoint says whether no name matches both: their beginnings differ.
func disjoint(p, q *patterned) bool {
	a, b := p.beginning(), q.beginning()
	return a != "" && b != "" && !strings.HasPrefix(a, b) && !strings.HasPrefix(b, a)
}

// takesAll says whether all names that match p match q, which is only a beginning.
func (q *patterned) takesAll(p *patterned) bool {
	literal := q.beginning()
	return literal != "" && q.text == "^"+literal && strings.HasPrefix(p.beginning(), literal)
}

// restOfObject compares what is for properties that nothing else describes.
func (c *checker) restOfObject(old, new *node) bool {
	switch {
	case new.additional != nil:
		return c.rest("ADDITIONAL_PROPERTIES", "properties", old.before(), new.additional)
	case new.restProps != nil:
		before := old.additional
		if before == nil {
			before = old.restProps
		}
		return c.rest("UNEVALUATED_PROPERTIES", "properties", before, new.restProps)
	case c.sealed&sealProps != 0 && (old.additional != nil || old.restProps != nil):
		return c.differ("UNEVALUATED_PROPERTIES_NARROWED", new.at, "properties that are not named were described and are not any more, and such are not allowed")
	}
	return true
}

// rest compares the schemas of what is not named; nil is open.
func (c *checker) rest(kind, what string, old, new *node) bool {
	switch {
	case c.try(func() bool { return c.impliedByRest(old, new) }):
		return true
	case new.can == 0:
		return c.differ(kind+"_REMOVED", new.at, "%s that are not named are not allowed any more", what)
	case old == nil || old.free:
		return c.differ(kind+"_NARROWED", new.at, "%s that are not named must keep to a schema now", what)
	}
	return c.implies(old, new)
}
