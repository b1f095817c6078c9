package app

import (
	"embed"

	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/conf"
)

//go:embed config.go
var source embed.FS

// Reference returns the reference of File, from the comments in its source.
func Reference() (conf.Manual, error) {
	file := DefaultFile()
	return conf.Reference(&file, source, cluster.Source)
}
