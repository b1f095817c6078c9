package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
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
		{"avro-8", 8, kgo.NoCompression(), framed},
	} {
		payload := fill(b, c, topic.name, topic.partitions, topic.codec, topic.value)
		for _, q := range []records.SearchQuery{{Filter: "no such text"}, {CEL: "value.contains('no such text')"}, {CEL: "json.status == 600"}} {
			if strings.HasPrefix(topic.name, "avro") && strings.HasPrefix(q.CEL, "value") {
				continue // it is no text
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

var accessSchema = avro.MustParse(accessText)

const accessText = `{"type":"record","name":"access","fields":[{"name":"status","type":"int"},{"name":"bytes","type":"long"},{"name":"path","type":"string"},
	{"name":"agent","type":"string"},{"name":"referer","type":["null","string"]},{"name":"trace","type":"string"}]}`

// framed is a value in Avro, of the only schema of registry.
func framed(rng *rand.Rand) []byte {
	a := someAccess(rng)
	v, err := accessSchema.AppendEncode(serde.AppendHeader(nil, 1), &a)
	if err != nil {
		panic(err)
	}
	return v
}

// registry is one that knows schema 1.
func registry(b *testing.B) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/schemas/ids/1" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": accessText})
	}))
	b.Cleanup(server.Close)
	return server.URL
}
