package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConfigEntry is a setting of a topic or broker, as it is in force.
type ConfigEntry struct {
	Name, Value   string
	Source        string // topic, broker (set at run time for one), cluster (for all brokers), static (a broker's file), default
	Sensitive     bool   // its value is not told
	ReadOnly      bool
	Documentation string
}

// TopicConfigs returns the settings of a topic, by name, those with defaults among
// them.
func (c *Cluster) TopicConfigs(ctx context.Context, topic string) ([]ConfigEntry, error) {
	entries, err := c.describeConfigs(ctx, kmsg.ConfigResourceTypeTopic, topic)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		err = ErrNoTopic
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings of topic %s on cluster %s: %w", topic, c.Name, err)
	}
	return entries, nil
}

// BrokerConfigs returns the settings of a broker, by name.
func (c *Cluster) BrokerConfigs(ctx context.Context, id int32) ([]ConfigEntry, error) {
	entries, err := c.describeConfigs(ctx, kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(id)))
	if err != nil {
		return nil, fmt.Errorf("reading the settings of broker %d on cluster %s: %w", id, c.Name, err)
	}
	return entries, nil
}

func (c *Cluster) describeConfigs(ctx context.Context, kind kmsg.ConfigResourceType, name string) ([]ConfigEntry, error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	req.IncludeDocumentation = true
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kind, name
	req.Resources = append(req.Resources, resource)
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	if len(resp.Resources) != 1 {
		return nil, fmt.Errorf("it answers for %d resources", len(resp.Resources))
	}
	r := resp.Resources[0]
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
		return nil, err
	}
	var entries []ConfigEntry
	for _, kv := range r.Configs {
		entries = append(entries, ConfigEntry{
			Name: kv.Name, Value: maybe(kv.Value), Source: sourceOf(kv.Source), Sensitive: kv.IsSensitive, ReadOnly: kv.ReadOnly, Documentation: maybe(kv.Documentation),
		})
	}
	slices.SortFunc(entries, func(x, y ConfigEntry) int { return strings.Compare(x.Name, y.Name) })
	return entries, nil
}

func sourceOf(s kmsg.ConfigSource) string {
	switch s {
	case kmsg.ConfigSourceDynamicTopicConfig:
		return "topic"
	case kmsg.ConfigSourceDynamicBrokerConfig:
		return "broker"
	case kmsg.ConfigSourceDynamicDefaultBrokerConfig:
		return "cluster"
	case kmsg.ConfigSourceStaticBrokerConfig:
		return "static"
	}
	return "default"
}

// AlterTopic sets settings of a topic and takes others back to what they are
// without being set. With try, the cluster only says whether it would.
func (c *Cluster) AlterTopic(ctx context.Context, topic string, set map[string]string, unset []string, try bool) error {
	var alter []kadm.AlterConfig
	for _, name := range slices.Sorted(maps.Keys(set)) {
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(set[name])})
	}
	for _, name := range unset {
		alter = append(alter, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: name})
	}
	do := c.admin.AlterTopicConfigs
	if try {
		do = c.admin.ValidateAlterTopicConfigs
	}
	replies, err := do(ctx, alter, topic)
	if err == nil {
		var reply kadm.AlterConfigsResponse
		if reply, err = replies.On(topic, nil); err == nil {
			err = inWords(reply.Err, reply.ErrMessage)
		}
	}
	if err != nil {
		return fmt.Errorf("altering topic %s on cluster %s: %w", topic, c.Name, err)
	}
	return nil
}

// SetPartitions gives a topic more partitions. With try, the cluster only says
// whether it would.
func (c *Cluster) SetPartitions(ctx context.Context, topic string, n int, try bool) error {
	do := c.admin.UpdatePartitions
	if try {
		do = c.admin.ValidateUpdatePartitions
	}
	replies, err := do(ctx, n, topic)
	if err == nil {
		var reply kadm.CreatePartitionsResponse
		if reply, err = replies.On(topic, nil); err == nil {
			err = inWords(reply.Err, reply.ErrMessage)
		}
	}
	if err != nil {
		return fmt.Errorf("giving topic %s on cluster %s %d partitions: %w", topic, c.Name, n, err)
	}
	return nil
}

// TryTopic asks the cluster whether it would create a topic.
func (c *Cluster) TryTopic(ctx context.Context, t Topic) error {
	configs := map[string]*string{}
	for k, v := range t.Configs {
		configs[k] = &v
	}
	replies, err := c.admin.ValidateCreateTopics(ctx, t.Partitions, t.Replication, configs, t.Name)
	if err == nil {
		var reply kadm.CreateTopicResponse
		if reply, err = replies.On(t.Name, nil); err == nil {
			err = inWords(reply.Err, reply.ErrMessage)
		}
	}
	if err != nil {
		return fmt.Errorf("creating topic %s on cluster %s: %w", t.Name, c.Name, err)
	}
	return nil
}

// Refusal is why a cluster does not do what it was asked, in its own words.
type Refusal struct {
	Err   error // Kafka's code
	Words string
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Words == "" {
		return r.Err.Error()
	}
	return r.Words
}

// Unwrap returns the code.
func (r *Refusal) Unwrap() error { return r.Err }

func inWords(err error, words string) error {
	if err == nil {
		return nil
	}
	return &Refusal{err, words}
}
