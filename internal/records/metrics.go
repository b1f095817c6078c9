package records

import "github.com/prometheus/client_golang/prometheus"

// metrics are those that the service counts, whether they are registered or not.
type metrics struct {
	searches *prometheus.CounterVec
	bytes    prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		searches: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_console_searches_total", Help: "Searches that have ended, by how."}, []string{"result"}),
		bytes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_console_search_bytes_total", Help: "Bytes that searches have read, as stored."}),
	}
}

// Measure registers the service's metrics.
func (s *Service) Measure(reg prometheus.Registerer) {
	reg.MustRegister(s.metrics.searches, s.metrics.bytes)
}
