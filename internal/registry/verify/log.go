package verify

import (
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Log takes the records of the topic in their order, control records among them, and
// finds out which count. The zero value is ready to use.
type Log struct {
	records []Record
	open    map[int64][]int // by producer: its records whose transaction has not ended
}

// Take takes the next record.
func (l *Log) Take(r *kgo.Record) {
	if l.open == nil {
		l.open = map[int64][]int{}
	}
	if r.Attrs.IsControl() {
		var marker kmsg.ControlRecordKey
		if marker.ReadFrom(r.Key) == nil && (marker.Type == kmsg.ControlRecordKeyTypeCommit || marker.Type == kmsg.ControlRecordKeyTypeAbort) {
			for _, i := range l.open[r.ProducerID] {
				l.records[i].Committed = marker.Type == kmsg.ControlRecordKeyTypeCommit
			}
			delete(l.open, r.ProducerID)
		}
		return
	}
	if r.Attrs.IsTransactional() {
		l.open[r.ProducerID] = append(l.open[r.ProducerID], len(l.records))
	}
	l.records = append(l.records, Record{r.Offset, r.Key, r.Value, !r.Attrs.IsTransactional()})
}

// Records returns them. Those of a transaction that is open do not count.
func (l *Log) Records() []Record { return l.records }
