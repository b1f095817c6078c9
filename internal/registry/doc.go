// Package registry is a schema registry that speaks Confluent's HTTP API and
// keeps everything in the `_schemas` topic, byte for byte as other registries
// do, so that it can start on a topic that one of them has written. Any number of
// processes serve one registry; one of them at a time writes.
//
// # Algorithm
//
// The core is pure and is package state: State is the fold of the topic, Plan decides
// a change. The languages are avroschema, jsonschema and protoschema (languages.go).
// This package is the shell.
//
// Every process follows the topic (reader.go) as a consumer that reads committed
// does, and serves what it has read. It sees more than such a consumer: what was
// aborted, which burns ids and has to be repaired (view.go). Every 12 hours it
// reads the topic anew, lest a deletion that it slept through was compacted away.
//
// What it has made of the topic is kept in a file (snapshot.go, snapshots.go), every minute
// if something has changed, and at a clean stop. A start reads on from there, if the
// cluster says that the log is still the one that was read: the topic's id, the end of
// the leader epoch, the offset, and the age against delete.retention.ms. Otherwise it
// serves the file's state as stale, while all of the topic is read beside it; also when
// the cluster has not answered after 2 s. What is stale is readable: Status and /readyz
// say "stale: " and why, changes get 50001. /readyz then is 503, as it is by each system
// that waits for that cluster; who can do with what is stale asks the registry itself.
//
// The writer is who holds the lease "registry" (leader.go, package lease). It has fenced
// its predecessors before it waits for its reader to reach the high watermark. Changes
// are planned one by one on an overlay of the state that it serves, and are committed in
// one transaction with what has come meanwhile: the records of `_schemas`, who, when and
// why (`_weir.registry.history`), and, where they hide older records, the highest id of
// each context (`_weir.registry.state`, ids.go). A change is answered when our own reader
// has passed its offset, and the next group is planned then, with those who ask again at
// once (group.go): so there is one state, and no copy of it. Before its first change a
// leader writes what other registries and dead leaders left such that it can be read in
// two ways: see state.Repairs and view.repairs.
//
// Other processes forward changes to the leader over HTTP (forward.go), once, and
// answer when their own reader has passed the offset of the leader's reply. A
// registration of what a subject has is answered anywhere, without the leader.
//
// What people do (settings, deletions, takeovers, whatever says X-Weir-Via) is in the
// actions log besides, before and after it is done (recorded.go); what clients
// register by themselves is in the history, by its own transaction.
//
// The HTTP table is in http.go and http_*.go, by noun; what Confluent's has no route
// for is in weir's own API (api.go): exports and imports (transfer.go), a set of schemas
// as desired state (apply.go, package desired), what schemas say (search.go), who uses
// them (usage.go), and what has happened (events.go). Whole answers are kept until
// something changes (answers.go): a start of many producers and consumers asks for
// the same few things. testdata/http shows each route's answers and refusals.
//
// An incompatible schema is answered with 409 and error_code 409, as Confluent's
// registry does and its clients look for; the message lists every difference with
// its path. Properties that newer registries added to the answer of a registration go
// to clients that say that they bear them (Confluent-Accept-Unknown-Properties).
//
// Another registry that runs on the topic is seen as a member of its Kafka group
// (rivals.go, writer.go). While it writes, or until a takeover says otherwise, no process
// of weir contends for the lease: all serve reads, and forward changes to it. A takeover
// compares all that both serve (compare.go) and repairs the keys before the first change; a handback sets
// right what readers of uncommitted records have seen, and stops.
//
// # Guarantee
//
//   - A change that was answered is in the topic, committed, and is served by the
//     process that answered. X-Weir-Offset of its answer, sent to any process as
//     X-Weir-Min-Offset, is answered by what it has made.
//   - What a process refuses, it serves the reason of: nothing that it answers hangs on
//     what it has not read.
//   - An id that was answered means that schema for ever and is never given to
//     another one. Nor is the id of a record that was aborted, which registries that
//     read uncommitted have seen, or of one that compaction has removed. The exception
//     is who asks for an id, in mode IMPORT: one whose schema was deleted for good is free.
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
//   - it sleeps and wakes: its next write is fenced. Open requests get 50003, and it
//     follows as the others do.
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
// A registration takes as long as a transaction: on three brokers that share a machine
// and take 54 to 73 ms for a bare one, 30 ms for one client, and 49 ms for each of
// eight, who share transactions (p50; bench/registry, BenchmarkNewVersion).
//
// A snapshot of 100,000 versions of 2 KB is 206 MB, and takes about 0.5 s to write, of
// which 10 to 50 ms hold up what is read from the topic. A start from it takes 0.6 s and
// 0.35 s of CPU, against 3 s of CPU from the topic (bench/registry, BenchmarkStart).
// History is read from its end backwards, at most 30,000 offsets per request.
//
// A version costs about 500 bytes and its text; versions that share a text share its
// memory. Kept answers take up to 16 MiB. A read that is kept costs two map look-ups
// and the sending; one that is not, a few look-ups under a read lock and the making
// of its JSON. A registration of what is there, sent byte for byte as before, is
// such a read, with a hash of its body; otherwise a parse. A new version costs a parse
// or two and waits for one transaction over two partitions and for the fetch that
// brings it back; forwarded, for one HTTP request more. Up to 100 that come together
// share a transaction, or as many as are planned within 2 ms. A start costs one pass
// over the topic, before anything is served, and a parse of each schema after it,
// before this process leads; meanwhile the garbage collector keeps the heap small.
//
// A search takes at most some 150 ms and then says where to go on; what schemas say is
// kept in up to 32 MiB. Of 10,000 subjects with 20 fields, a word that few have takes
// 60 ms, one that all texts have 4 to 190 ms (BenchmarkSearch10000).
//
// # What it is not
//
// It does not run rules, resolve the references of a schema for its clients except
// where they ask for format=resolved, or know associations and exporters. An import is
// no backup of `_schemas`: it takes over versions and settings, and not history.
//
// Of Confluent's parameters all are known (testdata/http/parameters.txt), with these
// differences. schemaTagsToAdd and the like change the metadata, not the text, which
// stays what was registered; findTags finds the tags of both. Its paths are full names,
// in JSON Schema pointers. referenceFormat is default or qualified; another one is
// refused with 422, while a format that is not known is ignored, as Confluent's registry
// does. The config's validateFields and validateRules are kept and returned, and check nothing.
package registry
