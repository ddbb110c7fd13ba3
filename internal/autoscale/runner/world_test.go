package runner_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/runner"
	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/flink"
	"github.com/flink-on-mesos/flink-service/internal/flink/rest"
	"github.com/flink-on-mesos/flink-service/internal/offer"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmetrics"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// world is the core and a JobManager around a Runner, in a time of its own.
type world struct {
	t      *testing.T
	url    string
	store  *store.Memory
	runner *runner.Runner
	// offered are the cpus that agents offer when Mesos is asked.
	offered float64

	mu    sync.Mutex
	now   time.Time
	state state.State
	// job is what the JobManager shows; nil for a JobManager that does not answer.
	job  *autoscale.Collection
	acts []state.Action
	// lose says of an event that the process ends before or after the core takes it; lost, that it did.
	lose   func(state.Event) (before, after bool)
	lost   bool
	cancel context.CancelFunc
	// lag are the records that wait at the source.
	lag float64
}

// newWorld has an application whose job runs: one source and one map, which each subtask of 100 records a
// second keeps busy.
func newWorld(t *testing.T, config map[string]string) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), store: store.NewMemory()}
	w.state = core.New(state.Options{}, state.Stored{}, w.now)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		job := w.job
		w.mu.Unlock()
		if job == nil {
			http.Error(rw, "gone", http.StatusBadGateway)
			return
		}
		jobmetrics.Handler(func() autoscale.Collection { return *job }, 2).ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	sp := spec.Spec{
		Name: "demo", Kind: spec.Application, Allocation: spec.Dynamic, FlinkConfiguration: map[string]string{
			"job.autoscaler.enabled": "true", "job.autoscaler.metrics.window": "5 min", "job.autoscaler.stabilization.interval": "1 min",
			"job.autoscaler.scale-down.interval": "0",
		},
		Job: &spec.JobSpec{JarURI: "http://files/a.jar", Parallelism: 2},
	}
	maps.Copy(sp.FlinkConfiguration, config)
	w.fold(state.Subscribed{FrameworkID: "f-1", Master: "m:5050", Version: "1.12.0"})
	w.fold(state.PutCluster{Spec: sp.Complete(spec.Defaults{FlinkVersion: "2.3.0", Role: "*"}), Nonce: "x7k2"})
	w.offer(4)
	jm := w.jobManager()
	w.fold(state.Updated{TaskID: jm.ID, AgentID: "a-1", State: task.Running})
	w.observe()
	w.start()
	return w
}

// start starts a Runner with what is stored, as a new leader does.
func (w *world) start() {
	w.t.Helper()
	w.lost = false
	stored, err := w.store.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.runner, err = runner.New(runner.Options{
		View: w.view, Do: w.do, Store: w.store, Stored: stored, Now: w.clock, Registerer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		REST:          func(task.Task, time.Duration) (*rest.Client, error) { return rest.New(rest.Options{URL: w.url}) },
		Configuration: func(s spec.Spec, _ string) map[string]string { return flink.Configuration(s, nil) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) view() *state.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state
	return &s
}

// fold folds in an event.
func (w *world) fold(e state.Event) []state.Action {
	w.mu.Lock()
	defer w.mu.Unlock()
	next, actions := core.Step(w.state, e, w.now)
	w.state, w.acts = next, append(w.acts, actions...)
	return actions
}

// do posts a request. Mesos makes its offers at once.
func (w *world) do(_ context.Context, build func(uint64) state.Event) error {
	e := build(1)
	if w.lost {
		return context.Canceled
	}
	if w.lose != nil {
		before, after := w.lose(e)
		if w.lost = before || after; after {
			w.fold(e)
		}
		if w.lost {
			w.cancel()
			return context.Canceled
		}
	}
	if _, ok := e.(state.ProbeOffers); ok {
		w.fold(e)
		w.offer(w.offered)
		return nil
	}
	for _, a := range w.fold(e) {
		if a, ok := a.(state.Answer); ok {
			return a.Err
		}
	}
	w.t.Errorf("%T was not answered", e)
	return nil
}

// offer has an agent offer so many cpus.
func (w *world) offer(cpus float64) {
	resource := func(n string, v float64) offer.Resource {
		return offer.Resource{Name: n, Scalar: offer.ToMilli(v), AllocationRole: "*"}
	}
	w.fold(state.Offered{Offers: []offer.Offer{{
		ID: "o-" + w.clock().String(), AgentID: "a-1", Hostname: "agent-1", Endpoint: "http://agent-1:5051/slave(1)",
		Resources: []offer.Resource{
			resource("cpus", cpus), resource("mem", 100_000), resource("disk", 100_000), {Name: "ports", Ranges: []offer.Range{{Begin: 20001, End: 20900}}, AllocationRole: "*"},
		},
	}}})
}

func (w *world) jobManager() task.Task {
	w.t.Helper()
	d, _ := view.Describe(w.view(), "demo")
	for _, one := range d.Tasks {
		if one.Kind == spec.JobManagerTask {
			jm, _ := view.TaskOf(w.view(), "demo", one.ID)
			return jm
		}
	}
	w.t.Fatal("the JobManager was not launched")
	return task.Task{}
}

// observe says that the job runs.
func (w *world) observe() {
	jm := w.jobManager()
	w.fold(state.FlinkObserved{Cluster: "demo", JobManager: jm.ID, Flink: wire.Flink{Version: "2.3.0", TaskManagers: 2, SlotsTotal: 2, JobsRunning: 1}})
	w.fold(state.JobsObserved{Cluster: "demo", JobManager: jm.ID, Jobs: []wire.Job{{ID: jobmetrics.JobID, State: "RUNNING", Running: true, Restarts: 0}}})
}

// The vertices of the job.
const (
	source = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	mapper = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// load has records arrive for some minutes, of which a subtask processes 100 a second, and has the job
// collected every minute's third. The job began to run at the first call.
func (w *world) load(perSecond float64, parallelism int, length time.Duration) {
	w.t.Helper()
	const every = 20 * time.Second
	for range int(length / every) {
		w.mu.Lock()
		w.now = w.now.Add(every)
		var total int64
		running := w.now.Truncate(time.Millisecond)
		if w.job != nil {
			running, total = w.job.Running, w.job.Vertices[0].Totals.Written
			if w.job.Vertices[0].Parallelism != parallelism {
				running, total = w.now.Truncate(time.Millisecond), 0 // It was rescaled.
			}
		}
		of, capacity := autoscale.Of, 100*float64(parallelism)
		rate := min(perSecond+w.lag/every.Seconds(), capacity)
		w.lag = max(0, w.lag+(perSecond-rate)*every.Seconds())
		total += int64(rate * every.Seconds())
		busy := 1000 * rate / capacity
		gauge := autoscale.Aggregate{Min: of(busy), Max: of(busy), Avg: of(busy)}
		w.job = &autoscale.Collection{
			At: w.now, Running: running,
			Vertices: []autoscale.Vertex{
				{
					ID: source, Name: "Source: orders", SlotSharingGroup: "g", Parallelism: parallelism, MaxParallelism: 128,
					Totals: autoscale.Totals{Written: total},
					Metrics: autoscale.Metrics{
						Busy: gauge, BackPressured: of(0), Pending: of(w.lag), SourceIn: of(float64(total)), SourceInPerSecond: of(rate), SourceOut: of(float64(total)),
					},
				},
				{
					ID: mapper, Name: "Map", SlotSharingGroup: "g", Parallelism: parallelism, MaxParallelism: 128,
					Inputs: []autoscale.Input{{ID: source, Ship: "FORWARD"}}, Totals: autoscale.Totals{Read: total, Written: total},
					Metrics: autoscale.Metrics{Busy: gauge, InPerSecond: of(rate)},
				},
			},
			TaskManagers: autoscale.TaskManagers{
				HeapMax: of(512 << 20), HeapUsed: of(100 << 20), ManagedUsed: of(0), MetaspaceUsed: of(50 << 20), GC: of(1), SlotsTotal: of(float64(parallelism)), SlotsAvailable: of(0),
			},
		}
		w.mu.Unlock()
		var ctx context.Context
		ctx, w.cancel = context.WithCancel(w.t.Context())
		err := w.runner.Tick(ctx)
		w.cancel()
		if err != nil {
			w.t.Fatal(err)
		}
		if w.lost && w.lose != nil {
			return
		}
	}
}

// shown is the only job that is shown.
func (w *world) shown() report.Job {
	w.t.Helper()
	a, ok := w.runner.Status("demo")
	if !ok || len(a.Jobs) != 1 {
		w.t.Fatalf("Status() = %+v, %v", a, ok)
	}
	return a.Jobs[0]
}

// last is the code of the reason that says what came of the last evaluation.
func last(j report.Job) autoscale.Code {
	if len(j.Reasons) == 0 {
		return ""
	}
	return j.Reasons[len(j.Reasons)-1].Code
}

// parallelism is what is recommended.
func parallelism(j report.Job) map[string]int {
	all := map[string]int{}
	for _, v := range j.Vertices {
		all[v.ID] = v.Recommended
	}
	return all
}

// kinds are the types of the events of the cluster.
func (w *world) kinds() []string {
	d, _ := view.Describe(w.view(), "demo")
	var kinds []string
	for _, e := range d.Events {
		kinds = append(kinds, e.Type)
	}
	return kinds
}
