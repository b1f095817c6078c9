package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Other registries elect who of them writes in a Kafka group of protocol type "sr":
// each member's metadata says where it is and whether it may lead, and the group's
// leader tells each in its assignment who does. What that means for us is decided
// here, from values.

// protocolType is that of the group.
const protocolType = "sr"

// Member is another registry that runs.
type Member struct {
	ID       string `json:"id" doc:"The member's id in the Kafka group."`
	URL      string `json:"url" doc:"Where it is reached; empty if it does not say."`
	Eligible bool   `json:"eligible" doc:"It may write."`
}

// rivals are the registries that a group has.
type rivals struct {
	members []Member
	leader  string // URL of the one that writes, if that is known
	settled bool   // false while the group elects anew: what its members say is not known
}

// identity is what a member says of itself.
type memberIdentity struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Scheme   string `json:"scheme"`
	Eligible *bool  `json:"master_eligibility"`
}

func (m memberIdentity) url() string {
	if m.Host == "" {
		return ""
	}
	return cmp.Or(m.Scheme, "http") + "://" + net.JoinHostPort(m.Host, strconv.Itoa(m.Port))
}

// rivalsOf reads the description of a group. A member that can not be understood
// counts as one that may write.
func rivalsOf(g kmsg.DescribeGroupsResponseGroup) (r rivals, err error) {
	if err := kerr.ErrorForCode(g.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return r, err
	}
	switch {
	case g.ProtocolType != protocolType, len(g.Members) == 0:
		return rivals{settled: true}, nil
	case g.State != "Stable":
		return rivals{}, nil
	}
	r.settled = true
	var assigned struct {
		Leader *memberIdentity `json:"master_identity"`
	}
	for _, m := range g.Members {
		var id memberIdentity
		if json.Unmarshal(m.ProtocolMetadata, &id) != nil {
			id = memberIdentity{}
		}
		r.members = append(r.members, Member{m.MemberID, id.url(), id.Eligible == nil || *id.Eligible})
		if json.Unmarshal(m.MemberAssignment, &assigned) == nil && assigned.Leader != nil {
			r.leader = assigned.Leader.url()
		}
	}
	slices.SortFunc(r.members, func(a, b Member) int { return cmp.Or(cmp.Compare(a.URL, b.URL), cmp.Compare(a.ID, b.ID)) })
	if r.eligible() == 0 {
		r.leader = ""
	} else if r.leader == "" { // as they elect
		r.leader = r.members[slices.IndexFunc(r.members, func(m Member) bool { return m.Eligible })].URL
	}
	return r, nil
}

func (r rivals) equal(other rivals) bool {
	return r.leader == other.leader && r.settled == other.settled && slices.Equal(r.members, other.members)
}

func (r rivals) eligible() (n int) {
	for _, m := range r.members {
		if m.Eligible {
			n++
		}
	}
	return n
}

// Who writes a registry, as `_weir.registry.state` has it.
const (
	writerWeir  = "weir"
	writerOther = "other"
)

// writer is a record of `_weir.registry.state`, under writerKey: JSON, version 1.
// Without one, weir writes where nobody else does.
type writer struct {
	V      int       `json:"v"`
	Writer string    `json:"writer"` // weir or other
	Since  time.Time `json:"since"`
	By     string    `json:"by,omitempty"`  // process
	Why    string    `json:"why,omitempty"` // for people
}

const writerKey = `{"registry":"writer"}`

// decodeWriter returns the zero writer for a deletion.
func decodeWriter(value []byte) (w writer, err error) {
	if len(value) == 0 {
		return w, nil
	}
	if err := json.Unmarshal(value, &w); err != nil {
		return writer{}, fmt.Errorf("decoding who writes: %w", err)
	}
	if w.V != formatVersion || w.Writer != writerWeir && w.Writer != writerOther {
		return writer{}, fmt.Errorf("decoding who writes: version %d, writer %q: this weir knows version %d, %s and %s", w.V, w.Writer, formatVersion, writerWeir, writerOther)
	}
	return w, nil
}

// errNotOurs: another registry writes, or shall.
var errNotOurs = errors.New("the schemas topic is written by another registry")

// The values of Config.Takeover.
const (
	TakeoverRefuse = "refuse"
	TakeoverIgnore = "ignore"
)

// stand decides whether weir may write. seen says that it has to be written down
// that another registry does: so that weir does not begin to when that one is
// restarted, but when somebody says so.
func stand(policy string, w writer, r rivals) (seen bool, err error) {
	if policy == TakeoverIgnore {
		r = rivals{settled: true}
	}
	switch {
	case !r.settled:
		return false, fmt.Errorf("%w, perhaps: they are electing who writes", errNotOurs)
	case r.eligible() > 0:
		return w.Writer != writerOther, fmt.Errorf("%w, %s", errNotOurs, cmp.Or(r.leader, "which does not say where it is"))
	case w.Writer == writerOther:
		return false, fmt.Errorf("%w since %s (%s), which does not run now; start it, or take over: weir schema takeover", errNotOurs, w.Since.UTC().Format(time.RFC3339), w.Why)
	}
	return false, nil
}
