// Package records is the message browser: what is in the topics of every cluster,
// decoded, found, followed and counted, without ever holding a topic in memory.
//
// A page (page.go) first finds out what each partition's log holds, then looks from
// where the page begins at as many records of each partition as the page has rows,
// and keeps of them only offset and time; the newest, or the oldest, over all
// partitions are then read once more and decoded. So a record of 20 MB costs a page
// no more memory than the one fetch that brought it. Cursors (cursor.go) are offsets
// per partition: they name no server and stay good as long as the topic does.
//
// A search (search.go) is a job with a budget. Partitions are read side by side up
// to the end that was noted at its start. What is left is in its token (plan.go),
// which resumes it in this process or in another.
//
// A search does as little as it can for a record that is not looked for. A batch
// without the text, or none of whose records the expression holds for, is passed
// over before records are made of it (sieve.go). The parts of an expression that
// people write are compiled to closures over the record's bytes (quick.go), which
// say no, yes, that it fails, or that they do not know; then cel-go says (filter.go),
// and so it does what is wrong with the first record on which it fails. Of a JSON
// object only the fields that are asked for are made values (fields.go), in one pass
// that checks the whole of its syntax; and so of what the registry's schema describes in
// Avro, by steps that are compiled of the schema (avro.go). What the closures say is
// what cel-go says of the decoded value: tests judge random expressions, schemas and
// records by both. Only of JSON that a schema describes a search does not ask whether
// it is valid by it, and so finds also what a page shows as hex.
//
// A field (decode.go) is shown by the first decoder that takes all of its bytes:
// the formats of weir's and Kafka's own topics (own.go), what the registry decodes
// (Avro, Protobuf and JSON Schema, if its first bytes or a header name the schema),
// JSON, text without control characters, else hex. Those that did not take it say why.
//
// Guarantee: a page or search shows each record of its ranges at most once, in the
// order of its partition, and what it could not read is named in its problems;
// cursors and tokens neither skip nor repeat. Records of open and aborted
// transactions are shown like others, since nobody can tell them apart as long as
// the transaction is open; the markers that end one are shown as control records. A
// partition or broker that is away costs its rows and 3 seconds, never the page. If
// weir dies, pages have lost nothing and searches are resumed by their tokens.
//
// Cost, on 2 busy cores beside the broker: a page of a topic is one round for metadata,
// one for offsets, and two fetches per partition that has records, four partitions at
// a time. A search reads, beside a bare kgo consumer on the same ranges in the same
// run, text at 1.1 to 3 times its pace, an expression over key or value at 0.8 to 2.4,
// one over the fields of JSON at 0.65 to 1.6, mostly above 0.7, and over those of Avro,
// flat or nested, at 0.8 to 1.05; of JSON that a schema describes at 0.64 to 0.77.
// Protobuf, the first value of each schema and what avro.go does not like are decoded
// whole; Avro was, at 0.2 to 0.4. Going through a value allocates nothing. Records on
// which the expression fails, or for which cel-go has to be asked,
// are made records and judged once more. A search over 63 MiB held 47 MiB, pages and a
// search of records of 20 MB 160 MiB, the embedded engine among it. Measured by this
// package's tests and by
//
//	go test -run '^$' -bench Search -benchtime 7x ./bench/console
//
// Limits: 500 records and 64 KiB of a field per page, 4 MiB of a field for one
// record on its own, everything by download; 1,000 matches and 32 MiB of text per
// search; batches of up to 128 MiB.
//
// It writes nothing, and decides nobody's rights.
package records
