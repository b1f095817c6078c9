package records

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/serde"
)

// candidate is the record that an expression is applied to. Its value is gone
// through, or decoded by the registry, when a field is asked for, and once.
type candidate struct {
	r      *kgo.Record
	ctx    context.Context
	d      *decoder
	fields *fields

	looked  looked
	text    []byte // the value, without what names its schema
	slots   []slot // what is where in text
	decoded any    // of what could not be gone through
	buf     []byte // the texts that were asked for of decoded

	walkOf walkOf // the schema of the record before
	walk   *walk  // nil: none yet
}

// looked says what a candidate's value was found to be.
type looked uint8

const (
	notYet  looked = iota
	inText         // its fields are in slots
	asValue        // it was decoded
)

// reset makes it another record.
func (c *candidate) reset(ctx context.Context, d *decoder, r *kgo.Record) {
	c.r, c.ctx, c.d, c.looked, c.text, c.decoded, c.buf = r, ctx, d, notYet, nil, nil, c.buf[:0]
}

func (c *candidate) look() {
	switch {
	case c.looked != notYet:
	case c.scan():
		c.looked = inText
	default:
		c.looked, c.decoded = asValue, c.d.decoded(c.ctx, c.r)
	}
}

// scan finds the fields without decoding the value. Not ok: it has to be decoded.
func (c *candidate) scan() (ok bool) {
	c.text = c.r.Value
	if !c.d.namesSchema(c.r) {
		return !c.r.Attrs.IsControl() && c.fields.find(c.text, c.slots)
	}
	frame, err := serde.ParseRecord(c.r, false)
	if err != nil || len(frame.Indexes) > 0 || c.d.down.Load() != nil {
		return false
	}
	if of := (walkOf{c.d, frame.ID}); c.walk == nil || c.walkOf != of {
		c.walk, c.walkOf = c.fields.walk(c.ctx, of), of
	}
	c.text = frame.Payload
	switch w := c.walk; {
	case w == nil:
		return false
	case w.format == serde.JSON:
		return c.fields.find(c.text, c.slots)
	default:
		return w.root != nil && w.find(c.text, c.slots)
	}
}

// field returns what is at a place of the value.
func (c *candidate) field(p *node) operand {
	if c.look(); c.looked == inText {
		s := &c.slots[p.slot]
		if s.as != nil {
			return s.as(c.text[s.from:s.to])
		}
		return jsonOperand(s.kind, c.text[s.from:s.to])
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
	if c.looked == inText {
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
