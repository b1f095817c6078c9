package records

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/weirhq/weir/serde"
)

var fieldNames = []string{"a", "b", "c", "n", "s", "flag", "tags"}

// schemas have the fields of which condition speaks.
var schemas = []string{
	`{"type":"record","name":"r","namespace":"x.y","fields":[{"name":"n","type":"int"},{"name":"s","type":["null","string"]},{"name":"a","type":{"type":"record","name":"in","fields":[
		{"name":"b","type":"string"},{"name":"more","type":["null","r"]}]}},{"name":"flag","type":"boolean"},{"name":"tags","type":{"type":"array","items":"string"}}]}`,
	`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"map","values":{"type":"map","values":["null","long","string"]}}},{"name":"n","type":"double"},
		{"name":"s","type":{"type":"enum","name":"e","symbols":["x","y"]}},{"name":"flag","type":["boolean","null"]},{"name":"tags","type":{"type":"map","values":"bytes"}}]}`,
	`{"type":"record","name":"r","fields":[{"name":"n","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"a","type":["null","r"],"default":null},
		{"name":"b","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"s","type":{"type":"fixed","name":"f","size":1}},{"name":"flag","type":"float"},
		{"name":"tags","type":["null",{"type":"array","items":"r"}]},{"name":"t","type":"int","logicalType":"date"},{"name":"u","type":{"type":"string","logicalType":"uuid"}}]}`,
	`["null","int",{"type":"array","items":{"type":"array","items":"null"}},{"type":"map","values":"float"}]`,
}

// someSchema returns a schema, mostly a valid one.
func someSchema(rng *rand.Rand) string {
	s := schemaMaker{rng: rng}
	v := s.record(4)
	if rng.IntN(8) == 0 {
		v = s.schema(4)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

type schemaMaker struct {
	rng   *rand.Rand
	named []string
}

func (s *schemaMaker) name() map[string]any {
	name := fmt.Sprintf("t%d", len(s.named))
	def := map[string]any{"name": name}
	if s.rng.IntN(3) == 0 {
		def["namespace"] = pick(s.rng, "x", "y.z")
		name = fmt.Sprint(def["namespace"], ".", name)
	}
	s.named = append(s.named, name)
	return def
}

func (s *schemaMaker) record(depth int) any {
	def := s.name()
	def["type"] = pick(s.rng, "record", "record", "error")
	fields := []any{}
	for _, name := range append(fieldNames, "x", "y") {
		if s.rng.IntN(3) == 0 {
			continue
		}
		f := map[string]any{"name": name, "type": s.schema(depth - 1)}
		if s.rng.IntN(6) == 0 {
			f["logicalType"] = s.logical()
		}
		fields = append(fields, f)
	}
	s.rng.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	def["fields"] = fields
	return def
}

func (s *schemaMaker) logical() string {
	return pick(s.rng, "date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos", "local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos",
		"uuid", "decimal", "big-decimal", "duration", "of-somebody")
}

func (s *schemaMaker) schema(depth int) any {
	if depth <= 0 || s.rng.IntN(3) > 0 {
		return s.simple()
	}
	switch s.rng.IntN(6) {
	case 0:
		return map[string]any{"type": "array", "items": s.schema(depth - 1)}
	case 1:
		return map[string]any{"type": "map", "values": s.schema(depth - 1)}
	case 2:
		branches := []any{"null", s.schema(depth - 1), s.simple()}[:2+s.rng.IntN(2)]
		s.rng.Shuffle(len(branches), func(i, j int) { branches[i], branches[j] = branches[j], branches[i] })
		return branches
	case 3:
		if len(s.named) > 0 { // a type may be inside of itself, if it may be missing
			name := s.named[s.rng.IntN(len(s.named))]
			if s.rng.IntN(4) == 0 {
				name = name[strings.LastIndexByte(name, '.')+1:]
			}
			return []any{"null", name}
		}
	}
	return s.record(depth)
}

func (s *schemaMaker) simple() any {
	kind := pick(s.rng, "null", "boolean", "int", "long", "float", "double", "string", "string", "bytes", "enum", "fixed")
	def := map[string]any{"type": kind}
	switch kind {
	case "enum":
		def = s.name()
		def["type"], def["symbols"] = kind, []string{"x", "y", "zz"}
	case "fixed":
		def = s.name()
		def["type"], def["size"] = kind, []int{0, 1, 3, 12, 16}[s.rng.IntN(5)]
	default:
		if s.rng.IntN(2) == 0 {
			return kind
		}
	}
	if s.rng.IntN(2) == 0 {
		def["logicalType"] = s.logical()
		if kind == "int" || kind == "long" { // which have the most
			def["logicalType"] = pick(s.rng, map[string][]string{"int": {"date", "time-millis"}, "long": {"timestamp-millis", "timestamp-micros", "timestamp-nanos", "time-micros"}}[kind]...)
		}
		if s.rng.IntN(2) == 0 {
			def["precision"], def["scale"] = 2, s.rng.IntN(3)
		}
	}
	return def
}

// appendValue appends a value as a layout says, in one of the ways that it may be
// written.
func appendValue(b []byte, rng *rand.Rand, l *serde.Layout, depth int) []byte {
	switch l.Kind {
	case "boolean", "": // of what is not certain in the tests, a byte will do
		return append(b, byte(rng.IntN(3)))
	case "int":
		return binary.AppendVarint(b, []int64{0, 1, 5, -1, rng.Int64N(1 << 31), math.MinInt32}[rng.IntN(6)])
	case "long":
		return binary.AppendVarint(b, []int64{0, 1, 5, -1, rng.Int64(), math.MinInt64, 1_795_514_400_000}[rng.IntN(7)])
	case "float":
		return binary.LittleEndian.AppendUint32(b, math.Float32bits([]float32{0, 0.5, 1, float32(math.NaN()), float32(math.Inf(-1))}[rng.IntN(5)]))
	case "double":
		return binary.LittleEndian.AppendUint64(b, math.Float64bits([]float64{0, 0.5, 1, 5, math.NaN(), 1e300}[rng.IntN(6)]))
	case "string", "bytes":
		v := pick(rng, "", "x", "é", "a b", "\xff", "9b2de4ca-9d4a-4e8c-a8f1-6f9b0c7b2a11", "\x02\x05\x02")
		return append(binary.AppendVarint(b, int64(len(v))), v...)
	case "enum":
		return binary.AppendVarint(b, rng.Int64N(int64(len(l.Symbols))))
	case "fixed":
		for range l.Size {
			b = append(b, byte("x\x00\xff"[rng.IntN(3)]))
		}
	case "record":
		for _, f := range l.Fields {
			b = appendValue(b, rng, f.Type, depth+1)
		}
	case "union":
		branch := rng.IntN(len(l.Of))
		for i, of := range l.Of {
			if depth > 8 && of.Kind == "null" { // else it may never end
				branch = i
			}
		}
		return appendValue(binary.AppendVarint(b, int64(branch)), rng, l.Of[branch], depth+1)
	case "array", "map":
		return appendBlocks(b, rng, l, depth)
	}
	return b
}

func appendBlocks(b []byte, rng *rand.Rand, l *serde.Layout, depth int) []byte {
	for depth < 8 && rng.IntN(2) == 0 {
		n := 1 + rng.IntN(3)
		var block []byte
		for range n {
			if l.Kind == "map" {
				key := pick(rng, fieldNames...)
				block = append(binary.AppendVarint(block, int64(len(key))), key...)
			}
			block = appendValue(block, rng, l.Of[0], depth+1)
		}
		if rng.IntN(3) == 0 {
			b = binary.AppendVarint(binary.AppendVarint(b, int64(-n)), int64(len(block)))
		} else {
			b = binary.AppendVarint(b, int64(n))
		}
		b = append(b, block...)
	}
	return append(b, 0)
}
