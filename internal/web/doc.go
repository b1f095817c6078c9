// Package web is weir's HTTP kit: one listener, one mux, weir's own API under
// /api/v1 described by an OpenAPI document, and one form of error.
//
// Guarantee: an error of the API is a JSON object {code, message, field, hint};
// when Run's ctx ends, requests get a few seconds to finish and streams are told
// to end, so that a stop never hangs.
//
// Cost: a goroutine per connection. Compatible APIs (the schema registry's) and
// pages register on the same mux and answer in their own form.
package web
