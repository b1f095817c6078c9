package serde

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry/registrytest"
)

// On the real thing: what one process has just registered is read through another, in
// a context, with references, with both framings and in each mode.
func TestWeir(t *testing.T) {
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{brokertest.New(t).Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	leader := registrytest.Start(t, c, "one")
	producer := NewRegistry(leader, WithContext(":.team:"))
	if _, err := newSerde[string](t, producer, Config{Schema: `"string"`}).Encode(t.Context(), "other", "x"); err != nil {
		t.Fatal(err) // and now it leads
	}
	consumer := NewRegistry(registrytest.Start(t, c, "two"), WithContext(":.team:"))
	cfg := Config{Schema: `{"type":"record","name":"Post","fields":[{"name":"by","type":"User"}]}`, References: []Reference{
		{Name: "User", Subject: "user", Text: `{"type":"record","name":"User","fields":[{"name":"n","type":"string"}]}`},
	}}
	want := map[string]any{"by": map[string]any{"n": "x"}}
	b, err := newSerde[map[string]any](t, producer, cfg).Encode(t.Context(), "posts", want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := consumer.Decode(t.Context(), b); err != nil || !cmp.Equal(got, any(want)) {
		t.Errorf("read: %v, %v", got, err)
	}
	if consumer.progress.offset < 1 {
		t.Error("its replies have no offset")
	}
	for _, mode := range []Mode{Lookup, Latest} {
		cfg.Mode = mode
		if got, err := newSerde[map[string]any](t, consumer, cfg).Encode(t.Context(), "posts", want); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%v: %x, %v", mode, got, err)
		}
	}
	if _, err := NewRegistry(leader).Decode(t.Context(), append(AppendHeader(nil, 99), 0)); !errors.Is(err, ErrUnknownSchema) {
		t.Errorf("an unknown id: %v", err)
	}
}
