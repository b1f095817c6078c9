package lease

import (
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Committed tells which records of a topic count: what a holder writes does once its
// transaction is committed, what others write outside of one does at once. It takes
// the records as cluster.ReadToEnd and Follow hand them over with
// cluster.KeepControl, and holds those of open transactions. The zero value is ready.
type Committed struct {
	open map[origin][]*kgo.Record
}

// origin is a producer in one partition; it has one transaction open at a time.
type origin struct {
	partition int32
	producer  int64
}

// Add takes the next record and returns those that count from now on, in the order
// of their offsets. Control records are not among them.
func (c *Committed) Add(r *kgo.Record) []*kgo.Record {
	o := origin{r.Partition, r.ProducerID}
	switch {
	case r.Attrs.IsControl():
		var marker kmsg.ControlRecordKey
		err := marker.ReadFrom(r.Key)
		commit, abort := marker.Type == kmsg.ControlRecordKeyTypeCommit, marker.Type == kmsg.ControlRecordKeyTypeAbort
		if err != nil || !commit && !abort {
			return nil // of the brokers among themselves
		}
		records := c.open[o]
		delete(c.open, o)
		if abort {
			return nil
		}
		return records
	case !r.Attrs.IsTransactional():
		return []*kgo.Record{r}
	}
	if c.open == nil {
		c.open = map[origin][]*kgo.Record{}
	}
	// The embedded engine forgets what was open when it crashed, without a marker.
	// A later epoch says so.
	if held := c.open[o]; len(held) > 0 && held[0].ProducerEpoch < r.ProducerEpoch {
		delete(c.open, o)
	}
	c.open[o] = append(c.open[o], r)
	return nil
}
