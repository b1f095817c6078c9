package wire

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var leader = Leader{Holder: `zweiter, "Stock"`, URL: "http://host-1:8080", Since: time.Date(2026, 11, 22, 10, 0, 0, 123e6, time.UTC)}

func TestParseLeader(t *testing.T) {
	for _, text := range []string{
		``, `null`, `{}`, `[]`, `{"v":1}`, `{"v":2,"holder":"a"}`, `{"holder":"a"}`, `{"v":1,"holder":"a","since":"yesterday"}`, `{"v":1,"holder":7}`,
		`{"v":1,"holder":"a","since":"9999-12-31T23:59:59-14:00"}`, `{"v":1,"holder":"a","since":"0000-01-01T00:00:00+14:00"}`,
	} {
		if l, err := ParseLeader([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s reads as %+v, error %v", text, l, err)
		}
	}
	// Written by a clock that is finer, elsewhere, by a weir that says more.
	got, err := ParseLeader([]byte(`{"v":1,"holder":"zweiter, \"Stock\"","url":"http://host-1:8080","since":"2026-11-22T11:00:00.123999999+01:00","new":true}`))
	if diff := cmp.Diff(leader, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	fine := leader
	fine.Since = fine.Since.Add(999_999).In(time.FixedZone("", 3600))
	if got := string(fine.Append([]byte("x"))); got != "x"+string(leader.Append(nil)) {
		t.Errorf("it is written as %s", got)
	}
}

func FuzzLeader(f *testing.F) { fuzzFormat(f, "leader") }
