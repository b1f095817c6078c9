package avroschema

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/wire"
)

// Example returns a small value of the writer's schema, in Avro's JSON encoding,
// that the reader can not read: on the way to the first difference it has what is
// needed, and the smallest value everywhere else. It is false if there is no
// difference, no such value (a record that always contains itself), or none of a
// sensible size. The name of a record comes last: some read whatever its name is.
func Example(reader, writer *Schema) (json string, ok bool) {
	c := newChecker()
	c.anyName = true
	if c.pair(reader.root, writer.root) {
		c = newChecker()
		if c.pair(reader.root, writer.root) {
			return "", false
		}
	}
	if c.tooComplex() {
		return "", false
	}
	c.trial = 1 // from here on we only ask
	e := example{checker: c, smallest: map[*node]string{}, open: map[*node]bool{}, tried: map[pair]bool{}}
	if json, ok = e.bad(reader.root, writer.root); !ok {
		return "", false
	}
	return json, true
}

// maxExample bounds an example's text and, by number, the values on the way to it.
const maxExample = 1 << 16

type example struct {
	*checker
	smallest map[*node]string // the smallest value of a type
	open     map[*node]bool   // records that we are in
	tried    map[pair]bool
	steps    int
}

// bad is a value of w that r can not read.
func (e *example) bad(r, w *node) (string, bool) {
	p := pair{r, w}
	if e.tried[p] {
		return "", false
	}
	e.tried[p] = true
	switch {
	case w.kind == union:
		for _, b := range w.branches {
			if e.pair(r, b) {
				continue
			}
			if v, ok := e.bad(r, b); ok {
				return tagged(b, v), true
			}
		}
		return "", false
	case r.kind == union:
		if b := e.likeliest(r, w); b != nil {
			if v, ok := e.bad(b, w); ok {
				return v, true
			}
		}
		return e.small(w)
	case r.kind != w.kind:
		return e.small(w)
	}
	return e.badOfKind(r, w)
}

// likeliest is the branch that a reader takes for what was written: of the same
// kind, and of the most similar name.
func (e *example) likeliest(r, w *node) (branch *node) {
	best := 0
	for _, b := range r.branches {
		similar := 0
		switch {
		case b.kind != w.kind:
		case b.named == nil || b.name == w.name:
			similar = 3
		case sameName(b, w):
			similar = 2
		case e.names(b, w):
			similar = 1
		}
		if similar > best {
			best, branch = similar, b
		}
	}
	return branch
}

func (e *example) badOfKind(r, w *node) (string, bool) {
	switch {
	case w.kind == array || w.kind == mapping:
		v, ok := e.bad(r.element, w.element)
		if w.kind == array {
			return "[" + v + "]", ok
		}
		return `{"key":` + v + "}", ok
	case w.kind == enum:
		if lacking := missing(r, w); len(lacking) > 0 {
			return quote(w.symbols[slices.IndexFunc(w.symbols, func(s string) bool { return slices.Contains(lacking, s) })]), true
		}
	case w.kind == record:
		for i := range r.fields {
			f := &r.fields[i]
			match, n := matches(f, w)
			if n != 1 || e.pair(f.typ, match.typ) {
				if e.field(f, r, w) {
					continue
				}
				return e.small(w)
			}
			if v, ok := e.bad(f.typ, match.typ); ok {
				return e.object(w, match, v)
			}
		}
	}
	return e.small(w)
}

// small is the smallest value of a type.
func (e *example) small(n *node) (string, bool) {
	if v, ok := e.smallest[n]; ok {
		return v, true
	}
	if e.steps++; e.steps > maxExample || e.open[n] {
		return "", false
	}
	v, ok := "", true
	switch n.kind {
	case null:
		v = "null"
	case boolean:
		v = "false"
	case integer, long:
		v = "0"
	case float, double:
		v = "0.0"
	case octets, str:
		v = `""`
	case array:
		v = "[]"
	case mapping:
		v = "{}"
	case fixed:
		size, err := strconv.Atoi(n.size)
		if err != nil || size < 0 || size > maxExample/6 {
			return "", false
		}
		v = `"` + strings.Repeat(`\u0000`, size) + `"`
	case enum:
		if len(n.symbols) == 0 {
			return "", false
		}
		v = quote(n.symbols[0])
	case union:
		v, ok = e.smallBranch(n)
	case record:
		e.open[n] = true
		v, ok = e.object(n, nil, "")
		e.open[n] = false
	}
	if ok {
		e.smallest[n] = v
	}
	return v, ok
}

func (e *example) smallBranch(n *node) (smallest string, found bool) {
	for _, b := range n.branches {
		if v, ok := e.small(b); ok {
			if v = tagged(b, v); !found || len(v) < len(smallest) {
				smallest, found = v, true
			}
		}
	}
	return smallest, found
}

// object is a record whose fields are small, except one.
func (e *example) object(n *node, special *field, value string) (string, bool) {
	dst := []byte{'{'}
	for i := range n.fields {
		f := &n.fields[i]
		v, ok := value, true
		if f != special {
			v, ok = e.small(f.typ)
		}
		if !ok || len(dst)+len(v) > maxExample {
			return "", false
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, quote(f.name)...), ':'), v...)
	}
	return string(append(dst, '}')), true
}

// tagged is a union's value: with its branch, unless it is null.
func tagged(branch *node, v string) string {
	if branch.kind == null {
		return v
	}
	return "{" + quote(branch.shortly()) + ":" + v + "}"
}

func quote(s string) string { return string(wire.AppendJacksonString(nil, s)) }
