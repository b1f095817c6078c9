// Package cluster is weir's handle on one Kafka cluster: connections for each
// role, topics made and checked, and the two ways in which weir reads what it
// remembers: [Cluster.ReadToEnd] for what a topic holds now and
// [Cluster.Follow] for what comes after. [Cluster.Refresh] asks a cluster for
// everything that watchers need, and builds an immutable [Snapshot] of it.
//
// Guarantee: ReadToEnd hands over every record between the given offsets and
// the high watermark noted at the call, once, in the order of each partition,
// or returns an error; it never takes an offset that the log no longer holds
// for another one. "To the end" is the high watermark, not the last stable
// offset, which any open transaction pins.
//
// A snapshot says of each value whether it is of its own refresh: what a broker
// did not answer in time is what the snapshot before had, marked stale, with the
// broker's error beside it. No broker delays a refresh by more than its timeout.
//
// Cost: one connection set per client; ReadToEnd holds one fetch response. A
// refresh sends three requests and three more per broker, and one more when
// settings are due. For 10,000 partitions in 1,000 topics on three brokers, without
// settings: 12 requests, 33 to 36 ms of CPU on a shared 2-core machine, half of what
// the same takes through kadm, and 178 bytes held per partition; the snapshot
// before, while it is held too, as much again. Measured by
//
//	go test -run '^$' -bench . -benchtime 20x ./bench/cluster
//
// It is not a wrapper: callers use the types of kgo and kadm.
package cluster
