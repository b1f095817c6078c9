package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

type document struct {
	OpenAPI string `json:"openapi"`
	Info    struct {
		Title, Version string
	} `json:"info"`
	Paths map[string]map[string]struct {
		OperationID string   `json:"operationId"`
		Summary     string   `json:"summary"`
		Tags        []string `json:"tags"`
		Parameters  []struct {
			Name, In string
			Required bool
			Schema   json.RawMessage
		} `json:"parameters"`
		Responses map[string]struct {
			Description string
			Content     map[string]struct{ Schema json.RawMessage }
		} `json:"responses"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`
}

// flaws says what is wrong with an OpenAPI document as weir serves it.
func flaws(text string) (all []string) {
	flaw := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return []string{err.Error()}
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") || d.Info.Title == "" || d.Info.Version == "" || len(d.Paths) == 0 {
		flaw("openapi %q, info %v, %d paths", d.OpenAPI, d.Info, len(d.Paths))
	}
	ids := map[string]bool{}
	for path, operations := range d.Paths {
		if !strings.HasPrefix(path, "/api/v1/") {
			flaw("%s is not below /api/v1/", path)
		}
		for method, op := range operations {
			at := strings.ToUpper(method) + " " + path
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) == 0 || slices.Contains(op.Tags, "") {
				flaw("%s has id %q, summary %q, tags %q", at, op.OperationID, op.Summary, op.Tags)
			}
			if ids[op.OperationID] {
				flaw("%s is the second %s", at, op.OperationID)
			}
			ids[op.OperationID] = true
			var inPath []string
			for _, p := range op.Parameters {
				if len(p.Schema) == 0 {
					flaw("%s: parameter %s has no schema", at, p.Name)
				}
				if p.In == "path" && p.Required {
					inPath = append(inPath, "{"+p.Name+"}")
				}
			}
			named := regexp.MustCompile(`\{\w+\}`).FindAllString(path, -1)
			slices.Sort(named)
			slices.Sort(inPath)
			if !slices.Equal(named, inPath) {
				flaw("%s: its parameters are %v", at, inPath)
			}
			ok := false
			for status, r := range op.Responses {
				ok = ok || status[0] == '2'
				if r.Description == "" {
					flaw("%s: answer %s has no description", at, status)
				}
				for media, c := range r.Content {
					if len(c.Schema) == 0 {
						flaw("%s: answer %s as %s has no schema", at, status, media)
					}
				}
			}
			if !ok {
				flaw("%s has no answer that is good", at)
			}
		}
	}
	for _, m := range regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllStringSubmatch(text, -1) {
		name, local := strings.CutPrefix(m[1], "#/components/schemas/")
		if _, there := d.Components.Schemas[name]; !local || !there {
			flaw("%s leads nowhere", m[1])
		}
	}
	return all
}

func TestOpenAPI(t *testing.T) {
	s, _ := newServer(t)
	huma.Register(s.API(), huma.Operation{
		OperationID: "list", Method: http.MethodGet, Path: "/api/v1/things", Summary: "Things, by name", Tags: []string{"test"},
	}, func(_ context.Context, in *struct{ Paging }) (*output, error) {
		out := &output{}
		out.Body.N = in.Limit
		return out, nil
	})
	resp, text := do(t, s, s.InProcess(), "GET", "/api/v1/openapi.json", "")
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, text)
	}
	for _, f := range flaws(text) {
		t.Error(f)
	}
	for _, want := range []string{`"code":`, `"hint":`, `"cursor"`, `/api/v1/texts/{name}`} {
		if !strings.Contains(text, want) {
			t.Errorf("the document does not have %s", want)
		}
	}
	if _, body := do(t, s, s.InProcess(), "GET", "/api/v1/things", ""); body != "{\"n\":100}\n" {
		t.Errorf("limit of a list: %q", body)
	}

	// The validator sees what is missing.
	for _, break_ := range [][2]string{
		{`"operationId":"list"`, `"operationId":"double"`},
		{`"operationId":"list",`, ``},
		{`"summary":"Things, by name",`, ``},
		{`"tags":["test"]`, `"tags":[]`},
		{`"openapi":"3.1`, `"openapi":"2.`},
		{`"/api/v1/things"`, `"/things"`},
		{`#/components/schemas/`, `#/components/lost/`},
		{`"/api/v1/texts/{name}"`, `"/api/v1/texts/{id}"`},
		{`{`, ``},
	} {
		if !strings.Contains(text, break_[0]) {
			t.Errorf("the document has no %s", break_[0])
		}
		if len(flaws(strings.Replace(text, break_[0], break_[1], 1))) == 0 {
			t.Errorf("with %q for %q the document passes", break_[1], break_[0])
		}
	}
}

// An operation that is not described can not be registered, by any system.
func TestOperationsMustBeDescribed(t *testing.T) {
	s, _ := newServer(t)
	for _, op := range []huma.Operation{
		{OperationID: "a", Summary: "A"},
		{OperationID: "b", Tags: []string{"test"}},
		{Summary: "C", Tags: []string{"test"}},
	} {
		op.Method, op.Path = http.MethodGet, "/api/v1/"+op.OperationID+op.Summary
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v was registered", op)
				}
			}()
			huma.Register(s.API(), op, func(context.Context, *struct{}) (*output, error) { return nil, nil })
		}()
	}
}
