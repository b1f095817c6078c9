package broker

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// minFrame is the size of the shortest request header: API key, API version, correlation id.
const minFrame = 2 + 2 + 4

// guardedListener gives each connection the guard below.
type guardedListener struct {
	net.Listener
	maxFrame int
	refused  atomic.Int64
}

func (l *guardedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: conn, listener: l}, nil
}

// guardedConn passes on only frames that kfake survives: it allocates whatever a length prefix says, and dereferences nil for an API key
// that kmsg does not know. A request is length (int32), API key (int16), API version (int16), then the rest; the first eight bytes are
// read and judged before any of them is passed on. Its fields belong to the one goroutine that reads the connection.
type guardedConn struct {
	net.Conn
	listener *guardedListener
	head     [8]byte
	pending  []byte // the part of head not passed on yet
	rest     int    // bytes of the frame after head not passed on yet
}

func (c *guardedConn) Read(p []byte) (int, error) {
	if len(c.pending) == 0 && c.rest == 0 {
		if err := c.readHead(); err != nil {
			return 0, err
		}
	}
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.rest)])
	c.rest -= n
	return n, err
}

// readHead looks at the length as soon as it is there: a client that sends a bad one need not send more.
func (c *guardedConn) readHead() error {
	if _, err := io.ReadFull(c.Conn, c.head[:4]); err != nil {
		return err
	}
	size := int32(binary.BigEndian.Uint32(c.head[:4]))
	if size < minFrame || int64(size) > int64(c.listener.maxFrame) {
		return c.refuse(fmt.Errorf("frame of %d bytes", size))
	}
	if _, err := io.ReadFull(c.Conn, c.head[4:]); err != nil {
		return err
	}
	if key := int16(binary.BigEndian.Uint16(c.head[4:])); kmsg.RequestForKey(key) == nil {
		return c.refuse(fmt.Errorf("frame of unknown API key %d", key))
	}
	c.pending, c.rest = c.head[:], int(size)-4
	return nil
}

func (c *guardedConn) refuse(err error) error {
	c.listener.refused.Add(1)
	c.Conn.Close()
	return fmt.Errorf("refusing %s: %w", c.RemoteAddr(), err)
}
