package records

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

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

	mu       sync.Mutex // guards subjects
	subjects map[int]string
}

// RegistryAt returns the Confluent-compatible registry at url. It is not asked for
// anything yet.
func RegistryAt(url string) Registry {
	return &registryAt{url: strings.TrimRight(url, "/"), serde: serde.NewRegistry(url), subjects: map[int]string{}}
}

// Decode implements Registry.
func (r *registryAt) Decode(ctx context.Context, framed []byte) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	return r.serde.Decode(ctx, framed)
}

// Format implements Registry.
func (r *registryAt) Format(ctx context.Context, id int) string {
	s, err := r.serde.Schema(ctx, serde.SchemaID{Number: id}) // Decode has just fetched it
	if err != nil {
		return Avro
	}
	return strings.ToLower(s.Format.String())
}

// Subject implements Registry. Of several subjects it names the first; what it has
// learned it keeps, also that there is none.
func (r *registryAt) Subject(ctx context.Context, id int) string {
	r.mu.Lock()
	defer r.mu.Unlock() // who comes later wants the same
	if s, ok := r.subjects[id]; ok {
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	var uses []struct {
		Subject string `json:"subject"`
	}
	body, err := web.Get(ctx, fmt.Sprintf("%s/schemas/ids/%d/versions", r.url, id))
	if err != nil || json.Unmarshal(body, &uses) != nil || len(uses) == 0 {
		return ""
	}
	r.subjects[id] = uses[0].Subject
	return uses[0].Subject
}
