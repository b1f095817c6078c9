package table

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Codec turns values into bytes and back. Encode of a decoded key gives the bytes
// that it was decoded from: a key that is written in two ways is malformed in one.
type Codec[T any] struct {
	Encode func(T) ([]byte, error)
	Decode func([]byte) (T, error)
}

// Config says which topic a table is, and how its records are written.
type Config[K comparable, V any] struct {
	Topic      string // by custom _weir.<system>.<what>; created if missing, compacted
	Partitions int32  // default 1. Fixed once the topic exists: a key stays in its partition
	Key        Codec[K]
	Value      Codec[V]

	// Reload is how often the table is loaded anew, in which time a deletion must
	// not be compacted away: half of the topic's delete.retention.ms. Default 12 h,
	// half of Kafka's default.
	Reload time.Duration

	Log *slog.Logger // default: discard
}

func (c Config[K, V]) withDefaults() Config[K, V] {
	if c.Partitions == 0 {
		c.Partitions = 1
	}
	if c.Reload == 0 {
		c.Reload = 12 * time.Hour
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c *Config[K, V]) validate() error {
	switch {
	case c.Topic == "":
		return errors.New("table: no topic is named")
	case c.Partitions < 1:
		return fmt.Errorf("table %s: %d partitions", c.Topic, c.Partitions)
	case c.Key.Encode == nil || c.Key.Decode == nil || c.Value.Encode == nil || c.Value.Decode == nil:
		return fmt.Errorf("table %s: a codec is missing", c.Topic)
	case c.Reload < 0:
		return fmt.Errorf("table %s: reload every %v", c.Topic, c.Reload)
	}
	return nil
}
