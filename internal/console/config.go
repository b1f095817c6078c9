package console

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Config is what a Console needs.
type Config struct {
	// API answers the requests for /api/v1/... that the pages are made from. It
	// must give up when the request's context ends. Required.
	API http.RoundTripper
	// Title is the name in the page's header. Default "weir".
	Title string
	// Every is the least time between two renderings of one watched page.
	// Default 1s.
	Every time.Duration
	// Deadline is how long one read of the API may take. Default 2s.
	Deadline time.Duration
	// MaxStreams is how many event streams may be open at once; one more is
	// answered with 503, and its page stays as it was loaded. Default 512.
	MaxStreams int
	// Log receives failures of rendering. Default slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Title == "" {
		c.Title = "weir"
	}
	if c.Every == 0 {
		c.Every = time.Second
	}
	if c.Deadline == 0 {
		c.Deadline = 2 * time.Second
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = 512
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.API == nil:
		return errors.New("console: API is not set")
	case c.Every < 0 || c.Deadline < 0 || c.MaxStreams < 0:
		return errors.New("console: Every, Deadline and MaxStreams must not be negative")
	}
	return nil
}
