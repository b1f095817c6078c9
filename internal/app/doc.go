// Package app builds the enabled systems in their order, gives each what it
// needs, mounts their routes and runs them as one: the only package that imports
// all systems.
//
// Start: embedded engines, a handle on each cluster, HTTP, then registry, audit
// and mirror, each of which first makes the topics that it needs. Stop is the
// reverse: the load first, then the systems, then HTTP, then the engines.
package app
