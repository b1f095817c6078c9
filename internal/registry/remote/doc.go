// Package remote asks a schema registry that runs elsewhere, whoever wrote it, by
// the HTTP API that all of them have in common.
//
// # Algorithm
//
// A method is a request, except Snapshot, which asks for the subjects, for the
// versions of each, and for each version and setting, up to eight requests at a
// time: there is no request for all of it that every registry knows. What a version
// has besides what we know stays as the JSON it came in.
//
// # Guarantee
//
// A registry's refusal is an *Error with its code and its words. Another error says
// which request failed. Nothing is asked twice, so a change that failed without an
// *Error may have been made.
//
// # Cost
//
// A Snapshot costs a request per version, two per subject and three besides; of 1,000
// subjects with 5 versions, some 9,000.
//
// # What it is not
//
// It is not for producers and consumers, who want a cache and a serializer: see serde.
// A Snapshot is not of one moment: what changes meanwhile is in it or not. What is set
// for a subject that has no version is not in it: nobody names that subject.
package remote
