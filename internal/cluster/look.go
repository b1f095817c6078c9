package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Look returns a snapshot that holds some topics only, those of the names that
// exist, and without settings, controller or log directories: what Refresh would
// tell of them, at a cost that is theirs and not the cluster's. What a leader does
// not answer within Config.BrokerTimeout is marked, as in Refresh.
func (c *Cluster) Look(ctx context.Context, topics []string) (*Snapshot, error) {
	began := time.Now()
	bounded, cancel := context.WithTimeoutCause(ctx, c.cfg.BrokerTimeout, fmt.Errorf("no answer within %v", c.cfg.BrokerTimeout))
	defer cancel()
	meta, err := c.metadataOf(bounded, topics)
	if err != nil {
		return nil, fmt.Errorf("asking cluster %s for topics: %w", c.Name, err)
	}
	answers := make([]answer, len(meta.Brokers))
	var wg sync.WaitGroup
	for i, b := range meta.Brokers {
		wg.Go(func() { answers[i] = c.askFor(bounded, b.NodeID, meta) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("asking cluster %s for topics: %w", c.Name, err)
	}
	s := build(nil, meta, -1, answers, nil, began)
	s.Cluster = c.Name
	return s, nil
}

func (c *Cluster) metadataOf(ctx context.Context, topics []string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // nil asks for all
	seen := map[string]bool{}
	for _, name := range topics {
		if !seen[name] {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &name
			req.Topics, seen[name] = append(req.Topics, topic), true
		}
	}
	meta, err := req.RequestWith(ctx, c.client)
	if err == nil {
		err = kerr.ErrorForCode(meta.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	existing := meta.Topics[:0]
	for _, t := range meta.Topics {
		// No topic has a name that Kafka does not allow.
		if t.ErrorCode != kerr.UnknownTopicOrPartition.Code && t.ErrorCode != kerr.InvalidTopicException.Code {
			existing = append(existing, t)
		}
	}
	meta.Topics = existing
	return meta, nil
}

// askFor asks a broker for the offsets of those partitions that it leads, and for
// the sizes of those that it holds.
func (c *Cluster) askFor(ctx context.Context, id int32, meta *kmsg.MetadataResponse) (a answer) {
	a.broker = id
	b := c.client.Broker(int(id))
	dirs := kmsg.NewPtrDescribeLogDirsRequest()
	dirs.Topics = []kmsg.DescribeLogDirsRequestTopic{}
	for _, t := range meta.Topics {
		topic := kmsg.NewDescribeLogDirsRequestTopic()
		topic.Topic = *t.Topic
		for _, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, p.Partition)
		}
		dirs.Topics = append(dirs.Topics, topic)
	}
	if len(dirs.Topics) == 0 {
		return a
	}
	var err error
	if starts := listOffsets(meta, id, -2); len(starts.Topics) > 0 {
		if a.starts, err = request(ctx, b, starts); err == nil {
			a.ends, err = request(ctx, b, listOffsets(meta, id, -1))
		}
	}
	if err == nil {
		a.dirs, err = request(ctx, b, dirs)
	}
	if err == nil {
		err = kerr.ErrorForCode(a.dirs.ErrorCode)
	}
	if err != nil {
		a.dirs, a.errs = nil, []BrokerError{{id, "offsets and sizes", err}}
	}
	return a
}
