// Package registrytest starts registries for tests: the real one, on the embedded
// engine, gone when the test ends.
package registrytest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry"
)

// New runs a registry on an engine of its own, and returns its address.
func New(t testing.TB) (url string) {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{brokertest.New(t).Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return Start(t, c, t.Name())
}

// Start runs one process, named holder, of the registry that is on a cluster, and
// returns its address.
func Start(t testing.TB, c *cluster.Cluster, holder string) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close) // and the idle connections of http.DefaultClient
	s, err := registry.NewShared(registry.Config{}, registry.Place{Cluster: c, Holder: holder, URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	s.Register(mux)
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatal(err)
	}
	return server.URL
}
