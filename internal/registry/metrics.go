package registry

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the registry's. What the service knows at any time is collected when
// it is asked for.
type metrics struct {
	service  *Service
	requests *prometheus.CounterVec   // by route and error_code; a route is a pattern
	seconds  *prometheus.HistogramVec // by route
	checks   *prometheus.HistogramVec // by type of the schema
	foreign  prometheus.Counter

	snapshots *prometheus.CounterVec // by what became of them
}

var (
	descSchemas  = prometheus.NewDesc("weir_registry_schemas", "Ids that mean a schema, by type.", []string{"type"}, nil)
	descOpaque   = prometheus.NewDesc("weir_registry_opaque_schemas", "Ids whose schema is served as it is, because it can not be parsed.", nil, nil)
	descSubjects = prometheus.NewDesc("weir_registry_subjects", "Subjects, with those that have deleted versions only.", nil, nil)
	descOffset   = prometheus.NewDesc("weir_registry_offset", "Offset before which all of the schemas topic is served here.", nil, nil)
	descLag      = prometheus.NewDesc("weir_registry_lag_records", "Offsets of the schemas topic that are not served here yet, as of some seconds ago.", nil, nil)
	descStale    = prometheus.NewDesc("weir_registry_stale", "1 where a snapshot is served that the topic may have gone beyond.", nil, nil)
	descLeader   = prometheus.NewDesc("weir_registry_leader", "1 where this process writes the schemas topic.", nil, nil)
)

// types are those that Confluent's API knows; a label must not be a client's choice.
var types = []string{"AVRO", "JSON", "PROTOBUF"}

func newMetrics(s *Service) *metrics {
	buckets := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 30}
	return &metrics{
		service: s,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_registry_requests_total", Help: "Requests answered, by route and by status or error code.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weir_registry_request_seconds", Help: "Time to answer a request, by route.", Buckets: buckets,
		}, []string{"route"}),
		checks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weir_registry_check_seconds", Help: "Time to decide about a schema, its compatibility included, by type.", Buckets: buckets,
		}, []string{"type"}),
		foreign: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_registry_foreign_writes_total", Help: "Records in the schemas topic that another registry wrote while this process led. Writes stop at the first.",
		}),
		snapshots: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_registry_snapshots_total", Help: "Snapshot files, by what became of them: read, refused because they are damaged or of another version, written, failed to be written.",
		}, []string{"result"}),
	}
}

// Metrics returns what /metrics shows of the registry.
func (s *Service) Metrics() []prometheus.Collector {
	return []prometheus.Collector{s.metrics.requests, s.metrics.seconds, s.metrics.checks, s.metrics.foreign, s.metrics.snapshots, s.metrics}
}

// meter counts the requests of one route.
type meter struct {
	metrics *metrics
	route   string
	ok      func() prometheus.Counter // those answered with 200; made when there is one
	seconds func() prometheus.Observer
}

func (m *metrics) meter(route string) *meter {
	return &meter{
		m, route,
		sync.OnceValue(func() prometheus.Counter { return m.requests.WithLabelValues(route, "200") }),
		sync.OnceValue(func() prometheus.Observer { return m.seconds.WithLabelValues(route) }),
	}
}

func (m *meter) answered(code int, began time.Time) {
	if code == http.StatusOK {
		m.ok().Inc()
	} else {
		m.metrics.requests.WithLabelValues(m.route, strconv.Itoa(code)).Inc()
	}
	m.seconds().Observe(time.Since(began).Seconds())
}

func (m *metrics) checked(kind string, began time.Time) {
	if kind == "" {
		kind = "AVRO"
	}
	if slices.Contains(types, kind) {
		m.checks.WithLabelValues(kind).Observe(time.Since(began).Seconds())
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descSchemas, descOpaque, descSubjects, descOffset, descLag, descStale, descLeader} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	s := m.service
	s.mu.RLock()
	defer s.mu.RUnlock()
	leads := int64(0)
	if s.term != nil {
		leads = 1
	}
	gauge(descLeader, leads)
	if s.view == nil {
		return
	}
	byType, opaque := s.view.state.Types()
	for _, t := range types {
		gauge(descSchemas, int64(byType[t]), t)
	}
	gauge(descOpaque, int64(opaque))
	gauge(descSubjects, int64(s.view.state.Status().Subjects))
	stale := int64(0)
	if s.snapshots.stale != nil {
		stale = 1
	}
	gauge(descStale, stale)
	gauge(descOffset, s.view.next())
	gauge(descLag, max(0, s.end-s.view.next()))
}
