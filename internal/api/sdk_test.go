package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/api"
	"github.com/flink-on-mesos/flink-service/internal/auth"
	"github.com/flink-on-mesos/flink-service/internal/core"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/core/view"
	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/task"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

type sdkPlan struct {
	Phases []struct {
		ID, Name, Strategy, Status string
		Steps                      []struct{ ID, Name, Status, Message string }
	}
	Errors           []string
	Strategy, Status string
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

// wantPlan waits until the plan is so.
func (w *world) wantPlan(status int, lines ...string) sdkPlan {
	w.t.Helper()
	want := strings.Join(lines, "\n")
	var p sdkPlan
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		a := w.do("GET", "/v1/plans/deploy", "")
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
	if got := into[[]string](t, w.json("GET", "/v1/plans", "", 200)); !cmp.Equal(got, []string{"deploy"}) {
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
	w.poll("the tasks' running", func(s *state.State) bool {
		d, _ := view.Describe(s, "demo")
		for _, tk := range d.Tasks {
			if tk.State != task.Running {
				return false
			}
		}
		return true
	})
	done := w.plan(200)
	if done.Status != "COMPLETE" || done.Phases[0].ID != first.Phases[0].ID {
		t.Errorf("with all tasks running: %+v", done)
	}

	w.do("GET", "/v1/plans/update", "").wantFault(t, 404, fault.NotFound, "deploy")
	for _, command := range []string{"start", "stop", "forceComplete"} {
		w.do("POST", "/v1/plans/deploy/"+command+"?phase=demo", "").wantFault(t, 409, fault.Conflict, command+" is not possible")
	}
	for _, query := range []string{"", "?phase=demo"} {
		w.json("POST", "/v1/plans/deploy/interrupt"+query, "", 200)
		if d, _ := view.Describe(w.loop.View(), "demo"); !d.Status.Paused {
			t.Errorf("interrupt%s left the cluster going", query)
		}
		w.json("POST", "/v1/plans/deploy/continue"+query, "", 200)
		if d, _ := view.Describe(w.loop.View(), "demo"); d.Status.Paused {
			t.Errorf("continue%s left the cluster paused", query)
		}
	}
	w.do("POST", "/v1/plans/deploy/interrupt?phase=none", "").wantFault(t, 404, fault.NotFound, "none")
	w.do("POST", "/v1/plans/deploy/interrupt?phase=demo&step="+jm.ID, "").wantFault(t, 422, fault.Invalid, "step")
	w.do("POST", "/v1/plans/deploy/explode", "").wantFault(t, 404, fault.NotFound, "restart")
	w.do("POST", "/v1/plans/deploy/restart", "").wantFault(t, 422, fault.Invalid, "phase")
	w.do("POST", "/v1/plans/deploy/restart?phase=none", "").wantFault(t, 404, fault.NotFound, "none")
	w.do("POST", "/v1/plans/deploy/restart?phase=demo&step=none", "").wantFault(t, 404, fault.NotFound, "none")
	w.json("POST", "/v1/plans/deploy/restart?phase="+done.Phases[0].ID+"&step="+jm.ID, "", 200)
	w.poll("the JobManager's release", func(s *state.State) bool {
		tk, _ := view.TaskOf(s, "demo", jm.ID)
		return tk.Goal == task.Released
	})
	before, _ := view.Spec(w.loop.View(), "demo")
	w.json("POST", "/v1/plans/deploy/restart?phase=demo", "", 200)
	after, _ := view.Spec(w.loop.View(), "demo")
	if after.RestartNonce != before.RestartNonce+1 {
		t.Errorf("restart of a phase: nonce %d after %d", after.RestartNonce, before.RestartNonce)
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
	if got := into[[]string](t, w.json("GET", "/v1/pod", "", 200)); len(got) == 0 || got[0] != jm.ID {
		t.Errorf("pods: %v", got)
	}
	if got := w.json("GET", "/v1/pod/status", "", 200).body; !strings.Contains(got, `{"name":"demo-jobmanager","instances":[{"name":"`+jm.ID+`","tasks":[{"name":"`+jm.ID+`","id":"`+jm.ID+`","status":"RUNNING"}]}]}`) {
		t.Errorf("status of all: %s", got)
	}
	if got := w.json("GET", "/v1/pod/"+jm.ID+"/status", "", 200).body; !strings.Contains(got, `"status":"RUNNING"`) {
		t.Errorf("status: %s", got)
	}
	if got := w.json("GET", "/v1/pod/"+jm.ID+"/info", "", 200).body; !strings.Contains(got, `"state":"TASK_RUNNING"`) || !strings.Contains(got, `"slaveId":{"value":"a-1"}`) {
		t.Errorf("info: %s", got)
	}
	for _, command := range []string{"pause", "resume"} {
		w.do("POST", "/v1/pod/"+jm.ID+"/"+command, "").wantFault(t, 409, fault.Conflict, "cannot be paused")
	}
	for _, request := range []string{"GET /v1/pod/none/status", "GET /v1/pod/none/info", "POST /v1/pod/none/restart", "POST /v1/pod/none/pause"} {
		method, path, _ := strings.Cut(request, " ")
		w.do(method, path, "").wantFault(t, 404, fault.NotFound, "none")
	}
	w.json("POST", "/v1/pod/"+jm.ID+"/replace", "", 200)
	if tk, _ := view.TaskOf(w.loop.View(), "demo", jm.ID); tk.Goal != task.Released {
		t.Errorf("a replaced pod: %+v", tk)
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
