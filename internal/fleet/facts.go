package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/internal/cluster"
)

// facts reads from the cluster what a plan needs, all of it now, and nothing of
// topics that it is not about.
func (o *Operator) facts(ctx context.Context, c *Change) (Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	f := Facts{Cluster: o.cluster.Name, At: o.at, Topics: map[string]TopicFacts{}}
	s, err := o.look(ctx, c, &f)
	if err == nil {
		err = o.ask(ctx, c, &f, s)
	}
	if err != nil {
		return f, fmt.Errorf("reading the facts for a plan: %w", err)
	}
	return f, nil
}

// look adds the change's group and topics, as far as they exist.
func (o *Operator) look(ctx context.Context, c *Change, f *Facts) (*cluster.Snapshot, error) {
	names := slices.Clone(c.Topics)
	if c.Topic != "" {
		names = append(names, c.Topic)
	}
	if c.Kind == GroupReset || c.Kind == GroupDelete {
		if err := o.groupFacts(ctx, c.Group, f); err != nil {
			return nil, err
		}
	}
	if c.Reset != nil {
		names = append(names, c.Reset.topics(f.Group)...)
	}
	s, err := o.cluster.Look(ctx, names)
	if err != nil {
		return nil, err
	}
	f.Brokers = countUp(s)
	for _, name := range names {
		f.topic(s, name)
	}
	return s, nil
}

// topics are those that a reset may be about.
func (r *Reset) topics(g *GroupFacts) (names []string) {
	for _, tp := range r.Partitions {
		names = append(names, tp.Topic)
	}
	offsets := r.Offsets
	if g != nil {
		offsets = slices.Concat(offsets, g.Offsets)
	}
	for _, o := range offsets {
		names = append(names, o.Topic)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ask adds what only this kind of change needs.
func (o *Operator) ask(ctx context.Context, c *Change, f *Facts, s *cluster.Snapshot) error {
	switch c.Kind {
	case TopicCreate:
		return o.createFacts(ctx, c, f)
	case TopicAlter:
		t, ok := f.Topics[c.Topic]
		if n := int(c.Partitions) - len(t.Partitions); ok && n > 0 && tooMany(n) == nil {
			return f.tried(o.cluster.SetPartitions(ctx, c.Topic, int(c.Partitions), true))
		}
	case TopicConfig:
		return o.configFacts(ctx, c, f)
	case TopicDelete:
		o.readerFacts(ctx, f, s)
	case GroupReset:
		return o.timeFacts(ctx, c, f)
	}
	return nil
}

func countUp(s *cluster.Snapshot) (n int) {
	for i := range s.Brokers {
		if !errors.Is(s.Brokers[i].Err, cluster.ErrNotRegistered) {
			n++
		}
	}
	return n
}

// topic adds what the snapshot says of a topic, if it exists.
func (f *Facts) topic(s *cluster.Snapshot, name string) {
	t := s.Topic(name)
	if _, done := f.Topics[name]; done || t == nil {
		return
	}
	row := SummariseTopic(t, 1)
	facts := TopicFacts{Internal: t.Internal, Replication: row.Replication, Records: row.Records, Bytes: row.Bytes}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		part := PartitionFacts{ID: p.ID, Start: p.Start, End: p.End, Err: text(p.Err)}
		if part.Err == "" && p.Stale&(cluster.StaleStart|cluster.StaleEnd) != 0 {
			part.Err = "its leader does not say where it begins and ends"
		}
		facts.Partitions = append(facts.Partitions, part)
	}
	f.Topics[name] = facts
}

// tried takes a cluster's refusal for a fact, any other error for one.
func (f *Facts) tried(err error) error {
	var refusal *cluster.Refusal
	if errors.As(err, &refusal) && !kerr.IsRetriable(refusal.Err) {
		f.Rejected = refusal.Error()
		return nil
	}
	return err
}

func (o *Operator) createFacts(ctx context.Context, c *Change, f *Facts) error {
	if len(c.Set) > 0 { // which settings there are, any topic tells
		s := o.previous()
		if s == nil {
			var err error
			if s, err = o.cluster.Refresh(ctx, nil); err != nil {
				return err
			}
		}
		if len(s.Topics) > 0 {
			entries, err := o.cluster.TopicConfigs(ctx, s.Topics[0].Name)
			if err != nil && !errors.Is(err, cluster.ErrNoTopic) {
				return err
			}
			f.Configs = Configs(entries)
		}
	}
	if _, exists := f.Topics[c.Topic]; exists || c.Partitions < 1 || tooMany(int(c.Partitions)) != nil {
		return nil // which MakePlan refuses
	}
	t := cluster.Topic{Name: c.Topic, Partitions: c.Partitions, Replication: c.Replication, Configs: c.Set}
	if t.Replication == 0 {
		t.Replication = int16(min(3, f.Brokers))
	}
	return f.tried(o.cluster.TryTopic(ctx, t))
}

func (o *Operator) configFacts(ctx context.Context, c *Change, f *Facts) error {
	t, ok := f.Topics[c.Topic]
	if !ok {
		return nil
	}
	entries, err := o.cluster.TopicConfigs(ctx, c.Topic)
	if err != nil {
		return err
	}
	f.Configs = Configs(entries)
	known := func(name string) bool { return configOf(name, f.Configs).Name != "" }
	for name := range c.Set {
		if !known(name) {
			return nil // MakePlan says it better than the cluster
		}
	}
	if err := f.tried(o.cluster.AlterTopic(ctx, c.Topic, c.Set, slices.DeleteFunc(slices.Clone(c.Unset), func(n string) bool { return !known(n) }), true)); err != nil {
		return err
	}
	ms, err := strconv.ParseInt(c.Set["retention.ms"], 10, 64)
	if err != nil || ms < 0 {
		return nil
	}
	at, err := o.cluster.OffsetsAt(ctx, c.Topic, time.Now().Add(-time.Duration(ms)*time.Millisecond))
	if err != nil {
		return err
	}
	for _, p := range t.Partitions {
		if p.Start >= 0 {
			f.Older += max(0, at[p.ID]-p.Start)
		}
	}
	return nil
}

// readerFacts adds the groups that read the topics.
func (o *Operator) readerFacts(ctx context.Context, f *Facts, s *cluster.Snapshot) {
	live := o.live
	if live == nil {
		told, errs := o.cluster.Groups(ctx, s)
		live = newGroups(nil, told, errs, s, time.Now()).live
		f.ReadersMissing = len(errs) > 0
	}
	for name, t := range f.Topics {
		t.Readers = live(name)
		f.Topics[name] = t
	}
}

func (o *Operator) groupFacts(ctx context.Context, name string, f *Facts) error {
	g, err := o.cluster.Group(ctx, name)
	if errors.Is(err, cluster.ErrNoGroup) {
		return nil
	}
	if err != nil {
		return err
	}
	f.Group = &GroupFacts{State: g.State}
	for _, at := range g.Offsets {
		f.Group.Offsets = append(f.Group.Offsets, TopicOffset{at.Topic, at.Partition, at.At})
	}
	return nil
}

// timeFacts adds the offsets of the time that a reset is to.
func (o *Operator) timeFacts(ctx context.Context, c *Change, f *Facts) error {
	if c.Reset == nil || c.Reset.To != "time" || c.Reset.Time == nil {
		return nil
	}
	for name, t := range f.Topics {
		if !c.Reset.about(name) {
			continue // one that does not answer must not be in the way
		}
		at, err := o.cluster.OffsetsAt(ctx, name, *c.Reset.Time)
		if err != nil {
			return err
		}
		for i := range t.Partitions {
			t.Partitions[i].At = at[t.Partitions[i].ID]
		}
	}
	return nil
}

// about says whether a reset is of partitions of a topic.
func (r *Reset) about(topic string) bool {
	return len(r.Partitions) == 0 || slices.ContainsFunc(r.Partitions, func(tp TopicPartition) bool { return tp.Topic == topic })
}
