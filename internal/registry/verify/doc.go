// Package verify reads a `_schemas` topic a second time, by rules and code of its own,
// and says whether the registry's promises hold in it. It shares nothing with the
// registry that it judges but Kafka's bytes: keys and values are read by encoding/json.
//
// # Algorithm
//
// The records, each with whether its transaction was committed, are folded several
// times: those that were committed, by what their keys mean and by the bytes of their
// keys, which is what compaction goes by; the latter after a compaction that has
// removed every deletion too; and all records, as a registry that reads uncommitted
// does. All folds have to give the same. Beside that, all records ever seen say which
// schemas an id has had, and which a version.
//
// # What is found
//
//   - two texts: an id that two records give to schemas that are not the same JSON
//     (Protobuf: not the same text). Records that were aborted count: others may have
//     seen them, and data may have been written with the id.
//   - changed: a version that got another id or schema without being deleted first.
//   - doubled: a schema with two ids in a context, or twice live in a subject.
//   - comes back: what is deleted, and is there again, or is otherwise, after a
//     compaction.
//   - uncommitted: what a reader of uncommitted records takes for true and is not.
//   - malformed: a record that can not be read.
//   - served: what the registry serves and the topic says otherwise.
//
// # Cost
//
// All records are held in memory, and parsed once per fold.
//
// # What it is not
//
// It does not judge compatibility, and it knows no canonical form: two spellings of an
// Avro schema that are different JSON, such as "string" and {"type":"string"}, count as
// two texts.
package verify
