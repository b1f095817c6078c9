package jsonschema

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWalk(t *testing.T) {
	s, err := Parse(`{"title":"Order","description":"what is sold","type":"object","properties":{
		"mail":{"type":"string","description":"where to","confluent:tags":["PII","GDPR"]},
		"a/b":true,
		"properties":{"type":"object","properties":{"deep":{"type":"integer"}}},
		"lines":{"type":"array","items":{"description":"one of them","type":"object","properties":{"sku":{"const":{"properties":{"no":1}}}}}}},
		"oneOf":[{"required":["mail"]},{"description":"or the number"}],
		"definitions":{"m":{"title":"Money"}},
		"default":{"properties":{"nor":{}}}}`, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	s.Walk(func(path, kind, doc string, tags []string) {
		got = append(got, fmt.Sprintf("%s %s %q %v", path, kind, doc, tags))
	})
	want := []string{
		`# schema "Order\nwhat is sold" []`,
		`#/properties/mail field "where to" [PII GDPR]`,
		`#/properties/a~1b field "" []`,
		`#/properties/properties field "" []`,
		`#/properties/properties/properties/deep field "" []`,
		`#/properties/lines field "" []`,
		`#/properties/lines/items schema "one of them" []`,
		`#/properties/lines/items/properties/sku field "" []`,
		`#/oneOf/1 schema "or the number" []`,
		`#/definitions/m schema "Money" []`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
