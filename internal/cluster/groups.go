package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/wire"
)

// Group is a group, as its coordinator tells of it.
type Group struct {
	Name        string
	State       string // Empty, Stable, PreparingRebalance, ...; Dead: there is none
	Type        string // classic, consumer (KIP-848), share, streams
	Protocol    string // how partitions are assigned; empty: they are not, or not told
	Coordinator int32  // -1: not told
	Members     []Member
	// Described says whether Members and Protocol are known: of groups that share, and
	// of Streams, they are not asked for.
	Described bool
	Offsets   []GroupOffset // committed, by topic and partition
	Err       error         // why something of this is missing
}

// Member is a member of a group.
type Member struct {
	ID, Instance, Client, Host string
	Assigned                   []TopicPartitions
}

// TopicPartitions names partitions of one topic.
type TopicPartitions struct {
	Topic      string
	Partitions []int32
}

// GroupOffset is where a group stands on a partition.
type GroupOffset struct {
	Topic     string
	Partition int32
	At        int64 // the next record to read; -1: none
}

// ErrNoGroup is wrapped by errors about a group that does not exist.
var ErrNoGroup = errors.New("no such group")

// groupsPerRequest bounds what one answer may hold: a group of 15,000 members is
// 5 MB by itself.
const groupsPerRequest = 200

// Groups asks every broker for the groups that it coordinates, all at once, and
// returns what they say, by name. What a broker does not say is among the errors,
// or in the group's; only ctx bounds how long it may take. s names brokers and
// topics. told, if given, is called with how many groups have been described of
// those listed so far, by one goroutine at a time. Brokers have to be of Kafka 3.0
// or later.
func (c *Cluster) Groups(ctx context.Context, s *Snapshot, told ...func(done, listed int)) ([]Group, []BrokerError) {
	topics := make(map[wire.TopicID]string, len(s.Topics))
	for i := range s.Topics {
		topics[s.Topics[i].ID] = s.Topics[i].Name
	}
	var mu sync.Mutex // guards groups and errs
	var groups []Group
	var errs []BrokerError
	count := counter{told: told}
	var wg sync.WaitGroup
	for _, b := range s.Brokers {
		wg.Go(func() {
			var of []Group
			err := ErrNotRegistered
			if !errors.Is(b.Err, ErrNotRegistered) {
				of, err = c.groupsOf(ctx, b.ID, topics, &count)
			}
			mu.Lock()
			defer mu.Unlock()
			groups = append(groups, of...)
			if err != nil {
				errs = append(errs, BrokerError{b.ID, "groups", err})
			}
		})
	}
	wg.Wait()
	slices.SortFunc(groups, func(x, y Group) int { return strings.Compare(x.Name, y.Name) })
	// A group may be listed twice while its coordinator moves.
	groups = slices.CompactFunc(groups, func(x, y Group) bool { return x.Name == y.Name })
	return groups, errs
}

// counter tells how far Groups has come.
type counter struct {
	told []func(done, listed int)

	mu           sync.Mutex // held while told is called; guards below
	done, listed int
}

func (c *counter) add(done, listed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.listed = c.done+done, c.listed+listed
	for _, told := range c.told {
		told(c.done, c.listed)
	}
}

func (c *Cluster) groupsOf(ctx context.Context, broker int32, topics map[wire.TopicID]string, count *counter) ([]Group, error) {
	b := c.client.Broker(int(broker))
	list, err := request(ctx, b, kmsg.NewPtrListGroupsRequest())
	if err == nil {
		err = kerr.ErrorForCode(list.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	groups := make([]Group, len(list.Groups))
	for i, g := range list.Groups {
		groups[i] = Group{Name: g.Group, State: g.GroupState, Type: cmp.Or(strings.ToLower(g.GroupType), "classic"), Coordinator: broker}
	}
	count.add(0, len(groups))
	for chunk := range slices.Chunk(groups, groupsPerRequest) {
		if err := describe(ctx, b, chunk, topics); err != nil {
			return groups, err
		}
		count.add(len(chunk), 0)
	}
	return groups, nil
}

// describe fills in members and offsets. An error is of all the groups.
func describe(ctx context.Context, to kmsg.Requestor, groups []Group, topics map[wire.TopicID]string) (err error) {
	byName := map[string]*Group{}
	classic, consumer, offsets := kmsg.NewPtrDescribeGroupsRequest(), kmsg.NewPtrConsumerGroupDescribeRequest(), kmsg.NewPtrOffsetFetchRequest()
	for i := range groups {
		g := &groups[i]
		byName[g.Name] = g
		switch g.Type {
		case "classic":
			classic.Groups = append(classic.Groups, g.Name)
		case "consumer":
			consumer.Groups = append(consumer.Groups, g.Name)
		default:
			continue // its offsets are not committed ones
		}
		fetch := kmsg.NewOffsetFetchRequestGroup()
		fetch.Group = g.Name // no topics named: all
		offsets.Groups = append(offsets.Groups, fetch)
	}
	defer func() {
		for i := range groups {
			if groups[i].Err == nil {
				groups[i].Err = err
			}
		}
	}()
	if len(classic.Groups) > 0 {
		resp, err := classic.RequestWith(ctx, to)
		if err != nil {
			return err
		}
		for i := range resp.Groups {
			byName[resp.Groups[i].Group].classic(&resp.Groups[i])
		}
	}
	if len(consumer.Groups) > 0 {
		resp, err := consumer.RequestWith(ctx, to)
		if err != nil {
			return err
		}
		for i := range resp.Groups {
			byName[resp.Groups[i].Group].consumer(&resp.Groups[i])
		}
	}
	if len(offsets.Groups) > 0 {
		resp, err := offsets.RequestWith(ctx, to)
		if err != nil {
			return err
		}
		for i := range resp.Groups {
			byName[resp.Groups[i].Group].committed(&resp.Groups[i], topics)
		}
	}
	return nil
}

func (g *Group) classic(r *kmsg.DescribeGroupsResponseGroup) {
	if g == nil { // an answer to a question that was not asked
		return
	}
	if g.Err = kerr.ErrorForCode(r.ErrorCode); g.Err != nil {
		return
	}
	g.State, g.Protocol, g.Described = r.State, r.Protocol, true
	for _, m := range r.Members {
		member := Member{ID: m.MemberID, Instance: maybe(m.InstanceID), Client: m.ClientID, Host: m.ClientHost}
		var assigned kmsg.ConsumerMemberAssignment
		if r.ProtocolType == "consumer" && assigned.ReadFrom(m.MemberAssignment) == nil {
			for _, t := range assigned.Topics {
				member.Assigned = append(member.Assigned, TopicPartitions{t.Topic, t.Partitions})
			}
		}
		g.add(member)
	}
}

func (g *Group) consumer(r *kmsg.ConsumerGroupDescribeResponseGroup) {
	if g == nil {
		return
	}
	if g.Err = kerr.ErrorForCode(r.ErrorCode); g.Err != nil {
		return
	}
	g.State, g.Protocol, g.Described = r.State, r.AssignorName, true
	for _, m := range r.Members {
		member := Member{ID: m.MemberID, Instance: maybe(m.InstanceID), Client: m.ClientID, Host: m.ClientHost}
		for _, t := range m.Assignment.TopicPartitions {
			member.Assigned = append(member.Assigned, TopicPartitions{t.Topic, t.Partitions})
		}
		g.add(member)
	}
}

func (g *Group) add(m Member) {
	for _, t := range m.Assigned {
		slices.Sort(t.Partitions)
	}
	slices.SortFunc(m.Assigned, func(x, y TopicPartitions) int { return strings.Compare(x.Topic, y.Topic) })
	g.Members = append(g.Members, m)
}

func (g *Group) committed(r *kmsg.OffsetFetchResponseGroup, topics map[wire.TopicID]string) {
	if g == nil {
		return
	}
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
		g.Err = cmp.Or(g.Err, err)
		return
	}
	for _, t := range r.Topics {
		topic := cmp.Or(t.Topic, topics[t.TopicID]) // newer brokers tell ids
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 && p.Offset >= 0 && topic != "" {
				g.Offsets = append(g.Offsets, GroupOffset{topic, p.Partition, p.Offset})
			}
		}
	}
	slices.SortFunc(g.Offsets, func(x, y GroupOffset) int {
		return cmp.Or(strings.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
	})
}

func maybe(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Group asks a group's coordinator for it.
func (c *Cluster) Group(ctx context.Context, name string) (g Group, err error) {
	err = retry(ctx, func() error { // the first question for a group makes the topic of all offsets
		g, err = c.group(ctx, name)
		return err
	})
	if err != nil {
		return Group{}, fmt.Errorf("asking cluster %s for group %s: %w", c.Name, name, err)
	}
	return g, nil
}

func (c *Cluster) group(ctx context.Context, name string) (Group, error) {
	// Which type it is, only a broker's list tells: so both are tried.
	for _, kind := range []string{"classic", "consumer"} {
		found := []Group{{Name: name, Type: kind, Coordinator: -1}}
		err := describe(ctx, c.client, found, nil) // the client names the topics
		if kind == "consumer" && err != nil && ctx.Err() == nil {
			break // an older broker, which does not know that type
		}
		if err != nil {
			return Group{}, err
		}
		g := found[0]
		if g.Err != nil && !errors.Is(g.Err, kerr.GroupIDNotFound) {
			return Group{}, g.Err
		}
		if g.Err == nil && g.State != "Dead" {
			return g, nil
		}
	}
	return Group{}, ErrNoGroup
}

// DeleteGroup deletes a group without members, and its offsets.
func (c *Cluster) DeleteGroup(ctx context.Context, name string) error {
	err := retry(ctx, func() error {
		reply, err := c.admin.DeleteGroup(ctx, name)
		if err == nil {
			err = reply.Err
		}
		return err
	})
	if errors.Is(err, kerr.GroupIDNotFound) {
		err = ErrNoGroup
	}
	if err != nil {
		return fmt.Errorf("deleting group %s on cluster %s: %w", name, c.Name, err)
	}
	return nil
}
