package registry

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/registry/state"
)

// handBack makes a leader the last one: who reads uncommitted sees what was
// committed, then it is written down that weir writes no more. It is called by lead.
func (s *Service) handBack(ctx context.Context, t *term, why string) error {
	t.stale = true // what was aborted in this term is looked for
	if err := s.ready(ctx, t); err != nil {
		return err
	}
	return t.commit(ctx, s.writes(writerOther, cmp.Or(why, "it was handed back")).records("handback")...)
}

// ending asks a term to hand back.
type ending struct {
	why  string
	done chan error // of capacity 1
}

// HandBack ends weir's writing, here or by the leader. It returns when that is so.
func (s *Service) HandBack(ctx context.Context, why string, forwarded bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WriteTimeout)
	defer cancel()
	for {
		s.mu.RLock()
		t, gone, moved := s.term, s.stance.writer.Writer == writerOther, s.moved
		s.mu.RUnlock()
		if gone {
			return nil
		}
		if t != nil {
			if err := s.endTerm(ctx, t, why); !errors.Is(err, errNotLeading) {
				return err
			}
		} else if leader, ok := s.lease.Leader(); ok && leader.URL != "" && leader.URL != s.on.URL && !forwarded {
			return handBackAt(ctx, leader.URL, why)
		}
		select {
		case <-moved:
		case <-time.After(leaderPoll):
		case <-ctx.Done():
			return state.Refuse(state.CodeNoLeader, "No process of weir leads the registry, so nothing can be written before it is handed back.")
		}
	}
}

// handBackAt asks the leader to hand back.
func handBackAt(ctx context.Context, url, why string) error {
	err := (&remote.Client{URL: url, Reason: why}).Do(ctx, http.MethodPost, handbackPath, nil, HandbackRequest{Apply: true, Reason: why, Forwarded: true}, nil)
	if err != nil {
		return state.Refuse(state.CodeForwarding, "Handing back by the leader at %s: %v. It may or may not have been done; the same request again is safe.", url, err)
	}
	return nil
}

func (s *Service) endTerm(ctx context.Context, t *term, why string) error {
	e := ending{why, make(chan error, 1)}
	select {
	case t.handback <- e:
	case <-t.over:
		return errNotLeading
	case <-ctx.Done():
		return state.Refuse(state.CodeTimeout, "Waiting for other writes took longer than %v; it is not handed back.", s.cfg.WriteTimeout)
	}
	select {
	case err := <-e.done:
		if err != nil {
			return failed(ctx, err)
		}
		return nil
	case <-ctx.Done():
		return state.Refuse(state.CodeTimeout, "Writing that it is handed back took longer than %v. It may or may not have been done; the same request again is safe.", s.cfg.WriteTimeout)
	}
}
