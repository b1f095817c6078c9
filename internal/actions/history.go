package actions

import (
	"slices"
	"strings"
	"time"
)

// Entry is an action with how it went.
type Entry struct {
	ID string    `json:"id"`
	At time.Time `json:"at" doc:"When it was asked, by the writer's clock."`
	Action
	State  string     `json:"state" enum:"asked,done,failed,unknown"`
	Error  string     `json:"error" doc:"Why it failed."`
	Ended  *time.Time `json:"ended" doc:"When it was done or failed."`
	Writer string     `json:"writer" doc:"The process that did it."`
	Offset int64      `json:"offset" doc:"Of its first record in the log."`
}

// Filter says which actions are listed. Empty fields ask for nothing.
type Filter struct {
	Actor, Via, System, Kind, Cluster, Target, State string    // equal to these; Target: contained
	From, To                                         time.Time // asked at or after, before
	Before                                           int64     // only records before this offset; 0: no limit
	Limit                                            int       // at most so many; 0: no limit
}

// unknownAfter is how long an action without an end may still be running.
const unknownAfter = 10 * time.Minute

// history is what is remembered of the log, by the order of its records. It is
// pure: it knows neither clock nor Kafka.
type history struct {
	next    int64    // offset of the record that comes next
	last    string   // hash of the last record, "" if none was read
	entries []*Entry // by offset, at most keep of them
	byID    map[string]*Entry
	dropped int // entries that were forgotten for keep
	foreign int // records that could not be decoded
	keep    int
}

func newHistory(keep int) *history { return &history{byID: map[string]*Entry{}, keep: keep} }

// add takes the record at an offset, once: one that was taken is passed over.
func (h *history) add(offset int64, value []byte) {
	if offset < h.next {
		return
	}
	h.next, h.last = offset+1, hash(value)
	r, err := decode(value)
	if err != nil {
		h.foreign++
		return
	}
	if r.State == Asked {
		if h.byID[r.ID] != nil {
			return // a repetition: the first one counts
		}
		e := &Entry{ID: r.ID, At: r.At, Action: r.Action, State: Asked, Writer: r.Writer, Offset: offset}
		h.entries, h.byID[r.ID] = append(h.entries, e), e
		h.forget()
		return
	}
	if e := h.byID[r.ID]; e != nil && e.Ended == nil {
		// A copy: readers hold the old one.
		ended := *e
		ended.State, ended.Error, ended.Ended = r.State, r.Error, &r.At
		i, _ := slices.BinarySearchFunc(h.entries, e.Offset, func(e *Entry, at int64) int { return int(e.Offset - at) })
		h.entries[i], h.byID[r.ID] = &ended, &ended
	}
}

// forget drops the oldest entries, a tenth at a time.
func (h *history) forget() {
	if len(h.entries) <= h.keep+h.keep/10 {
		return
	}
	n := len(h.entries) - h.keep
	for _, e := range h.entries[:n] {
		delete(h.byID, e.ID)
	}
	h.entries, h.dropped = slices.Clone(h.entries[n:]), h.dropped+n
}

// list returns the actions that f asks for, the newest first, and whether there
// are more. own is the running writer.
func (h *history) list(f Filter, own string, now time.Time) (entries []Entry, more bool) {
	for _, e := range slices.Backward(h.entries) {
		shown := *e
		if shown.State == Asked && ended(e, own, now) {
			shown.State = Unknown
		}
		if !f.takes(&shown) {
			continue
		}
		if f.Limit > 0 && len(entries) == f.Limit {
			return entries, true
		}
		entries = append(entries, shown)
	}
	return entries, false
}

func (f *Filter) takes(e *Entry) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(f.Actor, e.Actor) && same(f.Via, e.Via) && same(f.System, e.System) && same(f.Kind, e.Kind) && same(f.Cluster, e.Cluster) && same(f.State, e.State) &&
		strings.Contains(e.Target, f.Target) &&
		(f.From.IsZero() || !e.At.Before(f.From)) && (f.To.IsZero() || e.At.Before(f.To)) &&
		(f.Before == 0 || e.Offset < f.Before)
}

// ended reports whether an action without an end will have none: it is too old, or
// its writer was this instance before.
func ended(e *Entry, own string, now time.Time) bool {
	instance := instanceOf(own)
	return now.Sub(e.At) >= unknownAfter || instance != "" && instance == instanceOf(e.Writer) && e.Writer != own
}

// A writer is "INSTANCE#RANDOM"; the instance may be empty.
func instanceOf(writer string) string {
	i := strings.LastIndexByte(writer, '#')
	return writer[:max(0, i)]
}
