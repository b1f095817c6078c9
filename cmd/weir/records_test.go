package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/records"
)

// recordsCommand runs weir records ARG....
func recordsCommand(ctx context.Context, args ...string) (out, stderr string, err error) {
	var c struct {
		Records recordsCmd `cmd:""`
	}
	var o, e bytes.Buffer
	parser, err := kong.New(&c)
	if err != nil {
		return "", "", err
	}
	parsed, err := parser.Parse(append([]string{"records"}, args...))
	if err != nil {
		return "", "", err
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(&streams{out: &o, err: &e})
	return o.String(), e.String(), err
}

func TestRecords(t *testing.T) {
	addr := brokertest.New(t).Addr()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "test", Bootstrap: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: "orders", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	var all []*kgo.Record
	for i := range 20 {
		all = append(all, &kgo.Record{Topic: "orders", Timestamp: at.Add(time.Duration(i) * time.Second), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	all = append(all, &kgo.Record{Topic: "orders", Timestamp: at.Add(time.Minute), Value: []byte("<b>\x1b[31m\u202e")})
	if err := client.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	f := func(want string, args ...string) (stderr string) {
		t.Helper()
		out, stderr, err := recordsCommand(t.Context(), append(args, "--bootstrap", addr)...)
		if err != nil || out != want {
			t.Errorf("%s: %v\n%s%s", strings.Join(args, " "), err, out, stderr)
		}
		return stderr
	}
	f(`PARTITION  OFFSET  TIME (UTC)               KEY   VALUE
0          20      2026-11-24 10:01:00.000  null  0x3c623e1b5b33316de280ae
0          19      2026-11-24 10:00:19.000  19    {"n":19}
`, "get", "orders", "-n", "2")
	f("{\"n\":5}\n{\"n\":6}\n", "get", "orders", "--from", "5", "-n", "2", "-o", "raw")
	f("{\"n\":19}\n<b>\x1b[31m\u202e\n", "get", "orders", "--from", "2026-11-24T10:00:19Z", "-p", "0", "-o", "raw", "--decoder", "text")
	out, _, err := recordsCommand(t.Context(), "get", "orders", "--from", "start", "-n", "1000", "-o", "json", "--bootstrap", addr)
	var first records.Record
	if err != nil || strings.Count(out, "\n") != 21 || json.NewDecoder(strings.NewReader(out)).Decode(&first) != nil || first.Value.Text != `{"n":0}` {
		t.Errorf("%v\n%s", err, out)
	}

	stderr := f("{\"n\":7}\n", "search", "orders", `"n":7`, "-o", "raw")
	if !strings.HasPrefix(stderr, "1 matches in 21 of 21 records") || strings.Contains(stderr, "--resume") {
		t.Errorf("%s", stderr)
	}
	stderr = f("{\"n\":10}\n{\"n\":11}\n", "search", "orders", "--cel", "json != null && json.n >= 10", "-n", "2", "-o", "raw")
	token := regexp.MustCompile(`--resume (\S+)`).FindStringSubmatch(stderr)
	if token == nil {
		t.Fatalf("no token: %s", stderr)
	}
	f("{\"n\":12}\n{\"n\":13}\n{\"n\":14}\n", "search", "orders", "--cel", "json != null && json.n >= 10", "-n", "3", "-o", "raw", "--resume", token[1])
	if out, _, err := recordsCommand(t.Context(), "search", "orders", "--dry-run", "--bootstrap", addr); err != nil || !strings.HasPrefix(out, "1 partitions, 21 records at most") {
		t.Errorf("%s, %v", out, err)
	}
	for want, args := range map[string][]string{
		"no such topic":         {"get", "missing"},
		"weir topics list":      {"search", "missing", "x"},
		"is no place":           {"get", "orders", "--from", "yesterday"},
		"--limit 0":             {"get", "orders", "-n", "0"},
		"line 1, column":        {"search", "orders", "--cel", "json.n ="},
		"no budget":             {"search", "orders", "--budget", "11m"},
		"a number from 0 to":    {"tail", "orders", "--last", "501"},
		"search for something ": {"search", "orders", "other", "--resume", token[1]},
		"no partition 7":        {"tail", "orders", "-p", "7"},
	} {
		if _, _, err := recordsCommand(t.Context(), append(args, "--bootstrap", addr)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", strings.Join(args, " "), err, want)
		}
	}
}

func TestRecordsTail(t *testing.T) {
	addr := brokertest.New(t).Addr()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "test", Bootstrap: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.EnsureTopic(t.Context(), cluster.Topic{Name: "live", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	send := func(value string) {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "live", Value: []byte(value)}).FirstErr(); err != nil {
			t.Error(err)
		}
	}
	for _, v := range []string{"one", "two", "three"} {
		send(v)
	}
	ctx, stop := context.WithCancel(t.Context())
	w := &watched{seen: map[string]func(){"three": func() { send("four") }, "four": stop}}
	cmd := recordsTailCmd{recordsOn: recordsOn{target: target{Bootstrap: addr}, Topic: "live", Decoder: "auto", Output: "raw"}, Last: 2}
	if err := cmd.Run(ctx, &streams{out: w, err: w}); err != nil || w.String() != "two\nthree\nfour\n" {
		t.Errorf("%v\n%s", err, w.String())
	}
}

// watched calls a function when a text has been written.
type watched struct {
	bytes.Buffer
	seen map[string]func()
}

// Write implements io.Writer.
func (w *watched) Write(b []byte) (int, error) {
	for text, fn := range w.seen {
		if bytes.Contains(b, []byte(text)) {
			fn()
		}
	}
	return w.Buffer.Write(b)
}
