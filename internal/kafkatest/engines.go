package kafkatest

import (
	"testing"

	"github.com/weirhq/weir/internal/broker/brokertest"
)

// EachEngine runs body once on the embedded engine and once on real Apache Kafka, as subtests "embedded" and "kafka". Each call of start
// gives the bootstrap address of one more fresh cluster that lives until its t ends.
func EachEngine(t *testing.T, body func(t *testing.T, start func(t testing.TB) string)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		body(t, func(t testing.TB) string {
			t.Helper()
			return brokertest.New(t).Addr()
		})
	})
	t.Run("kafka", func(t *testing.T) {
		if testing.Short() {
			t.Skip("NO REAL KAFKA: -short is set")
		}
		body(t, func(t testing.TB) string {
			t.Helper()
			return Start(t).Bootstrap()
		})
	})
}
