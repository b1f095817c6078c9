package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/invariant"
	"github.com/weirhq/weir/internal/wire"
)

// Snapshot is what a cluster said of itself during one refresh. It is immutable:
// whoever holds it reads it without a lock, and changes nothing in it.
type Snapshot struct {
	Cluster    string           // the cluster's name in weir
	At         time.Time        // when its refresh began: what is not marked stale is not older
	Brokers    []BrokerState    // by id
	Topics     []TopicState     // by name
	Partitions []PartitionState // of all topics, in their order
	Errors     []BrokerError    // what was not answered; the rows that miss it are marked stale
	Cost       Cost
}

// BrokerState is one broker: registered, or known to be missing.
type BrokerState struct {
	ID         int32
	Host, Rack string // empty: unknown, none
	Port       int32
	Controller bool
	Dirs       []LogDir
	Answered   time.Time // when it last answered everything; zero: never
	Err        error     // the first of its Errors
}

// LogDir is a directory in which a broker keeps logs.
type LogDir struct {
	Path          string
	Total, Usable int64 // bytes of its volume; -1: not told
	Err           error
}

// TopicState is one topic.
type TopicState struct {
	Name       string
	ID         wire.TopicID
	Internal   bool
	Partitions []PartitionState // by id; a part of Snapshot.Partitions
	Settings   []Setting        // those that were set on the topic itself, by name
	SettingsAt time.Time        // when they were asked for; zero: never
	// SettingsErr is why Settings are not those of SettingsAt.
	SettingsErr error
	Err         error // why there are no Partitions
}

// Setting is one configuration of a topic.
type Setting struct{ Name, Value string }

// PartitionState is one partition.
type PartitionState struct {
	Topic       int32 // index into Snapshot.Topics
	ID          int32
	Leader      int32 // -1: none
	LeaderEpoch int32
	Replicas    []int32 // broker ids, the preferred leader first; equal sets share memory
	ISR         []int32
	Offline     []int32 // replicas whose broker or directory is down
	Sizes       []int64 // bytes on disk of each of Replicas; -1: not told
	Start, End  int64   // log start offset and high watermark; -1: not told
	Stale       Stale   // which of these are not of this refresh
	Err         error
}

// Stale says which values are not from the snapshot's own refresh: they are what
// the one before it had, or -1.
type Stale uint8

// What may be stale.
const (
	StaleStart Stale = 1 << iota
	StaleEnd
	StaleSizes // of at least one replica
)

// BrokerError says what a broker did not answer.
type BrokerError struct {
	Broker int32 // -1: the one that was asked for the cluster as a whole
	What   string
	Err    error
}

// Error implements error.
func (e BrokerError) Error() string {
	if e.Broker < 0 {
		return fmt.Sprintf("%s: %v", e.What, e.Err)
	}
	return fmt.Sprintf("broker %d: %s: %v", e.Broker, e.What, e.Err)
}

// Unwrap returns the cause.
func (e BrokerError) Unwrap() error { return e.Err }

// Cost is what one refresh cost.
type Cost struct {
	Requests      int // sent, among them those that open connections
	Written, Read int64
	Duration      time.Duration
}

// ErrNotRegistered is the error of a broker that replicas are assigned to, or
// that was there within the last hour, and that the cluster does not name now.
var ErrNotRegistered = errors.New("not registered: it is down, fenced or removed")

// missedFor is how long a broker without replicas stays in the snapshots after
// it was last heard of.
const missedFor = time.Hour

// Age returns how old the snapshot is.
func (s *Snapshot) Age(now time.Time) time.Duration { return now.Sub(s.At) }

// Topic returns the topic of that name, or nil.
func (s *Snapshot) Topic(name string) *TopicState {
	if s == nil {
		return nil
	}
	if i, ok := slices.BinarySearchFunc(s.Topics, name, func(t TopicState, name string) int { return strings.Compare(t.Name, name) }); ok {
		return &s.Topics[i]
	}
	return nil
}

// Broker returns the broker of that id, or nil.
func (s *Snapshot) Broker(id int32) *BrokerState {
	if s == nil {
		return nil
	}
	if i, ok := slices.BinarySearchFunc(s.Brokers, id, func(b BrokerState, id int32) int { return int(b.ID) - int(id) }); ok {
		return &s.Brokers[i]
	}
	return nil
}

// UnderReplicated returns the partitions that have replicas which are not in
// sync.
func (s *Snapshot) UnderReplicated() []*PartitionState {
	return s.filter(func(p *PartitionState) bool { return len(p.ISR) < len(p.Replicas) })
}

// Offline returns the partitions without a leader.
func (s *Snapshot) Offline() []*PartitionState {
	return s.filter(func(p *PartitionState) bool { return p.Leader < 0 })
}

func (s *Snapshot) filter(keep func(*PartitionState) bool) (kept []*PartitionState) {
	for i := range s.Partitions {
		if keep(&s.Partitions[i]) {
			kept = append(kept, &s.Partitions[i])
		}
	}
	return kept
}

// Partition returns the partition of that id, or nil.
func (t *TopicState) Partition(id int32) *PartitionState {
	if id >= 0 && int(id) < len(t.Partitions) && t.Partitions[id].ID == id {
		return &t.Partitions[id]
	}
	if i, ok := slices.BinarySearchFunc(t.Partitions, id, func(p PartitionState, id int32) int { return int(p.ID) - int(id) }); ok {
		return &t.Partitions[i]
	}
	return nil
}

// Size returns the bytes on disk of the largest replica; -1: not told.
func (p *PartitionState) Size() int64 {
	if len(p.Sizes) == 0 {
		return -1
	}
	return slices.Max(p.Sizes)
}

// answer is what one broker said when it was asked for itself.
type answer struct {
	broker       int32
	starts, ends *kmsg.ListOffsetsResponse // nil: it leads nothing, or did not answer
	dirs         *kmsg.DescribeLogDirsResponse
	errs         []BrokerError
}

// builder makes one snapshot.
type builder struct {
	prev    *Snapshot
	now     time.Time
	s       *Snapshot
	sets    map[string][]int32 // interned sets of brokers, by their bytes
	strings map[string]string  // interned settings
	key     []byte
}

// build is pure. It takes what the brokers answered and returns the next
// snapshot; what they did not answer, it takes from prev. prev and configs may be
// nil. It keeps nothing of the responses but strings.
func build(prev *Snapshot, meta *kmsg.MetadataResponse, controller int32, answers []answer, configs *kmsg.DescribeConfigsResponse, now time.Time) *Snapshot {
	b := &builder{prev: prev, now: now, s: &Snapshot{At: now}, sets: map[string][]int32{}, strings: map[string]string{}}
	b.brokers(meta, controller)
	b.topics(meta)
	for _, a := range answers {
		b.s.Errors = append(b.s.Errors, a.errs...)
		b.offsets(a.starts, StaleStart, func(p *PartitionState) *int64 { return &p.Start })
		b.offsets(a.ends, StaleEnd, func(p *PartitionState) *int64 { return &p.End })
	}
	b.dirs(answers)
	b.settings(configs)
	b.missing()
	b.blame(answers)
	invariant.Check(slices.IsSortedFunc(b.s.Brokers, func(x, y BrokerState) int { return int(x.ID) - int(y.ID) }), "brokers are looked up by id, but are %v", b.s.Brokers)
	return b.s
}

func (b *builder) brokers(meta *kmsg.MetadataResponse, controller int32) {
	for _, m := range meta.Brokers {
		broker := BrokerState{ID: m.NodeID, Host: m.Host, Port: m.Port, Controller: m.NodeID == controller}
		if m.Rack != nil {
			broker.Rack = *m.Rack
		}
		if old := b.prev.Broker(m.NodeID); old != nil {
			broker.Answered, broker.Dirs = old.Answered, old.Dirs
		}
		b.s.Brokers = append(b.s.Brokers, broker)
	}
	slices.SortFunc(b.s.Brokers, func(x, y BrokerState) int { return int(x.ID) - int(y.ID) })
}

func (b *builder) topics(meta *kmsg.MetadataResponse) {
	var topics []*kmsg.MetadataResponseTopic
	partitions, replicas := 0, 0
	for i := range meta.Topics {
		t := &meta.Topics[i]
		if t.Topic == nil {
			continue // an id without a name was not asked for
		}
		topics = append(topics, t)
		partitions += len(t.Partitions)
		for _, p := range t.Partitions {
			replicas += len(p.Replicas)
		}
	}
	slices.SortFunc(topics, func(x, y *kmsg.MetadataResponseTopic) int { return strings.Compare(*x.Topic, *y.Topic) })
	b.s.Topics = make([]TopicState, len(topics))
	b.s.Partitions = make([]PartitionState, 0, partitions)
	sizes := make([]int64, replicas)
	for i, m := range topics {
		t := &b.s.Topics[i]
		*t = TopicState{Name: *m.Topic, ID: m.TopicID, Internal: m.IsInternal, Err: kerr.ErrorForCode(m.ErrorCode)}
		old := b.prev.Topic(t.Name)
		if old != nil {
			t.Name = old.Name // so that the snapshots share it
		}
		if old != nil && old.ID != t.ID {
			old = nil // another topic: nothing of the old one holds
		}
		if old != nil {
			t.Settings, t.SettingsAt, t.SettingsErr = old.Settings, old.SettingsAt, old.SettingsErr
		}
		first := len(b.s.Partitions)
		for _, mp := range m.Partitions {
			p := PartitionState{
				Topic: int32(i), ID: mp.Partition, Leader: mp.Leader, LeaderEpoch: mp.LeaderEpoch,
				Replicas: b.set(mp.Replicas), ISR: b.set(mp.ISR), Offline: b.set(mp.OfflineReplicas),
				Start: -1, End: -1, Stale: StaleStart | StaleEnd,
				Err: kerr.ErrorForCode(mp.ErrorCode),
			}
			if p.Leader < 0 && p.Err == nil {
				p.Err = kerr.LeaderNotAvailable
			}
			p.Sizes, sizes = sizes[:len(p.Replicas):len(p.Replicas)], sizes[len(p.Replicas):]
			for j := range p.Sizes {
				p.Sizes[j] = -1
			}
			if old != nil {
				p.remember(old.Partition(p.ID))
			}
			b.s.Partitions = append(b.s.Partitions, p)
		}
		t.Partitions = b.s.Partitions[first:len(b.s.Partitions):len(b.s.Partitions)]
		slices.SortFunc(t.Partitions, func(x, y PartitionState) int { return int(x.ID) - int(y.ID) })
	}
	// Had the rows moved to a larger array, the topics would keep the old ones.
	invariant.Check(len(b.s.Partitions) == partitions && len(sizes) == 0, "%d partitions counted, %d there; %d sizes left over", partitions, len(b.s.Partitions), len(sizes))
}

// remember takes what old knew until something newer is told.
func (p *PartitionState) remember(old *PartitionState) {
	if old == nil {
		return
	}
	p.Start, p.End = old.Start, old.End
	for j, broker := range p.Replicas {
		if k := slices.Index(old.Replicas, broker); k >= 0 {
			p.Sizes[j] = old.Sizes[k]
		}
	}
}

func (b *builder) offsets(resp *kmsg.ListOffsetsResponse, stale Stale, field func(*PartitionState) *int64) {
	if resp == nil {
		return
	}
	for _, rt := range resp.Topics {
		t := b.s.Topic(rt.Topic)
		if t == nil {
			continue
		}
		for _, rp := range rt.Partitions {
			p := t.Partition(rp.Partition)
			if p == nil {
				continue
			}
			if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
				p.Err = err
				continue
			}
			*field(p) = rp.Offset
			p.Stale &^= stale
		}
	}
}

// dirs fills in the sizes. A replica that its broker does not name has none: it
// is not made yet, or lies in a directory that failed.
func (b *builder) dirs(answers []answer) {
	told := map[int32]bool{}
	for _, a := range answers {
		told[a.broker] = a.dirs != nil
	}
	for i := range b.s.Partitions {
		p := &b.s.Partitions[i]
		for j, broker := range p.Replicas {
			if told[broker] {
				p.Sizes[j] = -1
			} else {
				p.Stale |= StaleSizes
			}
		}
	}
	for _, a := range answers {
		broker := b.s.Broker(a.broker)
		if a.dirs == nil || broker == nil {
			continue
		}
		broker.Dirs = nil
		for _, d := range a.dirs.Dirs {
			dir := LogDir{Path: d.Dir, Total: d.TotalBytes, Usable: d.UsableBytes, Err: kerr.ErrorForCode(d.ErrorCode)}
			broker.Dirs = append(broker.Dirs, dir)
			if dir.Err != nil {
				b.s.Errors = append(b.s.Errors, BrokerError{a.broker, "log directory " + dir.Path, dir.Err})
			}
			b.sizes(a.broker, d.Topics)
		}
		slices.SortFunc(broker.Dirs, func(x, y LogDir) int { return strings.Compare(x.Path, y.Path) })
	}
}

func (b *builder) sizes(broker int32, topics []kmsg.DescribeLogDirsResponseDirTopic) {
	for _, rt := range topics {
		t := b.s.Topic(rt.Topic)
		if t == nil {
			continue
		}
		for _, rp := range rt.Partitions {
			p := t.Partition(rp.Partition)
			if p == nil || rp.IsFuture { // a copy on its way to another directory
				continue
			}
			if j := slices.Index(p.Replicas, broker); j >= 0 {
				p.Sizes[j] = rp.Size
			}
		}
	}
}

func (b *builder) settings(configs *kmsg.DescribeConfigsResponse) {
	if configs == nil {
		return
	}
	for _, r := range configs.Resources {
		t := b.s.Topic(r.ResourceName)
		if t == nil {
			continue
		}
		t.SettingsAt, t.SettingsErr = b.now, kerr.ErrorForCode(r.ErrorCode)
		if t.SettingsErr != nil {
			continue
		}
		var set []Setting
		for _, c := range r.Configs {
			if c.Source != kmsg.ConfigSourceDynamicTopicConfig {
				continue
			}
			value := ""
			if c.Value != nil {
				value = *c.Value
			}
			set = append(set, Setting{b.string(c.Name), b.string(value)})
		}
		slices.SortFunc(set, func(x, y Setting) int { return strings.Compare(x.Name, y.Name) })
		if !slices.Equal(set, t.Settings) {
			t.Settings = slices.Clip(set)
		}
	}
}

// missing adds the brokers that should be there and are not.
func (b *builder) missing() {
	add := func(id int32, old *BrokerState) {
		if b.s.Broker(id) != nil {
			return
		}
		broker := BrokerState{ID: id}
		if old != nil {
			broker = *old
			broker.Controller, broker.Err = false, nil
		}
		i, _ := slices.BinarySearchFunc(b.s.Brokers, id, func(b BrokerState, id int32) int { return int(b.ID) - int(id) })
		b.s.Brokers = slices.Insert(b.s.Brokers, i, broker)
		b.s.Errors = append(b.s.Errors, BrokerError{id, "registration", ErrNotRegistered})
	}
	for _, set := range b.sets {
		for _, id := range set {
			add(id, b.prev.Broker(id))
		}
	}
	if b.prev != nil {
		for i := range b.prev.Brokers {
			if old := &b.prev.Brokers[i]; b.now.Sub(old.Answered) < missedFor {
				add(old.ID, old)
			}
		}
	}
}

// blame puts the errors in order and next to the rows that miss something.
func (b *builder) blame(answers []answer) {
	slices.SortStableFunc(b.s.Errors, func(x, y BrokerError) int { return int(x.Broker) - int(y.Broker) })
	for i := len(b.s.Errors) - 1; i >= 0; i-- { // the first stays
		if broker := b.s.Broker(b.s.Errors[i].Broker); broker != nil {
			broker.Err = b.s.Errors[i]
		}
	}
	for _, a := range answers {
		if broker := b.s.Broker(a.broker); broker != nil && broker.Err == nil {
			broker.Answered = b.now
		}
	}
	for i := range b.s.Partitions {
		p := &b.s.Partitions[i]
		if p.Err != nil || p.Stale&(StaleStart|StaleEnd) == 0 {
			continue
		}
		if broker := b.s.Broker(p.Leader); broker != nil {
			p.Err = broker.Err
		}
	}
}

// set returns the one copy of a set of brokers.
func (b *builder) set(ids []int32) []int32 {
	if len(ids) == 0 {
		return nil
	}
	b.key = b.key[:0]
	for _, id := range ids {
		b.key = binary.LittleEndian.AppendUint32(b.key, uint32(id))
	}
	set, ok := b.sets[string(b.key)]
	if !ok {
		set = slices.Clip(slices.Clone(ids))
		b.sets[string(b.key)] = set
	}
	return set
}

func (b *builder) string(s string) string {
	one, ok := b.strings[s]
	if !ok {
		one = s
		b.strings[s] = s
	}
	return one
}

const (
	settingsMaxAge   = 5 * time.Minute
	settingsPerRound = 1000
)

// wantSettings returns the topics whose settings the next refresh reads: those
// that were never read, then those that were read longest ago, if that is longer
// than settingsMaxAge, and at most settingsPerRound of them.
func wantSettings(prev *Snapshot, meta *kmsg.MetadataResponse, now time.Time) []string {
	type candidate struct {
		name string
		at   time.Time
	}
	var due []candidate
	for _, m := range meta.Topics {
		if m.Topic == nil || m.ErrorCode != 0 {
			continue
		}
		c := candidate{name: *m.Topic}
		if old := prev.Topic(c.name); old != nil && old.ID == m.TopicID {
			c.at = old.SettingsAt
		}
		if now.Sub(c.at) >= settingsMaxAge {
			due = append(due, c)
		}
	}
	slices.SortFunc(due, func(x, y candidate) int {
		if c := x.at.Compare(y.at); c != 0 {
			return c
		}
		return strings.Compare(x.name, y.name)
	})
	var names []string
	for _, c := range due[:min(len(due), settingsPerRound)] {
		names = append(names, c.name)
	}
	return names
}
