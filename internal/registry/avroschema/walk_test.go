package avroschema

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/registry/schema"
)

func TestWalk(t *testing.T) {
	s, err := Parse(`["null", {"type":"record","name":"shop.Order","doc":"what is sold","confluent:tags":["A"],"fields":[
		{"name":"mail","type":"string","doc":"where to","confluent:tags":["PII","GDPR"]},
		{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"next","type":["null","Line"],"default":null}]}}},
		{"name":"price","type":"shop.Money"},
		{"name":"state","type":{"type":"enum","name":"State","doc":"how far","symbols":["NEW"]}}]},
		{"type":"map","values":{"type":"fixed","name":"Hash","size":2}}]`,
		[]schema.Reference{{Name: "shop.Money", Text: `{"type":"record","name":"shop.Money","fields":[{"name":"cents","type":"long"}]}`}}, true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	s.Walk(func(path, kind, doc string, tags []string) {
		got = append(got, fmt.Sprintf("%s %s %s %v", path, kind, doc, tags))
	})
	want := []string{
		"shop.Order record what is sold [A]",
		"shop.Order.mail field where to [PII GDPR]",
		"shop.Order.lines field  []",
		"shop.Line record  []",
		"shop.Line.next field  []",
		"shop.Order.price field  []",
		"shop.Order.state field  []",
		"shop.State enum how far []",
		"Hash fixed  []",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
