package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// Config configures the auditor.
type Config struct {
	// Window is the length of a window; it must divide a day. Default 10m.
	Window time.Duration
	// Grace is how long after a window's end, or its last change, records without
	// a stamp are waited for. Default 2m.
	Grace time.Duration
	// MaxDelay is how much longer a window may stay open before it is late.
	// Default 10m.
	MaxDelay time.Duration
	// ReportInterval is how often counters write what they counted. Default 60s.
	ReportInterval time.Duration
	// ClockSkew is how far the clocks of two clusters may be apart. Default 2s; not
	// used where reports and counts lie on one cluster.
	ClockSkew time.Duration
	// ExplainMax is how many records a mismatch may read again. Default 1,000,000.
	ExplainMax int64

	Routes []Route

	Holder         string        // who we are among those who could count; see lease.Config
	URL            string        // where our web pages are; may be empty
	SessionTimeout time.Duration // how long who counts may be silent; default: lease's

	Log *slog.Logger // default: discard
}

// Route is the way of one topic's records: from the producers through the broker
// tiers.
type Route struct {
	Topic string
	Tiers []Tier // at least one
}

// Tier is a cluster where the topic is counted. Its name is the cluster's.
type Tier struct {
	Cluster *cluster.Cluster
	// Stream is the mirror stream by which the topic comes from the tier before;
	// empty for the first tier.
	Stream string
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&c.Window, 10*time.Minute)
	def(&c.Grace, 2*time.Minute)
	def(&c.MaxDelay, 10*time.Minute)
	def(&c.ReportInterval, time.Minute)
	def(&c.ClockSkew, 2*time.Second)
	if c.ExplainMax == 0 {
		c.ExplainMax = 1_000_000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	if c.Window < time.Second || 24*time.Hour%c.Window != 0 {
		return fmt.Errorf("audit: window %v does not divide a day", c.Window)
	}
	topics := map[string]bool{}
	for _, r := range c.Routes {
		if r.Topic == "" || len(r.Tiers) == 0 {
			return errors.New("audit: a route needs a topic and at least one tier")
		}
		if topics[r.Topic] {
			return fmt.Errorf("audit: topic %s has two routes", r.Topic)
		}
		topics[r.Topic] = true
		for i, t := range r.Tiers {
			if (t.Stream == "") != (i == 0) {
				return fmt.Errorf("audit: route of %s: tier %s: every tier but the first needs the stream that feeds it", r.Topic, t.Cluster.Name)
			}
		}
	}
	return nil
}

// reportsKept is how long client reports and counts stay on their topics.
const reportsKept = 14 * 24 * time.Hour

// ReportsTopic is how client reports have to be kept on a cluster that is
// produced to.
func ReportsTopic() cluster.Topic {
	return cluster.Topic{Name: wire.ReportsTopic, Partitions: 64, Configs: cluster.Deleted(reportsKept)}
}

// CountsTopic is how counts have to be kept on the home cluster.
func CountsTopic() cluster.Topic {
	return cluster.Topic{Name: wire.CountsTopic, Partitions: 64, Configs: cluster.Deleted(reportsKept)}
}
