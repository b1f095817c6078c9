package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/fleet"
)

// target says which cluster a command works on.
type target struct {
	configFile `embed:""`
	Cluster    string `placeholder:"NAME" help:"A cluster of the configuration. Default: its home."`
	Bootstrap  string `placeholder:"HOST:PORT,..." env:"WEIR_BOOTSTRAP" help:"Kafka addresses, instead of a configured cluster."`
}

// connect returns the cluster, and whether it is weir's own embedded one, where
// topics may be made without asking.
func (t *target) connect(ctx context.Context) (c *cluster.Cluster, embedded bool, err error) {
	cfg, embedded, err := t.find()
	if err != nil {
		return nil, false, err
	}
	c, err = cluster.Connect(ctx, cfg)
	if err != nil && embedded {
		err = fmt.Errorf("%w; weir up starts it, --bootstrap names another", err)
	}
	return c, embedded, err
}

// snapshot connects and asks the cluster for all that it says of itself. The
// caller closes the cluster.
func (t *target) snapshot(ctx context.Context) (*cluster.Cluster, *cluster.Snapshot, error) {
	c, _, err := t.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := c.Refresh(ctx, nil)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, s, nil
}

func (t *target) find() (cfg cluster.Config, embedded bool, err error) {
	if t.Bootstrap != "" {
		if t.Cluster != "" {
			return cfg, false, errors.New("--cluster and --bootstrap (or WEIR_BOOTSTRAP) both name a cluster; give one of them")
		}
		return cluster.Config{Name: t.Bootstrap, Bootstrap: strings.Split(t.Bootstrap, ",")}, false, nil
	}
	file, _, err := t.load()
	if err != nil {
		return cfg, false, err
	}
	name := cmp.Or(t.Cluster, file.Home)
	c, ok := file.Clusters[name]
	if !ok {
		return cfg, false, fmt.Errorf("--cluster %s: there is no such cluster; there are: %s", name, strings.Join(slices.Sorted(maps.Keys(file.Clusters)), ", "))
	}
	if c.Embedded != nil {
		return cluster.Config{Name: name, Bootstrap: []string{c.Embedded.Listen}}, true, nil
	}
	return cluster.Config{Name: name, Bootstrap: c.Bootstrap, Security: c.Security}, false, nil
}

// newTopicPartitions is how many partitions a topic gets that a command makes
// without being told.
const newTopicPartitions = 4

// ensure makes a missing topic where that is allowed, as the change that it is, and
// says so.
func (t *target) ensure(ctx context.Context, s *streams, c *cluster.Cluster, topic string, may bool) error {
	_, err := c.Topic(ctx, topic)
	if !errors.Is(err, cluster.ErrNoTopic) {
		return err
	}
	if !may {
		return fmt.Errorf("%w; --create makes it with %d partitions, weir topics create with as many as you say", err, newTopicPartitions)
	}
	op, done, err := t.operator(ctx)
	if err != nil {
		return err
	}
	defer done()
	plan, err := op.Plan(ctx, fleet.Change{Kind: fleet.TopicCreate, Topic: topic, Partitions: newTopicPartitions, Reason: "records are sent to it"})
	if err != nil {
		return err
	}
	result, err := apply(ctx, op, plan)
	if err != nil {
		if _, missing := c.Topic(ctx, topic); missing == nil {
			return nil // another was faster
		}
		return err
	}
	tell(s, &result)
	fmt.Fprintf(s.err, "created topic %s with %d partitions\n", topic, newTopicPartitions)
	return nil
}
