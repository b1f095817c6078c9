package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// Config says where the engine keeps its data and where it listens.
type Config struct {
	// Dir is the data directory, created when missing. One process at a time. Required.
	Dir string
	// Listen is the host:port to listen on, port 0 for a free one. Clients are told the same host, so it can't be 0.0.0.0.
	// Default "127.0.0.1:0".
	Listen string
	// MaxFrame is the size in bytes of the largest request that is read; a larger one closes its connection. Default 100 MiB, as in
	// Apache Kafka (socket.request.max.bytes).
	MaxFrame int
	// Log receives the engine's warnings and errors. Default: nothing is logged.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.MaxFrame == 0 {
		c.MaxFrame = 100 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	if c.Dir == "" {
		return errors.New("the embedded engine needs a data directory")
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen address %q is not host:port: %w", c.Listen, err)
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		return fmt.Errorf("listen address %q names no host, and clients are told the same address: use one that they can reach, such as 127.0.0.1", c.Listen)
	}
	if c.MaxFrame < minFrame {
		return fmt.Errorf("frame limit %d is below the %d bytes of a request header", c.MaxFrame, minFrame)
	}
	return nil
}
