package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/internal/broker/brokertest"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/registry/remote"
	"github.com/weirhq/weir/internal/web"
)

// newWeir runs a registry with weir's own API, which others have not.
func newWeir(t testing.TB) (url string) {
	t.Helper()
	c, err := cluster.Connect(t.Context(), cluster.Config{Name: "local", Bootstrap: []string{brokertest.New(t).Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	server, err := web.New(web.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	url = "http://" + server.Addr()
	s, err := registry.NewShared(registry.Config{}, registry.Place{Cluster: c, Holder: "weir", URL: url})
	if err != nil {
		t.Fatal(err)
	}
	s.Register(server.Mux())
	s.RegisterAPI(server.API())
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error { return s.Run(ctx, func() { close(ready) }) })
	g.Go(func() error { return server.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	<-ready
	return url
}

// An export is sent in pieces, cut between lines, without what holds for all.
func TestPiecesOf(t *testing.T) {
	want := remote.Snapshot{Settings: []remote.Setting{{Mode: "READONLY"}, {Subject: "s", Mode: "READONLY", Config: map[string]json.RawMessage{"alias": json.RawMessage(`"t"`)}}}}
	for i := range 5 {
		want.Versions = append(want.Versions, remote.Schema{Subject: "s", Version: i + 1, ID: i + 1, Schema: strings.Repeat("x", importPiece/3)})
	}
	pieces, err := piecesOf(want)
	if err != nil || len(pieces) != 3 {
		t.Fatalf("%d pieces, %v", len(pieces), err)
	}
	for _, p := range pieces {
		if len(p) > importPiece || !bytes.HasSuffix(p, []byte("}\n")) {
			t.Errorf("a piece of %d bytes", len(p))
		}
	}
	if all := bytes.Join(pieces, nil); bytes.Count(all, []byte("\n")) != 7 || !bytes.HasSuffix(all, []byte("{\"subject\":\"s\",\"config\":{\"alias\":\"t\"}}\n{\"subject\":\"s\",\"mode\":\"READONLY\"}\n")) {
		t.Errorf("the end: %s", all[max(0, len(all)-200):])
	}
}
