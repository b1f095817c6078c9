package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// Clean deletes what demos have created on the configured clusters. by is who asks,
// for the actions log.
func Clean(ctx context.Context, cfg Config, by string, out io.Writer) error {
	a, err := New(cfg)
	if err != nil {
		return err
	}
	a.web.Close() // nothing is served
	return a.withClusters(ctx, func(home *cluster.Cluster, clusters []*cluster.Cluster) error {
		doomed, err := createdTopics(ctx, home, clusters)
		if err != nil {
			return err
		}
		if len(doomed) == 0 {
			fmt.Fprintln(out, "nothing to clean: no demo has created topics here")
			return nil
		}
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "DELETING TOPIC\tCLUSTER")
		for _, d := range doomed {
			fmt.Fprintf(table, "%s\t%s\n", d.topic, d.cluster.Name)
		}
		table.Flush()
		return deleteAll(ctx, home, doomed, by)
	})
}

// deleteAll deletes topics, as the actions log asks for it if home has one that was
// there before the demo.
func deleteAll(ctx context.Context, home *cluster.Cluster, topics []doomed, by string) error {
	record := func(ctx context.Context, _ actions.Action, run func(context.Context) error) error { return run(ctx) }
	if _, err := home.Topic(ctx, actions.TopicName); err == nil && !slices.Contains(topics, doomed{home, actions.TopicName}) {
		log, err := actions.New(actions.Config{}, home)
		if err != nil {
			return err
		}
		defer log.Close()
		record = log.Do
	} else if err != nil && !errors.Is(err, cluster.ErrNoTopic) {
		return err
	}
	for _, d := range topics {
		a := actions.Action{Actor: by, Via: "command", System: "demo", Kind: "topic-delete", Cluster: d.cluster.Name, Target: d.topic, Reason: "weir demo --clean"}
		if err := record(ctx, a, func(ctx context.Context) error { return d.cluster.DeleteTopics(ctx, d.topic) }); err != nil {
			return err
		}
	}
	return nil
}

// withClusters runs the engines and calls f with connections.
func (a *App) withClusters(ctx context.Context, f func(home *cluster.Cluster, all []*cluster.Cluster) error) error {
	return a.withEngines(ctx, func(context.Context) error {
		var clusters []*cluster.Cluster
		for _, name := range a.Clusters() {
			addrs, _ := a.Bootstrap(name)
			c, err := cluster.Connect(ctx, cluster.Config{Name: name, Bootstrap: addrs, Security: a.cfg.Clusters[name].Security, Log: a.cfg.Log})
			if err != nil {
				return err
			}
			defer c.Close()
			clusters = append(clusters, c)
		}
		return f(clusters[0], clusters)
	})
}

type doomed struct {
	cluster *cluster.Cluster
	topic   string
}

// createdTopics returns the topics that demos have noted and that are still the
// same, the notes themselves last: dead half-way, the next clean goes on.
func createdTopics(ctx context.Context, home *cluster.Cluster, clusters []*cluster.Cluster) ([]doomed, error) {
	if _, err := home.Topic(ctx, wire.CreatedTopic); errors.Is(err, cluster.ErrNoTopic) {
		return nil, nil
	}
	var notes []wire.Created
	_, err := home.ReadToEnd(ctx, wire.CreatedTopic, nil, func(r *kgo.Record) error {
		note, err := wire.ParseCreated(r.Value)
		notes = append(notes, note)
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []doomed
	seen := map[doomed]bool{}
	for _, note := range notes {
		for _, c := range clusters {
			if c.ID != note.ClusterID || seen[doomed{c, note.Topic}] {
				continue
			}
			info, err := c.Topic(ctx, note.Topic)
			if errors.Is(err, cluster.ErrNoTopic) || err == nil && info.ID.String() != note.TopicID {
				continue
			}
			if err != nil {
				return nil, err
			}
			seen[doomed{c, note.Topic}] = true
			found = append(found, doomed{c, note.Topic})
		}
	}
	return append(found, doomed{home, wire.CreatedTopic}), nil
}
