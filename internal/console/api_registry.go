package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"
)

// What the schema registry says, on Confluent's routes.

type schemaInfo struct {
	Subject    string            `json:"subject"`
	Version    int64             `json:"version"`
	ID         int64             `json:"id"`
	Type       string            `json:"schemaType"` // "": Avro
	Schema     string            `json:"schema"`
	References []schemaReference `json:"references"`
}

// schemaReference is a name that a schema uses, and the version that it means; -1 is
// the newest.
type schemaReference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int64  `json:"version"`
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

const (
	registryStatusPath   = "/api/v1/registry/status"
	registryWarningsPath = "/api/v1/registry/warnings"
)

// registryStatus is what the registry says of itself.
type registryStatus struct {
	Loaded    bool             `json:"loaded"`
	Leads     bool             `json:"leads"`
	Leader    string           `json:"leader"`
	Refuses   string           `json:"refuses"`
	Subjects  int64            `json:"subjects"`
	Schemas   int64            `json:"schemas"`
	HighIDs   map[string]int64 `json:"high_ids"`
	Offset    int64            `json:"offset"`
	Dropped   int64            `json:"dropped"`
	Foreign   int64            `json:"foreign"`
	Comparing *struct {
		Peer string `json:"peer"`
		Done int64  `json:"done"`
		Of   int64  `json:"of"`
	} `json:"comparing"` // a takeover compares just now
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
	d := load(ctx, api, []question{asking[[]string]("subjects", subjectsTwin(a)), globalSetting("compatibility", "config", "compatibilityLevel"), globalSetting("mode", "mode", "mode"),
		asking[registryStatus]("status", registryStatusPath)}, now)
	if a.get("deleted") != "" {
		return d
	}
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
	Next position `json:"next"` // "": there are no older ones
}

// position is where a list goes on, as a text or a number.
type position string

func (p *position) UnmarshalJSON(b []byte) error {
	if *p = position(strings.Trim(string(b), `"`)); *p == "null" || *p == "0" {
		*p = ""
	}
	return nil
}

// loadSubject reads about two versions of a subject. Which they are may only be
// known once the list of them is.
func loadSubject(ctx context.Context, api api, a address, now time.Time) content {
	s := a.vars["subject"]
	d := load(ctx, api, []question{asking[[]int64]("versions", subjectsPath(s, "versions")),
		settingOf("compatibility", "config", "compatibilityLevel", s), settingOf("mode", "mode", "mode", s),
		asking[schemaHistory]("history", withQuery(apiPath("registry", "history"), "subject", s, "limit", "50", "before", a.get("history"))), askingUsage(s, 1)}, now)
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
