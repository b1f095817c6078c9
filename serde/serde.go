package serde

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Mode says how a Serde gets the id of the schema that it writes with.
type Mode int

const (
	// Register puts the schema into the registry if it is not there. The
	// registry refuses one that is incompatible with those before it.
	Register Mode = iota
	// Lookup takes only what is registered: a producer in production must not
	// invent schemas.
	Lookup
	// Latest writes with the subject's latest schema, whatever the Serde's own is,
	// and asks again every Config.Refresh. A value that it does not fit is refused.
	Latest
)

func (m Mode) String() string {
	switch m {
	case Lookup:
		return "looking up"
	case Latest:
		return "getting the latest schema"
	}
	return "registering"
}

// Config configures a Serde.
type Config struct {
	// Format is Avro by default.
	Format Format
	// Schema is the schema to write and to read as: JSON text, or a .proto file.
	// Empty: in Avro inferred from T, which must be a struct then (see
	// avro.SchemaFor for its tags), in Protobuf that of T, a generated message.
	// JSON needs one, except to write with the latest.
	Schema string
	// References are what Schema names and does not contain, with their texts.
	// Their versions are learned by registering them, or by looking them up.
	References []Reference
	// Message is which message of a Protobuf schema is written, by its full name,
	// if T is *dynamicpb.Message or map[string]any. Default: the first.
	Message string
	// Mode is Register by default.
	Mode Mode
	// Refresh is how old the latest schema may be. Default 1m.
	Refresh time.Duration
	// Normalize asks the registry to find or store the schema by its meaning, not
	// by its text.
	Normalize bool
	// Key: the values are record keys.
	Key bool
	// Subject names the schema's subject. Default TopicName.
	Subject Subject
	// Framing is where the schema is named, Prefix by default. Both are read.
	Framing Framing
}

// Serde encodes and decodes values of type T: a struct, map[string]any, or what
// else twmb/avro maps to an Avro schema, or encoding/json to JSON; a generated
// message, *dynamicpb.Message or map[string]any (as ProtoJSON) in Protobuf; string
// or []byte in the formats without a schema. It is safe for concurrent use.
type Serde[T any] struct {
	registry *Registry
	cfg      Config
	own      codec // nil: what the registry says, or a format without a schema
	schema   Schema
	plain    bool
	values   sync.Pool // of *T, so that a value need not escape for each call
	now      func() time.Time

	writers *cache[string, *topicWriter] // by topic
	readers *cache[SchemaID, parsed]     // of the writer's schema, resolved to own
}

// New returns a Serde. The registry is asked at first use, not here; the formats
// without a schema need none.
func New[T any](registry *Registry, cfg Config) (*Serde[T], error) {
	if cfg.Subject == nil {
		cfg.Subject = TopicName
	}
	if cfg.Refresh <= 0 {
		cfg.Refresh = time.Minute
	}
	s := &Serde[T]{
		registry: registry, cfg: cfg, schema: Schema{Format: cfg.Format, Text: cfg.Schema, References: cfg.References},
		plain:  cfg.Format == String || cfg.Format == Bytes,
		values: sync.Pool{New: func() any { return new(T) }}, now: time.Now,
		writers: newCache[string, *topicWriter](maxSchemas), readers: newCache[SchemaID, parsed](maxSchemas),
	}
	if err := s.init(); err != nil {
		if !errors.Is(err, ErrSchema) {
			err = fmt.Errorf("%w: %w", ErrSchema, err)
		}
		return nil, fmt.Errorf("parsing the schema of %v: %w", reflect.TypeFor[T](), err)
	}
	return s, nil
}

// init finds the Serde's own schema.
func (s *Serde[T]) init() (err error) {
	message, isMessage := any(*new(T)).(proto.Message)
	_, dynamic := any(message).(*dynamicpb.Message)
	switch given := s.cfg.Schema != ""; {
	case s.plain:
		return s.initPlain(given)
	case s.cfg.Format == Protobuf && isMessage && !dynamic:
		desc := message.ProtoReflect().Descriptor()
		if s.own, s.schema = generated(desc); given {
			s.cfg.Message = string(desc.FullName())
			s.schema = Schema{Format: Protobuf, Text: s.cfg.Schema, References: s.cfg.References}
			s.own, err = parseProtobufMessage(s.schema, s.cfg.Message)
		}
		return err
	case s.cfg.Format == Protobuf && !isMessage && reflect.TypeFor[T]() != reflect.TypeFor[map[string]any]():
		return errors.New("it is neither a message nor map[string]any")
	case s.cfg.Format == Protobuf && given:
		s.own, err = parseProtobufMessage(s.schema, s.cfg.Message)
		return err
	case given:
		s.own, err = parse(s.schema)
		return err
	case s.cfg.Format == Avro && (s.cfg.Mode != Latest || reflect.TypeFor[T]().Kind() == reflect.Struct):
		schema, err := avro.SchemaFor[T]()
		if err != nil {
			return err
		}
		s.own, s.schema.Text = &avroCodec{schema}, schema.String()
		return nil
	case s.cfg.Mode == Latest && s.cfg.Format == JSON:
		s.own = &jsonCodec{}
		return nil
	case s.cfg.Mode == Latest && s.cfg.Format == Avro, s.cfg.Mode == Latest && s.cfg.Format == Protobuf:
		return nil
	}
	return fmt.Errorf("%v needs a Schema", s.cfg.Format)
}

func (s *Serde[T]) initPlain(given bool) error {
	_, isString := any(new(T)).(*string)
	_, isBytes := any(new(T)).(*[]byte)
	switch {
	case given:
		return fmt.Errorf("%v has no schema", s.cfg.Format)
	case s.cfg.Format == String && !isString:
		return errors.New("it is no string")
	case s.cfg.Format == Bytes && !isBytes:
		return errors.New("it is no []byte")
	}
	return nil
}

// parseProtobufMessage returns the codec of one message of a schema, "" the first.
func parseProtobufMessage(s Schema, message string) (codec, error) {
	c, err := parse(s)
	if err != nil || message == "" {
		return c, err
	}
	return c.(*protoCodec).of(protoreflect.FullName(message))
}

// Encode returns v as the value of a record of the topic, with the framing
// Prefix. A null value means that the key was deleted; it is not encoded.
func (s *Serde[T]) Encode(ctx context.Context, topic string, v T) ([]byte, error) {
	return s.AppendEncode(ctx, nil, topic, v)
}

// AppendEncode appends what Encode returns to dst; after an error, nothing.
func (s *Serde[T]) AppendEncode(ctx context.Context, dst []byte, topic string, v T) ([]byte, error) {
	if s.cfg.Framing == Header && !s.plain {
		return dst, fmt.Errorf("encoding for %s: %w: the framing Header needs a record: use EncodeRecord", topic, ErrSchema)
	}
	p := s.take()
	*p = v
	out, _, err := s.append(ctx, dst, topic, p)
	s.give(p)
	return out, err
}

// EncodeRecord sets the value (or the key) of a record to v, framed as Config
// says; after an error, nothing. The record's topic is set.
func (s *Serde[T]) EncodeRecord(ctx context.Context, r *kgo.Record, v T) error {
	p := s.take()
	*p = v
	out, header, err := s.append(ctx, nil, r.Topic, p)
	s.give(p)
	if err != nil {
		return err
	}
	setHeader(r, s.cfg.Key, header)
	if s.cfg.Key {
		r.Key = out
	} else {
		r.Value = out
	}
	return nil
}

func (s *Serde[T]) append(ctx context.Context, dst []byte, topic string, p *T) (out, header []byte, err error) {
	if s.plain {
		out, err = s.appendPlain(dst, topic, p)
		return out, nil, err
	}
	w, err := s.writer(ctx, topic)
	if err != nil {
		return dst, nil, err
	}
	if out, err = w.codec.append(append(dst, w.prefix...), p); err != nil {
		return dst, nil, fmt.Errorf("encoding for %s: %w: %w", topic, ErrSchema, err)
	}
	return out, w.header, nil
}

func (s *Serde[T]) appendPlain(dst []byte, topic string, p *T) ([]byte, error) {
	var out []byte
	switch p := any(p).(type) {
	case *string:
		if !utf8.ValidString(*p) {
			return dst, fmt.Errorf("encoding for %s: %w: it is not UTF-8", topic, ErrSchema)
		}
		out = append(dst, *p...)
	case *[]byte:
		if *p == nil {
			return dst, fmt.Errorf("encoding for %s: %w", topic, ErrTombstone)
		}
		out = append(dst, *p...)
	}
	if out == nil {
		out = []byte{} // empty is not null
	}
	return out, nil
}

// Decode returns the value of a record with the framing Prefix, read as T's
// schema whatever schema it was written with. In the format Bytes it aliases b.
func (s *Serde[T]) Decode(ctx context.Context, b []byte) (v T, err error) {
	if s.plain {
		return s.decodePlain(b)
	}
	f, err := parsePrefix(b)
	if err != nil {
		return v, err
	}
	return s.decode(ctx, f)
}

// DecodeRecord returns the value (or the key) of a record as Decode does, with
// either framing.
func (s *Serde[T]) DecodeRecord(ctx context.Context, r *kgo.Record) (v T, err error) {
	if s.plain {
		if s.cfg.Key {
			return s.decodePlain(r.Key)
		}
		return s.decodePlain(r.Value)
	}
	f, err := ParseRecord(r, s.cfg.Key)
	if err != nil {
		return v, err
	}
	return s.decode(ctx, f)
}

func (s *Serde[T]) decode(ctx context.Context, f Frame) (v T, err error) {
	reader, err := s.reader(ctx, f.ID)
	if err != nil {
		return v, err
	}
	p := s.take()
	defer s.give(p)
	if err := reader.decode(f, p); err != nil {
		return v, undecodable(f, err)
	}
	return *p, nil
}

func (s *Serde[T]) decodePlain(b []byte) (v T, err error) {
	if b == nil {
		return v, ErrTombstone
	}
	switch v := any(&v).(type) {
	case *string:
		if !utf8.Valid(b) {
			return *new(T), fmt.Errorf("%w: it is not UTF-8", ErrSchema)
		}
		*v = string(b)
	case *[]byte:
		*v = b
	}
	return v, nil
}

func (s *Serde[T]) take() *T { return s.values.Get().(*T) }

// give takes p back empty: nothing of one value may show in the next.
func (s *Serde[T]) give(p *T) {
	*p = *new(T)
	s.values.Put(p)
}

// reader returns what reads the values that were written with a schema as ours.
func (s *Serde[T]) reader(ctx context.Context, id SchemaID) (codec, error) {
	if p, ok := s.readers.get(id); ok {
		return p.codec, p.err
	}
	writer, err := s.registry.codec(ctx, id)
	if err != nil {
		return nil, err
	}
	p := parsed{codec: writer}
	if s.own != nil {
		p.codec, p.err = s.own.reading(writer)
	} else if writer.format() != s.cfg.Format {
		p.err = fmt.Errorf("%w: it is %v, not %v", ErrSchema, writer.format(), s.cfg.Format)
	}
	if p.err != nil {
		p.err = fmt.Errorf("reading schema %v as %v: %w", id, reflect.TypeFor[T](), p.err)
	}
	s.readers.put(id, p)
	return p.codec, p.err
}
