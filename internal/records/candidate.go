package records

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// candidate is the record that an expression is applied to. Its value is gone
// through, or decoded by the registry, when a field is asked for, and once.
type candidate struct {
	r      *kgo.Record
	ctx    context.Context
	d      *decoder
	fields *fields

	looked  looked
	slots   []slot // of an object of JSON
	decoded any    // of everything else
	buf     []byte // the texts that were asked for of decoded
}

// looked says what a candidate's value was found to be.
type looked uint8

const (
	notYet  looked = iota
	asText         // an object of JSON
	asValue        // something else, which was decoded
)

// reset makes it another record.
func (c *candidate) reset(ctx context.Context, d *decoder, r *kgo.Record) {
	c.r, c.ctx, c.d, c.looked, c.decoded, c.buf = r, ctx, d, notYet, nil, c.buf[:0]
}

func (c *candidate) look() {
	if c.looked != notYet {
		return
	}
	v, framed := c.d.registered(c.ctx, c.r)
	switch {
	case framed:
		c.looked, c.decoded = asValue, v
	case c.fields.find(c.r.Value, c.slots) && !c.r.Attrs.IsControl():
		c.looked = asText
	default:
		c.looked, c.decoded = asValue, plainJSON(c.r)
	}
}

// field returns what is at a place of the decoded value.
func (c *candidate) field(p *node) operand {
	if c.look(); c.looked == asText {
		s := c.slots[p.slot]
		return jsonOperand(s.kind, c.r.Value[s.from:s.to])
	}
	v, ok := c.inside(p)
	if !ok {
		return operand{kind: missing}
	}
	return decodedOperand(v, &c.buf)
}

// inside returns what was decoded at a place.
func (c *candidate) inside(p *node) (v any, ok bool) {
	v = c.decoded
	for _, name := range p.path {
		m, _ := v.(map[string]any)
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// isList says of a container whether it has no fields.
func (c *candidate) isList(p *node) bool {
	if c.looked == asText {
		return c.slots[p.slot].kind == '['
	}
	v, _ := c.inside(p)
	_, isMap := v.(map[string]any)
	return !isMap
}

// header returns a header's value. Of several with the name the last one counts.
func (c *candidate) header(name string) operand {
	for i := len(c.r.Headers) - 1; i >= 0; i-- {
		if h := &c.r.Headers[i]; h.Key == name {
			return raw(h.Value)
		}
	}
	return operand{kind: missing}
}
