package records

import (
	"maps"
	"slices"
)

// meta is what is kept of a record until it is known which ones make up a page.
type meta struct {
	partition    int32
	offset, time int64 // time in ms
}

// merge returns the first limit of some partitions' records by time: the latest
// if newest is set, else the earliest. lists holds each partition's records by
// offset; their order within the partition is kept whatever their times, since
// a page has to go on where the one before ended. Equal times go by partition.
func merge(lists map[int32][]meta, newest bool, limit int) []meta {
	var queues [][]meta
	for _, p := range slices.Sorted(maps.Keys(lists)) {
		if l := lists[p]; len(l) > 0 {
			queues = append(queues, l)
		}
	}
	head := func(l []meta) meta {
		if newest {
			return l[len(l)-1]
		}
		return l[0]
	}
	var out []meta
	for len(out) < limit && len(queues) > 0 {
		best := 0
		for i, l := range queues {
			if t, b := head(l).time, head(queues[best]).time; newest && t > b || !newest && t < b {
				best = i
			}
		}
		l := queues[best]
		out = append(out, head(l))
		if newest {
			queues[best] = l[:len(l)-1]
		} else {
			queues[best] = l[1:]
		}
		if len(queues[best]) == 0 {
			queues = slices.Delete(queues, best, best+1)
		}
	}
	return out
}
