package serde

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// writer is how the values of one topic are written.
type writer struct {
	codec  codec
	prefix []byte // before the value: 00, id, indexes; nothing with the framing Header
	header []byte // into the record's header, nil with the framing Prefix
	err    error  // why the latest schema can not be written with
}

// topicWriter is the writer of a topic. In the mode Latest it changes.
type topicWriter struct {
	current atomic.Pointer[writer]
	next    atomic.Int64 // when the latest schema is asked for again, Unix nanoseconds
}

// writer returns how a topic is written.
func (s *Serde[T]) writer(ctx context.Context, topic string) (*writer, error) {
	t, ok := s.writers.get(topic)
	if !ok {
		w, err := s.newWriter(ctx, topic)
		if err != nil {
			return nil, err
		}
		t = &topicWriter{}
		t.current.Store(w)
		if s.cfg.Mode == Latest {
			t.next.Store(s.now().Add(s.cfg.Refresh).UnixNano())
		}
		s.writers.put(topic, t)
	}
	if s.cfg.Mode == Latest {
		s.refresh(ctx, topic, t)
	}
	w := t.current.Load()
	return w, w.err
}

// refresh asks for the latest schema if it is time. One caller asks, the others go
// on with what they have, as all do while the registry is away.
func (s *Serde[T]) refresh(ctx context.Context, topic string, t *topicWriter) {
	now, next := s.now(), t.next.Load()
	if now.UnixNano() < next || !t.next.CompareAndSwap(next, now.Add(s.cfg.Refresh).UnixNano()) {
		return
	}
	w, err := s.newWriter(ctx, topic)
	var later Retriable
	switch {
	case err == nil:
		t.current.Store(w)
	case !errors.As(err, &later):
		t.current.Store(&writer{err: err})
	}
}

func (s *Serde[T]) newWriter(ctx context.Context, topic string) (*writer, error) {
	var record string
	if s.own != nil {
		record = s.own.name()
	}
	subject := s.cfg.Subject(topic, record, s.cfg.Key)
	if subject == "" {
		return nil, fmt.Errorf("naming the subject for %s: %w: the strategy needs the name of a record, and the schema has none", topic, ErrSchema)
	}
	c, schema, err := s.written(ctx, subject)
	if err != nil {
		return nil, err
	}
	w := &writer{codec: c}
	if s.cfg.Framing == Prefix {
		w.prefix = append(AppendHeader(nil, schema.ID), c.indexes()...)
		return w, nil
	}
	if schema.GUID == (GUID{}) { // older registries say it only here
		if schema, err = s.registry.Schema(ctx, SchemaID{Number: schema.ID}); err != nil {
			return nil, err
		}
		if schema.GUID == (GUID{}) {
			return nil, fmt.Errorf("framing for %s: %w: the registry gives no GUIDs, use the framing Prefix", topic, ErrSchema)
		}
	}
	w.header = slices.Clip(append(AppendGUID(nil, schema.GUID), c.indexes()...)) // records share it
	return w, nil
}

// written returns the schema that values are written with under a subject, and
// what writes them so.
func (s *Serde[T]) written(ctx context.Context, subject string) (codec, Schema, error) {
	if s.cfg.Mode != Latest {
		got, err := s.registry.register(ctx, subject, s.schema, s.cfg.Mode, s.cfg.Normalize)
		return s.own, got.Schema, err
	}
	schema, c, err := s.registry.latest(ctx, subject)
	switch {
	case err != nil:
	case s.own != nil:
		c, err = s.own.writing(c)
	case schema.Format != s.cfg.Format:
		err = fmt.Errorf("%w: it is %v, not %v", ErrSchema, schema.Format, s.cfg.Format)
	case s.cfg.Message != "":
		c, err = c.(*protoCodec).of(protoreflect.FullName(s.cfg.Message))
	}
	if err != nil {
		return nil, Schema{}, fmt.Errorf("writing with the latest schema of %s: %w", subject, err)
	}
	return c, schema, nil
}
