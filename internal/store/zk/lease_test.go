package zk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	zkclient "github.com/go-zookeeper/zk"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/zk"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

// patient bounds waits that should be short.
const patient = 30 * time.Second

func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patient):
		t.Fatalf("%s: nothing happened for %s", what, patient)
	}
}

// until polls a condition.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so for %s", what, patient)
		}
	}
}

// lockLater calls Lock on its own goroutine and returns when the instance stands in line.
func lockLater(t *testing.T, s *zk.Store, path, id string) <-chan *zk.Lease {
	t.Helper()
	c := raw(t)
	before, _, err := c.Children(path + "/lock")
	if err != nil {
		t.Fatal(err)
	}
	leases := make(chan *zk.Lease, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patient)
		defer cancel()
		l, err := s.Lock(ctx, id, []byte("info of "+id))
		if err != nil {
			t.Errorf("Lock of %s: %v", id, err)
		}
		leases <- l
	}()
	until(t, id+" in line", func() bool {
		now, _, err := c.Children(path + "/lock")
		return err == nil && len(now) > len(before)
	})
	return leases
}

func next(t *testing.T, leases <-chan *zk.Lease) *zk.Lease {
	t.Helper()
	select {
	case l := <-leases:
		if l == nil {
			t.FailNow()
		}
		return l
	case <-time.After(patient):
		t.Fatal("nobody took the lock")
		return nil
	}
}

func TestLeadInTurn(t *testing.T) {
	t.Parallel()
	path := root(t)
	o := options(t, server.Addr, path)
	a, b, c := mustOpen(t, o), mustOpen(t, o), mustOpen(t, o)
	if info, err := a.Leader(t.Context()); err != nil || info != nil {
		t.Fatalf("Leader() = %q, %v, want none", info, err)
	}
	seen := make(chan string, 10)
	followed := make(chan error, 1)
	go func() {
		followed <- c.Follow(t.Context(), func(info []byte) { seen <- string(info) })
	}()
	wantSeen := func(want string) {
		t.Helper()
		select {
		case got := <-seen:
			if got != want {
				t.Fatalf("Follow tells of %q, want %q", got, want)
			}
		case <-time.After(patient):
			t.Fatalf("Follow does not tell of %q", want)
		}
	}
	wantSeen("")
	first := mustLock(t, a, "a")
	wantSeen("info of a")
	if _, err := a.Lock(t.Context(), "a", nil); err == nil {
		t.Fatal("a store took its own lock twice")
	}
	second, third := lockLater(t, b, path, "b"), lockLater(t, c, path, "c")
	mustApply(t, a, set("n", "a"))
	if !first.Valid() {
		t.Error("the lease is not valid")
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if first.Valid() {
		t.Error("a released lease is valid")
	}
	select {
	case <-first.Lost():
		t.Error("a released lease was lost")
	default:
	}
	if err := a.Apply(t.Context(), []store.Record{set("n", "late")}); !errors.Is(err, store.ErrNotLeader) {
		t.Fatalf("Apply() = %v, want %v", err, store.ErrNotLeader)
	}
	l := next(t, second)
	if line, err := a.Line(t.Context()); err != nil || len(line) != 2 || string(line[0]) != "info of b" || string(line[1]) != "info of c" {
		t.Fatalf("Line() = %q, %v, want b and c", line, err)
	}
	wantSeen("info of b")
	if l.Epoch() != first.Epoch()+1 {
		t.Errorf("epoch %d after %d", l.Epoch(), first.Epoch())
	}
	if info, err := a.Leader(t.Context()); err != nil || string(info) != "info of b" {
		t.Fatalf("Leader() = %q, %v, want b", info, err)
	}
	mustApply(t, b, set("n", "b"))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	next(t, third)
	wantSeen("info of c")
	if records, err := c.Load(t.Context()); err != nil || len(records) != 1 || string(records[0].Value) != "b" {
		t.Fatalf("Load() = %v, %v", records, err)
	}
	// One that released may lead again.
	again := lockLater(t, a, path, "a")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	next(t, again)
	mustApply(t, a, set("n", "a again"))
	if err := <-followed; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Follow() = %v, want %v", err, store.ErrClosed)
	}
}

func TestLockGivenUp(t *testing.T) {
	t.Parallel()
	path := root(t)
	o := options(t, server.Addr, path)
	a, b, c := mustOpen(t, o), mustOpen(t, o), mustOpen(t, o)
	l := mustLock(t, a, "a")
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() {
		_, err := b.Lock(ctx, "b", nil)
		errs <- err
	}()
	look := raw(t)
	inLine := func(n int) func() bool {
		return func() bool {
			names, _, err := look.Children(path + "/lock")
			return err == nil && len(names) == n
		}
	}
	until(t, "two in line", inLine(2))
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("Lock() = %v, want %v", err, context.Canceled)
	}
	until(t, "one in line", inLine(1))
	go func() {
		_, err := c.Lock(t.Context(), "c", nil)
		errs <- err
	}()
	until(t, "two in line", inLine(2))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Lock() = %v, want %v", err, store.ErrClosed)
	}
	until(t, "one in line", inLine(1))
	if !l.Valid() {
		t.Error("the lease is not valid")
	}
	if _, err := b.Lock(t.Context(), "", nil); err == nil {
		t.Error("Lock took an empty id")
	}
}

// TestDeposed cuts the leader off as a partition does: it knows that it is lost before another one leads, and
// never writes again, whatever of its words arrives late.
func TestDeposed(t *testing.T) {
	t.Parallel()
	path := root(t)
	proxy := server.Proxy(t)
	o := options(t, proxy.Addr, path)
	o.SessionTimeout = 2 * time.Second
	old := mustOpen(t, o)
	l := mustLock(t, old, "old")
	mustApply(t, old, set("n", "old"))
	o.Servers = []string{server.Addr}
	standby := mustOpen(t, o)
	leases := lockLater(t, standby, path, "new")

	proxy.Stall()
	stalled := time.Now()
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() {
			if err := old.Apply(t.Context(), []store.Record{set("n", fmt.Sprint("stalled ", i))}); !errors.Is(err, store.ErrFenced) {
				t.Errorf("Apply() behind the partition = %v, want %v", err, store.ErrFenced)
			}
		})
	}
	wait(t, "the partition", l.Lost())
	lost := time.Since(stalled)
	if l.Valid() {
		t.Error("a lost lease is valid")
	}
	select {
	case <-leases:
		t.Fatal("two led at once")
	default:
	}
	next(t, leases)
	taken := time.Since(stalled)
	t.Logf("session timeout %s: lost after %s, taken over after %s", o.SessionTimeout, lost, taken)
	if extra := taken - o.SessionTimeout; extra > 2*time.Second {
		t.Errorf("taken over %s after the session timeout, want at most 2s", extra)
	}
	mustApply(t, standby, set("n", "new"))
	group.Wait()
	proxy.Restore()
	for range 3 {
		if err := old.Apply(t.Context(), []store.Record{set("n", "late")}); !errors.Is(err, store.ErrFenced) {
			t.Errorf("Apply() after the partition = %v, want %v", err, store.ErrFenced)
		}
	}
	if _, err := old.Lock(t.Context(), "old", nil); !errors.Is(err, store.ErrFenced) {
		t.Errorf("Lock() after the partition = %v, want %v", err, store.ErrFenced)
	}
	// It may still read.
	records, err := old.Load(t.Context())
	if err != nil || len(records) != 1 || string(records[0].Value) != "new" {
		t.Fatalf("Load() = %v, %v, want what the new leader wrote", records, err)
	}
}

// TestFencedByServer takes the client's own caution away: with its session alive, the ensemble alone must stop it.
func TestFencedByServer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		depose func(t *testing.T, c *zkclient.Conn, path string)
	}{
		{"lock node gone", func(t *testing.T, c *zkclient.Conn, path string) {
			names, _, err := c.Children(path + "/lock")
			if err != nil || len(names) != 1 {
				t.Fatalf("lock nodes: %v, %v, want one", names, err)
			}
			if err := c.Delete(path+"/lock/"+names[0], -1); err != nil {
				t.Fatal(err)
			}
		}},
		{"later epoch", func(t *testing.T, c *zkclient.Conn, path string) {
			if _, err := c.Set(path+"/head", []byte(`{"layout":1,"epoch":99,"write":"theirs"}`), -1); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := root(t)
			s := mustOpen(t, options(t, server.Addr, path))
			l := mustLock(t, s, "a")
			mustApply(t, s, set("n", "1"))
			test.depose(t, raw(t), path)
			for range 2 {
				if err := s.Apply(t.Context(), []store.Record{set("n", "2")}); !errors.Is(err, store.ErrFenced) {
					t.Fatalf("Apply() = %v, want %v", err, store.ErrFenced)
				}
			}
			wait(t, "the lease", l.Lost())
			records, err := s.Load(t.Context())
			if err != nil || len(records) != 1 || string(records[0].Value) != "1" {
				t.Fatalf("Load() = %v, %v, want n = 1", records, err)
			}
		})
	}
}

// TestConfirmation checks that a leader which writes nothing notices that its lock node is gone.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	path := root(t)
	o := options(t, server.Addr, path)
	o.SessionTimeout = 2 * time.Second
	s := mustOpen(t, o)
	l := mustLock(t, s, "a")
	c := raw(t)
	names, _, err := c.Children(path + "/lock")
	if err != nil || len(names) != 1 {
		t.Fatalf("lock nodes: %v, %v, want one", names, err)
	}
	if err := c.Delete(path+"/lock/"+names[0], -1); err != nil {
		t.Fatal(err)
	}
	wait(t, "the lease", l.Lost())
}

// TestGrantedTimeout checks that the lease goes by what the ensemble granted when that is less than we asked for.
func TestGrantedTimeout(t *testing.T) {
	t.Parallel()
	short, err := zookeeper.New(t.Context(), zookeeper.Options{Dir: t.TempDir(), MaxSession: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(short.Kill)
	o := options(t, short.Addr, "/state")
	o.SessionTimeout = time.Minute
	s := mustOpen(t, o)
	l := mustLock(t, s, "a")
	if err := short.Pause(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the lease", l.Lost())
	if err := short.Resume(); err != nil {
		t.Fatal(err)
	}
}

// TestBrokenConnections breaks the connection again and again while a batch is on its way: each Apply is made
// exactly once and in order, and the lease holds.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	path := root(t)
	proxy := server.Proxy(t)
	o := options(t, proxy.Addr, path)
	o.SessionTimeout, o.Timeout = time.Minute, 2*time.Minute
	s := mustOpen(t, o)
	l := mustLock(t, s, "a")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				proxy.Cut()
				proxy.Restore()
			}
		}
	}()
	c := raw(t)
	_, before, err := c.Get(path + "/head")
	if err != nil {
		t.Fatal(err)
	}
	applied := int32(0)
	for begin := time.Now(); time.Since(begin) < time.Second; applied++ {
		mustApply(t, s, set("n", fmt.Sprint(applied)), set(fmt.Sprintf("each/%06d", applied), "1"))
	}
	close(stop)
	<-stopped
	proxy.Restore()
	_, after, err := c.Get(path + "/head")
	if err != nil {
		t.Fatal(err)
	}
	if n := after.Version - before.Version; n != applied {
		t.Errorf("%d transactions for %d calls of Apply", n, applied)
	}
	records, err := s.Load(t.Context())
	if err != nil || len(records) != int(applied)+1 || string(records[applied].Value) != fmt.Sprint(applied-1) {
		t.Fatalf("Load() = %d records, %v, want %d", len(records), err, applied+1)
	}
	if !l.Valid() {
		t.Error("the lease is not valid")
	}
	t.Logf("%d calls of Apply", applied)
}

// TestServerRestarts kills the server, starts it again and pauses it, within the session timeout.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	own := zookeeper.Start(t)
	o := options(t, own.Addr, "/state")
	o.SessionTimeout, o.Timeout = time.Minute, 2*time.Minute // A slow machine takes its time to start the server.
	s := mustOpen(t, o)
	l := mustLock(t, s, "a")
	mustApply(t, s, set("n", "1"))
	own.Kill()
	answer := make(chan error, 1)
	go func() { answer <- s.Apply(t.Context(), []store.Record{set("n", "2")}) }()
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	if err := own.Pause(); err != nil {
		t.Fatal(err)
	}
	go func() { answer <- s.Apply(t.Context(), []store.Record{set("n", "3")}) }()
	select {
	case err := <-answer:
		t.Fatalf("Apply() = %v from a paused server", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := own.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	records, err := s.Load(t.Context())
	if err != nil || len(records) != 1 || string(records[0].Value) != "3" {
		t.Fatalf("Load() = %v, %v, want n = 3", records, err)
	}
	if !l.Valid() {
		t.Error("the lease is not valid")
	}
}

// TestJournal lets the leader vanish when a large batch is saved and not in its place: standbys see it at
// once, and the next leader puts it there.
func TestJournal(t *testing.T) {
	t.Parallel()
	path := root(t)
	w := new(wire)
	o := options(t, server.Addr, path)
	o.SessionTimeout = 2 * time.Second
	plain := o
	o.Dial = w.dial
	pulled := make(chan struct{})
	o.SetJournaled(func() {
		w.pull()
		close(pulled)
	})
	s := mustOpen(t, o)
	mustLock(t, s, "a")
	mustApply(t, s, set("k/gone", "old"), set("k/0001", "old"), set("k/stays", "old"))
	batch := []store.Record{{Key: "k/gone"}, set("k/large", strings.Repeat("l", 2*zk.MaxInline))}
	for i := range 20 {
		batch = append(batch, set(fmt.Sprintf("k/%04d", i), strings.Repeat("x", zk.MaxMulti/10)))
	}
	if err := s.Apply(t.Context(), batch); !errors.Is(err, store.ErrFenced) {
		t.Fatalf("Apply() = %v, want %v", err, store.ErrFenced)
	}
	wait(t, "the journal", pulled)
	want := append([]store.Record{set("k/stays", "old")}, batch[1:]...)
	store.Sort(want)
	check := func(s store.Store) {
		t.Helper()
		records, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(records) != len(want) {
			t.Fatalf("%d records, want %d", len(records), len(want))
		}
		for i := range want {
			if records[i].Key != want[i].Key || string(records[i].Value) != string(want[i].Value) {
				t.Fatalf("record %d is %s of %d bytes, want %s of %d", i, records[i].Key, len(records[i].Value), want[i].Key, len(want[i].Value))
			}
		}
	}
	successor := mustOpen(t, plain)
	check(successor)
	mustLock(t, successor, "b")
	check(successor)
	c := raw(t)
	if data, _, err := c.Get(path + "/journal"); err != nil || len(data) != 0 {
		t.Errorf("journal: %d bytes, %v, want it empty", len(data), err)
	}
	if chunks, _, err := c.Children(path + "/chunks"); err != nil || len(chunks) != 2 {
		t.Errorf("chunks: %v, %v, want the two of k/large", chunks, err)
	}
	mustApply(t, successor, store.Record{Key: "k/large"})
	if chunks, _, err := c.Children(path + "/chunks"); err != nil || len(chunks) != 0 {
		t.Errorf("chunks: %v, %v, want none", chunks, err)
	}
}

// TestManyLeaders has instances take turns, by release and by vanishing, each adding to one number: no addition is lost.
func TestManyLeaders(t *testing.T) {
	t.Parallel()
	path := root(t)
	var group sync.WaitGroup
	const instances, turns = 3, 4
	for i := range instances {
		group.Go(func() {
			for turn := range turns {
				w := new(wire)
				o := options(t, server.Addr, path)
				o.Dial = w.dial
				s, err := zk.New(t.Context(), o)
				if err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*patient)
				l, err := s.Lock(ctx, fmt.Sprint(i), nil)
				cancel()
				if err != nil {
					t.Error(err)
					return
				}
				records, err := s.Load(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				n := 0
				if len(records) > 0 {
					if _, err := fmt.Sscan(string(records[0].Value), &n); err != nil {
						t.Error(err)
					}
				}
				if err := s.Apply(t.Context(), []store.Record{set("n", fmt.Sprint(n+1))}); err != nil {
					t.Error(err)
				}
				if turn == i {
					w.pull()
					expire(t, path)
					go s.Close()
					continue
				} else if err := l.Release(); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	records, err := mustOpen(t, options(t, server.Addr, path)).Load(t.Context())
	if err != nil || len(records) != 1 || string(records[0].Value) != fmt.Sprint(instances*turns) {
		t.Fatalf("Load() = %v, %v, want n = %d", records, err, instances*turns)
	}
}

// TestLockAgain takes the place in line away from an instance that is just about to lead: it stands in line again.
func TestLockAgain(t *testing.T) {
	t.Parallel()
	path := root(t)
	o := options(t, server.Addr, path)
	spoiled := 0
	o.SetLeading(func() {
		if spoiled++; spoiled <= 2 {
			expire(t, path)
		}
	})
	s := mustOpen(t, o)
	l := mustLock(t, s, "a")
	if spoiled != 3 {
		t.Errorf("led at try %d, want 3", spoiled)
	}
	mustApply(t, s, set("a", "1"))
	if !l.Valid() {
		t.Error("the lease is not valid")
	}
	c := raw(t)
	if names, _, err := c.Children(path + "/lock"); err != nil || len(names) != 1 {
		t.Errorf("lock nodes: %v, %v, want one", names, err)
	}
}
