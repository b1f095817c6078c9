package conf

import (
	"embed"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

//go:embed example_test.go
var source embed.FS

func TestReference(t *testing.T) {
	c := defaults()
	m, err := Reference(&c, source)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/reference.md", m.Markdown())
	golden(t, "testdata/reference.yaml", m.YAML())

	// The example is a file of the defaults.
	got, e, err := load(m.YAML())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), got); diff != "" {
		t.Error(diff)
	}
	if got := e.Origin("limits.size"); got == "default" {
		t.Error("limits.size is not in the example")
	}
}

func TestReferenceNeedsComments(t *testing.T) {
	text, err := source.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.NewReplacer("// Window is the length of a window.", "", "// authentication", "").Replace(string(text))
	c := defaults()
	_, err = Reference(&c, fstest.MapFS{"a.go": {Data: []byte(cut)}})
	want := `conf: clusters.<name>.sasl has no comment at conf.clusterConfig.SASL
conf: audit.window has no comment at conf.auditConfig.Window`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if _, err := Reference(&c, fstest.MapFS{"a.go": {Data: []byte("pack age")}}); err == nil || !strings.Contains(err.Error(), "a.go:1") {
		t.Error(err)
	}
	if _, err := Reference(c, source); err == nil {
		t.Error("a struct by value is no error")
	}
}
