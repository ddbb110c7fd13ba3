package zk_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	zkclient "github.com/go-zookeeper/zk"
	"go.uber.org/goleak"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/storetest"
	"github.com/flink-on-mesos/flink-service/internal/store/zk"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

// server is shared by the tests that do it no harm.
var server *zookeeper.Server

func TestMain(m *testing.M) { os.Exit(runMain(m)) }

func runMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "zk-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if server, err = zookeeper.New(context.Background(), zookeeper.Options{Dir: dir}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Kill()
	return m.Run()
}

// wire is a network that can be pulled out of one store, as when its machine vanishes.
type wire struct {
	mu   sync.Mutex
	cut  bool
	open []net.Conn
}

func (w *wire) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return nil, errors.New("the wire is cut")
	}
	c, err := net.DialTimeout(network, address, timeout)
	if err == nil {
		w.open = append(w.open, c)
	}
	return c, err
}

func (w *wire) pull() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for _, c := range w.open {
		c.Close()
	}
}

func options(t *testing.T, addr, path string) zk.Options {
	o := zk.Options{
		Servers: []string{addr}, Path: path, SessionTimeout: 10 * time.Second, Timeout: 20 * time.Second,
	}
	o.SetShortest(100 * time.Millisecond)
	return o
}

// root returns a path that no other test uses.
func root(t *testing.T) string {
	name := strings.NewReplacer("/", ".", " ", "_", "#", "_").Replace(t.Name())
	return fmt.Sprintf("/%s-%d/state", name, time.Now().UnixNano())
}

func mustOpen(t *testing.T, o zk.Options) *zk.Store {
	t.Helper()
	s, err := zk.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustLock(t *testing.T, s *zk.Store, id string) *zk.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	l, err := s.Lock(ctx, id, []byte("info of "+id))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func set(key, value string) store.Record { return store.Record{Key: key, Value: []byte(value)} }

func mustApply(t *testing.T, s store.Store, changes ...store.Record) {
	t.Helper()
	if err := s.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

// raw is a plain connection, to look behind the store.
func raw(t *testing.T) *zkclient.Conn {
	t.Helper()
	c, _, err := zkclient.Connect([]string{server.Addr}, 10*time.Second, zkclient.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Place {
		path := root(t)
		wires := map[store.Store]*wire{}
		return storetest.Place{
			Open: func(t *testing.T) store.Store {
				w := new(wire)
				o := options(t, server.Addr, path)
				o.Dial = w.dial
				s, err := zk.New(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				mustLock(t, s, "instance")
				wires[s] = w
				t.Cleanup(func() { go s.Close() })
				return s
			},
			Crash: func(t *testing.T, s store.Store) {
				wires[s].pull()
				expire(t, path)
			},
		}
	})
}

// expire takes the leader's lock node away, as the ensemble does at the end of a session.
func expire(t *testing.T, path string) {
	t.Helper()
	c := raw(t)
	names, _, err := c.Children(path + "/lock")
	if err != nil || len(names) == 0 {
		t.Fatalf("lock nodes: %v, %v, want some", names, err)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(a[len(a)-10:], b[len(b)-10:]) })
	if err := c.Delete(path+"/lock/"+names[0], -1); err != nil {
		t.Fatal(err)
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url, servers, path, user, password, says string
	}{
		{url: "zk://a:1,b,[::1]:3/x/y", servers: "a:1,b:2181,[::1]:3", path: "/x/y"},
		{url: "zk://u:p%40%2Fw@a/x", servers: "a:2181", path: "/x", user: "u", password: "p@/w"},
		{url: "zk://u:p@w@a/x", servers: "a:2181", path: "/x", user: "u", password: "p@w"},
		{url: "file:/x", says: "does not begin with zk://"},
		{url: "zk://a:1", says: "no path"},
		{url: "zk://a:1/", says: "no path"},
		{url: "zk://a:1/x/", says: `segment ""`},
		{url: "zk://a:1/x/../y", says: `segment ".."`},
		{url: "zk://a:1/zookeeper/x", says: "belongs to ZooKeeper"},
		{url: "zk:///x", says: "not host:port"},
		{url: "zk://a:1,,b/x", says: "not host:port"},
		{url: "zk://a:99999/x", says: "not host:port"},
		{url: "zk://a:1:2/x", says: "not host:port"},
		{url: "zk://secret@a/x", says: "not user:password"},
		{url: "zk://u:secret%zz@a/x", says: "%25"},
	}
	for _, test := range tests {
		o, err := zk.ParseURL(test.url)
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("ParseURL(%q) = %v, want %q in it", test.url, err, test.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("ParseURL(%q): %v", test.url, err)
			continue
		}
		if strings.Join(o.Servers, ",") != test.servers || o.Path != test.path || o.User != test.user || string(o.Password) != test.password {
			t.Errorf("ParseURL(%q) = %q %q %q %q", test.url, o.Servers, o.Path, o.User, string(o.Password))
		}
		if test.password != "" && strings.Contains(fmt.Sprintf("%v %+v %#v %s", o, o, o, o.Password), test.password) {
			t.Errorf("the password shows in %+v", o)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	good := options(t, server.Addr, "/x")
	tests := []struct {
		field string
		spoil func(o *zk.Options)
	}{
		{"Servers", func(o *zk.Options) { o.Servers = nil }},
		{"Servers", func(o *zk.Options) { o.Servers = []string{"a:b:c"} }},
		{"Path", func(o *zk.Options) { o.Path = "x" }},
		{"Password", func(o *zk.Options) { o.User = "u" }},
		{"User", func(o *zk.Options) { o.User, o.Password = "a:b", "c" }},
		{"SessionTimeout", func(o *zk.Options) { o.SessionTimeout = time.Millisecond }},
		{"Timeout", func(o *zk.Options) { o.Timeout = -1 }},
	}
	for _, test := range tests {
		o := good
		test.spoil(&o)
		if _, err := zk.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), test.field) {
			t.Errorf("New() = %v, want %s in it", err, test.field)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	o := options(t, addr, "/x")
	o.Timeout = 300 * time.Millisecond
	if _, err := zk.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), addr) {
		t.Fatalf("New() = %v, want the address in it", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	path := root(t)
	mine := options(t, server.Addr, path)
	mine.User, mine.Password = "flink", "very secret"
	s := mustOpen(t, mine)
	mustLock(t, s, "a")
	mustApply(t, s, set("a", "1"), set("large", strings.Repeat("x", zk.MaxInline+1)))
	for _, password := range []zk.Secret{"", "wrong"} {
		o := options(t, server.Addr, path)
		if password != "" {
			o.User, o.Password = "flink", password
		}
		_, err := zk.New(t.Context(), o)
		if !errors.Is(err, zkclient.ErrNoAuth) || !strings.Contains(err.Error(), "check user and password") || strings.Contains(err.Error(), "secret") {
			t.Errorf("New() with password %q = %v, want %v", string(password), err, zkclient.ErrNoAuth)
		}
	}
	c := raw(t)
	for _, name := range []string{"", "/head", "/records", "/records/a", "/chunks", "/lock"} {
		if _, _, err := c.Children(path + name); !errors.Is(err, zkclient.ErrNoAuth) {
			t.Errorf("anybody may read %s: %v", name, err)
		}
	}
	records, err := mustOpen(t, mine).Load(t.Context())
	if err != nil || len(records) != 2 {
		t.Fatalf("Load() = %d records, %v", len(records), err)
	}
}

// TestNothingLeft checks that Close ends everything, whatever the store was doing.
func TestNothingLeft(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := options(t, server.Addr, root(t))
	leader, err := zk.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	mustLock(t, leader, "leader")
	mustApply(t, leader, set("a", "1"))
	standby, err := zk.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	following := make(chan struct{})
	ended := make(chan error, 2)
	go func() {
		ended <- standby.Follow(t.Context(), func([]byte) { close(following) })
	}()
	<-following
	go func() {
		_, err := standby.Lock(t.Context(), "standby", nil)
		ended <- err
	}()
	for _, s := range []*zk.Store{standby, leader} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, store.ErrClosed) {
			t.Errorf("ended with %v, want %v", err, store.ErrClosed)
		}
	}
}

func TestWriteNeedsLock(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, options(t, server.Addr, root(t)))
	if err := s.Apply(t.Context(), []store.Record{set("a", "1")}); !errors.Is(err, store.ErrNotLeader) {
		t.Fatalf("Apply() = %v, want %v", err, store.ErrNotLeader)
	}
	if records, err := s.Load(t.Context()); err != nil || len(records) != 0 {
		t.Fatalf("Load() = %v, %v, want nothing", records, err)
	}
}

// TestForeignNodes checks that what others did below our path is met with an error that names it, or put right.
func TestForeignNodes(t *testing.T) {
	t.Parallel()
	path := root(t)
	s := mustOpen(t, options(t, server.Addr, path))
	mustLock(t, s, "a")
	mustApply(t, s, set("a", "1"), set("b", "1"))
	c := raw(t)
	if err := c.Delete(path+"/records/a", -1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(path+"/records/c", []byte("theirs"), 0, zkclient.WorldACL(zkclient.PermAll)); err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, set("a", "2"), set("c", "2"))
	records, err := s.Load(t.Context())
	if err != nil || len(records) != 3 || string(records[0].Value) != "2" || string(records[2].Value) != "2" {
		t.Fatalf("Load() = %v, %v", records, err)
	}
	if _, err := c.Create(path+"/records/%zz", nil, 0, zkclient.WorldACL(zkclient.PermAll)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context()); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "%zz") {
		t.Fatalf("Load() = %v, want %v", err, store.ErrCorrupt)
	}
	if err := c.Delete(path+"/records/%zz", -1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Set(path+"/head", []byte(`{"layout":2}`), -1); err != nil {
		t.Fatal(err)
	}
	if _, err := zk.New(t.Context(), options(t, server.Addr, path)); !errors.Is(err, store.ErrSchema) {
		t.Fatalf("New() = %v, want %v", err, store.ErrSchema)
	}
}

// TestLargeValueDamaged checks that a large value is whole or an error.
func TestLargeValueDamaged(t *testing.T) {
	t.Parallel()
	path := root(t)
	s := mustOpen(t, options(t, server.Addr, path))
	mustLock(t, s, "a")
	mustApply(t, s, set("task/large", strings.Repeat("x", 3*zk.MaxInline)))
	c := raw(t)
	chunks, _, err := c.Children(path + "/chunks")
	if err != nil || len(chunks) != 3 {
		t.Fatalf("chunks: %v, %v, want 3", chunks, err)
	}
	if _, err := c.Set(path+"/chunks/"+chunks[0], []byte("y"), -1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context()); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "task/large") {
		t.Fatalf("Load() = %v, want %v of task/large", err, store.ErrCorrupt)
	}
	if err := c.Delete(path+"/chunks/"+chunks[0], -1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context()); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "task/large") {
		t.Fatalf("Load() = %v, want %v of task/large", err, store.ErrCorrupt)
	}
}

// TestGarbage checks that chunks of replaced values go at once, and those of unfinished writes at the next Load of the leader,
// but none of a later leader.
func TestGarbage(t *testing.T) {
	t.Parallel()
	path := root(t)
	s := mustOpen(t, options(t, server.Addr, path))
	l := mustLock(t, s, "a")
	large := func(c string) store.Record { return set("large", strings.Repeat(c, 2*zk.MaxInline)) }
	mustApply(t, s, large("x"))
	mustApply(t, s, large("y"))
	c := raw(t)
	want := func(n int) {
		t.Helper()
		chunks, _, err := c.Children(path + "/chunks")
		if err != nil || len(chunks) != n {
			t.Fatalf("chunks: %v, %v, want %d", chunks, err, n)
		}
	}
	want(2)
	for _, name := range []string{fmt.Sprintf("%d-unfinished-00000", l.Epoch()), fmt.Sprintf("%d-successor-00000", l.Epoch()+1)} {
		if _, err := c.Create(path+"/chunks/"+name, nil, 0, zkclient.WorldACL(zkclient.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := mustOpen(t, options(t, server.Addr, path)).Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(4)
	if _, err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(3)
	mustApply(t, s, store.Record{Key: "large"})
	want(1)
}

// TestCoalesced checks that many writers share few transactions.
func TestCoalesced(t *testing.T) {
	t.Parallel()
	path := root(t)
	s := mustOpen(t, options(t, server.Addr, path))
	mustLock(t, s, "a")
	c := raw(t)
	_, before, err := c.Get(path + "/head")
	if err != nil {
		t.Fatal(err)
	}
	const writers = 1000
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if err := s.Apply(t.Context(), []store.Record{set(fmt.Sprintf("task/%d", i), strings.Repeat("x", 500))}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	_, after, err := c.Get(path + "/head")
	if err != nil {
		t.Fatal(err)
	}
	if n := after.Version - before.Version; n > writers/5 {
		t.Errorf("%d transactions for %d writers, want far fewer", n, writers)
	} else {
		t.Logf("%d transactions for %d writers", n, writers)
	}
}

// TestRemove leaves nothing of a state, in whatever form it is kept; what is above stays while others use it.
func TestRemove(t *testing.T) {
	t.Parallel()
	path := root(t)
	top := path[:strings.LastIndexByte(path, '/')]
	c := raw(t)
	gone := func(node string, want bool) {
		t.Helper()
		if there, _, err := c.Exists(node); err != nil || there == want {
			t.Errorf("%s is there: %t, %v", node, there, err)
		}
	}
	s, other := mustOpen(t, options(t, server.Addr, path)), mustOpen(t, options(t, server.Addr, top+"/other"))
	if err := s.Remove(t.Context()); !errors.Is(err, store.ErrNotLeader) {
		t.Errorf("Remove() without the lock = %v, want %v", err, store.ErrNotLeader)
	}
	l := mustLock(t, s, "a")
	mustApply(t, s, set("a", "1"), set("large", strings.Repeat("x", zk.MaxInline+1)))
	if err := s.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.Lost():
		t.Error("the lock counts as lost")
	default:
	}
	gone(path, true)
	gone(top, false)
	if err := s.Apply(t.Context(), []store.Record{set("a", "2")}); !errors.Is(err, store.ErrNotLeader) {
		t.Errorf("Apply() after Remove() = %v, want %v", err, store.ErrNotLeader)
	}
	// Another may begin anew, and one that was deposed removes nothing.
	again := mustOpen(t, options(t, server.Addr, path))
	mustLock(t, again, "b")
	mustApply(t, again, set("b", "1"))
	if err := s.Remove(t.Context()); err == nil {
		t.Error("a store without the lock removes what is another's")
	}
	mustLock(t, other, "c")
	for _, store := range []*zk.Store{again, other} {
		if err := store.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	gone(top, true)
}
