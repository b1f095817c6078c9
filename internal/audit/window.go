package audit

import (
	"slices"
	"time"
)

// Range is a half-open range of offsets [From, To) of one partition.
type Range struct {
	Tier      string `json:"tier"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
}

// Window is the current verdict on one window of a topic, as the API and the
// commands give it.
type Window struct {
	Start time.Time `json:"start"`
	Topic string    `json:"topic"`
	// Counts by tier; the producers' is of acknowledged records.
	Counts map[string]uint64 `json:"counts"`
	// Verdict is the worst of the pairs'; Lost and Duplicated are their sums.
	Verdict    Verdict `json:"verdict"`
	Lost       uint64  `json:"lost"`
	Duplicated uint64  `json:"duplicated"`
	Pairs      []Pair  `json:"pairs"`
	// Ranges are the lost records by their offsets at the tier before, and the
	// duplicated ones by those of the later copies. null: not known, and a pair's
	// cause says why.
	Ranges []Range `json:"ranges"`
	// Revision counts how often verdict, numbers or ranges have changed since the
	// window was first seen.
	Revision int `json:"revision"`
}

// Settled says whether nothing about the window is under way any more.
func (w Window) Settled() bool {
	return !slices.ContainsFunc(w.Pairs, func(p Pair) bool { return p.pending || !p.Verdict.Final() })
}
