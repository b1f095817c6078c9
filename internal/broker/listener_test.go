package broker

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// byteConn is a client that has sent these bytes and gone.
type byteConn struct {
	net.Conn
	io.Reader
}

func (c byteConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }
func (c byteConn) Close() error               { return nil }
func (c byteConn) RemoteAddr() net.Addr       { return &net.TCPAddr{} }

// Whatever a client sends, the engine sees a prefix of it that breaks off before the first bad frame.
func FuzzGuardedConn(f *testing.F) {
	good := "\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff"
	for _, seed := range []string{"", good, good + good, good + "\xff", "\xff\xff\xff\xff", "\x00\x00\x10\x01", good + "\x00\x00\x00\x0c\x7f\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"} {
		f.Add([]byte(seed), 3)
	}
	const maxFrame = 4096
	f.Fuzz(func(t *testing.T, sent []byte, readSize int) {
		ln := &guardedListener{maxFrame: maxFrame}
		conn := &guardedConn{Conn: byteConn{Reader: bytes.NewReader(sent)}, listener: ln}
		var got []byte
		for buf := make([]byte, 1+uint(readSize)%maxFrame); ; {
			n, err := conn.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				break
			}
		}
		want, bad := passable(sent, maxFrame)
		if !bytes.Equal(got, want) {
			t.Errorf("passed on %x of %x, want %x", got, sent, want)
		}
		if (ln.refused.Load() == 1) != bad {
			t.Errorf("%d frames refused of %x, bad frame: %v", ln.refused.Load(), sent, bad)
		}
	})
}

// passable says the same as the guard, on bytes that are all there.
func passable(sent []byte, maxFrame int) (prefix []byte, bad bool) {
	at := 0
	for len(sent)-at >= 4 {
		size := int(int32(binary.BigEndian.Uint32(sent[at:])))
		if size < minFrame || size > maxFrame {
			return sent[:at], true
		}
		if len(sent)-at < 8 {
			break
		}
		if kmsg.RequestForKey(int16(binary.BigEndian.Uint16(sent[at+4:]))) == nil {
			return sent[:at], true
		}
		at += 4 + size
		if at >= len(sent) {
			return sent, false
		}
	}
	return sent[:at], false
}
