package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/wire"
)

// Topic says how a topic has to be.
type Topic struct {
	Name       string
	Partitions int32
	// Replication is how many replicas a new topic gets. Default: 3, or as many as
	// there are brokers.
	Replication int16
	// Configs are set when the topic is created. Those by which the cluster might
	// delete records, or stamp them otherwise, have to hold when it exists already:
	// a topic that forgets what weir must remember is refused.
	Configs map[string]string
}

// checked are the settings that have to hold on a topic that exists.
var checked = []string{"cleanup.policy", "retention.ms", "message.timestamp.type"}

// Compacted returns the settings of a topic that weir keeps state in. Its
// retention is without end in so many words: the embedded engine deletes from
// compacted topics too, and both engines do it by the time of the record.
func Compacted() map[string]string {
	return map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"}
}

// Kept returns the settings of a topic whose records stay for ever, whatever
// event times they carry.
func Kept() map[string]string {
	return map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"}
}

// Deleted returns the settings of a topic whose records are deleted so long
// after they were appended: with LogAppendTime, retention does not follow the
// clocks of clients.
func Deleted(after time.Duration) map[string]string {
	return map[string]string{
		"cleanup.policy":         "delete",
		"retention.ms":           fmt.Sprint(after.Milliseconds()),
		"message.timestamp.type": "LogAppendTime",
	}
}

// TopicInfo is what a cluster says of a topic.
type TopicInfo struct {
	Name       string
	ID         wire.TopicID
	Partitions int32
	leaders    map[int32]int32 // partition -> broker
}

// maxReplication is the replication of weir's topics where there are brokers
// enough.
const maxReplication = 3

// EnsureTopic creates the topic if it is missing and returns it once each
// partition has a leader, and every broker that answers knows it. created says
// whether this call made it. A topic that exists otherwise than wanted is an error
// that names the difference.
func (c *Cluster) EnsureTopic(ctx context.Context, want Topic) (info TopicInfo, created bool, err error) {
	if err := CheckName(want.Name); err != nil {
		return TopicInfo{}, false, fmt.Errorf("creating topic %q on cluster %s: %w", want.Name, c.Name, err)
	}
	configs := make(map[string]*string, len(want.Configs))
	for k, v := range want.Configs {
		configs[k] = &v
	}
	replication := cmp.Or(want.Replication, int16(min(maxReplication, c.Brokers)))
	topic, err := c.admin.CreateTopic(ctx, want.Partitions, replication, configs, want.Name)
	switch {
	case err == nil:
		created = true
	case errors.Is(err, kerr.TopicAlreadyExists):
	default:
		return TopicInfo{}, false, fmt.Errorf("creating topic %s on cluster %s: %w", want.Name, c.Name, err)
	}
	if info, err = c.waitForTopic(ctx, want.Name, wire.TopicID(topic.ID)); err != nil {
		return TopicInfo{}, created, err
	}
	if !created {
		err = c.checkTopic(ctx, want, info)
	}
	return info, created, err
}

// CheckName refuses names of topics that Apache Kafka refuses, also where another engine
// would take them: org.apache.kafka.common.internals.Topic.
func CheckName(name string) error {
	strange := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}
	if name == "" || name == "." || name == ".." || len(name) > 249 || strings.ContainsFunc(name, strange) {
		return errors.New("a topic's name is 1 to 249 letters, digits, dots, dashes and underscores, and not . or .. alone")
	}
	return nil
}

// ErrNoTopic is wrapped by errors about a topic that does not exist.
var ErrNoTopic = errors.New("no such topic")

var errStillThere = errors.New("it is still there")

// Topic returns what the cluster says of a topic, once each partition has a
// leader.
func (c *Cluster) Topic(ctx context.Context, name string) (TopicInfo, error) {
	info, _, err := c.topicAt(ctx, c.client, name)
	return info, err
}

// topicAt returns what one who is asked says of a topic, and which brokers there are.
func (c *Cluster) topicAt(ctx context.Context, asked kmsg.Requestor, name string) (info TopicInfo, brokers []kmsg.MetadataResponseBroker, err error) {
	// Not by kadm, which asks a cache: it may know a topic that is gone.
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &name
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, asked)
	if err == nil && len(resp.Topics) != 1 {
		err = fmt.Errorf("it answers for %d topics", len(resp.Topics))
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return TopicInfo{}, nil, fmt.Errorf("topic %s on cluster %s: %w", name, c.Name, ErrNoTopic)
	}
	if err != nil {
		return TopicInfo{}, nil, fmt.Errorf("asking cluster %s for topic %s: %w", c.Name, name, err)
	}
	partitions := resp.Topics[0].Partitions
	info = TopicInfo{Name: name, ID: resp.Topics[0].TopicID, Partitions: int32(len(partitions)), leaders: map[int32]int32{}}
	for _, p := range partitions {
		if p.ErrorCode != 0 || p.Leader < 0 {
			return TopicInfo{}, nil, fmt.Errorf("topic %s on cluster %s: partition %d has no leader: %w", name, c.Name, p.Partition, kerr.LeaderNotAvailable)
		}
		info.leaders[p.Partition] = p.Leader
	}
	return info, resp.Brokers, nil
}

// waitForTopic polls: a topic that was just created may be unknown to the broker
// that answers, and its partitions may have no leader yet. id, if not zero, is
// the topic's.
func (c *Cluster) waitForTopic(ctx context.Context, name string, id wire.TopicID) (info TopicInfo, err error) {
	var brokers []kmsg.MetadataResponseBroker
	err = retry(ctx, func() error {
		info, brokers, err = c.topicAt(ctx, c.client, name)
		if err == nil && id != (wire.TopicID{}) && info.ID != id {
			err = fmt.Errorf("topic %s on cluster %s with id %s: %w", name, c.Name, id, ErrNoTopic) // an older one of that name
		}
		return err
	}, ErrNoTopic)
	if err == nil && len(brokers) > 1 {
		c.waitForBrokers(ctx, info, brokers)
	}
	return info, err
}

// waitForBrokers waits until each broker knows a topic: they learn of it one after
// another, and whoever uses it next may ask any. One that does not answer in
// Config.BrokerTimeout is not waited for.
func (c *Cluster) waitForBrokers(ctx context.Context, topic TopicInfo, brokers []kmsg.MetadataResponseBroker) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.BrokerTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, b := range brokers {
		wg.Go(func() {
			_ = retry(ctx, func() error {
				info, _, err := c.topicAt(ctx, c.client.Broker(int(b.NodeID)), topic.Name)
				if err == nil && info.ID != topic.ID {
					err = ErrNoTopic
				}
				return err
			}, ErrNoTopic)
		})
	}
	wg.Wait()
}

func (c *Cluster) checkTopic(ctx context.Context, want Topic, info TopicInfo) error {
	if info.Partitions != want.Partitions {
		return fmt.Errorf("topic %s on cluster %s has %d partitions, weir needs %d; delete it or use another cluster",
			want.Name, c.Name, info.Partitions, want.Partitions)
	}
	has, err := c.configs(ctx, want.Name)
	if err != nil {
		return err
	}
	for _, key := range checked {
		want, ok := want.Configs[key]
		if key == "retention.ms" && has["cleanup.policy"] == "compact" && want == "-1" {
			continue // Apache Kafka deletes nothing by age from a topic that is only compacted
		}
		if ok && has[key] != want {
			return fmt.Errorf("topic %s on cluster %s has %s=%s, weir needs %s; set it with kafka-configs.sh --alter --topic %s --add-config %s=%s",
				info.Name, c.Name, key, has[key], want, info.Name, key, want)
		}
	}
	return nil
}

// configs returns the settings of a topic, defaults among them.
func (c *Cluster) configs(ctx context.Context, topic string) (map[string]string, error) {
	described, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err == nil {
		var on kadm.ResourceConfig
		if on, err = described.On(topic, nil); err == nil {
			err = on.Err
		}
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		err = ErrNoTopic
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings of topic %s on cluster %s: %w", topic, c.Name, err)
	}
	configs := map[string]string{}
	for _, r := range described {
		for _, kv := range r.Configs {
			configs[kv.Key] = kv.MaybeValue()
		}
	}
	return configs, nil
}

// MaxMessageBytes returns the size of the largest batch that a topic takes.
func (c *Cluster) MaxMessageBytes(ctx context.Context, topic string) (int32, error) {
	configs, err := c.configs(ctx, topic)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(configs["max.message.bytes"], 10, 32)
	if err != nil {
		return 0, fmt.Errorf("reading max.message.bytes of topic %s on cluster %s: %w", topic, c.Name, err)
	}
	return int32(n), nil
}

// NotDeleted is a topic that DeleteTopics has not deleted.
type NotDeleted struct {
	Topic string
	Err   error
	Maybe bool // it may go all the same
}

// DeleteError is the error of topics that were deleted in part or not at all. What it
// does not name is gone.
type DeleteError struct {
	Cluster string
	Asked   int
	Left    []NotDeleted // at least one
}

// Error implements error. It names the first, however many there are.
func (e *DeleteError) Error() string {
	first := e.Left[0]
	if e.Asked == 1 {
		return fmt.Sprintf("deleting topic %s on cluster %s: %v", first.Topic, e.Cluster, first.Err)
	}
	return fmt.Sprintf("deleting topics on cluster %s: %d of %d are not gone, the first, %s: %v", e.Cluster, len(e.Left), e.Asked, first.Topic, first.Err)
}

// Unwrap returns the causes.
func (e *DeleteError) Unwrap() (causes []error) {
	for _, n := range e.Left {
		causes = append(causes, n.Err)
	}
	return causes
}

// DeleteTopics deletes topics and waits until they are gone: brokers learn of it
// after the controller has answered. Those that are gone already are no error. Each
// topic is deleted by itself, so it may succeed in part: then its error is a
// *DeleteError.
func (c *Cluster) DeleteTopics(ctx context.Context, names ...string) error {
	replies, err := c.admin.DeleteTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("deleting topics %s on cluster %s: %w", strings.Join(names, ", "), c.Name, err)
	}
	failed := &DeleteError{Cluster: c.Name, Asked: len(names)}
	for _, name := range names {
		if err := replies[name].Err; err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			failed.Left = append(failed.Left, NotDeleted{name, err, !refused(err)})
			continue
		}
		err := retry(ctx, func() error {
			_, err := c.Topic(ctx, name)
			if err == nil {
				return errStillThere
			}
			return err
		}, errStillThere)
		if !errors.Is(err, ErrNoTopic) {
			failed.Left = append(failed.Left, NotDeleted{name, fmt.Errorf("waiting until it is gone: %w", err), true})
		}
	}
	if len(failed.Left) > 0 {
		return failed
	}
	return nil
}

// Offsets holds an offset per partition of one topic.
type Offsets map[int32]int64

// String returns the offsets as "0:17 1:3", in the order of the partitions.
func (o Offsets) String() string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(o)) {
		fmt.Fprintf(&b, " %d:%d", p, o[p])
	}
	return strings.TrimPrefix(b.String(), " ")
}

// StartOffsets returns the first offset that each partition still holds.
func (c *Cluster) StartOffsets(ctx context.Context, topic string) (Offsets, error) {
	return c.offsets(ctx, topic, c.admin.ListStartOffsets)
}

// EndOffsets returns each partition's high watermark.
func (c *Cluster) EndOffsets(ctx context.Context, topic string) (Offsets, error) {
	return c.offsets(ctx, topic, c.admin.ListEndOffsets)
}

// OffsetsAt returns the first offset of each partition whose record is not older
// than t, its end if there is none.
func (c *Cluster) OffsetsAt(ctx context.Context, topic string, t time.Time) (Offsets, error) {
	return c.offsets(ctx, topic, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return c.admin.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topics...)
	})
}

func (c *Cluster) offsets(ctx context.Context, topic string, list func(context.Context, ...string) (kadm.ListedOffsets, error)) (Offsets, error) {
	if _, err := c.Topic(ctx, topic); errors.Is(err, ErrNoTopic) {
		return nil, fmt.Errorf("listing offsets: %w", err) // retrying would wait for it
	}
	var listed kadm.ListedOffsets
	// A broker may not lead yet what the metadata says that it leads.
	err := retry(ctx, func() (err error) {
		if listed, err = list(ctx, topic); err == nil {
			err = listed.Error()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing offsets of %s on cluster %s: %w", topic, c.Name, err)
	}
	offsets := Offsets{}
	listed.Each(func(o kadm.ListedOffset) { offsets[o.Partition] = o.Offset })
	return offsets, nil
}

const (
	retryFor   = 30 * time.Second
	retryEvery = 20 * time.Millisecond
)

// retry calls f until it succeeds or fails for good: with an error that neither
// Kafka calls retriable nor is among others.
func retry(ctx context.Context, f func() error, others ...error) error {
	ctx, cancel := context.WithTimeout(ctx, retryFor)
	defer cancel()
	for {
		err := f()
		again := kerr.IsRetriable(err) || slices.ContainsFunc(others, func(other error) bool { return errors.Is(err, other) })
		if err == nil || !again || pause(ctx, retryEvery) != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
