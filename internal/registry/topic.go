package registry

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
)

// schemasTopic is the topic's name, as every Confluent-compatible registry has it.
const schemasTopic = "_schemas"

// SchemasTopic is how the topic has to be kept. A topic that another registry
// made may have any retention, as long as it is compacted and not deleted from.
func SchemasTopic() cluster.Topic {
	return cluster.Topic{Name: schemasTopic, Partitions: 1, Configs: cluster.Compacted()}
}

// Topic is the Log that lies on a Kafka cluster. Close it after use.
type Topic struct {
	cluster *cluster.Cluster
	client  *kgo.Client
}

// OpenTopic returns the `_schemas` topic of a cluster.
func OpenTopic(c *cluster.Cluster) (*Topic, error) {
	client, err := c.Client(
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		// A write whose time is over is unknown, and the service reads the log again.
		kgo.AllowIdempotentProduceCancellation(),
	)
	if err != nil {
		return nil, err
	}
	return &Topic{c, client}, nil
}

// Close ends the connections.
func (t *Topic) Close() { t.client.Close() }

// ReadToEnd implements Log.
func (t *Topic) ReadToEnd(ctx context.Context, fn func(key, value []byte, offset int64) error) error {
	_, err := t.cluster.ReadToEnd(ctx, schemasTopic, nil, func(r *kgo.Record) error {
		return fn(r.Key, r.Value, r.Offset)
	})
	return err
}

// Append implements Log.
func (t *Topic) Append(ctx context.Context, key, value []byte) (offset int64, err error) {
	r, err := t.client.ProduceSync(ctx, &kgo.Record{Topic: schemasTopic, Key: key, Value: value}).First()
	if err != nil {
		return 0, fmt.Errorf("writing to %s on cluster %s: %w", schemasTopic, t.cluster.Name, err)
	}
	return r.Offset, nil
}
