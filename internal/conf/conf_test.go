package conf

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func load(file string, env ...string) (config, *Effective, error) {
	c := defaults()
	e, err := Load(&c, Sources{File: []byte(file), Name: "weir.yaml", Env: env, Allow: []string{"WEIR_SERVER", "WEIR_LOG_LEVEL"}})
	return c, e, err
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name, file string
		env        []string
		want       func(*config)
	}{
		{name: "nothing", want: func(c *config) {}},
		{name: "comments only", file: "# web:\n\n#  listen: x\n", want: func(c *config) {}},
		{name: "a marked document", file: "---\nhome: east\n", want: func(c *config) { c.Home = "east" }},
		{name: "sections without a value", file: "web:\nclusters:\n", want: func(c *config) {}},
		{name: "text of any YAML type", file: "home: 0123\nweb: {listen: true}", want: func(c *config) { c.Home, c.Web.Listen = "0123", "true" }},
		{name: "lists and maps replace", file: "audit: {topics: []}\nclusters: {east: {bootstrap: [a:1, b:2]}}", want: func(c *config) {
			c.Audit.Topics = nil
			c.Clusters = map[string]clusterConfig{"east": {Bootstrap: []string{"a:1", "b:2"}}}
		}},
		{name: "an empty map replaces", file: "clusters: {}", want: func(c *config) { c.Clusters = nil }},
		{name: "an optional section without a value exists, with its defaults", file: "clusters: {east: {embedded: }}", want: func(c *config) {
			c.Clusters = map[string]clusterConfig{"east": {Embedded: &embeddedConfig{Listen: "127.0.0.1:0"}}}
		}},
		{name: "an entry without a value exists", file: "clusters: {east: }", want: func(c *config) { c.Clusters = map[string]clusterConfig{"east": {}} }},
		{name: "aliases", file: "clusters: {a: &a {datacenter: x}, b: *a}\naudit: {topics: [&t p, *t]}", want: func(c *config) {
			c.Clusters = map[string]clusterConfig{"a": {Datacenter: "x"}, "b": {Datacenter: "x"}}
			c.Audit.Topics = []string{"p", "p"}
		}},
		{
			name: "every type",
			file: "audit: {window: 1d12h}\nlimits: {size: 64 MiB, records: -1, retries: 255, ratio: 1e-3, level: warn, steps: [500ms, 7d]}\nweb: {tls: true}",
			want: func(c *config) {
				c.Audit.Window, c.Web.TLS = 36*time.Hour, true
				c.Limits = limits{Size: 64 << 20, Records: -1, Retries: 255, Ratio: 0.001, Level: 4, Steps: []time.Duration{500 * time.Millisecond, 168 * time.Hour}}
			},
		},
		{
			name: "the environment wins",
			file: "home: east\naudit: {window: 5m, topics: [x]}",
			env:  []string{"WEIR_AUDIT_WINDOW=7d", "WEIR_AUDIT_TOPICS=a, b,", "WEIR_LIMITS_STEPS=1s,2s", "WEIR_HOME=", "PATH=/bin", "WEIR_SERVER=x"},
			want: func(c *config) {
				c.Home, c.Audit.Window, c.Audit.Topics = "east", 168*time.Hour, []string{"a", "b"}
				c.Limits.Steps = []time.Duration{time.Second, 2 * time.Second}
			},
		},
		{
			name: "the environment makes and changes entries",
			file: "clusters: {East-1: {datacenter: d, bootstrap: [a:1]}, east: {}}",
			env: []string{
				"WEIR_CLUSTERS_EAST_1_BOOTSTRAP=b:2,c:3", "WEIR_CLUSTERS_EAST_DATACENTER=e", "WEIR_CLUSTERS_US_WEST_BOOTSTRAP=w:1",
				"WEIR_CLUSTERS_US_WEST_SASL_PASSWORD=p=q", "WEIR_CLUSTERS_EAST_EMBEDDED_LISTEN=l:1",
			},
			want: func(c *config) {
				c.Clusters = map[string]clusterConfig{
					"East-1":  {Datacenter: "d", Bootstrap: []string{"b:2", "c:3"}},
					"east":    {Datacenter: "e", Embedded: &embeddedConfig{Listen: "l:1"}},
					"us_west": {Bootstrap: []string{"w:1"}, SASL: &saslConfig{Password: "p=q"}},
				}
			},
		},
		{
			name: "the shortest name, unless a longer one exists",
			file: "clusters: {x_sasl: {}, y: {}}",
			env:  []string{"WEIR_CLUSTERS_Z_EMBEDDED_LISTEN=z", "WEIR_CLUSTERS_X_SASL_DATACENTER=d"},
			want: func(c *config) {
				c.Clusters = map[string]clusterConfig{"x_sasl": {Datacenter: "d"}, "y": {}, "z": {Embedded: &embeddedConfig{Listen: "z"}}}
			},
		},
		{
			name: "no map yet",
			file: "clusters: {}",
			env:  []string{"WEIR_CLUSTERS_EAST_BOOTSTRAP=e:1"},
			want: func(c *config) { c.Clusters = map[string]clusterConfig{"east": {Bootstrap: []string{"e:1"}}} },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := defaults()
			test.want(&want)
			got, _, err := load(test.file, test.env...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Each file of testdata/bad is a YAML text, or lines of variables under "# env",
// and under "# error" what Load says of them.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			input, _, _ := strings.Cut(string(text), "# error\n")
			file, vars, _ := strings.Cut(input, "# env\n")
			_, _, err = load(file, strings.Split(strings.TrimSpace(vars), "\n")...)
			if err == nil {
				t.Fatal("no error")
			}
			golden(t, path, input+"# error\n"+err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

func TestSecretsStayOut(t *testing.T) {
	const secret = "hunter2"
	_, e, err := load("clusters: {a: {sasl: {user: u, password: " + secret + "}}}")
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if text := e.YAML() + string(out); strings.Contains(text, secret) || !strings.Contains(text, hidden) {
		t.Error(text)
	}
	for _, bad := range []string{"{password: [" + secret + "]}", "{pin: " + secret + "}", "{token: " + secret + "}", secret, "{password: {" + secret + ": 1}}"} {
		_, _, err := load("clusters: {a: {sasl: " + bad + "}}")
		if err == nil || bad != secret && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, _, err := load("", "WEIR_CLUSTERS_A_SASL_PIN="+secret); err == nil || strings.Contains(err.Error(), secret) {
		t.Error(err)
	}
}

func TestEffective(t *testing.T) {
	_, e, err := load(`home: east
clusters:
  east:
    bootstrap: [k1:9092, k2:9092]
    datacenter: "us: east"
    sasl:
      user: weir
      password: hunter2
  west:
    embedded:
audit:
  window: 7d
`, "WEIR_AUDIT_MAX_DELAY=90s", "WEIR_CLUSTERS_NORTH_BOOTSTRAP=n:1")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/effective.yaml", e.YAML())
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/effective.json", out.String())
	for path, want := range map[string]string{"clusters.west": "weir.yaml:9", "clusters.north": "env WEIR_CLUSTERS_NORTH_BOOTSTRAP", "web": "default", "audit.window": "weir.yaml:12"} {
		if got := e.Origin(path); got != want {
			t.Errorf("Origin(%s) = %s, want %s", path, got, want)
		}
	}
}

func TestEffectiveEmptySections(t *testing.T) {
	type empty struct{}
	c := struct {
		None  map[string]struct{} `yaml:"none"`
		Some  map[string]empty    `yaml:"some"`
		Empty struct {
			Inner *struct{} `yaml:"inner"`
		} `yaml:"empty"`
	}{}
	e, err := Load(&c, Sources{File: []byte("some: {a: }"), Name: "f"})
	if err != nil {
		t.Fatal(err)
	}
	want := "none: {}   # default\nsome:\n  a: {}    # f:1\nempty: {}  # default\n"
	if diff := cmp.Diff(want, e.YAML()); diff != "" {
		t.Error(diff)
	}
}

// What is printed is a file that gives the same again.
func TestPrintedLoadsAgain(t *testing.T) {
	f := func(home, text string, topics []string, window time.Duration, size Bytes, records int64, retries uint8, ratio float64, tls bool, optional uint8) bool {
		c := config{
			Home: home, Web: webConfig{Listen: text, TLS: tls},
			Audit:  auditConfig{Window: window, MaxDelay: window % (100 * day), Topics: topics},
			Limits: limits{Size: size, Records: records, Retries: retries, Ratio: ratio, Steps: []time.Duration{window % time.Hour}},
		}
		for i, name := range []string{"a", "1", "null", "x-y_Z"} {
			if optional>>i&1 == 1 {
				if c.Clusters == nil {
					c.Clusters = map[string]clusterConfig{}
				}
				c.Clusters[name] = clusterConfig{Datacenter: text, Bootstrap: topics, Embedded: &embeddedConfig{home}}
			}
		}
		return loadsAgain(t, c)
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 100}); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"", " ", "~", "null", "Null", "true", "a: b", "a #b", "#", "a:", "- a", "[a", "a,b", "'", `"`, `\`, "\x00\x7f\u0085\u2028\ufeff\ufffe\U0001f600", "1:2", "é", "a\nb\r\tc", "!!str a", "*a", "&a", "%", "@", "`", "?", "|", "=", "<<", "2001-01-01"} {
		if !loadsAgain(t, config{Home: s, Audit: auditConfig{Topics: []string{s, "x", s}}}) {
			t.Errorf("%q does not come back", s)
		}
	}
}

func loadsAgain(t *testing.T, c config) bool {
	t.Helper()
	if c.Audit.Topics != nil && len(c.Audit.Topics) == 0 {
		c.Audit.Topics = nil
	}
	for name, entry := range c.Clusters {
		entry.Bootstrap = c.Audit.Topics
		c.Clusters[name] = entry
	}
	e, err := Load(&c, Sources{})
	if err != nil {
		t.Fatal(err)
	}
	again := defaults() // which must all be overwritten
	if len(c.Clusters) == 0 {
		c.Clusters = nil
	}
	if _, err := Load(&again, Sources{File: []byte(e.YAML()), Name: "printed"}); err != nil {
		t.Errorf("%v\n%s", err, e.YAML())
		return false
	}
	diff := cmp.Diff(c, again)
	if diff != "" {
		t.Errorf("%s\n%s", diff, e.YAML())
	}
	return diff == ""
}

func TestNotAStruct(t *testing.T) {
	type inner struct {
		A string `yaml:"a"`
	}
	type recursive struct {
		Next map[string]recursive `yaml:"next"`
	}
	for _, target := range []any{
		nil, config{}, (*config)(nil), new(int),
		&struct{ NoTag string }{},
		&struct {
			A chan int `yaml:"a"`
		}{},
		&struct {
			A []inner `yaml:"a"`
		}{},
		&struct {
			A map[string]string `yaml:"a"`
		}{},
		&struct {
			A string `yaml:"Big"`
		}{},
		&struct {
			A string `yaml:"x_a"`
			X inner  `yaml:"x"`
		}{},
		&struct {
			A string `yaml:"a"`
			B string `yaml:"a"`
		}{},
		&struct {
			R *recursive `yaml:"r"`
		}{},
	} {
		_, err := Load(target, Sources{})
		if err == nil || !strings.HasPrefix(err.Error(), "conf: ") {
			t.Errorf("%T: %v", target, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, path := range append(files, "testdata/effective.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "WEIR_CLUSTERS_EAST_1_BOOTSTRAP=a,b")
	}
	f.Add([]byte("clusters: &a {b: *a}"), "WEIR_LIMITS_SIZE=1TB")
	f.Fuzz(func(t *testing.T, file []byte, env string) {
		c, e, err := load(string(file), env)
		if err != nil {
			return
		}
		for _, s := range e.Settings {
			if s.Value == hidden && strings.Contains(s.Path, ".sasl.") {
				return // is not meant to load again
			}
		}
		again := defaults()
		if _, err := Load(&again, Sources{File: []byte(e.YAML()), Name: "printed"}); err != nil {
			t.Fatalf("%v\n%s", err, e.YAML())
		}
		if !reflect.DeepEqual(c, again) {
			t.Errorf("%s\n%s", cmp.Diff(c, again), e.YAML())
		}
	})
}
