// Package serde turns Go values into the keys and values of Kafka records and
// back, in Avro, JSON with JSON Schema and Protobuf, with the schemas in a
// Confluent-compatible registry: the reader of a record needs nothing but the
// record and the registry's address. Text and bytes go without a schema.
//
// # Algorithm
//
// A value is framed as Confluent's serializers do, and its bytes are theirs. With
// the framing [Prefix] (V0) a zero byte and the schema's id, four bytes big-endian,
// come first; with [Header] (V1) the record's header __value_schema_id (or
// __key_schema_id) holds a byte 1 and the schema's GUID of 16 bytes, and the value is
// bare. In Protobuf the indexes follow that say which message of the file it is.
// Both are read: a header wins.
//
// A [Serde] writes with one schema, given, inferred from its type or carried by
// it, and gets that schema's id for the subject that its strategy names by
// registering it ([Register]), or by looking it up where a producer must not invent
// schemas ([Lookup]); or it writes with the subject's latest schema ([Latest]). What
// a schema refers to is registered first and named by its version. It reads what was
// written with any schema that resolves to its own: in Avro by Avro's rules (fields
// added with defaults, removed, renamed by alias, promoted), in Protobuf by field
// numbers, in JSON if the value is valid by the reader's schema.
//
// A [Registry] keeps what it learns, since an id never changes its meaning, in three
// levels: codecs by id or GUID, ready for use; the schemas themselves, with the texts
// of their references; and files in a directory, which processes share. It asks
// once however many goroutines wait for the same thing. A file about a GUID is as
// good as the registry, for a GUID is a hash; one about an id is believed only while
// the registry does not answer, for another may have been set up at its address; what
// was believed then stays in memory.
//
// A registry is several processes, and the one that answers may lag behind the one
// that gave an id away. So every request asks for what earlier replies knew
// (X-Weir-Min-Offset, which registries of other makers ignore), and what is not found
// is asked for again a moment later, before it is called unknown: see behind.go.
//
// # Guarantee
//
// What is encoded is readable by whoever can ask the registry: its schema is there.
// What is decoded was written with the schema that the record names, and was
// consumed to its last byte. JSON is valid by its schema when it is written, and when
// it is read. A null is a tombstone in every format: it is never encoded, and
// decoding it answers ErrTombstone.
//
// Every error tells by its type what to do. [Retriable]: the registry is away or
// makes no sense, ask again. [Poison]: it will never work, whether the framing is
// malformed (ErrNoSchema), the registry says that there is no such id
// (ErrUnknownSchema), or the bytes, the schema and the type do not fit (ErrSchema). A
// follower that hears of nothing new for as long as we wait for it, and yet lags, is
// believed.
//
// While the registry is away, everything that was seen before goes on: in memory,
// and with a cache directory also after a restart, ids and the registrations of
// producers included. What was not seen is Retriable.
//
// # Cost
//
// The hit path is a pointer comparison, or a map lookup under a read lock, beside the
// format's own work, and no allocation except for what it returns (JSON, and Protobuf
// as a map, allocate in their libraries); see the benchmarks, which run against the
// bare libraries. Memory is bounded by 10,000 schemas for each Registry and
// resolutions for each Serde, least recently used out first, and by 10,000 unknown
// ids. An unknown id is asked for again after 1 s, 2 s, 4 s, up to once a minute, with
// at most 4 requests each time, so a topic of foreign bytes does not become a storm of
// requests. The first such ids of a while cost half a second each, and soon nothing.
// [Registry.Measure] counts what memory did not have, and what became of it.
//
// # What it is not
//
// It does not judge compatibility: Avro's Go library reads more leniently (a
// nullable field has null for a default), and the registry is the strict gate. It
// executes no rules of a schema's rule set. A pattern of a JSON Schema that Go's
// regular expressions can not express is not checked. Avro's "bytes" is Avro, with
// its length; Confluent's Java serializer writes a bare array of bytes there.
package serde
