package avroschema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestJavaDouble(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		n, err := parseJavaDouble(text)
		got := ""
		if err == nil {
			got = javaDouble(n)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	f("0", "0.0")
	f("-0", "-0.0")
	f("1", "1.0")
	f("0.001", "0.001")
	f("0.0009", "9.0E-4")
	f("9999999", "9999999.0")
	f("1e7", "1.0E7")
	f("123456789.125", "1.23456789125E8")
	f("1.7976931348623157e308", "1.7976931348623157E308")
	f("1e999", "Infinity")
	f("-1e999", "-Infinity")
	f(" +1.5d\n", "1.5")
	f("1.f", "1.0")
	f(".5", "0.5")
	f("0x1.8p1", "3.0")
	f("0x1p1d", "2.0")
	f("-Infinity", "-Infinity")
	f("-NaN", "NaN")
	for _, bad := range []string{"", " ", "+", "+-1", "1_000", "0x1", "0x1d", "inf", "nan", "infinity", "1e", "d", "1dd", "0b1p1", "１"} {
		f(bad, "")
	}
}

func TestLastWins(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		v, err := readJSON(in, 10)
		if got := v.String(); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
	f(`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`)
	f(`{"a":1,"a":2,"a":3}`, `{"a":3}`)
	// Many members are compared with an index.
	var many []string
	for i := range 20 {
		many = append(many, `"`+string(rune('a'+i))+`":1`)
	}
	f(`{`+strings.Join(many, ",")+`,"c":2,"a":3}`, `{"a":3,"b":1,"c":2,`+strings.Join(many[3:], ",")+`}`)
}

// Without comments our JSON is encoding/json's.
func FuzzJSON(f *testing.F) {
	for _, text := range append(goodTexts, badTexts...) {
		f.Add(text)
	}
	f.Add(`{"a":[1,-0.5e+3,"\u00e9\ud83d\ude00\"",{"b":null}],"c":true}`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "/\x00") || len(text) > 900 || strings.TrimFunc(text, func(c rune) bool { return c <= ' ' }) != strings.Trim(text, " \t\r\n") {
			return // comments, Jackson's limits, and what may follow a schema
		}
		v, err := readJSON(text, 1000)
		var want any
		if wantErr := json.Unmarshal([]byte(text), &want); (err == nil) != (wantErr == nil) {
			if wantErr == nil || !strings.Contains(wantErr.Error(), "cannot unmarshal number") { // out of range
				t.Fatalf("%q: %v, but encoding/json says %v", text, err, wantErr)
			}
			return
		}
		if err != nil {
			return
		}
		var got any
		if err := json.Unmarshal(v.appendTo(nil, false), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is written as %s", text, v)
		}
	})
}
