package zk

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

// session is the connection to the ensemble. The library reconnects by itself and, when the session expired, silently begins another one;
// expired is told of that.
type session struct {
	conn *zk.Conn
	log  *slog.Logger
	// granted is the session timeout that the ensemble gave, in milliseconds.
	granted *atomic.Int64
	timeout time.Duration // of one read
}

// connect opens a session and waits until it stands.
func connect(ctx context.Context, o Options, expired func()) (*session, error) {
	s := &session{log: o.Log, granted: new(atomic.Int64), timeout: o.Timeout}
	up := make(chan struct{}, 1)
	event := func(e zk.Event) {
		if e.Type != zk.EventSession {
			return
		}
		s.log.Debug("zookeeper session", "state", e.State.String(), "server", e.Server)
		switch e.State {
		case zk.StateHasSession:
			select {
			case up <- struct{}{}:
			default:
			}
		case zk.StateExpired:
			expired()
		default: // The library connects again by itself.
		}
	}
	var refusal atomic.Pointer[error]
	dial := func(network, address string, timeout time.Duration) (_ net.Conn, err error) {
		defer func() {
			if err != nil {
				refusal.Store(&err)
			}
		}()
		c, err := o.Dial(network, address, timeout)
		if err != nil {
			return nil, err
		}
		// The library would wait ten times the read timeout for a server that accepts and says nothing.
		patience := max(o.SessionTimeout/3, timeout)
		if o.TLS != nil {
			if c, err = encrypt(c, address, o.TLS, patience); err != nil {
				return nil, err
			}
		}
		return &tapped{Conn: c, granted: s.granted, patience: patience}, nil
	}
	conn, _, err := zk.Connect(o.Servers, o.SessionTimeout,
		zk.WithLogger(debugLogger{o.Log}), zk.WithLogInfo(false), zk.WithEventCallback(event),
		zk.WithDialer(dial), zk.WithHostProvider(&hosts{}))
	if err != nil {
		return nil, err
	}
	s.conn = conn
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	select {
	case <-up:
	case <-ctx.Done():
		go conn.Close()
		err := ctx.Err()
		if last := refusal.Load(); last != nil {
			err = fmt.Errorf("%w, %w", err, *last)
		}
		return nil, fmt.Errorf("no ZooKeeper server of %s gave us a session: %w; check the address and that the servers run",
			strings.Join(o.Servers, ","), err)
	}
	if o.User != "" {
		_, err := read(ctx, s, func() (struct{}, error) {
			return struct{}{}, conn.AddAuth("digest", []byte(o.User+":"+string(o.Password)))
		})
		if err != nil {
			go conn.Close()
			return nil, fmt.Errorf("give ZooKeeper the credentials of %s: %w", o.User, err)
		}
	}
	return s, nil
}

func encrypt(c net.Conn, address string, config *tls.Config, patience time.Duration) (net.Conn, error) {
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		config = config.Clone()
		config.ServerName = host
	}
	t := tls.Client(c, config)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

// call runs one request of the library, which knows no context, and leaves it behind when ctx ends first.
func call[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// transient says whether a request may do better on another connection.
func transient(err error) bool {
	return errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrNoServer) || errors.Is(err, zk.ErrSessionExpired) ||
		errors.Is(err, zk.ErrSessionMoved)
}

// read runs a request that may be repeated until it is answered.
func read[T any](ctx context.Context, s *session, f func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for {
		value, err := call(ctx, f)
		if ctx.Err() == nil && transient(err) {
			err = pause(ctx)
			if err == nil {
				continue
			}
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("ZooKeeper did not answer in time: %w", err)
		}
		return value, err
	}
}

// pause waits a moment for the connection to come back.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20*time.Millisecond + rand.N(20*time.Millisecond)):
		return nil
	}
}

// node is the content of a node.
type node struct {
	data []byte
	stat *zk.Stat
}

func (s *session) get(ctx context.Context, path string) (node, error) {
	return read(ctx, s, func() (node, error) {
		data, stat, err := s.conn.Get(path)
		return node{data, stat}, err
	})
}

// latest is get after this server has heard of everything that was written before.
func (s *session) latest(ctx context.Context, path string) (node, error) {
	if _, err := read(ctx, s, func() (string, error) { return s.conn.Sync(path) }); err != nil {
		return node{}, err
	}
	return s.get(ctx, path)
}

func (s *session) children(ctx context.Context, path string) ([]string, error) {
	return read(ctx, s, func() ([]string, error) {
		names, _, err := s.conn.Children(path)
		return names, err
	})
}

// create makes a node that may be there already.
func (s *session) create(ctx context.Context, path string, data []byte, acl []zk.ACL) error {
	_, err := read(ctx, s, func() (string, error) { return s.conn.Create(path, data, 0, acl) })
	if errors.Is(err, zk.ErrNodeExists) {
		return nil
	}
	return err
}

// remove deletes a node that may be gone already.
func (s *session) remove(ctx context.Context, path string) error {
	_, err := read(ctx, s, func() (struct{}, error) { return struct{}{}, s.conn.Delete(path, -1) })
	if errors.Is(err, zk.ErrNoNode) {
		return nil
	}
	return err
}

// tapped is a connection that reads the granted session timeout off the server's first answer, which the library keeps to itself.
type tapped struct {
	net.Conn
	granted  *atomic.Int64
	patience time.Duration
	first    []byte
}

// answerSize is that of the length, the protocol version, the timeout and the session id.
const answerSize = 4 + 4 + 4 + 8

func (t *tapped) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if missing := answerSize - len(t.first); missing > 0 && n > 0 {
		t.first = append(t.first, p[:min(n, missing)]...)
		if len(t.first) == answerSize && binary.BigEndian.Uint64(t.first[12:]) != 0 {
			t.granted.Store(int64(binary.BigEndian.Uint32(t.first[8:])))
		}
	}
	return n, err
}

// SetReadDeadline keeps the wait for the first answer short.
func (t *tapped) SetReadDeadline(deadline time.Time) error {
	if soon := time.Now().Add(t.patience); len(t.first) < answerSize && deadline.After(soon) {
		deadline = soon
	}
	return t.Conn.SetReadDeadline(deadline)
}

// hosts hands out the servers by name, so that a name is looked up at every connection and TLS sees it.
type hosts struct {
	mu         sync.Mutex
	servers    []string
	next, last int
	connected  time.Time
}

// Init takes the servers in a random order.
func (h *hosts) Init(servers []string) error {
	h.servers = slices.Clone(servers)
	rand.Shuffle(len(h.servers), func(i, j int) { h.servers[i], h.servers[j] = h.servers[j], h.servers[i] })
	h.last = -1
	return nil
}

// Len returns how many there are.
func (h *hosts) Len() int { return len(h.servers) }

// Next returns the server to try and whether all were tried since the last success, after which the library pauses.
func (h *hosts) Next() (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	server := h.servers[h.next]
	again := h.next == h.last
	if h.last < 0 {
		h.last = h.next
	}
	h.next = (h.next + 1) % len(h.servers)
	return server, again
}

// Connected notes the success of the server handed out last. After a connection that held, the next try comes without a pause
// even where there is one server only.
func (h *hosts) Connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = (h.next + len(h.servers) - 1) % len(h.servers)
	if time.Since(h.connected) > time.Second {
		h.last = -1
	}
	h.connected = time.Now()
}

// debugLogger passes on what the library says.
type debugLogger struct{ log *slog.Logger }

func (l debugLogger) Printf(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("zookeeper client", "says", fmt.Sprintf(format, args...))
	}
}
