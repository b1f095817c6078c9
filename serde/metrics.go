package serde

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// The levels of the cache, and how a question to one of them ends.
const (
	inMemory = iota
	onDisk
	atRegistry
	levels
)

const (
	hit = iota
	miss
	failed
	results
)

var (
	levelNames  = [levels]string{"memory", "disk", "registry"}
	resultNames = [results]string{"hit", "miss", "error"}
)

// lookups counts the questions to each level. Hits in memory are not among them: a
// number that all cores write would cost more than the hit.
type lookups [levels][results]atomic.Int64

// Measure registers the metrics of the Registry:
// weir_client_schema_cache_total{level,result}. What memory does not have is a miss
// there, and a question to what is below; a miss at the registry is a refusal.
func (r *Registry) Measure(reg prometheus.Registerer) {
	for level := range levels {
		for result := range results {
			if level == inMemory && result != miss {
				continue
			}
			n := &r.lookups[level][result]
			reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "weir_client_schema_cache_total", Help: "Questions for schemas and their ids, but those that memory answers, by the level that was asked and how it ended.",
				ConstLabels: prometheus.Labels{"level": levelNames[level], "result": resultNames[result]},
			}, func() float64 { return float64(n.Load()) }))
		}
	}
}
