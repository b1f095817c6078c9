// Package console_test measures what pages cost the server as a cluster grows: the
// topic list of 10,000 topics with a filter beside the same page of 10 topics, in
// the same run, from an API in memory that filters as weir's own does. Run it with
//
//	go test -run '^$' -bench TopicList ./bench/console
//
// It prints the ratio of the two, which with a filter is to be at most 3, and the
// milliseconds of the larger, which are to be at most 50.
package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/console"
)

func BenchmarkTopicList(b *testing.B) {
	large, small := serve(b, 10_000), serve(b, 10)
	for _, bm := range []struct{ name, query string }{
		{"filter", "?contains=-0042"},       // 1 of 10,000 topics; none of 10
		{"filter10", "?contains=topic-000"}, // 10 of both
		{"page", ""},                        // 100 rows, a full page, and 10
	} {
		b.Run(bm.name, func(b *testing.B) {
			var many, few time.Duration
			for b.Loop() {
				many += timed(b, large, "/ui/c/local/topics"+bm.query)
				few += timed(b, small, "/ui/c/local/topics"+bm.query)
			}
			b.ReportMetric(float64(many)/float64(few), "ratio")
			b.ReportMetric(float64(many.Microseconds())/float64(b.N)/1000, "ms/10000-topics")
			b.ReportMetric(float64(few.Microseconds())/float64(b.N)/1000, "ms/10-topics")
		})
	}
}

func timed(b *testing.B, mux http.Handler, path string) time.Duration {
	w := httptest.NewRecorder()
	began := time.Now()
	mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	took := time.Since(began)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Topics of local") {
		b.Fatalf("%s: %d", path, w.Code)
	}
	return took
}

func serve(b *testing.B, topics int) http.Handler {
	c, err := console.New(console.Config{API: newMemory(topics)})
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	c.Register(mux)
	return mux
}

// memory is the API of one cluster.
type memory struct {
	topics []topic
	folded []string
}

type topic struct {
	Name       string  `json:"name"`
	Partitions int     `json:"partitions"`
	Replicas   int     `json:"replication"`
	Records    int64   `json:"records"`
	Bytes      int64   `json:"bytes"`
	Rate       float64 `json:"records_per_second"`
	ByteRate   float64 `json:"bytes_per_second"`
	Groups     int     `json:"groups"`
}

func newMemory(n int) *memory {
	m := &memory{}
	for i := range n {
		m.topics = append(m.topics, topic{fmt.Sprintf("topic-%04d", i), 12, 3, int64(i) * 7919 % 1_000_003, int64(i) * 104_729, float64(i % 97), float64(i%97) * 900, i % 5})
		m.folded = append(m.folded, strings.ToLower(m.topics[i].Name))
	}
	return m
}

func (m *memory) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	switch r.URL.Path {
	case "/api/v1/clusters":
		fmt.Fprintf(w, `{"clusters":[{"name":"local","health":"ok","home":true,"brokers":3,"topics":%d,"age_ms":10}]}`, len(m.topics))
	case "/api/v1/clusters/local/topics":
		q := r.URL.Query()
		rows, total := []topic{}, 0
		for i := range m.topics {
			if !strings.Contains(m.folded[i], strings.ToLower(q.Get("contains"))) {
				continue
			}
			if total++; len(rows) < 100 {
				rows = append(rows, m.topics[i])
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"topics": rows, "total": total, "age_ms": 10})
	default:
		http.NotFound(w, r)
	}
	return w.Result(), nil
}
