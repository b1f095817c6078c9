package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// written reads a text and writes it back: strings quoted by Go, numbers with their
// kinds.
func written(limit int, comments bool) JSON[string] {
	return JSON[string]{
		Limit: limit, Comments: comments,
		Scalar: func(kind byte, text string) (string, error) {
			switch {
			case kind == '"':
				return fmt.Sprintf("%q", text), nil
			case text == "666":
				return "", fmt.Errorf("bad luck")
			}
			return string(kind) + text, nil
		},
		List: func(opening byte, members []Member[string]) string {
			var parts []string
			for _, m := range members {
				if opening == '{' {
					m.Value = m.Name + "=" + m.Value
				}
				parts = append(parts, m.Value)
			}
			return string(opening) + strings.Join(parts, " ") + string(opening+2)
		},
	}
}

func TestJSON(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := written(3, false).Read(text)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	f(` [ true , false,null, 1,-0,1.50,2E+3 ] `, `[t f n i1 i-0 d1.50 d2E+3]`)
	f(`{"z":{},"a":[],"m":""}`, `{z={} a=[] m=""}`)
	f(`"\"\\\/\b\f\n\r\té\u00e9"`, `"\"\\/\b\f\n\r\téé"`)
	f(`"\ud83d\ude00 \ud83d \ud83d\ud83d\ude00 \ude00"`, `"😀 � �😀 �"`)
	f("\"a\xffb\"", `"a�b"`)
	// Of the values of one name the last counts, where the first stood.
	f(`{"a":1,"b":2,"a":3}`, `{a=i3 b=i2}`)
	f(`{"a":1,"a":2,"\u0061":3}`, `{a=i3}`)
	f(`[[[]]]`, `[[[]]]`)
	f(`[[[1,[]]]]`, `line 1, column 6: nested more than 3 deep`)
	f("[1,\n  666]", `line 2, column 6: bad luck`)
	f(``, `line 1, column 1: the text ends early`)
	f(`{"a":`, `line 1, column 6: the text ends early`)
	f("{\n\"a\" 1}", `line 2, column 5: '1' where ':' belongs`)
	f(`{a:1}`, `line 1, column 2: the name of a member must be a string`)
	f(`[1 2]`, `line 1, column 4: '2' where ',' or ']' belongs`)
	f(`[1,]`, `line 1, column 4: "]" is not JSON (a name needs quotes)`)
	f(`[nul]`, `line 1, column 2: "nul" is not JSON (a name needs quotes)`)
	f(`nulls`, `line 1, column 1: "nulls" is not JSON (a name needs quotes)`)
	f(`1 2`, `line 1, column 2: something follows the schema: "2"`)
	f("1\x00", `line 1, column 2: something follows the schema: "\x00"`)
	f(`1//`, `line 1, column 2: something follows the schema: "//"`)
	f(`/**/1`, `line 1, column 1: "/**/1" is not JSON (a name needs quotes)`)
	f("\"a\nb\"", `line 1, column 3: control character 0x0a in a string`)
	f(`"a`, `line 1, column 3: the string does not end`)
	f(`"\`, `line 1, column 2: the text ends early`)
	f(`"\x"`, `line 1, column 4: unknown escape \x`)
	f(`"\u12"`, `line 1, column 4: the text ends early`)
	f(`"\u12g4"`, `line 1, column 4: "12g4" is not four hexadecimal digits`)
	for _, bad := range []string{`01`, `1.`, `-`, `1e`, `1e+`, `.5`, `+1`, `1x`, `0x1`, `--1`} {
		if got, err := written(3, false).Read(bad); err == nil {
			t.Errorf("%s is read as %s", bad, got)
		}
	}
}

func TestComments(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := written(3, true).Read(text)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	f("// one\r/* two\n */[/***/1//\n,2] \x00\x1f", `[i1 i2]`)
	f(`"/* text */"`, `"/* text */"`)
	f(`1 // end`, `line 1, column 2: something follows the schema: "// end"`)
	f(`/* open`, `line 1, column 1: the comment does not end`)
	f(`// open`, `line 1, column 8: the text ends early`)
	f(`/1`, `line 1, column 1: "/1" is not JSON (a name needs quotes)`)
}

// Many members are compared with an index.
func TestManyMembers(t *testing.T) {
	var text, want []string
	for i := range 40 {
		text = append(text, fmt.Sprintf(`"n%d":%d`, i%20, i))
		if i < 20 {
			want = append(want, fmt.Sprintf("n%d=i%d", i, i+20))
		}
	}
	if got, err := written(1, false).Read("{" + strings.Join(text, ",") + "}"); err != nil || got != "{"+strings.Join(want, " ")+"}" {
		t.Errorf("%s, %v", got, err)
	}
}

// decoded reads a text as encoding/json does.
var decoded = JSON[any]{
	Limit: 10_000,
	Scalar: func(kind byte, text string) (any, error) {
		switch kind {
		case '"':
			return text, nil
		case 'i', 'd':
			return json.Number(text), nil
		case 'n':
			return nil, nil
		}
		return kind == 't', nil
	},
	List: func(opening byte, members []Member[any]) any {
		if opening == '[' {
			list := []any{}
			for _, m := range members {
				list = append(list, m.Value)
			}
			return list
		}
		object := map[string]any{}
		for _, m := range members {
			object[m.Name] = m.Value
		}
		if len(object) != len(members) {
			panic("a name comes twice")
		}
		return object
	},
}

// Without comments, what is JSON and what it means is as encoding/json has it; with
// them, what has none means the same.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-0.5e+3,"\u00e9\ud83d\ude00\"\ud83d",{"b":null}],"c":true,"a":2}`, "\"\xff\"", ` [] x`, `[1,]`, `01`, "// a\n1", `"\u12`, `truex`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		var want any
		wantErr := dec.Decode(&want)
		if wantErr == nil && !json.Valid([]byte(text)) {
			wantErr = fmt.Errorf("something follows")
		}
		got, err := decoded.Read(text)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v, %v; encoding/json: %v, %v", text, got, err, want, wantErr)
		}
		lenient := decoded
		lenient.Comments = true
		again, lenientErr := lenient.Read(text)
		if err == nil && (lenientErr != nil || !reflect.DeepEqual(again, got)) {
			t.Fatalf("%q: with comments %v, %v", text, again, lenientErr)
		}
	})
}
