package cluster

import "embed"

// Source is where the comments of Security's fields are read from: they are its
// reference.
//
//go:embed security.go
var Source embed.FS
