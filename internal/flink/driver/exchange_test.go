package driver_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flink-on-mesos/flink-service/internal/flink/driver"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is the least that a service does: launch what is wanted, kill what is not, report.
type service struct {
	mu       sync.Mutex
	epoch    string // what this process has read
	ofEpoch  string // whose workers the tasks and ended are, kept over a restart
	wanted   []string
	finished bool
	tasks    map[string]driver.State
	ended    map[string]string
	launches map[string]int

	exchange *driver.Exchange
	stop     func()
}

func newService() *service {
	return &service{tasks: map[string]driver.State{}, ended: map[string]string{}, launches: map[string]int{}}
}

// run starts an exchange, as a new process of the service with the same tasks does.
func (s *service) run(t *testing.T, jm *jobmanager.JobManager) {
	t.Helper()
	c, err := driver.New(driver.Options{Address: jm.Addr(), Token: jm.Token(), Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var x *driver.Exchange
	x, err = driver.NewExchange(driver.ExchangeOptions{
		Client: c, Report: s.report,
		OnWanted: func(w driver.Wanted) { s.onWanted(w); x.Tell() },
		Log:      slog.New(slog.DiscardHandler),
		Wait:     5 * time.Second, Repeat: 50 * time.Millisecond, RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	s.mu.Lock()
	s.epoch = "" // A new process has to read before it reports.
	s.exchange = x
	s.mu.Unlock()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want canceled", err)
		}
	})
	t.Cleanup(s.stop)
}

func (s *service) onWanted(w driver.Wanted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ofEpoch != w.Epoch {
		clear(s.ended)
	}
	s.epoch, s.ofEpoch = w.Epoch, w.Epoch
	s.finished = w.Finished != nil
	s.wanted = nil
	if !w.Ready {
		return
	}
	for _, x := range w.Workers {
		s.wanted = append(s.wanted, x.ID)
		_, live := s.tasks[x.ID]
		_, ended := s.ended[x.ID]
		if !live && !ended && !x.Launched {
			s.tasks[x.ID] = driver.Launching
			s.launches[x.ID]++
		}
	}
	maps.DeleteFunc(s.tasks, func(id string, _ driver.State) bool { return !slices.Contains(s.wanted, id) })
}

func (s *service) report() driver.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := driver.Report{Epoch: s.epoch, FinishedSeen: s.finished}
	for id, state := range s.tasks {
		r.Workers = append(r.Workers, driver.WorkerStatus{ID: id, State: state})
	}
	for id, why := range s.ended {
		r.Workers = append(r.Workers, driver.WorkerStatus{ID: id, State: driver.Terminated, Message: why})
	}
	return r
}

// lose ends a task, as kill -9 of a TaskManager does.
func (s *service) lose(id string) {
	s.mu.Lock()
	delete(s.tasks, id)
	s.ended[id] = "killed"
	x := s.exchange
	s.mu.Unlock()
	x.Tell()
}

func (s *service) running() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.tasks))
}

// until waits for a condition on the JobManager's or the service's side.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func told(jm *jobmanager.JobManager, kind jobmanager.EventKind, id string) bool {
	return slices.ContainsFunc(jm.Events(), func(e jobmanager.Event) bool { return e.Kind == kind && e.ID == id })
}

func TestExchange(t *testing.T) {
	t.Parallel()
	jm := start(t, jobmanager.Options{WithdrawDelay: -1})
	s := newService()
	s.run(t, jm)

	a, b := jm.Want(size), jm.Want(size)
	until(t, "both are launched", func() bool {
		return told(jm, jobmanager.Launched, a) && told(jm, jobmanager.Launched, b)
	})

	s.lose(a)
	until(t, "the loss is told", func() bool { return told(jm, jobmanager.Terminated, a) })

	jm.Release(b)
	until(t, "nothing runs", func() bool { return len(s.running()) == 0 })

	jm.Finish("SUCCEEDED", "")
	until(t, "the end is seen", jm.FinishedSeen)
}

func TestExchangeRestartOfJobManager(t *testing.T) {
	t.Parallel()
	jm := start(t, jobmanager.Options{})
	s := newService()
	s.run(t, jm)
	a := jm.Want(size)
	until(t, "it is launched", func() bool { return told(jm, jobmanager.Launched, a) })

	old := jm.Epoch()
	if err := jm.Restart(); err != nil {
		t.Fatal(err)
	}
	if jm.Epoch() == old {
		t.Fatal("the epoch stayed")
	}
	until(t, "the worker is recovered", func() bool { return told(jm, jobmanager.Recovered, a) })
	if got := s.running(); !slices.Equal(got, []string{a}) {
		t.Fatalf("running %v, want %v", got, []string{a})
	}
}

func TestExchangeRestartOfService(t *testing.T) {
	t.Parallel()
	jm := start(t, jobmanager.Options{})
	s := newService()
	s.run(t, jm)
	a := jm.Want(size)
	until(t, "it is launched", func() bool { return told(jm, jobmanager.Launched, a) })

	s.stop()
	s.run(t, jm)
	reports := jm.Reports()
	until(t, "the new process is heard", func() bool { return jm.Reports() > reports })
	s.lose(a)
	until(t, "the loss is told", func() bool { return told(jm, jobmanager.Terminated, a) })
}

// TestExchangeClockBehind has a report of an earlier process stand far above what our clock says.
func TestExchangeClockBehind(t *testing.T) {
	t.Parallel()
	jm := start(t, jobmanager.Options{})
	ahead := time.Now().Add(time.Hour).UnixMicro()
	if _, err := dial(t, jm).Report(t.Context(), driver.Report{Epoch: jm.Epoch(), Sequence: ahead}); err != nil {
		t.Fatal(err)
	}
	s := newService()
	s.run(t, jm)
	a := jm.Want(size)
	until(t, "it is launched", func() bool { return told(jm, jobmanager.Launched, a) })
}

func TestExchangeSetReport(t *testing.T) {
	t.Parallel()
	jm := start(t, jobmanager.Options{})
	wanted := make(chan driver.Wanted, 10)
	x, err := driver.NewExchange(driver.ExchangeOptions{
		Client: dial(t, jm), OnWanted: func(w driver.Wanted) { wanted <- w }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = x.Run(ctx) }()
	defer func() { cancel(); <-done }()

	if w := <-wanted; w.Ready {
		t.Fatal("ready before a report")
	}
	x.SetReport(driver.Report{Workers: []driver.WorkerStatus{{ID: "old", State: driver.Running}}})
	if w := <-wanted; !w.Ready || len(w.Workers) != 1 || !w.Workers[0].Recovered {
		t.Fatalf("wanted %+v, want the recovered worker", w)
	}
}

// TestExchangeChaos loses, delays and repeats messages and restarts both sides; when it is
// quiet again, wanted is what runs, and nothing was launched twice.
func TestExchangeChaos(t *testing.T) {
	t.Parallel()
	for round := range 12 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, uint64(round)))
		chaos(t, random, seed)
		if t.Failed() {
			return
		}
	}
}

func chaos(t *testing.T, random *rand.Rand, seed uint64) {
	t.Helper()
	var mu sync.Mutex
	wild := true
	jm, err := jobmanager.Start(jobmanager.Options{
		WithdrawDelay: 5 * time.Millisecond,
		Fault: func(*http.Request) jobmanager.Fault {
			mu.Lock()
			defer mu.Unlock()
			if !wild {
				return jobmanager.Fault{}
			}
			return jobmanager.Fault{
				Delay:       time.Duration(random.IntN(3)) * time.Millisecond,
				LoseRequest: random.IntN(5) == 0,
				LoseAnswer:  random.IntN(5) == 0,
				Twice:       random.IntN(5) == 0,
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer jm.Stop()
	s := newService()
	s.run(t, jm)
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	for range 40 {
		workers := jm.Wanted().Workers
		switch roll(10) {
		case 0, 1, 2, 3:
			jm.Want(size)
		case 4, 5:
			if len(workers) > 0 {
				jm.Release(workers[roll(len(workers))].ID)
			}
		case 6, 7:
			if ids := s.running(); len(ids) > 0 {
				s.lose(ids[roll(len(ids))])
			}
		case 8:
			if roll(4) == 0 {
				if err := jm.Restart(); err != nil {
					t.Fatal(err)
				}
			}
		case 9:
			s.stop()
			s.run(t, jm)
		}
		time.Sleep(time.Duration(roll(3)) * time.Millisecond)
	}
	mu.Lock()
	wild = false
	mu.Unlock()
	until(t, "wanted is what runs", func() bool {
		w := jm.Wanted()
		ids := make([]string, 0, len(w.Workers))
		for _, x := range w.Workers {
			ids = append(ids, x.ID)
		}
		slices.Sort(ids)
		return w.Ready && slices.Equal(ids, s.running())
	})
	s.stop()
	for id, n := range s.launches {
		if n > 1 {
			t.Errorf("seed %d: worker %s was launched %d times", seed, id, n)
		}
	}
}
