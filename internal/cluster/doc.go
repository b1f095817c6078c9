// Package cluster is weir's handle on one Kafka cluster: connections for each
// role, topics made and checked, and the two ways in which weir reads what it
// remembers: [Cluster.ReadToEnd] for what a topic holds now and
// [Cluster.Follow] for what comes after.
//
// Guarantee: ReadToEnd hands over every record between the given offsets and
// the high watermark noted at the call, once, in the order of each partition,
// or returns an error; it never takes an offset that the log no longer holds
// for another one. "To the end" is the high watermark, not the last stable
// offset, which any open transaction pins.
//
// Cost: one connection set per client; ReadToEnd holds one fetch response.
//
// It is not a wrapper: callers use the types of kgo and kadm.
package cluster
