package records

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// operand is a value of an expression for one record, as far as it can be told
// without cel-go.
type operand struct {
	kind kind
	n    int64     // integer, boolean
	f    float64   // double
	b    []byte    // text, octets; container: JSON's text if it is there
	t    time.Time // moment
}

type kind uint8

const (
	unknown kind = iota // ask cel-go
	missing             // to ask for it is an error
	null
	boolean
	integer
	double
	text
	octets
	moment
	container // a list or a map
)

func (a operand) isNumber() bool { return a.kind == integer || a.kind == double }

// ref returns a number as cel-go has it.
func (a operand) ref() interface {
	ref.Val
	Compare(ref.Val) ref.Val
} {
	if a.kind == double {
		return types.Double(a.f)
	}
	return types.Int(a.n)
}

// known says what follows from the kinds alone: yes if both values are there.
func known(a, b operand) verdict {
	switch {
	case a.kind == unknown || b.kind == unknown:
		return unsure
	case a.kind == missing || b.kind == missing:
		return fails
	}
	return yes
}

// equal compares two values.
func equal(a, b operand) verdict {
	switch v := known(a, b); {
	case v != yes:
		return v
	case a.kind == container && b.kind == container:
		return unsure
	case a.isNumber() && b.isNumber() && a.kind != b.kind:
		return verdictOf(a.ref().Equal(b.ref()) == types.True)
	case a.kind != b.kind:
		return no
	}
	switch a.kind {
	case integer, boolean:
		return verdictOf(a.n == b.n)
	case double:
		return verdictOf(a.f == b.f)
	case text, octets:
		return verdictOf(bytes.Equal(a.b, b.b))
	case moment:
		return verdictOf(a.t.Equal(b.t))
	}
	return yes // null
}

// order compares two values and calls is with the result, below, at or above 0.
func order(a, b operand, is func(int) bool) verdict {
	switch v := known(a, b); {
	case v != yes:
		return v
	case a.kind == b.kind && (a.kind == integer || a.kind == boolean):
		return verdictOf(is(cmp.Compare(a.n, b.n)))
	case a.isNumber() && b.isNumber():
		c, ok := a.ref().Compare(b.ref()).(types.Int)
		if !ok {
			return unsure // it is not a number
		}
		return verdictOf(is(int(c)))
	case a.kind == b.kind && (a.kind == text || a.kind == octets):
		return verdictOf(is(bytes.Compare(a.b, b.b)))
	case a.kind == moment && b.kind == moment:
		return verdictOf(is(a.t.Compare(b.t)))
	}
	return fails
}

// raw returns bytes of a record: text if they are, as stringOrBytes has it.
func raw(b []byte) operand {
	switch {
	case b == nil:
		return operand{kind: null}
	case utf8.Valid(b):
		return operand{kind: text, b: b}
	}
	return operand{kind: octets, b: b}
}

func boolOperand(b bool) operand {
	if b {
		return operand{kind: boolean, n: 1}
	}
	return operand{kind: boolean}
}

// jsonOperand returns a JSON value by its text, which is known to be valid.
func jsonOperand(first byte, b []byte) operand {
	switch first {
	case noField:
		return operand{kind: missing}
	case 'n':
		return operand{kind: null}
	case 't', 'f':
		return boolOperand(first == 't')
	case '{', '[':
		return operand{kind: container, b: b}
	case number:
		if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
			return operand{kind: integer, n: n}
		}
		f, _ := strconv.ParseFloat(string(b), 64) // as asObject: too large is infinite
		return operand{kind: double, f: f}
	}
	if inner := b[1 : len(b)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return operand{kind: text, b: inner}
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return operand{}
	}
	return operand{kind: text, b: []byte(s)}
}

// decodedOperand returns a value that a decoder has returned, as asObject has it. Its text
// is copied to the end of buf.
func decodedOperand(v any, buf *[]byte) operand {
	switch v := v.(type) {
	case nil:
		return operand{kind: null}
	case bool:
		return boolOperand(v)
	case int64:
		return operand{kind: integer, n: v}
	case int32:
		return operand{kind: integer, n: int64(v)}
	case int:
		return operand{kind: integer, n: int64(v)}
	case float64:
		return floatOperand(v)
	case float32:
		return floatOperand(float64(v))
	case json.Number:
		return jsonOperand(number, []byte(v))
	case string:
		from := len(*buf)
		*buf = append(*buf, v...)
		return operand{kind: text, b: (*buf)[from:]}
	case []byte:
		return operand{kind: octets, b: v}
	case time.Time:
		return operand{kind: moment, t: v}
	case map[string]any, []any:
		return operand{kind: container}
	}
	return operand{}
}

func floatOperand(f float64) operand {
	if math.IsNaN(f) {
		return operand{} // equal to nothing and in no order: cel-go knows
	}
	return operand{kind: double, f: f}
}

// literalOperand returns a constant of an expression.
func literalOperand(v ref.Val) operand {
	switch v := v.(type) {
	case types.Null:
		return operand{kind: null}
	case types.Bool:
		return boolOperand(bool(v))
	case types.Int:
		return operand{kind: integer, n: int64(v)}
	case types.Double:
		return floatOperand(float64(v))
	case types.String:
		return operand{kind: text, b: []byte(v)}
	case types.Timestamp:
		return operand{kind: moment, t: v.Time}
	}
	return operand{}
}
