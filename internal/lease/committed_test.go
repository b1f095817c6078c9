package lease

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestCommitted(t *testing.T) {
	plain := kgo.RecordAttrs{}
	transactional := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true})
	control := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true, Control: true})
	commit, abort, other := []byte{0, 0, 0, 1}, []byte{0, 0, 0, 0}, []byte{0, 0, 0, 2}
	type step struct {
		attrs     kgo.RecordAttrs
		producer  int64
		partition int32
		epoch     int16
		text      []byte // the key of a control record
		want      string // of the offsets, a digit each
	}
	for name, steps := range map[string][]step{
		"plain":                   {{attrs: plain, want: "0"}, {attrs: plain, producer: -1, want: "1"}},
		"committed":               {{attrs: transactional}, {attrs: transactional}, {attrs: control, text: commit, want: "01"}, {attrs: control, text: commit}},
		"aborted":                 {{attrs: transactional}, {attrs: control, text: abort}, {attrs: control, text: commit}},
		"plain among open":        {{attrs: transactional}, {producer: 7, want: "1"}, {attrs: control, text: commit, want: "0"}},
		"two producers":           {{attrs: transactional}, {attrs: transactional, producer: 7}, {attrs: control, text: abort}, {attrs: control, producer: 7, text: commit, want: "1"}},
		"two partitions":          {{attrs: transactional}, {attrs: transactional, partition: 7}, {attrs: control, text: abort}, {attrs: control, partition: 7, text: commit, want: "1"}},
		"marker of a later epoch": {{attrs: transactional}, {attrs: control, epoch: 1, text: commit, want: "0"}},
		"forgotten":               {{attrs: transactional}, {attrs: transactional, epoch: 1}, {attrs: control, epoch: 1, text: commit, want: "1"}},
		"no marker":               {{attrs: transactional}, {attrs: control, text: other}, {attrs: control, text: nil}, {attrs: control, text: commit, want: "0"}},
	} {
		var c Committed
		for i, s := range steps {
			r := &kgo.Record{Attrs: s.attrs, ProducerID: s.producer, ProducerEpoch: s.epoch, Partition: s.partition, Offset: int64(i), Key: s.text}
			got := ""
			for _, r := range c.Add(r) {
				got += string('0' + rune(r.Offset))
			}
			if got != s.want {
				t.Errorf("%s: step %d gives %q, want %q", name, i, got, s.want)
			}
		}
	}
}
