package records

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/web"
)

// SearchQuery says what is looked for, and how much may be read for it.
type SearchQuery struct {
	Cluster     string  `json:"cluster"`
	Topic       string  `json:"topic"`
	Partitions  []int32 `json:"partitions,omitempty" doc:"Default: all."`
	From        string  `json:"from,omitempty" doc:"start, a time (RFC 3339) or an offset; default start."`
	To          string  `json:"to,omitempty" doc:"end, a time or an offset, which is not searched any more; default end, as it is at the start of the search."`
	Filter      string  `json:"filter,omitempty" doc:"Text that the key or the value contains."`
	CEL         string  `json:"cel,omitempty" doc:"An expression over key, value, headers, partition, offset, time and json, which is the decoded value or null."`
	Decoder     string  `json:"decoder,omitempty" enum:"auto,text,hex,json,avro" doc:"How matches are shown."`
	Limit       int     `json:"limit,omitempty" minimum:"0" maximum:"1000" doc:"How many matches end the search; default 100."`
	BudgetBytes int64   `json:"budget_bytes,omitempty" minimum:"0" doc:"How many bytes, as stored, end the search; default 256 MiB."`
	BudgetMS    int64   `json:"budget_ms,omitempty" minimum:"0" doc:"After which time the search ends; default 30000."`
	Token       string  `json:"token,omitempty" doc:"Of a search for the same: goes on where that one ended. Then partitions, from and to do not count."`
	DryRun      bool    `json:"dry_run,omitempty" doc:"Only the estimate."`
}

const (
	defaultMatches = 100
	maxMatches     = 1000
	defaultBytes   = 256 << 20
	maxBytes       = 16 << 30
	defaultTime    = 30 * time.Second
	maxTime        = 10 * time.Minute
)

func (q *SearchQuery) check() error {
	if q.Limit == 0 {
		q.Limit = defaultMatches
	}
	if q.BudgetBytes == 0 {
		q.BudgetBytes = defaultBytes
	}
	if q.BudgetMS == 0 {
		q.BudgetMS = defaultTime.Milliseconds()
	}
	if q.Limit < 0 || q.Limit > maxMatches {
		return web.BadRequest("limit", fmt.Sprintf("%d is not a limit", q.Limit), fmt.Sprintf("give a number from 1 to %d", maxMatches))
	}
	if q.BudgetBytes < 0 || q.BudgetBytes > maxBytes {
		return tooLarge("budget_bytes", fmt.Sprintf("%d bytes", q.BudgetBytes), fmt.Sprintf("%d", int64(maxBytes)))
	}
	if q.BudgetMS < 0 || q.BudgetMS > maxTime.Milliseconds() {
		return tooLarge("budget_ms", fmt.Sprintf("%d ms", q.BudgetMS), fmt.Sprintf("%d", maxTime.Milliseconds()))
	}
	return checkDecoder(&q.Decoder)
}

func tooLarge(field, what, most string) error {
	return &web.Error{Status: http.StatusUnprocessableEntity, Code: "budget_too_large", Field: field,
		Message: what + " is no budget of one search", Hint: "give no more than " + most + ", and resume the search by its token"}
}

// The states of a search, and what ended it.
const (
	Running   = "running"
	Done      = "done" // covered, or as many matches as asked for
	Budget    = "budget"
	Cancelled = "cancelled"
	Failed    = "failed"
)

// Progress says how far a search is.
type Progress struct {
	Records      int64 `json:"records" doc:"Looked at; of compacted topics, offsets passed."`
	Bytes        int64 `json:"bytes" doc:"As stored."`
	RecordsTotal int64 `json:"records_total"`
	BytesTotal   int64 `json:"bytes_total" doc:"Estimated; -1: not known."`
	ElapsedMS    int64 `json:"elapsed_ms"`
	ETAMS        int64 `json:"eta_ms" doc:"Until everything is covered, at the pace so far; -1: not known."`
}

// Status is what is known of a search.
type Status struct {
	State    string        `json:"state" enum:"running,done,budget,cancelled,failed"`
	Why      string        `json:"why" doc:"What ended it, in words."`
	Progress Progress      `json:"progress"`
	Matches  []Record      `json:"matches" doc:"In the order in which they were found."`
	Token    string        `json:"token" doc:"Resumes the search; empty: everything was covered."`
	Covered  []OffsetRange `json:"covered"`
	Problems []string      `json:"problems"`
	Error    string        `json:"error"`
}

// Search is one search. Run runs it; everything else may be called at any time.
type Search struct {
	Estimate Estimate

	r       *Reader
	q       SearchQuery
	topic   topic
	filter  *filter
	decoder *decoder
	of      fingerprint
	ranges  []OffsetRange
	stop    context.CancelFunc
	ctx     context.Context // ends by Cancel

	mu       sync.Mutex // guards below
	next     []int64    // of each range, the offset to look at next
	matches  []Record
	bytes    int64
	problems []string
	odd      int // records on which the expression failed
	oddFirst string
	failed   error
	state    string
	why      string
	began    time.Time
	ended    time.Time
	news     chan struct{} // closed and replaced when state or matches change
}

// NewSearch plans a search. sizes, by partition and as stored, and pace, in bytes
// per second, are for its estimate; both may be missing.
func (r *Reader) NewSearch(ctx context.Context, q SearchQuery, sizes map[int32]int64, pace float64) (*Search, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	f, err := newFilter(q.Filter, q.CEL)
	if err != nil {
		return nil, filterInvalid(q, err)
	}
	t, err := r.topic(ctx, q.Topic)
	if err != nil {
		return nil, err
	}
	for _, p := range q.Partitions {
		if _, ok := t.leaders[p]; !ok {
			return nil, web.NotFound(fmt.Sprintf("topic %s has no partition %d", q.Topic, p), fmt.Sprintf("its partitions are 0 to %d", len(t.leaders)-1))
		}
	}
	if len(q.Partitions) > 0 {
		maps.DeleteFunc(t.leaders, func(p, _ int32) bool { return !slices.Contains(q.Partitions, p) })
	}
	s := &Search{
		r: r, q: q, topic: t, filter: f, state: Running, began: time.Now(), news: make(chan struct{}),
		of:      fingerprintOf("search", r.cluster, q.Topic, string(t.id[:]), q.Filter, q.CEL),
		decoder: &decoder{topic: q.Topic, want: q.Decoder, max: textMax(q.Limit), registry: r.registry},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	log, problems := r.log(ctx, t)
	s.problems = problems
	if s.ranges, err = s.plan(ctx, log); err != nil {
		return nil, err
	}
	for _, rg := range s.ranges {
		s.next = append(s.next, rg.From)
	}
	s.Estimate = estimate(s.ranges, log, sizes, pace)
	return s, nil
}

func filterInvalid(q SearchQuery, err error) error {
	e := &web.Error{Status: http.StatusUnprocessableEntity, Code: "filter_invalid", Field: "cel", Message: err.Error(),
		Hint: "it is an expression of CEL over key, value, headers, partition, offset, time and json, such as json.status == 500"}
	if q.CEL == "" || len(q.Filter) > maxFilter {
		e.Field, e.Hint = "filter", "give a shorter text"
	}
	return e
}

// plan returns the ranges of the search.
func (s *Search) plan(ctx context.Context, log map[int32]bounds) ([]OffsetRange, error) {
	if s.q.Token != "" {
		t, err := parseToken(s.q.Token)
		if err == nil && t.of != s.of {
			err = errors.New("the token is of a search for something else, or the topic was made anew")
		}
		if err != nil {
			return nil, &web.Error{Status: http.StatusBadRequest, Code: "bad_token", Field: "token", Message: err.Error(),
				Hint: "take the one of a search with the same topic, filter and expression, or leave it out"}
		}
		return t.left, nil // what the logs hold no more is told as it is read
	}
	from, err := s.offsets(ctx, "from", s.q.From, "start", log)
	if err != nil {
		return nil, err
	}
	to, err := s.offsets(ctx, "to", s.q.To, "end", log)
	if err != nil {
		return nil, err
	}
	return clamp(log, from, to), nil
}

func (s *Search) offsets(ctx context.Context, field, text, otherwise string, log map[int32]bounds) (map[int32]int64, error) {
	if text == "" {
		text = otherwise
	}
	at, err := parsePlace(text)
	if err != nil {
		return nil, web.BadRequest(field, err.Error(), "")
	}
	if !at.at.IsZero() {
		return s.r.since(ctx, s.topic, at.at, log, func(format string, args ...any) {
			s.problems = append(s.problems, fmt.Sprintf(format, args...))
		}), nil
	}
	offsets := map[int32]int64{}
	for p, b := range log {
		if offsets[p] = at.offset; at.end {
			offsets[p] = b.end
		}
	}
	return offsets, nil
}

var (
	errEnough = errors.New("there are as many matches as asked for")
	errBytes  = errors.New("the budget of bytes is spent")
	errTime   = errors.New("the budget of time is spent")
)

// Run runs the search until it has covered its ranges, has found enough, has spent
// its budget, or is cancelled. All of that is in its status.
func (s *Search) Run(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(s.q.BudgetMS)*time.Millisecond, errTime)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(s.ctx, func() { end(context.Canceled) })()
	s.mu.Lock()
	s.began = time.Now()
	s.mu.Unlock()
	var g errgroup.Group
	g.SetLimit(lanes)
	for i, rg := range s.ranges {
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			how := how{searchFetch, s.filter.sift(ctx, s.decoder, rg.Partition)}
			err := s.r.stream(ctx, s.topic, rg, how, func(c chunk) (bool, error) { return true, s.look(ctx, i, c) })
			switch {
			case errors.Is(err, errEnough), errors.Is(err, errBytes):
				end(err)
			case err != nil && ctx.Err() == nil:
				s.fail(err)
			}
			return nil
		})
	}
	_ = g.Wait()
	s.end(context.Cause(ctx))
}

// look examines a chunk. What it has not examined stays to be searched: a match
// that is one too many is found by whoever resumes.
func (s *Search) look(ctx context.Context, i int, c chunk) error {
	s.mu.Lock()
	s.bytes += int64(c.bytes)
	spent := s.bytes >= s.q.BudgetBytes
	if c.skipped != "" {
		s.problems = append(s.problems, c.skipped)
	}
	s.mu.Unlock()
	for _, rec := range c.records {
		if ctx.Err() != nil {
			s.passed(i, rec.Offset)
			return ctx.Err()
		}
		if rec.Attrs.IsControl() {
			continue
		}
		matches, err := s.filter.match(ctx, rec, s.decoder)
		if err != nil {
			s.oddRecord(rec, err)
		}
		if matches && !s.add(i, s.decoder.record(ctx, rec)) {
			return errEnough
		}
	}
	s.passed(i, c.next)
	if spent {
		return errBytes
	}
	return nil
}

// passed says that everything of range i before an offset was examined.
func (s *Search) passed(i int, next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next[i] = max(s.next[i], next)
}

// add takes a match of range i, unless there are enough.
func (s *Search) add(i int, m Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.matches) == s.q.Limit {
		s.next[i] = m.Offset
		return false
	}
	s.matches = append(s.matches, m)
	s.next[i] = m.Offset + 1
	s.announce()
	return len(s.matches) < s.q.Limit
}

func (s *Search) announce() {
	close(s.news)
	s.news = make(chan struct{})
}

func (s *Search) oddRecord(rec *kgo.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.odd++; s.odd == 1 {
		s.oddFirst = fmt.Sprintf("%d/%d: %v", rec.Partition, rec.Offset, err)
	}
}

func (s *Search) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = errors.Join(s.failed, err)
}

// end says what ended the search. Everything covered counts more than its cause.
func (s *Search) end(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = time.Now()
	switch {
	case len(s.left()) == 0:
		s.state, s.why = Done, "everything was covered"
	case s.failed != nil:
		s.state, s.why = Failed, "some of it can not be read"
	case errors.Is(cause, errEnough):
		s.state, s.why = Done, cause.Error()
	case errors.Is(cause, errBytes), errors.Is(cause, errTime):
		s.state, s.why = Budget, cause.Error()
	default:
		s.state, s.why = Cancelled, "it was cancelled, or weir stops"
	}
	s.announce()
}

// Cancel ends the search.
func (s *Search) Cancel() { s.stop() }

// Ended says whether the search has ended, and when.
func (s *Search) Ended() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended, s.state != Running
}

// left returns the ranges that were not examined. The caller holds mu.
func (s *Search) left() (left []OffsetRange) {
	for i, rg := range s.ranges {
		if s.next[i] < rg.To {
			left = append(left, OffsetRange{rg.Partition, s.next[i], rg.To})
		}
	}
	return left
}

// Wait returns when the search has ended, or has more matches than seen, or after
// d at the latest.
func (s *Search) Wait(ctx context.Context, d time.Duration, seen int) {
	for timeout := time.After(d); ; {
		s.mu.Lock()
		news, wait := s.news, s.state == Running && len(s.matches) <= seen
		s.mu.Unlock()
		if !wait {
			return
		}
		select {
		case <-news:
		case <-timeout:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Status returns what is known of the search now.
func (s *Search) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		State: s.state, Why: s.why, Matches: slices.Clone(s.matches), Covered: []OffsetRange{}, Problems: append([]string{}, s.problems...),
		Progress: Progress{Bytes: s.bytes, RecordsTotal: total(s.ranges), BytesTotal: s.Estimate.Bytes, ETAMS: -1},
	}
	if st.Matches == nil {
		st.Matches = []Record{}
	}
	if s.odd > 0 {
		st.Problems = append(st.Problems, fmt.Sprintf("the expression could not be applied to %d records, which so do not match; the first: %s", s.odd, s.oddFirst))
	}
	for i, rg := range s.ranges {
		if s.next[i] > rg.From {
			st.Covered = append(st.Covered, OffsetRange{rg.Partition, rg.From, s.next[i]})
		}
	}
	st.Progress.Records = total(st.Covered)
	st.Token = token{s.of, s.left()}.String()
	if s.failed != nil {
		st.Error = s.failed.Error()
	}
	now := s.ended
	if s.state == Running {
		now = time.Now()
	}
	elapsed := now.Sub(s.began)
	st.Progress.ElapsedMS = elapsed.Milliseconds()
	if p := st.Progress; p.Records > 0 {
		st.Progress.ETAMS = int64(float64(p.ElapsedMS) * float64(p.RecordsTotal-p.Records) / float64(p.Records))
	}
	return st
}
