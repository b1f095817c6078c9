package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// schemaHits is the answer of GET /api/v1/registry/search.
type schemaHits struct {
	Hits []struct {
		Subject string `json:"subject"`
		Version int64  `json:"version"`
		ID      int64  `json:"id"`
		Type    string `json:"type"`
		Where   string `json:"where"` // subject, field or doc
		Path    string `json:"path"`
		Text    string `json:"text"`
	} `json:"hits"`
	Next   position `json:"next"`
	silent bool     // the registry can not search
}

const schemaSearchRoute = "/ui/registry/search"

// schemaSearchPage finds subjects, fields and what is said of them. A page of its own:
// a search is not to be made again each second.
func schemaSearchPage() *page {
	return made(page{route: schemaSearchRoute, label: "Search", section: "Schemas",
		params: []param{text("q"), oneOf("versions", "latest", "all"), longText("after")}, title: func(address) string { return "Search in schemas" },
	}, func(a address) []question {
		path := withQuery(apiPath("registry", "search"), "q", a.get("q"), "versions", a.get("versions"), "limit", "100", "after", a.get("after"))
		return []question{{"hits", path, func(ctx context.Context, api api) (any, error) {
			var h schemaHits
			if strings.TrimSpace(a.get("q")) == "" {
				return h, nil
			}
			err := api.get(ctx, path, &h)
			if e := (*apiError)(nil); errors.As(err, &e) && e.Status == http.StatusNotFound {
				return schemaHits{silent: true}, nil
			}
			return h, err
		}}}
	}, schemaSearchParts)
}

type schemaSearchView struct {
	Action, Query string
	Versions      []choice
}

func schemaSearchForm(a address) part {
	v := schemaSearchView{Action: schemaSearchRoute, Query: a.get("q"), Versions: choices(a.get("versions"), "latest", "newest versions", "all", "all versions")}
	return part{id: "find-schemas", template: "schema-search", view: v}
}

func schemaSearchParts(a address, d answers, asOf time.Time) []part {
	t := titleView{frame: frame{Title: "Search in schemas"}, Lines: []string{"In the names of subjects, in the names of fields, and in what schemas say of them."}}
	parts := []part{t.part(), schemaSearchForm(a)}
	if strings.TrimSpace(a.get("q")) == "" {
		return parts
	}
	f, p := framed[schemaHits](d, "hits", "Found", asOf)
	v := panelView{frame: f, Grid: grid{Cols: []column{plainCol("Subject"), numCol("Version"), plainCol("Language"), plainCol("In"), {Label: "Where", Wide: true}, {Label: "Text", Wide: true}}}}
	for _, h := range p.Data.Hits {
		in := map[string]string{"subject": "its name", "field": "a field", "doc": "what it says"}[h.Where]
		if in == "" {
			in = h.Where
		}
		v.Grid.Rows = append(v.Grid.Rows, []cell{named(h.Subject, 80, subjectPath(h.Subject, "version", fmt.Sprint(h.Version))), num(h.Version), named(h.Type, 20, ""), named(in, 20, ""), named(h.Path, 120, ""), named(h.Text, 200, "")})
	}
	v.Sum = plural(int64(len(p.Data.Hits)), "place")
	if a.get("after") != "" {
		v.Pager.First = a.with("after", "").String()
	}
	if next := string(p.Data.Next); next != "" {
		v.Pager.Next = a.with("after", next).String()
		v.Sum += " on this page"
	}
	switch {
	case p.Data.silent:
		v.Empty, v.Sum = "Not known: this registry can not search.", ""
	case len(p.Data.Hits) == 0 && p.Err == "" && v.Pager.Next != "":
		v.Empty = "Nothing so far; the next page goes on."
	case len(p.Data.Hits) == 0 && p.Err == "":
		v.Empty = "Nothing has “" + plain(short(a.get("q"), 60)) + "”."
	}
	return append(parts, v.part())
}
