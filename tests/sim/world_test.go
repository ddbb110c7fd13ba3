// Package sim_test plays the service against a Mesos master with scripted agents and against scripted JobManagers, lets
// everything between them go wrong at random, and looks whether all is well once it is quiet.
//
// Most of it happens in virtual time, on a network in memory: the whole service, with the times that it has in
// production. Files named real_… have what needs processes and real time.
//
// SIM_ROUNDS plays more rounds of chaos and of crashes (make soak), SIM_SEED repeats a run's choices, and SIM_LOG
// shows what the service says.
package sim_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/flink-on-mesos/flink-service/internal/client"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/localmesos/executor"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmanager"
	"github.com/flink-on-mesos/flink-service/internal/testkit/memnet"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// Names of the clusters. The ids of their tasks begin with them.
const (
	dynamicName = "dyn"
	staticName  = "fix"
)

// world is everything around the service, and the service's present life. It is in virtual time.
type world struct {
	o    worldOptions
	name string
	seed uint64
	rng  *rand.Rand
	log  *slog.Logger
	dir  string

	network *memnet.Network
	delay   func() time.Duration
	*fleet
	api  *client.Client
	life *life
	// flinks are the JobManagers of dynamic clusters.
	flinks *flinks
	// uninstall has later lives of the service remove it.
	uninstall bool
	// armed says that the service was told to stop somewhere, and that a next one is to go on.
	armed bool
	// isolated says that the service reaches no agent.
	isolated atomic.Bool
	// twins says that agents share a host name, and with it the ports there.
	twins bool
	// trouble is the probability, in thousandths, with which a request between the service and a JobManager fails.
	trouble atomic.Int64
}

// worldOptions size a world.
type worldOptions struct {
	seed   uint64
	agents int
	// workers is how many workers an agent has room for.
	workers int
	// open opens the store as the next process would; nil for one in memory.
	open func() (store.Store, error)
	// unreachable is how long an unreachable task is waited for; 30 s when 0.
	unreachable time.Duration
	// role is the Mesos role; * when empty.
	role string
	// behave says what tasks do; without it they run until they are told to end.
	behave func(task mesosgo.TaskInfo) executor.Behaviour
}

// serviceAddress is where the service is, in each of its lives.
const serviceAddress = "http://service:8080"

func newWorld(t testing.TB, o worldOptions) *world {
	t.Helper()
	delay := delays(o.seed)
	network := memnet.New(delay)
	w := &world{
		o: o, name: t.Name(), seed: o.seed, rng: rand.New(rand.NewPCG(o.seed, o.seed)), log: slog.New(slog.DiscardHandler), dir: t.TempDir(),
		network: network, delay: delay, fleet: newVirtualFleet(t, network, "host-%d"),
	}
	if w.o.open == nil {
		w.o.open, _ = inMemory()
	}
	if os.Getenv("SIM_LOG") != "" {
		w.log = slog.New(slog.NewTextHandler(io.Writer(os.Stderr), &slog.HandlerOptions{Level: slog.LevelDebug})).With("world", w.name)
	}
	w.flinks = &flinks{w: w}
	w.behave = w.behaviour
	var err error
	if w.api, err = client.New(client.Options{BaseURL: serviceAddress, HTTP: w.web, Timeout: 10 * time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	for range o.agents {
		w.addAgent(o.workers)
	}
	w.start()
	return w
}

// inMemory is a store that outlives the processes that open it, and what is in it.
func inMemory() (open func() (store.Store, error), records func() store.Store) {
	memory := store.NewMemory()
	return func() (store.Store, error) { memory = memory.Reopen(); return memory, nil }, func() store.Store { return memory }
}

// end ends the service and all that runs. Ending twice is ending once.
func (w *world) end() {
	if w.life == nil {
		return
	}
	w.life.stop()
	w.life = nil
	if err := w.master.Close(); err != nil {
		w.t.Errorf("close the master: %v", err)
	}
	w.flinks.wg.Wait()
	w.web.CloseIdleConnections()
	time.Sleep(time.Minute) // The standard library goes on to make connections that nobody wants any more.
}

// revive starts the next life of a service that was armed, if it has stopped.
func (w *world) revive() {
	w.t.Helper()
	if !w.armed {
		return
	}
	select {
	case <-w.life.gone:
		w.armed = false
		w.ended()
		w.start()
	default:
	}
}

// start begins the next life of the service with what the last one saved.
func (w *world) start() {
	w.t.Helper()
	w.web.CloseIdleConnections()
	environ := []string{
		"MESOS_MASTER=" + masterAddress, "MESOS_ROLES=" + cmp.Or(w.o.role, "*"), "LISTEN=0.0.0.0:8080", "ADVERTISE_HOST=service",
		"DATA_DIR=" + filepath.Join(w.dir, "data"), "FLINK_DISTRIBUTIONS=" + distribution, "FRAMEWORK_NAME=sim", "FRAMEWORK_USER=nobody",
		"RECONCILE_INTERVAL=1m", "UNREACHABLE_TIMEOUT=" + cmp.Or(w.o.unreachable, 30*time.Second).String(), "UNINSTALL=" + strconv.FormatBool(w.uninstall),
	}
	var err error
	w.life, err = begin(lifeOptions{network: w.network, delay: w.delay, host: "service", environ: environ, open: w.o.open, log: w.log, isolated: &w.isolated, broken: promised(w.t)})
	if err != nil {
		w.t.Fatal(err)
	}
}

// crash ends the service after so much more of its saves and calls, or a moment later when it has nothing to do, and
// starts the next.
func (w *world) crash(after int) {
	w.t.Helper()
	w.life.crash(after)
	select {
	case <-w.life.gone:
	case <-time.After(2 * time.Second):
		w.life.crash(0)
		<-w.life.gone
	}
	w.ended()
	w.start()
}

// stop ends the service in order and starts the next.
func (w *world) stop() {
	w.t.Helper()
	w.life.stop()
	w.ended()
}

// ended looks at how a life of the service ended.
func (w *world) ended() {
	w.t.Helper()
	if err := w.life.err; err != nil {
		w.t.Errorf("the service ended by itself: %v", err)
	}
}

// behaviour is what a task does: a JobManager of a dynamic cluster converses with the service.
func (w *world) behaviour(task mesosgo.TaskInfo) (b executor.Behaviour) {
	if w.o.behave != nil {
		b = w.o.behave(task)
	}
	if b.FailToStart {
		return b
	}
	ends := []func(){w.answer(task)}
	if strings.HasPrefix(task.TaskID.Value, dynamicName+"-") && isJobManager(task.TaskID.Value) {
		ends = append(ends, w.flinks.start(task, w.hostOf(task.AgentID.Value)))
	}
	b.Over = func() {
		for _, end := range ends {
			end()
		}
	}
	return b
}

// answer has a task take connections at its own ports, and returns what ends that.
func (w *world) answer(task mesosgo.TaskInfo) (end func()) {
	machine := w.network.Host(w.hostOf(task.AgentID.Value))
	for _, port := range portsOf(task) {
		l, err := machine.Listen("tcp", fmt.Sprintf(":%d", port))
		if errors.Is(err, syscall.EADDRINUSE) && w.twins {
			continue
		}
		if err != nil {
			w.t.Errorf("task %s: %v", task.TaskID.Value, err)
			return machine.Cut
		}
		w.flinks.wg.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_ = conn.Close() // Who only looks whether the task lives has seen it.
			}
		})
	}
	return machine.Cut
}

// portsOf are the port of a JobManager's REST API, or all ports of any other task.
func portsOf(task mesosgo.TaskInfo) (ports []uint64) {
	if isJobManager(task.TaskID.Value) && task.Discovery != nil {
		for _, p := range task.Discovery.Ports.Ports {
			if p.GetName() == flink.PortREST {
				ports = append(ports, uint64(p.Number))
			}
		}
		return ports
	}
	for _, r := range task.Resources {
		for _, x := range r.GetRanges().GetRange() {
			for p := x.Begin; p <= x.End; p++ {
				ports = append(ports, p)
			}
		}
	}
	return ports
}

// flink is the JobManager of the dynamic cluster; nil while none runs.
func (w *world) flink() *jobmanager.JobManager { return w.flinks.newest() }

// again repeats a call while the service is not there, and while it begins.
func (w *world) again(call func(context.Context) error) error {
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := call(w.t.Context())
		if err == nil || !client.Temporary(err) || time.Now().After(end) {
			return err
		}
		w.revive()
	}
}

// put creates or changes a cluster.
func (w *world) put(spec spec.Spec) error {
	return w.again(func(ctx context.Context) error {
		_, err := w.api.PutCluster(ctx, spec)
		return err
	})
}

// delete asks for the end of a cluster. One that is not there is deleted.
func (w *world) delete(name string) error {
	return w.again(func(ctx context.Context) error {
		err := w.api.DeleteCluster(ctx, name, false)
		if client.NotFound(err) {
			return nil
		}
		return err
	})
}

// describe asks for all of a cluster; nothing of it when there is none.
func (w *world) describe(name string) (d wire.Description) {
	w.t.Helper()
	err := w.again(func(ctx context.Context) (err error) {
		if d, err = w.api.Cluster(ctx, name); client.NotFound(err) {
			err = nil
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// service asks the service how it is.
func (w *world) service() (v serviceView) {
	w.t.Helper()
	err := w.again(func(ctx context.Context) error {
		raw, err := w.api.Raw(ctx, "service")
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &v)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func staticSpec(workers int) spec.Spec {
	s := dynamicSpec()
	s.Name, s.Allocation, s.TaskManagers.Count = staticName, spec.Static, workers
	return s
}

func dynamicSpec() spec.Spec {
	return spec.Spec{
		Name: dynamicName, Kind: spec.Session, Allocation: spec.Dynamic,
		JobManager:  spec.JobManager{Resources: spec.Resources{CPUs: 0.5, Memory: spec.GiB}, Replicas: 1},
		TaskManager: spec.TaskManager{Resources: spec.Resources{CPUs: 1, Memory: spec.GiB}, Slots: 1},
	}
}

// patience is far above what coming to rest takes, with starts that fail in a row and are slowed down.
const patience = time.Hour

// prompt is how long it should take: the output of a run has those rounds that took longer.
const prompt = 5 * time.Minute

// rest waits until what is wanted, what the service has launched and what runs are the same, and stay so for a while.
func (w *world) rest(clusters ...expectation) {
	w.t.Helper()
	var problem, last string
	calm := 0
	began := time.Now()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Second) {
		w.revive()
		if problem = w.difference(clusters); problem != "" {
			calm, last = 0, problem
			continue
		}
		if calm++; calm == 3 {
			w.once()
			if took := time.Since(began); took > prompt {
				w.t.Logf("it came to rest only after %s: %s", took.Round(time.Second), last)
			}
			return
		}
	}
	w.t.Fatalf("it does not come to rest: %s", problem)
}

// eventually polls.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%s: never", what)
		}
		w.revive()
	}
}

// expectation is a cluster and what it wants: a number of workers, or the very ones that its JobManager wants.
type expectation struct {
	name    string
	workers int
	wanted  bool
}

// difference says in what the three views differ; empty when they do not.
func (w *world) difference(clusters []expectation) string {
	total := 0
	for _, e := range clusters {
		d, running := w.describe(e.name), w.running()
		if d.Spec.Name == "" {
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
	if running := w.running(); total != len(running) {
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
	jm := w.flink()
	if jm == nil {
		return "no JobManager answers"
	}
	var wanted []string
	for _, x := range jm.Wanted().Workers {
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
