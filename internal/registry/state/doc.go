// Package state is the pure core of the registry: what the records of `_schemas`
// mean, what a command writes there, and what is answered. It knows no clock, no
// network and no log.
//
// # Algorithm
//
// State is the fold of the topic. State.Apply takes one record, and is the only
// thing that changes what is served. Plan takes a command and gives the records to
// append, and the answer for when they are in the topic. Queries read.
//
// An id means a schema in a context. A schema's identity is its type, canonical
// text, references, metadata and rule set, hashed; a registration with a known
// identity gets its lowest id, another one the highest id ever seen + 1. Texts are
// kept as they were written, equal ones once. They are parsed when someone asks:
// at a load nothing is parsed, and identities are computed by Index, by the first
// Overlay, or by the first registration of a new schema.
//
// Languages are values (Language); a text that its language can not parse is
// opaque: served as it is, found by itself, compatible with itself alone.
//
// # How a shell writes
//
//	over := st.Overlay()
//	for each command that waits:
//		records, reply, err := state.Plan(cmd, over)
//		for each record: over.Apply(record.Key, record.Value, 0)
//	append all records in one transaction
//	committed: st.Apply each with its offset, then answer
//	otherwise: drop the overlay; aborted: st.BurnID each, unknown: st.Burn each
//
// Apply needs the state to itself; queries may run beside each other and beside a
// Plan, also one on an overlay. The records of one Plan belong together: between
// them a key may be deleted that is there before and after.
//
// # Guarantee
//
//   - An id that was in a record, or in a burnt one, is never given to another
//     schema by Plan. A record that would give a known id another meaning is kept
//     out of the state, counted and listed. (In mode IMPORT ids come from outside:
//     one whose schema was deleted for good may be given again.)
//   - Nothing is deleted because of a malformed or contradicting record.
//   - What Plan writes reads the same by the bytes of keys and by their meaning, as
//     it is and after any compaction. For what others wrote, Repairs lists what has
//     to be written for that; a write repairs what it touches.
//   - Where Plan refuses, it does so by an *Error with the code and, where clients
//     look at them, the words of Confluent's registry.
//
// # Where it decides for itself
//
// A schema that the subject has is answered in read-only modes too, as Confluent's
// registry does, and whatever its metadata if the request has none. Config fields
// are taken each from the nearest level that sets it: subject, context, then
// ":.__GLOBAL:" and the registry; so a subject that only sets normalize keeps the
// registry's compatibility. Entering IMPORT writes a tombstone for each softly
// deleted version beside CLEAR_SUBJECT, which would not survive a compaction of
// its own key. Tags are kept in the metadata, not in the text.
//
// # Cost
//
// A load costs one pass over the JSON and an MD5 of each text: 50,000 versions of
// 2 KB take about 0.6 s of one core and 1.2 times their text (BenchmarkLoad). A
// version costs about 500 bytes beside its text (TestMemory). Looking up by id,
// GUID or version is a few map lookups, planning a registration a parse or two,
// whatever the number of schemas (BenchmarkRegister); listings go over all
// subjects. At most 256 parsed schemas are kept.
//
// # What it is not
//
// It does not run rules, check field names (validateFields is stored), or resolve
// aliases by itself: Alias says which subject a request is about. Formats other
// than the stored text are the shell's. It knows nothing of leaders and topics.
package state
