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
// to the end that was noted at its start; text is looked for in the raw bytes, and
// only an expression that asks for the decoded value, or a match that is shown,
// costs decoding. What is left is in its token (plan.go), which resumes it in this
// process or in another.
//
// A field (decode.go) is shown by the first decoder that takes all of its bytes:
// the formats of weir's and Kafka's own topics (own.go), what the registry decodes
// (Avro, Protobuf and JSON Schema, framed by a schema id), JSON,
// text without control characters, else hex. Those that did not take it say why.
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
// a time. A search for text reads at 1.6 to 2.9 times the pace of a bare kgo consumer
// on the same ranges, since batches without the text are never parsed (plain 290 to
// 360 MB/s, zstd 120 MB/s); an expression over key or value about 65 MB/s, one over
// json about 20 MB/s, 0.1 to 0.4 of that consumer. A search over 63 MiB held 47 MiB,
// pages and a search of records of 20 MB 160 MiB, the embedded engine among it.
// Measured by this package's tests and by
//
//	go test -run '^$' -bench Search -benchtime 7x ./bench/console
//
// Limits: 500 records and 64 KiB of a field per page, 4 MiB of a field for one
// record on its own, everything by download; 1,000 matches and 32 MiB of text per
// search; batches of up to 128 MiB.
//
// It writes nothing, and decides nobody's rights.
package records
