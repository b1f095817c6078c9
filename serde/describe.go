package serde

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

// Description is what is known about a record's key or value.
type Description struct {
	Frame
	Schema   Schema
	Message  string   // Protobuf: the full name of the message
	Subjects []string // that the schema is registered under, in the registry's order
}

// Describe says how a record's key or value is framed and what the registry knows
// about its schema. With an error, what was found before it is there.
func (r *Registry) Describe(ctx context.Context, record *kgo.Record, key bool) (d Description, err error) {
	if d.Frame, err = ParseRecord(record, key); err != nil {
		return d, err
	}
	if d.Schema, err = r.Schema(ctx, d.ID); err != nil {
		return d, err
	}
	c, err := r.codec(ctx, d.ID)
	if err != nil {
		return d, err
	}
	if p, ok := c.(*protoCodec); ok {
		indexes := d.Indexes
		if d.Framing == Prefix {
			indexes = d.Payload
		}
		m, _, err := p.at(indexes)
		if err != nil {
			return d, undecodable(d.Frame, err)
		}
		d.Message = string(m.FullName())
	}
	if d.Schema.ID == 0 { // a registry that does not say it by GUID
		return d, nil
	}
	d.Subjects, err = r.subjects(ctx, d.Schema.ID)
	return d, err
}

func (r *Registry) subjects(ctx context.Context, id int) (subjects []string, err error) {
	if r.context != "" {
		ctx = sr.WithParams(ctx, sr.Subject(r.context))
	}
	var uses []struct {
		Subject string `json:"subject"`
	}
	if err := r.request(ctx, "GET", "/schemas/ids/"+strconv.Itoa(id)+"/versions", nil, &uses); err != nil {
		return nil, fmt.Errorf("asking for the subjects of schema %d: %w", id, err)
	}
	for _, u := range uses {
		subjects = append(subjects, u.Subject)
	}
	return subjects, nil
}
