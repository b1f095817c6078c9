package app

import (
	"regexp"
	"strings"
	"testing"
)

// The table says the Kafka addresses first, then the web, then where the data is.
func TestGreet(t *testing.T) {
	dir := t.TempDir()
	a, err := New(Config{File: File{
		Home: "b", DataDir: dir, Web: WebFile{Listen: "127.0.0.1:0"},
		Clusters: map[string]ClusterFile{
			"a": {Bootstrap: []string{"127.0.0.1:1", "127.0.0.1:2"}},
			"b": {Embedded: &EmbeddedFile{Listen: "127.0.0.1:0"}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var out strings.Builder
	a.Greet(&out)
	want := `^b +127\.0\.0\.1:\d+ \(Kafka, embedded\)
a +127\.0\.0\.1:1,127\.0\.0\.1:2 \(Kafka, existing cluster\)
web +http://127\.0\.0\.1:\d+
data +` + regexp.QuoteMeta(dir) + `/b
The embedded engine .* may lose data\.
Ctrl-C stops\. Try next:
`
	if !regexp.MustCompile(want).MatchString(out.String()) {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
