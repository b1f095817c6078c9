package avroschema

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator makes random schemas as JSON values. Its names are few, so that they meet.
type generator struct {
	*rand.Rand
	plain   bool     // no logical types and nothing that data does not need
	defined []string // full names
	fresh   int
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 42))}
}

func (g *generator) pick(words ...string) string { return words[g.IntN(len(words))] }
func (g *generator) chance(percent int) bool     { return g.IntN(100) < percent }

func jstr(s string) value    { return value{kind: '"', text: s} }
func jint(n int) value       { return value{kind: 'i', text: strconv.Itoa(n)} }
func jlist(v ...value) value { return value{kind: '[', items: unnamed(v)} }
func jobject(m ...any) value { // name, value, name, value ...
	v := value{kind: '{'}
	for i := 0; i < len(m); i += 2 {
		v.items = append(v.items, member{m[i].(string), m[i+1].(value)})
	}
	return v
}

func unnamed(values []value) (items []member) {
	for _, v := range values {
		items = append(items, member{"", v})
	}
	return items
}

func (v value) String() string { return string(v.appendTo(nil, false)) }

func jstrs(words ...string) value {
	v := value{kind: '['}
	for _, w := range words {
		v.items = append(v.items, member{"", jstr(w)})
	}
	return v
}

// schema is a random schema; space is the enclosing namespace.
func (g *generator) schema(space string, depth int) value {
	if depth <= 0 || g.chance(35) {
		return g.primitive()
	}
	switch g.IntN(9) {
	case 0:
		return g.properties(jobject("type", jstr("array"), "items", g.schema(space, depth-1)))
	case 1:
		return g.properties(jobject("type", jstr("map"), "values", g.schema(space, depth-1)))
	case 2:
		return g.named(space, "fixed", "size", jint(1+g.IntN(3)*4))
	case 3:
		symbols := []string{"A", "B", "C", "D"}[:1+g.IntN(4)]
		g.Shuffle(len(symbols), func(i, j int) { symbols[i], symbols[j] = symbols[j], symbols[i] })
		v := g.named(space, "enum", "symbols", jstrs(symbols...))
		if g.chance(30) {
			v.items = append(v.items, member{"default", jstr(symbols[0])})
		}
		return v
	case 4:
		if len(g.defined) > 0 {
			return jstr(g.defined[g.IntN(len(g.defined))])
		}
		return g.record(space, depth)
	case 5, 6:
		return g.union(space, depth)
	}
	return g.record(space, depth)
}

func (g *generator) primitive() value {
	p := g.pick("null", "boolean", "int", "long", "float", "double", "bytes", "string", "int", "string")
	if g.chance(80) || g.plain && p != "bytes" {
		return jstr(p)
	}
	v := jobject("type", jstr(p))
	logical := map[string]string{"int": "date", "long": "timestamp-millis", "bytes": "decimal", "string": "uuid"}[p]
	if logical != "" {
		v.items = append(v.items, member{"logicalType", jstr(logical)})
	}
	if logical == "decimal" {
		v.items = append(v.items, member{"precision", jint(4 + g.IntN(2))}, member{"scale", jint(g.IntN(2))})
	}
	return v
}

func (g *generator) union(space string, depth int) value {
	v := value{kind: '['}
	if g.chance(60) {
		v.items = append(v.items, member{"", jstr("null")})
	}
	seen := map[string]bool{"null": true}
	for range 1 + g.IntN(3) {
		b := g.schema(space, depth-1)
		for b.kind == '[' {
			b = g.schema(space, depth-1)
		}
		id := b.text
		if b.kind == '{' {
			id, _ = b.string("type")
			if name, ok := b.string("name"); ok {
				id = name
			}
		}
		if !seen[id] {
			seen[id] = true
			v.items = append(v.items, member{"", b})
		}
	}
	return v
}

// named starts a named type; its name is known from here on.
func (g *generator) named(space, typ string, more ...any) value {
	g.fresh++
	short := g.pick("R", "S", "T", "E", "F", "Ä_1") + strconv.Itoa(g.fresh)
	v := jobject("type", jstr(typ), "name", jstr(short))
	if g.chance(40) {
		space = g.pick("n", "m", "n.o")
		v.items = append(v.items, member{"namespace", jstr(space)})
	}
	g.defined = append(g.defined, name{space, short}.String())
	if g.chance(20) {
		v.items = append(v.items, member{"doc", jstr(g.pick("what it is", "", "\"q\"\n\u2028é<"))})
	}
	if g.chance(20) {
		v.items = append(v.items, member{"aliases", jstrs(g.pick("Old", "n.Old", "o.Older", "R1", "S2", "n.T1"), "Old")})
	}
	v.items = append(v.items, jobject(more...).items...)
	return g.properties(v)
}

func (g *generator) record(space string, depth int) value {
	v := g.named(space, g.pick("record", "record", "record", "error"))
	if ns, ok := v.string("namespace"); ok {
		space = ns
	}
	var fields []value
	for i := range g.IntN(4) + 1 {
		fields = append(fields, g.field(string(rune('a'+i)), space, depth))
	}
	v.items = append(v.items, member{"fields", jlist(fields...)})
	g.Shuffle(len(v.items), func(i, j int) { v.items[i], v.items[j] = v.items[j], v.items[i] })
	return v
}

func (g *generator) field(name, space string, depth int) value {
	typ := g.schema(space, depth-1)
	f := jobject("name", jstr(name), "type", typ)
	if g.chance(40) {
		if d, ok := g.fallback(typ); ok {
			f.items = append(f.items, member{"default", d})
		}
	}
	if g.chance(10) {
		f.items = append(f.items, member{"order", jstr(g.pick("ascending", "descending", "IGNORE"))})
	}
	if g.chance(15) {
		f.items = append(f.items, member{"aliases", jstrs(g.pick("x", "y", "z", "b"), "x")})
	}
	if g.chance(10) {
		f.items = append(f.items, member{"doc", jstr("of a field")})
	}
	return g.properties(f)
}

// fallback is a valid default, where that is easy.
func (g *generator) fallback(typ value) (v value, ok bool) {
	switch typ.kind {
	case '[':
		if len(typ.items) == 0 {
			return value{}, false
		}
		return g.fallback(typ.items[g.IntN(len(typ.items))].value)
	case '{':
		switch t, _ := typ.string("type"); t {
		case "array":
			return jlist(), true
		case "map":
			return jobject(), true
		case "fixed":
			return jstr("\u0000\u00ff"), true
		case "enum":
			return typ.get("symbols").items[0].value, true
		default:
			typ = jstr(t)
		}
	}
	switch typ.text {
	case "null":
		return value{kind: 'n'}, true
	case "boolean":
		return value{kind: 't'}, true
	case "int", "long":
		return jint(g.IntN(100) - 50), true
	case "float", "double":
		return value{kind: 'd', text: g.pick("1.50", "1e3", "-0.0", "123456789.5", "1E-5", "7")}, true
	case "string", "bytes":
		return jstr(g.pick("", "text", "\u0001\u00ff")), true
	}
	return value{}, false
}

// properties adds what is none of Avro's.
func (g *generator) properties(v value) value {
	if g.plain || g.chance(80) {
		return v
	}
	v.items = append(v.items, member{"p" + strconv.Itoa(g.IntN(20)), jobject("b", value{kind: 'd', text: "1.50"}, "a", jlist(value{kind: 't'}, value{kind: 'n'}, jint(1<<40)))})
	if g.chance(50) {
		v.items = append(v.items, member{"connect.name", jstr("é/\\")})
	}
	return v
}

// mutate changes one place of a schema to something likely wrong, or meaningful.
func (g *generator) mutate(v *value) {
	for len(v.items) > 0 && g.chance(85) {
		v = &v.items[g.IntN(len(v.items))].value
	}
	if v.kind == '{' || v.kind == '[' {
		g.mutateItems(v)
		return
	}
	if v.kind == '"' && g.chance(70) {
		words := []string{"", "int", "long", "string", "null", "record", "array", "R1", "n.R1", "S2", ".R1", "a-b", "1a", "a.b", "é", "\U0001F600", "n..x", "ignore", "uuid", "Infinity", "0x1p3", "1.5", "a", "b"}
		v.text = words[g.IntN(len(words))]
		return
	}
	*v = g.anything()
}

// edit changes one place so that the schema is likely still one.
func (g *generator) edit(v *value) {
	var places []*value // types
	var visit func(v *value)
	visit = func(v *value) {
		places = append(places, v)
		switch {
		case v.kind == '[':
			for i := range v.items {
				visit(&v.items[i].value)
			}
		case v.kind == '{':
			for _, word := range []string{"items", "values"} {
				if inner := v.get(word); inner != nil {
					visit(inner)
				}
			}
			if fields := v.get("fields"); fields != nil {
				for i := range fields.items {
					visit(fields.items[i].get("type"))
				}
			}
		}
	}
	visit(v)
	v = places[g.IntN(len(places))]
	typ, _ := v.string("type")
	switch {
	case v.kind == '[':
		g.editUnion(v)
	case typ == "record" || typ == "error":
		g.editFields(v.get("fields"))
	case typ == "enum":
		symbols := v.get("symbols")
		if n := len(symbols.items); n > 1 && g.chance(50) {
			symbols.items = symbols.items[:n-1]
		} else {
			symbols.items = append(symbols.items, member{"", jstr("Z")})
		}
	case typ == "fixed":
		*v.get("size") = jint(g.IntN(10))
	case v.kind == '"':
		v.text = g.pick("int", "long", "float", "double", "string", "bytes", "null")
	case v.get("scale") != nil:
		*v.get("scale") = jint(1 + g.IntN(2))
	default:
		*v = jlist(jstr("null"), v.clone())
	}
	if name := v.get("name"); name != nil && g.chance(20) {
		name.text = g.pick("R1", "Renamed", "S2")
	}
}

func (g *generator) editUnion(v *value) {
	if n := len(v.items); n > 0 && g.chance(50) {
		i := g.IntN(n)
		v.items = append(v.items[:i:i], v.items[i+1:]...)
		return
	}
	v.items = append(v.items, member{"", jstr(g.pick("long", "double", "boolean", "string"))})
}

func (g *generator) editFields(fields *value) {
	n := len(fields.items)
	if n == 0 {
		return
	}
	f := &fields.items[g.IntN(n)]
	switch g.IntN(6) {
	case 5:
		fields.items = append(fields.items, member{"", jobject("name", jstr("new"), "type", jstrs("null", "int"))})
	case 0:
		fields.items = append(fields.items, member{"", jobject("name", jstr("new"), "type", jstr("int"))})
	case 1:
		fields.items = append(fields.items, member{"", jobject("name", jstr("new"), "type", jstr("int"), "default", jint(1))})
	case 2:
		fields.items = fields.items[:n-1]
	case 3:
		f.get("name").text = g.pick("x", "y", "z")
	default:
		g.Shuffle(n, func(i, j int) { fields.items[i], fields.items[j] = fields.items[j], fields.items[i] })
	}
}

func (g *generator) anything() value {
	values := []value{{kind: 'n'}, {kind: 't'}, jint(1), jint(-1), {kind: 'i', text: "2147483648"}, {kind: 'i', text: "9223372036854775808"},
		{kind: 'd', text: "1.0"}, {kind: 'd', text: "1e999"}, jstr(""), jstr("A"), jlist(), jobject(), jstrs("int", "string"), jstrs("null"), jobject("type", jstr("int")), jobject("a", jint(1))}
	return values[g.IntN(len(values))]
}

func (g *generator) mutateItems(v *value) {
	n := len(v.items)
	switch g.IntN(5) {
	case 0:
		if n > 0 {
			i := g.IntN(n)
			v.items = append(v.items[:i:i], v.items[i+1:]...)
		}
	case 1:
		if n > 0 {
			v.items = append(v.items[:n:n], v.items[g.IntN(n)])
		}
	case 2:
		m := member{value: g.anything()}
		if v.kind == '{' {
			m.name = g.pick("name", "namespace", "doc", "aliases", "default", "order", "size", "symbols", "logicalType", "precision", "x", "type", "items")
		}
		v.items = append(v.items[:n:n], m)
	case 3:
		g.Shuffle(n, func(i, j int) { v.items[i], v.items[j] = v.items[j], v.items[i] })
	default:
		*v = g.anything()
	}
}

// clone copies what mutate changes.
func (v value) clone() value {
	v.items = append([]member(nil), v.items...)
	for i := range v.items {
		v.items[i].value = v.items[i].clone()
	}
	return v
}

// garble breaks the text itself.
func (g *generator) garble(text string) string {
	i := g.IntN(len(text) + 1)
	switch g.IntN(6) {
	case 0:
		return text[:i]
	case 1:
		return text + g.pick(" ", "x", "{}", "// c", "\n")
	case 2:
		return text[:i] + g.pick(" ", "/* c */", "// c\n", ",", "\"", "\\", "01", "\x01", "}") + text[i:]
	case 3:
		return strings.Replace(text, ",", " ,\n\t/* ; */ ", 1)
	case 4:
		return strings.Replace(text, `"`, "", 2)
	}
	return fmt.Sprintf(" %s ", text)
}
