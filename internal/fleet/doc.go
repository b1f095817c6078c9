// Package fleet is every cluster that weir knows: what they say of themselves, as
// lists that are quick to ask, and the changes that can be made to them.
//
// # Reading
//
// A loop per cluster takes a [cluster.Snapshot] every 5 s, another asks for the
// groups. Each makes an immutable view: rows by name, and their order by each key,
// made when it is first asked for. A list is filtered, sorted and cut into pages of
// a view, by a cursor that holds the key of the row before: pages neither repeat nor
// miss a row that stayed, and an old cursor goes on at the nearest place. Rates are
// of the last minute's snapshots. What a cluster did not say is told beside the rows
// that it did, with their age. What changed from one snapshot to the next is a
// [web.Event]; the last 1,000 of each cluster are remembered, until weir ends.
//
// # Changing
//
// A [Change] is a value. MakePlan is pure: from a change and the facts about what it
// touches it makes a [Plan], which says each step with before and after, or refuses.
// The plan's own change has everything resolved, such as the offsets that "end" is
// now, so that to apply it does what was shown. [Operator.Apply] plans again from
// fresh facts and refuses if the result has another hash; what moves all the time,
// such as how many records a topic has, is told but not hashed. Every change is
// recorded by package actions before and after it runs, and refused if it can not be.
// A plan asks the cluster for the topics and the group that it is about, and for no
// other. A reset is made in requests of a bounded size, and of several topics each
// is deleted by itself; where some are refused, the error is a [PartlyDone], which tells
// what was not made and has the undo, if there is one, of the rest.
//
// # Crash story
//
// If we die while a change runs, it is wholly or partly made, and the log shows it as
// unknown. A plan made anew says what is left of it: steps that are done are none.
//
// # Cost
//
// A view holds about 700 bytes per topic (its row, its rates) and 300 per group, beside the
// snapshot; filter, sort and page over 10,000 topics take below 5 ms.
//
// It is not lag by behaviour, which is a system of its own: lag here is what one
// look shows.
package fleet
