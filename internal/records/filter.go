package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// maxFilter is the length of the longest filter, in bytes.
	maxFilter = 8 << 10
	// costLimit bounds what an expression may do per record, in CEL's units: about
	// one per operation and one per ten bytes of text that it goes through.
	costLimit = 2_000_000
)

// FilterError says where an expression is wrong.
type FilterError struct {
	Line, Column int // from 1; 0: it is about the whole
	Message      string
}

// Error implements error.
func (e *FilterError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// filter says which records are looked for: those whose key or value contains a
// text and for which an expression holds. Each part may be missing. It is safe for
// concurrent use.
type filter struct {
	text    []byte
	program cel.Program // nil: none
	quick   *quick      // decides for most records without program
}

// newFilter compiles a filter.
func newFilter(text, expression string) (*filter, error) {
	f := &filter{text: []byte(text)}
	switch {
	case len(text) > maxFilter || len(expression) > maxFilter:
		return nil, &FilterError{Message: fmt.Sprintf("it is longer than %d bytes", maxFilter)}
	case strings.TrimSpace(expression) == "":
		return f, nil
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, &FilterError{first.Location.Line(), first.Location.Column() + 1, first.Message}
	}
	if t := ast.OutputType(); t != cel.BoolType && t != cel.DynType {
		return nil, &FilterError{Message: fmt.Sprintf("it has to be true or false, and is %v", t)}
	}
	f.program, err = env.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &FilterError{Message: err.Error()}
	}
	f.quick = compileQuick(ast.NativeRep().Expr())
	return f, nil
}

// environment names what an expression may speak of.
func environment() (*cel.Env, error) {
	return cel.NewEnv(
		cel.CrossTypeNumericComparisons(true),
		cel.Variable("key", cel.DynType),
		cel.Variable("value", cel.DynType),
		cel.Variable("headers", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("partition", cel.IntType),
		cel.Variable("offset", cel.IntType),
		cel.Variable("time", cel.TimestampType),
		cel.Variable("json", cel.DynType),
	)
}

// match says whether a record is looked for. d decodes its value, if the expression
// asks. An error is about this record and this expression: a field that is not
// there, or too much to do.
func (f *filter) match(ctx context.Context, r *kgo.Record, d *decoder) (bool, error) {
	if has := f.hasText(r); !has || f.program == nil {
		return has, nil
	}
	v, decoded, known := f.quick.judge(ctx, r, d)
	switch v {
	case yes, no:
		return v == yes, nil
	case fails:
		return false, &failure{ctx, f, r, d}
	}
	if known {
		return f.evaluate(&variables{r: r, object: func() any { return decoded }})
	}
	return f.evaluate(&variables{r: r, object: func() any { return d.decoded(ctx, r) }})
}

func (f *filter) hasText(r *kgo.Record) bool {
	return len(f.text) == 0 || bytes.Contains(r.Value, f.text) || bytes.Contains(r.Key, f.text)
}

// glance says what can be said of a record without cel-go.
func (f *filter) glance(ctx context.Context, r *kgo.Record, d *decoder) verdict {
	if has := f.hasText(r); !has || f.program == nil {
		return verdictOf(has)
	}
	v, _, _ := f.quick.judge(ctx, r, d)
	return v
}

// evaluate has cel-go say whether the expression holds.
func (f *filter) evaluate(v *variables) (bool, error) {
	out, _, err := f.program.Eval(v)
	if err != nil {
		return false, err
	}
	held, isBool := out.Value().(bool)
	if !isBool {
		return false, fmt.Errorf("it is %v here, not true or false", out.Type())
	}
	return held, nil
}

// failure is an error of an expression that was not evaluated: what exactly is
// wrong, cel-go says when somebody wants to know, which is of the first record only.
type failure struct {
	ctx context.Context
	f   *filter
	r   *kgo.Record
	d   *decoder
}

// Error implements error. The record has to be there still.
func (e *failure) Error() string {
	_, err := e.f.evaluate(&variables{r: e.r, object: func() any { return e.d.decoded(e.ctx, e.r) }})
	if err == nil {
		return "it can not be applied"
	}
	return err.Error()
}

// variables are the values of an expression's names for one record, made as they
// are asked for.
type variables struct {
	r      *kgo.Record
	object func() any // decodes its value
	json   any        // what that has returned, nil if it was not asked for
}

// Parent implements cel.Activation.
func (v *variables) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "key":
		return stringOrBytes(v.r.Key), true
	case "value":
		return stringOrBytes(v.r.Value), true
	case "headers":
		headers := make(map[string]any, len(v.r.Headers))
		for _, h := range v.r.Headers {
			headers[h.Key] = stringOrBytes(h.Value)
		}
		return headers, true
	case "partition":
		return int64(v.r.Partition), true
	case "offset":
		return v.r.Offset, true
	case "time":
		return v.r.Timestamp.UTC(), true
	case "json":
		if v.json == nil {
			v.json = asObject(v.object())
		}
		return v.json, true
	}
	return nil, false
}

func stringOrBytes(b []byte) any {
	switch {
	case b == nil:
		return types.NullValue
	case utf8.Valid(b):
		return string(b)
	}
	return b
}

// asObject turns what a decoder returned, in place and so only once, into what expressions work with:
// maps, lists, strings, numbers, booleans and null.
func asObject(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		for k, e := range v {
			v[k] = asObject(e)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = asObject(e)
		}
		return v
	case nil:
		return types.NullValue
	case time.Time, string, bool, []byte, int64, float64, float32, int32, int, time.Duration:
		return v
	}
	return fmt.Sprint(v)
}
