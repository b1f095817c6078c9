// Package table keeps a compacted topic as a typed map: load it, follow it,
// watch it, put, delete, and compare-and-set by offset.
//
// # What a table holds
//
// The value of a key is its last record that counts, and the version of the value
// is that record's offset. That is what Kafka's compaction keeps, so a table read
// from a compacted log is the table read from the whole log. A record counts
//
//   - when it was written outside of a transaction (acks=all): at once;
//   - when it was written inside of one: once its producer's next marker in that
//     partition is COMMIT. Until then, and for ever after ABORT, nobody sees it.
//
// Reading goes to the high watermark, not to the last stable offset: somebody
// else's open transaction hides its own records and delays nobody. A record that
// commits late takes its place by its offset: it does not replace a later one.
//
// A null value deletes. A record that does not decode, or that is not in the
// partition of its key, is kept out, counted and reported with its offset. If only
// its value does not decode, its key has no value: compaction will drop the value
// before it, and a table must not depend on whether it has.
//
// # Compare-and-set
//
// [Table.CompareAndSet] says: write v if k still has the version that I saw. Kafka
// has no such request. Three steps make one:
//
//  1. Append the record inside a transaction. Now the log has ordered it, and
//     nobody sees it.
//  2. Read up to it. Was the last record of the key that counts, before ours, the
//     one expected? If a transaction with an earlier record of that key is still
//     open, wait for its end.
//  3. Yes: commit. No: abort, and return [ErrConflict].
//
// What is before our record does not change any more, so the answer of step 2 holds
// whenever step 3 comes. Of those who expect the same version the first in the log
// wins and the others read its record before theirs: exactly one wins, without a
// coordinator and without trust in clocks. A put that comes after our record
// replaces it, as a put does.
//
// The design that needs no transaction, in which the record names the version that
// it expects and readers skip it where that does not hold, loses data: compaction
// knows nothing of skipping, keeps the loser because it is the last of its key, and
// drops the winner. Here a loser is aborted, and compaction drops it.
//
// # Crash stories
//
//   - Die before the acknowledgement of a put: it is in the log or not. Restart
//     reads the log. An error of Put says that the outcome is unknown.
//   - Die between steps 1 and 3: the coordinator aborts the transaction after its
//     timeout of 10 s (Kafka looks every 10 s, so up to 20). Until then others who
//     compare-and-set the same key wait; reads and puts do not.
//   - Sleep between 1 and 3 for longer than that: the commit fails, and nothing was
//     written.
//   - Die between 3 and its answer: it is committed or not. Restart reads the log.
//   - Away for longer than half of delete.retention.ms, while the process was
//     stopped or the cluster was out of reach: a deletion may have come and been
//     compacted away unseen, so following on would keep its key for ever. Run loads
//     the table anew after that time, away or not.
//   - The topic is deleted, created again, or loses records that were not yet read:
//     Run and Load return an error, and the table says so for ever.
//
// # Guarantee
//
// All tables of a topic that have read to the same offset hold the same. Get
// returns what was put before by the same table, or something later: Put, Delete
// and CompareAndSet return when this table has read its own record.
//
// # Cost
//
// The map in memory. Load reads the whole topic; All copies the map. Put is one
// produce request, and the fetch that brings it back; CompareAndSet three requests
// (two on Kafka 4) and two fetches, and a table does one at a time. A transaction
// with n open records makes every record of its partition compare with n keys. A
// watcher holds the keys that changed since it looked, up to 1,024 of them.
//
// The embedded engine compacts without regard for open transactions, about once an
// hour: a compare-and-set that loses at that instant can take the value with it.
//
// It is not a cache and not for large values: a value is shared by all who get it,
// and must not be changed.
package table
