package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Two transactions beside each other, one of which is aborted, a record outside of
// any, and one whose end has not come.
func TestLog(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	client := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(fake.ListenAddrs()...), kgo.ProducerLinger(0))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return cl
	}
	put := func(cl *kgo.Client, key string) {
		t.Helper()
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Key: []byte(key)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	a, b, plain := client(kgo.TransactionalID("a")), client(kgo.TransactionalID("b")), client()
	for _, cl := range []*kgo.Client{a, b} {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	put(a, "kept")
	put(b, "aborted")
	put(plain, "plain")
	put(a, "kept too")
	for cl, end := range map[*kgo.Client]kgo.TransactionEndTry{a: kgo.TryCommit, b: kgo.TryAbort} {
		if err := cl.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	put(a, "open")
	var l Log
	reader := client(kgo.ConsumeTopics("t"), kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadUncommitted()))
	for n := 0; n < 7; {
		reader.PollFetches(t.Context()).EachRecord(func(r *kgo.Record) { l.Take(r); n++ })
	}
	got := map[string]bool{}
	for _, r := range l.Records() {
		got[string(r.Key)] = r.Committed
	}
	if diff := cmp.Diff(map[string]bool{"kept": true, "kept too": true, "plain": true, "aborted": false, "open": false}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
