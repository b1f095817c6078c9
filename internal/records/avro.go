package records

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/weirhq/weir/serde"
)

// A value that the registry's schema describes is not decoded to learn a few fields
// of it. A schema in Avro is compiled, once for each expression, to steps that go
// over the value's bytes and note where the fields that are asked for begin and end;
// they become operands when they are compared. The steps check all that the decoder
// checks, for a value that it can not decode is null to an expression, however good
// its beginning. Whatever they do not like, they leave to the decoder. JSON that a
// schema describes is behind its frame, and gone through like other JSON.

// layouts is a Registry that says how the values of a schema are written. Not ok: it
// has not decoded any of them yet.
type layouts interface {
	Layout(ctx context.Context, id serde.SchemaID) (l *serde.Layout, format serde.Format, ok bool)
}

// walks are those of one expression, by schema.
type walks struct {
	mu sync.Mutex // guards what follows, and is held while a walk is compiled
	by map[walkOf]*walk
}

// walkOf names a schema: ids mean something to one decoder's registry only.
type walkOf struct {
	d  *decoder
	id serde.SchemaID
}

// maxWalks bounds how many are kept.
const maxWalks = 1000

// walk is how to go through the values of one schema.
type walk struct {
	format serde.Format
	root   *step // in Avro
}

// walk returns how to go through the values of a schema, nil if that is not known yet.
func (f *fields) walk(ctx context.Context, of walkOf) *walk {
	f.walks.mu.Lock()
	defer f.walks.mu.Unlock()
	if w := f.walks.by[of]; w != nil {
		return w
	}
	registry, ok := of.d.registry.(layouts)
	if !ok {
		return nil
	}
	l, format, ok := registry.Layout(ctx, of.id)
	if !ok {
		return nil
	}
	w := &walk{format: format}
	if l != nil {
		w.root = steps{}.of(l, f.root)
	}
	if f.walks.by == nil || len(f.walks.by) == maxWalks {
		f.walks.by = map[walkOf]*walk{}
	}
	f.walks.by[of] = w
	return w
}

// step goes over a value of one type.
type step struct {
	move move
	size int     // skip: how many bytes; sized: how many at most
	of   []*step // a record's fields, a union's branches, an array's items, a map's values
	at   *node   // who asks for the value, nil: nobody
	kind byte    // of its slot
	as   func([]byte) operand
}

type move uint8

const (
	giveUp  move = iota
	skip         // so many bytes
	varint       // of 32 bits
	varlong      // of 64 bits
	sized        // bytes after their number
	symbol       // a varint below size

	record // the first that has others inside
	union
	array
	mapping // of[0] is for the keys that nobody asks for, then those of at's children
)

// noList is the kind of a slot in Avro, unless it is a list's.
const noList = 'v'

// steps are the steps of one schema by type and by who asks: a type may be inside
// of itself.
type steps map[stepOf]*step

type stepOf struct {
	l  *serde.Layout
	at *node
}

// of compiles a type.
func (c steps) of(l *serde.Layout, at *node) *step {
	key := stepOf{l, at}
	if s := c[key]; s != nil {
		return s
	}
	s := &step{at: at, kind: noList, as: func([]byte) operand { return operand{kind: container} }}
	c[key] = s
	switch l.Kind {
	case "record":
		s.move = record
		for _, f := range l.Fields {
			inner, _ := at.child([]byte(f.Name))
			s.of = append(s.of, c.of(f.Type, inner))
		}
	case "union":
		s.move = union
		for _, b := range l.Of {
			s.of = append(s.of, c.of(b, at))
		}
	case "array":
		s.move, s.kind, s.of = array, '[', []*step{c.of(l.Of[0], nil)}
	case "map":
		s.move, s.of = mapping, []*step{c.of(l.Of[0], nil)}
		if at != nil {
			for _, inner := range at.children {
				s.of = append(s.of, c.of(l.Of[0], inner))
			}
		}
	default:
		s.move, s.size, s.as = scalar(l)
	}
	return s
}

// scalar compiles a type that has nothing inside. What the decoder makes of some
// logical types, cel-go has to judge; those whose values it may refuse are given up.
func scalar(l *serde.Layout) (move, int, func([]byte) operand) {
	switch l.Kind + " " + l.Logical {
	case "null ":
		return skip, 0, func([]byte) operand { return operand{kind: null} }
	case "boolean ":
		return skip, 1, func(b []byte) operand { return boolOperand(b[0] == 1) }
	case "int ":
		return varint, 0, func(b []byte) operand { return operand{kind: integer, n: zigzag(b)} }
	case "int date":
		return varint, 0, momentOf(func(n int64) time.Time { return time.Unix(n*86400, 0) })
	case "int time-millis":
		return varint, 0, unsaid
	case "long ":
		return varlong, 0, func(b []byte) operand { return operand{kind: integer, n: zigzag(b)} }
	case "long timestamp-millis", "long local-timestamp-millis":
		return varlong, 0, momentOf(time.UnixMilli)
	case "long timestamp-micros", "long local-timestamp-micros":
		return varlong, 0, momentOf(time.UnixMicro)
	case "long timestamp-nanos", "long local-timestamp-nanos":
		return varlong, 0, momentOf(func(n int64) time.Time { return time.Unix(n/1e9, n%1e9) })
	case "float ":
		return skip, 4, func(b []byte) operand {
			return floatOperand(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		}
	case "double ":
		return skip, 8, func(b []byte) operand { return floatOperand(math.Float64frombits(binary.LittleEndian.Uint64(b))) }
	case "string ", "string uuid":
		return sized, math.MaxInt, func(b []byte) operand { return operand{kind: text, b: b} }
	case "bytes ":
		return sized, math.MaxInt, func(b []byte) operand { return operand{kind: octets, b: b} }
	case "bytes decimal":
		return sized, maxDecimal, unsaid
	case "fixed ":
		return skip, l.Size, func(b []byte) operand { return operand{kind: octets, b: b} }
	case "fixed decimal", "fixed uuid", "fixed duration":
		if l.Size <= maxDecimal {
			return skip, l.Size, unsaid
		}
	case "enum ":
		var symbols [][]byte
		for _, s := range l.Symbols {
			symbols = append(symbols, []byte(s))
		}
		return symbol, len(symbols), func(b []byte) operand { return operand{kind: text, b: symbols[zigzag(b)]} }
	}
	return giveUp, 0, unsaid
}

// maxDecimal is the longest decimal that the decoder takes for sure, in bytes.
const maxDecimal = 4 << 10

func unsaid([]byte) operand { return operand{} }

func momentOf(of func(int64) time.Time) func([]byte) operand {
	return func(b []byte) operand { return operand{kind: moment, t: of(zigzag(b)).UTC()} }
}

func zigzag(b []byte) int64 {
	n, _ := binary.Varint(b)
	return n
}

// find fills the slots with what a value holds. Not ok: the decoder has to say.
func (w *walk) find(value []byte, slots []slot) (ok bool) {
	clear(slots)
	s := walker{value, slots}
	return s.step(w.root, 0, 0) == len(value)
}

// walker goes through a value. Its methods take where something begins and return
// where it ends, or -1 if it is not as it should be.
type walker struct {
	value []byte
	slots []slot
}

// step goes over a value. The depth is counted as the decoder does.
func (w *walker) step(s *step, i, depth int) int {
	from := i
	if s.move >= record && depth >= maxDepth {
		return -1
	}
	switch s.move {
	case skip:
		if s.size > len(w.value)-i {
			return -1
		}
		i += s.size
	case varint, symbol:
		var n int32
		if n, i = w.varint(i); i < 0 || s.move == symbol && (n < 0 || int(n) >= s.size) {
			return -1
		}
	case varlong:
		_, i = w.varlong(i)
	case sized:
		if from, i = w.sized(i); i-from > s.size {
			return -1
		}
	case record:
		i = w.record(s, i, depth)
	case union:
		return w.union(s, i, depth)
	case array, mapping:
		i = w.blocks(s, i, depth)
	default:
		return -1
	}
	if s.at != nil && i >= 0 {
		w.slots[s.at.slot] = slot{s.kind, from, i, s.as}
	}
	return i
}

func (w *walker) varlong(i int) (int64, int) {
	if i < len(w.value) && w.value[i] < 0x80 {
		u := int64(w.value[i])
		return u>>1 ^ -(u & 1), i + 1
	}
	n, used := binary.Varint(w.value[i:])
	if used <= 0 {
		return 0, -1
	}
	return n, i + used
}

// varint reads one of at most 5 bytes, as Avro's int is.
func (w *walker) varint(i int) (int32, int) {
	n, end := w.varlong(i)
	if end-i > binary.MaxVarintLen32 || n != int64(int32(n)) {
		return 0, -1
	}
	return int32(n), end
}

// sized returns where bytes are whose number comes first.
func (w *walker) sized(i int) (from, to int) {
	n, i := w.varlong(i)
	if i < 0 || n < 0 || n > int64(len(w.value)-i) {
		return 0, -1
	}
	return i, i + int(n)
}

func (w *walker) record(s *step, i, depth int) int {
	for _, f := range s.of {
		if i = w.step(f, i, depth+1); i < 0 {
			return -1
		}
	}
	return i
}

func (w *walker) union(s *step, i, depth int) int {
	n, i := w.varint(i)
	if i < 0 || n < 0 || int(n) >= len(s.of) {
		return -1
	}
	return w.step(s.of[n], i, depth+1)
}

// blocks goes over an array or a map. The number of bytes that a block may begin
// with does not spare its values, since the decoder does not believe it either. A
// block whose values take no bytes is not for us: the decoder limits their number.
func (w *walker) blocks(s *step, i, depth int) int {
	for {
		n, begin := w.varlong(i)
		if i = begin; n < 0 && i >= 0 {
			n = -n
			_, i = w.varlong(i)
		}
		switch {
		case i < 0 || n < 0 || n > int64(len(w.value)-i):
			return -1
		case n == 0:
			return i
		}
		begin = i
		for range n {
			inner := s.of[0]
			if s.move == mapping {
				inner, i = w.key(s, i)
			}
			if i < 0 {
				return -1
			}
			if i = w.step(inner, i, depth+1); i < 0 {
				return -1
			}
		}
		if i == begin {
			return -1
		}
	}
}

// key reads a key of a map, and returns the step for its value. Of a key that is
// there twice the last one counts.
func (w *walker) key(s *step, i int) (*step, int) {
	from, i := w.sized(i)
	if i >= 0 && s.at != nil {
		for j, inner := range s.at.children {
			if inner.path[len(inner.path)-1] == string(w.value[from:i]) {
				clear(w.slots[inner.slot:inner.end])
				return s.of[j+1], i
			}
		}
	}
	return s.of[0], i
}
