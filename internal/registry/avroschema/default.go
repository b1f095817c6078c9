package avroschema

import "errors"

// judge says whether JSON values are defaults of types, as Avro Java 1.12.0
// does: a string is good for any enum, bytes or fixed, and a value for a union if
// it is for any of its branches.
type judge struct{ steps int }

// maxSteps bounds the judging of all defaults of a schema: a value in a union of
// records that contain that union can be tried in exponentially many ways.
const maxSteps = 1_000_000

var (
	errUnfit   = errors.New("it is not of the field's type")
	errOpen    = errors.New("it has a value of a record that is still being defined")
	errComplex = errors.New("there are too many ways to read it")
)

func (j *judge) fits(v *value, t *node) error {
	if j.steps++; j.steps > maxSteps {
		return errComplex
	}
	ok := false
	switch t.kind {
	case str, octets, enum, fixed:
		ok = v.kind == '"'
	case integer:
		ok = v.integer(32)
	case long:
		ok = v.integer(64)
	case float, double:
		ok = v.kind == 'i' || v.kind == 'd'
	case boolean:
		ok = v.kind == 't' || v.kind == 'f'
	case null:
		ok = v.kind == 'n'
	case array:
		ok = v.kind == '['
	case mapping, record, unresolved: // which may yet become a record without fields
		ok = v.kind == '{'
	case union:
		return j.anyBranch(v, t)
	}
	switch {
	case !ok:
		return errUnfit
	case t.element != nil:
		for i := range v.items {
			if err := j.fits(&v.items[i].value, t.element); err != nil {
				return err
			}
		}
	case t.kind == record:
		return j.fitsRecord(v, t)
	}
	return nil
}

func (j *judge) anyBranch(v *value, t *node) error {
	for _, b := range t.branches {
		if err := j.fits(v, b); err != errUnfit {
			return err
		}
	}
	return errUnfit
}

func (j *judge) fitsRecord(v *value, t *node) error {
	if t.open {
		return errOpen
	}
	for i := range t.fields {
		f := &t.fields[i]
		given := v.get(f.name)
		switch {
		case given != nil:
			if err := j.fits(given, f.typ); err != nil {
				return err
			}
		case f.fallback == nil: // a default was judged with its record
			return errUnfit
		}
	}
	return nil
}
