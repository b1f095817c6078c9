package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/client"
	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/demo"
	"github.com/weirhq/weir/internal/wire"
	"github.com/weirhq/weir/serde"
)

// The demo's clusters, in the order of its route.
const (
	local     = "local"
	aggregate = "aggregate"
)

// DemoConfig is what `weir demo` can be told.
type DemoConfig struct {
	Input           string   // access log, plain or gzip; empty: the built-in one
	Exit            bool     // end when every window is closed
	JSON            bool     // result as one line of JSON on Out, everything else on Err
	Rate            *float64 // records per second, 0: as fast as possible; nil: over a minute, or with Exit as fast as possible
	Drop, Duplicate int      // records that the mirror loses and doubles
	Topic           string
	Bootstrap       map[string][]string // by cluster name; a missing one is embedded
	Data            string              // data directory of embedded clusters; empty: a temporary one
	Listen          string              // of the web; empty: the default, or a free port
	Out, Err        io.Writer
	Terminal        bool // Err is one: draw the progress line again and again
	Log             *slog.Logger
}

// window is the length of the demo's audit windows.
const window = 10 * time.Minute

// maxViewBytes is how large a record of page views may be: a line of 1 MiB whose
// bytes are all escaped, and its key.
const maxViewBytes = 16 << 20

// Demo is a configured demo.
type Demo struct {
	cfg    DemoConfig
	input  demo.Input
	survey demo.Survey
	faults *demo.Faults // nil without Drop and Duplicate
	temp   string       // data directory to remove
	sent   map[int64]bool
	notes  io.Writer // for people
	app    *App
}

// Result is the outcome of a demo that ran to its end.
type Result struct {
	Records  int64          `json:"records"`
	Unparsed int64          `json:"unparsed"`
	Windows  []audit.Window `json:"windows"`
}

// Worst returns the worst verdict.
func (r Result) Worst() (worst audit.Verdict) {
	for _, w := range r.Windows {
		worst = audit.Worst(worst, w.Verdict)
	}
	return worst
}

// NewDemo reads the input once and checks what can be checked without a cluster.
func NewDemo(cfg DemoConfig) (*Demo, error) {
	d := &Demo{cfg: cfg, input: demo.Builtin(), notes: cfg.Out, sent: map[int64]bool{}}
	if cfg.JSON {
		d.notes = cfg.Err
	}
	for name := range cfg.Bootstrap {
		if name != local && name != aggregate {
			return nil, fmt.Errorf("--bootstrap %s=...: the demo's clusters are %s and %s", name, local, aggregate)
		}
	}
	if err := checkTopicName(cfg.Topic); err != nil {
		return nil, err
	}
	if cfg.Input != "" {
		var err error
		if d.input, err = demo.Open(cfg.Input); err != nil {
			return nil, err
		}
	}
	var err error
	if d.survey, err = d.input.Survey(window); err != nil {
		d.input.Close()
		return nil, err
	}
	if err := d.planFaults(); err != nil {
		d.input.Close()
		return nil, err
	}
	return d, nil
}

// checkTopicName refuses what Kafka would, and topics that are not for events.
func checkTopicName(name string) error {
	if !topicName.MatchString(name) || name == "." || name == ".." {
		return fmt.Errorf("--topic %q: a topic's name has 1 to 249 letters, digits, dots, dashes and underscores", name)
	}
	if strings.HasPrefix(name, "_") {
		return fmt.Errorf("--topic %s: names that begin with _ are for topics that programs keep their state in; choose another", name)
	}
	return nil
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func (d *Demo) planFaults() error {
	if d.cfg.Drop == 0 && d.cfg.Duplicate == 0 {
		return nil
	}
	first, second := demo.Fullest(d.survey.Windows)
	for _, c := range []struct {
		flag, which string
		n           int
		start       int64
	}{{"--drop", "fullest", d.cfg.Drop, first}, {"--duplicate", "second fullest", d.cfg.Duplicate, second}} {
		if has := d.survey.Windows[c.start]; int64(c.n) > has {
			return fmt.Errorf("%s %d: the %s window of %s has %d records; give a smaller number", c.flag, c.n, c.which, d.input.Name, has)
		}
	}
	d.faults = demo.NewFaults(window, first, d.cfg.Drop, second, d.cfg.Duplicate)
	return nil
}

// viewsTopic is how the demo's topic has to be kept: its records are as old as the
// log that they come from.
func (d *Demo) viewsTopic() cluster.Topic {
	t := cluster.Topic{Name: d.cfg.Topic, Partitions: 4, Configs: cluster.Kept()}
	t.Configs["max.message.bytes"] = fmt.Sprint(maxViewBytes)
	return t
}

// demoStream is the demo's one datastream.
const demoStream = local + "-" + aggregate

// config returns the app's: two clusters, one stream, one audited topic.
func (d *Demo) config() (Config, error) {
	cfg := Config{File: DefaultFile(), Strict: true, Prepare: d.prepare, Created: d.created, Log: d.cfg.Log}
	if d.faults != nil {
		cfg.Hook = d.faults
	}
	cfg.Home, cfg.Registry.SnapshotDir = local, "off"
	cfg.DataDir = d.cfg.Data
	if cfg.DataDir == "" && (d.cfg.Bootstrap[local] == nil || d.cfg.Bootstrap[aggregate] == nil) {
		var err error
		if d.temp, err = os.MkdirTemp("", "weir-demo-"); err != nil {
			return Config{}, fmt.Errorf("making a temporary data directory: %w; name one with --data", err)
		}
		cfg.DataDir = d.temp
	}
	if cfg.Web.Listen = d.cfg.Listen; d.cfg.Listen == "" {
		cfg.Web.Listen = DefaultFile().Web.Listen
		cfg.Movable = append(cfg.Movable, cfg.Web.Listen)
	}
	cfg.Clusters = map[string]ClusterFile{}
	for i, name := range []string{local, aggregate} {
		c := ClusterFile{Bootstrap: d.cfg.Bootstrap[name]}
		if c.Bootstrap == nil {
			c.Embedded = &EmbeddedFile{Listen: fmt.Sprintf("127.0.0.1:%d", 9092+2*i)}
			cfg.Movable = append(cfg.Movable, c.Embedded.Listen)
		}
		cfg.Clusters[name] = c
	}
	cfg.Mirror.Streams = map[string]StreamFile{demoStream: {From: local, To: aggregate, Topics: []string{d.cfg.Topic}}}
	cfg.Audit.ReportInterval = time.Second
	cfg.Audit.Routes = map[string]RouteFile{"demo": {Topics: []string{d.cfg.Topic}, Tiers: []string{local, aggregate}}}
	return cfg, nil
}

// Run runs the demo. With Exit it returns the result once every window is closed;
// otherwise it serves until ctx ends, and the result is that of the end.
func (d *Demo) Run(ctx context.Context) (result Result, err error) {
	defer d.input.Close()
	cfg, err := d.config()
	if d.temp != "" {
		defer os.RemoveAll(d.temp)
	}
	if err != nil {
		return Result{}, err
	}
	if d.app, err = New(cfg); err != nil {
		return Result{}, err
	}
	d.greet()
	err = d.app.Run(ctx, func(ctx context.Context, h *House) error {
		result, err = d.load(ctx, h)
		return err
	})
	return result, err
}

func (d *Demo) greet() {
	fmt.Fprintf(d.notes, "page       %s/ui/audit\n", d.app.URL())
	for _, name := range []string{local, aggregate} {
		fmt.Fprintf(d.notes, "%-10s %s\n", name, d.app.kafka(name))
	}
	for _, moved := range d.app.Moved {
		fmt.Fprintf(d.notes, "           %s\n", moved)
	}
	fmt.Fprintf(d.notes, "input      %s: %d lines, %d page views in %d windows", d.input.Name, d.survey.Lines, d.survey.Records, len(d.survey.Windows))
	if n := d.survey.UnparsedCount; n > 0 {
		fmt.Fprintf(d.notes, ", %d unparsed (lines %s)", n, firstOf(d.survey.Unparsed, n))
	}
	fmt.Fprintln(d.notes)
}

func firstOf(lines []int64, all int64) string {
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(lines), " ", ", "), "[]")
	if int64(len(lines)) < all {
		text += ", ..."
	}
	return text
}

// prepare reads what an earlier run has sent, refuses what would make nonsense of
// it, and makes the topic on both clusters.
func (d *Demo) prepare(ctx context.Context, h *House) error {
	if err := d.readSent(ctx, h.Clusters[local]); err != nil {
		return err
	}
	if err := d.checkUnmirrored(ctx, h.Clusters[aggregate]); err != nil {
		return err
	}
	for _, name := range []string{local, aggregate} {
		if err := h.Ensure(ctx, h.Clusters[name], d.viewsTopic()); err != nil {
			return err
		}
	}
	return nil
}

func (d *Demo) readSent(ctx context.Context, source *cluster.Cluster) error {
	_, err := source.Topic(ctx, d.cfg.Topic)
	if errors.Is(err, cluster.ErrNoTopic) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = source.ReadToEnd(ctx, d.cfg.Topic, nil, func(r *kgo.Record) error {
		view, err := demo.Decode(r.Value)
		if err != nil || view.Source != d.survey.Source {
			return fmt.Errorf("topic %s on cluster %s holds records of another source than this input (%s), the first at %d/%d; use --topic NAME, or weir demo --clean first",
				d.cfg.Topic, source.Name, d.survey.Source, r.Partition, r.Offset)
		}
		d.sent[view.Line] = true
		return nil
	})
	return err
}

func (d *Demo) checkUnmirrored(ctx context.Context, target *cluster.Cluster) error {
	if d.faults == nil {
		return nil
	}
	if _, err := target.Topic(ctx, d.cfg.Topic); errors.Is(err, cluster.ErrNoTopic) {
		return nil
	}
	ends, err := target.EndOffsets(ctx, d.cfg.Topic)
	if err != nil {
		return err
	}
	for _, end := range ends {
		if end > 0 {
			return fmt.Errorf("--drop and --duplicate: topic %s has already been mirrored to %s; use --topic NAME, or weir demo --clean first", d.cfg.Topic, target.Name)
		}
	}
	return nil
}

// load sends the input, shows how it goes, and waits for the verdicts.
func (d *Demo) load(ctx context.Context, h *House) (Result, error) {
	schemas := serde.NewRegistry(d.app.URL())
	if err := d.follow(h, schemas); err != nil {
		return Result{}, err
	}
	producer, err := client.New(client.Config{
		Application: "weir-demo", Version: Version, Window: window, ReportInterval: time.Second, Replay: true, Log: d.cfg.Log,
	}, append(h.Clusters[local].Opts(), kgo.ProducerBatchMaxBytes(maxViewBytes))...)
	if err != nil {
		return Result{}, err
	}
	h.Go(producer.Run)
	views, err := serde.New[demo.View](schemas, serde.Config{Schema: demo.Schema, Mode: serde.Register})
	if err != nil {
		return Result{}, err
	}
	load := &demo.Load{
		Input: d.input, Survey: d.survey, Window: window, Topic: d.cfg.Topic, Client: producer, Sent: d.sent, Rate: d.rate(),
		Encode: func(ctx context.Context, v demo.View) ([]byte, error) { return views.Encode(ctx, d.cfg.Topic, v) },
	}
	watch := &watcher{demo: d, house: h, load: load, run: producer.RunID()}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	shown := watch.start(watching)
	err = load.Run(ctx)
	// The final report closes the run, whatever has happened.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	err = errors.Join(err, producer.Close(closing))
	if err == nil {
		err = watch.settle(ctx)
	}
	stop()
	<-shown
	if p := load.Progress(); p.Unknown > 0 {
		fmt.Fprintf(d.notes, "page views of unknown outcome: %d, the first: %v\n", p.Unknown, p.UnknownCause)
	}
	result := d.result(h)
	if ctx.Err() != nil && !d.cfg.Exit {
		return result, nil // stopped by the user
	}
	if err != nil {
		return result, err
	}
	d.report(result)
	if d.cfg.Exit {
		return result, nil
	}
	d.suggest()
	<-ctx.Done()
	return d.result(h), nil
}

func (d *Demo) rate() float64 {
	switch {
	case d.cfg.Rate != nil:
		return *d.cfg.Rate
	case d.cfg.Exit:
		return 0
	}
	return max(1, float64(d.survey.Records-int64(len(d.sent)))/60)
}

// follow shows the last page views at the last tier.
func (d *Demo) follow(h *House, schemas *serde.Registry) error {
	consumer, err := client.New(client.Config{Application: "weir-demo-views", Version: Version, Schemas: schemas, Log: d.cfg.Log},
		append(h.Clusters[aggregate].Opts(),
			kgo.ConsumeTopics(d.cfg.Topic),
			kgo.ConsumeStartOffset(kgo.NewOffset().AtEnd().Relative(-lastPerPartition)),
			kgo.FetchMaxPartitionBytes(maxViewBytes))...)
	if err != nil {
		return err
	}
	views := demo.NewViews(consumer, d.cfg.Log)
	views.Register(h.Web.API())
	h.Go(consumer.Run)
	h.Go(views.Run)
	return nil
}

// lastPerPartition is how far before the end the page views begin.
const lastPerPartition = 5

func (d *Demo) result(h *House) Result {
	windows, _, _ := h.Audit.Windows(d.cfg.Topic, time.Time{}, time.Time{})
	r := Result{Unparsed: d.survey.UnparsedCount, Windows: windows}
	for _, w := range windows {
		r.Records += int64(w.Counts[local])
	}
	return r
}

// report prints the result: a table for people, with JSON one line for programs.
func (d *Demo) report(r Result) {
	WindowTable(d.notes, r.Windows, []string{audit.Producer, local, aggregate})
	fmt.Fprintf(d.notes, "%d page views in %d windows: %s; %d lines unparsed\n", r.Records, len(r.Windows), tally(r.Windows), r.Unparsed)
	if d.faults != nil {
		dropped, duplicated := d.faults.Done()
		fmt.Fprintf(d.notes, "dropped on purpose, (partition, offset) at %s: %s\n", local, places(dropped))
		fmt.Fprintf(d.notes, "duplicated on purpose, (partition, offset) at %s: %s\n", aggregate, places(duplicated))
	}
	if d.cfg.JSON {
		if err := json.NewEncoder(d.cfg.Out).Encode(r); err != nil {
			fmt.Fprintln(d.cfg.Err, "writing the result:", err)
		}
	}
}

func places(ps []demo.Place) string {
	if len(ps) == 0 {
		return "none"
	}
	var text []string
	for _, p := range ps {
		text = append(text, fmt.Sprintf("(%d, %d)", p.Partition, p.Offset))
	}
	return strings.Join(text, " ")
}

func (d *Demo) suggest() {
	addrs, _ := d.app.Bootstrap(aggregate)
	fmt.Fprintf(d.notes, `
Still serving; Ctrl-C stops. Try next:
  kcat -b %s -t %s -C -e -o -5 -f '%%p %%o %%T %%k\n'
  curl %s/api/v1/audit/topics/%s/windows
  curl %s/subjects/%s-value/versions/latest
  weir audit status %s --server %s
`, strings.Join(addrs, ","), d.cfg.Topic, d.app.URL(), d.cfg.Topic, d.app.URL(), d.cfg.Topic, d.cfg.Topic, d.app.URL())
}

// created notes a topic that the demo has made, so that Clean can delete it.
// Crash story: dead between a topic's creation and the note, the topic stays
// when the demo is cleaned; nothing of anybody else's is ever deleted.
func (d *Demo) created(ctx context.Context, h *House, c *cluster.Cluster, t cluster.TopicInfo) error {
	home := h.Home
	if _, _, err := home.EnsureTopic(ctx, cluster.Topic{Name: wire.CreatedTopic, Partitions: 1, Configs: cluster.Compacted()}); err != nil {
		return err
	}
	note := wire.Created{ClusterID: c.ID, Topic: t.Name, TopicID: t.ID.String()}
	kafka, err := home.Client(kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	defer kafka.Close()
	if err := kafka.ProduceSync(ctx, &kgo.Record{Topic: wire.CreatedTopic, Key: note.Key(), Value: note.Append(nil)}).FirstErr(); err != nil {
		return fmt.Errorf("noting that topic %s was created on %s: %w", t.Name, c.Name, err)
	}
	return nil
}

// Clean deletes the topics that demos have created on these clusters and that
// are still the same ones, after showing which.
func (d *Demo) Clean(ctx context.Context, by string) error {
	if d.cfg.Data == "" && len(d.cfg.Bootstrap) == 0 {
		return errors.New("nothing to clean: without --data or --bootstrap the demo leaves nothing behind; name what it ran on")
	}
	cfg, err := d.config()
	if d.temp != "" {
		defer os.RemoveAll(d.temp)
	}
	if err != nil {
		return err
	}
	return Clean(ctx, cfg, by, d.notes)
}
