// Package lease lets one of several processes write: whoever owns the one partition
// of a consumer group leads, and writes with a transactional producer whose id is
// the lease's, so that the broker, not a clock, keeps every earlier owner out.
//
// # Taking the lease
//
//  1. The group assigns the partition. That is who should lead; it proves nothing: a
//     process that slept through its session believes it too.
//  2. Fence: initialise the producer id, now, not at the first transaction (between
//     the two an old owner's commits would succeed). From here on the epochs before
//     ours are refused by the coordinator, which has aborted what they had open, and
//     by every partition. It is done twice: a coordinator may take an EndTxn under
//     the epoch just before the current one for the repetition of one that it has
//     answered (KIP-890), and answer with the current epoch; the embedded engine
//     does. So the last owner must be two epochs behind.
//  3. Prepare: the caller reads its topics to the high watermark. Nothing that it
//     reads can be followed by more of an old owner's.
//  4. Confirm that the group still takes us for its member, by committing an offset
//     under our generation: who slept between 1 and 2 has fenced the real owner, and
//     must not lead. (The real owner notices at its next write, and joins again.)
//  5. Say who leads, in the lease's topic, within the first transaction; then lead.
//
// [Writer.Do] is the only way to write. A record that is not part of a transaction
// is not fenced by step 2, so there is no way to write one. For the same reason no
// topic needs to be fenced by itself: a transaction can not be committed under an
// old epoch wherever its records lie. [Committed] is how to read what was written.
//
// # Crash stories
//
//   - The owner dies: its session ends after SessionTimeout, the group assigns the
//     partition, step 2 aborts what was open. Followers see nothing of it.
//   - The owner is stopped, another takes over, the owner wakes: whatever it does
//     next, produce or commit, fails with [ErrFenced]. Its records before the stop
//     are in the log, all of a transaction or none; after the takeover there is none.
//   - It wakes between Begin and Commit: the coordinator has aborted that transaction.
//   - A contender stops between two steps above and wakes when another leads: before
//     step 2, see step 4; later, its step 5 fails.
//   - The connection breaks during a commit and the outcome stays unknown: the term
//     ends with [ErrLost]. Whoever leads next, this process or another, reads in
//     step 3 what became of it. A writer never initialises itself anew.
//   - The broker is away: a write that has begun fails after 10 s, which ends the
//     term; the group goes on, or assigns anew, when it is back.
//
// # Guarantee
//
// Of all holders of a lease's writers, those of later terms see everything that
// earlier ones committed, and nothing of an earlier one is committed after a later
// one's fence. Two may believe at the same time that they lead; two can not write.
// [Lease.Leader] is a hint for people and redirects, not a proof.
//
// # Cost
//
// A contender holds three clients' connections, the leader one more, and sends a
// heartbeat every tenth of SessionTimeout. A takeover after a crash takes
// SessionTimeout plus a heartbeat, after a clean stop a heartbeat. A write is one
// transaction: at least two round trips, and on Kafka before 4 three.
//
// The embedded engine fences the same. A refused write of an old owner may there
// begin an empty transaction in the new one's name, whose timeout then fences the
// new one if it is idle: it joins again.
//
// It is not a lock: there is no way to ask "do I still hold it" whose answer holds
// by the time that it arrives.
package lease
