package registry

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// logOf makes a log in memory: records of transactions, by producer, and their ends.
type logOf struct {
	records []*kgo.Record
}

// append adds a record; producer 0 writes outside of transactions.
func (l *logOf) append(producer int64, key, value string) *kgo.Record {
	r := schemasRecord(key, value)
	r.Offset, r.ProducerID = int64(len(l.records)), producer
	if producer > 0 {
		r.Attrs = attrs(transactionalBit)
	}
	l.records = append(l.records, r)
	return r
}

// end adds a marker.
func (l *logOf) end(producer int64, commit bool) *kgo.Record {
	r := &kgo.Record{Topic: schemasTopic, Offset: int64(len(l.records)), ProducerID: producer, Attrs: attrs(transactionalBit | controlBit)}
	r.Key = binary.BigEndian.AppendUint16([]byte{0, 0}, 0)
	if commit {
		r.Key[3] = 1
	}
	l.records = append(l.records, r)
	return r
}

const (
	transactionalBit = 0x10
	controlBit       = 0x20
)

// attrs makes record attributes, which kgo gives to those alone who read a batch.
func attrs(bits int16) kgo.RecordAttrs {
	batch := kmsg.RecordBatch{Magic: 2, Attributes: bits, NumRecords: 1, LastOffsetDelta: 0}
	record := kmsg.Record{}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	batch.Records = record.AppendTo(nil)
	batch.Length = int32(len(batch.AppendTo(nil)) - 12)
	raw := batch.AppendTo(nil)
	partition := kmsg.NewFetchResponseTopicPartition()
	partition.RecordBatches = raw
	got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{KeepControlRecords: true, DisableCRCValidation: true}, &partition, kgo.DefaultDecompressor(), nil)
	if len(got.Records) != 1 {
		panic(fmt.Sprintf("a batch with attributes %x: %v", bits, got.Err))
	}
	return got.Records[0].Attrs
}

// What a view holds after each record of a log.
func TestView(t *testing.T) {
	var l logOf
	v := newView("NONE")
	f := func(r *kgo.Record, next int64, versions, aborted string) {
		t.Helper()
		v.take(r)
		if got := describe(v.state); v.next() != next || got != versions {
			t.Errorf("offset %d: next is %d with %q, want %d with %q", r.Offset, v.next(), got, next, versions)
		}
		var keys []string
		for key := range v.aborted {
			k, _ := wire.ParseSchemasKey([]byte(key))
			keys = append(keys, fmt.Sprint(k.Subject, k.Version))
		}
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != aborted {
			t.Errorf("offset %d: aborted are %q, want %q", r.Offset, got, aborted)
		}
	}
	f(l.append(0, key("s", 1), value("s", 1, 1, `"int"`, "")), 1, "s1=1", "")
	f(l.append(7, key("s", 2), value("s", 2, 2, `"long"`, "")), 1, "s1=1", "")  // open
	f(l.append(0, key("t", 1), value("t", 1, 3, `"bytes"`, "")), 1, "s1=1", "") // waits behind it
	f(l.append(8, key("u", 1), value("u", 1, 4, `"float"`, "")), 1, "s1=1", "")
	f(l.end(8, true), 1, "s1=1", "")
	f(l.end(7, false), 6, "s1=1 t1=3 u1=4", "s2")
	if v.state.HighIDs()["."] != 4 {
		t.Errorf("the highest id is %v", v.state.HighIDs())
	}
	f(l.append(7, key("s", 2), value("s", 2, 9, `"double"`, "")), 6, "s1=1 t1=3 u1=4", "s2")
	f(l.end(7, false), 8, "s1=1 t1=3 u1=4", "s2")
	if v.state.HighIDs()["."] != 9 {
		t.Errorf("an aborted id is not burnt: the highest is %v", v.state.HighIDs())
	}
	v.watch = 9
	f(l.append(7, key("s", 2), value("s", 2, 10, `"double"`, "")), 8, "s1=1 t1=3 u1=4", "s2")
	f(l.append(7, key("t", 1), ""), 8, "s1=1 t1=3 u1=4", "s2")
	f(l.end(7, true), 11, "s1=1 s2=10 u1=4", "")
	if diff := cmp.Diff([]note{{9, key("t", 1)}}, v.noted, cmp.AllowUnexported(note{})); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
	// The engine was killed: the transaction has no end, and the next one has.
	f(l.append(9, key("w", 1), value("w", 1, 11, `"string"`, "")), 11, "s1=1 s2=10 u1=4", "")
	f(l.append(10, key("x", 1), value("x", 1, 12, `"boolean"`, "")), 11, "s1=1 s2=10 u1=4", "")
	if n := v.settleBefore(12); n != 1 || v.next() != 12 || describe(v.state) != "s1=1 s2=10 u1=4 w1=11" {
		t.Errorf("settled %d, next is %d with %q", n, v.next(), describe(v.state))
	}
	f(l.end(10, false), 14, "s1=1 s2=10 u1=4 w1=11", "x1")
}

func versionsOf(s *state.State, subject string) (list []state.Version) {
	for v := range s.Export(":*:", true) {
		if v.Subject == subject {
			list = append(list, v)
		}
	}
	return list
}

func describe(s *state.State) string {
	var all []string
	for _, subject := range s.Subjects(":*:", true, false, state.Page{}) {
		for _, v := range versionsOf(s, subject) {
			text := fmt.Sprintf("%s%d=%d", v.Subject, v.Version, v.ID)
			if v.Deleted {
				text += "-"
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, " ")
}

// TestRepairs: whatever was committed and aborted, and in which order, after the
// repairs who reads uncommitted believes what was committed, and who reads committed
// believes what he did before.
func TestRepairs(t *testing.T) {
	subjects := []string{"s", "t"}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		var l logOf
		committed, dirty := newView("NONE"), state.New(languages(), "NONE")
		take := func(r *kgo.Record) {
			committed.take(r)
			if !r.Attrs.IsControl() {
				_ = dirty.Apply(r.Key, r.Value, r.Offset)
			}
		}
		for id := range 12 {
			for range 1 + rnd.IntN(3) {
				take(randomChange(&l, rnd, subjects[rnd.IntN(2)], id+1))
			}
			before := settings(committed.state)
			if rnd.IntN(3) > 0 {
				take(l.end(7, true))
				continue
			}
			// It is repaired before anything else is written, and that may be aborted too.
			take(l.end(7, false))
			for commit := false; !commit; {
				for _, r := range committed.repairs() {
					take(l.append(7, string(r.Key), string(r.Value)))
				}
				commit = rnd.IntN(3) > 0
				take(l.end(7, commit))
			}
			if len(committed.aborted) > 0 {
				t.Errorf("seed %d: still aborted: %v", seed, committed.aborted)
			}
			if after := settings(committed.state); after != before {
				t.Errorf("seed %d: it was\n%s\nand is after the repairs\n%s", seed, before, after)
			}
			if got := settings(dirty); got != before {
				t.Errorf("seed %d: uncommitted readers have\n%s\nwant\n%s", seed, got, before)
			}
		}
	}
}

// randomChange is a change as a leader writes it, in an open transaction of producer 7.
func randomChange(l *logOf, rnd *rand.Rand, subject string, id int) *kgo.Record {
	number := 1 + rnd.IntN(4)
	switch rnd.IntN(10) {
	case 0:
		return l.append(7, key(subject, number), "")
	case 1:
		return l.append(7, fmt.Sprintf(`{"keytype":"DELETE_SUBJECT","subject":%q,"magic":0}`, subject), fmt.Sprintf(`{"subject":%q,"version":%d}`, subject, number))
	case 2:
		return l.append(7, fmt.Sprintf(`{"keytype":"CLEAR_SUBJECT","subject":%q,"magic":0}`, subject), fmt.Sprintf(`{"subject":%q}`, subject))
	case 3:
		return l.append(7, fmt.Sprintf(`{"keytype":"CONFIG","subject":%q,"magic":0}`, subject), []string{"", `{"compatibilityLevel":"FULL"}`, `{"compatibilityLevel":"NONE"}`}[rnd.IntN(3)])
	case 4:
		return l.append(7, `{"keytype":"CLEAR_SUBJECT","magic":0}`, `{"subject":null}`)
	}
	schema := fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, id)
	text := value(subject, number, id, schema, "")
	if rnd.IntN(4) == 0 {
		text = strings.Replace(text, `"deleted":false`, `"deleted":true`, 1)
	}
	return l.append(7, key(subject, number), text)
}

func settings(s *state.State) string {
	text := describe(s)
	for _, of := range s.Settings() {
		text += fmt.Sprintf("; %q", of.Subject)
		if of.Config != nil {
			text += string(wire.AppendSchemasSetting(nil, *of.Config))
		}
		text += of.Mode
	}
	return text
}
