package app

import "github.com/weirhq/weir/internal/fleet"

// Rows of the API, under the names that they had here.
type (
	ClusterSummary = fleet.ClusterSummary
	TopicRow       = fleet.TopicRow
)
