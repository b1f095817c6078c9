package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/fleet"
	"github.com/weirhq/weir/internal/records"
	"github.com/weirhq/weir/internal/registry"
)

// usageSample is how many of a topic's newest records are looked at for the ids of
// their schemas.
const usageSample = 200

// topicUses says how topics are used, for the registry, which knows neither clusters
// nor records: by what the API says of them, in process.
type topicUses struct{ api http.RoundTripper }

// of says how a topic of a name is used, on each cluster that has it.
func (u topicUses) of(ctx context.Context, topic string) ([]registry.TopicUse, error) {
	var all fleet.ClusterList
	if err := u.get(ctx, &all, nil, "clusters"); err != nil {
		return nil, err
	}
	uses := make([]*registry.TopicUse, len(all.Clusters))
	var g errgroup.Group
	for i, c := range all.Clusters {
		g.Go(func() error {
			uses[i] = u.on(ctx, c.Name, topic)
			return nil
		})
	}
	_ = g.Wait() // none of them fails
	var found []registry.TopicUse
	for _, use := range uses {
		if use != nil {
			found = append(found, *use)
		}
	}
	return found, nil
}

// on is nil if the cluster has no such topic.
func (u topicUses) on(ctx context.Context, cluster, topic string) *registry.TopicUse {
	use := &registry.TopicUse{Cluster: cluster}
	var described fleet.TopicAnswer
	if err := u.get(ctx, &described, nil, "clusters", cluster, "topics", topic); errors.Is(err, errNotThere) {
		return nil
	} else if err != nil {
		use.Err = err
		return use
	}
	for _, g := range described.Groups {
		lag := &g.Lag
		if g.Lag < 0 {
			lag = nil
		}
		use.Groups = append(use.Groups, registry.GroupUse{Group: g.Group, Lag: lag})
	}
	var producers fleet.ProducerList
	written := u.get(ctx, &producers, nil, "clusters", cluster, "topics", topic, "producers")
	seen := map[int64]bool{} // on several partitions
	for _, p := range producers.Producers {
		if !seen[p.ProducerID] {
			use.Producers = append(use.Producers, registry.ProducerUse{Producer: p.ProducerID})
		}
		seen[p.ProducerID] = true
	}
	use.Err = errors.Join(written, u.sample(ctx, use, cluster, topic))
	return use
}

// sample looks at the newest records.
func (u topicUses) sample(ctx context.Context, use *registry.TopicUse, cluster, topic string) error {
	var page records.Page
	query := url.Values{"from": {"end"}, "limit": {fmt.Sprint(usageSample)}}
	if err := u.get(ctx, &page, query, "clusters", cluster, "topics", topic, "records"); err != nil {
		return err
	}
	use.Keys.IDs, use.Values.IDs = map[int]int{}, map[int]int{}
	count := func(in *registry.Seen, f records.Field) {
		switch {
		case f.SchemaID > 0:
			in.IDs[f.SchemaID]++
		case !f.Null:
			in.Plain++
		}
	}
	for _, r := range page.Records {
		if r.Control {
			continue
		}
		use.Sampled++
		count(&use.Keys, r.Key)
		count(&use.Values, r.Value)
	}
	return nil
}

var errNotThere = errors.New("there is no such thing")

// get asks weir's own API.
func (u topicUses) get(ctx context.Context, into any, query url.Values, path ...string) error {
	at := url.URL{Path: "/api/v1", RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.JoinPath(escaped(path)...).String(), nil)
	if err != nil {
		return err
	}
	resp, err := u.api.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return errNotThere
	}
	if resp.StatusCode != http.StatusOK {
		var refused struct{ Message string }
		_ = json.NewDecoder(resp.Body).Decode(&refused)
		return errors.New(cmp.Or(refused.Message, fmt.Sprintf("the API answers %d", resp.StatusCode)))
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

func escaped(path []string) []string {
	for i, p := range path {
		path[i] = url.PathEscape(p)
	}
	return path
}
