// Package avroschema knows Avro schemas: it parses them as Avro Java 1.12.0
// does, writes their canonical text, and says which data written with one can
// not be read with another, where and why.
//
// # Algorithm
//
// json.go and number.go make a tree of the text, read with comments as Java's parser does;
// members keep their order and numbers get Java's spelling. parse.go and named.go
// make a graph of types of it in one pass: a name that is not known yet may be
// defined later, so it gets its type at the end. references.go reads before that
// what the references bring. default.go judges defaults, canonical.go writes the
// texts, check.go walks a reader's and a writer's graph side by side, example.go
// builds a value on which they part.
//
// The canonical text is Java's Schema.toString: type, name, namespace, doc,
// fields (name, type, doc, default, order, aliases, properties) or symbols and
// default or size, properties, aliases. A namespace is written where it differs
// from the enclosing one; a named type is written at its first mention and by
// name after that, as are the types that references bring; a primitive is its
// bare name unless it has properties; reserved words that mean nothing where they
// stand ("doc" of an array) are dropped. The normalized text also orders the
// properties, and the members of objects in them and in defaults, by name.
//
// walk.go goes through the types and fields that a text defines, with their docs.
//
// # Guarantee
//
//   - Strict parsing refuses what Java's Schema.Parser refuses and takes what it
//     takes, apart from the disagreements in testdata/decided.txt, each with its
//     reason; the oracle test asks Java about thousands of texts.
//   - Lenient parsing takes every text whose structure is an Avro schema's: what
//     is wrong about names, symbols, sizes, defaults and unions is let pass.
//   - Canonical text is its own canonical text, and parses to the same schema
//     (leniently, and with the same references).
//   - Check gives Java's verdict, with Java's kinds and paths. Two kinds are ours:
//     AMBIGUOUS_FIELD where Java throws an exception, and TOO_COMPLEX.
//   - No text makes Parse, Check or Example run for ever or exhaust the stack.
//
// # Cost
//
// Parsing takes about 20 ns per byte of text; strings without escapes share the
// text's memory. A check of two records of 200 fields takes 10 µs, of 200
// unions 15 µs (BenchmarkCheck200). Its bound is 50,000 pairs of named types.
//
// # What it is not
//
// It does not read or write data; twmb/avro does. It fetches nothing: references
// come resolved.
package avroschema
