package kafkatest

import (
	"testing"

	"github.com/weirhq/weir/internal/broker/brokertest"
)

// EachEngine runs body once on the embedded engine and once on real Apache Kafka, as subtests "embedded" and "kafka"; and once more on each
// further version of Kafka, such as Version39, as subtest "kafka-3.9.2". Each call of start gives the bootstrap address of one more fresh
// cluster of one broker that lives until its t ends.
func EachEngine(t *testing.T, body func(t *testing.T, start func(t testing.TB) string), also ...string) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		body(t, func(t testing.TB) string {
			t.Helper()
			return brokertest.New(t).Addr()
		})
	})
	onKafka := func(name, version string) {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("NO REAL KAFKA: -short is set")
			}
			body(t, func(t testing.TB) string {
				t.Helper()
				return Start(t, AtVersion(version)).Bootstrap()
			})
		})
	}
	onKafka("kafka", Version)
	for _, version := range also {
		onKafka("kafka-"+version, version)
	}
}
