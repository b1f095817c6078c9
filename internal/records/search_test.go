package records

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/web"
)

// offsetsOf returns the places of records, sorted.
func offsetsOf(records []Record) (out []string) {
	for _, r := range records {
		out = append(out, fmt.Sprintf("%d/%06d", r.Partition, r.Offset))
	}
	slices.Sort(out)
	return out
}

func TestSearch(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 4)
	k.produce(t, numbered("orders", 1000, 4)...)
	for name, c := range map[string]struct {
		q    SearchQuery
		want int
	}{
		"text in values":   {SearchQuery{Filter: "value 99"}, 11},
		"text in keys":     {SearchQuery{Filter: "key 99"}, 11},
		"expression":       {SearchQuery{CEL: "value.endsWith('7') && partition == 3"}, 50},
		"both":             {SearchQuery{Filter: "99", CEL: "value == 'value 99'"}, 1},
		"nothing there":    {SearchQuery{Filter: "nobody"}, 0},
		"one partition":    {SearchQuery{Filter: "value 99", Partitions: []int32{2}}, 3}, // 990, 994, 998
		"from a time":      {SearchQuery{Filter: "value", From: "2026-11-24T10:16:00Z"}, 40},
		"to a time":        {SearchQuery{Filter: "value", To: "2026-11-24T10:00:30Z"}, 30},
		"offsets":          {SearchQuery{Filter: "value", From: "10", To: "20"}, 40},
		"the wrong way":    {SearchQuery{Filter: "value", From: "20", To: "10"}, 0},
		"everything is up": {SearchQuery{Limit: 1000}, 1000},
	} {
		if c.q.Topic = "orders"; c.q.Limit == 0 {
			c.q.Limit = 500
		}
		st := search(t, k, c.q)
		if len(st.Matches) != c.want || st.State != Done || st.Token != "" || st.Error != "" || len(st.Problems) > 0 {
			t.Errorf("%s: %d matches, want %d; %s (%s), token %q, error %q, problems %v", name, len(st.Matches), c.want, st.State, st.Why, st.Token, st.Error, st.Problems)
		}
		if st.Progress.Records != st.Progress.RecordsTotal {
			t.Errorf("%s: %d of %d records were looked at", name, st.Progress.Records, st.Progress.RecordsTotal)
		}
	}
}

// A search that is resumed as often as it takes finds each match once, whatever
// ended it: enough matches, bytes, or time.
func TestSearchResumes(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 4)
	for from := 0; from < 2000; from += 100 { // batches of their own
		k.produce(t, numbered("orders", 2000, 4)[from:from+100]...)
	}
	want := offsetsOf(search(t, k, SearchQuery{Topic: "orders", Filter: "7", Limit: 1000}).Matches)
	for name, q := range map[string]SearchQuery{
		"limit":      {Limit: 7},
		"bytes":      {BudgetBytes: 1, Limit: 1000},
		"both":       {BudgetBytes: 1000, Limit: 3},
		"expression": {Limit: 11, CEL: "offset >= 0"},
	} {
		q.Topic, q.Filter = "orders", "7"
		var found []Record
		for range 1000 {
			st := search(t, k, q)
			if len(st.Matches) > q.Limit {
				t.Fatalf("%s: %d matches", name, len(st.Matches))
			}
			found = append(found, st.Matches...)
			if q.Token = st.Token; q.Token == "" {
				break
			}
		}
		if diff := cmp.Diff(want, offsetsOf(found)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSearchEnds(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 4)
	k.produce(t, numbered("orders", 1000, 4)...)
	f := func(name string, q SearchQuery, state string) {
		t.Helper()
		q.Topic = "orders"
		st := search(t, k, q)
		if st.State != state || st.Why == "" || st.Token == "" {
			t.Errorf("%s: %s (%s), token %q", name, st.State, st.Why, st.Token)
		}
	}
	f("limit", SearchQuery{Limit: 5}, Done)
	// The expression costs so much that the time is spent.
	f("time", SearchQuery{BudgetMS: 1, CEL: "[1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3,4,5,6,7,8,9,0].all(b, [1,2,3,4,5,6,7,8,9,0].all(c, [1,2,3,4,5,6,7,8,9,0].all(d, a + b + c + d + offset >= 0)))) && offset % 2 > 1"}, Budget)

	s, err := k.NewSearch(t.Context(), SearchQuery{Topic: "orders"}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Cancel()
	s.Run(t.Context())
	if st := s.Status(); st.State != Cancelled || st.Token == "" {
		t.Errorf("cancelled: %s, token %q", st.State, st.Token)
	}
}

func TestSearchRefuses(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 2)
	k.produce(t, numbered("orders", 10, 2)...)
	token := search(t, k, SearchQuery{Topic: "orders", Filter: "value", Limit: 1}).Token
	for name, c := range map[string]struct {
		q    SearchQuery
		code string
	}{
		"expression":       {SearchQuery{CEL: "json.status ="}, "filter_invalid"},
		"long text":        {SearchQuery{Filter: strings.Repeat("x", maxFilter+1)}, "filter_invalid"},
		"bytes":            {SearchQuery{BudgetBytes: maxBytes + 1}, "budget_too_large"},
		"negative bytes":   {SearchQuery{BudgetBytes: -1}, "budget_too_large"},
		"time":             {SearchQuery{BudgetMS: maxTime.Milliseconds() + 1}, "budget_too_large"},
		"limit":            {SearchQuery{Limit: 1001}, "bad_request"},
		"decoder":          {SearchQuery{Decoder: "xml"}, "bad_request"},
		"place":            {SearchQuery{From: "yesterday"}, "bad_request"},
		"partition":        {SearchQuery{Partitions: []int32{0, 2}}, "not_found"},
		"no token":         {SearchQuery{Token: "hello"}, "bad_token"},
		"another filter's": {SearchQuery{Token: token, Filter: "values"}, "bad_token"},
	} {
		c.q.Topic = "orders"
		_, err := k.NewSearch(t.Context(), c.q, nil, 0)
		var e *web.Error
		if !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// An expression that fails on some records says so and finds the others.
func TestSearchOddRecords(t *testing.T) {
	k := embedded(t)
	k.topic(t, "mixed", 1)
	k.produce(t,
		&kgo.Record{Topic: "mixed", Value: []byte(`{"n":1}`)}, &kgo.Record{Topic: "mixed", Value: []byte(`text`)},
		&kgo.Record{Topic: "mixed"}, &kgo.Record{Topic: "mixed", Value: []byte(`{"n":2}`)}, &kgo.Record{Topic: "mixed", Value: []byte(`{"n":"x"}`)},
	)
	st := search(t, k, SearchQuery{Topic: "mixed", CEL: "json.n >= 1"})
	if got := offsetsOf(st.Matches); !slices.Equal(got, []string{"0/000000", "0/000003"}) {
		t.Errorf("found %v", got)
	}
	if len(st.Problems) != 1 || !strings.Contains(st.Problems[0], "3 records") || !strings.Contains(st.Problems[0], "0/1: ") {
		t.Errorf("problems: %v", st.Problems)
	}
}

// Memory follows the fetches and the matches, not the topic.
func TestSearchMemory(t *testing.T) {
	k := embedded(t)
	k.topic(t, "big", 4)
	producer := k.client(t, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(900_000))
	value := bytes.Repeat([]byte("0123456789abcdef"), 64) // 1 KiB
	for p := range int32(4) {
		var batch []*kgo.Record
		for range 16_000 {
			batch = append(batch, &kgo.Record{Topic: "big", Partition: p, Value: value})
		}
		if err := producer.ProduceSync(t.Context(), batch...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	producer.Close()
	base := heapNow()
	_, stop := watchHeap()
	st := search(t, k, SearchQuery{Topic: "big", Filter: "nobody"})
	if most := stop(); most-min(most, base) > 160<<20 {
		t.Errorf("a search over %d MiB held %d MiB", st.Progress.Bytes>>20, (most-base)>>20)
	} else {
		t.Logf("a search over %d MiB held %d MiB", st.Progress.Bytes>>20, (most-min(most, base))>>20)
	}
	if st.State != Done || st.Progress.Records != 64_000 || st.Progress.Bytes < 60<<20 {
		t.Errorf("%+v", st.Progress)
	}
}

func TestServiceSearches(t *testing.T) {
	k := embedded(t)
	k.topic(t, "orders", 4)
	k.produce(t, numbered("orders", 1000, 4)...)
	s := serve(t, k, nil)
	q := SearchQuery{Cluster: "east", Topic: "orders", Filter: "value 5", Limit: 10}
	for range 2 * maxSearches { // those that ended first make room
		planned, err := s.Plan(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		id, err := s.Start(t.Context(), planned)
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.Search(id)
		if err != nil {
			t.Fatal(err)
		}
		found.Wait(t.Context(), maxWait, 10)
		if st := found.Status(); st.State != Done || len(st.Matches) != 10 {
			t.Errorf("%s: %d matches", st.State, len(st.Matches))
		}
	}
	if n := len(s.searches); n > maxSearches {
		t.Errorf("%d searches are held", n)
	}
	s.forget(time.Now().Add(keptFor - time.Minute))
	if len(s.searches) == 0 {
		t.Error("searches are forgotten too early")
	}
	s.forget(time.Now().Add(keptFor + time.Minute))
	if n := len(s.searches); n != 0 {
		t.Errorf("%d searches are still held", n)
	}
}

// serve runs a service on one cluster until the test ends.
func serve(t *testing.T, k *kafka, registry Registry) *Service {
	t.Helper()
	s := New(Config{Clusters: clusters(k), Registry: registry})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}
