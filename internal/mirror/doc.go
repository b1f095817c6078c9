// Package mirror copies topics from one Kafka cluster to another: LinkedIn's
// Brooklin.
//
// A stream reads the partitions of its topics from the stored positions and
// writes each record to the same partition of the same topic at the target: same
// order, key, value (null stays null), headers and timestamp. A position is
// stored on the target (_weir.mirror.positions) only after the target has
// acknowledged, with all in-sync replicas, everything below it.
//
// Guarantee: no loss. A record that the source deleted before it could be read
// is an error that names the offsets, never skipped. Duplicates: none after a
// clean stop; after a crash, what landed since the last stored position (at most
// a second of records) is copied again, and audit names it.
//
// # Crash story
//
// Dead after fetch, before produce: the position is unchanged, the records are
// fetched again. Dead after produce, before the position is written: the records
// are copied a second time. Dead while writing positions: each is a record of its
// own; an old one only means more to copy again.
//
// Cost: every record is decoded and encoded again; one position record per
// partition and second while records flow.
//
// It runs in one process, over assigned partitions. Passing batches through
// untouched, sharing partitions among processes, and resuming without duplicates
// come later; the formats that they need are written already.
package mirror
