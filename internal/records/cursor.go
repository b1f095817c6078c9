package records

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"
)

// cursor is a place in a topic from which pages go on, in one direction.
//
// Format, in base64url without padding: 01 | flags (1 newest first, 2 tail) |
// fingerprint 8 B | if tail: since, base | n | per partition: partition - the
// one before - 1, offset.
type cursor struct {
	of     fingerprint
	newest bool // at is where the page before began, not where it ended
	at     map[int32]int64
	tail   tail
}

// tail says how fast a topic is that somebody follows: base is the sum of the end
// offsets at the time since. The zero tail is none.
type tail struct {
	since time.Time
	base  int64
}

const (
	cursorVersion = 1

	flagNewest = 1
	flagTail   = 2
)

var errCursor = errors.New("this is no cursor")

// String returns the cursor as text.
func (c cursor) String() string {
	flags := byte(0)
	if c.newest {
		flags |= flagNewest
	}
	if !c.tail.since.IsZero() {
		flags |= flagTail
	}
	b := append([]byte{cursorVersion, flags}, c.of[:]...)
	if flags&flagTail != 0 {
		b = binary.AppendUvarint(b, uint64(c.tail.since.UnixMilli()))
		b = binary.AppendUvarint(b, uint64(c.tail.base))
	}
	b = binary.AppendUvarint(b, uint64(len(c.at)))
	before := int32(-1)
	for _, p := range slices.Sorted(maps.Keys(c.at)) {
		b = binary.AppendUvarint(b, uint64(p-before-1))
		b = binary.AppendUvarint(b, uint64(c.at[p]))
		before = p
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads what String has printed, and nothing else.
func parseCursor(s string) (cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	d := digits{b: raw}
	if err != nil || d.byte() != cursorVersion {
		return cursor{}, errCursor
	}
	flags := d.byte()
	c := cursor{newest: flags&flagNewest != 0, at: map[int32]int64{}}
	copy(c.of[:], d.take(len(c.of)))
	if flags&flagTail != 0 {
		c.tail = tail{time.UnixMilli(d.number()).UTC(), d.number()}
	}
	before := int64(-1)
	for range d.count(2) {
		p := before + 1 + d.number()
		if p > 1<<31-1 || p < 0 {
			d.bad = true
		}
		c.at[int32(p)] = d.number()
		before = p
	}
	if d.bad || len(d.b) > 0 || c.String() != s {
		return cursor{}, errCursor
	}
	return c, nil
}

// tailWindow is over how long the pace of a topic is measured.
const tailWindow = 2 * time.Second

// follow returns the tail of the next cursor, and how many records per second
// came since this one began; -1 while it is too young to tell.
func (t tail) follow(now time.Time, ends int64) (next tail, rate float64) {
	now = now.UTC().Truncate(time.Millisecond)
	age := now.Sub(t.since)
	switch {
	case t.since.IsZero() || age < 0 || ends < t.base: // new, or the topic is another one
		return tail{now, ends}, -1
	case age < time.Second:
		return t, -1
	}
	if rate = float64(ends-t.base) / age.Seconds(); age >= tailWindow {
		t = tail{now, ends}
	}
	return t, rate
}
