package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// Snapshot is what a registry has.
type Snapshot struct {
	Versions []Schema  // by subject and number
	Settings []Setting // by subject
}

// Setting is what is set for a subject, a context (":.ctx:") or, with "", the registry.
type Setting struct {
	Subject string                     `json:"subject"`
	Config  map[string]json.RawMessage `json:"config,omitempty"` // as GET has it
	Mode    string                     `json:"mode,omitempty"`
}

// atOnce is how many requests are under way.
const atOnce = 8

// Snapshot asks for all that a registry has, or for what keep takes, softly deleted
// versions included; and for what is set for those in also, which it may have no
// versions of.
func (c *Client) Snapshot(ctx context.Context, keep func(subject string) bool, also ...string) (s Snapshot, err error) {
	subjects, err := c.Subjects(ctx, true)
	if err != nil {
		return s, err
	}
	slices.Sort(subjects)
	subjects = slices.Compact(subjects)
	if keep != nil {
		subjects = slices.DeleteFunc(subjects, func(subject string) bool { return !keep(subject) })
	}
	set := append(withContexts(subjects), also...)
	slices.Sort(set)
	set = slices.Compact(set)
	var mu sync.Mutex // guards s and done
	done := 0
	count := func() { // with mu held
		if done++; c.Progress != nil {
			c.Progress(done, len(set)+len(subjects))
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, subject := range set {
		g.Go(func() error {
			setting, err := c.Setting(ctx, subject)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			count()
			if setting.Config != nil || setting.Mode != "" {
				s.Settings = append(s.Settings, setting)
			}
			return nil
		})
	}
	for _, subject := range subjects {
		g.Go(func() error {
			versions, err := c.All(ctx, subject)
			mu.Lock()
			defer mu.Unlock()
			count()
			s.Versions = append(s.Versions, versions...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return Snapshot{}, err
	}
	slices.SortFunc(s.Settings, func(a, b Setting) int { return cmp.Compare(a.Subject, b.Subject) })
	slices.SortFunc(s.Versions, func(a, b Schema) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return s, nil
}

// withContexts adds the registry ("") and the contexts that subjects are in.
func withContexts(subjects []string) []string {
	all := []string{""}
	for _, s := range subjects {
		if strings.HasPrefix(s, ":.") {
			if context, _, ok := strings.Cut(s[1:], ":"); ok {
				all = append(all, ":"+context+":")
			}
		}
	}
	slices.Sort(all)
	return append(slices.Compact(all), subjects...)
}

// Setting asks for what is set for a subject.
func (c *Client) Setting(ctx context.Context, subject string) (s Setting, err error) {
	s.Subject = subject
	if s.Config, _, err = c.Config(ctx, subject); err != nil {
		return s, fmt.Errorf("the config of subject %q: %w", subject, err)
	}
	if s.Mode, err = c.Mode(ctx, subject); err != nil {
		return s, fmt.Errorf("the mode of subject %q: %w", subject, err)
	}
	return s, nil
}

// All asks for the versions of a subject; none if there is no such subject.
func (c *Client) All(ctx context.Context, subject string) (list []Schema, err error) {
	all, err := c.Versions(ctx, subject, true)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the versions of subject %q: %w", subject, err)
	}
	live, err := c.Versions(ctx, subject, false)
	if err != nil && !missing(err) {
		return nil, fmt.Errorf("the versions of subject %q: %w", subject, err)
	}
	for _, n := range all {
		s, err := c.Version(ctx, subject, n, true)
		if err != nil {
			return nil, fmt.Errorf("version %d of subject %q: %w", n, subject, err)
		}
		s.Subject, s.Version, s.Deleted = subject, n, !slices.Contains(live, n)
		list = append(list, s)
	}
	return list, nil
}

// State is what the registry would decide from, so that it can be tried out here
// what a change would do. level is the compatibility where nothing is set.
func (s Snapshot) State(languages map[string]state.Language, level string) (*state.State, error) {
	st := state.New(languages, level)
	var offset int64
	apply := func(k wire.SchemasKey, value []byte) error {
		offset++
		return st.Apply(wire.AppendSchemasKey(nil, k), value, offset)
	}
	for _, set := range s.Settings {
		if err := set.apply(apply); err != nil {
			return nil, fmt.Errorf("the settings of subject %q: %w", set.Subject, err)
		}
	}
	for _, v := range s.Versions {
		k := wire.SchemasKey{Type: wire.SchemasSchema, Subject: v.Subject, Version: v.Version}
		if err := apply(k, wire.AppendSchemaValue(nil, v.value())); err != nil {
			return nil, fmt.Errorf("version %d of subject %q: %w", v.Version, v.Subject, err)
		}
	}
	return st, nil
}

func (s Schema) value() wire.SchemaValue {
	return wire.SchemaValue{Subject: s.Subject, Version: s.Version, ID: s.ID, SchemaType: s.SchemaType, References: s.References,
		Schema: s.Schema, Deleted: s.Deleted, Metadata: s.Metadata, RuleSet: s.RuleSet}
}

func (s Setting) apply(apply func(wire.SchemasKey, []byte) error) error {
	key := wire.SchemasKey{Subject: s.Subject, Global: s.Subject == ""}
	if s.Config != nil {
		text, err := json.Marshal(s.Config)
		if err != nil {
			return err
		}
		config, err := wire.ParseSchemasSetting(text)
		if err != nil {
			return err
		}
		key.Type = wire.SchemasConfig
		if err := apply(key, wire.AppendSchemasSetting(nil, config)); err != nil {
			return err
		}
	}
	if s.Mode == "" {
		return nil
	}
	key.Type = wire.SchemasMode
	return apply(key, wire.AppendSchemasModeValue(nil, wire.SchemasModeValue{Subject: s.Subject, Mode: s.Mode}))
}
