package records

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

func TestEachEngine(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(testing.TB) string) {
		k := connect(t, start(t), nil)
		t.Run("search", func(t *testing.T) { testSearch(t, k) })
		t.Run("transactions", func(t *testing.T) { testTransactions(t, k) })
		t.Run("compacted", func(t *testing.T) { testCompacted(t, k) })
		t.Run("offsets", func(t *testing.T) { testConsumerOffsets(t, k) })
	})
}

// Every codec, many batches, and a page and a search of the same records.
func testSearch(t *testing.T, k *kafka) {
	k.topic(t, "codecs", 3)
	n := 0
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		client := k.client(t, kgo.ProducerBatchCompression(codec))
		for range 20 {
			if err := client.ProduceSync(t.Context(), numbered("codecs", n+30, 3)[n:]...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			n += 30
		}
	}
	var found []Record
	q := SearchQuery{Topic: "codecs", CEL: "value.matches('^value .*7$')", Limit: 17}
	for {
		st := search(t, k, q)
		if st.Error != "" || len(st.Problems) > 0 {
			t.Fatalf("%s, %v", st.Error, st.Problems)
		}
		found = append(found, st.Matches...)
		if q.Token = st.Token; q.Token == "" {
			break
		}
	}
	if len(found) != n/10 {
		t.Errorf("found %d of %d", len(found), n/10)
	}
	// Whole batches are passed over for a text; an expression looks at each record.
	for _, text := range []string{"7", "e 17", "key 599", "y 30", "nobody"} {
		byText, cel := SearchQuery{Topic: "codecs", Filter: text, Limit: 1000}, SearchQuery{Topic: "codecs", CEL: fmt.Sprintf("key.contains(%[1]q) || value.contains(%[1]q)", text), Limit: 1000}
		if diff := cmp.Diff(offsetsOf(search(t, k, cel).Matches), offsetsOf(search(t, k, byText).Matches)); diff != "" {
			t.Errorf("%q (-expression +text):\n%s", text, diff)
		}
	}
	if got := values(page(t, k, Query{Topic: "codecs", Partition: -1, From: "end", Limit: 100}).Records); got != downFrom(n-1, 100) {
		t.Errorf("the newest: %s", got)
	}
	if got := values(page(t, k, Query{Topic: "codecs", Partition: -1, From: "2026-11-24T10:20:00Z", Limit: 100}).Records); got != upFrom(1200, 100) {
		t.Errorf("from a time: %s", got)
	}
}

// Records of transactions that were committed, aborted and are open, and the
// markers between them.
func testTransactions(t *testing.T, k *kafka) {
	k.topic(t, "transactions", 1)
	client := k.client(t, kgo.TransactionalID("records-test"))
	write := func(value string) {
		t.Helper()
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "transactions", Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	write("committed")
	if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	write("aborted")
	if err := client.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	write("open")
	defer client.EndTransaction(context.WithoutCancel(t.Context()), kgo.TryAbort)
	want := "committed commit! aborted abort! open"
	shown := func(records []Record) string {
		var out []string
		for _, r := range records {
			if !r.Transactional {
				t.Errorf("offset %d is not said to be of a transaction", r.Offset)
			}
			if r.Control {
				out = append(out, r.Key.Text+"!")
			} else {
				out = append(out, r.Value.Text)
			}
		}
		return strings.Join(out, " ")
	}
	for limit := 1; limit <= 5; limit++ {
		var all []Record
		for q := (Query{Topic: "transactions", Partition: -1, From: "start", Limit: limit}); ; {
			p := page(t, k, q)
			all = append(all, p.Records...)
			if q.Cursor = p.Next; p.AtEnd {
				break
			}
		}
		if got := shown(all); got != want {
			t.Errorf("by %d: %s, want %s", limit, got, want)
		}
	}
	st := search(t, k, SearchQuery{Topic: "transactions"})
	if got := shown(st.Matches); got != "committed aborted open" || st.Token != "" || st.State != Done {
		t.Errorf("found %s, %s, token %q", got, st.State, st.Token)
	}
}

// A log of which compaction has left one record in a thousand: the newest page is
// full, and reaches the start.
func testCompacted(t *testing.T, k *kafka) {
	if strings.Contains(t.Name(), "embedded") {
		t.Skip("by design: the embedded engine compacts once an hour, and can not be told to")
	}
	k.topic(t, "compacted", 1, "cleanup.policy", "compact", "segment.ms", "100", "min.cleanable.dirty.ratio", "0.001", "max.compaction.lag.ms", "100", "delete.retention.ms", "0")
	var wrote int
	put := func(key string) {
		t.Helper()
		k.produce(t, &kgo.Record{Topic: "compacted", Key: []byte(key), Value: fmt.Appendf(nil, "value %s", key)})
		wrote++
	}
	for i := range 8 {
		put(fmt.Sprint(i))
		var batch []*kgo.Record
		for range 500 {
			batch = append(batch, &kgo.Record{Topic: "compacted", Key: []byte("again"), Value: []byte("value again")})
		}
		k.produce(t, batch...)
		wrote += len(batch)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for { // each append lets Kafka roll the segment before it, which then is compacted
		put("last")
		if st := search(t, k, SearchQuery{Topic: "compacted", Limit: 1000}); len(st.Matches) < 500 && st.Token == "" {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("Kafka does not compact")
		case <-time.After(500 * time.Millisecond):
		}
	}
	p := page(t, k, Query{Topic: "compacted", Partition: -1, From: "end", Limit: 500})
	seen := map[string]bool{}
	for _, r := range p.Records {
		seen[r.Key.Text] = true
	}
	for i := range 8 {
		if !seen[fmt.Sprint(i)] {
			t.Errorf("key %d is not shown", i)
		}
	}
	if !p.AtEnd || p.Next != "" || p.Ranges[0].End != int64(wrote) {
		t.Errorf("at the start: %v, next %q, ranges %v of %d written", p.AtEnd, p.Next, p.Ranges, wrote)
	}
	var small []Record
	for q := (Query{Topic: "compacted", Partition: -1, From: "end", Limit: 3}); ; {
		part := page(t, k, q)
		small = append(small, part.Records...)
		if q.Cursor = part.Next; part.AtEnd {
			break
		}
	}
	if values(small) != values(p.Records) {
		t.Errorf("by 3: %d records, at once: %d", len(small), len(p.Records))
	}
}

// What a consumer group commits is readable.
func testConsumerOffsets(t *testing.T, k *kafka) {
	if strings.Contains(t.Name(), "embedded") {
		t.Skip("by design: the embedded engine keeps commits, but in no topic")
	}
	k.topic(t, "consumed", 1)
	k.produce(t, &kgo.Record{Topic: "consumed", Value: []byte("x")})
	client, err := k.Cluster.Client(kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("consumed"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.PollFetches(t.Context())
	if err := client.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := page(t, k, Query{Topic: offsetsTopic, Partition: -1, Limit: 100})
	commits, members := 0, 0
	for _, r := range p.Records {
		if r.Key.Format != "kafka" {
			t.Errorf("%+v", r.Key)
		}
		if strings.Contains(r.Key.Text, `"topic":"consumed"`) && strings.Contains(r.Value.Text, `"offset":1`) {
			commits++
		} else if strings.Contains(r.Key.Text, `"group":"readers"`) && strings.Contains(r.Value.Text, `"protocol_type":"consumer"`) {
			members++
		}
	}
	if commits == 0 || members == 0 {
		t.Errorf("%d commits and %d descriptions of the group among %d records", commits, members, len(p.Records))
	}
}
