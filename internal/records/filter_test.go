package records

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFilter(t *testing.T) {
	r := &kgo.Record{
		Partition: 3, Offset: 1700, Timestamp: epoch, Key: []byte("user-7"), Value: []byte(`{"status":500,"path":"/a","big":9007199254740993,"ratio":0.5,"tags":["x","y"],"none":null}`),
		Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("abc")}, {Key: "empty"}},
	}
	null := &kgo.Record{Timestamp: epoch}
	bytes := &kgo.Record{Timestamp: epoch, Value: []byte{0xff, 0xfe}}
	for _, c := range []struct {
		text, cel string
		r         *kgo.Record
		want      bool
	}{
		{"", "", r, true},
		{"status", "", r, true},
		{"user-7", "", r, true},
		{"nobody", "", r, false},
		{"x", "", null, false},
		{"", "json.status == 500", r, true},
		{"", "json.status >= 400 && json.path.startsWith('/')", r, true},
		{"", "json.status == 404", r, false},
		{"", "json.big == 9007199254740993", r, true},
		{"", "json.big == 9007199254740992", r, false},
		{"", "json.ratio < 1", r, true},
		{"", "'x' in json.tags && json.tags.size() == 2", r, true},
		{"", "json.none == null && !has(json.missing)", r, true},
		{"", "value.contains('status') && key == 'user-7'", r, true},
		{"", "headers['trace'] == 'abc' && headers['empty'] == null && !('no' in headers)", r, true},
		{"", "partition == 3 && offset > 1000", r, true},
		{"", "time >= timestamp('2026-11-24T10:00:00Z') && time < timestamp('2026-11-25T00:00:00Z')", r, true},
		{"", "value == null && key == null && json == null", null, true},
		{"", "value == b'\\xff\\xfe' && json == null", bytes, true},
		{"nobody", "true", r, false},
		{"status", "false", r, false},
	} {
		f, err := newFilter(c.text, c.cel)
		if err != nil {
			t.Errorf("%q, %q: %v", c.text, c.cel, err)
			continue
		}
		d := &decoder{}
		got, err := f.match(t.Context(), c.r, d)
		if err != nil || got != c.want {
			t.Errorf("%q, %q: %v, %v, want %v", c.text, c.cel, got, err, c.want)
		}
	}
}

func TestFilterInvalid(t *testing.T) {
	for cel, want := range map[string]FilterError{
		"json.status = 500":         {Line: 1, Column: 13},
		"true &&\n  nobody == 'x'":  {Line: 2, Column: 3},
		"offset + 1":                {},
		"offset == 'x'":             {Line: 1, Column: 8},
		strings.Repeat("(", 10_000): {},
		strings.Repeat("(", 500):    {Line: -1},
	} {
		_, err := newFilter("", cel)
		var e *FilterError
		if !errors.As(err, &e) || e.Message == "" || want.Line >= 0 && (e.Line != want.Line || e.Column != want.Column) {
			t.Errorf("%.40q: %#v, want line %d, column %d", cel, err, want.Line, want.Column)
		}
	}
}

// Expressions that fail on a record, and those that would take for ever, end.
func TestFilterFails(t *testing.T) {
	long := &kgo.Record{Value: []byte(`[` + strings.Repeat("1,", 3000) + `1]`)}
	for _, cel := range []string{
		"json.status == 500",
		"value.missing",
		"offset / 0 == 1",
		"json",
		"json.all(a, json.all(b, json.all(c, a + b + c > 0)))",
	} {
		f, err := newFilter("", cel)
		if err != nil {
			t.Fatalf("%s: %v", cel, err)
		}
		d := &decoder{}
		if got, err := f.match(t.Context(), long, d); got || err == nil {
			t.Errorf("%s: %v, %v", cel, got, err)
		}
	}
}
