package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var schemasKeys = []SchemasKey{
	{Type: SchemasSchema, Subject: "page-views-value", Version: 1},
	{Type: SchemasSchema, Subject: "<a href=\"x\">&\u2028\\/\n\u0001\u001f\u007fé😀", Version: 2147483647},
	{Type: SchemasSchema, Subject: "", Version: 2},
	{Type: SchemasConfig, Global: true},
	{Type: SchemasConfig, Subject: "s"},
	{Type: SchemasMode, Subject: "s"},
	{Type: SchemasDeleteSubject, Subject: "s"},
	{Type: SchemasClearSubject, Subject: "s"},
	{Type: SchemasNoop, Global: true},
	{Type: SchemasContext, Tenant: "default", Context: ".c", Global: true},
}

var schemasValues = []SchemaValue{
	{Subject: "page-views-value", Version: 1, ID: 1, Schema: `{"type":"record","name":"A","fields":[]}`},
	{Subject: "s", Version: 3, ID: 2147483647, SchemaType: "PROTOBUF", Schema: "syntax = \"proto3\";\n\timport \"a<b>&\u2029\";\n", Deleted: true,
		References: []SchemaReference{{Name: "user.proto", Subject: "user.proto", Version: 1}, {Name: "n", Subject: "t/\"u\"", Version: 2}}},
	{Subject: "s", Version: 4, ID: 7, Schema: `"int"`, MD5: json.RawMessage(`"q1Cj=="`),
		Metadata: json.RawMessage(`{"properties":{"owner":"<me>"}}`), RuleSet: json.RawMessage(`{"domainRules":[]}`),
		Unknown: []SchemaProperty{{"schemaTags", json.RawMessage(`["PII"]`)}, {"ts", json.RawMessage(`1.50`)}}},
}

func schemasGolden() []byte {
	var b []byte
	for _, k := range schemasKeys {
		b = append(AppendSchemasKey(b, k), '\n')
	}
	for _, v := range schemasValues {
		b = append(AppendSchemaValue(b, v), '\n')
	}
	for _, c := range schemasSettings {
		b = append(AppendSchemasSetting(b, c), '\n')
	}
	for _, m := range schemasModes {
		b = append(AppendSchemasModeValue(b, m), '\n')
	}
	b = append(AppendSchemasDelete(b, "s", 3), '\n')
	b = append(AppendSchemasClear(b, "s"), '\n')
	b = append(AppendSchemasClear(b, ""), '\n')
	return append(AppendSchemasContextValue(b, "default", ".c"), '\n')
}

func TestSchemasGolden(t *testing.T) {
	path := filepath.Join("testdata", "schemas.golden")
	got := schemasGolden()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("bytes changed (-golden +now):\n%s", diff)
	}
}

// The golden file may be rewritten; these bytes may not: another registry wrote them.
func TestSchemasBytesOfOthers(t *testing.T) {
	for key, k := range map[string]SchemasKey{
		`{"keytype":"SCHEMA","subject":"a-value","version":1,"magic":1}`: {Type: SchemasSchema, Subject: "a-value", Version: 1, Magic: 1},
		`{"keytype":"CONFIG","subject":"ckg-admin-6","magic":0}`:         {Type: SchemasConfig, Subject: "ckg-admin-6"},
		`{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}`:           {Type: SchemasDeleteSubject, Subject: "a"},
		`{"keytype":"NOOP","magic":0}`:                                   {Type: SchemasNoop, Global: true},
	} {
		got, err := ParseSchemasKey([]byte(key))
		if err != nil || got != k {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
		if again := string(AppendSchemasKey(nil, k)); again != key {
			t.Errorf("written %s, want %s", again, key)
		}
	}
	value := `{"subject":"c","version":1,"id":1406,"schemaType":"PROTOBUF","references":[{"name":"user.proto","subject":"user.proto","version":1}],"schema":"package <eco>;\n","deleted":false}`
	v, err := ParseSchemaValue([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(AppendSchemaValue(nil, v)); got != value {
		t.Errorf("written %s, want %s", got, value)
	}
}

func TestSchemasRoundTrip(t *testing.T) {
	for _, k := range schemasKeys {
		got, err := ParseSchemasKey(AppendSchemasKey(nil, k))
		k.Magic = got.Magic
		if err != nil || got != k {
			t.Errorf("%+v came back as %+v, %v", k, got, err)
		}
	}
	for _, v := range schemasValues {
		got, err := ParseSchemaValue(AppendSchemaValue(nil, v))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("decoding is not the inverse of encoding (-want +got):\n%s", diff)
		}
	}
}

func TestSchemasKeyForms(t *testing.T) {
	f := func(in string, want SchemasKey) {
		t.Helper()
		got, err := ParseSchemasKey([]byte(in))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", in, got, err, want)
		}
	}
	f(`{"magic":0,"keytype":"SCHEMA","subject":"s","version":2}`, SchemasKey{Type: SchemasSchema, Subject: "s", Version: 2})
	f(`{"keytype":"CONFIG","subject":null,"magic":0}`, SchemasKey{Type: SchemasConfig, Global: true})
	f(`{"keytype":"CONFIG","magic":0}`, SchemasKey{Type: SchemasConfig, Global: true})
	f(" {\"keytype\" : \"MODE\", \"subject\" : \"\"}\n", SchemasKey{Type: SchemasMode})
	f(`{"keytype":"CONTEXT","tenant":"t","context":".c","magic":0}`, SchemasKey{Type: SchemasContext, Tenant: "t", Context: ".c", Global: true})
	f(`{"keytype":"NOOP","Subject":"another name","magic":0}`, SchemasKey{Type: SchemasNoop, Global: true})
}

func TestSchemasMalformed(t *testing.T) {
	for _, in := range []string{
		``, `null`, `[]`, `"SCHEMA"`, `{}`, `{"keytype":7}`, `{"keytype":"NOOP"} x`, `{"keytype":"NOOP"`, `{"keytype":"NOOP"}}`,
		`{"keytype":"SCHEMA","version":1}`, `{"keytype":"SCHEMA","subject":null,"version":1}`,
		`{"keytype":"SCHEMA","subject":"s"}`, `{"keytype":"SCHEMA","subject":"s","version":0}`,
		`{"keytype":"SCHEMA","subject":"s","version":2147483648}`, `{"keytype":"SCHEMA","subject":"s","version":1.5}`,
	} {
		if k, err := ParseSchemasKey([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("key %s: %+v, error %v", in, k, err)
		}
	}
	for _, in := range []string{
		``, `null`, `{}`, `{"subject":"s","version":1,"schema":"x"}`, `{"version":0,"id":1}`, `{"version":1,"id":-5}`,
		`{"version":1,"id":2147483648}`, `{"version":1,"id":1,"references":{}}`, `{"version":1,"id":1,"deleted":"yes"}`, `{"version":1,"id":1},`,
	} {
		if v, err := ParseSchemaValue([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("value %s: %+v, error %v", in, v, err)
		}
	}
}

func TestSchemasOtherValues(t *testing.T) {
	if level, err := ParseSchemasConfig([]byte(`{"subject":"s","normalize":true,"compatibilityLevel":"FULL"}`)); level != "FULL" || err != nil {
		t.Errorf("config: %q, %v", level, err)
	}
	if level, err := ParseSchemasConfig([]byte(`{"compatibilityLevel":null}`)); level != "" || err != nil {
		t.Errorf("config without a level: %q, %v", level, err)
	}
	if mode, err := ParseSchemasMode([]byte(`{"mode":"READONLY"}`)); mode != "READONLY" || err != nil {
		t.Errorf("mode: %q, %v", mode, err)
	}
	if v, err := ParseSchemasDelete([]byte(`{"subject":"s","version":2}`)); v != 2 || err != nil {
		t.Errorf("delete: %d, %v", v, err)
	}
	if _, err := ParseSchemasDelete([]byte(`{"version":"two"}`)); !errors.Is(err, ErrMalformed) {
		t.Errorf("delete: %v", err)
	}
}

// TestSchemasTopic reads a topic that another registry wrote for eight clients.
func TestSchemasTopic(t *testing.T) {
	dir := os.Getenv("WEIR_DATA")
	if dir == "" {
		t.Skip("WEIR_DATA is not set: the recorded _schemas topic is not read")
	}
	file, err := os.Open(filepath.Join(dir, "schemas-topic.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	schemas := 0
	for n := 1; lines.Scan(); n++ {
		var record struct{ Key, Value []byte }
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatal(err)
		}
		k, err := ParseSchemasKey(record.Key)
		if err != nil {
			t.Errorf("record %d: %v", n, err)
		}
		if k.Type != SchemasSchema {
			continue
		}
		schemas++
		if got := AppendSchemasKey(nil, k); !bytes.Equal(got, record.Key) {
			t.Errorf("record %d: key\n%s written as\n%s", n, record.Key, got)
		}
		if len(record.Value) == 0 {
			continue
		}
		v, err := ParseSchemaValue(record.Value)
		if err != nil {
			t.Errorf("record %d: %v", n, err)
		}
		again, err := ParseSchemaValue(AppendSchemaValue(nil, v))
		if diff := cmp.Diff(v, again); err != nil || diff != "" {
			t.Errorf("record %d: %v, (-want +got):\n%s", n, err, diff)
		}
		// Karapace writes schemaType and references last; Avro values have neither.
		if v.SchemaType == "" && !bytes.Equal(AppendSchemaValue(nil, v), record.Value) {
			t.Errorf("record %d: value\n%s written as\n%s", n, record.Value, AppendSchemaValue(nil, v))
		}
	}
	if err := lines.Err(); err != nil || schemas < 40 {
		t.Errorf("%d SCHEMA records, %v", schemas, err)
	}
}

func FuzzSchemas(f *testing.F) {
	for line := range strings.Lines(string(schemasGolden())) {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ParseSchemasKey(b); err == nil {
			again, err := ParseSchemasKey(AppendSchemasKey(nil, k))
			k.Magic = again.Magic
			if k.Type != SchemasSchema {
				k.Version = 0
			}
			if err != nil || again != k {
				t.Fatalf("key %+v came back as %+v, %v", k, again, err)
			}
		}
		if v, err := ParseSchemaValue(b); err == nil {
			again, err := ParseSchemaValue(AppendSchemaValue(nil, v))
			if diff := cmp.Diff(v, again); err != nil || diff != "" {
				t.Fatalf("%v, (-want +got):\n%s", err, diff)
			}
		}
		if c, err := ParseSchemasSetting(b); err == nil {
			again, err := ParseSchemasSetting(AppendSchemasSetting(nil, c))
			if diff := cmp.Diff(c, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Fatalf("%v, (-want +got):\n%s", err, diff)
			}
		}
		if m, err := ParseSchemasModeValue(b); err == nil {
			again, err := ParseSchemasModeValue(AppendSchemasModeValue(nil, m))
			if diff := cmp.Diff(m, again); err != nil || diff != "" {
				t.Fatalf("%v, (-want +got):\n%s", err, diff)
			}
		}
		ParseSchemasConfig(b)
		ParseSchemasMode(b)
		ParseSchemasDelete(b)
	})
}
