package records

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/serde"
)

// The same expressions and records are judged without and with cel-go.
func TestQuickIsCEL(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	rounds := 5_000
	if testing.Short() {
		rounds = 1_000
	}
	said := map[verdict]int{}
	for range rounds {
		expression := condition(rng, 3)
		f, err := newFilter("", expression)
		if err != nil {
			continue // of two types that are never equal
		}
		for range 8 {
			r, d := someRecord(rng)
			said[sameAsCEL(t, f, expression, r, d)]++
		}
	}
	t.Logf("unsure %d, no %d, yes %d, fails %d", said[unsure], said[no], said[yes], said[fails])
	if known := said[no] + said[yes] + said[fails]; known < said[unsure] || said[no] == 0 || said[yes] == 0 || said[fails] == 0 {
		t.Errorf("it says too little: %v", said)
	}
}

// FuzzQuick does so with any value, as text and as the record of a registry.
func FuzzQuick(f *testing.F) {
	for _, v := range documents {
		f.Add(uint64(len(v)), []byte(v))
	}
	f.Fuzz(func(t *testing.T, seed uint64, value []byte) {
		rng := rand.New(rand.NewPCG(seed, 1))
		expression := condition(rng, 2)
		filter, err := newFilter("", expression)
		if err != nil {
			return
		}
		r, d := someRecord(rng)
		r.Value = value
		sameAsCEL(t, filter, expression, r, d)
	})
}

func sameAsCEL(t *testing.T, f *filter, expression string, r *kgo.Record, d *decoder) verdict {
	t.Helper()
	got, _, _ := f.quick.judge(t.Context(), r, d)
	held, evalErr := f.evaluate(&variables{r: r, object: func() any { return d.decoded(t.Context(), r) }})
	if evalErr != nil && strings.Contains(evalErr.Error(), "hash of unhashable type types.Bytes") {
		return got // a defect of cel-go: value in ["a", "b"] panics on bytes
	}
	want := verdictOf(held)
	if evalErr != nil {
		want = fails
	}
	if got != unsure && got != want {
		t.Fatalf("%s\non key %q, value %q, headers %q: %v, and cel-go says %v, %v", expression, r.Key, r.Value, r.Headers, got, held, evalErr)
	}
	again, err := f.match(t.Context(), r, d)
	if again != (want == yes) || (err != nil) != (want == fails) {
		t.Fatalf("%s\non %q, %#v: %v, %v after %v, and cel-go says %v, %v", expression, r.Value, d.decoded(t.Context(), r), again, err, got, held, evalErr)
	}
	return got
}

func pick(rng *rand.Rand, of ...string) string { return of[rng.IntN(len(of))] }

func condition(rng *rand.Rand, depth int) string {
	if depth > 0 && rng.IntN(3) > 0 {
		a, b := condition(rng, depth-1), condition(rng, depth-1)
		return pick(rng, "("+a+" && "+b+")", "("+a+" || "+b+")", "!("+a+")")
	}
	switch rng.IntN(10) {
	case 0, 1, 2:
		return value(rng) + pick(rng, " == ", " != ", " < ", " <= ", " > ", " >= ") + value(rng)
	case 3, 4:
		return field(rng) + pick(rng, " == ", " != ", " < ", " <= ", " > ", " >= ") + constant(rng)
	case 5:
		return value(rng) + " in [" + constant(rng) + ", " + constant(rng) + ", " + constant(rng) + "]"
	case 6:
		return pick(rng, "'x'", "'tags'", "''", "1", "'é'") + " in " + pick(rng, "json.tags", "json.a", "json", "headers")
	case 7:
		return value(rng) + pick(rng, ".contains(", ".startsWith(", ".endsWith(", ".matches(") + pick(rng, "'x'", "'é'", "''", "'a.*b'", "'\"'", "'\\\\n'") + ")"
	case 8:
		return "has(" + pick(rng, "json.a", "json.a.b", "json.a.b.c", "json.tags.x", "json.missing", "headers.h", "headers.none") + ")"
	}
	odd := pick(rng, "json.tags.exists(t, t == 'x')", "size(json.tags) > 1", "json.tags[0] == 'x'", "offset % 2 == 0")
	return pick(rng, "true", "false", "json.flag", "json.a", odd)
}

func field(rng *rand.Rand) string {
	return pick(rng, "json", "json.a", "json.a.b", "json['a']['b']", "json.a.b.c", "json.n", "json.s", "json.flag", "json.tags", "json.missing", "json['é']", "json['a\\\"']", "json['\uFFFD']")
}

func value(rng *rand.Rand) string {
	return pick(rng, field(rng), field(rng), constant(rng), "key", "value", "headers.h", "headers['h']", "headers['none']", "partition", "offset", "time")
}

func constant(rng *rand.Rand) string {
	odd := pick(rng, "5u", "b'x'", "duration('1s')", "[1]", "{'b': 1}", "size('x')")
	return pick(rng, "0", "1", "-1", "5", "1.0", "0.5", "1e300", "9007199254740993", "9007199254740992.0", "9223372036854775807", "'x'", "''", "'é'", "'a b'",
		"'\uFFFD'", "true", "false", "null", "timestamp('2026-11-24T10:00:00Z')", odd)
}

var documents = []string{
	`{}`, `{"a":{"b":1}}`, `{"a":{"b":{"c":"x"}},"n":5,"s":"x","flag":true,"tags":["x","y"]}`, ` { "a" : { "b" : "é" } , "tags" : [ ] } `,
	`{"a":{"b":1},"a":{"c":2}}`, `{"a":{"b":1},"a":5}`, `{"a":5,"a":{"b":"x"}}`, `{"\u0061":1,"n":0}`, `{"s":"a\u0020b","a":"\u00e9"}`, `{"s":"\ud800","a":"\ufffd"}`,
	`{"n":1.0}`, `{"n":-0}`, `{"n":9007199254740993}`, `{"n":9223372036854775808}`, `{"n":1e999}`, `{"n":-1E-2,"a":0.5}`, `{"n":01}`, `{"n":1.}`, `{"n":+1}`, `{"n":--1}`, `{"n":1e}`,
	`{"tags":{"x":1},"a":null}`, `{"tags":["\u0078"]}`, `{"tags":"x","a":[{"b":1}]}`, `{"a":{"b":1}`, `{"a":1}}`, `{"a":1} x`, "{\"a\":1}\u0085", `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`,
	"{\"s\":\"\xff\"}", "{\"\xff\":1,\"é\":1}", "{\"s\":\"a\nb\"}", `{"s":"\q"}`, `{"s":"\u12g4"}`, `{"s":"`, `{"s":"\`, `{"a":tru}`, `{"a":nul}`, `{"a":falsee}`, "{\"a\u0000\":1}",
	`[1,"x"]`, `"x"`, `5`, `null`, `true`, `x`, ``, "\xff\xfe", "\x00\x00\x00\x00\x05x", "\x00\x00\x00\x00\x06x", `{"a\"":1}`, `{"flag":"true","tags":[[["x"]],{"x":[]}]}`, "\n\t\r{\"flag\":false}\n",
	`{"long":"` + strings.Repeat("abcdefg", 20) + `","s":"x"}`, `{"deep":` + strings.Repeat("[", 1200) + strings.Repeat("]", 1200) + `}`,
}

func someRecord(rng *rand.Rand) (*kgo.Record, *decoder) {
	v := []byte(documents[rng.IntN(len(documents))])
	if rng.IntN(4) == 0 && len(v) > 0 { // and damaged
		v[rng.IntN(len(v))] = []byte(`{}[]",:\0a `)[rng.IntN(11)]
	}
	r := &kgo.Record{Partition: rng.Int32N(3), Offset: rng.Int64N(3), Timestamp: epoch.Add(time.Duration(rng.IntN(3)-1) * time.Second), Value: v}
	switch rng.IntN(6) {
	case 0:
		r.Value = nil
	case 1:
		r.Value = framed(5, "x")
	}
	for range rng.IntN(3) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: pick(rng, "h", "x"), Value: [][]byte{nil, {}, []byte("x"), {0xff}}[rng.IntN(4)]})
	}
	if rng.IntN(2) == 0 {
		r.Key = [][]byte{{}, []byte("x"), []byte("a b"), {0xff}}[rng.IntN(4)]
	}
	return r, &decoder{want: []string{Auto, Auto, JSON}[rng.IntN(3)], registry: randomRegistry{seed: rng.Uint64()}}
}

// randomRegistry decodes everything of schema 5 to the same value, made anew each
// time: who asks may change it.
type randomRegistry struct {
	seed uint64
}

func (r randomRegistry) Decode(ctx context.Context, record *kgo.Record, key bool) (any, error) {
	return (&fakeRegistry{id: 5, value: someValue(rand.New(rand.NewPCG(r.seed, 3)), 3)}).Decode(ctx, record, key)
}

func (randomRegistry) Schema(context.Context, serde.SchemaID) (int, string) { return 5, Avro }
func (randomRegistry) Subject(context.Context, int) string                  { return "" }

// someValue is what a registry may decode.
func someValue(rng *rand.Rand, depth int) any {
	if depth > 0 {
		m := map[string]any{}
		for _, name := range []string{"a", "b", "c", "n", "s", "flag"} {
			if rng.IntN(2) == 0 {
				m[name] = someValue(rng, rng.IntN(depth))
			}
		}
		m["tags"] = []any{"x", int32(1)}
		return m
	}
	return []any{nil, true, false, "x", "", "\xff", int32(1), int64(5), int(-1), float32(0.5), 1.0, math.NaN(), math.Inf(1), []byte("x"), []byte{0xff}, epoch, time.Second,
		fmt.Errorf("x"), [2]int{1, 2}, map[string]any(nil), []any(nil)}[rng.IntN(21)]
}
