package zookeeper_test

import (
	"net"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func connect(t *testing.T, addr string) *zk.Conn {
	t.Helper()
	c, _, err := zk.Connect([]string{addr}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := zookeeper.Start(t)
	p := s.Proxy(t)
	c := connect(t, p.Addr)
	if _, err := c.Create("/a", []byte("1"), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = connect(t, s.Addr)
	if value, _, err := c.Get("/a"); err != nil || string(value) != "1" {
		t.Fatalf("after a restart: %q, %v, want what was written", value, err)
	}

	// Paused: nothing answers until it goes on.
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	waits(t, "a paused server", c, func() {
		if err := s.Resume(); err != nil {
			t.Error(err)
		}
	})

	c = connect(t, p.Addr)
	if _, _, err := c.Get("/a"); err != nil {
		t.Fatal(err)
	}
	p.Stall()
	waits(t, "a stalled proxy", c, p.Restore)
	p.Cut()
	if n, err := net.Dial("tcp", p.Addr); err == nil {
		if _, err := n.Read(make([]byte, 1)); err == nil {
			t.Error("a cut proxy answers")
		}
		n.Close()
	}
	p.Restore()
	connect(t, p.Addr)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// waits checks that a read is answered after release and not before.
func waits(t *testing.T, what string, c *zk.Conn, release func()) {
	t.Helper()
	answered := make(chan error, 1)
	go func() {
		_, _, err := c.Get("/a")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("%s answered: %v", what, err)
	case <-time.After(100 * time.Millisecond):
	}
	release()
	if err := <-answered; err != nil {
		t.Fatalf("%s after its release: %v", what, err)
	}
}
