// Package audit proves, window by window, that nothing was lost or duplicated on
// the way through the tiers of a route: LinkedIn's Kafka Audit.
//
// Every record belongs to the window (10 minutes) of its event time. Producing
// clients report what they sent (package client); counters read the broker tiers
// and count what is there, by the run that stamped it. The [Ledger] folds both
// into cells of count and fingerprints, and [Judge] compares the two sides of
// each edge of the route once both are closed.
//
// # When a side is closed
//
// A run is closed for window W when it is final, or dead, or when its newest
// report says that it holds nothing older than W's end, shows no record of W
// under way, and was appended no earlier than the newest counts row by which W
// changed at the first broker tier. Because a run announces a window before it
// sends the first record there (see client), only runs that named W in a report
// can have touched it; a stamp of a run that has not registered keeps W open
// until its deadline. A run that is silent but of which other records are there
// than its last report says may be alive, its newest report on the way: it is
// waited for as long as for anything else.
//
// When the producers are closed for W, the end offsets of the first broker tier
// are noted: W's frontier. That tier is closed when it is counted to the
// frontier. Once the mirror's position has passed it, the end offsets of the next
// tier are noted, and then those of the first once more: whatever lies below the
// former was copied from below the latter, late records and second copies too. The
// next tier is closed when both are counted to these ends, so the two are compared
// as they were at one time. A record of W beyond a noted end opens W again.
//
// # Guarantee
//
// complete is said only if both sides are closed and agree in count and
// fingerprints. lost is never said because somebody who counts died: a window
// that a dead run may have touched after its last report is unknown, with the
// run's name. A counted range is applied once, whatever is killed: a row is
// accepted only where the last one ended.
//
// # Who counts
//
// Every process with the same configuration reads the facts and judges, so any of
// them can be asked, and all say the same. One counts: the one that holds the lease
// audit on the home cluster; [Service.Leader] names it. Rows are written under the
// lease, in transactions, and count when they are committed. Before a new holder
// counts, its ledger has read all rows of earlier holders, and none of theirs can
// follow: so it goes on where the last row ends. Should a row be refused all the same,
// since somebody wrote without the lease, its counter goes on at the last accepted one.
//
// # Crash story
//
// A counter dead before its row is committed: the range is counted again from the
// last accepted row's end. Dead after that: who counts next goes on there, once the
// lease's session is over. Stopped, and awake again when another counts: its next row
// is refused by the broker, and it stands by. The ledger lives in memory and is
// rebuilt from the topics at start.
//
// Cost: one fingerprint and a map entry per record and (window, run); memory per
// (topic, tier, window, run) about 200 bytes, for as long as the counts are kept; a
// transaction per (topic, tier) and report interval. All windows of a topic are judged
// again at each step: meant for thousands of windows, not yet for a fleet.
//
// Counting shared by many processes, stored verdicts and routes learned from topics
// come later.
package audit
