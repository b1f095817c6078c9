package registry

import (
	"github.com/weirhq/weir/internal/registry/schema"
	"github.com/weirhq/weir/internal/registry/state"
)

// Languages are those of the registry, for who tries out on a copy of its state what
// it would say.
func Languages() map[string]state.Language { return languages() }

// Example returns a document that is written with one schema and that the other can
// not read, or misreads; false if none could be made.
func Example(reader, writer schema.Schema) (text string, ok bool) { return example(reader, writer) }

// Differences words conflicts for people, with a document for the first of each
// version and direction that shows it.
func Differences(conflicts []state.Conflict) []Difference {
	list := []Difference{}
	for i, c := range conflicts {
		d := Difference{Version: c.Version, Direction: "backward", Kind: c.Kind, Path: c.Path, Message: c.Message}
		if c.Forward {
			d.Direction = "forward"
		}
		if first := i == 0 || conflicts[i-1].Version != c.Version || conflicts[i-1].Forward != c.Forward; first && c.Reader != nil {
			d.Example, _ = example(c.Reader, c.Writer)
		}
		list = append(list, d)
	}
	return list
}
