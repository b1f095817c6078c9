package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// What the schema registry says, on Confluent's routes.

type schemaInfo struct {
	Subject    string `json:"subject"`
	Version    int64  `json:"version"`
	ID         int64  `json:"id"`
	Type       string `json:"schemaType"` // "": Avro
	Schema     string `json:"schema"`
	References []struct {
		Name    string `json:"name"`
		Subject string `json:"subject"`
		Version int64  `json:"version"`
	} `json:"references"`
}

func (s schemaInfo) language() string {
	if s.Type == "" {
		return "AVRO"
	}
	return s.Type
}

// setting is a compatibility level or a mode, and whose it is.
type setting struct {
	Value string
	Own   bool // of the subject itself, not of the whole registry
}

type schemaUse struct {
	Subject string `json:"subject"`
	Version int64  `json:"version"`
}

type checkInfo struct {
	Compatible bool     `json:"is_compatible"`
	Messages   []string `json:"messages"`
}

func subjectsPath(segs ...string) string { return joined("/subjects", segs...) }

func joined(root string, segs ...string) string { return join(root, segs) }

// settingOf asks for a setting of a subject, and where it has none for that of all.
func settingOf(name, what, field, subject string) question {
	path := joined("/"+what, subject)
	return question{name, path, func(ctx context.Context, api api) (any, error) {
		for _, at := range []struct {
			path string
			own  bool
		}{{path, true}, {"/" + what, false}} {
			v := map[string]any{}
			err := api.get(ctx, at.path, &v)
			if at.own && notFound(err) {
				continue
			}
			s, _ := v[field].(string)
			return setting{s, at.own}, err
		}
		return setting{}, errors.New("not reached: the second has returned")
	}}
}

// globalSetting asks for a setting of the whole registry.
func globalSetting(name, what, field string) question {
	return question{name, "/" + what, func(ctx context.Context, api api) (any, error) {
		v := map[string]any{}
		err := api.get(ctx, "/"+what, &v)
		s, _ := v[field].(string)
		return setting{s, false}, err
	}}
}

// latest asks for the newest version of each of some subjects, a few at a time.
func latest(ctx context.Context, api api, subjects []string, now time.Time) answers {
	d := answers{byName: map[string]reply{}}
	got := make([]reply, len(subjects))
	limit := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for i, s := range subjects {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			var v schemaInfo
			path := subjectsPath(s, "versions", "latest")
			err := api.get(ctx, path, &v)
			v.Schema = "" // a list does not show it
			p := read(now, any(v), err)
			got[i] = reply{panel: p, path: path}
		})
	}
	wg.Wait()
	for i, s := range subjects {
		d.byName["latest "+s] = got[i]
	}
	return d
}

// loadSchemas reads the names of all subjects, and of those on the page the newest
// version.
func loadSchemas(ctx context.Context, api api, a address, now time.Time) content {
	d := load(ctx, api, []question{asking[[]string]("subjects", subjectsPath()), globalSetting("compatibility", "config", "compatibilityLevel"), globalSetting("mode", "mode", "mode")}, now)
	names, _ := subjectsShown(a, of[[]string](d, "subjects").Data)
	maps.Copy(d.byName, latest(ctx, api, names, now).byName)
	return d
}

// schemaHistory is who changed a subject, the newest first.
type schemaHistory struct {
	Rows []struct {
		At      time.Time `json:"at"`
		Who     string    `json:"who"`
		From    string    `json:"from"`
		Reason  string    `json:"reason"`
		What    string    `json:"what"`
		Version int       `json:"version"`
		ID      int       `json:"id"`
	} `json:"rows"`
}

// loadSubject reads about two versions of a subject. Which they are may only be
// known once the list of them is.
func loadSubject(ctx context.Context, api api, a address, now time.Time) content {
	s := a.vars["subject"]
	d := load(ctx, api, []question{asking[[]int64]("versions", subjectsPath(s, "versions")),
		settingOf("compatibility", "config", "compatibilityLevel", s), settingOf("mode", "mode", "mode", s),
		asking[schemaHistory]("history", withQuery(apiPath("registry", "history"), "subject", s, "limit", "50"))}, now)
	newer, older := versionsShown(a, of[[]int64](d, "versions").Data)
	var asks []question
	for name, n := range map[string]int64{"newer": newer, "older": older} {
		if n > 0 {
			asks = append(asks, asking[schemaInfo](name, subjectsPath(s, "versions", fmt.Sprint(n))))
		}
	}
	if newer > 0 {
		asks = append(asks, asking[[]int64]("referenced", subjectsPath(s, "versions", fmt.Sprint(newer), "referencedby")))
	}
	if len(asks) == 0 {
		return d
	}
	maps.Copy(d.byName, load(ctx, api, asks, now).byName)
	if id := of[schemaInfo](d, "newer").Data.ID; id > 0 {
		uses := load(ctx, api, []question{asking[[]schemaUse]("uses", fmt.Sprintf("/schemas/ids/%d/versions?%s", id, url.Values{"subject": {s}}.Encode()))}, now)
		maps.Copy(d.byName, uses.byName)
	}
	return d
}

// check asks whether a schema could be the next of a subject. It registers nothing.
func (a api) check(ctx context.Context, subject, language, schema string) (c checkInfo, err error) {
	body := map[string]any{"schema": schema}
	if language != "" && language != "AVRO" {
		body["schemaType"] = language
	}
	err = a.call(ctx, http.MethodPost, joined("/compatibility/subjects", subject, "versions")+"?verbose=true", nil, body, &c)
	return c, err
}
