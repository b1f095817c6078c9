package fleet

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/wire"
)

// view is what is known of a cluster's topics at one snapshot. It is immutable,
// but for the orders that its list remembers, and pure to make.
type view struct {
	snapshot *cluster.Snapshot
	topics   *list[TopicRow]
	totals   []total  // per topic of the snapshot, in its order
	samples  []sample // earlier totals, the oldest first
	minISR   int      // of topics that do not say

	bytes                              int64 // of all replicas
	underReplicated, underMin, offline int
	records, grown                     float64 // per second, of all topics; -1: not known
}

// total counts what a topic took in since it was first seen.
type total struct{ records, bytes int64 }

// topicKey is what makes a topic the same one as before.
type topicKey struct {
	name string
	id   wire.TopicID
}

// sample is the totals at one time.
type sample struct {
	at     time.Time
	topics []topicKey
	totals []total
}

const (
	// rateOver is the time over which rates are taken, as soon as there is so much.
	rateOver = time.Minute
	// sampleEvery is how far samples are apart, at least.
	sampleEvery = 10 * time.Second
)

var topicKeys = map[string]func(*TopicRow) int64{
	"records":    func(r *TopicRow) int64 { return r.Records },
	"bytes":      func(r *TopicRow) int64 { return r.Bytes },
	"rate":       func(r *TopicRow) int64 { return int64(r.RecordsPerSecond * 1000) },
	"bytes_rate": func(r *TopicRow) int64 { return int64(r.BytesPerSecond * 1000) },
	"partitions": func(r *TopicRow) int64 { return int64(r.Partitions) },
	"groups":     func(r *TopicRow) int64 { return int64(r.Groups) },
	// The worst first: no leader, then too few replicas to write, then too few.
	"problems": func(r *TopicRow) int64 {
		return int64(r.Offline)<<40 + int64(r.UnderMinISR)<<20 + int64(r.UnderReplicated)
	},
}

func nameOfTopic(r *TopicRow) string { return r.Name }

// newView makes the view of a snapshot. prev is the one before, or nil. groups
// tells how many groups have offsets on a topic; -1: not known.
func newView(prev *view, s *cluster.Snapshot, minISR int, groups func(topic string) int) *view {
	v := &view{snapshot: s, minISR: minISR, totals: make([]total, len(s.Topics)), records: -1, grown: -1}
	v.remember(prev)
	rows := make([]TopicRow, len(s.Topics))
	for i := range s.Topics {
		t := &s.Topics[i]
		row := &rows[i]
		*row = SummariseTopic(t, minISR)
		row.Groups = groups(t.Name)
		v.totals[i] = grow(prev, t)
		v.underReplicated += row.UnderReplicated
		v.underMin += row.UnderMinISR
		v.offline += row.Offline
		if before, at, ok := v.since(t); ok {
			seconds := s.At.Sub(at).Seconds()
			row.RecordsPerSecond = float64(v.totals[i].records-before.records) / seconds
			row.BytesPerSecond = float64(v.totals[i].bytes-before.bytes) / seconds
			v.records, v.grown = max(0, v.records)+row.RecordsPerSecond, max(0, v.grown)+row.BytesPerSecond
		}
	}
	for i := range s.Partitions {
		for _, size := range s.Partitions[i].Sizes {
			v.bytes += max(0, size)
		}
	}
	v.topics = newList(rows, nameOfTopic, topicKeys)
	return v
}

// TopicRows returns the rows of the topics that keep takes, of one snapshot, sorted
// by a key of the API's list. Rates are since prev, which may be nil.
func TopicRows(prev, s *cluster.Snapshot, q Query, keep func(*TopicRow) bool) ([]TopicRow, error) {
	unknown := func(string) int { return -1 }
	var before *view
	if prev != nil {
		before = newView(nil, prev, 1, unknown)
	}
	q.Limit = len(s.Topics)
	page, err := newView(before, s, 1, unknown).topics.page(q, keep)
	return page.Rows, err
}

// withGroups returns the view with new numbers of groups.
func (v *view) withGroups(groups func(topic string) int) *view {
	next := *v
	rows := slices.Clone(v.topics.rows)
	for i := range rows {
		rows[i].Groups = groups(rows[i].Name)
	}
	next.topics = newList(rows, nameOfTopic, topicKeys)
	return &next
}

// remember takes over the samples of the view before, and that view's totals as
// one more where the newest is old enough, and forgets those that are too old to
// be needed.
func (v *view) remember(prev *view) {
	if prev == nil {
		return
	}
	v.samples = slices.Clone(prev.samples)
	if n := len(v.samples); n == 0 || prev.snapshot.At.Sub(v.samples[n-1].at) >= sampleEvery {
		v.samples = append(v.samples, sample{prev.snapshot.At, keysOf(prev.snapshot.Topics), prev.totals})
	}
	for len(v.samples) > 1 && v.snapshot.At.Sub(v.samples[1].at) >= rateOver {
		v.samples = v.samples[1:]
	}
}

func keysOf(topics []cluster.TopicState) []topicKey {
	keys := make([]topicKey, len(topics))
	for i := range topics {
		keys[i] = topicKey{topics[i].Name, topics[i].ID}
	}
	return keys
}

// since returns the oldest totals of a topic, and of when they are: a topic may be
// newer than the oldest sample.
func (v *view) since(t *cluster.TopicState) (total, time.Time, bool) {
	for i := range v.samples {
		s := &v.samples[i]
		j, ok := slices.BinarySearchFunc(s.topics, t.Name, func(k topicKey, name string) int { return strings.Compare(k.name, name) })
		if ok && s.topics[j].id == t.ID {
			return s.totals[j], s.at, true
		}
	}
	return total{}, time.Time{}, false
}

// grow returns the totals of a topic: those before and what each partition has
// grown by since. A partition that shrank, because records were deleted, counts as
// one that did not grow.
func grow(prev *view, t *cluster.TopicState) total {
	if prev == nil {
		return total{}
	}
	i, ok := slices.BinarySearch(prev.topics.names, t.Name)
	if !ok || prev.snapshot.Topics[i].ID != t.ID {
		return total{}
	}
	old, sum := &prev.snapshot.Topics[i], prev.totals[i]
	for j := range t.Partitions {
		p := &t.Partitions[j]
		before := old.Partition(p.ID)
		if before == nil { // it is new, and began at 0
			before = &cluster.PartitionState{}
		}
		if before.End >= 0 {
			sum.records += max(0, p.End-before.End)
		}
		if size := max(before.Size(), 0); len(before.Sizes) == 0 || before.Size() >= 0 {
			sum.bytes += max(0, p.Size()-size)
		}
	}
	return sum
}

// minISROf returns a topic's min.insync.replicas.
func minISROf(t *cluster.TopicState, otherwise int) int {
	for _, s := range t.Settings {
		if n, err := strconv.Atoi(s.Value); s.Name == "min.insync.replicas" && err == nil {
			return n
		}
	}
	return otherwise
}
