// Package broker is the embedded Kafka engine: one broker in this process, with a data directory, so that one command can run the whole
// platform on a laptop or in a test. It is made for trying weir out; in production the same configuration names Apache Kafka clusters.
//
// The protocol and the storage are franz-go's kfake, and no other package knows that. What this package adds is what a process needs to
// hold data across restarts and to face a socket: a cluster id of its own, kept in the data directory (kfake's are all equal, and weir
// tells clusters apart by it); an exclusive lock on the directory (two engines would write into the same files); a listener that is bound
// before anything is written; and a guard that reads the first eight bytes of every request before kfake sees them.
//
// Guarantee: a record acknowledged with acks=all, on a topic that was created explicitly, survives kill -9 of the process. Topics are
// never created by asking for their metadata, because kfake forgets such topics at a crash. A frame that is negative, larger than
// Config.MaxFrame or of an unknown API closes its connection, is counted (RefusedFrames), and costs no memory.
//
// What it can't do, as measured on kfake v0.0.0-20260918054303 (our tests hold the two on retention and LogAppendTime and the API key):
//   - Loss of power may lose acknowledged records: files are synced, but not the directories that name them (read in its source, not
//     tried).
//   - A crash during compaction loses keys: the old segments are deleted before the new ones are written (a tenth of the acknowledged
//     keys, each time it was tried).
//   - Transactions are not atomic across a crash: of 30 killed in flight, 18 left some of their records visible to read_committed. Nor is
//     the state of idempotent producers saved before a clean end, so a retry after a crash may duplicate.
//   - After retention emptied a partition and a crash, its offsets start at 0 again.
//   - Retention goes by the records' own time, and on compact-only topics too (Apache Kafka never does that): set retention.ms=-1 on every
//     topic that must keep old records.
//   - message.timestamp.type=LogAppendTime is stored and described but not applied: records keep the time that their producer gave.
//   - Quotas are stored and not enforced; racks, replicas and log directories are not real.
//   - A panic in kfake ends the process: its goroutines are its own and nobody can recover for them. An API key that kmsg does not know was
//     the known case, and the guard keeps it out; a request that decodes but confuses a handler could be another. Memory is not bounded
//     either: a request inside the frame limit may decode into many times its size, and a topic is made with as many partitions as
//     asked for. So Config.Listen stays on loopback unless told otherwise.
//
// Cost: one goroutine handles all requests, syncs included (about 700 acknowledged single-record produces a second). While running, memory
// is small (35 MB after 2 GB were produced), but a start loads all data of the directory into memory.
package broker
