package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const defaultBrokerTimeout = 5 * time.Second

// refresher has clients of its own, so that the requests of a refresh can be
// counted, and its own patience.
type refresher struct {
	client *kgo.Client
	// quorum is for the one request that a broker passes on to the controller. A
	// broker answers a connection in order: while there is no controller, whatever
	// comes behind that request would wait too.
	quorum  *kgo.Client
	traffic traffic
	running sync.Mutex // held during a refresh
}

func newRefresher(c *Cluster) (*refresher, error) {
	r := &refresher{}
	for _, client := range []**kgo.Client{&r.client, &r.quorum} {
		var err error
		*client, err = c.Client(kgo.WithHooks(&r.traffic),
			kgo.DialTimeout(c.cfg.BrokerTimeout), kgo.RequestTimeoutOverhead(max(c.cfg.BrokerTimeout, 100*time.Millisecond)))
		if err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *refresher) close() {
	for _, client := range []*kgo.Client{r.client, r.quorum} {
		if client != nil {
			client.Close()
		}
	}
}

// traffic counts what a client sends and receives.
type traffic struct{ requests, written, read atomic.Int64 }

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (t *traffic) OnBrokerWrite(_ kgo.BrokerMetadata, _ int16, n int, _, _ time.Duration, _ error) {
	t.requests.Add(1)
	t.written.Add(int64(n))
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (t *traffic) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, n int, _, _ time.Duration, _ error) {
	t.read.Add(int64(n))
}

// Refresh asks the cluster for everything that a snapshot holds. prev is the
// snapshot before, or nil; what a broker does not answer within
// Config.BrokerTimeout is taken from it and marked. It is an error only if no
// broker answers for the cluster as a whole; prev stays as good as its age.
//
// It sends two requests to one broker for brokers, topics and partitions, one for
// the controller, three to each broker for offsets and sizes, and at most one for
// the settings of at most a thousand topics: first those that were never read,
// then those read longest ago, once that is five minutes. It takes at most twice
// the timeout. A second call waits for the first.
func (c *Cluster) Refresh(ctx context.Context, prev *Snapshot) (*Snapshot, error) {
	r := c.refresher
	r.running.Lock()
	defer r.running.Unlock()
	began := time.Now()
	requests, written, read := r.traffic.requests.Load(), r.traffic.written.Load(), r.traffic.read.Load()

	meta, source, err := c.metadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("refreshing the snapshot of cluster %s: %w", c.Name, err)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, c.cfg.BrokerTimeout, fmt.Errorf("no answer within %v", c.cfg.BrokerTimeout))
	defer cancel()
	answers := make([]answer, len(meta.Brokers))
	var wg sync.WaitGroup
	for i, b := range meta.Brokers {
		wg.Go(func() { answers[i] = r.ask(bounded, b.NodeID, meta) })
	}
	var controller int32
	wg.Go(func() { controller = r.controller(bounded, source, meta) })
	configs, errs := r.settings(bounded, source, wantSettings(prev, meta, began))
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("refreshing the snapshot of cluster %s: %w", c.Name, err) // silence may be ours
	}

	s := build(prev, meta, controller, append(answers, answer{broker: -1, errs: errs}), configs, began)
	s.Cluster = c.Name
	s.Cost = Cost{
		Requests: int(r.traffic.requests.Load() - requests),
		Written:  r.traffic.written.Load() - written,
		Read:     r.traffic.read.Load() - read,
		Duration: time.Since(began),
	}
	return s, nil
}

// metadata returns what one broker says of the cluster, and that broker. A broker
// that is slow to answer gets company: the first answer wins.
func (c *Cluster) metadata(ctx context.Context) (meta *kmsg.MetadataResponse, source int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.BrokerTimeout, fmt.Errorf("no broker answers within %v", c.cfg.BrokerTimeout))
	defer cancel()
	const attempts = 4
	type result struct {
		meta   *kmsg.MetadataResponse
		source int
		err    error
	}
	results := make(chan result, attempts) // a late one is read by nobody
	for started, failed := 0, 0; ; {
		if started < attempts {
			started++
			go func() {
				meta, source, err := c.refresher.metadata(ctx)
				results <- result{meta, source, err}
			}()
		}
		select {
		case r := <-results:
			if r.err == nil {
				return r.meta, r.source, nil
			}
			err = r.err
			if failed++; failed == attempts {
				return nil, 0, err
			}
		case <-time.After(c.cfg.BrokerTimeout / attempts):
		case <-ctx.Done():
			if err == nil || errors.Is(err, ctx.Err()) {
				err = context.Cause(ctx)
			}
			return nil, 0, err
		}
	}
}

// metadata makes two requests. The first goes to any broker and tells the client
// which brokers there are; the second is for everything, to the one that answered.
// It does not go through the client, which would keep a copy of all that.
func (r *refresher) metadata(ctx context.Context) (meta *kmsg.MetadataResponse, source int, err error) {
	brokers := kmsg.NewPtrMetadataRequest()
	brokers.Topics = []kmsg.MetadataRequestTopic{}
	shard := r.client.RequestSharded(ctx, brokers)[0]
	if shard.Err != nil {
		return nil, 0, shard.Err
	}
	source = int(shard.Meta.NodeID)
	meta, err = request(ctx, r.client.Broker(source), kmsg.NewPtrMetadataRequest()) // no topics named: all
	if err == nil {
		err = kerr.ErrorForCode(meta.ErrorCode)
	}
	return meta, source, err
}

// request sends a request to a broker. It tries again only where a connection
// broke that the broker may have closed for being idle.
func request[R kmsg.Response, Q interface {
	kmsg.Request
	RequestWith(context.Context, kmsg.Requestor) (R, error)
}](ctx context.Context, b *kgo.Broker, req Q) (R, error) {
	resp, err := req.RequestWith(ctx, b)
	if err != nil && ctx.Err() == nil && kgo.IsRetryableBrokerErr(err) {
		resp, err = req.RequestWith(ctx, b)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return resp, err
}

// ask asks a broker for the offsets of the partitions that it leads and for the
// sizes of those that it holds. After a broken connection it asks no further.
func (r *refresher) ask(ctx context.Context, id int32, meta *kmsg.MetadataResponse) (a answer) {
	a.broker = id
	b := r.client.Broker(int(id))
	var err error
	failed := func(what string) bool {
		if err != nil {
			a.errs = append(a.errs, BrokerError{id, what, err})
		}
		return err != nil
	}
	if starts := listOffsets(meta, id, -2); len(starts.Topics) > 0 {
		if a.starts, err = request(ctx, b, starts); failed("log start offsets") {
			return a
		}
		if a.ends, err = request(ctx, b, listOffsets(meta, id, -1)); failed("high watermarks") {
			return a
		}
	}
	dirs, err := request(ctx, b, kmsg.NewPtrDescribeLogDirsRequest()) // no topics named: all
	if err == nil {
		err = kerr.ErrorForCode(dirs.ErrorCode)
	}
	if !failed("log directories") {
		a.dirs = dirs
	}
	return a
}

// listOffsets asks for one offset of each partition that a broker leads:
// timestamp -2 is the log's start, -1 its high watermark.
func listOffsets(meta *kmsg.MetadataResponse, leader int32, timestamp int64) *kmsg.ListOffsetsRequest {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	for _, t := range meta.Topics {
		rt := kmsg.NewListOffsetsRequestTopic()
		for _, p := range t.Partitions {
			if p.Leader == leader && t.Topic != nil {
				rp := kmsg.NewListOffsetsRequestTopicPartition()
				rp.Partition, rp.Timestamp = p.Partition, timestamp
				rt.Partitions = append(rt.Partitions, rp)
			}
		}
		if len(rt.Partitions) > 0 {
			rt.Topic = *t.Topic
			req.Topics = append(req.Topics, rt)
		}
	}
	return req
}

// settings asks for the settings of topics, which any broker can tell.
func (r *refresher) settings(ctx context.Context, source int, topics []string) (*kmsg.DescribeConfigsResponse, []BrokerError) {
	if len(topics) == 0 {
		return nil, nil
	}
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range topics {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, name
		req.Resources = append(req.Resources, resource)
	}
	configs, err := request(ctx, r.client.Broker(source), req)
	if err != nil {
		return nil, []BrokerError{{-1, "settings of topics", err}}
	}
	return configs, nil
}

// controller asks who leads the quorum. The metadata of a KRaft cluster names any
// broker as the controller, another one each time: it is only true where there is
// no quorum.
func (r *refresher) controller(ctx context.Context, source int, meta *kmsg.MetadataResponse) int32 {
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, topic)
	resp, err := request(ctx, r.quorum.Broker(source), req)
	if err != nil && ctx.Err() == nil {
		return meta.ControllerID
	}
	if err != nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return -1
	}
	return resp.Topics[0].Partitions[0].LeaderID
}
