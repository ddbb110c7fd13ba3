// Package sim_test plays the service's core against a Mesos master with scripted agents and against scripted
// JobManagers, lets everything between them go wrong at random, and looks whether all is well once it is quiet.
//
// SIM_ROUNDS plays more rounds of chaos and of crashes (make soak), SIM_SEED repeats a run's choices.
package sim_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/decide"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/core"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
)

// Names and nonces of the clusters. The ids of their tasks begin with both.
const (
	dynamicName, dynamicNonce = "dyn", "dddd"
	staticName, staticNonce   = "fix", "ffff"
)

// world is everything around the core, and the core's present life.
type world struct {
	name string
	rng  *rand.Rand
	log  *slog.Logger

	*fleet
	// open opens the store as the next process would.
	open  func() store.Store
	store store.Store
	core  *core.Core
	// jobManager stands for that of the dynamic cluster.
	jobManager *jobmanager.JobManager
	// unreachable is how long an unreachable task is waited for.
	unreachable time.Duration
	role        string
	// uninstall has later lives of the core remove the service.
	uninstall bool
	// armed says that the core was told to stop somewhere, and that a next one is to go on.
	armed bool
	// trouble is the probability, in thousandths, with which a request between the core and the JobManager fails.
	trouble atomic.Int64
}

// worldOptions size a world.
type worldOptions struct {
	seed   uint64
	agents int
	// workers is how many workers an agent has room for.
	workers int
	open    func() store.Store
	// unreachable is how long an unreachable task is waited for; a second when 0.
	unreachable time.Duration
	// role is the Mesos role; * when empty.
	role string
}

func newWorld(t testing.TB, o worldOptions) *world {
	t.Helper()
	w := &world{
		name: t.Name(), unreachable: cmp.Or(o.unreachable, time.Second), rng: rand.New(rand.NewPCG(o.seed, o.seed)), log: slog.New(slog.DiscardHandler), open: o.open,
		fleet: newFleet(t, "host-%d"), role: o.role,
	}
	if os.Getenv("SIM_LOG") != "" {
		w.log = slog.New(slog.NewTextHandler(io.Writer(os.Stderr), &slog.HandlerOptions{Level: slog.LevelDebug})).With("world", w.name)
	}
	w.launched = w.restartJobManager
	var err error
	w.jobManager, err = jobmanager.Start(jobmanager.Options{
		Prefix: dynamicName + "-" + dynamicNonce + "-tm", WithdrawDelay: 50 * time.Millisecond, Fault: w.requestFault(o.seed),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	for range o.agents {
		w.addAgent(o.workers)
	}
	w.start()
	return w
}

// end ends the core and the JobManager. Ending twice is ending once.
func (w *world) end() {
	if w.core != nil {
		if err := w.core.Stop(); err != nil {
			w.t.Errorf("stop: %v", err)
		}
		_ = w.store.Close() // Nothing is written any more.
		w.core = nil
	}
	w.jobManager.Stop()
}

// revive starts the next life of a core that was armed, if it has stopped.
func (w *world) revive() {
	w.t.Helper()
	if !w.armed {
		return
	}
	select {
	case <-w.core.Gone():
		w.armed = false
		w.ended()
		w.start()
	default:
	}
}

// requestFault makes requests between the core and the JobManager late, lost or doubled while there is trouble.
func (w *world) requestFault(seed uint64) func(*http.Request) jobmanager.Fault {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	return func(*http.Request) jobmanager.Fault {
		mu.Lock()
		defer mu.Unlock()
		if rng.Int64N(1000) >= w.trouble.Load() {
			return jobmanager.Fault{}
		}
		switch rng.IntN(5) {
		case 0:
			return jobmanager.Fault{LoseRequest: true}
		case 1:
			return jobmanager.Fault{LoseAnswer: true}
		case 2:
			return jobmanager.Fault{Twice: true}
		case 3:
			return jobmanager.Fault{Status: 503}
		default:
			return jobmanager.Fault{Delay: time.Duration(rng.IntN(60)) * time.Millisecond}
		}
	}
}

// restartJobManager makes each JobManager that Mesos starts a new life of the scripted one.
func (w *world) restartJobManager(task string) {
	if strings.HasPrefix(task, dynamicName+"-"+dynamicNonce+"-jm") {
		if err := w.jobManager.Restart(); err != nil {
			w.t.Errorf("restart the JobManager: %v", err)
		}
	}
}

// start begins the next life of the core with what the last one saved.
func (w *world) start() {
	w.t.Helper()
	w.store = w.open()
	var err error
	w.core, err = core.Start(core.Options{
		Master: w.master.Address(), Store: w.store, JobManager: func(string) *jobmanager.JobManager { return w.jobManager },
		Role:   w.role,
		Decide: decide.Options{UnreachableTimeout: w.unreachable, ReconcileInterval: 3 * time.Second, Uninstall: w.uninstall}, Tick: 100 * time.Millisecond, Repeat: time.Second,
		Backoff: 200 * time.Millisecond, Log: w.log,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// crash ends the core after so many more of its saves and calls, or a moment later when it has nothing to do, and
// starts the next.
func (w *world) crash(after int) {
	w.t.Helper()
	w.core.Crash(after)
	select {
	case <-w.core.Gone():
	case <-time.After(300 * time.Millisecond):
		w.core.Crash(0)
		<-w.core.Gone()
	}
	w.ended()
	w.start()
}

// ended looks at how a life of the core ended.
func (w *world) ended() {
	w.t.Helper()
	if err := w.core.Err(); err != nil {
		w.t.Errorf("the core ended by itself: %v", err)
	}
	if err := w.store.Close(); err != nil {
		w.t.Errorf("close the store: %v", err)
	}
}

// put creates or changes a cluster, with one try for each life of the core.
func (w *world) put(nonce string, spec spec.Spec) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	return w.core.Put(ctx, nonce, spec)
}

// delete asks for the end of a cluster.
func (w *world) delete(name string) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	return w.core.Delete(ctx, name)
}

func staticSpec(workers int) spec.Spec {
	s := dynamicSpec()
	s.Name, s.Allocation, s.TaskManagers.Count = staticName, spec.Static, workers
	return s
}

func dynamicSpec() spec.Spec {
	return spec.Spec{
		Name: dynamicName, Kind: spec.Session, Allocation: spec.Dynamic, Role: "*",
		JobManager:  spec.JobManager{Resources: spec.Resources{CPUs: 0.5, Memory: 512 * spec.MiB}, Replicas: 1},
		TaskManager: spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
	}
}

// patience is far above what coming to rest takes: KILL is repeated after 5 s, reconciliation after 4 s, and starts
// that fail in a row are slowed down.
const patience = time.Minute

// prompt is how long it should take: the output of a run has those rounds that took longer.
const prompt = 10 * time.Second

// rest waits until what is wanted, what the core has launched and what runs are the same, and stay so for a while.
func (w *world) rest(clusters ...expectation) {
	w.t.Helper()
	var problem, last string
	calm := 0
	began := time.Now()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		w.revive()
		if problem = w.difference(clusters); problem != "" {
			calm, last = 0, problem
			continue
		}
		if calm++; calm == 5 {
			w.once()
			if took := time.Since(began); took > prompt {
				w.t.Logf("it came to rest only after %s: %s", took.Round(time.Second), last)
			}
			return
		}
	}
	w.t.Fatalf("it does not come to rest: %s", problem)
}

// expectation is a cluster and what it wants: a number of workers, or the very ones that its JobManager wants.
type expectation struct {
	name    string
	workers int
	wanted  bool
}

// difference says in what the three views differ; empty when they do not.
func (w *world) difference(clusters []expectation) string {
	running := w.running()
	total := 0
	view := w.core.View()
	for _, e := range clusters {
		d, ok := decide.Describe(view, e.name)
		if !ok {
			return "there is no cluster " + e.name
		}
		var workers, managers []string
		for _, t := range d.Tasks {
			if t.Goal != task.Launched || t.State != task.Running {
				return fmt.Sprintf("task %s is %s with goal %s", t.ID, t.State, t.Goal)
			}
			if where := running[t.ID]; len(where) != 1 || where[0] != t.AgentID {
				return fmt.Sprintf("task %s runs on agents %v and not on %s alone", t.ID, where, t.AgentID)
			}
			if t.Kind == spec.JobManagerTask {
				managers = append(managers, t.ID)
			} else {
				workers = append(workers, t.ID)
			}
		}
		total += len(d.Tasks)
		if len(managers) != 1 || len(d.Waiting) != 0 {
			return fmt.Sprintf("cluster %s has the JobManagers %v, and %d tasks wait, such as %+v", e.name, managers, len(d.Waiting), d.Waiting[:min(1, len(d.Waiting))])
		}
		if problem := w.unwanted(e, workers); problem != "" {
			return problem
		}
	}
	if total != len(running) {
		return fmt.Sprintf("%d tasks run and %d are known: %v", len(running), total, running)
	}
	return ""
}

// unwanted compares the workers of a cluster with those it wants.
func (w *world) unwanted(e expectation, workers []string) string {
	if !e.wanted {
		if len(workers) != e.workers {
			return fmt.Sprintf("cluster %s has %d workers and wants %d", e.name, len(workers), e.workers)
		}
		return ""
	}
	var wanted []string
	for _, x := range w.jobManager.Wanted().Workers {
		wanted = append(wanted, x.ID)
		if !x.Launched && !x.Recovered {
			return fmt.Sprintf("Flink does not know that %s was launched", x.ID)
		}
	}
	slices.Sort(wanted)
	slices.Sort(workers)
	if !slices.Equal(wanted, workers) {
		return fmt.Sprintf("Flink wants %v and has %v", wanted, workers)
	}
	return ""
}

// seeds says how many rounds to play and with which seed; it prints the seed, so that a failure can be repeated.
func seeds(t *testing.T, rounds int) (int, uint64) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SIM_SEED"); text != "" {
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SIM_SEED: %v", err)
		}
		seed = v
	}
	if text := os.Getenv("SIM_ROUNDS"); text != "" {
		v, err := strconv.Atoi(text)
		if err != nil || v < 1 {
			t.Fatalf("SIM_ROUNDS: %q is not a number above 0", text)
		}
		rounds = v
	}
	t.Logf("SIM_SEED=%d SIM_ROUNDS=%d", seed, rounds)
	return rounds, seed
}
