// Package app builds the enabled systems in their order, gives each what it
// needs, mounts their routes and runs them as one: the only package that imports
// all systems.
//
// Start: embedded engines, a handle on each cluster, HTTP and the pages, then registry,
// audit, mirror, the log of actions, what is known of the clusters (fleet) and the
// message browser (records), each of which first makes the topics that it needs. A
// system waits for its clusters, and is started again when it fails. Stop is the
// reverse: the load first, then the systems, then HTTP, then the engines.
package app
