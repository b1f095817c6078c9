package records

import (
	"bytes"
	"context"
	"regexp"
	"sync"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/twmb/franz-go/pkg/kgo"
)

// verdict is what is known of an expression, or of a part of it, for one record
// without cel-go.
type verdict uint8

const (
	unsure verdict = iota // cel-go has to say
	no
	yes
	fails // cel-go would return an error
)

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

func (v verdict) not() verdict {
	switch v {
	case yes:
		return no
	case no:
		return yes
	}
	return v
}

// test and reading are what a part of an expression is compiled to, by whether it is
// a condition or a value.
type (
	test    func(*candidate) verdict
	reading func(*candidate) operand
)

func never(*candidate) verdict { return unsure }

// quick decides the expressions that people write for most records, without cel-go
// and without decoding JSON. What it does not know of the language, or can not tell
// of a record, it leaves to cel-go. What it says is what cel-go says, except where that
// finds a record too long for its cost limit, or breaks on bytes that are looked for
// in a list.
type quick struct {
	test   test
	fields *fields
	work   int       // how often a record is gone through
	pool   sync.Pool // of candidates
}

// maxWork bounds how many bytes are gone through for one record.
const maxWork = 256 << 20

// compileQuick translates a checked expression.
func compileQuick(e ast.Expr) *quick {
	q := &quick{fields: newFields(), work: 1}
	q.test = q.condition(e)
	slots := q.fields.root.number(0)
	q.pool.New = func() any { return &candidate{fields: q.fields, slots: make([]slot, slots)} }
	return q
}

// judge applies the expression to a record. If its value was decoded for that, it is
// returned too.
func (q *quick) judge(ctx context.Context, r *kgo.Record, d *decoder) (v verdict, decoded any, known bool) {
	if q.work*(len(r.Key)+len(r.Value)) > maxWork {
		return unsure, nil, false
	}
	c := q.pool.Get().(*candidate)
	c.reset(ctx, d, r)
	v, decoded, known = q.test(c), c.decoded, c.looked == asValue
	c.reset(context.Background(), nil, nil)
	q.pool.Put(c)
	return v, decoded, known
}

// condition compiles what is true or false.
func (q *quick) condition(e ast.Expr) test {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		return q.has(e.AsSelect())
	}
	if e.Kind() == ast.CallKind {
		if t := q.call(e.AsCall()); t != nil {
			return t
		}
	}
	v := q.value(e)
	if v == nil {
		return never
	}
	return func(c *candidate) verdict {
		switch o := v(c); o.kind {
		case boolean:
			return verdictOf(o.n == 1)
		case unknown:
			return unsure
		}
		return fails
	}
}

// call compiles an operator or a function whose result is true or false; nil if
// it is none that is known.
func (q *quick) call(call ast.CallExpr) test {
	args := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd:
		return and(q.conditions(args))
	case operators.LogicalOr: // not one of them is false
		tests := q.conditions(args)
		for i, t := range tests {
			tests[i] = negate(t)
		}
		return negate(and(tests))
	case operators.LogicalNot:
		return negate(q.condition(args[0]))
	case operators.Equals:
		return q.compare(args, equal)
	case operators.NotEquals:
		return q.compare(args, func(a, b operand) verdict { return equal(a, b).not() })
	case operators.Less:
		return q.compare(args, ordered(func(n int) bool { return n < 0 }))
	case operators.LessEquals:
		return q.compare(args, ordered(func(n int) bool { return n <= 0 }))
	case operators.Greater:
		return q.compare(args, ordered(func(n int) bool { return n > 0 }))
	case operators.GreaterEquals:
		return q.compare(args, ordered(func(n int) bool { return n >= 0 }))
	case operators.In:
		return q.in(args[0], args[1])
	case overloads.Contains, overloads.StartsWith, overloads.EndsWith, overloads.Matches:
		if call.IsMemberFunction() && len(args) == 1 {
			return q.about(name, call.Target(), args[0])
		}
	}
	return nil
}

func (q *quick) conditions(args []ast.Expr) []test {
	tests := make([]test, len(args))
	for i, a := range args {
		tests[i] = q.condition(a)
	}
	return tests
}

// and is CEL's: one that is false decides, whatever errors are beside it.
func and(tests []test) test {
	return func(c *candidate) verdict {
		all := yes
		for _, t := range tests {
			switch v := t(c); {
			case v == no:
				return no
			case v == unsure || all == yes:
				all = v
			}
		}
		return all
	}
}

func negate(t test) test { return func(c *candidate) verdict { return t(c).not() } }

func ordered(is func(int) bool) func(a, b operand) verdict {
	return func(a, b operand) verdict { return order(a, b, is) }
}

func (q *quick) compare(args []ast.Expr, how func(a, b operand) verdict) test {
	a, b := q.value(args[0]), q.value(args[1])
	if a == nil || b == nil {
		return never
	}
	return func(c *candidate) verdict { return how(a(c), b(c)) }
}

// slowness is how much more work a regular expression is than a comparison.
const slowness = 50

// about compiles what is asked about a text.
func (q *quick) about(name string, target, arg ast.Expr) test {
	v := q.value(target)
	s, ok := literal(arg).(types.String)
	if v == nil || !ok {
		return never
	}
	want := []byte(s)
	q.work++
	var holds func([]byte) bool
	switch name {
	case overloads.Contains:
		holds = func(b []byte) bool { return bytes.Contains(b, want) }
	case overloads.StartsWith:
		holds = func(b []byte) bool { return bytes.HasPrefix(b, want) }
	case overloads.EndsWith:
		holds = func(b []byte) bool { return bytes.HasSuffix(b, want) }
	default:
		pattern, err := regexp.Compile(string(s))
		if err != nil {
			return never
		}
		q.work += slowness
		holds = pattern.Match
	}
	return func(c *candidate) verdict {
		switch o := v(c); o.kind {
		case text:
			return verdictOf(holds(o.b))
		case unknown:
			return unsure
		}
		return fails
	}
}

// in compiles the search of a value among constants, of a header by its name, and of a
// constant in a list or map of the record.
func (q *quick) in(element, of ast.Expr) test {
	if of.Kind() == ast.ListKind {
		return q.among(element, of.AsList())
	}
	s, ok := literal(element).(types.String)
	switch {
	case !ok:
		return never
	case isIdent(of, "headers"):
		return hasHeader(string(s))
	}
	v := q.value(of)
	if v == nil || !isPlain(string(s)) {
		return never
	}
	// If it is nowhere in the text of the list or the map, it is not an element of it.
	return func(c *candidate) verdict {
		o := v(c)
		switch {
		case o.kind != container && o.kind != unknown:
			return fails
		case o.b != nil && !bytes.Contains(o.b, []byte(s)) && bytes.IndexByte(o.b, '\\') < 0:
			return no
		}
		return unsure
	}
}

func (q *quick) among(element ast.Expr, list ast.ListExpr) test {
	v := q.value(element)
	if v == nil {
		return never
	}
	var among []operand
	for _, e := range list.Elements() {
		o := literalOperand(literal(e))
		if o.kind == unknown || o.kind == null {
			return never
		}
		among = append(among, o)
	}
	return func(c *candidate) verdict {
		o, found := v(c), no
		if o.kind == unknown || o.kind == container || len(among) == 0 {
			return unsure
		}
		for _, a := range among {
			if o.isNumber() && a.isNumber() && o.kind != a.kind {
				return unsure // cel-go rounds here, to find it by a map
			}
			if e := equal(o, a); e != no {
				found = e
			}
		}
		return found
	}
}

// has compiles has(json.a.b) and has(headers.a).
func (q *quick) has(e ast.SelectExpr) test {
	if isIdent(e.Operand(), "headers") {
		return hasHeader(e.FieldName())
	}
	parent := q.node(e.Operand())
	if parent == nil || !isPlain(e.FieldName()) {
		return never
	}
	field := parent.at(e.FieldName())
	return func(c *candidate) verdict {
		switch c.field(parent).kind {
		case unknown:
			return unsure
		case missing:
			return fails
		case container:
			if c.isList(parent) {
				return fails
			}
			return verdictOf(c.field(field).kind != missing)
		}
		return no
	}
}

func hasHeader(name string) test {
	return func(c *candidate) verdict { return verdictOf(c.header(name).kind != missing) }
}

// value compiles a value: a constant, a name or a field; nil if it is none.
func (q *quick) value(e ast.Expr) reading {
	if v := literal(e); v != nil {
		if o := literalOperand(v); o.kind != unknown {
			return func(*candidate) operand { return o }
		}
		return nil
	}
	if e.Kind() == ast.IdentKind {
		switch e.AsIdent() {
		case "key":
			return func(c *candidate) operand { return raw(c.r.Key) }
		case "value":
			return func(c *candidate) operand { return raw(c.r.Value) }
		case "partition":
			return func(c *candidate) operand { return operand{kind: integer, n: int64(c.r.Partition)} }
		case "offset":
			return func(c *candidate) operand { return operand{kind: integer, n: c.r.Offset} }
		case "time":
			return func(c *candidate) operand { return operand{kind: moment, t: c.r.Timestamp} }
		}
	}
	if of, name := member(e); of != nil && isIdent(of, "headers") {
		return func(c *candidate) operand { return c.header(name) }
	}
	if p := q.node(e); p != nil {
		return func(c *candidate) operand { return c.field(p) }
	}
	return nil
}

// node returns where json.a.b or json["a"]["b"] is, nil if it is something else.
func (q *quick) node(e ast.Expr) *node {
	if isIdent(e, "json") {
		return q.fields.root
	}
	of, name := member(e)
	if of == nil || !isPlain(name) {
		return nil
	}
	if p := q.node(of); p != nil {
		return p.at(name)
	}
	return nil
}

// member takes of.name and of["name"] apart.
func member(e ast.Expr) (of ast.Expr, name string) {
	switch {
	case e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly():
		return e.AsSelect().Operand(), e.AsSelect().FieldName()
	case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Index:
		args := e.AsCall().Args()
		if s, ok := literal(args[1]).(types.String); ok {
			return args[0], string(s)
		}
	}
	return nil, ""
}

func isIdent(e ast.Expr, name string) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == name }

// literal returns a constant, also timestamp("2026-11-24T10:00:00Z"), or nil.
func literal(e ast.Expr) ref.Val {
	switch {
	case e.Kind() == ast.LiteralKind:
		return e.AsLiteral()
	case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == overloads.TypeConvertTimestamp:
		if s, ok := literal(e.AsCall().Args()[0]).(types.String); ok {
			return s.ConvertToType(types.TimestampType)
		}
	}
	return nil
}

// isPlain says whether a text is in JSON as it is, unless with a backslash.
// U+FFFD may be something else, since decoders put it for what is no UTF-8.
func isPlain(s string) bool {
	for _, r := range s {
		if r == '\uFFFD' || r == '"' || r == '\\' || r < ' ' {
			return false
		}
	}
	return true
}
