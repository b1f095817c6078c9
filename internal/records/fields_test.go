package records

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FuzzFields: what is found in a text without decoding it is what encoding/json
// makes of it.
func FuzzFields(f *testing.F) {
	for _, v := range documents {
		f.Add([]byte(v))
	}
	fs := newFields()
	var places []*node
	for _, path := range [][]string{{}, {"a"}, {"a", "b"}, {"a", "b", "c"}, {"n"}, {"s"}, {"flag"}, {"tags"}, {"é"}} {
		p := fs.root
		for _, name := range path {
			p = p.at(name)
		}
		places = append(places, p)
	}
	c := candidate{fields: fs, d: &decoder{}, slots: make([]slot, fs.root.number(0))}
	f.Fuzz(func(t *testing.T, value []byte) {
		r := &kgo.Record{Value: value}
		c.reset(t.Context(), &decoder{want: JSON}, r)
		if c.look(); c.looked != inText {
			return
		}
		whole := candidate{looked: asValue, decoded: plainJSON(r)}
		for _, p := range places {
			got, want := c.field(p), whole.field(p)
			if got.kind == container {
				got.b = nil // the text is there only here
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(operand{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%v of %q (-decoded +found):\n%s", p.path, value, diff)
			}
		}
	})
}
