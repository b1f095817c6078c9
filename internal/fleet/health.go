package fleet

import (
	"fmt"
	"time"
)

// staleAfter is from when on numbers are too old to call a cluster ok: three times
// as old as they get between two refreshes.
const staleAfter = 15 * time.Second

// judge returns the word for a cluster's health, and why it is not ok. It is
// pure.
func judge(s *ClusterSummary) (health string, reasons []string) {
	reasons = []string{}
	switch s.State {
	case "down":
		return "down", append(reasons, s.Error)
	case "unknown":
		return "unknown", append(reasons, "it has not answered yet")
	}
	count := func(n int, one, many string) {
		switch {
		case n == 1:
			reasons = append(reasons, "1 "+one)
		case n > 1:
			reasons = append(reasons, fmt.Sprintf("%d %s", n, many))
		}
	}
	count(s.BrokersDown, "broker is down", "brokers are down")
	count(s.Offline, "partition has no leader", "partitions have no leader")
	count(s.UnderMinISR, "partition is under its min.insync.replicas", "partitions are under their min.insync.replicas")
	count(s.UnderReplicated, "partition is under-replicated", "partitions are under-replicated")
	if age := time.Duration(s.AgeMillis) * time.Millisecond; age > staleAfter {
		reasons = append(reasons, fmt.Sprintf("its numbers are %v old", age.Round(time.Second)))
	}
	if len(reasons) == 0 && len(s.Problems) > 0 {
		reasons = append(reasons, s.Problems...)
	}
	if len(reasons) > 0 {
		return "degraded", reasons
	}
	return "ok", reasons
}
