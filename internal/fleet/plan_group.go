package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func planReset(p *Plan, f *Facts) error {
	c := &p.Change
	p.Target = c.Group
	if err := checkReset(c.Reset); err != nil {
		return err
	}
	if err := idle(c.Group, f); err != nil {
		return err
	}
	has := map[TopicPartition]int64{}
	if f.Group != nil {
		has = byPartition(f.Group.Offsets)
	}
	given := byPartition(c.Reset.Offsets)
	wanted, err := covered(c.Reset, has, f)
	if err != nil {
		return err
	}
	resolved := &Reset{To: "offsets"}
	for _, tp := range wanted {
		part, err := partitionOf(tp, f)
		if err != nil {
			return err
		}
		before, committed := has[tp]
		if !committed {
			before = -1
		}
		after, moved := aim(c.Reset, given[tp], part, before)
		if after == before {
			continue
		}
		resolved.Offsets = append(resolved.Offsets, TopicOffset{tp.Topic, tp.Partition, after})
		p.step(tp, part, before, after, moved)
	}
	c.Reset = resolved
	return nil
}

// step adds a partition's step, and how many records it is about. moved says that
// it is not quite where it was asked to. That is a note: the resolved change, which
// has to have the same hash, asks for where it is.
func (p *Plan) step(tp TopicPartition, part PartitionFacts, before, after int64, moved bool) {
	name := func(at int64) string {
		if at < 0 {
			return "-"
		}
		return fmt.Sprint(at)
	}
	s := Step{On: stepOn(tp.Topic, tp.Partition), What: "offset", Before: name(before), After: name(after)}
	from := max(before, part.Start) // what lies before is gone
	switch {
	case before < 0 || after < 0:
	case after > from:
		s.Note = fmt.Sprintf("skips %d records", after-from)
		p.Skipped += after - from
	case after < from:
		s.Note = fmt.Sprintf("reads %d records again", from-after)
		p.Replayed += from - after
	}
	if moved {
		s.Note = strings.TrimPrefix(s.Note+fmt.Sprintf("; the log holds %d to %d", part.Start, part.End), "; ")
	}
	p.Steps = append(p.Steps, s)
}

func stepOn(topic string, partition int32) string { return fmt.Sprintf("%s/%d", topic, partition) }

func checkReset(r *Reset) error {
	if r == nil {
		return invalid("reset", "a reset says where to", "")
	}
	given := map[string]bool{"time": r.Time != nil, "offset": r.Offset != nil, "shift": r.Shift != 0, "offsets": len(r.Offsets) > 0}
	switch r.To {
	case "start", "end":
	case "time", "offset", "shift", "offsets":
		if !given[r.To] {
			return invalid("reset."+r.To, fmt.Sprintf("a reset to %s says which", r.To), "")
		}
	default:
		return invalid("reset.to", fmt.Sprintf("%q is no place", r.To), "there are: start, end, time, offset, shift, offsets")
	}
	for _, field := range slices.Sorted(maps.Keys(given)) {
		if given[field] && field != r.To {
			return invalid("reset."+field, fmt.Sprintf("a reset to %s takes no %s", r.To, field), "")
		}
	}
	if r.To == "offsets" && len(r.Partitions) > 0 {
		return invalid("reset.partitions", "a reset to offsets names its partitions by them", "")
	}
	return nil
}

// idle refuses what only works on a group without members.
func idle(group string, f *Facts) error {
	if f.Group == nil || f.Group.State == "Empty" || f.Group.State == "Dead" {
		return nil
	}
	return &Refusal{Code: "group_active", Field: "group", Message: fmt.Sprintf("group %s has members (it is %s): they would overwrite it", group, f.Group.State), Hint: "stop them first"}
}

// covered returns the partitions that a reset is about, in order.
func covered(r *Reset, has map[TopicPartition]int64, f *Facts) ([]TopicPartition, error) {
	set, whole := map[TopicPartition]bool{}, map[string]bool{}
	all := func(topic string) error {
		if whole[topic] {
			return nil
		}
		t, err := topicOf(topic, f)
		whole[topic] = true
		for _, part := range t.Partitions {
			set[TopicPartition{topic, part.ID}] = true
		}
		return err
	}
	switch {
	case r.To == "offsets":
		for _, o := range r.Offsets {
			if tp := (TopicPartition{o.Topic, o.Partition}); set[tp] {
				return nil, invalid("reset.offsets", fmt.Sprintf("%s/%d is there twice", o.Topic, o.Partition), "")
			} else {
				set[tp] = true
			}
		}
	case len(r.Partitions) > 0:
		for _, tp := range r.Partitions {
			if tp.Partition >= 0 {
				set[tp] = true
			} else if err := all(tp.Topic); err != nil {
				return nil, err
			}
		}
	case len(has) == 0:
		return nil, &Refusal{Code: "not_found", Field: "group", Message: "the group has no offsets", Hint: "name partitions to give it some"}
	default:
		for tp := range has {
			if _, exists := f.Topics[tp.Topic]; !exists {
				continue // deleted: there is nowhere to go
			}
			if err := all(tp.Topic); err != nil {
				return nil, err
			}
		}
	}
	return slices.SortedFunc(maps.Keys(set), func(x, y TopicPartition) int {
		return cmp.Or(strings.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
	}), nil
}

func partitionOf(tp TopicPartition, f *Facts) (PartitionFacts, error) {
	t, err := topicOf(tp.Topic, f)
	if err != nil {
		return PartitionFacts{}, err
	}
	i := int(tp.Partition) // as a rule
	if i < 0 || i >= len(t.Partitions) || t.Partitions[i].ID != tp.Partition {
		i = slices.IndexFunc(t.Partitions, func(p PartitionFacts) bool { return p.ID == tp.Partition })
	}
	if i < 0 {
		return PartitionFacts{}, &Refusal{Code: "not_found", Field: "reset.partitions", Message: fmt.Sprintf("topic %s has no partition %d", tp.Topic, tp.Partition), Hint: fmt.Sprintf("its partitions are 0 to %d", len(t.Partitions)-1)}
	}
	if part := t.Partitions[i]; part.Err == "" {
		return part, nil
	}
	return PartitionFacts{}, &Refusal{Code: "unavailable", Message: fmt.Sprintf("%s/%d: %s", tp.Topic, tp.Partition, t.Partitions[i].Err), Hint: "try again, or name the other partitions"}
}

// aim returns where a partition's offset goes, and whether that is not quite where
// it was asked to, because the log does not hold it. given is its own offset.
func aim(r *Reset, given int64, part PartitionFacts, before int64) (after int64, moved bool) {
	switch r.To {
	case "start":
		return part.Start, false
	case "end":
		return part.End, false
	case "time":
		return part.At, false
	case "shift":
		if before < 0 {
			return before, false // from nowhere
		}
		after = before + r.Shift
	case "offset":
		after = *r.Offset
	case "offsets":
		if after = given; after == -1 {
			return -1, false
		}
	}
	held := min(max(after, part.Start), part.End)
	return held, held != after
}

func planGroupDelete(p *Plan, f *Facts) error {
	c := &p.Change
	p.Target = c.Group
	if f.Group == nil {
		return &Refusal{Code: "not_found", Field: "group", Message: fmt.Sprintf("cluster %s has no group %q", f.Cluster, c.Group), Hint: fmt.Sprintf("GET /api/v1/clusters/%s/groups, or weir groups list, lists them", f.Cluster)}
	}
	if err := idle(c.Group, f); err != nil {
		return err
	}
	topics := map[string]bool{}
	for _, o := range f.Group.Offsets {
		topics[o.Topic] = true
	}
	before := "no offsets"
	if n := len(f.Group.Offsets); n > 0 {
		before = fmt.Sprintf("%s on %s", plural(n, "offset"), plural(len(topics), "topic"))
		p.Warnings = append(p.Warnings, "its offsets go too: its consumers would begin where their auto.offset.reset says")
	}
	p.Danger = true
	p.Steps = append(p.Steps, Step{On: c.Group, What: "delete", Before: before, After: "-"})
	return nil
}

// undoReset returns the change that brings back the offsets of before, but those of
// partitions where they still are.
func undoReset(c *Change, f *Facts, still map[TopicPartition]bool) *Change {
	undo := &Change{Kind: GroupReset, Group: c.Group, Reset: &Reset{To: "offsets"}}
	has := map[TopicPartition]int64{}
	if f.Group != nil {
		has = byPartition(f.Group.Offsets)
	}
	for _, o := range c.Reset.Offsets {
		tp := TopicPartition{o.Topic, o.Partition}
		if still[tp] {
			continue
		}
		before, committed := has[tp]
		if !committed {
			before = -1
		}
		undo.Reset.Offsets = append(undo.Reset.Offsets, TopicOffset{o.Topic, o.Partition, before})
	}
	return undo
}

func byPartition(offsets []TopicOffset) map[TopicPartition]int64 {
	m := make(map[TopicPartition]int64, len(offsets))
	for _, o := range offsets {
		m[TopicPartition{o.Topic, o.Partition}] = o.Offset
	}
	return m
}
