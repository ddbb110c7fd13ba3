package memzk_test

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/storetest"
	statezk "github.com/flink-on-mesos/flink-service/internal/store/zk"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memnet"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memzk"
)

// TestContract has the ZooKeeper store fulfil its contract here as it does on a real ZooKeeper.
func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Place {
		server := memzk.New()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server.Serve(l)
		t.Cleanup(server.Close)
		return storetest.Place{
			Open: func(t *testing.T) store.Store {
				s, err := statezk.New(t.Context(), statezk.Options{Servers: []string{l.Addr().String()}, Path: "/state"})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Lock(t.Context(), "instance", nil); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { go s.Close() })
				return s
			},
			Crash: func(*testing.T, store.Store) { server.Expire() },
		}
	})
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// TestProtocol makes the calls that a store does not make, in virtual time.
func TestProtocol(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(func() time.Duration { return time.Millisecond })
		server := memzk.New()
		l, err := n.Host("10.0.0.1").Listen("tcp", ":2181")
		if err != nil {
			t.Fatal(err)
		}
		server.Serve(l)
		defer time.Sleep(time.Minute) // The library's goroutines end a while after they are told to.
		defer server.Close()
		connect := func(h *memnet.Host) *zk.Conn {
			c, _, err := zk.Connect([]string{"10.0.0.1:2181"}, 4*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false),
				zk.WithDialer(func(network, address string, _ time.Duration) (net.Conn, error) {
					return h.DialContext(t.Context(), network, address)
				}))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		machine := n.Host("a")
		a, b := connect(machine), connect(n.Host("b"))
		defer b.Close()
		all := zk.WorldACL(zk.PermAll)
		if _, err := b.Create("/x", []byte("1"), 0, all); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Create("/x", nil, 0, all); !errors.Is(err, zk.ErrNodeExists) {
			t.Errorf("made twice: %v", err)
		}
		if _, err := b.Set("/x", []byte("2"), 7); !errors.Is(err, zk.ErrBadVersion) {
			t.Errorf("another version: %v", err)
		}
		made, err := a.Create("/x/lock-", nil, zk.FlagEphemeral|zk.FlagSequence, all)
		if err != nil || made != "/x/lock-0000000000" {
			t.Fatalf("Create() = %q, %v", made, err)
		}
		if err := b.Delete("/x", -1); !errors.Is(err, zk.ErrNotEmpty) {
			t.Errorf("a node with children: %v", err)
		}
		names, _, children, err := b.ChildrenW("/x")
		if err != nil || !slices.Equal(names, []string{"lock-0000000000"}) {
			t.Fatalf("ChildrenW() = %v, %v", names, err)
		}
		_, _, there, err := b.ExistsW(made)
		if err != nil {
			t.Fatal(err)
		}
		_, stat, changed, err := b.GetW("/x")
		if err != nil || stat.Version != 0 || stat.NumChildren != 1 || stat.DataLength != 1 {
			t.Fatalf("GetW() = %+v, %v", stat, err)
		}
		// All or none, and which one stands in the way.
		answers, err := b.Multi(&zk.SetDataRequest{Path: "/x", Data: []byte("3"), Version: -1}, &zk.CreateRequest{Path: "/x/y", Acl: all}, &zk.DeleteRequest{Path: "/z", Version: -1})
		if !errors.Is(err, zk.ErrNoNode) || len(answers) != 3 || answers[0].Error != nil || !errors.Is(answers[2].Error, zk.ErrNoNode) {
			t.Errorf("Multi() = %+v, %v", answers, err)
		}
		if data, stat, err := b.Get("/x"); string(data) != "1" || stat.Version != 0 || err != nil {
			t.Errorf("after changes that were refused: %q, %+v, %v", data, stat, err)
		}
		if ok, _, err := b.Exists("/x/y"); ok || err != nil {
			t.Errorf("what was refused is there: %v", err)
		}
		// A client that is gone for longer than its session loses what was its own.
		began := time.Now()
		machine.Cut()
		if e := <-there; e.Type != zk.EventNodeDeleted || e.Path != made {
			t.Errorf("event %+v", e)
		}
		if e := <-children; e.Type != zk.EventNodeChildrenChanged || e.Path != "/x" {
			t.Errorf("event %+v", e)
		}
		if took := time.Since(began); took < 2*time.Second || took > 5*time.Second {
			t.Errorf("the session ended after %s", took)
		}
		if _, err := b.Multi(&zk.CheckVersionRequest{Path: "/x", Version: 0}, &zk.SetDataRequest{Path: "/x", Data: []byte("4"), Version: 0}); err != nil {
			t.Fatal(err)
		}
		if e := <-changed; e.Type != zk.EventNodeDataChanged || e.Path != "/x" {
			t.Errorf("event %+v", e)
		}
		if _, err := b.Create("/large", []byte(strings.Repeat("x", 1<<20)), 0, all); err == nil {
			t.Error("a packet of more than 1 MiB is taken")
		}
		a.Close()
	})
}
