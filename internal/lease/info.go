package lease

import (
	"encoding/json"
	"fmt"
	"time"
)

// Info says who leads. On the topic it is JSON under the key "leader", version 1:
//
//	{"v":1,"holder":"host-1","url":"http://host-1:8080","since":"2026-11-22T10:00:00Z"}
//
// Readers ignore fields that they do not know and refuse another version. A null
// value says that the last leader has left.
type Info struct {
	Holder string    // who, for people
	URL    string    // where its web pages are; may be empty
	Since  time.Time // when it took the lease, by its clock, in whole milliseconds
}

// leaderKey is the key of the record.
const leaderKey = "leader"

const infoVersion = 1

type infoJSON struct {
	V      int       `json:"v"`
	Holder string    `json:"holder"`
	URL    string    `json:"url,omitempty"`
	Since  time.Time `json:"since"`
}

func (i Info) encode() []byte {
	b, err := json.Marshal(infoJSON{infoVersion, i.Holder, i.URL, i.Since.UTC().Truncate(time.Millisecond)})
	if err != nil { // a year beyond 9999
		panic(err)
	}
	return b
}

func decodeInfo(b []byte) (Info, error) {
	var j infoJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return Info{}, fmt.Errorf("decoding the leader record: %w", err)
	}
	if j.V != infoVersion {
		return Info{}, fmt.Errorf("decoding the leader record: version %d, this weir knows %d", j.V, infoVersion)
	}
	if j.Holder == "" {
		return Info{}, fmt.Errorf("decoding the leader record: it names no holder")
	}
	since := j.Since.UTC()
	if y := since.Year(); y < 0 || y > 9999 { // which JSON can not say again
		return Info{}, fmt.Errorf("decoding the leader record: since year %d", y)
	}
	return Info{j.Holder, j.URL, since}, nil
}
