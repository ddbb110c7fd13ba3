// Package memzk is a ZooKeeper in memory: one server with sessions, watches and the operations that the service and
// its library use, over the wire protocol, on a listener of the test's choice. With one of package memnet it runs in
// virtual time. It knows no access lists, no quotas and no ensemble, and forgets everything when it is closed.
package memzk

import (
	"crypto/rand"
	"net"
	"sync"
	"testing"
	"time"
)

// Operations, by the number that the protocol has for them.
const (
	opCreate       = 1
	opDelete       = 2
	opExists       = 3
	opGetData      = 4
	opSetData      = 5
	opGetChildren  = 8
	opSync         = 9
	opPing         = 11
	opGetChildren2 = 12
	opCheck        = 13
	opMulti        = 14
	opClose        = -11
	opSetAuth      = 100
	opSetWatches   = 101
)

// The bounds of a session timeout, as with a tickTime of 500 ms.
const (
	shortest = time.Second
	longest  = time.Minute
)

// Server is a ZooKeeper. It is safe for use by several goroutines.
type Server struct {
	wg sync.WaitGroup

	mu        sync.Mutex
	nodes     map[string]*node
	sessions  map[int64]*session
	clients   map[*client]bool
	listeners []net.Listener
	zxid      int64
	closed    bool
}

// session is one of a client, which outlives its connections.
type session struct {
	id       int64
	password []byte
	timeout  time.Duration
	expiry   *time.Timer
	client   *client // nil while it has no connection
}

// New returns a server without any data.
func New() *Server {
	s := &Server{nodes: make(map[string]*node), sessions: make(map[int64]*session), clients: make(map[*client]bool)}
	for _, name := range []string{"/", "/zookeeper"} {
		s.nodes[name] = &node{children: map[string]bool{}}
	}
	s.nodes["/"].children["zookeeper"] = true
	return s
}

// Start returns the address of a server on 127.0.0.1 that lasts as long as the test.
func Start(t testing.TB) (hostPort string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New()
	s.Serve(l)
	t.Cleanup(s.Close)
	return l.Addr().String()
}

// Serve takes connections of a listener until the server is closed. It returns at once.
func (s *Server) Serve(l net.Listener) {
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.converse(conn) })
		}
	})
}

// Close ends all connections and waits. The sessions are gone with the server.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for _, l := range s.listeners {
		_ = l.Close() // What is left are connections, which end next.
	}
	for c := range s.clients {
		c.end()
	}
	for _, x := range s.sessions {
		x.expiry.Stop()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Expire ends every session, as when nothing was heard of their clients for long enough.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.sessions {
		s.endSession(x)
	}
}

// converse serves one connection.
func (s *Server) converse(conn net.Conn) {
	defer conn.Close()
	hello, err := readPacket(conn)
	if err != nil {
		return
	}
	c := newClient(conn)
	x := s.begin(c, &reader{rest: hello})
	if x == nil {
		return
	}
	s.wg.Go(c.send)
	for {
		request, err := readPacket(conn)
		if err != nil || !s.serve(c, x, &reader{rest: request}) {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	if x.client == c {
		x.client = nil
	}
	c.end()
}

// begin makes a session, or takes up one that a client had; nil when that is over.
func (s *Server) begin(c *client, hello *reader) *session {
	hello.int() // The version of the protocol: there is one.
	hello.long()
	timeout := min(max(time.Duration(hello.int())*time.Millisecond, shortest), longest)
	id, password := hello.long(), hello.buffer()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || hello.err != nil {
		return nil
	}
	var x *session
	if id == 0 {
		x = &session{id: int64(len(s.sessions)+1)<<32 | s.zxid + 1, password: make([]byte, 16)}
		_, _ = rand.Read(x.password) // It never fails.
		x.expiry = time.AfterFunc(timeout, func() { s.expire(x) })
		s.sessions[x.id] = x
		s.zxid++
	} else if x = s.sessions[id]; x == nil || string(x.password) != string(password) {
		var gone writer
		gone.int(0)
		gone.int(0)
		gone.long(0)
		gone.buffer(make([]byte, 16))
		_, _ = c.conn.Write(packet(gone.b)) // The connection ends in any case.
		return nil
	}
	if x.client != nil {
		x.client.end()
	}
	x.client, x.timeout = c, timeout
	x.expiry.Reset(timeout)
	s.clients[c] = true
	var welcome writer
	welcome.int(0)
	welcome.int(int32(timeout / time.Millisecond))
	welcome.long(x.id)
	welcome.buffer(x.password)
	c.push(welcome.b)
	return x
}

// expire ends a session that was not heard of for its timeout.
func (s *Server) expire(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.sessions[x.id] == x {
		s.endSession(x)
	}
}

// endSession removes a session and what goes with it.
func (s *Server) endSession(x *session) {
	x.expiry.Stop()
	delete(s.sessions, x.id)
	s.zxid++
	for name, n := range s.nodes {
		if n.owner == x.id {
			s.remove(name)
			s.tell(opDelete, name)
		}
	}
	if x.client != nil {
		x.client.end()
	}
}

// serve answers one request, and says whether the connection goes on.
func (s *Server) serve(c *client, x *session, r *reader) bool {
	xid, op := r.int(), r.int()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[x.id] != x || x.client != c {
		return false
	}
	x.expiry.Reset(x.timeout)
	var body writer
	problem := s.answer(c, x, op, r, &body)
	if r.err != nil {
		return false
	}
	var w writer
	w.int(xid)
	w.long(s.zxid)
	w.int(int32(problem))
	if problem == ok {
		w.b = append(w.b, body.b...)
	}
	c.push(w.b)
	if op == opClose {
		s.endSession(x)
		return false
	}
	return true
}

func (s *Server) answer(c *client, x *session, op int32, r *reader, w *writer) code {
	switch op {
	case opPing, opClose, opSetAuth:
		return ok
	case opSync:
		w.string(r.string())
		return ok
	case opExists, opGetData, opGetChildren, opGetChildren2:
		return s.look(c, op, r, w)
	case opCreate, opDelete, opSetData:
		made, problems := s.apply([]change{readChange(op, r)}, x.id)
		if r.err == nil && problems[0] == ok {
			s.result(op, made[0], w)
		}
		return problems[0]
	case opMulti:
		return s.multi(x, r, w)
	case opSetWatches:
		s.watchAgain(c, r)
		return ok
	}
	return unimplemented
}

// look answers a request that changes nothing, and has the node watched when it asks for that.
func (s *Server) look(c *client, op int32, r *reader, w *writer) code {
	name, watch := r.string(), r.bool()
	n := s.nodes[name]
	children := op == opGetChildren || op == opGetChildren2
	switch {
	case r.err != nil, !watch, n == nil && op != opExists:
	case children:
		c.children[name] = true
	default:
		c.data[name] = true
	}
	if n == nil {
		return noNode
	}
	if op == opGetData {
		w.buffer(n.data)
	}
	if children {
		names := make([]string, 0, len(n.children))
		for child := range n.children {
			names = append(names, child)
		}
		w.strings(names)
	}
	if op != opGetChildren {
		w.stat(n)
	}
	return ok
}

// readChange reads what an operation is to change.
func readChange(op int32, r *reader) change {
	c := change{op: op, path: r.string(), version: -1}
	switch op {
	case opCreate:
		c.data = r.buffer()
		for range max(r.int(), 0) { // Access lists, which are not kept.
			if r.err != nil {
				break
			}
			r.int()
			r.string()
			r.string()
		}
		c.flags = r.int()
	case opSetData:
		c.data = r.buffer()
		c.version = r.int()
	default:
		c.version = r.int()
	}
	return c
}

func (s *Server) result(op int32, made string, w *writer) {
	switch op {
	case opCreate:
		w.string(made)
	case opSetData:
		w.stat(s.nodes[made])
	}
}

// multi makes changes, all or none.
func (s *Server) multi(x *session, r *reader, w *writer) code {
	var changes []change
	for {
		op, done := r.int(), r.bool()
		r.int()
		if done || r.err != nil {
			break
		}
		if op != opCreate && op != opDelete && op != opSetData && op != opCheck {
			return unimplemented
		}
		changes = append(changes, readChange(op, r))
	}
	if r.err != nil {
		return badArguments
	}
	made, problems := s.apply(changes, x.id)
	failed := false
	for _, p := range problems {
		failed = failed || p != ok
	}
	header := func(op int32, done bool, problem code) {
		w.int(op)
		w.bool(done)
		w.int(int32(problem))
	}
	for i, c := range changes {
		if failed {
			header(-1, false, problems[i])
			w.int(int32(problems[i]))
			continue
		}
		header(c.op, false, ok)
		// Later changes may have deleted the node again.
		if s.nodes[made[i]] == nil && c.op == opSetData {
			w.stat(&node{})
			continue
		}
		s.result(c.op, made[i], w)
	}
	header(-1, true, -1)
	return ok
}

// watchAgain takes the watches of a client that has connected again, and tells what it missed.
func (s *Server) watchAgain(c *client, r *reader) {
	seen := r.long()
	data, exist, children := r.strings(), r.strings(), r.strings()
	if r.err != nil {
		return
	}
	for _, name := range data {
		switch n := s.nodes[name]; {
		case n == nil:
			c.event(nodeDeleted, name)
		case n.modified > seen:
			c.event(dataChanged, name)
		default:
			c.data[name] = true
		}
	}
	for _, name := range exist {
		if s.nodes[name] != nil {
			c.event(nodeCreated, name)
		} else {
			c.data[name] = true
		}
	}
	for _, name := range children {
		switch n := s.nodes[name]; {
		case n == nil:
			c.event(nodeDeleted, name)
		case n.childrenChanged > seen:
			c.event(childrenChanged, name)
		default:
			c.children[name] = true
		}
	}
}

// client is one connection.
type client struct {
	conn net.Conn
	// data and children are the paths that are watched; guarded by Server.mu.
	data, children map[string]bool

	mu      sync.Mutex
	changed *sync.Cond
	queue   [][]byte
	over    bool
}

func newClient(conn net.Conn) *client {
	c := &client{conn: conn, data: make(map[string]bool), children: make(map[string]bool)}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// push queues a packet. It does not wait.
func (c *client) push(body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, packet(body))
	c.changed.Signal()
}

func (c *client) event(kind int32, name string) {
	var w writer
	w.int(-1) // The number of a watch event.
	w.long(-1)
	w.int(0)
	w.int(kind)
	w.int(3) // The client is connected.
	w.string(name)
	c.push(w.b)
}

// end ends the connection when what is queued was sent.
func (c *client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.changed.Signal()
}

// send sends what is queued until the connection ends.
func (c *client) send() {
	defer c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.queue) > 0 {
			next := c.queue[0]
			c.queue = c.queue[1:]
			c.mu.Unlock()
			_ = c.conn.SetWriteDeadline(time.Now().Add(longest)) // A connection in memory has deadlines.
			_, err := c.conn.Write(next)
			c.mu.Lock()
			if err != nil {
				return
			}
		}
		if c.over {
			return
		}
		c.changed.Wait()
	}
}
