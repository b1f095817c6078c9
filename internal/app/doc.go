// Package app builds the enabled systems in their order, gives each what it
// needs, mounts their routes and runs them as one: the only package that imports
// all systems.
//
// Start: embedded engines, connections, topics, registry, audit, mirror, pages.
// Stop is the reverse: what produces first, then workers, then HTTP, then the
// engines.
package app
