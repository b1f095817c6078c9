package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weirhq/weir/internal/cluster"
)

// target says which cluster a command works on.
type target struct {
	Bootstrap string `placeholder:"HOST:PORT,..." env:"WEIR_BOOTSTRAP" help:"Kafka addresses. Default: the cluster that weir up has embedded, 127.0.0.1:9092."`
}

// embeddedAddr is where weir up listens for Kafka clients unless told otherwise.
const embeddedAddr = "127.0.0.1:9092"

// connect returns the cluster, and whether it is weir's own embedded one, where
// topics may be made without asking.
func (t *target) connect(ctx context.Context) (c *cluster.Cluster, embedded bool, err error) {
	bootstrap := []string{embeddedAddr}
	if t.Bootstrap != "" {
		bootstrap = strings.Split(t.Bootstrap, ",")
	}
	c, err = cluster.Connect(ctx, cluster.Config{Name: "local", Bootstrap: bootstrap})
	if err != nil && t.Bootstrap == "" {
		err = fmt.Errorf("%w; weir up starts one there, and --bootstrap names another", err)
	}
	return c, t.Bootstrap == "", err
}

// newTopicPartitions is how many partitions a topic gets that a command makes
// without being told.
const newTopicPartitions = 4

// ensure makes a missing topic where that is allowed, and says so.
func ensure(ctx context.Context, s *streams, c *cluster.Cluster, topic string, may bool) error {
	_, err := c.Topic(ctx, topic)
	if !errors.Is(err, cluster.ErrNoTopic) {
		return err
	}
	if !may {
		return fmt.Errorf("%w; --create makes it with %d partitions, weir topics create with as many as you say", err, newTopicPartitions)
	}
	if _, _, err := c.EnsureTopic(ctx, cluster.Topic{Name: topic, Partitions: newTopicPartitions}); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "created topic %s with %d partitions\n", topic, newTopicPartitions)
	return nil
}
