package jsonschema

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// generator makes random schemas, edits of them, and documents. Each uses a few
// keywords only, so that they meet.
type generator struct {
	*rand.Rand
	draft   int
	scalars []string
	applied []string
}

var (
	scalarKeywords = strings.Fields("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern enum const minItems maxItems uniqueItems minProperties maxProperties required dependentRequired")
	applicators    = strings.Fields("properties properties additionalProperties patternProperties propertyNames items prefixItems contains allOf anyOf oneOf not if dependentSchemas unevaluatedProperties unevaluatedItems minContains maxContains")
)

// groups are keywords that have to do with each other.
var groups = [][]string{
	strings.Fields("properties patternProperties additionalProperties"),
	strings.Fields("properties patternProperties allOf unevaluatedProperties"),
	strings.Fields("properties anyOf if unevaluatedProperties dependentSchemas"),
	strings.Fields("items prefixItems contains allOf unevaluatedItems"),
	strings.Fields("contains minContains maxContains items"),
	strings.Fields("properties anyOf oneOf"),
	strings.Fields("not if anyOf"),
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	g.draft = []int{7, 2019, 2020}[g.IntN(3)]
	for range 3 {
		g.scalars = append(g.scalars, g.one(scalarKeywords...))
	}
	if g.IntN(4) == 0 {
		for range 5 {
			g.applied = append(g.applied, g.one(applicators...))
		}
	} else {
		g.applied = groups[g.IntN(len(groups))]
	}
	return g
}

func (g *generator) one(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) int(n int) value { return value{kind: '#', text: strconv.Itoa(g.IntN(n))} }

func text(s string) value { return value{kind: '"', text: s} }

func list(items ...value) value {
	v := value{kind: '['}
	for _, item := range items {
		v.items = append(v.items, member{"", item})
	}
	return v
}

var names = []string{"a", "b", "c", "ab"}

// whole is a schema with definitions.
func (g *generator) whole() value {
	v := g.object(3)
	for range 2 {
		v = g.keyword(v, 3)
	}
	word := "definitions"
	if g.draft >= 2019 {
		word = "$defs"
		v = v.with("$schema", text(map[int]string{2019: "https://json-schema.org/draft/2019-09/schema", 2020: "https://json-schema.org/draft/2020-12/schema"}[g.draft]))
	}
	definitions := value{kind: '{'}.with("d0", g.schema(1)).with("d1", g.schema(2))
	return v.with(word, definitions)
}

func (g *generator) schema(depth int) value {
	switch n := g.IntN(20); {
	case n == 0:
		return value{kind: 't'}
	case n == 1:
		return value{kind: 'f'}
	case n < 10 && depth <= 1:
		return value{kind: '{'}.with("type", text(g.one("string", "integer", "null", "number")))
	case n == 10 && depth > 0:
		word := "definitions"
		if g.draft >= 2019 {
			word = "$defs"
		}
		return value{kind: '{'}.with("$ref", text("#/"+word+"/"+g.one("d0", "d1")))
	}
	return g.object(depth)
}

func (g *generator) object(depth int) value {
	v := value{kind: '{'}
	if g.IntN(3) == 0 || depth <= 0 {
		v = v.with("type", g.types())
	}
	for range g.IntN(4) {
		v = g.keyword(v, depth)
	}
	return v
}

func (g *generator) types() value {
	words := []string{"null", "boolean", "integer", "number", "string", "array", "object", "object"}
	if g.IntN(3) > 0 {
		return text(g.one(words...))
	}
	a, b := g.one(words...), g.one(words...)
	if a == b {
		return text(a)
	}
	return list(text(a), text(b))
}

func (g *generator) scalar() value {
	switch g.IntN(5) {
	case 0:
		return value{kind: 'n'}
	case 1:
		return value{kind: "tf"[g.IntN(2)]}
	case 2:
		return text(g.one("", "a", "ab", "b", "x"))
	case 3:
		return value{kind: '#', text: g.one("0", "1", "1.0", "2", "2.5", "-1", "6", "1e1")}
	}
	return g.int(5)
}

// keyword sets one at random.
func (g *generator) keyword(v value, depth int) value {
	if depth <= 0 || g.IntN(4) == 0 {
		return g.scalarKeyword(v, g.one(g.scalars...))
	}
	return g.applicator(v, g.one(g.applied...), depth-1)
}

func (g *generator) scalarKeyword(v value, word string) value {
	switch word {
	case "multipleOf":
		return v.with(word, value{kind: '#', text: g.one("1", "2", "0.5", "3", "6")})
	case "pattern":
		return v.with(word, text(g.one("^a", "b", "^$", "x+")))
	case "const":
		if v.get("$ref") != nil {
			word = "default" // the validator asserts it beside a $ref in drafts 6 and 7, where it is to be ignored
		}
		return v.with(word, g.scalar())
	case "enum":
		var items []value
		for range 1 + g.IntN(4) {
			if item := g.scalar(); indexOf(items, &item) < 0 {
				items = append(items, item)
			}
		}
		return v.with(word, list(items...))
	case "uniqueItems":
		return v.with(word, value{kind: "tf"[g.IntN(2)]})
	case "required":
		return v.with(word, g.some())
	case "dependentRequired":
		if g.draft < 2019 {
			word = "dependencies"
		}
		return v.with(word, value{kind: '{'}.with(g.one(names...), g.some()))
	}
	return v.with(word, g.int(5))
}

// some are property names.
func (g *generator) some() value {
	picked := slices.DeleteFunc(slices.Clone(names), func(string) bool { return g.IntN(3) > 0 })
	v := list()
	for _, name := range picked {
		v.items = append(v.items, member{"", text(name)})
	}
	return v
}

func (g *generator) applicator(v value, word string, depth int) value {
	many := func() value { return list(g.schema(depth), g.schema(depth)) }
	modern := strings.HasPrefix(word, "unevaluated") || strings.HasPrefix(word, "dependent") || strings.HasSuffix(word, "Contains")
	if modern && g.draft < 2019 {
		return v
	}
	switch word {
	case "properties":
		m := value{kind: '{'}
		for range 1 + g.IntN(3) {
			m = m.with(g.one(names...), g.schema(depth))
		}
		return v.with(word, m)
	case "dependentSchemas":
		return v.with(word, value{kind: '{'}.with(g.one(names...), g.schema(depth)))
	case "patternProperties":
		return v.with(word, value{kind: '{'}.with(g.one("^a", "^b", "^ab", "b$"), g.schema(depth)))
	case "prefixItems":
		if g.draft >= 2020 {
			return v.with(word, many())
		}
		v = v.with("items", many())
		return v.with("additionalItems", g.schema(depth))
	case "allOf", "anyOf", "oneOf":
		return v.with(word, many())
	case "if":
		return v.with(word, g.schema(depth)).with(g.one("then", "else"), g.schema(depth))
	case "additionalProperties", "unevaluatedProperties", "unevaluatedItems":
		if g.IntN(2) == 0 {
			return v.with(word, value{kind: 'f'})
		}
	case "minContains", "maxContains":
		return v.with("contains", g.schema(depth)).with(word, g.int(3))
	}
	return v.with(word, g.schema(depth))
}

// edit changes something in a schema: a keyword is set, or taken away.
func (g *generator) edit(v *value, depth int) {
	if v.kind != '{' {
		*v = g.schema(depth)
		return
	}
	v.items = slices.Clone(v.items)
	var inner []*value
	for i := range v.items {
		m := &v.items[i]
		if oneSchema[m.name] && m.kind == '{' {
			inner = append(inner, &m.value)
		}
		if mapped[m.name] && m.kind == '{' || listed[m.name] && m.kind == '[' {
			m.items = slices.Clone(m.items)
			for j := range m.items {
				if m.items[j].isSchema() {
					inner = append(inner, &m.items[j].value)
				}
			}
		}
	}
	if len(inner) > 0 && g.IntN(3) > 0 {
		g.edit(inner[g.IntN(len(inner))], depth-1)
		return
	}
	removable := slices.DeleteFunc(slices.Clone(v.items), func(m member) bool {
		return m.name == "definitions" || strings.HasPrefix(m.name, "$")
	})
	switch n := g.IntN(3); {
	case n == 0 && len(removable) > 0:
		gone := removable[g.IntN(len(removable))].name
		v.items = slices.DeleteFunc(v.items, func(m member) bool { return m.name == gone })
	case n == 1 && v.get("properties") != nil:
		m := v.get("properties")
		*m = m.with(g.one(names...), g.schema(max(depth, 0)))
	default:
		*v = g.keyword(*v, max(depth, 0))
	}
}

// document is any JSON value, of the names that the schemas speak of.
func (g *generator) document(depth int) value {
	switch n := g.IntN(4); {
	case depth > 0 && n == 0:
		v := list()
		for range g.IntN(4) {
			v.items = append(v.items, member{"", g.document(depth - 1)})
		}
		return v
	case depth > 0 && n < 3:
		v := value{kind: '{'}
		for range 1 + g.IntN(3) {
			v = v.with(g.one("a", "b", "c", "ab", "x"), g.document(depth-1))
		}
		return v
	}
	return g.scalar()
}
