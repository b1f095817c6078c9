package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// GroupRow is one group.
type GroupRow struct {
	Group      string `json:"group"`
	State      string `json:"state"`
	Type       string `json:"type" doc:"classic, consumer (KIP-848), share or streams."`
	Protocol   string `json:"protocol" doc:"How its partitions are assigned."`
	Members    int    `json:"members" doc:"-1: not known."`
	Topics     int    `json:"topics" doc:"On which it has offsets."`
	Partitions int    `json:"partitions" doc:"On which it has offsets."`
	Lag        int64  `json:"lag" doc:"Records behind the ends of those partitions; -1: not known."`
	Error      string `json:"error"`
}

// GroupLag is how far a group is behind on a topic.
type GroupLag struct {
	Group string `json:"group"`
	Lag   int64  `json:"lag" doc:"-1: not known."`
}

// GroupMember is a member of a group.
type GroupMember struct {
	Member     string             `json:"member"`
	Instance   string             `json:"instance"`
	Client     string             `json:"client"`
	Host       string             `json:"host"`
	Partitions []MemberPartitions `json:"partitions" doc:"That are assigned to it."`
}

// MemberPartitions names partitions of a topic.
type MemberPartitions struct {
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
}

// GroupPartition is where a group stands on a partition.
type GroupPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed int64  `json:"committed" doc:"-1: none."`
	Start     int64  `json:"start" doc:"-1: not known."`
	End       int64  `json:"end" doc:"-1: not known."`
	Lag       int64  `json:"lag" doc:"-1: not known."`
	Member    string `json:"member" doc:"To whom it is assigned."`
	Client    string `json:"client"`
	Host      string `json:"host"`
	TimeLag   int64  `json:"time_lag_ms" doc:"How old the record is that the group reads next, by its own timestamp; 0: it has read all, -1: not known."`
	Error     string `json:"error"`
}

// groups is what is known of a cluster's groups at one time. It is immutable and
// pure to make.
type groups struct {
	at       time.Time
	list     *list[group]
	byTopic  map[string][]GroupLag // by group
	problems []string
}

// group is a row with what is needed to keep it when its coordinator does not
// answer.
type group struct {
	GroupRow
	coordinator int32
	lags        []topicLag
}

type topicLag struct {
	topic string
	lag   int64 // -1: not known
}

var stateRanks = []string{"Unknown", "Dead", "Empty", "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling", "NotReady", "Stable"}

var groupKeys = map[string]func(*group) int64{
	"lag":     func(g *group) int64 { return g.Lag },
	"members": func(g *group) int64 { return int64(g.Members) },
	"state":   func(g *group) int64 { return int64(slices.Index(stateRanks, g.State)) },
}

// newGroups makes the view of what the brokers said. Of groups whose coordinator
// did not say everything, it keeps what prev has.
func newGroups(prev *groups, told []cluster.Group, errs []cluster.BrokerError, s *cluster.Snapshot, now time.Time) *groups {
	next := &groups{at: now, byTopic: map[string][]GroupLag{}}
	silent := map[int32]error{}
	for _, e := range errs {
		silent[e.Broker] = e.Err
		next.problems = append(next.problems, e.Error())
	}
	var rows []group
	for i := range told {
		g := summariseGroup(&told[i], s)
		if told[i].Err != nil && prev != nil {
			if old := prev.list.find(g.Group); old != nil {
				g = old.kept(told[i].Err, prev.at)
			}
		}
		rows = append(rows, g)
	}
	if prev != nil && len(silent) > 0 {
		known := newList(rows, nameOfGroup, nil)
		for i := range prev.list.rows {
			old := &prev.list.rows[i]
			if err := silent[old.coordinator]; err != nil && known.find(old.Group) == nil {
				rows = append(rows, old.kept(err, prev.at))
			}
		}
		slices.SortFunc(rows, func(x, y group) int { return strings.Compare(x.Group, y.Group) })
	}
	for i := range rows {
		for _, t := range rows[i].lags {
			next.byTopic[t.topic] = append(next.byTopic[t.topic], GroupLag{rows[i].Group, t.lag})
		}
	}
	next.list = newList(rows, nameOfGroup, groupKeys)
	return next
}

func nameOfGroup(g *group) string { return g.Group }

// kept is a row of an earlier time.
func (g group) kept(err error, at time.Time) group {
	if g.Error == "" { // else it says since when
		g.Error = fmt.Sprintf("as of %s: %v", at.UTC().Format(time.TimeOnly), err)
	}
	return g
}

func summariseGroup(g *cluster.Group, s *cluster.Snapshot) group {
	row := group{coordinator: g.Coordinator, GroupRow: GroupRow{
		Group: g.Name, State: cmp.Or(g.State, "Unknown"), Type: g.Type, Protocol: g.Protocol,
		Members: -1, Partitions: len(g.Offsets), Lag: -1, Error: text(g.Err),
	}}
	if g.Described {
		row.Members = len(g.Members)
	}
	for _, o := range g.Offsets { // by topic
		n := len(row.lags)
		if n == 0 || row.lags[n-1].topic != o.Topic {
			row.lags = append(row.lags, topicLag{o.Topic, -1})
			n++
		}
		if lag := lagOf(s, o); lag >= 0 {
			row.lags[n-1].lag = max(0, row.lags[n-1].lag) + lag
			row.Lag = max(0, row.Lag) + lag
		}
	}
	if g.Err == nil && len(g.Offsets) == 0 {
		row.Lag = 0
	}
	row.Topics = len(row.lags)
	return row
}

// lagOf returns how far an offset is behind the end of its partition; -1: not
// known. The end may be older than the offset.
func lagOf(s *cluster.Snapshot, o cluster.GroupOffset) int64 {
	if strings.HasPrefix(o.Topic, wire.LeaseTopic("")) {
		return 0 // who contends for a lease commits offsets to be told whether it is a member
	}
	t := s.Topic(o.Topic)
	if t == nil {
		return -1
	}
	p := t.Partition(o.Partition)
	if p == nil || p.End < 0 {
		return -1
	}
	return max(0, p.End-max(o.At, p.Start)) // what lies before the start is gone
}

// readers returns how many groups have offsets on a topic; -1: not known.
func (g *groups) readers(topic string) int {
	if g == nil {
		return -1
	}
	return len(g.byTopic[topic])
}

// live returns the groups that have members and offsets on a topic.
func (g *groups) live(topic string) (names []string) {
	if g == nil {
		return nil
	}
	for _, l := range g.byTopic[topic] {
		if row := g.list.find(l.Group); row != nil && row.Members > 0 {
			names = append(names, l.Group)
		}
	}
	return names
}

// GroupRows returns the rows of groups.
func GroupRows(told []cluster.Group, s *cluster.Snapshot) []GroupRow {
	rows := []GroupRow{}
	for i := range told {
		rows = append(rows, summariseGroup(&told[i], s).GroupRow)
	}
	return rows
}

// DescribeGroup returns a group's row, its members and where it stands on each
// partition that it has an offset on or that is assigned to a member.
func DescribeGroup(g *cluster.Group, s *cluster.Snapshot) (GroupRow, []GroupMember, []GroupPartition) {
	members, at := []GroupMember{}, map[TopicPartition]*GroupPartition{}
	row := func(topic string, partition int32) *GroupPartition {
		tp := TopicPartition{topic, partition}
		if at[tp] == nil {
			at[tp] = &GroupPartition{Topic: topic, Partition: partition, Committed: -1, Start: -1, End: -1, Lag: -1, TimeLag: -1}
		}
		return at[tp]
	}
	for _, o := range g.Offsets {
		r := row(o.Topic, o.Partition)
		r.Committed, r.Lag = o.At, lagOf(s, o)
		if r.Lag == 0 {
			r.TimeLag = 0
		}
	}
	for _, m := range g.Members {
		member := GroupMember{m.ID, m.Instance, m.Client, m.Host, []MemberPartitions{}}
		for _, t := range m.Assigned {
			member.Partitions = append(member.Partitions, MemberPartitions{t.Topic, ids(t.Partitions)})
			for _, p := range t.Partitions {
				r := row(t.Topic, p)
				r.Member, r.Client, r.Host = m.ID, m.Client, m.Host
			}
		}
		members = append(members, member)
	}
	rows := make([]GroupPartition, 0, len(at))
	for _, r := range at {
		r.locate(s)
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(x, y GroupPartition) int {
		return cmp.Or(strings.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
	})
	return summariseGroup(g, s).GroupRow, members, rows
}

// locate fills in what the snapshot knows of the partition.
func (r *GroupPartition) locate(s *cluster.Snapshot) {
	t := s.Topic(r.Topic)
	if t == nil {
		r.Error = "the topic does not exist"
		return
	}
	p := t.Partition(r.Partition)
	if p == nil {
		r.Error = "the partition does not exist"
		return
	}
	r.Start, r.End, r.Error = p.Start, p.End, text(p.Err)
	if r.Error == "" && r.Committed >= 0 && r.Committed < p.Start {
		r.Error = fmt.Sprintf("%d records were deleted before they were read", p.Start-r.Committed)
	}
}
