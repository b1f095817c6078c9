// Package brokertest starts embedded engines for tests: real Kafka protocol, real files, gone when the test ends.
package brokertest

import (
	"context"
	"testing"

	"github.com/weirhq/weir/internal/broker"
)

// New runs an engine on a fresh directory and a free port. The test's end waits for its end.
func New(t testing.TB) *broker.Broker {
	t.Helper()
	b, _ := Start(t, broker.Config{Dir: t.TempDir()})
	return b
}

// Start runs an engine as configured. Stop ends it cleanly and waits; the test's end calls it too. For a restart, call Start again with
// the same Dir and, to keep the address, Listen set to the first one's Addr.
func Start(t testing.TB, cfg broker.Config) (b *broker.Broker, stop func()) {
	t.Helper()
	b, err := broker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	select {
	case <-b.Ready():
	case <-done:
		t.FailNow()
	}
	return b, stop
}
