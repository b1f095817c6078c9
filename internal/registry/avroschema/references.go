package avroschema

import (
	"errors"
	"fmt"

	"github.com/weirhq/weir/internal/registry/schema"
)

const maxReferences = 1000 // counting each once

type referenceKey struct {
	name, subject string
	version       int
	text          string
}

// referrer reads references, each once, the inner ones first.
type referrer struct {
	*parser
	state map[referenceKey]bool // false while its own references are read
}

func (r *referrer) read(refs []schema.Reference) error {
	for _, ref := range refs {
		key := referenceKey{ref.Name, ref.Subject, ref.Version, ref.Text}
		done, seen := r.state[key]
		if done {
			continue
		}
		place := func(err error) error {
			return fmt.Errorf("reference %q (%s version %d): %w", ref.Name, ref.Subject, ref.Version, err)
		}
		if seen {
			return place(errors.New("it refers to itself"))
		}
		if len(r.state) == maxReferences {
			return place(fmt.Errorf("there are more than %d references", maxReferences))
		}
		r.state[key] = false
		if err := r.read(ref.References); err != nil {
			return err
		}
		if _, err := r.parse(ref.Text); err != nil {
			return place(err)
		}
		r.state[key] = true
	}
	return nil
}
