package serde

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// A schema is used as soon as the registry has answered its registration, and
// somebody else may hear of it before all processes of the registry have: a follower
// lags, a load balancer asks another one than before. So "not found" may mean "not
// yet". Two things are done about it. Every request says the highest offset that a
// reply of the last minute had, and waits for it, so that one Registry never sees the
// registry go back. And what is not found is asked for again, when the process that
// answered has read more, or after a moment at a registry that does not say.
//
// The moment is short, and halves with each thing that is not found after all, down
// to nothing: else a topic of foreign bytes, each of them another id, would be read at
// two records per second. It is whole again after a find, or some time without one.
const (
	firstPatience = 500 * time.Millisecond
	leastPatience = time.Millisecond
	patienceBack  = 10 * time.Second
	maxAgain      = 3 // questions after the first
	// offsetHolds is how long a reply's offset is asked for: the topic may be made
	// anew, and then begin at 0.
	offsetHolds = time.Minute
)

// progress is what is known of how far the registry's processes are.
type progress struct {
	patience time.Duration // at its longest

	mu        sync.Mutex // guards what follows
	offset    int64      // the highest of a reply
	offsetAt  time.Time
	vain      int // questions in a row that found nothing even when asked again
	vainSince time.Time
}

// reached notes the offset of a reply.
func (p *progress) reached(now time.Time, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset >= p.offset || now.Sub(p.offsetAt) > offsetHolds {
		p.offset, p.offsetAt = offset, now
	}
}

// known is the offset that the next reply has to know of, -1 if any does.
func (p *progress) known(now time.Time) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.offsetAt) > offsetHolds {
		return -1
	}
	return p.offset
}

// wait is how long something may take to be found, 0 if it is not asked for again.
func (p *progress) wait(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.vainSince) > patienceBack {
		p.vain = 0
	}
	if wait := p.patience >> p.vain; wait >= leastPatience {
		return wait
	}
	return 0
}

// waited notes how it ended.
func (p *progress) waited(now time.Time, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if found {
		p.vain = 0
		return
	}
	p.vain, p.vainSince = min(p.vain+1, 62), now
}

// request sends a request, and again while nothing is found. Its error is one of ours.
func (r *Registry) request(ctx context.Context, method, path string, body, out any) error {
	x, err := r.send(ctx, r.progress.known(r.now()), method, path, body, out)
	if notFound(err) {
		if wait := r.progress.wait(r.now()); wait > 0 {
			err = r.again(ctx, wait, x, err, func(ctx context.Context, min int64) (*exchange, error) {
				return r.send(ctx, min, method, path, body, out)
			})
		}
		r.progress.waited(r.now(), err == nil)
	}
	return judge(err)
}

// again asks for what was not found before, as x and missing say, until it is found
// or the wait is over.
func (r *Registry) again(ctx context.Context, wait time.Duration, x *exchange, missing error, ask func(context.Context, int64) (*exchange, error)) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if !x.weir {
		<-waiting.Done()
		_, err := ask(ctx, -1)
		return err
	}
	for range maxAgain {
		next, err := ask(waiting, x.offset+1)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case waiting.Err() != nil && err != nil, refusedWith(err, codeBehind):
			return missing // nothing has come since
		case !notFound(err):
			return err
		}
		x, missing = next, err
	}
	return missing
}

// codeBehind is weir's refusal to answer as of an offset that it has not read.
const codeBehind = 50002

func notFound(err error) bool {
	return refusedWith(err, sr.ErrSchemaNotFound.Code, sr.ErrSubjectNotFound.Code, sr.ErrVersionNotFound.Code)
}

// refusedWith says whether an error is the registry's refusal with one of the codes.
func refusedWith(err error, codes ...int) bool {
	var refused *sr.ResponseError
	return errors.As(err, &refused) && slices.Contains(codes, refused.ErrorCode)
}

// judge makes one of our errors of one of sr's.
func judge(err error) error {
	var refused *sr.ResponseError
	var poison Poison
	switch {
	case err == nil, errors.As(err, &poison):
		return err
	case errors.As(err, &refused) && final(refused.ErrorCode):
		return fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return fmt.Errorf("%w: %w", ErrRegistry, err)
}
