// Package serde turns Go values into Kafka record values and back, in Avro, with
// the schemas in a Confluent-compatible registry: the reader of a record needs
// nothing but the record and the registry's address.
//
// # Algorithm
//
// A value is framed as Confluent's serializers do (V0): a zero byte, the schema's
// id as four bytes, big-endian, then Avro binary. A [Serde] encodes with one
// schema, given or inferred from its type, and gets that schema's id for the
// subject of the topic (<topic>-value, or <topic>-key) by registering it, or by
// looking it up where a producer must not invent schemas. It decodes what was
// written with any schema that resolves to its own by Avro's rules: fields added
// with defaults, removed, renamed by alias, promoted. A [Registry] keeps what it
// learns, since an id never changes its meaning, and asks once however many
// goroutines wait for the same thing.
//
// # Guarantee
//
// What Encode returns is readable by whoever can ask the registry: its schema is
// there. What Decode returns was written with the schema that the id names, and
// was consumed to its last byte. Errors tell what to do: ErrRegistry, ask again
// later; ErrUnknownSchema, the registry does not know the id (later it may);
// ErrNoSchema, ErrTombstone and ErrSchema, it will never work with this record,
// this schema or this type.
//
// A null record value is a tombstone in every format: it is never encoded, and
// Decode answers ErrTombstone.
//
// # Cost
//
// The hit path is one map lookup under a read lock beside Avro's own work, and
// no allocation except for what it returns; see the benchmarks. Memory is one
// parsed schema per id seen, one resolved schema per Serde and id, and at most
// 10,000 unknown ids. An unknown id is asked again after 1 s, 2 s, 4 s, up to
// once a minute, so a topic of foreign bytes does not become a storm of requests.
//
// # What it is not
//
// It has no JSON Schema, no Protobuf, no schema references, no GUID in record
// headers, no cache on disk. It does not judge compatibility: Avro's Go library
// reads more leniently (a nullable field has null for a default), and the
// registry is the strict gate.
package serde
