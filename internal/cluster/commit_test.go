package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/internal/kafkatest"
)

// Each offset is asked for once, in requests of a bounded size, until one changes
// nothing at all.
func TestCommitAll(t *testing.T) {
	var offsets []GroupOffset
	for i := range 10_000 {
		offsets = append(offsets, GroupOffset{"orders", int32(i), int64(i)})
	}
	broken := errors.New("away")
	f := func(want string, commit func(n int, chunk []GroupOffset) []NotSet) {
		t.Helper()
		var asked []GroupOffset
		n := 0
		notSet := commitAll("billing", offsets, func(chunk []GroupOffset) []NotSet {
			if len(chunk)*(commitOverhead+len("billingorders")) > commitMaxBytes+200 {
				t.Errorf("a request of %d offsets", len(chunk))
			}
			n, asked = n+1, append(asked, chunk...)
			return commit(n, chunk)
		})
		if !slices.Equal(asked, offsets[:len(asked)]) {
			t.Error("they are asked for in another order")
		}
		after := 0
		for _, o := range notSet {
			if o.Err == errNotAsked {
				after++
			}
		}
		if got := fmt.Sprintf("%d asked, %d not set, %d of them not asked", len(asked), len(notSet), after); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	of := func(chunk []GroupOffset) (all []NotSet) {
		for _, o := range chunk {
			all = append(all, NotSet{o, broken, true})
		}
		return all
	}
	f("10000 asked, 0 not set, 0 of them not asked", func(int, []GroupOffset) []NotSet { return nil })
	f("10000 asked, 15 not set, 0 of them not asked", func(_ int, chunk []GroupOffset) []NotSet { return of(chunk[:1]) })
	f("1410 asked, 9295 not set, 8590 of them not asked", func(n int, chunk []GroupOffset) []NotSet {
		if n < 2 {
			return nil
		}
		return of(chunk)
	})
}

// Some offsets are refused, the others are set.
func TestCommitInPart(t *testing.T) {
	kafkatest.EachEngine(t, func(t *testing.T, start func(t testing.TB) string) {
		c := connect(t, start(t))
		ensure(t, c, "orders", 2)
		if err := c.CommitOffsets(t.Context(), "billing", []GroupOffset{{"orders", 1, 1}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // it may become known
		defer cancel()
		err := c.CommitOffsets(ctx, "billing", []GroupOffset{{"orders", 0, 7}, {"nothing", 0, 7}, {"nothing", 3, 1}, {"orders", 1, -1}})
		var partly *CommitError
		if !errors.As(err, &partly) || partly.Asked != 4 || len(partly.NotSet) != 2 || partly.NotSet[0].GroupOffset != (GroupOffset{"nothing", 0, 7}) {
			t.Fatalf("%v, %+v", err, partly)
		}
		if n := partly.NotSet[0]; n.Maybe || !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Errorf("%+v", n)
		}
		if !strings.Contains(err.Error(), "2 of 4 were not set, the first, of nothing/0: UNKNOWN_TOPIC_OR_PARTITION") {
			t.Error(err)
		}
		g, err := c.Group(t.Context(), "billing")
		if err != nil || !slices.Equal(g.Offsets, []GroupOffset{{"orders", 0, 7}}) {
			t.Errorf("%v, %+v", err, g)
		}
		// Nobody answers: each may have been set.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.CommitOffsets(gone, "billing", []GroupOffset{{"orders", 0, 8}}); !errors.As(err, &partly) || !partly.NotSet[0].Maybe {
			t.Errorf("%v", err)
		}
	})
}

func TestRefused(t *testing.T) {
	for err, want := range map[error]bool{
		kerr.TopicAuthorizationFailed: true, kerr.UnknownMemberID: true, kerr.UnknownTopicOrPartition: true, kerr.InvalidCommitOffsetSize: true,
		kerr.CoordinatorNotAvailable: false, kerr.RequestTimedOut: false, kerr.UnknownServerError: false, context.DeadlineExceeded: false,
	} {
		if refused(fmt.Errorf("committing: %w", err)) != want {
			t.Errorf("%v is taken for %v", err, !want)
		}
	}
}
