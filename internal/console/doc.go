// Package console is the face of weir: the web pages over what its systems
// answer on /api/v1. Today these are the audit pages.
//
// A page is a list of fragments. A fragment is one section of HTML with an id;
// it is made from a view struct by one template, and the view struct is made
// from the API's answer by a pure function (view_audit.go, view_window.go). A
// page load renders all fragments. Afterwards one event stream per tab carries
// the fragments whose bytes have changed: Run reads the API and renders again at
// most once per second for each page that somebody watches, once for all of its
// viewers. Each viewer remembers the hash of every fragment it was sent, and the
// hashes are the event's id, so a browser that comes back, also to another
// process, gets exactly what it lacks. A viewer has no queue: a slow one skips
// what was replaced before it could read it.
//
// Guarantee: each page shows what the API says, when it was read, and what is
// missing; an API that fails is a row on the page, never a blank page and never
// a 500. What a name contains is shown as text and cannot change the page around
// it. Pages ask no other host for anything and read without JavaScript. No
// request changes anything.
//
// Cost: a page that nobody watches costs nothing. A watched one costs one read
// of the API and one rendering per second (about 10 ms for 400 windows), whatever
// the number of its viewers; a viewer costs a connection and 9 bytes per
// fragment.
//
// It is not a store, not a dashboard builder and not an API: it imports no
// system, holds nothing that a restart would lose, and everything that it shows
// can be had as JSON from the same process. Login and roles are not in it yet,
// so weir listens on loopback.
package console
