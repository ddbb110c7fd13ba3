package runner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/flinkconf"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/report"
	"github.com/flink-on-mesos/flink-service/internal/autoscale/runner"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/testkit/jobmetrics"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// recommend only recommends.
var recommend = map[string]string{"job.autoscaler.scaling.enabled": "false"}

func TestRecommends(t *testing.T) {
	t.Parallel()
	w := newWorld(t, recommend)
	w.offered = 64
	w.load(150, 2, 2*time.Minute)
	if j := w.shown(); j.Ready || last(j) != autoscale.WindowFilling {
		t.Fatalf("before the window is full: %+v", j)
	}
	w.load(150, 2, 6*time.Minute)
	if j := w.shown(); !j.Ready || last(j) != autoscale.AllWithinBand && last(j) != autoscale.AllAtTarget {
		t.Fatalf("at 75 %% of the capacity: %+v", j.Reasons)
	}
	w.load(400, 2, 6*time.Minute)
	j := w.shown()
	if p := parallelism(j); p[mapper] < 5 || last(j) != autoscale.RecommendOnly || j.Needed <= j.TaskManagers || j.Acted {
		t.Fatalf("at twice the capacity: %v, %+v", p, j)
	}
	if j.Memory["taskmanager.memory.process.size"] == "" {
		t.Errorf("no memory is recommended: %+v", j.Memory)
	}
	h, _ := w.runner.History("demo")
	if len(h.Decisions) < 2 || h.Decisions[0].At.Before(h.Decisions[1].At) || len(h.Decisions[0].Changes) != 2 {
		t.Fatalf("History() = %+v", h)
	}
	if n := slices.Collect(count(w.kinds(), runner.EventReport)); len(n) == 0 || len(n) > 6 {
		t.Errorf("%d events of kind %s in %v", len(n), runner.EventReport, w.kinds())
	}
}

func count(kinds []string, kind string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, k := range kinds {
			if k == kind && !yield(k) {
				return
			}
		}
	}
}

// TestGoesOn checks that a new leader goes on with what the last one had collected.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, recommend)
	w.offered = 64
	w.load(400, 2, 10*time.Minute)
	before, history := w.shown(), mustHistory(t, w)
	w.start()
	if diff := cmp.Diff(before.Reasons, w.shown().Reasons); diff != "" {
		t.Fatalf("shown after the restart (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(history, mustHistory(t, w)); diff != "" {
		t.Fatalf("history after the restart (-before +after):\n%s", diff)
	}
	w.load(400, 2, 20*time.Second)
	if j := w.shown(); !j.Ready {
		t.Fatalf("the window is not full after the restart: %+v", j.Reasons)
	}
}

func mustHistory(t *testing.T, w *world) report.History {
	t.Helper()
	h, ok := w.runner.History("demo")
	if !ok || len(h.Decisions) == 0 {
		t.Fatalf("History() = %+v, %v", h, ok)
	}
	return h
}

// TestRoom checks that a step is made as large as what fits, and says what is missing.
func TestRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, recommend)
	w.offered = 1 // One more TaskManager.
	w.load(400, 2, 8*time.Minute)
	j := w.shown()
	found := slices.ContainsFunc(j.Reasons, func(r report.Reason) bool { return r.Code == autoscale.NoRoom })
	if !found || len(j.Blocked) == 0 || !strings.Contains(strings.Join(j.Blocked, " "), "cpus") {
		t.Fatalf("reasons %+v, blocked %v", j.Reasons, j.Blocked)
	}
	for _, v := range j.Vertices {
		if v.Planned >= v.Recommended {
			t.Errorf("vertex %s: planned %d of %d recommended", v.Name, v.Planned, v.Recommended)
		}
	}
	if !slices.Contains(w.kinds(), runner.EventInsufficient) {
		t.Errorf("no event %s in %v", runner.EventInsufficient, w.kinds())
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.offered = 64
	w.fold(state.PauseLaunches{Cluster: "demo", Paused: true})
	w.load(400, 2, 8*time.Minute)
	j := w.shown()
	if j.Acted || last(j) != autoscale.OnHold || !strings.Contains(j.Reasons[len(j.Reasons)-1].Message, "paused") {
		t.Fatalf("reasons %+v", j.Reasons)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, recommend)
	w.offered = 64
	w.load(180, 2, 12*time.Minute)
	replay, err := w.runner.Replay("demo", report.ReplayRequest{Options: map[string]string{
		"job.autoscaler.utilization.target": "0.3", "job.autoscaler.utilization.max": "0.5", "job.autoscaler.utilization.min": "0.1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if replay.Collections != 36 || len(replay.Differences) == 0 || replay.Differences[0].After <= replay.Differences[0].Before {
		t.Fatalf("Replay() = %+v", replay)
	}
	same, err := w.runner.Replay("demo", report.ReplayRequest{Options: map[string]string{"job.autoscaler.utilization.target": "0.7"}})
	if err != nil || len(same.Differences) > 0 {
		t.Fatalf("Replay() of the same options = %+v, %v", same, err)
	}
	for _, wrong := range []map[string]string{nil, {"parallelism.default": "3"}, {"job.autoscaler.utilization.target": "much"}, {"job.autoscaler.utilisation": "1"}} {
		if _, err := w.runner.Replay("demo", report.ReplayRequest{Options: wrong}); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("Replay(%v): error %v", wrong, err)
		}
	}
	if _, err := w.runner.Replay("none", report.ReplayRequest{}); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("Replay() of no cluster: error %v", err)
	}
}

// TestForgets checks that nothing is left of a cluster that is gone.
func TestForgets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, recommend)
	w.load(150, 2, 6*time.Minute)
	if stored, err := w.store.Load(t.Context()); err != nil || len(stored) < 2 {
		t.Fatalf("stored %d records, %v", len(stored), err)
	}
	w.fold(state.DeleteCluster{Name: "demo"})
	w.fold(state.JobsCancelled{Cluster: "demo", JobManager: w.jobManager().ID})
	w.fold(state.Updated{TaskID: w.jobManager().ID, AgentID: "a-1", State: task.Killed})
	w.start()
	if err := w.runner.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stored, err := w.store.Load(t.Context()); err != nil || len(stored) > 0 {
		t.Fatalf("stored %d records, %v", len(stored), err)
	}
}

// TestProblem checks that a JobManager that does not answer is said, and is no end.
func TestProblem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, recommend)
	if err := w.runner.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if j := w.shown(); !strings.Contains(j.Problem, "gone") {
		t.Fatalf("problem %q", j.Problem)
	}
	if !slices.Contains(w.kinds(), runner.EventError) {
		t.Errorf("no event %s in %v", runner.EventError, w.kinds())
	}
	w.load(150, 2, time.Minute)
	if j := w.shown(); j.Problem != "" || j.Samples == 0 {
		t.Fatalf("after it answers: %+v", j)
	}
}

func TestOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"job.autoscaler.enabled": "false"})
	w.load(150, 2, time.Minute)
	a, ok := w.runner.Status("demo")
	if !ok || a.Enabled || len(a.Jobs) > 0 || !strings.Contains(a.Message, "job.autoscaler.enabled") {
		t.Fatalf("Status() = %+v, %v", a, ok)
	}
	if _, ok := w.runner.Status("none"); ok {
		t.Fatal("there is a status of no cluster")
	}
}

// scale is what the core was told to rescale.
func (w *world) rescales() []state.Rescale {
	var list []state.Rescale
	for _, a := range w.acts {
		if a, ok := a.(state.Rescale); ok {
			list = append(list, a)
		}
	}
	return list
}

// TestScales follows a load that goes up and down again.
func TestScales(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.offered = 64
	w.load(400, 2, 7*time.Minute)
	asked := w.rescales()
	if len(asked) == 0 || asked[0].Parallelism[mapper] < 5 || asked[0].Parallelism[source] < 5 || asked[0].Job != jobmetrics.JobID {
		t.Fatalf("asked for %+v", asked)
	}
	up := asked[0].Parallelism[mapper]
	w.fold(state.Rescaled{Cluster: "demo", Number: asked[0].Number})
	w.load(400, up, 8*time.Minute)
	if j := w.shown(); j.LastStep == nil || j.LastStep.Changes[0].To != up || j.Overrides[mapper] != up {
		t.Fatalf("shown after the step: %+v", j)
	}
	if n := len(w.rescales()); n != 1 {
		t.Fatalf("asked %d times at the target", n)
	}
	w.load(100, up, 8*time.Minute)
	asked = w.rescales()
	if len(asked) != 2 || asked[1].Parallelism[mapper] >= up {
		t.Fatalf("asked for %+v when the load went down", asked)
	}
	ops, _ := view.Operations(w.view(), view.OperationQuery{Cluster: "demo", After: -1, Limit: 10})
	if ops[0].Kind != wire.OperationAutoscale || ops[0].State != wire.OperationRunning || ops[1].Kind != wire.OperationAutoscale || ops[1].State != wire.OperationSucceeded || len(ops[1].Changes) != 2 {
		t.Fatalf("operations %+v", ops)
	}
}

// TestStepIsTakenOnce ends the process at each moment of a step: it is neither forgotten nor repeated.
func TestStepIsTakenOnce(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"before the core takes it", "after the core took it"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.offered = 64
			w.load(400, 2, 5*time.Minute)
			w.lose = func(e state.Event) (before, after bool) {
				a, ok := e.(state.Autoscaled)
				return ok && a.Step != nil && at == "before the core takes it", ok && a.Step != nil && at == "after the core took it"
			}
			w.load(400, 2, 2*time.Minute)
			if !w.lost {
				t.Fatal("there was no step")
			}
			w.lose = nil
			w.start()
			w.load(400, 2, 20*time.Second)
			if asked := w.rescales(); len(asked) != 1 {
				t.Fatalf("asked for %+v", asked)
			}
		})
	}
}

// TestReset checks that a changed nonce drops the history and the overrides.
func TestReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.offered = 64
	w.load(400, 2, 7*time.Minute)
	w.fold(state.Rescaled{Cluster: "demo", Number: 1})
	sp, _ := view.Spec(w.view(), "demo")
	job := *sp.Job
	job.AutoscalerResetNonce = 1
	sp.Job = &job
	w.fold(state.PutCluster{Spec: sp, Nonce: "x7k2", Now: true})
	if c, _ := w.view().Clusters.Get([]byte("demo")); c.Scaling != nil && len(c.Scaling.Overrides) > 0 || strings.Contains(c.LaunchSpec().FlinkConfiguration[flinkconf.Overrides], ":") {
		t.Fatalf("overrides after the reset: %+v", c.Scaling)
	}
}
