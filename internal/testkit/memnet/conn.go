package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one end of a connection.
type conn struct {
	host          *Host
	in, out       *pipe
	local, remote net.Addr
	// address is what was dialled; empty on the side that accepted.
	address string
	wrote   func(address string, data []byte) bool
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) { return c.in.read(b) }

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if c.wrote != nil && c.address != "" && !c.wrote(c.address, b) {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
	}
	return c.out.write(b)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.host.forget(c)
	c.in.endReading(net.ErrClosed)
	c.out.endWriting(net.ErrClosed)
	return nil
}

// reset ends the connection because its process is gone.
func (c *conn) reset() {
	c.in.endReading(syscall.ECONNRESET)
	c.out.endWriting(syscall.ECONNRESET)
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { c.in.deadline(&c.in.readBy, t); return nil }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { c.out.deadline(&c.out.writeBy, t); return nil }

// window is how many bytes may be on their way or unread before a sender waits, as with the buffers of a socket.
const window = 256 << 10

// pipe is one direction of a connection.
type pipe struct {
	delay func() time.Duration

	mu      sync.Mutex
	changed *sync.Cond
	pieces  []piece
	size    int
	// arrived is when the last piece arrives: none overtakes it.
	arrived time.Time
	// held says that nothing arrives for now.
	held bool
	// reading and writing are why that end is closed; nil while it is open.
	reading, writing error
	readBy, writeBy  time.Time
}

// piece is data on its way; without data it is the end of the stream.
type piece struct {
	data []byte
	at   time.Time
}

func newPipe(delay func() time.Duration) *pipe {
	p := &pipe{delay: delay}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// await waits for a change, or for the earlier of two times that are not zero.
func (p *pipe) await(a, b time.Time) {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		a = b
	}
	if !a.IsZero() {
		t := time.AfterFunc(time.Until(a), func() {
			p.mu.Lock() // So that it does not come before the wait.
			defer p.mu.Unlock()
			p.changed.Broadcast()
		})
		defer t.Stop()
	}
	p.changed.Wait()
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		var due time.Time
		if len(p.pieces) > 0 && !p.held {
			due = p.pieces[0].at
		}
		switch {
		case p.reading != nil:
			return 0, p.reading
		case passed(p.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case passed(due):
			first := &p.pieces[0]
			if len(first.data) == 0 {
				return 0, io.EOF
			}
			n := copy(b, first.data)
			if first.data = first.data[n:]; len(first.data) == 0 {
				p.pieces = p.pieces[1:]
			}
			p.size -= n
			p.changed.Broadcast()
			return n, nil
		}
		p.await(due, p.readBy)
	}
}

func (p *pipe) write(b []byte) (sent int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.writing != nil:
			return sent, p.writing
		case p.reading != nil:
			return sent, syscall.EPIPE
		case passed(p.writeBy):
			return sent, os.ErrDeadlineExceeded
		case len(b) == 0:
			return sent, nil
		case p.size < window:
			n := min(len(b), window-p.size)
			p.push(append([]byte(nil), b[:n]...))
			b, sent = b[n:], sent+n
			continue
		}
		p.await(time.Time{}, p.writeBy)
	}
}

// push puts data on its way.
func (p *pipe) push(data []byte) {
	if at := time.Now().Add(p.delay()); at.After(p.arrived) {
		p.arrived = at
	}
	p.pieces = append(p.pieces, piece{data: data, at: p.arrived})
	p.size += len(data)
	p.changed.Broadcast()
}

// endWriting has the reader see the end behind what was written.
func (p *pipe) endWriting(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writing == nil {
		p.writing = why
		p.push(nil)
	}
}

// endReading drops what was not read, and fails what is still written.
func (p *pipe) endReading(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reading == nil {
		p.reading, p.pieces, p.size = why, nil, 0
		p.changed.Broadcast()
	}
}

// hold keeps back what is on its way, or lets it go on.
func (p *pipe) hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = on
	p.changed.Broadcast()
}

func (p *pipe) deadline(which *time.Time, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*which = t
	p.changed.Broadcast()
}
