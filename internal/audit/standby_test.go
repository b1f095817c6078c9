package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/internal/mirror"
	"github.com/weirhq/weir/internal/wire"
)

// Of several auditors one counts, and all say the same. Whoever counts is stopped,
// put out of the group, or finds rows that were written without the lease: no record
// is left out, and none counted twice.
func TestStandby(t *testing.T) {
	t.Parallel()
	kafkatest.EachEngine(t, func(t *testing.T, start func(testing.TB) string) {
		h := newHouse(t, start)
		stream, err := mirror.New(mirror.Config{Stream: "east", Topics: []string{"views", "orders"}, PositionEvery: 100 * time.Millisecond, Holder: "mirror"}, h.local, h.aggregate)
		if err != nil {
			t.Fatal(err)
		}
		running(t, "mirror", stream.Run)
		one, _, stopOne := h.audit(t, "one")
		leads(t, one, "one")
		two, twoLog, _ := h.audit(t, "two")
		leads(t, two, "one")
		h.produce(t)
		began := time.Now()
		stopOne()
		twoLog.has(t, "counter starts", 4)
		if took := time.Since(began); took > session-time.Second {
			t.Errorf("handing over took %v: that is how long a crash takes", took)
		}
		three, threeLog, _ := h.audit(t, "three")
		counted(t, 1, two, three)
		leads(t, three, "two")

		evict(t, h.local)
		h.produce(t)
		twoLog.has(t, "joining again as a follower", 1)
		eventually(t, func() string {
			if l := two.Leader(); l == nil || twoLog.count("counter starts")+threeLog.count("counter starts") < 8 {
				return fmt.Sprintf("nobody counts after an eviction; the leader is said to be %+v", l)
			}
			return ""
		})
		counted(t, 2, two, three)
		for _, s := range []*Service{two, three} {
			if n := s.outOfPlace(); n != 0 {
				t.Errorf("%d rows out of place", n)
			}
		}

		stopRogue := h.countWithoutLease(t, two)
		h.produce(t)
		eventually(t, func() string {
			if two.outOfPlace() == 0 || three.outOfPlace() == 0 {
				return "no row was out of place"
			}
			return ""
		})
		stopRogue()
		counted(t, 3, two, three)
		if n := twoLog.count("counting again") + threeLog.count("counting again"); n == 0 {
			t.Error("no counter has counted again, though rows were out of place")
		}
	})
}

// leads waits until the auditor names who counts.
func leads(t *testing.T, s *Service, holder string) {
	t.Helper()
	eventually(t, func() string {
		if l := s.Leader(); l == nil || l.Holder != holder {
			return fmt.Sprintf("%s does not lead, but %+v", holder, l)
		}
		return ""
	})
}

// counted waits until all auditors find complete what was produced so many times.
func counted(t *testing.T, times uint64, services ...*Service) {
	t.Helper()
	for _, s := range services {
		eventually(t, func() string {
			windows, _, _ := s.Windows("views", time.Time{}, time.Time{})
			done := len(windows) == 3
			for _, w := range windows {
				done = done && w.Settled() && w.Verdict == Complete && w.Counts[Producer] == 50*times && w.Counts["aggregate"] == 51*times
			}
			if !done {
				return fmt.Sprintf("%s: %+v", s.cfg.Holder, windows)
			}
			return ""
		})
	}
}

func (s *Service) outOfPlace() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected["row out of place"]
}

func (l *safeLog) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// evict puts who counts out of the group, as the broker does with those it does not
// hear from.
func evict(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	group := wire.LeaseTopic(leaseName)
	eventually(t, func() string {
		describe := kmsg.NewPtrDescribeGroupsRequest()
		describe.Groups = []string{group}
		resp, err := describe.RequestWith(t.Context(), client)
		if err != nil || len(resp.Groups) != 1 {
			t.Fatalf("describing the group: %+v, %v", resp, err)
		}
		for _, m := range resp.Groups[0].Members {
			var assigned kmsg.ConsumerMemberAssignment
			if err := assigned.ReadFrom(m.MemberAssignment); err != nil || len(assigned.Topics) == 0 {
				continue // a follower, or the group is not stable yet
			}
			leave := kmsg.NewPtrLeaveGroupRequest()
			member := kmsg.NewLeaveGroupRequestMember()
			member.MemberID = m.MemberID
			leave.Group, leave.MemberID, leave.Members = group, m.MemberID, append(leave.Members, member)
			if resp, err := leave.RequestWith(t.Context(), client); err != nil || resp.ErrorCode != 0 {
				t.Errorf("evicting: %+v, %v", resp, err)
			}
			return ""
		}
		return "nobody to evict"
	})
}

// countWithoutLease writes rows of views at the first tier, as a weir of before leases
// would, sooner than who holds the lease.
func (h *house) countWithoutLease(t *testing.T, s *Service) (stop func()) {
	t.Helper()
	info, err := h.local.Topic(t.Context(), "views")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := h.local.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rows.Close)
	s.mu.Lock()
	from := s.ledger.Counted("views", h.local.Name, info.ID)
	s.mu.Unlock()
	rogue := &counter{
		topic: "views", cluster: h.local, window: serviceWindow, interval: 20 * time.Millisecond, log: slog.New(slog.DiscardHandler),
		do:      func(ctx context.Context, rs ...*kgo.Record) error { return rows.ProduceSync(ctx, rs...).FirstErr() },
		refused: func() bool { return false },
	}
	return running(t, "counter without the lease", func(ctx context.Context) error { return rogue.run(ctx, info, from) })
}
