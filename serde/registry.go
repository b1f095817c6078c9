package serde

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/singleflight"
)

const (
	firstWait  = time.Second
	lastWait   = time.Minute
	maxUnknown = 10_000
	// maxSchemas is how many schemas a Registry keeps by default, and how many
	// schemas and topics a Serde does.
	maxSchemas = 10_000
	// awayFor is how long a registry that did not answer is not asked for what is
	// on disk: each question may take as long as the HTTP client's timeout.
	awayFor = 5 * time.Second
)

// Registry is a schema registry and what was learned from it. It is safe for
// concurrent use, and meant to be shared by all the Serdes of a process.
type Registry struct {
	client  *sr.Client
	err     error // of making client
	context string
	disk    disk
	now     func() time.Time

	flight  singleflight.Group
	schemas *cache[SchemaID, Schema]
	codecs  *cache[SchemaID, parsed]
	ids     *cache[string, stored] // by question

	requests atomic.Int64
	lookups  lookups
	progress progress

	mu      sync.Mutex // guards what follows
	unknown map[SchemaID]unknown
	away    time.Time // until when it is taken to be
}

// parsed is what an id means, for ever: a schema's codec, or the reason why it is
// none that we can use.
type parsed struct {
	codec codec
	err   error
}

// unknown notes when an id may be asked for again, and what came the last time.
type unknown struct {
	until time.Time
	wait  time.Duration
	err   error
}

type registryConfig struct {
	dir, context string
	max          int
	client       []sr.ClientOpt
}

// RegistryOpt is an option of NewRegistry.
type RegistryOpt func(*registryConfig)

// WithCacheDir keeps what the registry says in files under dir, so that a program
// can start while the registry is away, if it has seen the schemas before.
// Processes may share it. Default: nothing is kept.
func WithCacheDir(dir string) RegistryOpt { return func(c *registryConfig) { c.dir = dir } }

// WithContext puts all subjects and ids into a context of the registry, such as
// ":.team:". Default: the default context.
func WithContext(name string) RegistryOpt { return func(c *registryConfig) { c.context = name } }

// WithMaxSchemas bounds how many schemas are kept in memory. Default 10,000.
func WithMaxSchemas(n int) RegistryOpt { return func(c *registryConfig) { c.max = max(1, n) } }

// WithClient says how the registry is asked: sr.BasicAuth, sr.DialTLSConfig,
// sr.HTTPClient with another timeout than 5s, and so on.
func WithClient(opts ...sr.ClientOpt) RegistryOpt {
	return func(c *registryConfig) { c.client = append(c.client, opts...) }
}

// NewRegistry returns the registry at url, or at several, separated by commas,
// that are tried in turn. It is not asked for anything yet.
func NewRegistry(url string, opts ...RegistryOpt) *Registry {
	cfg := registryConfig{max: maxSchemas}
	for _, opt := range opts {
		opt(&cfg)
	}
	client, err := newClient(append([]sr.ClientOpt{
		sr.URLs(strings.Split(url, ",")...), sr.UserAgent("weir"), sr.LogLevel(sr.LogLevelNone),
	}, cfg.client...))
	r := &Registry{
		client: client, err: err, context: cfg.context, now: time.Now,
		schemas: newCache[SchemaID, Schema](cfg.max), codecs: newCache[SchemaID, parsed](cfg.max), ids: newCache[string, stored](cfg.max),
		progress: progress{patience: firstPatience}, unknown: map[SchemaID]unknown{},
	}
	if cfg.dir != "" {
		r.disk = openDisk(cfg.dir, strings.TrimRight(url, "/"), cfg.context)
	}
	return r
}

// Stats counts what a Registry did since it was made.
type Stats struct {
	Requests   int64 // sent to the registry
	FromDisk   int64 // answers that were taken from disk
	DiskErrors int64 // files that could not be read or written, or were not whole
	Schemas    int   // in memory now
}

// Stats returns the counts.
func (r *Registry) Stats() Stats {
	disk := &r.lookups[onDisk]
	return Stats{r.requests.Load(), disk[hit].Load(), disk[failed].Load(), r.codecs.len()}
}

// Decode decodes a value with V0 framing as its own schema says. Avro records
// become map[string]any, and logical types what twmb/avro makes of them; JSON what
// encoding/json does, with json.Number for numbers; Protobuf messages what that
// makes of their ProtoJSON, with the names of the .proto file.
func (r *Registry) Decode(ctx context.Context, b []byte) (any, error) {
	f, err := parsePrefix(b)
	if err != nil {
		return nil, err
	}
	return r.decode(ctx, f)
}

// DecodeRecord decodes a record's key or value as Decode does, with either
// framing.
func (r *Registry) DecodeRecord(ctx context.Context, record *kgo.Record, key bool) (any, error) {
	f, err := ParseRecord(record, key)
	if err != nil {
		return nil, err
	}
	return r.decode(ctx, f)
}

func (r *Registry) decode(ctx context.Context, f Frame) (any, error) {
	c, err := r.codec(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	var v any
	if err := c.decode(f, &v); err != nil {
		return nil, undecodable(f, err)
	}
	return v, nil
}

func undecodable(f Frame, err error) error {
	return fmt.Errorf("decoding with schema %v: %w: %w", f.ID, ErrSchema, err)
}

// Schema returns what an id means.
func (r *Registry) Schema(ctx context.Context, id SchemaID) (Schema, error) {
	if s, ok := r.schemas.get(id); ok {
		return s, nil
	}
	v, err := r.once(ctx, id.question(), func(ctx context.Context) (any, error) { return r.fetch(ctx, id) })
	if err != nil {
		return Schema{}, fmt.Errorf("fetching schema %v: %w", id, err)
	}
	return v.(Schema), nil
}

// question is the name of an id on disk and for those who wait for the same.
func (id SchemaID) question() string {
	if id.GUID != (GUID{}) {
		return "guid-" + id.String()
	}
	return "id-" + id.String()
}

// codec returns the codec of what an id means.
func (r *Registry) codec(ctx context.Context, id SchemaID) (codec, error) {
	if p, ok := r.codecs.get(id); ok {
		return p.codec, p.err
	}
	v, err := r.once(ctx, "codec "+id.question(), func(ctx context.Context) (any, error) {
		if p, ok := r.codecs.get(id); ok { // an earlier flight may just have landed
			return p, nil
		}
		s, err := r.fetch(ctx, id)
		if err != nil {
			return nil, err
		}
		return r.parse(id, s), nil
	})
	if err != nil {
		return nil, fmt.Errorf("fetching schema %v: %w", id, err)
	}
	p := v.(parsed)
	return p.codec, p.err
}

func (r *Registry) parse(id SchemaID, s Schema) (p parsed) {
	if p.codec, p.err = parse(s); p.err != nil {
		p.err = fmt.Errorf("parsing schema %v: %w", id, p.err)
	}
	r.codecs.put(id, p)
	return p
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

// fetch finds out what an id means. A GUID is a hash of the schema, so that a file
// about it is right; a number means what the registry at the address says, which
// may have been set up anew: the file is believed only while it is away, and then by
// this Registry as long as it keeps the schema.
func (r *Registry) fetch(ctx context.Context, id SchemaID) (Schema, error) {
	if s, ok := r.schemas.get(id); ok {
		return s, nil
	}
	r.lookups[inMemory][miss].Add(1)
	if id.GUID != (GUID{}) {
		if got, ok := r.load(id.question()); ok {
			r.schemas.put(id, got.Schema)
			return got.Schema, nil
		}
	}
	r.mu.Lock()
	u, missed := r.unknown[id]
	r.mu.Unlock()
	if missed && r.now().Before(u.until) {
		return Schema{}, u.err
	}
	got, err := r.answer(ctx, id.question(), func(ctx context.Context) (stored, error) { return r.ask(ctx, id) })
	if err != nil {
		r.remember(id, u, err)
		return Schema{}, err
	}
	r.mu.Lock()
	delete(r.unknown, id)
	r.mu.Unlock()
	r.schemas.put(id, got.Schema)
	return got.Schema, nil
}

// remember notes that the registry has nothing for an id, so that a topic of
// foreign bytes does not become a storm of requests.
func (r *Registry) remember(id SchemaID, u unknown, err error) {
	var poison Poison
	if !errors.As(err, &poison) {
		return
	}
	u.wait = min(max(2*u.wait, firstWait), lastWait)
	u.until, u.err = r.now().Add(u.wait), err
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.unknown) >= maxUnknown {
		clear(r.unknown)
	}
	r.unknown[id] = u
}

// answer asks the registry and keeps the answer on disk, or takes it from there if
// the registry is away.
func (r *Registry) answer(ctx context.Context, question string, ask func(context.Context) (stored, error)) (stored, error) {
	r.mu.Lock()
	away := r.now().Before(r.away)
	r.mu.Unlock()
	if away {
		if got, ok := r.load(question); ok {
			return got, nil
		}
	}
	got, err := ask(ctx)
	switch {
	case err == nil:
		r.lookups[atRegistry][hit].Add(1)
		r.setAway(time.Time{})
		got.Question = question
		if r.disk.store(got) != nil {
			r.lookups[onDisk][failed].Add(1)
		}
		return got, nil
	case !errors.Is(err, ErrRegistry):
		r.lookups[atRegistry][miss].Add(1)
		r.setAway(time.Time{})
		return got, err
	}
	r.lookups[atRegistry][failed].Add(1)
	r.setAway(r.now().Add(awayFor))
	if got, ok := r.load(question); ok {
		return got, nil
	}
	return stored{}, err
}

func (r *Registry) setAway(until time.Time) {
	r.mu.Lock()
	r.away = until
	r.mu.Unlock()
}

func (r *Registry) load(question string) (stored, bool) {
	if r.disk.dir == "" {
		return stored{}, false
	}
	got, ok, err := r.disk.load(question)
	result := miss
	switch {
	case ok:
		result = hit
	case err != nil:
		result = failed
	}
	r.lookups[onDisk][result].Add(1)
	return got, ok
}
