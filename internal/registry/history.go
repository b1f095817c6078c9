package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

// The topic `_weir.registry.history` says of each change who made it, when and why.
// Its rows are kept for ever; they are JSON, version 1, under the subject as key,
// and are written in the transaction of the change.
const historyTopic = "_weir.registry.history"

// History is a row.
type History struct {
	V       int       `json:"v"`
	At      time.Time `json:"at"` // by the leader's clock
	Who     string    `json:"who,omitempty"`
	From    string    `json:"from,omitempty"` // address of the client
	Reason  string    `json:"reason,omitempty"`
	Source  string    `json:"source,omitempty"`
	What    string    `json:"what"`              // register, delete, forget, config, mode, clear, takeover, handback, other-registry
	Subject string    `json:"subject,omitempty"` // empty: the whole registry
	Version int       `json:"version,omitempty"`
	ID      int       `json:"id,omitempty"`
}

// Meta is what a change's history says besides the change.
type Meta struct {
	Who    string // as the client names itself: nothing has checked it
	From   string
	Reason string
	Source string
}

// metaOf reads the headers of a request. One that was forwarded comes from the
// client that the follower names.
func metaOf(r *http.Request) Meta {
	m := Meta{From: r.RemoteAddr, Reason: r.Header.Get(headerReason), Source: r.Header.Get(headerSource)}
	if from := r.Header.Get(headerFrom); from != "" && r.Header.Get(headerForward) != "" {
		m.From = from
	}
	if m.Who, _, _ = r.BasicAuth(); m.Who == "" {
		m.Who = r.Header.Get(headerActor)
	}
	return m
}

// historyOf returns the row of a record that is being written, nil if it changes nothing.
func historyOf(m Meta, r state.Record, now time.Time) *kgo.Record {
	k, err := wire.ParseSchemasKey(r.Key)
	if err != nil {
		return nil
	}
	h := History{
		V: formatVersion, At: now.UTC().Truncate(time.Millisecond), Who: m.Who, From: m.From, Reason: m.Reason, Source: m.Source,
		Subject: k.Subject, Version: k.Version,
	}
	deleted := len(r.Value) == 0
	switch k.Type {
	case wire.SchemasSchema:
		v, err := wire.ParseSchemaValue(r.Value)
		switch {
		case deleted:
			h.What = "forget" // for good
		case err == nil && v.Deleted:
			h.What = "delete"
		default:
			h.What = "register"
		}
		h.ID = v.ID
	case wire.SchemasDeleteSubject:
		h.What = "delete"
		h.Version, _ = wire.ParseSchemasDelete(r.Value) // up to it
	case wire.SchemasClearSubject:
		h.What = "clear"
	case wire.SchemasConfig:
		h.What = "config"
	case wire.SchemasMode:
		h.What = "mode"
	default:
		return nil
	}
	value, err := json.Marshal(h)
	if err != nil { // a year beyond 9999
		return nil
	}
	return &kgo.Record{Topic: historyTopic, Key: []byte(h.Subject), Value: value}
}

const (
	// historyChunk is how many offsets of history are read first, and twice as many with
	// each further step back.
	historyChunk = 1000
	// historyBudget is how many offsets one request goes back: some megabytes.
	historyBudget = 30_000
)

// historyBefore returns the newest rows of a subject, or of all, the newest first: those
// below an offset of the history, or below its end (0). next is 0 if that are all;
// otherwise there may be more below next. There may be none in the part of the history
// that one request reads.
//
// It goes back from the end in steps, and reads each step forward: what a transaction came
// to is said behind its records.
func (s *Service) historyBefore(ctx context.Context, subject string, limit int, before int64) (rows []History, next int64, err error) {
	rows = []History{}
	if s.on.Cluster == nil {
		return rows, 0, nil
	}
	starts, err := s.on.Cluster.StartOffsets(ctx, historyTopic)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the history: %w", err)
	}
	ends, err := s.on.Cluster.EndOffsets(ctx, historyTopic)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the history: %w", err)
	}
	start, to := starts[0], ends[0]
	if before > 0 {
		to = max(start, min(to, before))
	}
	last := max(start, to-historyBudget)
	for step := int64(historyChunk); to > last; step *= 2 {
		from := max(last, to-step)
		found, err := s.historyIn(ctx, subject, from, to)
		if err != nil {
			return nil, 0, fmt.Errorf("reading the history: %w", err)
		}
		for _, row := range slices.Backward(found) {
			if rows = append(rows, row.History); len(rows) == limit {
				return rows, above(row.offset, start), nil
			}
		}
		to = from
	}
	return rows, above(to, start), nil
}

// above is offset, or 0 if nothing is below it.
func above(offset, start int64) int64 {
	if offset <= start {
		return 0
	}
	return offset
}

type historyRow struct {
	History
	offset int64
}

// errEnough ends a reading before the end of the topic.
var errEnough = errors.New("enough is read")

// historyIn returns the rows at offsets [from, to) that count. Beyond to it reads until
// nothing below is open.
func (s *Service) historyIn(ctx context.Context, subject string, from, to int64) (rows []historyRow, err error) {
	u := undecided{open: map[int64][]*fate{}}
	_, err = s.on.Cluster.ReadToEnd(ctx, historyTopic, cluster.Offsets{0: from}, func(r *kgo.Record) error {
		if r.Offset < to || r.Attrs.IsControl() {
			u.add(r)
		}
		for _, f := range u.pop() {
			var h History
			if f.committed && (subject == "" || string(f.record.Key) == subject) && json.Unmarshal(f.record.Value, &h) == nil {
				rows = append(rows, historyRow{h, f.record.Offset})
			}
		}
		if r.Offset >= to-1 && len(u.queue) == 0 {
			return errEnough
		}
		return nil
	}, cluster.KeepControl())
	if errors.Is(err, errEnough) {
		err = nil
	}
	return rows, err
}
