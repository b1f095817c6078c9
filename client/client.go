package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/wire"
	"github.com/weirhq/weir/serde"
)

// Config configures a Client.
type Config struct {
	// Application names the program in audit. Required.
	Application string
	// Version of the application, shown beside its runs.
	Version string
	// Schemas decodes records in Poll; nil: Record.Decode fails.
	Schemas *serde.Registry
	// DeliveryTimeout is how long a record may be under way before its outcome
	// is ErrOutcomeUnknown. Default 2m.
	DeliveryTimeout time.Duration
	// Window is the length of an audit window; it must divide a day. Default 10m.
	Window time.Duration
	// ReportInterval is how often totals are reported. Default 60s.
	ReportInterval time.Duration
	// Replay says that records carry event times of the past: how far the run has
	// come is said by Advance, not by the clock.
	Replay bool
	// Log takes what goes wrong beside the caller's own errors. Default: discard.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.DeliveryTimeout == 0 {
		c.DeliveryTimeout = 2 * time.Minute
	}
	if c.Window == 0 {
		c.Window = 10 * time.Minute
	}
	if c.ReportInterval == 0 {
		c.ReportInterval = time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Application == "":
		return errors.New("client: application is required: it names the program in audit")
	case c.Window < time.Second || 24*time.Hour%c.Window != 0 || c.Window%time.Millisecond != 0:
		return fmt.Errorf("client: window %v does not divide a day", c.Window)
	case c.ReportInterval < time.Millisecond || c.ReportInterval > 24*time.Hour:
		return fmt.Errorf("client: report interval %v is not between 1ms and 24h", c.ReportInterval)
	}
	return nil
}

// Client produces and consumes. Its methods are safe for concurrent use.
type Client struct {
	cfg    Config
	run    wire.RunID
	kafka  *kgo.Client
	ledger *ledger

	reportNow chan struct{} // capacity 1: somebody waits for a report
	ended     chan struct{} // closed when Run returns
	closeOnce sync.Once
	closing   chan struct{} // closed by Close
}

// New returns a client of the cluster that opts name (at least
// kgo.SeedBrokers). It starts nothing: see Run.
func New(cfg Config, opts ...kgo.Opt) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg:       cfg,
		ledger:    newLedger(cfg.Window.Milliseconds()),
		reportNow: make(chan struct{}, 1),
		ended:     make(chan struct{}),
		closing:   make(chan struct{}),
	}
	rand.Read(c.run[:])
	kafka, err := kgo.NewClient(append([]kgo.Opt{
		kgo.ClientID(cfg.Application),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// Without it, a record in flight to a broker that never comes back would
		// never get an outcome: Produce gives each record a context that ends. kgo's
		// own delivery timeout counts from a record's timestamp, which is event time.
		kgo.AllowIdempotentProduceCancellation(),
		// kgo's default of 5 s is a pause whenever a connection breaks.
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.ProducerLinger(0), // a window's first record waits for a report
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("making a client of %s: %w", cfg.Application, err)
	}
	c.kafka = kafka
	return c, nil
}

// RunID returns the id of this run, 16 hex digits, as audit shows it.
func (c *Client) RunID() string { return c.run.String() }

// Run reports until Close, or until ctx ends. It must run while the client is
// used. The first Produce registers the run; a client that only consumes reports
// nothing. When Run returns, records under way have been waited for, the final
// report has been tried and the client's connections are closed.
func (c *Client) Run(ctx context.Context) error {
	defer close(c.ended)
	defer c.kafka.Close()
	host, _ := os.Hostname()
	c.ledger.register(wire.Registration{Application: c.cfg.Application, Host: host, Version: c.cfg.Version})
	ticker := time.NewTicker(c.cfg.ReportInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return c.finish()
		case <-c.closing:
			return c.finish()
		case <-ticker.C:
		case <-c.reportNow:
		}
		if !c.ledger.used() {
			continue
		}
		// A report that fails is tried again after the interval.
		if err := c.report(ctx, false); err != nil && ctx.Err() == nil {
			c.cfg.Log.Warn("audit report failed; trying again", "application", c.cfg.Application, "error", err)
		}
	}
}

// finishTimeout bounds how long a stopping client waits for outcomes and for its
// last report.
const finishTimeout = 10 * time.Second

// finish waits for the outcomes of records under way and writes the final
// report, by which the run is closed for ever. If outcomes are still missing it
// writes none: the run then counts as dead, and its open windows as unknown.
func (c *Client) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
	defer cancel()
	c.ledger.close()
	if !c.ledger.used() {
		return nil
	}
	if err := c.kafka.Flush(ctx); err != nil {
		return fmt.Errorf("flushing records of %s: %w", c.cfg.Application, err)
	}
	if c.ledger.isUnaudited() {
		return nil
	}
	if err := c.report(ctx, true); err != nil {
		return fmt.Errorf("writing the final report of %s: %w", c.cfg.Application, err)
	}
	return nil
}

// Close flushes records, writes the final report and waits for Run to end. It
// returns ctx's error if that takes too long. Produce fails from here on.
func (c *Client) Close(ctx context.Context) error {
	c.closeOnce.Do(func() { close(c.closing) })
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Advance says that this run will send nothing with an event time before t: the
// next report passes it on, and windows that end before t can close. Only for
// Config.Replay. It never goes back.
func (c *Client) Advance(t time.Time) { c.ledger.advance(t.UnixMilli()) }

// wakeReport has the next report written now.
func (c *Client) wakeReport() {
	select {
	case c.reportNow <- struct{}{}:
	default: // one is asked for already
	}
}

// Counts returns the run's totals over all windows of a topic: records taken,
// acknowledged, certainly not in the log, and of unknown outcome.
func (c *Client) Counts(topic string) (attempt, ok, fail, unknown uint64) {
	t := c.ledger.sum(topic)
	return t[wire.Attempt].Count, t[wire.OK].Count, t[wire.Fail].Count, t[wire.Unknown].Count
}

// liveLag is how far behind the clock a live run may still send.
const liveLag = time.Minute

// report writes what has changed since the last acknowledged report, in as many
// parts as it takes.
func (c *Client) report(ctx context.Context, final bool) error {
	for {
		now := time.Now()
		through := now.Add(-liveLag).UnixMilli()
		if c.cfg.Replay {
			through = c.ledger.advancedTo()
		}
		report, part := c.ledger.next(now.UnixMilli(), through, final)
		report.Run = c.run
		report.Interval = c.cfg.ReportInterval.Milliseconds()
		// The record's time is that of the snapshot; a broker that stamps its own
		// append time replaces it.
		record := &kgo.Record{Topic: wire.ReportsTopic, Key: c.run[:], Value: report.Append(nil), Timestamp: now}
		ctx, cancel := context.WithTimeout(ctx, c.cfg.DeliveryTimeout)
		err := c.kafka.ProduceSync(ctx, record).FirstErr()
		cancel()
		if err != nil {
			c.ledger.failed(err)
			return fmt.Errorf("writing report %d of run %s: %w", report.Number, c.run, err)
		}
		c.ledger.acknowledged(part)
		if part.last {
			return nil
		}
	}
}
