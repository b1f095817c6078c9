// Package client is the producer and consumer that applications import: the
// types of kgo, with a stamp on every record, an outcome that can be relied on,
// and counts by which an auditor proves that nothing was lost.
//
// A promise called with nil means that all in-sync replicas have the record. One
// called with [ErrOutcomeUnknown] means that nobody can say. Any other error
// means that the record is certainly not in the log.
//
// # Counting
//
// Each run of a client has a random id. Every record that Produce takes gets the
// header weir-id (run, sequence) and is counted in the window of its event time
// (its timestamp): as an attempt at once, as ok, fail or unknown when its outcome
// is known. A report of these totals goes to the topic _weir.audit.reports every
// interval. Totals are absolute, so a report read twice does no harm.
//
// An auditor has to know which windows a run may have touched when the run dies.
// So windows are written ahead: Produce holds back a record until a report that
// shows its window with this attempt under way is acknowledged, unless the
// newest acknowledged report shows the window as open already. A window is open
// in a report if the report's through is not past the window's end, or if
// attempts in it have no outcome yet. Thus a run that died touched only windows
// that are open in its last report, and a window that is closed in it counts
// every record that the run sent there. The wait costs one round trip per topic
// and window, and late records pay it again. The same way report 0, the run's
// registration, is acknowledged before the first record is sent.
//
// # Crash story
//
// Killed before a record is sent: its window is open in the last report, or its
// record never left. Killed between sending and the report of the outcome: the
// window is open in the last report; the auditor says unknown, never lost.
// Killed after the last report of a window showed all outcomes and a through
// past its end: the window is closed, nothing is in doubt.
//
// Counts are kept in memory: a journal that survives a kill, large messages and
// consumer groups are not there yet.
//
// Cost: one fingerprint (XXH64) and five additions under a mutex per outcome.
package client
