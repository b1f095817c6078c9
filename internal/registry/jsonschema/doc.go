// Package jsonschema knows JSON Schema of drafts 4, 6, 7, 2019-09 and 2020-12: it
// parses it, writes its canonical text, and says what of the data that is valid
// under an old schema may not be valid under a new one, where and why.
//
// # Algorithm
//
// json.go reads a text into a tree that keeps the order of members and the spelling
// of numbers. resolve.go finds what a $ref can mean: a place in the text, by pointer,
// anchor or $id, or a registered reference, by its name or the URL that the name
// makes. parse.go makes a graph of nodes of what can be reached from the root; the
// drafts are different words for it, so that texts of two drafts can be compared.
// validate.go asks santhosh-tekuri/jsonschema: about the text, by the meta-schema of
// its draft, and about documents.
//
// check.go walks an old and a new graph side by side. A keyword of the new schema
// has to follow from the same keyword of the old one, or of a schema in its allOf
// (scalar.go, object.go, array.go, combined.go); if it does not, that is a
// difference, with the name that Confluent's registry has for it where it has one. A
// pair of schemas that is being judged counts as compatible where it comes again:
// that is further down in the data. Where unevaluatedProperties or unevaluatedItems
// refuse what nothing describes, the new schema has to describe all that the old one did.
//
// Compatible is what every policy accepts: titles, descriptions, identifiers,
// defaults and examples changed; a bound loosened or removed; types and enums
// extended; required removed, or added with a default; dependencies narrowed or
// removed; additional and unevaluated properties and items added or extended; a
// property or item added to a closed object or array, removed from an open one, or
// covered by patternProperties or the schema of the rest; anyOf and oneOf extended,
// allOf and not narrowed. Lenient accepts more, see there.
//
// example.go searches for a document that a difference breaks, from the leaves up,
// and sample.go makes the values that it tries.
//
// walk.go goes through the properties of a text, with their descriptions.
//
// # Guarantee
//
//   - What Check accepts by Strict, a validator accepts: each document that is valid
//     under the old schema is valid under the new one. There are two exceptions. A
//     property may become required if it has a default. And a branch that is added to
//     oneOf, or loosened, is taken to be one that the values of the others are not valid
//     under; a oneOf where there was none is not trusted like that: its branches have
//     to differ in type, or in the values of a property that they require.
//   - A schema is compatible with itself. Check may refuse a change that breaks nothing:
//     it compares keyword by keyword, and regular expressions as texts.
//   - Strict parsing refuses what the meta-schema of the draft refuses. Lenient parsing
//     takes each text whose $refs mean something; keywords of a wrong type are ignored.
//   - Nothing is fetched. A $ref to what is not registered is an error.
//   - A regular expression that Go can not express, and a schema that contains itself
//     without going into the data, are accepted and listed by Warnings.
//   - Canonical text is its own canonical text.
//   - An Example is valid under the old schema and not under the new one: the validator
//     said so.
//   - No text makes Parse, Check or Example run for ever or exhaust the stack.
//
// # Cost
//
// For an object of 200 properties (11 KB): a check less than 0.6 ms, lenient parsing
// 1.7 ms, strict parsing 3 ms, an example 22 ms (bench_test.go, on a busy core). A check
// is bounded by 300,000 pairs of schemas, names and values, then it is TOO_COMPLEX.
//
// # What it is not
//
// It does not validate data: serde does. Definitions that nothing refers to are not
// compared. $dynamicRef and $recursiveRef mean what they mean without a dynamic
// scope. Formats count where the draft asserts them, in drafts 4 to 7.
package jsonschema
