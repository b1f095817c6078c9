package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/wire"
)

// memoryLog is a schemas topic that nobody else has.
type memoryLog struct {
	mu      sync.Mutex
	records [][2][]byte
}

func (l *memoryLog) ReadToEnd(_ context.Context, fn func(key, value []byte, offset int64) error) error {
	for i, r := range l.records {
		if err := fn(r[0], r[1], int64(i)); err != nil {
			return err
		}
	}
	return nil
}

func (l *memoryLog) Append(_ context.Context, key, value []byte) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, [2][]byte{key, value})
	return int64(len(l.records)) - 1, nil
}

// newRegistry starts a registry of its own.
func newRegistry(t testing.TB) (url string) {
	t.Helper()
	s, err := registry.New(registry.Config{}, &memoryLog{})
	if err == nil {
		err = s.Load(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// TestSchemaScripts runs the command lines of testdata/schema, each script beside two
// registries of its own: REGISTRY and OTHER.
func TestSchemaScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/schema", UpdateScripts: *update, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			t := env.T().(testing.TB)
			env.Setenv("REGISTRY", newRegistry(t))
			env.Setenv("OTHER", newRegistry(t))
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "refuses": refuses},
	})
}

func TestDiffLines(t *testing.T) {
	f := func(before, after, want string) {
		t.Helper()
		got := strings.Join(diffLines(strings.Fields(before), strings.Fields(after)), ",")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", before, after, diff)
		}
	}
	f("", "", "")
	f("a b c", "a b c", "  a,  b,  c")
	f("a b c", "a x c", "  a,- b,+ x,  c")
	f("a b", "b a", "- a,  b,+ a")
	f("", "a", "+ a")
	f("a", "", "- a")
	long := make([]string, mostLines+1)
	if got := diffLines(long, []string{"a"}); len(got) != mostLines+2 {
		t.Errorf("%d lines", len(got))
	}
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
