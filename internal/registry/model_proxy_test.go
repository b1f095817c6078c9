package registry

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// proxy stands between one process and its broker, so that the process can be cut off
// alone. The broker's answers name the broker's address; the proxy puts its own there.
type proxy struct {
	listener net.Listener
	broker   string
	gate     sync.RWMutex // held to write a frame; locked: nothing comes through
	running  sync.WaitGroup

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]bool
	gone  bool
}

func newProxy(t testing.TB, broker string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, broker: broker, conns: map[net.Conn]bool{}}
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// cut ends the connections that there are; others may come.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// vanish ends all connections for good, and waits for nothing.
func (p *proxy) vanish() {
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	p.listener.Close()
	p.cut()
}

func (p *proxy) close() {
	p.vanish()
	p.running.Wait()
}

func (p *proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.gone
}

func (p *proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(p.conns, c)
	}
}

// question is what an answer is to.
type question struct{ key, version int16 }

func (p *proxy) serve(client net.Conn) {
	broker, err := net.Dial("tcp", p.broker)
	if err != nil {
		client.Close()
		return
	}
	defer p.drop(client, broker)
	if !p.add(client, broker) {
		return
	}
	var mu sync.Mutex // guards asks
	asks := map[uint32]question{}
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		defer p.drop(client, broker)
		p.pass(broker, client, func(frame []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			id := binary.BigEndian.Uint32(frame)
			a := asks[id]
			delete(asks, id)
			return p.named(a, frame)
		})
	})
	p.pass(client, broker, func(frame []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		asks[binary.BigEndian.Uint32(frame[4:])] = question{int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))}
		return frame
	})
	p.drop(client, broker)
}

// pass passes frames on until a connection ends.
func (p *proxy) pass(from, to net.Conn, edit func([]byte) []byte) {
	var size [4]byte
	for {
		if _, err := io.ReadFull(from, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(from, frame); err != nil {
			return
		}
		frame = edit(frame)
		p.gate.RLock()
		_, err := to.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
		p.gate.RUnlock()
		if err != nil {
			return
		}
	}
}

// named is an answer that names us as its broker.
func (p *proxy) named(a question, frame []byte) []byte {
	metadata, coordinator := kmsg.NewPtrMetadataResponse(), kmsg.NewPtrFindCoordinatorResponse()
	var resp kmsg.Response = metadata
	switch a.key {
	case metadata.Key():
	case coordinator.Key():
		resp = coordinator
	default:
		return frame
	}
	resp.SetVersion(a.version)
	head := 4
	if resp.IsFlexible() {
		head++ // no tags
	}
	if err := resp.ReadFrom(frame[head:]); err != nil {
		return frame
	}
	host, text, _ := net.SplitHostPort(p.addr())
	port, _ := strconv.Atoi(text)
	rename := func(h *string, n *int32) {
		if *n > 0 {
			*h, *n = host, int32(port)
		}
	}
	for i := range metadata.Brokers {
		rename(&metadata.Brokers[i].Host, &metadata.Brokers[i].Port)
	}
	rename(&coordinator.Host, &coordinator.Port)
	for i := range coordinator.Coordinators {
		rename(&coordinator.Coordinators[i].Host, &coordinator.Coordinators[i].Port)
	}
	return resp.AppendTo(frame[:head:head])
}
