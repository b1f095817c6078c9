package serde

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestDescribe(t *testing.T) {
	srv := newFake(t)
	s := newSerde[map[string]any](t, NewRegistry(srv.url), Config{Format: Protobuf, Schema: petsProto, Message: "pets.Pet.Tag"})
	header := newSerde[map[string]any](t, NewRegistry(srv.url), Config{Format: Protobuf, Schema: petsProto, Message: "pets.Pet.Tag", Framing: Header})
	guid := GUID{}
	for _, serde := range []*Serde[map[string]any]{s, header} {
		r := &kgo.Record{Topic: "pets"}
		if err := serde.EncodeRecord(t.Context(), r, map[string]any{"id": 1}); err != nil {
			t.Fatal(err)
		}
		guid = srv.schemas[0].guid()
		d, err := NewRegistry(srv.url).Describe(t.Context(), r, false)
		if err != nil || d.Framing != serde.cfg.Framing || d.Message != "pets.Pet.Tag" || !cmp.Equal(d.Subjects, []string{"pets-value"}) ||
			d.Schema.ID != 1 || d.Schema.GUID != guid || d.Schema.Text != petsProto || d.Schema.Format != Protobuf {
			t.Errorf("%+v, %v", d, err)
		}
	}
	reg := NewRegistry(srv.url)
	if d, err := reg.Describe(t.Context(), &kgo.Record{Value: AppendHeader(nil, 9)}, false); !errors.Is(err, ErrUnknownSchema) || d.ID.Number != 9 {
		t.Errorf("an unknown id: %+v, %v", d, err)
	}
	if d, err := reg.Describe(t.Context(), &kgo.Record{Value: append(AppendHeader(nil, 1), 2, 8)}, false); !errors.Is(err, ErrSchema) || d.Schema.ID != 1 {
		t.Errorf("a message that is not there: %+v, %v", d, err)
	}
	if _, err := reg.Describe(t.Context(), &kgo.Record{Value: []byte("text")}, false); !errors.Is(err, ErrNoSchema) {
		t.Error(err)
	}
}
