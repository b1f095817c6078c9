package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/web"
	"github.com/weirhq/weir/serde"
)

// registryTimeout is how long a registry may take for one schema: longer and the
// records are shown without it.
const registryTimeout = 2 * time.Second

// registryAt is a registry that is asked over HTTP.
type registryAt struct {
	url   string
	serde *serde.Registry
	known sync.Map // the schemas that were decoded with: nobody has to be asked for them

	mu       sync.Mutex // guards below, and is held while a subject is asked for
	subjects map[int]string
	quiet    time.Time // until when none is asked for
}

// quietFor is how long a registry that has not answered is not asked for subjects:
// else each record of a page would wait for registryTimeout.
const quietFor = 10 * time.Second

// RegistryAt returns the Confluent-compatible registry at url. It is not asked for
// anything yet.
func RegistryAt(url string) Registry {
	return &registryAt{url: strings.TrimRight(url, "/"), serde: serde.NewRegistry(url), subjects: map[int]string{}}
}

// Decode implements Registry.
func (r *registryAt) Decode(ctx context.Context, record *kgo.Record, key bool) (any, error) {
	frame, err := serde.ParseRecord(record, key)
	if err != nil {
		return nil, err
	}
	if _, ok := r.known.Load(frame.ID); ok { // a timer costs as much as to decode
		return r.serde.DecodeRecord(ctx, record, key)
	}
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	v, err := r.serde.DecodeRecord(ctx, record, key)
	if err == nil {
		r.known.Store(frame.ID, true)
	}
	return v, err
}

// Layout implements layouts.
func (r *registryAt) Layout(ctx context.Context, id serde.SchemaID) (l *serde.Layout, format serde.Format, ok bool) {
	if _, ok := r.known.Load(id); !ok {
		return nil, 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	l, format, err := r.serde.Layout(ctx, id)
	return l, format, err == nil
}

// Schema implements Registry.
func (r *registryAt) Schema(ctx context.Context, id serde.SchemaID) (number int, format string) {
	s, err := r.serde.Schema(ctx, id) // Decode has just fetched it
	if err != nil {
		return id.Number, Avro
	}
	return max(id.Number, s.ID), strings.ToLower(s.Format.String())
}

// Subject implements Registry. Of several subjects it names the first; what it has
// learned it keeps, also that there is none.
func (r *registryAt) Subject(ctx context.Context, id int) string {
	r.mu.Lock()
	defer r.mu.Unlock() // who comes later wants the same
	if s, ok := r.subjects[id]; ok || time.Now().Before(r.quiet) {
		return s
	}
	asking, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	var uses []struct {
		Subject string `json:"subject"`
	}
	body, err := web.Get(asking, fmt.Sprintf("%s/schemas/ids/%d/versions", r.url, id))
	if err == nil {
		err = json.Unmarshal(body, &uses)
	}
	var answer *web.Error
	switch {
	case ctx.Err() != nil:
		return "" // its caller went away
	case err != nil && !(errors.As(err, &answer) && answer.Status == http.StatusNotFound):
		r.quiet = time.Now().Add(quietFor)
		return ""
	}
	r.subjects[id] = ""
	if len(uses) > 0 {
		r.subjects[id] = uses[0].Subject
	}
	return r.subjects[id]
}
