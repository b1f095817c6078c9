package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/wire"
	"github.com/weirhq/weir/serde"
)

// The errors that a promise may be called with, beside those of kgo and kerr.
var (
	// ErrOutcomeUnknown: the record may be in the log, or not. To send it again
	// may duplicate it.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrReservedHeader: the record has a header that this package writes, or one
	// that names a schema and is not what serde writes.
	ErrReservedHeader = errors.New("reserved header")
	// ErrClosed: the client is closed.
	ErrClosed = errors.New("client is closed")

	errDeliveryTimeout = errors.New("delivery timeout")
)

// Produce stamps the record, counts it and sends it, with acks from all in-sync
// replicas. promise is called exactly once: with nil, with ErrOutcomeUnknown, or
// with an error that says why the record is certainly not in the log.
//
// Produce blocks while kgo's buffer is full, and before the first record of an
// audit window until the run's report is acknowledged. A record without a
// timestamp gets the current time. A promise must not block, nor call Produce,
// which may wait for a report whose acknowledgement comes by the same goroutine.
func (c *Client) Produce(ctx context.Context, r *kgo.Record, promise func(*kgo.Record, error)) {
	if promise == nil {
		promise = func(*kgo.Record, error) {}
	}
	sequence, err := c.ledger.enter(r.Topic)
	if err != nil {
		promise(r, err)
		return
	}
	defer c.ledger.producing.Done()
	if r.Timestamp.IsZero() {
		r.Timestamp = time.Now()
	}
	key := c.ledger.key(r.Topic, r.Timestamp.UnixMilli())
	bytes := len(r.Key) + len(r.Value)
	stamp := wire.Stamp{Run: c.run, Seq: sequence}.Append(nil)
	fingerprint := wire.Fingerprint(r.Key, r.Value, stamp)
	c.ledger.count(key, wire.Attempt, fingerprint, bytes)
	end := func(kind wire.Kind, err error) {
		c.ledger.count(key, kind, fingerprint, bytes)
		promise(r, err)
	}
	if err := checkHeaders(r); err != nil {
		end(wire.Fail, err)
		return
	}
	if err := c.ledger.waitOpen(ctx, key, c.wakeReport); err != nil {
		end(wire.Fail, fmt.Errorf("record not sent, its window is not announced: %w", err))
		return
	}
	// A copy is sent, so that a record that failed is as it was and can be sent
	// again. Headers are clipped: records may share the slice.
	stamped := *r
	stamped.Headers = append(slices.Clip(r.Headers), kgo.RecordHeader{Key: wire.StampHeader, Value: stamp})
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.DeliveryTimeout, errDeliveryTimeout)
	c.kafka.Produce(ctx, &stamped, func(_ *kgo.Record, err error) {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		cancel()
		switch kind := outcome(err); kind {
		case wire.OK:
			*r = stamped // with its partition and offset
			end(kind, nil)
		case wire.Unknown:
			end(kind, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))
		default:
			end(kind, err)
		}
	})
}

// ProduceSync is Produce, and waits for the outcome.
func (c *Client) ProduceSync(ctx context.Context, r *kgo.Record) error {
	done := make(chan error, 1)
	c.Produce(ctx, r, func(_ *kgo.Record, err error) { done <- err })
	return <-done
}

func checkHeaders(r *kgo.Record) error {
	for _, h := range r.Headers {
		if strings.HasPrefix(h.Key, "weir-") {
			return fmt.Errorf("%w: %q", ErrReservedHeader, h.Key)
		}
		if h.Key == serde.KeyHeader || h.Key == serde.ValueHeader {
			if _, _, err := serde.ParseSchemaHeader(h.Value); err != nil {
				return fmt.Errorf("%w: %q: %w", ErrReservedHeader, h.Key, err)
			}
		}
	}
	return nil
}

// contentErrors are the broker's verdicts on what a record holds: it was not
// appended, and never will be.
var contentErrors = []error{
	kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp,
	kerr.UnsupportedForMessageFormat, kerr.UnsupportedCompressionType, kerr.UnsupportedVersion, kerr.PolicyViolation,
}

// outcome sorts kgo's error for a record. Whatever is not certain is unknown: a
// request may have been written, and applied, though no answer came.
func outcome(err error) wire.Kind {
	if err == nil {
		return wire.OK
	}
	if errors.Is(err, kgo.ErrMaxBuffered) { // raised before buffering
		return wire.Fail
	}
	for _, content := range contentErrors {
		if errors.Is(err, content) {
			return wire.Fail
		}
	}
	return wire.Unknown
}
