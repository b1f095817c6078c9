package desired

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/weirhq/weir/internal/registry/avroschema"
	"github.com/weirhq/weir/internal/registry/protoschema"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var languages = map[string]state.Language{
	"AVRO":     state.Adapt(avroschema.Parse, avroschema.Check),
	"PROTOBUF": state.Adapt(protoschema.Parse, protoschema.Check),
}

// TestPlan makes the plan of each testdata/*.txtar: its file have is the registry, a
// JSON object a line as weir schema export gives it; the others are the directory;
// plan and prune are what is to come out, without and with pruning.
func TestPlan(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir, have := fstest.MapFS{}, []byte(nil)
			for _, f := range archive.Files {
				switch f.Name {
				case "have":
					have = f.Data
				case "plan", "prune":
				default:
					dir[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			for i, f := range archive.Files {
				if f.Name == "plan" || f.Name == "prune" {
					archive.Files[i].Data = []byte(planned(t, dir, have, f.Name == "prune"))
				}
			}
			got := txtar.Format(archive)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-golden +now):\n%s", diff)
			}
		})
	}
}

func stateOf(t *testing.T, lines []byte) *state.State {
	t.Helper()
	var s remote.Snapshot
	for line := range bytes.Lines(lines) {
		var v remote.Schema
		var set remote.Setting
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if v.Version > 0 {
			s.Versions = append(s.Versions, v)
		} else if err := json.Unmarshal(line, &set); err == nil {
			s.Settings = append(s.Settings, set)
		}
	}
	st, err := s.State(languages, "BACKWARD")
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func planned(t *testing.T, dir fs.FS, have []byte, prune bool) string {
	t.Helper()
	d, err := Load(dir)
	if err != nil {
		return "error: " + strings.ReplaceAll(err.Error(), "\n", "\nerror: ") + "\n"
	}
	st := stateOf(t, have)
	p := Make(d, st, prune)
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s %q %s: %s -> %s\n", s.Action, s.Subject, s.File, s.Before, s.After)
		if s.Problem != "" {
			fmt.Fprintf(&b, "  refused: %s\n", s.Problem)
		}
		for _, c := range s.Conflicts {
			fmt.Fprintf(&b, "  version %d: %s at %s: %s\n", c.Version, c.Kind, c.Path, c.Message)
		}
	}
	for _, d := range p.Drift {
		fmt.Fprintf(&b, "drift %q: %s\n", d.Subject, d.What)
	}
	fmt.Fprintf(&b, "%d unchanged, %d refused\n", p.Unchanged, p.Refused)
	if p.Refused > 0 {
		return b.String()
	}
	// What was planned leaves nothing to plan.
	for _, s := range p.Steps {
		records, _, err := state.Plan(s.command, st)
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		for _, r := range records {
			if err := st.Apply(r.Key, r.Value, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if again := Make(d, st, prune); len(again.Steps) > 0 {
		t.Errorf("a plan behind the plan: %+v", again.Steps)
	}
	return b.String()
}

// Who shares the state has it between any two subjects, those that go among them.
func TestOnPauses(t *testing.T) {
	st := stateOf(t, []byte(`{"subject":"a","version":1,"id":1,"schema":"\"int\""}
{"subject":"b","version":1,"id":1,"schema":"\"int\""}
`))
	pauses := 0
	p := On(st.Overlay(), Directory{Subjects: []Subject{{Name: "c", Schema: `"int"`}}}, true, func() { pauses++ })
	if len(p.Steps) != 3 || pauses != 3 {
		t.Errorf("%d pauses: %+v", pauses, p.Steps)
	}
}

func TestParseReference(t *testing.T) {
	for text, want := range map[string]wire.SchemaReference{
		"a=b":                  {Name: "a", Subject: "b", Version: -1},
		"a=b:3":                {Name: "a", Subject: "b", Version: 3},
		"a=b:latest":           {Name: "a", Subject: "b", Version: -1},
		"shop/a.proto=:.c:b":   {Name: "shop/a.proto", Subject: ":.c:b", Version: -1},
		"shop.A=:.c:b:2":       {Name: "shop.A", Subject: ":.c:b", Version: 2},
		"google/x.proto=a=b:1": {Name: "google/x.proto", Subject: "a=b", Version: 1},
	} {
		if got, err := ParseReference(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "a", "=b", "a=", "a=b:0", "a=b:x"} {
		if got, err := ParseReference(bad); err == nil {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}

// Apply asks for what the plan says, in its order, and stops where it is refused.
func TestApply(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/new.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := fstest.MapFS{}
	for _, f := range archive.Files {
		dir[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	d, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	refuse := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.EscapedPath())
		if strings.Contains(r.URL.Path, refuse) && refuse != "" {
			w.WriteHeader(422)
			fmt.Fprint(w, `{"error_code":42201,"message":"no"}`)
			return
		}
		fmt.Fprint(w, `{"id":1}`)
	}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	p := Make(d, state.New(languages, ""), false)
	over := Over(&remote.Client{URL: server.URL})
	if n, err := Apply(context.Background(), p, over); err != nil || n != len(p.Steps) {
		t.Errorf("%d of %d: %v", n, len(p.Steps), err)
	}
	want := []string{"PUT /config", "POST /subjects/shop%2Fmoney/versions", "PUT /config/order-value", "POST /subjects/order-value/versions", "PUT /mode/order-value"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	refuse = "order-value/versions"
	if n, err := Apply(context.Background(), p, over); n != 3 || err == nil || !strings.Contains(err.Error(), "no; 3 of 5 steps are done") {
		t.Errorf("%d, %v", n, err)
	}
	p.Refused, asked = 1, nil
	if _, err := Apply(context.Background(), p, over); err == nil || len(asked) > 0 {
		t.Errorf("%v, %v", err, asked)
	}
}

// A level alone is unset by null: DELETE would take the other settings with it.
func TestOverUnsets(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.Path + " " + string(body)
		fmt.Fprint(w, `{}`)
	}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	err := Over(&remote.Client{URL: server.URL})(t.Context(), state.SetConfig{Subject: "s", Clear: []string{"compatibilityLevel"}})
	if want := `PUT /config/s {"compatibility":null}`; err != nil || strings.TrimSpace(asked) != want {
		t.Errorf("%s, want %s: %v", asked, want, err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("subjects: {a: {file: a.avsc, references: [x=a]}}")
	f.Fuzz(func(t *testing.T, manifest string) {
		_, _ = Load(fstest.MapFS{Manifest: {Data: []byte(manifest)}, "a.avsc": {Data: []byte(`"int"`)}})
	})
}
