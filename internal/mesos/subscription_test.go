package mesos_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/localmesos"
	"github.com/flink-on-mesos/flink-service/internal/mesos"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memnet"
)

// scheduler is a Scheduler that runs, and what it posted.
type scheduler struct {
	*mesos.Scheduler
	ended chan error
	stop  context.CancelFunc

	mu sync.Mutex
	// id is the framework id that the owner of the state has saved.
	id     string
	events []state.Event
}

// post takes events as the owner of the state does: the id of the framework is saved, or forgotten when it is removed.
func (s *scheduler) post(e state.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	switch e := e.(type) {
	case state.Subscribed:
		s.id = e.FrameworkID
	case state.FrameworkRemoved:
		s.id = ""
	}
}

func (s *scheduler) frameworkID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// of counts the events that a test looks for.
func of[E state.Event](s *scheduler) []E {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []E
	for _, e := range s.events {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// world is masters in virtual time on a network in memory.
type world struct {
	t       *testing.T
	network *memnet.Network
}

// inWorld runs a test in virtual time. Everything ends with it.
func inWorld(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		test(t, &world{t: t, network: memnet.New(func() time.Duration { return time.Millisecond })})
	})
}

// master starts a master on a host of its own.
func (w *world) master(host string) *localmesos.Master {
	w.t.Helper()
	l, err := w.network.Host(host).Listen("tcp", ":5050")
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := localmesos.New(localmesos.Options{Listener: l})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := m.Close(); err != nil {
			w.t.Errorf("close the master: %v", err)
		}
	})
	return m
}

// scheduler starts one that knows the masters at addresses.
func (w *world) scheduler(id, addresses string) *scheduler {
	w.t.Helper()
	s := &scheduler{ended: make(chan error, 1), id: id}
	masters, err := mesos.Masters(addresses, "http", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Scheduler, err = mesos.New(mesos.Options{
		Framework:   mesos.Framework{Name: "flink", User: "nobody", Roles: []string{"*"}, FailoverTimeout: time.Hour},
		Masters:     masters,
		FrameworkID: s.frameworkID,
		Plan:        func(state.Launch) (task.Template, error) { return task.Template{Command: "true"}, nil },
		Post:        s.post,
		Dial:        w.network.Host("service").DialContext,
		Registerer:  prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	s.stop = cancel
	go func() { s.ended <- s.Run(ctx) }()
	w.t.Cleanup(cancel)
	return s
}

// pass lets time pass, and what is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestWatchdog has a master fall silent: it is left after five heartbeat intervals, not before, and found again when it
// speaks.
func TestWatchdog(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		m := w.master("master")
		s := w.scheduler("", "master:5050")
		pass(10 * time.Minute)
		if n, lost := len(of[state.Subscribed](s)), of[state.Disconnected](s); n != 1 || len(lost) > 0 {
			t.Fatalf("in ten minutes with heartbeats: %d subscriptions, lost %v", n, lost)
		}
		m.Silence(true)
		silent := time.Now()
		pass(59 * time.Second) // The last heartbeat was up to 15 s ago, and the bound is 75 s.
		if lost := of[state.Disconnected](s); len(lost) > 0 {
			t.Errorf("left after %s: %v", time.Since(silent), lost)
		}
		pass(17 * time.Second)
		if lost := of[state.Disconnected](s); len(lost) != 1 || lost[0].Reason != "the master was silent for too long" {
			t.Errorf("after %s of silence: %v", time.Since(silent), lost)
		}
		m.Silence(false)
		pass(time.Minute)
		all := of[state.Subscribed](s)
		if len(all) < 2 || all[0].FrameworkID != all[len(all)-1].FrameworkID {
			t.Errorf("after the silence: %v", all)
		}
	})
}

// TestReplaced has a second scheduler subscribe with the same id: the first one ends and does not fight.
func TestReplaced(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.master("master")
		first := w.scheduler("", "master:5050")
		pass(time.Second)
		second := w.scheduler(first.frameworkID(), "master:5050")
		pass(time.Second)
		select {
		case err := <-first.ended:
			if !errors.Is(err, mesos.ErrReplaced) {
				t.Errorf("Run() = %v, want %v", err, mesos.ErrReplaced)
			}
		default:
			t.Error("the first scheduler goes on")
		}
		pass(10 * time.Minute)
		if n := len(of[state.Subscribed](first)); n != 1 {
			t.Errorf("the first scheduler subscribed %d times", n)
		}
		if got, lost := of[state.Subscribed](second), of[state.Disconnected](second); len(got) != 1 || got[0].FrameworkID != first.frameworkID() || len(lost) > 0 {
			t.Errorf("the second scheduler: %v, lost %v", got, lost)
		}
	})
}

// TestRedirect asks a master that does not lead: the one that it names is subscribed with, and calls go there.
func TestRedirect(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.master("leader")
		w.master("follower").Redirect("leader:5050")
		s := w.scheduler("", "follower:5050")
		pass(time.Second)
		if got := of[state.Subscribed](s); len(got) != 1 {
			t.Fatalf("subscriptions: %v; lost %v", got, of[state.Disconnected](s))
		}
		s.Send(state.Reconcile{Tasks: []state.TaskRef{{TaskID: "demo-aaaa-tm-1"}}})
		pass(time.Second)
		if got := of[state.Updated](s); len(got) != 1 || got[0].TaskID != "demo-aaaa-tm-1" {
			t.Errorf("the reconciliation at the leader answers %v; failed %v", got, of[state.CallFailed](s))
		}
		pass(10 * time.Minute)
		if lost := of[state.Disconnected](s); len(lost) > 0 {
			t.Errorf("the connection to the leader is lost: %v", lost)
		}
	})
}

// TestRedirectCircle has two masters name each other: that ends, and is tried again later.
func TestRedirectCircle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.master("a"), w.master("b")
		a.Redirect("b:5050")
		b.Redirect("a:5050")
		s := w.scheduler("", "a:5050")
		pass(time.Minute)
		if got, lost := of[state.Subscribed](s), of[state.Disconnected](s); len(got) > 0 || len(lost) < 4 || len(lost) > 20 {
			t.Errorf("subscriptions: %v; lost %v", got, lost)
		}
		b.Redirect("")
		pass(time.Minute)
		if got := of[state.Subscribed](s); len(got) != 1 {
			t.Errorf("subscriptions when one leads: %v", got)
		}
	})
}

// TestNextMaster knows three masters, of which one is down, one is not ready and one leads.
func TestNextMaster(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.master("recovering").NotReady(503, "recovering")
		w.master("leader")
		s := w.scheduler("", "down:5050,recovering:5050,leader:5050")
		pass(time.Minute)
		if got := of[state.Subscribed](s); len(got) != 1 {
			t.Errorf("subscriptions: %v; lost %v", got, of[state.Disconnected](s))
		}
	})
}

// TestBackoff finds no master: the attempts become rarer, down to one in 15 s, and the first that is there is taken.
func TestBackoff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.scheduler("", "master:5050")
		pass(10 * time.Minute)
		failed := len(of[state.Disconnected](s))
		if failed < 30 || failed > 90 {
			t.Errorf("%d attempts in ten minutes", failed)
		}
		w.master("master")
		pass(30 * time.Second)
		if n := len(of[state.Subscribed](s)); n != 1 {
			t.Errorf("%d subscriptions when a master was there for 30 s", n)
		}
	})
}

// TestFailoverTimeout is away for longer than the failover timeout: the id is not taken again, which is told, and when
// the state has forgotten it the service registers anew.
func TestFailoverTimeout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		m := w.master("master")
		s := w.scheduler("", "master:5050")
		pass(time.Second)
		s.Send(state.Suppress{}) // The first call after the id was saved announces the failover timeout of an hour.
		pass(time.Second)
		old := s.frameworkID()
		s.stop()
		pass(59 * time.Minute)
		early := w.scheduler(old, "master:5050")
		pass(time.Second)
		if got, gone := of[state.Subscribed](early), of[state.FrameworkRemoved](early); len(got) != 1 || got[0].FrameworkID != old || len(gone) > 0 {
			t.Fatalf("within the failover timeout: %v, removed %v", got, gone)
		}
		early.stop()
		pass(61 * time.Minute)
		late := w.scheduler(old, "master:5050")
		pass(time.Minute)
		if gone, got := of[state.FrameworkRemoved](late), of[state.Subscribed](late); len(gone) != 1 || len(got) > 0 {
			t.Fatalf("after the failover timeout: removed %v, subscribed %v", gone, got)
		}
		late.Send(state.Resubscribe{})
		pass(time.Second)
		if got := of[state.Subscribed](late); len(got) != 1 || got[0].FrameworkID == old {
			t.Errorf("after RESUBSCRIBE: %v, the old id is %s", got, old)
		}
		// An operator removes it while it is connected.
		if err := m.Teardown(late.frameworkID()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if gone := of[state.FrameworkRemoved](late); len(gone) != 2 {
			t.Errorf("after an operator's teardown: %v", gone)
		}
	})
}

// TestCallsOfALostConnection has a connection end with calls in the queue: each is told of as failed, in order.
func TestCallsOfALostConnection(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		m := w.master("master")
		s := w.scheduler("", "master:5050")
		pass(time.Second)
		m.NotReady(503, "recovering")
		m.DropStreams()
		for _, id := range []string{"a", "b", "c"} {
			s.Send(state.Kill{TaskID: id})
		}
		pass(time.Second)
		var failed []string
		for _, e := range of[state.CallFailed](s) {
			failed = append(failed, e.TaskIDs...)
		}
		if !slices.Equal(failed, []string{"a", "b", "c"}) {
			t.Errorf("failed calls are told of for %v", failed)
		}
		m.NotReady(0, "")
		pass(time.Minute)
		if n := len(of[state.Subscribed](s)); n != 2 {
			t.Errorf("%d subscriptions", n)
		}
	})
}
