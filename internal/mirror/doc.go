// Package mirror copies topics from one Kafka cluster to another: LinkedIn's
// Brooklin.
//
// A stream reads the partitions of its topics from the stored positions and
// writes each record to the same partition of the same topic at the target: same
// order, key, value (null stays null), headers and timestamp. A position is
// stored on the target (_weir.mirror.positions) only after the target has
// acknowledged, with all in-sync replicas, everything below it.
//
// Any number of processes may run a stream: the one that holds the lease
// mirror-STREAM on the target cluster copies, the others stand by. Positions are
// written under the lease, so that none of an earlier owner follows those that the
// present one began with. The copies are not: they go out outside of transactions.
//
// Guarantee: no loss. A record that the source deleted before it could be read
// is an error that names the offsets, never skipped. So is a topic that has got more
// partitions at the source: the stream has to begin again, which it does once the
// target has as many. Duplicates: none after a clean stop; after a crash, what
// landed since the last stored position (at most a second of records) is copied
// again, and audit names it.
//
// # Crash story
//
// Dead after fetch, before produce: the position is unchanged, the records are
// fetched again. Dead after produce, before the position is written: the records
// are copied a second time. Dead while writing positions: all of a transaction
// count or none; old ones only mean more to copy again. Whoever stands by goes on
// when the lease's session is over.
//
// Stopped, and awake again when another has gone on: until its next position write,
// at most a second later, it copies what the other copies too; that write is
// refused, and it stops and stands by. What it has copied is a duplicate that audit
// names. It moves no position, back or forth. The same holds for one that is cut off
// from the group but not from the brokers. A target whose brokers are all away takes
// the lease with it: the stream goes on at its stored positions when they are back.
//
// Cost: every record is decoded and encoded again; one transaction per second while
// records flow, with a position record per partition that has moved.
//
// Passing batches through untouched, sharing the partitions of a stream among
// processes, and resuming without duplicates come later; the formats that they need
// are written already.
package mirror
