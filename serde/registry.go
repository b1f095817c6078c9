package serde

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/singleflight"
)

var (
	// ErrRegistry: the registry could not be asked, or made no sense. Ask again.
	ErrRegistry = errors.New("schema registry is not available")
	// ErrUnknownSchema: the registry does not know the id.
	ErrUnknownSchema = errors.New("schema id is unknown to the registry")
	// ErrSchema: a schema, or a value or type that does not fit one.
	ErrSchema = errors.New("schema does not fit")
)

const (
	firstWait  = time.Second
	lastWait   = time.Minute
	maxUnknown = 10_000
)

// Registry is a schema registry and what was learned from it. It is safe for
// concurrent use, and meant to be shared by all the Serdes of a process.
type Registry struct {
	client *sr.Client
	err    error // of making client
	now    func() time.Time

	flight singleflight.Group

	mu      sync.RWMutex // guards the maps
	schemas map[int]parsed
	ids     map[registration]int
	unknown map[int]unknown
}

// parsed is what an id means, for ever: a schema, or the reason why it is none
// that we can use.
type parsed struct {
	schema *avro.Schema
	err    error
}

type registration struct{ subject, text string }

// unknown notes when an id may be asked for again.
type unknown struct {
	until time.Time
	wait  time.Duration
}

// NewRegistry returns the registry at url. It is not asked for anything yet.
func NewRegistry(url string) *Registry {
	client, err := sr.NewClient(sr.URLs(url), sr.UserAgent("weir"), sr.LogLevel(sr.LogLevelNone))
	return &Registry{
		client: client, err: err, now: time.Now,
		schemas: map[int]parsed{}, ids: map[registration]int{}, unknown: map[int]unknown{},
	}
}

// Decode decodes a framed value as its own schema says: records become
// map[string]any, and logical types what twmb/avro makes of them.
func (r *Registry) Decode(ctx context.Context, b []byte) (any, error) {
	id, payload, err := ParseHeader(b)
	if err != nil {
		return nil, err
	}
	schema, err := r.schema(ctx, id)
	if err != nil {
		return nil, err
	}
	var v any
	if err := decode(schema, id, payload, &v); err != nil {
		return nil, err
	}
	return v, nil
}

// decode fills v and takes nothing less than the whole payload.
func decode(schema *avro.Schema, id int, payload []byte, v any) error {
	rest, err := schema.Decode(payload, v)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow the value", len(rest))
	}
	if err != nil {
		return fmt.Errorf("decoding with schema %d: %w: %w", id, ErrSchema, err)
	}
	return nil
}

// schema returns what an id means.
func (r *Registry) schema(ctx context.Context, id int) (*avro.Schema, error) {
	r.mu.RLock()
	p, ok := r.schemas[id]
	r.mu.RUnlock()
	if ok {
		return p.schema, p.err
	}
	v, err := r.once(ctx, "id "+strconv.Itoa(id), func(ctx context.Context) (any, error) { return r.fetch(ctx, id) })
	if err != nil {
		return nil, fmt.Errorf("fetching schema %d: %w", id, err)
	}
	p = v.(parsed)
	return p.schema, p.err
}

// once runs fn for all callers with the same key together. A caller who gives
// up does not take it away from the others; the HTTP client's timeout ends it.
func (r *Registry) once(ctx context.Context, key string, fn func(context.Context) (any, error)) (any, error) {
	if r.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegistry, r.err)
	}
	done := r.flight.DoChan(key, func() (any, error) { return fn(context.WithoutCancel(ctx)) })
	select {
	case result := <-done:
		return result.Val, result.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrRegistry, ctx.Err())
	}
}

func (r *Registry) fetch(ctx context.Context, id int) (any, error) {
	r.mu.RLock()
	p, known := r.schemas[id] // an earlier flight may just have landed
	u, missed := r.unknown[id]
	r.mu.RUnlock()
	if known {
		return p, nil
	}
	if missed && r.now().Before(u.until) {
		return nil, ErrUnknownSchema
	}
	got, err := r.client.SchemaByID(ctx, id)

	r.mu.Lock()
	defer r.mu.Unlock()
	var refused *sr.ResponseError
	if errors.As(err, &refused) && refused.ErrorCode == sr.ErrSchemaNotFound.Code {
		if len(r.unknown) >= maxUnknown {
			clear(r.unknown)
		}
		u.wait = min(max(2*u.wait, firstWait), lastWait)
		u.until = r.now().Add(u.wait)
		r.unknown[id] = u
		return nil, ErrUnknownSchema
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegistry, err)
	}
	if got.Schema == "" {
		return nil, fmt.Errorf("%w: it answered without a schema", ErrRegistry)
	}
	delete(r.unknown, id)
	p = parse(id, got)
	r.schemas[id] = p
	return p, nil
}

func parse(id int, s sr.Schema) parsed {
	if s.Type != sr.TypeAvro {
		return parsed{err: fmt.Errorf("%w: schema %d is of type %s, not AVRO", ErrSchema, id, s.Type)}
	}
	if len(s.References) > 0 {
		return parsed{err: fmt.Errorf("%w: schema %d has references, which are not supported", ErrSchema, id)}
	}
	schema, err := avro.Parse(s.Schema)
	if err != nil {
		return parsed{err: fmt.Errorf("%w: schema %d: %w", ErrSchema, id, err)}
	}
	return parsed{schema: schema}
}

// id returns the id of a schema under a subject, registering it if mode says so.
func (r *Registry) id(ctx context.Context, subject, text string, mode Mode) (int, error) {
	key := registration{subject, text}
	r.mu.RLock()
	id, ok := r.ids[key]
	r.mu.RUnlock()
	if ok {
		return id, nil
	}
	v, err := r.once(ctx, fmt.Sprintf("%v %q %q", mode, subject, text), func(ctx context.Context) (any, error) {
		var id int
		var err error
		if mode == Lookup {
			var found sr.SubjectSchema
			found, err = r.client.LookupSchema(ctx, subject, sr.Schema{Schema: text})
			id = found.ID
		} else {
			id, err = r.client.RegisterSchema(ctx, subject, sr.Schema{Schema: text}, -1, -1)
		}
		var refused *sr.ResponseError
		switch {
		case errors.As(err, &refused) && final(refused.ErrorCode):
			return nil, fmt.Errorf("%w: %w", ErrSchema, err)
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrRegistry, err)
		case id < 1 || id > 1<<31-1:
			return nil, fmt.Errorf("%w: it answered with the id %d", ErrRegistry, id)
		}
		r.mu.Lock()
		r.ids[key] = id
		r.mu.Unlock()
		return id, nil
	})
	if err != nil {
		return 0, fmt.Errorf("%s the schema of %s: %w", mode, subject, err)
	}
	return v.(int), nil
}

// final says whether an error code is the registry's judgement on the schema.
// Others may pass: a plain 404 comes from whatever else answers at the address.
func final(code int) bool {
	switch code {
	case sr.ErrSubjectNotFound.Code, sr.ErrSchemaNotFound.Code, 409, 40901:
		return true
	}
	return sr.IsInvalidRequestError(code)
}
