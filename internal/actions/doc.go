// Package actions is the log of every change that a person or a program made
// through weir: who, what, on which cluster, why, and how it ended. It is one topic
// of one partition whose records stay for ever.
//
// Each change writes two records: "asked" before it runs, "done" or "failed" after
// it. [Log.Do] is the only way to write, and runs the change only once "asked" is
// acknowledged by all replicas in sync: what can not be recorded is refused.
//
// # Chains
//
// Each process (a writer) numbers its records from 1, and each record names the
// SHA-256 of the bytes of the writer's record before it. The first names that of the
// last record, of whichever writer, that the process had read when it began: so the
// chains hang together. [Verify] reads the log and says where a record is missing,
// changed or out of order. It can not see that the newest records were cut off,
// until a later writer names one of them.
//
// # Crash stories
//
//   - We die before "asked" is written: nothing has run.
//   - We die after it, before the change has run, or before its end is written: an
//     "asked" without an end. It is shown as unknown once it is 10 minutes old, or at
//     once when its writer is known to have ended: when this process is a newer one
//     of the same instance. Nothing is rewritten; the state is computed when read.
//   - A write fails or its outcome is unknown: the writer ends there, and the next
//     change begins a new chain, after reading the log to its end. If the write does
//     come through late, it still is the last of the old chain.
//
// # Cost
//
// Two writes per change; about 1 KB per change in memory, of the newest 10,000
// changes. A record is bounded: of a change of more than 16 KiB the log has its
// length, its SHA-256 and the first items of its lists, of longer texts the beginning.
// Verify holds 40 bytes per record while it runs.
//
// It is no authentication: an actor is what the caller was told, and it is no undo.
package actions
