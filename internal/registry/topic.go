package registry

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/lease"
)

// schemasTopic is the topic's name, as every Confluent-compatible registry has it.
const schemasTopic = "_schemas"

// leaseName is the lease's.
const leaseName = "registry"

// topics are those that the registry needs, in the order in which they are made.
// `_schemas` may have been made by another registry, with any retention, as long as
// it is compacted and not deleted from.
func topics() []cluster.Topic {
	return []cluster.Topic{
		{Name: schemasTopic, Partitions: 1, Configs: cluster.Compacted()},
		{Name: stateTopic, Partitions: 1, Configs: cluster.Compacted()},
		{Name: historyTopic, Partitions: 1, Configs: cluster.Kept()},
		lease.Topic(leaseName),
	}
}

// ensure makes the topics that are missing. A topic that is there and is kept
// otherwise than it must be ends no reads: then it is the reason why nothing is
// written. err says that nothing can be read either.
func (s *Service) ensure(ctx context.Context) error {
	var wrong error
	for _, t := range topics() {
		t.Replication = s.cfg.Replication
		err := s.on.Ensure(ctx, t)
		if err == nil {
			continue
		}
		if info, topicErr := s.on.Cluster.Topic(ctx, t.Name); topicErr != nil || info.Partitions != t.Partitions {
			s.refuse(err)
			return err
		}
		if wrong == nil {
			wrong = err
		}
	}
	s.refuse(wrong)
	return nil
}

// epochEnd returns where in `_schemas` the records of a leader epoch, and of those before
// it, end; -1 if the broker does not know.
func epochEnd(ctx context.Context, client *kgo.Client, epoch int32) (int64, error) {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1
	t, p := kmsg.NewOffsetForLeaderEpochRequestTopic(), kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	p.LeaderEpoch = epoch
	t.Topic, t.Partitions = schemasTopic, append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, client)
	if err == nil && (len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1) {
		err = fmt.Errorf("it answers for another partition")
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("asking for the end of leader epoch %d of %s: %w", epoch, schemasTopic, err)
	}
	return resp.Topics[0].Partitions[0].EndOffset, nil
}

// stableOffset returns the end of what has been decided in `_schemas`, as its broker
// sees it.
func stableOffset(ctx context.Context, client *kgo.Client) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = 1
	t, p := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp = -1 // the end
	t.Topic, t.Partitions = schemasTopic, append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, client)
	if err == nil && (len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1) {
		err = fmt.Errorf("it answers for another partition")
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("asking for the stable end of %s: %w", schemasTopic, err)
	}
	return resp.Topics[0].Partitions[0].Offset, nil
}
