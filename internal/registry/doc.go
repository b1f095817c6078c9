// Package registry is a schema registry that speaks Confluent's HTTP API and
// keeps everything in the `_schemas` topic, byte for byte as other registries
// do, so that it can start on a topic that one of them has written. Any number of
// processes serve one registry; one of them at a time writes.
//
// # Algorithm
//
// The core is pure. State is what a replay of the topic gives; State.Apply is the
// only thing that changes it. State.Plan decides a registration: the subject has
// the schema already (the same canonical text, references, metadata and rule set),
// or it is new there, and then it must parse, and must be compatible with the
// versions before it at the level that the topic sets for the subject. A schema
// that any subject has keeps its id; others get the highest id ever seen + 1.
//
// Every process follows the topic (reader.go) as a consumer that reads committed
// does, and serves what it has read. It sees more than such a consumer: what was
// aborted, which burns ids and has to be repaired (view.go). Every 12 hours it
// reads the topic anew, lest a deletion that it slept through was compacted away.
//
// The writer is who holds the lease "registry" (leader.go, package lease). It has
// fenced its predecessors before it waits for its reader to reach the high
// watermark and copies the state. Changes are planned one by one on that copy and
// what was planned before them, and are committed in one transaction with what has
// come meanwhile: the records of `_schemas`, the high id that they raise
// (`_weir.registry.state`), and who, when and why (`_weir.registry.history`). A
// change is answered when our own reader has passed its offset.
//
// Other processes forward changes to the leader over HTTP (forward.go), once, and
// answer when their own reader has passed the offset of the leader's reply. A
// registration of what a subject has is answered anywhere, without the leader.
//
// Schemas of types JSON and PROTOBUF, and Avro schemas that we can not parse,
// are opaque: they are served as they are and found by their exact text.
//
// # Guarantee
//
//   - A change that was answered is in the topic, committed, and is served by the
//     process that answered. X-Weir-Offset of its answer, sent to any process as
//     X-Weir-Min-Offset, is answered by what it has made.
//   - An id that was answered means that schema for ever and is never given to
//     another one. Nor is the id of a record that was aborted, which registries that
//     read uncommitted have seen, or of one that compaction has removed.
//   - Who reads uncommitted is set right: before its first write a leader writes
//     each key whose last record was aborted again, as it was committed.
//   - A record that is malformed or contradicts an earlier one is kept out of
//     the state, counted and listed by Status. It is not rewritten.
//   - We refuse to write rather than corrupt: to a topic that is deleted from or has
//     more than one partition, and beside a foreign writer, whose first record after
//     we took the lease ends our writes with its offset and key.
//
// # Crash story
//
// The leader dies, or its connection breaks,
//
//   - before the commit: the next leader's fencing aborts the transaction. Nothing
//     was answered, the id is burnt, the keys are repaired before anything is written.
//   - in the repair: it is a transaction like others, and is done again.
//   - after the commit, before the answer: the record is there. The client asks again
//     and gets the same id. A leader that lives, and does not know, answers 50003,
//     ends its term, and reads in the next one what became of it.
//   - it sleeps and wakes: its next write is fenced. Open requests get 50003, the copy
//     is dropped, and it follows as the others do.
//
// A commit that was refused as a whole (nothing was written) is answered with 50001
// for the change whose fault it is; the others of its group are tried again alone. A
// follower dies in the middle of forwarding: the client asks again. Nobody leads:
// changes wait, up to WriteTimeout, and then get 50004. The embedded engine is killed
// in a transaction and forgets it: its records count, as they do for all who read it
// committed (Service.unblock).
//
// # Cost
//
// A version costs about 400 bytes and its text; versions that share a text share
// its memory; the leader's copy costs 400 bytes more per version, and texts nothing.
// Reads are map lookups under a read lock. A registration parses the new schema and
// the latest live one, about 1 ms together for schemas of 40 fields whatever the
// number of schemas (BenchmarkRegister), and waits for one transaction over three
// partitions and for the fetch that brings it back; forwarded, for one HTTP request
// more. Up to 100 that come together share a transaction, or as many as are planned
// within 2 ms. A start costs one pass over the topic with one scan of each schema's
// text, 0.2 ms for such a schema (BenchmarkReplay); taking the lease costs the copy,
// and after a leader that died session timeout.
//
// # What it is not
//
// It does not yet take over from, or hand back to, a Confluent registry that runs: it
// notices one that writes. It knows one context: ":.ctx:name" is a plain name. It does
// not register JSON, Protobuf, references, metadata or rule sets, does not delete, and
// does not change compatibility or mode; it honours what the topic says of them. The
// request parameter normalize is ignored. Compatibility is judged by twmb/avro, which
// names the first difference only, and differs from Avro Java in two cases: a
// reader's new field of type ["null", T] without a default is accepted, and
// another scale of a decimal is refused.
package registry
