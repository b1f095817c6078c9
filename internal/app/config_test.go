package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/internal/conf"
)

func load(t *testing.T, yaml string) File {
	t.Helper()
	f := DefaultFile()
	if _, err := conf.Load(&f, conf.Sources{File: []byte(yaml), Name: "weir.yaml"}); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDefaultFile(t *testing.T) {
	f := load(t, "")
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	if f.Home != "local" || f.Clusters["local"].Embedded.Listen != "127.0.0.1:9092" || f.Web.Listen != "127.0.0.1:8080" || f.dir("local") != "weir-data/local" {
		t.Errorf("%+v", f)
	}
}

func TestValidate(t *testing.T) {
	two := "clusters: {a: {bootstrap: [a:1]}, b: {bootstrap: [b:1]}}\nhome: a\n"
	for _, c := range []struct {
		yaml string
		want []string // the problems, in order
	}{
		{two, nil},
		{two + "mirror: {streams: {s: {from: a, to: b, topics: [t]}}}\naudit: {routes: {r: {topics: [t], tiers: [a, b]}}}\n", nil},
		{"clusters: {a: {bootstrap: [a:1]}}\n", nil}, // the only one is home
		{"clusters: {a: {bootstrap: [a:1]}, b: {bootstrap: [b:1]}}\n", []string{`home: there is no cluster "local"; there are: a, b`}},
		{"home: x\n", []string{`home: there is no cluster "x"; there are: local`}},
		{"clusters: {a: {tier: edge}}\n", []string{"clusters.a: give either embedded or bootstrap", `clusters.a.tier: "edge" is neither local nor aggregate`}},
		{"clusters: {a: {bootstrap: [a:1], embedded: {}}}\n", []string{"clusters.a: give either embedded or bootstrap"}},
		{two + "mirror: {streams: {s: {from: a, to: c}}}\n", []string{`mirror.streams.s.to: there is no cluster "c"; there are: a, b`, "mirror.streams.s.topics: name at least one topic"}},
		{two + "audit: {routes: {r: {topics: [t], tiers: [a, b]}}}\n", []string{"audit.routes.r: no stream carries t from a to b"}},
		{two + "audit: {routes: {r: {tiers: [a]}}}\n", []string{"audit.routes.r: name at least one cluster in tiers, and one topic in topics"}},
		{two + "audit: {routes: {r: {topics: [t], tiers: [a]}, s: {topics: [t], tiers: [a]}}}\n", []string{"audit.routes.s.topics: t goes by route r already"}},
	} {
		f := load(t, c.yaml)
		var got []string
		if err := f.Validate(); err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s(-want +got):\n%s", c.yaml, diff)
		}
	}
}

// Every setting has its comment, and the printed example is the defaults.
func TestReference(t *testing.T) {
	manual, err := Reference()
	if err != nil {
		t.Fatal(err)
	}
	want, got := DefaultFile(), load(t, manual.YAML())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the example of the reference is not the defaults (-defaults +example):\n%s", diff)
	}
	for _, key := range []string{"`clusters.<name>.security.sasl.password`", "`WEIR_CLUSTERS_<NAME>_BOOTSTRAP`", "`audit.window`"} {
		if !strings.Contains(manual.Markdown(), key) {
			t.Errorf("the reference lacks %s", key)
		}
	}
}

func TestSnapshotDir(t *testing.T) {
	const far = "clusters: {a: {bootstrap: [a:1, b:1]}, b: {embedded: {}}}\nhome: b\n"
	f := func(yaml, cache, want string) {
		t.Helper()
		file := load(t, yaml)
		if err := file.Validate(); err != nil {
			t.Fatal(err)
		}
		if got := file.snapshotDir(cache); got != want {
			t.Errorf("%s: %q, want %q", yaml, got, want)
		}
	}
	f("", "/cache", "")
	f(far, "/cache", "")
	f(far+"registry: {cluster: a}\n", "/cache", "/cache/weir/registry/a-9aafb83e")
	f("clusters: {a: {bootstrap: [b:1, a:1]}}\n", "/cache", "/cache/weir/registry/a-9aafb83e")
	f(far+"registry: {cluster: a}\n", "", "")
	f(far+"registry: {cluster: a, snapshot_dir: off}\n", "/cache", "")
	f(far+"registry: {cluster: b, snapshot_dir: /var/lib/weir/}\n", "/cache", "/var/lib/weir")
}
