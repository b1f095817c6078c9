package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// commitMaxBytes bounds what one request of CommitOffsets asks a coordinator to
// write. It writes the offsets of a request as one batch, and refuses all of them
// with INVALID_COMMIT_OFFSET_SIZE if that is larger than __consumer_offsets takes,
// which is 1 MB by default. The embedded engine writes them one by one, to disk: a
// millisecond each, and the whole request within a client's patience of 10 s.
const commitMaxBytes = 64 << 10

// commitOverhead is about what the record of an offset takes beside its names.
const commitOverhead = 80

// NotSet is an offset that CommitOffsets has not set.
type NotSet struct {
	GroupOffset
	Err error
	// Maybe says that it may have been set all the same: there was no answer.
	Maybe bool
}

// CommitError is the error of offsets that were set in part or not at all. What it
// does not name was set.
type CommitError struct {
	Group, Cluster string
	Asked          int
	NotSet         []NotSet // at least one
}

// Error implements error. It names the first, however many there are.
func (e *CommitError) Error() string {
	first := e.NotSet[0]
	return fmt.Sprintf("setting the offsets of group %s on cluster %s: %d of %d were not set, the first, of %s/%d: %v",
		e.Group, e.Cluster, len(e.NotSet), e.Asked, first.Topic, first.Partition, first.Err)
}

// Unwrap returns the different causes.
func (e *CommitError) Unwrap() (causes []error) {
	for _, n := range e.NotSet {
		if !slices.ContainsFunc(causes, func(c error) bool { return c == n.Err }) {
			causes = append(causes, n.Err)
		}
	}
	return causes
}

// errNotAsked is why offsets behind a request that failed are not set.
var errNotAsked = errors.New("not asked for, because the request before it failed")

// CommitOffsets sets where a group without members stands. An offset of -1 takes
// the partition's away. Brokers refuse it while the group has members. It asks in
// requests of a bounded size, one by one, so it may succeed in part: then its error
// is a *CommitError.
func (c *Cluster) CommitOffsets(ctx context.Context, group string, offsets []GroupOffset) error {
	notSet := commitAll(group, offsets, func(chunk []GroupOffset) []NotSet { return c.commitChunk(ctx, group, chunk) })
	if len(notSet) > 0 {
		return &CommitError{group, c.Name, len(offsets), notSet}
	}
	return nil
}

// commitAll cuts offsets into requests. After one that changed nothing, it asks no
// further: what is wrong is about the group.
func commitAll(group string, offsets []GroupOffset, commit func([]GroupOffset) []NotSet) (notSet []NotSet) {
	for len(offsets) > 0 {
		n, bytes := 0, 0
		for n < len(offsets) && (n == 0 || bytes < commitMaxBytes) {
			bytes += commitOverhead + len(group) + len(offsets[n].Topic)
			n++
		}
		failed := commit(offsets[:n])
		notSet, offsets = append(notSet, failed...), offsets[n:]
		if len(failed) == n {
			for _, o := range offsets {
				notSet = append(notSet, NotSet{GroupOffset: o, Err: errNotAsked})
			}
			return notSet
		}
	}
	return notSet
}

// commitChunk makes one request, or two where some offsets are to be taken away,
// again and again for those that Kafka calls worth another try.
func (c *Cluster) commitChunk(ctx context.Context, group string, offsets []GroupOffset) (notSet []NotSet) {
	var again []NotSet
	_ = retry(ctx, func() error { // it can be repeated
		again = nil
		for _, n := range c.commitOnce(ctx, group, offsets) {
			if kerr.IsRetriable(n.Err) {
				again = append(again, n)
			} else {
				notSet = append(notSet, n)
			}
		}
		if len(again) == 0 {
			return nil
		}
		offsets = nil
		for _, n := range again {
			offsets = append(offsets, n.GroupOffset)
		}
		return again[0].Err
	})
	return append(notSet, again...)
}

func (c *Cluster) commitOnce(ctx context.Context, group string, offsets []GroupOffset) (notSet []NotSet) {
	set, unset := kadm.Offsets{}, kadm.TopicsSet{}
	for _, o := range offsets {
		if o.At < 0 {
			unset.Add(o.Topic, o.Partition)
		} else {
			set.AddOffset(o.Topic, o.Partition, o.At, -1)
		}
	}
	var told kadm.OffsetResponses
	var taken kadm.DeleteOffsetsResponses
	var setErr, unsetErr error
	if len(set) > 0 {
		told, setErr = c.admin.CommitOffsets(ctx, group, set)
	}
	if len(unset) > 0 {
		taken, unsetErr = c.admin.DeleteOffsets(ctx, group, unset)
	}
	for _, o := range offsets {
		err := setErr
		if o.At < 0 {
			err = unsetErr
		}
		if err == nil && o.At < 0 {
			err = taken[o.Topic][o.Partition]
		} else if err == nil {
			err = told[o.Topic][o.Partition].Err
		}
		if err != nil {
			notSet = append(notSet, NotSet{GroupOffset: o, Err: err, Maybe: !refused(err)})
		}
	}
	return notSet
}

// refused reports whether an error says for certain that an offset was not set. A
// coordinator whose write was not acknowledged in time answers with errors that are
// worth another try.
func refused(err error) bool {
	var code *kerr.Error
	return errors.As(err, &code) && code != kerr.UnknownServerError && (!code.Retriable || code == kerr.UnknownTopicOrPartition)
}
