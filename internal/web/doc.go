// Package web is weir's HTTP kit: one listener, one mux, weir's own API under
// /api/v1 described by an OpenAPI document, one form of error, and what every
// request passes on its way to its handler.
//
// Each request, over a connection or in process, gets an id, a line in the log, a
// place in the metrics, a net under its panics, a check that no other site's page
// sent it, and its answer compressed if that pays (Server.ServeHTTP, in chain.go).
// The same mux answers /healthz, /readyz and /metrics. Compatible APIs (the schema
// registry's) and pages register on it too and answer in their own form.
//
// Guarantee: an error of the API is a JSON object {code, message, field, hint}. A
// cause that was not written for the client is not told to it: the log has it
// under the request's id. An answer that breaks off half-way is seen to be broken
// off. When Run's ctx ends, requests get a few seconds to finish and streams are
// told to end, so that a stop never hangs.
//
// Limits: 10 seconds and 64 KiB for headers, 2 minutes of idling, and on /api/ and
// /ui/ 8 MiB for a body (huma allows its operations 1 MiB unless they say
// otherwise). Compatible APIs limit their own bodies.
//
// Cost: a goroutine per connection, 1 KiB held back per answer that may be
// compressed and 1.2 MB (pooled) for one that is; 15 series per route and 1
// per route and status.
//
// It is no authentication, and sets no Content-Security-Policy: pages know best
// what they load.
package web
