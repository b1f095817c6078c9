package remote_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/registry/registrytest"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

func serve(t *testing.T, h http.Handler) *remote.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.Close(); http.DefaultClient.CloseIdleConnections() })
	return &remote.Client{URL: server.URL + "/", Reason: "a test"}
}

func newRegistry(t *testing.T) *remote.Client {
	t.Helper()
	return &remote.Client{URL: registrytest.New(t) + "/", Reason: "a test"}
}

const (
	intText  = `"int"`
	longText = `"long"`
)

// What one registry has, another one that is filled with it has too; and a state that
// is made of it decides as the registry does.
func TestSnapshot(t *testing.T) {
	c := newRegistry(t)
	ctx := t.Context()
	register := func(subject string, s remote.Schema) {
		t.Helper()
		if _, err := c.Register(ctx, subject, s, false, false); err != nil {
			t.Fatal(err)
		}
	}
	register("a/b", remote.Schema{Schema: intText})
	register("a/b", remote.Schema{Schema: longText, Metadata: json.RawMessage(`{"properties":{"owner":"x"}}`)})
	register(":.c:money", remote.Schema{Schema: `{"type":"fixed","name":"F","size":1}`})
	register(":.c:list", remote.Schema{Schema: `{"type":"array","items":"F"}`, References: []wire.SchemaReference{{Name: "F", Subject: ":.c:money", Version: 1}}})
	register("gone", remote.Schema{Schema: intText})
	if versions, err := c.DeleteSubject(ctx, "gone", false); err != nil || len(versions) != 1 {
		t.Fatal(versions, err)
	}
	if err := c.DeleteVersion(ctx, "a/b", 1, false); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		c.SetConfig(ctx, "a/b", map[string]any{"compatibility": "FULL", "normalize": true}),
		c.SetConfig(ctx, ":.c:", map[string]any{"compatibility": "NONE"}),
		c.SetMode(ctx, "a/b", "READONLY", false),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Snapshot(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := remote.Snapshot{
		Versions: []remote.Schema{
			{Subject: ":.c:list", Version: 1, ID: 2, Schema: `{"type":"array","items":"F"}`, References: []wire.SchemaReference{{Name: "F", Subject: ":.c:money", Version: 1}}},
			{Subject: ":.c:money", Version: 1, ID: 1, Schema: `{"type":"fixed","name":"F","size":1}`},
			{Subject: "a/b", Version: 1, ID: 1, Schema: intText, Deleted: true},
			{Subject: "a/b", Version: 2, ID: 2, Schema: longText, Metadata: json.RawMessage(`{"properties":{"owner":"x"}}`)},
			{Subject: "gone", Version: 1, ID: 1, Schema: intText, Deleted: true},
		},
		Settings: []remote.Setting{
			{Subject: "", Config: map[string]json.RawMessage{"compatibilityLevel": json.RawMessage(`"BACKWARD"`)}, Mode: "READWRITE"},
			{Subject: ":.c:", Config: map[string]json.RawMessage{"compatibilityLevel": json.RawMessage(`"NONE"`)}},
			{Subject: "a/b", Config: map[string]json.RawMessage{"compatibilityLevel": json.RawMessage(`"FULL"`), "normalize": json.RawMessage(`true`)}, Mode: "READONLY"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if only, err := c.Snapshot(ctx, func(subject string) bool { return subject == "gone" }); err != nil || len(only.Versions) != 1 {
		t.Errorf("of one subject: %+v, %v", only, err)
	}
	st, err := got.State(registry.Languages(), "BACKWARD")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = state.Plan(state.Register{Subject: "a/b", Schema: `"string"`}, st)
	_, same := c.Register(ctx, "a/b", remote.Schema{Schema: `"string"`}, false, false)
	if err == nil || same == nil || err.Error() != same.Error() {
		t.Errorf("the state says %v, the registry %v", err, same)
	}
}

func TestLookup(t *testing.T) {
	c := newRegistry(t)
	ctx := t.Context()
	if _, ok, err := c.Lookup(ctx, "a", remote.Schema{Schema: intText}, false); ok || err != nil {
		t.Errorf("nothing: %t, %v", ok, err)
	}
	id, err := c.Register(ctx, "a", remote.Schema{Schema: intText}, false, false)
	if err != nil || id != 1 {
		t.Fatal(id, err)
	}
	if v, ok, err := c.Lookup(ctx, "a", remote.Schema{Schema: ` "int"`}, false); !ok || err != nil || v.Version != 1 || v.Type() != "AVRO" {
		t.Errorf("%+v, %t, %v", v, ok, err)
	}
	if v, err := c.ByID(ctx, 1); err != nil || v.Schema != intText || v.ID != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := c.Version(ctx, "a", 0, false); err != nil || v.Version != 1 {
		t.Errorf("the latest: %+v, %v", v, err)
	}
	if list, err := c.All(ctx, "nothing"); err != nil || len(list) != 0 {
		t.Errorf("no such subject: %v, %v", list, err)
	}
	if mode, err := c.Mode(ctx, "a"); err != nil || mode != "" {
		t.Errorf("a mode that is not set: %q, %v", mode, err)
	}
	if err := c.SetMode(ctx, "a", "READONLY", false); err != nil {
		t.Error(err)
	}
	if err := c.DeleteMode(ctx, "a"); err != nil {
		t.Error(err)
	}
	if err := c.SetConfig(ctx, "a", map[string]any{"compatibility": "NONE"}); err != nil {
		t.Error(err)
	}
	if err := c.DeleteConfig(ctx, "a"); err != nil {
		t.Error(err)
	}
	if _, set, err := c.Config(ctx, "a"); set || err != nil {
		t.Errorf("a config that was deleted: %t, %v", set, err)
	}
}

// Whatever a server answers, the error says what there is to know.
func TestErrors(t *testing.T) {
	for name, test := range map[string]struct {
		status     int
		body       string
		code       int
		want       string
		notRefused bool
	}{
		"Confluent's":      {404, `{"error_code":40401,"message":"Subject 'a' not found."}`, remote.NoSubject, "Subject 'a' not found.", false},
		"weir's own":       {422, `{"code":"x","message":"no","hint":"do that"}`, 422, "no; do that", false},
		"a proxy's":        {502, "<html>", 502, "502 Bad Gateway", false},
		"not JSON":         {200, "<html>", 0, "reading the registry's reply to GET /subjects/a/versions: ", true},
		"cut in the midst": {200, `["a`, 0, "reading the registry's reply", true},
	} {
		c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Weir-Reason") != "a test" {
				t.Errorf("%s: headers %v", name, r.Header)
			}
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.body)
		}))
		_, err := c.Versions(t.Context(), "a", false)
		var refused *remote.Error
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &refused) == test.notRefused || !test.notRefused && !remote.Is(err, test.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&remote.Client{URL: "http://127.0.0.1:1"}).SetMode(t.Context(), "", "X", false); err == nil || !strings.Contains(err.Error(), "asking the registry") || remote.Is(err, 404) {
		t.Errorf("nobody there: %v", err)
	}
	if !remote.Is(&remote.Error{Code: 40401}, 404) || remote.Is(&remote.Error{Code: 42201}, 404, remote.Incompatible) {
		t.Error("Is does not know the head of a code")
	}
}
