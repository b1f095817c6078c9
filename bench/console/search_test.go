package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/records"
	"github.com/weirhq/weir/serde"
)

// BenchmarkSearch reads the same ranges of the same topic by a search that finds
// nothing and by a bare kgo consumer, in turns, and reports the bytes per second of
// both and their ratio; the goal is 0.7. Bytes are those of keys and values. Run it
// with
//
//	go test -run '^$' -bench Search -benchtime 7x ./bench/console
func BenchmarkSearch(b *testing.B) {
	// The tests' small heap and quick compiler would make the broker the bottleneck.
	b.Setenv("_JAVA_OPTIONS", "-Xms1g -Xmx1g -XX:-UseSerialGC -XX:+UseG1GC -XX:TieredStopAtLevel=4")
	c, err := cluster.Connect(b.Context(), cluster.Config{Name: "bench", Bootstrap: strings.Split(kafkatest.Start(b).Bootstrap(), ",")})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	reader, err := records.NewReader(c, records.RegistryAt(registry(b)))
	if err != nil {
		b.Fatal(err)
	}
	defer reader.Close()
	for _, topic := range []struct {
		name       string
		partitions int32
		codec      kgo.CompressionCodec
		value      func(*rand.Rand) []byte
	}{
		{"plain-8", 8, kgo.NoCompression(), line},
		{"plain-1", 1, kgo.NoCompression(), line},
		{"zstd-8", 8, kgo.ZstdCompression(), line},
		{"lz4-1", 1, kgo.Lz4Compression(), line},
		{"avro-8", 8, kgo.NoCompression(), inAvro},
		{"avro-nested-8", 8, kgo.NoCompression(), nestedInAvro},
		{"jsonschema-8", 8, kgo.NoCompression(), inJSONSchema},
	} {
		payload := fill(b, c, topic.name, topic.partitions, topic.codec, topic.value)
		for _, q := range []records.SearchQuery{{Filter: "no such text"}, {CEL: "value.contains('no such text')"}, {CEL: "json.status == 600"}} {
			if strings.HasPrefix(q.CEL, "value") && topic.value(rand.New(rand.NewPCG(1, 2)))[0] == 0 {
				continue // it is no text
			}
			if strings.HasPrefix(q.CEL, "json") && strings.Contains(topic.name, "nested") {
				q.CEL = "json.answer.status == 600"
			}
			name := "text"
			switch {
			case strings.Contains(q.CEL, "json"):
				name = "json"
			case q.CEL != "":
				name = "cel"
			}
			q.Topic, q.BudgetBytes, q.BudgetMS = topic.name, 1<<34, 600_000
			b.Run(topic.name+"/"+name, func(b *testing.B) { compare(b, c, reader, q, payload) })
		}
	}
}

func compare(b *testing.B, c *cluster.Cluster, reader *records.Reader, q records.SearchQuery, payload int64) {
	ends, err := c.EndOffsets(b.Context(), q.Topic)
	if err != nil {
		b.Fatal(err)
	}
	search(b, reader, q) // warm
	consume(b, c, q.Topic, ends)
	var ours, bare []time.Duration
	for b.Loop() {
		began := time.Now()
		consume(b, c, q.Topic, ends)
		bare = append(bare, time.Since(began))
		began = time.Now()
		search(b, reader, q)
		ours = append(ours, time.Since(began))
	}
	rate := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(payload) / 1e6 / d[len(d)/2].Seconds()
	}
	b.ReportMetric(rate(ours), "search-MB/s")
	b.ReportMetric(rate(bare), "kgo-MB/s")
	b.ReportMetric(rate(ours)/rate(bare), "search/kgo")
	b.ReportMetric(0, "ns/op")
}

func search(b *testing.B, reader *records.Reader, q records.SearchQuery) {
	s, err := reader.NewSearch(b.Context(), q, nil, 0)
	if err != nil {
		b.Fatal(err)
	}
	s.Run(b.Context())
	if st := s.Status(); st.State != records.Done || st.Token != "" || len(st.Matches) > 0 || len(st.Problems) > 0 {
		b.Fatalf("%s: %s, %v, %d matches", st.State, st.Error, st.Problems, len(st.Matches))
	}
}

// consume reads a topic from its start to the given ends as plainly as kgo can.
func consume(b *testing.B, c *cluster.Cluster, topic string, ends cluster.Offsets) {
	from := map[int32]kgo.Offset{}
	for p := range ends {
		from[p] = kgo.NewOffset().At(0)
	}
	client, err := c.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for left := len(ends); left > 0; {
		fetches := client.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if n := len(p.Records); n > 0 && p.Records[n-1].Offset == ends[p.Partition]-1 {
				left--
			}
		})
	}
}

// fill writes records like those of an access log, and returns their bytes.
func fill(b *testing.B, c *cluster.Cluster, topic string, partitions int32, codec kgo.CompressionCodec, value func(*rand.Rand) []byte) (payload int64) {
	if _, _, err := c.EnsureTopic(b.Context(), cluster.Topic{Name: topic, Partitions: partitions, Replication: 1}); err != nil {
		b.Fatal(err)
	}
	client, err := c.Client(kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(10*time.Millisecond), kgo.MaxBufferedRecords(50_000))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	const records = 400_000
	rng := rand.New(rand.NewPCG(1, 2))
	failed := make(chan error, 1)
	for i := range int32(records) {
		r := &kgo.Record{Topic: topic, Partition: i % partitions, Key: fmt.Appendf(nil, "user-%d", rng.IntN(1e6)), Value: value(rng)}
		payload += int64(len(r.Key) + len(r.Value))
		client.Produce(b.Context(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := client.Flush(context.WithoutCancel(b.Context())); err != nil {
		b.Fatal(err)
	}
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
	return payload
}

var words = strings.Fields("api users orders items checkout search login images static account invoices reports events metrics")

// access is a line of an access log.
type access struct {
	Status  int    `json:"status" avro:"status"`
	Bytes   int    `json:"bytes" avro:"bytes"`
	Path    string `json:"path" avro:"path"`
	Agent   string `json:"agent" avro:"agent"`
	Referer string `json:"referer" avro:"referer"`
	Trace   string `json:"trace" avro:"trace"`
}

func someAccess(rng *rand.Rand) access {
	a := access{
		Status: 200 + rng.IntN(4)*100, Bytes: rng.IntN(1e6),
		Agent:   fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/%d.0", rng.IntN(140)),
		Referer: "https://example.com/" + words[rng.IntN(len(words))],
		Trace:   fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64()),
	}
	for range 5 {
		a.Path += "/" + words[rng.IntN(len(words))]
	}
	return a
}

// line is a value in JSON.
func line(rng *rand.Rand) []byte {
	v, err := json.Marshal(someAccess(rng))
	if err != nil {
		panic(err)
	}
	return v
}

// schemas are those of registry, from 1 on.
var schemas = []string{
	`{"type":"record","name":"access","fields":[{"name":"status","type":"int"},{"name":"bytes","type":"long"},{"name":"path","type":"string"},
		{"name":"agent","type":"string"},{"name":"referer","type":["null","string"]},{"name":"trace","type":"string"}]}`,
	`{"type":"record","name":"exchange","fields":[{"name":"request","type":{"type":"record","name":"request","fields":[{"name":"path","type":"string"},
		{"name":"headers","type":{"type":"map","values":"string"}}]}},{"name":"answer","type":["null",{"type":"record","name":"answer","fields":[
		{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"status","type":"int"},{"name":"bytes","type":"long"}]}]},{"name":"tags","type":{"type":"array","items":"string"}}]}`,
	`{"type":"object","properties":{"status":{"type":"integer"},"path":{"type":"string"}},"required":["status"]}`,
}

var accessSchema, exchangeSchema = avro.MustParse(schemas[0]), avro.MustParse(schemas[1])

// inAvro is a value of schema 1.
func inAvro(rng *rand.Rand) []byte {
	a := someAccess(rng)
	return appendAvro(1, accessSchema, &a)
}

// nestedInAvro is one of schema 2.
func nestedInAvro(rng *rand.Rand) []byte {
	a := someAccess(rng)
	return appendAvro(2, exchangeSchema, map[string]any{
		"request": map[string]any{"path": a.Path, "headers": map[string]any{"user-agent": a.Agent, "referer": a.Referer}},
		"answer":  map[string]any{"at": time.UnixMilli(1_795_514_400_000), "status": a.Status, "bytes": a.Bytes},
		"tags":    []any{a.Trace, words[rng.IntN(len(words))]},
	})
}

func appendAvro(id int, schema *avro.Schema, v any) []byte {
	b, err := schema.AppendEncode(serde.AppendHeader(nil, id), v)
	if err != nil {
		panic(err)
	}
	return b
}

// inJSONSchema is one of schema 3.
func inJSONSchema(rng *rand.Rand) []byte { return append(serde.AppendHeader(nil, 3), line(rng)...) }

// registry is one that knows schemas.
func registry(b *testing.B) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/schemas/ids/"))
		if err != nil || id < 1 || id > len(schemas) {
			http.NotFound(w, r)
			return
		}
		answer := map[string]string{"schema": schemas[id-1]}
		if id == 3 {
			answer["schemaType"] = "JSON"
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	b.Cleanup(server.Close)
	return server.URL
}
