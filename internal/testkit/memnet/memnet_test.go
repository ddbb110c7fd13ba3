package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/testkit/memnet"
)

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// connected are both ends of a connection from one host to another.
func connected(t *testing.T, n *memnet.Network) (from, to *memnet.Host, near, far net.Conn) {
	t.Helper()
	from, to = n.Host("a"), n.Host("b")
	l, err := to.Listen("tcp", "0.0.0.0:80")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept() // The test sees what is missing.
		accepted <- c
	}()
	near, err = from.DialContext(t.Context(), "tcp", "b:80")
	if err != nil {
		t.Fatal(err)
	}
	far = <-accepted
	t.Cleanup(func() { _ = errors.Join(near.Close(), far.Close(), l.Close()) })
	return from, to, near, far
}

func TestStream(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const delay = 3 * time.Second
		_, _, near, far := connected(t, memnet.New(func() time.Duration { return delay }))
		sent := make([]byte, 1<<20) // More than the window: the sender waits for the receiver.
		_, _ = rand.NewChaCha8([32]byte{1}).Read(sent)
		began := time.Now()
		written := make(chan error, 1)
		go func() {
			_, err := near.Write(sent)
			written <- errors.Join(err, near.Close())
		}()
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d of %d bytes arrive: %v", len(got), len(sent), err)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 4*delay || took > time.Minute {
			t.Errorf("four windows take %s", took)
		}
		if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a write to a closed end: %v", err)
		}
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a read from a closed connection: %v", err)
		}
	})
}

// TestOrder has pieces of which the later ones would be faster.
func TestOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		delays := []time.Duration{0, 5 * time.Second, time.Second, 0, 0, 0}
		_, _, near, far := connected(t, memnet.New(func() time.Duration {
			d := delays[0]
			delays = delays[1:]
			return d
		}))
		began := time.Now()
		for _, s := range []string{"a", "b", "c"} {
			if _, err := io.WriteString(near, s); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, 3)
		if _, err := io.ReadFull(far, got); err != nil || string(got) != "abc" || time.Since(began) != 5*time.Second {
			t.Errorf("%q after %s: %v", got, time.Since(began), err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, _, near, _ := connected(t, memnet.New(nil))
		began := time.Now()
		if err := near.SetDeadline(began.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if _, err := near.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write after the deadline: %v", err)
		}
		if err := near.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		// One that is set while a read waits ends it.
		time.AfterFunc(time.Hour, func() { _ = near.SetReadDeadline(time.Now()) })
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute+time.Hour {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if err := near.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := near.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == 1<<20 {
			t.Errorf("%d bytes are written to a peer that does not read: %v", n, err)
		}
	})
}

func TestStall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := memnet.New(nil)
		from, to, near, far := connected(t, n)
		to.Stall(true)
		to.Stall(true)
		if _, err := io.WriteString(near, "a"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		time.AfterFunc(time.Hour, func() { to.Stall(false) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := from.DialContext(ctx, "tcp", "b:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a connection through a network that stands still: %v", err)
		}
		if _, err := io.ReadFull(far, make([]byte, 1)); err != nil || time.Since(began) != time.Hour {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestCut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := memnet.New(func() time.Duration { return time.Second })
		from, to, near, far := connected(t, n)
		if _, err := io.WriteString(near, "last words"); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Write([]byte("never read")); err != nil {
			t.Fatal(err)
		}
		from.Cut()
		from.Cut()
		if got, err := io.ReadAll(far); err != nil || string(got) != "last words" {
			t.Errorf("the peer reads %q, %v", got, err)
		}
		for what, try := range map[string]func() error{
			"read":    func() error { _, err := near.Read(make([]byte, 1)); return err },
			"write":   func() error { _, err := near.Write([]byte("x")); return err },
			"connect": func() error { _, err := from.DialContext(t.Context(), "tcp", "b:80"); return err },
			"listen":  func() error { _, err := from.Listen("tcp", ":1"); return err },
			"answer":  func() error { _, err := far.Write([]byte("x")); return err },
		} {
			if err := try(); err == nil {
				t.Errorf("a machine that was cut off: %s is no error", what)
			}
		}
		to.Cut()
		if _, err := n.Host("b").Listen("tcp", ":80"); err != nil {
			t.Errorf("the address of a machine that was cut off is not free: %v", err)
		}
	})
}

func TestAddresses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := memnet.New(nil)
		h := n.Host("h")
		l, err := h.Listen("tcp", ":80")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Host("h").Listen("tcp", ":80"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("an address that is taken: %v", err)
		}
		free, err := h.Listen("tcp", "127.0.0.1:0")
		if err != nil || free.Addr().(*net.TCPAddr).Port == 0 {
			t.Errorf("no free port: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept of a listener that is closed: %v", err)
		}
		if _, err := h.DialContext(t.Context(), "tcp", "h:80"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		again, err := h.Listen("tcp", ":80") // Nobody accepts there.
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := h.DialContext(ctx, "tcp", "h:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody accepts: %v", err)
		}
		if err := errors.Join(again.Close(), free.Close()); err != nil {
			t.Error(err)
		}
	})
}

// TestHTTP has a client and a server speak: requests one after the other on one connection, one that is given up, and one
// before which the client's machine fails.
func TestHTTP(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := memnet.New(func() time.Duration { return time.Millisecond })
		client, server := n.Host("client"), n.Host("server")
		l, err := server.Listen("tcp", ":80")
		if err != nil {
			t.Fatal(err)
		}
		gone := make(chan struct{})
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				_, _ = io.Copy(io.Discard, r.Body) // Until then the server does not look whether the client is there.
				<-r.Context().Done()
				close(gone)
				return
			}
			_, _ = io.Copy(w, r.Body) // The client sees what is missing.
		})}
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		dials, writes := 0, 0
		client.Watch(func(address string, _ []byte) bool {
			if address != "server:80" {
				t.Errorf("a write to %s", address)
			}
			if writes++; writes > 5 {
				client.Cut()
			}
			return writes <= 5
		})
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials++
			return client.DialContext(ctx, network, address)
		}}
		post := func(ctx context.Context, path string) (string, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server"+path, strings.NewReader("echo"))
			if err != nil {
				return "", err
			}
			resp, err := transport.RoundTrip(req)
			if err != nil {
				return "", err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			return string(body), err
		}
		for range 4 {
			if got, err := post(t.Context(), "/"); got != "echo" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		}
		if dials != 1 || writes != 4 {
			t.Errorf("%d connections and %d writes for four requests", dials, writes)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := post(ctx, "/slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a slow answer: %v", err)
		}
		<-gone
		if _, err := post(t.Context(), "/"); err == nil {
			t.Error("a machine that failed has its answer")
		}
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}
