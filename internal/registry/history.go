package registry

import (
	"context"
	"encoding/json"
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

// readHistory returns the newest rows of a subject, or of all, the newest first. It
// reads the topic once over.
func (s *Service) readHistory(ctx context.Context, subject string, limit int) ([]History, error) {
	rows := []History{}
	if s.on.Cluster == nil {
		return rows, nil
	}
	u := undecided{open: map[int64][]*fate{}}
	_, err := s.on.Cluster.ReadToEnd(ctx, historyTopic, nil, func(r *kgo.Record) error {
		u.add(r)
		for _, f := range u.pop() {
			var h History
			if !f.committed || subject != "" && string(f.record.Key) != subject || json.Unmarshal(f.record.Value, &h) != nil {
				continue
			}
			if rows = append(rows, h); len(rows) >= 2*limit {
				rows = append(rows[:0], rows[len(rows)-limit:]...)
			}
		}
		return nil
	}, cluster.KeepControl())
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	rows = rows[max(0, len(rows)-limit):]
	slices.Reverse(rows)
	return rows, nil
}
