// Package registry is a schema registry that speaks Confluent's HTTP API and
// keeps everything in the `_schemas` topic, byte for byte as other registries
// do, so that it can start on a topic that one of them has written.
//
// # Algorithm
//
// The core is pure. State is what a replay of the topic gives; State.Apply is
// the only thing that changes what is served, at the start and after each write
// alike. State.Plan decides a registration: the subject has the schema already
// (the same canonical text, references, metadata and rule set), or it is new
// there, and then it must parse, and must be compatible with the versions
// before it at the level that the topic sets for the subject. A schema that any
// subject has keeps its id; others get the highest id ever seen + 1. The shell,
// Service, does one write at a time: plan, append, apply, answer.
//
// Schemas of types JSON and PROTOBUF, and Avro schemas that we can not parse,
// are opaque: they are served as they are and found by their exact text.
//
// # Guarantee
//
//   - A registration that was answered with an id is in the topic, with acks=all.
//   - An id that was answered means that schema for ever and is never given to
//     another one. Equal schemas have equal ids, over subjects and restarts.
//   - A record that is malformed or contradicts an earlier one is kept out of
//     the state, counted and listed by Status. No record is rewritten.
//
// # Crash story
//
// We die, or the append returns an error,
//
//   - before the record is in the topic: nothing was answered. The next start
//     does not see it, and the client registers again.
//   - after the record is in the topic, before the answer: the next start
//     replays it; the client registers again and gets its id.
//   - with an append of unknown outcome, and we live: its id and its version
//     number are burnt for the life of the process, since the record may still
//     come, and the topic is read again before the next write is planned. If the
//     record is there, registering the schema again finds it. If not, the schema
//     gets a new id; should the first record arrive later, both ids mean the
//     same schema, and no version is overwritten. Until the topic can be read,
//     writes are refused with 50001 and reads go on.
//
// # Cost
//
// A version costs about 400 bytes and its text; versions that share a text share
// its memory. Reads are map lookups under a read lock. A registration parses the
// new schema and the latest live one, about 1 ms together for schemas of 40
// fields whatever the number of schemas (BenchmarkRegister), and waits for one
// append; registrations do not overlap. A start costs one pass over the topic
// with one scan of each schema's text, 0.2 ms for such a schema (BenchmarkReplay).
//
// # What it is not
//
// It is the only writer: two processes on one topic, or another registry beside
// it, would give one id twice, and nothing here prevents it yet. It knows one
// context: ":.ctx:name" is a plain name. It does not register JSON, Protobuf,
// references, metadata or rule sets, does not delete, and does not change
// compatibility or mode; it honours what the topic says of them. The request
// parameter normalize is ignored. Compatibility is judged by twmb/avro, which
// names the first difference only, and differs from Avro Java in two cases: a
// reader's new field of type ["null", T] without a default is accepted, and
// another scale of a decimal is refused. The highest id is read from the topic:
// if its last record was deleted and compacted away by another registry, a
// restart does not know of it.
package registry
