package conf

import (
	"log/slog"
	"time"
)

// config is the struct of the tests: every shape and every type.
type config struct {
	// Home is the cluster where state is kept.
	Home string `yaml:"home"`
	// Clusters are the Kafka clusters, by name.
	Clusters map[string]clusterConfig `yaml:"clusters"`
	// Web is the front door.
	Web webConfig `yaml:"web"`
	// Audit counts records. Left alone, it counts everything in windows,
	// and says of each window whether all arrived.
	Audit auditConfig `yaml:"audit"`
	// Limits are of all kinds of numbers.
	Limits limits `yaml:"limits"`

	Log *slog.Logger `yaml:"-"`
}

type clusterConfig struct {
	Bootstrap  []string        `yaml:"bootstrap"`  // host:port of one or more brokers
	Datacenter string          `yaml:"datacenter"` // where the brokers are
	Embedded   *embeddedConfig `yaml:"embedded"`   // an engine in this process
	SASL       *saslConfig     `yaml:"sasl"`       // authentication
}

type embeddedConfig struct {
	// Listen is the host:port for clients.
	Listen string `yaml:"listen"`
}

func (c *embeddedConfig) SetDefaults() { c.Listen = "127.0.0.1:0" }

type saslConfig struct {
	// User is the name.
	User string `yaml:"user"`
	// Password is what proves it.
	Password string `yaml:"password" secret:"true"`
	// PIN is a number nobody may see.
	PIN int `yaml:"pin" secret:"true"`
	// Token is a text that checks itself.
	Token Bytes `yaml:"token" secret:"true"`
}

type webConfig struct {
	// Listen is the host:port.
	Listen string `yaml:"listen"`
	// TLS is on or off.
	TLS bool `yaml:"tls"`
}

type auditConfig struct {
	// Window is the length of a window.
	Window time.Duration `yaml:"window"`
	// MaxDelay is how long a window may stay open.
	MaxDelay time.Duration `yaml:"max_delay"`
	// Topics are the topics that are counted: all | some.
	Topics []string `yaml:"topics"`
}

type limits struct {
	// Size bounds a request.
	Size Bytes `yaml:"size"`
	// Records bounds a batch.
	Records int64 `yaml:"records"`
	// Retries is small.
	Retries uint8 `yaml:"retries"`
	// Ratio is of time.
	Ratio float64 `yaml:"ratio"`
	// Level of the log.
	Level slog.Level `yaml:"level"`
	// Steps are waited between retries.
	Steps []time.Duration `yaml:"steps"`
}

func defaults() config {
	return config{
		Clusters: map[string]clusterConfig{"local": {Embedded: &embeddedConfig{Listen: "127.0.0.1:9092"}}},
		Web:      webConfig{Listen: "127.0.0.1:8080"},
		Audit:    auditConfig{Window: 10 * time.Minute, MaxDelay: 10 * time.Minute, Topics: []string{"page-views"}},
		Limits:   limits{Size: 1 << 20, Records: 1_000_000, Retries: 3, Ratio: 0.5, Steps: []time.Duration{time.Second, 168 * time.Hour}},
	}
}
