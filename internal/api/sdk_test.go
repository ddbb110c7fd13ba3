package api_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/api/sdk"
	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/metrics"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

type sdkPlan struct {
	Phases []struct {
		ID, Name, Strategy, Status string
		Paused                     bool
		Steps                      []struct{ ID, Name, Status, Message string }
	}
	Errors           []string
	Strategy, Status string
	Paused           bool
}

// outline is a plan in short: each phase and step with its status.
func (p sdkPlan) outline() string {
	lines := []string{p.Status}
	for _, phase := range p.Phases {
		lines = append(lines, phase.Name+" "+phase.Status)
		for _, s := range phase.Steps {
			lines = append(lines, "  "+s.Name+" "+s.Status)
		}
	}
	return strings.Join(lines, "\n")
}

func (w *world) plan(status int) sdkPlan {
	w.t.Helper()
	return into[sdkPlan](w.t, w.json("GET", "/v1/plans/deploy", "", status))
}

// wantPlan waits until the plan deploy is so.
func (w *world) wantPlan(status int, lines ...string) sdkPlan {
	w.t.Helper()
	return w.wantPlanOf("deploy", status, lines...)
}

// observe tells what the JobManager's REST API says of its TaskManagers.
func (w *world) observe(jobManager string, taskManagers int) {
	w.loop.Post(state.FlinkObserved{Cluster: "demo", JobManager: jobManager, Flink: wire.Flink{TaskManagers: taskManagers, SlotsTotal: taskManagers}})
}

// wantPlanOf waits until a plan is so.
func (w *world) wantPlanOf(name string, status int, lines ...string) sdkPlan {
	w.t.Helper()
	want := strings.Join(lines, "\n")
	var p sdkPlan
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		a := w.do("GET", "/v1/plans/"+name, "")
		if p = into[sdkPlan](w.t, a); p.outline() == want && a.StatusCode == status {
			return p
		}
	}
	w.t.Fatalf("plan mismatch (-want +got):\n%s", cmp.Diff(want, p.outline()))
	return p
}

func TestPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := into[[]string](t, w.json("GET", "/v1/plans", "", 200)); !cmp.Equal(got, []string{"deploy", "recovery", "decommission"}) {
		t.Errorf("plans: %v", got)
	}
	w.wantPlan(200, "COMPLETE")
	w.json("POST", "/v1/clusters", session, 201)
	first := w.plan(202)
	if first.Status != "PENDING" || len(first.Phases) != 1 || first.Phases[0].Steps[0].Message == "" {
		t.Errorf("before an offer: %+v", first)
	}
	jm := w.up("demo", "http://127.0.0.1:1/slave(1)")
	d, _ := view.Describe(w.loop.View(), "demo")
	for _, tk := range d.Tasks {
		w.loop.Post(state.Updated{TaskID: tk.ID, AgentID: "a-1", State: task.Running})
	}
	// Running is not ready: Flink has to answer.
	w.wantPlan(202, "STARTED", "demo STARTED", "  demo-jobmanager-0 STARTED", "  demo-taskmanager-0 STARTED")
	w.observe(jm.ID, 0)
	w.wantPlan(202, "IN_PROGRESS", "demo IN_PROGRESS", "  demo-jobmanager-0 COMPLETE", "  demo-taskmanager-0 STARTED")
	w.observe(jm.ID, 1)
	done := w.wantPlan(200, "COMPLETE", "demo COMPLETE", "  demo-jobmanager-0 COMPLETE", "  demo-taskmanager-0 COMPLETE")
	if done.Phases[0].ID != first.Phases[0].ID {
		t.Errorf("the id of a phase changed from %s to %s", first.Phases[0].ID, done.Phases[0].ID)
	}
	w.wantPlanOf("recovery", 200, "COMPLETE")
	w.wantPlanOf("decommission", 200, "COMPLETE")

	w.do("GET", "/v1/plans/update", "").wantFault(t, 404, fault.NotFound, "deploy")
	w.do("POST", "/v1/plans/deploy/explode", "").wantFault(t, 404, fault.NotFound, "restart")
	w.do("POST", "/v1/plans/deploy/restart?step=none", "").wantFault(t, 422, fault.Invalid, "phase")
	w.do("POST", "/v1/plans/deploy/restart?phase=none", "").wantFault(t, 404, fault.NotFound, "none")
	w.do("POST", "/v1/plans/deploy/restart?phase=demo&step=none", "").wantFault(t, 404, fault.NotFound, "none")
	w.json("POST", "/v1/plans/deploy/forceComplete?phase=demo&step=demo-jobmanager-0", "", 208)

	// A pod that is replaced is in the plan recovery until its next task is ready, under the same name.
	w.json("POST", "/v1/plans/deploy/restart?phase="+done.Phases[0].ID+"&step="+jm.ID, "", 200)
	w.wantPlan(202, "IN_PROGRESS", "demo IN_PROGRESS", "  demo-jobmanager-0 PREPARED", "  demo-taskmanager-0 COMPLETE")
	w.wantPlanOf("recovery", 202, "IN_PROGRESS", "demo IN_PROGRESS", "  demo-jobmanager-0 PREPARED")
	w.do("POST", "/v1/plans/deploy/forceComplete?phase=demo&step=demo-jobmanager-0", "").wantFault(t, 409, fault.Conflict, "forceComplete is not possible")
	for _, command := range []string{"stop", "interrupt", "restart"} {
		w.do("POST", "/v1/plans/recovery/"+command, "").wantFault(t, 409, fault.Conflict, "use the plan deploy")
	}
	w.json("POST", "/v1/plans/recovery/start", "{}", 208)
	w.loop.Post(state.Updated{TaskID: jm.ID, AgentID: "a-1", State: task.Killed})
	w.wantPlanOf("recovery", 202, "IN_PROGRESS", "demo IN_PROGRESS", "  demo-jobmanager-0 PENDING", "  demo-taskmanager-0 PREPARED")

	before, _ := view.Spec(w.loop.View(), "demo")
	w.json("POST", "/v1/plans/deploy/restart?phase=demo", "", 200)
	w.json("POST", "/v1/plans/deploy/restart", "", 200)
	after, _ := view.Spec(w.loop.View(), "demo")
	if after.RestartNonce != before.RestartNonce+2 {
		t.Errorf("restart of a phase and of the plan: nonce %d after %d", after.RestartNonce, before.RestartNonce)
	}
	w.json("DELETE", "/v1/clusters/demo", "", 202)
	w.wantPlan(200, "COMPLETE")
	w.wantPlanOf("decommission", 202, "STARTING", "demo STARTING", "  demo-taskmanager-0 STARTING")
}

// TestPausedPlan pauses clusters one by one and all together, also those that come later.
func TestPausedPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.json("POST", "/v1/plans/deploy/continue", "", 208)
	w.json("POST", "/v1/plans/deploy/interrupt", "", 200)
	w.json("POST", "/v1/plans/deploy/interrupt", "", 208)
	w.json("POST", "/v1/clusters", session, 201)
	w.wantPlan(202, "WAITING", "demo WAITING", "  demo-jobmanager-0 PENDING", "  demo-taskmanager-0 PENDING")
	for _, path := range []string{"/v1/service", "/v1/clusters", "/v1/clusters/demo", "/v1/plans/deploy"} {
		if got := w.json("GET", path, "", map[bool]int{true: 202, false: 200}[path == "/v1/plans/deploy"]).body; !strings.Contains(got, `"paused":true`) {
			t.Errorf("GET %s does not say that it is paused: %s", path, got)
		}
	}
	if got := w.json("GET", "/v1/state/properties/paused", "", 200).body; strings.TrimSpace(got) != "true" {
		t.Errorf("the property paused is %s", got)
	}
	for _, c := range []struct {
		command, query string
		status         int
		paused         bool
	}{
		{"continue", "?phase=demo", 200, false},
		{"continue", "?phase=demo", 208, false},
		{"interrupt", "?phase=demo", 200, true},
		{"interrupt", "?phase=demo", 208, true},
		{"start", "", 200, false},
		{"start", "", 208, false},
		{"stop", "", 200, true},
		{"continue", "", 200, false},
	} {
		w.json("POST", "/v1/plans/deploy/"+c.command+c.query, "", c.status)
		if d, _ := view.Describe(w.loop.View(), "demo"); d.Status.Paused != c.paused {
			t.Errorf("after %s%s paused is %t", c.command, c.query, d.Status.Paused)
		}
	}
	w.do("POST", "/v1/plans/deploy/interrupt?phase=none", "").wantFault(t, 404, fault.NotFound, "none")
	w.do("POST", "/v1/plans/deploy/interrupt?phase=demo&step=demo-jobmanager-0", "").wantFault(t, 422, fault.Invalid, "step")
}

// TestFailedApplicationInPlan shows a failed application in its own phase, in one line, and nothing of it in the plan.
func TestFailedApplicationInPlan(t *testing.T) {
	t.Parallel()
	failed := func(name string, at wire.State) state.ClusterRecord {
		return state.ClusterRecord{
			Spec:  spec.Spec{Name: name, Kind: spec.Application, Allocation: spec.Static, Suspended: at == wire.Suspended, Job: &spec.JobSpec{}},
			Nonce: "aaaa", NextTask: 1, State: at, Message: "java.lang.IllegalStateException: no\n\tat org.example.Main.main(Main.java:1)",
		}
	}
	w := newWorldOf(t, core.New(state.Options{}, state.Stored{
		Clusters: []state.ClusterRecord{failed("broken", wire.Failed), failed("ended", wire.Finished), failed("held", wire.Suspended)},
	}, time.Now()))
	p := w.wantPlan(200, "COMPLETE", "broken ERROR", "  job ERROR", "ended COMPLETE", "held WAITING")
	if len(p.Errors) != 0 || p.Phases[0].Steps[0].Message != "java.lang.IllegalStateException: no" {
		t.Errorf("the plan is %+v", p)
	}
}

// TestUninstallPlan follows the plan while the service is removed, as Cosmos does, without a token.
func TestUninstallPlan(t *testing.T) {
	t.Parallel()
	removed := make(chan struct{})
	tokens, err := auth.Parse("admin:" + strings.Repeat("t", 32))
	if err != nil {
		t.Fatal(err)
	}
	stored := state.Stored{
		Framework: state.Framework{ID: "f-1"},
		Clusters:  []state.ClusterRecord{{Spec: spec.Spec{Name: "demo", Kind: spec.Session, Allocation: spec.Static}, Nonce: "aaaa", NextTask: 1, State: wire.Stable}},
		Tasks:     []task.Task{{ID: "demo-aaaa-jm-1", Cluster: "demo", Kind: spec.JobManagerTask, Goal: task.Launched, State: task.Running, AgentID: "a-1"}},
	}
	w := newWorldOf(t, core.New(state.Options{Uninstall: true}, stored, time.Now()), func(o *api.Options) {
		o.Tokens = tokens
		o.Removed = func() bool {
			select {
			case <-removed:
				return true
			default:
				return false
			}
		}
	})
	w.do("GET", "/v1/state/frameworkId", "").wantFault(t, 401, fault.Unauthorized, "token")
	w.loop.Post(state.Subscribed{FrameworkID: "f-1"})
	phase := func(name, phase, step string) string { return name + " " + phase + "\n  " + name + " " + step }
	w.wantPlan(202, "IN_PROGRESS", phase("delete-clusters", "IN_PROGRESS", "STARTING"), phase("kill-tasks", "PENDING", "PENDING"),
		phase("deregister-service", "PENDING", "PENDING"), phase("remove-state", "PENDING", "PENDING"))
	w.poll("the release of the task", func(s *state.State) bool {
		tk, _ := view.TaskOf(s, "demo", "demo-aaaa-jm-1")
		return tk.Goal == task.Released
	})
	w.loop.Post(state.Updated{TaskID: "demo-aaaa-jm-1", AgentID: "a-1", State: task.Killed})
	w.wantPlan(202, "IN_PROGRESS", phase("delete-clusters", "COMPLETE", "COMPLETE"), phase("kill-tasks", "COMPLETE", "COMPLETE"),
		phase("deregister-service", "IN_PROGRESS", "STARTING"), phase("remove-state", "PENDING", "PENDING"))
	w.loop.Post(state.TornDown{})
	w.wantPlan(202, "IN_PROGRESS", phase("delete-clusters", "COMPLETE", "COMPLETE"), phase("kill-tasks", "COMPLETE", "COMPLETE"),
		phase("deregister-service", "COMPLETE", "COMPLETE"), phase("remove-state", "IN_PROGRESS", "STARTING"))
	close(removed)
	w.wantPlan(200, "COMPLETE", phase("delete-clusters", "COMPLETE", "COMPLETE"), phase("kill-tasks", "COMPLETE", "COMPLETE"),
		phase("deregister-service", "COMPLETE", "COMPLETE"), phase("remove-state", "COMPLETE", "COMPLETE"))
	w.do("POST", "/v1/clusters", session, "Content-Type", "application/json", "Authorization", "Bearer "+strings.Repeat("t", 32)).
		wantFault(t, 409, fault.Conflict, "uninstalled")
}

func TestPods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := strings.TrimSpace(w.json("GET", "/v1/pod", "", 200).body); got != "[]" {
		t.Errorf("pods of nothing: %s", got)
	}
	w.json("POST", "/v1/clusters", session, 201)
	jm := w.up("demo", "http://127.0.0.1:1/slave(1)")
	if got := into[[]string](t, w.json("GET", "/v1/pod", "", 200)); !cmp.Equal(got, []string{"demo-jobmanager-0", "demo-taskmanager-0"}) {
		t.Errorf("pods: %v", got)
	}
	if got := w.json("GET", "/v1/pod/status", "", 200).body; !strings.Contains(got, `{"name":"demo-jobmanager","instances":[{"name":"demo-jobmanager-0","tasks":[{"name":"demo-jobmanager-0","id":"`+jm.ID+`","status":"RUNNING"}]}]}`) {
		t.Errorf("status of all: %s", got)
	}
	if got := w.json("GET", "/v1/pod/"+jm.ID+"/status", "", 200).body; !strings.Contains(got, `"status":"RUNNING"`) {
		t.Errorf("status: %s", got)
	}
	if got := w.json("GET", "/v1/pod/demo-jobmanager-0/info", "", 200).body; !strings.Contains(got, `"name":"demo-jobmanager-0"`) || !strings.Contains(got, `"state":"TASK_RUNNING"`) || !strings.Contains(got, `"slaveId":{"value":"a-1"}`) {
		t.Errorf("info: %s", got)
	}
	w.loop.Post(state.Updated{TaskID: jm.ID, AgentID: "a-1", State: task.Running, Sandbox: "/var/lib/mesos/slaves/S0/frameworks/F0/executors/" + jm.ID + "/runs/3c2d"})
	w.poll("the sandbox", func(s *state.State) bool { tk, _ := view.TaskOf(s, "demo", jm.ID); return tk.Sandbox != "" })
	if got := w.json("GET", "/v1/pod/demo-jobmanager-0/info", "", 200).body; !strings.Contains(got, `"containerStatus":{"containerId":{"value":"3c2d"}}`) {
		t.Errorf("info with a sandbox: %s", got)
	}
	for _, command := range []string{"pause", "resume"} {
		w.do("POST", "/v1/pod/"+jm.ID+"/"+command, "").wantFault(t, 409, fault.Conflict, "cannot be paused")
	}
	for _, request := range []string{"GET /v1/pod/none/status", "GET /v1/pod/none/info", "POST /v1/pod/none/restart", "POST /v1/pod/none/pause"} {
		method, path, _ := strings.Cut(request, " ")
		w.do(method, path, "").wantFault(t, 404, fault.NotFound, "none")
	}
	if got := w.json("POST", "/v1/pod/demo-jobmanager-0/replace", "", 200).body; !strings.Contains(got, `{"pod":"demo-jobmanager-0","tasks":["demo-jobmanager-0"]}`) {
		t.Errorf("replace: %s", got)
	}
	if tk, _ := view.TaskOf(w.loop.View(), "demo", jm.ID); tk.Goal != task.Released {
		t.Errorf("a replaced pod: %+v", tk)
	}
	w.do("POST", "/v1/pod/demo-jobmanager-0/replace", "").wantFault(t, 409, fault.Conflict, "is being replaced")
}

// TestMetricsJSON reads the metrics as tools of SDK services do.
func TestMetricsJSON(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	offers := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "flink_mesos_loop_offers_total"}, []string{"result"})
	size := prometheus.NewGauge(prometheus.GaugeOpts{Name: "size"})
	odd := prometheus.NewGauge(prometheus.GaugeOpts{Name: "odd"})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds"})
	r.MustRegister(offers, size, odd, took)
	offers.WithLabelValues("accepted").Add(2)
	offers.WithLabelValues("idle").Inc()
	size.Set(1.5)
	odd.Set(math.NaN())
	took.Observe(2)
	took.Observe(4)
	w := newWorld(t, func(o *api.Options) { o.Gatherer = r })
	got := into[sdk.Metrics](t, w.json("GET", "/v1/metrics", "", 200))
	want := sdk.Metrics{
		Counters: map[string]sdk.Count{
			"flink_mesos_loop_offers_total.accepted": {Count: 2}, "flink_mesos_loop_offers_total.idle": {Count: 1},
			"offers.received": {Count: 3}, "offers.processed": {Count: 3},
		},
		Gauges:     map[string]sdk.Gauge{"size": {Value: 1.5}, "is_suppressed": {Value: false}},
		Histograms: map[string]sdk.Histogram{"took_seconds": {Count: 2, Mean: 3}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics mismatch (-want +got):\n%s", diff)
	}
	newWorld(t).do("GET", "/v1/metrics", "").wantFault(t, 404, fault.NotFound, "metrics")
}

// TestPrometheus reads the text of the metrics where SDK services have it, and what Prometheus is to scrape.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.do("GET", "/v1/metrics/prometheus", ""); got.StatusCode != 200 || got.body != "up 1\n" {
		t.Errorf("metrics: %d %s", got.StatusCode, got.body)
	}
	w.json("GET", "/v1/prometheus/targets", "", 200)
	w.json("POST", "/v1/clusters", `{"name":"demo","metrics":{"prometheus":true},"labels":{"team":"red"},"taskManagers":{"count":1}}`, 201)
	jm := w.up("demo", "")
	got := into[[]metrics.Target](t, w.json("GET", "/v1/prometheus/targets", "", 200))
	want := []metrics.Target{{
		Targets: []string{fmt.Sprintf("jobmanager.example:%d", jm.Ports["prometheus"])},
		Labels:  map[string]string{"cluster": "demo", "team": "red", "role": "jobmanager", "task": jm.ID, "agent": "a-1", "host": "jobmanager.example"},
	}}
	if diff := cmp.Diff(want, got); diff != "" || jm.Ports["prometheus"] == 0 {
		t.Errorf("targets mismatch (-want +got):\n%s", diff)
	}
}

func TestEndpointsAndConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("GET", "/v1/state/frameworkId", "").wantFault(t, 404, fault.NotFound, "is not registered with Mesos")
	before := into[[]string](t, w.json("GET", "/v1/configurations/targetId", "", 200))
	w.json("PUT", "/v1/clusters/demo", `{"flinkConfiguration":{"a.password":"hush"}}`, http.StatusCreated)
	jm := w.up("demo", "http://127.0.0.1:1/slave(1)")
	if got := into[[]string](t, w.json("GET", "/v1/state/frameworkId", "", 200)); !cmp.Equal(got, []string{"f-1"}) {
		t.Errorf("framework id: %v", got)
	}
	if got := into[[]string](t, w.json("GET", "/v1/state/properties", "", 200)); !cmp.Equal(got, []string{"connected", "paused", "suppressed"}) {
		t.Errorf("properties: %v", got)
	}
	w.do("GET", "/v1/state/properties/none", "").wantFault(t, 404, fault.NotFound, "none")
	if got := into[[]string](t, w.json("GET", "/v1/endpoints", "", 200)); !cmp.Equal(got, []string{"api", "demo-rest", "demo-rpc"}) {
		t.Errorf("endpoints: %v", got)
	}
	if got := w.json("GET", "/v1/endpoints/demo-rest", "", 200).body; !strings.Contains(got, jm.Hostname+":") {
		t.Errorf("endpoint: %s", got)
	}
	w.do("GET", "/v1/endpoints/none", "").wantFault(t, 404, fault.NotFound, "none")
	after := into[[]string](t, w.json("GET", "/v1/configurations", "", 200))
	if cmp.Equal(before, after) {
		t.Error("the id of the configuration did not change with it")
	}
	for _, id := range []string{"target", after[0]} {
		if got := w.json("GET", "/v1/configurations/"+id, "", 200).body; !strings.Contains(got, `"name":"demo"`) || strings.Contains(got, "hush") {
			t.Errorf("configuration %s: %s", id, got)
		}
	}
	w.do("GET", "/v1/configurations/"+before[0], "").wantFault(t, 404, fault.NotFound, after[0])
}
