// Package console is the face of weir: the web pages over what its systems answer
// on /api/v1, for every cluster.
//
// A page (page.go) says where it is, what it reads and how it shows that. Its
// address (state.go) holds all of its state; the codec is pure, and what it does
// not understand is ignored and said. Each of the API's answers is one panel: all
// are read in parallel with a deadline of their own, and each shows how old it is
// and what is missing.
//
// A page is a list of fragments. A fragment is one section of HTML with an id; it
// is made from a view struct by one template, and the view struct is made from the
// API's answers by a pure function (view_*.go). A page load renders all fragments.
// Afterwards one event stream per tab carries the fragments whose bytes have
// changed, or only their ages: Run reads the API and renders again at most once per
// second for each page that somebody watches, once for all of its viewers. Each
// viewer remembers the hashes of every fragment it was sent, and the hashes are the
// event's id, so a browser that comes back, also to another process, gets exactly
// what it lacks. A viewer has no queue: a slow one skips what was replaced before it
// could read it.
//
// To add a page, write view_<page>.go with a function that returns a *page (made,
// if its questions to the API are known from its address), a template in
// templates/, unless panelView and titleView do, and a line in pages. The route is
// mounted, a nav page gets its entry, and the crumbs, the cluster switch, the
// search, the stream and the links that wait for a route (pageAt) follow. Golden
// states go into TestFragments, the address into fleetPages or deskPages, which take
// it to the browser and to the checker of accessibility. What a form sends goes into
// forms.
//
// What happened is one list over all systems (view_events.go): each may serve its
// events, one that does not is not missed, and one that fails is named. The overview
// and a cluster's page draw them on an axis of time.
//
// What changes a cluster has two steps. The address of a form says what is wanted,
// and its page (view_plan.go) shows what the API would do: that is a GET, and can be
// sent to a colleague. The confirmation (change.go) is a POST with the hash of what
// was shown; it plans anew, and where the plan is another one now, or a name that has
// to be typed was not, it shows the plan again with what differs and changes nothing.
// Changes of the registry go the same way (view_schema_change.go), planned here from
// what the registry says; a schema is too long for an address, so its form is a POST
// (view_schema_register.go).
//
// The address of a search holds its question and, as it goes on, the token that
// resumes it, so a restart costs a reload.
//
// Guarantee: each page shows what the API says, when it was read, and what is
// missing; an API that fails is a row on the page, never a blank page and never
// a 500. What a name contains is shown as text and cannot change the page around
// it. Pages ask no other host for anything and read without JavaScript. No GET
// changes anything; the choice of a theme changes a cookie.
//
// Cost: a page that nobody watches costs nothing. A watched one costs one read
// of the API and one rendering per second (about 10 ms for 400 windows, 2 ms for
// 100 topics), whatever the number of its viewers; a viewer costs a connection and
// 18 bytes per fragment.
//
// It is not a store, not a dashboard builder and not an API: it imports no
// system, holds nothing that a restart would lose, and everything that it shows
// can be had as JSON from the same process. Login and roles are not in it yet,
// so weir listens on loopback.
package console
