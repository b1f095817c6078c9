package protoschema

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWalk(t *testing.T) {
	s := parse(t, `syntax = "proto3"; package shop;
import "confluent/meta.proto"; import "acme/money.proto";
// What is sold.
message Order {
  option (confluent.message_meta).doc = "by marketing";
  int64 id = 1; // the number
  string mail = 2 [(confluent.field_meta).tags = "PII", (confluent.field_meta).tags = "GDPR"];
  map<string, acme.v1.Money> prices = 3;
  message Line { string sku = 1; }
  // How far it is.
  enum State { NEW = 0; }
}
enum Kind { A = 0; }`, acme...)
	want := []string{
		"shop.Order message What is sold.\nby marketing []",
		"shop.Order.id field the number []",
		"shop.Order.mail field  [PII GDPR]",
		"shop.Order.prices field  []",
		"shop.Order.Line message  []",
		"shop.Order.Line.sku field  []",
		"shop.Order.State enum How far it is. []",
		"shop.Kind enum  []",
	}
	if diff := cmp.Diff(want, walked(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"M message  []", "M.a field  []"}, walked(parse(t, parse(t, `syntax = "proto3"; message M { int32 a = 1; }`).Serialized()))); diff != "" {
		t.Errorf("a descriptor (-want +got):\n%s", diff)
	}
}

func walked(s *Schema) (got []string) {
	s.Walk(func(path, kind, doc string, tags []string) {
		got = append(got, fmt.Sprintf("%s %s %s %v", path, kind, doc, tags))
	})
	return got
}
