package serde

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/avro"
)

// Mode says how a Serde gets the id of its schema.
type Mode int

const (
	// Register puts the schema into the registry if it is not there. The
	// registry refuses one that is incompatible with those before it.
	Register Mode = iota
	// Lookup takes only what is registered: a producer in production must not
	// invent schemas.
	Lookup
)

func (m Mode) String() string {
	if m == Lookup {
		return "looking up"
	}
	return "registering"
}

// Config configures a Serde.
type Config struct {
	// Schema is the Avro schema to write and to read as. Empty: inferred from
	// T, which must be a struct then (see avro.SchemaFor for its tags).
	Schema string
	// Mode is Register by default.
	Mode Mode
	// Key: the values are record keys, so the subject is <topic>-key.
	Key bool
}

// Serde encodes and decodes values of type T: a struct, map[string]any, or what
// else twmb/avro maps to the schema. It is safe for concurrent use.
type Serde[T any] struct {
	registry *Registry
	mode     Mode
	key      bool
	schema   *avro.Schema
	text     string
	values   sync.Pool // of *T, so that a value need not escape for each call

	mu      sync.RWMutex // guards the maps
	ids     map[string]int
	readers map[int]parsed // by the writer's id, resolved to schema
}

// New returns a Serde. The registry is asked at first use, not here.
func New[T any](registry *Registry, cfg Config) (*Serde[T], error) {
	var schema *avro.Schema
	var err error
	if cfg.Schema == "" {
		schema, err = avro.SchemaFor[T]()
	} else {
		schema, err = avro.Parse(cfg.Schema)
	}
	if err != nil {
		return nil, fmt.Errorf("parsing the schema of %T: %w: %w", *new(T), ErrSchema, err)
	}
	return &Serde[T]{
		registry: registry, mode: cfg.Mode, key: cfg.Key, schema: schema, text: schema.String(),
		values: sync.Pool{New: func() any { return new(T) }},
		ids:    map[string]int{}, readers: map[int]parsed{},
	}, nil
}

// Encode returns v as the value of a record of the topic.
func (s *Serde[T]) Encode(ctx context.Context, topic string, v T) ([]byte, error) {
	return s.AppendEncode(ctx, nil, topic, v)
}

// AppendEncode appends what Encode returns to dst; after an error, nothing.
func (s *Serde[T]) AppendEncode(ctx context.Context, dst []byte, topic string, v T) ([]byte, error) {
	id, err := s.id(ctx, topic)
	if err != nil {
		return dst, err
	}
	p := s.take()
	*p = v
	out, err := s.schema.AppendEncode(AppendHeader(dst, id), p)
	s.give(p)
	if err != nil {
		return dst, fmt.Errorf("encoding for %s: %w: %w", topic, ErrSchema, err)
	}
	return out, nil
}

// Decode returns the value of a record, read as T's schema whatever schema it
// was written with.
func (s *Serde[T]) Decode(ctx context.Context, b []byte) (v T, err error) {
	id, payload, err := ParseHeader(b)
	if err != nil {
		return v, err
	}
	reader, err := s.reader(ctx, id)
	if err != nil {
		return v, err
	}
	p := s.take()
	defer s.give(p)
	if err := decode(reader, id, payload, p); err != nil {
		return v, err
	}
	return *p, nil
}

func (s *Serde[T]) take() *T { return s.values.Get().(*T) }

// give takes p back empty: nothing of one value may show in the next.
func (s *Serde[T]) give(p *T) {
	*p = *new(T)
	s.values.Put(p)
}

// id returns the id of our schema under the topic's subject.
func (s *Serde[T]) id(ctx context.Context, topic string) (int, error) {
	s.mu.RLock()
	id, ok := s.ids[topic]
	s.mu.RUnlock()
	if ok {
		return id, nil
	}
	subject := ValueSubject(topic)
	if s.key {
		subject = KeySubject(topic)
	}
	id, err := s.registry.id(ctx, subject, s.text, s.mode)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.ids[topic] = id
	s.mu.Unlock()
	return id, nil
}

// reader returns the schema that reads what was written with id as ours.
func (s *Serde[T]) reader(ctx context.Context, id int) (*avro.Schema, error) {
	s.mu.RLock()
	p, ok := s.readers[id]
	s.mu.RUnlock()
	if ok {
		return p.schema, p.err
	}
	writer, err := s.registry.schema(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.schema, err = avro.Resolve(writer, s.schema); err != nil {
		p.err = fmt.Errorf("reading schema %d as %T: %w: %w", id, *new(T), ErrSchema, err)
	}
	s.mu.Lock()
	s.readers[id] = p
	s.mu.Unlock()
	return p.schema, p.err
}
