package registry

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// metric returns the sum of a metric over its labels, -1 if there is none.
func metric(t *testing.T, s *Service, name string) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(s.Metrics()...)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		sum := 0.0
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		return sum
	}
	return -1
}

func TestMetrics(t *testing.T) {
	l := &memLog{records: [][2][]byte{
		{[]byte(key("proto", 1)), []byte(value("proto", 1, 5, `no syntax`, `,"schemaType":"PROTOBUF"`))},
	}}
	s := start(t, l)
	post(s, "/subjects/s/versions", body(`"int"`))
	post(s, "/subjects/s/versions", body(`"flaot"`))
	post(s, "/subjects/s/versions", `{"schema":"x","schemaType":"<script>"}`)
	post(s, "/subjects/none", body(`"int"`))
	for name, want := range map[string]float64{
		"weir_registry_requests_total":       4,
		"weir_registry_request_seconds":      4,
		"weir_registry_check_seconds":        2, // the type of the third is none
		"weir_registry_schemas":              2,
		"weir_registry_opaque_schemas":       1,
		"weir_registry_subjects":             2,
		"weir_registry_offset":               2,
		"weir_registry_lag_records":          0,
		"weir_registry_leader":               0,
		"weir_registry_foreign_writes_total": 0,
	} {
		if got := metric(t, s, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}
