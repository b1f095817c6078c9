package records

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/wire"
	"github.com/weirhq/weir/serde"
)

// fakeRegistry knows one schema.
type fakeRegistry struct {
	id    int
	value any
	down  bool
	asked int
}

func (f *fakeRegistry) Decode(_ context.Context, r *kgo.Record, key bool) (any, error) {
	f.asked++
	frame, err := serde.ParseRecord(r, key)
	switch {
	case err != nil:
		return nil, err
	case f.down:
		return nil, fmt.Errorf("%w: nobody answers", serde.ErrRegistry)
	case frame.ID.Number != f.id:
		return nil, serde.ErrUnknownSchema
	}
	return f.value, nil
}

func (f *fakeRegistry) Schema(_ context.Context, id serde.SchemaID) (int, string) {
	return id.Number, Avro
}

func (f *fakeRegistry) Subject(context.Context, int) string { return "orders-value" }

var noReasons = cmpopts.IgnoreFields(Attempt{}, "Error")

func framed(id int, payload string) []byte { return append(serde.AppendHeader(nil, id), payload...) }

func TestField(t *testing.T) {
	registry := &fakeRegistry{id: 5, value: map[string]any{"b": []byte{1, 255}, "a": int64(1), "f": math.NaN(), "d": big.NewRat(5, 4)}}
	tried := func(names ...string) []Attempt {
		out := []Attempt{}
		for _, n := range names {
			out = append(out, Attempt{Decoder: n})
		}
		return out
	}
	const rtl = "\u202efdp.exe\u202c <b>&amp;</b>"
	for name, c := range map[string]struct {
		value []byte
		want  string // decoder
		field Field
	}{
		"null":              {nil, Auto, Field{Null: true, Format: "null", Attempts: tried()}},
		"empty":             {[]byte{}, Auto, Field{Format: Text, Attempts: tried()}},
		"text":              {[]byte("häuser\n\t"), Auto, Field{Bytes: 9, Text: "häuser\n\t", Format: Text, Attempts: tried(Avro, JSON)}},
		"number":            {[]byte("17"), Auto, Field{Bytes: 2, Text: "17", Format: Text, Attempts: tried(Avro, JSON)}},
		"object":            {[]byte(` {"a": 1.0}`), Auto, Field{Bytes: 11, Text: ` {"a": 1.0}`, Format: JSON, Attempts: tried(Avro)}},
		"array":             {[]byte(`[1]`), Auto, Field{Bytes: 3, Text: `[1]`, Format: JSON, Attempts: tried(Avro)}},
		"half an object":    {[]byte(`{"a":`), Auto, Field{Bytes: 5, Text: `{"a":`, Format: Text, Attempts: tried(Avro, JSON)}},
		"not UTF-8":         {[]byte("a\xff"), Auto, Field{Bytes: 2, Text: "61ff", Format: Hex, Attempts: tried(Avro, JSON, Text)}},
		"control character": {[]byte("a\x1b[31m"), Auto, Field{Bytes: 6, Text: "611b5b33316d", Format: Hex, Attempts: tried(Avro, JSON, Text)}},
		"html and rtl":      {[]byte(rtl), Auto, Field{Bytes: len(rtl), Text: rtl, Format: Text, Attempts: tried(Avro, JSON)}},
		"avro":              {framed(5, "x"), Auto, Field{Bytes: 6, Text: `{"a":1,"b":"0x01ff","d":"1.25","f":"NaN"}`, Format: Avro, SchemaID: 5, Subject: "orders-value", Attempts: tried()}},
		"unknown schema":    {framed(6, "x"), Auto, Field{Bytes: 6, Text: "000000000678", Format: Hex, SchemaID: 6, Subject: "orders-value", Attempts: tried(Avro, JSON, Text)}},
		"as text":           {[]byte("a\xff{"), Text, Field{Bytes: 3, Text: "a\uFFFD{", Format: Text, Attempts: tried()}},
		"as hex":            {[]byte("ab"), Hex, Field{Bytes: 2, Text: "6162", Format: Hex, Attempts: tried()}},
		"as json, is text":  {[]byte("ab"), JSON, Field{Bytes: 2, Text: "ab", Format: Text, Attempts: tried(JSON)}},
		"as avro, is text":  {[]byte("ab"), Avro, Field{Bytes: 2, Text: "6162", Format: Hex, Attempts: tried(Avro)}},
	} {
		d := &decoder{topic: "orders", want: c.want, max: 1000, registry: registry}
		got := d.field(t.Context(), &kgo.Record{Value: c.value}, false)
		if diff := cmp.Diff(c.field, got, noReasons); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, a := range got.Attempts {
			if a.Error == "" {
				t.Errorf("%s: %s says no reason", name, a.Decoder)
			}
		}
	}
}

// A registry that does not answer is asked once per page, and nobody waits again.
func TestRegistryDown(t *testing.T) {
	registry := &fakeRegistry{down: true}
	d := &decoder{want: Auto, max: 100, registry: registry}
	for range 10 {
		f := d.field(t.Context(), &kgo.Record{Value: framed(5, "\xff")}, false)
		if f.Format != Hex || f.SchemaID != 5 || !strings.Contains(f.Attempts[0].Error, "nobody answers") {
			t.Errorf("%+v", f)
		}
	}
	if registry.asked != 1 {
		t.Errorf("it was asked %d times", registry.asked)
	}
	if f := (&decoder{want: Auto, max: 100}).field(t.Context(), &kgo.Record{Value: framed(5, "x")}, false); f.Attempts[0].Error != errNoRegistry.Error() {
		t.Errorf("without a registry: %+v", f)
	}
}

func TestCut(t *testing.T) {
	d := &decoder{want: Auto, max: 10}
	f := func(value string, bytes int, text, format string, truncated bool) {
		t.Helper()
		got := d.field(t.Context(), &kgo.Record{Value: []byte(value)}, false)
		if got.Bytes != bytes || got.Text != text || got.Format != format || got.Truncated != truncated || !utf8.ValidString(got.Text) {
			t.Errorf("%.20q: %+v", value, got)
		}
	}
	f("0123456789", 10, "0123456789", Text, false)
	f("01234567890", 11, "0123456789", Text, true)
	f("012345678é", 11, "012345678", Text, true)
	f(strings.Repeat("é", 100), 200, "ééééé", Text, true)
	f(`{"a":"`+strings.Repeat("x", 100)+`"}`, 108, `{"a":"xxxx`, JSON, true)
	f(strings.Repeat("\xff", 100), 100, "ffffffffff", Hex, true)
	f(strings.Repeat("\xff", 5), 5, "ffffffffff", Hex, false)
}

func TestHeaders(t *testing.T) {
	d := &decoder{want: Auto, max: 1000}
	r := &kgo.Record{Key: []byte{}, Headers: []kgo.RecordHeader{
		{Key: "text", Value: []byte("a")}, {Key: "null"}, {Key: "empty", Value: []byte{}}, {Key: "bytes", Value: []byte{0xff}}, {Key: "bad\xff", Value: nil},
		{Key: wire.StampHeader, Value: wire.Stamp{Run: wire.RunID{1}, Seq: 7}.Append(nil)},
	}}
	got := d.record(t.Context(), r)
	want := []Header{
		{"text", Field{Bytes: 1, Text: "a", Format: Text}}, {"null", Field{Null: true, Format: "null"}}, {"empty", Field{Format: Text}},
		{"bytes", Field{Bytes: 1, Text: "ff", Format: Hex, Attempts: []Attempt{{Decoder: Text}}}}, {"bad\uFFFD", Field{Null: true, Format: "null"}},
		{"weir-id", Field{Bytes: 10, Text: "run 0100000000000000, record 7", Format: "weir"}},
	}
	if diff := cmp.Diff(want, got.Headers, noReasons, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Key.Null || !got.Value.Null {
		t.Errorf("an empty key and a null value are shown as %+v and %+v", got.Key, got.Value)
	}
	for range 10_000 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: strings.Repeat("k", 3000), Value: make([]byte, 30)})
	}
	got = d.record(t.Context(), r)
	size := 0
	for _, h := range got.Headers {
		size += len(h.Key) + len(h.Value.Text)
	}
	if len(got.Headers)+got.HeadersCut != len(r.Headers) || len(got.Headers) > maxHeaders || size > 4*d.max {
		t.Errorf("%d headers shown, %d cut, %d bytes", len(got.Headers), got.HeadersCut, size)
	}
}

func TestOwnFormats(t *testing.T) {
	id := wire.TopicID{0xab}
	position := wire.PositionKey{Stream: "s", TopicID: id, Partition: 3}
	commit := kmsg.OffsetCommitKey{Version: 1, Group: "g", Topic: "t", Partition: 2}
	committed := kmsg.OffsetCommitValue{Version: 3, Offset: 17, LeaderEpoch: -1, CommitTimestamp: 5}
	group := kmsg.GroupMetadataKey{Version: 2, Group: "g"}
	members := kmsg.GroupMetadataValue{Version: 3, ProtocolType: "consumer", CurrentStateTimestamp: -1, Members: []kmsg.GroupMetadataValueMember{{MemberID: "m", Subscription: []byte{1}}}}
	for name, c := range map[string]struct {
		topic      string
		key, value []byte
		want       [2]string
		format     string
	}{
		"position": {wire.PositionsTopic, position.Append(nil), wire.Position{Src: 5, Dst: 6, LeaderEpoch: -1}.Append(nil),
			[2]string{`{"partition":3,"stream":"s","topic_id":"ab` + strings.Repeat("0", 30) + `"}`, `{"dst":6,"leader_epoch":-1,"producers":[],"src":5}`}, "weir"},
		"counts": {wire.CountsTopic, []byte("orders"), wire.Counts{Tier: "east", Topic: "orders", TopicID: id, Window: 600_000}.Append(nil),
			[2]string{"orders", `{"epoch":0,"rows":[],"tier":"east","topic":"orders","topic_id":"ab` + strings.Repeat("0", 30) + `","window":600000}`}, "weir"},
		"schemas": {"_schemas", []byte(`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`), []byte(`{"subject":"s","version":1,"id":1,"schema":"\"int\"","deleted":false}`),
			[2]string{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, `{"subject":"s","version":1,"id":1,"schema":"\"int\"","deleted":false}`}, "weir"},
		"commit": {offsetsTopic, commit.AppendTo(nil), committed.AppendTo(nil),
			[2]string{`{"group":"g","partition":2,"topic":"t","version":1}`, `{"commit_timestamp":5,"expire_timestamp":0,"leader_epoch":-1,"metadata":"","offset":17,"topic_id":"` + strings.Repeat("0", 32) + `","version":3}`}, "kafka"},
		"group": {offsetsTopic, group.AppendTo(nil), members.AppendTo(nil),
			[2]string{`{"group":"g","version":2}`, `{"current_state_timestamp":-1,"generation":0,"leader":null,"members":[{"assignment":"","client_host":"","client_id":"","instance_id":null,"member_id":"m","rebalance_timeout_millis":0,"session_timeout_millis":0,"subscription":"01"}],"protocol":null,"protocol_type":"consumer","version":3}`}, "kafka"},
		"commit, deleted": {offsetsTopic, commit.AppendTo(nil), nil, [2]string{`{"group":"g","partition":2,"topic":"t","version":1}`, ""}, "kafka"},
	} {
		d := &decoder{topic: c.topic, want: Auto, max: 10_000}
		got := d.record(t.Context(), &kgo.Record{Key: c.key, Value: c.value})
		if got.Key.Text != c.want[0] || got.Value.Text != c.want[1] || got.Key.Format != c.format || c.value != nil && got.Value.Format != c.format {
			t.Errorf("%s: key %s %s, value %s %s", name, got.Key.Format, got.Key.Text, got.Value.Format, got.Value.Text)
		}
	}
	report := wire.Report{Run: wire.RunID{1}, Window: 600_000, Interval: 1, Registration: &wire.Registration{Application: "app"},
		Topics: []wire.ReportTopic{{Topic: "orders", Rows: []wire.ReportRow{{Kind: wire.OK, Totals: wire.Totals{Count: 3}}}}}}
	d := &decoder{topic: wire.ReportsTopic, want: Auto, max: 10_000}
	got := d.record(t.Context(), &kgo.Record{Key: report.Run[:], Value: report.Append(nil)})
	if got.Key.Text != "0100000000000000" || !strings.Contains(got.Value.Text, `"kind":"ok"`) || !strings.Contains(got.Value.Text, `"application":"app"`) {
		t.Errorf("report: %s, %s", got.Key.Text, got.Value.Text)
	}
	// Foreign bytes in such a topic are shown like others.
	for _, topic := range []string{wire.CountsTopic, offsetsTopic, transactionsTopic, "_schemas"} {
		d := &decoder{topic: topic, want: Auto, max: 100}
		got := d.record(t.Context(), &kgo.Record{Key: []byte("k"), Value: []byte(`{"x":1}`)})
		if got.Value.Format != JSON || len(got.Value.Attempts) == 0 {
			t.Errorf("%s: %+v", topic, got.Value)
		}
	}
}

func TestControlRecords(t *testing.T) {
	key, err := hex.DecodeString("00000001")
	if err != nil {
		t.Fatal(err)
	}
	if f := controlKey(key); f.Text != "commit" || f.Format != "kafka" {
		t.Errorf("%+v", f)
	}
	if f := controlKey([]byte{9}); f.Format != Hex || len(f.Attempts) != 1 {
		t.Errorf("foreign bytes: %+v", f)
	}
	if f := controlValue([]byte{0, 0, 0, 0, 0, 7}); f.Text != "coordinator epoch 7" {
		t.Errorf("%+v", f)
	}
}

// FuzzField: whatever the bytes, a field is shown, in no more text than allowed.
func FuzzField(f *testing.F) {
	for _, topic := range []string{"orders", offsetsTopic, transactionsTopic, wire.CountsTopic, wire.ReportsTopic, wire.PositionsTopic, "_schemas"} {
		f.Add(topic, []byte{0, 2, 0, 1, 'g'}, []byte(`{"a":1}`))
		f.Add(topic, []byte{0, 1, 0, 1, 'g'}, framed(5, "x"))
	}
	registry := &fakeRegistry{id: 5, value: map[string]any{"a": time.Unix(0, 0)}}
	f.Fuzz(func(t *testing.T, topic string, key, value []byte) {
		for _, want := range []string{Auto, Text, Hex, JSON, Avro} {
			d := &decoder{topic: topic, want: want, max: 64, registry: registry}
			r := &kgo.Record{Key: key, Value: value, Headers: []kgo.RecordHeader{{Key: string(key), Value: value}}}
			got := d.record(t.Context(), r)
			for _, field := range []Field{got.Key, got.Value, got.Headers[0].Value} {
				if len(field.Text) > 64 || !utf8.ValidString(field.Text) || field.Format == "" {
					t.Errorf("%+v", field)
				}
			}
			asObject(d.decoded(t.Context(), r))
		}
	})
}

// FuzzLastOffset: no bytes of a broker break it.
func FuzzLastOffset(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		if after, known := lastOffset(b); known && after < 0 {
			t.Errorf("offset %d", after)
		}
	})
}

func TestPrintableErrors(t *testing.T) {
	d := &decoder{want: Auto, max: 100, registry: &fakeRegistry{id: 5, value: func() {}}}
	f := d.field(t.Context(), &kgo.Record{Value: framed(5, "x")}, false)
	if f.Format != Hex || !strings.Contains(f.Attempts[0].Error, "unsupported type") {
		t.Errorf("what JSON can not hold: %+v", f)
	}
	if !errors.Is(checkText([]byte("\xff")), errNotUTF8) {
		t.Error("not told apart")
	}
}
