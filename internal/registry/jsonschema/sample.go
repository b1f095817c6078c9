package jsonschema

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// candidates are values that may be valid under n, at the edges of what n and
// another schema allow.
func (e *example) candidates(n, other *node) (found []value) {
	around := together(n, nil)
	hints := slices.Clone(around)
	if other != nil {
		hints = together(other, hints)
	}
	for _, h := range hints {
		found = append(found, h.enum[:min(len(h.enum), 100)]...)
		if h.not != nil {
			if v := e.small(h.not); v != nil {
				found = append(found, *v)
			}
		}
	}
	if n.can&null != 0 {
		found = append(found, value{kind: 'n'})
	}
	if n.can&boolean != 0 {
		found = append(found, value{kind: 'f'}, value{kind: 't'})
	}
	if n.can&number != 0 {
		found = append(found, numbers(hints)...)
	}
	if n.can&str != 0 {
		found = append(found, texts(around, hints)...)
	}
	if n.can&array != 0 {
		lengths := counts(hints, minItems, maxItems, 50)
		found = append(found, e.arrays(n, lengths)...)
		found = append(found, e.containing(hints, lengths)...)
	}
	if n.can&object != 0 {
		found = append(found, e.objects(n, other)...)
	}
	return found
}

// small is a small valid value of a schema, or nil.
func (e *example) small(n *node) *value {
	if v, known := e.smallest[n]; known {
		return v
	}
	e.smallest[n] = nil
	candidates := e.candidates(n, nil)
	sortBySize(candidates)
	for i := range candidates {
		if v := &candidates[i]; v.length() < maxExample && e.valid(n, v) {
			e.smallest[n] = v
			return v
		}
	}
	return nil
}

func numberOf(r *big.Rat) value {
	digits, exact := r.FloatPrec()
	if !exact {
		digits = 3
	}
	return value{kind: '#', text: r.FloatString(digits)}
}

// numbers are at limits and multiples, and beside them.
func numbers(hints []*node) (found []value) {
	points := []*big.Rat{new(big.Rat), one, big.NewRat(1, 2), big.NewRat(-1, 1)}
	var steps []*big.Rat
	for _, h := range hints {
		for _, l := range h.limits[:exclusiveMinimum+1] {
			if l != nil {
				points = append(points, l, new(big.Rat).Add(l, one), new(big.Rat).Sub(l, one), new(big.Rat).Add(l, big.NewRat(1, 2)), new(big.Rat).Sub(l, big.NewRat(1, 2)))
			}
		}
		if h.multipleOf != nil {
			steps = append(steps, h.multipleOf)
		}
	}
	for _, p := range points[:min(len(points), 200)] {
		found = append(found, numberOf(p))
		for _, s := range steps[:min(len(steps), 5)] {
			q := ratio(p, s)
			n := new(big.Int).Div(q.Num(), q.Denom())
			for range 3 {
				found = append(found, numberOf(new(big.Rat).Mul(s, new(big.Rat).SetInt(n))))
				n.Add(n, big.NewInt(1))
			}
		}
	}
	return found
}

// counts are lengths at the limits, and beside them.
func counts(hints []*node, lower, upper, most int) []int {
	found := []int{0, 1, 2}
	for _, h := range hints {
		for _, l := range []*big.Rat{h.limits[lower], h.limits[upper]} {
			if l != nil && l.Num().IsInt64() {
				n := int(min(l.Num().Int64(), int64(most)+1))
				found = append(found, n-1, n, n+1)
			}
		}
	}
	slices.Sort(found)
	return slices.DeleteFunc(slices.Compact(found), func(n int) bool { return n < 0 || n > most })
}

func texts(around, hints []*node) (found []value) {
	add := func(s string) { found = append(found, value{kind: '"', text: s}) }
	for _, n := range counts(hints, minLength, maxLength, 5000) {
		add(strings.Repeat("x", n))
	}
	for _, n := range around {
		if n.pattern != nil {
			for _, s := range matches(*n.pattern) {
				add(s)
				add(s + "x")
			}
		}
		if n.format != nil {
			add(formats[*n.format])
		}
	}
	return found
}

// arrays have so many items, small ones; and the same, but all different.
func (e *example) arrays(n *node, lengths []int) (found []value) {
	around := together(n, nil)
	for _, length := range lengths {
		same, different := value{kind: '['}, value{kind: '['}
		for i := range length {
			v := e.item(around, i, length)
			if v == nil {
				break
			}
			same.items = append(same.items, member{"", *v})
			different.items = append(different.items, member{"", e.another(around, different.items, i, *v)})
		}
		if len(same.items) == length {
			found = append(found, same, different)
		}
	}
	return found
}

// containing are arrays of what contains is about.
func (e *example) containing(hints []*node, lengths []int) (found []value) {
	for _, h := range hints {
		if h.contains == nil {
			continue
		}
		for _, bound := range []*big.Rat{h.minContains, h.maxContains} {
			if bound != nil && bound.Cmp(big.NewRat(50, 1)) < 0 {
				k := int(bound.Num().Int64())
				lengths = append(lengths, k, k+1)
			}
		}
		for _, length := range lengths {
			if v := e.small(h.contains); v != nil {
				found = append(found, repeated(*v, length))
			}
		}
	}
	return found
}

// item is what the last one must be for contains, or else what any may be.
func (e *example) item(around []*node, i, length int) *value {
	if i == length-1 {
		for _, n := range around {
			if n.contains != nil && i >= len(n.prefix) {
				return e.small(n.contains)
			}
		}
	}
	return e.small(ofItem(around, i)[0])
}

// another is a value for item i that is not among the items yet, or v.
func (e *example) another(around []*node, items []member, i int, v value) value {
	n := ofItem(around, i)[0]
	tries := []value{v}
	if n.can&number != 0 {
		tries = append(tries, value{kind: '#', text: strconv.Itoa(i)})
	}
	if n.can&str != 0 {
		tries = append(tries, value{kind: '"', text: strconv.Itoa(i)}, value{kind: '"', text: strings.Repeat("x", i)})
	}
	tries = append(tries, n.enum[:min(len(n.enum), 60)]...)
	for t := range tries {
		fresh := !slices.ContainsFunc(items, func(m member) bool { return m.identity() == tries[t].identity() })
		if fresh && e.valid(n, &tries[t]) {
			return tries[t]
		}
	}
	return v
}

// objects have what is required, of one branch or another, and one more property or some more.
func (e *example) objects(n, other *node) (found []value) {
	around := together(n, nil)
	hints := slices.Clone(around)
	if other != nil {
		hints = together(other, hints)
	}
	base := value{kind: '{'}
	bases := []value{base}
	for _, a := range around {
		base = e.withAll(base, around, a.required)
		bases = append(bases, base, e.withAll(e.withAll(bases[0], around, n.required), around, a.required))
	}
	found = append(found, bases...)
	base = e.withAll(bases[0], around, n.required)
	names := propertyNames(hints)
	for _, h := range hints {
		for _, dep := range h.depRequired {
			names = append(names, dep.name)
		}
		for i := range h.depSchemas {
			names = append(names, h.depSchemas[i].name)
		}
	}
	for _, name := range names[:min(len(names), 300)] {
		found = append(found, e.withAll(base, around, []string{name}))
	}
	for _, count := range counts(hints, minProperties, maxProperties, 50) {
		v := base
		for i := 0; len(v.items) < count && i < len(names); i++ {
			v = e.withAll(v, around, names[i:i+1])
		}
		for i := 0; len(v.items) < count; i++ {
			v = e.withAll(v, around, []string{"x" + strconv.Itoa(i)})
			if i > 2*count {
				break
			}
		}
		found = append(found, v)
	}
	return found
}

// withAll has those properties, with small values, as far as there are any.
func (e *example) withAll(v value, around []*node, names []string) value {
	for i := 0; i < len(names); i++ {
		if v.get(names[i]) != nil {
			continue
		}
		m := e.small(e.ofProperty(around, names[i])[0])
		if m == nil {
			continue
		}
		v = v.with(names[i], *m)
		for _, a := range around {
			for _, dep := range a.depRequired {
				if dep.name == names[i] {
					names = append(slices.Clone(names), dep.names...)
				}
			}
		}
	}
	return v
}
