package actions

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/cluster"
)

// Finding is what is wrong with the log at one record.
type Finding struct {
	Offset int64  `json:"offset"`
	What   string `json:"what"`
}

// Verification is what Verify found.
type Verification struct {
	Records  int64     `json:"records"`
	Writers  int       `json:"writers"`
	Findings []Finding `json:"findings"`
}

// Verify reads a cluster's log and checks its chains. A cluster without a log has
// an empty one. told, if given, is called with how many records of about how many
// are checked.
func Verify(ctx context.Context, c *cluster.Cluster, told ...func(done, total int64)) (Verification, error) {
	v := newVerifier()
	starts, err := c.StartOffsets(ctx, TopicName)
	var ends cluster.Offsets
	if err == nil {
		ends, err = c.EndOffsets(ctx, TopicName)
	}
	if err == nil {
		v.begin(starts[0])
		_, err = c.ReadToEnd(ctx, TopicName, cluster.Offsets{0: starts[0]}, func(r *kgo.Record) error {
			v.add(r.Offset, r.Value)
			for _, f := range told {
				f(v.result.Records, ends[0]-starts[0])
			}
			return nil
		})
	}
	if err = missingIsEmpty(err); err != nil {
		return Verification{}, fmt.Errorf("verifying the actions log: %w", err)
	}
	v.result.Writers = len(v.chains)
	return v.result, nil
}

// verifier follows the chains of a log that is read from its start. It is pure. A
// first record that names none is not a finding: writers may begin at once.
type verifier struct {
	result Verification
	chains map[string]link     // by writer
	seen   map[string]struct{} // hashes of all records
	cut    bool                // the log does not begin at its first record
}

// link is the last record of a writer.
type link struct {
	n    int64
	hash string
}

func newVerifier() *verifier {
	return &verifier{chains: map[string]link{}, seen: map[string]struct{}{}, result: Verification{Findings: []Finding{}}}
}

func (v *verifier) found(offset int64, format string, args ...any) {
	v.result.Findings = append(v.result.Findings, Finding{offset, fmt.Sprintf(format, args...)})
}

func (v *verifier) begin(start int64) {
	if v.cut = start > 0; v.cut {
		v.found(start, "the records before this one were deleted")
	}
}

func (v *verifier) add(offset int64, value []byte) {
	v.result.Records++
	h := hash(value)
	defer func() { v.seen[h] = struct{}{} }()
	r, err := decode(value)
	if err != nil {
		v.found(offset, "this is no action: %v", err)
		return
	}
	last, known := v.chains[r.Writer]
	_, linked := v.seen[r.Prev]
	switch {
	case !known && r.N > 1:
		if !v.cut {
			v.found(offset, "writer %s begins with its record %d: those before are missing", r.Writer, r.N)
		}
	case !known:
		if r.Prev != "" && !linked && !v.cut {
			v.found(offset, "writer %s begins after a record that is not in the log", r.Writer)
		}
	case r.N != last.n+1:
		v.found(offset, "writer %s goes on from record %d to %d", r.Writer, last.n, r.N)
	case r.Prev != last.hash:
		v.found(offset, "record %d of writer %s was followed by another one than this: one of the two was changed", last.n, r.Writer)
	}
	v.chains[r.Writer] = link{r.N, h}
}
