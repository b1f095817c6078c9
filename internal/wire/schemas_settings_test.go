package wire

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var yes, no = true, false

var schemasSettings = []SchemasSetting{
	{},
	{CompatibilityLevel: "FULL"},
	{Subject: "s", Alias: "t", Normalize: &yes, ValidateFields: &no, ValidateRules: &yes, CompatibilityLevel: "NONE",
		CompatibilityPolicy: "LENIENT", CompatibilityGroup: "major",
		DefaultMetadata: &SchemaMetadata{
			Tags:       map[string][]string{"**.ssn": {"PII", "SECRET"}, "**.a": {"X"}},
			Properties: map[string]string{"owner": "<me>", "a": "b"}, Sensitive: []string{"owner", "zeta"}},
		OverrideMetadata: &SchemaMetadata{},
		DefaultRuleSet: &SchemaRuleSet{
			MigrationRules: []SchemaRule{{Name: "up", Kind: "TRANSFORM", Mode: "UPGRADE", Type: "JSONATA", Expr: "$", Disabled: true}},
			DomainRules: []SchemaRule{{Name: "d", Doc: "why", Kind: "CONDITION", Mode: "WRITE", Type: "CEL", Tags: []string{"A", "B"},
				Params: map[string]string{"p": "1", "o": "2"}, Expr: "x > 1", OnSuccess: "NONE", OnFailure: "DLQ"}},
			EncodingRules: []SchemaRule{{Name: "e", Kind: "TRANSFORM", Mode: "WRITEREAD", Type: "ENCRYPT"}},
			EnableAt:      "2026-01-01T00:00:00Z",
		},
		OverrideRuleSet: &SchemaRuleSet{}, Unknown: []SchemaProperty{{"validateNewSchemas", json.RawMessage(`true`)}}},
}

var schemasModes = []SchemasModeValue{
	{Mode: "READONLY"},
	{Subject: "s", Mode: "IMPORT", Unknown: []SchemaProperty{{"x", json.RawMessage(`[1,{}]`)}}},
}

func TestSchemasSettingRoundTrip(t *testing.T) {
	for _, c := range schemasSettings {
		got, err := ParseSchemasSetting(AppendSchemasSetting(nil, c))
		if diff := cmp.Diff(c, got); err != nil || diff != "" {
			t.Errorf("%v, (-want +got):\n%s", err, diff)
		}
	}
	for _, m := range schemasModes {
		got, err := ParseSchemasModeValue(AppendSchemasModeValue(nil, m))
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("%v, (-want +got):\n%s", err, diff)
		}
	}
}

// However a client spells a contract, its stored form is one.
func TestSchemaContractForms(t *testing.T) {
	metadata := func(in, want string) {
		t.Helper()
		m, err := ParseSchemaMetadata([]byte(in))
		if got := string(AppendSchemaMetadata(nil, m)); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", in, got, err, want)
		}
	}
	metadata(`{}`, `{}`)
	metadata(`{"sensitive":["b","a","b"],"tags":{"z":["t","s"],"a":[]},"properties":{"k":"v"},"unknown":1}`,
		`{"tags":{"a":[],"z":["s","t"]},"properties":{"k":"v"},"sensitive":["a","b"]}`)
	metadata(`{"properties":null, "tags": null}`, `{}`)
	rules := func(in, want string) {
		t.Helper()
		r, err := ParseSchemaRuleSet([]byte(in))
		if got := string(AppendSchemaRuleSet(nil, r)); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", in, got, err, want)
		}
	}
	rules(`{"domainRules":[]}`, `{}`)
	rules(`{"enableAt":"now","domainRules":[{"type":"CEL","name":"n","tags":["b","a"],"disabled":false,"doc":null}]}`,
		`{"domainRules":[{"name":"n","kind":"TRANSFORM","mode":"WRITEREAD","type":"CEL","tags":["a","b"],"disabled":false}],"enableAt":"now"}`)
	if _, err := ParseSchemaRuleSet([]byte(`{"domainRules":[{"name":7}]}`)); err == nil {
		t.Error("a rule named 7 is accepted")
	}
}

// FuzzMembers compares the reader of objects with encoding/json.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, ` { "a" : [1, {"b":"]"}] , "c":null}`, `{"a":"x\n\u00e9\ud83d\ude00\\"}`, `{"a":1,}`, `{"a" 1}`, `{,}`, `{"a":tru}`,
		`{"a":-1.5e+3,"a":"\x"}`, "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":[}`, `{"a":"`, `{"a":1}}`, `{"a":{"b":1]}`, `[]`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := map[string]string{}
		err := eachMember("it", b, func(name string, raw json.RawMessage) error {
			got[name] = string(raw)
			var text, same string
			a, b := readString(raw, &text), json.Unmarshal(raw, &same)
			if (a == nil) != (b == nil) || text != same {
				t.Fatalf("%s is read as %q, %v; want %q, %v", raw, text, a, same, b)
			}
			return nil
		})
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(b, &want)
		if want == nil && wantErr == nil {
			return // null
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, encoding/json says %v", b, err, wantErr)
		}
		if err != nil {
			return
		}
		for name, raw := range want {
			if !bytes.Equal(bytes.TrimSpace(raw), []byte(got[name])) {
				t.Fatalf("%q: member %q is %s, want %s", b, name, got[name], raw)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", b, len(got), len(want))
		}
	})
}
