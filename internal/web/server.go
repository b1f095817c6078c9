package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Config configures a Server.
type Config struct {
	Listen  string // host:port; port 0 is any free one
	Version string // of weir, for the OpenAPI document
	Log     *slog.Logger
	MaxBody int64 // of a request to the API or a page, in bytes; default 8 MiB
}

// Server is the one HTTP listener of a process.
type Server struct {
	mux      *http.ServeMux
	api      huma.API
	listener net.Listener
	log      *slog.Logger
	maxBody  int64
	metrics  *metrics
	checks   checks

	crossOrigin http.CrossOriginProtection

	headerTimeout, idleTimeout time.Duration // shorter in tests
}

// New binds the listener; a port that is taken is an error that wraps
// syscall.EADDRINUSE. Nothing is served before Run.
func New(cfg Config) (*Server, error) {
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		remedy := "write the address as HOST:PORT, like 127.0.0.1:8080"
		if errors.Is(err, syscall.EADDRINUSE) {
			remedy = "stop what listens there, or choose another address with --listen or web.listen"
		}
		return nil, fmt.Errorf("listening for HTTP on %s: %w; %s", cfg.Listen, err, remedy)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	useOurErrors()
	api := huma.DefaultConfig("weir", cfg.Version)
	api.OpenAPIPath = "/api/v1/openapi"
	api.DocsPath, api.SchemasPath = "", "" // the registry owns /schemas
	api.CreateHooks = nil                  // no $schema member in bodies
	api.OnAddOperation = append(api.OnAddOperation, mustBeDescribed)
	mux := http.NewServeMux()
	s := &Server{
		mux: mux, api: humago.New(mux, api), listener: listener, log: cfg.Log, maxBody: cmp.Or(cfg.MaxBody, maxBody),
		metrics: newMetrics(), checks: checks{byName: map[string]*check{}}, headerTimeout: headerTimeout, idleTimeout: idleTimeout,
	}
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.Handle("GET /readyz", Handler(s.readyz))
	mux.Handle("GET /metrics", s.metrics.handler(s.log))
	mux.Handle("/api/", Handler(noSuchOperation))
	return s, nil
}

// mustBeDescribed panics if an operation is not described well enough for the
// OpenAPI document: a defect that shows at every start.
func mustBeDescribed(_ *huma.OpenAPI, op *huma.Operation) {
	if op.OperationID == "" || op.Summary == "" || len(op.Tags) == 0 {
		panic(fmt.Sprintf("%s %s: an operation needs an id, a summary and a tag", op.Method, op.Path))
	}
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
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	maxBody        = 8 << 20
	stopTimeout    = 5 * time.Second
)

// Run serves until ctx ends, then lets requests finish.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.headerTimeout,
		IdleTimeout:       s.idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
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
