package actions

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// The states of an action. On the topic there are Asked, Done and Failed; Unknown
// is an Asked that will have no end.
const (
	Asked   = "asked"
	Done    = "done"
	Failed  = "failed"
	Unknown = "unknown"
)

// Action is a change, as it is asked for.
type Action struct {
	Actor   string          `json:"actor" doc:"Who asked, as told by the caller."`
	Via     string          `json:"via" enum:"page,api,command"`
	System  string          `json:"system" doc:"Which part of weir made the change."`
	Kind    string          `json:"kind" doc:"What was asked, such as topic-delete."`
	Cluster string          `json:"cluster"`
	Target  string          `json:"target" doc:"On what, such as the name of a topic."`
	Change  json.RawMessage `json:"change,omitempty" doc:"The change, as the API takes it. One of more than 16 KiB is cut: its member cut says how long it was, its SHA-256, and how many items its lists had."`
	Reason  string          `json:"reason,omitempty"`
}

// record is what lies on the topic, as JSON, version 1. Readers ignore fields that
// they do not know and refuse another version.
type record struct {
	V  int       `json:"v"`
	ID string    `json:"id"` // of the action: both its records have it
	At time.Time `json:"at"` // by the writer's clock, in whole milliseconds
	Action
	State  string `json:"state"`
	Error  string `json:"error,omitempty"` // of a failed one
	Writer string `json:"writer"`
	N      int64  `json:"n"`    // of the writer's records, from 1
	Prev   string `json:"prev"` // SHA-256 in hex; "" if the log was empty
}

const recordVersion = 1

// encode returns the record's bytes. Action.Change has to be valid JSON or nil.
func (r record) encode() ([]byte, error) {
	r.V, r.At = recordVersion, r.At.UTC().Truncate(time.Millisecond)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encoding an action: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func decode(b []byte) (record, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, fmt.Errorf("decoding an action: %w", err)
	}
	switch {
	case r.V != recordVersion:
		return record{}, fmt.Errorf("decoding an action: version %d, this weir knows %d", r.V, recordVersion)
	case r.ID == "" || r.Writer == "" || r.N < 1:
		return record{}, fmt.Errorf("decoding an action: id %q, writer %q, n %d: one of them is missing", r.ID, r.Writer, r.N)
	case r.State != Asked && r.State != Done && r.State != Failed:
		return record{}, fmt.Errorf("decoding an action: state %q", r.State)
	}
	if r.At = r.At.UTC(); r.At.Year() < 0 || r.At.Year() > 9999 { // which JSON can not say again
		return record{}, fmt.Errorf("decoding an action: year %d", r.At.Year())
	}
	return r, nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
