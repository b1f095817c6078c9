package demo

import (
	"fmt"
	"sync"

	"github.com/twmb/avro"

	"github.com/weirhq/weir/serde"
)

var schema = sync.OnceValue(func() *avro.Schema { return avro.MustParse(Schema) })

// Decode reads a record's value as this demo writes it, without a registry: any
// other bytes are an error, or give a View of another Source.
func Decode(value []byte) (View, error) {
	_, payload, err := serde.ParseHeader(value)
	if err != nil {
		return View{}, err
	}
	var v View
	rest, err := schema().Decode(payload, &v)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow the value", len(rest))
	}
	return v, err
}
