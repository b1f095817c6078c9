package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// Page by page the history is what one reading of all of it gives, whatever was
// aborted, and however long.
func TestHistoryPages(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{start(t)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		makeTopics(t, c, 1, nil)
		s, err := NewShared(Config{}, Place{Cluster: c, Holder: "p"})
		if err != nil {
			t.Fatal(err)
		}
		pages := func(subject string, limit int) (all []int, requests int) {
			for before := int64(0); ; requests++ {
				rows, next, err := s.historyBefore(withTimeout(t), subject, limit, before)
				if err != nil || len(rows) > limit || next < 0 || before > 0 && next >= before {
					t.Fatalf("%d rows, next %d after %d: %v", len(rows), next, before, err)
				}
				for _, r := range rows {
					all = append(all, r.ID)
				}
				if before = next; next == 0 {
					return all, requests + 1
				}
			}
		}
		f := func(subject string, limit int) (requests int) {
			t.Helper()
			var want []int
			for _, r := range slices.Backward(history(t, c)) {
				if subject == "" || r.Subject == subject {
					want = append(want, r.ID)
				}
			}
			got, requests := pages(subject, limit)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q by %d (-want +got):\n%s", subject, limit, diff)
			}
			return requests
		}
		f("", 10) // nothing
		n := 0
		row := func(subject string) *kgo.Record {
			n++
			value, _ := json.Marshal(History{V: 1, ID: n, Subject: subject})
			return &kgo.Record{Topic: historyTopic, Key: []byte(subject), Value: value}
		}
		writer := client(t, c, kgo.TransactionalID("w"))
		transaction := func(rows int, end kgo.TransactionEndTry) {
			if err := writer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for range rows {
				produce(t, writer, row(fmt.Sprint("s", n%3)))
			}
			if err := writer.EndTransaction(withTimeout(t), end); err != nil {
				t.Fatal(err)
			}
		}
		produce(t, client(t, c), row("first"))
		for i := range 20 {
			transaction(1+i%4, i%3 != 1)
		}
		transaction(40, kgo.TryCommit)
		// Brokers answer a commit before it is in each partition.
		counts := func() {
			waitUntil(t, "what was open counts", func() bool {
				rows, _, err := s.historyBefore(withTimeout(t), "", 2, 1<<40)
				return err == nil && len(rows) == 2 && rows[0].ID == n && rows[1].ID == n-1
			})
		}
		counts()
		for _, limit := range []int{1, 7, 1000} {
			f("", limit)
			f("s1", limit)
			f("first", limit)
			f("none", limit)
		}
		var many []*kgo.Record
		for range historyBudget + 5000 {
			many = append(many, row("many"))
		}
		produce(t, client(t, c), many...)
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, writer, row("s1"), row("many")) // open: it does not count yet
		if requests := f("first", 10); requests != 2 {
			t.Errorf("%d requests for a row below the budget", requests)
		}
		f("s1", 3)
		f("many", 10_000)
		if rows, next, err := s.historyBefore(withTimeout(t), "first", 10, 0); err != nil || len(rows) > 0 || next == 0 {
			t.Errorf("%v, next %d, %v: more was read than the budget is", rows, next, err)
		}
		if rows, _, err := s.historyBefore(withTimeout(t), "", 5, 0); err != nil || len(rows) != 5 || rows[0].ID != n-2 {
			t.Errorf("%+v, %v", rows, err)
		}
		if err := writer.EndTransaction(withTimeout(t), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		counts()
	})
}

// BenchmarkHistory is the newest 50 rows of a subject among 100,000.
func BenchmarkHistory(b *testing.B) {
	c, err := cluster.Connect(b.Context(), cluster.Config{Name: "local", Bootstrap: []string{kafkatest.Start(b).Bootstrap()}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, topic := range topics() {
		if _, _, err := c.EnsureTopic(b.Context(), topic); err != nil {
			b.Fatal(err)
		}
	}
	s, err := NewShared(Config{}, Place{Cluster: c, Holder: "p"})
	if err != nil {
		b.Fatal(err)
	}
	writer, err := c.Client()
	if err != nil {
		b.Fatal(err)
	}
	defer writer.Close()
	for i := range 100_000 {
		subject := fmt.Sprint("subject-", i%1000)
		value, _ := json.Marshal(History{V: 1, ID: i, Subject: subject, What: "register", Who: "somebody", From: "10.0.0.1:50000", Reason: "a new field"})
		writer.Produce(b.Context(), &kgo.Record{Topic: historyTopic, Key: []byte(subject), Value: value}, nil)
	}
	if err := writer.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	for name, subject := range map[string]string{"all": "", "subject": "subject-7", "none": "none"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.historyBefore(b.Context(), subject, 50, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
