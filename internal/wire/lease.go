package wire

import (
	"encoding/json"
	"fmt"
	"time"
)

// LeaseTopic takes the leaders of a lease: compacted, one partition, one key. Its
// name is that of the contenders' consumer group too. A null value says that the
// last leader has left.
func LeaseTopic(lease string) string { return "_weir.lease." + lease }

// LeaderKey is the one key of a LeaseTopic.
const LeaderKey = "leader"

const leaderVersion = 1

// Leader says who holds a lease.
//
// Format: JSON, version 1. Readers ignore fields that they do not know.
//
//	{"v":1,"holder":"host-1","url":"http://host-1:8080","since":"2026-11-22T10:00:00Z"}
type Leader struct {
	Holder string    // who, for people
	URL    string    // where its web pages are; may be empty
	Since  time.Time // when it took the lease, by its clock, in whole milliseconds
}

type leaderJSON struct {
	V      int       `json:"v"`
	Holder string    `json:"holder"`
	URL    string    `json:"url,omitempty"`
	Since  time.Time `json:"since"`
}

// Append appends the encoded value to dst.
func (l Leader) Append(dst []byte) []byte {
	b, err := json.Marshal(leaderJSON{leaderVersion, l.Holder, l.URL, l.Since.UTC().Truncate(time.Millisecond)})
	if err != nil {
		panic(err) // a year beyond 9999
	}
	return append(dst, b...)
}

// ParseLeader decodes a value of a LeaseTopic.
func ParseLeader(b []byte) (Leader, error) {
	var j leaderJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return Leader{}, fmt.Errorf("%w leader: %w", ErrMalformed, err)
	}
	since := j.Since.UTC().Truncate(time.Millisecond)
	switch year := since.Year(); {
	case j.V != leaderVersion:
		return Leader{}, fmt.Errorf("%w leader: version %d is not known, only %d", ErrMalformed, j.V, leaderVersion)
	case j.Holder == "":
		return Leader{}, fmt.Errorf("%w leader: it names no holder", ErrMalformed)
	case year < 0 || year > 9999: // which JSON can not say again
		return Leader{}, fmt.Errorf("%w leader: since year %d", ErrMalformed, year)
	}
	return Leader{j.Holder, j.URL, since}, nil
}
