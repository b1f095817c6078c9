package audit

import (
	"fmt"

	"github.com/weirhq/weir/internal/wire"
)

// Verdict is what is known of a window.
type Verdict string

// The verdicts, worst first.
const (
	Lost       Verdict = "lost"       // records of one side are missing on the other
	Duplicated Verdict = "duplicated" // records of one side are there more than once
	Unknown    Verdict = "unknown"    // nobody can say, and the cause is named
	Late       Verdict = "late"       // a side is not closed though its time is over
	Open       Verdict = "open"       // a side is not closed yet
	Complete   Verdict = "complete"   // both sides closed and equal
)

var badness = map[Verdict]int{Lost: 6, Duplicated: 5, Unknown: 4, Late: 3, Open: 2, Complete: 1}

// Worst returns the worse of two verdicts; the empty verdict is no verdict.
func Worst(a, b Verdict) Verdict {
	if badness[b] > badness[a] {
		return b
	}
	return a
}

// Final says whether the verdict stands until something changes.
func (v Verdict) Final() bool { return v != Open && v != Late }

// Side is what one tier knows of a window.
type Side struct {
	Tier   string
	Closed bool
	// Waits says what a side that is not closed waits for.
	Waits string
	// Uncovered says why the side can not be known, empty if it can.
	Uncovered string
	// Low is what is certainly there. High counts also what may be there: records
	// of unknown outcome. Broker tiers have Low == High.
	Low, High wire.Totals
}

// Finding is what comparing a mismatch record by record has shown.
type Finding struct {
	Lost, Duplicated uint64
	Ranges           []Range // nil: no coordinates, and Cause says why
	Cause            string
}

// Pair is the verdict on one edge.
type Pair struct {
	From       string  `json:"from"`
	To         string  `json:"to"`
	Verdict    Verdict `json:"verdict"`
	Lost       uint64  `json:"lost"`
	Duplicated uint64  `json:"duplicated"`
	Cause      string  `json:"cause"`

	pending bool // a mismatch whose finding is not in yet
}

// Judge compares the two sides of an edge. overdue says that the deadline of the
// window has passed; finding is nil until a mismatch was explained.
//
// The first rule that matches decides. From counts alone a number is net: 7 lost
// and 5 duplicated look like 2 lost; a finding has the exact numbers.
func Judge(a, b Side, overdue bool, finding *Finding) Pair {
	p := Pair{From: a.Tier, To: b.Tier}
	closed := a.Closed && b.Closed
	switch {
	case !closed && !overdue:
		p.Verdict, p.Cause = Open, waits(a, b)
	case a.Uncovered != "" || b.Uncovered != "":
		p.Verdict, p.Cause = Unknown, a.Uncovered
		if p.Cause == "" {
			p.Cause = b.Uncovered
		}
	case !closed:
		p.Verdict, p.Cause = Late, waits(a, b)
		p.Lost = below(b.High.Count, a.Low.Count)
	case b.Low.Same(a.Low) || b.Low.Same(a.High):
		p.Verdict = Complete
	case a.Low != a.High:
		p.Verdict = Unknown
		p.Cause = fmt.Sprintf("%s sent between %d and %d records: %d have no known outcome; %s has %d",
			a.Tier, a.Low.Count, a.High.Count, a.High.Count-a.Low.Count, b.Tier, b.Low.Count)
	default:
		mismatch(&p, a.Low, b.Low, finding)
	}
	return p
}

func mismatch(p *Pair, a, b wire.Totals, finding *Finding) {
	if finding != nil {
		p.Lost, p.Duplicated, p.Cause = finding.Lost, finding.Duplicated, finding.Cause
	} else {
		p.Lost, p.Duplicated = below(b.Count, a.Count), below(a.Count, b.Count)
		if a.Count == b.Count {
			p.Lost, p.Duplicated = 1, 1 // at least: other records, equally many
		}
		p.Cause = "net numbers; reading the window again for the exact records"
		p.pending = true
	}
	p.Verdict = Duplicated
	if p.Lost > 0 {
		p.Verdict = Lost
	}
	if p.Lost == 0 && p.Duplicated == 0 {
		p.Verdict, p.Cause = Unknown, "the counts differ, but the records read again do not"
	}
}

// below returns by how much n lies below limit.
func below(n, limit uint64) uint64 {
	if n < limit {
		return limit - n
	}
	return 0
}

func waits(a, b Side) string {
	if !a.Closed {
		return a.Waits
	}
	return b.Waits
}
