package serde

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"

	"github.com/twmb/franz-go/pkg/sr"
)

// reply is what the registry answers about a schema; which fields there are
// depends on the route and on the registry.
type reply struct {
	ID         int             `json:"id"`
	GUID       string          `json:"guid"`
	Subject    string          `json:"subject"`
	Version    int             `json:"version"`
	Format     Format          `json:"schemaType"`
	Text       string          `json:"schema"`
	References []wireReference `json:"references"`
}

type wireReference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// final says whether an error code is the registry's judgement on the schema.
// Others may pass: a plain 404 comes from whatever else answers at the address.
func final(code int) bool {
	switch code {
	case sr.ErrSubjectNotFound.Code, sr.ErrVersionNotFound.Code, sr.ErrSchemaNotFound.Code, 409, 40901:
		return true
	}
	return sr.IsInvalidRequestError(code)
}

// ask asks for what an id means.
func (r *Registry) ask(ctx context.Context, id SchemaID) (stored, error) {
	path, at := "/schemas/guids/"+id.String(), ctx
	if id.GUID == (GUID{}) {
		path = "/schemas/ids/" + strconv.Itoa(id.Number)
		if r.context != "" {
			at = sr.WithParams(ctx, sr.Subject(r.context))
		}
	}
	var got reply
	err := r.request(at, "GET", path, nil, &got)
	if notFound(err) {
		return stored{}, ErrUnknownSchema
	}
	if err != nil {
		return stored{}, err
	}
	if id.GUID != (GUID{}) {
		got.GUID = id.String()
	} else {
		got.ID = id.Number
	}
	return r.complete(ctx, got)
}

// complete makes a stored schema of a reply, with the texts of its references.
func (r *Registry) complete(ctx context.Context, got reply) (stored, error) {
	if got.Text == "" {
		return stored{}, fmt.Errorf("%w: it answered without a schema", ErrRegistry)
	}
	s := stored{Version: got.Version, Schema: Schema{ID: got.ID, Format: got.Format, Text: got.Text}}
	s.GUID, _ = ParseGUID(got.GUID) // older registries have none
	refs := references{registry: r, known: map[string]Reference{}}
	var err error
	s.References, err = refs.fetch(ctx, got.References, cmp.Or(contextOf(got.Subject), r.context), 0)
	return s, err
}

// references fetches what schemas refer to, each once.
type references struct {
	registry *Registry
	known    map[string]Reference
}

// fetch fetches what a schema in a context refers to.
func (r *references) fetch(ctx context.Context, wire []wireReference, in string, depth int) (refs []Reference, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: its references lead in a circle, or are nested over %d deep", ErrSchema, maxDepth)
	}
	for _, w := range wire {
		subject := within(in, w.Subject)
		path := "/subjects/" + url.PathEscape(subject) + "/versions/" + strconv.Itoa(w.Version)
		ref, ok := r.known[path]
		if !ok {
			if len(r.known) >= maxReferences {
				return nil, fmt.Errorf("%w: it has more than %d references", ErrSchema, maxReferences)
			}
			var got reply
			// A schema that others refer to can be deleted softly only, and means what it did.
			if err := r.registry.request(sr.WithParams(ctx, sr.ShowDeleted), "GET", path, nil, &got); err != nil {
				return nil, fmt.Errorf("reference %q: %w", w.Name, err)
			}
			ref = Reference{Text: got.Text}
			if ref.References, err = r.fetch(ctx, got.References, contextOf(subject), depth+1); err != nil {
				return nil, err
			}
			r.known[path] = ref
		}
		ref.Name, ref.Subject, ref.Version = w.Name, w.Subject, w.Version
		refs = append(refs, ref)
	}
	return refs, nil
}

// register returns the id of a schema under a subject. What it refers to is
// registered, or looked up, before.
func (r *Registry) register(ctx context.Context, subject string, s Schema, mode Mode, normalize bool) (stored, error) {
	question := fmt.Sprintf("%q %v %t %q %+v", subject, s.Format, normalize, s.Text, s.References)
	if got, ok := r.ids.get(question); ok {
		return got, nil
	}
	v, err := r.once(ctx, mode.String()+" "+question, func(ctx context.Context) (any, error) {
		if got, ok := r.ids.get(question); ok {
			return got, nil
		}
		r.lookups[inMemory][miss].Add(1)
		got, err := r.answer(ctx, question, func(ctx context.Context) (stored, error) { return r.post(ctx, subject, s, mode, normalize) })
		if err == nil {
			r.ids.put(question, got)
		}
		return got, err
	})
	if err != nil {
		return stored{}, fmt.Errorf("%v the schema of %s: %w", mode, subject, err)
	}
	return v.(stored), nil
}

// post is register without a memory.
func (r *Registry) post(ctx context.Context, subject string, s Schema, mode Mode, normalize bool) (stored, error) {
	subject = within(r.context, subject)
	body := map[string]any{"schema": s.Text}
	if s.Format != Avro { // as older registries want it
		body["schemaType"] = s.Format
	}
	var refs []wireReference
	for _, ref := range s.References {
		name := within(contextOf(subject), ref.Subject)
		got, err := r.register(ctx, name, Schema{Format: s.Format, Text: ref.Text, References: ref.References}, mode, normalize)
		if err != nil {
			return stored{}, err
		}
		version, err := r.version(ctx, name, got, s.Format, ref, normalize)
		if err != nil {
			return stored{}, err
		}
		refs = append(refs, wireReference{ref.Name, name, version})
	}
	if refs != nil {
		body["references"] = refs
	}
	if normalize {
		ctx = sr.WithParams(ctx, sr.Normalize)
	}
	path := "/subjects/" + url.PathEscape(subject)
	if mode == Register {
		path += "/versions"
	}
	var got reply
	if err := r.request(ctx, "POST", path, body, &got); err != nil {
		return stored{}, err
	}
	if got.ID < 1 || got.ID > math.MaxInt32 {
		return stored{}, fmt.Errorf("%w: it answered with the id %d", ErrRegistry, got.ID)
	}
	out := stored{Version: got.Version, Schema: Schema{ID: got.ID, Format: s.Format}}
	out.GUID, _ = ParseGUID(got.GUID)
	return out, nil
}

// version returns the version of a reference. Older registries do not say it when
// they register.
func (r *Registry) version(ctx context.Context, subject string, got stored, format Format, ref Reference, normalize bool) (int, error) {
	if got.Version > 0 {
		return got.Version, nil
	}
	found, err := r.post(ctx, subject, Schema{Format: format, Text: ref.Text, References: ref.References}, Lookup, normalize)
	if err == nil && found.Version < 1 {
		err = fmt.Errorf("%w: it answered with the version %d", ErrRegistry, found.Version)
	}
	if err != nil {
		return 0, fmt.Errorf("looking up the version of %s: %w", subject, err)
	}
	return found.Version, nil
}

// latest returns the latest schema of a subject, and its codec.
func (r *Registry) latest(ctx context.Context, subject string) (Schema, codec, error) {
	v, err := r.once(ctx, "latest "+subject, func(ctx context.Context) (any, error) {
		return r.answer(ctx, "latest "+subject, func(ctx context.Context) (stored, error) {
			var got reply
			if err := r.request(ctx, "GET", "/subjects/"+url.PathEscape(within(r.context, subject))+"/versions/latest", nil, &got); err != nil {
				return stored{}, err
			}
			if got.ID < 1 || got.ID > math.MaxInt32 {
				return stored{}, fmt.Errorf("%w: it answered with the id %d", ErrRegistry, got.ID)
			}
			return r.complete(ctx, got)
		})
	})
	if err != nil {
		return Schema{}, nil, fmt.Errorf("%v of %s: %w", Latest, subject, err)
	}
	s := v.(stored).Schema
	id := SchemaID{Number: s.ID}
	p, ok := r.codecs.get(id)
	if !ok {
		p = r.parse(id, s)
	}
	return s, p.codec, p.err
}
