package app

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/cluster"
)

// File is weir's configuration: what a file, the environment and the defaults
// say. Its comments are the reference that weir config reference prints.
type File struct {
	// Home is the cluster where weir keeps what it remembers. Default: the only
	// cluster, or local.
	Home string `yaml:"home"`
	// DataDir is where embedded clusters keep their data, each in a directory of its
	// name.
	DataDir string `yaml:"data_dir"`
	// Web is weir's one HTTP listener: pages, API and schema registry.
	Web WebFile `yaml:"web"`
	// Clusters are the Kafka clusters, by name. Without any, one embedded cluster
	// named local.
	Clusters map[string]ClusterFile `yaml:"clusters"`
	// Mirror carries topics from cluster to cluster.
	Mirror MirrorFile `yaml:"mirror"`
	// Audit counts topics on clusters and judges.
	Audit AuditFile `yaml:"audit"`
	// Registry is the schema registry.
	Registry RegistryFile `yaml:"registry"`
}

// WebFile configures the HTTP listener.
type WebFile struct {
	// Listen is the host:port to listen on.
	Listen string `yaml:"listen"`
}

// ClusterFile is one Kafka cluster: embedded in this process, or an existing one.
type ClusterFile struct {
	// Embedded runs an engine in this process, made for trying out.
	Embedded *EmbeddedFile `yaml:"embedded"`
	// Bootstrap is the host:port of one or more brokers of an existing cluster.
	Bootstrap []string `yaml:"bootstrap"`
	// Datacenter is where the cluster stands.
	Datacenter string `yaml:"datacenter"`
	// Tier is local (takes the producers of its datacenter) or aggregate.
	Tier string `yaml:"tier"`
	// Security is how an existing cluster is spoken to. Default: in the clear.
	Security cluster.Security `yaml:"security"`
}

// EmbeddedFile configures an embedded engine.
type EmbeddedFile struct {
	// Listen is the host:port for Kafka clients, port 0 for any free one.
	Listen string `yaml:"listen"`
	// Dir is the engine's data directory. Default: the cluster's name below data_dir.
	Dir string `yaml:"dir"`
}

// SetDefaults implements conf's defaults of a section.
func (e *EmbeddedFile) SetDefaults() { e.Listen = "127.0.0.1:9092" }

// MirrorFile configures the mirror.
type MirrorFile struct {
	// Streams are the datastreams, by name.
	Streams map[string]StreamFile `yaml:"streams"`
}

// StreamFile is one datastream.
type StreamFile struct {
	// From is the cluster to read.
	From string `yaml:"from"`
	// To is the cluster to write.
	To string `yaml:"to"`
	// Topics to carry, by their names.
	Topics []string `yaml:"topics"`
}

// AuditFile configures audit.
type AuditFile struct {
	// Window is the length of an audit window; it must divide a day.
	Window time.Duration `yaml:"window"`
	// Grace is how long records without a stamp are waited for after a window's end.
	Grace time.Duration `yaml:"grace"`
	// MaxDelay is how much longer a window may stay open before it is late.
	MaxDelay time.Duration `yaml:"max_delay"`
	// ReportInterval is how often counters write what they have counted.
	ReportInterval time.Duration `yaml:"report_interval"`
	// ExplainMax is how many records a mismatch may read again.
	ExplainMax int64 `yaml:"explain_max"`
	// Routes are the ways of audited topics, by name.
	Routes map[string]RouteFile `yaml:"routes"`
}

// RouteFile is the way of some topics.
type RouteFile struct {
	// Topics go this way.
	Topics []string `yaml:"topics"`
	// Tiers are the clusters that they pass, in order. From each to the next a
	// stream has to carry them.
	Tiers []string `yaml:"tiers"`
}

// RegistryFile configures the schema registry.
type RegistryFile struct {
	// Enabled says whether this process serves the registry.
	Enabled bool `yaml:"enabled"`
	// Compatibility holds for subjects that set none: NONE, BACKWARD, FORWARD, FULL,
	// or one of the latter three with _TRANSITIVE.
	Compatibility string `yaml:"compatibility"`
	// Cluster is where the registry's topics are. Default: home.
	Cluster string `yaml:"cluster"`
	// AdvertisedURL is where the other weir processes on that cluster reach this one's
	// web; they forward to it what changes schemas. Default: the address that web
	// listens on, or the host's name if it listens on all.
	AdvertisedURL string `yaml:"advertised_url"`
	// Takeover says what to do where another registry runs in group: refuse to write,
	// and forward changes to it, until weir schema takeover; or ignore it.
	Takeover string `yaml:"takeover"`
	// Group is the Kafka group in which other registries elect who of them writes.
	Group string `yaml:"group"`
	// ReadWait is how long a request with X-Weir-Min-Offset waits until this process
	// has read that offset.
	ReadWait time.Duration `yaml:"read_wait"`
	// WriteTimeout bounds a change, waiting for a leader included.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// MaxSchemaBytes bounds the text of one schema.
	MaxSchemaBytes int `yaml:"max_schema_bytes"`
	// Replication is how many brokers keep the registry's topics, where it makes them.
	// Default: 3, or as many as there are.
	Replication int16 `yaml:"replication"`
	// SnapshotDir is where snapshots of the schemas are kept, from which a start without
	// the cluster serves reads, and one with it is fast; or off. One weir, one
	// directory. Default: weir/registry/<cluster> in the user's cache directory, and off for
	// an embedded cluster, which is never away.
	SnapshotDir string `yaml:"snapshot_dir"`
}

// DefaultFile returns the defaults.
func DefaultFile() File {
	return File{
		DataDir: "weir-data",
		Web:     WebFile{Listen: "127.0.0.1:8080"},
		Audit: AuditFile{
			Window: 10 * time.Minute, Grace: 2 * time.Minute, MaxDelay: 10 * time.Minute, ReportInterval: time.Minute, ExplainMax: 1_000_000,
		},
		Registry: RegistryFile{Enabled: true, Compatibility: "BACKWARD", Takeover: "refuse", Group: "schema-registry", ReadWait: 5 * time.Second, WriteTimeout: 30 * time.Second, MaxSchemaBytes: 1 << 20},
	}
}

// complete fills in what follows from the rest: the one embedded cluster of a
// configuration without clusters, and home.
func (f *File) complete() {
	if len(f.Clusters) == 0 {
		local := ClusterFile{Embedded: &EmbeddedFile{}}
		local.Embedded.SetDefaults()
		f.Clusters = map[string]ClusterFile{"local": local}
	}
	if names := slices.Collect(maps.Keys(f.Clusters)); f.Home == "" && len(names) == 1 {
		f.Home = names[0]
	}
	f.Home = cmp.Or(f.Home, "local")
}

// Validate completes the configuration and says all that is wrong with it, a
// line each.
func (f *File) Validate() error {
	f.complete()
	var problems []error
	bad := func(path, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}
	known := strings.Join(slices.Sorted(maps.Keys(f.Clusters)), ", ")
	has := func(path, name string) {
		if _, ok := f.Clusters[name]; !ok {
			bad(path, "there is no cluster %q; there are: %s", name, known)
		}
	}
	has("home", f.Home)
	for name, c := range sorted(f.Clusters) {
		path := "clusters." + name
		if (c.Embedded == nil) == (len(c.Bootstrap) == 0) {
			bad(path, "give either embedded or bootstrap")
		}
		if c.Tier != "" && c.Tier != "local" && c.Tier != "aggregate" {
			bad(path+".tier", "%q is neither local nor aggregate", c.Tier)
		}
	}
	for name, s := range sorted(f.Mirror.Streams) {
		path := "mirror.streams." + name
		has(path+".from", s.From)
		has(path+".to", s.To)
		if len(s.Topics) == 0 {
			bad(path+".topics", "name at least one topic")
		}
	}
	if f.Registry.Cluster != "" {
		has("registry.cluster", f.Registry.Cluster)
	}
	routed := map[string]string{}
	for name, r := range sorted(f.Audit.Routes) {
		path := "audit.routes." + name
		if len(r.Tiers) == 0 || len(r.Topics) == 0 {
			bad(path, "name at least one cluster in tiers, and one topic in topics")
		}
		for _, topic := range r.Topics {
			if other, ok := routed[topic]; ok {
				bad(path+".topics", "%s goes by route %s already", topic, other)
			}
			routed[topic] = name
		}
		for i, tier := range r.Tiers {
			has(path+".tiers", tier)
			for _, topic := range r.Topics {
				if i > 0 && f.stream(r.Tiers[i-1], tier, topic) == "" {
					bad(path, "no stream carries %s from %s to %s", topic, r.Tiers[i-1], tier)
				}
			}
		}
	}
	return errors.Join(problems...)
}

// stream returns the stream that carries a topic from one cluster to another,
// empty if there is none.
func (f *File) stream(from, to, topic string) string {
	for name, s := range sorted(f.Mirror.Streams) {
		if s.From == from && s.To == to && slices.Contains(s.Topics, topic) {
			return name
		}
	}
	return ""
}

// snapshotDir is where the registry's snapshots are, "" for nowhere. A cluster of the
// same name elsewhere has another place.
func (f *File) snapshotDir(userCache string) string {
	name := cmp.Or(f.Registry.Cluster, f.Home)
	switch c := f.Clusters[name]; {
	case f.Registry.SnapshotDir == "off":
		return ""
	case f.Registry.SnapshotDir != "":
		return filepath.Clean(f.Registry.SnapshotDir)
	case c.Embedded != nil || userCache == "":
		return ""
	default:
		sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(slices.Values(c.Bootstrap)), ",")))
		return filepath.Join(userCache, "weir", "registry", fmt.Sprintf("%s-%x", name, sum[:4]))
	}
}

// sorted ranges over a map in the order of its keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
