package jobmanager_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/task"
	scripted "github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memnet"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// watched is a Watcher in virtual time whose JobManager is scripted.
type watched struct {
	*jobmanager.Watcher

	mu     sync.Mutex
	events []state.Event
	// flink is what an observation sees; away is why there is none. looks counts the observations.
	flink wire.Flink
	away  error
	looks int
	// again has the next observations posted though nothing is new.
	again bool
	// report is what drivers are told; it needs the epoch.
	workers []driver.WorkerStatus
}

// inBubble runs a test in virtual time with a Watcher that dials a scripted JobManager on a network in memory.
func inBubble(t *testing.T, test func(*testing.T, *watched, *scripted.JobManager)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New(func() time.Duration { return time.Millisecond })
		jm, err := scripted.Start(scripted.Options{Prefix: "demo-aaaa-tm", Listen: network.Host("jobmanager").Listen})
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{DialContext: network.Host("service").DialContext}
		w := &watched{}
		log := slog.New(slog.DiscardHandler)
		w.Watcher, err = jobmanager.New(jobmanager.Options{
			Observe: w.observe, Wanted: w.wanted, Post: w.post, Log: log,
			REST: func(task.Task) (*rest.Client, error) { return nil, errors.New("no jobs here") },
			Dial: func(j task.Task) (jobmanager.Exchange, error) {
				client, err := driver.New(driver.Options{Address: "jobmanager" + port(jm.Addr()), Token: jm.Token(), Transport: transport})
				if err != nil {
					return nil, err
				}
				return driver.NewExchange(driver.ExchangeOptions{
					Client: client, Log: log, Report: w.newest,
					OnWanted: func(wanted driver.Wanted) { w.post(jobmanager.WorkersWanted(j, wanted)) },
				})
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, w, jm)
		w.Close()
		jm.Stop()
		transport.CloseIdleConnections()
	})
}

// port is the port of an address, with its colon.
func port(address string) string {
	for i := len(address) - 1; ; i-- {
		if address[i] == ':' {
			return address[i:]
		}
	}
}

func (w *watched) observe(context.Context, task.Task) (wire.Flink, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	f := w.flink
	f.Observed = time.Now()
	return f, w.away
}

func (w *watched) wanted(string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.again
}

func (w *watched) post(e state.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// newest reports for the epoch that the service heard last, as the core does.
func (w *watched) newest() driver.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := driver.Report{Workers: w.workers}
	for _, e := range w.events {
		if e, ok := e.(state.WorkersWanted); ok {
			r.Epoch = e.Epoch
		}
	}
	if r.Workers == nil {
		r.Workers = []driver.WorkerStatus{}
	}
	return r
}

// set changes what an observation sees.
func (w *watched) set(change func(*watched)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// take returns the events since the last call, and how many observations there were.
func (w *watched) take() (events []state.Event, looks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	events, looks = w.events, w.looks
	w.events, w.looks = nil, 0
	return events, looks
}

// observed are the slots of the observations among events.
func observed(events []state.Event) []int {
	var slots []int
	for _, e := range events {
		if e, ok := e.(state.FlinkObserved); ok {
			slots = append(slots, e.Flink.SlotsTotal)
		}
	}
	return slots
}

// last is the newest set of wanted workers that was posted.
func (w *watched) last() (e state.WorkersWanted, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.events {
		if x, is := x.(state.WorkersWanted); is {
			e, ok = x, true
		}
	}
	return e, ok
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var theJobManager = state.Watch{Cluster: "demo", JobManager: task.Task{ID: "demo-aaaa-jm-1", Cluster: "demo"}}

// TestObservation looks often while things change and rarely while they do not, and posts what is new alone.
func TestObservation(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, _ *scripted.JobManager) {
		w.set(func(w *watched) { w.away = errors.New("connection refused") })
		w.Watch(theJobManager)
		w.Watch(theJobManager) // Twice is once.
		pass(3*time.Second + time.Millisecond)
		if events, looks := w.take(); len(events) > 0 || looks != 13 {
			t.Errorf("while it starts: %v, %d looks in 3 s, want 13", events, looks)
		}
		w.set(func(w *watched) { w.away, w.flink.SlotsTotal = nil, 4 })
		pass(20 * time.Second)
		if events, looks := w.take(); !cmp.Equal(observed(events), []int{4}) || looks != 80 {
			t.Errorf("after it answers: %v, %d looks in 20 s, want 80", events, looks)
		}
		pass(20 * time.Second)
		if events, looks := w.take(); len(events) > 0 || looks > 12 {
			t.Errorf("while nothing changes: %v, %d looks in 20 s, want about 10", events, looks)
		}
		w.set(func(w *watched) { w.flink.SlotsTotal = 6 })
		pass(2 * time.Second)
		if events, _ := w.take(); !cmp.Equal(observed(events), []int{6}) {
			t.Errorf("after a change: %v", events)
		}
		w.set(func(w *watched) { w.again = true })
		pass(time.Second)
		if events, looks := w.take(); len(observed(events)) != looks || looks < 4 {
			t.Errorf("while an observation is wanted: %d posted of %d", len(observed(events)), looks)
		}
		w.set(func(w *watched) { w.again, w.away = false, errors.New("connection refused") })
		pass(time.Minute)
		if events, _ := w.take(); len(events) > 0 {
			t.Errorf("while it is gone: %v", events)
		}
		w.Unwatch(state.Unwatch{Cluster: "demo", JobManager: "demo-aaaa-jm-1"})
		pass(time.Minute)
		if _, looks := w.take(); looks > 0 {
			t.Errorf("%d looks at a JobManager that is not watched any more", looks)
		}
	})
}

// TestExchange converses with a driver: each new set of wanted workers is posted, and Tell has the report sent at once.
func TestExchange(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, jm *scripted.JobManager) {
		a := theJobManager
		a.Exchange = true
		w.Watch(a)
		pass(time.Second)
		if e, ok := w.last(); !ok || e.Epoch != jm.Epoch() || e.JobManager != "demo-aaaa-jm-1" || !e.Ready || len(e.Workers) != 0 {
			t.Fatalf("after the first report: %+v, %t; the epoch is %s", e, ok, jm.Epoch())
		}
		id := jm.Want(driver.Worker{CPUs: 1.5, MemoryBytes: 1 << 30, Slots: 2})
		pass(time.Second)
		if e, _ := w.last(); len(e.Workers) != 1 || e.Workers[0].ID != id || e.Workers[0].CPUs != 1.5 || e.Workers[0].Slots != 2 || e.Started[id] {
			t.Errorf("after a wish: %+v", e)
		}
		before := jm.Reports()
		w.set(func(w *watched) { w.workers = []driver.WorkerStatus{{ID: id, State: driver.Running, Host: "h"}} })
		w.Tell("demo")
		w.Tell("other")
		pass(100 * time.Millisecond)
		if n := jm.Reports(); n <= before {
			t.Errorf("%d reports before Tell, %d after", before, n)
		}
		if diff := cmp.Diff([]scripted.Event{{Kind: scripted.Launched, ID: id}}, jm.Events()); diff != "" {
			t.Errorf("what Flink is told (-want +got):\n%s", diff)
		}
		jm.Finish("SUCCEEDED", "done")
		pass(time.Second)
		if e, _ := w.last(); e.Result == nil || e.Result.Status != "SUCCEEDED" || e.Result.Diagnostics != "done" {
			t.Errorf("after the end: %+v", e)
		}
	})
}

// TestComesAndGoes has the JobManager's process be away at first, fail, and come back: the conversation goes on with the
// new leadership, and what the old one wanted is not wanted any more.
func TestComesAndGoes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, jm *scripted.JobManager) {
		jm.Stop()
		a := theJobManager
		a.Exchange = true
		w.Watch(a)
		pass(5 * time.Minute)
		if e, ok := w.last(); ok {
			t.Errorf("from nobody: %+v", e)
		}
		for life := range 3 {
			if err := jm.Resume(); err != nil {
				t.Fatal(err)
			}
			id := jm.Want(driver.Worker{CPUs: 1, MemoryBytes: 1 << 30, Slots: 1})
			pass(time.Second)
			e, ok := w.last()
			if !ok || e.Epoch != jm.Epoch() || !e.Ready || len(e.Workers) != 1 || e.Workers[0].ID != id {
				t.Errorf("life %d: %+v, the epoch is %s, wanted is %s", life, e, jm.Epoch(), id)
			}
			w.take()
			jm.Stop()
			pass(time.Minute)
			if e, ok := w.last(); ok {
				t.Errorf("after life %d: %+v", life, e)
			}
		}
	})
}

// TestClose ends every conversation; what is watched later is not.
func TestClose(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, jm *scripted.JobManager) {
		a := theJobManager
		a.Exchange = true
		w.Watch(a)
		pass(time.Second)
		w.Close()
		w.take()
		reports := jm.Reports()
		other := a
		other.JobManager.ID = "demo-aaaa-jm-2"
		w.Watch(other)
		w.Tell("demo")
		jm.Want(driver.Worker{CPUs: 1, MemoryBytes: 1 << 30, Slots: 1})
		pass(time.Minute)
		if events, looks := w.take(); len(events) > 0 || looks > 0 || jm.Reports() != reports {
			t.Errorf("after Close(): %v, %d looks, %d reports", events, looks, jm.Reports()-reports)
		}
	})
}
