package records

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/cluster"
)

const (
	// pageFetch and searchFetch are how much one fetch asks for. A batch that is
	// larger comes whole: its broker sends at least one (KIP-74).
	pageFetch   = 1 << 20
	searchFetch = 4 << 20
	// maxAnswer is the largest answer of a broker that is taken, and so the largest
	// batch that can be shown.
	maxAnswer = 128 << 20
	// patience is how long a broker may not answer, or lead no more, before its
	// partitions count as away.
	patience   = 3 * time.Second
	retryEvery = 50 * time.Millisecond
	// lanes is how many partitions are read at the same time.
	lanes = 4
)

// Reader reads the records of one cluster. It is safe for concurrent use.
type Reader struct {
	cluster  string
	registry Registry
	// client sends requests only. It is not the cluster handle's, whose short
	// requests would wait behind large fetches.
	client       *kgo.Client
	decompressor kgo.Decompressor // keeps the decoders that it has made
	// slots bounds how many fetch answers are held at the same time, over all pages
	// and searches of the cluster.
	slots chan struct{}
}

// NewReader returns a reader of a cluster; registry may be nil. Close it after use.
func NewReader(c *cluster.Cluster, registry Registry) (*Reader, error) {
	client, err := c.Client(kgo.BrokerMaxReadBytes(maxAnswer), kgo.RetryTimeout(patience), kgo.RequestRetries(2))
	if err != nil {
		return nil, err
	}
	return &Reader{
		cluster: c.Name, registry: registry, client: client, decompressor: kgo.DefaultDecompressor(), slots: make(chan struct{}, 2*lanes),
	}, nil
}

// Close closes the reader's connections.
func (r *Reader) Close() { r.client.Close() }

// topic is what a cluster says of a topic: its partitions and who leads them.
type topic struct {
	name    string
	id      [16]byte
	leaders map[int32]int32 // partition -> broker, -1: none
}

func (r *Reader) topic(ctx context.Context, name string) (topic, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &name
	req.Topics = append(req.Topics, asked)
	resp, err := req.RequestWith(ctx, r.client)
	if err == nil && len(resp.Topics) != 1 {
		err = fmt.Errorf("it answers for %d topics", len(resp.Topics))
	}
	if err != nil {
		return topic{}, fmt.Errorf("asking cluster %s for topic %s: %w", r.cluster, name, err)
	}
	switch err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.InvalidTopicException):
		return topic{}, fmt.Errorf("topic %s on cluster %s: %w", name, r.cluster, cluster.ErrNoTopic)
	case err != nil && !kerr.IsRetriable(err):
		return topic{}, fmt.Errorf("asking cluster %s for topic %s: %w", r.cluster, name, err)
	}
	t := topic{name: name, id: resp.Topics[0].TopicID, leaders: map[int32]int32{}}
	for _, p := range resp.Topics[0].Partitions {
		t.leaders[p.Partition] = p.Leader
	}
	return t, nil
}

// The times that stand for an end of the log in a ListOffsets request.
const (
	latest   = -1
	earliest = -2
)

// offsets asks each leader for the first offset at or after a time in ms, or for
// an end of the log. Partitions that are not answered for are among the errors;
// offset -1: there is no such record.
func (r *Reader) offsets(ctx context.Context, t topic, at int64) (map[int32]int64, map[int32]error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var mu sync.Mutex // guards the maps
	found, failed := map[int32]int64{}, map[int32]error{}
	byLeader := map[int32][]int32{}
	for p, leader := range t.leaders {
		if leader < 0 {
			failed[p] = errNoLeader
			continue
		}
		byLeader[leader] = append(byLeader[leader], p)
	}
	var wg sync.WaitGroup
	for leader, partitions := range byLeader {
		wg.Go(func() {
			kresp, err := r.client.Broker(int(leader)).RetriableRequest(ctx, listOffsets(t, partitions, at))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				for _, p := range partitions {
					failed[p] = fmt.Errorf("broker %d: %w", leader, err)
				}
				return
			}
			for _, rt := range kresp.(*kmsg.ListOffsetsResponse).Topics {
				for _, rp := range rt.Partitions {
					if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
						failed[rp.Partition] = err
						continue
					}
					found[rp.Partition] = rp.Offset
				}
			}
		})
	}
	wg.Wait()
	return found, failed
}

var errNoLeader = errors.New("it has no leader")

func listOffsets(t topic, partitions []int32, at int64) *kmsg.ListOffsetsRequest {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = t.name
	for _, p := range partitions {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = p, at
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	return req
}

// log returns what the partitions hold. Those that do not answer are problems.
func (r *Reader) log(ctx context.Context, t topic) (map[int32]bounds, []string) {
	var ends map[int32]int64
	var failed map[int32]error
	done := make(chan struct{})
	go func() {
		defer close(done)
		ends, failed = r.offsets(ctx, t, latest)
	}()
	starts, failedStarts := r.offsets(ctx, t, earliest)
	<-done
	maps.Copy(failed, failedStarts)
	log := map[int32]bounds{}
	for p, end := range ends {
		if start, ok := starts[p]; ok {
			log[p] = bounds{start, max(start, end)}
		}
	}
	return log, problems(failed)
}

func problems(failed map[int32]error) []string {
	out := []string{}
	for _, p := range slices.Sorted(maps.Keys(failed)) {
		out = append(out, fmt.Sprintf("partition %d: %v", p, failed[p]))
	}
	return out
}

// chunk is what one fetch brought of a range.
type chunk struct {
	records []*kgo.Record // of the range, control records among them; valid until the callback returns
	next    int64         // the offset to go on at
	bytes   int           // as they came, compressed
	skipped string        // what of the range the log does not hold any more
}

// how says how a range is read.
type how struct {
	fetch int32 // bytes to ask for at once
	// sift, if any, tells the batches that are passed over, since the caller looks for
	// nothing in them.
	sift sift
}

// stream calls fn for what a range holds, in order, until it is read or fn returns
// false. It fetches by itself and not through a kgo consumer, because only so it
// learns where a batch without records ends: compaction leaves such batches, also
// as the last of a log. While a chunk is worked on the next one is on its way.
func (r *Reader) stream(ctx context.Context, t topic, rg OffsetRange, how how, fn func(chunk) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	var coming chan fetched
	defer func() {
		cancel()
		if coming != nil {
			<-coming
			<-r.slots
		}
	}()
	s := &source{r: r, topic: t, partition: rg.Partition, size: how.fetch}
	ahead := func(at int64) error {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		coming = make(chan fetched, 1)
		go func(to chan<- fetched) { to <- s.fetch(ctx, at) }(coming)
		return nil
	}
	for at := rg.From; at < rg.To; {
		if coming == nil {
			if err := ahead(at); err != nil {
				return err
			}
		}
		a := <-coming
		coming = nil
		after, known := lastOffset(a.p.RecordBatches)
		if known = known && a.err == nil && a.at == at && after < rg.To; known {
			select { // only if there is a slot: who waits for one must not hold another
			case r.slots <- struct{}{}:
				coming = make(chan fetched, 1)
				go func(to chan<- fetched) { to <- s.fetch(ctx, after) }(coming)
			default:
			}
		}
		c, err := r.parse(t.name, rg, at, a, how.sift)
		more := false
		if err == nil {
			more, err = fn(c)
		}
		<-r.slots
		if err != nil || !more {
			return err
		}
		if coming != nil && c.next != after {
			<-coming // it is of another place
			<-r.slots
			coming = nil
		}
		at = c.next
	}
	return nil
}

// source fetches from one partition, wherever its leader is. One goroutine at a
// time uses it.
type source struct {
	r         *Reader
	topic     topic
	partition int32
	size      int32
}

type fetched struct {
	at  int64 // the offset that was asked for
	p   kmsg.FetchResponseTopicPartition
	err error
}

// fetch returns what is at an offset. It waits while the partition has no leader,
// and while its log is shorter than it was said to be, but not for long.
func (s *source) fetch(ctx context.Context, at int64) fetched {
	deadline := time.Now().Add(patience)
	for {
		a := s.fetchOnce(ctx, at)
		if a.err == nil && (len(a.p.RecordBatches) > 0 || errors.Is(kerr.ErrorForCode(a.p.ErrorCode), kerr.OffsetOutOfRange)) {
			return a
		}
		if a.err == nil {
			a.err = kerr.ErrorForCode(a.p.ErrorCode)
		}
		if ctx.Err() != nil {
			a.err = ctx.Err()
			return a
		}
		if kerr.IsRetriable(a.err) {
			a.err = fmt.Errorf("leader %d: %w", s.topic.leaders[s.partition], a.err)
		} else if a.err != nil && !isConnection(a.err) {
			return a
		}
		if time.Now().After(deadline) {
			if a.err == nil {
				a.err = fmt.Errorf("nothing comes at offset %d", at)
			}
			return a
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryEvery):
		}
		if t, err := s.r.topic(ctx, s.topic.name); err == nil {
			s.topic = t
		}
	}
}

func (s *source) fetchOnce(ctx context.Context, at int64) (a fetched) {
	a.at = at
	leader, ok := s.topic.leaders[s.partition]
	if !ok || leader < 0 {
		a.err = fmt.Errorf("%w: %w", errNoLeader, kerr.LeaderNotAvailable)
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, 10*patience) // a large batch on a slow line
	defer cancel()
	kresp, err := s.r.client.Broker(int(leader)).RetriableRequest(ctx, s.request(at))
	if err != nil {
		a.err = err
		return a
	}
	resp := kresp.(*kmsg.FetchResponse)
	if a.err = kerr.ErrorForCode(resp.ErrorCode); a.err != nil {
		return a
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		a.err = kerr.UnknownTopicOrPartition
		return a
	}
	a.p = resp.Topics[0].Partitions[0]
	return a
}

func (s *source) request(at int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID = -1
	req.MinBytes, req.MaxWaitMillis = 1, 100
	req.MaxBytes = s.size
	req.SessionEpoch = -1 // no fetch session
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = s.topic.name, s.topic.id
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = s.partition, at, s.size
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

// isConnection says whether an error is of the way to a broker, not of what it
// answered.
func isConnection(err error) bool {
	var answered *kerr.Error
	return !errors.As(err, &answered) && !errors.Is(err, kgo.ErrClientClosed)
}
