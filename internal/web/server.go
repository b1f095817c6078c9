package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Config configures a Server.
type Config struct {
	Listen  string // host:port; port 0 is any free one
	Version string // of weir, for the OpenAPI document
	Log     *slog.Logger
}

// Server is the one HTTP listener of a process.
type Server struct {
	mux      *http.ServeMux
	api      huma.API
	listener net.Listener
	log      *slog.Logger
}

// New binds the listener; a port that is taken is an error that wraps
// syscall.EADDRINUSE. Nothing is served before Run.
func New(cfg Config) (*Server, error) {
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening for HTTP on %s: %w; stop what listens there, or choose another address with --listen", cfg.Listen, err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	useOurErrors()
	api := huma.DefaultConfig("weir", cfg.Version)
	api.OpenAPIPath = "/api/v1/openapi"
	api.DocsPath, api.SchemasPath = "", "" // the registry owns /schemas
	api.CreateHooks = nil                  // no $schema member in bodies
	mux := http.NewServeMux()
	return &Server{mux: mux, api: humago.New(mux, api), listener: listener, log: cfg.Log}, nil
}

// Mux returns the mux to register pages and compatible APIs on.
func (s *Server) Mux() *http.ServeMux { return s.mux }

// API returns where operations of /api/v1 are registered.
func (s *Server) API() huma.API { return s.api }

// Addr returns the listener's address.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close releases the listener of a server that does not run.
func (s *Server) Close() error { return s.listener.Close() }

const (
	headerTimeout = 10 * time.Second
	stopTimeout   = 5 * time.Second
)

// Run serves until ctx ends, then lets requests finish.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.mux,
		ReadHeaderTimeout: headerTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends streams
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving HTTP on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = server.Close() // somebody does not let go
	}
	if s := <-served; !errors.Is(s, http.ErrServerClosed) {
		err = s
	}
	return err
}

// InProcess returns a transport that answers requests from the mux, without a
// connection: how pages read the API. Bodies are held in memory.
func (s *Server) InProcess() http.RoundTripper { return inProcess{s.mux} }

type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &response{header: http.Header{}, status: http.StatusOK}
	p.handler.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}, r.Context().Err()
}

// response collects what a handler writes.
type response struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}

func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
