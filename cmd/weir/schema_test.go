package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirhq/weir/internal/registry/registrytest"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/wire"
)

// TestSchemaScripts runs the command lines of testdata/schema, each script beside three
// registries of its own: REGISTRY and OTHER, which have what all have, and WEIR.
func TestSchemaScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/schema", UpdateScripts: *update, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			t := env.T().(testing.TB)
			env.Setenv("REGISTRY", registrytest.New(t))
			env.Setenv("OTHER", registrytest.New(t))
			env.Setenv("WEIR", newWeir(t))
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "refuses": refuses},
	})
}

func TestDiffLines(t *testing.T) {
	f := func(before, after, want string) {
		t.Helper()
		lines := func(words string) string { return strings.ReplaceAll(words, " ", "\n") }
		got := strings.Join(diffLines(lines(before), lines(after)), ",")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", before, after, diff)
		}
	}
	f("a", "a", "  a")
	f("a b c", "a b c", "  a,  b,  c")
	f("a b c", "a x c", "  a,- b,+ x,  c")
	f("a b", "b a", "- a,  b,+ a")
	f("a b c", "x y z c", "- a,- b,+ x,+ y,+ z,  c")
	f("a b", "b", "- a,  b")
	f("b", "b c", "  b,+ c")
}

func TestReferencesFirst(t *testing.T) {
	v := func(subject string, version int, refers ...string) remote.Schema {
		s := remote.Schema{Subject: subject, Version: version}
		for _, to := range refers {
			s.References = append(s.References, wire.SchemaReference{Name: to, Subject: to, Version: 1})
		}
		return s
	}
	var got []string
	for _, s := range referencesFirst([]remote.Schema{v("a", 1, "b", "c"), v("b", 1, "c"), v("c", 1), v("d", 1, "e"), v("e", 1, "d"), v("f", 1, "nowhere")}) {
		got = append(got, s.Subject)
	}
	if want := "c b a e d f"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestReadExport(t *testing.T) {
	for _, bad := range []string{"x", `{"subject":"a"}`, `{"schema":"\"int\"","subject":"a","version":1}`, `{"schema":"\"int\"","id":1,"version":1}`} {
		if s, err := readExport(strings.NewReader(bad + "\n")); err == nil || !strings.Contains(err.Error(), "line 1: ") {
			t.Errorf("%s: %+v, %v", bad, s, err)
		}
	}
	s, err := readExport(strings.NewReader(`{"subject":"a","version":1,"id":2,"schema":"\"int\""}
{"subject":"a","mode":"READONLY"}
{"subject":"","config":{"compatibilityLevel":"FULL"}}`))
	if err != nil || len(s.Versions) != 1 || len(s.Settings) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}
