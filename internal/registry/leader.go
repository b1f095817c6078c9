package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/lease"
	"github.com/weirhq/weir/internal/registry/state"
)

// errNotLeading: nothing was done, and another process, or this one later, can.
var errNotLeading = errors.New("this process does not lead the registry")

// keepEvery is how often a leader keeps the high ids, if they have risen: see ids.go.
const keepEvery = time.Minute

// prepareTimeout bounds how long a new leader reads.
const prepareTimeout = time.Minute

// term is a time in which this process leads. Its fields belong to the goroutine
// of lead, except where a lock is named.
type term struct {
	commit   commitFunc
	requests chan *request
	handback chan ending
	over     chan struct{} // closed at the end

	basis
	stale    bool           // the basis has to be read again
	company  int            // how many waited for an answer when a group had been committed
	patience time.Duration  // how long the next one waits for as many
	own      map[int64]bool // offsets in `_schemas` that we wrote and have not read back
	foreign  error          // guarded by Service.mu: somebody else writes, so we do not
	open     atomic.Int32   // requests that are not answered; of whoever asks
}

// commitFunc is lease.Writer.Do.
type commitFunc func(ctx context.Context, records ...*kgo.Record) error

// basis is what a leader has to know besides the state that it serves.
type basis struct {
	last    int64   // offset that our reader must have passed before anything is planned
	kept    highIDs // those that survive compaction
	keep    bool    // the high ids are kept before the next change
	repairs []state.Record
	tidy    bool // what others wrote has been looked at
}

type request struct {
	ctx  context.Context
	meta Meta
	cmd  state.Command
	done chan outcome // of capacity 1
}

type outcome struct {
	reply  state.Reply
	offset int64 // all that it was decided on lies there or before; -1: nothing was decided
	err    error
}

// write makes a change. It returns when it is committed and served here, with the
// offset that tells other processes when they serve it.
func (s *Service) write(ctx context.Context, m Meta, cmd state.Command) (state.Reply, int64, error) {
	out := s.writeAll(ctx, m, []state.Command{cmd})[0]
	return out.reply, out.offset, out.err
}

// writeAll makes changes in their order, as many in a transaction as can be. It has an
// outcome for each; those behind one that failed are made all the same. ctx must not end
// with a caller who hangs up: that would leave a write in doubt.
func (s *Service) writeAll(ctx context.Context, m Meta, cmds []state.Command) []outcome {
	outcomes := make([]outcome, len(cmds))
	if s.local != nil {
		for i, cmd := range cmds {
			out := &outcomes[i]
			out.reply, out.offset, out.err = s.local(ctx, cmd)
		}
		return outcomes
	}
	t, err := s.leading()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WriteTimeout)
	defer cancel()
	requests := make([]*request, len(cmds))
	for i, cmd := range cmds {
		if err == nil {
			requests[i] = &request{ctx, m, cmd, make(chan outcome, 1)}
			err = s.submit(ctx, t, requests[i])
		}
		if err != nil {
			requests[i], outcomes[i].err = nil, err
		}
	}
	for i, r := range requests {
		if r != nil {
			outcomes[i] = s.outcome(ctx, r)
			t.open.Add(-1)
		}
	}
	return outcomes
}

// leading returns the term that changes can be made in.
func (s *Service) leading() (*term, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return nil, s.notLoaded()
	}
	if err := s.refusal(); err != nil {
		return nil, unwritten(err)
	}
	if s.term == nil {
		return nil, errNotLeading
	}
	return s.term, nil
}

// unwritten is told to who wants a change while nothing may be written.
func unwritten(why error) error {
	return state.Refuse(state.CodeStore, "Nothing is written to the schemas topic: %v", why)
}

func (s *Service) submit(ctx context.Context, t *term, r *request) error {
	t.open.Add(1)
	select {
	case t.requests <- r:
		return nil
	case <-t.over:
		t.open.Add(-1)
		return errNotLeading
	case <-ctx.Done():
		t.open.Add(-1)
		return state.Refuse(state.CodeTimeout, "Waiting for other writes took longer than %v; nothing was written.", s.cfg.WriteTimeout)
	}
}

// outcome waits until a change is made and served here.
func (s *Service) outcome(ctx context.Context, r *request) (out outcome) {
	select {
	case out = <-r.done:
		// A refusal may have its reason in what was committed with it: it is not told
		// either before that is served.
		if err := s.readBack(ctx, out.offset, out.err != nil); err != nil {
			out.err = err
		}
	case <-ctx.Done():
		out.err = state.Refuse(state.CodeTimeout, "Writing to the schemas topic took longer than %v. It may or may not have been written; the same request again is safe.", s.cfg.WriteTimeout)
	}
	return out
}

// readBack waits until what was written, or refused, as of an offset is served here.
func (s *Service) readBack(ctx context.Context, offset int64, refused bool) error {
	how := "written"
	if refused {
		how = "refused"
	}
	switch err := s.await(ctx, offset); {
	case errors.Is(err, errStopped):
		return state.Refuse(state.CodeForwarding, "It is %s at offset %d; this process has stopped before it could read that back.", how, offset)
	case err != nil:
		return state.Refuse(state.CodeTimeout, "It is %s, and this process has not read that back in time: it is not at offset %d yet.", how, offset)
	}
	return nil
}

// prepare is called when earlier leaders can write no more.
func (s *Service) prepare(ctx context.Context) error {
	if err := s.mayLead(ctx); err != nil {
		return err
	}
	b, err := s.readBasis(ctx, true)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prepared = b
	return nil
}

// readBasis waits until the reader has read all that there is. Everything is decided
// by then that was ever open. What comes after a new term has begun is noted, for
// account.
func (s *Service) readBasis(ctx context.Context, fresh bool) (b basis, err error) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	ends, err := s.on.Cluster.EndOffsets(ctx, schemasTopic)
	if err != nil {
		return b, err
	}
	if err := s.await(ctx, ends[0]-1); err != nil {
		return b, fmt.Errorf("reading %s to offset %d: %w", schemasTopic, ends[0], err)
	}
	highest, kept, err := s.readHigh(ctx)
	if err != nil {
		return b, err
	}
	if err := s.index(ctx); err != nil {
		return b, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh {
		s.view.watch, s.view.noted = s.view.next(), nil
	}
	for in, id := range highest {
		s.view.state.SetHighID(in, id)
	}
	s.wake()
	return basis{last: s.view.next() - 1, kept: kept, keep: true, repairs: s.view.repairs()}, nil
}

// indexed is how many schemas are looked at while nobody else may: some milliseconds.
const indexed = 20

// index computes what the state needs to tell whether a schema is known.
func (s *Service) index(ctx context.Context) error {
	for left := 1; left > 0; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.mu.Lock()
		left = s.view.state.Index(indexed)
		s.mu.Unlock()
	}
	return nil
}

// lead is a term: it makes the changes that are asked for until ctx ends.
func (s *Service) lead(ctx context.Context, commit commitFunc) error {
	s.mu.Lock()
	t := &term{commit: commit, requests: make(chan *request), handback: make(chan ending), over: make(chan struct{}), basis: s.prepared, own: map[int64]bool{}}
	s.mu.Unlock()
	s.setTerm(t)
	defer s.setTerm(nil)
	defer close(t.over)
	if err := s.ready(ctx, t); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("the registry's first write has failed; it is tried again with the next", "error", err)
	}
	keep := time.NewTicker(s.keep)
	defer keep.Stop()
	for {
		moved := s.account(t)
		select {
		case <-ctx.Done():
			return nil
		case <-moved:
		case <-keep.C:
			t.keep = true
			_ = s.mayWrite(ctx, t) // or before the next change
		case r := <-t.requests:
			s.serve(ctx, t, r)
		case e := <-t.handback:
			err := s.handBack(ctx, t, e.why)
			if e.done <- err; err == nil {
				return errNotOurs
			}
		}
	}
}

func (s *Service) setTerm(t *term) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.term = t; t == nil && s.view != nil {
		s.view.watch, s.view.noted = never, nil
	}
	s.wake()
}

// account takes our own records from those that the reader has noted. One that is
// left was written by somebody else, whose ids and ours will clash: then nothing
// more is written. It is called while no transaction of ours is under way, so that
// all offsets of ours are known.
func (s *Service) account(t *term) (moved <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.view.noted {
		if t.own[n.offset] {
			delete(t.own, n.offset)
			continue
		}
		s.metrics.foreign.Inc()
		if t.foreign == nil {
			t.foreign = fmt.Errorf("another registry writes to %s too: offset %d, key %s; end it, then restart weir", schemasTopic, n.offset, what([]byte(n.key)))
			s.cfg.Log.Error("the registry writes nothing more", "why", t.foreign)
		}
	}
	if n := len(s.view.noted); n > 0 {
		s.view.watch, s.view.noted = s.view.noted[n-1].offset+1, nil
	}
	return s.moved
}

// ready sees to it that our reader has all that we plan on, in a log that needs no
// repair.
func (s *Service) ready(ctx context.Context, t *term) (err error) {
	if t.stale {
		if t.basis, err = s.readBasis(ctx, false); err != nil {
			return err
		}
		t.stale = false
	}
	if t.keep {
		if err := s.repair(ctx, t, "of an aborted write", t.repairs); err != nil {
			return err
		}
		t.keep, t.repairs = false, nil
	}
	if err := s.await(ctx, t.last); err != nil || t.tidy {
		return err
	}
	if err := s.repairKeys(ctx, t); err != nil {
		return err
	}
	t.tidy = true
	return s.await(ctx, t.last)
}

// repairedAtOnce bounds the keys whose repairs share a transaction.
const repairedAtOnce = 100

// repairKeys writes what other registries wrote under several spellings, or deleted
// in a way that not everybody understands, such that all read the same.
func (s *Service) repairKeys(ctx context.Context, t *term) error {
	s.mu.RLock()
	repairs := s.view.state.Repairs()
	s.mu.RUnlock()
	for some := range slices.Chunk(repairs, repairedAtOnce) {
		var records []state.Record
		for _, r := range some {
			records = append(records, r.Records...)
		}
		if err := s.repair(ctx, t, "that others wrote", records); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) repair(ctx context.Context, t *term, what string, repairs []state.Record) error {
	s.mu.RLock()
	high := highIDs(s.view.state.HighIDs())
	s.mu.RUnlock()
	var records []*kgo.Record
	for _, r := range repairs {
		records = append(records, &kgo.Record{Topic: schemasTopic, Key: r.Key, Value: r.Value})
	}
	if records = append(records, high.raised(t.kept)...); len(records) == 0 {
		return nil
	}
	if err := t.write(ctx, records, high); err != nil {
		return err
	}
	if n := len(repairs); n > 0 {
		s.cfg.Log.Info("repaired keys "+what, "records", n)
	}
	return nil
}

// write commits records, which keep the ids in high.
func (t *term) write(ctx context.Context, records []*kgo.Record, high highIDs) error {
	if err := t.commit(ctx, records...); err != nil {
		t.stale = true // the log may hold what was aborted, or what we do not know of
		return err
	}
	for in, id := range high {
		t.kept[in] = max(t.kept[in], id)
	}
	for _, r := range records {
		if r.Topic == schemasTopic {
			t.own[r.Offset] = true
			t.last = max(t.last, r.Offset)
		}
	}
	return nil
}

// mayWrite makes ready, and looks whether somebody else has written meanwhile: those
// who ask have mostly waited for the commit before theirs. A term that ends here has
// written nothing of what is asked.
func (s *Service) mayWrite(ctx context.Context, t *term) error {
	if err := s.ready(ctx, t); err != nil {
		if over(ctx, err) {
			return errNotLeading
		}
		return failed(ctx, err)
	}
	s.account(t)
	if t.foreign != nil {
		return unwritten(t.foreign)
	}
	return nil
}

// over says whether the term has ended, and with it what is known of the write.
func over(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, lease.ErrFenced) || errors.Is(err, lease.ErrLost)
}

// failed words the failure of a write.
func failed(ctx context.Context, err error) error {
	switch {
	case over(ctx, err):
		return state.Refuse(state.CodeForwarding, "The leader has lost its lease during the write: %v. It may or may not have been written; the same request again is safe.", err)
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return state.Refuse(state.CodeTooLarge, "The schema is longer than the schemas topic takes: %v", err)
	}
	return state.Refuse(state.CodeStore, "Writing to the schemas topic: %v; nothing was written.", err)
}
