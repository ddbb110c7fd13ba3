// Package memnet is a network in memory: machines that listen and connect under names, with a delay for what is sent
// and with machines that fail. Goroutines that wait on it block durably in the sense of testing/synctest, so that
// whole services can run in virtual time. Inside such a bubble the network must be made in it, too.
//
// It carries streams, as TCP does: bytes arrive in order, those sent before a close arrive before it, and a sender
// waits when the receiver is slow. It knows no names but those of its machines.
package memnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Network is a network. It is safe for use by several goroutines.
type Network struct {
	// delay says how long the next piece of data, or the next connection, takes to arrive.
	delay func() time.Duration

	mu        sync.Mutex
	listeners map[string]*listener // by host:port
	port      int
}

// New returns a network without machines. Delay is asked for each piece of data that is written how long it takes to
// arrive; nil for no time. Pieces of one direction of a connection do not overtake each other.
func New(delay func() time.Duration) *Network {
	if delay == nil {
		delay = func() time.Duration { return 0 }
	}
	return &Network{delay: delay, listeners: make(map[string]*listener), port: 32768}
}

// Host is a machine, or a process with an address of its own.
type Host struct {
	n    *Network
	name string

	mu   sync.Mutex
	gone bool
	// stalled is closed when what is on its way goes on; nil while nothing is kept back.
	stalled chan struct{}
	conns   map[*conn]bool
	ears    map[*listener]bool
	// wrote, when set, is asked before each write of a connection that the host made.
	wrote func(address string, data []byte) bool
}

// Host adds a machine. Several may have one name, as processes of one machine do.
func (n *Network) Host(name string) *Host {
	return &Host{n: n, name: name, conns: make(map[*conn]bool), ears: make(map[*listener]bool)}
}

// Watch has f asked before each write of a connection that the host makes from now on; the data is not sent when it
// answers false. It is asked by the goroutine that writes, and may cut the host.
func (h *Host) Watch(f func(address string, data []byte) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrote = f
}

// Cut ends everything that the host has open, as kill -9 does: peers read what was sent, and then the end. The host
// can make no connection any more, and its addresses are free. Cutting twice is cutting once.
func (h *Host) Cut() {
	h.mu.Lock()
	h.gone = true
	conns, ears := h.conns, h.ears
	h.conns, h.ears = nil, nil
	h.mu.Unlock()
	for l := range ears {
		_ = l.Close() // It never fails.
	}
	for c := range conns {
		c.reset()
	}
}

// Stall keeps back all that is on its way to the host and from it, with every connection open, as a network does that
// loses packets; or lets it go on.
func (h *Host) Stall(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if on == (h.stalled != nil) {
		return
	}
	if on {
		h.stalled = make(chan struct{})
	} else {
		close(h.stalled)
		h.stalled = nil
	}
	for c := range h.conns {
		c.in.hold(on)
		c.out.hold(on)
	}
}

// passable waits until the host is not stalled.
func (h *Host) passable(ctx context.Context) error {
	h.mu.Lock()
	stalled := h.stalled
	h.mu.Unlock()
	if stalled == nil {
		return nil
	}
	select {
	case <-stalled:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Listen takes an address of the host: the host part of the address is not looked at, and port 0 takes a free port.
// Its form is that of net.Listen.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	key := h.key(port)
	for port == 0 || text == "0" && h.n.listeners[key] != nil {
		h.n.port++
		port = h.n.port
		key = h.key(port)
	}
	if h.n.listeners[key] != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: addr(port), Err: syscall.EADDRINUSE}
	}
	l := &listener{host: h, key: key, port: port, accept: make(chan *conn), closed: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: addr(port), Err: net.ErrClosed}
	}
	h.n.listeners[key], h.ears[l] = l, true
	return l, nil
}

func (h *Host) key(port int) string { return net.JoinHostPort(h.name, strconv.Itoa(port)) }

// addr is an address as the standard library has it. Names are not in it: the network has no numbers for them.
func addr(port int) *net.TCPAddr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }

// DialContext connects to host:port of the network. Its form is that of (*net.Dialer).DialContext.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, fmt.Errorf("connect to %s: %w", address, &net.OpError{Op: "dial", Net: network, Err: err})
	}
	select {
	case <-time.After(h.n.delay()):
	case <-ctx.Done():
		return fail(context.Cause(ctx))
	}
	h.n.mu.Lock()
	l := h.n.listeners[address]
	h.n.port++
	own := h.n.port
	h.n.mu.Unlock()
	if l == nil {
		return fail(syscall.ECONNREFUSED)
	}
	if err := errors.Join(h.passable(ctx), l.host.passable(ctx)); err != nil {
		return fail(err)
	}
	there, back := newPipe(h.n.delay), newPipe(h.n.delay)
	near := &conn{host: h, in: back, out: there, local: addr(own), remote: addr(l.port), address: address}
	far := &conn{host: l.host, in: there, out: back, local: addr(l.port), remote: addr(own)}
	if !h.adopt(near) {
		return fail(net.ErrClosed)
	}
	if !l.host.adopt(far) {
		return fail(errors.Join(syscall.ECONNREFUSED, near.Close()))
	}
	select {
	case l.accept <- far:
		return near, nil
	case <-l.closed:
		return fail(errors.Join(syscall.ECONNREFUSED, near.Close(), far.Close()))
	case <-ctx.Done():
		return fail(errors.Join(context.Cause(ctx), near.Close(), far.Close()))
	}
}

// adopt makes a connection one of the host's.
func (h *Host) adopt(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return false
	}
	c.wrote = h.wrote
	h.conns[c] = true
	return true
}

func (h *Host) forget(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

type listener struct {
	host   *Host
	key    string
	port   int
	accept chan *conn
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.host.n.mu.Lock()
		delete(l.host.n.listeners, l.key)
		l.host.n.mu.Unlock()
		l.host.mu.Lock()
		delete(l.host.ears, l)
		l.host.mu.Unlock()
		close(l.closed)
	})
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return addr(l.port) }
