package records

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/serde"
)

// What is found in a value without decoding it is what decoding makes of it, for
// random schemas and values, whole and damaged.
func TestAvro(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 19))
	rounds := 500
	if testing.Short() {
		rounds = 300
	}
	var texts []string
	for len(texts) < rounds {
		text := someSchema(rng)
		if _, err := avro.Parse(text); err == nil {
			texts = append(texts, text)
		}
	}
	d := &decoder{registry: registryOf(t, texts)}
	whole, found, damaged, survived := 0, 0, 0, 0
	for id, text := range texts {
		l := learn(t, d, id, text)
		c, places := asking(rng)
		for range 8 {
			v := appendValue(serde.AppendHeader(nil, id), rng, l, 0)
			r := &kgo.Record{Value: v}
			isWhole := d.decoded(t.Context(), r) != nil
			if ok := sameAsDecoded(t, c, d, r, text, places); isWhole {
				whole++
				found += int(verdictOf(ok) - no)
			}
			r = &kgo.Record{Value: damage(rng, v)}
			damaged++
			survived += int(verdictOf(sameAsDecoded(t, c, d, r, text, places)) - no)
		}
	}
	t.Logf("%d of %d whole values were gone through, and %d of %d damaged ones", found, whole, survived, damaged)
	if whole < 6*rounds || found < whole*3/4 || survived == 0 || survived > damaged*3/4 {
		t.Error("the test, or the walk, does too little")
	}
}

// The same holds for expressions over them.
func TestQuickIsCELInAvro(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 29))
	d := &decoder{registry: registryOf(t, schemas)}
	said := map[verdict]int{}
	for id, text := range schemas {
		l := learn(t, d, id, text)
		for range 1_000 {
			expression := condition(rng, 2)
			f, err := newFilter("", expression)
			if err != nil {
				continue // of two types that are never equal
			}
			v := appendValue(serde.AppendHeader(nil, id), rng, l, 0)
			if rng.IntN(4) == 0 {
				v = damage(rng, v)
			}
			said[sameAsCEL(t, f, expression, &kgo.Record{Value: v}, d)]++
		}
	}
	if said[no] == 0 || said[yes] == 0 || said[fails] == 0 || said[unsure] > said[no]+said[yes]+said[fails] {
		t.Errorf("it says too little: %v", said)
	}
}

// FuzzAvro does so with any bytes.
func FuzzAvro(f *testing.F) {
	rng := rand.New(rand.NewPCG(31, 37))
	d := &decoder{registry: registryOf(f, schemas)}
	for id, text := range schemas {
		l := learn(f, d, id, text)
		for range 5 {
			f.Add(id, appendValue(nil, rng, l, 0))
		}
	}
	c, places := asking(rng)
	f.Fuzz(func(t *testing.T, id int, payload []byte) {
		if id < 0 || id >= len(schemas) {
			return
		}
		sameAsDecoded(t, c, d, &kgo.Record{Value: append(serde.AppendHeader(nil, id), payload...)}, schemas[id], places)
	})
}

// Odd ways to write a value, and what is wrong with one.
func TestAvroBytes(t *testing.T) {
	texts := []string{
		`{"type":"record","name":"r","fields":[{"name":"none","type":{"type":"array","items":"null"}},{"name":"tags","type":{"type":"array","items":"long"}},
			{"name":"a","type":{"type":"map","values":"long"}},{"name":"n","type":"int"}]}`,
		`{"type":"record","name":"r","fields":[{"name":"n","type":"int"},{"name":"a","type":["null","r"]}]}`,
		`{"type":"map","values":{"type":"map","values":{"type":"map","values":"long"}}}`,
		`{"type":"record","name":"r","fields":[{"name":"n","type":{"type":"record","name":"t","fields":[{"name":"b","type":"int"}]}},{"name":"a","type":
			{"type":"record","name":"u","namespace":"x","fields":[{"name":"b","type":"t"},{"name":"c","type":{"type":"record","name":"t","fields":[{"name":"b","type":"boolean"}]}}]}}]}`,
	}
	d := &decoder{registry: registryOf(t, texts)}
	for id, text := range texts {
		learn(t, d, id, text)
	}
	f := func(id int, value, expression string, want verdict) {
		t.Helper()
		filter, err := newFilter("", expression)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameAsCEL(t, filter, expression, &kgo.Record{Value: framed(id, value)}, d); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	const both = "json.n == 5 && json.a.b == 1"
	f(0, "\x00\x00"+"\x02\x02b\x02\x00"+"\x0a", both, yes)
	f(0, "\x00\x00"+"\x02\x02b\x04\x00"+"\x0a", both, no)
	f(0, "\x00\x03\x04\x06\x02\x00"+"\x01\x06\x02b\x02\x00"+"\x0a", both, yes)                // blocks with their sizes
	f(0, "\x00\x03\x63\x06\x02\x00"+"\x01\x06\x02b\x02\x00"+"\x0a", both, yes)                // that are wrong
	f(0, "\x00\x00"+"\x02\x02b\x04\x02\x02c\x00\x02\x02b\x02\x00"+"\x0a", both, yes)          // a key twice
	f(0, "\x00\x00"+"\x02\x02b\x02\x02\x02c\x00\x02\x02b\x04\x00"+"\x0a", both, no)           //
	f(0, "\x00\x00"+"\x02\x02b\x82\x00\x00"+"\x8a\x80\x00", both, yes)                        // numbers longer than need be
	f(0, "\x06\x00\x00"+"\x02\x02b\x02\x00"+"\x0a", both, yes)                                // three nulls
	f(0, "\x00\x00"+"\x02\x02b\x02\x00"+"\x8a\x80\x80\x80\x10", both, fails)                  // above 32 bits
	f(0, "\x00\x00"+"\x02\x02b\x02\x00"+"\x8a\x80\x80\x80\x80\x00", both, fails)              // in 6 bytes
	f(0, "\x00\x00"+"\x02\x02b\x02\x00"+"\x0a\x00", both, fails)                              // a byte too many
	f(0, "\x00\x00"+"\x02\x02b\x02\x00", both, fails)                                         // too few
	f(0, "\x00\x00"+"\x02\x02b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00\x0a", both, fails) // above 64 bits
	f(0, "\x00\x00"+"\x02\x02c\x02\x00"+"\x0a", both, fails)                                  // no such key
	f(0, "", both, fails)

	// So is what was in it.
	f(2, "\x04"+"\x02a\x02\x02b\x02\x02c\x02\x00\x00"+"\x02a\x02\x02b\x00\x00"+"\x00", "has(json.a.b.c)", no)

	// The name t means the first of two types, although the second one is nearer.
	f(3, "\x01\x01\x01", "json.a.b.b == -1", yes)

	// What takes no bytes may be there 4,096 times.
	f(0, "\x80\x40\x00"+"\x90\x4e"+strings.Repeat("\x00", 5000)+"\x00"+"\x02\x02b\x02\x00"+"\x0a", both, yes)
	f(0, "\x90\x4e\x00"+"\x90\x4e"+strings.Repeat("\x00", 5000)+"\x00"+"\x02\x02b\x02\x00"+"\x0a", both, fails)

	f(0, "\x80\x80\x80\x80\x80\x80\x80\x40\x00", both, fails)

	// Records and unions may be in each other 1,000 times.
	f(1, strings.Repeat("\x0a\x02", 499)+"\x0a\x00", "json.a.n == 5", yes)
	f(1, strings.Repeat("\x0a\x02", 500)+"\x0a\x00", "json.a.n == 5", fails)
}

// Behind the id in a header nothing may follow.
func TestAvroInHeader(t *testing.T) {
	d := &decoder{registry: registryOf(t, []string{`{"type":"record","name":"r","fields":[{"name":"n","type":"int"}]}`})}
	learn(t, d, 0, "")
	filter, err := newFilter("", "json.n == 5")
	if err != nil {
		t.Fatal(err)
	}
	f := func(more string, want verdict) {
		t.Helper()
		header := kgo.RecordHeader{Key: serde.ValueHeader, Value: append(serde.AppendHeader(nil, 0), more...)}
		if got := sameAsCEL(t, filter, "", &kgo.Record{Value: []byte("\x0a"), Headers: []kgo.RecordHeader{header}}, d); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	f("", yes)
	f("\x00", fails)
}

// Nothing is allocated for a record.
func TestAvroAllocatesNothing(t *testing.T) {
	d := &decoder{registry: registryOf(t, schemas)}
	l := learn(t, d, 0, schemas[0])
	filter, err := newFilter("", "json.a.b == 'no such' || json.n == 77 || json.tags == null")
	if err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Value: appendValue(serde.AppendHeader(nil, 0), rand.New(rand.NewPCG(1, 1)), l, 0)}
	c := filter.quick.pool.Get().(*candidate)
	judge := func() verdict {
		c.reset(t.Context(), d, r)
		return filter.quick.test(c)
	}
	if v := judge(); v != no {
		t.Fatalf("it says %v", v)
	}
	if n := testing.AllocsPerRun(1000, func() { judge() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// JSON behind the id of its schema is gone through as text, and is found also if it
// is not as the schema wants it.
func TestFramedJSON(t *testing.T) {
	registry := registryOf(t, []string{"JSON", `{"type":"object","required":["a"]}`})
	d := &decoder{want: Auto, max: 100, registry: registry}
	filter, err := newFilter("", `json.b == 5 && json.t == "é"`)
	if err != nil {
		t.Fatal(err)
	}
	f := func(value string, want verdict) {
		t.Helper()
		r := &kgo.Record{Value: framed(1, value)}
		if got := sameAsCEL(t, filter, "", r, d); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
	f(`{"b":5,"t":"é"}`, yes) // not known yet, and invalid
	f(`{"a":1,"b":5,"t":"\u00e9"}`, yes)
	for range 2 {
		f(`{"b":5,"t":"é"}`, yes)
		f(`{"a":1,"b":6,"t":"é"}`, no)
		f(`{"a":1,"b":5,"t":"é"`, fails)
		f("{\"a\":1,\"b\":5,\"t\":\"é\"}\u0085", yes)
		f(`[1]`, fails)
		f(``, fails)
	}
	if f := d.field(t.Context(), &kgo.Record{Value: framed(1, `{"b":5}`)}, false); f.Format != Hex || len(f.Attempts) == 0 {
		t.Errorf("a page shows it as %+v", f)
	}
}

// registryOf returns a registry that has schemas by their places; the one after
// "JSON" is a JSON Schema.
func registryOf(t testing.TB, schemas []string) Registry {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/schemas/ids/"))
		if err != nil || id >= len(schemas) {
			http.NotFound(w, r)
			return
		}
		answer := map[string]string{"schema": schemas[id]}
		if id > 0 && schemas[id-1] == "JSON" {
			answer["schemaType"] = "JSON"
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return RegistryAt(server.URL)
}

// learn has the registry decode a value of a schema, after which it says how they
// are written.
func learn(t testing.TB, d *decoder, id int, text string) *serde.Layout {
	t.Helper()
	l, _, err := d.registry.(*registryAt).serde.Layout(t.Context(), serde.SchemaID{Number: id})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(uint64(id), 41))
	for range 100 {
		if _, err = d.registry.Decode(t.Context(), &kgo.Record{Value: appendValue(serde.AppendHeader(nil, id), rng, l, 0)}, false); err == nil {
			return l
		}
	}
	t.Fatalf("%s:\n%v", text, err)
	return nil
}

// asking returns a candidate that some places are asked of.
func asking(rng *rand.Rand) (*candidate, []*node) {
	f := newFields()
	places := []*node{f.root}
	for range 1 + rng.IntN(6) {
		p := f.root
		for range 1 + rng.IntN(3) {
			p = p.at(pick(rng, fieldNames...))
			places = append(places, p)
		}
	}
	return &candidate{fields: f, slots: make([]slot, f.root.number(0))}, places
}

// sameAsDecoded compares what is found with what is decoded, and says whether
// anything was found.
func sameAsDecoded(t *testing.T, c *candidate, d *decoder, r *kgo.Record, schema string, places []*node) bool {
	t.Helper()
	c.reset(t.Context(), d, r)
	if c.look(); c.looked != inText {
		return false
	}
	v, _, err := d.ask(t.Context(), r, false)
	if err != nil {
		t.Fatalf("%s\n%x is taken, and: %v", schema, r.Value, err)
	}
	whole := candidate{looked: asValue, decoded: v}
	for _, p := range places {
		got, want := c.field(p), whole.field(p)
		if got.kind == unknown { // it does not claim anything
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(operand{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%v of %x (-decoded +found):\n%s\n%s", p.path, r.Value, diff, schema)
		}
		if got.kind == container && c.isList(p) != whole.isList(p) {
			t.Fatalf("%v of %x is a list: %v\n%s", p.path, r.Value, c.isList(p), schema)
		}
	}
	return true
}

// damage returns a value that is cut, longer, or has another byte.
func damage(rng *rand.Rand, v []byte) []byte {
	v = append([]byte(nil), v...)
	switch payload := v[5:]; {
	case rng.IntN(3) == 0 || len(payload) == 0:
		return append(v, byte(rng.IntN(3)))
	case rng.IntN(2) == 0:
		return v[:5+rng.IntN(len(payload))]
	default:
		payload[rng.IntN(len(payload))] ^= 1 << rng.IntN(8)
		return v
	}
}
