package registry

import (
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// view is what a reader has made of `_schemas` so far: what a consumer with
// read_committed would, and what an uncommitted one may have believed besides.
// It is pure; the Service guards it.
type view struct {
	state *state.State
	undecided
	seen  int64 // offset after the last record read
	epoch int32 // of the leader that wrote the last record before next, -1 if there is none

	// aborted holds the keys whose last record is of an aborted transaction: there
	// are registries that have taken it for true.
	aborted map[string]bool
	// settings holds the last committed value of each key that is no SCHEMA, by its
	// canonical bytes.
	settings map[string][]byte

	// Committed records from watch on are noted, until the leader says which are its own.
	watch int64
	noted []note
}

type note struct {
	offset int64
	key    string
}

// never is an offset that no record reaches.
const never = int64(1) << 62

func newView(level string) *view {
	return &view{
		state: state.New(languages(), level), undecided: undecided{open: map[int64][]*fate{}},
		aborted: map[string]bool{}, settings: map[string][]byte{}, watch: never, epoch: -1,
	}
}

// next returns the offset before which all is decided and in the state.
func (v *view) next() int64 {
	if len(v.queue) > 0 {
		return v.queue[0].record.Offset
	}
	return v.seen
}

// take reads the next record of the topic, control records among them.
func (v *view) take(r *kgo.Record) {
	v.seen = r.Offset + 1
	v.add(r)
	v.apply()
	if len(v.queue) == 0 { // r may be a control record
		v.epoch = r.LeaderEpoch
	}
}

// settleBefore decides that what is still open before an offset counts. It is for
// transactions of which the log holds no end: see Service.unblock.
func (v *view) settleBefore(offset int64) (n int) {
	for _, f := range v.queue {
		if !f.decided && f.record.Offset < offset {
			f.decided, f.committed = true, true
			n++
		}
	}
	v.apply()
	return n
}

// apply moves what has been decided into the state, in the order of the log.
func (v *view) apply() {
	for _, f := range v.pop() {
		r := f.record
		v.epoch = r.LeaderEpoch
		key := string(r.Key)
		if !f.committed {
			v.aborted[key] = true
			v.state.BurnID(r.Key, r.Value)
			continue
		}
		_ = v.state.Apply(r.Key, r.Value, r.Offset) // counted and listed by the state
		delete(v.aborted, key)
		if k, err := wire.ParseSchemasKey(r.Key); err == nil && k.Type != wire.SchemasSchema {
			v.settings[canonical(k)] = r.Value
		}
		if r.Offset >= v.watch {
			v.noted = append(v.noted, note{r.Offset, key})
		}
	}
}

// canonical returns the bytes under which a key ought to be.
func canonical(k wire.SchemasKey) string { return string(wire.AppendSchemasKey(nil, k)) }

// repairs returns what makes a registry that reads uncommitted believe again what
// was committed: for each key whose last record was aborted a tombstone, then the
// committed value, under the canonical bytes of the key. Who reads committed sees no
// change.
//
// What a record says of other keys, which DELETE_SUBJECT and CLEAR_SUBJECT do, it
// says of the records before it; written again it would speak of later ones too. So
// the versions that it is about follow, as they are.
func (v *view) repairs() (records []state.Record) {
	for _, key := range slices.Sorted(maps.Keys(v.aborted)) {
		records = append(records, state.Record{Key: []byte(key)})
		k, err := wire.ParseSchemasKey([]byte(key))
		if err != nil {
			continue
		}
		if value := v.settings[canonical(k)]; len(value) > 0 {
			records = append(records, state.Record{Key: []byte(canonical(k)), Value: value})
		}
		switch k.Type {
		case wire.SchemasSchema:
			if found, err := v.state.Version(k.Subject, k.Version, true); err == nil && found.Subject == k.Subject {
				records = append(records, recordOf(found))
			}
		case wire.SchemasDeleteSubject, wire.SchemasClearSubject:
			records = append(records, v.versionsOf(k)...)
		}
	}
	return records
}

// versionsOf returns the records of a subject's versions, or, of more than one
// subject, of all that there are.
func (v *view) versionsOf(k wire.SchemasKey) (records []state.Record) {
	all := k.Global || strings.HasPrefix(k.Subject, ":.") && strings.HasSuffix(k.Subject, ":")
	for found := range v.state.Export(":*:", true) {
		if all || found.Subject == k.Subject {
			records = append(records, recordOf(found))
		}
	}
	return records
}

func recordOf(v state.Version) state.Record {
	key := wire.SchemasKey{Type: wire.SchemasSchema, Subject: v.Subject, Version: v.Version}
	return state.Record{Key: wire.AppendSchemasKey(nil, key), Value: wire.AppendSchemaValue(nil, v.SchemaValue)}
}

// undecided holds back the records of a log from the first one whose transaction is
// open, as a broker does for consumers that read committed.
type undecided struct {
	queue []*fate
	open  map[int64][]*fate // by producer, which has one transaction at a time
}

type fate struct {
	record             *kgo.Record
	decided, committed bool
}

func (u *undecided) add(r *kgo.Record) {
	if r.Attrs.IsControl() {
		var key kmsg.ControlRecordKey
		if key.ReadFrom(r.Key) != nil || key.Type != kmsg.ControlRecordKeyTypeCommit && key.Type != kmsg.ControlRecordKeyTypeAbort {
			return // of the brokers among themselves
		}
		for _, f := range u.open[r.ProducerID] {
			f.decided, f.committed = true, key.Type == kmsg.ControlRecordKeyTypeCommit
		}
		delete(u.open, r.ProducerID)
		return
	}
	plain := !r.Attrs.IsTransactional()
	f := &fate{record: r, decided: plain, committed: plain}
	u.queue = append(u.queue, f)
	if !plain {
		u.open[r.ProducerID] = append(u.open[r.ProducerID], f)
	}
}

// pop returns what has been decided, up to the first record that has not.
func (u *undecided) pop() (decided []*fate) {
	n := 0
	for n < len(u.queue) && u.queue[n].decided {
		n++
	}
	decided, u.queue = u.queue[:n:n], u.queue[n:]
	if len(u.queue) == 0 {
		u.queue = nil // and the array with it
	}
	return decided
}

// what names a record for people by its key.
func what(key []byte) string { return strings.ToValidUTF8(string(key), "\uFFFD") }
