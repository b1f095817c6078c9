package registry

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// The judge of the model test replays `_schemas` as it is at the end, and holds each
// answer against the state at its X-Weir-Offset:
//
//   - what was read is what that state answers, and no transaction is there by half;
//   - what a change wrote is what state.Plan plans on the state right before its
//     first record, all of it and once; its answer is the plan's, its offset not below
//     its last record;
//   - a change that wrote nothing, refused or not, is what Plan says of some state not
//     older than what had been answered before it was sent, nor newer than its offset;
//   - for a client, a process never goes back, and no process when asked not to
//     (X-Weir-Min-Offset);
//   - a new id is above all ids that were ever in the log, and an id has one text,
//     committed or aborted, unless a client in mode IMPORT gives it another;
//   - repairs change nothing, and who reads what is not committed is set right by them.
type modelJudge struct {
	t       *testing.T
	log     []modelRecord // of all producers
	counted []modelRecord // committed
	ops     []*modelOp
	byName  map[string]*modelOp
	// high ids of aborted rows of the state topic by context: they are burnt, though
	// no record of `_schemas` may tell.
	aborted map[string][]int

	state   *state.State
	burnt   int            // of log: looked at
	highest map[string]int // id by context, of what was looked at
	means   map[string]string
	done    map[*modelOp]bool // those whose records were found
	waiting []*modelOp        // those that wrote nothing, whose state may come yet
	until   map[*modelOp]int  // the last place that may explain them
	failed  int
}

// modelRecord is a record of `_schemas`. The test's commits say whose it is.
type modelRecord struct {
	offset     int64
	key, value []byte
	op         string // "" of a repair
	txn        string
	committed  bool
}

// The headers that the test puts on records.
const (
	modelOpHeader  = "op"
	modelTxnHeader = "txn"
)

func readModelLog(t *testing.T, c *cluster.Cluster) (log []modelRecord, abortedHighs map[string][]int) {
	t.Helper()
	abortedHighs = map[string][]int{}
	read := func(topic string, each func(*fate)) {
		u := undecided{open: map[int64][]*fate{}}
		_, err := c.ReadToEnd(withTimeout(t), topic, nil, func(r *kgo.Record) error {
			u.add(r)
			for _, f := range u.pop() {
				each(f)
			}
			return nil
		}, cluster.KeepControl())
		if err != nil || len(u.queue) > 0 {
			t.Errorf("%s: %d records are undecided: %v", topic, len(u.queue), err)
		}
	}
	read(schemasTopic, func(f *fate) {
		r := modelRecord{offset: f.record.Offset, key: f.record.Key, value: f.record.Value, committed: f.committed}
		for _, h := range f.record.Headers {
			switch h.Key {
			case modelOpHeader:
				r.op = string(h.Value)
			case modelTxnHeader:
				r.txn = string(h.Value)
			}
		}
		log = append(log, r)
	})
	read(stateTopic, func(f *fate) {
		if in, id, err := decodeHigh(f.record.Key, f.record.Value); err == nil && !f.committed {
			abortedHighs[in] = append(abortedHighs[in], id)
		}
	})
	return log, abortedHighs
}

func judgeModel(t *testing.T, c *cluster.Cluster, ops []*modelOp) {
	t.Helper()
	j := &modelJudge{
		t: t, ops: ops, byName: map[string]*modelOp{}, state: state.New(languages(), ""),
		highest: map[string]int{}, means: map[string]string{}, done: map[*modelOp]bool{}, until: map[*modelOp]int{},
	}
	j.log, j.aborted = readModelLog(t, c)
	for _, r := range j.log {
		if r.committed {
			j.counted = append(j.counted, r)
		}
	}
	for _, o := range ops {
		j.byName[o.name] = o
	}
	j.replay()
	j.order()
	j.uncommitted()
	aborted := len(j.log) - len(j.counted)
	t.Logf("%d requests, %d changes in %d committed records, %d aborted records", len(ops), len(j.done), len(j.counted), aborted)
}

// fail shows the records around those from..to, with who wrote them.
func (j *modelJudge) fail(o *modelOp, from, to int, format string, args ...any) {
	j.t.Helper()
	if j.failed++; j.failed > 5 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, format, args...)
	if o != nil {
		fmt.Fprintf(&b, "\n  %v", o)
	}
	for i := max(0, from-2, to-6); i < min(len(j.counted), to+2); i++ {
		r := j.counted[i]
		fmt.Fprintf(&b, "\n    offset %d %s = %.160s", r.offset, r.key, r.value)
		if by := j.byName[r.op]; by != nil && (i == 0 || j.counted[i-1].op != r.op) {
			fmt.Fprintf(&b, "\n      of %v", by)
		}
	}
	j.t.Error(b.String())
}

// place is how many committed records a state at an offset has.
func (j *modelJudge) place(offset int64) int {
	n, _ := slices.BinarySearchFunc(j.counted, offset+1, func(r modelRecord, o int64) int { return cmp.Compare(r.offset, o) })
	return n
}

// replay goes through the log, and judges each op where it belongs.
func (j *modelJudge) replay() {
	reads, changes := map[int][]*modelOp{}, map[int][]*modelOp{}
	wrote := map[string]bool{}
	for _, r := range j.counted {
		wrote[r.op] = true
	}
	for _, o := range j.ops {
		at := j.place(o.got.offset)
		switch {
		case o.lost != nil || o.got.status >= 500:
		case o.cmd == nil:
			reads[at] = append(reads[at], o)
		case !wrote[o.name]:
			from := min(j.place(max(o.floor, o.min)), at)
			changes[from] = append(changes[from], o)
			j.until[o] = at
		}
	}
	for i := 0; ; i++ {
		atTxn := i == 0 || i == len(j.counted) || j.counted[i].txn != j.counted[i-1].txn
		for _, o := range reads[i] {
			if !atTxn {
				j.fail(o, i, i, "a transaction is served by half")
			}
			j.judgeRead(o, i)
		}
		j.waiting = append(j.waiting, changes[i]...)
		j.judgeWaiting(i)
		if i == len(j.counted) {
			return
		}
		j.burn(j.counted[i].offset)
		if i == 0 || j.counted[i].op != j.counted[i-1].op {
			j.judgeWrite(i)
		}
		r := j.counted[i]
		j.note(r)
		if err := j.state.Apply(r.key, r.value, r.offset); err != nil {
			j.fail(nil, i, i, "a record contradicts others: %v", err)
		}
	}
}

func (j *modelJudge) judgeRead(o *modelOp, at int) {
	if status, text := wanted(o.read(j.state)); status != o.got.status || text != strings.TrimSpace(o.got.body) {
		j.fail(o, at, at, "read: the state at offset %d answers %d %s", o.got.offset, status, text)
	}
}

// judgeWaiting looks for those that the state after i records explains.
func (j *modelJudge) judgeWaiting(i int) {
	between := i == 0 || i == len(j.counted) || j.counted[i].op != j.counted[i-1].op
	j.waiting = slices.DeleteFunc(j.waiting, func(o *modelOp) bool {
		status, text := 0, ""
		if between {
			records, reply, err := state.Plan(o.cmd, j.state)
			if err != nil {
				status, text = wanted(nil, err)
			} else if status, text = wanted(o.answer(reply), nil); len(records) > 0 {
				status, text = 0, fmt.Sprintf("%d records, and then %s", len(records), text)
			}
		}
		if status == o.got.status && text == strings.TrimSpace(o.got.body) {
			return true
		}
		if i < j.until[o] {
			return false
		}
		from := j.place(max(o.floor, o.min))
		j.fail(o, from, i, "no state from %d to %d records, which its offset is, explains what was answered; the last says %d %s", from, i, status, text)
		return true
	})
}

// judgeWrite judges the change whose records begin behind i others.
func (j *modelJudge) judgeWrite(i int) {
	end := i
	for end < len(j.counted) && j.counted[end].op == j.counted[i].op && j.counted[end].txn == j.counted[i].txn {
		end++
	}
	if j.counted[i].op == "" {
		j.judgeRepair(i, end)
		return
	}
	o := j.byName[j.counted[i].op]
	if o == nil {
		j.fail(nil, i, i, "a record of nobody")
		return
	}
	if j.done[o] {
		j.fail(o, i, end, "written twice")
	}
	j.done[o] = true
	if o.refused() || o.got.Code == state.CodeStore || o.got.Code == state.CodeNoLeader {
		j.fail(o, i, end, "written, and answered as if it was not")
	}
	j.judgeID(o, i, end)
	records, reply, err := state.Plan(o.cmd, j.state)
	same := err == nil && slices.EqualFunc(records, j.counted[i:end], func(a state.Record, b modelRecord) bool {
		return bytes.Equal(a.Key, b.key) && bytes.Equal(a.Value, b.value)
	})
	if !same {
		j.fail(o, i, end, "the plan is another: %s, %v", records, err)
		return
	}
	if o.unknown() {
		return
	}
	if status, text := wanted(o.answer(reply), nil); status != o.got.status || text != strings.TrimSpace(o.got.body) {
		j.fail(o, i, end, "the plan answers %d %s", status, text)
	}
	if last := j.counted[end-1].offset; o.got.offset < last {
		j.fail(o, i, end, "answered as of offset %d, and written at %d", o.got.offset, last)
	}
}

// judgeID sees to it that a new id is a new one, by the log alone.
func (j *modelJudge) judgeID(o *modelOp, i, end int) {
	for _, r := range j.counted[i:end] {
		in, v, ok := idOf(r)
		if !ok || imports(o) {
			continue
		}
		if _, err := j.state.Schema(v.ID, ":"+in+":"); err == nil {
			continue // of a schema that is there
		}
		if v.ID <= j.highest[in] {
			j.fail(o, i, end, "id %d is given as a new one, and %d was there before", v.ID, j.highest[in])
		}
		if slices.Contains(j.aborted[in], v.ID-1) {
			j.state.SetHighID(in, v.ID-1)
		}
	}
}

func imports(o *modelOp) bool {
	r, ok := o.cmd.(state.Register)
	return ok && r.ID > 0
}

// idOf returns the version that a record has, and its context.
func idOf(r modelRecord) (in string, v wire.SchemaValue, ok bool) {
	k, err := wire.ParseSchemasKey(r.key)
	if err != nil || k.Type != wire.SchemasSchema || len(r.value) == 0 {
		return "", v, false
	}
	v, err = wire.ParseSchemaValue(r.value)
	in = "."
	if strings.HasPrefix(v.Subject, ":.c:") {
		in = ".c"
	}
	return in, v, err == nil
}

// judgeRepair applies a repair to a state of its own.
func (j *modelJudge) judgeRepair(i, end int) {
	over := j.state.Overlay()
	before := describe(over)
	for _, r := range j.counted[i:end] {
		if err := over.Apply(r.key, r.value, r.offset); err != nil {
			j.fail(nil, i, end, "a repair does not apply: %v", err)
		}
	}
	if after := describe(over); after != before {
		j.fail(nil, i, end, "a repair makes\n%s\nof\n%s", after, before)
	}
}

// burn looks at what was aborted before an offset.
func (j *modelJudge) burn(offset int64) {
	for ; j.burnt < len(j.log) && j.log[j.burnt].offset < offset; j.burnt++ {
		if r := j.log[j.burnt]; !r.committed {
			j.note(r)
			j.state.BurnID(r.key, r.value)
		}
	}
}

// note takes the meaning of an id.
func (j *modelJudge) note(r modelRecord) {
	in, v, ok := idOf(r)
	if !ok {
		return
	}
	j.highest[in] = max(j.highest[in], v.ID)
	id := fmt.Sprint(in, " ", v.ID)
	text := v.SchemaType + v.Schema
	if old, known := j.means[id]; known && old != text {
		if o := j.byName[r.op]; o == nil || !imports(o) {
			j.fail(o, 0, j.place(r.offset), "id %s has two texts: %s and %s", id, old, text)
		}
	}
	j.means[id] = text
}

// uncommitted judges what a registry believes that reads what is not committed.
func (j *modelJudge) uncommitted() {
	all := state.New(languages(), "")
	for _, r := range j.log {
		if err := all.Apply(r.key, r.value, r.offset); err != nil {
			j.fail(nil, 0, j.place(r.offset), "for who reads uncommitted, offset %d contradicts others: %v", r.offset, err)
		}
	}
	f := func(st *state.State) string { return describe(st) + string(encode(st.Settings())) }
	if got, want := f(all), f(j.state); got != want {
		j.fail(nil, 0, 0, "who reads uncommitted has\n%s\nand what was committed is\n%s", got, want)
	}
}

// order judges what each client has seen one after the other.
func (j *modelJudge) order() {
	seen := map[string]int64{} // by client and process
	for _, o := range j.ops {
		if o.lost != nil || o.got.status == 0 || o.got.offset < 0 {
			continue
		}
		client, _, _ := strings.Cut(o.name, "-")
		at := fmt.Sprint(client, " ", o.slot)
		if j.place(o.got.offset) < j.place(seen[at]) {
			j.fail(o, j.place(o.got.offset), j.place(seen[at]), "process %d has answered client %s as of offset %d before", o.slot, client, seen[at])
		}
		seen[at] = max(seen[at], o.got.offset)
		if o.got.Code != state.CodeTimeout && j.place(o.got.offset) < j.place(o.min) {
			j.fail(o, j.place(o.got.offset), j.place(o.min), "older than what was asked for")
		}
	}
}
